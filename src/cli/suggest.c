#include "cli/suggest.h"

#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    if (n >= WORD_MAX || m >= WORD_MAX)
        return SIZE_MAX;
    size_t d[WORD_MAX][WORD_MAX] = {{0}};
    for (size_t i = 0; i <= n; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[n][m];
}

void suggest_offer(struct suggestion *best, const char *word, const char *candidate)
{
    size_t distance = suggest_distance(word, candidate);
    size_t size = strlen(word);
    /* A start of the word is a good guess however much is missing. */
    if (size >= 3 && strncmp(word, candidate, size) == 0)
        distance = 1;
    if (distance > 1 + least(size, strlen(candidate)) / 3)
        return;
    if (best->word == NULL || distance < best->distance)
        *best = (struct suggestion){candidate, distance};
}
