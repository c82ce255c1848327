#include "crypto/container_internal.h"

#include "base/mem.h"

const uint8_t container_magic[CONTAINER_MAGIC_SIZE] = {0x89, 'H', 'I', 'K', 'A', 'E', '\r', '\n'};

/* The label is 16 bytes with its zeros; the rest of the info is the header from version to key id. */
static const char derive_label[16] = "hikae1 object";
enum { DERIVE_HEADER_SIZE = HEADER_SALT - HEADER_VERSION, RECORD_AAD_SIZE = SHA256_SIZE + 1 + 8 };

_Static_assert(HEADER_SALT + CONTAINER_SALT_SIZE == HEADER_COMMITMENT, "salt, then commitment");
_Static_assert(HEADER_COMMITMENT + CONTAINER_COMMITMENT_SIZE == HEADER_CLEAR_SIZE, "commitment, then clear length");
_Static_assert(HEADER_END_ZERO + 8 == CONTAINER_HEADER_SIZE, "the header is 128 bytes");
_Static_assert(TRAILER_ZERO + 16 == CONTAINER_TRAILER_SIZE, "the trailer is 64 bytes");

/* ---- Session ---- */

int container_session_derive(struct container_session *ret, const uint8_t header[CONTAINER_HEADER_SIZE],
                             const struct secret *key, uint8_t out_commitment[CONTAINER_COMMITMENT_SIZE],
                             struct error *err)
{
    *ret = (struct container_session){0};
    if (key == NULL || secret_size(key) != KEY_SIZE)
        return error_set(err, ERROR_KEYS, "a container's key has %d bytes", KEY_SIZE);
    uint8_t info[sizeof(derive_label) + DERIVE_HEADER_SIZE];
    memcpy(info, derive_label, sizeof(derive_label));
    memcpy(info + sizeof(derive_label), header + HEADER_VERSION, DERIVE_HEADER_SIZE);

    uint8_t derived[KEY_SIZE + CONTAINER_COMMITMENT_SIZE];
    struct gcm *gcm = gcm_new();
    int rc = gcm != NULL ? 0 : error_no_memory(err);
    if (rc == 0)
        rc = hkdf_sha256(secret_borrow(key), KEY_SIZE, header + HEADER_SALT, CONTAINER_SALT_SIZE, info, sizeof(info),
                         derived, sizeof(derived), err);
    if (rc == 0)
        rc = gcm_set_key(gcm, derived, err);
    if (rc == 0) {
        memcpy(out_commitment, derived + KEY_SIZE, CONTAINER_COMMITMENT_SIZE);
        ret->gcm = gcm;
    } else {
        gcm_free(gcm);
    }
    mem_wipe(derived, sizeof(derived));
    return rc;
}

int container_session_bind(struct container_session *session, const uint8_t header[CONTAINER_HEADER_SIZE],
                           const void *clear, size_t clear_size, struct error *err)
{
    CLEANUP(cleanup_sha256_free) struct sha256 *hash = sha256_new();
    if (hash == NULL)
        return error_no_memory(err);
    if (sha256_start(hash, err) != 0 || sha256_update(hash, header, CONTAINER_HEADER_SIZE, err) != 0)
        return -1;
    if (clear_size > 0 && sha256_update(hash, clear, clear_size, err) != 0)
        return -1;
    return sha256_finish(hash, session->head_hash, err);
}

void container_session_clear(struct container_session *session)
{
    gcm_free(session->gcm);
    *session = (struct container_session){0};
}

/* Nonce = role ‖ 000000 ‖ number, AAD = head hash ‖ role ‖ number, the number big-endian in both. */
static void address(const struct container_session *session, enum container_role role, uint32_t number,
                    uint8_t nonce[GCM_NONCE_SIZE], uint8_t aad[RECORD_AAD_SIZE])
{
    memset(nonce, 0, GCM_NONCE_SIZE);
    nonce[0] = (uint8_t)role;
    for (unsigned i = 0; i < 4; i++)
        nonce[GCM_NONCE_SIZE - 1 - i] = (uint8_t)(number >> (8 * i));
    memcpy(aad, session->head_hash, SHA256_SIZE);
    aad[SHA256_SIZE] = (uint8_t)role;
    memcpy(aad + SHA256_SIZE + 1, nonce + 4, 8);
}

int container_session_seal(struct container_session *session, enum container_role role, uint32_t number,
                           const void *plain, size_t size, uint8_t *out, struct error *err)
{
    uint8_t nonce[GCM_NONCE_SIZE], aad[RECORD_AAD_SIZE];
    address(session, role, number, nonce, aad);
    return gcm_seal(session->gcm, nonce, aad, sizeof(aad), plain, size, out, err);
}

static const char *role_name(enum container_role role)
{
    static const char *const names[] = {"block", "padding", "directory", "trailer"};
    return names[role];
}

