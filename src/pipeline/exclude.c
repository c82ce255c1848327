/*
 * A pattern is cut at its slashes when it is read. Matching is two nested loops of the same kind: components against
 * components with "**" as the star, and bytes against bytes with "*" as the star. Both go back to their last star
 * only (an earlier one can never help where the last one cannot), so no name can make them take exponential time.
 */
#include "pipeline/exclude.h"

#include "base/mem.h"

#include <ctype.h>

enum part_kind {
    PART_LITERAL,    /* no wildcard; text is unescaped            */
    PART_SUFFIX,     /* '*', then a literal: by far the commonest */
    PART_GLOB,       /* text as it was written                    */
    PART_DOUBLE_STAR /* any number of components                  */
};

struct part {
    enum part_kind kind;
    struct bytes text;
};

struct pattern {
    char *text; /* what the parts point into */
    struct part *parts;
    size_t part_count;
    bool negated;
    bool directories_only;
    bool anchored; /* matched against the whole path; else against the name alone */
};

struct exclude {
    struct pattern *patterns;
    size_t count;
};

/* ---- One component ---- */

static const struct {
    const char *name;
    int (*is)(int);
} classes[] = {
    {"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
    {"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
    {"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit},
};

/* At "[:name:]": its number in classes and its length in *ret_size, or -1. */
static int class_at(const uint8_t *p, const uint8_t *end, size_t *ret_size)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        size_t name_size = strlen(classes[i].name);
        if ((size_t)(end - p) < name_size + 4)
            continue;
        if (memcmp(p, "[:", 2) == 0 && memcmp(p + 2, classes[i].name, name_size) == 0 &&
            memcmp(p + 2 + name_size, ":]", 2) == 0) {
            *ret_size = name_size + 4;
            return (int)i;
        }
    }
    return -1;
}

/* Only ASCII has classes: names are bytes, whatever the locale. */
static bool in_class(int class, uint8_t byte)
{
    return byte < 0x80 && classes[class].is(byte) != 0;
}

/*
 * The bracket expression at p ('[' itself): does it hold `byte`? Returns where it ends (behind ']'), or NULL if it
 * is not closed, names an unknown class, or holds a range that is backwards.
 */
static const uint8_t *bracket(const uint8_t *p, const uint8_t *end, uint8_t byte, bool *ret_holds)
{
    bool negated = false;
    bool holds = false;
    p++;
    if (p < end && (*p == '!' || *p == '^')) {
        negated = true;
        p++;
    }
    /* A ']' in the first place is a member. */
    for (bool first = true; p < end && (first || *p != ']'); first = false) {
        if (end - p >= 2 && p[0] == '[' && p[1] == ':') {
            size_t size = 0;
            int class = class_at(p, end, &size);
            if (class < 0)
                return NULL;
            holds = holds || in_class(class, byte);
            p += size;
            continue;
        }
        if (*p == '\\' && ++p == end)
            return NULL;
        uint8_t low = *p++;
        uint8_t high = low;
        if (end - p >= 2 && p[0] == '-' && p[1] != ']') {
            p++;
            if (*p == '\\' && ++p == end)
                return NULL;
            high = *p++;
        }
        if (high < low)
            return NULL;
        holds = holds || (byte >= low && byte <= high);
    }
    if (p >= end)
        return NULL;
    *ret_holds = holds != negated;
    return p + 1;
}

/* One step of a glob: does the unit at p match `byte`? Returns what is behind the unit, or NULL for no. */
static const uint8_t *match_one(const uint8_t *p, const uint8_t *end, uint8_t byte)
{
    bool holds = false;
    switch (*p) {
    case '?':
        return p + 1;
    case '[':
        p = bracket(p, end, byte, &holds);
        return holds ? p : NULL;
    case '\\':
        return p[1] == byte ? p + 2 : NULL;
    default:
        return *p == byte ? p + 1 : NULL;
    }
}

static bool glob_matches(const struct bytes *glob, const struct bytes *name)
{
    const uint8_t *p = glob->data;
    const uint8_t *p_end = p + glob->size;
    const uint8_t *t = name->data;
    const uint8_t *t_end = t + name->size;
    const uint8_t *star = NULL;  /* behind the last '*' */
    const uint8_t *taken = NULL; /* up to here it has eaten */
    while (t < t_end) {
        if (p < p_end && *p == '*') {
            star = ++p;
            taken = t;
            continue;
        }
        const uint8_t *next = p < p_end ? match_one(p, p_end, *t) : NULL;
        if (next != NULL) {
            p = next;
            t++;
        } else if (star != NULL) {
            p = star;
            t = ++taken;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

static bool part_matches(const struct part *part, const struct bytes *name)
{
    switch (part->kind) {
    case PART_LITERAL:
        return bytes_equal(&part->text, name);
    case PART_SUFFIX:
        return name->size >= part->text.size &&
               memcmp(name->data + (name->size - part->text.size), part->text.data, part->text.size) == 0;
    case PART_GLOB:
        return glob_matches(&part->text, name);
    case PART_DOUBLE_STAR:
        return true;
    }
    return false;
}

/* ---- A path ---- */

/* The component that starts at `at`. */
static struct bytes component(const struct bytes *path, size_t at)
{
    const uint8_t *slash = memchr(path->data + at, '/', path->size - at);
    size_t size = slash != NULL ? (size_t)(slash - path->data) - at : path->size - at;
    return (struct bytes){path->data + at, size};
}

static bool path_matches(const struct pattern *pattern, const struct bytes *path)
{
    size_t part = 0;
    size_t at = 0;
    size_t star = SIZE_MAX; /* the part behind the last "**" */
    size_t taken = 0;
    while (at < path->size) {
        struct bytes name = component(path, at);
        size_t next = at + name.size + 1;
        if (part < pattern->part_count && pattern->parts[part].kind == PART_DOUBLE_STAR) {
            /* At the end it stands for everything inside: one component at least, and there is one. */
            if (part + 1 == pattern->part_count)
                return true;
            star = ++part;
            taken = at;
        } else if (part < pattern->part_count && part_matches(&pattern->parts[part], &name)) {
            part++;
            at = next;
        } else if (star != SIZE_MAX) {
            part = star;
            taken += component(path, taken).size + 1;
            at = taken;
        } else {
            return false;
        }
    }
    return part == pattern->part_count;
}

enum exclude_verdict exclude_judge(const struct exclude *exclude, const struct bytes *path, bool is_directory)
{
    if (exclude == NULL || exclude->count == 0 || path->size == 0)
        return EXCLUDE_SILENT;
    const uint8_t *slash = memrchr(path->data, '/', path->size);
    size_t name_at = slash != NULL ? (size_t)(slash - path->data) + 1 : 0;
    struct bytes name = {path->data + name_at, path->size - name_at};
    for (size_t i = exclude->count; i-- > 0;) {
        const struct pattern *pattern = &exclude->patterns[i];
        if (pattern->directories_only && !is_directory)
            continue;
        if (pattern->anchored ? path_matches(pattern, path) : part_matches(&pattern->parts[0], &name))
            return pattern->negated ? EXCLUDE_NO : EXCLUDE_YES;
    }
    return EXCLUDE_SILENT;
}

bool exclude_matches(const struct exclude *exclude, const struct bytes *path, bool is_directory)
{
    return exclude_judge(exclude, path, is_directory) == EXCLUDE_YES;
}

/* ---- Reading patterns ---- */

static int cannot_be_meant(const char *text, const char *why, struct error *err)
{
    (void)error_set(err, ERROR_CONFIG, "the pattern \"%.200s\" cannot be used: %s", text, why);
    return error_hint(err, "patterns follow gitignore(5); put '\\' in front of a character that is meant as itself");
}

/* NULL if a glob is well formed, or what is wrong with it. */
static const char *glob_fault(const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        bool ignored = false;
        if (*p == '[') {
            p = bracket(p, end, 0, &ignored);
            if (p == NULL)
                return "a '[' is not closed, or what is between the brackets is no set of characters";
            continue;
        }
        if (*p == '\\' && ++p == end)
            return "nothing follows the last '\\'";
        p++;
    }
    return NULL;
}

static bool has_wildcard(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (p[i] == '\\')
            i++;
        else if (p[i] == '*' || p[i] == '?' || p[i] == '[')
            return true;
    }
    return false;
}

/* Remove the backslashes of a well-formed literal, in place; its new size. */
static size_t unescape(uint8_t *p, size_t size)
{
    size_t out = 0;
    for (size_t i = 0; i < size; i++) {
        if (p[i] == '\\')
            i++;
        p[out++] = p[i];
    }
    return out;
}

static int part_read(struct part *part, uint8_t *p, size_t size, const char *text, struct error *err)
{
    if (size == 0)
        return cannot_be_meant(text, "there is nothing between two slashes", err);
    const char *fault = glob_fault(p, p + size);
    if (fault != NULL)
        return cannot_be_meant(text, fault, err);
    part->text = (struct bytes){p, size};
    if (size == 2 && p[0] == '*' && p[1] == '*') {
        part->kind = PART_DOUBLE_STAR;
    } else if (!has_wildcard(p, size)) {
        part->kind = PART_LITERAL;
        part->text.size = unescape(p, size);
    } else if (p[0] == '*' && !has_wildcard(p + 1, size - 1)) {
        part->kind = PART_SUFFIX;
        part->text = (struct bytes){p + 1, unescape(p + 1, size - 1)};
    } else {
        part->kind = PART_GLOB;
    }
    return 0;
}

/* Trailing spaces are not meant, unless the last of them is escaped (gitignore(5)). */
static size_t size_without_spaces(const char *text)
{
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == ' ' && !(size > 1 && text[size - 2] == '\\'))
        size--;
    return size;
}

static int parts_read(struct pattern *pattern, uint8_t *p, size_t size, const char *text, struct error *err)
{
    size_t count = 1;
    for (size_t i = 0; i < size; i++)
        count += p[i] == '/';
    pattern->parts = mem_calloc(count, sizeof(*pattern->parts));
    if (pattern->parts == NULL)
        return error_no_memory(err);
    for (size_t at = 0; at <= size;) {
        const uint8_t *slash = memchr(p + at, '/', size - at);
        size_t part_size = slash != NULL ? (size_t)(slash - p) - at : size - at;
        if (part_read(&pattern->parts[pattern->part_count], p + at, part_size, text, err) < 0)
            return -1;
        pattern->part_count++;
        at += part_size + 1;
    }
    return 0;
}

/* 1 if it is a pattern, 0 for an empty line or a comment. */
static int pattern_read(struct pattern *pattern, const char *text, struct error *err)
{
    size_t size = size_without_spaces(text);
    if (size == 0 || text[0] == '#')
        return 0;
    pattern->text = mem_strdup(text);
    if (pattern->text == NULL)
        return error_no_memory(err);
    uint8_t *p = (uint8_t *)pattern->text;
    if (*p == '!') {
        pattern->negated = true;
        p++;
        size--;
    }
    if (size > 0 && p[size - 1] == '/') {
        pattern->directories_only = true;
        size--;
    }
    if (size > 0 && *p == '/') {
        pattern->anchored = true;
        p++;
        size--;
    }
    if (size == 0)
        return cannot_be_meant(text, "it names nothing", err);
    pattern->anchored = pattern->anchored || memchr(p, '/', size) != NULL;
    if (parts_read(pattern, p, size, text, err) < 0)
        return -1;
    return 1;
}

int exclude_new(const char *const *patterns, size_t count, struct exclude **ret, struct error *err)
{
    struct exclude *exclude = mem_calloc(1, sizeof(*exclude));
    if (exclude == NULL)
        return error_no_memory(err);
    exclude->patterns = mem_calloc(count, sizeof(*exclude->patterns));
    if (exclude->patterns == NULL) {
        exclude_free(exclude);
        return error_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        /* Counted before it is read, so that a half-read one is freed. */
        struct pattern *pattern = &exclude->patterns[exclude->count++];
        int result = pattern_read(pattern, patterns[i], err);
        if (result < 0) {
            exclude_free(exclude);
            return -1;
        }
        if (result == 0)
            exclude->count--;
    }
    *ret = exclude;
    return 0;
}

void exclude_free(struct exclude *exclude)
{
    if (exclude == NULL)
        return;
    for (size_t i = 0; exclude->patterns != NULL && i < exclude->count; i++) {
        mem_free(exclude->patterns[i].text);
        mem_free(exclude->patterns[i].parts);
    }
    mem_free(exclude->patterns);
    mem_free(exclude);
}
