#include "repo/index.h"

#include "repo/index_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
    MEMORY_MIN = 16 << 20,
    MEMTABLE_SHARE = 16,
    CACHE_SHARE = 16,
    MERGE_SHARE = 32,
    CACHE_MOST_SHARE = 8,
    CACHE_PAGES_MIN = 16
};

/* ---- Shared by the parts ---- */

int index_check(const struct index *index, struct error *err)
{
    if (!index->broken)
        return 0;
    (void)error_set(err, ERROR_LOCAL, "the index was left half-changed by an earlier failure");
    return error_hint(err, "Start the run again: the index goes back to its last commit.");
}

int index_damaged(struct index *index, struct error *err, const char *what)
{
    index->broken = true;
    (void)unlinkat(index->folder_fd, "CURRENT", 0);
    (void)error_set(err, ERROR_DAMAGED, "the index in %s is damaged: %s", index->folder, what);
    return error_hint(err, "It is only a cache. Start the run again: it will be built anew from the targets.");
}

int(index_read_failed)(struct index *index, ssize_t got, struct error *err)
{
    if (got >= 0)
        return index_damaged(index, err, "a file is too short");
    if (errno == EIO)
        return index_damaged(index, err, "a file cannot be read");
    return error_set_errno(err, ERROR_LOCAL, errno, "read the index in %s", index->folder);
}

struct gcm *index_file_key(const struct index *index, const char *label, const uint8_t salt[INDEX_SALT_SIZE],
                           struct error *err)
{
    uint8_t key[KEY_SIZE];
    if (hkdf_sha256(secret_borrow(index->key), KEY_SIZE, salt, INDEX_SALT_SIZE, label, strlen(label), key, sizeof(key),
                    err) != 0)
        return NULL;
    struct gcm *gcm = gcm_new();
    if (gcm == NULL)
        (void)error_no_memory(err);
    if (gcm != NULL && gcm_set_key(gcm, key, err) != 0) {
        gcm_free(gcm);
        gcm = NULL;
    }
    mem_wipe(key, sizeof(key));
    return gcm;
}

static size_t lasting_memory(const struct index *index)
{
    size_t size = sizeof(*index) + packs_memory(&index->packs);
    for (size_t i = 0; i < index->run_count; i++)
        size += run_memory(index->runs[i]);
    return size;
}

size_t index_memory(const struct index *index)
{
    return lasting_memory(index) + index->table.capacity * sizeof(struct index_entry) +
           index->cache.slots * sizeof(uint64_t) + index->cache.used * INDEX_PAGE_SIZE;
}

size_t index_spare_memory(const struct index *index)
{
    size_t claimed = lasting_memory(index) + index->table.capacity_max * sizeof(struct index_entry) +
                     index->memory_limit / CACHE_SHARE + index->merge_memory;
    return claimed < index->memory_limit ? index->memory_limit - claimed : 0;
}

int index_size_cache(struct index *index, struct error *err)
{
    uint64_t pages = 0;
    for (size_t i = 0; i < index->run_count; i++) {
        struct run *run = index->runs[i];
        run->cache_base = 1 + pages;
        pages += (uint64_t)run->pages + (run->filter == NULL ? run->filter_pages : 0);
    }
    /* A part is left, so that the pack table can grow. */
    size_t memory = index->memory_limit / CACHE_SHARE + index_spare_memory(index) / 4 * 3;
    /* Most of what a first backup looks up is not there, which filters tell: it needs no cache of all that is left. */
    memory = memory < index->memory_limit / CACHE_MOST_SHARE ? memory : index->memory_limit / CACHE_MOST_SHARE;
    size_t most = memory / (INDEX_PAGE_SIZE + sizeof(uint64_t));
    most = most > CACHE_PAGES_MIN ? most : CACHE_PAGES_MIN;
    return page_cache_resize(&index->cache, pages < most ? (size_t)pages : most, err);
}

/* ---- Opening and closing ---- */

static void forget_runs(struct index *index)
{
    for (size_t i = 0; i < index->run_count; i++)
        run_free(index->runs[i]);
    index->run_count = 0;
}

