/*
 * Reading: bytes of the sources into batches, cut into chunks on the way. A
 * chunk never straddles two batches: what is not cut yet moves to the next.
 */
#include "base/file.h"
#include "base/mem.h"
#include "pipeline/batch.h"
#include "pipeline/chunk.h"

#include <errno.h>
#include <fcntl.h>

enum {
    /* A cut is looked for only where a whole chunk and the run of zeros behind it can be seen, so that where cuts
     * fall does not depend on how reads happened to be sized. */
    WINDOW = CHUNK_MAX + CHUNK_ZERO_RUN_MIN + CHUNK_ZERO_UNIT,
    READ_AT_ONCE = 1 << 20,
    BATCH_CAPACITY = BATCH_BYTES + WINDOW + READ_AT_ONCE
};

int scanner_open(struct scanner *scanner, struct backup *backup, struct error *err)
{
    *scanner = (struct scanner){.backup = backup};
    return chunker_new(backup->options->objects->keyring, &scanner->chunker, err);
}

void scanner_close(struct scanner *scanner)
{
    chunker_free(scanner->chunker);
}

static int need_batch(struct scanner *scanner, struct error *err)
{
    if (backup_check(scanner->backup, err) != 0)
        return -1;
    if (scanner->batch != NULL)
        return 0;
    struct batch *batch = queue_pop(scanner->backup->free_batches);
    if (batch == NULL)
        return error_set(err, ERROR_INTERRUPTED, "stopped");
    if (batch->bytes.capacity < BATCH_CAPACITY && buf_reserve(&batch->bytes, BATCH_CAPACITY, err) != 0) {
        (void)queue_push(scanner->backup->free_batches, batch);
        return -1;
    }
    scanner->batch = batch;
    return 0;
}

int scanner_flush(struct scanner *scanner, struct error *err)
{
    if (scanner->batch == NULL)
        return 0;
    if (!ordered_put(scanner->backup->batches, scanner->batch))
        return error_set(err, ERROR_INTERRUPTED, "stopped");
    scanner->batch = NULL;
    return 0;
}

/* Hand the batch on and carry the bytes that are not cut yet over to the next. */
static int turn_over(struct scanner *scanner, struct error *err)
{
    struct batch *full = scanner->batch;
    size_t uncut = scanner->uncut;
    scanner->batch = NULL;
    if (need_batch(scanner, err) != 0) {
        scanner->batch = full;
        return -1;
    }
    struct batch *fresh = scanner->batch;
    full->bytes.size -= uncut;
    memcpy(fresh->bytes.data, full->bytes.data + full->bytes.size, uncut);
    fresh->bytes.size = uncut;
    if (!ordered_put(scanner->backup->batches, full))
        return error_set(err, ERROR_INTERRUPTED, "stopped");
    return 0;
}

static int new_event(struct scanner *scanner, enum batch_event_kind kind, struct batch_event **ret, struct error *err)
{
    if (need_batch(scanner, err) != 0)
        return -1;
    if (scanner->batch->event_count >= BATCH_EVENTS && turn_over(scanner, err) != 0)
        return -1;
    struct batch *batch = scanner->batch;
    if (batch->event_count == batch->event_capacity) {
        size_t capacity = batch->event_capacity < 256 ? 256 : 2 * batch->event_capacity;
        struct batch_event *events = mem_realloc(batch->events, capacity * sizeof(*events));
        if (events == NULL)
            return error_no_memory(err);
        batch->events = events;
        batch->event_capacity = capacity;
    }
    *ret = &batch->events[batch->event_count++];
    **ret = (struct batch_event){.kind = kind};
    return 0;
}

int scanner_extent(struct scanner *scanner, enum extent_kind kind, uint64_t size, struct error *err)
{
    struct batch_event *event;
    if (size == 0)
        return 0;
    if (new_event(scanner, EVENT_EXTENT, &event, err) != 0)
        return -1;
    event->extent = kind;
    event->size = size;
    return 0;
}

int scanner_restart(struct scanner *scanner, struct error *err)
{
    struct batch_event *event;
    return new_event(scanner, EVENT_RESTART, &event, err);
}

