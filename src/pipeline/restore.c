/*
 * The way of a restore. Blocks are fetched in the order of the packs, each
 * once: what wants their blobs was sorted by place. A job is a block, or,
 * where a read costs a request, a run of neighbours that few reads serve.
 */
#include "base/mem.h"
#include "base/ordered.h"
#include "pipeline/restore_internal.h"

#include <errno.h>
#include <unistd.h>

enum { JOB_BLOCKS = 32, JOB_WANTS = 65536, JOBS_PER_WORKER = 2, THREADS_MAX = 256, META_BLOCKS = 16 };
enum { AHEAD_BYTES = 8 << 20, AHEAD_BYTES_ALL = 48 << 20, READS_OF_A_STORE = 4 };

struct job {
    uint32_t pack;
    uint32_t first; /* block */
    uint32_t blocks;
    struct want *wants;
    size_t count;
    size_t capacity;
    struct error error; /* ends the run, unless its class is ERROR_NONE */
};

struct restore_worker {
    struct block_reader *reader;
    struct blob_hasher *hasher;
    struct place_cursor cursor;
    struct buf plain;
    struct buf blob; /* that was looked for elsewhere */
};

struct restore {
    const struct restore_options *options;
    struct place_root root;
    struct restore_plan plan;
    struct file_filler *filler;
    struct block_reader *manifest_reader; /* and of extended attributes, afterwards */
    struct place_cursor cursor;
    struct restore_worker *workers;
    unsigned threads;
    struct pool *pool;
    struct ordered *map;
    struct job *jobs; /* JOBS_PER_WORKER a worker */
    size_t job_count;
    uint32_t job_blocks; /* neighbours in a job, at most            */
    size_t ahead;        /* bytes of them that one read may fetch */
    atomic_bool stop;
};

/* ---- A worker ---- */

static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What its block does not give may lie in an older pack, too. If not, that costs the file that wants it, for `why`. */
static int fill_elsewhere(struct restore *restore, struct restore_worker *worker, const struct want *want,
                          const struct error *why, struct error *err)
{
    struct error other = {0};
    if (block_reader_fetch_older(worker->reader, BLOB_CONTENT, &want->id, get_be32(want->pack), &worker->blob,
                                 &other) == 0)
        return file_fill(restore->filler, &worker->cursor, want, worker->blob.data, err);
    if (restore_is_fatal(&other)) {
        *err = other;
        return -1;
    }
    file_give_up(restore->filler, want, why);
    return 0;
}

