/* Versions of objects, delete markers, and uploads in parts that nobody has finished. */
#include "base/mem.h"
#include "target/s3_target.h"
#include "target/s3_xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 16 << 20, EMPTY_PAGES_MAX = 1000 };

/* A version, a marker or an upload. */
struct item {
    char *key;
    char *id;
    bool latest, marker;
    uint64_t size;
    int64_t time_ns;
};

struct page {
    const char *root;      /* of the answer */
    const char *params[2]; /* that say where the next page begins … */
    const char *next[2];   /* … and where it says so: "NextKeyMarker" */
    const char *query;
    struct item *items;
    size_t count, capacity;
    struct item current;
    int truncated; /* -1: not told */
    char *markers[2];
    char *mark;                      /* a place passed before: whoever comes by it again goes in a circle … */
    unsigned long pages, mark_again; /* … and one is found as soon as the mark is renewed at twice its length */
};

static void item_clear(struct item *item)
{
    mem_free(item->key);
    mem_free(item->id);
    *item = (struct item){0};
}

static void page_empty(struct page *page)
{
    for (size_t i = 0; i < page->count; i++)
        item_clear(&page->items[i]);
    page->count = 0;
    item_clear(&page->current);
    page->truncated = -1;
}

static void page_clear(struct page *page)
{
    page_empty(page);
    mem_free(page->items);
    mem_free(page->markers[0]);
    mem_free(page->markers[1]);
    mem_free(page->mark);
}

static int set_text(char **text, const char *value, bool escaped, struct error *err)
{
    mem_free(*text);
    *text = mem_strdup(value);
    if (*text == NULL)
        return error_no_memory(err);
    return !escaped || s3_unescape(*text)
               ? 0
               : error_set(err, ERROR_UNREACHABLE, "a name in it is not escaped as it should be");
}

static int add_item(struct page *page, struct error *err)
{
    if (page->current.key == NULL || page->current.id == NULL)
        return error_set(err, ERROR_UNREACHABLE, "an entry in it has no name or no id");
    struct item *items = mem_more(page->items, page->count, &page->capacity, sizeof(*items));
    if (items == NULL)
        return error_no_memory(err);
    page->items = items;
    page->items[page->count++] = page->current;
    page->current = (struct item){0};
    return 0;
}

static int on_member(struct page *page, const char *what, const char *text, struct error *err)
{
    if (strcmp(what, "Key") == 0)
        return set_text(&page->current.key, text, true, err);
    if (strcmp(what, "VersionId") == 0 || strcmp(what, "UploadId") == 0)
        return set_text(&page->current.id, text, false, err);
    if (strcmp(what, "IsLatest") == 0)
        page->current.latest = strcmp(text, "true") == 0;
    else if (strcmp(what, "Size") == 0)
        page->current.size = strspn(text, "0123456789") == strlen(text) ? strtoull(text, NULL, 10) : 0;
    else if (strcmp(what, "LastModified") == 0 || strcmp(what, "Initiated") == 0)
        page->current.time_ns = s3_parse_time(text);
    return 0;
}

static int on_element(const char *path, const char *text, void *context, struct error *err)
{
    static const char *const entries[] = {"Version", "DeleteMarker", "Upload"};
    struct page *page = context;
    size_t root = strlen(page->root);
    if (strncmp(path, page->root, root) != 0 || (path[root] != '/' && path[root] != '\0'))
        return error_set(err, ERROR_UNREACHABLE, "the answer is no such listing");
    const char *what = path[root] == '/' ? path + root + 1 : "";
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        size_t size = strlen(entries[i]);
        if (strncmp(what, entries[i], size) != 0 || (what[size] != '\0' && what[size] != '/'))
            continue;
        if (what[size] == '/')
            return on_member(page, what + size + 1, text, err);
        page->current.marker = i == 1;
        return add_item(page, err);
    }
    if (strcmp(what, "IsTruncated") == 0)
        page->truncated = strcmp(text, "true") == 0 ? 1 : strcmp(text, "false") == 0 ? 0 : -1;
    for (size_t i = 0; i < 2; i++)
        if (strcmp(what, page->next[i]) == 0 && text[0] != '\0')
            return set_text(&page->markers[i], text, i == 0, err);
    return 0;
}

