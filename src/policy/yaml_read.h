/*
 * Reading YAML files that people write: a table of fields for each mapping,
 * and errors of the form
 *
 *     FILE:LINE:COLUMN: what is wrong; what is allowed
 *
 * Numbers and words are taken as they stand and parsed strictly: "010", "0x10",
 * "1_000", "yes" and "1e3" are refused instead of guessed. Unknown and repeated
 * keys are refused. Own code over libyaml's document API, because libcyaml
 * tells the line of a mistake to a log only and never the column.
 */
#ifndef HIKAE_POLICY_YAML_READ_H
#define HIKAE_POLICY_YAML_READ_H

#include "base/buf.h"

#include <yaml.h>

enum { YAML_READ_SIZE_MAX = 1 << 20, YAML_READ_ITEMS_MAX = 10000, YAML_READ_DEPTH_MAX = 64 };

struct yaml_reader {
    const char *file; /* for messages, and relative paths start at its folder; borrowed */
    const char *help; /* what to do when a key is missing; borrowed                      */
    yaml_document_t document;
    bool loaded;
};

struct yaml_field;

/* Read the value `node` of a field into the object. */
typedef int yaml_read_function(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field,
                               void *object, struct error *err);

/* A key of a mapping. */
struct yaml_field {
    const char *name;
    yaml_read_function *read;
    size_t offset; /* of the member in the object */
    bool required;
    uint64_t min, max; /* for numbers */
    const void *more;  /* for what else a function needs */
};

/* Parse text (size bytes). On success the caller ends with yaml_reader_free. ERROR_CONFIG. */
MUST_USE int yaml_reader_open(struct yaml_reader *reader, const char *file, const void *text, size_t size,
                              struct error *err);
/* The same for another file than hikae.yaml: `help` says what to do when a key is missing. */
MUST_USE int yaml_reader_open_with(struct yaml_reader *reader, const char *file, const char *help, const void *text,
                                   size_t size, struct error *err);
void yaml_reader_free(struct yaml_reader *reader);
/* The outermost node; never NULL once opened. */
yaml_node_t *yaml_reader_root(struct yaml_reader *reader);

/* ERROR_CONFIG at the place of node, with "allowed" as the hint. Always returns -1. */
int yaml_complain(const struct yaml_reader *reader, const yaml_node_t *node, struct error *err, const char *allowed,
                  const char *fmt, ...) PRINTF_LIKE(5, 6);

/* The text of a scalar (borrowed), or NULL after a complaint: a list, nothing at all, control characters. */
const char *yaml_scalar(const struct yaml_reader *reader, const yaml_node_t *node, const char *name,
                        const char *allowed, struct error *err);

/* Read a mapping by its fields (ends with a NULL name); `what` names it in messages ("a target"). */
MUST_USE int yaml_read_mapping(struct yaml_reader *reader, yaml_node_t *node, const char *what,
                               const struct yaml_field *fields, void *object, struct error *err);
/* The value of a key of a mapping, or NULL. */
yaml_node_t *yaml_find(struct yaml_reader *reader, yaml_node_t *mapping, const char *key);

/* Called for each item of a sequence. */
typedef int yaml_item_function(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context,
                               struct error *err);
/* The number of items, or -1: `what` says what the list holds ("targets"). An empty value is an empty list. */
MUST_USE int yaml_read_sequence(struct yaml_reader *reader, yaml_node_t *node, const char *what, size_t *ret_count,
                                struct error *err);
MUST_USE int yaml_each(struct yaml_reader *reader, yaml_node_t *node, yaml_item_function *function, void *context,
                       struct error *err);

/* Readers of fields: the member is `char *` (fresh memory), `char *`, `char *`, `unsigned`, `bool`. */
yaml_read_function yaml_read_text;
/* A path; a relative one is taken from the folder of the file. */
yaml_read_function yaml_read_path;
/* 1 to 64 letters, digits, '.', '_', '-', beginning with a letter or digit. */
yaml_read_function yaml_read_name;
yaml_read_function yaml_read_number;
yaml_read_function yaml_read_bool;
/*
 * One of the words that field->more names (const char *const *, ends with NULL): the member is an enum, whose value is
 * the word's place. Several of them, as a list: the member is `unsigned`, with bit i for word i; none is refused.
 */
yaml_read_function yaml_read_choice;
yaml_read_function yaml_read_choices;

#endif
