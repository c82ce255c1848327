/*
 * Byte buffers that grow, and cursors that check bounds.
 *
 * `struct buf` owns its bytes; all integers are written little-endian. A
 * `struct cursor` borrows bytes and reads them: any read past the end sets
 * `failed` and returns zeros from then on, so that a parser reads like the
 * table that it implements and checks once, at the end.
 */
#ifndef HIKAE_BASE_BUF_H
#define HIKAE_BASE_BUF_H

#include "base/error.h"

#include <stdint.h>
#include <string.h>

struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Release the bytes and zero the struct; an all-zero struct is an empty buffer. */
void buf_free(struct buf *buf);
/* Overwrite all bytes of the capacity with zeros, then release. */
void buf_wipe_free(struct buf *buf);
/* Make room for `more` bytes behind size. Fails only for lack of memory. */
MUST_USE int buf_reserve(struct buf *buf, size_t more, struct error *err);
/* Give an empty buffer this capacity in memory that is aligned to 4096 bytes, until it must grow further. */
MUST_USE int buf_reserve_aligned(struct buf *buf, size_t capacity, struct error *err);
MUST_USE int buf_append(struct buf *buf, const void *bytes, size_t size, struct error *err);
MUST_USE int buf_append_zeros(struct buf *buf, size_t size, struct error *err);
MUST_USE int buf_u8(struct buf *buf, uint8_t value, struct error *err);
MUST_USE int buf_u16(struct buf *buf, uint16_t value, struct error *err);
MUST_USE int buf_u32(struct buf *buf, uint32_t value, struct error *err);
MUST_USE int buf_u64(struct buf *buf, uint64_t value, struct error *err);
/* LEB128: 7 bits a byte, least significant first, shortest form. */
MUST_USE int buf_varint(struct buf *buf, uint64_t value, struct error *err);
/* Zigzag (0, -1, 1, -2 … → 0, 1, 2, 3 …), then LEB128. */
MUST_USE int buf_svarint(struct buf *buf, int64_t value, struct error *err);
/* A varint length, then the bytes. */
MUST_USE int buf_string(struct buf *buf, const void *bytes, size_t size, struct error *err);

/* Borrowed bytes, not terminated: names need be neither UTF-8 nor short. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}
static inline struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

struct cursor {
    const uint8_t *p;
    size_t left;
    bool failed;
};

static inline struct cursor cursor_of(const void *bytes, size_t size)
{
    return (struct cursor){.p = bytes, .left = size, .failed = false};
}

/* The next `size` bytes (borrowed), or NULL and failed. */
const uint8_t *cursor_bytes(struct cursor *c, size_t size);
/* Copy the next `size` bytes to out; zeros when there are too few. */
void cursor_copy(struct cursor *c, void *out, size_t size);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
/* Refuses encodings longer than needed and values over 64 bits. */
uint64_t cursor_varint(struct cursor *c);
int64_t cursor_svarint(struct cursor *c);
/* A varint length of at most max, then that many bytes (borrowed); *ret_size is their number. */
const uint8_t *cursor_string(struct cursor *c, size_t max, size_t *ret_size);
/* All consumed, nothing failed. */
bool cursor_done(const struct cursor *c);

/* Little-endian integers at fixed places. */
static inline void put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void put_u32(uint8_t *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}
static inline void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}
static inline uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}
static inline uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

#endif
