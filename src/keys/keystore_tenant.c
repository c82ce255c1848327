/* Tenants' keys: looked up one tenant at a time, and new ones. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"

#include <stdlib.h>
#include <string.h>

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_SIZE);
}

int keystore_distinct(const struct key_runs *runs, struct id **ret_tids, size_t *ret_count, struct error *err)
{
    struct id *tids = mem_calloc(runs->count, sizeof(*tids));
    if (tids == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < runs->count; i++)
        tids[i] = runs->runs[i].tid;
    qsort(tids, runs->count, sizeof(*tids), compare_ids);
    size_t count = 0;
    for (size_t i = 0; i < runs->count; i++)
        if (count == 0 || !id_equal(&tids[count - 1], &tids[i]))
            tids[count++] = tids[i];
    *ret_tids = tids;
    *ret_count = count;
    return 0;
}

int keystore_tenants(struct keystore *keystore, struct id **ret_tids, size_t *ret_count, struct error *err)
{
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = keystore_distinct(&keystore->runs, ret_tids, ret_count, err);
    (void)pthread_mutex_unlock(&keystore->lock);
    return rc;
}

/* Called for each row of a tenant; the row's key is freed afterwards. */
typedef int row_callback(const struct key_row *row, void *context, struct error *err);

/* Opening an entry costs as much as it has rows: it stays open until another one is asked for. */
static int reader_of(struct keystore *keystore, uint32_t entry, struct row_reader **ret, struct error *err)
{
    *ret = &keystore->reader;
    if (keystore->reader.opener != NULL && keystore->reader_entry == entry)
        return 0;
    row_reader_close(&keystore->reader);
    keystore->reader_entry = entry;
    return row_reader_open(&keystore->reader, &keystore->entries[entry], keystore->root, err);
}

