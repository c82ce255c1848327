#include "repo/index_internal.h"

#include <string.h>

/* ---- Reading runs in order ---- */

struct run_cursor {
    struct run *run;
    uint32_t next_page; /* the first that is not in the buffer */
    uint32_t pages;     /* in the buffer                       */
    uint32_t page;      /* of the buffer                       */
    size_t i;
    size_t count; /* of this page's entries */
    uint64_t prefix;
    const uint8_t *id;
    const uint8_t *place;
    uint8_t *buffer;
};

static void point(struct run_cursor *c)
{
    const uint8_t *page = c->buffer + (size_t)c->page * INDEX_PAGE_SIZE;
    c->id = page + c->i * BLOB_ID_SIZE;
    c->place = page + c->count * BLOB_ID_SIZE + c->i * PLACE_SIZE;
    c->prefix = get_be64(c->id);
}

/* Go on: 1, 0 at the end, -1. */
static int advance(struct index *index, struct run_cursor *c, uint32_t buffer_pages, struct error *err)
{
    if (++c->i < c->count) {
        point(c);
        return 1;
    }
    if (++c->page >= c->pages) {
        uint32_t left = c->run->pages - c->next_page;
        if (left == 0)
            return 0;
        c->pages = left < buffer_pages ? left : buffer_pages;
        if (run_read_pages(index, c->run, c->next_page, c->pages, c->buffer, err) != 0)
            return -1;
        c->next_page += c->pages;
        c->page = 0;
    }
    c->i = 0;
    c->count = run_page_entries(c->run, c->next_page - c->pages + c->page);
    point(c);
    return 1;
}

static bool comes_before(const struct run_cursor *a, const struct run_cursor *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    int rc = memcmp(a->id, b->id, BLOB_ID_SIZE);
    return rc != 0 ? rc < 0 : memcmp(a->place, b->place, PLACE_SIZE) < 0;
}

struct merge {
    struct index *index;
    struct run_cursor cursors[INDEX_RUNS_MAX];
    struct run_cursor *heap[INDEX_RUNS_MAX];
    size_t live;
    uint32_t buffer_pages; /* of each cursor */
    uint8_t *memory;
    struct run_writer writer;
};

static void sift_down(struct merge *m, size_t root)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= m->live)
            return;
        if (child + 1 < m->live && comes_before(m->heap[child + 1], m->heap[child]))
            child++;
        if (!comes_before(m->heap[child], m->heap[root]))
            return;
        struct run_cursor *held = m->heap[root];
        m->heap[root] = m->heap[child];
        m->heap[child] = held;
        root = child;
    }
}

/* Stand before the first entries of `count` runs; *ret_entries is how many there are. */
static int read_begin(struct merge *m, size_t first, size_t count, uint64_t *ret_entries, struct error *err)
{
    struct index *index = m->index;
    size_t pages = index->merge_memory / INDEX_PAGE_SIZE / count;
    m->buffer_pages = pages < 1 ? 1 : pages > 16 ? 16 : (uint32_t)pages;
    m->memory = mem_alloc(count * m->buffer_pages * INDEX_PAGE_SIZE);
    if (m->memory == NULL)
        return error_no_memory(err);
    *ret_entries = 0;
    for (size_t i = 0; i < count; i++) {
        struct run_cursor *c = &m->cursors[i];
        *c = (struct run_cursor){.run = index->runs[first + i]};
        c->buffer = m->memory + i * m->buffer_pages * INDEX_PAGE_SIZE;
        *ret_entries += c->run->entries;
        if (advance(index, c, m->buffer_pages, err) < 0)
            return -1;
        m->heap[m->live++] = c;
    }
    for (size_t i = count / 2; i-- > 0;)
        sift_down(m, i);
    return 0;
}

static int merge_begin(struct merge *m, size_t first, size_t count, struct error *err)
{
    uint64_t entries;
    if (read_begin(m, first, count, &entries, err) != 0)
        return -1;
    return run_writer_begin(&m->writer, m->index, entries, err);
}

