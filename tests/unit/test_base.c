/* The foundation: buffers and cursors, hex, the clock, errors, files, queues, the ordered map, secrets, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/ordered.h"
#include "base/queue.h"
#include "base/secret.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Buffers and cursors ---- */

static void test_integers_round_trip(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf buf = {0};
    struct error err;
    assert_int_equal(buf_u8(&buf, 0xab, &err), 0);
    assert_int_equal(buf_u16(&buf, 0x1234, &err), 0);
    assert_int_equal(buf_u32(&buf, 0xdeadbeef, &err), 0);
    assert_int_equal(buf_u64(&buf, UINT64_C(0x0123456789abcdef), &err), 0);
    assert_int_equal(buf_string(&buf, "name", 4, &err), 0);
    static const uint8_t head[] = {0xab, 0x34, 0x12, 0xef, 0xbe, 0xad, 0xde, 0xef, 0xcd, 0xab, 0x89};
    assert_memory_equal(buf.data, head, sizeof(head));

    struct cursor c = cursor_of(buf.data, buf.size);
    assert_int_equal(cursor_u8(&c), 0xab);
    assert_int_equal(cursor_u16(&c), 0x1234);
    assert_int_equal(cursor_u32(&c), 0xdeadbeef);
    assert_true(cursor_u64(&c) == UINT64_C(0x0123456789abcdef));
    size_t size = 0;
    const uint8_t *name = cursor_string(&c, 4, &size);
    assert_int_equal(size, 4);
    assert_memory_equal(name, "name", 4);
    assert_true(cursor_done(&c));
}

static void test_varints(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 300, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
    static const size_t sizes[] = {1, 1, 1, 2, 2, 2, 3, 5, 9, 10};
    for (size_t i = 0; i < COUNT(values); i++) {
        CLEANUP(buf_free) struct buf buf = {0};
        assert_int_equal(buf_varint(&buf, values[i], NULL), 0);
        assert_int_equal(buf.size, sizes[i]);
        struct cursor c = cursor_of(buf.data, buf.size);
        assert_true(cursor_varint(&c) == values[i] && cursor_done(&c));
        struct cursor cut = cursor_of(buf.data, buf.size - 1);
        assert_true(cursor_varint(&cut) == 0 && cut.failed);
    }
    static const int64_t signed_values[] = {0, -1, 1, -64, 63, 64, INT64_MIN, INT64_MAX};
    static const size_t signed_sizes[] = {1, 1, 1, 1, 1, 2, 10, 10};
    for (size_t i = 0; i < COUNT(signed_values); i++) {
        CLEANUP(buf_free) struct buf buf = {0};
        assert_int_equal(buf_svarint(&buf, signed_values[i], NULL), 0);
        assert_int_equal(buf.size, signed_sizes[i]);
        struct cursor c = cursor_of(buf.data, buf.size);
        assert_true(cursor_svarint(&c) == signed_values[i] && cursor_done(&c));
    }
}

static void test_varints_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        size_t size;
        uint8_t bytes[12];
    } cases[] = {
        {"longer than needed", 2, {0x80, 0x00}},
        {"longer than needed", 3, {0xff, 0x80, 0x00}},
        {"without an end", 1, {0x80}},
        {"over 64 bits", 10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}},
        {"over ten bytes", 11, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x01}},
        {"nothing", 0, {0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cursor c = cursor_of(cases[i].bytes, cases[i].size);
        if (cursor_varint(&c) != 0 || !c.failed)
            fail_msg("accepted: %s", cases[i].why);
    }
}

