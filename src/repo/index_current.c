/*
 * CURRENT: what the last commit holds.
 *
 * | size | field                                                                                   |
 * | 8    | magic "HIKAEIX1"                                                                        |
 * | 8    | next number of a file                                                                   |
 * | 8, 8, 16 | pack table: number, length, last tag                                                |
 * | 4    | number of runs, oldest first                                                            |
 * | 88 × | run: number (8), entries (8), blocks of the filter (8), salt (32), tag of the table (16), zeros (16) |
 * | 32   | HMAC-SHA256 of all before it                                                            |
 */
#include "repo/index_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>

enum { CURRENT_MAX = 65536, RUN_ZEROS = 16 };
static const char magic[8] = "HIKAEIX1";

static void free_buf(struct buf *buf)
{
    buf_free(buf);
}

static int mac_of(const struct index *index, const uint8_t *bytes, size_t size, uint8_t out[SHA256_SIZE],
                  struct error *err)
{
    static const char label[] = "hikae1 index current";
    uint8_t key[KEY_SIZE];
    if (hkdf_sha256(secret_borrow(index->key), KEY_SIZE, NULL, 0, label, strlen(label), key, sizeof(key), err) != 0)
        return -1;
    CLEANUP(cleanup_hmac_free) struct hmac *hmac = hmac_new(key, sizeof(key));
    mem_wipe(key, sizeof(key));
    return hmac != NULL ? hmac_sha256(hmac, bytes, size, NULL, 0, out, err) : error_no_memory(err);
}

static char *current_path(const struct index *index)
{
    return mem_printf("%s/CURRENT", index->folder);
}

/* ---- Writing ---- */

static int encode_run(const struct run *run, struct buf *out, struct error *err)
{
    return buf_u64(out, run->number, err) == 0 && buf_u64(out, run->entries, err) == 0 &&
                   buf_u64(out, run->filter_blocks, err) == 0 &&
                   buf_append(out, run->salt, INDEX_SALT_SIZE, err) == 0 &&
                   buf_append(out, run->table_tag, GCM_TAG_SIZE, err) == 0 && buf_append_zeros(out, RUN_ZEROS, err) == 0
               ? 0
               : -1;
}

static int encode(const struct index *index, struct buf *out, struct error *err)
{
    const struct pack_table *packs = &index->packs;
    if (buf_append(out, magic, sizeof(magic), err) != 0 || buf_u64(out, index->next_number, err) != 0 ||
        buf_u64(out, packs->number, err) != 0 || buf_u64(out, packs->length, err) != 0 ||
        buf_append(out, packs->last_tag, GCM_TAG_SIZE, err) != 0 || buf_u32(out, (uint32_t)index->run_count, err) != 0)
        return -1;
    for (size_t i = 0; i < index->run_count; i++)
        if (encode_run(index->runs[i], out, err) != 0)
            return -1;
    uint8_t mac[SHA256_SIZE];
    return mac_of(index, out->data, out->size, mac, err) == 0 ? buf_append(out, mac, sizeof(mac), err) : -1;
}

int current_write(struct index *index, struct error *err)
{
    CLEANUP(free_buf) struct buf out = {0};
    CLEANUP_FREE char *path = current_path(index);
    if (path == NULL)
        return error_no_memory(err);
    if (encode(index, &out, err) != 0)
        return -1;
    return file_write_atomic(path, out.data, out.size, 0600, err);
}

/* ---- Loading ---- */

static int damaged(struct error *err)
{
    return error_set(err, ERROR_DAMAGED, "the index's file CURRENT is damaged or of another tenant");
}

static int load_run(struct index *index, struct cursor *c, struct error *err)
{
    struct run *run = run_new();
    if (run == NULL)
        return error_no_memory(err);
    index->runs[index->run_count++] = run;
    run->number = cursor_u64(c);
    run->entries = cursor_u64(c);
    run->filter_blocks = cursor_u64(c);
    cursor_copy(c, run->salt, INDEX_SALT_SIZE);
    cursor_copy(c, run->table_tag, GCM_TAG_SIZE);
    (void)cursor_bytes(c, RUN_ZEROS);
    run->durable = run->committed = true;
    if (c->failed)
        return damaged(err);
    return run_open(index, run, err);
}

