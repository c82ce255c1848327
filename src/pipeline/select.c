/* Texts become exclusion patterns: a path is one that is escaped and begins with '/'. */
#include "pipeline/select.h"

#include "base/mem.h"
#include "pipeline/exclude.h"

#include <stdlib.h>

struct selection {
    struct exclude *patterns; /* NULL: paths are looked up */
    const char *const *paths;
    size_t path_count;
    bool rest; /* the first text takes something away: what none speaks of is meant */
    char *path;
    char *text;
};

static bool has_wildcard(const char *text)
{
    return strpbrk(text, "*?[\\") != NULL;
}

/* A path without what says nothing: slashes at its ends, and a second one. */
static char *clean_path(const char *text)
{
    char *path = mem_alloc(strlen(text) + 1), *to = path;
    for (; path != NULL && *text != '\0'; text++)
        if (*text != '/' || (to > path && to[-1] != '/'))
            *to++ = *text;
    if (path != NULL)
        to[to > path && to[-1] == '/' ? -1 : 0] = '\0';
    return path;
}

/* The pattern for just this path (mem_free); of "" one that matches nothing. */
static char *path_pattern(const char *text, bool negated)
{
    CLEANUP_FREE char *path = clean_path(text);
    char *pattern = path != NULL ? mem_alloc(2 * strlen(path) + 4) : NULL, *to = pattern;
    if (pattern == NULL)
        return NULL;
    if (negated)
        *to++ = '!';
    *to++ = '/';
    for (const char *from = path; *from != '\0'; from++) {
        if (strchr("*?[\\ ", *from) != NULL)
            *to++ = '\\';
        *to++ = *from;
    }
    if (path[0] == '\0')
        *to++ = '/'; /* no entry has an empty name */
    *to = '\0';
    return pattern;
}

/* The text as a pattern (mem_free): a leading '#' or '!' and blanks at the end are meant as they are. */
static char *glob_pattern(const char *text, bool negated)
{
    size_t size = strlen(text);
    bool escape_last = size > 0 && text[size - 1] == ' ' && !(size > 1 && text[size - 2] == '\\');
    return mem_printf("%s%s%.*s%s", negated ? "!" : "", text[0] == '#' || text[0] == '!' ? "\\" : "",
                      (int)(escape_last ? size - 1 : size), text, escape_last ? "\\ " : "");
}

static bool is_pattern(const char *pattern)
{
    struct exclude *tried = NULL;
    bool good = exclude_new(&pattern, 1, &tried, NULL) == 0;
    exclude_free(tried);
    return good;
}

/* Append what a text stands for: the path that it is, and what it matches as a pattern. */
static int add_text(const char *text, enum selection_kind kind, char **patterns, size_t *count, struct error *err)
{
    bool negated = kind == SELECTION_PATTERNS && *text == '!';
    text += negated;
    char *path = path_pattern(text, negated);
    if (path == NULL)
        return error_no_memory(err);
    if (is_pattern(path))
        patterns[(*count)++] = path;
    else
        mem_free(path);
    if (!has_wildcard(text))
        return 0;
    char *glob = glob_pattern(text, negated);
    if (glob == NULL)
        return error_no_memory(err);
    if (is_pattern(glob))
        patterns[(*count)++] = glob;
    else
        mem_free(glob);
    return 0;
}

static int compile(const char *const *texts, size_t count, enum selection_kind kind, struct selection *selection,
                   struct error *err)
{
    CLEANUP_FREE char **patterns = mem_calloc(2 * count, sizeof(*patterns));
    size_t made = 0;
    int rc = patterns != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_text(texts[i], kind, patterns, &made, err);
    if (rc == 0)
        rc = exclude_new((const char *const *)patterns, made, &selection->patterns, err);
    for (size_t i = 0; i < made; i++)
        mem_free(patterns[i]);
    return rc;
}

int selection_new(const char *const *texts, size_t count, enum selection_kind kind, struct selection **ret,
                  struct error *err)
{
    *ret = NULL;
    if (count == 0)
        return 0;
    struct selection *selection = mem_calloc(1, sizeof(*selection));
    if (selection == NULL)
        return error_no_memory(err);
    selection->text = mem_strdup(texts[0]);
    selection->rest = kind == SELECTION_PATTERNS && texts[0][0] == '!';
    bool one_path = count == 1 && !selection->rest && (kind == SELECTION_PATHS || !has_wildcard(texts[0]));
    if (one_path)
        selection->path = clean_path(texts[0]);
    int rc = selection->text != NULL && (!one_path || selection->path != NULL) ? 0 : error_no_memory(err);
    if (kind == SELECTION_PATHS) {
        selection->paths = texts;
        selection->path_count = count;
    } else if (rc == 0) {
        rc = compile(texts, count, kind, selection, err);
    }
    if (rc != 0)
        selection_free(selection);
    else
        *ret = selection;
    return rc;
}

void selection_free(struct selection *selection)
{
    if (selection == NULL)
        return;
    exclude_free(selection->patterns);
    mem_free(selection->path);
    mem_free(selection->text);
    mem_free(selection);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(a, *(const char *const *)b);
}

static enum exclude_verdict judge(const struct selection *selection, const char *path, size_t size, bool is_directory)
{
    struct bytes bytes = {(const uint8_t *)path, size};
    if (selection->patterns != NULL)
        return exclude_judge(selection->patterns, &bytes, is_directory);
    return bsearch(path, selection->paths, selection->path_count, sizeof(*selection->paths), compare_paths) != NULL
               ? EXCLUDE_YES
               : EXCLUDE_SILENT;
}

/* The path itself, then the folders above it: the first of which something is said decides. Cuts the path. */
static bool decide(const struct selection *selection, char *path, bool is_directory)
{
    for (size_t size = strlen(path);; is_directory = true) {
        enum exclude_verdict verdict = judge(selection, path, size, is_directory);
        if (verdict != EXCLUDE_SILENT)
            return verdict == EXCLUDE_YES;
        char *slash = strrchr(path, '/');
        if (slash == NULL)
            return selection->rest;
        *slash = '\0';
        size = (size_t)(slash - path);
    }
}

bool selection_has(const struct selection *selection, const struct bytes *dir, const struct bytes *name,
                   bool is_directory)
{
    if (selection == NULL)
        return true;
    size_t size = dir->size + (dir->size > 0) + name->size;
    CLEANUP_FREE char *path = mem_alloc(size + 1);
    if (path == NULL)
        return true; /* rather too much than silently too little */
    if (dir->size > 0)
        memcpy(path, dir->data, dir->size);
    if (dir->size > 0)
        path[dir->size] = '/';
    memcpy(path + size - name->size, name->data, name->size);
    path[size] = '\0';
    return decide(selection, path, is_directory);
}

bool selection_omits(const struct selection *selection, const struct entry *entry)
{
    const struct bytes top = {0};
    if (selection == NULL)
        return false;
    return selection_has(selection, &entry->dir, &entry->name, entry->type == ENTRY_DIRECTORY) ||
           (entry->type == ENTRY_HARDLINK && selection_has(selection, &top, &entry->link, false));
}

const char *selection_path(const struct selection *selection)
{
    return selection != NULL ? selection->path : NULL;
}

const char *selection_text(const struct selection *selection)
{
    return selection != NULL ? selection->text : "";
}
