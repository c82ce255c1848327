#include "pipeline/entry_runs.h"

#include "base/file.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>

enum {
    BLOCK_PLAIN = 32 << 10,
    BLOCK_SEALED = BLOCK_PLAIN + GCM_TAG_SIZE,
    RUNS_MAX = 128,    /* are merged at once: with more, they become one */
    ITEM_OVERHEAD = 48 /* of an entry in memory: its row, and what malloc needs */
};

struct item {
    struct entry *entry;
    uint64_t number;
};

/* Bytes in blocks of which only the last is short; where they lie in the file, and the number of the first one. */
struct run {
    int64_t offset;
    uint64_t size;
    uint64_t first_block;
};

/* A run that is read, or (without blocks) the entries in memory. */
struct run_reader {
    struct run run;
    uint64_t read; /* bytes of the run, that were opened */
    struct buf plain;
    size_t at; /* in plain */
    struct item head;
    bool lent; /* the head is not ours */
};

struct entry_runs {
    char *folder;
    enum entry_order order;
    size_t memory_limit;

    struct item *items;
    size_t count, capacity;
    size_t memory;
    bool any;

    struct gcm *gcm;
    uint64_t block_number; /* of the next block: never used twice under the key */
    int fd;
    int64_t end;
    struct run runs[RUNS_MAX];
    size_t run_count;

    struct run_reader *readers; /* a heap: the reader with the first head is the first */
    size_t reader_count;
    size_t next_item; /* the one that the memory's reader gives next */
    struct item current;
    bool current_lent;
};

int entry_runs_new(const char *folder, enum entry_order order, size_t memory_limit, struct entry_runs **ret,
                   struct error *err)
{
    struct entry_runs *runs = mem_calloc(1, sizeof(*runs));
    if (runs == NULL)
        return error_no_memory(err);
    runs->order = order;
    runs->memory_limit = memory_limit;
    runs->fd = -1;
    runs->folder = mem_strdup(folder);
    if (runs->folder == NULL) {
        entry_runs_free(runs);
        return error_no_memory(err);
    }
    *ret = runs;
    return 0;
}

static void drop_items(struct entry_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        entry_free(runs->items[i].entry);
    runs->count = 0;
    runs->memory = 0;
}

static void drop_current(struct entry_runs *runs)
{
    if (!runs->current_lent)
        entry_free(runs->current.entry);
    runs->current = (struct item){0};
}

static void close_readers(struct entry_runs *runs)
{
    for (size_t i = 0; i < runs->reader_count; i++) {
        if (!runs->readers[i].lent)
            entry_free(runs->readers[i].head.entry);
        buf_free(&runs->readers[i].plain);
    }
    mem_free(runs->readers);
    runs->readers = NULL;
    runs->reader_count = 0;
    drop_current(runs);
}

void entry_runs_free(struct entry_runs *runs)
{
    if (runs == NULL)
        return;
    close_readers(runs);
    drop_items(runs);
    mem_free(runs->items);
    gcm_free(runs->gcm);
    if (runs->fd >= 0)
        (void)close(runs->fd);
    mem_free(runs->folder);
    mem_free(runs);
}

/* ---- The order ---- */

static int compare_paths(const struct entry *a, const struct entry *b)
{
    return entry_path_compare(&a->dir, &a->name, &b->dir, &b->name);
}

static int compare_links(const struct entry *a, const struct entry *b)
{
    struct bytes dir_a, name_a, dir_b, name_b;
    entry_path_split(&a->link, &dir_a, &name_a);
    entry_path_split(&b->link, &dir_b, &name_b);
    return entry_path_compare(&dir_a, &name_a, &dir_b, &name_b);
}

static int compare_numbers(const struct item *a, const struct item *b)
{
    return (a->number > b->number) - (a->number < b->number);
}

static int by_path(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = compare_paths(x->entry, y->entry);
    return order != 0 ? order : compare_numbers(x, y);
}

static int by_link(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = compare_links(x->entry, y->entry);
    return order != 0 ? order : by_path(a, b);
}

