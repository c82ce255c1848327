/* Which objects are known to be on which target, and when each was last checked. */
#include "catalog/catalog_internal.h"

#include "base/buf.h"

#include <string.h>

enum { PAGE_OBJECTS = 4096, LISTING_BATCH = 8192 };

int catalog_place(struct catalog *catalog, const struct id *tid, const char *target, bool add, int64_t *ret_place,
                  struct error *err)
{
    *ret_place = 0;
    CLEANUP_QUERY struct query find = query_of(catalog, SQL_PLACE_FIND);
    query_id(&find, tid);
    query_text(&find, target);
    int found = query_step(&find, "look up a target", err);
    if (found < 0)
        return -1;
    if (found > 0) {
        *ret_place = sqlite3_column_int64(find.statement, 0);
        return 0;
    }
    if (!add)
        return 0;
    CLEANUP_QUERY struct query insert = query_of(catalog, SQL_PLACE_ADD);
    query_id(&insert, tid);
    query_text(&insert, target);
    if (query_step(&insert, "remember a target", err) < 0)
        return -1;
    *ret_place = sqlite3_last_insert_rowid(catalog->db);
    return 0;
}

/* ---- Changes of many objects, each kind in one transaction ---- */

struct batch {
    const struct id *tid;
    const char *target;
    const struct catalog_object *objects;
    size_t count;
    unsigned level;
};

static int put_batch(struct catalog *catalog, void *context, struct error *err)
{
    const struct batch *batch = context;
    int64_t place = 0;
    if (catalog_place(catalog, batch->tid, batch->target, true, &place, err) != 0)
        return -1;
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_LEDGER_PUT);
    for (size_t i = 0; i < batch->count; i++) {
        const struct catalog_object *object = &batch->objects[i];
        if (object->size > INT64_MAX)
            return error_set(err, ERROR_DAMAGED, "%s: %s cannot be as large as it is said to be", batch->target,
                             object->name);
        query_integer(&query, place);
        query_integer(&query, object->class);
        query_text(&query, object->name);
        query_integer(&query, (int64_t)object->size);
        query_integer(&query, object->seen_ns);
        if (query_step(&query, "remember objects", err) < 0)
            return -1;
        query_again(&query);
    }
    return 0;
}

int catalog_ledger_put(struct catalog *catalog, const struct id *tid, const char *target,
                       const struct catalog_object *objects, size_t count, struct error *err)
{
    struct batch batch = {.tid = tid, .target = target, .objects = objects, .count = count};
    return catalog_transaction(catalog, put_batch, &batch, "remember objects", err);
}

static int remove_batch(struct catalog *catalog, void *context, struct error *err)
{
    const struct batch *batch = context;
    int64_t place = 0;
    if (catalog_place(catalog, batch->tid, batch->target, false, &place, err) != 0)
        return -1;
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_LEDGER_REMOVE);
    for (size_t i = 0; i < batch->count; i++) {
        query_integer(&query, place);
        query_integer(&query, batch->objects[i].class);
        query_text(&query, batch->objects[i].name);
        if (query_step(&query, "forget objects", err) < 0)
            return -1;
        query_again(&query);
    }
    return 0;
}

int catalog_ledger_remove(struct catalog *catalog, const struct id *tid, const char *target,
                          const struct catalog_object *objects, size_t count, struct error *err)
{
    struct batch batch = {.tid = tid, .target = target, .objects = objects, .count = count};
    return catalog_transaction(catalog, remove_batch, &batch, "forget objects", err);
}

static int check_batch(struct catalog *catalog, void *context, struct error *err)
{
    const struct batch *batch = context;
    int64_t place = 0;
    if (catalog_place(catalog, batch->tid, batch->target, false, &place, err) != 0)
        return -1;
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_CHECKED_PUT);
    for (size_t i = 0; i < batch->count; i++) {
        query_integer(&query, place);
        query_integer(&query, batch->objects[i].class);
        query_text(&query, batch->objects[i].name);
        query_integer(&query, (int64_t)batch->level);
        query_integer(&query, batch->objects[i].checked_ns);
        if (query_step(&query, "remember checks", err) < 0)
            return -1;
        query_again(&query);
    }
    return 0;
}

