/*
 * Entries in another order than the manifest's (archives keep their own): held
 * until all are there, within bounded memory (entry_runs.h), then given back in
 * order. Content is not held.
 */
#include "base/mem.h"
#include "pipeline/batch.h"
#include "pipeline/entry_runs.h"

enum { LINK_STEPS_MAX = 64, LINKS_SHARE = 4 };

struct entry_sorter {
    char *folder;
    size_t memory_limit;
    struct entry_runs *all;
    struct entry_runs *changed; /* by path: what stands in the place of entries of `all` once links are in order */
    uint64_t number;            /* of several with one path, the last counts */
    struct buf last_dir;
    bool has_links;
};

int entry_sorter_new(const char *folder, size_t memory_limit, struct entry_sorter **ret, struct error *err)
{
    struct entry_sorter *sorter = mem_calloc(1, sizeof(*sorter));
    if (sorter == NULL)
        return error_no_memory(err);
    sorter->memory_limit = memory_limit > 0 ? memory_limit : ENTRY_SORTER_MEMORY;
    sorter->folder = mem_strdup(folder);
    int rc = sorter->folder != NULL ? 0 : error_no_memory(err);
    if (rc == 0)
        rc = entry_runs_new(folder, ENTRIES_BY_PATH, sorter->memory_limit, &sorter->all, err);
    if (rc != 0) {
        entry_sorter_free(sorter);
        return -1;
    }
    *ret = sorter;
    return 0;
}

void entry_sorter_free(struct entry_sorter *sorter)
{
    if (sorter == NULL)
        return;
    entry_runs_free(sorter->all);
    entry_runs_free(sorter->changed);
    buf_free(&sorter->last_dir);
    mem_free(sorter->folder);
    mem_free(sorter);
}

/* Does `path` lie in the folder, or is it that? */
static bool is_within(const struct bytes *path, const struct bytes *folder)
{
    return path->size >= folder->size && memcmp(path->data, folder->data, folder->size) == 0 &&
           (path->size == folder->size || path->data[folder->size] == '/');
}

/*
 * Archives need not name the folders above their entries: a manifest does. Each is made up, with a number below that of
 * any entry, so that the archive's own one counts if there is one.
 */
static int make_up_folders(struct entry_sorter *sorter, const struct entry *entry, struct error *err)
{
    struct bytes last = {sorter->last_dir.data, sorter->last_dir.size}, dir = entry->dir;
    for (; dir.size > 0 && !is_within(&last, &dir);) {
        struct bytes parent, name;
        entry_path_split(&dir, &parent, &name);
        struct entry folder = {.dir = parent, .name = name, .type = ENTRY_DIRECTORY, .mode = 0755};
        if (entry_runs_add_copy(sorter->all, &folder, 0, err) != 0)
            return -1;
        dir = parent;
    }
    sorter->last_dir.size = 0;
    return buf_append(&sorter->last_dir, entry->dir.data, entry->dir.size, err);
}

int entry_sorter_take(struct entry_sorter *sorter, struct entry *entry, struct error *err)
{
    if (make_up_folders(sorter, entry, err) != 0) {
        entry_free(entry);
        return -1;
    }
    sorter->has_links = sorter->has_links || entry->type == ENTRY_HARDLINK;
    return entry_runs_add(sorter->all, entry, ++sorter->number, err);
}

/* ---- Hard links ---- */

static int new_links(const struct entry_sorter *sorter, struct entry_runs **ret, struct error *err)
{
    return entry_runs_new(sorter->folder, ENTRIES_BY_LINK, sorter->memory_limit / LINKS_SHARE, ret, err);
}

static int path_of(const struct entry *entry, struct buf *ret, struct error *err)
{
    ret->size = 0;
    if (entry->dir.size > 0 &&
        (buf_append(ret, entry->dir.data, entry->dir.size, err) != 0 || buf_u8(ret, '/', err) != 0))
        return -1;
    return buf_append(ret, entry->name.data, entry->name.size, err);
}

/* Put a copy of an entry, with another path, or link (NULL: as it is), in the place of what has that path. */
static int change(struct entry_sorter *sorter, const struct entry *by, const struct entry *place,
                  const struct buf *link, struct error *err)
{
    struct entry copy = *by;
    copy.dir = place->dir;
    copy.name = place->name;
    if (link != NULL)
        copy.link = (struct bytes){link->data, link->size};
    return entry_runs_add_copy(sorter->changed, &copy, 1, err);
}

/* A link that leads nowhere: a file whose content is missing. */
static int leads_nowhere(struct entry_sorter *sorter, const struct entry *link, struct error *err)
{
    struct entry copy = *link;
    copy.type = ENTRY_FILE;
    copy.link = (struct bytes){0};
    copy.unreadable = true;
    return change(sorter, &copy, link, NULL, err);
}

/* A link that leads to another link: to what that leads to, unless it has come full circle. */
static int follow(struct entry_sorter *sorter, const struct entry *link, const struct entry *to, bool last_step,
                  struct entry_runs *further, struct error *err)
{
    struct bytes dir, name;
    entry_path_split(&to->link, &dir, &name);
    if (last_step || entry_path_compare(&dir, &name, &link->dir, &link->name) == 0)
        return leads_nowhere(sorter, link, err);
    struct entry copy = *link;
    copy.link = to->link;
    return entry_runs_add_copy(further, &copy, 0, err);
}

