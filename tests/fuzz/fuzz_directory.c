/*
 * Trailers and directories that are sealed properly but hold anything: a guess cannot get past the seal, so the
 * harness seals what it is given. Input: kind (1 byte), 56 bytes of the trailer, the length of the blocks' room and of
 * the padding (u16 each), then the directory.
 */
#include "fuzz.h"

#include "crypto/container_internal.h"

enum { TRAILER_GIVEN = 56 };

static void put_sealed(struct container_session *session, enum container_role role, const void *plain, size_t size,
                       struct buf *object)
{
    struct error err;
    fuzz_expect(buf_reserve(object, size + GCM_TAG_SIZE, &err) == 0);
    fuzz_expect(container_session_seal(session, role, 0, plain, size, object->data + object->size, &err) == 0);
    object->size += size + GCM_TAG_SIZE;
}

static void make_header(uint8_t kind, uint8_t header[CONTAINER_HEADER_SIZE])
{
    memset(header, 0, CONTAINER_HEADER_SIZE);
    memcpy(header, container_magic, CONTAINER_MAGIC_SIZE);
    put_u16(header + HEADER_VERSION, CONTAINER_VERSION);
    header[HEADER_KIND] = kind;
    header[HEADER_SUITE] = CONTAINER_SUITE;
    header[HEADER_KEY_KIND] = CONTAINER_KEY_TENANT;
    header[HEADER_KDF] = CONTAINER_KDF;
    memcpy(header + HEADER_TID, fuzz_tid.bytes, ID_SIZE);
    memcpy(header + HEADER_KEY_ID, fuzz_key_id.bytes, ID_SIZE);
}

/* Trailer fields of 0 are filled in as they ought to be, so that the search need not find them. */
static void fix_trailer(uint8_t trailer[CONTAINER_TRAILER_SIZE], const struct buf *object, size_t pad, size_t directory)
{
    size_t pad_at = object->size, directory_at = pad_at + pad + GCM_TAG_SIZE;
    size_t whole = directory_at + directory + GCM_TAG_SIZE + CONTAINER_TRAILER_SEALED;
    const struct {
        int at;
        uint64_t value;
    } fields[] = {{TRAILER_FIRST, CONTAINER_HEADER_SIZE},
                  {TRAILER_PAD, pad_at},
                  {TRAILER_DIRECTORY, directory_at},
                  {TRAILER_DIRECTORY_SIZE, directory},
                  {TRAILER_OBJECT_SIZE, whole}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (get_u64(trailer + fields[i].at) == 0)
            put_u64(trailer + fields[i].at, fields[i].value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes head = fuzz_take(&data, &size, 1 + TRAILER_GIVEN + 4);
    if (head.size < 1 + TRAILER_GIVEN + 4)
        return 0;
    size_t room = get_u16(head.data + 1 + TRAILER_GIVEN), pad = get_u16(head.data + 1 + TRAILER_GIVEN + 2);
    uint8_t header[CONTAINER_HEADER_SIZE], trailer[CONTAINER_TRAILER_SIZE] = {0};
    struct error err;
    CLEANUP_SECRET struct secret *key = fuzz_key();
    CLEANUP(buf_free) struct buf object = {0};
    CLEANUP(buf_free) struct buf zeros = {0};
    struct container_session session;
    make_header(head.data[0], header);
    fuzz_expect(container_session_derive(&session, header, key, header + HEADER_COMMITMENT, &err) == 0);
    fuzz_expect(container_session_bind(&session, header, NULL, 0, &err) == 0);
    fuzz_expect(buf_append(&object, header, sizeof(header), &err) == 0);
    fuzz_expect(buf_append_zeros(&object, room, &err) == 0 && buf_append_zeros(&zeros, pad, &err) == 0);
    memcpy(trailer, head.data + 1, TRAILER_GIVEN);
    fix_trailer(trailer, &object, pad, size);
    put_sealed(&session, ROLE_PAD, zeros.data, pad, &object);
    put_sealed(&session, ROLE_DIRECTORY, data, size, &object);
    put_sealed(&session, ROLE_TRAILER, trailer, sizeof(trailer), &object);
    container_session_clear(&session);

    struct container_opener *opener = NULL;
    struct container_directory directory = {0};
    if (container_opener_new(header, NULL, 0, key, &opener, &err) == 0 &&
        container_check_structure(opener, object.data, object.size, &directory, &err) == 0) {
        uint64_t at = CONTAINER_HEADER_SIZE;
        for (uint32_t i = 0; i < directory.block_count; at += directory.blocks[i++].sealed_size)
            fuzz_expect(directory.blocks[i].offset == at);
        fuzz_expect(at == directory.pad_offset && directory.object_size == object.size);
    }
    container_directory_free(&directory);
    container_opener_free(opener);
    return 0;
}
