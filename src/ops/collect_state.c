/* What lies on the targets, and what the history says of it. */
#include "base/hex.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "ops/collect.h"

#include <stdlib.h>

#define SKEW_MAX_NS (5 * 60 * NS_PER_S)

static void note_clear(struct record_note *note)
{
    mem_free(note->previous);
    mem_free(note->retired);
    mem_free(note->snapshots);
    mem_free(note->linked);
    roster_free(&note->condemned);
}

void collect_forget(struct collect *collect)
{
    for (size_t i = 0; i < collect->note_count; i++)
        note_clear(&collect->notes[i]);
    mem_free(collect->notes);
    mem_free(collect->snapshots);
    mem_free(collect->state.objects);
    mem_free(collect->state.condemnations);
    collect->notes = NULL;
    collect->snapshots = NULL;
    collect->note_count = 0;
    collect->state = (struct collect_state){0};
}

/* ---- May anything be deleted? ---- */

/*
 * A record that only this machine's cache has is one that every target that answers has lost or hides, or that lies on
 * a target that is away. Records that stay name it as previous, which must not be taken for one that was deleted.
 */
static int check_records(const struct chain *chain, struct error *err)
{
    size_t lost = 0;
    for (size_t i = 0; i < chain->record_count; i++)
        lost += chain->records[i].targets == 0;
    if (lost == 0)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "%zu records of the history are on no target that answers", lost);
    return error_hint(err, "`hikae replicate` puts them back from this machine's copies; then collect again");
}

static int check_history(struct collect *collect, struct error *err)
{
    const struct hikae *hikae = collect->hikae;
    const struct history *history = &collect->session.chain.history;
    unsigned up = collect_bits(engine_up_mask(hikae));
    if (hikae->catalog_is_new)
        return error_set(err, ERROR_REFUSED, "the catalogue is not recovered yet");
    if (history->missing_count > 0 || history->unreadable > 0) {
        (void)error_set(err, ERROR_REFUSED, "%zu records of the history are missing, and %zu cannot be read",
                        history->missing_count, history->unreadable);
        return error_hint(err, "`hikae verify --repair` and `hikae replicate` first: they may name what is needed");
    }
    if (check_records(&collect->session.chain, err) != 0)
        return -1;
    for (size_t i = 0; i < history->hold_count; i++)
        if (history_hold_in_force(&history->holds[i], clock_now_ns())) {
            collect->held = true;
            return error_set(err, ERROR_REFUSED, "a legal hold by %s is in force: %.200s", history->holds[i].who,
                             history->holds[i].why);
        }
    if (up + hikae->config->min_copies <= hikae->target_count) {
        (void)error_set(err, ERROR_REFUSED, "%u of %zu targets answer: a snapshot might be on the others alone", up,
                        hikae->target_count);
        return error_hint(err, "`hikae target check` says why the others do not answer");
    }
    if (history_latest(history) == NULL) {
        (void)error_set(err, ERROR_REFUSED, "no snapshot is left to keep");
        return error_hint(err, "collection does not empty a tenant: that is what a purge is for");
    }
    return 0;
}

static int read_clocks(struct collect *collect, struct error *err)
{
    struct hikae *hikae = collect->hikae;
    for (size_t i = 0; i < hikae->target_count; i++) {
        const struct run_target *t = &hikae->targets[i];
        struct error why = {0};
        int64_t skew = 0;
        if (!t->up)
            continue;
        if (target_clock_skew(t->target, &skew, &why) != 0) {
            engine_warn(hikae, "nothing is deleted from %s: its clock cannot be read: %s", t->name, why.what);
            collect->state.may_delete &= ~(UINT64_C(1) << i);
            continue;
        }
        if (skew > SKEW_MAX_NS || skew < -SKEW_MAX_NS) {
            (void)error_set(err, ERROR_REFUSED, "the clock of %s and this one differ by %lld seconds", t->name,
                            (long long)(skew / NS_PER_S));
            return error_hint(err, "set the clock that is wrong: what is old enough to be deleted depends on it");
        }
        collect->state.now_ns[i] += skew;
    }
    return 0;
}

/* ---- Objects ---- */