static int visit_run(struct keystore *keystore, const struct key_run *run, row_callback *callback, void *context,
                     struct error *err)
{
    struct row_reader *reader;
    CLEANUP_SECRET struct secret *rows = NULL;
    if (reader_of(keystore, run->entry, &reader, err) != 0 ||
        row_reader_read(reader, run->first, run->count, &rows, err) != 0)
        return -1;
    for (uint32_t i = 0; i < run->count; i++) {
        struct key_row row;
        int rc = row_decode(secret_borrow(rows) + (size_t)i * KEYS_ROW_SIZE, &row, err);
        if (rc == 0)
            rc = callback(&row, context, err);
        secret_free(row.key);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* ---- One tenant's runs among those of all ---- */

static int compare_places(const void *a, const void *b)
{
    const struct key_place *x = a, *y = b;
    int order = memcmp(x->tid.bytes, y->tid.bytes, ID_SIZE);
    return order != 0 ? order : (x->run > y->run) - (x->run < y->run);
}

/* Runs are only ever added at the end: places of as many as there are now are places of all. */
static int sort_places(struct key_runs *runs, struct error *err)
{
    if (runs->place_count == runs->count)
        return 0;
    struct key_place *places = mem_realloc(runs->places, runs->count * sizeof(*places));
    if (places == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < runs->count; i++)
        places[i] = (struct key_place){runs->runs[i].tid, (uint32_t)i};
    qsort(places, runs->count, sizeof(*places), compare_places);
    runs->places = places;
    runs->place_count = runs->count;
    return 0;
}

/* The first place whose tenant is not below. */
static size_t first_place(const struct key_runs *runs, const struct id *tid)
{
    size_t low = 0, high = runs->place_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(runs->places[middle].tid.bytes, tid->bytes, ID_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int no_keys(const struct keystore *keystore, const struct id *tid, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    (void)error_set(err, ERROR_KEYS, "epoch %u of the keystore holds no keys of tenant %s", keystore->epoch,
                    hex_encode(tid->bytes, ID_SIZE, hex));
    if (keystore->unread > 0)
        return error_hint(err, "%zu entries could not be read and may hold them: repair or reach the targets first",
                          keystore->unread);
    return -1;
}

/* Each row of a tenant, with the lock held. ERROR_KEYS if it has none. */
static int visit_tenant(struct keystore *keystore, const struct id *tid, row_callback *callback, void *context,
                        struct error *err)
{
    const struct key_runs *runs = &keystore->runs;
    if (sort_places(&keystore->runs, err) != 0)
        return -1;
    size_t first = first_place(runs, tid), i = first;
    for (; i < runs->place_count && id_equal(&runs->places[i].tid, tid); i++)
        if (visit_run(keystore, &runs->runs[runs->places[i].run], callback, context, err) != 0)
            return -1;
    return i > first ? 0 : no_keys(keystore, tid, err);
}

static int add_to_keyring(const struct key_row *row, void *context, struct error *err)
{
    /* The store's signing keys have its tid too, but no run needs them to seal and open. */
    return row->type == KEY_SEALING || row->type == KEY_DEDUP ? keyring_add(context, row, err) : 0;
}

/* With the lock held. */
static int load_keyring(struct keystore *keystore, const struct id *tid, struct keyring **ret, struct error *err)
{
    struct keyring *keyring = keyring_new(tid);
    int rc = keyring != NULL ? visit_tenant(keystore, tid, add_to_keyring, keyring, err) : error_no_memory(err);
    if (rc != 0)
        keyring_free(keyring);
    else
        *ret = keyring;
    return rc;
}

int keystore_keyring(struct keystore *keystore, const struct id *tid, struct keyring **ret, struct error *err)
{
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = load_keyring(keystore, tid, ret, err);
    (void)pthread_mutex_unlock(&keystore->lock);
    return rc;
}

static int take_since(const struct key_row *row, void *context, struct error *err)
{
    int64_t *since_ns = context;
    (void)err;
    if (*since_ns == 0 || row->created_ns < *since_ns)
        *since_ns = row->created_ns;
    return 0;
}

int keystore_tenant_since(struct keystore *keystore, const struct id *tid, int64_t *ret_ns, struct error *err)
{
    *ret_ns = 0;
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = visit_tenant(keystore, tid, take_since, ret_ns, err);
    (void)pthread_mutex_unlock(&keystore->lock);
    return rc;
}

struct wanted_key {
    enum key_type type;
    struct secret *key;
    int64_t created_ns;
};

/* Of several signing keys the oldest is taken: it is the one in the store object. */
static int take_signing(const struct key_row *row, void *context, struct error *err)
{
    struct wanted_key *wanted = context;
    if (row->type != wanted->type || (wanted->key != NULL && wanted->created_ns <= row->created_ns))
        return 0;
    secret_free(wanted->key);
    wanted->created_ns = row->created_ns;
    wanted->key = secret_dup(row->key);
    return wanted->key != NULL ? 0 : error_no_memory(err);
}

int keystore_signing_key(struct keystore *keystore, enum key_type type, struct secret **ret, struct error *err)
{
    if (type != KEY_SIGN_STORE && type != KEY_SIGN_AUDIT)
        return error_set(err, ERROR_INTERNAL, "keys of type %d sign nothing", (int)type);
    struct wanted_key wanted = {.type = type};
    int rc = 0;
    (void)pthread_mutex_lock(&keystore->lock);
    for (size_t i = 0; rc == 0 && i < keystore->runs.count; i++)
        if (keystore->runs.runs[i].signing)
            rc = visit_run(keystore, &keystore->runs.runs[i], take_signing, &wanted, err);
    if (rc == 0 && wanted.key == NULL)
        rc = error_set(err, ERROR_KEYS, "epoch %u of the keystore holds no signing key of the %s", keystore->epoch,
                       type == KEY_SIGN_STORE ? "store" : "audit log");
    (void)pthread_mutex_unlock(&keystore->lock);
    if (rc != 0)
        secret_free(wanted.key);
    else
        *ret = wanted.key;
    return rc;
}

/* ---- New keys ---- */

int keystore_new_row(const struct id *tid, enum key_type type, uint32_t generation, struct key_row *ret,
                     struct error *err)
{
    *ret = (struct key_row){.type = type, .generation = generation, .created_ns = clock_now_ns(), .tid = *tid};
    if (crypto_random(ret->key_id.bytes, ID_SIZE, err) != 0)
        return -1;
    return keys_random_secret(KEY_SIZE, &ret->key, err);
}

int keystore_write_new(struct row_writer *writer, const struct id *tid, const struct new_key *keys, size_t count,
                       struct error *err)
{
    CLEANUP_SECRET struct secret *rows = secret_new(count * KEYS_ROW_SIZE);
    if (rows == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        struct key_row row;
        if (keystore_new_row(tid, keys[i].type, keys[i].generation, &row, err) != 0)
            return -1;
        row_encode(&row, secret_bytes(rows) + i * KEYS_ROW_SIZE);
        secret_free(row.key);
    }
    return row_writer_add(writer, secret_borrow(rows), count, err);
}

static struct row_writer writer_of(struct keystore *keystore)
{
    return (struct row_writer){.set = &keystore->set,
                               .root = keystore->root,
                               .epoch = keystore->epoch,
                               .copies = keystore->set.min_copies,
                               .into = keystore};
}

/*
 * The keys are in force only if the epoch still is: whoever rotates the root writes the new slots and then lists the
 * old entries again, and here the entry is written and then the slots are listed, so one of the two sees the other.
 */
static int settle(struct keystore *keystore, struct row_writer *writer, struct error *err)
{
    return row_writer_finish(writer, err) == 0 ? keystore_check_live(keystore, false, err) : -1;
}

static int add_tenants(struct keystore *keystore, const struct id *tids, size_t count, struct error *err)
{
    static const struct new_key keys[] = {{KEY_SEALING, 1}, {KEY_DEDUP, 1}};
    CLEANUP(cleanup_row_writer) struct row_writer writer = writer_of(keystore);
    if (keystore_check_live(keystore, false, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (keystore_write_new(&writer, &tids[i], keys, sizeof(keys) / sizeof(keys[0]), err) != 0)
            return -1;
    return settle(keystore, &writer, err);
}

/* None has keys yet, and none is named twice. */
static int check_new(const struct keystore *keystore, const struct id *tids, size_t count, struct error *err)
{
    CLEANUP_FREE struct id *sorted = mem_dup(tids, count * sizeof(*tids));
    if (sorted == NULL)
        return error_no_memory(err);
    qsort(sorted, count, sizeof(*sorted), compare_ids);
    char hex[2 * ID_SIZE + 1];
    for (size_t i = 0; i + 1 < count; i++)
        if (id_equal(&sorted[i], &sorted[i + 1]))
            return error_set(err, ERROR_REFUSED, "tenant %s is named twice", hex_encode(sorted[i].bytes, ID_SIZE, hex));
    for (size_t i = 0; i < keystore->runs.count; i++) {
        const struct id *known = &keystore->runs.runs[i].tid;
        if (bsearch(known, sorted, count, sizeof(*sorted), compare_ids) != NULL)
            return error_set(err, ERROR_REFUSED, "tenant %s has keys already", hex_encode(known->bytes, ID_SIZE, hex));
    }
    return 0;
}

int keystore_add_tenants(struct keystore *keystore, const struct id *tids, size_t count, struct error *err)
{
    struct error why = {0};
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = check_new(keystore, tids, count, &why);
    if (rc == 0 && count > 0)
        rc = add_tenants(keystore, tids, count, &why);
    (void)pthread_mutex_unlock(&keystore->lock);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc == 0 ? 0 : error_wrap(err, "add tenants' keys");
}

int keystore_add_tenant(struct keystore *keystore, const struct id *tid, struct error *err)
{
    return keystore_add_tenants(keystore, tid, 1, err);
}

/* With the lock held. What others added meanwhile is read first, so that a generation is not given twice. */
static int rotate_tenant(struct keystore *keystore, const struct id *tid, uint32_t *ret_generation, struct error *err)
{
    struct keyring *keyring = NULL;
    if (keystore_check_live(keystore, false, err) != 0 || keystore_refresh(keystore, false, err) != 0 ||
        load_keyring(keystore, tid, &keyring, err) != 0)
        return -1;
    uint32_t generation = keyring_generation(keyring);
    keyring_free(keyring);
    if (generation == 0 || generation == UINT32_MAX)
        return error_set(err, ERROR_KEYS, "the tenant has no sealing key that could be followed by another");
    const struct new_key key = {KEY_SEALING, generation + 1};
    CLEANUP(cleanup_row_writer) struct row_writer writer = writer_of(keystore);
    if (keystore_write_new(&writer, tid, &key, 1, err) != 0 || settle(keystore, &writer, err) != 0)
        return -1;
    *ret_generation = generation + 1;
    return 0;
}

int keystore_rotate_tenant(struct keystore *keystore, const struct id *tid, uint32_t *ret_generation, struct error *err)
{
    struct error why = {0};
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = rotate_tenant(keystore, tid, ret_generation, &why);
    (void)pthread_mutex_unlock(&keystore->lock);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc == 0 ? 0 : error_wrap(err, "rotate a tenant's key");
}
