#include "pipeline/upload.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

enum { TRIES = 4, FIRST_WAIT_MS = 200, PATIENCE_MS = 500, LANE_THREADS_MAX = 16, SPARES_MAX = 4, SPARE_MIN = 1 << 20 };

/* An object on its way. Links go from older to newer. */
struct parcel {
    struct parcel *next;
    enum object_class class;
    struct hash name;
    size_t size;
    struct buf bytes; /* empty when spooled */
    int64_t spool_offset;
    bool spooled;
    unsigned readers; /* threads that are using `bytes` now */
    unsigned needed;  /* targets that do not have it yet    */
};

/* One target: some threads, as many as it needs to be kept busy, take its objects in turn. */
struct lane {
    struct upload *upload;
    struct run_target *target;
    pthread_t threads[LANE_THREADS_MAX];
    unsigned started;
    bool failed;
    struct error why;
    struct parcel *next; /* the first that no thread has taken; NULL: none is left */
    unsigned in_flight;  /* objects that are being sent */
    struct roster acknowledged;
};

struct upload {
    struct upload_options options;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct parcel *first;
    struct parcel *last;
    size_t in_memory;
    unsigned objects_in_memory;
    uint64_t in_spool;
    int spool_fd;
    int64_t spool_end;
    bool spool_keeps;              /* its file system gives nothing back */
    struct buf spares[SPARES_MAX]; /* buffers of packs, kept because fresh memory costs as much time as sealing */
    size_t spare_count;
    size_t in_spares;
    bool stopping;
    size_t lane_count;
    struct lane lanes[];
};

static void free_parcel(struct parcel *parcel)
{
    buf_free(&parcel->bytes);
    mem_free(parcel);
}

static void leave_memory(struct upload *upload, const struct parcel *parcel)
{
    upload->in_memory -= parcel->size;
    upload->objects_in_memory--;
}

/* Pieces of the spool begin at pages, so that those that are done can be given back to the disk. */
static uint64_t spool_room(uint64_t size)
{
    enum { PAGE = 4096 };
    return (size + PAGE - 1) / PAGE * PAGE;
}

/* A target that is always behind never lets the spool run empty: what is done goes, or the limit counts the file. */
static void leave_spool(struct upload *upload, const struct parcel *parcel)
{
    upload->in_spool -= spool_room(parcel->size);
    if (fallocate(upload->spool_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, parcel->spool_offset,
                  (off_t)spool_room(parcel->size)) != 0)
        upload->spool_keeps = true;
}

/* With what waits to be sent, spares stay within the limit of memory. */
static void keep_spare(struct upload *upload, struct buf *bytes)
{
    if (bytes->capacity < SPARE_MIN || upload->spare_count == SPARES_MAX ||
        upload->in_memory + upload->in_spares + bytes->capacity > upload->options.memory_limit)
        return;
    upload->in_spares += bytes->capacity;
    upload->spares[upload->spare_count++] = *bytes;
    *bytes = (struct buf){0};
}

/* Release parcels at the front that everybody has. With the mutex held. */
static void release_done(struct upload *upload)
{
    while (upload->first != NULL && upload->first->needed == 0 && upload->first->readers == 0) {
        struct parcel *done = upload->first;
        upload->first = done->next;
        if (upload->first == NULL)
            upload->last = NULL;
        if (done->spooled)
            leave_spool(upload, done);
        else
            leave_memory(upload, done);
        keep_spare(upload, &done->bytes);
        free_parcel(done);
    }
    if (upload->first == NULL)
        upload->spool_end = 0;
}

static void sleep_ms(struct upload *upload, unsigned ms)
{
    for (unsigned done = 0; done < ms && cancel_check(upload->options.cancel, NULL) == 0; done += 50) {
        struct timespec pause = {0, 50 * 1000000};
        (void)nanosleep(&pause, NULL);
    }
}