static int open_folder(struct index *index, const char *folder, struct error *err)
{
    index->folder = mem_strdup(folder);
    if (index->folder == NULL)
        return error_no_memory(err);
    if (file_mkdirs(folder, 0700, err) != 0)
        return -1;
    index->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (index->folder_fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open the folder %s", folder);
    /* Two that write here would delete each other's files. */
    if (flock(index->folder_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return error_set_errno(err, ERROR_LOCAL, errno, "lock the folder %s", folder);
    (void)error_set(err, ERROR_BUSY, "the index in %s is in use", folder);
    return error_hint(err, "Wait until the other run of this tenant has ended.");
}

static int derive_key(struct index *index, const struct keyring *keyring, struct error *err)
{
    index->key = secret_new(KEY_SIZE);
    if (index->key == NULL)
        return error_no_memory(err);
    return keyring_derive(keyring, "hikae1 index cache", secret_bytes(index->key), KEY_SIZE, err);
}

/* Load the last commit; where there is none worth loading, begin anew. */
static int load_or_reset(struct index *index, struct error *err)
{
    struct error own;
    if (current_load(index, &own) != 0) {
        if (own.class != ERROR_DAMAGED && own.class != ERROR_NOT_FOUND) {
            if (err != NULL)
                *err = own;
            return -1;
        }
        forget_runs(index);
        if (unlinkat(index->folder_fd, "CURRENT", 0) != 0 && errno != ENOENT)
            return error_set_errno(err, ERROR_LOCAL, errno, "remove %s/CURRENT", index->folder);
        /* Files are swept before the new table takes number 1: none of them is ours. */
        packs_free(&index->packs);
        if (current_sweep(index, err) != 0)
            return -1;
        index->broken = false;
        index->next_number = 1;
        return packs_create(index, err);
    }
    return current_sweep(index, err);
}

int index_open(const char *folder, const struct keyring *keyring, size_t memory_limit, struct index **ret,
               bool *ret_rebuilt, struct error *err)
{
    struct index *index = mem_calloc(1, sizeof(*index));
    if (index == NULL)
        return error_no_memory(err);
    index->folder_fd = -1;
    index->packs.fd = -1;
    index->memory_limit = memory_limit > MEMORY_MIN ? memory_limit : MEMORY_MIN;
    index->merge_memory = index->memory_limit / MERGE_SHARE;
    memtable_init(&index->table, index->memory_limit / MEMTABLE_SHARE);
    if (pthread_mutex_init(&index->lock, NULL) != 0) {
        mem_free(index);
        return error_no_memory(err);
    }
    if (open_folder(index, folder, err) != 0 || derive_key(index, keyring, err) != 0 ||
        load_or_reset(index, err) != 0) {
        index_close(index);
        return error_wrap(err, "open the index");
    }
    *ret_rebuilt = index->packs.live == 0;
    *ret = index;
    return 0;
}

void index_close(struct index *index)
{
    if (index == NULL)
        return;
    forget_runs(index);
    packs_free(&index->packs);
    memtable_free(&index->table);
    page_cache_free(&index->cache);
    secret_free(index->key);
    cleanup_fd(&index->folder_fd);
    mem_free(index->obsolete);
    mem_free(index->folder);
    (void)pthread_mutex_destroy(&index->lock);
    mem_free(index);
}

/* ---- Committing ---- */

static int sync_file(struct index *index, int fd, struct error *err)
{
    return fsync(fd) == 0 ? 0 : error_set_errno(err, ERROR_LOCAL, errno, "sync the index in %s", index->folder);
}

static int commit(struct index *index, struct error *err)
{
    if (index_check(index, err) != 0)
        return -1;
    if (!index->dirty)
        return 0;
    if (index_flush(index, err) != 0)
        return -1;
    for (size_t i = 0; i < index->run_count; i++) {
        if (!index->runs[i]->durable && sync_file(index, index->runs[i]->fd, err) != 0)
            return -1;
        index->runs[i]->durable = true;
    }
    if (sync_file(index, index->packs.fd, err) != 0 || current_write(index, err) != 0)
        return -1;
    for (size_t i = 0; i < index->run_count; i++)
        index->runs[i]->committed = true;
    for (size_t i = 0; i < index->obsolete_count; i++) {
        char name[INDEX_NAME_SIZE];
        run_name(index->obsolete[i], name);
        (void)unlinkat(index->folder_fd, name, 0);
    }
    index->obsolete_count = 0;
    index->dirty = false;
    return 0;
}

int index_commit(struct index *index, struct error *err)
{
    (void)pthread_mutex_lock(&index->lock);
    int rc = commit(index, err);
    (void)pthread_mutex_unlock(&index->lock);
    return rc == 0 ? 0 : error_wrap(err, "commit the index");
}

/* ---- Finding ---- */

static bool find_in_memory(const struct index *index, const struct blob_id *id, uint32_t below, struct place *ret)
{
    const struct index_entry *best = NULL;
    size_t cursor = 0;
    for (const struct index_entry *entry; (entry = memtable_next(&index->table, id, &cursor)) != NULL;)
        if (place_pack(entry->place) < below && packs_alive(&index->packs, place_pack(entry->place)) &&
            (best == NULL || place_pack(entry->place) > place_pack(best->place)))
            best = entry;
    if (best != NULL)
        place_decode(best->place, ret);
    return best != NULL;
}

static int find(struct index *index, const struct blob_id *id, uint32_t below, struct place *ret, struct error *err)
{
    if (index_check(index, err) != 0)
        return -1;
    if (find_in_memory(index, id, below, ret))
        return 1;
    for (size_t i = index->run_count; i-- > 0;) {
        int rc = run_find(index, index->runs[i], id, below, ret, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int index_find_older(struct index *index, const struct blob_id *id, uint32_t pack, struct place *ret, struct error *err)
{
    (void)pthread_mutex_lock(&index->lock);
    int rc = find(index, id, pack, ret, err);
    (void)pthread_mutex_unlock(&index->lock);
    return rc;
}

int index_find(struct index *index, const struct blob_id *id, struct place *ret, struct error *err)
{
    return index_find_older(index, id, UINT32_MAX, ret, err);
}

void index_get_stats(struct index *index, struct index_stats *ret)
{
    (void)pthread_mutex_lock(&index->lock);
    *ret = (struct index_stats){.entries = index->table.count,
                                .packs = index->packs.live,
                                .runs = index->run_count,
                                .disk_bytes = index->packs.length,
                                .memory_bytes = index_memory(index)};
    for (size_t i = 0; i < index->run_count; i++) {
        ret->entries += index->runs[i]->entries;
        ret->disk_bytes += run_file_size(index->runs[i]);
    }
    (void)pthread_mutex_unlock(&index->lock);
}
