/* Names of objects on a target (src/repo/FORMAT.md §1): one place that builds them. */
#ifndef HIKAE_BASE_NAMES_H
#define HIKAE_BASE_NAMES_H

#include "base/id.h"

enum { OBJECT_NAME_SIZE = 192 };

#define NAME_ROOT    "hikae1/"
#define NAME_STORE   "hikae1/store"
#define NAME_TENANTS "hikae1/t/"
#define NAME_KEYS    "hikae1/k/"

/* "hikae1/t/<tid>/<folder>/" into out (OBJECT_NAME_SIZE bytes); folder is p, i, r, h or l. Returns out. */
char *name_folder(const struct id *tid, char folder, char *out);
/* "hikae1/t/<tid>/<folder>/<sha256>". Returns out. */
char *name_object(const struct id *tid, char folder, const struct hash *hash, char *out);
/* "hikae1/t/<tid>/h/<record name>". Returns out. */
char *name_record(const struct id *tid, const char *record_name, char *out);
/* "hikae1/k/<epoch, 10 digits>-<sha256>". Returns out. */
char *name_key(uint32_t epoch, const struct hash *hash, char *out);
/* Parse the last part of a keystore entry's name. */
bool name_key_parse(const char *last, uint32_t *ret_epoch, struct hash *ret_hash);

#endif
