/* For the history*.c files only: how the fold understands the JSON bodies of records, and its hash tables. */
#ifndef HIKAE_REPO_HISTORY_INTERNAL_H
#define HIKAE_REPO_HISTORY_INTERNAL_H

#include "base/mem.h"
#include "repo/history.h"

#include <jansson.h>

/*
 * uthash without exit(): an element that was not added has hh.tbl NULL. Keys are short and mostly hashes already, so
 * the plainest function does (Fowler, Noll, Vo); uthash's own falls through switch labels, which clang warns of.
 */
#define HASH_FUNCTION(key, size, value) HASH_FNV(key, size, value)
#define HASH_NONFATAL_OOM               1
#define uthash_malloc(size)             mem_alloc(size)
#define uthash_free(p, size)            mem_free(p)
#include <uthash.h>

enum { SNAPSHOT_KEY_SIZE = 8 }; /* the bytes of a record's name that name a snapshot */

/* history_json.c: parse JSON, refusing members that come twice; NULL with *ret_no_memory telling whether it was for
 * lack of memory. json_decref. */
json_t *history_json(const char *text, bool *ret_no_memory);

/* ---- history_parse.c: each returns 1, 0 if the body is not what FORMAT.md §6 says, or -1 without memory ---- */

/* An object with "v": 1, and nothing else is asked of it. */
MUST_USE int history_parse_any(const char *body, struct error *err);
/* Fills what the body knows of a snapshot. On 0 and -1 nothing is left to free. */
MUST_USE int history_parse_snapshot(const char *body, struct history_snapshot *ret, struct error *err);
MUST_USE int history_parse_tenant(const char *body, struct history_tenant *ret, struct error *err);
/* Everything but since_ns. An `until` that is no time is left out: the hold then ends only when it is removed. */
MUST_USE int history_parse_hold(const char *body, struct history_hold *ret, struct error *err);
MUST_USE int history_parse_unhold(const char *body, char ret_id[33], struct error *err);

/* What a record of type 7 changes. */
struct history_tag {
    uint8_t snapshot[SNAPSHOT_KEY_SIZE];
    bool sets_tag;
    char *tag; /* NULL: removed */
    bool sets_keep_until;
    int64_t keep_until_ns;
};
MUST_USE int history_parse_tag(const char *body, struct history_tag *ret, struct error *err);
/* *ret_sound: data was checked, something was, and all of it was sound. */
MUST_USE int history_parse_verified(const char *body, uint8_t ret_snapshot[SNAPSHOT_KEY_SIZE], bool *ret_sound,
                                    struct error *err);
/* Is it a type whose latest record about a thing is kept as a fact? */
bool history_is_fact(enum record_type type);
/* The key of a fact (mem_free). */
MUST_USE int history_parse_fact(enum record_type type, const char *body, char **ret_key, struct error *err);

/* ---- history_fold.c ---- */

/*
 * Fold records, given in their order, into ret's tenant, snapshots, holds, facts and `unreadable`. Takes rosters and
 * bodies out of the records. On failure ret is for history_clear.
 */
MUST_USE int history_fold(struct record *const *records, size_t count, struct history *ret, struct error *err);
void history_snapshot_clear(struct history_snapshot *snapshot);
void history_hold_clear(struct history_hold *hold);

#endif
