/* What was restored against the manifest: is it all there, of its kind and size? */
#include "base/mem.h"
#include "ops/drill.h"
#include "ops/erasure.h"
#include "ops/look.h"
#include "pipeline/select.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int drill_compare_errors(const void *a, const void *b)
{
    return strcmp(((const struct hikae_entry_error *)a)->path, ((const struct hikae_entry_error *)b)->path);
}

/* An entry that is not there, or not as the manifest has it: NULL if it is. */
static const char *difference(const char *folder, const char *path, enum entry_type type, uint64_t size,
                              const struct bytes *link)
{
    struct stat st;
    CLEANUP_FREE char *full = mem_printf("%s/%s", folder, path);
    if (full == NULL || lstat(full, &st) != 0)
        return "it is not there after the restore";
    switch (type) {
    case ENTRY_FILE:
        return !S_ISREG(st.st_mode)           ? "it is no file after the restore"
               : (uint64_t)st.st_size != size ? "its size is not that of the snapshot"
                                              : NULL;
    case ENTRY_DIRECTORY:
        return S_ISDIR(st.st_mode) ? NULL : "it is no folder after the restore";
    case ENTRY_SYMLINK:
        return S_ISLNK(st.st_mode) && (uint64_t)st.st_size == link->size ? NULL
                                                                         : "it is not that link after the restore";
    default:
        return NULL;
    }
}

/* Compare one; what the restore itself has reported is counted already. */
static int compare_one(struct drill_restored *restored, const char *path, enum entry_type type, uint64_t size,
                       const struct bytes *link, struct error *err)
{
    struct drill_site *site = restored->site;
    const struct hikae_entry_error key = {.path = (char *)(uintptr_t)path};
    const struct hikae_entry_error *known =
        restored->error_count > 0
            ? bsearch(&key, restored->errors, restored->error_count, sizeof(key), drill_compare_errors)
            : NULL;
    if (known != NULL &&
        (known->status == HIKAE_DAMAGED || known->status == HIKAE_NOT_FOUND || known->status == HIKAE_UNKNOWN))
        return 0;
    const char *what = difference(restored->folder, path, type, size, link);
    if (what == NULL) {
        site->checked++;
        return 0;
    }
    site->failed++;
    drill_site_fail(site, DRILL_RESULT_FAILED, ERROR_DAMAGED, "%.300s: %s", path, what);
    return drill_site_note(site, restored->age->snapshot, path, what, err);
}

int drill_compare_sample(struct drill_restored *restored, struct error *err)
{
    const struct drill_picks *picks = &restored->age->picks;
    for (size_t i = 0; i < restored->age->sample && i < picks->count; i++)
        if (compare_one(restored, picks->items[i].path, ENTRY_FILE, picks->items[i].size, NULL, err) != 0)
            return -1;
    return 0;
}

/* Devices and sockets need rights that a drill does not have; what could not be read at the time has no content. */
static bool is_compared(const struct entry *entry)
{
    return !entry->unreadable && (entry->type == ENTRY_FILE || entry->type == ENTRY_DIRECTORY ||
                                  entry->type == ENTRY_SYMLINK || entry->type == ENTRY_HARDLINK);
}

int drill_compare_all(struct drill_restored *restored, struct error *err)
{
    struct view view;
    struct manifest_reader *reader = NULL;
    const struct entry *entry;
    const struct hikae_which which = {.snapshot = restored->age->snapshot};
    if (view_open(restored->engine, restored->drill->tenant, &which, &view, err) != 0)
        return -1;
    struct erasure_list erased = {0};
    int rc = erasure_load(&view.session, &erased, err);
    if (rc == 0)
        rc = view_manifest(&view, view.snapshot, &reader, err);
    restored->age->population = 0;
    while (rc == 0 && (rc = manifest_reader_next(reader, &entry, err)) > 0) {
        rc = view_cancelled(&view, err);
        if (rc != 0 || !is_compared(entry) || selection_omits(erased.selection, entry))
            continue;
        restored->age->population++;
        rc = view_path(entry, &view.path, err);
        if (rc == 0)
            rc = compare_one(restored, (const char *)view.path.data, entry->type, entry->size, &entry->link, err);
    }
    manifest_reader_free(reader);
    erasure_clear(&erased);
    view_close(&view);
    return rc;
}
