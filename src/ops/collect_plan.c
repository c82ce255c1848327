#include "ops/collect_plan.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>

static const struct {
    const char *word;
    const char *text;
} reasons[WHY_COUNT] = {
    [WHY_NEEDED] = {"needed", "a snapshot needs it"},
    [WHY_SPARED] = {"spared", "it was condemned, but a snapshot that was under way names it"},
    [WHY_NO_USE] = {"no-use", "nothing in it is needed any more"},
    [WHY_RETIRED] = {"retired", "only retired snapshots needed it"},
    [WHY_MOVED] = {"moved", "what was needed of it is elsewhere"},
    [WHY_ORPHAN] = {"orphan", "no record names it: a run that was cut off left it"},
    [WHY_YOUNG] = {"young", "no record names it yet: a run may be under way"},
    [WHY_EMPTY] = {"empty", "much of it is not needed any more: the rest moves to a new pack"},
    [WHY_SMALL] = {"small", "many packs are small: they become one"},
    [WHY_MERGED] = {"merged", "many segments of the index are small: they become one"},
    [WHY_RECORD] = {"record", "a record that says nothing any more"},
    [WHY_SUPERSEDED] = {"superseded", "entries of the audit log have expired: a later revision replaces it"},
    [WHY_PROBE] = {"probe", "measuring a target left it there"},
};

const char *collect_why_text(enum collect_why why)
{
    return reasons[why].text;
}

const char *collect_why_word(enum collect_why why)
{
    return reasons[why].word;
}

/*
 * Slack and budget: at one per cent of change a night, spread evenly, and with what is condemned lying three nights
 * more, 9 and 6 keep what is stored at 1.24 times what is needed on average and at 1.30 to 1.31 at worst, which is when
 * all packs are of one age, for some 3 % written again a night. A slack of 11 made that 1.34 in some stores (keys, and
 * so cuts, are random), a budget of 4 made it 1.39: packs that age together reach the slack together.
 */
struct collect_rules collect_rules_default(uint64_t pack_size, uint64_t live)
{
    /* What is written again comes in pieces of a thirty-second, so that little by little is possible with little, too.
     */
    if (pack_size > live / 32)
        pack_size = live / 32 > (1 << 20) ? live / 32 : 1 << 20;
    return (struct collect_rules){.wait_ns = 72 * 3600 * NS_PER_S,
                                  .orphan_ns = 24 * 3600 * NS_PER_S,
                                  .slack = 9,
                                  .budget = 6,
                                  .waiting = 18,
                                  .pack_size = pack_size,
                                  .meta_size = pack_size < (8 << 20) ? pack_size : 8 << 20,
                                  .segment_size = 8 << 20,
                                  .fan_in = 8,
                                  .records = 32};
}

/* ---- Objects by name ---- */

static int compare_objects(const void *a, const void *b)
{
    const struct collect_object *x = a, *y = b;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    return hash_compare(&x->name, &y->name);
}

struct collect_object *collect_find(const struct collect_state *state, enum object_class class, const struct hash *name)
{
    struct collect_object key = {.class = class, .name = *name};
    return state->count == 0 ? NULL : bsearch(&key, state->objects, state->count, sizeof(key), compare_objects);
}

void collect_join(struct collect_state *state)
{
    if (state->count == 0)
        return;
    qsort(state->objects, state->count, sizeof(*state->objects), compare_objects);
    size_t kept = 0;
    for (size_t i = 1; i < state->count; i++) {
        struct collect_object *last = &state->objects[kept];
        const struct collect_object *next = &state->objects[i];
        if (compare_objects(last, next) != 0) {
            state->objects[++kept] = *next;
            continue;
        }
        last->on |= next->on;
        last->needed |= next->needed;
        if (next->size > last->size)
            last->size = next->size;
        if (next->modified_ns > last->modified_ns)
            last->modified_ns = next->modified_ns;
    }
    state->count = kept + 1;
}

/* ---- What goes ---- */

int64_t collect_until(const struct collect_state *state, const struct collect_rules *rules,
                      const struct collect_object *object, size_t target)
{
    if (object->condemned == 0)
        return object->why == WHY_YOUNG && object->modified_ns > 0 ? object->modified_ns + rules->orphan_ns : 0;
    return state->condemnations[object->condemned - 1].since_ns[target] + rules->wait_ns;
}

static void plan_condemned(const struct collect_state *state, const struct collect_rules *rules,
                           struct collect_object *object)
{
    object->why = object->class == OBJECT_RECORD ? WHY_RECORD
                  : object->moved_out            ? WHY_MOVED
                  : object->was_needed           ? WHY_RETIRED
                                                 : WHY_ORPHAN;
    for (size_t t = 0; t < state->target_count; t++) {
        uint64_t bit = UINT64_C(1) << t;
        if ((object->on & state->may_delete & ~object->spared & bit) != 0 &&
            state->now_ns[t] >= collect_until(state, rules, object, t))
            object->go |= bit;
    }
    object->action = object->go != 0 ? COLLECT_DELETE : COLLECT_WAIT;
}

