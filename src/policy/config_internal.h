/* What reading and writing hikae.yaml share. */
#ifndef HIKAE_POLICY_CONFIG_INTERNAL_H
#define HIKAE_POLICY_CONFIG_INTERNAL_H

#include "base/buf.h"
#include "policy/config.h"
#include "policy/yaml_read.h"

/* The same as config_load, for text that is in memory. */
MUST_USE int config_parse(const char *path, const void *text, size_t size, struct config **ret_config,
                          struct error *err);
/* Read the file as it is. */
MUST_USE int config_read_text(const char *path, struct buf *out, struct error *err);

/* A yaml_item_function; the context is the array of targets. */
MUST_USE int config_read_target(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context,
                                struct error *err);
/* A yaml_item_function; the context is the array of members of a group. */
MUST_USE int config_read_member(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context,
                                struct error *err);
/* The keys of a member and their values, with `between` before each but the first: a new line, or ", ". */
MUST_USE int config_write_member(struct buf *out, const struct config_member *member, const char *between,
                                 struct error *err);
/* "KIND" or "KIND:VALUE", as a target and a holder say where secrets are; the member is struct target_credentials. */
yaml_read_function config_read_credentials;
/* A word of field->more (struct target_words); the member is an enumeration. */
yaml_read_function config_read_word;
/* The section "notify"; the object is the configuration. */
yaml_read_function config_read_notify;
void config_free_notify(struct config_notify *notify);
/* One item of the list of targets, with every key that is set. */
MUST_USE int config_write_target(struct buf *out, const struct config_target *target, struct error *err);
/* Do both say the same? */
bool config_same_target(const struct config_target *a, const struct config_target *b);

/* ---- Editing text that people wrote (config_write.c) ---- */

/* A change of text: the bytes from..to give way to `with`. */
struct config_change {
    size_t from, to;
    struct buf with;
};
/* The text with the change, appended to out. */
MUST_USE int config_apply_change(const struct buf *text, const struct config_change *change, struct buf *out,
                                 struct error *err);
/* The offset of the beginning of a line (0 is the first), or the size of the text if there are fewer. */
size_t config_line_offset(const struct buf *text, size_t line);
/* The offset of a mark of libyaml. */
size_t config_mark_offset(const struct buf *text, const yaml_mark_t *mark);
/* The last line on which something of this node stands; depth is 0. */
size_t config_last_line(struct yaml_reader *reader, const yaml_node_t *node, unsigned depth);
MUST_USE int config_add_text(struct buf *out, const char *text, struct error *err);
/* A double-quoted scalar. ERROR_CONFIG for control characters. */
MUST_USE int config_add_quoted(struct buf *out, const char *text, struct error *err);
/* Is everything but the keys the same, apart from targets that `after` has more? */
bool config_same_settings(const struct config *before, const struct config *after);

#endif
