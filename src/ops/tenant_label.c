/* Labels of tenants: words of the operator's own, kept as a JSON object of texts. */
#include "base/json.h"
#include "base/mem.h"
#include "ops/tenant.h"

#include <stdlib.h>
#include <string.h>

int label_check(const char *label, struct error *err)
{
    const char *equals = strchr(label, '=');
    bool ok = equals != NULL && equals != label && strlen(label) <= TENANT_LABEL_MAX;
    for (const char *p = label; ok && *p != '\0'; p++)
        ok = (unsigned char)*p >= 0x20 && *p != 0x7f && (p > equals || *p != ' ');
    json_t *text CLEANUP_JSON = ok ? json_string(label) : NULL; /* refuses what is not UTF-8 */
    if (text != NULL)
        return 0;
    (void)error_set(err, ERROR_USAGE, "'%.300s' is no label", label);
    return error_hint(err, "KEY=VALUE in UTF-8, at most %d bytes, no space in KEY; KEY= takes the label away",
                      TENANT_LABEL_MAX);
}

int labels_apply(char **json, const char *const *labels, size_t count, struct error *err)
{
    json_t *object CLEANUP_JSON = NULL;
    if (count == 0)
        return 0;
    if (json_parse(*json, strlen(*json), &object, err) != 0)
        return -1;
    if (object == NULL && (object = json_object()) == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (label_check(labels[i], err) != 0)
            return -1;
        const char *equals = strchr(labels[i], '=');
        CLEANUP_FREE char *key = mem_printf("%.*s", (int)(equals - labels[i]), labels[i]);
        if (key == NULL)
            return error_no_memory(err);
        if (equals[1] == '\0')
            (void)json_object_del(object, key);
        else if (json_object_set_new(object, key, json_string(equals + 1)) != 0)
            return error_no_memory(err);
    }
    if (json_object_size(object) > TENANT_LABELS_MAX)
        return error_set(err, ERROR_USAGE, "more than %d labels", TENANT_LABELS_MAX);
    char *text;
    if (json_print(object, &text, err) != 0)
        return -1;
    mem_free(*json);
    *json = text;
    return 0;
}

static int compare_labels(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int labels_list(const char *json, char ***ret, size_t *ret_count, struct error *err)
{
    json_t *object CLEANUP_JSON = NULL;
    *ret_count = 0;
    if (json_parse(json, strlen(json), &object, err) != 0)
        return -1;
    *ret = mem_calloc(json_object_size(object) + 1, sizeof(char *));
    if (*ret == NULL)
        return error_no_memory(err);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        const char *text = json_string_value(value);
        char *label = mem_printf("%s=%s", key, text != NULL ? text : "");
        if (label == NULL)
            return error_no_memory(err);
        (*ret)[(*ret_count)++] = label;
    }
    qsort(*ret, *ret_count, sizeof(char *), compare_labels);
    return 0;
}

bool labels_match(char *const *labels, size_t count, const char *wanted)
{
    size_t size = strlen(wanted);
    bool whole = strchr(wanted, '=') != NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(labels[i], wanted, size) == 0 && labels[i][size] == (whole ? '\0' : '='))
            return true;
    return false;
}