static struct collect_object *add_object(struct collect_state *state, size_t *capacity, struct error *err)
{
    struct collect_object *objects = mem_more(state->objects, state->count, capacity, sizeof(*objects));
    if (objects == NULL) {
        (void)error_no_memory(err);
        return NULL;
    }
    state->objects = objects;
    struct collect_object *object = &state->objects[state->count++];
    *object = (struct collect_object){.class = OBJECT_PACK};
    return object;
}

struct lister {
    struct collect *collect;
    size_t *capacity;
    size_t prefix_size;
    enum object_class class;
    uint64_t bit;
};

static int list_one(const struct target_object *found, void *context, struct error *err)
{
    const struct lister *lister = context;
    const char *last = found->name + lister->prefix_size;
    struct hash name;
    if (lister->class == OBJECT_RECORD ? !record_name_hash(last, &name)
                                       : strlen(last) != 2 * HASH_SIZE || !hex_decode(last, HASH_SIZE, name.bytes))
        return 0;
    struct collect_object *object = add_object(&lister->collect->state, lister->capacity, err);
    if (object == NULL)
        return -1;
    object->class = lister->class;
    object->name = name;
    object->size = found->size;
    object->on = lister->bit;
    object->modified_ns = found->modified_ns;
    /* A test store's clock is not that of the files: ages are what counts. */
    if (lister->collect->hikae->store.test_clock && found->modified_ns != 0)
        object->modified_ns += clock_now_ns() - clock_machine_ns();
    return cancel_check(&lister->collect->hikae->cancel, err);
}

/* Of all targets that answer, whole: by less than that nothing is decided. */
static int list_objects(struct collect *collect, struct error *err)
{
    static const char letters[] = {'p', 'i', 'r', 'h'};
    struct hikae *hikae = collect->hikae;
    size_t capacity = 0;
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct run_target *t = &hikae->targets[i];
        for (size_t k = 0; t->up && k < sizeof(letters); k++) {
            char prefix[OBJECT_NAME_SIZE];
            struct lister lister = {collect, &capacity, 0, (enum object_class)(k + 1), UINT64_C(1) << i};
            lister.prefix_size = strlen(name_folder(&collect->session.tid, letters[k], prefix));
            if (target_list(t->target, prefix, NULL, list_one, &lister, err) != 0)
                return error_wrap(err, "list what %s holds", t->name);
        }
    }
    collect_join(&collect->state);
    return 0;
}

/* ---- Which records still say something ---- */

static bool any_target_down(const struct hikae *hikae)
{
    return collect_bits(engine_up_mask(hikae)) < hikae->target_count;
}

static bool is_kept_name(const struct collect *collect, const char *name)
{
    struct hash least = {.bytes = {0}}; /* a snapshot's name is how its record's hash begins */
    if (!hex_decode(name, (SNAPSHOT_NAME_SIZE - 1) / 2, least.bytes))
        return false;
    for (size_t i = collect_snapshot_at(collect, &least); i < collect->session.chain.history.snapshot_count; i++) {
        if (strcmp(collect->snapshots[i]->name, name) != 0)
            return false;
        if (!collect->snapshots[i]->retired)
            return true;
    }
    return false;
}

/* It gives a roster that is in force, or that some target may still need. */
static bool roster_in_use(const struct collect *collect, const struct record_note *note)
{
    for (size_t i = 0; i < note->snapshot_count; i++) {
        const struct history_snapshot *snapshot = collect_snapshot_of(collect, &note->snapshots[i]);
        if (snapshot == NULL || snapshot->retired)
            continue;
        if (hash_equal(&snapshot->roster_record, &note->entry.hash) || any_target_down(collect->hikae))
            return true;
        /* A target that the newer one has not reached goes by this one. */
        if (chain_holders(&collect->session.chain, &snapshot->roster_record) != engine_up_mask(collect->hikae))
            return true;
    }
    return false;
}

static bool lies_anywhere(const struct collect *collect, enum object_class class, const struct hash *name)
{
    const struct collect_object *object = collect_find(&collect->state, class, name);
    return any_target_down(collect->hikae) || (object != NULL && object->on != 0);
}

