#include "base/utf8.h"

/* RFC 3629, table of well-formed sequences. */
int32_t utf8_next(const char *text, size_t size, size_t *at)
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

bool utf8_is_control(int32_t code)
{
    return (code >= 0 && code < 0x20) || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0x2028 || code == 0x2029;
}
