#include "base/extsort.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

/* ---- In memory: radix sort from the first byte, in place ---- */

enum {
    SMALL = 24,     /* fewer records are sorted by insertion                        */
    LEVELS_MAX = 8, /* deeper recursion ends in a heap sort: bounds stack and time  */
};

static inline void swap_records(uint8_t *a, uint8_t *b, size_t size)
{
    uint64_t x, y;
    for (; size >= sizeof(x); size -= sizeof(x), a += sizeof(x), b += sizeof(x)) {
        memcpy(&x, a, sizeof(x));
        memcpy(&y, b, sizeof(y));
        memcpy(a, &y, sizeof(y));
        memcpy(b, &x, sizeof(x));
    }
    for (; size > 0; size--, a++, b++) {
        uint8_t byte = *a;
        *a = *b;
        *b = byte;
    }
}

struct span {
    uint8_t *base;
    size_t count;
    size_t size;  /* of a record                             */
    size_t depth; /* bytes of the key known to be the same   */
    size_t key;   /* bytes of the key                        */
};

static inline uint8_t *at(const struct span *s, size_t i)
{
    return s->base + i * s->size;
}

static inline int compare_at(const struct span *s, size_t i, size_t j)
{
    return memcmp(at(s, i) + s->depth, at(s, j) + s->depth, s->key - s->depth);
}

static void insertion_sort(const struct span *s)
{
    for (size_t i = 1; i < s->count; i++)
        for (size_t j = i; j > 0 && compare_at(s, j, j - 1) < 0; j--)
            swap_records(at(s, j), at(s, j - 1), s->size);
}

static void sift_down(const struct span *s, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && compare_at(s, child, child + 1) < 0)
            child++;
        if (compare_at(s, root, child) >= 0)
            return;
        swap_records(at(s, root), at(s, child), s->size);
        root = child;
    }
}

static void heap_sort(const struct span *s)
{
    for (size_t i = s->count / 2; i-- > 0;)
        sift_down(s, i, s->count);
    for (size_t end = s->count; end-- > 1;) {
        swap_records(at(s, 0), at(s, end), s->size);
        sift_down(s, 0, end);
    }
}

/* Bring each record to the bucket of its byte at depth. counts[] becomes the end of each bucket. */
static void distribute(const struct span *s, size_t counts[256])
{
    size_t next[256];
    size_t sum = 0;
    for (size_t b = 0; b < 256; b++) {
        next[b] = sum;
        sum += counts[b];
        counts[b] = sum;
    }
    for (size_t b = 0; b < 256; b++)
        while (next[b] < counts[b]) {
            size_t v = at(s, next[b])[s->depth];
            if (v != b)
                swap_records(at(s, next[b]), at(s, next[v]), s->size);
            next[v]++;
        }
}

/* American flag sort (McIlroy, Bostic, McIlroy: "Engineering Radix Sort", 1993). */
static void radix_sort(struct span s, unsigned level)
{
    size_t counts[256];
    for (;; s.depth++) {
        if (s.depth >= s.key)
            return;
        if (s.count <= SMALL) {
            insertion_sort(&s);
            return;
        }
        if (level == LEVELS_MAX) {
            heap_sort(&s);
            return;
        }
        memset(counts, 0, sizeof(counts));
        for (size_t i = 0; i < s.count; i++)
            counts[at(&s, i)[s.depth]]++;
        if (counts[at(&s, 0)[s.depth]] != s.count)
            break;
    }
    distribute(&s, counts);
    for (size_t b = 0, start = 0; b < 256; start = counts[b++])
        if (counts[b] - start > 1)
            radix_sort((struct span){at(&s, start), counts[b] - start, s.size, s.depth + 1, s.key}, level + 1);
}

void extsort_array(void *records, size_t count, size_t record_size, size_t key_size)
{
    if (count > 1)
        radix_sort((struct span){records, count, record_size, 0, key_size}, 0);
}

/* ---- On disk: sorted runs in one file, merged ---- */

enum { BUFFER_MIN = 32768, FAN_IN_MAX = 256 };

struct sorted_run {
    int64_t offset;
    uint64_t count;
};

struct input {
    int64_t offset; /* of what is not yet in the buffer */
    uint64_t left;  /* records not yet in the buffer    */
    uint8_t *buffer;
    uint8_t *p;
    uint8_t *end;
};

struct merger {
    int fd;
    struct input *inputs;
    struct input **heap; /* the smallest record first */
    size_t live;
    bool started; /* the top has been given out */
    uint8_t *memory;
    size_t buffer_size;
};

struct extsort {
    char *folder;
    size_t record_size;
    size_t key_size;
    size_t limit;
    uint64_t added;
    bool finished;
    uint8_t *array;
    size_t count;
    size_t capacity;
    size_t given;
    int fd;
    int64_t end; /* of the file */
    struct sorted_run *runs;
    size_t run_count;
    size_t run_capacity;
    struct merger merger;
};