static int put_with_retries(struct lane *lane, const struct parcel *parcel, const struct buf *bytes, struct error *err)
{
    char name[OBJECT_NAME_SIZE];
    (void)name_object(lane->upload->options.tid, object_class_letter(parcel->class), &parcel->name, name);
    for (unsigned attempt = 0;; attempt++) {
        if (target_put(lane->target->target, name, bytes->data, bytes->size, TARGET_PUT_CREATE, err) == 0)
            return 0;
        if (err->class == ERROR_DAMAGED && attempt == 0) {
            /* Something else lies under that name: these are the bytes that belong there. */
            if (target_put(lane->target->target, name, bytes->data, bytes->size, TARGET_PUT_REPAIR, err) == 0)
                return 0;
        }
        if (!err->retryable || attempt + 1 == TRIES || cancel_check(lane->upload->options.cancel, NULL) != 0)
            return error_wrap(err, "put %s on %s", name, lane->target->name);
        sleep_ms(lane->upload, (unsigned)FIRST_WAIT_MS << attempt);
    }
}

/* Send one parcel; called without the mutex, with parcel->readers raised. */
static int send_parcel(struct lane *lane, struct parcel *parcel, struct error *err)
{
    if (!parcel->spooled)
        return put_with_retries(lane, parcel, &parcel->bytes, err);
    CLEANUP(buf_free) struct buf bytes = {0};
    if (buf_reserve(&bytes, parcel->size, err) != 0)
        return -1;
    if (file_pread_full(lane->upload->spool_fd, bytes.data, parcel->size, parcel->spool_offset) !=
        (ssize_t)parcel->size)
        return error_set_errno(err, ERROR_LOCAL, errno, "read back an object from the spool");
    bytes.size = parcel->size;
    return put_with_retries(lane, parcel, &bytes, err);
}

/* Nothing more goes to this target in this run. What other threads are sending just now, they account for. */
static void give_up(struct lane *lane, const struct error *why)
{
    if (!lane->failed)
        lane->why = *why;
    lane->failed = true;
    for (struct parcel *parcel = lane->next; parcel != NULL; parcel = parcel->next)
        parcel->needed--;
    lane->next = NULL;
}

/* Send what this thread has taken. With the mutex held, which is released meanwhile. */
static void do_parcel(struct lane *lane, struct parcel *parcel)
{
    struct upload *upload = lane->upload;
    struct error err = {0};
    lane->next = parcel->next;
    lane->in_flight++;
    parcel->readers++;
    (void)pthread_mutex_unlock(&upload->mutex);
    int rc = send_parcel(lane, parcel, &err);
    (void)pthread_mutex_lock(&upload->mutex);
    if (rc == 0)
        rc = roster_add(&lane->acknowledged, parcel->class, &parcel->name, parcel->size, &err);
    if (rc == 0)
        atomic_fetch_add(&lane->target->bytes_sent, parcel->size);
    else
        give_up(lane, &err);
    lane->in_flight--;
    parcel->readers--;
    parcel->needed--;
    release_done(upload);
    (void)pthread_cond_broadcast(&upload->changed);
}

/* What tells of packs (a segment, a part of a roster) goes when the packs before it have arrived. */
static bool may_take(const struct lane *lane)
{
    return lane->next != NULL && (lane->next->class == OBJECT_PACK || lane->in_flight == 0);
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    struct upload *upload = lane->upload;
    char name[16];
    (void)snprintf(name, sizeof(name), "upload-%.8s", lane->target->name);
    (void)pthread_setname_np(pthread_self(), name);
    (void)pthread_mutex_lock(&upload->mutex);
    while (!upload->stopping && !lane->failed) {
        if (may_take(lane))
            do_parcel(lane, lane->next);
        else
            (void)pthread_cond_wait(&upload->changed, &upload->mutex);
    }
    (void)pthread_mutex_unlock(&upload->mutex);
    return NULL;
}

