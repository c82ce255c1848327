/*
 * Files that describe tenants in bulk, JSON or CSV, as people and exports of
 * customer databases write them. Only reading and checking; tenant_load.c
 * carries it out. Everything is strict, and each mistake has its line.
 *
 * JSON: a list of objects, or an object whose only member "tenants" is that
 * list. CSV (RFC 4180): a line of column names, then a tenant a line; an empty
 * cell says nothing. Both have the same members:
 *
 *   name, policy, class (customer, provider), priority (1 … 9)
 *   labels {KEY: VALUE}                    CSV: a column label.KEY each
 *   limits {seconds, bytes, threads}       CSV: limit.seconds and so on
 *   sources [{name, spec, exclude[],       CSV: a column source.NAME each,
 *     one_file_system, exclude_caches}]         which holds the spec
 */
#ifndef HIKAE_OPS_LOAD_H
#define HIKAE_OPS_LOAD_H

#include "base/buf.h"
#include "base/json.h"
#include "hikae.h"

enum { LOAD_FILE_MAX = 64 << 20, LOAD_TENANTS_MAX = 100000, LOAD_COLUMNS_MAX = 200 };

struct load_row {
    unsigned line;
    json_t *json; /* owns the texts of options */
    struct hikae_tenant_options options;
    struct hikae_limits limits;
    bool has_class;
};

struct load_file {
    struct load_row *rows; /* in the file's order */
    size_t count, room;
    size_t mistakes;
    /* Told of each mistake: "FILE:LINE: what is wrong; what is allowed". */
    void (*complain)(const char *message, void *context);
    void *context;
    const char *path;
};

/* Read and check a file; *file has complain, context. -1 if it cannot be read at all; mistakes are counted. */
MUST_USE int load_read(const char *path, struct load_file *file, struct error *err);
void load_free(struct load_file *file);

/* ---- For the two forms ---- */

void load_mistake(struct load_file *file, unsigned line, const struct error *why);
/* A tenant's object (taken over) that begins on this line. -1: no memory. */
MUST_USE int load_take(struct load_file *file, unsigned line, json_t *object, struct error *err);
MUST_USE int load_json(struct load_file *file, const char *text, size_t size, struct error *err);
MUST_USE int load_csv(struct load_file *file, const char *text, size_t size, struct error *err);

#endif