static int load(struct index *index, const uint8_t *bytes, size_t size, struct error *err)
{
    uint8_t mac[SHA256_SIZE], tag[GCM_TAG_SIZE], found[sizeof(magic)];
    if (size < SHA256_SIZE)
        return damaged(err);
    if (mac_of(index, bytes, size - SHA256_SIZE, mac, err) != 0)
        return -1;
    if (CRYPTO_memcmp(mac, bytes + size - SHA256_SIZE, SHA256_SIZE) != 0)
        return damaged(err);
    struct cursor c = cursor_of(bytes, size - SHA256_SIZE);
    cursor_copy(&c, found, sizeof(found));
    index->next_number = cursor_u64(&c);
    uint64_t number = cursor_u64(&c), length = cursor_u64(&c);
    cursor_copy(&c, tag, sizeof(tag));
    uint32_t runs = cursor_u32(&c);
    if (c.failed || memcmp(found, magic, sizeof(magic)) != 0 || runs > INDEX_RUNS_MAX)
        return damaged(err);
    if (packs_load(index, number, length, tag, err) != 0)
        return -1;
    for (uint32_t i = 0; i < runs; i++)
        if (load_run(index, &c, err) != 0)
            return -1;
    if (!cursor_done(&c))
        return damaged(err);
    /* The newest runs are small, and looked into first: their filters have the first claim to memory. */
    for (size_t i = index->run_count; i-- > 0;)
        if (run_load_filter(index, index->runs[i], err) != 0)
            return -1;
    return 0;
}

int current_load(struct index *index, struct error *err)
{
    CLEANUP(free_buf) struct buf bytes = {0};
    int fd = openat(index->folder_fd, "CURRENT", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP))
        return error_set(err, ERROR_NOT_FOUND, "there is no index yet");
    if (fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s/CURRENT", index->folder);
    ssize_t n = -1;
    if (buf_reserve(&bytes, CURRENT_MAX, err) != 0) {
        (void)close(fd);
        return -1;
    }
    n = file_pread_full(fd, bytes.data, CURRENT_MAX, 0);
    int errnum = errno;
    (void)close(fd);
    errno = errnum;
    if (n < 0)
        return index_read_failed(index, n, err);
    return load(index, bytes.data, (size_t)n, err);
}

/* ---- Sweeping ---- */

static bool is_ours(const struct index *index, const char *name)
{
    char known[INDEX_NAME_SIZE];
    packs_name(index->packs.number, known);
    if (strcmp(name, known) == 0)
        return true;
    for (size_t i = 0; i < index->run_count; i++) {
        run_name(index->runs[i]->number, known);
        if (strcmp(name, known) == 0)
            return true;
    }
    return false;
}

/* Only names that an index gives to files: the folder may hold what is none of our business. */
static bool is_leftover(const struct index *index, const char *name)
{
    if (strncmp(name, "CURRENT.tmp-", 12) == 0)
        return true;
    return (strncmp(name, "run-", 4) == 0 || strncmp(name, "packs-", 6) == 0) && !is_ours(index, name);
}

int current_sweep(struct index *index, struct error *err)
{
    int fd = openat(index->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        int errnum = errno;
        cleanup_fd(&fd);
        return error_set_errno(err, ERROR_LOCAL, errnum, "read the folder %s", index->folder);
    }
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;)
        if (is_leftover(index, entry->d_name) && unlinkat(index->folder_fd, entry->d_name, 0) != 0 && errno != ENOENT)
            rc = error_set_errno(err, ERROR_LOCAL, errno, "remove %s/%s", index->folder, entry->d_name);
    (void)closedir(dir);
    return rc;
}
