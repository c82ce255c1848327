/* Starting the stages of a backup, waiting for them, and what came of it. */
#include "pipeline/backup.h"

#include "base/mem.h"
#include "pipeline/batch.h"

#include <malloc.h>
#include <unistd.h>

enum { UPLOAD_MEMORY_MIN = 48 << 20, PACKS_IN_FLIGHT_MAX = 3, MAPPED_FROM = 1 << 20 };

int pack_set_add(struct pack_set *set, uint32_t pack, struct error *err)
{
    size_t word = pack / 64;
    if (word >= set->word_count) {
        size_t count = word + word / 2 + 16;
        uint64_t *words = mem_realloc(set->words, count * sizeof(*words));
        if (words == NULL)
            return error_no_memory(err);
        memset(words + set->word_count, 0, (count - set->word_count) * sizeof(*words));
        set->words = words;
        set->word_count = count;
    }
    set->words[word] |= UINT64_C(1) << pack % 64;
    return 0;
}

bool pack_set_has(const struct pack_set *set, uint32_t pack)
{
    return pack / 64 < set->word_count && (set->words[pack / 64] >> pack % 64 & 1) != 0;
}

void pack_set_free(struct pack_set *set)
{
    mem_free(set->words);
    *set = (struct pack_set){0};
}

int source_parse(const char *spec, enum source_kind *ret_kind, const char **ret_path, struct error *err)
{
    static const struct {
        const char *prefix;
        enum source_kind kind;
    } kinds[] = {
        {"dir:", SOURCE_DIRECTORY}, {"image:", SOURCE_IMAGE}, {"cmd:", SOURCE_COMMAND}, {"archive:", SOURCE_ARCHIVE}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t size = strlen(kinds[i].prefix);
        if (strncmp(spec, kinds[i].prefix, size) == 0 && spec[size] != '\0') {
            *ret_kind = kinds[i].kind;
            *ret_path = spec + size;
            return 0;
        }
    }
    (void)error_set(err, ERROR_CONFIG, "'%s' is no source", spec);
    return error_hint(err, "write dir:PATH, image:PATH, archive:PATH or cmd:COMMAND");
}

void backup_fail(struct backup *backup, const struct error *err)
{
    (void)pthread_mutex_lock(&backup->mutex);
    /* That a stage was stopped is no news beside what stopped it. */
    if (!backup->failed || (backup->error.class == ERROR_INTERRUPTED && err->class != ERROR_INTERRUPTED)) {
        backup->failed = true;
        backup->error = *err;
    }
    (void)pthread_mutex_unlock(&backup->mutex);
    cancel_request(&backup->stop);
}

int backup_check(struct backup *backup, struct error *err)
{
    if (cancel_check(backup->options->cancel, err) != 0) {
        cancel_request(&backup->stop);
        return -1;
    }
    return cancel_check(&backup->stop, err);
}

static void free_batch(struct batch *batch)
{
    for (size_t i = 0; i < batch->event_count; i++) {
        entry_free(batch->events[i].entry);
        entry_free(batch->events[i].previous);
    }
    buf_free(&batch->bytes);
    mem_free(batch->blobs);
    mem_free(batch->events);
    mem_free(batch);
}

static void free_block(struct block *block)
{
    buf_free(&block->plain);
    buf_free(&block->payload);
    mem_free(block->blobs);
    mem_free(block);
}

static void tear_down(struct backup *backup)
{
    upload_free(backup->upload);
    ordered_free(backup->batches);
    ordered_free(backup->blocks);
    pool_free(backup->pool);
    void *item;
    if (backup->free_batches != NULL) {
        queue_close(backup->free_batches);
        while ((item = queue_pop(backup->free_batches)) != NULL)
            free_batch(item);
    }
    if (backup->free_blocks != NULL) {
        queue_close(backup->free_blocks);
        while ((item = queue_pop(backup->free_blocks)) != NULL)
            free_block(item);
    }
    queue_free(backup->free_batches);
    queue_free(backup->free_blocks);
    for (unsigned i = 0; i < backup->threads; i++) {
        if (backup->hashers != NULL)
            blob_hasher_free(backup->hashers[i]);
        if (backup->compressors != NULL)
            compressor_free(backup->compressors[i]);
    }
    mem_free(backup->hashers);
    mem_free(backup->compressors);
    pack_set_free(&backup->scan_packs);
    pack_set_free(&backup->gather_packs);
    (void)pthread_mutex_destroy(&backup->mutex);
}

