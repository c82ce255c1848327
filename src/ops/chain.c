/* A tenant's history on the targets: reading all of it, appending to it. */
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/names.h"
#include "crypto/crypto.h"
#include "ops/engine.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void chain_clear(struct chain *chain)
{
    history_clear(&chain->history);
    mem_free(chain->records);
    roster_free(&chain->condemned);
    *chain = (struct chain){0};
}

struct listing {
    struct chain *chain;
    size_t capacity;
    size_t prefix_size;
    uint64_t bit;
};

static int note_record(struct listing *listing, const char *last, struct error *err)
{
    struct chain *chain = listing->chain;
    struct chain_record record = {.targets = listing->bit};
    if (strlen(last) >= sizeof(record.name) || !record_name_hash(last, &record.hash))
        return 0; /* nobody's record */
    if (chain->record_count == listing->capacity) {
        size_t capacity = listing->capacity < 64 ? 64 : 2 * listing->capacity;
        struct chain_record *records = mem_realloc(chain->records, capacity * sizeof(*records));
        if (records == NULL)
            return error_no_memory(err);
        chain->records = records;
        listing->capacity = capacity;
    }
    (void)snprintf(record.name, sizeof(record.name), "%s", last);
    chain->records[chain->record_count++] = record;
    return 0;
}

static int list_one(const struct target_object *object, void *context, struct error *err)
{
    struct listing *listing = context;
    return note_record(listing, object->name + listing->prefix_size, err);
}

static int compare_records(const void *a, const void *b)
{
    return hash_compare(&((const struct chain_record *)a)->hash, &((const struct chain_record *)b)->hash);
}

/* Records seen on several targets become one, with all their bits. */
static void join_records(struct chain *chain)
{
    if (chain->record_count == 0)
        return;
    qsort(chain->records, chain->record_count, sizeof(struct chain_record), compare_records);
    size_t kept = 0;
    for (size_t i = 1; i < chain->record_count; i++) {
        if (hash_equal(&chain->records[i].hash, &chain->records[kept].hash))
            chain->records[kept].targets |= chain->records[i].targets;
        else
            chain->records[++kept] = chain->records[i];
    }
    chain->record_count = kept + 1;
}

const struct chain_record *chain_find(const struct chain *chain, const struct hash *hash)
{
    struct chain_record key = {.hash = *hash};
    return chain->record_count == 0
               ? NULL
               : bsearch(&key, chain->records, chain->record_count, sizeof(struct chain_record), compare_records);
}

uint64_t chain_holders(const struct chain *chain, const struct hash *hash)
{
    const struct chain_record *found = chain_find(chain, hash);
    return found != NULL ? found->targets : 0;
}

static int list_targets(struct hikae *hikae, const struct id *tid, struct listing *listing, struct error *err)
{
    char prefix[OBJECT_NAME_SIZE];
    listing->prefix_size = strlen(name_folder(tid, 'h', prefix));
    size_t answered = 0;
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct run_target *t = &hikae->targets[i];
        if (!t->up)
            continue;
        size_t before = listing->chain->record_count;
        listing->bit = UINT64_C(1) << i;
        struct error why = {0};
        if (target_list(t->target, prefix, NULL, list_one, listing, &why) == 0) {
            answered++;
            continue;
        }
        if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERRUPTED) {
            *err = why;
            return -1;
        }
        listing->chain->record_count = before;
        t->up = false;
        t->why = why;
        engine_warn(hikae, "target %s does not answer: %s", t->name, why.what);
    }
    if (answered > 0)
        return 0;
    (void)error_set(err, ERROR_UNREACHABLE, "the history can be read from no target");
    return error_hint(err, "`hikae target check` says why each cannot be reached");
}

/* Records in the local cache: sealed, as on the targets. */
static int list_cache(const char *folder, struct listing *listing, struct error *err)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return 0;
    listing->bit = 0;
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;)
        rc = note_record(listing, entry->d_name, err);
    (void)closedir(dir);
    return rc;
}

static bool is_sound(const struct buf *object, const struct hash *hash)
{
    struct hash found;
    return sha256(object->data, object->size, found.bytes, NULL) == 0 && hash_equal(&found, hash);
}

/*
 * The bytes of a record from one target, in an older version too where something else lies on top. *ret_bad: what lies
 * there now is not sound, which err then tells, also if an older version is.
 */