/* The next entry of a pack that was not dropped, doubles left out: 1, 0, -1. `last` is the entry before. */
static int read_next(struct merge *m, struct index_entry *last, struct index_entry *ret, struct error *err)
{
    while (m->live > 0) {
        struct run_cursor *top = m->heap[0];
        memcpy(ret->id.bytes, top->id, BLOB_ID_SIZE);
        memcpy(ret->place, top->place, PLACE_SIZE);
        int rc = advance(m->index, top, m->buffer_pages, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            m->heap[0] = m->heap[--m->live];
        sift_down(m, 0);
        if (packs_alive(&m->index->packs, place_pack(ret->place)) &&
            !(blob_id_equal(&ret->id, &last->id) && place_pack(ret->place) == place_pack(last->place))) {
            *last = *ret;
            return 1;
        }
    }
    return 0;
}

/* Move all entries but those of dropped packs, and doubles, to the writer. */
static int merge_entries(struct merge *m, struct error *err)
{
    struct index_entry last = {.place = {0}}, entry;
    int rc;
    while ((rc = read_next(m, &last, &entry, err)) > 0)
        if (run_writer_add(&m->writer, &entry, err) != 0)
            return -1;
    return rc;
}

void index_retire_run(struct index *index, struct run *run)
{
    char name[INDEX_NAME_SIZE];
    run_name(run->number, name);
    if (!run->committed) {
        (void)unlinkat(index->folder_fd, name, 0);
    } else {
        uint64_t *more = mem_realloc(index->obsolete, (index->obsolete_count + 1) * sizeof(*more));
        if (more != NULL) {
            index->obsolete = more;
            more[index->obsolete_count++] = run->number;
        } /* else the next sweep finds it */
    }
    run_free(run);
}

/* Merge neighbouring runs into one. On failure all is as before. */
static int merge_runs(struct index *index, size_t first, size_t count, struct error *err)
{
    /* The new run's filter needs the memory of the old ones; until it is written they could be read from disk. */
    for (size_t i = first; i < first + count; i++) {
        mem_free(index->runs[i]->filter);
        index->runs[i]->filter = NULL;
    }
    struct merge *m = mem_calloc(1, sizeof(*m));
    if (m == NULL)
        return error_no_memory(err);
    m->index = index;
    struct run *made = NULL;
    int rc = merge_begin(m, first, count, err);
    if (rc == 0)
        rc = merge_entries(m, err);
    if (rc == 0)
        rc = run_writer_finish(&m->writer, &made, err);
    run_writer_end(&m->writer);
    mem_free(m->memory);
    mem_free(m);
    if (rc != 0)
        return -1;
    for (size_t i = first; i < first + count; i++)
        index_retire_run(index, index->runs[i]);
    size_t after = index->run_count - first - count;
    size_t kept = made != NULL ? 1 : 0;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is an array of pointers that moves. */
    memmove(&index->runs[first + kept], &index->runs[first + count], after * sizeof(index->runs[0]));
    if (made != NULL)
        index->runs[first] = made;
    index->run_count = first + kept + after;
    return 0;
}

/* ---- What to merge ---- */

static unsigned level_of(const struct run *run)
{
    unsigned level = 0;
    for (uint64_t entries = run->entries; entries >= 4096; entries /= INDEX_FAN_IN)
        level++;
    return level;
}

/*
 * Levels grow by the fan-in. A run counts as being of the highest level of those that are as new or newer, so that
 * levels fall from old to new; where FAN_IN runs are of one level, they become one. So at most FAN_IN - 1 are left
 * of each level, neighbours only are merged, and each entry is written again about once a level.
 */
static bool due_merge(const struct index *index, size_t *ret_first, size_t *ret_count)
{
    unsigned level = 0;
    size_t count = 0;
    for (size_t i = index->run_count; i-- > 0;) {
        unsigned own = level_of(index->runs[i]);
        if (own > level) {
            if (count >= INDEX_FAN_IN)
                break;
            level = own;
            count = 0;
        }
        count++;
        *ret_first = i;
        *ret_count = count;
    }
    return count >= INDEX_FAN_IN;
}

static int merge_due(struct index *index, struct error *err)
{
    size_t first, count;
    while (due_merge(index, &first, &count))
        if (merge_runs(index, first, count, err) != 0)
            return -1;
    return 0;
}

static int write_memtable(struct index *index, struct error *err)
{
    struct memtable *table = &index->table;
    CLEANUP_FREE struct run_writer *writer = mem_calloc(1, sizeof(*writer));
    if (writer == NULL)
        return error_no_memory(err);
    struct run *made = NULL;
    /* From here on the table is not a table any more. */
    index->broken = true;
    memtable_sort(table);
    int rc = run_writer_begin(writer, index, table->count, err);
    for (size_t i = 0; rc == 0 && i < table->count; i++)
        rc = run_writer_add(writer, &table->slots[i], err);
    if (rc == 0)
        rc = run_writer_finish(writer, &made, err);
    run_writer_end(writer);
    if (rc != 0)
        return -1;
    index->runs[index->run_count++] = made;
    memtable_clear(table);
    index->broken = false;
    return 0;
}

int index_flush(struct index *index, struct error *err)
{
    if (index->table.count == 0)
        return 0;
    /* Filters may need the cache's memory, and runs will have other keys: it is sized again when it is needed. */
    page_cache_free(&index->cache);
    if (index->run_count == INDEX_RUNS_MAX && merge_runs(index, 0, index->run_count, err) != 0)
        return -1;
    return write_memtable(index, err) == 0 ? merge_due(index, err) : -1;
}

/* ---- All entries ---- */

static int each_entry(struct merge *m, index_each_callback *callback, void *context, struct error *err)
{
    struct index_entry last = {.place = {0}}, entry;
    uint64_t entries;
    int rc;
    if (read_begin(m, 0, m->index->run_count, &entries, err) != 0)
        return -1;
    while ((rc = read_next(m, &last, &entry, err)) > 0) {
        struct place place;
        place_decode(entry.place, &place);
        if (callback(&entry.id, &place, context, err) != 0)
            return -1;
    }
    return rc;
}

static int each(struct index *index, index_each_callback *callback, void *context, struct error *err)
{
    if (index_check(index, err) != 0 || index_flush(index, err) != 0)
        return -1;
    if (index->run_count == 0)
        return 0;
    struct merge *m = mem_calloc(1, sizeof(*m));
    if (m == NULL)
        return error_no_memory(err);
    m->index = index;
    int rc = each_entry(m, callback, context, err);
    mem_free(m->memory);
    mem_free(m);
    return rc;
}

int index_each(struct index *index, index_each_callback *callback, void *context, struct error *err)
{
    (void)pthread_mutex_lock(&index->lock);
    int rc = each(index, callback, context, err);
    (void)pthread_mutex_unlock(&index->lock);
    return rc;
}
