/* Targets as they are named on a command line: NAME=URL. */
#include "base/mem.h"
#include "policy/config.h"

#include <string.h>

enum { NAME_MAX_SIZE = 64 };

/* As the configuration wants it, which would refuse it only after everything is stored. */
static bool is_name(const char *text, size_t size)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return size > 0 && size <= NAME_MAX_SIZE && strchr("._-", text[0]) == NULL && strspn(text, allowed) >= size;
}

int config_target_parse(const char *text, struct config_target *ret, struct error *err)
{
    const char *equals = text != NULL ? strchr(text, '=') : NULL;
    if (equals == NULL || equals == text || equals[1] == '\0') {
        (void)error_set(err, ERROR_USAGE, "'%.200s' is no target", text != NULL ? text : "");
        return error_hint(err, "write NAME=URL, for example tokyo=file:///backup?country=JP&site=tokyo");
    }
    size_t size = (size_t)(equals - text);
    if (!is_name(text, size)) {
        (void)error_set(err, ERROR_USAGE, "'%.*s' cannot be the name of a target", size < 100 ? (int)size : 100, text);
        return error_hint(err, "1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit");
    }
    *ret = (struct config_target){.name = mem_printf("%.*s", (int)size, text), .url = mem_strdup(equals + 1)};
    ret->options.name = ret->name;
    ret->options.url = ret->url;
    return ret->name != NULL && ret->url != NULL ? 0 : error_no_memory(err);
}