int catalog_checked_put(struct catalog *catalog, const struct id *tid, const char *target, unsigned level,
                        const struct catalog_object *objects, size_t count, struct error *err)
{
    struct batch batch = {.tid = tid, .target = target, .objects = objects, .count = count, .level = level};
    return catalog_transaction(catalog, check_batch, &batch, "remember checks", err);
}

/* ---- Looking things up ---- */

int catalog_ledger_find(struct catalog *catalog, const struct id *tid, const char *target, char class, const char *name,
                        bool *ret_known, struct catalog_object *ret_object, struct error *err)
{
    *ret_known = false;
    CATALOG_LOCKED(catalog);
    int64_t place = 0;
    if (catalog_place(catalog, tid, target, false, &place, err) != 0)
        return -1;
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_LEDGER_FIND);
    query_integer(&query, place);
    query_integer(&query, class);
    query_text(&query, name);
    int found = query_step(&query, "look up an object", err);
    if (found < 0)
        return -1;
    *ret_known = found > 0;
    if (found > 0 && ret_object != NULL)
        *ret_object = (struct catalog_object){
            .class = class,
            .name = name,
            .size = (uint64_t)sqlite3_column_int64(query.statement, 0),
            .seen_ns = sqlite3_column_int64(query.statement, 1),
        };
    return 0;
}

int catalog_ledger_sum(struct catalog *catalog, const struct id *tid, const char *target, uint64_t *ret_count,
                       uint64_t *ret_bytes, struct error *err)
{
    *ret_count = *ret_bytes = 0;
    CATALOG_LOCKED(catalog);
    int64_t place = 0;
    if (catalog_place(catalog, tid, target, false, &place, err) != 0)
        return -1;
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_LEDGER_SUM);
    query_integer(&query, place);
    if (query_step(&query, "count objects", err) < 0)
        return -1;
    *ret_count = (uint64_t)sqlite3_column_int64(query.statement, 0);
    *ret_bytes = (uint64_t)sqlite3_column_int64(query.statement, 1);
    return 0;
}

int catalog_ledger_clear(struct catalog *catalog, const struct id *tid, const char *target, struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, tid != NULL ? SQL_PLACE_FORGET : SQL_PLACE_FORGET_TARGET);
    if (tid != NULL)
        query_id(&query, tid);
    query_text(&query, target);
    return query_step(&query, "forget the objects of a target", err) >= 0 ? 0 : -1;
}

int catalog_ledger_listed(struct catalog *catalog, const struct id *tid, const char *target, int64_t *ret_listed_ns,
                          struct error *err)
{
    *ret_listed_ns = 0;
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_PLACE_FIND);
    query_id(&query, tid);
    query_text(&query, target);
    int found = query_step(&query, "look up a target", err);
    if (found > 0)
        *ret_listed_ns = sqlite3_column_int64(query.statement, 1);
    return found >= 0 ? 0 : -1;
}

/* ---- Reading in pages ---- */

/* Objects copied from a query, so that they can be shown without the lock. */
struct page {
    struct catalog_object *objects;
    size_t *names; /* offsets in text, which moves while it grows */
    size_t count;
    size_t limit;
    struct buf text;
};

static void page_free(struct page *page)
{
    mem_free(page->objects);
    mem_free(page->names);
    buf_free(&page->text);
}
#define CLEANUP_PAGE CLEANUP(page_free)

static int page_room(struct page *page, size_t limit, struct error *err)
{
    page->limit = limit;
    page->objects = mem_calloc(limit, sizeof(page->objects[0]));
    page->names = mem_calloc(limit, sizeof(page->names[0]));
    return page->objects != NULL && page->names != NULL ? 0 : error_no_memory(err);
}

