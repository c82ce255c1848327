#include "cli/text.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* RFC 3629, table of well-formed sequences. */
int32_t text_next(const char *text, size_t size, size_t *at)
{
    const unsigned char *p = (const unsigned char *)text + *at;
    size_t left = size - *at;
    size_t more;
    int32_t code;
    int32_t least;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    } else if ((p[0] & 0xe0) == 0xc0) {
        more = 1, code = p[0] & 0x1f, least = 0x80;
    } else if ((p[0] & 0xf0) == 0xe0) {
        more = 2, code = p[0] & 0x0f, least = 0x800;
    } else if ((p[0] & 0xf8) == 0xf0) {
        more = 3, code = p[0] & 0x07, least = 0x10000;
    } else {
        *at += 1;
        return -1;
    }
    bool good = left > more;
    for (size_t i = 1; good && i <= more; i++) {
        good = (p[i] & 0xc0) == 0x80;
        code = (code << 6) | (p[i] & 0x3f);
    }
    if (!good || code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        *at += 1;
        return -1;
    }
    *at += more + 1;
    return code;
}

bool text_is_utf8(const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at < size;)
        if (text_next(text, size, &at) < 0)
            return false;
    return true;
}

static size_t code_width(int32_t code)
{
    int width = code < 0 ? 1 : wcwidth((wchar_t)code);
    return width < 0 ? 1 : (size_t)width;
}

size_t text_width(const char *text)
{
    size_t size = strlen(text);
    size_t width = 0;
    for (size_t at = 0; at < size;)
        width += code_width(text_next(text, size, &at));
    return width;
}

size_t text_fit(const char *text, size_t columns)
{
    size_t size = strlen(text);
    size_t width = 0;
    for (size_t at = 0; at < size;) {
        size_t before = at;
        width += code_width(text_next(text, size, &at));
        if (width > columns)
            return before;
    }
    return size;
}

/* Characters that a terminal obeys rather than shows, and those that change the direction of reading. */
static bool must_escape(int32_t code, bool prose)
{
    if (code < 0x20)
        return true;
    if (code == '\\')
        return !prose;
    return (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
}

static size_t escape_byte(unsigned char byte, char *out)
{
    static const char digits[] = "0123456789abcdef";
    static const char named[] = "\nn\tt\rr\\\\";
    out[0] = '\\';
    for (size_t i = 0; named[i] != '\0'; i += 2)
        if ((unsigned char)named[i] == byte) {
            out[1] = named[i + 1];
            return 2;
        }
    out[1] = 'x';
    out[2] = digits[byte >> 4];
    out[3] = digits[byte & 15];
    return 4;
}

char *text_escape(const char *text, bool prose)
{
    size_t size = strlen(text);
    char *out = mem_alloc(size * 4 + 1);
    if (out == NULL)
        return NULL;
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        size_t from = at;
        int32_t code = text_next(text, size, &at);
        bool escape = code < 0 || must_escape(code, prose);
        for (; from < at; from++) {
            if (escape)
                used += escape_byte((unsigned char)text[from], out + used);
            else
                out[used++] = text[from];
        }
    }
    out[used] = '\0';
    return out;
}

char *text_to_utf8(const char *text)
{
    size_t size = strlen(text);
    char *out = mem_alloc(size * 3 + 1);
    if (out == NULL)
        return NULL;
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        size_t from = at;
        if (text_next(text, size, &at) < 0) {
            memcpy(out + used, "\xef\xbf\xbd", 3);
            used += 3;
            continue;
        }
        memcpy(out + used, text + from, at - from);
        used += at - from;
    }
    out[used] = '\0';
    return out;
}

char *text_base64(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = strlen(text);
    const unsigned char *p = (const unsigned char *)text;
    char *out = mem_alloc((size + 2) / 3 * 4 + 1);
    if (out == NULL)
        return NULL;
    size_t used = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        bits |= have > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        bits |= have > 2 ? p[i + 2] : 0;
        out[used++] = digits[bits >> 18];
        out[used++] = digits[bits >> 12 & 63];
        out[used++] = have > 1 ? digits[bits >> 6 & 63] : '=';
        out[used++] = have > 2 ? digits[bits & 63] : '=';
    }
    out[used] = '\0';
    return out;
}

char *text_size(uint64_t bytes, char *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    /* 1023.95 and more would print as "1024.0". */
    while (value >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, TEXT_SMALL, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

char *text_count(uint64_t count, char *out)
{
    char plain[24];
    int digits = snprintf(plain, sizeof plain, "%" PRIu64, count);
    size_t used = 0;
    for (int i = 0; i < digits; i++) {
        if (i > 0 && (digits - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = plain[i];
    }
    out[used] = '\0';
    return out;
}

char *text_duration(int64_t ns, char *out)
{
    int64_t s = ns / NS_PER_S;
    if (ns < 0)
        (void)snprintf(out, TEXT_SMALL, "0 s");
    else if (s < 60)
        (void)snprintf(out, TEXT_SMALL, "%.1f s", (double)ns / (double)NS_PER_S);
    else if (s < 3600)
        (void)snprintf(out, TEXT_SMALL, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else if (s < INT64_C(172800))
        (void)snprintf(out, TEXT_SMALL, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, TEXT_SMALL, "%" PRId64 " days", s / 86400);
    return out;
}

char *text_time(int64_t ns, char *out)
{
    if (ns == 0) {
        (void)snprintf(out, TEXT_SMALL, "never");
        return out;
    }
    _Static_assert((int)TEXT_SMALL >= (int)CLOCK_TEXT_SIZE, "a time fits");
    return clock_format(ns, out);
}
