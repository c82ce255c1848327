/* What the history's records say of the objects: rosters that are not in force any more, and what was condemned. */
#include "base/json.h"
#include "base/mem.h"
#include "ops/collect.h"

#include <stdlib.h>

/* The snapshot that the body of a tag or a verification names. */
static int read_subject(struct record_note *note, const char *body, struct error *err)
{
    json_t *json CLEANUP_JSON = NULL;
    if (body != NULL && json_parse(body, strlen(body), &json, err) != 0)
        return -1;
    const char *name = json_string_value(json_object_get(json, "snapshot"));
    if (name != NULL && strlen(name) == SNAPSHOT_NAME_SIZE - 1)
        memcpy(note->snapshot, name, SNAPSHOT_NAME_SIZE);
    return 0;
}

static int compare_snapshots(const void *a, const void *b)
{
    const struct history_snapshot *x = *(const struct history_snapshot *const *)a,
                                  *y = *(const struct history_snapshot *const *)b;
    return hash_compare(&x->record, &y->record);
}

int collect_sort_snapshots(struct collect *collect, struct error *err)
{
    const struct history *history = &collect->session.chain.history;
    collect->snapshots = mem_calloc(history->snapshot_count, sizeof(struct history_snapshot *));
    if (collect->snapshots == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < history->snapshot_count; i++)
        collect->snapshots[i] = &history->snapshots[i];
    if (history->snapshot_count > 1)
        qsort(collect->snapshots, history->snapshot_count, sizeof(struct history_snapshot *), compare_snapshots);
    return 0;
}