/* Take the rows (class, name, size, seen, checked) of a query; those of other classes end it. */
static int page_fill(struct page *page, struct query *query, char class, struct error *err)
{
    page->count = 0;
    page->text.size = 0;
    while (page->count < page->limit) {
        int found = query_step(query, "read the ledger", err);
        if (found < 0)
            return -1;
        char found_class = found > 0 ? (char)sqlite3_column_int(query->statement, 0) : '\0';
        if (found == 0 || (class != '\0' && found_class != class))
            return 0;
        const char *name = query_column_text(query, 1);
        page->names[page->count] = page->text.size;
        if (buf_append(&page->text, name, strlen(name) + 1, err) != 0)
            return -1;
        page->objects[page->count++] = (struct catalog_object){
            .class = found_class,
            .size = (uint64_t)sqlite3_column_int64(query->statement, 2),
            .seen_ns = sqlite3_column_int64(query->statement, 3),
            .checked_ns = sqlite3_column_int64(query->statement, 4),
        };
    }
    return 0;
}

static int page_show(struct page *page, catalog_object_callback *callback, void *context, struct error *err)
{
    for (size_t i = 0; i < page->count; i++) {
        page->objects[i].name = (const char *)page->text.data + page->names[i];
        if (callback(&page->objects[i], context, err) != 0)
            return -1;
    }
    return 0;
}

/* The next page after what the page holds now. */
static int page_next(struct catalog *catalog, const struct id *tid, const char *target, char class, struct page *page,
                     struct error *err)
{
    CATALOG_LOCKED(catalog);
    int64_t place = 0;
    if (catalog_place(catalog, tid, target, false, &place, err) != 0)
        return -1;
    const struct catalog_object *last = page->count > 0 ? &page->objects[page->count - 1] : NULL;
    /* The query keeps what is bound to it while the page's own text is overwritten. */
    CLEANUP_FREE char *after = mem_strdup(last != NULL ? last->name : "");
    if (after == NULL)
        return error_no_memory(err);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_LEDGER_PAGE);
    query_integer(&query, place);
    query_integer(&query, last != NULL ? last->class : class);
    query_text(&query, after);
    query_integer(&query, (int64_t)page->limit);
    return page_fill(page, &query, class, err);
}

int catalog_ledger_each(struct catalog *catalog, const struct id *tid, const char *target, char class,
                        catalog_object_callback *callback, void *context, struct error *err)
{
    CLEANUP_PAGE struct page page = {0};
    if (page_room(&page, PAGE_OBJECTS, err) != 0)
        return -1;
    do
        if (page_next(catalog, tid, target, class, &page, err) != 0 || page_show(&page, callback, context, err) != 0)
            return -1;
    while (page.count == page.limit);
    return 0;
}

static int fill_oldest(struct catalog *catalog, const struct id *tid, const char *target, char class, unsigned level,
                       struct page *page, struct error *err)
{
    CATALOG_LOCKED(catalog);
    int64_t place = 0;
    if (catalog_place(catalog, tid, target, false, &place, err) != 0)
        return -1;
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_CHECKED_OLDEST);
    query_integer(&query, (int64_t)level);
    query_integer(&query, place);
    query_integer(&query, class);
    query_integer(&query, class != '\0' ? class : 127);
    query_integer(&query, (int64_t)page->limit);
    return page_fill(page, &query, '\0', err);
}

int catalog_checked_oldest(struct catalog *catalog, const struct id *tid, const char *target, char class,
                           unsigned level, size_t limit, catalog_object_callback *callback, void *context,
                           struct error *err)
{
    CLEANUP_PAGE struct page page = {0};
    uint64_t count = 0;
    uint64_t bytes = 0;
    if (catalog_ledger_sum(catalog, tid, target, &count, &bytes, err) != 0)
        return -1;
    /* No more room than there can be rows: a caller may ask for all of them with a very large limit. */
    if (page_room(&page, limit < count ? limit : (size_t)count, err) != 0 ||
        fill_oldest(catalog, tid, target, class, level, &page, err) != 0)
        return -1;
    return page_show(&page, callback, context, err);
}

