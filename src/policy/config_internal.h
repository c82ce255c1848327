/* What reading and writing hikae.yaml share. */
#ifndef HIKAE_POLICY_CONFIG_INTERNAL_H
#define HIKAE_POLICY_CONFIG_INTERNAL_H

#include "base/buf.h"
#include "policy/config.h"

/* The same as config_load, for text that is in memory. */
MUST_USE int config_parse(const char *path, const void *text, size_t size, struct config **ret_config,
                          struct error *err);
/* Read the file as it is. */
MUST_USE int config_read_text(const char *path, struct buf *out, struct error *err);

#endif