/* Write the blobs of the block that lies in worker->plain. Nothing is written whose id does not fit. */
static int fill_wants(struct restore *restore, struct restore_worker *worker, const struct want *wants, size_t count,
                      struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct want *want = &wants[i];
        uint32_t offset = get_be32(want->offset);
        struct blob_id id;
        struct error why = {0};
        if ((uint64_t)offset + want->size > worker->plain.size) {
            (void)error_set(&why, ERROR_DAMAGED, "the index does not fit a block");
            if (fill_elsewhere(restore, worker, want, &why, err) != 0)
                return -1;
            continue;
        }
        const uint8_t *bytes = worker->plain.data + offset;
        if (blob_hash(worker->hasher, BLOB_CONTENT, bytes, want->size, &id, err) != 0)
            return -1;
        if (!blob_id_equal(&id, &want->id)) {
            (void)error_set(&why, ERROR_DAMAGED, "a blob does not match its id");
            if (fill_elsewhere(restore, worker, want, &why, err) != 0)
                return -1;
        } else if (file_fill(restore->filler, &worker->cursor, want, bytes, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Fetch a block and write what is wanted of it. If it cannot be had, that costs only what wants it. */
static int fetch_and_fill(struct restore *restore, struct restore_worker *worker, uint32_t pack, uint32_t block,
                          const struct want *wants, size_t count, struct error *err)
{
    struct error why = {0};
    if (block_reader_block(worker->reader, pack, block, &worker->plain, &why) == 0)
        return fill_wants(restore, worker, wants, count, err);
    if (restore_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (fill_elsewhere(restore, worker, &wants[i], &why, err) != 0)
            return -1;
    return 0;
}

static int fill_job(struct restore *restore, struct restore_worker *worker, const struct job *job, struct error *err)
{
    size_t start = 0;
    while (start < job->count && !atomic_load(&restore->stop)) {
        size_t end = start;
        uint32_t block = get_be32(job->wants[start].block);
        while (end < job->count && get_be32(job->wants[end].block) == block)
            end++;
        uint32_t left = job->first + job->blocks - block;
        if (block_reader_ahead(worker->reader, job->pack, block, left, restore->ahead, err) != 0 ||
            fetch_and_fill(restore, worker, job->pack, block, job->wants + start, end - start, err) != 0)
            return -1;
        start = end;
    }
    return 0;
}

static void run_job(void *item, unsigned number, void *context)
{
    struct job *job = item;
    struct restore *restore = context;
    error_clear(&job->error);
    if (fill_job(restore, &restore->workers[number], job, &job->error) != 0)
        atomic_store(&restore->stop, true);
}

/* ---- Handing out jobs ---- */

static int job_add(struct job *job, const struct want *want, struct error *err)
{
    if (job->count == job->capacity) {
        size_t capacity = job->capacity < 256 ? 256 : 2 * job->capacity;
        struct want *wants = mem_realloc(job->wants, capacity * sizeof(*wants));
        if (wants == NULL)
            return error_no_memory(err);
        job->wants = wants;
        job->capacity = capacity;
    }
    if (job->count == 0) {
        job->pack = get_be32(want->pack);
        job->first = get_be32(want->block);
        job->blocks = 1;
    }
    job->blocks = get_be32(want->block) - job->first + 1;
    job->wants[job->count++] = *want;
    return 0;
}

static bool job_takes(const struct restore *restore, const struct job *job, const struct want *want)
{
    if (job->count == 0)
        return true;
    uint32_t block = get_be32(want->block), last = job->first + job->blocks - 1;
    return job->count < JOB_WANTS && job->pack == get_be32(want->pack) &&
           (block == last || (block == last + 1 && job->blocks < restore->job_blocks));
}

/* The oldest job in flight is done: look how it went. */
static int take_back(struct restore *restore, struct error *err)
{
    const struct job *job = ordered_get(restore->map);
    if (job == NULL || job->error.class == ERROR_NONE)
        return 0;
    *err = job->error;
    return -1;
}

static int run_jobs(struct restore *restore, struct error *err)
{
    size_t put = 0, taken = 0;
    const void *record;
    int rc = 0, more = 1;
    struct job *job = &restore->jobs[0];
    job->count = 0;
    while (rc == 0 && more > 0) {
        more = extsort_next(restore->plan.wants, &record, err);
        if (more < 0 || cancel_check(restore->options->cancel, err) != 0)
            rc = -1;
        if (rc == 0 && job->count > 0 && (more == 0 || !job_takes(restore, job, record))) {
            (void)ordered_put(restore->map, job);
            put++;
            if (put - taken == restore->job_count) {
                rc = take_back(restore, err);
                taken++;
            }
            job = &restore->jobs[put % restore->job_count];
            job->count = 0;
        }
        if (rc == 0 && more > 0)
            rc = job_add(job, record, err);
    }
    if (rc != 0)
        atomic_store(&restore->stop, true);
    for (struct error why; taken < put; taken++)
        if (take_back(restore, rc == 0 ? err : &why) != 0)
            rc = -1;
    return rc;
}

/* ---- From the plan to the folder ---- */

static int each(struct restore *restore, const struct entry_spool *list, bool backwards,
                int (*make)(struct file_filler *, struct place_cursor *, uint64_t, struct error *), struct error *err)
{
    uint64_t count = list->size / 8, offset;
    for (uint64_t i = 0; i < count; i++)
        if (cancel_check(restore->options->cancel, err) != 0 ||
            plan_offset(list, backwards ? count - 1 - i : i, &offset, err) != 0 ||
            make(restore->filler, &restore->cursor, offset, err) != 0)
            return -1;
    return 0;
}

static int carry_out(struct restore *restore, struct error *err)
{
    struct restore_plan *plan = &restore->plan;
    if (each(restore, &plan->folders, false, file_make_folder, err) != 0 ||
        each(restore, &plan->plain, false, file_make_plain, err) != 0 || run_jobs(restore, err) != 0 ||
        each(restore, &plan->links, false, file_make_special, err) != 0 ||
        file_finish_flags(restore->filler, &restore->cursor, err) != 0 ||
        each(restore, &plan->folders, true, file_finish_folder, err) != 0)
        return -1;
    return 0;
}

/* Is some of it read from a store on the network? */
static bool reads_a_store(const struct restore_options *options)
{
    for (size_t i = 0; i < options->objects->count; i++) {
        const struct run_target *t = &options->objects->targets[i];
        if (t->up && target_traits(t->target)->parallel > 1)
            return true;
    }
    return false;
}

/*
 * Each thread waits for its own read: of a store on the network, some must be on their way while others are worked
 * on, and each shall be worth its request, within what memory allows.
 */
static void plan_reads(struct restore *restore)
{
    const struct restore_options *options = restore->options;
    bool store = reads_a_store(options);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = cores > 0 ? (unsigned)cores + 1 : 1;
    if (store && wanted < READS_OF_A_STORE)
        wanted = READS_OF_A_STORE;
    restore->threads = options->threads > 0 ? options->threads : wanted;
    if (restore->threads > THREADS_MAX)
        restore->threads = THREADS_MAX;
    restore->job_count = (size_t)restore->threads * JOBS_PER_WORKER;
    restore->job_blocks = store ? JOB_BLOCKS : 1;
    restore->ahead = AHEAD_BYTES_ALL / restore->threads;
    if (restore->ahead > AHEAD_BYTES)
        restore->ahead = AHEAD_BYTES;
}

static int set_up(struct restore *restore, struct error *err)
{
    const struct restore_options *options = restore->options;
    plan_reads(restore);
    restore->workers = mem_calloc(restore->threads, sizeof(*restore->workers));
    restore->jobs = mem_calloc(restore->job_count, sizeof(*restore->jobs));
    if (restore->workers == NULL || restore->jobs == NULL) {
        restore->threads = 0;
        return error_no_memory(err);
    }
    for (unsigned i = 0; i < restore->threads; i++)
        restore->workers[i].cursor = (struct place_cursor){.root = &restore->root, .fd = -1};
    for (unsigned i = 0; i < restore->threads; i++)
        if (block_reader_new(options->objects, 0, &restore->workers[i].reader, err) != 0 ||
            blob_hasher_new(options->objects->keyring, &restore->workers[i].hasher, err) != 0)
            return -1;
    restore->pool = pool_new(restore->threads);
    restore->map = restore->pool != NULL ? ordered_new(restore->pool, restore->job_count, run_job, restore) : NULL;
    if (restore->map == NULL)
        return error_no_memory(err);
    return file_filler_new(options, &restore->root, &restore->plan, restore->manifest_reader, &restore->filler, err);
}

static void tear_down(struct restore *restore)
{
    if (restore->map != NULL)
        ordered_close(restore->map);
    ordered_free(restore->map);
    pool_free(restore->pool);
    for (unsigned i = 0; i < restore->threads; i++) {
        struct restore_worker *worker = &restore->workers[i];
        block_reader_free(worker->reader);
        blob_hasher_free(worker->hasher);
        place_cursor_close(&worker->cursor);
        buf_free(&worker->plain);
        buf_free(&worker->blob);
    }
    for (size_t i = 0; restore->jobs != NULL && i < restore->job_count; i++)
        mem_free(restore->jobs[i].wants);
    mem_free(restore->workers);
    mem_free(restore->jobs);
    file_filler_free(restore->filler);
    place_cursor_close(&restore->cursor);
}

static int run_planned(struct restore *restore, struct error *err)
{
    int rc = set_up(restore, err);
    if (rc == 0)
        rc = carry_out(restore, err);
    if (restore->filler != NULL)
        file_filler_end(restore->filler);
    tear_down(restore);
    return rc;
}

/* Of a dry run: each block once that would be fetched. */
static int count_blocks(struct restore *restore, struct error *err)
{
    const struct restore_options *options = restore->options;
    struct block_cache *cache = options->objects->blocks;
    uint32_t last_pack = 0, last_block = 0;
    const struct pack_info *info = NULL;
    const void *record;
    int more;
    while ((more = extsort_next(restore->plan.wants, &record, err)) > 0) {
        const struct want *want = record;
        uint32_t pack = get_be32(want->pack), block = get_be32(want->block);
        bool same_pack = info != NULL && pack == last_pack;
        if (same_pack && block == last_block)
            continue;
        if (!same_pack && block_reader_pack(restore->manifest_reader, pack, &info, err) != 0)
            return -1;
        last_pack = pack;
        last_block = block;
        if (block < info->block_count && (cache == NULL || block_cache_announce(cache, &info->name, block)))
            atomic_fetch_add(&options->counters->bytes_to_fetch, info->blocks[block].sealed_size);
    }
    return more;
}

int restore_run(const struct restore_options *options, struct error *err)
{
    struct restore restore = {.options = options};
    if (place_open(options->to, !options->dry_run, &restore.root, err) != 0)
        return -1;
    restore.cursor = (struct place_cursor){.root = &restore.root, .fd = -1};
    int rc = block_reader_new(options->objects, META_BLOCKS, &restore.manifest_reader, err);
    if (rc == 0) {
        rc = plan_make(options, &restore.root, restore.manifest_reader, &restore.plan, err);
        if (rc == 0)
            rc = options->dry_run ? count_blocks(&restore, err) : run_planned(&restore, err);
        plan_free(&restore.plan);
    }
    block_reader_free(restore.manifest_reader);
    place_close(&restore.root);
    /* A restore that wrote nothing leaves nothing: rmdir(2) takes an empty folder only. */
    if (rc != 0 && restore.root.is_new)
        (void)rmdir(options->to);
    return rc != 0 ? error_wrap(err, "restore to %s", options->to) : 0;
}
