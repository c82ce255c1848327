/* For tests of the pipeline: targets, keys, an index, runs of backup and restore. Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_PIPELINE_FIXTURE_H
#define HIKAE_TESTS_PIPELINE_FIXTURE_H

#include "keys_fixture.h"
#include "pipeline/backup.h"
#include "pipeline/restore.h"

enum { PIPE_TARGETS = 2 };

struct pipe_warnings {
    unsigned count;
    char text[4096];
};

struct pipe {
    struct fixture keys; /* folder and targets */
    struct keyring *keyring;
    struct index *index;
    struct run_target targets[PIPE_TARGETS];
    struct objects objects;
    struct id tid;
    char source[FIXTURE_PATH + 32];
    char spool[FIXTURE_PATH + 32];
    char out[FIXTURE_PATH + 32];
    struct manifest_root root; /* of the last backup */
    bool has_root;
    struct backup_counters backup;
    struct restore_counters restore;
    struct pipe_warnings warnings;
};

static inline void pipe_warn(const struct bytes *path, const struct error *why, void *context)
{
    struct pipe_warnings *warnings = context;
    size_t used = strlen(warnings->text);
    warnings->count++;
    (void)snprintf(warnings->text + used, sizeof(warnings->text) - used, "%.*s: %s. %s\n", (int)path->size,
                   (const char *)path->data, why->what, why->hint);
}

static inline void pipe_key(struct pipe *p, enum key_type type, uint8_t fill)
{
    uint8_t bytes[32];
    memset(bytes, fill, sizeof(bytes));
    struct key_row row = {.type = type, .generation = 1, .tid = p->tid, .key = secret_copy(bytes, sizeof(bytes))};
    row.key_id.bytes[0] = fill;
    assert_non_null(row.key);
    assert_int_equal(keyring_add(p->keyring, &row, NULL), 0);
    secret_free(row.key);
}

static inline void pipe_make(struct pipe *p)
{
    struct error err = {0};
    bool rebuilt;
    char folder[FIXTURE_PATH + 32];
    memset(p, 0, sizeof(*p));
    fixture_make(&p->keys, PIPE_TARGETS, 1);
    memset(p->tid.bytes, 7, sizeof(p->tid.bytes));
    p->keyring = keyring_new(&p->tid);
    assert_non_null(p->keyring);
    pipe_key(p, KEY_SEALING, 1);
    pipe_key(p, KEY_DEDUP, 2);
    (void)snprintf(folder, sizeof(folder), "%s/index", p->keys.folder);
    assert_int_equal(index_open(folder, p->keyring, 16 << 20, &p->index, &rebuilt, &err), 0);
    for (size_t i = 0; i < PIPE_TARGETS; i++) {
        p->targets[i].target = p->keys.targets[i];
        p->targets[i].name = target_name(p->keys.targets[i]);
    }
    objects_init(&p->objects, &p->tid, p->keyring, p->index, p->targets, PIPE_TARGETS, NULL);
    assert_int_equal(objects_list(&p->objects, &err), 0);
    (void)snprintf(p->source, sizeof(p->source), "%s/source", p->keys.folder);
    (void)snprintf(p->spool, sizeof(p->spool), "%s/spool", p->keys.folder);
    (void)snprintf(p->out, sizeof(p->out), "%s/out", p->keys.folder);
    assert_int_equal(mkdir(p->source, 0750), 0);
    assert_int_equal(mkdir(p->spool, 0700), 0);
}

static inline void pipe_remove(struct pipe *p)
{
    for (size_t i = 0; i < PIPE_TARGETS; i++)
        presence_clear(&p->targets[i].present);
    objects_destroy(&p->objects);
    index_close(p->index);
    keyring_free(p->keyring);
    fixture_remove(&p->keys);
}

static inline struct backup_options pipe_backup_options(struct pipe *p, const struct backup_source *source)
{
    memset(&p->backup, 0, sizeof(p->backup));
    return (struct backup_options){.objects = &p->objects,
                                   .sources = source,
                                   .source_count = 1,
                                   .parent = p->has_root ? &p->root : NULL,
                                   .threads = 2,
                                   .level = 3,
                                   .pack_size = 9 << 20, /* two of the longest blocks */
                                   .verify_writes = true,
                                   .spool_folder = p->spool,
                                   .spool_limit = 64 << 20,
                                   .counters = &p->backup,
                                   .warn = pipe_warn,
                                   .warn_context = &p->warnings};
}

static inline struct backup_source pipe_source(const struct pipe *p)
{
    return (struct backup_source){.name = "src", .kind = SOURCE_DIRECTORY, .path = p->source};
}

/* Back up the source folder as "src". */
static inline void pipe_backup(struct pipe *p)
{
    struct error err = {0};
    char text[2048];
    struct backup_source source = pipe_source(p);
    struct backup_options options = pipe_backup_options(p, &source);
    struct backup_outcome outcome;
    if (backup_run(&options, &outcome, &err) != 0)
        fail_msg("backup: %s", error_format(&err, text, sizeof(text)));
    p->root = outcome.root;
    p->has_root = true;
    backup_outcome_clear(&outcome);
}

static inline struct restore_options pipe_options(struct pipe *p)
{
    memset(&p->restore, 0, sizeof(p->restore));
    p->warnings = (struct pipe_warnings){0};
    return (struct restore_options){.objects = &p->objects,
                                    .root = &p->root,
                                    .to = p->out,
                                    .threads = 2,
                                    .counters = &p->restore,
                                    .warn = pipe_warn,
                                    .warn_context = &p->warnings};
}

static inline void pipe_restore(const struct restore_options *options)
{
    struct error err = {0};
    char text[2048];
    if (restore_run(options, &err) != 0)
        fail_msg("restore: %s", error_format(&err, text, sizeof(text)));
}

#endif
