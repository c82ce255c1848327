/* ListObjectsV2: objects and folders. A listing that cannot be whole is a failure, never a shorter listing. */
#include "base/mem.h"
#include "target/s3_target.h"
#include "target/s3_xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_OBJECTS = 1000, PAGE_BYTES_MAX = 16 << 20, EMPTY_PAGES_MAX = 1000 };

struct item {
    char *key; /* as in the bucket */
    uint64_t size;
    int64_t modified_ns;
};

struct page {
    struct item *items; /* objects, or common prefixes */
    size_t count, capacity;
    struct item current;
    bool folders;
    bool old;       /* ListObjects, the first version: stores that know only Signature V2 know only this */
    size_t entries; /* objects and prefixes: what KeyCount counts */
    long key_count; /* -1: not told */
    int truncated;  /* -1: not told */
    char *token;    /* where the next page begins; without ListObjectsV2, a name */
};

static void page_clear(struct page *page)
{
    for (size_t i = 0; i < page->count; i++)
        mem_free(page->items[i].key);
    mem_free(page->items);
    mem_free(page->current.key);
    mem_free(page->token);
    *page = (struct page){0};
}

bool s3_unescape(char *text)
{
    char *out = text;
    for (const char *p = text; *p != '\0'; p++) {
        char digits[3] = {p[0], 0, 0};
        if (*p != '%') {
            *out++ = *p == '+' ? ' ' : *p;
            continue;
        }
        digits[0] = p[1];
        digits[1] = p[1] != '\0' ? p[2] : '\0';
        if (strspn(digits, "0123456789abcdefABCDEF") != 2)
            return false;
        char byte = (char)strtoul(digits, NULL, 16);
        if (byte == '\0')
            return false;
        *out++ = byte;
        p += 2;
    }
    *out = '\0';
    return true;
}

static int set_key(struct page *page, const char *text, struct error *err)
{
    mem_free(page->current.key);
    page->current.key = mem_strdup(text);
    if (page->current.key == NULL)
        return error_no_memory(err);
    return s3_unescape(page->current.key)
               ? 0
               : error_set(err, ERROR_UNREACHABLE, "a name in it is not escaped as it should be");
}

static int add_item(struct page *page, struct error *err)
{
    if (page->current.key == NULL)
        return error_set(err, ERROR_UNREACHABLE, "an object in it has no name");
    struct item *items = mem_more(page->items, page->count, &page->capacity, sizeof(*items));
    if (items == NULL)
        return error_no_memory(err);
    page->items = items;
    page->items[page->count++] = page->current;
    page->current = (struct item){0};
    return 0;
}

/* Decimal digits only. */
static int read_number(const char *text, uint64_t *ret, struct error *err)
{
    size_t size = strlen(text);
    if (size == 0 || size > 19 || strspn(text, "0123456789") != size)
        return error_set(err, ERROR_UNREACHABLE, "\"%.40s\" in it is no number", text);
    *ret = strtoull(text, NULL, 10);
    return 0;
}

static int read_page_value(struct page *page, const char *what, const char *text, struct error *err)
{
    uint64_t number;
    if (strcmp(what, "IsTruncated") == 0) {
        page->truncated = strcmp(text, "true") == 0 ? 1 : strcmp(text, "false") == 0 ? 0 : -1;
    } else if (strcmp(what, "KeyCount") == 0) {
        if (read_number(text, &number, err) != 0)
            return -1;
        page->key_count = number > 100000 ? -1 : (long)number;
    } else if (strcmp(what, page->old ? "NextMarker" : "NextContinuationToken") == 0 && text[0] != '\0') {
        mem_free(page->token);
        page->token = mem_strdup(text);
        if (page->token == NULL)
            return error_no_memory(err);
        return !page->old || s3_unescape(page->token)
                   ? 0
                   : error_set(err, ERROR_UNREACHABLE, "a name in it is not escaped as it should be");
    }
    return 0;
}

