/* Blob ids: the MAC of each blob of a batch, on whichever core is free. */
#include "pipeline/batch.h"

void identify_batch(void *item, unsigned worker, void *context)
{
    struct batch *batch = item;
    struct backup *backup = context;
    struct blob_hasher *hasher = backup->hashers[worker];
    for (size_t i = 0; i < batch->blob_count && !batch->failed; i++) {
        struct batch_blob *blob = &batch->blobs[i];
        batch->failed = blob_hash(hasher, BLOB_CONTENT, batch->bytes.data + blob->offset, blob->size, &blob->id,
                                  &batch->error) != 0;
    }
}
