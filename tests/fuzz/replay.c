/*
 * A fuzzer without a fuzzer: repeats the corpus as an ordinary test. Each seed is given as it is, cut off at each
 * length (of a long one, at some), and with single bytes changed. What could go wrong ends the process; under the
 * sanitizers that is any bad access too. The corpus is tests/fuzz/corpus/NAME, NAME from the program's own name.
 */
#include "fuzz.h"

#include "base/file.h"

#include <dirent.h>
#include <stdio.h>

enum { SEED_MAX = 1 << 20, VARIANTS = 400 };

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_seed(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The input lies in memory of exactly its size, so that a sanitizer sees a read behind its end. */
static void give(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = mem_dup(bytes, size);
    fuzz_expect(copy != NULL);
    (void)LLVMFuzzerTestOneInput(copy, size);
    mem_free(copy);
}

static void give_variants(struct buf *seed)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    size_t step = seed->size / VARIANTS + 1;
    give(seed->data, seed->size);
    for (size_t size = 0; size < seed->size; size += step)
        give(seed->data, size);
    for (size_t at = 0; at < seed->size; at += step) {
        uint8_t change = changes[at % sizeof(changes)];
        seed->data[at] ^= change;
        give(seed->data, seed->size);
        seed->data[at] ^= change;
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *prefix = "replay_fuzz_";
    const char *name = strstr(argv[0], prefix);
    char folder[256];
    (void)snprintf(folder, sizeof(folder), "tests/fuzz/corpus/%s", name != NULL ? name + strlen(prefix) : "");
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_seed, compare_names);
    printf("1..%d\n", count);
    if (count <= 0) {
        printf("not ok %s holds no seed\n", folder);
        return 1;
    }
    int status = 0;
    for (int i = 0; i < count; i++) {
        char path[600];
        struct error err = {0};
        CLEANUP(buf_free) struct buf seed = {0};
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (file_read(path, SEED_MAX, &seed, &err) == 0) {
            give_variants(&seed);
            printf("ok %d - %s and its variants\n", i + 1, path);
        } else {
            printf("not ok %d - %s: %s\n", i + 1, path, err.what);
            status = 1;
        }
        (void)fflush(stdout);
        free(entries[i]);
    }
    free(entries);
    return status;
}
