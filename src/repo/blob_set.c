#include "repo/blob_set.h"

#include "base/buf.h"
#include "base/mem.h"

enum { CAPACITY_MIN = 4096 };

static bool is_zero(const struct blob_id *id)
{
    static const struct blob_id zero;
    return blob_id_equal(id, &zero);
}

/* Ids are MACs: their bytes are as good as any hash of them. */
static struct blob_id *slot_of(const struct blob_set *set, const struct blob_id *id)
{
    size_t i = get_u64(id->bytes) & (set->capacity - 1);
    while (!is_zero(&set->slots[i]) && !blob_id_equal(&set->slots[i], id))
        i = (i + 1) & (set->capacity - 1);
    return &set->slots[i];
}

static bool is_full(const struct blob_set *set)
{
    return 4 * set->count >= 3 * set->capacity;
}

/* Twice as wide, if the limit allows it. */
static int grow(struct blob_set *set, struct error *err)
{
    struct blob_set grown = *set;
    grown.capacity = set->capacity == 0 ? CAPACITY_MIN : 2 * set->capacity;
    if (set->capacity > 0 && grown.capacity * sizeof(struct blob_id) > set->memory_limit)
        return 0;
    grown.slots = mem_calloc(grown.capacity, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < set->capacity; i++)
        if (!is_zero(&set->slots[i]))
            *slot_of(&grown, &set->slots[i]) = set->slots[i];
    mem_free(set->slots);
    *set = grown;
    return 0;
}

int blob_set_add(struct blob_set *set, const struct blob_id *id, struct error *err)
{
    if (is_full(set) && grow(set, err) != 0)
        return -1;
    struct blob_id *slot = slot_of(set, id);
    if (!is_zero(slot))
        return 1;
    if (is_zero(id) || is_full(set))
        return 0;
    *slot = *id;
    set->count++;
    return 0;
}

void blob_set_clear(struct blob_set *set)
{
    mem_free(set->slots);
    *set = (struct blob_set){.memory_limit = set->memory_limit};
}
