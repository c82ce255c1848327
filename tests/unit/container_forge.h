/* A forge of packs that lie, each in one place, and are sealed as if they did not. Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_CONTAINER_FORGE_H
#define HIKAE_TESTS_CONTAINER_FORGE_H

#include "base/mem.h"
#include "crypto/container.h"

#include <zstd.h>

static struct secret *secret;

static inline int set_up(void **state)
{
    (void)state;
    secret_init();
    uint8_t bytes[KEY_SIZE];
    memset(bytes, 0x42, sizeof(bytes));
    secret = secret_copy(bytes, sizeof(bytes));
    return secret != NULL ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    secret_free(secret);
    return 0;
}

/* ---- The forge ---- */

enum { FORGE_BLOCKS = 2, FORGE_BLOBS = 4 };

struct forge {
    uint8_t kind;
    uint32_t block_count, blob_count;
    struct buf payloads[FORGE_BLOCKS];
    uint8_t rows[FORGE_BLOCKS * 16 + FORGE_BLOBS * 24 + 16];
    size_t rows_size;
    size_t pad_size;
    uint8_t pad_byte; /* the last byte of the padding */
    uint8_t trailer[64];
    struct buf object;
};

static inline uint8_t *block_row(struct forge *f, unsigned number)
{
    return f->rows + 16 * number;
}
static inline uint8_t *blob_row(struct forge *f, unsigned number)
{
    return f->rows + 16 * f->block_count + 24 * number;
}

/* 100 stored bytes and 5000 bytes of zstd, two blobs in each. */
static inline void forge_init(struct forge *f)
{
    struct error err = {0};
    uint8_t plain[5000];
    memset(plain, 'a', sizeof(plain));
    *f = (struct forge){.kind = CONTAINER_PACK_MIXED, .block_count = 2, .blob_count = 4};
    assert_int_equal(buf_append(&f->payloads[0], plain, 100, &err), 0);
    assert_int_equal(buf_reserve(&f->payloads[1], 6000, &err), 0);
    f->payloads[1].size = ZSTD_compress(f->payloads[1].data, 6000, plain, sizeof(plain), 3);
    static const uint32_t plain_sizes[] = {100, 5000}, blob_sizes[] = {60, 40, 2000, 3000};
    for (unsigned i = 0; i < 2; i++) {
        put_u32(block_row(f, i), (uint32_t)f->payloads[i].size + 16);
        put_u32(block_row(f, i) + 4, plain_sizes[i]);
        put_u32(block_row(f, i) + 8, 2);
        block_row(f, i)[12] = (uint8_t)i;
    }
    for (unsigned i = 0; i < 4; i++) {
        memset(blob_row(f, i), (int)i, 20);
        put_u16(blob_row(f, i) + 20, (uint16_t)blob_sizes[i]);
        blob_row(f, i)[23] = (uint8_t)(i % 2 + 1);
    }
    f->rows_size = 2 * 16 + 4 * 24;
}

/* Padding and trailer as they follow from the blocks and the rows. */
static inline void forge_layout(struct forge *f)
{
    uint64_t pad_offset = 128;
    for (uint32_t i = 0; i < f->block_count; i++)
        pad_offset += f->payloads[i].size + 16;
    uint64_t bare = pad_offset + 16 + f->rows_size + 16 + 80;
    f->pad_size = (size_t)(container_padme(bare) - bare);
    put_u64(f->trailer, 128);
    put_u64(f->trailer + 8, pad_offset);
    put_u64(f->trailer + 16, pad_offset + f->pad_size + 16);
    put_u64(f->trailer + 24, f->rows_size + 16);
    put_u64(f->trailer + 32, container_padme(bare));
    put_u32(f->trailer + 40, f->block_count);
    put_u32(f->trailer + 44, f->blob_count);
}

static inline void forge_record(struct forge *f, struct gcm *gcm, const uint8_t hash[32], uint8_t role, uint8_t number,
                                const void *plain, size_t size)
{
    struct error err = {0};
    uint8_t nonce[12] = {role, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number}, aad[41] = {0};
    memcpy(aad, hash, 32);
    aad[32] = role;
    aad[40] = number;
    assert_int_equal(buf_reserve(&f->object, size + 16, &err), 0);
    assert_int_equal(gcm_seal(gcm, nonce, aad, 41, plain, size, f->object.data + f->object.size, &err), 0);
    f->object.size += size + 16;
}

static inline void forge_seal(struct forge *f)
{
    struct error err = {0};
    uint8_t header[128] = {0x89, 'H', 'I', 'K', 'A', 'E', '\r', '\n', 1, 0, f->kind, 1, 0, 1};
    uint8_t info[56] = "hikae1 object", derived[64], hash[32];
    memset(header + 48, 0x5a, 32);
    memcpy(info + 16, header + 8, 40);
    assert_int_equal(hkdf_sha256(secret_borrow(secret), 32, header + 48, 32, info, 56, derived, 64, &err), 0);
    memcpy(header + 80, derived + 32, 32);
    assert_int_equal(sha256(header, sizeof(header), hash, &err), 0);
    assert_int_equal(buf_append(&f->object, header, sizeof(header), &err), 0);
    struct gcm *gcm = gcm_new();
    assert_int_equal(gcm_set_key(gcm, derived, &err), 0);
    for (uint32_t i = 0; i < f->block_count; i++)
        forge_record(f, gcm, hash, 0, (uint8_t)i, f->payloads[i].data, f->payloads[i].size);
    uint8_t *pad = mem_calloc(1, f->pad_size);
    if (f->pad_size > 0)
        pad[f->pad_size - 1] = f->pad_byte;
    forge_record(f, gcm, hash, 1, 0, pad, f->pad_size);
    forge_record(f, gcm, hash, 2, 0, f->rows, f->rows_size);
    forge_record(f, gcm, hash, 3, 0, f->trailer, 64);
    mem_free(pad);
    gcm_free(gcm);
}

static inline void forge_free(struct forge *f)
{
    buf_free(&f->payloads[0]);
    buf_free(&f->payloads[1]);
    buf_free(&f->object);
}

/* 0 if the structure and all blocks are taken; else -1, and err says why. */
static inline int read_pack(const uint8_t *object, size_t size, struct error *err)
{
    struct container_header header;
    struct bytes clear;
    struct container_opener *opener = NULL;
    struct container_directory directory = {0};
    struct buf plain = {0};
    int rc = container_clear(object, size, &header, &clear, err);
    if (rc == 0)
        rc = container_opener_new(object, clear.data, clear.size, secret, &opener, err);
    if (rc == 0)
        rc = container_check_structure(opener, object, size, &directory, err);
    for (uint32_t i = 0; rc == 0 && i < directory.block_count; i++) {
        rc = container_opener_block(opener, i, &directory.blocks[i], object + directory.blocks[i].offset, &plain, err);
        assert_int_equal(plain.size, rc == 0 ? directory.blocks[i].plain_size : 0);
    }
    container_directory_free(&directory);
    container_opener_free(opener);
    buf_free(&plain);
    return rc;
}

static inline int forge_and_read(void (*before)(struct forge *), void (*after)(struct forge *), struct error *err)
{
    struct forge f;
    forge_init(&f);
    before(&f);
    forge_layout(&f);
    after(&f);
    forge_seal(&f);
    int rc = read_pack(f.object.data, f.object.size, err);
    forge_free(&f);
    return rc;
}

/* No lie. */
static inline void nothing(struct forge *f)
{
    (void)f;
}

/* A row of a table of lies: its name and its function. */
#define LIE(function)                                                                                                  \
    {                                                                                                                  \
#function, function                                                                                            \
    }

#endif
