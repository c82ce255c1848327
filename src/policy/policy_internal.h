/* What reading, checking and comparing of policies share. */
#ifndef HIKAE_POLICY_POLICY_INTERNAL_H
#define HIKAE_POLICY_POLICY_INTERNAL_H

#include "policy/policy.h"
#include "policy/yaml_read.h"

enum { POLICY_LIST_MAX = 200 };
#define POLICY_HELP "policies/README.md lists every key; the shipped policies are examples"

/* The reader that every function of a field gets is the first member of this. */
struct policy_reader {
    struct yaml_reader yaml;
    struct policy *policy; /* owns what is read */
};

/* The policy frees it. NULL is a lack of memory. */
MUST_USE int policy_own(struct policy *policy, void *fresh, struct error *err);

/* A part of the file, or an item of a list of parts: field->more of the two readers below. */
struct policy_shape {
    const char *what; /* "the schedule" */
    const struct yaml_field *fields;
    size_t size;         /* of an item of a list                           */
    size_t count_offset; /* where a list's number of items is kept         */
    size_t id_offset;    /* of an item's `char *` that no two may share    */
    bool has_id;
    bool is_rule; /* begins with a struct policy_rule               */
    /* Looks at what was read as a whole; NULL: nothing to look at. */
    int (*finish)(struct yaml_reader *reader, yaml_node_t *node, void *object, struct error *err);
};
yaml_read_function policy_read_part;
yaml_read_function policy_read_list;

/* As yaml_read_text and yaml_read_name, but the policy owns what was read. */
yaml_read_function policy_read_text;
yaml_read_function policy_read_name;
/* A text that may be left empty: then the member is NULL. */
yaml_read_function policy_read_optional;
/* Names, at least one, each once; countries are two capital letters each. */
yaml_read_function policy_read_words;
yaml_read_function policy_read_countries;
yaml_read_function policy_read_span;
/* "01:00-06:00" of a schedule. */
yaml_read_function policy_read_window;
/* The part `generations` (policy_keep.c). */
yaml_read_function policy_read_generations;

/* The keys of a policy. */
extern const struct yaml_field policy_fields[];

/* A list of parts or words. As yaml_read_sequence, but no longer than POLICY_LIST_MAX. */
MUST_USE int policy_count(struct yaml_reader *reader, yaml_node_t *node, const char *what, size_t *ret_count,
                          struct error *err);

#endif
