/* Base64 (RFC 4648 §4): the standard alphabet, with padding, canonical only. */
#ifndef HIKAE_BASE_BASE64_H
#define HIKAE_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* The text, with a NUL (mem_free); NULL when there is no memory. */
char *base64_encode(const void *bytes, size_t size);
/* Exactly `size` bytes; false for anything else, a longer or a sloppy form included. */
bool base64_decode(const char *text, void *out, size_t size);
/* The number of bytes that a text of that length and padding holds; false if no text of base64 is like that. */
bool base64_size(const char *text, size_t *ret);

#endif
