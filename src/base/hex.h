/* Hexadecimal, lower case. */
#ifndef HIKAE_BASE_HEX_H
#define HIKAE_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Write 2*size digits and a NUL to out. Returns out. */
char *hex_encode(const void *bytes, size_t size, char *out);
/* Decode exactly 2*size digits of text (which need not end there). False if a character is no digit; upper case is
 * refused. */
bool hex_decode(const char *text, size_t size, void *out);

#endif