static int start_lane(struct lane *lane, struct error *err)
{
    unsigned wanted = target_traits(lane->target->target)->parallel;
    wanted = wanted == 0 ? 1 : wanted < LANE_THREADS_MAX ? wanted : LANE_THREADS_MAX;
    while (lane->started < wanted) {
        if (pthread_create(&lane->threads[lane->started], NULL, lane_main, lane) == 0)
            lane->started++;
        else if (lane->started == 0)
            return error_set(err, ERROR_INTERNAL, "no thread can be started");
        else
            break; /* fewer will do */
    }
    return 0;
}

int upload_new(const struct upload_options *options, struct upload **ret, struct error *err)
{
    struct upload *upload = mem_calloc(1, sizeof(*upload) + options->count * sizeof(struct lane));
    if (upload == NULL)
        return error_no_memory(err);
    upload->options = *options;
    upload->lane_count = options->count;
    upload->spool_fd = -1;
    (void)pthread_mutex_init(&upload->mutex, NULL);
    (void)pthread_cond_init(&upload->changed, NULL);
    for (size_t i = 0; i < options->count; i++) {
        struct lane *lane = &upload->lanes[i];
        lane->upload = upload;
        lane->target = &options->targets[i];
        lane->failed = !lane->target->up;
        atomic_store(&lane->target->write_failed, false);
        lane->why = lane->target->why;
        if (!lane->failed && start_lane(lane, err) != 0) {
            upload_free(upload);
            return -1;
        }
    }
    *ret = upload;
    return 0;
}

void upload_free(struct upload *upload)
{
    if (upload == NULL)
        return;
    (void)pthread_mutex_lock(&upload->mutex);
    upload->stopping = true;
    (void)pthread_cond_broadcast(&upload->changed);
    (void)pthread_mutex_unlock(&upload->mutex);
    for (size_t i = 0; i < upload->lane_count; i++) {
        for (unsigned k = 0; k < upload->lanes[i].started; k++)
            (void)pthread_join(upload->lanes[i].threads[k], NULL);
        roster_free(&upload->lanes[i].acknowledged);
    }
    while (upload->first != NULL) {
        struct parcel *parcel = upload->first;
        upload->first = parcel->next;
        free_parcel(parcel);
    }
    for (size_t i = 0; i < upload->spare_count; i++)
        buf_free(&upload->spares[i]);
    if (upload->spool_fd >= 0)
        (void)close(upload->spool_fd);
    (void)pthread_mutex_destroy(&upload->mutex);
    (void)pthread_cond_destroy(&upload->changed);
    mem_free(upload);
}

/* Is some target waiting for work while others lag behind? With the mutex held. */
static bool somebody_is_idle(const struct upload *upload)
{
    for (size_t i = 0; i < upload->lane_count; i++)
        if (!upload->lanes[i].failed && upload->lanes[i].next == NULL && upload->lanes[i].in_flight == 0)
            return true;
    return false;
}

/*
 * Move the newest object that nobody is reading from memory to the spool: it is needed last. With the mutex held;
 * the write is to the page cache. False if there is none, no room, or the disk refuses: then the fast ones wait.
 */
static bool spool_one(struct upload *upload)
{
    struct parcel *candidate = NULL;
    for (struct parcel *parcel = upload->first; parcel != NULL; parcel = parcel->next)
        if (!parcel->spooled && parcel->readers == 0 && parcel->needed > 0)
            candidate = parcel;
    if (candidate == NULL)
        return false;
    uint64_t held = upload->spool_keeps ? (uint64_t)upload->spool_end : upload->in_spool;
    if (held + spool_room(candidate->size) > upload->options.spool_limit)
        return false;
    if (upload->spool_fd < 0 && file_temporary(upload->options.spool_folder, &upload->spool_fd, NULL) != 0)
        return false;
    if (file_pwrite_full(upload->spool_fd, candidate->bytes.data, candidate->size, upload->spool_end) != 0)
        return false;
    candidate->spool_offset = upload->spool_end;
    upload->spool_end += (int64_t)spool_room(candidate->size);
    candidate->spooled = true;
    buf_free(&candidate->bytes);
    leave_memory(upload, candidate);
    upload->in_spool += spool_room(candidate->size);
    return true;
}

