/* What all parts of a walk share, and how it says what went wrong. */
#include "pipeline/walk_internal.h"

#include "base/mem.h"

static int name_cache_init(struct name_cache *cache)
{
    (void)pthread_mutex_init(&cache->mutex, NULL);
    cache->slots = mem_calloc(WALK_NAME_SLOTS, sizeof(*cache->slots));
    return cache->slots != NULL ? 0 : -1;
}

int walk_core_new(const struct walk_options *options, struct walk_core **ret, struct error *err)
{
    struct walk_core *core = mem_calloc(1, sizeof(*core));
    if (core == NULL)
        return error_no_memory(err);
    atomic_init(&core->references, 1);
    atomic_init(&core->proc_missing, false);
    core->one_file_system = options->one_file_system;
    core->exclude_caches = options->exclude_caches;
    core->cancel = options->cancel;
    core->warn = options->warn;
    core->warn_context = options->warn_context;
    core->source_size = strlen(options->source);
    core->open_limit = WALK_FOLDER_FDS;
    (void)pthread_mutex_init(&core->warn_mutex, NULL);
    (void)pthread_mutex_init(&core->folder_mutex, NULL);
    int users = name_cache_init(&core->users);
    int groups = name_cache_init(&core->groups);
    int result = users < 0 || groups < 0 ? error_no_memory(err) : 0;
    if (result == 0 && options->exclude_count > 0)
        result = exclude_new(options->exclude, options->exclude_count, &core->exclude, err);
    if (result < 0) {
        walk_core_release(core);
        return -1;
    }
    *ret = core;
    return 0;
}

void walk_core_release(struct walk_core *core)
{
    if (core == NULL || atomic_fetch_sub_explicit(&core->references, 1, memory_order_acq_rel) != 1)
        return;
    exclude_free(core->exclude);
    mem_free(core->users.slots);
    mem_free(core->groups.slots);
    (void)pthread_mutex_destroy(&core->users.mutex);
    (void)pthread_mutex_destroy(&core->groups.mutex);
    (void)pthread_mutex_destroy(&core->warn_mutex);
    (void)pthread_mutex_destroy(&core->folder_mutex);
    mem_free(core);
}

/* The path below the source, with a NUL; NULL without memory. */
static char *path_below(const struct walk_folder *folder, const struct bytes *name, size_t *ret_size)
{
    size_t name_size = name != NULL ? name->size : 0;
    char *path = mem_alloc(folder->path_size + 1 + name_size + 1);
    if (path == NULL)
        return NULL;
    walk_folder_path(folder, (uint8_t *)path);
    size_t size = folder->path_size;
    size_t skip = folder->core->source_size;
    if (name_size > 0) {
        path[size++] = '/';
        memcpy(path + size, name->data, name_size);
        size += name_size;
    }
    if (skip < size)
        skip++; /* the '/' behind the source's name */
    size -= skip;
    memmove(path, path + skip, size);
    path[size] = '\0';
    *ret_size = size;
    return path;
}

static int fail_at(const char *path, size_t size, int errnum, const char *what, struct error *err)
{
    /* The end of a path says more than its beginning, and the message has no room for all of a long one. */
    enum { SHOWN = 300 };
    const char *dots = size > SHOWN ? "…" : "";
    const char *shown = size > SHOWN ? path + (size - SHOWN) : size == 0 ? "the source's own folder" : path;
    if (errnum == 0)
        return error_set(err, ERROR_SOURCE, "%s %s%s", what, dots, shown);
    return error_set_errno(err, ERROR_SOURCE, errnum, "%s %s%s", what, dots, shown);
}

int walk_fail(const struct walk_folder *folder, const struct bytes *name, int errnum, const char *what,
              struct error *err)
{
    size_t size = 0;
    CLEANUP_FREE char *path = path_below(folder, name, &size);
    if (path == NULL)
        return error_no_memory(err);
    return fail_at(path, size, errnum, what, err);
}

void walk_warn(const struct walk_folder *folder, const struct bytes *name, int errnum, const char *what)
{
    struct walk_core *core = folder->core;
    if (core->warn == NULL)
        return;
    size_t size = 0;
    CLEANUP_FREE char *path = path_below(folder, name, &size);
    struct error why;
    struct bytes told = {(const uint8_t *)path, size};
    if (path != NULL) {
        (void)fail_at(path, size, errnum, what, &why);
    } else {
        /* Better a warning without the whole path than none. */
        told = name != NULL ? *name : (struct bytes){(const uint8_t *)folder->name, folder->name_size};
        (void)error_set(&why, ERROR_SOURCE, "%s", what);
    }
    (void)pthread_mutex_lock(&core->warn_mutex);
    core->warn(&told, &why, core->warn_context);
    (void)pthread_mutex_unlock(&core->warn_mutex);
}
