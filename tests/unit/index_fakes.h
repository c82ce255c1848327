/*
 * For the tests of the index: made-up tenants, packs and folders. Included by one file of an executable only.
 */
#ifndef HIKAE_TESTS_INDEX_FAKES_H
#define HIKAE_TESTS_INDEX_FAKES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "repo/index_internal.h"
#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MEMORY = 16 << 20, PACK_BLOBS = 700, BLOCK_BLOBS = 64 };

/* ---- Made-up tenants, packs and folders ---- */

static char root[256];
static struct keyring *ours;
static struct keyring *theirs;

static inline struct keyring *make_keyring(uint8_t tenant)
{
    struct error err;
    struct id tid = {{tenant}};
    struct keyring *keyring = keyring_new(&tid);
    struct key_row row = {
        .type = KEY_DEDUP, .tid = tid, .key_id = {{tenant}}, .key = secret_copy(&(uint8_t[32]){tenant}, 32)};
    assert_non_null(keyring);
    assert_non_null(row.key);
    assert_int_equal(keyring_add(keyring, &row, &err), 0);
    secret_free(row.key);
    return keyring;
}

static inline int set_up(void **state)
{
    (void)state;
    ours = make_keyring(1);
    theirs = make_keyring(2);
    return scratch_make(root, sizeof(root), "index");
}

static inline int tear_down(void **state)
{
    (void)state;
    struct error err;
    keyring_free(ours);
    keyring_free(theirs);
    return file_remove_tree(root, &err);
}

static inline const char *folder_of(const char *name)
{
    static char paths[4][300];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
    return path;
}

