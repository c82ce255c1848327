/* Condemning: a record says what goes, before anything does. */
#include "base/mem.h"
#include "ops/collect.h"

#include <stdio.h>
#include <stdlib.h>

void collect_follow(struct collect *collect, const struct record *record)
{
    struct history *history = &collect->session.chain.history;
    history->heads[0] = record->name;
    history->head_count = 1;
    history->sequence = record->sequence;
}

/* It goes: as planned, or because what is needed of it has moved since. */
static bool is_doomed(const struct collect_object *object)
{
    if (object->on == 0 || object->condemned != 0 || object->needed)
        return false;
    return object->class == OBJECT_RECORD ? object->action == COLLECT_CONDEMN : object->action != COLLECT_WAIT;
}

/* A record by name: is it there, and not going? */
static bool name_stays(const struct collect *collect, const struct hash *name)
{
    const struct collect_object *object = collect_find(&collect->state, OBJECT_RECORD, name);
    return object != NULL && object->on != 0 && object->condemned == 0 && !is_doomed(object);
}

static bool stays(const struct collect *collect, const struct record_note *note)
{
    return name_stays(collect, &note->entry.hash);
}

/*
 * Records that are gone, and that records which stay name as previous, would look lost when the record goes that
 * condemned them: say it again.
 */
static int restate_gone(const struct collect *collect, struct record *record, struct error *err)
{
    for (size_t i = 0; i < collect->note_count; i++) {
        const struct record_note *note = &collect->notes[i];
        if (!stays(collect, note))
            continue;
        for (size_t j = 0; j < note->previous_count; j++) {
            const struct collect_object *object = collect_find(&collect->state, OBJECT_RECORD, &note->previous[j]);
            if ((object == NULL || object->on == 0) &&
                roster_add(&record->condemned, OBJECT_RECORD, &note->previous[j], 0, err) != 0)
                return -1;
        }
    }
    return 0;
}

static int compare_hashes(const void *a, const void *b)
{
    return hash_compare(a, b);
}

static int add_hashes(struct hash **list, size_t *count, const struct hash *more, size_t more_count, struct error *err)
{
    struct hash *grown = more_count > 0 ? mem_realloc(*list, (*count + more_count) * sizeof(*grown)) : *list;
    if (more_count == 0)
        return 0;
    if (grown == NULL)
        return error_no_memory(err);
    memcpy(grown + *count, more, more_count * sizeof(*grown));
    *list = grown;
    *count += more_count;
    return 0;
}

static void sort_hashes(struct hash *list, size_t *count)
{
    size_t kept = 0;
    if (*count == 0)
        return;
    qsort(list, *count, sizeof(*list), compare_hashes);
    for (size_t i = 1; i < *count; i++)
        if (!hash_equal(&list[i], &list[kept]))
            list[++kept] = list[i];
    *count = kept + 1;
}

/*
 * What records that go have retired stays retired, wherever it comes back from; and what they name does not become a
 * head.
 */
static int restate_links(const struct collect *collect, struct record *record, struct error *err)
{
    for (size_t i = 0; i < collect->note_count; i++) {
        const struct record_note *note = &collect->notes[i];
        if (stays(collect, note))
            continue;
        if (add_hashes(&record->retired, &record->retired_count, note->retired, note->retired_count, err) != 0 ||
            add_hashes(&record->linked, &record->linked_count, note->linked, note->linked_count, err) != 0 ||
            add_hashes(&record->linked, &record->linked_count, note->previous, note->previous_count, err) != 0)
            return -1;
    }
    sort_hashes(record->retired, &record->retired_count);
    sort_hashes(record->linked, &record->linked_count);
    size_t kept = 0;
    for (size_t i = 0; i < record->linked_count; i++)
        if (name_stays(collect, &record->linked[i]))
            record->linked[kept++] = record->linked[i];
    record->linked_count = kept;
    return 0;
}

static int write_record(struct collect *collect, struct record *record, const uint64_t counts[WHY_COUNT],
                        struct error *err)
{
    char body[512] = "{\"v\":1,\"why\":{";
    size_t used = strlen(body);
    bool first = true;
    for (int why = 0; why < WHY_COUNT; why++)
        if (counts[why] > 0) {
            used += (size_t)snprintf(body + used, sizeof(body) - used, "%s\"%s\":%llu", first ? "" : ",",
                                     collect_why_word((enum collect_why)why), (unsigned long long)counts[why]);
            first = false;
        }
    (void)snprintf(body + used, sizeof(body) - used, "}}");
    record->body = mem_strdup(body);
    if (record->body == NULL)
        return error_no_memory(err);
    if (chain_append(collect->hikae, collect->session.keyring, &collect->session.chain, record,
                     engine_up_mask(collect->hikae), collect->hikae->config->min_copies, err) != 0)
        return -1;
    collect_follow(collect, record);
    return 0;
}

/* A bounded number of objects from *at on; *at moves behind them. */
static int condemn_some(struct collect *collect, size_t *at, struct error *err)
{
    CLEANUP(record_clear) struct record record = {.type = RECORD_CONDEMN};
    uint64_t counts[WHY_COUNT] = {0}, bytes = 0;
    size_t begin = *at, objects = 0;
    bool records = false;
    for (; *at < collect->state.count && objects < RECORD_CONDEMNED_MAX / 2; ++*at) {
        struct collect_object *object = &collect->state.objects[*at];
        if (!is_doomed(object))
            continue;
        if (object->action != COLLECT_CONDEMN)
            object->why = WHY_MOVED;
        if (roster_add(&record.condemned, object->class, &object->name, object->size, err) != 0)
            return -1;
        records |= object->class == OBJECT_RECORD;
        counts[object->why]++;
        objects++;
        bytes += object->size;
    }
    if (objects == 0)
        return 0;
    if (records && (restate_gone(collect, &record, err) != 0 || restate_links(collect, &record, err) != 0))
        return -1;
    if (write_record(collect, &record, counts, err) != 0)
        return error_wrap(err, "condemn what no snapshot needs");
    for (size_t i = begin; i < *at; i++)
        if (is_doomed(&collect->state.objects[i]))
            collect->state.objects[i].action = COLLECT_WAIT;
    collect->ret->condemned_objects += objects;
    collect->ret->condemned_bytes += bytes;
    return 0;
}

int collect_condemn(struct collect *collect, struct error *err)
{
    size_t at = 0;
    while (at < collect->state.count)
        if (cancel_check(&collect->hikae->cancel, err) != 0 || condemn_some(collect, &at, err) != 0)
            return -1;
    return 0;
}
