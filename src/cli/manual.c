/* The manual page hikae(1), in the macros of man(7), which both groff and mandoc read. */
#include "cli/help.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

/* Text as it is: no line may begin with a control character, and '-' is to stay a minus that can be copied. */
static int put_text(struct buf *out, struct error *err, const char *text)
{
    if ((text[0] == '.' || text[0] == '\'') && buf_printf(out, err, "\\&") != 0)
        return -1;
    for (; *text != '\0'; text++) {
        const char *as = NULL;
        if (*text == '\\')
            as = "\\e";
        else if (*text == '-')
            as = "\\-";
        else if (*text == '\'')
            as = "\\(aq";
        else if (*text == '~')
            as = "\\(ti";
        else if (*text == '^')
            as = "\\(ha";
        else if (strncmp(text, "…", 3) == 0)
            as = "\\&...";
        if (as != NULL ? buf_printf(out, err, "%s", as) != 0 : buf_u8(out, (uint8_t)*text, err) != 0)
            return -1;
        if (as != NULL && (unsigned char)*text >= 0x80)
            text += 2;
    }
    return 0;
}

static int put_line(struct buf *out, struct error *err, const char *before, const char *text)
{
    if (buf_printf(out, err, "%s", before) != 0 || put_text(out, err, text) != 0)
        return -1;
    return buf_u8(out, '\n', err);
}

static int put_options(struct buf *out, struct error *err, const struct option_def *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        char CLEANUP_FREE *letter = list->letter != 0 ? mem_printf("-%c, ", list->letter) : mem_strdup("");
        char CLEANUP_FREE *left =
            mem_printf("%s--%s%s%s", letter != NULL ? letter : "", list->name, list->kind != VALUE_NONE ? " " : "",
                       list->kind != VALUE_NONE ? list->value : "");
        if (letter == NULL || left == NULL)
            return error_no_memory(err);
        if (put_line(out, err, ".TP\n.B ", left) != 0 || put_line(out, err, "", list->help) != 0)
            return -1;
    }
    return 0;
}

static int put_examples(struct buf *out, struct error *err, const struct command *command)
{
    for (size_t i = 0; i < sizeof command->examples / sizeof command->examples[0]; i++) {
        const struct example *example = &command->examples[i];
        if (example->command == NULL)
            continue;
        if (put_line(out, err, example->about != NULL ? ".PP\n" : ".PP\n\\&",
                     example->about != NULL ? example->about : "") != 0 ||
            put_line(out, err, ".RS 4\n.nf\n", example->command) != 0 || buf_printf(out, err, ".fi\n.RE\n") != 0)
            return -1;
    }
    return 0;
}

static int put_exits(struct buf *out, struct error *err, const struct command *command)
{
    bool some = false;
    for (size_t i = 0; i < sizeof command->exits / sizeof command->exits[0]; i++) {
        const struct exit_note *note = &command->exits[i];
        if (note->code == 0)
            continue;
        if (buf_printf(out, err, "%s %d, ", some ? ";" : ".PP\nExits with", note->code) != 0 ||
            put_text(out, err, note->about) != 0)
            return -1;
        some = true;
    }
    return some ? buf_printf(out, err, ".\n") : 0;
}

static int put_command(struct buf *out, struct error *err, const struct command *command)
{
    struct buf CLEANUP(buf_free) synopsis = {0};
    if (synopsis_write(command, &synopsis, err) != 0 || buf_u8(&synopsis, 0, err) != 0)
        return -1;
    if (put_line(out, err, ".SS ", command->name) != 0 || put_line(out, err, ".B hikae ", command->name) != 0)
        return -1;
    const char *rest = (const char *)synopsis.data;
    if (rest[0] == ' ' && put_line(out, err, "", rest + 1) != 0)
        return -1;
    if (put_line(out, err, ".PP\n", command->description) != 0 || put_options(out, err, command->options) != 0)
        return -1;
    if ((command->flags & COMMAND_DRY) != 0 && put_options(out, err, dry_run_option) != 0)
        return -1;
    return put_exits(out, err, command) != 0 ? -1 : put_examples(out, err, command);
}

