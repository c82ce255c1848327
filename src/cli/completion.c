/* Completion for bash, zsh and fish: commands, options, choices, files. */
#include "cli/help.h"

#include "base/mem.h"

#include <string.h>

static bool is_hidden(const struct command *command)
{
    return (command->flags & COMMAND_HIDDEN) != 0;
}

/* Is this the first command with that first word? Families are offered once. */
static bool is_first_of_family(const struct command *const *at)
{
    size_t size = strcspn((*at)->name, " ");
    for (const struct command *const *c = command_table; c != at; c++)
        if (strncmp((*c)->name, (*at)->name, size) == 0 && ((*c)->name[size] == ' ' || (*c)->name[size] == '\0'))
            return false;
    return true;
}

static int put_first_words(struct buf *out, struct error *err)
{
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (!is_hidden(*c) && is_first_of_family(c) &&
            buf_printf(out, err, "%s%.*s", c == command_table ? "" : " ", (int)strcspn((*c)->name, " "), (*c)->name) !=
                0)
            return -1;
    return 0;
}

static int put_second_words(struct buf *out, struct error *err, const char *family, size_t size)
{
    bool first = true;
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        if (strncmp((*c)->name, family, size) != 0 || (*c)->name[size] != ' ')
            continue;
        if (buf_printf(out, err, "%s%s", first ? "" : " ", (*c)->name + size + 1) != 0)
            return -1;
        first = false;
    }
    return 0;
}

static int put_option_names(struct buf *out, struct error *err, const struct option_def *list)
{
    for (; list != NULL && list->name != NULL; list++)
        if (buf_printf(out, err, " --%s", list->name) != 0)
            return -1;
    return 0;
}

/* case "$cmd" in … esac with the options of each command, for bash. */
static int bash_options(struct buf *out, struct error *err)
{
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        if (is_hidden(*c))
            continue;
        if (buf_printf(out, err, "    '%s') options=\"", (*c)->name) != 0 ||
            put_option_names(out, err, (*c)->options) != 0)
            return -1;
        if ((*c)->flags & COMMAND_DRY && put_option_names(out, err, dry_run_option) != 0)
            return -1;
        if (buf_printf(out, err, "\" ;;\n") != 0)
            return -1;
    }
    return 0;
}

/* Words that a family's second word may be. */
static int bash_families(struct buf *out, struct error *err)
{
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        size_t size = strcspn((*c)->name, " ");
        if (is_hidden(*c) || (*c)->name[size] == '\0' || !is_first_of_family(c))
            continue;
        if (buf_printf(out, err, "    %.*s) words=\"", (int)size, (*c)->name) != 0 ||
            put_second_words(out, err, (*c)->name, size) != 0 || buf_printf(out, err, "\" ;;\n") != 0)
            return -1;
    }
    return 0;
}

static int choices_of(struct buf *out, struct error *err, const struct option_def *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        if (list->kind != VALUE_CHOICE)
            continue;
        if (buf_printf(out, err, "    --%s) words=\"", list->name) != 0)
            return -1;
        for (const char *p = list->value; *p != '\0'; p++)
            if (buf_u8(out, *p == '|' ? ' ' : (uint8_t)*p, err) != 0)
                return -1;
        if (buf_printf(out, err, "\" ;;\n") != 0)
            return -1;
    }
    return 0;
}

static int bash_choices(struct buf *out, struct error *err)
{
    if (choices_of(out, err, global_options) != 0)
        return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (!is_hidden(*c) && choices_of(out, err, (*c)->options) != 0)
            return -1;
    return 0;
}

