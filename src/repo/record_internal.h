/* For record.c and roster.c only: what the clear parts of records and of roster parts have in common. */
#ifndef HIKAE_REPO_RECORD_INTERNAL_H
#define HIKAE_REPO_RECORD_INTERNAL_H

#include "crypto/container.h"
#include "repo/record.h"

/* Append rows as bytes (FORMAT.md §6, section 2). They must be sorted, of classes up to `last`: ERROR_INTERNAL. */
MUST_USE int roster_rows_write(const struct roster_row *rows, size_t count, enum object_class last, struct buf *out,
                               struct error *err);
/* Append the rows that bytes hold to roster. ERROR_DAMAGED unless they are whole, sorted and allowed. */
MUST_USE int roster_rows_parse(const void *bytes, size_t size, enum object_class last, struct roster *roster,
                               struct error *err);
/* The key to seal a tenant's records and roster parts with; borrows from the keyring. */
MUST_USE int record_sealing_key(const struct keyring *keyring, struct container_key *ret, struct error *err);
/* The clear part of an object of this kind, within the limits of records. Borrows from object. */
MUST_USE int record_clear_part(enum container_kind kind, const void *object, size_t size,
                               struct container_header *ret_header, struct bytes *ret_clear, struct error *err);

#endif
