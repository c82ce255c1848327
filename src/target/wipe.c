/* Everything below a prefix, in all its versions: for what is given up whole. */
#include "base/mem.h"
#include "target/delete.h"

enum { PASS_MAX = 20000 }; /* what is deleted after one listing: memory stays bounded */

struct pass {
    struct target *target;
    struct target_wiped *ret;
    target_wanted *wanted;
    const void *context;
    struct target_deletion *items;
    uint64_t *sizes;
    size_t count, room;
    bool more; /* than fit in a pass */
};

static void pass_clear(struct pass *pass)
{
    for (size_t i = 0; i < pass->count; i++) {
        mem_free((char *)(uintptr_t)pass->items[i].name);
        mem_free((char *)(uintptr_t)pass->items[i].version);
    }
    mem_free(pass->items);
    mem_free(pass->sizes);
    pass->items = NULL;
    pass->sizes = NULL;
    pass->count = pass->room = 0;
    pass->more = false;
}

static int make_room(struct pass *pass, struct error *err)
{
    size_t room = pass->room; /* the same for both */
    struct target_deletion *items = mem_more(pass->items, pass->count, &room, sizeof(*items));
    if (items == NULL)
        return error_no_memory(err);
    pass->items = items;
    uint64_t *sizes = mem_more(pass->sizes, pass->count, &pass->room, sizeof(*sizes));
    if (sizes == NULL)
        return error_no_memory(err);
    pass->sizes = sizes;
    return 0;
}

static int take_version(const struct target_version *version, void *context, struct error *err)
{
    struct pass *pass = context;
    bool versioned = version->version != NULL && version->version[0] != '\0';
    if (pass->wanted != NULL && !pass->wanted(version->name, pass->context))
        return 0;
    if (pass->count == PASS_MAX) {
        pass->more = true;
        return 0;
    }
    if (make_room(pass, err) != 0)
        return -1;
    struct target_deletion *item = &pass->items[pass->count];
    pass->sizes[pass->count++] = version->size;
    *item = (struct target_deletion){mem_strdup(version->name), versioned ? mem_strdup(version->version) : NULL};
    return item->name != NULL && (item->version != NULL || !versioned) ? 0 : error_no_memory(err);
}

/* The last that failed says why; of locks the one that ends last. */
static void note_failure(struct pass *pass, const char *name, const struct error *why)
{
    struct target_wiped *ret = pass->ret;
    struct target_lock_state lock = {0};
    ret->why = *why;
    if (why->class != ERROR_REFUSED) {
        ret->failed++;
        return;
    }
    ret->locked++;
    if (name != NULL && target_lock_state(pass->target, name, &lock, NULL) == 0 && lock.until_ns > ret->locked_until_ns)
        ret->locked_until_ns = lock.until_ns;
}

static int note_deletion(const struct target_deletion *item, const struct error *why, void *context, struct error *err)
{
    struct pass *pass = context;
    (void)err;
    if (why != NULL) {
        note_failure(pass, item->name, why);
        return 0;
    }
    pass->ret->deleted++;
    pass->ret->bytes += pass->sizes[item - pass->items];
    return 0;
}

static int abort_upload(const struct target_upload *upload, void *context, struct error *err)
{
    struct pass *pass = context;
    struct target_deleter deleter = {pass->target};
    struct error why = {0};
    (void)err;
    if (target_abort_upload(&deleter, upload->name, upload->id, &why) == 0 || why.class == ERROR_NOT_FOUND)
        pass->ret->deleted++;
    else
        note_failure(pass, NULL, &why);
    return 0;
}

int target_wipe(struct target_deleter *deleter, const char *prefix, target_wanted *wanted, const void *context,
                struct target_wiped *ret, struct error *err)
{
    struct pass pass = {.target = deleter->target, .ret = ret, .wanted = wanted, .context = context};
    int rc = 0;
    *ret = (struct target_wiped){0};
    for (bool more = true; rc == 0 && more;) {
        uint64_t deleted = ret->deleted;
        rc = target_list_versions(deleter, prefix, take_version, &pass, err);
        /* What stayed is met again: only the last pass says what is left. */
        ret->locked = ret->failed = 0;
        if (rc == 0)
            rc = target_delete_many(deleter, pass.items, pass.count, note_deletion, &pass, err);
        more = pass.more && ret->deleted > deleted;
        pass_clear(&pass);
    }
    if (rc == 0 && wanted == NULL)
        rc = target_list_uploads(deleter, prefix, abort_upload, &pass, err);
    return rc;
}