/* Images, if there is nothing else. */
static enum compress_kind what_is_compressed(const struct backup_options *options)
{
    for (size_t i = 0; i < options->source_count; i++)
        if (options->sources[i].kind != SOURCE_IMAGE)
            return COMPRESS_TREES;
    return COMPRESS_IMAGES;
}

static int set_up_workers(struct backup *backup, struct error *err)
{
    const struct backup_options *options = backup->options;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = options->threads > 0 ? options->threads : cores > 0 ? (unsigned)cores : 1;
    backup->threads = threads < 16 ? threads : 16;
    backup->hashers = mem_calloc(backup->threads, sizeof(struct blob_hasher *));
    backup->compressors = mem_calloc(backup->threads, sizeof(struct compressor *));
    if (backup->hashers == NULL || backup->compressors == NULL)
        return error_no_memory(err);
    for (unsigned i = 0; i < backup->threads; i++)
        if (blob_hasher_new(options->objects->keyring, &backup->hashers[i], err) != 0 ||
            compressor_new(options->level, what_is_compressed(options), options->verify_writes, &backup->compressors[i],
                           err) != 0)
            return -1;
    backup->pool = pool_new(backup->threads);
    return backup->pool != NULL ? 0 : error_no_memory(err);
}

static int set_up_queues(struct backup *backup, struct error *err)
{
    backup->batches = ordered_new(backup->pool, BATCH_COUNT, identify_batch, backup);
    backup->blocks = ordered_new(backup->pool, BLOCK_COUNT, compress_block, backup);
    backup->free_batches = queue_new(BATCH_COUNT);
    backup->free_blocks = queue_new(BLOCK_COUNT);
    if (backup->batches == NULL || backup->blocks == NULL || backup->free_batches == NULL ||
        backup->free_blocks == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < BATCH_COUNT; i++) {
        struct batch *batch = mem_calloc(1, sizeof(*batch));
        if (batch == NULL)
            return error_no_memory(err);
        (void)queue_push(backup->free_batches, batch);
    }
    for (size_t i = 0; i < BLOCK_COUNT; i++) {
        struct block *block = mem_calloc(1, sizeof(*block));
        if (block == NULL)
            return error_no_memory(err);
        (void)queue_push(backup->free_blocks, block);
    }
    return 0;
}

/* The packs that the busiest target can be sent at once: a folder takes one, an object store a few. */
static unsigned packs_in_flight(const struct objects *objects)
{
    unsigned most = 1;
    for (size_t i = 0; i < objects->count; i++) {
        const struct run_target *t = &objects->targets[i];
        unsigned parallel = t->up ? target_traits(t->target)->parallel : 0;
        most = parallel > most ? parallel : most;
    }
    return most < PACKS_IN_FLIGHT_MAX ? most : PACKS_IN_FLIGHT_MAX;
}

static int set_up_upload(struct backup *backup, struct error *err)
{
    const struct backup_options *options = backup->options;
    unsigned packs = packs_in_flight(options->objects);
    size_t memory = options->pack_size * packs + options->pack_size / 2;
    struct upload_options upload = {.tid = &options->objects->tid,
                                    .targets = options->objects->targets,
                                    .count = options->objects->count,
                                    .memory_limit = memory > UPLOAD_MEMORY_MIN ? memory : UPLOAD_MEMORY_MIN,
                                    .objects_limit = packs + 1,
                                    .spool_limit = options->spool_limit,
                                    .spool_folder = options->spool_folder,
                                    .cancel = options->cancel};
    return upload_new(&upload, &backup->upload, err);
}