static void test_cursor_stays_failed(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7};
    struct cursor c = cursor_of(bytes, sizeof(bytes));
    assert_true(cursor_u64(&c) == 0);
    assert_true(c.failed);
    assert_int_equal(cursor_u8(&c), 0);
    assert_null(cursor_bytes(&c, 1));
    uint8_t out[2] = {9, 9};
    cursor_copy(&c, out, 2);
    assert_int_equal(out[0] | out[1], 0);
    assert_false(cursor_done(&c));

    /* A string longer than the caller allows, and one longer than what is there. */
    static const uint8_t text[] = {5, 'a', 'b', 'c', 'd', 'e', 9, 'x'};
    size_t size = 0;
    struct cursor limited = cursor_of(text, sizeof(text));
    (void)cursor_string(&limited, 4, &size);
    assert_true(limited.failed);
    struct cursor whole = cursor_of(text, sizeof(text));
    assert_non_null(cursor_string(&whole, 5, &size));
    (void)cursor_string(&whole, SIZE_MAX, &size);
    assert_true(whole.failed);
}

static void test_buf_grows(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf buf = {0};
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(buf_u32(&buf, i, NULL), 0);
    assert_int_equal(buf.size, 400000);
    assert_int_equal(get_u32(buf.data + 4 * 77777), 77777);
    assert_int_equal(buf_append_zeros(&buf, 3, NULL), 0);
    assert_int_equal(buf.data[400002], 0);
    struct error err;
    assert_int_equal(buf_reserve(&buf, SIZE_MAX - 8, &err), -1);
    assert_int_equal(err.class, ERROR_NO_MEMORY);
    assert_int_equal(buf.size, 400003);
}

static void test_wiped_buf_is_empty(void **state)
{
    (void)state;
    struct buf buf = {0};
    assert_int_equal(buf_append(&buf, "secret", 6, NULL), 0);
    buf_wipe_free(&buf);
    assert_true(buf.data == NULL && buf.size == 0 && buf.capacity == 0);
    buf_wipe_free(&buf);
}

/* ---- Hex and names ---- */

static void test_hex(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x0f, 0xf0, 0xff, 0x5a};
    char text[11];
    uint8_t back[5];
    assert_string_equal(hex_encode(bytes, 5, text), "000ff0ff5a");
    assert_true(hex_decode(text, 5, back));
    assert_memory_equal(bytes, back, 5);
    static const char *refused[] = {"0A", "g0", "0g", " 0", "0 ", "0", "", "-1", "0x"};
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_false(hex_decode(refused[i], 1, back));
}

static void test_names(void **state)
{
    (void)state;
    struct id tid;
    struct hash hash;
    memset(tid.bytes, 0xab, sizeof(tid.bytes));
    memset(hash.bytes, 0x12, sizeof(hash.bytes));
    char name[OBJECT_NAME_SIZE], expected[OBJECT_NAME_SIZE], digits[2 * HASH_SIZE + 1];
    (void)hex_encode(hash.bytes, HASH_SIZE, digits);
    assert_string_equal(name_folder(&tid, 'p', name), "hikae1/t/abababababababababababababababab/p/");
    (void)snprintf(expected, sizeof(expected), "hikae1/t/abababababababababababababababab/i/%s", digits);
    assert_string_equal(name_object(&tid, 'i', &hash, name), expected);
    assert_string_equal(name_record(&tid, "2026", name), "hikae1/t/abababababababababababababababab/h/2026");
    (void)snprintf(expected, sizeof(expected), "hikae1/k/0000000042-%s", digits);
    assert_string_equal(name_key(42, &hash, name), expected);

    uint32_t epoch;
    struct hash back;
    const char *last = name + strlen(NAME_KEYS);
    assert_true(name_key_parse(last, &epoch, &back));
    assert_int_equal(epoch, 42);
    assert_true(hash_equal(&back, &hash));
    assert_true(name_key_parse(name_key(UINT32_MAX, &hash, name) + strlen(NAME_KEYS), &epoch, &back));
    assert_true(epoch == UINT32_MAX);
}

