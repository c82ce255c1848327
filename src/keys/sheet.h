/*
 * The recovery sheet: 32 bytes of key on paper (src/repo/FORMAT.md §8).
 *
 * It turns a key into digits that people can read aloud and type, and back,
 * and it makes the page that is printed. It knows nothing of what the key
 * opens, reads no file and writes none.
 */
#ifndef HIKAE_KEYS_SHEET_H
#define HIKAE_KEYS_SHEET_H

#include "base/id.h"
#include "base/secret.h"

enum {
    SHEET_KEY_SIZE = 32,
    SHEET_KEY_DIGITS = 52,
    SHEET_CHECK_DIGITS = 4,
    SHEET_DIGITS = SHEET_KEY_DIGITS + SHEET_CHECK_DIGITS,
    SHEET_TEXT_MAX = 16384 /* bytes of a file that is read as a sheet */
};

/* What the page says around the digits. */
struct sheet_about {
    const struct id *store; /* NULL: unknown, not printed */
    uint32_t epoch;
    int64_t created_ns;
    const char *group;
    const char *holder;
    size_t others; /* further holders of the group, all of whom are needed too */
};

/* The 56 digits, without separators and without a NUL, into out. */
MUST_USE int sheet_encode(const struct secret *key, uint32_t epoch, char out[SHEET_DIGITS], struct error *err);
/* The page to be printed: *ret is text to be wiped and released by the caller (mem_free). */
MUST_USE int sheet_page(const struct secret *key, const struct sheet_about *about, char **ret, struct error *err);
/*
 * Find and check the digits in a text: the printed page, or digits alone, however they are grouped.
 * `epoch` is the one that the store is at. ERROR_KEYS says whether digits are missing, the check digits do
 * not match (a slip of typing), or the sheet is of another epoch.
 */
MUST_USE int sheet_parse(const char *text, size_t size, uint32_t epoch, struct secret **ret_key, struct error *err);

#endif