static int get_record(const struct hikae *hikae, const struct run_target *t, const char *name, const struct hash *hash,
                      struct buf *out, bool *ret_bad, struct error *err)
{
    for (unsigned version = 0;; version++) {
        struct error why = {0};
        out->size = 0;
        int rc = version == 0 ? target_get(t->target, name, RECORD_SIZE_MAX, out, &why)
                              : target_get_version(t->target, name, version, RECORD_SIZE_MAX, out, &why);
        if (rc == 0 && is_sound(out, hash))
            return 0;
        if (rc != 0 && why.class != ERROR_NOT_FOUND && why.class != ERROR_DAMAGED) {
            *err = why;
            return -1;
        }
        if (version == 0) {
            (void)error_set(err, ERROR_DAMAGED, "%s on %s does not match its name", name, t->name);
            *ret_bad = true;
        } else if (why.class == ERROR_NOT_FOUND) {
            return -1; /* there are no more */
        }
        if (!target_traits(t->target)->versions || cancel_check(&hikae->cancel, NULL) != 0)
            return -1;
    }
}

/*
 * The bytes of a record: from the cache, else from the first target that has it sound. *ret_bad: a target has it, and
 * not sound, which err then tells, also if another one has it. ERROR_DAMAGED: sound nowhere; else it may be sound where
 * nobody can look now.
 */
static int read_record(struct hikae *hikae, const struct id *tid, const char *cache, const struct chain_record *record,
                       struct buf *out, bool *ret_bad, struct error *err)
{
    CLEANUP_FREE char *path = mem_printf("%s%s", cache, record->name);
    char name[OBJECT_NAME_SIZE];
    struct error unknown = {0};
    if (path == NULL)
        return error_no_memory(err);
    out->size = 0;
    if (file_read(path, RECORD_SIZE_MAX, out, NULL) == 0 && is_sound(out, &record->hash))
        return 0;
    (void)name_record(tid, record->name, name);
    (void)error_set(err, ERROR_DAMAGED, "record %s is sound nowhere", record->name);
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct error why = {0};
        if (!hikae->targets[i].up || (record->targets >> i & 1) == 0)
            continue;
        int rc = get_record(hikae, &hikae->targets[i], name, &record->hash, out, ret_bad, &why);
        if (why.class == ERROR_DAMAGED)
            *err = why;
        else if (rc != 0)
            unknown = why;
        if (rc != 0)
            continue;
        if (file_write_cached(path, out->data, out->size, 0600, &why) != 0)
            engine_warn(hikae, "the local copy of a record could not be written: %s", why.what);
        return 0;
    }
    if (unknown.class != ERROR_NONE)
        *err = unknown;
    return -1;
}

/* Records of which a copy is bad, or all: what of it matters is known once it is known which are condemned. */
struct doubt {
    const struct chain_record *record;
    char *text; /* what was seen; NULL: nothing could be read */
    bool is_lost;
};
struct doubts {
    struct doubt *items;
    size_t count;
};

static int doubt_add(struct doubts *doubts, const struct chain_record *record, const char *text, bool is_lost,
                     struct error *err)
{
    struct doubt *grown = mem_realloc(doubts->items, (doubts->count + 1) * sizeof(*grown));
    char *copy = mem_strdup(text);
    if (grown != NULL)
        doubts->items = grown;
    if (grown == NULL || copy == NULL) {
        mem_free(copy);
        return error_no_memory(err);
    }
    grown[doubts->count++] = (struct doubt){record, copy, is_lost};
    return 0;
}

/* A condemned record says nothing any more, and goes: what became of its copies is nobody's loss. */
static void doubts_judge(struct hikae *hikae, const struct doubts *doubts, const struct chain *chain,
                         struct history_builder *builder)
{
    for (size_t i = 0; i < doubts->count; i++) {
        const struct doubt *doubt = &doubts->items[i];
        if (roster_has(&chain->condemned, OBJECT_RECORD, &doubt->record->hash))
            continue;
        engine_warn(hikae,
                    doubt->is_lost ? "a history record cannot be read: %s" : "%s; `hikae verify --repair` mends it",
                    doubt->text);
        if (doubt->is_lost)
            history_builder_unreadable(builder);
    }
}

static void doubts_free(struct doubts *doubts)
{
    for (size_t i = 0; i < doubts->count; i++)
        mem_free(doubts->items[i].text);
    mem_free(doubts->items);
}