static void merger_clear(struct merger *m)
{
    mem_free(m->inputs);
    mem_free(m->heap);
    mem_free(m->memory);
    *m = (struct merger){.fd = -1};
}

int extsort_new(const char *folder, size_t record_size, size_t key_size, size_t memory_limit, struct extsort **ret,
                struct error *err)
{
    if (record_size == 0 || record_size > EXTSORT_RECORD_MAX || key_size == 0 || key_size > record_size)
        return error_set(err, ERROR_INTERNAL, "cannot sort records of %zu bytes by %zu", record_size, key_size);
    struct extsort *sort = mem_calloc(1, sizeof(*sort));
    if (sort == NULL)
        return error_no_memory(err);
    sort->fd = -1;
    sort->merger.fd = -1;
    sort->record_size = record_size;
    sort->key_size = key_size;
    sort->limit = memory_limit > EXTSORT_MEMORY_MIN ? memory_limit : EXTSORT_MEMORY_MIN;
    if (sort->limit < 4 * record_size)
        sort->limit = 4 * record_size;
    sort->folder = mem_strdup(folder);
    if (sort->folder == NULL) {
        extsort_free(sort);
        return error_no_memory(err);
    }
    *ret = sort;
    return 0;
}

void extsort_free(struct extsort *sort)
{
    if (sort == NULL)
        return;
    merger_clear(&sort->merger);
    cleanup_fd(&sort->fd);
    mem_free(sort->runs);
    mem_free(sort->array);
    mem_free(sort->folder);
    mem_free(sort);
}

uint64_t extsort_count(const struct extsort *sort)
{
    return sort->added;
}

static int write_failed(const struct extsort *sort, struct error *err)
{
    return error_set_errno(err, ERROR_LOCAL, errno, "write a temporary file in %s", sort->folder);
}

static int add_run(struct extsort *sort, struct sorted_run run, struct error *err)
{
    if (sort->run_count == sort->run_capacity) {
        size_t capacity = sort->run_capacity > 0 ? 2 * sort->run_capacity : 16;
        struct sorted_run *runs = mem_realloc(sort->runs, capacity * sizeof(*runs));
        if (runs == NULL)
            return error_no_memory(err);
        sort->runs = runs;
        sort->run_capacity = capacity;
    }
    sort->runs[sort->run_count++] = run;
    return 0;
}

static int spill(struct extsort *sort, struct error *err)
{
    if (sort->count == 0)
        return 0;
    if (sort->fd < 0 && file_temporary(sort->folder, &sort->fd, err) != 0)
        return -1;
    extsort_array(sort->array, sort->count, sort->record_size, sort->key_size);
    size_t size = sort->count * sort->record_size;
    if (file_pwrite_full(sort->fd, sort->array, size, sort->end) != 0)
        return write_failed(sort, err);
    if (add_run(sort, (struct sorted_run){sort->end, sort->count}, err) != 0)
        return -1;
    sort->end += (int64_t)size;
    sort->count = 0;
    return 0;
}

static int grow(struct extsort *sort, struct error *err)
{
    size_t most = sort->limit / sort->record_size;
    if (sort->capacity == most)
        return spill(sort, err);
    size_t capacity = sort->capacity > 0 ? 2 * sort->capacity : 64;
    if (capacity > most)
        capacity = most;
    uint8_t *array = mem_realloc(sort->array, capacity * sort->record_size);
    if (array == NULL)
        return error_no_memory(err);
    sort->array = array;
    sort->capacity = capacity;
    return 0;
}

int extsort_add(struct extsort *sort, const void *record, struct error *err)
{
    if (sort->finished)
        return error_set(err, ERROR_INTERNAL, "a record was added to a finished sort");
    if (sort->count == sort->capacity && grow(sort, err) != 0)
        return -1;
    memcpy(sort->array + sort->count * sort->record_size, record, sort->record_size);
    sort->count++;
    sort->added++;
    return 0;
}

/* Fill an input's buffer; an input with nothing left keeps p == end. */
static int refill(const struct extsort *sort, const struct merger *m, struct input *in, struct error *err)
{
    uint64_t count = m->buffer_size / sort->record_size;
    if (count > in->left)
        count = in->left;
    size_t size = (size_t)count * sort->record_size;
    in->p = in->buffer;
    in->end = in->buffer + size;
    ssize_t n = file_pread_full(m->fd, in->buffer, size, in->offset);
    if (n < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "read a temporary file in %s", sort->folder);
    if ((size_t)n != size)
        return error_set(err, ERROR_LOCAL, "a temporary file in %s became shorter", sort->folder);
    in->offset += (int64_t)size;
    in->left -= count;
    return 0;
}

static void merge_sift(const struct extsort *sort, struct merger *m, size_t root)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= m->live)
            return;
        if (child + 1 < m->live && memcmp(m->heap[child + 1]->p, m->heap[child]->p, sort->key_size) < 0)
            child++;
        if (memcmp(m->heap[root]->p, m->heap[child]->p, sort->key_size) <= 0)
            return;
        struct input *held = m->heap[root];
        m->heap[root] = m->heap[child];
        m->heap[child] = held;
        root = child;
    }
}