static void test_names_that_are_refused(void **state)
{
    (void)state;
    char good[OBJECT_NAME_SIZE], bad[OBJECT_NAME_SIZE];
    const struct hash hash = {{1}};
    uint32_t epoch;
    struct hash back;
    const char *last = name_key(7, &hash, good) + strlen(NAME_KEYS);
    for (size_t size = 0; size < strlen(last); size++) {
        memcpy(bad, last, size);
        bad[size] = '\0';
        assert_false(name_key_parse(bad, &epoch, &back));
    }
    static const struct {
        size_t at;
        char put;
    } changes[] = {{0, '-'}, {0, '9'}, {3, 'x'}, {10, '_'}, {11, 'A'}, {74, 'g'}};
    for (size_t i = 0; i < COUNT(changes); i++) {
        (void)snprintf(bad, sizeof(bad), "%s", last);
        bad[changes[i].at] = changes[i].put;
        assert_false(name_key_parse(bad, &epoch, &back));
    }
    (void)snprintf(bad, sizeof(bad), "%s0", last);
    assert_false(name_key_parse(bad, &epoch, &back));
}

/* ---- The clock ---- */

static void test_clock_parses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        int64_t ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1970-01-01", 0, 0},
        {"1969-12-31T23:59:59Z", -1, 0},
        {"1969-12-31T23:59:59.25Z", -1, 250000000},
        {"2026-11-21T09:12:46Z", 1795252366, 0},
        {"2026-11-21t09:12:46z", 1795252366, 0},
        {"2026-11-21T18:12:46+09:00", 1795252366, 0},
        {"2026-11-21T03:42:46-05:30", 1795252366, 0},
        {"2026-11-21T09:12:46.5+00:00", 1795252366, 500000000},
        {"2026-11-21T09:12:46.123456789Z", 1795252366, 123456789},
        {"2026-11-21T09:12:46.1234567899Z", 1795252366, 123456789},
        {"2000-02-29T00:00:00Z", 951782400, 0},
        {"2000-03-01T00:00:00Z", 951868800, 0},
        {"2024-02-29", 1709164800, 0},
        {"1900-03-01", -2203891200, 0},
        {"2016-12-31T23:59:60Z", 1483228800, 0},
        {"2262-01-01", 9214646400, 0},
        {"1678-01-01", -9214560000, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ns;
        struct error err = {0};
        if (clock_parse(cases[i].text, &ns, &err) != 0)
            fail_msg("%s: %s", cases[i].text, err.what);
        if (ns != cases[i].seconds * NS_PER_S + cases[i].ns)
            fail_msg("%s is %lld", cases[i].text, (long long)ns);
    }
}

static void test_clock_refuses(void **state)
{
    (void)state;
    static const char *texts[] = {
        "",
        "now",
        "2026",
        "2026-11",
        "2026-1-21",
        "2026-00-01",
        "2026-13-01",
        "2026-11-00",
        "2026-11-31",
        "2026-02-29",
        "2100-02-29",
        "1900-02-29",
        "2026-11-21T",
        "2026-11-21T09:12Z",
        "2026-11-21T09:12:46",
        "2026-11-21T24:00:00Z",
        "2026-11-21T09:60:00Z",
        "2026-11-21T09:12:61Z",
        "2026-11-21T09:12:46.Z",
        "2026-11-21T09:12:46ZZ",
        "2026-11-21T09:12:46 Z",
        "2026-11-21 09:12:46Z",
        "2026-11-21T09:12:46+0900",
        "2026-11-21T09:12:46+24:00",
        "2026-11-21T09:12:46+09:60",
        " 2026-11-21",
        "2026-11-21 ",
        "+026-11-21",
        "9999-12-31",
        "0001-01-01",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        int64_t ns;
        struct error err = {0};
        if (clock_parse(texts[i], &ns, &err) == 0)
            fail_msg("accepted: '%s'", texts[i]);
        assert_int_equal(err.class, ERROR_USAGE);
        assert_true(err.hint[0] != '\0');
    }
}

