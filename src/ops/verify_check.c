/*
 * The checking: tasks are copies, taken one after the other by a few threads.
 * Every copy's hash is computed; what is behind a hash is opened once, as all
 * copies with that hash are the same bytes.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/container.h"
#include "crypto/crypto.h"
#include "ops/verify_internal.h"
#include "repo/segment.h"

enum { WORKERS_MAX = 2, PIECE_SIZE = 4 << 20, FAILURES_MAX = 8 };

struct worker {
    struct verify_scope *scope;
    struct blob_hasher *hasher; /* NULL unless contents are opened */
    struct sha256 *sha;
    struct buf object;
    struct buf plain;
    bool keyless; /* of the object that is checked: nobody can tell what is in it */
    pthread_t thread;
};

int check_state(const struct error *why)
{
    switch (why->class) {
    case ERROR_NOT_FOUND:
        return HIKAE_FINDING_MISSING;
    case ERROR_DAMAGED:
    case ERROR_KEYS: /* sealed for somebody else: not what should lie under this name */
        return HIKAE_FINDING_DAMAGED;
    default:
        return HIKAE_FINDING_UNKNOWN;
    }
}

int check_note(struct verify_scope *scope, size_t item, size_t target, int state, enum verify_kind kind,
               const char *why, struct error *err)
{
    char *text = mem_strdup(why);
    (void)pthread_mutex_lock(&scope->mutex);
    if (text != NULL && scope->bad_count == scope->bad_capacity) {
        size_t capacity = scope->bad_capacity < 16 ? 16 : 2 * scope->bad_capacity;
        struct verify_bad *bads = mem_realloc(scope->bads, capacity * sizeof(*bads));
        if (bads != NULL) {
            scope->bads = bads;
            scope->bad_capacity = capacity;
        }
    }
    bool fits = text != NULL && scope->bad_count < scope->bad_capacity;
    if (fits)
        scope->bads[scope->bad_count++] =
            (struct verify_bad){.item = item, .target = target, .state = state, .kind = kind, .why = text};
    (void)pthread_mutex_unlock(&scope->mutex);
    if (fits)
        return 0;
    mem_free(text);
    return error_no_memory(err);
}

/* ---- Contents ---- */

static int check_block(struct worker *worker, struct container_opener *opener, uint32_t number,
                       const struct container_directory *directory, uint32_t *next_blob, struct error *err)
{
    const struct container_block *block = &directory->blocks[number];
    if (container_opener_block(opener, number, block, worker->object.data + block->offset, &worker->plain, err) != 0)
        return -1;
    size_t offset = 0;
    for (uint32_t i = 0; i < block->blob_count; i++) {
        if (*next_blob >= directory->blob_count || directory->blobs[*next_blob].size > worker->plain.size - offset)
            return error_set(err, ERROR_DAMAGED, "its directory does not fit block %u", number);
        const struct container_blob *blob = &directory->blobs[(*next_blob)++];
        struct blob_id id;
        if (blob_hash(worker->hasher, (enum blob_type)blob->type, worker->plain.data + offset, blob->size, &id, err) !=
            0)
            return -1;
        if (!blob_id_equal(&id, &blob->id))
            return error_set(err, ERROR_DAMAGED, "a blob in block %u does not match its id", number);
        offset += blob->size;
    }
    if (offset != worker->plain.size)
        return error_set(err, ERROR_DAMAGED, "block %u holds bytes that belong to no blob", number);
    return 0;
}

static int check_blocks(struct worker *worker, struct container_opener *opener, struct error *err)
{
    struct container_directory directory;
    if (container_check_structure(opener, worker->object.data, worker->object.size, &directory, err) != 0)
        return -1;
    uint32_t next_blob = 0;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < directory.block_count; i++)
        rc = check_block(worker, opener, i, &directory, &next_blob, err);
    container_directory_free(&directory);
    return rc;
}

/* Header and clear part of an object of this tenant, with the key that it is sealed under. */
static int find_key(struct worker *worker, struct container_header *ret_header, const struct secret **ret_key,
                    struct error *err)
{
    struct bytes clear;
    if (container_clear(worker->object.data, worker->object.size, ret_header, &clear, err) != 0)
        return -1;
    if (!id_equal(&ret_header->tid, &worker->scope->tid))
        return error_set(err, ERROR_DAMAGED, "it is another tenant's object");
    *ret_key = keyring_find(worker->scope->keyring, &ret_header->key_id);
    worker->keyless = *ret_key == NULL;
    return worker->keyless ? error_set(err, ERROR_KEYS, "the keystore, as it was read here, has no key for it") : 0;
}