static int no_listing(const struct s3_target *t, struct error *err, const char *why)
{
    (void)error_set(err, ERROR_UNREACHABLE, "%s: the listing of versions or uploads %s", t->base.traits.name, why);
    if (err != NULL)
        err->retryable = true;
    return -1;
}

/*
 * Does a listing that goes on come by a place where it was before? One mark is enough for circles of any length (Brent:
 * An improved Monte Carlo factorization algorithm, BIT 20, 1980): it moves up when the pages have doubled.
 */
static int check_circle(const struct s3_target *t, struct page *page, struct error *err)
{
    CLEANUP_FREE char *place = mem_printf("%s\n%s", page->markers[0], page->markers[1] != NULL ? page->markers[1] : "");
    if (place == NULL)
        return error_no_memory(err);
    if (page->mark != NULL && strcmp(page->mark, place) == 0)
        return no_listing(t, err, "goes round in a circle");
    if (page->pages++ < page->mark_again)
        return 0;
    page->mark_again = 2 * page->pages;
    mem_free(page->mark);
    page->mark = place;
    place = NULL;
    return 0;
}

static int fetch_page(struct s3_target *t, const char *prefix, enum s3_right right, struct page *page,
                      struct error *err)
{
    struct buf body = {0};
    CLEANUP_REQUEST struct s3_request get = {
        .right = right, .kind = S3_LIST, .action = "list", .method = "GET", .sink = &body, .sink_max = PAGE_BYTES_MAX};
    char *before[2] = {page->markers[0], page->markers[1]};
    s3_param(&get, page->query, "");
    s3_param(&get, "encoding-type", "url");
    s3_param(&get, "prefix", prefix);
    for (size_t i = 0; i < 2; i++)
        if (before[i] != NULL)
            s3_param(&get, page->params[i], before[i]);
    page_empty(page);
    page->markers[0] = page->markers[1] = NULL;
    int rc = s3_do(t, &get, err);
    if (rc == 0 && s3_xml_read(body.data, body.size, on_element, page, err) != 0)
        rc = error_wrap(err, "%s: list the %s of %s", t->base.traits.name, page->query, prefix);
    if (rc == 0 && page->truncated < 0)
        rc = no_listing(t, err, "does not say whether it ends here");
    else if (rc == 0 && page->truncated == 1 && page->markers[0] == NULL)
        rc = no_listing(t, err, "goes on, but says not where");
    else if (rc == 0 && page->truncated == 1)
        rc = check_circle(t, page, err);
    mem_free(before[0]);
    mem_free(before[1]);
    buf_free(&body);
    return rc;
}

typedef int item_callback(const struct item *item, const char *name, void *context, struct error *err);

/* All entries below a prefix that are ours by name, page by page. */
static int list_all(struct s3_target *t, enum s3_right right, const char *prefix, struct page *page,
                    item_callback *callback, void *context, struct error *err)
{
    CLEANUP_FREE char *whole = s3_key(t, prefix);
    unsigned empty = 0;
    if (whole == NULL)
        return error_no_memory(err);
    do {
        if (fetch_page(t, whole, right, page, err) != 0)
            return -1;
        empty = page->count > 0 ? 0 : empty + 1;
        if (empty > EMPTY_PAGES_MAX)
            return no_listing(t, err, "goes on without end and gives no names");
        for (size_t i = 0; i < page->count; i++) {
            const char *key = page->items[i].key;
            if (strncmp(key, whole, strlen(whole)) != 0)
                return no_listing(t, err, "gives names that do not begin as they should");
            const char *name = key + strlen(t->place.prefix);
            if (target_name_valid(name) && callback(&page->items[i], name, context, err) != 0)
                return -1;
        }
    } while (page->truncated == 1);
    return 0;
}

