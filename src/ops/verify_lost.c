/* What no target has sound: noted for the next backup, until it is found sound again, or nobody misses it. */
#include "base/mem.h"
#include "ops/lost.h"
#include "ops/verify_internal.h"

static bool all_answer(const struct hikae *hikae)
{
    for (size_t i = 0; i < hikae->target_count; i++)
        if (!hikae->targets[i].up)
            return false;
    return true;
}

/* Packs of which a copy was found sound, or mended, in this run. */
static int find_sound(const struct verify_scope *scope, struct roster *ret, struct error *err)
{
    for (size_t i = 0; i < scope->task_count; i++) {
        const struct copy_item *copy = &scope->items[scope->tasks[i].item].copy;
        if (copy->class == 'p' && scope->sound_ns[i] != 0 && roster_add(ret, OBJECT_PACK, &copy->hash, 0, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < scope->bad_count; i++) {
        const struct copy_item *copy = &scope->items[scope->bads[i].item].copy;
        if (copy->class == 'p' && scope->bads[i].repaired && roster_add(ret, OBJECT_PACK, &copy->hash, 0, err) != 0)
            return -1;
    }
    roster_sort(ret);
    return 0;
}

/*
 * One that nothing needs and no target shows any more is nobody's loss. An orphan is: a backup would build on what is
 * listed of it.
 */
static bool matters(const struct verify_scope *scope, const struct hash *name)
{
    const struct hikae *hikae = scope->verify->hikae;
    if (!all_answer(hikae) || scope_find(scope, 'p', 0, name) != NULL)
        return true;
    for (size_t t = 0; t < hikae->target_count; t++)
        if (presence_has(&hikae->targets[t].present, OBJECT_PACK, name, 0))
            return true;
    return false;
}

int scope_note_lost(struct verify_scope *scope, struct error *err)
{
    struct hikae *hikae = scope->verify->hikae;
    const struct hikae_verify_options *options = scope->verify->options;
    CLEANUP(roster_free) struct roster known = {0};
    CLEANUP(roster_free) struct roster sound = {0};
    CLEANUP(roster_free) struct roster lost = {0};
    if (scope->session == NULL || options->dry_run || options->level == HIKAE_VERIFY_INVENTORY)
        return 0;
    if (lost_read(hikae, &scope->tid, &known, err) != 0 || find_sound(scope, &sound, err) != 0)
        return -1;
    for (size_t i = 0; i < known.count; i++)
        if (!roster_has(&sound, OBJECT_PACK, &known.rows[i].name) && matters(scope, &known.rows[i].name) &&
            roster_add(&lost, OBJECT_PACK, &known.rows[i].name, 0, err) != 0)
            return -1;
    for (size_t i = 0; i < scope->count && all_answer(hikae); i++)
        if (scope->items[i].is_lost && scope->items[i].copy.class == 'p' &&
            roster_add(&lost, OBJECT_PACK, &scope->items[i].copy.hash, 0, err) != 0)
            return -1;
    roster_sort(&lost);
    return known.count == 0 && lost.count == 0 ? 0 : lost_write(hikae, &scope->tid, &lost, err);
}
