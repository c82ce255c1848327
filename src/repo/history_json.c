#include "base/json.h"
#include "repo/history_internal.h"

json_t *history_json(const char *text, bool *ret_no_memory)
{
    json_t *root = NULL;
    *ret_no_memory = json_parse(text, strlen(text), &root, NULL) != 0;
    return root;
}
