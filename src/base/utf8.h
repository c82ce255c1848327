/*
 * UTF-8 (RFC 3629), read one character at a time. Names of files may hold
 * anything: what is no UTF-8, and what would act instead of being seen, is
 * told apart here for whoever prints them.
 */
#ifndef HIKAE_BASE_UTF8_H
#define HIKAE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The code point at text[*at], which moves behind it. Bytes that are not
 * UTF-8 (also overlong forms and surrogates) give -1 and move by one.
 */
int32_t utf8_next(const char *text, size_t size, size_t *at);
/* Control characters, and those that change the direction of reading or end a line unseen. */
bool utf8_is_control(int32_t code);

#endif
