/*
 * Text for people: names of files that may hold anything, sizes, counts,
 * durations, and how many columns of a terminal they take.
 *
 * Nothing here allocates except text_escape; nothing prints.
 */
#ifndef HIKAE_CLI_TEXT_H
#define HIKAE_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_SMALL = 48 };

/* All of it is UTF-8. */
bool text_is_utf8(const char *text);
/* Columns that escaped text takes on a terminal. Needs a UTF-8 LC_CTYPE for wide characters. */
size_t text_width(const char *text);
/*
 * A name that cannot move the cursor, change colours, reverse the direction of
 * reading or pass for another: control characters, bidirectional controls,
 * backslashes and bytes that are not UTF-8 as \n, \t, \\ and \xNN. With
 * `prose`, backslashes stay. Fresh memory, or NULL without memory.
 */
char *text_escape(const char *text, bool prose);
/* The longest start of text that takes at most `columns`, in bytes. */
size_t text_fit(const char *text, size_t columns);
/*
 * Where a line of at most `columns` ends, in bytes: all of the text, or after a space, or in front of a wide character,
 * which needs none (but for marks that begin no line); in the middle of a word only if nothing else is left. At least 1
 * byte.
 */
size_t text_break(const char *text, size_t columns);
/* UTF-8 with U+FFFD for each byte that is none. Fresh memory, or NULL without memory. */
char *text_to_utf8(const char *text);
/* Base64 (RFC 4648 section 4) of the bytes. Fresh memory, or NULL without memory. */
char *text_base64(const char *text);

/* "2.9 GiB", "160,000", "3.2 s" or "4 min 10 s" into out (TEXT_SMALL bytes). Return out. */
char *text_size(uint64_t bytes, char *out);
char *text_count(uint64_t count, char *out);
char *text_duration(int64_t ns, char *out);
/* RFC 3339, or "never" for 0. */
char *text_time(int64_t ns, char *out);

#endif
