#include "cli/completion.h"

#include <string.h>

bool completion_is_hidden(const struct command *command)
{
    return (command->flags & COMMAND_HIDDEN) != 0;
}

bool completion_is_second(const struct command *command)
{
    return strchr(command->name, ' ') != NULL;
}

bool completion_is_first(const struct command *const *at)
{
    size_t size = strcspn((*at)->name, " ");
    for (const struct command *const *c = command_table; c != at; c++)
        if (strncmp((*c)->name, (*at)->name, size) == 0 && ((*c)->name[size] == ' ' || (*c)->name[size] == '\0'))
            return false;
    return true;
}

bool completion_wants_tenant(const struct command *command)
{
    /* A new tenant's name is nobody's yet. */
    return strcmp(command->name, "tenant add") != 0 &&
           (strncmp(command->arguments, "TENANT", 6) == 0 || strncmp(command->arguments, "[TENANT", 7) == 0 ||
            (strncmp(command->name, "tenant ", 7) == 0 && strncmp(command->arguments, "NAME", 4) == 0));
}

int completion_first_words(struct buf *out, struct error *err)
{
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (!completion_is_hidden(*c) && completion_is_first(c) &&
            buf_printf(out, err, "%s%.*s", c == command_table ? "" : " ", (int)strcspn((*c)->name, " "), (*c)->name) !=
                0)
            return -1;
    return 0;
}

int completion_second_words(struct buf *out, struct error *err, const char *family, size_t size)
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

int completion_choices(struct buf *out, struct error *err, const char *value)
{
    for (; *value != '\0'; value++)
        if (buf_u8(out, *value == '|' ? ' ' : (uint8_t)*value, err) != 0)
            return -1;
    return 0;
}

int completion_quoted(struct buf *out, struct error *err, const char *text, const char *quote, const char *escaped)
{
    for (; *text != '\0'; text++) {
        int rc = 0;
        if (*text == '\'')
            rc = buf_printf(out, err, "%s", quote);
        else
            rc =
                strchr(escaped, *text) != NULL ? buf_printf(out, err, "\\%c", *text) : buf_u8(out, (uint8_t)*text, err);
        if (rc != 0)
            return -1;
    }
    return 0;
}