static int (*order_of(const struct entry_runs *runs))(const void *, const void *)
{
    return runs->order == ENTRIES_BY_PATH ? by_path : by_link;
}

/* ---- Runs on disk ---- */

static int disk_failed(const char *what, struct error *err)
{
    (void)error_set_errno(err, ERROR_LOCAL, errno, "%s what is being sorted", what);
    return error_hint(err, "an archive of this size is sorted in the state folder: it needs some 500 bytes an entry");
}

static void nonce_of(uint64_t block, uint8_t out[GCM_NONCE_SIZE])
{
    memset(out, 0, GCM_NONCE_SIZE);
    put_u64(out, block);
}

/* The key is drawn when it is needed first, and forgotten with the sort. */
static int make_key(struct entry_runs *runs, struct error *err)
{
    uint8_t key[KEY_SIZE];
    runs->gcm = gcm_new();
    if (runs->gcm == NULL)
        return error_no_memory(err);
    int rc = crypto_random(key, sizeof(key), err);
    if (rc == 0)
        rc = gcm_set_key(runs->gcm, key, err);
    mem_wipe(key, sizeof(key));
    return rc;
}

/* A run that is being written. */
struct run_writer {
    struct entry_runs *runs;
    int fd;
    int64_t end;
    struct run run;
    struct buf plain; /* less than a block */
};

static int write_block(struct run_writer *writer, struct error *err)
{
    uint8_t nonce[GCM_NONCE_SIZE];
    size_t size = writer->plain.size;
    nonce_of(writer->runs->block_number++, nonce);
    if (buf_reserve(&writer->plain, GCM_TAG_SIZE, err) != 0 ||
        gcm_seal(writer->runs->gcm, nonce, NULL, 0, writer->plain.data, size, writer->plain.data, err) != 0)
        return -1;
    if (file_pwrite_full(writer->fd, writer->plain.data, size + GCM_TAG_SIZE, writer->end) != 0)
        return disk_failed("write", err);
    writer->end += (int64_t)(size + GCM_TAG_SIZE);
    writer->run.size += size;
    writer->plain.size = 0;
    return 0;
}

static int write_bytes(struct run_writer *writer, const void *bytes, size_t size, struct error *err)
{
    const uint8_t *p = bytes;
    while (size > 0) {
        size_t room = BLOCK_PLAIN - writer->plain.size, part = size < room ? size : room;
        if (buf_append(&writer->plain, p, part, err) != 0 ||
            (writer->plain.size == BLOCK_PLAIN && write_block(writer, err) != 0))
            return -1;
        p += part;
        size -= part;
    }
    return 0;
}

/* A number, a length, and the entry as it lies in memory: it will be read by this process. */
static int write_item(struct run_writer *writer, const struct item *item, struct error *err)
{
    uint8_t head[16];
    size_t size = entry_size(item->entry);
    put_u64(head, item->number);
    put_u64(head + 8, size);
    return write_bytes(writer, head, sizeof(head), err) == 0 ? write_bytes(writer, item->entry, size, err) : -1;
}

static void begin_run(struct entry_runs *runs, int fd, int64_t end, struct run_writer *ret)
{
    *ret = (struct run_writer){.runs = runs, .fd = fd, .end = end};
    ret->run = (struct run){.offset = end, .first_block = runs->block_number};
}