static void wait_changed(struct upload *upload, unsigned ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / NS_PER_S;
    until.tv_nsec %= NS_PER_S;
    (void)pthread_cond_timedwait(&upload->changed, &upload->mutex, &until);
}

static unsigned live_lanes(const struct upload *upload, const struct error **ret_why)
{
    unsigned live = 0;
    for (size_t i = 0; i < upload->lane_count; i++) {
        live += !upload->lanes[i].failed;
        if (upload->lanes[i].failed)
            *ret_why = &upload->lanes[i].why;
    }
    return live;
}

void upload_spare(struct upload *upload, struct buf *ret)
{
    *ret = (struct buf){0};
    (void)pthread_mutex_lock(&upload->mutex);
    if (upload->spare_count > 0) {
        *ret = upload->spares[--upload->spare_count];
        upload->in_spares -= ret->capacity;
        ret->size = 0;
    }
    (void)pthread_mutex_unlock(&upload->mutex);
}

/* With the mutex held. An object larger than the limit goes alone. */
static bool must_wait(const struct upload *upload, size_t size)
{
    return upload->in_memory > 0 && (upload->in_memory + size > upload->options.memory_limit ||
                                     upload->objects_in_memory >= upload->options.objects_limit);
}

int upload_put(struct upload *upload, enum object_class class, const struct hash *name, struct buf *bytes,
               struct error *err)
{
    struct parcel *parcel = mem_calloc(1, sizeof(*parcel));
    if (parcel == NULL)
        return error_no_memory(err);
    parcel->class = class;
    parcel->name = *name;
    parcel->size = bytes->size;

    (void)pthread_mutex_lock(&upload->mutex);
    unsigned waited_ms = 0;
    const struct error *why = NULL;
    int rc = 0;
    while (must_wait(upload, bytes->size)) {
        if (live_lanes(upload, &why) == 0)
            break;
        if (waited_ms >= PATIENCE_MS && somebody_is_idle(upload) && spool_one(upload))
            continue;
        wait_changed(upload, 100);
        waited_ms += 100;
    }
    parcel->needed = live_lanes(upload, &why);
    if (parcel->needed == 0) {
        if (why != NULL && why->class != ERROR_NONE)
            *err = *why;
        else
            (void)error_set(err, ERROR_UNREACHABLE, "no target can be written to");
        /* Lost quorum is one outcome, whether it is met in the middle or at the end of what is written. */
        if (err != NULL && (err->class == ERROR_UNREACHABLE || err->class == ERROR_DENIED))
            err->class = ERROR_REFUSED;
        rc = error_wrap(err, "nothing was committed: no target is left to write to; the last failed");
    } else {
        parcel->bytes = *bytes;
        *bytes = (struct buf){0};
        upload->in_memory += parcel->size;
        upload->objects_in_memory++;
        if (upload->last != NULL)
            upload->last->next = parcel;
        else
            upload->first = parcel;
        upload->last = parcel;
        for (size_t i = 0; i < upload->lane_count; i++)
            if (!upload->lanes[i].failed && upload->lanes[i].next == NULL)
                upload->lanes[i].next = parcel;
        (void)pthread_cond_broadcast(&upload->changed);
    }
    (void)pthread_mutex_unlock(&upload->mutex);
    if (rc != 0)
        mem_free(parcel);
    return rc;
}

void upload_drain(struct upload *upload)
{
    (void)pthread_mutex_lock(&upload->mutex);
    for (;;) {
        bool working = false;
        for (size_t i = 0; i < upload->lane_count; i++)
            working = working || upload->lanes[i].next != NULL || upload->lanes[i].in_flight > 0;
        if (!working)
            break;
        (void)pthread_cond_wait(&upload->changed, &upload->mutex);
    }
    (void)pthread_mutex_unlock(&upload->mutex);
}

const struct roster *upload_acknowledged(const struct upload *upload, size_t target, struct error *ret_why)
{
    const struct lane *lane = &upload->lanes[target];
    if (!lane->failed)
        return &lane->acknowledged;
    *ret_why = lane->why;
    return NULL;
}
