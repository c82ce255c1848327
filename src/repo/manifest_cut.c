/*
 * Where leaves and nodes of the manifest end (FORMAT.md §5): at local maxima. A gap that outranks all others within
 * reach is a cut (N. Bjørner, A. Blass, Y. Gurevich, "Content-Dependent Chunking for Differential Compression, the
 * Local Maximum Approach", JCSS 76, 2010). So cuts lie reach + 1 apart or more, twice that on average and seldom much
 * more; and what is added, removed or moved changes those within reach of it and no others, which a rule that counts
 * from the last cut on cannot promise.
 *
 * Gaps between folders outrank others, the shallower the more; among equals that which leads: in front of a folder so
 * large that no other begins within reach. So a large folder begins a leaf and, level by level, nodes of its own: it
 * can be renamed, moved or deleted, and all that was beside it stays as it was.
 */
#include "base/mem.h"
#include "repo/manifest_internal.h"

int manifest_cutter_init(struct manifest_cutter *cutter, unsigned mean, struct error *err)
{
    size_t reach = mean > 3 ? (mean - 1) / 2 : 1;
    *cutter = (struct manifest_cutter){.reach = reach, .room = 3 * reach + 2};
    cutter->gaps = mem_calloc(cutter->room, sizeof(*cutter->gaps));
    return cutter->gaps != NULL ? 0 : error_no_memory(err);
}

void manifest_cutter_release(struct manifest_cutter *cutter)
{
    mem_free(cutter->gaps);
    *cutter = (struct manifest_cutter){0};
}

size_t manifest_cutter_lag(const struct manifest_cutter *cutter)
{
    return 2 * cutter->reach + 1;
}

static struct manifest_gap *gap_at(const struct manifest_cutter *cutter, uint64_t number)
{
    return &cutter->gaps[number % cutter->room];
}

void manifest_cutter_push(struct manifest_cutter *cutter, uint64_t depth, uint32_t rank)
{
    *gap_at(cutter, cutter->pushed++) = (struct manifest_gap){.depth = depth, .rank = rank};
}

/* Find out which gaps lead: all whose neighbours within reach are known. */
static void find_leading(struct manifest_cutter *cutter, bool at_end)
{
    for (; cutter->led < cutter->pushed && (at_end || cutter->led + cutter->reach < cutter->pushed); cutter->led++) {
        struct manifest_gap *gap = gap_at(cutter, cutter->led);
        gap->leads = gap->depth != MANIFEST_SAME_FOLDER;
        for (uint64_t i = cutter->led + 1; gap->leads && i <= cutter->led + cutter->reach && i < cutter->pushed; i++)
            gap->leads = gap_at(cutter, i)->depth > gap->depth;
    }
}

static bool outranks(const struct manifest_gap *a, const struct manifest_gap *b)
{
    if (a->depth != b->depth)
        return a->depth < b->depth;
    if (a->leads != b->leads)
        return a->leads;
    return a->rank > b->rank;
}

/* Of gaps that are equal, the first is a cut. The row's first part is not shorter than others. */
static bool is_cut(const struct manifest_cutter *cutter, uint64_t number)
{
    if (number <= cutter->reach)
        return false;
    const struct manifest_gap *gap = gap_at(cutter, number);
    for (uint64_t i = 1; i <= cutter->reach; i++)
        if ((i < number && !outranks(gap, gap_at(cutter, number - i))) ||
            (number + i < cutter->pushed && outranks(gap_at(cutter, number + i), gap)))
            return false;
    return true;
}

bool manifest_cutter_next(struct manifest_cutter *cutter, bool at_end, bool *ret_cut, uint64_t *ret_depth)
{
    if (cutter->next == cutter->pushed || (!at_end && cutter->next + 2 * cutter->reach >= cutter->pushed))
        return false;
    find_leading(cutter, at_end);
    *ret_depth = gap_at(cutter, cutter->next)->depth;
    *ret_cut = is_cut(cutter, cutter->next++);
    return true;
}