static void test_clock_formats(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    int64_t ns = INT64_C(1795252366) * NS_PER_S + 123456789;
    assert_string_equal(clock_format(ns, text), "2026-11-21T09:12:46Z");
    assert_string_equal(clock_format_sortable(ns, text), "20261121T091246.123456789Z");
    assert_string_equal(clock_format(-1, text), "1969-12-31T23:59:59Z");
    assert_string_equal(clock_format_sortable(-1, text), "19691231T235959.999999999Z");

    /* Every day of a leap cycle there and back. */
    for (int64_t day = -146097 / 2; day < 146097 / 2; day += 1) {
        int64_t back;
        (void)clock_format(day * 86400 * NS_PER_S, text);
        assert_int_equal(clock_parse(text, &back, NULL), 0);
        assert_true(back == day * 86400 * NS_PER_S);
    }
}

/* Last of the clock's tests: it cannot be set back to the machine's. */
static void test_clock_for_tests_goes_on(void **state)
{
    (void)state;
    int64_t before = clock_now_ns(), machine = clock_machine_ns();
    assert_true(machine - before < 60 * NS_PER_S && machine >= before);
    clock_set_test(1000 * NS_PER_S);
    int64_t first = clock_now_ns(), second = clock_now_ns();
    assert_true(first >= 1000 * NS_PER_S && first < 1060 * NS_PER_S && second >= first);
    assert_true(clock_machine_ns() >= machine);
}

/* ---- Errors ---- */

static void test_error_carries_its_context(void **state)
{
    (void)state;
    struct error err = {0};
    char text[2048];
    assert_int_equal(error_set_errno(&err, ERROR_LOCAL, ENOSPC, "write %s", "pack"), -1);
    assert_int_equal(error_wrap(&err, "seal block %d", 812), -1);
    assert_int_equal(error_wrap(&err, "back up acme"), -1);
    assert_int_equal(err.errnum, ENOSPC);
    (void)error_format(&err, text, sizeof(text));
    assert_string_equal(err.chain, "back up acme → seal block 812");
    assert_non_null(
        strstr(text, "back up acme → seal block 812: write pack: No space left on device; free some space"));
    error_clear(&err);
    assert_int_equal(err.class, ERROR_NONE);
    assert_string_equal(error_format(&err, text, sizeof(text)), "");
}

static void test_error_without_a_struct(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERROR_USAGE, "x"), -1);
    assert_int_equal(error_set_errno(NULL, ERROR_USAGE, EIO, "x"), -1);
    assert_int_equal(error_wrap(NULL, "x"), -1);
    assert_int_equal(error_hint(NULL, "x"), -1);
    assert_int_equal(error_no_memory(NULL), -1);
    error_clear(NULL);
}

static void test_error_is_bounded(void **state)
{
    (void)state;
    struct error err = {0};
    static char word[2000];
    char small[16];
    memset(word, 'x', sizeof(word) - 1);
    (void)error_set_errno(&err, ERROR_LOCAL, EIO, "%s", word);
    for (int i = 0; i < 100; i++)
        (void)error_wrap(&err, "step %d of a long chain", i);
    (void)error_hint(&err, "%s", word);
    assert_int_equal(strlen(err.what), ERROR_WHAT_SIZE - 1);
    assert_int_equal(strlen(err.chain), ERROR_CHAIN_SIZE - 1);
    assert_int_equal(strlen(err.hint), ERROR_HINT_SIZE - 1);
    /* What is outermost is kept. */
    assert_true(strncmp(err.chain, "step 99 of", 10) == 0);
    assert_int_equal(strlen(error_format(&err, small, sizeof(small))), sizeof(small) - 1);
}