int container_session_open(struct container_session *session, enum container_role role, uint32_t number,
                           const void *sealed, size_t size, uint8_t *out, struct error *err)
{
    uint8_t nonce[GCM_NONCE_SIZE], aad[RECORD_AAD_SIZE];
    address(session, role, number, nonce, aad);
    if (gcm_open(session->gcm, nonce, aad, sizeof(aad), sealed, size, out, err) == 0)
        return 0;
    if (role == ROLE_BLOCK)
        return error_wrap(err, "open block %u", number);
    return error_wrap(err, "open the %s", role_name(role));
}

int container_session_verify(struct container_session *session, enum container_role role, uint32_t number,
                             const void *sealed, const void *plain, size_t size, struct buf *scratch, struct error *err)
{
    if (container_scratch(scratch, size, err) != 0)
        return -1;
    struct error why = {0};
    bool same = container_session_open(session, role, number, sealed, size + GCM_TAG_SIZE, scratch->data, &why) == 0 &&
                (size == 0 || memcmp(scratch->data, plain, size) == 0);
    if (same)
        return 0;
    if (why.class != ERROR_NONE && why.class != ERROR_DAMAGED) {
        if (err != NULL)
            *err = why;
        return -1;
    }
    (void)error_set(err, ERROR_DAMAGED, "a %s did not open to what was just sealed in it", role_name(role));
    return error_hint(err,
                      "Nothing of it was stored. Test this machine's memory and processor before backing up again.");
}