static bool says_something(const struct collect *collect, const struct record_note *note)
{
    const struct history_snapshot *snapshot;
    if (note->is_head)
        return true;
    switch (note->type) {
    case RECORD_SNAPSHOT:
        snapshot = collect_snapshot_of(collect, &note->entry.hash);
        return snapshot == NULL || !snapshot->retired;
    case RECORD_RETIRE: /* as long as what it retires could come back */
        for (size_t i = 0; i < note->retired_count; i++)
            if (lies_anywhere(collect, OBJECT_RECORD, &note->retired[i]))
                return true;
        return false;
    case RECORD_CONDEMN:
        for (size_t i = 0; i < note->condemned.count; i++)
            if (lies_anywhere(collect, note->condemned.rows[i].class, &note->condemned.rows[i].name))
                return true;
        return false;
    case RECORD_ROSTER:
        return roster_in_use(collect, note);
    case RECORD_TAG:
    case RECORD_VERIFIED:
        return note->snapshot[0] == '\0' || is_kept_name(collect, note->snapshot);
    default:
        return true;
    }
}

static void judge_records(struct collect *collect)
{
    for (size_t i = 0; i < collect->note_count; i++) {
        struct collect_object *object = collect_find(&collect->state, OBJECT_RECORD, &collect->notes[i].entry.hash);
        if (object != NULL)
            object->needed = says_something(collect, &collect->notes[i]);
    }
    /* A record that is condemned goes, whatever it says. One that nobody knows how to read is not touched. */
    for (size_t i = 0; i < collect->state.count; i++) {
        struct collect_object *object = &collect->state.objects[i];
        if (object->class == OBJECT_RECORD && chain_holders(&collect->session.chain, &object->name) == 0)
            object->needed = true;
        if (object->class == OBJECT_RECORD && object->condemned != 0)
            object->needed = false;
    }
}

/* ---- What is needed ---- */

/* By a listing, or acknowledged since; or put by another host since, which only asking tells. */
static bool lies_somewhere(const struct collect *collect, const struct roster_row *row)
{
    char name[OBJECT_NAME_SIZE];
    uint64_t size;
    (void)name_object(&collect->session.tid, object_class_letter(row->class), &row->name, name);
    for (size_t i = 0; i < collect->hikae->target_count; i++)
        if (presence_has(&collect->hikae->targets[i].present, row->class, &row->name, row->size))
            return true;
    for (size_t i = 0; i < collect->hikae->target_count; i++)
        if (collect->hikae->targets[i].up && target_stat(collect->hikae->targets[i].target, name, &size, NULL) == 0 &&
            size == row->size)
            return true;
    return false;
}

int collect_note_needed(struct collect *collect, struct error *err)
{
    const struct history *history = &collect->session.chain.history;
    for (size_t i = 0; i < collect->state.count; i++)
        if (collect->state.objects[i].class != OBJECT_RECORD)
            collect->state.objects[i].needed = false;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        CLEANUP(roster_free) struct roster roster = {0};
        if (history->snapshots[i].retired)
            continue;
        if (session_roster(&collect->session, &history->snapshots[i], true, &roster, err) != 0)
            return -1;
        for (size_t j = 0; j < roster.count; j++) {
            struct collect_object *object = collect_find(&collect->state, roster.rows[j].class, &roster.rows[j].name);
            if (object != NULL)
                object->needed = true;
            else if (roster.rows[j].class == OBJECT_PACK && !lies_somewhere(collect, &roster.rows[j]))
                return error_set(err, ERROR_DAMAGED, "snapshot %s names a pack that no reachable target has",
                                 history->snapshots[i].name);
        }
        if (cancel_check(&collect->hikae->cancel, err) != 0)
            return -1;
    }
    return 0;
}

int collect_look(struct collect *collect, struct error *err)
{
    struct hikae *hikae = collect->hikae;
    struct collect_state *state = &collect->state;
    state->target_count = hikae->target_count;
    for (size_t i = 0; i < hikae->target_count; i++) {
        const struct run_target *t = &hikae->targets[i];
        if (t->up && !target_traits(t->target)->listing_may_be_stale)
            state->may_delete |= UINT64_C(1) << i;
    }
    state->may_condemn = collect_bits(engine_up_mask(hikae)) >= hikae->config->min_copies;
    if (check_history(collect, err) != 0 || collect_sort_snapshots(collect, err) != 0 ||
        read_clocks(collect, err) != 0 || list_objects(collect, err) != 0 || collect_note_needed(collect, err) != 0 ||
        collect_read_notes(collect, err) != 0)
        return -1;
    judge_records(collect);
    return 0;
}