int completion_bash(struct buf *out, struct error *err)
{
    if (buf_printf(out, err,
                   "# bash completion for hikae\n"
                   "_hikae() {\n"
                   "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                   "  local first=\"\" second=\"\" words=\"\" options=\"\" i\n"
                   "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                   "    case \"${COMP_WORDS[i]}\" in\n"
                   "    --config | --lang) ((i++)) ;;\n"
                   "    -*) ;;\n"
                   "    *) if [ -z \"$first\" ]; then first=\"${COMP_WORDS[i]}\"\n"
                   "       elif [ -z \"$second\" ]; then second=\"${COMP_WORDS[i]}\"; fi ;;\n"
                   "    esac\n"
                   "  done\n"
                   "  COMPREPLY=()\n"
                   "  case \"$prev\" in\n") != 0 ||
        bash_choices(out, err) != 0 ||
        buf_printf(out, err,
                   "  esac\n"
                   "  if [ -n \"$words\" ]; then\n"
                   "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                   "    return\n"
                   "  fi\n"
                   "  if [ -z \"$first\" ]; then\n"
                   "    words=\"") != 0 ||
        put_first_words(out, err) != 0 ||
        buf_printf(out, err, "\"\n  elif [ -z \"$second\" ]; then\n    case \"$first\" in\n") != 0 ||
        bash_families(out, err) != 0 || buf_printf(out, err, "    help) words=\"") != 0 ||
        put_first_words(out, err) != 0 ||
        buf_printf(out, err, "\" ;;\n    esac\n  fi\n  if [[ $cur == -* ]]; then\n") != 0)
        return -1;
    /* A family's second word belongs to the name; of other commands it is an argument. */
    if (buf_printf(out, err, "    local name=\"$first\"\n    case \"$first\" in\n") != 0)
        return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        size_t size = strcspn((*c)->name, " ");
        if (!is_hidden(*c) && (*c)->name[size] == ' ' && is_first_of_family(c) &&
            buf_printf(out, err, "    %.*s) name=\"$first $second\" ;;\n", (int)size, (*c)->name) != 0)
            return -1;
    }
    if (buf_printf(out, err, "    esac\n    case \"$name\" in\n") != 0 || bash_options(out, err) != 0 ||
        buf_printf(out, err, "    esac\n    options=\"$options") != 0 ||
        put_option_names(out, err, global_options) != 0)
        return -1;
    return buf_printf(out, err,
                      "\"\n    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
                      "  elif [ -n \"$words\" ]; then\n"
                      "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                      "  else\n"
                      "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                      "  fi\n"
                      "}\n"
                      "complete -o filenames -F _hikae hikae\n");
}

/* Text within single quotes of a shell; zsh's descriptions also must not hold brackets or colons. */
static int put_quoted(struct buf *out, struct error *err, const char *text, bool zsh)
{
    for (; *text != '\0'; text++) {
        if (*text == '\''                         ? buf_printf(out, err, zsh ? "'\\''" : "\\'") != 0
            : zsh && strchr("[]:", *text) != NULL ? buf_printf(out, err, "\\%c", *text) != 0
                                                  : buf_u8(out, (uint8_t)*text, err) != 0)
            return -1;
    }
    return 0;
}

static int zsh_options(struct buf *out, struct error *err, const struct option_def *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        if (buf_printf(out, err, " \\\n        '%s--%s%s[", list->many ? "*" : "", list->name,
                       list->kind != VALUE_NONE ? "=" : "") != 0 ||
            put_quoted(out, err, list->help, true) != 0 || buf_printf(out, err, "]") != 0)
            return -1;
        int result = 0;
        if (list->kind == VALUE_FILE)
            result = buf_printf(out, err, ":file:_files");
        else if (list->kind == VALUE_DIR)
            result = buf_printf(out, err, ":folder:_files -/");
        else if (list->kind == VALUE_WORD)
            result = buf_printf(out, err, ":value: ");
        else if (list->kind == VALUE_CHOICE)
            result = buf_printf(out, err, ":choice:(");
        for (const char *p = list->value; result == 0 && list->kind == VALUE_CHOICE && *p != '\0'; p++)
            result = buf_u8(out, *p == '|' ? ' ' : (uint8_t)*p, err);
        if (result != 0 || buf_printf(out, err, list->kind == VALUE_CHOICE ? ")'" : "'") != 0)
            return -1;
    }
    return 0;
}

static int zsh_command(struct buf *out, struct error *err, const struct command *command)
{
    if (buf_printf(out, err, "    '%s')\n      _arguments -s", command->name) != 0 ||
        zsh_options(out, err, command->options) != 0)
        return -1;
    if ((command->flags & COMMAND_DRY) != 0 && zsh_options(out, err, dry_run_option) != 0)
        return -1;
    if (zsh_options(out, err, global_options) != 0)
        return -1;
    return buf_printf(out, err, " '*:argument:_files' ;;\n");
}

static int zsh_names(struct buf *out, struct error *err)
{
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        size_t size = strcspn((*c)->name, " ");
        if (is_hidden(*c) || !is_first_of_family(c))
            continue;
        bool family = (*c)->name[size] == ' ';
        if (buf_printf(out, err, "    '%.*s:", (int)size, (*c)->name) != 0 ||
            put_quoted(out, err, family ? "several commands" : (*c)->summary[LANG_EN], true) != 0 ||
            buf_printf(out, err, "'\n") != 0)
            return -1;
    }
    return 0;
}

static int zsh_families(struct buf *out, struct error *err)
{
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        size_t size = strcspn((*c)->name, " ");
        if (is_hidden(*c) || (*c)->name[size] == '\0' || !is_first_of_family(c))
            continue;
        if (buf_printf(out, err, "    %.*s) second=(", (int)size, (*c)->name) != 0 ||
            put_second_words(out, err, (*c)->name, size) != 0 || buf_printf(out, err, ") ;;\n") != 0)
            return -1;
    }
    return 0;
}

