#include "ops/policy_files.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".yaml"

enum { FOLDERS_MAX = 5 };

/* Folders to look into, in order. */
struct folders {
    char *paths[FOLDERS_MAX];
    size_t count;
};

static void folders_clear(struct folders *folders)
{
    for (size_t i = 0; i < folders->count; i++)
        mem_free(folders->paths[i]);
}

static int add_folder(struct folders *folders, char *fresh, struct error *err)
{
    if (fresh == NULL)
        return error_no_memory(err);
    folders->paths[folders->count++] = fresh;
    return 0;
}

/* "<prefix>/share/hikae/policies" for a program that was installed as <prefix>/bin/hikae. */
static int add_installed(struct folders *folders, struct error *err)
{
    char exe[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (size > 0) {
        exe[size] = '\0';
        for (int level = 0; level < 2; level++) {
            char *slash = strrchr(exe, '/');
            if (slash != NULL)
                *slash = '\0';
        }
        if (add_folder(folders, mem_printf("%s/share/hikae/policies", exe), err) != 0)
            return -1;
    }
    if (add_folder(folders, mem_strdup("/usr/local/share/hikae/policies"), err) != 0)
        return -1;
    return add_folder(folders, mem_strdup("/usr/share/hikae/policies"), err);
}

static int find_folders(const char *config_path, struct folders *ret, struct error *err)
{
    const char *slash = strrchr(config_path, '/'), *named = getenv("HIKAE_POLICIES");
    int size = slash != NULL ? (int)(slash - config_path) : 1;
    if (add_folder(ret, mem_printf("%.*s/policies", size, slash != NULL ? config_path : "."), err) != 0)
        return -1;
    if (named != NULL && named[0] != '\0')
        return add_folder(ret, mem_strdup(named), err);
    return add_installed(ret, err);
}

bool policy_files_is_path(const char *what)
{
    size_t size = strlen(what), suffix = strlen(SUFFIX);
    return strchr(what, '/') != NULL || (size > suffix && strcmp(what + size - suffix, SUFFIX) == 0);
}

/* ---- One ---- */

/* The first folder's file of that name: *ret is its path (mem_free), or NULL. */
static int find_file(const struct folders *folders, const char *below, const char *name, char **ret, struct error *err)
{
    for (size_t i = 0; i < folders->count; i++) {
        *ret = mem_printf("%s/%s%s" SUFFIX, folders->paths[i], below, name);
        if (*ret == NULL)
            return error_no_memory(err);
        if (access(*ret, F_OK) == 0)
            return 0;
        mem_free(*ret);
    }
    *ret = NULL;
    return 0;
}

static int load_named(const char *path, const char *name, struct policy **ret, struct error *err)
{
    if (policy_load(path, ret, err) != 0)
        return -1;
    if (strcmp((*ret)->name, name) == 0)
        return 0;
    (void)error_set(err, ERROR_CONFIG, "%s holds the policy '%s', not '%s'", path, (*ret)->name, name);
    policy_free(*ret);
    *ret = NULL;
    return error_hint(err, "a policy's file has the name of the policy");
}

int policy_files_load(const char *config_path, const char *what, struct policy **ret, struct error *err)
{
    CLEANUP(folders_clear) struct folders folders = {0};
    CLEANUP_FREE char *path = NULL;
    *ret = NULL;
    if (policy_files_is_path(what)) {
        if (policy_load(what, ret, err) == 0)
            return 0;
        return err->class == ERROR_NOT_FOUND ? error_hint(err, "`hikae policy list` shows the policies that are there")
                                             : -1;
    }
    if (find_folders(config_path, &folders, err) != 0 || find_file(&folders, "", what, &path, err) != 0)
        return -1;
    if (path != NULL)
        return load_named(path, what, ret, err);
    (void)error_set(err, ERROR_NOT_FOUND, "there is no file of a policy '%.100s'", what);
    return error_hint(err, "`hikae policy list` shows the policies that are there; a path names any file");
}

/* ---- All ---- */

struct names {
    char **items;
    size_t count;
};

static void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        mem_free(names->items[i]);
    mem_free(names->items);
}

/* "x.yaml" as "x", once. */
static int note_name(struct names *names, const char *file, struct error *err)
{
    size_t size = strlen(file), suffix = strlen(SUFFIX);
    if (size <= suffix || file[0] == '.' || strcmp(file + size - suffix, SUFFIX) != 0)
        return 0;
    char *name = mem_printf("%.*s", (int)(size - suffix), file);
    char **grown = name != NULL ? mem_realloc(names->items, (names->count + 1) * sizeof(*grown)) : NULL;
    if (grown == NULL) {
        mem_free(name);
        return error_no_memory(err);
    }
    names->items = grown;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0) {
            mem_free(name);
            return 0;
        }
    names->items[names->count++] = name;
    return 0;
}

static int list_folder(const char *path, struct names *names, struct error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT || errno == ENOTDIR ? 0 : error_set_errno(err, ERROR_LOCAL, errno, "list %s", path);
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;)
        rc = note_name(names, entry->d_name, err);
    (void)closedir(dir);
    return rc;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int visit(const struct folders *folders, const char *name, policy_files_work *work, void *context,
                 struct error *err)
{
    CLEANUP_FREE char *path = NULL;
    struct policy *policy CLEANUP(cleanup_policy_free) = NULL;
    struct error why = {0};
    if (find_file(folders, "", name, &path, err) != 0)
        return -1;
    if (path == NULL)
        return 0; /* it went away meanwhile */
    if (load_named(path, name, &policy, &why) != 0 && why.class == ERROR_NO_MEMORY) {
        *err = why;
        return -1;
    }
    return work(name, path, policy, &why, context, err);
}

int policy_files_each(const char *config_path, policy_files_work *work, void *context, struct error *err)
{
    CLEANUP(folders_clear) struct folders folders = {0};
    CLEANUP(names_clear) struct names names = {0};
    if (find_folders(config_path, &folders, err) != 0)
        return -1;
    for (size_t i = 0; i < folders.count; i++)
        if (list_folder(folders.paths[i], &names, err) != 0)
            return -1;
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), compare_names);
    for (size_t i = 0; i < names.count; i++)
        if (visit(&folders, names.items[i], work, context, err) != 0)
            return -1;
    return 0;
}

/* ---- Calendars ---- */

int policy_files_calendar(const char *config_path, const char *name, struct calendar **ret, bool *ret_missing,
                          struct error *err)
{
    CLEANUP(folders_clear) struct folders folders = {0};
    CLEANUP_FREE char *path = NULL;
    *ret = NULL;
    if (find_folders(config_path, &folders, err) != 0 || find_file(&folders, "calendars/", name, &path, err) != 0)
        return -1;
    if (ret_missing != NULL)
        *ret_missing = path == NULL;
    return path != NULL ? calendar_load(path, ret, err) : calendar_by_rule(name, ret, err);
}

/* ---- Controls ---- */

int policy_files_controls(const char *config_path, struct controls *ret, struct error *err)
{
    CLEANUP(folders_clear) struct folders folders = {0};
    CLEANUP_FREE char *path = NULL;
    *ret = (struct controls){0};
    if (find_folders(config_path, &folders, err) != 0 || find_file(&folders, "controls/", "iso", &path, err) != 0)
        return -1;
    return path != NULL ? controls_load(path, ret, err) : 0;
}