static int check_pack(struct worker *worker, struct error *err)
{
    struct container_header header;
    const struct secret *key;
    struct container_opener *opener = NULL;
    if (find_key(worker, &header, &key, err) != 0)
        return -1;
    if (!container_is_pack(header.kind) || header.clear_size != 0)
        return error_set(err, ERROR_DAMAGED, "it is no pack");
    if (container_opener_new(worker->object.data, NULL, 0, key, &opener, err) != 0)
        return -1;
    int rc = check_blocks(worker, opener, err);
    container_opener_free(opener);
    return rc;
}

static int check_segment(struct worker *worker, struct error *err)
{
    struct container_header header;
    const struct secret *key;
    struct bytes clear;
    struct segment segment;
    worker->plain.size = 0;
    if (find_key(worker, &header, &key, err) != 0 ||
        container_open_body(CONTAINER_SEGMENT, worker->object.data, worker->object.size, key, CONTAINER_OBJECT_MAX,
                            &worker->plain, &clear, err) != 0 ||
        segment_parse(worker->plain.data, worker->plain.size, &segment, err) != 0)
        return -1;
    segment_clear(&segment);
    return 0;
}

static int check_roster_part(struct worker *worker, struct error *err)
{
    struct container_header header;
    const struct secret *key;
    struct bytes clear;
    CLEANUP(roster_free) struct roster roster = {0};
    worker->plain.size = 0;
    if (find_key(worker, &header, &key, err) != 0 ||
        container_open_body(CONTAINER_ROSTER, worker->object.data, worker->object.size, key, CONTAINER_OBJECT_MAX,
                            &worker->plain, &clear, err) != 0)
        return -1;
    return roster_part_parse(worker->object.data, worker->object.size, &roster, err);
}

static int check_content(struct worker *worker, const struct verify_item *item, struct error *err)
{
    struct container_header header;
    const struct secret *key;
    struct record record = {0};
    int rc = 0;
    worker->keyless = false;
    switch (item->copy.class) {
    case 'p':
        return check_pack(worker, err);
    case 'i':
        return check_segment(worker, err);
    case 'r':
        return check_roster_part(worker, err);
    case 'h':
        if (find_key(worker, &header, &key, err) != 0)
            return -1;
        rc = record_parse(worker->object.data, worker->object.size, worker->scope->keyring, &record, err);
        record_clear(&record);
        return rc;
    default:
        return 0; /* keystore and store object were opened and checked when this began */
    }
}

/* ---- One copy ---- */

/* The hash of an object of known size, without holding all of it. */
static int check_streamed(struct worker *worker, const struct verify_item *item, size_t target, struct error *err)
{
    struct verify_scope *scope = worker->scope;
    struct run_target *t = &scope->verify->hikae->targets[target];
    char name[OBJECT_NAME_SIZE];
    struct hash found;
    (void)copy_name(&scope->tid, &item->copy, name);
    if (sha256_start(worker->sha, err) != 0)
        return -1;
    for (uint64_t done = 0; done < item->copy.size;) {
        uint64_t left = item->copy.size - done;
        size_t piece = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
        worker->object.size = 0;
        if (cancel_check(&scope->verify->hikae->cancel, err) != 0 ||
            target_get_range(t->target, name, done, piece, &worker->object, err) != 0 ||
            sha256_update(worker->sha, worker->object.data, worker->object.size, err) != 0)
            return -1;
        done += piece;
        atomic_fetch_add(&scope->verify->bytes, piece);
    }
    if (sha256_finish(worker->sha, found.bytes, err) != 0)
        return -1;
    return hash_equal(&found, &item->copy.hash)
               ? 0
               : error_set(err, ERROR_DAMAGED, "its bytes on %s do not match its name", t->name);
}

static int check_copy(struct worker *worker, struct verify_item *item, size_t target, enum verify_kind *ret_kind,
                      struct error *err)
{
    struct verify *verify = worker->scope->verify;
    if (verify->options->level == HIKAE_VERIFY_INVENTORY)
        return 0; /* it is listed, with its size: that is what was asked */
    if (atomic_load(&verify->failures[target]) >= FAILURES_MAX)
        return error_set(err, ERROR_UNREACHABLE, "%s did not answer %d times; it was not asked again",
                         verify->hikae->targets[target].name, FAILURES_MAX);
    bool open =
        verify->options->level == HIKAE_VERIFY_DATA && worker->scope->keyring != NULL && !atomic_load(&item->deep);
    if (!open && item->copy.size > PIECE_SIZE)
        return check_streamed(worker, item, target, err);
    int rc = copy_get(&worker->scope->place, target, &item->copy, &worker->object, err);
    atomic_fetch_add(&verify->bytes, worker->object.size);
    if (rc != 0 || !open)
        return rc;
    if (check_content(worker, item, err) != 0) {
        *ret_kind = worker->keyless ? BAD_KEYLESS : BAD_CONTENT;
        return -1;
    }
    atomic_store(&item->deep, true);
    return 0;
}

