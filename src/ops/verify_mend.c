/* Sound bytes over bad ones, and what is told of each. */
#include "base/mem.h"
#include "ops/verify_internal.h"

#include <stdlib.h>

int mend_tell(struct verify *verify, const char *target, const char *object, int state, bool repaired, const char *why,
              const char *cost, struct error *err)
{
    if (verify->finding_count == VERIFY_FINDINGS_MAX)
        return 0;
    if (verify->finding_count == verify->finding_capacity) {
        size_t capacity = verify->finding_capacity < 16 ? 16 : 2 * verify->finding_capacity;
        struct hikae_verify_finding *findings = mem_realloc(verify->findings, capacity * sizeof(*findings));
        if (findings == NULL)
            return error_no_memory(err);
        verify->findings = findings;
        verify->finding_capacity = capacity;
    }
    struct hikae_verify_finding *finding = &verify->findings[verify->finding_count];
    memset(finding, 0, sizeof(*finding));
    finding->target = mem_strdup(target);
    finding->object = mem_strdup(object);
    finding->state = state == HIKAE_FINDING_DAMAGED   ? HIKAE_FINDING_DAMAGED
                     : state == HIKAE_FINDING_MISSING ? HIKAE_FINDING_MISSING
                                                      : HIKAE_FINDING_UNKNOWN;
    finding->repaired = repaired;
    finding->why = mem_strdup(why);
    finding->cost = cost != NULL ? mem_strdup(cost) : NULL;
    verify->finding_count++;
    if (finding->target == NULL || finding->object == NULL || finding->why == NULL ||
        (cost != NULL && finding->cost == NULL))
        return error_no_memory(err);
    return 0;
}

/* Records after what they name, and among themselves in the order of time, which their names begin with. */
static int compare_bads(const void *a, const void *b, void *context)
{
    const struct verify_bad *x = a, *y = b;
    const struct verify_scope *scope = context;
    const struct copy_item *left = &scope->items[x->item].copy, *right = &scope->items[y->item].copy;
    int order = (left->class == 'h') - (right->class == 'h');
    if (order == 0 && left->class == 'h')
        order = strcmp(left->last, right->last);
    if (order == 0)
        order = (x->item > y->item) - (x->item < y->item);
    return order != 0 ? order : (x->target > y->target) - (x->target < y->target);
}

/* May a record be put on a target where it is missing? One of a snapshot only if the target holds all that it names. */
static bool record_fits(struct verify_scope *scope, const struct verify_item *item, size_t target)
{
    const struct history *history = &scope->chain->history;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        const struct history_snapshot *snapshot = &history->snapshots[i];
        if (!hash_equal(&snapshot->record, &item->copy.hash) || snapshot->retired)
            continue;
        CLEANUP(roster_free) struct roster roster = {0};
        struct error why = {0};
        return scope_roster(scope, snapshot, &roster, &why) == 0 &&
               session_holds(scope->session, target, &roster, NULL);
    }
    return true;
}

/* A whole object that this run found sound somewhere need not be read again to know that it is. */
static bool known_sound(const struct verify_scope *scope, const struct verify_item *item, const struct verify_bad *bads,
                        size_t count)
{
    if (scope->verify->options->level != HIKAE_VERIFY_INVENTORY)
        return false;
    uint64_t bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= UINT64_C(1) << bads[i].target;
    return (item->on & ~bad) != 0;
}

