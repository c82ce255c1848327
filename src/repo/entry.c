#include "repo/entry.h"

#include "base/mem.h"
#include "repo/manifest_internal.h"

size_t entry_common_prefix(const struct bytes *a, const struct bytes *b)
{
    size_t least = a->size < b->size ? a->size : b->size;
    size_t i = 0;
    /* Eight bytes at a time: folders of neighbouring entries share long beginnings. */
    while (least - i >= sizeof(uint64_t)) {
        uint64_t word_a, word_b;
        memcpy(&word_a, a->data + i, sizeof(word_a));
        memcpy(&word_b, b->data + i, sizeof(word_b));
        if (word_a != word_b)
            break;
        i += sizeof(uint64_t);
    }
    while (i < least && a->data[i] == b->data[i])
        i++;
    return i;
}

int entry_name_compare(const struct bytes *a, const struct bytes *b)
{
    size_t least = a->size < b->size ? a->size : b->size;
    int order = least > 0 ? memcmp(a->data, b->data, least) : 0;
    if (order != 0)
        return order;
    return (a->size > b->size) - (a->size < b->size);
}

/*
 * Component by component means that the end of a component sorts before every byte of a longer one. No component holds
 * a NUL, so it is enough to read '/' as 0 where two paths first differ.
 */
int entry_dir_compare(const struct bytes *a, const struct bytes *b)
{
    size_t i = entry_common_prefix(a, b);
    if (i == a->size || i == b->size)
        return (a->size > b->size) - (a->size < b->size);
    int byte_a = a->data[i] == '/' ? 0 : a->data[i];
    int byte_b = b->data[i] == '/' ? 0 : b->data[i];
    return byte_a - byte_b;
}

int entry_path_compare(const struct bytes *dir_a, const struct bytes *name_a, const struct bytes *dir_b,
                       const struct bytes *name_b)
{
    int order = entry_dir_compare(dir_a, dir_b);
    return order != 0 ? order : entry_name_compare(name_a, name_b);
}

bool entry_name_is_valid(const struct bytes *name)
{
    if (name->size == 0 || name->size > ENTRY_NAME_MAX)
        return false;
    if (name->data[0] == '.' && (name->size == 1 || (name->size == 2 && name->data[1] == '.')))
        return false;
    return memchr(name->data, '/', name->size) == NULL && memchr(name->data, '\0', name->size) == NULL;
}

bool entry_path_is_valid(const struct bytes *path)
{
    if (path->size == 0 || path->size > ENTRY_PATH_MAX)
        return false;
    const uint8_t *p = path->data, *end = path->data + path->size;
    for (;;) {
        const uint8_t *slash = memchr(p, '/', (size_t)(end - p));
        struct bytes name = {p, (size_t)((slash != NULL ? slash : end) - p)};
        if (!entry_name_is_valid(&name))
            return false;
        if (slash == NULL)
            return true;
        p = slash + 1;
        if (p == end)
            return false;
    }
}

/* The results may take the place of the path itself. */
void entry_path_split(const struct bytes *path, struct bytes *ret_dir, struct bytes *ret_name)
{
    struct bytes whole = *path;
    const uint8_t *slash = whole.size > 0 ? memrchr(whole.data, '/', whole.size) : NULL;
    size_t dir_size = slash != NULL ? (size_t)(slash - whole.data) : 0;
    size_t name_at = slash != NULL ? dir_size + 1 : 0;
    *ret_dir = (struct bytes){whole.data, dir_size};
    *ret_name = (struct bytes){name_at > 0 ? whole.data + name_at : whole.data, whole.size - name_at};
}

/* Sums the sizes of an entry's parts; SIZE_MAX if they are more than memory can hold. */
static void add_size(size_t *sum, size_t count, size_t size)
{
    size_t product;
    if (__builtin_mul_overflow(count, size, &product) || __builtin_add_overflow(*sum, product, sum))
        *sum = SIZE_MAX;
}

size_t entry_size(const struct entry *entry)
{
    size_t sum = sizeof(struct entry);
    add_size(&sum, entry->xattr_count, sizeof(struct xattr));
    add_size(&sum, entry->content.in_tree ? 0 : entry->content.extent_count, sizeof(struct extent));
    add_size(&sum, entry->dir.size, 1);
    add_size(&sum, entry->name.size, 1);
    add_size(&sum, entry->user.size, 1);
    add_size(&sum, entry->group.size, 1);
    add_size(&sum, entry->link.size, 1);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        add_size(&sum, entry->xattrs[i].name.size, 1);
        if (!entry->xattrs[i].in_blob)
            add_size(&sum, entry->xattrs[i].value.size, 1);
    }
    return sum;
}

/* Points at *p, where the bytes are or (with `copy`) are put, and moves *p on. */
static void place_bytes(struct bytes *bytes, bool copy, uint8_t **p)
{
    if (copy && bytes->size > 0)
        memcpy(*p, bytes->data, bytes->size);
    bytes->data = *p;
    *p += bytes->size;
}

/* One piece of memory: the entry, its arrays (which need alignment) and then all bytes. */
static void lay_out(struct entry *entry, bool copy)
{
    struct xattr *xattrs = (struct xattr *)(entry + 1);
    size_t extent_count = entry->content.in_tree ? 0 : entry->content.extent_count;
    struct extent *extents = (struct extent *)(xattrs + entry->xattr_count);
    if (copy && entry->xattr_count > 0)
        memcpy(xattrs, entry->xattrs, entry->xattr_count * sizeof(*xattrs));
    if (copy && extent_count > 0)
        memcpy(extents, entry->content.extents, extent_count * sizeof(*extents));
    entry->xattrs = entry->xattr_count > 0 ? xattrs : NULL;
    entry->content.extents = extent_count > 0 ? extents : NULL;

    uint8_t *p = (uint8_t *)(extents + extent_count);
    place_bytes(&entry->dir, copy, &p);
    place_bytes(&entry->name, copy, &p);
    place_bytes(&entry->user, copy, &p);
    place_bytes(&entry->group, copy, &p);
    place_bytes(&entry->link, copy, &p);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        place_bytes(&xattrs[i].name, copy, &p);
        if (!xattrs[i].in_blob)
            place_bytes(&xattrs[i].value, copy, &p);
    }
}

struct entry *entry_dup(const struct entry *entry)
{
    size_t size = entry_size(entry);
    struct entry *copy = size < SIZE_MAX ? mem_alloc(size) : NULL;
    if (copy == NULL)
        return NULL;
    *copy = *entry;
    lay_out(copy, true);
    return copy;
}

void entry_settle(struct entry *entry)
{
    lay_out(entry, false);
}

void entry_free(struct entry *entry)
{
    mem_free(entry);
}

_Static_assert(_Alignof(struct entry) >= _Alignof(struct xattr), "the arrays stand behind the entry in one allocation");
_Static_assert(_Alignof(struct xattr) >= _Alignof(struct extent), "the extents stand behind the xattrs");