int scanner_entry(struct scanner *scanner, const struct entry *entry, bool fresh, const struct entry *previous,
                  struct error *err)
{
    struct batch_event *event;
    if (new_event(scanner, EVENT_ENTRY, &event, err) != 0)
        return -1;
    event->fresh = fresh;
    event->entry = entry_dup(entry);
    event->previous = previous != NULL ? entry_dup(previous) : NULL;
    if (event->entry == NULL || (previous != NULL && event->previous == NULL)) {
        entry_free(event->entry);
        entry_free(event->previous);
        scanner->batch->event_count--;
        return error_no_memory(err);
    }
    return 0;
}

int scanner_entry_later(struct scanner *scanner, const struct entry *entry, struct error *err)
{
    if (scanner_entry(scanner, entry, true, NULL, err) != 0)
        return -1;
    scanner->batch->events[scanner->batch->event_count - 1].later = true;
    return 0;
}

int scanner_sort(struct scanner *scanner, struct error *err)
{
    struct batch_event *event;
    return new_event(scanner, EVENT_SORT, &event, err);
}

/* The next `size` uncut bytes of the batch become a blob. */
static int cut_blob(struct scanner *scanner, size_t size, struct error *err)
{
    struct batch_event *event;
    if (new_event(scanner, EVENT_EXTENT, &event, err) != 0)
        return -1;
    struct batch *batch = scanner->batch;
    if (batch->blob_count == batch->blob_capacity) {
        size_t capacity = batch->blob_capacity < 256 ? 256 : 2 * batch->blob_capacity;
        struct batch_blob *blobs = mem_realloc(batch->blobs, capacity * sizeof(*blobs));
        if (blobs == NULL) {
            batch->event_count--; /* it would name a blob that is not there */
            return error_no_memory(err);
        }
        batch->blobs = blobs;
        batch->blob_capacity = capacity;
    }
    event->extent = EXTENT_DATA;
    event->size = size;
    event->blob = (uint32_t)batch->blob_count;
    batch->blobs[batch->blob_count++] =
        (struct batch_blob){.offset = (uint32_t)(batch->bytes.size - scanner->uncut), .size = (uint32_t)size};
    scanner->uncut -= size;
    return 0;
}

static const uint8_t *uncut_bytes(const struct scanner *scanner)
{
    return scanner->batch->bytes.data + scanner->batch->bytes.size - scanner->uncut;
}

/* Where in the uncut bytes the first run of zeros begins, at a multiple of the unit counted from the file's start. */
static size_t next_zero_run(const struct scanner *scanner, uint64_t offset)
{
    size_t skip = (size_t)(-offset % CHUNK_ZERO_UNIT);
    if (skip >= scanner->uncut)
        return scanner->uncut;
    return skip + chunk_find_zero_run(uncut_bytes(scanner) + skip, scanner->uncut - skip);
}

/*
 * The zeros that the uncut bytes begin with, if they are a run. One that goes on to the end of what was read so far is
 * taken up to a unit, and what is read next may continue it.
 */
static size_t take_zeros(struct scanner *scanner, bool last)
{
    size_t size = chunk_zero_run(uncut_bytes(scanner), scanner->uncut, scanner->in_zeros ? 1 : CHUNK_ZERO_RUN_MIN);
    scanner->in_zeros = size > 0 && size == scanner->uncut && !last;
    if (scanner->in_zeros)
        size -= size % CHUNK_ZERO_UNIT;
    scanner->uncut -= size;
    return size;
}

/*
 * Cut as much of the uncut bytes as can be. *offset is the place in the file of the first of them. With `last`,
 * nothing is left.
 */