static const char head[] =
    ".TH HIKAE 1 2026-11-21 \"hikae " HIKAE_VERSION "\" \"User commands\"\n"
    ".SH NAME\n"
    "hikae \\- back up many customers\\(aq data, encrypted, to several targets, and bring it back\n"
    ".SH SYNOPSIS\n"
    ".B hikae\n"
    "[OPTIONS] COMMAND [ARGUMENTS]\n"
    ".SH DESCRIPTION\n"
    "hikae takes encrypted, deduplicated snapshots of the data of tenants (customers of a service)\n"
    "and stores each on several targets at once. It restores, verifies and repairs them.\n"
    "Results go to standard output, progress and messages to standard error.\n"
    "Options may stand before or after arguments; \\-\\- ends them.\n"
    ".SH OPTIONS\n";

static const char tail[] =
    ".SH EXIT STATUS\n"
    ".TP\n0\ndone\n"
    ".TP\n1\ndone, with warnings: some entries could not be read, or a target is behind\n"
    ".TP\n2\nusage or configuration\n"
    ".TP\n3\nbusy: another run holds the tenant\n"
    ".TP\n4\nnot found: tenant, snapshot, path, target\n"
    ".TP\n5\ndamaged: data does not match; a check failed\n"
    ".TP\n6\nunknown: a target could not be read or written in time, or standard output could not be written\n"
    ".TP\n7\nkeys or permissions\n"
    ".TP\n8\nrefused by a policy, a hold, or because something is in the way\n"
    ".TP\n9\ninterrupted\n"
    ".TP\n10\ninternal error\n"
    ".SH SIGNALS\n"
    "The first SIGINT or SIGTERM stops soon and cleanly and keeps what is finished; a second one stops at once, and\n"
    "nothing that was stored is lost.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B HIKAE_CONFIG\nthe configuration, where \\-\\-config does not name it\n"
    ".TP\n.B HIKAE_NOW\nthe time (RFC 3339), for stores made with init \\-\\-test\\-clock only\n"
    ".TP\n.B NO_COLOR\nif set and not empty, nothing is coloured\n"
    ".TP\n.B LC_ALL, LC_MESSAGES, LANG\nthe language of sentences, where \\-\\-lang does not name it\n"
    ".SH FILES\n"
    ".TP\n.I /etc/hikae/hikae.yaml\nthe configuration\n";

int manual_write(struct buf *out, struct error *err)
{
    if (buf_append(out, head, sizeof head - 1, err) != 0 || put_options(out, err, global_options) != 0 ||
        buf_printf(out, err, ".SH COMMANDS\n") != 0)
        return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (((*c)->flags & COMMAND_HIDDEN) == 0 && put_command(out, err, *c) != 0)
            return -1;
    return buf_append(out, tail, sizeof tail - 1, err);
}

typedef int writer(struct buf *out, struct error *err);

static int write_file(const char *dir, const char *name, writer *write, struct error *err)
{
    struct buf CLEANUP(buf_free) text = {0};
    char CLEANUP_FREE *path = mem_printf("%s/%s", dir, name);
    if (path == NULL)
        return error_no_memory(err);
    if (write(&text, err) != 0)
        return -1;
    return file_write_atomic(path, text.data, text.size, 0644, err);
}

enum hikae_status generate_run(struct run *run)
{
    struct error err = {0};
    const char *dir = run->args[1];
    int result = file_mkdirs(dir, 0755, &err);
    if (strcmp(run->args[0], "man") == 0) {
        if (result == 0)
            result = write_file(dir, "hikae.1", manual_write, &err);
    } else if (strcmp(run->args[0], "completion") == 0) {
        if (result == 0)
            result = write_file(dir, "hikae.bash", completion_bash, &err);
        if (result == 0)
            result = write_file(dir, "_hikae", completion_zsh, &err);
        if (result == 0)
            result = write_file(dir, "hikae.fish", completion_fish, &err);
    } else {
        return run_usage(run, "generate writes man or completion, not \"%s\"", run->args[0]);
    }
    return result == 0 ? HIKAE_OK : run_base(run, &err);
}
