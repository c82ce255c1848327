/* What was perhaps meant: the nearest of several words by edit distance. */
#ifndef HIKAE_CLI_SUGGEST_H
#define HIKAE_CLI_SUGGEST_H

#include <stddef.h>

struct suggestion {
    const char *word; /* the best so far, NULL if none is near */
    size_t distance;
};

/*
 * Insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string alignment);
 * words over 63 bytes are far from everything.
 */
size_t suggest_distance(const char *a, const char *b);
/* Keep candidate if it is nearer to word than the best so far, and near enough to be a slip of the fingers. */
void suggest_offer(struct suggestion *best, const char *word, const char *candidate);

#endif
