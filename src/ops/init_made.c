#include "ops/init_made.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <unistd.h>

enum { NOTES_MAX = 1 << 16 };

static char *path_of(const char *state)
{
    return mem_printf("%s/init.json", state);
}

/* The notes, or NULL: there are none. */
static int read_notes(const char *path, json_t **ret, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct error why = {0};
    *ret = NULL;
    if (file_read(path, NOTES_MAX, &text, &why) != 0) {
        if (why.class == ERROR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    if (json_parse(text.data, text.size, ret, err) != 0)
        return -1;
    if (json_integer_value(json_object_get(*ret, "v")) == 1 && json_is_array(json_object_get(*ret, "targets")) &&
        json_is_array(json_object_get(*ret, "made")))
        return 0;
    json_decref(*ret);
    *ret = NULL;
    return error_set(err, ERROR_LOCAL, "%s is not as hikae wrote it", path);
}

static int write_notes(const char *path, const json_t *notes, struct error *err)
{
    CLEANUP_FREE char *text = NULL;
    return json_print(notes, &text, err) == 0 ? file_write_atomic(path, text, strlen(text), 0600, err) : -1;
}

static int begin_notes(const struct init_made *made, json_t **ret, struct error *err)
{
    *ret = json_pack("{s:i, s:[], s:[]}", "v", 1, "targets", "made");
    for (size_t i = 0; *ret != NULL && i < made->target_count; i++)
        if (json_array_append_new(json_object_get(*ret, "targets"), json_string(made->targets[i].url)) != 0)
            return error_no_memory(err);
    return *ret != NULL ? 0 : error_no_memory(err);
}

/* The note of a key that was asked for gives way to that of the key that was made. */
static void drop_asked_for(json_t *list, const json_t *params)
{
    const json_t *making = json_object_get(params, "making");
    for (size_t i = json_array_size(list); making != NULL && i > 0; i--) {
        const json_t *before = json_object_get(json_array_get(list, i - 1), "params");
        if (json_equal(json_object_get(before, "making"), making) == 1)
            (void)json_array_remove(list, i - 1);
    }
}

int init_made_note(enum holder_kind kind, uint32_t epoch, const json_t *params, void *context, struct error *err)
{
    const struct init_made *made = context;
    CLEANUP_FREE char *path = path_of(made->state);
    CLEANUP_JSON json_t *notes = NULL;
    if (path == NULL)
        return error_no_memory(err);
    if (read_notes(path, &notes, err) != 0 || (notes == NULL && begin_notes(made, &notes, err) != 0))
        return -1;
    json_t *list = json_object_get(notes, "made");
    drop_asked_for(list, params);
    if (json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "kind", holder_kind_name(kind), "epoch",
                                              (json_int_t)epoch, "params", json_deep_copy(params))) != 0)
        return error_no_memory(err);
    return write_notes(path, notes, err);
}

/* Is each target that the notes name one of those that were found empty? */
static bool same_targets(const struct init_made *made, const json_t *notes)
{
    size_t i;
    const json_t *url;
    json_array_foreach(json_object_get(notes, "targets"), i, url)
    {
        bool found = false;
        for (size_t k = 0; k < made->target_count && !found; k++)
            found = json_is_string(url) && strcmp(json_string_value(url), made->targets[k].url) == 0;
        if (!found)
            return false;
    }
    return true;
}

static int discard_one(const json_t *item, const struct holder_group *groups, size_t group_count, struct error *err)
{
    enum holder_kind kind;
    const char *name = json_string_value(json_object_get(item, "kind"));
    if (name == NULL || !holder_kind_parse(name, &kind))
        return error_set(err, ERROR_LOCAL, "it is of a kind that this hikae does not know");
    return keystore_discard_made(groups, group_count, kind,
                                 (uint32_t)json_integer_value(json_object_get(item, "epoch")),
                                 json_object_get(item, "params"), err);
}

int init_made_discard(const struct init_made *made, const struct holder_group *groups, size_t group_count,
                      struct error *err)
{
    CLEANUP_FREE char *path = path_of(made->state);
    CLEANUP_JSON json_t *notes = NULL;
    if (path == NULL)
        return error_no_memory(err);
    if (read_notes(path, &notes, err) != 0)
        return -1;
    if (notes == NULL)
        return 0;
    if (!same_targets(made, notes)) {
        (void)error_set(err, ERROR_REFUSED, "an init that was cut short made keys for other targets");
        return error_hint(err, "give the targets that %s names; or, if a store is there, choose another --dir", path);
    }
    json_t *list = json_object_get(notes, "made");
    while (json_array_size(list) > 0) {
        if (discard_one(json_array_get(list, 0), groups, group_count, err) != 0) {
            (void)error_wrap(err, "destroy a key that an init made which was cut short");
            return err->hint[0] != '\0' ? -1
                                        : error_hint(err,
                                                     "give the --holder that made it; or destroy the key that %s "
                                                     "names yourself, and remove that file",
                                                     path);
        }
        (void)json_array_remove(list, 0);
    }
    init_made_forget(made->state);
    return 0;
}

void init_made_forget(const char *state)
{
    CLEANUP_FREE char *path = path_of(state);
    if (path != NULL)
        (void)unlink(path);
}
