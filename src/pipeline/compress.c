/*
 * Compression of blocks with zstd (RFC 8878), on whichever core is free, and
 * the check that what will be sealed decompresses to what was read: a
 * compressor that wrote garbage must be found before the source is gone.
 */
#include "base/mem.h"
#include "pipeline/batch.h"

#include <zstd.h>
#include <zstd_errors.h>

/*
 * For zstd's level 3: a window as long as a block, so that all of it can be referred to, and tables that suit the
 * caches. For trees, the table of long matches is the level's own, and that of short ones an eighth of the level's: on
 * programs, documentation and headers, 9 to 11 % faster than the level itself for the same number of bytes. For disk
 * images, of which there is much to read and which change little, both are smaller: 11 % faster than that, for 1 to 2 %
 * more bytes.
 */
enum { TUNED_LEVEL = 3, TUNED_WINDOW_LOG = 22 };
_Static_assert(1 << TUNED_WINDOW_LOG == BLOCK_BYTES, "the window is a block");

static const struct {
    int hash_log;
    int chain_log;
} tuned_tables[] = {[COMPRESS_TREES] = {17, 13}, [COMPRESS_IMAGES] = {16, 12}};

enum { SAMPLE_COUNT = 4, SAMPLE_SIZE = 4 << 10, SAMPLE_FROM = 128 << 10 };

struct compressor {
    ZSTD_CCtx *compress;
    ZSTD_CCtx *probe;
    ZSTD_DCtx *decompress; /* NULL: writes are not verified */
    struct buf check;
};

int compressor_new(int level, enum compress_kind kind, bool verify, struct compressor **ret, struct error *err)
{
    struct compressor *compressor = mem_calloc(1, sizeof(*compressor));
    if (compressor == NULL)
        return error_no_memory(err);
    compressor->compress = ZSTD_createCCtx();
    compressor->probe = ZSTD_createCCtx();
    compressor->decompress = verify ? ZSTD_createDCtx() : NULL;
    if (compressor->compress == NULL || compressor->probe == NULL || (verify && compressor->decompress == NULL)) {
        compressor_free(compressor);
        return error_no_memory(err);
    }
    (void)ZSTD_CCtx_setParameter(compressor->compress, ZSTD_c_compressionLevel, level);
    if (level == TUNED_LEVEL) {
        (void)ZSTD_CCtx_setParameter(compressor->compress, ZSTD_c_windowLog, TUNED_WINDOW_LOG);
        (void)ZSTD_CCtx_setParameter(compressor->compress, ZSTD_c_hashLog, tuned_tables[kind].hash_log);
        (void)ZSTD_CCtx_setParameter(compressor->compress, ZSTD_c_chainLog, tuned_tables[kind].chain_log);
    }
    (void)ZSTD_CCtx_setParameter(compressor->probe, ZSTD_c_compressionLevel, 1);
    *ret = compressor;
    return 0;
}

void compressor_free(struct compressor *compressor)
{
    if (compressor == NULL)
        return;
    (void)ZSTD_freeCCtx(compressor->compress);
    (void)ZSTD_freeCCtx(compressor->probe);
    (void)ZSTD_freeDCtx(compressor->decompress);
    buf_free(&compressor->check);
    mem_free(compressor);
}

/* A long block of which no sample shrinks by 3 % is stored as it is: encrypted, compressed and media files. */
static bool looks_incompressible(struct compressor *compressor, const struct buf *plain)
{
    if (plain->size < SAMPLE_FROM)
        return false;
    uint8_t out[SAMPLE_SIZE + 512];
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const uint8_t *sample = plain->data + (plain->size - SAMPLE_SIZE) / (SAMPLE_COUNT - 1) * i;
        size_t size = ZSTD_compress2(compressor->probe, out, sizeof(out), sample, SAMPLE_SIZE);
        if (!ZSTD_isError(size) && size < SAMPLE_SIZE - SAMPLE_SIZE * 3 / 100)
            return false;
    }
    return true;
}

static int zstd_failed(size_t code, const char *what, struct error *err)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return error_no_memory(err);
    return error_set(err, ERROR_INTERNAL, "%s: %s", what, ZSTD_getErrorName(code));
}

static int verify(struct compressor *compressor, const struct block *block, struct error *err)
{
    struct buf *check = &compressor->check;
    check->size = 0;
    if (buf_reserve(check, block->plain.size, err) != 0)
        return -1;
    size_t size = ZSTD_decompressDCtx(compressor->decompress, check->data, block->plain.size, block->payload.data,
                                      block->payload.size);
    if (ZSTD_isError(size) || size != block->plain.size || memcmp(check->data, block->plain.data, size) != 0) {
        (void)error_set(err, ERROR_DAMAGED, "a compressed block does not decompress to what was read");
        return error_hint(err, "nothing was stored of it; check this machine's memory and processor");
    }
    return 0;
}

static int compress(struct compressor *compressor, struct block *block, struct error *err)
{
    block->codec = CODEC_STORED;
    block->payload.size = 0;
    if (looks_incompressible(compressor, &block->plain))
        return 0;
    if (buf_reserve(&block->payload, ZSTD_compressBound(block->plain.size), err) != 0)
        return -1;
    size_t size = ZSTD_compress2(compressor->compress, block->payload.data, block->payload.capacity, block->plain.data,
                                 block->plain.size);
    if (ZSTD_isError(size))
        return zstd_failed(size, "compress a block", err);
    if (size >= block->plain.size)
        return 0;
    block->codec = CODEC_ZSTD;
    block->payload.size = size;
    return compressor->decompress != NULL ? verify(compressor, block, err) : 0;
}

void compress_block(void *item, unsigned worker, void *context)
{
    struct block *block = item;
    struct backup *backup = context;
    block->failed = compress(backup->compressors[worker], block, &block->error) != 0;
}