/* A stage that runs in a thread of its own. */
struct stage {
    struct backup *backup;
    struct packer *packer;
    struct manifest_root root;
    pthread_t thread;
    bool started;
};

static void *scan_main(void *argument)
{
    struct stage *stage = argument;
    (void)pthread_setname_np(pthread_self(), "scan");
    struct error err = {0};
    if (scan_run(stage->backup, &err) != 0)
        backup_fail(stage->backup, &err);
    ordered_close(stage->backup->batches);
    return NULL;
}

static void *gather_main(void *argument)
{
    struct stage *stage = argument;
    (void)pthread_setname_np(pthread_self(), "gather");
    struct error err = {0};
    if (gather_run(stage->backup, stage->packer, &stage->root, &err) != 0)
        backup_fail(stage->backup, &err);
    ordered_close(stage->backup->blocks);
    return NULL;
}

static int start(struct stage *stage, void *(*main_function)(void *), struct error *err)
{
    if (pthread_create(&stage->thread, NULL, main_function, stage) != 0)
        return error_set(err, ERROR_INTERNAL, "no thread can be started");
    stage->started = true;
    return 0;
}

/* Run scan and gathering in threads and the packing here, until the last block is packed. */
static void run_stages(struct backup *backup, struct packer *packer, struct manifest_root *ret)
{
    struct stage scan = {.backup = backup}, gather = {.backup = backup, .packer = packer};
    struct error err = {0};
    if (start(&gather, gather_main, &err) != 0) {
        backup_fail(backup, &err);
        ordered_close(backup->blocks);
    } else if (start(&scan, scan_main, &err) != 0) {
        backup_fail(backup, &err);
        ordered_close(backup->batches);
    }
    if (packer_run(packer, &err) != 0)
        backup_fail(backup, &err);
    if (scan.started)
        (void)pthread_join(scan.thread, NULL);
    if (gather.started)
        (void)pthread_join(gather.thread, NULL);
    *ret = gather.root;
}

/* What the targets acknowledged becomes their presence; those that failed say why. */
static int collect_targets(struct backup *backup, struct backup_outcome *ret, struct error *err)
{
    struct objects *objects = backup->options->objects;
    for (size_t i = 0; i < objects->count; i++) {
        const struct roster *acknowledged = upload_acknowledged(backup->upload, i, &ret->target_errors[i]);
        if (acknowledged != NULL && presence_add(&objects->targets[i].present, acknowledged, err) != 0)
            return -1;
    }
    return 0;
}

int backup_run(const struct backup_options *options, struct backup_outcome *ret, struct error *err)
{
    *ret = (struct backup_outcome){0};
    /* Left to itself, glibc stops mapping large buffers once one was freed, and the heap keeps the holes they leave. */
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
    struct backup backup = {.options = options, .counters = options->counters};
    (void)pthread_mutex_init(&backup.mutex, NULL);
    struct packer *packer = NULL;
    ret->target_errors = mem_calloc(options->objects->count, sizeof(struct error));
    int rc = ret->target_errors != NULL ? 0 : error_no_memory(err);
    if (rc == 0)
        rc = set_up_workers(&backup, err);
    if (rc == 0)
        rc = set_up_queues(&backup, err);
    if (rc == 0)
        rc = set_up_upload(&backup, err);
    if (rc == 0)
        rc = packer_new(&backup, &packer, err);
    if (rc == 0) {
        run_stages(&backup, packer, &ret->root);
        upload_drain(backup.upload);
        struct error why = {0};
        if (collect_targets(&backup, ret, &why) != 0)
            backup_fail(&backup, &why);
        if (backup.failed) {
            *err = backup.error;
            rc = -1;
        }
    }
    if (rc == 0)
        rc = packer_roster(packer, &backup.scan_packs, &backup.gather_packs, &ret->roster, err);
    packer_free(packer);
    tear_down(&backup);
    if (rc != 0)
        backup_outcome_clear(ret);
    return rc;
}

void backup_outcome_clear(struct backup_outcome *outcome)
{
    roster_free(&outcome->roster);
    mem_free(outcome->target_errors);
    *outcome = (struct backup_outcome){0};
}