static int mend_copy(struct verify_scope *scope, struct verify_item *item, struct verify_bad *bad,
                     const struct buf *object, struct error *err)
{
    struct error why = {0};
    if (bad->state == HIKAE_FINDING_UNKNOWN)
        return 0;
    if (item->copy.class == 'h' && bad->state == HIKAE_FINDING_MISSING && scope->session != NULL &&
        !record_fits(scope, item, bad->target))
        return 0;
    if (copy_put(&scope->place, bad->target, &item->copy, object, true, &why) == 0) {
        bad->repaired = true;
        scope->verify->repaired++;
        item->on |= UINT64_C(1) << bad->target;
        return 0;
    }
    if (copy_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    char *text = mem_printf("%s; it could not be mended: %s", bad->why, why.what);
    if (text == NULL)
        return error_no_memory(err);
    mem_free(bad->why);
    bad->why = text;
    return 0;
}

/* All bad copies of one object. */
static int mend_item(struct verify_scope *scope, struct verify_bad *bads, size_t count, struct buf *object,
                     struct error *err)
{
    const struct hikae_verify_options *options = scope->verify->options;
    struct verify_item *item = &scope->items[bads[0].item];
    struct error why = {0};
    uint64_t avoid = 0;
    bool only_unknown = true, by_content = false;
    for (size_t i = 0; i < count; i++) {
        by_content = by_content || bads[i].kind == BAD_CONTENT;
        avoid |= UINT64_C(1) << bads[i].target;
        only_unknown = only_unknown && bads[i].state == HIKAE_FINDING_UNKNOWN;
    }
    bool mend = options->repair && !options->dry_run;
    if (by_content) {
        item->is_lost = true;
        return 0;
    }
    if (only_unknown || (!mend && known_sound(scope, item, bads, count)))
        return 0;
    if (copy_find(&scope->place, &item->copy, avoid, object, &why) != 0) {
        if (copy_is_fatal(&why)) {
            *err = why;
            return -1;
        }
        item->is_lost = why.class == ERROR_DAMAGED;
        return 0;
    }
    for (size_t i = 0; mend && i < count; i++)
        if (mend_copy(scope, item, &bads[i], object, err) != 0)
            return -1;
    return 0;
}

static int tell_bad(struct verify_scope *scope, const struct verify_bad *bad, struct error *err)
{
    struct verify *verify = scope->verify;
    struct verify_item *item = &scope->items[bad->item];
    char name[OBJECT_NAME_SIZE];
    const char *cost = NULL;
    CLEANUP_FREE char *would = NULL;
    if (bad->state == HIKAE_FINDING_UNKNOWN)
        verify->unknown++;
    else
        verify->damaged++;
    if (bad->kind == BAD_BEHIND && !bad->repaired && !item->is_lost)
        verify->behind++;
    if (item->is_lost && item->cost.size > 0 && item->cost.data[item->cost.size - 1] != '\0' &&
        buf_u8(&item->cost, 0, err) != 0)
        return -1;
    if (item->is_lost && item->cost.size > 0)
        cost = (const char *)item->cost.data;
    if (verify->options->repair && verify->options->dry_run && !item->is_lost && bad->state != HIKAE_FINDING_UNKNOWN) {
        would = mem_printf("%s; it would be mended", bad->why);
        if (would == NULL)
            return error_no_memory(err);
    }
    return mend_tell(verify, verify->hikae->targets[bad->target].name, copy_name(&scope->tid, &item->copy, name),
                     bad->state, bad->repaired, would != NULL ? would : bad->why, cost, err);
}

static bool is_listed_class(char class)
{
    return class == 'p' || class == 'i' || class == 'r';
}

/* What was put back on a target is there from now on: for the records that name it, and for the index. */
static int list_mended_on(struct verify_scope *scope, size_t target, bool *ret_learned, struct error *err)
{
    struct presence *present = &scope->verify->hikae->targets[target].present;
    CLEANUP(roster_free) struct roster mended = {0};
    for (size_t i = 0; i < scope->bad_count; i++) {
        const struct verify_bad *bad = &scope->bads[i];
        const struct copy_item *copy = &scope->items[bad->item].copy;
        if (!bad->repaired || bad->target != target || !is_listed_class(copy->class))
            continue;
        enum object_class class = copy->class == 'p'   ? OBJECT_PACK
                                  : copy->class == 'i' ? OBJECT_SEGMENT
                                                       : OBJECT_ROSTER;
        *ret_learned = *ret_learned || class != OBJECT_ROSTER;
        if (roster_add(&mended, class, &copy->hash, copy->size, err) != 0 ||
            roster_add(&present->listed, class, &copy->hash, copy->size, err) != 0)
            return -1;
    }
    roster_sort(&present->listed);
    return presence_add(present, &mended, err);
}

static int list_mended(struct verify_scope *scope, bool *ret_learned, struct error *err)
{
    for (size_t i = 0; i < scope->verify->hikae->target_count; i++)
        if (list_mended_on(scope, i, ret_learned, err) != 0)
            return -1;
    return 0;
}

static int mend_in_order(struct verify_scope *scope, bool *ret_learned, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    bool listed = false;
    for (size_t i = 0; i < scope->bad_count;) {
        size_t count = 1, item = scope->bads[i].item;
        while (i + count < scope->bad_count && scope->bads[i + count].item == item)
            count++;
        if (!listed && scope->items[item].copy.class == 'h') {
            listed = true;
            if (list_mended(scope, ret_learned, err) != 0)
                return -1;
        }
        if (cancel_check(&scope->verify->hikae->cancel, err) != 0 ||
            mend_item(scope, &scope->bads[i], count, &object, err) != 0)
            return -1;
        i += count;
    }
    return listed ? 0 : list_mended(scope, ret_learned, err);
}

int mend_all(struct verify_scope *scope, bool *ret_learned, struct error *err)
{
    if (scope->bad_count == 0)
        return 0;
    qsort_r(scope->bads, scope->bad_count, sizeof(*scope->bads), compare_bads, scope);
    if (mend_in_order(scope, ret_learned, err) != 0)
        return -1;
    if (walk_cost(scope, err) != 0)
        return error_wrap(err, "find out what the damage costs");
    for (size_t i = 0; i < scope->bad_count; i++)
        if (tell_bad(scope, &scope->bads[i], err) != 0)
            return -1;
    return 0;
}