static void test_exit_codes(void **state)
{
    (void)state;
    static const struct {
        enum error_class class;
        int code;
    } cases[] = {
        {ERROR_NONE, 0},        {ERROR_SOURCE, 1},     {ERROR_USAGE, 2},     {ERROR_CONFIG, 2},
        {ERROR_BUSY, 3},        {ERROR_NOT_FOUND, 4},  {ERROR_DAMAGED, 5},   {ERROR_UNREACHABLE, 6},
        {ERROR_LOCAL, 6},       {ERROR_KEYS, 7},       {ERROR_DENIED, 7},    {ERROR_REFUSED, 8},
        {ERROR_INTERRUPTED, 9}, {ERROR_NO_MEMORY, 10}, {ERROR_INTERNAL, 10}, {ERROR_CLASS_COUNT, 10},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(error_exit_code(cases[i].class), cases[i].code);
    for (int class = 0; class < ERROR_CLASS_COUNT; class ++)
        assert_true(strlen(error_class_name((enum error_class) class)) > 0);
}

static void test_errno_refines(void **state)
{
    (void)state;
    struct error err = {0};
    (void)error_set_errno(&err, ERROR_LOCAL, ENOMEM, "x");
    assert_int_equal(err.class, ERROR_NO_MEMORY);
    static const int again[] = {EAGAIN, EINTR, EBUSY, ETIMEDOUT};
    for (size_t i = 0; i < COUNT(again); i++) {
        (void)error_set_errno(&err, ERROR_LOCAL, again[i], "x");
        assert_true(err.retryable);
    }
    (void)error_set_errno(&err, ERROR_LOCAL, EACCES, "x");
    assert_true(!err.retryable && err.hint[0] != '\0');
}

static void test_cancel(void **state)
{
    (void)state;
    struct cancel cancel = {0};
    struct error err = {0};
    assert_int_equal(cancel_check(NULL, &err), 0);
    assert_int_equal(cancel_check(&cancel, &err), 0);
    cancel_request(&cancel);
    assert_int_equal(cancel_check(&cancel, &err), -1);
    assert_int_equal(err.class, ERROR_INTERRUPTED);
}

/* ---- Files ---- */

struct folder {
    char path[200];
    char file[256];
};

static int make_folder(void **state)
{
    struct folder *folder = mem_calloc(1, sizeof(*folder));
    if (folder == NULL)
        return -1;
    if (scratch_make(folder->path, sizeof(folder->path), "base") != 0)
        return -1;
    (void)snprintf(folder->file, sizeof(folder->file), "%s/file", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    int rc = file_remove_tree(folder->path, NULL);
    mem_free(folder);
    return rc;
}

static void assert_holds(const char *path, const char *text)
{
    CLEANUP(buf_free) struct buf buf = {0};
    assert_int_equal(file_read(path, 1000, &buf, NULL), 0);
    assert_int_equal(buf.size, strlen(text));
    assert_memory_equal(buf.data, text, buf.size);
}

static void test_atomic_write(void **state)
{
    const struct folder *folder = *state;
    struct stat st;
    assert_int_equal(file_write_atomic(folder->file, "one", 3, 0600, NULL), 0);
    assert_int_equal(file_write_atomic(folder->file, "another", 7, 0640, NULL), 0);
    assert_holds(folder->file, "another");
    assert_int_equal(stat(folder->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_nlink, 1);

    /* A temporary file that a crash left behind does not stand in the way, and none stays. */
    char left[300];
    (void)snprintf(left, sizeof(left), "%s.tmp-%ld", folder->file, (long)getpid());
    int fd = open(left, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(file_write_atomic(folder->file, "third", 5, 0600, NULL), 0);
    assert_int_equal(access(left, F_OK), -1);

    /* A link is replaced, not followed. */
    char link_path[300];
    (void)snprintf(link_path, sizeof(link_path), "%s/link", folder->path);
    assert_int_equal(symlink(folder->file, link_path), 0);
    assert_int_equal(file_write_atomic(link_path, "fourth", 6, 0600, NULL), 0);
    assert_holds(folder->file, "third");
    assert_holds(link_path, "fourth");
}

static void test_durable_creation_refuses(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    assert_int_equal(file_create_durable(folder->file, "one", 3, 0600, &err), 0);
    assert_int_equal(file_create_durable(folder->file, "two", 3, 0600, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_holds(folder->file, "one");
    char missing[300];
    (void)snprintf(missing, sizeof(missing), "%s/none/file", folder->path);
    assert_int_equal(file_create_durable(missing, "x", 1, 0600, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    assert_non_null(strstr(err.what, missing));
}

static void test_file_read_is_limited(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    CLEANUP(buf_free) struct buf buf = {0};
    assert_int_equal(file_read(folder->file, 10, &buf, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    assert_int_equal(file_write_atomic(folder->file, "0123456789", 10, 0600, &err), 0);
    assert_int_equal(file_read(folder->file, 9, &buf, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    buf.size = 0;
    assert_int_equal(buf_append(&buf, "> ", 2, &err), 0);
    assert_int_equal(file_read(folder->file, 10, &buf, &err), 0);
    assert_int_equal(buf.size, 12);
    assert_memory_equal(buf.data, "> 0123456789", 12);
    assert_int_equal(file_read(folder->path, 10, &buf, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
}

static void test_reads_and_writes_at_offsets(void **state)
{
    const struct folder *folder = *state;
    int fd = -1;
    char out[8] = {0};
    assert_int_equal(file_temporary(folder->path, &fd, NULL), 0);
    CLEANUP_FD int owned = fd;
    assert_int_equal(file_pwrite_full(owned, "world", 5, 100), 0);
    assert_int_equal(file_pread_full(owned, out, 5, 100), 5);
    assert_string_equal(out, "world");
    assert_int_equal(file_pread_full(owned, out, 8, 103), 2);
    assert_int_equal(file_pread_full(owned, out, 8, 1000), 0);
    assert_int_equal(file_pread_full(-1, out, 8, 0), -1);
    assert_int_equal(file_write_full(-1, "x", 1), -1);
    struct error err = {0};
    assert_int_equal(file_temporary("/nonexistent", &fd, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
}

static void test_trees(void **state)
{
    const struct folder *folder = *state;
    char deep[400], link_path[500];
    struct error err = {0};
    (void)snprintf(deep, sizeof(deep), "%s/tree/a/b/c", folder->path);
    assert_int_equal(file_mkdirs(deep, 0700, &err), 0);
    assert_int_equal(file_mkdirs(deep, 0700, &err), 0);
    assert_int_equal(file_write_atomic(folder->file, "stays", 5, 0600, &err), 0);
    (void)snprintf(link_path, sizeof(link_path), "%s/link", deep);
    assert_int_equal(symlink(folder->path, link_path), 0);
    (void)snprintf(deep, sizeof(deep), "%s/tree", folder->path);
    assert_int_equal(file_remove_tree(deep, &err), 0);
    assert_int_equal(access(deep, F_OK), -1);
    assert_holds(folder->file, "stays");
    assert_int_equal(file_remove_tree(deep, &err), 0);
    (void)snprintf(deep, sizeof(deep), "%s/below", folder->file);
    assert_int_equal(file_mkdirs(deep, 0700, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
}

/* ---- Threads ---- */

enum { ITEMS = 100000, THREADS = 4 };

static void *push_numbers(void *argument)
{
    struct queue *queue = argument;
    for (uintptr_t i = 1; i <= ITEMS; i++)
        if (!queue_push(queue, (void *)i)) // NOLINT(performance-no-int-to-ptr): the queue never looks at its items
            return NULL;
    return queue;
}

static void test_queue_keeps_order(void **state)
{
    (void)state;
    struct queue *queue = queue_new(7);
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, push_numbers, queue), 0);
    for (uintptr_t i = 1; i <= ITEMS; i++) {
        assert_true((uintptr_t)queue_pop(queue) == i);
        assert_true(queue_count(queue) <= 7);
    }
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, queue);
    queue_free(queue);
}

static void test_queue_closes(void **state)
{
    (void)state;
    int a = 0, b = 0;
    struct queue *queue = queue_new(2);
    assert_true(queue_push(queue, &a) && queue_push(queue, &b));
    queue_close(queue);
    queue_close(queue);
    assert_false(queue_push(queue, &a));
    assert_ptr_equal(queue_pop(queue), &a);
    assert_ptr_equal(queue_pop(queue), &b);
    assert_null(queue_pop(queue));
    queue_free(queue);
    queue_free(NULL);

    /* A producer that waits for room is woken, and keeps its item. */
    queue = queue_new(1);
    pthread_t thread;
    void *result = queue;
    assert_int_equal(pthread_create(&thread, NULL, push_numbers, queue), 0);
    while (queue_count(queue) == 0)
        (void)usleep(100);
    queue_close(queue);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    queue_free(queue);
}

struct number {
    unsigned value;
    unsigned square;
    unsigned rounds;
};

static void square_it(void *item, unsigned worker, void *context)
{
    struct number *number = item;
    atomic_uint *done = context;
    assert_true(worker < THREADS);
    /* Uneven work, so that items finish out of order. */
    volatile unsigned spin = number->value * 2654435761U % 977;
    while (spin > 0)
        spin = spin - 1;
    number->square = number->value * number->value;
    number->rounds++;
    (void)atomic_fetch_add(done, 1);
}

struct feed {
    struct ordered *map;
    struct number *numbers;
};

static void *feed_numbers(void *argument)
{
    const struct feed *feed = argument;
    for (unsigned i = 0; i < ITEMS; i++)
        if (!ordered_put(feed->map, &feed->numbers[i]))
            return NULL;
    ordered_close(feed->map);
    return NULL;
}

static void test_ordered_keeps_order(void **state)
{
    (void)state;
    atomic_uint done = 0;
    struct pool *pool = pool_new(THREADS);
    assert_non_null(pool);
    struct feed feed = {ordered_new(pool, 16, square_it, &done), mem_calloc(ITEMS, sizeof(struct number))};
    assert_true(feed.map != NULL && feed.numbers != NULL);
    for (unsigned i = 0; i < ITEMS; i++)
        feed.numbers[i].value = i;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, feed_numbers, &feed), 0);
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct number *number = ordered_get(feed.map);
        assert_ptr_equal(number, &feed.numbers[i]);
        assert_true(number->square == i * i && number->rounds == 1);
    }
    assert_null(ordered_get(feed.map));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&done), ITEMS);
    ordered_free(feed.map);
    pool_free(pool);
    mem_free(feed.numbers);
}

/* The results of one map go into another on the same pool: neither may starve the other. */
static void *hand_over(void *argument)
{
    struct ordered *const *maps = argument;
    for (void *item; (item = ordered_get(maps[0])) != NULL;)
        if (!ordered_put(maps[1], item))
            return NULL;
    ordered_close(maps[1]);
    return NULL;
}

static void test_two_maps_share_a_pool(void **state)
{
    (void)state;
    atomic_uint done = 0;
    struct pool *pool = pool_new(2);
    assert_non_null(pool);
    struct ordered *maps[2] = {ordered_new(pool, 4, square_it, &done), ordered_new(pool, 4, square_it, &done)};
    assert_true(maps[0] != NULL && maps[1] != NULL);
    struct feed feed = {maps[0], mem_calloc(ITEMS, sizeof(struct number))};
    assert_non_null(feed.numbers);
    pthread_t feeder, middle;
    assert_int_equal(pthread_create(&feeder, NULL, feed_numbers, &feed), 0);
    assert_int_equal(pthread_create(&middle, NULL, hand_over, maps), 0);
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct number *number = ordered_get(maps[1]);
        assert_ptr_equal(number, &feed.numbers[i]);
        assert_int_equal(number->rounds, 2);
    }
    assert_null(ordered_get(maps[1]));
    assert_int_equal(pthread_join(feeder, NULL), 0);
    assert_int_equal(pthread_join(middle, NULL), 0);
    ordered_free(maps[1]);
    ordered_free(maps[0]);
    pool_free(pool);
    mem_free(feed.numbers);
}

static void test_closed_map_refuses(void **state)
{
    (void)state;
    atomic_uint done = 0;
    struct number number = {.value = 3};
    struct pool *pool = pool_new(1);
    assert_non_null(pool);
    struct ordered *map = ordered_new(pool, 2, square_it, &done);
    assert_non_null(map);
    assert_true(ordered_put(map, &number));
    ordered_close(map);
    assert_false(ordered_put(map, &number));
    assert_ptr_equal(ordered_get(map), &number);
    assert_int_equal(number.square, 9);
    assert_null(ordered_get(map));
    ordered_free(map);
    ordered_free(NULL);
    pool_free(pool);
    pool_free(NULL);
}

/* ---- Secrets, memory, JSON ---- */

static void test_secrets(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4};
    CLEANUP_SECRET struct secret *zero = secret_new(4);
    CLEANUP_SECRET struct secret *a = secret_copy(bytes, 4);
    CLEANUP_SECRET struct secret *shorter = secret_copy(bytes, 3);
    assert_true(zero != NULL && a != NULL && shorter != NULL);
    CLEANUP_SECRET struct secret *b = secret_dup(a);
    assert_non_null(b);
    assert_int_equal(secret_size(a), 4);
    assert_memory_equal(secret_borrow(zero), "\0\0\0\0", 4);
    assert_memory_equal(secret_borrow(b), bytes, 4);
    assert_true(secret_equal(a, b));
    assert_false(secret_equal(a, zero));
    assert_false(secret_equal(a, shorter));
    secret_bytes(b)[3] ^= 1;
    assert_false(secret_equal(a, b));
    assert_int_equal(secret_borrow(a)[3], 4);
    secret_free(NULL);
}

static void test_memory(void **state)
{
    (void)state;
    CLEANUP_FREE char *text = mem_printf("%s %d", "pack", 7);
    CLEANUP_FREE char *copy = mem_strdup(text);
    CLEANUP_FREE void *none = mem_alloc(0);
    CLEANUP_FREE void *dup = mem_dup("abc", 3);
    assert_string_equal(text, "pack 7");
    assert_string_equal(copy, text);
    assert_non_null(none);
    assert_memory_equal(dup, "abc", 3);
    mem_wipe(copy, 6);
    assert_memory_equal(copy, "\0\0\0\0\0\0", 6);
    /* More than there can be, where the product does not fit in a size. */
    volatile size_t huge = SIZE_MAX / 2;
    assert_null(mem_calloc(huge, 4));
}

static void test_json(void **state)
{
    (void)state;
    CLEANUP_JSON json_t *json = NULL;
    CLEANUP_FREE char *text = NULL;
    static const char good[] = "{\"v\":1,\"name\":\"控え\"}";
    assert_int_equal(json_parse(good, sizeof(good) - 1, &json, NULL), 0);
    assert_non_null(json);
    assert_int_equal(json_print(json, &text, NULL), 0);
    assert_string_equal(text, good);
    static const char *refused[] = {"", "{", "{\"a\":1,\"a\":2}", "{} x", "{\"a\":01}", "\xff"};
    for (size_t i = 0; i < COUNT(refused); i++) {
        json_t *none = NULL;
        assert_int_equal(json_parse(refused[i], strlen(refused[i]), &none, NULL), 0);
        assert_null(none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_round_trip),
        cmocka_unit_test(test_varints),
        cmocka_unit_test(test_varints_that_are_refused),
        cmocka_unit_test(test_cursor_stays_failed),
        cmocka_unit_test(test_buf_grows),
        cmocka_unit_test(test_wiped_buf_is_empty),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_that_are_refused),
        cmocka_unit_test(test_clock_parses),
        cmocka_unit_test(test_clock_refuses),
        cmocka_unit_test(test_clock_formats),
        cmocka_unit_test(test_clock_for_tests_goes_on),
        cmocka_unit_test(test_error_carries_its_context),
        cmocka_unit_test(test_error_without_a_struct),
        cmocka_unit_test(test_error_is_bounded),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_errno_refines),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test_setup_teardown(test_atomic_write, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_durable_creation_refuses, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file_read_is_limited, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_reads_and_writes_at_offsets, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_trees, make_folder, remove_folder),
        cmocka_unit_test(test_queue_keeps_order),
        cmocka_unit_test(test_queue_closes),
        cmocka_unit_test(test_ordered_keeps_order),
        cmocka_unit_test(test_two_maps_share_a_pool),
        cmocka_unit_test(test_closed_map_refuses),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
