/* FORMAT.md says what the code does: every number that both have is held against the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audit/checkpoint.h"
#include "audit/leaf.h"
#include "audit/segment.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/container_internal.h"
#include "crypto/dsse.h"
#include "keys/keystore_internal.h"
#include "keys/kms.h"
#include "keys/sheet.h"
#include "repo/manifest_internal.h"
#include "repo/record.h"
#include "repo/segment_internal.h"

#include <ctype.h>
#include <stdio.h>

#define FORMAT_PAGE "src/repo/FORMAT.md"

/* A file with each run of white space made one blank, so that it does not matter where lines end. */
static char *read_flat(const char *path)
{
    struct buf text = {0};
    struct error err = {0};
    if (file_read(path, 1 << 20, &text, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(buf_u8(&text, 0, &err), 0);
    char *out = (char *)text.data;
    for (const char *p = out; *p != '\0'; p++)
        if (!isspace((unsigned char)*p))
            *out++ = *p;
        else if (out != (char *)text.data && out[-1] != ' ')
            *out++ = ' ';
    *out = '\0';
    return (char *)text.data;
}

static unsigned failures;

static void says(const char *page, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void says(const char *page, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (strstr(page, text) != NULL)
        return;
    print_error("not on the page: %s\n", text);
    failures++;
}

enum { KIB = 1 << 10, MIB = 1 << 20, GIB = 1 << 30 };

static void check_container(const char *page)
{
    says(page, "No object is longer than %d GiB; records and roster parts are at most %d MiB",
         CONTAINER_OBJECT_MAX / GIB, RECORD_SIZE_MAX / MIB);
    says(page, "keystore entries at most %d MiB", KEYS_OBJECT_MAX / MIB);
    says(page, "Header, %d bytes", CONTAINER_HEADER_SIZE);
    says(page, "| %d | 2 | version: %d |", HEADER_VERSION, CONTAINER_VERSION);
    says(page, "| %d | 1 | kind (§1) |", HEADER_KIND);
    says(page, "| %d | 1 | suite: %d = AES-256-GCM with HKDF-SHA256 |", HEADER_SUITE, CONTAINER_SUITE);
    says(page, "| %d | 1 | key kind: %d = tenant sealing key (kinds 1 to %d), %d = root epoch key (kinds %d, %d)",
         HEADER_KEY_KIND, CONTAINER_KEY_TENANT, CONTAINER_RECORD, CONTAINER_KEY_ROOT, CONTAINER_SLOTS, CONTAINER_KEYS);
    says(page, "| %d | 1 | KDF: %d = HKDF-SHA256 |", HEADER_KDF, CONTAINER_KDF);
    says(page, "| %d | %d | zero | | %d | %d | tid", HEADER_ZERO, HEADER_TID - HEADER_ZERO, HEADER_TID, ID_SIZE);
    says(page, "| %d | %d | key id | | %d | %d | salt", HEADER_KEY_ID, ID_SIZE, HEADER_SALT, CONTAINER_SALT_SIZE);
    says(page, "| %d | %d | commitment |", HEADER_COMMITMENT, CONTAINER_COMMITMENT_SIZE);
    says(page, "| %d | 8 | clear length, at most %d MiB; 0 in kinds %d to %d and %d | | %d | %d | zero |",
         HEADER_CLEAR_SIZE, CONTAINER_CLEAR_MAX / MIB, CONTAINER_PACK_DATA, CONTAINER_SEGMENT, CONTAINER_KEYS,
         HEADER_END_ZERO, CONTAINER_HEADER_SIZE - HEADER_END_ZERO);
    says(page, "header bytes %d…%d", HEADER_VERSION, HEADER_SALT - 1);
    says(page, "Roles: %d block (number = index), %d pad, %d directory, %d trailer", ROLE_BLOCK, ROLE_PAD,
         ROLE_DIRECTORY, ROLE_TRAILER);
    says(page, "AAD (%d bytes)", SHA256_SIZE + 1 + 8);
    says(page, "Trailer, %d bytes of plaintext, %d sealed", CONTAINER_TRAILER_SIZE, CONTAINER_TRAILER_SEALED);
    says(page, "| %d | 8 | offset of block 0 = %d + clear length |", TRAILER_FIRST, CONTAINER_HEADER_SIZE);
    says(page, "| %d | 8 | offset of the pad record |", TRAILER_PAD);
    says(page, "| %d | 8 | offset of the directory record |", TRAILER_DIRECTORY);
    says(page, "| %d | 8 | length of the directory record, tag included |", TRAILER_DIRECTORY_SIZE);
    says(page, "| %d | 8 | length of the object |", TRAILER_OBJECT_SIZE);
    says(page, "| %d | 4 | block count | | %d | 4 | blob count | | %d | %d | zero |", TRAILER_BLOCK_COUNT,
         TRAILER_BLOB_COUNT, TRAILER_ZERO, CONTAINER_TRAILER_SIZE - TRAILER_ZERO);
    says(page, "block count × %d bytes, then blob count × %d bytes", CONTAINER_BLOCK_ROW, CONTAINER_BLOB_ROW);
    says(page, "length of the record, tag included; %d or more", GCM_TAG_SIZE + 1);
    says(page, "plain length, after decompression; 1 … %d MiB", CONTAINER_BLOCK_MAX / MIB);
    says(page, "codec: %d = stored, %d = zstd", CODEC_STORED, CODEC_ZSTD);
    int most = CONTAINER_PAYLOAD_MAX;
    says(page, "The frame is at most %d,%03d,%03d bytes", most / 1000000, most / 1000 % 1000, most % 1000);
}

static void check_blobs(const char *page)
{
    static const struct {
        enum blob_type type;
        const char *says;
    } types[] = {{BLOB_CONTENT, "content"},
                 {BLOB_NAMES, "leaf of the manifest: names"},
                 {BLOB_TIMES, "leaf of the manifest: times"},
                 {BLOB_INNER, "inner node of the manifest"},
                 {BLOB_EXTENTS, "leaf of an extent list"},
                 {BLOB_EXTENT_TREE, "inner node of an extent list"},
                 {BLOB_XATTR, "value of an extended attribute"}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        says(page, "| %d | %s", types[i].type, types[i].says);
    says(page, "the first %d bytes of HMAC-SHA256(id key", BLOB_ID_SIZE);
    says(page, "A blob has at least 1 and at most %d MiB − 1 bytes", (BLOB_SIZE_MAX + 1) / MIB);
    says(page, "A blob of type %d is at most %d MiB", BLOB_XATTR, ENTRY_XATTR_MAX / MIB);
    says(page, "value of an extended attribute over %d KiB", ENTRY_XATTR_INLINE_MAX / KIB);
    assert_int_equal(BLOB_SIZE_MAX, CONTAINER_BLOB_MAX);
    says(page,
         "| P × %d | packs: SHA-256 (%d), object length (8), number of blocks (4), zero (4), the pack's header (%d)",
         SEGMENT_PACK_ROW, HASH_SIZE, CONTAINER_HEADER_SIZE);
    says(page,
         "| N × %d | entries: blob id (%d), block number over all packs of this segment (4), offset in the block "
         "(4), length (3), type (1) |",
         SEGMENT_ENTRY_ROW, BLOB_ID_SIZE);
    assert_int_equal(SEGMENT_ENTRIES_MAX, 1 << 22);
    says(page, "A segment holds at most 2^22 entries");
}

static void check_manifest(const char *page)
{
    says(page, "| mean, fan-out (2 or more) | %d | bytes of a path, or of what a link holds | %d MiB |",
         MANIFEST_MEAN_MAX, ENTRY_PATH_MAX / MIB);
    assert_int_equal(ENTRY_LINK_MAX, ENTRY_PATH_MAX);
    says(page, "| entries, and owners, of a leaf | %d | bytes of a user or group name | %d |",
         MANIFEST_LEAF_ENTRIES_MAX, ENTRY_OWNER_NAME_MAX);
    says(page, "| children of a node | %d | xattrs of an entry; bytes of a name | %d; %d |", MANIFEST_CHILDREN_MAX,
         ENTRY_XATTR_COUNT_MAX, ENTRY_XATTR_NAME_MAX);
    says(page,
         "| level of a root; depth of an extent list | %d | bytes of an xattr's value; in the leaf | %d MiB; %d |",
         MANIFEST_DEPTH_MAX, ENTRY_XATTR_MAX / MIB, ENTRY_XATTR_INLINE_MAX);
    assert_int_equal(EXTENT_DEPTH_MAX, MANIFEST_DEPTH_MAX);
    says(page, "| extents in the leaf | %d | size of a file | 2^63 − 1 |", ENTRY_EXTENTS_INLINE_MAX);
    assert_true(FILE_SIZE_MAX == (UINT64_C(1) << 63) - 1);
    says(page, "Lists of more than %d extents are trees", ENTRY_EXTENTS_INLINE_MAX);
    says(page, "not `.` or `..`, at most %d bytes", ENTRY_NAME_MAX);
    says(page, "values have more than %d KiB together", MANIFEST_XATTR_SPILL_SIZE / KIB);
    says(page, "or some %d MiB (a node only with 2 children or more)", MANIFEST_SOFT_SIZE / MIB);
    says(page,
         "%d file, %d directory, %d symbolic link, %d hard link, %d character device, %d block device, %d fifo, %d "
         "socket",
         ENTRY_FILE, ENTRY_DIRECTORY, ENTRY_SYMLINK, ENTRY_HARDLINK, ENTRY_CHARACTER_DEVICE, ENTRY_BLOCK_DEVICE,
         ENTRY_FIFO, ENTRY_SOCKET);
    says(page, "kind %d data, followed by the 20-byte id", EXTENT_DATA);
    says(page, "kind %d a hole; kind %d a run of zeros", EXTENT_HOLE, EXTENT_ZERO);
}

static void check_records(const char *page)
{
    static const struct {
        enum record_type type;
        const char *says;
    } types[] = {
        {RECORD_TENANT, "tenant |"},
        {RECORD_SNAPSHOT, "snapshot |"},
        {RECORD_RETIRE, "retire |"},
        {RECORD_CONDEMN, "condemn |"},
        {RECORD_HOLD, "hold added |"},
        {RECORD_UNHOLD, "hold removed |"},
        {RECORD_TAG, "tag |"},
        {RECORD_VERIFIED, "verified |"},
        {RECORD_CONTRACT, "contract |"},
        {RECORD_POLICY, "policy applied"},
        {RECORD_OPERATOR, "operator"},
        {RECORD_TARGET, "target"},
        {RECORD_ROSTER, "roster |"},
        {RECORD_PURGE, "purge"},
        {RECORD_INCIDENT, "incident"},
        {RECORD_KEPT_LOG, "kept log |"},
        {RECORD_DRILL, "drill |"},
        {RECORD_REVIEW, "review"},
        {RECORD_APPROVAL, "approval"},
        {RECORD_ERASURE, "erasure register"},
        {RECORD_COPY, "copy handed out |"},
        {RECORD_ATTESTATION, "attestation"},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        says(page, "| %d | %s", types[i].type, types[i].says);
    says(page, "SHA-256 of every head that the writer saw, at most %d;", RECORD_PREVIOUS_MAX);
    says(page, "object class (%d: `p`, %d: `i`, %d: `r`), 7 zeros, SHA-256, length (u64, at most %d GiB)", OBJECT_PACK,
         OBJECT_SEGMENT, OBJECT_ROSTER, CONTAINER_OBJECT_MAX / GIB);
    says(page, "if it is at most %d,%03d objects", RECORD_ROSTER_INLINE_MAX / 1000, RECORD_ROSTER_INLINE_MAX % 1000);
    says(page, "SHA-256 and length (u64, at most %d MiB) of the roster parts", RECORD_SIZE_MAX / MIB);
    assert_int_equal(RECORD_CONDEMNED_MAX, 1 << 18);
    says(page,
         "| 5 condemned | n × %d, as in a roster, at most 2^18: objects to be deleted; here the class may also be "
         "%d: `h`",
         ROSTER_ROW_SIZE, OBJECT_RECORD);
    says(page, "(all have `\"v\": 1`), at most %d MiB |", RECORD_BODY_MAX / MIB);
    says(page, "are divisible by %d, or after %d × %d rows", ROSTER_PART_MEAN, ROSTER_PART_MAX / ROSTER_PART_MEAN,
         ROSTER_PART_MEAN);
}

static void check_keys(const char *page)
{
    says(page, "The clear part is JSON of at most %d MiB", KEYS_SLOTS_MAX / MIB);
    says(page, "There are 1 to %d groups with 1 to %d members each; a name has 1 to %d of the characters",
         KEYS_GROUP_MAX, KEYS_GROUP_MAX, KEYS_NAME_MAX);
    says(page, "\"salt\":hex of %d bytes, \"root\":base64 of %d bytes", KEYS_GROUP_SALT_SIZE, KEYS_WRAPPED_SIZE);
    says(page, "(CiphertextBlob in base64, of at most %d bytes)", KMS_BLOB_MAX);
    says(page, "`key_id`: first %d bytes of SHA-256(`%s` ‖ key), hex", HOLDER_KEY_ID_SIZE, HOLDER_FILE_LABEL);
    says(page, "`key_id`: first %d bytes of SHA-256(`%s` ‖ the 32 bytes), hex", HOLDER_KEY_ID_SIZE, HOLDER_SHEET_LABEL);
    says(page, "without the LF or CRLF that ends it; 1 to %d bytes", HOLDER_PASSPHRASE_MAX);
    says(page, "at most %d KiB; other text may stand around the digits", SHEET_TEXT_MAX / KIB);
    says(page, "have exactly the %d digits", SHEET_DIGITS);
    says(page, "the body is n × %d bytes", KEYS_ROW_SIZE);
    says(page, "type: %d sealing key, %d dedup secret, %d signing key of the store, %d signing key of the audit log",
         KEY_SEALING, KEY_DEDUP, KEY_SIGN_STORE, KEY_SIGN_AUDIT);
}

static void check_audit(const char *page)
{
    says(page, "Segment (kind %d, at most %d MiB, with a body of at most %d MiB), clear part", CONTAINER_AUDIT,
         AUDIT_SEGMENT_MAX / MIB, AUDIT_SEGMENT_BODY_MAX / MIB);
    says(page, "number of leaves n, 1 … %d", AUDIT_SEGMENT_LEAVES);
    says(page, "`string` leaf, %d bytes or more", AUDIT_NONCE_SIZE + 1);
    says(page, "Entry: one JSON object, at most %d KiB", AUDIT_ENTRY_MAX / KIB);
    says(page, "(words, 1 to %d bytes;", AUDIT_WORD_MAX);
    says(page, "at most %d KiB: ", AUDIT_CHECKPOINT_MAX / KIB);
    says(page, "`signatures`: 1 to %d of", DSSE_SIGNATURES_MAX);
    says(page, "A payload has at most %d MiB, its type 1 to %d bytes", DSSE_PAYLOAD_MAX / MIB, DSSE_TYPE_MAX);
}

/* Numbers that only one file of the code knows: its words, and the page's. */
static void check_private(const char *page)
{
    static const struct {
        const char *file, *code, *page;
    } rows[] = {
        {"src/crypto/container.c", "derive_label[16] = \"hikae1 object\"", "`\"hikae1 object\\0\\0\\0\"` (16 bytes)"},
        {"src/repo/blob.c", "\"hikae1 blob id\"", "(label `hikae1 blob id`, 32)"},
        {"src/repo/manifest_build.c", "\"hikae1 manifest cut\"", "(`hikae1 manifest cut`, 32)"},
        {"src/repo/manifest_build.c", "NARROW_LEVELS = 9, WIDE_TIMES = 8",
         "from level 10 on the fan-out is 8 times that, "
         "at most 1024"},
        {"src/repo/manifest_build.c", "8 * builder->leaf_mean", "it has 8 × mean entries or 8 × fan-out children"},
        {"src/pipeline/chunk.c", "\"hikae1 chunker\"", "(`hikae1 chunker`, 2048: 256 u64)"},
        {"src/keys/keystore_wrap.c", "\"hikae1 epoch id\"", "`hikae1 epoch id`, 16)"},
        {"src/keys/keystore_wrap.c", "\"hikae1 group\"", "`hikae1 group`, 32)"},
        {"src/keys/keystore_wrap.c", "\"hikae1 share\" : \"hikae1 root\"",
         "AAD = `hikae1 share` ‖ epoch (u64) ‖ group "
         "name ‖ `00` ‖ member name"},
        {"src/keys/holder_token.c", "\"hikae1 token\"", "AAD = `hikae1 token` ‖ store ‖ epoch (u64) ‖ group"},
        {"src/keys/holder_passphrase.c", "COST_LOG_N_MAX = 20, COST_R_MAX = 16, COST_P_MAX = 4",
         "`n` (a power of two, 2 … 2^20), `r` (1 … 16), `p` (1 … 4)"},
        {"src/keys/holder_passphrase.c", "ITERATIONS_MIN = 600000, ITERATIONS_MAX = 10000000",
         "`iterations` (600,000 … 10,000,000)"},
        {"src/keys/sheet.c", "\"hikae1 sheet check\"", "SHA-256(`hikae1 sheet check` ‖ epoch (u64) ‖ the 32 bytes)"},
        {"src/keys/store.c", "STORE_OBJECT_MAX = 65536", "the store object at most 64 KiB"},
        {"src/audit/segment.c", "FIRST_DIGITS = 12, COUNT_DIGITS = 4",
         "the numbers are decimal, twelve and four digits"},
        {"src/base/names.c", "%010u-%s", "epoch in decimal, ten digits"},
        {"src/ops/audit.c", "WAITING_MAX = 256", "(or 256 wait, or one has waited for 24 hours)"},
        {"src/ops/audit.c", "WAITING_NS (24 * 3600 * NS_PER_S)", "(or 256 wait, or one has waited for 24 hours)"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *code = read_flat(rows[i].file);
        if (strstr(code, rows[i].code) == NULL) {
            print_error("no longer in %s: %s\n", rows[i].file, rows[i].code);
            failures++;
        }
        mem_free(code);
        says(page, "%s", rows[i].page);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    char *page = read_flat(FORMAT_PAGE);
    check_container(page);
    check_blobs(page);
    check_manifest(page);
    check_records(page);
    check_keys(page);
    check_audit(page);
    check_private(page);
    mem_free(page);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