int container_scratch(struct buf *scratch, size_t size, struct error *err)
{
    if (size > scratch->capacity || scratch->data == NULL) {
        buf_wipe_free(scratch);
        if (buf_reserve(scratch, size > 0 ? size : 1, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- Rules that writer and reader share ---- */

bool container_is_pack(enum container_kind kind)
{
    return kind >= CONTAINER_PACK_DATA && kind <= CONTAINER_PACK_MIXED;
}

const char *container_block_fault(enum container_kind kind, const struct container_block *block)
{
    if (block->plain_size == 0)
        return "is empty";
    if (block->plain_size > CONTAINER_BLOCK_MAX)
        return "expands to more than 4 MiB";
    if (block->sealed_size <= GCM_TAG_SIZE)
        return "is too short for a sealed record";
    if (block->codec != CODEC_STORED && block->codec != CODEC_ZSTD)
        return "has an unknown codec";
    if (block->codec == CODEC_STORED && block->sealed_size - GCM_TAG_SIZE != block->plain_size)
        return "is stored, but has two different lengths";
    if (block->sealed_size - GCM_TAG_SIZE > CONTAINER_PAYLOAD_MAX)
        return "is longer than any block";
    if (container_is_pack(kind) != (block->blob_count > 0))
        return container_is_pack(kind) ? "of a pack holds no blob" : "of a body holds blobs";
    return NULL;
}

const char *container_blob_fault(enum container_kind kind, const struct container_blob *blob)
{
    if (blob->size == 0 || blob->size > CONTAINER_BLOB_MAX)
        return "has an impossible length";
    if (blob->type < CONTAINER_BLOB_TYPE_CONTENT || blob->type > CONTAINER_BLOB_TYPE_LAST)
        return "has an unknown type";
    bool content = blob->type == CONTAINER_BLOB_TYPE_CONTENT;
    if ((kind == CONTAINER_PACK_DATA && !content) || (kind == CONTAINER_PACK_META && content))
        return "has a type that this kind of pack does not hold";
    return NULL;
}

/* ---- Rows ---- */

enum { ROW_PLAIN_SIZE = 4, ROW_BLOB_COUNT = 8, ROW_CODEC = 12, ROW_DICTIONARY = 13, ROW_ZERO = 14 };

void container_block_row_put(uint8_t row[CONTAINER_BLOCK_ROW], const struct container_block *block)
{
    put_u32(row, block->sealed_size);
    put_u32(row + ROW_PLAIN_SIZE, block->plain_size);
    put_u32(row + ROW_BLOB_COUNT, block->blob_count);
    row[ROW_CODEC] = block->codec;
    row[ROW_DICTIONARY] = 0;
    put_u16(row + ROW_ZERO, 0);
}

const char *container_block_row_get(enum container_kind kind, const uint8_t row[CONTAINER_BLOCK_ROW], uint64_t offset,
                                    struct container_block *ret)
{
    *ret = (struct container_block){.offset = offset,
                                    .sealed_size = get_u32(row),
                                    .plain_size = get_u32(row + ROW_PLAIN_SIZE),
                                    .blob_count = get_u32(row + ROW_BLOB_COUNT),
                                    .codec = row[ROW_CODEC]};
    if (row[ROW_DICTIONARY] != 0)
        return "needs an unknown dictionary";
    if (get_u16(row + ROW_ZERO) != 0)
        return "has reserved bytes that are not zero";
    return container_block_fault(kind, ret);
}

/* ---- Header ---- */

const char *container_header_fault(const struct container_header *header)
{
    static const struct id zero;
    if (header->kind < CONTAINER_PACK_DATA || header->kind > CONTAINER_AUDIT)
        return "unknown kind of object";
    if (header->key_kind != CONTAINER_KEY_TENANT && header->key_kind != CONTAINER_KEY_ROOT)
        return "unknown kind of key";
    bool keystore = header->kind == CONTAINER_SLOTS || header->kind == CONTAINER_KEYS;
    if (keystore && header->key_kind != CONTAINER_KEY_ROOT)
        return "a keystore entry is sealed under a root epoch's key only";
    if (keystore && !id_equal(&header->tid, &zero))
        return "a keystore entry belongs to no tenant";
    if (header->kind <= CONTAINER_RECORD && header->key_kind != CONTAINER_KEY_TENANT)
        return "a tenant's object is sealed under a tenant's key only";
    if (header->clear_size > CONTAINER_CLEAR_MAX)
        return "the clear part is longer than 16 MiB";
    if (container_is_pack(header->kind) && header->clear_size != 0)
        return "a pack has no clear part";
    if ((header->kind == CONTAINER_SEGMENT || header->kind == CONTAINER_KEYS) && header->clear_size != 0)
        return "a segment or a keys object has no clear part";
    return NULL;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++)
        any |= bytes[i];
    return any == 0;
}

/* What is wrong with the fixed fields, or NULL. */
static const char *fixed_fault(const uint8_t header[CONTAINER_HEADER_SIZE])
{
    if (memcmp(header, container_magic, CONTAINER_MAGIC_SIZE) != 0)
        return "this is no object of hikae (wrong magic)";
    if (get_u16(header + HEADER_VERSION) != CONTAINER_VERSION)
        return "unknown version of the format";
    if (header[HEADER_SUITE] != CONTAINER_SUITE)
        return "unknown suite of algorithms";
    if (header[HEADER_KDF] != CONTAINER_KDF)
        return "unknown key derivation";
    if (!all_zero(header + HEADER_ZERO, HEADER_TID - HEADER_ZERO) ||
        !all_zero(header + HEADER_END_ZERO, CONTAINER_HEADER_SIZE - HEADER_END_ZERO))
        return "reserved bytes are not zero";
    return NULL;
}

/* Read the fields of a header and refuse what this version does not allow. */
int container_header_parse(const uint8_t header[CONTAINER_HEADER_SIZE], struct container_header *ret, struct error *err)
{
    const char *fault = fixed_fault(header);
    struct container_header fields = {.kind = header[HEADER_KIND],
                                      .key_kind = header[HEADER_KEY_KIND],
                                      .clear_size = get_u64(header + HEADER_CLEAR_SIZE)};
    memcpy(fields.tid.bytes, header + HEADER_TID, ID_SIZE);
    memcpy(fields.key_id.bytes, header + HEADER_KEY_ID, ID_SIZE);
    if (fault == NULL)
        fault = container_header_fault(&fields);
    if (fault != NULL)
        return error_set(err, ERROR_DAMAGED, "the object's header cannot be used: %s", fault);
    *ret = fields;
    return 0;
}

/* The clear part is where the header says; nothing is authenticated. */
int container_clear(const void *object, size_t size, struct container_header *ret_header, struct bytes *ret_clear,
                    struct error *err)
{
    if (size < CONTAINER_OBJECT_MIN || size > CONTAINER_OBJECT_MAX)
        return error_set(err, ERROR_DAMAGED, "no object can have %zu bytes", size);
    struct container_header header = {0};
    if (container_header_parse(object, &header, err) != 0)
        return -1;
    if (header.clear_size > size - CONTAINER_OBJECT_MIN)
        return error_set(err, ERROR_DAMAGED, "the object is cut short: its clear part does not fit in %zu bytes", size);
    *ret_header = header;
    *ret_clear = (struct bytes){(const uint8_t *)object + CONTAINER_HEADER_SIZE, (size_t)header.clear_size};
    return 0;
}

/* ---- Padmé ---- */

static unsigned log2_floor(uint64_t value)
{
    return 63U - (unsigned)__builtin_clzll(value);
}

/* Nikitin et al., PETS 2019, §4: round up so that the low e − s bits are zero; at most 12 % more. */
uint64_t container_padme(uint64_t size)
{
    if (size < 2)
        return size;
    unsigned e = log2_floor(size);
    unsigned s = log2_floor(e) + 1;
    uint64_t mask = (UINT64_C(1) << (e - s)) - 1;
    return size > UINT64_MAX - mask ? UINT64_MAX : (size + mask) & ~mask;
}
