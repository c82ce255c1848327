#include "base/extsort.h"
#include "repo/index_internal.h"

#include <string.h>

enum { CAPACITY_MIN = 1024 };

void memtable_init(struct memtable *table, size_t memory)
{
    size_t capacity = CAPACITY_MIN;
    while (capacity * 2 * sizeof(struct index_entry) <= memory)
        capacity *= 2;
    *table = (struct memtable){.capacity_max = capacity};
}

void memtable_free(struct memtable *table)
{
    mem_free(table->slots);
    *table = (struct memtable){0};
}

static inline bool is_free(const struct index_entry *entry)
{
    /* The type of a place is never 0. */
    return (entry->place[6] & 0x0e) == 0;
}

static inline size_t first_slot(const struct memtable *table, const struct blob_id *id)
{
    /* Ids are MACs: mixing is for those of tests, which are not. */
    uint64_t h = (get_u64(id->bytes) ^ get_u64(id->bytes + 8) * 31) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h >> 32 ^ h) & (table->capacity - 1);
}

static void place_entry(struct memtable *table, const struct index_entry *entry)
{
    size_t i = first_slot(table, &entry->id);
    while (!is_free(&table->slots[i]))
        i = (i + 1) & (table->capacity - 1);
    table->slots[i] = *entry;
    table->count++;
}

static inline size_t most_entries(size_t capacity)
{
    return capacity - capacity / 4;
}

static int grow(struct memtable *table, struct error *err)
{
    struct memtable wider = {.capacity_max = table->capacity_max};
    wider.capacity = table->capacity > 0 ? 2 * table->capacity : CAPACITY_MIN;
    wider.slots = mem_calloc(wider.capacity, sizeof(*wider.slots));
    if (wider.slots == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < table->capacity; i++)
        if (!is_free(&table->slots[i]))
            place_entry(&wider, &table->slots[i]);
    mem_free(table->slots);
    *table = wider;
    return 0;
}

bool memtable_full(const struct memtable *table)
{
    return table->count >= most_entries(table->capacity_max);
}

int memtable_add(struct memtable *table, const struct index_entry *entry, struct error *err)
{
    size_t cursor = 0;
    for (const struct index_entry *known; (known = memtable_next(table, &entry->id, &cursor)) != NULL;)
        if (place_pack(known->place) == place_pack(entry->place))
            return 0;
    if (table->count >= most_entries(table->capacity) && grow(table, err) != 0)
        return -1;
    place_entry(table, entry);
    return 0;
}

const struct index_entry *memtable_next(const struct memtable *table, const struct blob_id *id, size_t *cursor)
{
    if (table->count == 0)
        return NULL;
    /* The table is never full: a probe ends at a free slot. */
    for (size_t first = first_slot(table, id);;) {
        const struct index_entry *entry = &table->slots[(first + (*cursor)++) & (table->capacity - 1)];
        if (is_free(entry))
            return NULL;
        if (blob_id_equal(&entry->id, id))
            return entry;
    }
}

void memtable_sort(struct memtable *table)
{
    size_t made = 0;
    for (size_t i = 0; i < table->capacity; i++)
        if (!is_free(&table->slots[i]))
            table->slots[made++] = table->slots[i];
    extsort_array(table->slots, made, sizeof(struct index_entry), sizeof(struct index_entry));
}

void memtable_clear(struct memtable *table)
{
    if (table->capacity > 0)
        memset(table->slots, 0, table->capacity * sizeof(struct index_entry));
    table->count = 0;
}
