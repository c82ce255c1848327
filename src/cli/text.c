#include "cli/text.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

bool text_is_utf8(const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at < size;)
        if (utf8_next(text, size, &at) < 0)
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
        width += code_width(utf8_next(text, size, &at));
    return width;
}

size_t text_fit(const char *text, size_t columns)
{
    size_t size = strlen(text);
    size_t width = 0;
    for (size_t at = 0; at < size;) {
        size_t before = at;
        width += code_width(utf8_next(text, size, &at));
        if (width > columns)
            return before;
    }
    return size;
}

/* Japanese is broken between any two characters, but none of these begins a line (JIS X 4051). */
static bool begins_no_line(int32_t code)
{
    static const int32_t marks[] = {'!', ')', ',', '.', ':', ';', '?', ']', '}', '%',
                                    /* 、 。 々 〉 》 」 』 】 */
                                    0x3001, 0x3002, 0x3005, 0x3009, 0x300b, 0x300d, 0x300f, 0x3011,
                                    /* ぁ ぃ ぅ ぇ ぉ っ ゃ ゅ ょ ゎ */
                                    0x3041, 0x3043, 0x3045, 0x3047, 0x3049, 0x3063, 0x3083, 0x3085, 0x3087, 0x308e,
                                    /* ァ ィ ゥ ェ ォ ッ ャ ュ ョ ヮ ヵ ヶ ・ ー */
                                    0x30a1, 0x30a3, 0x30a5, 0x30a7, 0x30a9, 0x30c3, 0x30e3, 0x30e5, 0x30e7, 0x30ee,
                                    0x30f5, 0x30f6, 0x30fb, 0x30fc,
                                    /* ！ ） ， ． ： ； ？ */
                                    0xff01, 0xff09, 0xff0c, 0xff0e, 0xff1a, 0xff1b, 0xff1f};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (marks[i] == code)
            return true;
    return false;
}

size_t text_break(const char *text, size_t columns)
{
    size_t size = strlen(text), width = 0, best = 0, at = 0;
    int32_t before = 0;
    while (at < size) {
        size_t from = at;
        int32_t code = utf8_next(text, size, &at);
        bool wide = code_width(code) == 2 || code_width(before) == 2;
        if (code == ' ' ||
            (from > 0 && wide && before != ' ' && !begins_no_line(code) && before != 0xff08 && before != 0x300c))
            best = from;
        width += code_width(code);
        if (width > columns && code != ' ')
            return best > 0 ? best : from > 0 ? from : at;
        before = code;
    }
    return size;
}

/* Characters that a terminal obeys rather than shows, and those that change the direction of reading. */
static bool must_escape(int32_t code, bool prose)
{
    return utf8_is_control(code) || (code == '\\' && !prose);
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
        int32_t code = utf8_next(text, size, &at);
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
        if (utf8_next(text, size, &at) < 0) {
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