static struct page version_page(void)
{
    return (struct page){.root = "ListVersionsResult",
                         .query = "versions",
                         .params = {"key-marker", "version-id-marker"},
                         .next = {"NextKeyMarker", "NextVersionIdMarker"}};
}

struct to_version {
    target_version_callback *callback;
    void *context;
};

static int call_version(const struct item *item, const char *name, void *context, struct error *err)
{
    const struct to_version *to = context;
    const struct target_version version = {name, item->id, item->latest, item->marker, item->size, item->time_ns};
    return to->callback(&version, to->context, err);
}

static int list_versions(struct s3_target *t, enum s3_right right, const char *prefix,
                         target_version_callback *callback, void *context, struct error *err)
{
    CLEANUP(page_clear) struct page page = version_page();
    struct to_version to = {callback, context};
    return list_all(t, right, prefix, &page, call_version, &to, err);
}

int s3_list_versions(struct target *target, const char *prefix, target_version_callback *callback, void *context,
                     struct error *err)
{
    return list_versions(s3_target(target), S3_DELETE, prefix, callback, context, err);
}

/* ---- An older version ---- */

struct search {
    const char *name;
    unsigned left; /* older versions to pass over */
    char *id;
};

static int find_version(const struct target_version *version, void *context, struct error *err)
{
    struct search *search = context;
    if (strcmp(version->name, search->name) != 0 || version->latest || version->marker || search->id != NULL)
        return 0;
    if (--search->left > 0)
        return 0;
    search->id = mem_strdup(version->version);
    return search->id != NULL ? 0 : error_no_memory(err);
}

int s3_get_version(struct target *target, const char *name, unsigned number, size_t max, struct buf *out,
                   struct error *err)
{
    struct s3_target *t = s3_target(target);
    struct search search = {.name = name, .left = number};
    bool keeps;
    if (s3_keeps_versions(t, &keeps, err) != 0)
        return -1;
    if (keeps && number > 0 && list_versions(t, S3_READ, name, find_version, &search, err) != 0)
        return -1;
    if (search.id == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s keeps no older version %u of %s", target->traits.name, number, name);
    CLEANUP_REQUEST struct s3_request get = {.right = S3_READ,
                                             .kind = S3_GET,
                                             .action = "get an older version of",
                                             .method = "GET",
                                             .name = name,
                                             .sink = out,
                                             .sink_max = max};
    s3_param(&get, "versionId", search.id);
    int rc = s3_do(t, &get, err);
    mem_free(search.id);
    return rc;
}

/* ---- Unfinished uploads ---- */

struct to_upload {
    target_upload_callback *callback;
    void *context;
};

static int call_upload(const struct item *item, const char *name, void *context, struct error *err)
{
    const struct to_upload *to = context;
    const struct target_upload upload = {name, item->id, item->time_ns};
    return to->callback(&upload, to->context, err);
}

int s3_list_uploads(struct target *target, const char *prefix, target_upload_callback *callback, void *context,
                    struct error *err)
{
    CLEANUP(page_clear)
    struct page page = {.root = "ListMultipartUploadsResult",
                        .query = "uploads",
                        .params = {"key-marker", "upload-id-marker"},
                        .next = {"NextKeyMarker", "NextUploadIdMarker"}};
    struct to_upload to = {callback, context};
    return list_all(s3_target(target), S3_DELETE, prefix, &page, call_upload, &to, err);
}

int s3_abort_upload(struct target *target, const char *name, const char *id, struct error *err)
{
    CLEANUP_REQUEST struct s3_request abort = {
        .right = S3_DELETE, .kind = S3_REMOVE, .action = "abort the upload of", .method = "DELETE", .name = name};
    s3_param(&abort, "uploadId", id);
    if (s3_do(s3_target(target), &abort, err) == 0)
        return 0;
    return strcmp(abort.code, "NoSuchUpload") == 0 ? 0 : -1;
}