static int on_element(const char *path, const char *text, void *context, struct error *err)
{
    static const char root[] = "ListBucketResult/";
    struct page *page = context;
    if (strncmp(path, root, sizeof(root) - 1) != 0)
        return strcmp(path, "ListBucketResult") == 0 ? 0
                                                     : error_set(err, ERROR_UNREACHABLE, "the answer is no listing");
    const char *what = path + sizeof(root) - 1;
    if (strcmp(what, page->folders ? "CommonPrefixes/Prefix" : "Contents/Key") == 0)
        return set_key(page, text, err);
    if (strcmp(what, "Contents/Size") == 0)
        return read_number(text, &page->current.size, err);
    if (strcmp(what, "Contents/LastModified") == 0)
        page->current.modified_ns = s3_parse_time(text);
    bool object = strcmp(what, "Contents") == 0, folder = strcmp(what, "CommonPrefixes") == 0;
    page->entries += object || folder;
    if (page->folders ? folder : object)
        return add_item(page, err);
    return strchr(what, '/') == NULL ? read_page_value(page, what, text, err) : 0;
}

/* ---- Going through pages ---- */

struct listing {
    struct s3_target *t;
    char *prefix; /* whole */
    char *after;  /* whole, or NULL */
    char *last;   /* the last key seen, in order to see that they ascend */
    char *token;
    bool folders;
    char **folder_names; /* all of them: they are to be sorted */
    size_t folder_count, folder_capacity;
    unsigned empty_pages;
};

static void listing_clear(struct listing *listing)
{
    mem_free(listing->prefix);
    mem_free(listing->after);
    mem_free(listing->last);
    mem_free(listing->token);
    for (size_t i = 0; i < listing->folder_count; i++)
        mem_free(listing->folder_names[i]);
    mem_free(listing->folder_names);
}

/* Not to be believed: what it leaves out is unknown, not gone. */
static int no_listing(const struct listing *listing, struct error *err, const char *why)
{
    (void)error_set(err, ERROR_UNREACHABLE, "%s: the listing of %s %s", listing->t->base.traits.name,
                    listing->prefix[0] != '\0' ? listing->prefix : "everything", why);
    if (err != NULL)
        err->retryable = true;
    return error_hint(
        err, "the store answers wrongly: nothing is deleted on the strength of such a listing; ask its operator");
}

static int fetch_page(struct listing *listing, struct page *page, struct error *err)
{
    struct s3_target *t = listing->t;
    struct buf body = {0};
    CLEANUP_REQUEST struct s3_request get = {.right = S3_READ,
                                             .kind = S3_LIST,
                                             .action = "list",
                                             .method = "GET",
                                             .sink = &body,
                                             .sink_max = PAGE_BYTES_MAX};
    if (!t->v2)
        s3_param(&get, "list-type", "2");
    s3_param(&get, "encoding-type", "url");
    s3_param(&get, "max-keys", "1000");
    s3_param(&get, "prefix", listing->prefix);
    if (listing->folders)
        s3_param(&get, "delimiter", "/");
    if (listing->token != NULL)
        s3_param(&get, t->v2 ? "marker" : "continuation-token", listing->token);
    else if (listing->after != NULL)
        s3_param(&get, t->v2 ? "marker" : "start-after", listing->after);
    *page = (struct page){.old = t->v2, .folders = listing->folders, .key_count = -1, .truncated = -1};
    int rc = s3_do(t, &get, err);
    if (rc == 0 && s3_xml_read(body.data, body.size, on_element, page, err) != 0) {
        rc = error_wrap(err, "%s: list %s", t->base.traits.name, listing->prefix);
        if (err != NULL)
            err->retryable = err->class == ERROR_UNREACHABLE;
    }
    buf_free(&body);
    if (rc == 0 && page->old && page->token == NULL && page->count > 0) {
        /* Only with folders the first version says where to go on: else it is behind the last name. */
        page->token = mem_strdup(page->items[page->count - 1].key);
        rc = page->token != NULL ? 0 : error_no_memory(err);
    }
    if (rc != 0)
        page_clear(page);
    return rc;
}

/* What every page must satisfy, whatever is in it. */
static int check_page(struct listing *listing, const struct page *page, struct error *err)
{
    if (page->truncated < 0)
        return no_listing(listing, err, "does not say whether it ends here");
    if (page->key_count >= 0 && (size_t)page->key_count != page->entries)
        return no_listing(listing, err, "announces another number of names than it gives");
    if (page->truncated == 1 && page->token == NULL)
        return no_listing(listing, err, "goes on, but says not where");
    if (page->truncated == 1 && listing->token != NULL && strcmp(page->token, listing->token) == 0)
        return no_listing(listing, err, "goes round in a circle");
    listing->empty_pages = page->count > 0 ? 0 : listing->empty_pages + 1;
    if (listing->empty_pages > EMPTY_PAGES_MAX)
        return no_listing(listing, err, "goes on without end and gives no names");
    for (size_t i = 0; i < page->count; i++) {
        const char *key = page->items[i].key, *before = i > 0 ? page->items[i - 1].key : listing->last;
        if (strncmp(key, listing->prefix, strlen(listing->prefix)) != 0)
            return no_listing(listing, err, "gives names that do not begin so");
        if (before != NULL && strcmp(before, key) >= 0)
            return no_listing(listing, err, "is not in order, or gives a name twice");
    }
    return 0;
}