int completion_zsh(struct buf *out, struct error *err)
{
    if (buf_printf(out, err,
                   "#compdef hikae\n"
                   "# zsh completion for hikae\n"
                   "_hikae() {\n"
                   "  local -a names second\n"
                   "  local name\n"
                   "  names=(\n") != 0 ||
        zsh_names(out, err) != 0 ||
        buf_printf(out, err,
                   "  )\n"
                   "  if ((CURRENT == 2)); then\n"
                   "    _describe command names\n"
                   "    return\n"
                   "  fi\n"
                   "  case $words[2] in\n") != 0 ||
        zsh_families(out, err) != 0 ||
        buf_printf(out, err,
                   "  esac\n"
                   "  name=$words[2]\n"
                   "  if (($#second)); then\n"
                   "    if ((CURRENT == 3)); then\n"
                   "      _values command $second\n"
                   "      return\n"
                   "    fi\n"
                   "    name=\"$words[2] $words[3]\"\n"
                   "    shift words\n"
                   "    ((CURRENT--))\n"
                   "  fi\n"
                   "  shift words\n"
                   "  ((CURRENT--))\n"
                   "  case $name in\n") != 0)
        return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (!is_hidden(*c) && zsh_command(out, err, *c) != 0)
            return -1;
    return buf_printf(out, err, "  esac\n}\n_hikae \"$@\"\n");
}

static int fish_options(struct buf *out, struct error *err, const char *condition, const struct option_def *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        if (buf_printf(out, err, "complete -c hikae%s -l %s", condition, list->name) != 0)
            return -1;
        if (list->letter != 0 && buf_printf(out, err, " -s %c", list->letter) != 0)
            return -1;
        const char *kind = list->kind == VALUE_FILE || list->kind == VALUE_DIR ? " -r -F"
                           : list->kind == VALUE_NONE                          ? ""
                                                                               : " -x";
        if (buf_printf(out, err, "%s", kind) != 0)
            return -1;
        if (list->kind == VALUE_CHOICE && buf_printf(out, err, " -a '") != 0)
            return -1;
        for (const char *p = list->value; list->kind == VALUE_CHOICE && *p != '\0'; p++)
            if (buf_u8(out, *p == '|' ? ' ' : (uint8_t)*p, err) != 0)
                return -1;
        if (buf_printf(out, err, "%s -d '", list->kind == VALUE_CHOICE ? "'" : "") != 0 ||
            put_quoted(out, err, list->help, false) != 0 || buf_printf(out, err, "'\n") != 0)
            return -1;
    }
    return 0;
}

static int fish_command(struct buf *out, struct error *err, const struct command *const *c)
{
    const char *name = (*c)->name;
    size_t size = strcspn(name, " ");
    bool family = name[size] == ' ';
    if (is_first_of_family(c) &&
        buf_printf(out, err, "complete -c hikae -n __fish_use_subcommand -f -a %.*s", (int)size, name) != 0)
        return -1;
    if (is_first_of_family(c) && !family &&
        (buf_printf(out, err, " -d '") != 0 || put_quoted(out, err, (*c)->summary[LANG_EN], false) != 0 ||
         buf_printf(out, err, "'") != 0))
        return -1;
    if (is_first_of_family(c) && buf_printf(out, err, "\n") != 0)
        return -1;
    if (family && (buf_printf(out, err, "complete -c hikae -n '__fish_seen_subcommand_from %.*s' -f -a %s -d '",
                              (int)size, name, name + size + 1) != 0 ||
                   put_quoted(out, err, (*c)->summary[LANG_EN], false) != 0 || buf_printf(out, err, "'\n") != 0))
        return -1;
    char CLEANUP_FREE *condition =
        family ? mem_printf(" -n '__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s'", (int)size,
                            name, name + size + 1)
               : mem_printf(" -n '__fish_seen_subcommand_from %s'", name);
    if (condition == NULL)
        return error_no_memory(err);
    if (fish_options(out, err, condition, (*c)->options) != 0)
        return -1;
    return (*c)->flags & COMMAND_DRY ? fish_options(out, err, condition, dry_run_option) : 0;
}

int completion_fish(struct buf *out, struct error *err)
{
    if (buf_printf(out, err, "# fish completion for hikae\n") != 0 || fish_options(out, err, "", global_options) != 0)
        return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (!is_hidden(*c) && fish_command(out, err, c) != 0)
            return -1;
    return 0;
}
