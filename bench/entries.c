/*
 * Writes an archive (ustar) of many tiny files to standard output, each with content of its own: so many blobs without
 * so many files on a disk. entries COUNT SEED: names and contents are the same for the same seed.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512, PER_FOLDER = 1000, CONTENT = 24 };

static uint64_t mix(uint64_t z)
{
    /* splitmix64 (Steele et al., 2014) */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* IEEE 1003.1, pax, "ustar Interchange Format": the checksum counts its own field as spaces. */
static void put_header(char block[BLOCK], uint64_t number)
{
    unsigned sum = 0;
    memset(block, 0, BLOCK);
    (void)snprintf(block, 100, "d%05" PRIu64 "/f%03" PRIu64, number / PER_FOLDER, number % PER_FOLDER);
    memcpy(block + 100, "0000644", 8);
    memcpy(block + 108, "0000000", 8);
    memcpy(block + 116, "0000000", 8);
    (void)snprintf(block + 124, 12, "%011o", (unsigned)CONTENT);
    memcpy(block + 136, "14000000000", 12);
    memset(block + 148, ' ', 8);
    block[156] = '0';
    memcpy(block + 257,
           "ustar\0"
           "00",
           8);
    for (int i = 0; i < BLOCK; i++)
        sum += (unsigned char)block[i];
    (void)snprintf(block + 148, 8, "%06o", sum);
    block[155] = ' ';
}

int main(int argc, char **argv)
{
    static char buffer[1 << 20];
    char pair[2 * BLOCK] = {0};
    if (argc != 3) {
        (void)fprintf(stderr, "usage: entries COUNT SEED\n");
        return 2;
    }
    uint64_t count = strtoull(argv[1], NULL, 10), seed = strtoull(argv[2], NULL, 10);
    (void)setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t content[CONTENT / 8];
        for (uint64_t k = 0; k < CONTENT / 8; k++)
            content[k] = mix(seed * UINT64_C(0x9e3779b97f4a7c15) + i * 8 + k);
        put_header(pair, i);
        memcpy(pair + BLOCK, content, CONTENT);
        if (fwrite(pair, sizeof(pair), 1, stdout) != 1)
            return 1;
    }
    memset(pair, 0, sizeof(pair));
    return fwrite(pair, sizeof(pair), 1, stdout) == 1 && fflush(stdout) == 0 ? 0 : 1;
}