static int do_task(struct worker *worker, size_t number, struct error *err)
{
    struct verify_scope *scope = worker->scope;
    size_t index = scope->tasks[number].item, target = scope->tasks[number].target;
    struct error why = {0};
    char text[ERROR_WHAT_SIZE + ERROR_CHAIN_SIZE + 8];
    if (cancel_check(&scope->verify->hikae->cancel, err) != 0)
        return -1;
    enum verify_kind kind = BAD_COPY;
    if (check_copy(worker, &scope->items[index], target, &kind, &why) == 0) {
        scope->sound_ns[number] = clock_now_ns();
        atomic_fetch_add(&scope->verify->sound, 1);
        atomic_fetch_add(&scope->verify->checked, 1);
        return 0;
    }
    if (copy_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    int state = kind == BAD_KEYLESS ? HIKAE_FINDING_UNKNOWN : check_state(&why);
    if (state != HIKAE_FINDING_UNKNOWN)
        atomic_fetch_add(&scope->verify->checked, 1);
    else if (kind != BAD_KEYLESS)
        atomic_fetch_add(&scope->verify->failures[target], 1);
    why.hint[0] = '\0';
    return check_note(scope, index, target, state, kind, error_format(&why, text, sizeof(text)), err);
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct verify_scope *scope = worker->scope;
    while (!atomic_load(&scope->stop)) {
        size_t number = atomic_fetch_add(&scope->next, 1);
        struct error err = {0};
        if (number >= scope->task_count)
            break;
        if (do_task(worker, number, &err) == 0)
            continue;
        (void)pthread_mutex_lock(&scope->mutex);
        scope->fatal = err;
        (void)pthread_mutex_unlock(&scope->mutex);
        atomic_store(&scope->stop, true);
    }
    return NULL;
}

static void worker_clear(struct worker *worker)
{
    blob_hasher_free(worker->hasher);
    sha256_free(worker->sha);
    buf_free(&worker->object);
    buf_free(&worker->plain);
}

static int worker_prepare(struct worker *worker, struct verify_scope *scope, struct error *err)
{
    worker->scope = scope;
    worker->sha = sha256_new();
    if (worker->sha == NULL)
        return error_no_memory(err);
    if (scope->session == NULL || scope->verify->options->level != HIKAE_VERIFY_DATA)
        return 0;
    return blob_hasher_new(scope->keyring, &worker->hasher, err);
}

static int run_workers(struct verify_scope *scope, struct worker *workers, size_t count, struct error *err)
{
    size_t started = 1; /* this thread is the first */
    for (; started < count; started++)
        if (pthread_create(&workers[started].thread, NULL, worker_main, &workers[started]) != 0)
            break;
    (void)worker_main(&workers[0]);
    for (size_t i = 1; i < started; i++)
        (void)pthread_join(workers[i].thread, NULL);
    if (!atomic_load(&scope->stop))
        return 0;
    *err = scope->fatal;
    return -1;
}

/* What the listings already say. */
static int note_absent(struct verify_scope *scope, struct error *err)
{
    struct verify *verify = scope->verify;
    for (size_t i = 0; i < scope->count; i++) {
        const struct verify_item *item = &scope->items[i];
        for (size_t t = 0; t < verify->hikae->target_count; t++) {
            uint64_t bit = UINT64_C(1) << t;
            if ((verify->selected & bit) == 0 || (item->on & bit) != 0 || (item->expected & bit) == 0 ||
                !verify->hikae->targets[t].up)
                continue;
            bool odd = (item->odd & bit) != 0;
            bool behind = item->copy.class == 'h';
            const char *why = odd      ? "it has another length than it should"
                              : behind ? "it is not there: the target is behind, or hides or has lost it"
                                       : "it is not there";
            atomic_fetch_add(&verify->checked, 1);
            if (check_note(scope, i, t, odd ? HIKAE_FINDING_DAMAGED : HIKAE_FINDING_MISSING,
                           behind ? BAD_BEHIND : BAD_COPY, why, err) != 0)
                return -1;
        }
    }
    return 0;
}

int check_run(struct verify_scope *scope, struct error *err)
{
    struct worker workers[WORKERS_MAX] = {0};
    size_t count = scope->verify->threads < WORKERS_MAX ? scope->verify->threads : WORKERS_MAX;
    if (count == 0 || scope->verify->options->level == HIKAE_VERIFY_INVENTORY)
        count = 1;
    int rc = note_absent(scope, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = worker_prepare(&workers[i], scope, err);
    if (rc == 0)
        rc = run_workers(scope, workers, count, err);
    for (size_t i = 0; i < count; i++)
        worker_clear(&workers[i]);
    return rc;
}
