#include "pipeline/first_names.h"

#include "base/mem.h"

/* A uthash table that lacks memory says so instead of ending the process; FNV reads keys byte by byte. */
#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((element)->out_of_memory = true)
#define HASH_FUNCTION                HASH_FNV
#include <uthash.h>

struct first_name {
    struct file_identity file;
    bool out_of_memory;
    UT_hash_handle hh;
    size_t path_size;
    uint8_t path[];
};

static struct first_name *find(const struct first_names *names, const struct file_identity *file)
{
    struct first_name *name = NULL;
    HASH_FIND(hh, names->table, file, sizeof(*file), name);
    return name;
}

bool first_names_find(const struct first_names *names, const struct file_identity *file, struct bytes *ret_path)
{
    const struct first_name *name = find(names, file);
    if (name != NULL)
        *ret_path = (struct bytes){name->path, name->path_size};
    return name != NULL;
}

int first_names_add(struct first_names *names, const struct file_identity *file, const struct entry *entry,
                    struct error *err)
{
    size_t above = entry->dir.size > 0 ? entry->dir.size + 1 : 0;
    struct first_name *name = mem_calloc(1, sizeof(*name) + above + entry->name.size);
    if (name == NULL)
        return error_no_memory(err);
    name->file = *file;
    name->path_size = above + entry->name.size;
    if (above > 0) {
        memcpy(name->path, entry->dir.data, entry->dir.size);
        name->path[entry->dir.size] = '/';
    }
    memcpy(name->path + above, entry->name.data, entry->name.size);
    HASH_ADD(hh, names->table, file, sizeof(name->file), name);
    if (!name->out_of_memory)
        return 0;
    mem_free(name);
    return error_no_memory(err);
}

void first_names_forget(struct first_names *names, const struct file_identity *file)
{
    struct first_name *name = find(names, file);
    if (name == NULL)
        return;
    HASH_DEL(names->table, name);
    mem_free(name);
}

void first_names_free(struct first_names *names)
{
    struct first_name *name, *next;
    HASH_ITER(hh, names->table, name, next)
    {
        HASH_DEL(names->table, name);
        mem_free(name);
    }
}
