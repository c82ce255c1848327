#include "cli/parse.h"

#include "base/mem.h"
#include "cli/suggest.h"

#include <string.h>

/* Where the parser stands. */
struct parser {
    struct run *run;
    int argc;
    char **argv;
    int at;
    bool ended;         /* "--" was seen */
    bool version;       /* --version was seen */
    size_t words;       /* of the command's name that are still to be skipped */
    const char *family; /* "tenant", when no command of it was named */
    const char *unknown;
};

static const struct option_def *any_option(const char *name, size_t size, char letter)
{
    const struct option_def *found = command_option(NULL, name, size, letter);
    for (const struct command *const *c = command_table; found == NULL && *c != NULL; c++)
        found = command_option(*c, name, size, letter);
    return found;
}

/* Does this argument take the next one as its value, whichever command it belongs to? */
static bool takes_next(const char *arg)
{
    const struct option_def *def;
    if (strncmp(arg, "--", 2) == 0)
        def = strchr(arg, '=') != NULL ? NULL : any_option(arg + 2, strlen(arg + 2), 0);
    else
        def = arg[1] != '\0' && arg[2] == '\0' ? any_option(NULL, 0, arg[1]) : NULL;
    return def != NULL && def->kind != VALUE_NONE;
}

static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0';
}

/* What --help, errors and the choice of the command need, before anything else is understood. */
static void note_early(struct parser *parser, int i)
{
    struct run *run = parser->run;
    const char *arg = parser->argv[i];
    run->help = run->help || strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
    parser->version = parser->version || strcmp(arg, "--version") == 0;
    if (strcmp(arg, "--json") == 0)
        out_use_json(&run->out);
    if (strncmp(arg, "--lang=", 7) == 0)
        (void)message_lang(arg + 7, &run->lang);
    if (strcmp(arg, "--lang") == 0 && i + 1 < parser->argc)
        (void)message_lang(parser->argv[i + 1], &run->lang);
}

/* Which command, before options are understood: options may stand before its name. */
static void find_command(struct parser *parser)
{
    struct run *run = parser->run;
    const char *first = NULL;
    bool settled = false;
    for (int i = 1; i < parser->argc && strcmp(parser->argv[i], "--") != 0; i++) {
        const char *arg = parser->argv[i];
        if (is_option(arg)) {
            note_early(parser, i);
            i += takes_next(arg);
            continue;
        }
        if (settled)
            continue;
        if (first != NULL) {
            char CLEANUP_FREE *name = mem_printf("%s %s", first, arg);
            run->command = name != NULL ? command_find(name) : NULL;
            parser->words = 2;
            /* "drill list" is a command of its own, and "drill acme" is the command "drill". */
            if (run->command == NULL && (run->command = command_find(first)) != NULL)
                parser->words = 1;
            parser->unknown = run->command == NULL ? arg : NULL;
            settled = true;
        } else if (command_is_family(arg)) {
            first = parser->family = arg;
        } else {
            run->command = command_find(arg);
            parser->unknown = run->command == NULL ? arg : NULL;
            parser->words = 1;
            settled = true;
        }
    }
    if (first != NULL && !settled && (run->command = command_find(first)) != NULL)
        parser->words = 1;
    if (run->command != NULL)
        parser->family = NULL;
}

const char *suggest_command(const char *word)
{
    static const char *const families[] = {"tenant",  "target", "snapshot", "keys",     "hold",          "contract",
                                           "erasure", "policy", "purge",    "audit",    "log",           "review",
                                           "attest",  "drill",  "restores", "incident", "nonconformity", "notify"};
    struct suggestion best = {0};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        suggest_offer(&best, word, families[i]);
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        if (((*c)->flags & COMMAND_HIDDEN) == 0)
            suggest_offer(&best, word, (*c)->name);
    }
    return best.word;
}