static int merger_start(const struct extsort *sort, struct merger *m, int fd, const struct sorted_run *runs,
                        size_t count, struct error *err)
{
    size_t buffer = sort->limit / (count + 1);
    buffer -= buffer % sort->record_size;
    if (buffer == 0)
        buffer = sort->record_size;
    *m = (struct merger){.fd = fd, .live = count, .buffer_size = buffer};
    m->inputs = mem_calloc(count, sizeof(*m->inputs));
    m->heap = mem_calloc(count, sizeof(struct input *));
    m->memory = mem_alloc(count * buffer);
    if (m->inputs == NULL || m->heap == NULL || m->memory == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        struct input *in = &m->inputs[i];
        *in = (struct input){.offset = runs[i].offset, .left = runs[i].count, .buffer = m->memory + i * buffer};
        m->heap[i] = in;
        if (refill(sort, m, in, err) != 0)
            return -1;
    }
    for (size_t i = count / 2; i-- > 0;)
        merge_sift(sort, m, i);
    return 0;
}

static int merger_next(const struct extsort *sort, struct merger *m, const void **ret, struct error *err)
{
    if (m->started && m->live > 0) {
        struct input *top = m->heap[0];
        top->p += sort->record_size;
        if (top->p == top->end && top->left > 0 && refill(sort, m, top, err) != 0)
            return -1;
        if (top->p == top->end)
            m->heap[0] = m->heap[--m->live];
        merge_sift(sort, m, 0);
    }
    m->started = true;
    if (m->live == 0)
        return 0;
    *ret = m->heap[0]->p;
    return 1;
}

/* Merge `count` runs into one at *end of fd. */
static int merge_to(const struct extsort *sort, const struct sorted_run *runs, size_t count, int fd, int64_t *end,
                    struct sorted_run *ret, struct error *err)
{
    CLEANUP(merger_clear) struct merger m = {.fd = -1};
    if (merger_start(sort, &m, sort->fd, runs, count, err) != 0)
        return -1;
    CLEANUP_FREE uint8_t *out = mem_alloc(m.buffer_size);
    if (out == NULL)
        return error_no_memory(err);
    *ret = (struct sorted_run){*end, 0};
    size_t fill = 0;
    for (;;) {
        const void *record;
        int rc = merger_next(sort, &m, &record, err);
        if (rc < 0)
            return -1;
        if (rc == 0 || fill == m.buffer_size) {
            if (file_pwrite_full(fd, out, fill, *end) != 0)
                return write_failed(sort, err);
            *end += (int64_t)fill;
            fill = 0;
        }
        if (rc == 0)
            return 0;
        memcpy(out + fill, record, sort->record_size);
        fill += sort->record_size;
        ret->count++;
    }
}

/* One pass over all runs: groups of fan_in become one run each, in a new file. */
static int merge_pass(struct extsort *sort, size_t fan_in, struct error *err)
{
    CLEANUP_FD int fd = -1;
    if (file_temporary(sort->folder, &fd, err) != 0)
        return -1;
    int64_t end = 0;
    size_t made = 0;
    for (size_t i = 0; i < sort->run_count; i += fan_in) {
        size_t count = sort->run_count - i < fan_in ? sort->run_count - i : fan_in;
        struct sorted_run run;
        if (merge_to(sort, sort->runs + i, count, fd, &end, &run, err) != 0)
            return -1;
        sort->runs[made++] = run;
    }
    sort->run_count = made;
    int old = sort->fd;
    sort->fd = fd;
    sort->end = end;
    fd = old;
    return 0;
}

int extsort_finish(struct extsort *sort, struct error *err)
{
    sort->finished = true;
    if (sort->run_count == 0) {
        extsort_array(sort->array, sort->count, sort->record_size, sort->key_size);
        return 0;
    }
    if (spill(sort, err) != 0)
        return -1;
    mem_free(sort->array);
    sort->array = NULL;
    size_t least = sort->record_size > BUFFER_MIN ? sort->record_size : BUFFER_MIN;
    size_t fan_in = sort->limit / least;
    fan_in = fan_in < 2 ? 2 : fan_in > FAN_IN_MAX ? FAN_IN_MAX : fan_in;
    while (sort->run_count > fan_in)
        if (merge_pass(sort, fan_in, err) != 0)
            return -1;
    return merger_start(sort, &sort->merger, sort->fd, sort->runs, sort->run_count, err);
}

int extsort_next(struct extsort *sort, const void **ret, struct error *err)
{
    if (!sort->finished)
        return error_set(err, ERROR_INTERNAL, "a sort was read before it was finished");
    if (sort->run_count > 0)
        return merger_next(sort, &sort->merger, ret, err);
    if (sort->given == sort->count)
        return 0;
    *ret = sort->array + sort->given++ * sort->record_size;
    return 1;
}
