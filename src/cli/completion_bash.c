/* Completion for bash: one function, whose cases are the command table. */
#include "cli/completion.h"

#include "base/mem.h"

#include <string.h>

static const char head[] = "# bash completion for hikae\n"
                           "_hikae_tenants() {\n"
                           "  " COMPLETION_TENANTS "\n"
                           "}\n"
                           "_hikae() {\n"
                           "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                           "  local first=\"\" second=\"\" name words=\"\" options=\"\" count=0 i\n"
                           "  COMPREPLY=()\n"
                           "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                           "    case \"${COMP_WORDS[i]}\" in\n"
                           "    ";
static const char after_valued[] =
    ") ((i++)) ;;\n"
    "    -*) ;;\n"
    "    *)\n"
    "      ((count++))\n"
    "      if ((count == 1)); then first=\"${COMP_WORDS[i]}\"\n"
    "      elif ((count == 2)); then second=\"${COMP_WORDS[i]}\"; fi ;;\n"
    "    esac\n"
    "  done\n"
    "  # A second word belongs to the name of some commands; of others it is an argument.\n"
    "  name=\"$first\"\n"
    "  case \"$first $second\" in\n"
    "  ";
static const char after_names[] = ")\n"
                                  "    name=\"$first $second\"\n"
                                  "    ((count--)) ;;\n"
                                  "  esac\n"
                                  "  case \"$name $prev\" in\n";
static const char after_values[] = "  esac\n"
                                   "  if [ -n \"$words\" ]; then\n"
                                   "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                                   "    return\n"
                                   "  fi\n"
                                   "  if [[ $cur == -* ]]; then\n"
                                   "    case \"$name\" in\n";
static const char after_options[] = "\"\n"
                                    "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
                                    "    return\n"
                                    "  fi\n"
                                    "  if ((count == 0)); then\n"
                                    "    words=\"";
static const char after_first[] = "\"\n"
                                  "  elif ((count == 1)); then\n"
                                  "    case \"$name\" in\n";
static const char after_second[] = "    esac\n"
                                   "    case \"$name\" in\n"
                                   "    ";
static const char tail[] = ") words=\"$words $(_hikae_tenants)\" ;;\n"
                           "    esac\n"
                           "  fi\n"
                           "  if [ -n \"$words\" ]; then\n"
                           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                           "  else\n"
                           "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                           "  fi\n"
                           "}\n"
                           "complete -o filenames -F _hikae hikae\n";

/* Alternatives of a case: 'a' | 'b'. */
static int put_alternative(struct buf *out, struct error *err, bool *first, const char *before, const char *text)
{
    int rc = buf_printf(out, err, "%s'%s%s'", *first ? "" : " | ", before, text);
    *first = false;
    return rc;
}

/* Has an earlier command an option of that name? */
static bool is_listed(const struct command *const *until, const char *name)
{
    for (const struct command *const *c = command_table; c != until; c++)
        for (const struct option_def *def = (*c)->options; def != NULL && def->name != NULL; def++)
            if (def->kind != VALUE_NONE && strcmp(def->name, name) == 0)
                return true;
    return false;
}

/* Options that take a value, whichever command they belong to: the parser takes them so too. */
static int put_valued(struct buf *out, struct error *err)
{
    bool first = true;
    for (const struct option_def *def = global_options; def->name != NULL; def++)
        if (def->kind != VALUE_NONE && put_alternative(out, err, &first, "--", def->name) != 0)
            return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        for (const struct option_def *def = (*c)->options; def != NULL && def->name != NULL; def++)
            if (def->kind != VALUE_NONE && !is_listed(c, def->name) &&
                put_alternative(out, err, &first, "--", def->name) != 0)
                return -1;
    return 0;
}

static int put_names(struct buf *out, struct error *err)
{
    bool first = true;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (completion_is_second(*c) && put_alternative(out, err, &first, "", (*c)->name) != 0)
            return -1;
    return 0;
}

/* What the value of each option of a command may be; `name` is a pattern. */
static int put_values(struct buf *out, struct error *err, const char *name, const struct option_def *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        if (list->kind == VALUE_NONE)
            continue;
        if (buf_printf(out, err, "  %s' --%s')", name, list->name) != 0)
            return -1;
        int rc;
        if (list->kind == VALUE_CHOICE)
            rc = buf_printf(out, err, " words=\"") != 0 || completion_choices(out, err, list->value) != 0
                     ? -1
                     : buf_printf(out, err, "\" ;;\n");
        else if (list->kind == VALUE_WORD)
            rc = buf_printf(out, err, " return ;;\n");
        else
            rc = buf_printf(out, err, " mapfile -t COMPREPLY < <(compgen -%c -- \"$cur\"); return ;;\n",
                            list->kind == VALUE_DIR ? 'd' : 'f');
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int put_all_values(struct buf *out, struct error *err)
{
    if (put_values(out, err, "*", global_options) != 0)
        return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        char CLEANUP_FREE *name = mem_printf("'%s'", (*c)->name);
        if (name == NULL)
            return error_no_memory(err);
        if (!completion_is_hidden(*c) && put_values(out, err, name, (*c)->options) != 0)
            return -1;
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

static int put_options(struct buf *out, struct error *err)
{
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        bool dry = ((*c)->flags & COMMAND_DRY) != 0;
        if (completion_is_hidden(*c))
            continue;
        if (buf_printf(out, err, "    '%s') options=\"", (*c)->name) != 0 ||
            put_option_names(out, err, (*c)->options) != 0 ||
            (dry && put_option_names(out, err, dry_run_option) != 0) || buf_printf(out, err, "\" ;;\n") != 0)
            return -1;
    }
    return buf_printf(out, err, "    esac\n    options=\"$options") != 0 ? -1
                                                                         : put_option_names(out, err, global_options);
}

static int put_families(struct buf *out, struct error *err)
{
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        size_t size = strcspn((*c)->name, " ");
        char CLEANUP_FREE *family = mem_printf("%.*s", (int)size, (*c)->name);
        if (family == NULL)
            return error_no_memory(err);
        if (completion_is_hidden(*c) || !completion_is_first(c) || !command_is_family(family))
            continue;
        if (buf_printf(out, err, "    %s) words=\"", family) != 0 ||
            completion_second_words(out, err, family, size) != 0 || buf_printf(out, err, "\" ;;\n") != 0)
            return -1;
    }
    return buf_printf(out, err, "    help) words=\"") != 0 || completion_first_words(out, err) != 0
               ? -1
               : buf_printf(out, err, "\" ;;\n");
}

static int put_with_tenant(struct buf *out, struct error *err)
{
    bool first = true;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (completion_wants_tenant(*c) && put_alternative(out, err, &first, "", (*c)->name) != 0)
            return -1;
    return 0;
}

int completion_bash(struct buf *out, struct error *err)
{
    static const struct {
        const char *text;
        int (*then)(struct buf *out, struct error *err);
    } parts[] = {{head, put_valued},
                 {after_valued, put_names},
                 {after_names, put_all_values},
                 {after_values, put_options},
                 {after_options, completion_first_words},
                 {after_first, put_families},
                 {after_second, put_with_tenant}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (buf_printf(out, err, "%s", parts[i].text) != 0 || parts[i].then(out, err) != 0)
            return -1;
    return buf_printf(out, err, "%s", tail);
}