static enum hikae_status unknown_command(struct parser *parser)
{
    struct run *run = parser->run;
    if (parser->family != NULL && parser->unknown == NULL)
        (void)run_usage(run, "\"%s\" needs to know what to do", parser->family);
    else
        (void)run_usage(run, "there is no command \"%s%s%s\"", parser->family != NULL ? parser->family : "",
                        parser->family != NULL ? " " : "", parser->unknown);
    char CLEANUP_FREE *whole = mem_printf("%s %s", parser->family != NULL ? parser->family : "",
                                          parser->unknown != NULL ? parser->unknown : "");
    const char *near = NULL;
    if (whole != NULL && parser->unknown != NULL)
        near = suggest_command(parser->family != NULL ? whole : parser->unknown);
    if (near != NULL)
        return run_hint(run, "did you mean \"hikae %s\"?", near);
    if (parser->family != NULL)
        return run_hint(run, "see hikae help %s", parser->family);
    return run_hint(run, "hikae help lists the commands");
}

static enum hikae_status unknown_option(struct parser *parser, const char *name, size_t size)
{
    struct run *run = parser->run;
    (void)run_usage(run, "%s has no option \"--%.*s\"", run->command->name, (int)size, name);
    struct suggestion best = {0};
    char CLEANUP_FREE *word = mem_printf("%.*s", (int)size, name);
    const struct option_def *lists[] = {run->command->options, global_options,
                                        (run->command->flags & COMMAND_DRY) != 0 ? dry_run_option : NULL};
    for (size_t l = 0; word != NULL && l < 3; l++)
        for (const struct option_def *def = lists[l]; def != NULL && def->name != NULL; def++)
            suggest_offer(&best, word, def->name);
    if (best.word != NULL)
        return run_hint(run, "did you mean \"--%s\"? see hikae help %s", best.word, run->command->name);
    return HIKAE_USAGE;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t size = strlen(value);
    for (const char *p = choices; *p != '\0';) {
        size_t length = strcspn(p, "|");
        if (length == size && memcmp(p, value, size) == 0)
            return true;
        p += length + (p[length] == '|');
    }
    return false;
}

static enum hikae_status take_option(struct parser *parser, const struct option_def *def, const char *value)
{
    struct run *run = parser->run;
    if (value != NULL && def->kind == VALUE_CHOICE && !is_choice(def->value, value))
        return run_usage(run, "--%s is one of %s, not \"%s\"", def->name, def->value, value);
    if (value != NULL && value[0] == '\0')
        return run_usage(run, "--%s is empty", def->name);
    if (!def->many && def->kind != VALUE_NONE && run_has(run, def->name))
        return run_usage(run, "--%s is given twice", def->name);
    run->given[run->given_count++] = (struct given_option){def, value};
    if (strcmp(def->name, "config") == 0)
        run->config = value;
    else if (strcmp(def->name, "help") == 0)
        run->help = true;
    else if (strcmp(def->name, "quiet") == 0)
        run->quiet = true;
    else if (strcmp(def->name, "verbose") == 0)
        run->verbose = true;
    else if (strcmp(def->name, "lang") == 0)
        (void)message_lang(value, &run->lang);
    else if (strcmp(def->name, "json") == 0)
        out_use_json(&run->out);
    return HIKAE_OK;
}

static enum hikae_status parse_long(struct parser *parser, const char *arg)
{
    const char *name = arg + 2;
    size_t size = strcspn(name, "=");
    const char *value = name[size] == '=' ? name + size + 1 : NULL;
    const struct option_def *def = command_option(parser->run->command, name, size, 0);
    if (def == NULL)
        return unknown_option(parser, name, size);
    if (def->kind == VALUE_NONE && value != NULL)
        return run_usage(parser->run, "--%s takes no value", def->name);
    if (def->kind != VALUE_NONE && value == NULL) {
        if (parser->at + 1 >= parser->argc)
            return run_usage(parser->run, "--%s needs a value: --%s %s", def->name, def->name, def->value);
        value = parser->argv[++parser->at];
    }
    return take_option(parser, def, value);
}