static int open_block(struct entry_runs *runs, struct run_reader *reader, struct error *err)
{
    uint8_t nonce[GCM_NONCE_SIZE];
    uint64_t left = reader->run.size - reader->read, block = reader->read / BLOCK_PLAIN;
    size_t size = (left < BLOCK_PLAIN ? (size_t)left : BLOCK_PLAIN) + GCM_TAG_SIZE;
    nonce_of(reader->run.first_block + block, nonce);
    reader->plain.size = reader->at = 0;
    if (size == GCM_TAG_SIZE)
        return error_set(err, ERROR_INTERNAL, "what is being sorted ends too early");
    if (buf_reserve(&reader->plain, size, err) != 0)
        return -1;
    errno = EIO;
    if (file_pread_full(runs->fd, reader->plain.data, size, reader->run.offset + (int64_t)(block * BLOCK_SEALED)) !=
        (ssize_t)size)
        return disk_failed("read", err);
    if (gcm_open(runs->gcm, nonce, NULL, 0, reader->plain.data, size, reader->plain.data, err) != 0)
        return error_wrap(err, "read back what is being sorted: this machine's disk, or its memory, is at fault");
    reader->plain.size = size - GCM_TAG_SIZE;
    reader->read += reader->plain.size;
    return 0;
}

static int read_bytes(struct entry_runs *runs, struct run_reader *reader, void *out, size_t size, struct error *err)
{
    uint8_t *p = out;
    while (size > 0) {
        if (reader->at == reader->plain.size && open_block(runs, reader, err) != 0)
            return -1;
        size_t left = reader->plain.size - reader->at, part = size < left ? size : left;
        memcpy(p, reader->plain.data + reader->at, part);
        reader->at += part;
        p += part;
        size -= part;
    }
    return 0;
}

/* The next head: 1, 0 at the end, -1. */
static int read_head(struct entry_runs *runs, struct run_reader *reader, struct error *err)
{
    uint8_t head[16];
    reader->head = (struct item){0};
    if (reader->lent) {
        if (runs->next_item == runs->count)
            return 0;
        reader->head = runs->items[runs->next_item++];
        return 1;
    }
    if (reader->read == reader->run.size && reader->at == reader->plain.size)
        return 0;
    if (read_bytes(runs, reader, head, sizeof(head), err) != 0)
        return -1;
    size_t size = (size_t)get_u64(head + 8);
    struct entry *entry = mem_alloc(size);
    if (entry == NULL)
        return error_no_memory(err);
    if (read_bytes(runs, reader, entry, size, err) != 0) {
        entry_free(entry);
        return -1;
    }
    entry_settle(entry);
    reader->head = (struct item){entry, get_u64(head)};
    return 1;
}

/* ---- Merging ---- */

/* The readers' heads form a binary heap: bring the one at `i` down to its place. */
static void sift_down(struct entry_runs *runs, size_t i)
{
    int (*order)(const void *, const void *) = order_of(runs);
    for (;;) {
        size_t first = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < runs->reader_count; child++)
            if (order(&runs->readers[child].head, &runs->readers[first].head) < 0)
                first = child;
        if (first == i)
            return;
        struct run_reader reader = runs->readers[i];
        runs->readers[i] = runs->readers[first];
        runs->readers[first] = reader;
        i = first;
    }
}

/* Add a reader, unless there is nothing in it. The heap is in order again after all were added. */
static int open_reader(struct entry_runs *runs, struct run_reader reader, struct error *err)
{
    int rc = read_head(runs, &reader, err);
    if (rc <= 0) {
        buf_free(&reader.plain);
        return rc;
    }
    runs->readers[runs->reader_count++] = reader;
    return 0;
}

static int open_readers(struct entry_runs *runs, struct error *err)
{
    close_readers(runs);
    runs->next_item = 0;
    runs->readers = mem_calloc(runs->run_count + 1, sizeof(*runs->readers));
    if (runs->readers == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < runs->run_count; i++)
        if (open_reader(runs, (struct run_reader){.run = runs->runs[i]}, err) != 0)
            return -1;
    if (open_reader(runs, (struct run_reader){.lent = true}, err) != 0)
        return -1;
    for (size_t i = runs->reader_count; i-- > 0;)
        sift_down(runs, i);
    return 0;
}

/* Take the first of all heads; the one before is dropped. */
static int take_head(struct entry_runs *runs, struct error *err)
{
    struct run_reader *first = &runs->readers[0];
    drop_current(runs);
    runs->current = first->head;
    runs->current_lent = first->lent;
    int rc = read_head(runs, first, err);
    if (rc == 0) {
        buf_free(&first->plain);
        *first = runs->readers[--runs->reader_count];
    }
    if (rc >= 0)
        sift_down(runs, 0);
    return rc < 0 ? -1 : 0;
}