int catalog_checked_sum(struct catalog *catalog, const struct id *tid, const char *target, char class, unsigned level,
                        uint64_t *ret_count, uint64_t *ret_checked, int64_t *ret_last_ns, struct error *err)
{
    int64_t place = 0;
    *ret_count = *ret_checked = 0;
    *ret_last_ns = 0;
    CATALOG_LOCKED(catalog);
    if (catalog_place(catalog, tid, target, false, &place, err) != 0)
        return -1;
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_CHECKED_SUM);
    query_integer(&query, level);
    query_integer(&query, place);
    query_integer(&query, class);
    if (query_step(&query, "count checked objects", err) < 0)
        return -1;
    *ret_count = (uint64_t)sqlite3_column_int64(query.statement, 0);
    *ret_checked = (uint64_t)sqlite3_column_int64(query.statement, 1);
    *ret_last_ns = sqlite3_column_int64(query.statement, 2);
    return 0;
}

/* ---- A listing on its way in ---- */

struct catalog_listing {
    struct catalog *catalog;
    struct id tid;
    char *target;
    int64_t started_ns;
    struct page page;
};

int catalog_listing_begin(struct catalog *catalog, const struct id *tid, const char *target, int64_t started_ns,
                          struct catalog_listing **ret_listing, struct error *err)
{
    struct catalog_listing *listing = mem_calloc(1, sizeof(*listing));
    if (listing == NULL)
        return error_no_memory(err);
    listing->catalog = catalog;
    listing->tid = *tid;
    listing->started_ns = started_ns;
    listing->target = mem_strdup(target);
    if (listing->target == NULL || page_room(&listing->page, LISTING_BATCH, err) != 0) {
        catalog_listing_abandon(listing);
        return error_no_memory(err);
    }
    *ret_listing = listing;
    return 0;
}

static int listing_flush(struct catalog_listing *listing, struct error *err)
{
    struct page *page = &listing->page;
    if (page->count == 0)
        return 0;
    for (size_t i = 0; i < page->count; i++)
        page->objects[i].name = (const char *)page->text.data + page->names[i];
    if (catalog_ledger_put(listing->catalog, &listing->tid, listing->target, page->objects, page->count, err) != 0)
        return -1;
    page->count = 0;
    page->text.size = 0;
    return 0;
}

int catalog_listing_add(struct catalog_listing *listing, char class, const char *name, uint64_t size, struct error *err)
{
    struct page *page = &listing->page;
    if (page->count == page->limit && listing_flush(listing, err) != 0)
        return -1;
    page->names[page->count] = page->text.size;
    if (buf_append(&page->text, name, strlen(name) + 1, err) != 0)
        return -1;
    page->objects[page->count++] =
        (struct catalog_object){.class = class, .size = size, .seen_ns = listing->started_ns};
    return 0;
}

static int end_listing(struct catalog *catalog, void *context, struct error *err)
{
    const struct catalog_listing *listing = context;
    int64_t place = 0;
    if (catalog_place(catalog, &listing->tid, listing->target, true, &place, err) != 0)
        return -1;
    CLEANUP_QUERY struct query removal = query_of(catalog, SQL_LEDGER_REMOVE_OLD);
    query_integer(&removal, place);
    query_integer(&removal, listing->started_ns);
    CLEANUP_QUERY struct query listed = query_of(catalog, SQL_PLACE_LISTED);
    query_integer(&listed, listing->started_ns);
    query_integer(&listed, place);
    if (query_step(&removal, "forget what is no longer listed", err) < 0)
        return -1;
    return query_step(&listed, "remember the listing", err) >= 0 ? 0 : -1;
}

int catalog_listing_finish(struct catalog_listing *listing, struct error *err)
{
    int rc = listing_flush(listing, err);
    if (rc == 0)
        rc = catalog_transaction(listing->catalog, end_listing, listing, "end a listing", err);
    catalog_listing_abandon(listing);
    return rc;
}

void catalog_listing_abandon(struct catalog_listing *listing)
{
    if (listing == NULL)
        return;
    page_free(&listing->page);
    mem_free(listing->target);
    mem_free(listing);
}