size_t collect_snapshot_at(const struct collect *collect, const struct hash *record)
{
    size_t low = 0, high = collect->session.chain.history.snapshot_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (hash_compare(&collect->snapshots[middle]->record, record) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct history_snapshot *collect_snapshot_of(const struct collect *collect, const struct hash *record)
{
    size_t at = collect_snapshot_at(collect, record);
    bool found =
        at < collect->session.chain.history.snapshot_count && hash_equal(&collect->snapshots[at]->record, record);
    return found ? collect->snapshots[at] : NULL;
}

/* A roster that is not in force (any more): what it names was needed once. Of a kept snapshot: it stays where the new
 * one is not whole. */
static void note_row(struct collect *collect, const struct roster_row *row, bool kept, uint64_t spared)
{
    struct collect_object *object = collect_find(&collect->state, row->class, &row->name);
    if (object == NULL)
        return;
    object->was_needed = true;
    object->moved_out |= kept;
    object->spared |= spared;
}

/* An old roster is deleted before what it names, so that a part may be gone; then what it named is nobody's. */
static int note_roster(struct collect *collect, const struct record *record, bool kept, uint64_t spared,
                       struct error *err)
{
    for (size_t i = 0; i < record->roster.count; i++)
        note_row(collect, &record->roster.rows[i], kept, spared);
    for (size_t i = 0; i < record->part_count; i++) {
        static const struct roster none;
        const struct roster *rows = &none;
        struct error why = {0};
        note_row(collect, &record->parts[i], kept, spared);
        if (session_part(&collect->session, &record->parts[i], &rows, &why) != 0) {
            rows = &none;
            if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERRUPTED) {
                *err = why;
                return -1;
            }
            /* Nobody knows what it named: where that may be all that a snapshot has, nothing is deleted. */
            collect->state.may_delete &= ~spared;
        }
        for (size_t j = 0; j < rows->count; j++)
            note_row(collect, &rows->rows[j], kept, spared);
    }
    return 0;
}

/* The rosters of one record, if they are not in force. */
static int note_old_rosters(struct collect *collect, const struct record *record, struct error *err)
{
    uint64_t up = engine_up_mask(collect->hikae);
    const struct hash *names = record->type == RECORD_ROSTER ? record->snapshots : &record->name;
    size_t count = record->type == RECORD_ROSTER ? record->snapshot_count : record->type == RECORD_SNAPSHOT;
    for (size_t i = 0; i < count; i++) {
        const struct history_snapshot *snapshot = collect_snapshot_of(collect, &names[i]);
        bool kept = snapshot != NULL && !snapshot->retired;
        uint64_t counting = up;
        if (kept && (!snapshot->has_new_roster || hash_equal(&snapshot->roster_record, &record->name)))
            continue; /* it is in force */
        if (kept && session_counting(&collect->session, snapshot, &counting, err) != 0)
            return -1;
        if (note_roster(collect, record, kept, kept ? up & ~counting : 0, err) != 0)
            return -1;
    }
    return 0;
}

/* A test store's clock is not that of the files: there the record alone says when. */
static int64_t began(const struct collect *collect, const struct record_note *note, size_t target)
{
    const struct hikae *hikae = collect->hikae;
    const struct collect_object *object = collect_find(&collect->state, OBJECT_RECORD, &note->entry.hash);
    bool there = object != NULL && (object->on >> target & 1) != 0;
    if (there && !hikae->store.test_clock && object->modified_ns > note->time_ns)
        return object->modified_ns;
    return note->time_ns;
}

static int note_condemned(struct collect *collect, struct error *err)
{
    struct collect_state *state = &collect->state;
    state->condemnations = mem_calloc(collect->note_count, sizeof(*state->condemnations));
    if (state->condemnations == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < collect->note_count; i++) {
        const struct record_note *note = &collect->notes[i];
        /* One that a killed run left on too few targets condemns nothing: not every run would see it. */
        if (note->condemned.count == 0 || collect_bits(chain_holders(&collect->session.chain, &note->entry.hash)) <
                                              collect->hikae->config->min_copies)
            continue;
        struct collect_condemnation *made = &state->condemnations[state->condemnation_count++];
        made->record = note->entry.hash;
        for (size_t t = 0; t < state->target_count; t++)
            made->since_ns[t] = began(collect, note, t);
        for (size_t j = 0; j < note->condemned.count; j++) {
            const struct roster_row *row = &note->condemned.rows[j];
            struct collect_object *object = collect_find(state, row->class, &row->name);
            /* Of several the first: what was condemned stays so. */
            if (object != NULL && object->condemned == 0)
                object->condemned = (uint32_t)state->condemnation_count;
        }
    }
    return 0;
}

static int compare_notes(const void *a, const void *b)
{
    const struct record_note *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return hash_compare(&x->entry.hash, &y->entry.hash);
}

int collect_read_notes(struct collect *collect, struct error *err)
{
    const struct chain *chain = &collect->session.chain;
    CLEANUP(buf_free) struct buf object = {0};
    collect->notes = mem_calloc(chain->record_count, sizeof(*collect->notes));
    if (collect->notes == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < chain->record_count; i++) {
        CLEANUP(record_clear) struct record record = {0};
        struct record_note *note = &collect->notes[collect->note_count];
        struct error why = {0};
        object.size = 0;
        if (chain_read(collect->hikae, &collect->session.tid, &chain->records[i], &object, &why) != 0 ||
            record_parse(object.data, object.size, collect->session.keyring, &record, &why) != 0) {
            /* Of one that is condemned only a bad copy may be left, which is to go. */
            if (why.class == ERROR_DAMAGED && roster_has(&chain->condemned, OBJECT_RECORD, &chain->records[i].hash))
                continue;
            *err = why;
            return -1;
        }
        collect->note_count++;
        if (note_old_rosters(collect, &record, err) != 0)
            return -1;
        *note = (struct record_note){.entry = chain->records[i],
                                     .type = record.type,
                                     .time_ns = record.time_ns,
                                     .previous = record.previous,
                                     .previous_count = record.previous_count,
                                     .retired = record.retired,
                                     .retired_count = record.retired_count,
                                     .snapshots = record.snapshots,
                                     .snapshot_count = record.snapshot_count,
                                     .linked = record.linked,
                                     .linked_count = record.linked_count,
                                     .condemned = record.condemned,
                                     .size = object.size};
        record.previous = record.retired = record.snapshots = record.linked = NULL;
        record.condemned = (struct roster){0};
        bool has_subject = record.type == RECORD_TAG || record.type == RECORD_VERIFIED;
        if (has_subject && read_subject(note, record.body, err) != 0)
            return -1;
        for (size_t j = 0; j < chain->history.head_count; j++)
            note->is_head |= hash_equal(&chain->history.heads[j], &record.name);
    }
    if (collect->note_count > 1)
        qsort(collect->notes, collect->note_count, sizeof(*collect->notes), compare_notes);
    return note_condemned(collect, err);
}