/* The entry that a path names, from a row that is read once, for paths that ascend; NULL: there is none. */
static int advance_to(struct entry_runs *all, struct entry **at, const struct bytes *path, const struct entry **ret,
                      struct error *err)
{
    struct bytes dir, name;
    entry_path_split(path, &dir, &name);
    while (*at != NULL && entry_path_compare(&(*at)->dir, &(*at)->name, &dir, &name) < 0)
        if (entry_runs_next(all, at, err) < 0)
            return -1;
    *ret = *at != NULL && entry_path_compare(&(*at)->dir, &(*at)->name, &dir, &name) == 0 ? *at : NULL;
    return 0;
}

/* Look up what all `links` lead to: those to a file go to `resolved`, those to other links to `further`. */
static int follow_all(struct entry_sorter *sorter, struct entry_runs *links, bool last_step, struct entry_runs *further,
                      struct entry_runs *resolved, struct error *err)
{
    struct entry *at, *link;
    const struct entry *to;
    int rc;
    if (entry_runs_begin(sorter->all, err) != 0 || entry_runs_next(sorter->all, &at, err) < 0 ||
        entry_runs_begin(links, err) != 0)
        return -1;
    while ((rc = entry_runs_next(links, &link, err)) > 0) {
        if (advance_to(sorter->all, &at, &link->link, &to, err) != 0)
            return -1;
        if (to == NULL)
            rc = leads_nowhere(sorter, link, err);
        else if (to->type == ENTRY_HARDLINK)
            rc = follow(sorter, link, to, last_step, further, err);
        else if (to->type == ENTRY_FILE)
            rc = entry_runs_add_copy(resolved, link, 0, err);
        else
            rc = change(sorter, to, link, NULL, err); /* what is no file is copied */
        if (rc != 0)
            return -1;
    }
    return rc;
}

/* An archive's link can lead to another link, and that further on. */
static int resolve(struct entry_sorter *sorter, struct entry_runs *resolved, struct error *err)
{
    CLEANUP(cleanup_entry_runs_free) struct entry_runs *links = NULL;
    struct entry *entry;
    int rc = 0;
    if (new_links(sorter, &links, err) != 0 || entry_runs_begin(sorter->all, err) != 0)
        return -1;
    while ((rc = entry_runs_next(sorter->all, &entry, err)) > 0)
        if (entry->type == ENTRY_HARDLINK && entry_runs_add_copy(links, entry, 0, err) != 0)
            return -1;
    for (int step = 1; rc == 0 && !entry_runs_is_empty(links); step++) {
        struct entry_runs *further = NULL;
        rc = new_links(sorter, &further, err);
        if (rc == 0)
            rc = follow_all(sorter, links, step == LINK_STEPS_MAX, further, resolved, err);
        entry_runs_free(links);
        links = further;
    }
    return rc;
}

/*
 * A manifest has the first name of a file before its other names; an archive has them in its own order. The earliest of
 * each file's names becomes the file, the others links to it. Links to one file come one after the other, in the order
 * of their own paths.
 */
static int order_names(struct entry_sorter *sorter, struct entry_runs *resolved, struct error *err)
{
    CLEANUP(buf_free) struct buf of = {0};    /* the file whose names are being ordered */
    CLEANUP(buf_free) struct buf first = {0}; /* the earliest of them */
    struct entry *at, *link;
    const struct entry *file;
    int rc;
    if (entry_runs_begin(sorter->all, err) != 0 || entry_runs_next(sorter->all, &at, err) < 0 ||
        entry_runs_begin(resolved, err) != 0)
        return -1;
    while ((rc = entry_runs_next(resolved, &link, err)) > 0) {
        struct bytes last = {of.data, of.size};
        bool moves = false;
        if (advance_to(sorter->all, &at, &link->link, &file, err) != 0)
            return -1;
        if (file == NULL)
            return error_set(err, ERROR_INTERNAL, "the file of a hard link was there, and is not");
        if (!bytes_equal(&last, &link->link)) {
            moves = entry_path_compare(&link->dir, &link->name, &file->dir, &file->name) < 0;
            if (path_of(file, &of, err) != 0 || path_of(moves ? link : file, &first, err) != 0)
                return -1;
        }
        if (moves ? change(sorter, file, link, NULL, err) != 0 || change(sorter, link, file, &first, err) != 0
                  : change(sorter, link, link, &first, err) != 0)
            return -1;
    }
    return rc;
}

/* ---- In order ---- */

static int hand_on(struct entry_sorter *sorter, int (*next)(struct entry *entry, void *context, struct error *err),
                   void *context, struct error *err)
{
    struct entry *entry, *changed = NULL;
    int rc;
    if (entry_runs_begin(sorter->all, err) != 0)
        return -1;
    if (sorter->changed != NULL &&
        (entry_runs_begin(sorter->changed, err) != 0 || entry_runs_next(sorter->changed, &changed, err) < 0))
        return -1;
    while ((rc = entry_runs_next(sorter->all, &entry, err)) > 0) {
        bool is_changed =
            changed != NULL && entry_path_compare(&entry->dir, &entry->name, &changed->dir, &changed->name) == 0;
        if (next(is_changed ? changed : entry, context, err) != 0 ||
            (is_changed && entry_runs_next(sorter->changed, &changed, err) < 0))
            return -1;
    }
    return rc;
}

int entry_sorter_finish(struct entry_sorter *sorter, int (*next)(struct entry *entry, void *context, struct error *err),
                        void *context, struct error *err)
{
    if (sorter->has_links) {
        CLEANUP(cleanup_entry_runs_free) struct entry_runs *resolved = NULL;
        if (entry_runs_new(sorter->folder, ENTRIES_BY_PATH, sorter->memory_limit / LINKS_SHARE, &sorter->changed,
                           err) != 0 ||
            new_links(sorter, &resolved, err) != 0 || resolve(sorter, resolved, err) != 0 ||
            order_names(sorter, resolved, err) != 0)
            return -1;
    }
    return hand_on(sorter, next, context, err);
}
