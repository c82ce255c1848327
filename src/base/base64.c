#include "base/base64.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(const uint8_t *in, size_t size, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = (uint32_t)in[i] << 16;
        if (i + 1 < size)
            bits |= (uint32_t)in[i + 1] << 8;
        if (i + 2 < size)
            bits |= in[i + 2];
        out[used++] = digits[bits >> 18];
        out[used++] = digits[bits >> 12 & 63];
        out[used++] = i + 1 < size ? digits[bits >> 6 & 63] : '=';
        out[used++] = i + 2 < size ? digits[bits & 63] : '=';
    }
    out[used] = '\0';
}

char *base64_encode(const void *bytes, size_t size)
{
    char *text = mem_alloc((size + 2) / 3 * 4 + 1);
    if (text != NULL)
        encode(bytes, size, text);
    return text;
}

bool base64_decode(const char *text, void *out, size_t size)
{
    size_t length = (size + 2) / 3 * 4;
    size_t padding = (3 - size % 3) % 3;
    if (strlen(text) != length)
        return false;
    uint8_t *bytes = out;
    uint32_t bits = 0;
    for (size_t i = 0, used = 0; i < length; i++) {
        bool pad = i >= length - padding;
        const char *place = pad ? digits : strchr(digits, text[i]);
        if (place == NULL || (pad && text[i] != '='))
            return false;
        bits = bits << 6 | (uint32_t)(place - digits);
        if (i % 4 != 3)
            continue;
        for (unsigned k = 0; k < 3; k++) {
            uint8_t byte = (uint8_t)(bits >> (16 - 8 * k));
            if (used < size)
                bytes[used++] = byte;
            else if (byte != 0)
                return false; /* bits behind the last byte: a second text for the same bytes */
        }
        bits = 0;
    }
    return true;
}

bool base64_size(const char *text, size_t *ret)
{
    size_t length = strlen(text);
    if (length % 4 != 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    *ret = length / 4 * 3 - padding;
    return true;
}