static int take_condemned(struct chain *chain, const struct record *record, struct error *err)
{
    for (size_t i = 0; i < record->condemned.count; i++) {
        const struct roster_row *row = &record->condemned.rows[i];
        if (roster_add(&chain->condemned, row->class, &row->name, row->size, err) != 0)
            return -1;
    }
    for (size_t i = 0; record->type == RECORD_CONDEMN && i < record->retired_count; i++)
        if (roster_add(&chain->condemned, OBJECT_RECORD, &record->retired[i], 0, err) != 0)
            return -1;
    return 0;
}

/*
 * Records that only the local cache has. One that was condemned is gone on purpose, and leaves the cache too; else a
 * target hides or has lost it.
 */
static void judge_cached(struct hikae *hikae, const char *cache, struct chain *chain)
{
    size_t kept = 0;
    for (size_t i = 0; i < chain->record_count; i++) {
        const struct chain_record *entry = &chain->records[i];
        if (entry->targets == 0 && roster_has(&chain->condemned, OBJECT_RECORD, &entry->hash)) {
            CLEANUP_FREE char *path = mem_printf("%s%s", cache, entry->name);
            if (path != NULL)
                (void)unlink(path);
            continue;
        }
        if (entry->targets == 0)
            engine_warn(hikae,
                        "record %s was written, but no reachable target has it: one hides or has lost it; "
                        "`hikae replicate` puts it back",
                        entry->name);
        chain->records[kept++] = *entry;
    }
    chain->record_count = kept;
}

/* One record into the history; one that cannot be read is doubted. */
static int fold_record(struct hikae *hikae, const struct id *tid, const struct keyring *keyring, const char *cache,
                       struct chain *chain, const struct chain_record *entry, struct buf *object,
                       struct history_builder *builder, struct doubts *doubts, struct error *err)
{
    CLEANUP(record_clear) struct record record = {0};
    struct error why = {0};
    bool bad = false;
    int rc = read_record(hikae, tid, cache, entry, object, &bad, &why);
    if (bad && rc == 0 && doubt_add(doubts, entry, why.what, false, err) != 0)
        return -1;
    why = rc == 0 ? (struct error){0} : why;
    if (rc != 0 || record_parse(object->data, object->size, keyring, &record, &why) != 0) {
        if (why.class != ERROR_NO_MEMORY && why.class != ERROR_INTERNAL && why.class != ERROR_INTERRUPTED)
            return doubt_add(doubts, entry, why.what, true, err);
        *err = why;
        return -1;
    }
    return take_condemned(chain, &record, err) == 0 ? history_builder_take(builder, &record, err) : -1;
}

static int fold(struct hikae *hikae, const struct id *tid, const struct keyring *keyring, const char *cache,
                struct chain *chain, struct error *err)
{
    struct history_builder *builder = history_builder_new();
    CLEANUP(doubts_free) struct doubts doubts = {0};
    CLEANUP(buf_free) struct buf object = {0};
    int rc = builder != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < chain->record_count; i++)
        rc = fold_record(hikae, tid, keyring, cache, chain, &chain->records[i], &object, builder, &doubts, err);
    roster_sort(&chain->condemned);
    if (rc == 0) {
        doubts_judge(hikae, &doubts, chain, builder);
        rc = history_builder_finish(builder, &chain->history, err);
    }
    history_builder_free(builder);
    if (rc == 0)
        judge_cached(hikae, cache, chain);
    return rc;
}

int chain_load(struct hikae *hikae, const struct id *tid, const struct keyring *keyring, struct chain *ret,
               struct error *err)
{
    *ret = (struct chain){0};
    struct listing listing = {.chain = ret};
    CLEANUP_FREE char *cache = engine_tenant_path(hikae, tid, "h/", err);
    if (cache == NULL)
        return -1;
    if (list_targets(hikae, tid, &listing, err) != 0 || list_cache(cache, &listing, err) != 0) {
        chain_clear(ret);
        return -1;
    }
    join_records(ret);
    if (fold(hikae, tid, keyring, cache, ret, err) != 0) {
        chain_clear(ret);
        return error_wrap(err, "read the history");
    }
    if (ret->history.missing_count > 0)
        engine_warn(hikae, "the history names %zu records that no reachable target has", ret->history.missing_count);
    if (ret->history.head_count > 1)
        engine_warn(hikae, "the history has %zu heads: two writers did not see each other; the next record joins them",
                    ret->history.head_count);
    return 0;
}

int chain_read(struct hikae *hikae, const struct id *tid, const struct chain_record *record, struct buf *out,
               struct error *err)
{
    CLEANUP_FREE char *cache = engine_tenant_path(hikae, tid, "h/", err);
    bool bad = false;
    if (cache == NULL || read_record(hikae, tid, cache, record, out, &bad, err) != 0)
        return -1;
    if (bad)
        engine_warn(hikae, "%s; `hikae verify --repair` mends it", err->what);
    return 0;
}