static int call_for(const struct listing *listing, const struct item *item, target_list_callback *callback,
                    void *context, struct error *err)
{
    const char *name = item->key + strlen(listing->t->place.prefix);
    /* Nobody here puts names that are not valid; some stores begin with the name that they should begin after. */
    if (!target_name_valid(name) || (listing->after != NULL && strcmp(item->key, listing->after) <= 0))
        return 0;
    const struct target_object object = {name, item->size, item->modified_ns};
    return callback(&object, context, err);
}

/* ---- Folders ---- */

static int note_folder(struct listing *listing, const struct item *item, struct error *err)
{
    const char *name = item->key + strlen(listing->prefix);
    size_t size = strlen(name);
    if (size < 2 || !target_component_valid(name, size - 1))
        return 0;
    if (listing->folder_count == listing->folder_capacity) {
        size_t capacity = listing->folder_capacity > 0 ? 2 * listing->folder_capacity : 64;
        char **grown = mem_realloc(listing->folder_names, capacity * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        listing->folder_names = grown;
        listing->folder_capacity = capacity;
    }
    char *copy = mem_dup(name, size);
    if (copy == NULL)
        return error_no_memory(err);
    copy[size - 1] = '\0';
    listing->folder_names[listing->folder_count++] = copy;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The store sorts "b-1/" before "b/"; names alone come the other way round. */
static int call_for_folders(struct listing *listing, target_list_callback *callback, void *context, struct error *err)
{
    if (listing->folder_count > 0)
        qsort(listing->folder_names, listing->folder_count, sizeof(listing->folder_names[0]), compare_names);
    for (size_t i = 0; i < listing->folder_count; i++) {
        const struct target_object object = {.name = listing->folder_names[i]};
        if (callback(&object, context, err) != 0)
            return -1;
    }
    return 0;
}

static int replace(char **text, const char *with, struct error *err)
{
    char *fresh = mem_strdup(with);
    if (fresh == NULL)
        return error_no_memory(err);
    mem_free(*text);
    *text = fresh;
    return 0;
}

/* One page to the callback. *ret_more: there is another. */
static int do_page(struct listing *listing, target_list_callback *callback, void *context, bool *ret_more,
                   struct error *err)
{
    CLEANUP(page_clear) struct page page;
    if (fetch_page(listing, &page, err) != 0)
        return -1;
    if (check_page(listing, &page, err) != 0)
        return -1;
    if (page.count > 0 && replace(&listing->last, page.items[page.count - 1].key, err) != 0)
        return -1;
    for (size_t i = 0; i < page.count; i++)
        if ((listing->folders ? note_folder(listing, &page.items[i], err)
                              : call_for(listing, &page.items[i], callback, context, err)) != 0)
            return -1;
    *ret_more = page.truncated == 1;
    return *ret_more ? replace(&listing->token, page.token, err) : 0;
}

static int list(struct target *target, const char *prefix, const char *after, bool folders,
                target_list_callback *callback, void *context, struct error *err)
{
    struct s3_target *t = s3_target(target);
    CLEANUP(listing_clear)
    struct listing listing = {.t = t, .folders = folders, .prefix = s3_key(t, prefix)};
    if (after != NULL && after[0] != '\0')
        listing.after = s3_key(t, after);
    if (listing.prefix == NULL || (after != NULL && after[0] != '\0' && listing.after == NULL))
        return error_no_memory(err);
    for (bool more = true; more;)
        if (do_page(&listing, callback, context, &more, err) != 0)
            return -1;
    return folders ? call_for_folders(&listing, callback, context, err) : 0;
}

int s3_list(struct target *target, const char *prefix, const char *after, target_list_callback *callback, void *context,
            struct error *err)
{
    return list(target, prefix, after, false, callback, context, err);
}

int s3_list_folders(struct target *target, const char *prefix, target_list_callback *callback, void *context,
                    struct error *err)
{
    return list(target, prefix, NULL, true, callback, context, err);
}