static int cut(struct scanner *scanner, uint64_t *offset, bool last, struct error *err)
{
    size_t zeros_at = 0; /* bytes of content before the next run of zeros */
    bool looked = false;
    while (scanner->uncut > 0 && (last || scanner->uncut >= WINDOW)) {
        size_t size = 0;
        if (!looked)
            zeros_at = scanner->in_zeros ? 0 : next_zero_run(scanner, *offset);
        if (zeros_at == 0) {
            size = take_zeros(scanner, last);
            if (scanner_extent(scanner, EXTENT_ZERO, size, err) != 0)
                return -1;
            looked = false;
        } else {
            bool more = zeros_at == scanner->uncut && !last;
            size = chunker_cut(scanner->chunker, uncut_bytes(scanner), zeros_at, more);
            if (size == 0)
                return 0;
            zeros_at -= size;
            looked = zeros_at > 0;
            if (cut_blob(scanner, size, err) != 0)
                return -1;
        }
        *offset += size;
    }
    return 0;
}

/* Make room for READ_AT_ONCE bytes behind what is there. */
static int make_room(struct scanner *scanner, struct error *err)
{
    if (need_batch(scanner, err) != 0)
        return -1;
    if (scanner->batch->bytes.size - scanner->uncut >= BATCH_BYTES ||
        scanner->batch->bytes.capacity - scanner->batch->bytes.size < READ_AT_ONCE)
        return turn_over(scanner, err);
    return 0;
}

/* Read `limit` bytes (or to the end) from a stream that starts at *offset of the file, and cut them. */
static int read_stretch(struct scanner *scanner, content_pull *pull, void *context, uint64_t limit, uint64_t *offset,
                        bool *ret_end, struct error *err)
{
    uint64_t left = limit, cut_at = *offset;
    *ret_end = false;
    scanner->in_zeros = false;
    while (left > 0 && !*ret_end) {
        if (make_room(scanner, err) != 0)
            return -1;
        struct batch *batch = scanner->batch;
        size_t want = left < READ_AT_ONCE ? (size_t)left : READ_AT_ONCE;
        ssize_t n = pull(batch->bytes.data + batch->bytes.size, want, context, err);
        if (n < 0)
            return -1;
        *ret_end = n == 0;
        batch->bytes.size += (size_t)n;
        scanner->uncut += (size_t)n;
        left -= (uint64_t)n;
        *offset += (uint64_t)n;
        atomic_fetch_add(&scanner->backup->counters->bytes_read, (uint64_t)n);
        if (cut(scanner, &cut_at, false, err) != 0)
            return -1;
    }
    return scanner->uncut > 0 ? cut(scanner, &cut_at, true, err) : 0;
}

/* After a failure in the middle of a stream: what is not cut is nobody's. */
static void forget_uncut(struct scanner *scanner)
{
    if (scanner->batch != NULL)
        scanner->batch->bytes.size -= scanner->uncut;
    scanner->uncut = 0;
}

int scanner_stream(struct scanner *scanner, content_pull *pull, void *context, uint64_t *ret_size, struct error *err)
{
    bool end;
    *ret_size = 0;
    int rc = read_stretch(scanner, pull, context, UINT64_MAX, ret_size, &end, err);
    if (rc != 0)
        forget_uncut(scanner);
    return rc;
}

static ssize_t pull_fd(void *out, size_t size, void *context, struct error *err)
{
    const int *fd = context;
    for (;;) {
        ssize_t n = read(*fd, out, size);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return error_set_errno(err, ERROR_SOURCE, errno, "read");
    }
}

