/* Exclusion patterns. Input: lines; the last one is a path, those before it are patterns. */
#include "fuzz.h"

#include "pipeline/exclude.h"

enum { PATTERNS_MAX = 16, TEXT_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX + 1];
    struct bytes given = fuzz_take(&data, &size, TEXT_MAX);
    if (given.size > 0)
        memcpy(text, given.data, given.size);
    text[given.size] = '\0';
    const char *lines[PATTERNS_MAX + 1];
    size_t count = 0;
    for (char *line = text; line != NULL && count <= PATTERNS_MAX; count++) {
        lines[count] = line;
        line = strchr(line, '\n');
        if (line != NULL)
            *line++ = '\0';
    }
    struct exclude *exclude = NULL;
    struct error err;
    if (exclude_new(lines, count - 1, &exclude, &err) == 0) {
        struct bytes path = bytes_of(lines[count - 1]);
        (void)exclude_matches(exclude, &path, false);
        (void)exclude_matches(exclude, &path, true);
        exclude_free(exclude);
    }
    return 0;
}
