/* Completion for fish: a line for each command and option, with the condition under which it is offered. */
#include "cli/completion.h"

#include "base/mem.h"

#include <string.h>

static const char head[] = "# fish completion for hikae\n"
                           "function __hikae_tenants\n"
                           "    " COMPLETION_TENANTS "\n"
                           "end\n"
                           "# The words before the cursor that are no options, without the program's own name.\n"
                           "function __hikae_words\n"
                           "    set -l skip 1\n"
                           "    for word in (commandline -opc)\n"
                           "        if test $skip = 1\n"
                           "            set skip 0\n"
                           "            continue\n"
                           "        end\n"
                           "        switch $word\n"
                           "            case --config --lang\n"
                           "                set skip 1\n"
                           "            case '-*'\n"
                           "            case '*'\n"
                           "                echo $word\n"
                           "        end\n"
                           "    end\n"
                           "end\n"
                           "function __hikae_is\n"
                           "    set -l words (__hikae_words)\n"
                           "    set -l size (count $argv)\n"
                           "    test \"$words[1..$size]\" = \"$argv\"\n"
                           "end\n"
                           "function __hikae_needs\n"
                           "    test (count (__hikae_words)) -eq $argv[1]\n"
                           "end\n";

static int put_text(struct buf *out, struct error *err, const char *text)
{
    return completion_quoted(out, err, text, "\\'", "");
}

static int put_options(struct buf *out, struct error *err, const char *condition, const struct option_def *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        static const char *const kinds[] = {[VALUE_NONE] = "",
                                            [VALUE_WORD] = " -x",
                                            [VALUE_FILE] = " -r -F",
                                            [VALUE_DIR] = " -r -F",
                                            [VALUE_CHOICE] = " -x"};
        bool choice = list->kind == VALUE_CHOICE;
        if (buf_printf(out, err, "complete -c hikae%s -l %s", condition, list->name) != 0 ||
            (list->letter != 0 && buf_printf(out, err, " -s %c", list->letter) != 0) ||
            buf_printf(out, err, "%s%s", kinds[list->kind], choice ? " -a '" : "") != 0 ||
            (choice && completion_choices(out, err, list->value) != 0) ||
            buf_printf(out, err, "%s -d '", choice ? "'" : "") != 0 || put_text(out, err, list->help) != 0 ||
            buf_printf(out, err, "'\n") != 0)
            return -1;
    }
    return 0;
}

/* A word that may come next, with what it does. */
static int put_word(struct buf *out, struct error *err, const char *condition, const char *word, int size,
                    const char *about)
{
    if (buf_printf(out, err, "complete -c hikae -n '%s' -f -a %.*s -d '", condition, size, word) != 0 ||
        put_text(out, err, about) != 0)
        return -1;
    return buf_printf(out, err, "'\n");
}

static int put_command(struct buf *out, struct error *err, const struct command *const *c)
{
    const char *name = (*c)->name, *summary = (*c)->summary[LANG_EN];
    int size = (int)strcspn(name, " ");
    bool second = completion_is_second(*c);
    if (completion_is_first(c) &&
        put_word(out, err, "__hikae_needs 0", name, size, second ? "several commands" : summary) != 0)
        return -1;
    char CLEANUP_FREE *condition = mem_printf(" -n '__hikae_is %s'", name);
    char CLEANUP_FREE *within = mem_printf("__hikae_is %.*s; and __hikae_needs 1", size, name);
    if (condition == NULL || within == NULL)
        return error_no_memory(err);
    if (second && put_word(out, err, within, name + size + 1, (int)strlen(name + size + 1), summary) != 0)
        return -1;
    if (completion_wants_tenant(*c) &&
        buf_printf(out, err, "complete -c hikae -n '__hikae_is %s; and __hikae_needs %d' -f -a '(__hikae_tenants)'\n",
                   name, second ? 2 : 1) != 0)
        return -1;
    if (put_options(out, err, condition, (*c)->options) != 0)
        return -1;
    return ((*c)->flags & COMMAND_DRY) != 0 ? put_options(out, err, condition, dry_run_option) : 0;
}

int completion_fish(struct buf *out, struct error *err)
{
    if (buf_printf(out, err, "%s", head) != 0 || put_options(out, err, "", global_options) != 0)
        return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (!completion_is_hidden(*c) && put_command(out, err, c) != 0)
            return -1;
    if (buf_printf(out, err, "complete -c hikae -n '__hikae_is help; and __hikae_needs 1' -f -a '") != 0 ||
        completion_first_words(out, err) != 0)
        return -1;
    return buf_printf(out, err, "'\n");
}