/* A file of one blob: read whole, with one call. */
static int read_small(struct scanner *scanner, int fd, uint64_t size, uint64_t *ret_size, struct error *err)
{
    if (make_room(scanner, err) != 0)
        return -1;
    struct batch *batch = scanner->batch;
    size_t done = 0;
    while (done < size) {
        ssize_t n = pull_fd(batch->bytes.data + batch->bytes.size + done, (size_t)size - done, &fd, err);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    batch->bytes.size += done;
    scanner->uncut = done;
    *ret_size = done;
    atomic_fetch_add(&scanner->backup->counters->bytes_read, done);
    return done > 0 ? cut_blob(scanner, done, err) : 0;
}

static int read_with_holes(struct scanner *scanner, int fd, uint64_t expected, uint64_t *ret_size, struct error *err)
{
    uint64_t offset = 0;
    bool end = false;
    while (offset < expected && !end) {
        off_t data = lseek(fd, (off_t)offset, SEEK_DATA);
        if (data < 0 && errno == ENXIO) { /* a hole up to the end */
            if (scanner_extent(scanner, EXTENT_HOLE, expected - offset, err) != 0)
                return -1;
            offset = expected;
            break;
        }
        off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
        if (data < 0 || hole < 0 || lseek(fd, data, SEEK_SET) < 0)
            return error_set_errno(err, ERROR_SOURCE, errno, "look for holes");
        if ((uint64_t)hole > expected)
            hole = (off_t)expected;
        if ((uint64_t)data >= expected)
            data = (off_t)expected;
        if (scanner_extent(scanner, EXTENT_HOLE, (uint64_t)data - offset, err) != 0)
            return -1;
        offset = (uint64_t)data;
        if (hole > data && read_stretch(scanner, pull_fd, &fd, (uint64_t)(hole - data), &offset, &end, err) != 0)
            return -1;
    }
    *ret_size = offset;
    return 0;
}

int scanner_file(struct scanner *scanner, int fd, uint64_t expected_size, bool sparse, uint64_t *ret_size,
                 struct error *err)
{
    *ret_size = 0;
    int rc = 0;
    if (expected_size <= CHUNK_MEAN && !sparse) {
        rc = read_small(scanner, fd, expected_size, ret_size, err);
    } else if (sparse) {
        rc = read_with_holes(scanner, fd, expected_size, ret_size, err);
    } else {
        bool end;
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        rc = read_stretch(scanner, pull_fd, &fd, expected_size, ret_size, &end, err);
    }
    if (rc != 0)
        forget_uncut(scanner);
    return rc;
}

/* ---- Is content that is taken over still there? ---- */

static int knows(struct scanner *scanner, const struct blob_id *id, struct error *err)
{
    struct backup *backup = scanner->backup;
    struct place place;
    int found = index_find(backup->options->objects->index, id, &place, err);
    if (found > 0 && pack_set_add(&backup->scan_packs, place.pack, err) != 0)
        return -1;
    return found;
}

struct marking_fetch {
    struct scanner *scanner;
    struct block_reader *reader;
};

static int fetch_and_mark(enum blob_type type, const struct blob_id *id, struct buf *out, void *context,
                          struct error *err)
{
    struct marking_fetch *fetch = context;
    int found = knows(fetch->scanner, id, err);
    if (found == 0)
        return error_set(err, ERROR_NOT_FOUND, "a part of an extent list is gone");
    return found < 0 ? -1 : block_reader_fetch(type, id, out, fetch->reader, err);
}

int scanner_knows(struct scanner *scanner, struct block_reader *reader, const struct entry *entry, struct error *err)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        int found = entry->xattrs[i].in_blob ? knows(scanner, &entry->xattrs[i].blob, err) : 1;
        if (found <= 0)
            return found;
    }
    if (entry->type != ENTRY_FILE || entry->unreadable || entry->size == 0)
        return 1;
    if (!entry->content.in_tree) {
        for (size_t i = 0; i < entry->content.extent_count; i++) {
            const struct extent *extent = &entry->content.extents[i];
            int found = extent->kind == EXTENT_DATA ? knows(scanner, &extent->id, err) : 1;
            if (found <= 0)
                return found;
        }
        return 1;
    }
    struct marking_fetch fetch = {scanner, reader};
    struct extent_reader *extents;
    struct extent extent;
    struct error why = {0};
    if (extent_reader_new(&entry->content, entry->size, fetch_and_mark, &fetch, &extents, err) != 0)
        return -1;
    int found = 1, more;
    while (found == 1 && (more = extent_reader_next(extents, &extent, &why)) != 0) {
        if (more < 0)
            found = why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERRUPTED ? -1 : 0;
        else if (extent.kind == EXTENT_DATA)
            found = knows(scanner, &extent.id, &why);
    }
    extent_reader_free(extents);
    if (found < 0)
        *err = why;
    return found;
}
