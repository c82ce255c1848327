/*
 * Deleting what was condemned long enough ago: target by target, many objects a request where the target can. One that
 * a target refuses stays there; that is told with what waits, and ends nothing.
 */
#include "base/mem.h"
#include "base/names.h"
#include "base/provider.h"
#include "ops/collect.h"
#include "target/delete.h"

enum { BATCH = 1000 };

struct deletion {
    struct collect *collect;
    size_t target;
    struct target_deletion items[BATCH];
    char names[BATCH][OBJECT_NAME_SIZE];
    struct collect_object *objects[BATCH]; /* NULL: its outcome is known */
    size_t count;
};

/* A provider may charge for an object for longer than it lies there. */
static void note_bill(struct collect *collect, size_t target, const struct collect_object *object)
{
    struct hikae_gc_target *ret = &collect->ret->targets[target];
    const struct provider *provider = provider_find(target_traits(collect->hikae->targets[target].target)->provider);
    if (provider == NULL || provider->minimum_days == 0)
        return;
    int64_t until = object->modified_ns + (int64_t)provider->minimum_days * 24 * 3600 * NS_PER_S;
    if (until <= collect->state.now_ns[target])
        return;
    ret->billed_bytes += object->size;
    if (until > ret->billed_until_ns)
        ret->billed_until_ns = until;
}

static bool ends_all(const struct error *why)
{
    return why->class == ERROR_NO_MEMORY || why->class == ERROR_INTERRUPTED || why->class == ERROR_INTERNAL;
}

/* Why the first of a target's objects stays there. */
static char *why_kept(struct deletion *deletion, const char *name, const struct error *why)
{
    struct target *target = deletion->collect->hikae->targets[deletion->target].target;
    struct target_lock_state lock = {.until_ns = 0};
    char text[CLOCK_TEXT_SIZE];
    bool locked = why->class == ERROR_REFUSED && target_lock_state(target, name, &lock, NULL) == 0;
    if (locked && lock.legal_hold)
        return mem_strdup("the target itself has a legal hold on objects");
    if (locked && lock.until_ns > 0) {
        deletion->collect->ret->targets[deletion->target].until_ns = lock.until_ns;
        return mem_printf("objects are locked, the first until %s", clock_format(lock.until_ns, text));
    }
    return mem_printf("the target refuses: %s", why->what);
}

/* A target_deletion_callback. */
static int note_outcome(const struct target_deletion *item, const struct error *why, void *context, struct error *err)
{
    struct deletion *deletion = context;
    struct collect *collect = deletion->collect;
    struct hikae_gc_target *ret = &collect->ret->targets[deletion->target];
    uint64_t bit = UINT64_C(1) << deletion->target;
    struct collect_object **object = &deletion->objects[item - deletion->items];
    if (why == NULL) {
        ret->freed_objects++;
        ret->freed_bytes += (*object)->size;
        note_bill(collect, deletion->target, *object);
        (*object)->on &= ~bit;
    } else if (ends_all(why)) {
        *err = *why;
        return -1;
    } else {
        (*object)->go &= ~bit;
        if (ret->why == NULL && (ret->why = why_kept(deletion, item->name, why)) == NULL)
            return error_no_memory(err);
    }
    *object = NULL;
    return cancel_check(&collect->hikae->cancel, err);
}

/*
 * The request for many failed as a whole. If the target answered, it may not know that request: one by one, then, until
 * it does not answer. `failed`: why.
 */
static int delete_singly(struct deletion *deletion, struct target_deleter *deleter, const struct error *failed,
                         struct error *err)
{
    struct error gone = {0};
    if (failed->retryable)
        gone = *failed;
    for (size_t i = 0; i < deletion->count; i++) {
        struct error why = gone;
        if (deletion->objects[i] == NULL)
            continue;
        int rc = gone.class != ERROR_NONE ? -1 : target_delete(deleter, deletion->items[i].name, &why);
        if (rc != 0 && why.retryable)
            gone = why;
        if (note_outcome(&deletion->items[i], rc == 0 ? NULL : &why, deletion, err) != 0)
            return -1;
    }
    return 0;
}

static int delete_batch(struct deletion *deletion, struct error *err)
{
    struct target_deleter deleter = {deletion->collect->hikae->targets[deletion->target].target};
    struct error why = {0};
    int rc = 0;
    if (deletion->count > 0 &&
        target_delete_many(&deleter, deletion->items, deletion->count, note_outcome, deletion, &why) != 0) {
        *err = why;
        rc = ends_all(&why) ? -1 : delete_singly(deletion, &deleter, &why, err);
    }
    deletion->count = 0;
    return rc;
}

static int name_of(const struct collect *collect, const struct collect_object *object, char out[OBJECT_NAME_SIZE],
                   struct error *err)
{
    if (object->class != OBJECT_RECORD) {
        (void)name_object(&collect->session.tid, object_class_letter(object->class), &object->name, out);
        return 0;
    }
    const struct chain_record *record = chain_find(&collect->session.chain, &object->name);
    if (record == NULL)
        return error_set(err, ERROR_INTERNAL, "a record that was to be deleted has no name");
    (void)name_record(&collect->session.tid, record->name, out);
    return 0;
}

static int add(struct deletion *deletion, struct collect_object *object, struct error *err)
{
    size_t i = deletion->count;
    if (name_of(deletion->collect, object, deletion->names[i], err) != 0)
        return -1;
    deletion->items[i] = (struct target_deletion){.name = deletion->names[i]};
    deletion->objects[i] = object;
    return ++deletion->count == BATCH ? delete_batch(deletion, err) : 0;
}

static int delete_class(struct deletion *deletion, int class, struct error *err)
{
    struct collect_state *state = &deletion->collect->state;
    for (size_t i = 0; i < state->count; i++) {
        struct collect_object *object = &state->objects[i];
        if ((int)object->class == class && object->action == COLLECT_DELETE &&
            (object->go >> deletion->target & 1) != 0 && add(deletion, object, err) != 0)
            return -1;
    }
    return delete_batch(deletion, err);
}

int collect_delete(struct collect *collect, struct error *err)
{
    struct deletion *deletion = mem_calloc(1, sizeof(*deletion));
    int rc = deletion != NULL ? 0 : error_no_memory(err);
    /* Records first, packs last: what is cut off leaves objects that nobody names, never names of what is not there. */
    for (int class = OBJECT_RECORD; rc == 0 && class >= OBJECT_PACK; class --)
        for (size_t t = 0; rc == 0 && t < collect->state.target_count; t++) {
            deletion->collect = collect;
            deletion->target = t;
            rc = cancel_check(&collect->hikae->cancel, err);
            if (rc == 0)
                rc = delete_class(deletion, class, err);
        }
    mem_free(deletion);
    return rc;
}
