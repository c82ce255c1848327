/* Completion for zsh: _arguments of each command. */
#include "cli/completion.h"

#include "base/mem.h"

#include <string.h>

static const char head[] =
    "#compdef hikae\n"
    "# zsh completion for hikae\n"
    "_hikae_tenants() {\n"
    "  local -a tenants\n"
    "  tenants=(${(f)\"$(" COMPLETION_TENANTS ")\"})\n"
    "  compadd -a tenants\n"
    "}\n"
    "_hikae() {\n"
    "  local -a names second\n"
    "  local name\n"
    "  # Options may stand before the command.\n"
    "  while ((CURRENT > 2)) && [[ $words[2] == -* ]]; do\n"
    "    [[ $words[2] == (--config|--lang) ]] && ((CURRENT > 3)) && shift words && ((CURRENT--))\n"
    "    shift words\n"
    "    ((CURRENT--))\n"
    "  done\n"
    "  names=(\n";
static const char after_names[] = "  )\n"
                                  "  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n"
                                  "    _describe command names\n"
                                  "    return\n"
                                  "  fi\n"
                                  "  case $words[2] in\n";
static const char after_families[] = "  esac\n"
                                     "  name=$words[2]\n"
                                     "  if (($#second)); then\n"
                                     "    if ((CURRENT == 3)) && [[ $words[3] != -* ]]; then\n"
                                     "      _values command $second\n"
                                     "      [[ -n $alone ]] || return\n"
                                     "    fi\n"
                                     "    if (($second[(Ie)$words[3]])); then\n"
                                     "      name=\"$words[2] $words[3]\"\n"
                                     "      shift words\n"
                                     "      ((CURRENT--))\n"
                                     "    fi\n"
                                     "  fi\n"
                                     "  shift words\n"
                                     "  ((CURRENT--))\n"
                                     "  case $name in\n";

/* Descriptions in zsh's specifications must not hold brackets or colons. */
static int put_text(struct buf *out, struct error *err, const char *text)
{
    return completion_quoted(out, err, text, "'\\''", "[]:");
}

static int put_options(struct buf *out, struct error *err, const struct option_def *list)
{
    static const char *const values[] = {[VALUE_NONE] = "'",
                                         [VALUE_WORD] = ":value: '",
                                         [VALUE_FILE] = ":file:_files'",
                                         [VALUE_DIR] = ":folder:_files -/'"};
    for (; list != NULL && list->name != NULL; list++) {
        if (buf_printf(out, err, " \\\n        '%s--%s%s[", list->many ? "*" : "", list->name,
                       list->kind != VALUE_NONE ? "=" : "") != 0 ||
            put_text(out, err, list->help) != 0 || buf_printf(out, err, "]") != 0)
            return -1;
        int rc;
        if (list->kind == VALUE_CHOICE)
            rc = buf_printf(out, err, ":choice:(") != 0 || completion_choices(out, err, list->value) != 0
                     ? -1
                     : buf_printf(out, err, ")'");
        else
            rc = buf_printf(out, err, "%s", values[list->kind]);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int put_command(struct buf *out, struct error *err, const struct command *command)
{
    bool dry = (command->flags & COMMAND_DRY) != 0;
    if (buf_printf(out, err, "    '%s')\n      _arguments -s", command->name) != 0 ||
        put_options(out, err, command->options) != 0 || (dry && put_options(out, err, dry_run_option) != 0) ||
        put_options(out, err, global_options) != 0)
        return -1;
    if (strcmp(command->name, "help") == 0)
        return buf_printf(out, err, " '1:command:(") != 0 || completion_first_words(out, err) != 0
                   ? -1
                   : buf_printf(out, err, ")' ;;\n");
    return buf_printf(out, err, "%s '*:argument:_files' ;;\n",
                      completion_wants_tenant(command) ? " '1:tenant:_hikae_tenants'" : "");
}

static int put_names(struct buf *out, struct error *err)
{
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        if (completion_is_hidden(*c) || !completion_is_first(c))
            continue;
        if (buf_printf(out, err, "    '%.*s:", (int)strcspn((*c)->name, " "), (*c)->name) != 0 ||
            put_text(out, err, completion_is_second(*c) ? "several commands" : (*c)->summary[LANG_EN]) != 0 ||
            buf_printf(out, err, "'\n") != 0)
            return -1;
    }
    return 0;
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
        if (buf_printf(out, err, "    %s) second=(", family) != 0 ||
            completion_second_words(out, err, family, size) != 0 ||
            buf_printf(out, err, ")%s ;;\n", command_find(family) != NULL ? " alone=1" : "") != 0)
            return -1;
    }
    return 0;
}

int completion_zsh(struct buf *out, struct error *err)
{
    if (buf_printf(out, err, "%s", head) != 0 || put_names(out, err) != 0 ||
        buf_printf(out, err, "%s", after_names) != 0 || put_families(out, err) != 0 ||
        buf_printf(out, err, "%s", after_families) != 0)
        return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (!completion_is_hidden(*c) && put_command(out, err, *c) != 0)
            return -1;
    /* No command is named yet. */
    if (buf_printf(out, err, "    *)\n      _arguments -s") != 0 || put_options(out, err, global_options) != 0)
        return -1;
    return buf_printf(out, err, " ;;\n  esac\n}\n_hikae \"$@\"\n");
}