/* ---- What was condemned since ---- */

static int take_news(struct hikae *hikae, const struct keyring *keyring, const struct chain_record *entry,
                     struct roster *lately, struct roster *late, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    CLEANUP(record_clear) struct record record = {0};
    /* What cannot be read cannot be kept to: the writer must not go on. */
    if (chain_read(hikae, keyring_tid(keyring), entry, &object, err) != 0 ||
        record_parse(object.data, object.size, keyring, &record, err) != 0)
        return error_wrap(err, "look for what was condemned since this run began");
    struct roster *to = clock_now_ns() - record.time_ns > CONDEMN_WAIT_NS / 2 ? late : lately;
    for (size_t i = 0; i < record.condemned.count; i++) {
        const struct roster_row *row = &record.condemned.rows[i];
        if (roster_add(to, row->class, &row->name, row->size, err) != 0)
            return -1;
    }
    return 0;
}

static bool knows(const struct chain *chain, const struct hash *hash)
{
    struct chain_record key = {.hash = *hash};
    return chain->record_count > 0 &&
           bsearch(&key, chain->records, chain->record_count, sizeof(struct chain_record), compare_records) != NULL;
}

int chain_condemned_since(struct hikae *hikae, const struct keyring *keyring, const struct chain *chain,
                          struct roster *lately, struct roster *late, struct error *err)
{
    CLEANUP(chain_clear) struct chain now = {0};
    struct listing listing = {.chain = &now};
    if (list_targets(hikae, keyring_tid(keyring), &listing, err) != 0)
        return -1;
    join_records(&now);
    for (size_t i = 0; i < now.record_count; i++)
        if (!knows(chain, &now.records[i].hash) && take_news(hikae, keyring, &now.records[i], lately, late, err) != 0)
            return -1;
    roster_sort(lately);
    roster_sort(late);
    return 0;
}

/* ---- Appending ---- */

static int fill_in(struct hikae *hikae, const struct chain *chain, struct record *record, struct error *err)
{
    const struct history *history = &chain->history;
    record->sequence = history->sequence + 1;
    record->time_ns = clock_now_ns();
    record->writer = hikae->writer;
    if (history->head_count > RECORD_PREVIOUS_MAX)
        return error_set(err, ERROR_REFUSED, "the history has %zu heads", history->head_count);
    mem_free(record->previous);
    record->previous = mem_dup(history->heads, history->head_count * sizeof(struct hash));
    record->previous_count = history->head_count;
    return record->previous != NULL ? crypto_random(record->run.bytes, ID_SIZE, err) : error_no_memory(err);
}

int chain_append(struct hikae *hikae, const struct keyring *keyring, const struct chain *chain, struct record *record,
                 uint64_t mask, size_t need, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    char last[RECORD_NAME_SIZE], name[OBJECT_NAME_SIZE];
    if (fill_in(hikae, chain, record, err) != 0 || record_seal(record, keyring, &object, err) != 0)
        return error_wrap(err, "seal a history record");
    record_object_name(record, last);
    (void)name_record(keyring_tid(keyring), last, name);
    size_t stored = 0;
    struct error why = {0};
    for (size_t i = 0; i < hikae->target_count; i++) {
        if ((mask >> i & 1) == 0 || !hikae->targets[i].up)
            continue;
        if (target_put(hikae->targets[i].target, name, object.data, object.size, TARGET_PUT_CREATE, &why) == 0)
            stored++;
        else
            engine_warn(hikae, "the record is not on %s: %s", hikae->targets[i].name, why.what);
    }
    CLEANUP_FREE char *path = NULL;
    if (stored > 0) {
        CLEANUP_FREE char *cache = engine_tenant_path(hikae, keyring_tid(keyring), "h/", NULL);
        path = cache != NULL ? mem_printf("%s%s", cache, last) : NULL;
        if (path != NULL && file_write_cached(path, object.data, object.size, 0600, &why) != 0)
            engine_warn(hikae, "the local copy of the record could not be written: %s", why.what);
    }
    if (stored >= need)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the record is on %zu targets, %zu are needed%s%.300s", stored, need,
                    why.class != ERROR_NONE ? "; last: " : ", and no more of them answer", why.what);
    return error_hint(err, "repair or free the targets that refuse, then run again: what is stored is reused");
}
