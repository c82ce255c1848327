/*
 * Parsing and printing JSON with jansson, so that lack of memory is told apart
 * from bad text and never leaves half a text. It knows nothing of what a text
 * means.
 */
#ifndef HIKAE_BASE_JSON_H
#define HIKAE_BASE_JSON_H

#include "base/error.h"

#include <jansson.h>

/*
 * Parse one value; an object that names a member twice is refused. 0 with *ret NULL: the text is no such JSON.
 * 0 with *ret set: the caller releases it (json_decref). -1: no memory. Safe for threads.
 */
MUST_USE int json_parse(const void *text, size_t size, json_t **ret, struct error *err);

/* Print in one line: *ret is text (mem_free). -1: no memory. Safe for threads. */
MUST_USE int json_print(const json_t *json, char **ret, struct error *err);

/* The same with the members sorted by name: one text for one value, of which a hash can be taken. */
MUST_USE int json_print_canonical(const json_t *json, char **ret, struct error *err);

static inline void cleanup_json(json_t **json)
{
    json_decref(*json);
}
#define CLEANUP_JSON __attribute__((cleanup(cleanup_json)))

#endif
