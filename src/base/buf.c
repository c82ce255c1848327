#include "base/buf.h"

#include "base/mem.h"

#include <string.h>

void buf_free(struct buf *buf)
{
    mem_free(buf->data);
    *buf = (struct buf){0};
}

void buf_wipe_free(struct buf *buf)
{
    if (buf->data != NULL)
        mem_wipe(buf->data, buf->capacity);
    buf_free(buf);
}

int buf_reserve(struct buf *buf, size_t more, struct error *err)
{
    if (more <= buf->capacity - buf->size)
        return 0;
    if (more > SIZE_MAX / 2 - buf->size)
        return error_no_memory(err);
    size_t need = buf->size + more;
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < need)
        capacity += capacity / 2;
    uint8_t *grown = mem_realloc(buf->data, capacity);
    if (grown == NULL)
        return error_no_memory(err);
    buf->data = grown;
    buf->capacity = capacity;
    return 0;
}

int buf_reserve_aligned(struct buf *buf, size_t capacity, struct error *err)
{
    uint8_t *data = mem_alloc_aligned(capacity);
    if (data == NULL)
        return error_no_memory(err);
    buf_free(buf);
    *buf = (struct buf){.data = data, .capacity = capacity};
    return 0;
}

int buf_append(struct buf *buf, const void *bytes, size_t size, struct error *err)
{
    if (buf_reserve(buf, size, err) != 0)
        return -1;
    if (size > 0)
        memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
    return 0;
}

int buf_append_zeros(struct buf *buf, size_t size, struct error *err)
{
    if (buf_reserve(buf, size, err) != 0)
        return -1;
    if (size > 0)
        memset(buf->data + buf->size, 0, size);
    buf->size += size;
    return 0;
}

int buf_u8(struct buf *buf, uint8_t value, struct error *err)
{
    return buf_append(buf, &value, 1, err);
}

int buf_u16(struct buf *buf, uint16_t value, struct error *err)
{
    uint8_t bytes[2];
    put_u16(bytes, value);
    return buf_append(buf, bytes, sizeof(bytes), err);
}

int buf_u32(struct buf *buf, uint32_t value, struct error *err)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    return buf_append(buf, bytes, sizeof(bytes), err);
}

int buf_u64(struct buf *buf, uint64_t value, struct error *err)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    return buf_append(buf, bytes, sizeof(bytes), err);
}

int buf_varint(struct buf *buf, uint64_t value, struct error *err)
{
    uint8_t bytes[10];
    size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (uint8_t)value;
    return buf_append(buf, bytes, size, err);
}

int buf_svarint(struct buf *buf, int64_t value, struct error *err)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
    return buf_varint(buf, zigzag, err);
}

int buf_string(struct buf *buf, const void *bytes, size_t size, struct error *err)
{
    if (buf_varint(buf, size, err) != 0)
        return -1;
    return buf_append(buf, bytes, size, err);
}

const uint8_t *cursor_bytes(struct cursor *c, size_t size)
{
    if (c->failed || size > c->left) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *bytes = c->p;
    c->p += size;
    c->left -= size;
    return bytes;
}

void cursor_copy(struct cursor *c, void *out, size_t size)
{
    const uint8_t *bytes = cursor_bytes(c, size);
    if (size == 0)
        return;
    if (bytes != NULL)
        memcpy(out, bytes, size);
    else
        memset(out, 0, size);
}

uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 1);
    return p != NULL ? p[0] : 0;
}

uint16_t cursor_u16(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 2);
    return p != NULL ? get_u16(p) : 0;
}

uint32_t cursor_u32(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 4);
    return p != NULL ? get_u32(p) : 0;
}

uint64_t cursor_u64(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 8);
    return p != NULL ? get_u64(p) : 0;
}

uint64_t cursor_varint(struct cursor *c)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cursor_u8(c);
        if (c->failed)
            return 0;
        /* The tenth byte has room for one bit; a zero byte at the end is a longer form than needed. */
        if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0))
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    c->failed = true;
    return 0;
}

int64_t cursor_svarint(struct cursor *c)
{
    uint64_t zigzag = cursor_varint(c);
    return (int64_t)((zigzag >> 1) ^ (0 - (zigzag & 1)));
}

const uint8_t *cursor_string(struct cursor *c, size_t max, size_t *ret_size)
{
    uint64_t size = cursor_varint(c);
    *ret_size = 0;
    if (c->failed || size > max) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *bytes = cursor_bytes(c, (size_t)size);
    if (bytes != NULL)
        *ret_size = (size_t)size;
    return bytes;
}

bool cursor_done(const struct cursor *c)
{
    return !c->failed && c->left == 0;
}