static enum hikae_status parse_short(struct parser *parser, const char *arg)
{
    for (const char *p = arg + 1; *p != '\0'; p++) {
        const struct option_def *def = command_option(parser->run->command, NULL, 0, *p);
        if (def == NULL)
            return run_usage(parser->run, "%s has no option \"-%c\"", parser->run->command->name, *p);
        enum hikae_status status;
        if (def->kind == VALUE_NONE) {
            status = take_option(parser, def, NULL);
            if (status != HIKAE_OK)
                return status;
            continue;
        }
        if (p[1] != '\0')
            return take_option(parser, def, p + 1);
        if (parser->at + 1 >= parser->argc)
            return run_usage(parser->run, "-%c needs a value: -%c %s", *p, *p, def->value);
        return take_option(parser, def, parser->argv[++parser->at]);
    }
    return HIKAE_OK;
}

static enum hikae_status parse_all(struct parser *parser)
{
    struct run *run = parser->run;
    enum hikae_status status = HIKAE_OK;
    for (parser->at = 1; parser->at < parser->argc && status == HIKAE_OK; parser->at++) {
        const char *arg = parser->argv[parser->at];
        if (!parser->ended && strcmp(arg, "--") == 0)
            parser->ended = true;
        else if (!parser->ended && strncmp(arg, "--", 2) == 0)
            status = parse_long(parser, arg);
        else if (!parser->ended && is_option(arg))
            status = parse_short(parser, arg);
        else if (parser->words > 0)
            parser->words--;
        else
            run->args[run->arg_count++] = arg;
    }
    return status;
}

/* An option that would be ignored is refused. */
static enum hikae_status check_together(struct run *run)
{
    for (size_t i = 0; i < run->given_count; i++) {
        const struct option_def *def = run->given[i].def;
        if (def->needs != NULL && !run_has(run, def->needs))
            return run_usage(run, "--%s needs --%s", def->name, def->needs);
        for (size_t k = 0; def->without != NULL && k < run->given_count; k++)
            if (is_choice(def->without, run->given[k].def->name))
                return run_usage(run, "--%s and --%s exclude each other", def->name, run->given[k].def->name);
    }
    return HIKAE_OK;
}

static enum hikae_status check_complete(struct run *run)
{
    const struct command *command = run->command;
    if (run->arg_count < command->least)
        return run_usage(run, "%s needs %s", command->name, command->arguments);
    if (run->arg_count > command->most)
        return run_usage(run, "%s has one argument too many: \"%s\"", command->name, run->args[command->most]);
    for (size_t i = 0; i < run->arg_count; i++)
        if (run->args[i][0] == '\0' && i == 0)
            return run_usage(run, "%s has an empty argument", command->name);
    for (const struct option_def *def = command->options; def != NULL && def->name != NULL; def++)
        if (def->required && !run_has(run, def->name))
            return run_usage(run, "%s needs --%s %s", command->name, def->name, def->value);
    if ((command->flags & COMMAND_BYTES) != 0 && run->out.json)
        return run_usage(run, "%s writes bytes to standard output and has no --json", command->name);
    return check_together(run);
}

enum hikae_status parse_arguments(int argc, char **argv, struct run *run)
{
    struct parser parser = {.run = run, .argc = argc, .argv = argv};
    /* Short flags may be bundled, so count characters rather than arguments. */
    size_t most = 1;
    for (int i = 1; i < argc; i++)
        most += strlen(argv[i]) + 1;
    run->given = mem_calloc(most, sizeof *run->given);
    run->args = mem_calloc((size_t)argc + 1, sizeof *run->args);
    if (run->given == NULL || run->args == NULL)
        return run_no_memory(run);
    find_command(&parser);
    if (parser.version && !run->help) {
        run->command = command_find("version");
        return HIKAE_OK;
    }
    if (run->command == NULL && run->help) {
        if (parser.family != NULL)
            run->args[run->arg_count++] = parser.family;
        return HIKAE_OK;
    }
    if (run->command == NULL && (parser.family != NULL || parser.unknown != NULL))
        return unknown_command(&parser);
    if (run->command == NULL) {
        run->command = command_find("help");
        parser.words = 0;
    }
    enum hikae_status status = run->help ? HIKAE_OK : parse_all(&parser);
    return status == HIKAE_OK && !run->help ? check_complete(run) : status;
}