int entry_runs_next(struct entry_runs *runs, struct entry **ret, struct error *err)
{
    *ret = NULL;
    do {
        if (runs->reader_count == 0) {
            drop_current(runs);
            return 0;
        }
        if (take_head(runs, err) != 0)
            return -1;
    } while (runs->order == ENTRIES_BY_PATH && runs->reader_count > 0 &&
             compare_paths(runs->current.entry, runs->readers[0].head.entry) == 0);
    *ret = runs->current.entry;
    return 1;
}

/* ---- Adding ---- */

static void sort_items(struct entry_runs *runs)
{
    if (runs->count > 1)
        qsort(runs->items, runs->count, sizeof(*runs->items), order_of(runs));
}

/* All runs become one, in a new file; the old one's room is free again. */
static int merge_runs(struct entry_runs *runs, struct error *err)
{
    struct run_writer writer;
    struct entry *entry;
    int fd, rc;
    if (file_temporary(runs->folder, &fd, err) != 0)
        return -1;
    rc = open_readers(runs, err);
    begin_run(runs, fd, 0, &writer);
    while (rc == 0 && (rc = entry_runs_next(runs, &entry, err)) > 0)
        rc = write_item(&writer, &runs->current, err);
    if (rc == 0 && writer.plain.size > 0)
        rc = write_block(&writer, err);
    close_readers(runs);
    buf_free(&writer.plain);
    if (rc != 0) {
        (void)close(fd);
        return -1;
    }
    (void)close(runs->fd);
    runs->fd = fd;
    runs->end = writer.end;
    runs->runs[0] = writer.run;
    runs->run_count = 1;
    return 0;
}

static int spill(struct entry_runs *runs, struct error *err)
{
    if (runs->count == 0)
        return 0;
    if ((runs->gcm == NULL && make_key(runs, err) != 0) ||
        (runs->fd < 0 && file_temporary(runs->folder, &runs->fd, err) != 0))
        return -1;
    struct run_writer writer;
    int rc = 0;
    sort_items(runs);
    begin_run(runs, runs->fd, runs->end, &writer);
    for (size_t i = 0; i < runs->count && rc == 0; i++)
        rc = write_item(&writer, &runs->items[i], err);
    if (rc == 0 && writer.plain.size > 0)
        rc = write_block(&writer, err);
    buf_free(&writer.plain);
    if (rc != 0)
        return -1;
    runs->end = writer.end;
    runs->runs[runs->run_count++] = writer.run;
    drop_items(runs);
    return runs->run_count == RUNS_MAX ? merge_runs(runs, err) : 0;
}

int entry_runs_add(struct entry_runs *runs, struct entry *entry, uint64_t number, struct error *err)
{
    struct item *items = mem_more(runs->items, runs->count, &runs->capacity, sizeof(*items));
    if (items == NULL) {
        entry_free(entry);
        return error_no_memory(err);
    }
    runs->items = items;
    runs->items[runs->count++] = (struct item){entry, number};
    runs->memory += entry_size(entry) + ITEM_OVERHEAD;
    runs->any = true;
    return runs->memory > runs->memory_limit ? spill(runs, err) : 0;
}

int entry_runs_add_copy(struct entry_runs *runs, const struct entry *entry, uint64_t number, struct error *err)
{
    struct entry *copy = entry_dup(entry);
    return copy != NULL ? entry_runs_add(runs, copy, number, err) : error_no_memory(err);
}

bool entry_runs_is_empty(const struct entry_runs *runs)
{
    return !runs->any;
}

int entry_runs_begin(struct entry_runs *runs, struct error *err)
{
    /* What did not fit once gives its memory to those who come after. */
    if (runs->run_count > 0 && spill(runs, err) != 0)
        return -1;
    sort_items(runs);
    return open_readers(runs, err);
}
