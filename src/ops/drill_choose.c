/* What is drilled: one snapshot of each age, and of a sample the files in them. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/drill.h"
#include "ops/erasure.h"
#include "ops/look.h"
#include "pipeline/select.h"

#include <stdio.h>
#include <string.h>

#define DAY_NS (24 * 3600 * NS_PER_S)

/* Ages, the youngest first; the latest snapshot is of an age of its own. */
static const struct {
    const char *name;
    int64_t up_to_ns;
} ages[DRILL_AGES] = {
    {"latest", 0}, {"week", 7 * DAY_NS}, {"month", 31 * DAY_NS}, {"year", 366 * DAY_NS}, {"older", INT64_MAX}};

static size_t age_of(const struct history_snapshot *snapshot, const struct history_snapshot *latest, int64_t now_ns)
{
    size_t age = snapshot == latest ? 0 : 1;
    while (snapshot != latest && now_ns - snapshot->time_ns > ages[age].up_to_ns)
        age++;
    return age;
}

static void take(struct drill *drill, const struct session *session, const struct history_snapshot *snapshot,
                 const char *age, size_t among)
{
    struct drill_age *to = &drill->ages[drill->age_count++];
    *to = (struct drill_age){.name = age,
                             .time_ns = snapshot->time_ns,
                             .entries = snapshot->root.entries,
                             .bytes = snapshot->root.bytes,
                             .among = among,
                             .holders = chain_holders(&session->chain, &snapshot->record)};
    memcpy(to->snapshot, snapshot->name, sizeof(to->snapshot));
}

/* Which of `count` snapshots of an age: by the seed. */
static int draw(struct drill *drill, const char *age, size_t count, size_t *ret, struct error *err)
{
    uint64_t number;
    if (drill_priority(drill->hmac, "", "age", age, &number, err) != 0)
        return -1;
    *ret = (size_t)(number % count);
    return 0;
}

int drill_choose_snapshots(struct drill *drill, const struct session *session, struct error *err)
{
    const struct history *history = &session->chain.history;
    const struct hikae_which which = {.snapshot = drill->options->snapshot};
    const struct history_snapshot *chosen, *latest = history_latest(history);
    if (session_snapshot(session, &which, &chosen, err) != 0)
        return -1;
    if (drill->options->snapshot != NULL || drill->options->mode != HIKAE_DRILL_SAMPLE) {
        take(drill, session, chosen, chosen == latest ? "latest" : "chosen", 1);
        return 0;
    }
    for (size_t age = 0; age < DRILL_AGES; age++) {
        size_t count = 0, wanted;
        for (size_t i = 0; i < history->snapshot_count; i++)
            count += !history->snapshots[i].retired && age_of(&history->snapshots[i], latest, drill->started_ns) == age;
        if (count == 0)
            continue;
        if (draw(drill, ages[age].name, count, &wanted, err) != 0)
            return -1;
        for (size_t i = 0, seen = 0; i < history->snapshot_count; i++)
            if (!history->snapshots[i].retired && age_of(&history->snapshots[i], latest, drill->started_ns) == age &&
                seen++ == wanted)
                take(drill, session, &history->snapshots[i], ages[age].name, count);
    }
    return 0;
}

/* Offer every file with content of one snapshot. */
static int offer_files(struct drill *drill, struct hikae *engine, const struct drill_site *site, struct drill_age *age,
                       struct error *err)
{
    struct view view;
    struct manifest_reader *reader = NULL;
    const struct entry *entry;
    const struct hikae_which which = {.snapshot = age->snapshot};
    uint64_t priority;
    if (view_open(engine, drill->tenant, &which, &view, err) != 0)
        return -1;
    struct erasure_list erased = {0};
    int rc = erasure_load(&view.session, &erased, err);
    if (rc == 0)
        rc = view_manifest(&view, view.snapshot, &reader, err);
    while (rc == 0 && (rc = manifest_reader_next(reader, &entry, err)) > 0) {
        rc = view_cancelled(&view, err);
        if (rc != 0 || entry->type != ENTRY_FILE || entry->size == 0 || entry->unreadable ||
            selection_omits(erased.selection, entry))
            continue;
        rc = view_path(entry, &view.path, err);
        if (rc == 0)
            rc = drill_priority(drill->hmac, site->name, age->snapshot, (const char *)view.path.data, &priority, err);
        if (rc == 0)
            rc = drill_picks_offer(&age->picks, priority, (const char *)view.path.data, entry->size, err);
    }
    manifest_reader_free(reader);
    erasure_clear(&erased);
    view_close(&view);
    return rc;
}

/* More than a sample of an endless population needs is never drawn from one age, but for rounding. */
static size_t most_of(const struct drill *drill)
{
    uint64_t endless = drill_sample_size_endless(drill->damage, drill->confidence);
    return (size_t)(endless + endless / 4 + 64);
}

int drill_choose_files(struct drill *drill, struct hikae *engine, struct drill_site *site, struct error *err)
{
    uint64_t populations[DRILL_AGES], samples[DRILL_AGES];
    memcpy(site->ages, drill->ages, sizeof(site->ages));
    site->age_count = drill->age_count;
    for (size_t i = 0; i < site->age_count; i++) {
        struct drill_age *age = &site->ages[i];
        if (drill->options->mode != HIKAE_DRILL_SAMPLE) {
            age->population = age->sample = age->entries;
        } else {
            if (drill_picks_init(&age->picks, most_of(drill), err) != 0 ||
                offer_files(drill, engine, site, age, err) != 0)
                return error_wrap(err, "draw files of snapshot %s", age->snapshot);
            drill_picks_sort(&age->picks);
            age->population = age->picks.offered;
        }
        populations[i] = age->population;
        site->population += age->population;
    }
    site->reached = 1;
    if (drill->options->mode == HIKAE_DRILL_SAMPLE)
        drill_allocate(populations, site->age_count, drill->damage, drill->confidence, most_of(drill), samples,
                       &site->reached);
    for (size_t i = 0; i < site->age_count; i++) {
        if (drill->options->mode == HIKAE_DRILL_SAMPLE)
            site->ages[i].sample = samples[i];
        site->sample += site->ages[i].sample;
    }
    return 0;
}
