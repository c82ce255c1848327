/* The line that shows how a command is called, for help and manual alike. */
#include "cli/help.h"

#include "base/mem.h"

#include <stdio.h>

int buf_printf(struct buf *out, struct error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (size < 0 || buf_reserve(out, (size_t)size + 1, err) != 0)
        return error_no_memory(err);
    va_start(args, fmt);
    (void)vsnprintf((char *)out->data + out->size, (size_t)size + 1, fmt, args);
    va_end(args);
    out->size += (size_t)size;
    return 0;
}

static int option_write(const struct option_def *def, struct buf *out, struct error *err)
{
    const char *open = def->required ? "" : "[";
    const char *close = def->required ? "" : "]";
    bool valued = def->kind != VALUE_NONE;
    return buf_printf(out, err, " %s--%s%s%s%s%s", open, def->name, valued ? " " : "", valued ? def->value : "", close,
                      def->many ? "…" : "");
}

int synopsis_write(const struct command *command, struct buf *out, struct error *err)
{
    if (command->arguments[0] != '\0' && buf_printf(out, err, " %s", command->arguments) != 0)
        return -1;
    /* What must be given comes first. */
    for (int pass = 0; pass < 2; pass++)
        for (const struct option_def *def = command->options; def != NULL && def->name != NULL; def++)
            if (def->required == (pass == 0) && option_write(def, out, err) != 0)
                return -1;
    if ((command->flags & COMMAND_DRY) != 0)
        return option_write(dry_run_option, out, err);
    return 0;
}
