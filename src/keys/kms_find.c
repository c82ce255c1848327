/* Keys of a key service that are known by a tag only. */
#include "base/mem.h"
#include "keys/kms.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_KEYS = 200, MARKER_MAX = 1024 };

static bool has_tag(const json_t *tags, const char *name, const char *value)
{
    size_t i;
    const json_t *tag;
    json_array_foreach(tags, i, tag)
    {
        const char *key = json_string_value(json_object_get(tag, "TagKey"));
        const char *given = json_string_value(json_object_get(tag, "TagValue"));
        if (key != NULL && given != NULL && strcmp(key, name) == 0 && strcmp(given, value) == 0)
            return true;
    }
    return false;
}

/* A key has at most 50 tags (AWS KMS, "Resource quotas"): they come at once. */
static int take_if_tagged(struct kms *kms, const char *arn, const char *name, const char *value, json_t *found,
                          struct error *err)
{
    CLEANUP_JSON json_t *request = json_pack("{s:s}", "KeyId", arn);
    CLEANUP_JSON json_t *answer = NULL;
    struct error why = {0};
    if (request == NULL)
        return error_no_memory(err);
    if (kms_call(kms, "ListResourceTags", request, false, &answer, &why) != 0) {
        if (why.class == ERROR_DENIED || why.class == ERROR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    if (!has_tag(json_object_get(answer, "Tags"), name, value))
        return 0;
    return json_array_append_new(found, json_string(arn)) == 0 ? 0 : error_no_memory(err);
}

static int take_page(struct kms *kms, const json_t *page, const char *name, const char *value, json_t *found,
                     struct error *err)
{
    size_t i;
    const json_t *key;
    json_array_foreach(json_object_get(page, "Keys"), i, key)
    {
        const char *arn = json_string_value(json_object_get(key, "KeyArn"));
        if (arn != NULL && strlen(arn) <= KMS_ARN_MAX && take_if_tagged(kms, arn, name, value, found, err) != 0)
            return -1;
    }
    return 0;
}

/* The marker of the next page; "" after the last one. A page that is not the last and leads nowhere is none. */
static int next_page(const json_t *page, char marker[MARKER_MAX], struct error *err)
{
    const char *next = json_string_value(json_object_get(page, "NextMarker"));
    if (!json_is_true(json_object_get(page, "Truncated"))) {
        marker[0] = '\0';
        return 0;
    }
    if (next == NULL || next[0] == '\0' || strlen(next) >= MARKER_MAX || strcmp(next, marker) == 0)
        return error_set(err, ERROR_UNREACHABLE, "the key service breaks its list of keys off");
    (void)snprintf(marker, MARKER_MAX, "%s", next);
    return 0;
}

int kms_find_tagged(struct kms *kms, const char *name, const char *value, json_t **ret, struct error *err)
{
    CLEANUP_JSON json_t *found = json_array();
    char marker[MARKER_MAX] = "";
    if (found == NULL)
        return error_no_memory(err);
    do {
        CLEANUP_JSON json_t *request =
            json_pack("{s:i, s:s*}", "Limit", PAGE_KEYS, "Marker", marker[0] != '\0' ? marker : NULL);
        CLEANUP_JSON json_t *page = NULL;
        if (request == NULL)
            return error_no_memory(err);
        if (kms_call(kms, "ListKeys", request, false, &page, err) != 0 ||
            take_page(kms, page, name, value, found, err) != 0 || next_page(page, marker, err) != 0)
            return -1;
    } while (marker[0] != '\0');
    *ret = found;
    found = NULL;
    return 0;
}