static void plan_unneeded(const struct collect_state *state, const struct collect_rules *rules,
                          struct collect_object *object)
{
    int64_t now = 0;
    for (size_t t = 0; t < state->target_count; t++)
        if ((object->on >> t & 1) != 0 && state->now_ns[t] > now)
            now = state->now_ns[t];
    object->action = state->may_condemn ? COLLECT_CONDEMN : COLLECT_WAIT;
    object->why = object->class == OBJECT_RECORD ? WHY_RECORD
                  : object->moved_out            ? WHY_MOVED
                  : object->was_needed           ? WHY_RETIRED
                                                 : WHY_ORPHAN;
    if (object->why == WHY_ORPHAN && object->modified_ns != 0 && now - object->modified_ns < rules->orphan_ns) {
        object->action = COLLECT_WAIT;
        object->why = WHY_YOUNG;
    }
}

static void plan_object(const struct collect_state *state, const struct collect_rules *rules,
                        struct collect_object *object)
{
    object->go = 0;
    object->action = COLLECT_KEEP;
    object->why = object->needed && object->condemned != 0 ? WHY_SPARED : WHY_NEEDED;
    if (object->needed) {
        if (object->class == OBJECT_PACK && object->live == 0 && state->may_condemn) {
            object->action = COLLECT_MOVE;
            object->why = WHY_NO_USE;
        }
    } else if (object->condemned != 0) {
        plan_condemned(state, rules, object);
    } else if (object->on != 0) {
        plan_unneeded(state, rules, object);
    }
}

/* Records that say nothing go by themselves only when there are enough of them; else along with other things. */
static void plan_records(struct collect_state *state, const struct collect_rules *rules)
{
    size_t records = 0, others = 0;
    for (size_t i = 0; i < state->count; i++) {
        const struct collect_object *object = &state->objects[i];
        bool goes = object->action == COLLECT_CONDEMN || object->action == COLLECT_MOVE;
        records += goes && object->class == OBJECT_RECORD;
        others += goes && object->class != OBJECT_RECORD;
    }
    for (size_t i = 0; others == 0 && records < rules->records && i < state->count; i++)
        if (state->objects[i].class == OBJECT_RECORD && state->objects[i].action == COLLECT_CONDEMN)
            state->objects[i].action = COLLECT_KEEP;
}

/* ---- What moves ---- */

struct totals {
    uint64_t live;
    uint64_t dead;
    uint64_t budget; /* bytes that may be written again */
    uint64_t room;   /* bytes that may be condemned by moving */
    bool urged;      /* a pack was moved */
    bool idle;       /* nothing that was moved waits, and nothing moves */
};

static bool may_move(const struct collect_object *object)
{
    return object->class == OBJECT_PACK && object->needed && object->action == COLLECT_KEEP && object->live > 0 &&
           object->on != 0;
}

static uint64_t dead_of(const struct collect_object *object)
{
    return object->size > object->live ? object->size - object->live : 0;
}

/* Dead bytes per byte that is written again: most first. */
static int compare_gain(const void *a, const void *b)
{
    const struct collect_object *x = *(struct collect_object *const *)a, *y = *(struct collect_object *const *)b;
    double gain_x = (double)dead_of(x) / (double)x->live, gain_y = (double)dead_of(y) / (double)y->live;
    if (gain_x != gain_y)
        return gain_x > gain_y ? -1 : 1;
    return hash_compare(&x->name, &y->name);
}

/* Where nothing is under way yet, one step is always allowed: of little, each is much. */
static bool fits(const struct totals *totals, uint64_t live, uint64_t size)
{
    return totals->idle || (live <= totals->budget && size <= totals->room);
}

static void take(struct totals *totals, uint64_t live, uint64_t size)
{
    totals->idle = false;
    totals->budget -= live < totals->budget ? live : totals->budget;
    totals->room -= size < totals->room ? size : totals->room;
}

static void move_empty(struct collect_object **packs, size_t count, const struct collect_rules *rules,
                       struct totals *totals)
{
    for (size_t i = 0; i < count; i++) {
        struct collect_object *pack = packs[i];
        bool enough = totals->dead * 100 <= totals->live * rules->slack;
        if (enough)
            break;
        /* What frames and pads a pack is no gain, as a new one has it again: less than a twentieth is left alone. */
        uint64_t gain = dead_of(pack) > pack->frame ? dead_of(pack) - pack->frame : 0;
        if (gain * 20 < pack->size)
            continue;
        /* Packs that are large beside all that there is fit in no budget: when twice the slack is reached, one goes. */
        bool urgent = !totals->urged && totals->dead * 100 > totals->live * rules->slack * 2;
        if (!urgent && !fits(totals, pack->live, pack->size))
            continue;
        totals->urged = true;
        pack->action = COLLECT_MOVE;
        pack->why = WHY_EMPTY;
        take(totals, pack->live, pack->size);
        totals->dead -= dead_of(pack);
    }
}

