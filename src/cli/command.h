/*
 * The command table: everything that is known of a command stands in one row.
 * Dispatch, help, man page and shell completion are made from it.
 */
#ifndef HIKAE_CLI_COMMAND_H
#define HIKAE_CLI_COMMAND_H

#include "cli/messages.h"
#include "hikae.h"

#include <stddef.h>

enum value_kind { VALUE_NONE, VALUE_WORD, VALUE_FILE, VALUE_DIR, VALUE_CHOICE };

struct option_def {
    const char *name; /* without "--"; NULL ends a list */
    char letter;      /* or 0 */
    enum value_kind kind;
    const char *value; /* what the help calls it; choices as "en|ja" */
    bool many;         /* may be given several times */
    bool required;
    const char *needs;   /* the option without which this one would say nothing, or NULL */
    const char *without; /* options that it excludes, as "key|json", or NULL */
    const char *help;
};

struct example {
    const char *command; /* NULL: none */
    const char *about;
};

struct exit_note {
    int code; /* 0: none */
    const char *about;
};

enum command_group {
    GROUP_SETUP,
    GROUP_TENANTS,
    GROUP_BACKUP,
    GROUP_LOOK,
    GROUP_RESTORE,
    GROUP_CHECK,
    GROUP_KEYS,
    GROUP_KEEP,
    GROUP_EVIDENCE,
    GROUP_LEAVE,
    GROUP_ABOUT,
    GROUP_COUNT
};

enum command_flags {
    COMMAND_STORE = 1,  /* opens the store first                     */
    COMMAND_HIDDEN = 2, /* in no help                                */
    COMMAND_BYTES = 4,  /* writes bytes to stdout: refuses --json    */
    COMMAND_DRY = 8     /* takes --dry-run                           */
};

struct run;

struct command {
    const char *name; /* one word, or two: "tenant add" */
    enum command_group group;
    const char *summary[LANG_COUNT];
    const char *arguments; /* "TENANT [PATH…]", or "" */
    size_t least, most;    /* number of arguments */
    unsigned flags;
    const char *description;
    const struct option_def *options;
    struct example examples[4];
    struct exit_note exits[6];
    enum hikae_status (*run)(struct run *run);
};

/* All commands in the order of the help; a row whose name is NULL ends it. */
extern const struct command *const command_table[];
extern const char *const command_group_names[GROUP_COUNT][LANG_COUNT];
/* Options of every command, and --dry-run of those that change something. */
extern const struct option_def global_options[];
extern const struct option_def dry_run_option[];

/* --bom of those that write CSV, and the option with which they do, or NULL; the mark itself. */
#define OPTION_BOM(csv)                                                                                                \
    {                                                                                                                  \
        .name = "bom", .needs = (csv),                                                                                 \
        .help = "begin the CSV with a byte order mark: Excel takes UTF-8 for another encoding without"                 \
    }
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* The command of that name, or NULL. */
const struct command *command_find(const char *name);
/* The option of that long name (size bytes) or letter among the command's (may be NULL) and the global ones, or NULL.
 */
const struct option_def *command_option(const struct command *command, const char *name, size_t size, char letter);
/* There are commands of two words that begin with this one. */
bool command_is_family(const char *word);

#endif