static inline struct index *open_index(const char *name, bool rebuilt_expected)
{
    struct error err = {0};
    struct index *index = NULL;
    bool rebuilt;
    if (index_open(folder_of(name), ours, MEMORY, &index, &rebuilt, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(rebuilt, rebuilt_expected);
    return index;
}

static inline uint64_t mix(uint64_t z)
{
    /* splitmix64 (Steele et al., 2014) */
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline struct blob_id id_of(uint64_t number)
{
    struct blob_id id;
    put_u64(id.bytes, mix(number));
    put_u64(id.bytes + 8, mix(~number));
    put_u32(id.bytes + 16, (uint32_t)number);
    return id;
}

struct fake {
    struct pack_info info;
    struct container_block blocks[PACK_BLOBS / BLOCK_BLOBS + 1];
    struct container_blob blobs[PACK_BLOBS];
    uint32_t count;
};

/* Pack `number`: its blobs are number × PACK_BLOBS and following; sizes and types vary. */
static inline void make_fake(uint32_t number, uint32_t count, struct fake *ret)
{
    memset(ret, 0, sizeof(*ret));
    put_u64(ret->info.name.bytes, mix(number + 1000000));
    put_u32(ret->info.name.bytes + 28, number);
    ret->info.size = 1000 + number;
    memset(ret->info.header, (int)number, sizeof(ret->info.header));
    ret->info.blocks = ret->blocks;
    ret->count = count;
    uint64_t offset = CONTAINER_HEADER_SIZE;
    for (uint32_t i = 0; i < count; i++) {
        struct container_block *block = &ret->blocks[i / BLOCK_BLOBS];
        ret->blobs[i].id = id_of((uint64_t)number * PACK_BLOBS + i);
        ret->blobs[i].size = 1 + (i * 37 + number) % 60000;
        ret->blobs[i].type = (uint8_t)(1 + i % 7);
        block->plain_size += ret->blobs[i].size;
        block->blob_count++;
    }
    ret->info.block_count = (count + BLOCK_BLOBS - 1) / BLOCK_BLOBS;
    for (uint32_t b = 0; b < ret->info.block_count; b++) {
        struct container_block *block = &ret->blocks[b];
        block->offset = offset;
        block->codec = CODEC_ZSTD;
        block->sealed_size = 100 + b;
        offset += block->sealed_size;
    }
}

static inline uint32_t add_fake(struct index *index, const struct fake *fake)
{
    struct error err = {0};
    uint32_t number;
    if (index_add_pack(index, &fake->info, fake->blobs, fake->count, &number, &err) != 0)
        fail_msg("%s", err.what);
    return number;
}

static inline uint32_t add_number(struct index *index, uint32_t number, uint32_t count)
{
    struct fake fake;
    make_fake(number, count, &fake);
    return add_fake(index, &fake);
}

static inline void must_commit(struct index *index)
{
    struct error err = {0};
    if (index_commit(index, &err) != 0)
        fail_msg("%s", err.what);
}

/* The pack that a blob is found in, or -1 for none, -2 for damage. Its place is checked. */
static inline int64_t look_up(struct index *index, const struct fake *fake, uint32_t i)
{
    struct error err;
    struct place place;
    int rc = index_find(index, &fake->blobs[i].id, &place, &err);
    if (rc < 0)
        return -2;
    if (rc == 0)
        return -1;
    uint32_t offset = 0;
    for (uint32_t k = i / BLOCK_BLOBS * BLOCK_BLOBS; k < i; k++)
        offset += fake->blobs[k].size;
    assert_int_equal(place.block, i / BLOCK_BLOBS);
    assert_int_equal(place.offset, offset);
    assert_int_equal(place.size, fake->blobs[i].size);
    assert_int_equal(place.type, fake->blobs[i].type);
    return place.pack;
}

/* Every blob of pack `number` is found, in the pack that the index calls `expected` (or not: -1). */
static inline void check_number(struct index *index, uint32_t number, uint32_t count, int64_t expected)
{
    struct fake fake;
    make_fake(number, count, &fake);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(look_up(index, &fake, i), expected);
}

static inline void check_info(struct index *index, uint32_t number, const struct fake *fake)
{
    struct error err;
    struct pack_info info;
    assert_int_equal(index_pack(index, number, &info, &err), 0);
    assert_true(hash_equal(&info.name, &fake->info.name));
    assert_int_equal(info.size, fake->info.size);
    assert_memory_equal(info.header, fake->info.header, sizeof(info.header));
    assert_int_equal(info.block_count, fake->info.block_count);
    for (uint32_t b = 0; b < info.block_count; b++) {
        assert_int_equal(info.blocks[b].offset, fake->blocks[b].offset);
        assert_int_equal(info.blocks[b].sealed_size, fake->blocks[b].sealed_size);
        assert_int_equal(info.blocks[b].plain_size, fake->blocks[b].plain_size);
        assert_int_equal(info.blocks[b].blob_count, fake->blocks[b].blob_count);
        assert_int_equal(info.blocks[b].codec, fake->blocks[b].codec);
    }
    pack_info_free(&info);
    struct hash name;
    uint64_t size;
    uint32_t same;
    assert_true(index_pack_name(index, number, &name, &size));
    assert_true(hash_equal(&name, &fake->info.name));
    assert_int_equal(size, fake->info.size);
    assert_true(index_pack_number(index, &name, &same));
    assert_int_equal(same, number);
}

/* ---- Files ---- */

static inline void copy_file(const char *from, const char *to)
{
    struct error err;
    struct buf bytes = {0};
    assert_int_equal(file_read(from, 1 << 30, &bytes, &err), 0);
    assert_int_equal(file_write_atomic(to, bytes.data, bytes.size, 0600, &err), 0);
    buf_free(&bytes);
}

typedef void file_callback(const char *folder, const char *name, void *context);

static inline void each_file(const char *folder, file_callback *callback, void *context)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            callback(folder, entry->d_name, context);
    (void)closedir(dir);
}

static inline void copy_one(const char *folder, const char *name, void *context)
{
    char from[600], to[600];
    (void)snprintf(from, sizeof(from), "%s/%s", folder, name);
    (void)snprintf(to, sizeof(to), "%s/%s", (const char *)context, name);
    copy_file(from, to);
}

static inline void copy_folder(const char *from, const char *to)
{
    struct error err;
    char target[300];
    (void)snprintf(target, sizeof(target), "%s", folder_of(to));
    assert_int_equal(file_remove_tree(target, &err), 0);
    assert_int_equal(file_mkdirs(target, 0700, &err), 0);
    each_file(folder_of(from), copy_one, target);
}

static inline void count_one(const char *folder, const char *name, void *context)
{
    (void)folder;
    (void)name;
    ++*(unsigned *)context;
}

static inline unsigned count_files(const char *name)
{
    unsigned count = 0;
    each_file(folder_of(name), count_one, &count);
    return count;
}

static inline void drop(struct index *index, const struct fake *fake)
{
    struct error err;
    assert_int_equal(index_drop_pack(index, &fake->info.name, &err), 0);
}

#endif