/* Orders of size below half of a full pack, each eight times the one before; -1: it is no small one. */
static int order_of(const struct collect_object *pack, const struct collect_rules *rules)
{
    uint64_t full = pack->meta ? rules->meta_size : rules->pack_size;
    int order = 0;
    if (pack->size >= full / 2)
        return -1;
    for (uint64_t limit = 128 << 10; pack->size >= limit; limit *= 8)
        order++;
    return order;
}

static void move_small(struct collect_object **packs, size_t count, const struct collect_rules *rules,
                       struct totals *totals)
{
    enum { ORDERS = 24 };
    size_t found[ORDERS] = {0};
    uint64_t live[ORDERS] = {0}, bytes[ORDERS] = {0};
    bool chosen[ORDERS] = {false};
    for (size_t i = 0; i < count; i++) {
        int order = order_of(packs[i], rules);
        if (order < 0 || order >= ORDERS || packs[i]->action != COLLECT_KEEP)
            continue;
        found[order]++;
        live[order] += packs[i]->live;
        bytes[order] += packs[i]->size;
    }
    for (int order = 0; order < ORDERS; order++) {
        chosen[order] = found[order] >= rules->fan_in && fits(totals, live[order], bytes[order]);
        if (chosen[order])
            take(totals, live[order], bytes[order]);
    }
    for (size_t i = 0; i < count; i++) {
        int order = order_of(packs[i], rules);
        if (order < 0 || order >= ORDERS || packs[i]->action != COLLECT_KEEP || !chosen[order])
            continue;
        packs[i]->action = COLLECT_MOVE;
        packs[i]->why = WHY_SMALL;
    }
}

static int plan_moves(struct collect_state *state, const struct collect_rules *rules, struct error *err)
{
    struct totals totals = {0};
    uint64_t waiting = 0;
    size_t count = 0;
    CLEANUP_FREE struct collect_object **packs = mem_calloc(state->count, sizeof(struct collect_object *));
    if (packs == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < state->count; i++) {
        struct collect_object *object = &state->objects[i];
        if (object->class == OBJECT_PACK && object->moved_out && !object->needed && object->condemned != 0 &&
            object->go == 0)
            waiting += object->size;
        if (!may_move(object))
            continue;
        packs[count++] = object;
        totals.live += object->live;
        totals.dead += dead_of(object);
    }
    totals.budget = totals.live / 100 * rules->budget;
    totals.room = totals.live / 100 * rules->waiting;
    totals.room -= waiting < totals.room ? waiting : totals.room;
    totals.idle = waiting == 0;
    if (count > 1)
        qsort(packs, count, sizeof(struct collect_object *), compare_gain);
    move_empty(packs, count, rules, &totals);
    move_small(packs, count, rules, &totals);
    return 0;
}

/* ---- Segments ---- */

/* Orders of size below that of a full one, each eight times the one before; -1: it is no small one. */
static int order_of_segment(const struct collect_object *segment, const struct collect_rules *rules)
{
    int order = 0;
    if (segment->size >= rules->segment_size)
        return -1;
    for (uint64_t limit = 16 << 10; segment->size >= limit; limit *= 8)
        order++;
    return order;
}

/*
 * As in an LSM tree: so many of one order become one of the next, so that each row is written again once an order. One
 * that mostly speaks of packs that are gone is written again without them. Segments are some per cent of what is
 * stored: no budget.
 */
static void plan_segments(struct collect_state *state, const struct collect_rules *rules)
{
    enum { ORDERS = 24 };
    size_t found[ORDERS] = {0};
    for (size_t i = 0; i < state->count; i++) {
        struct collect_object *segment = &state->objects[i];
        if (segment->class != OBJECT_SEGMENT || !segment->needed || segment->on == 0)
            continue;
        int order = order_of_segment(segment, rules);
        if (segment->live == 0 || 2 * segment->live < segment->size) {
            segment->action = COLLECT_MOVE;
            segment->why = segment->live == 0 ? WHY_NO_USE : WHY_EMPTY;
        } else if (order >= 0 && order < ORDERS) {
            found[order]++;
        }
    }
    for (size_t i = 0; i < state->count; i++) {
        struct collect_object *segment = &state->objects[i];
        int order = segment->class == OBJECT_SEGMENT ? order_of_segment(segment, rules) : -1;
        if (order < 0 || order >= ORDERS || found[order] < rules->fan_in || !segment->needed || segment->on == 0 ||
            segment->action != COLLECT_KEEP)
            continue;
        segment->action = COLLECT_MOVE;
        segment->why = WHY_MERGED;
    }
}

int collect_plan(struct collect_state *state, const struct collect_rules *rules, struct error *err)
{
    for (size_t i = 0; i < state->count; i++)
        plan_object(state, rules, &state->objects[i]);
    if (state->may_condemn) {
        if (plan_moves(state, rules, err) != 0)
            return -1;
        plan_segments(state, rules);
    }
    plan_records(state, rules);
    return 0;
}
