#include "keys/sheet.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Douglas Crockford's base32: no I, L, O (read as 1, 1, 0) and no U. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int digit_value(char c)
{
    c = (char)toupper((unsigned char)c);
    if (c == 'O')
        return 0;
    if (c == 'I' || c == 'L')
        return 1;
    const char *place = c != '\0' ? strchr(alphabet, c) : NULL;
    return place != NULL ? (int)(place - alphabet) : -1;
}

/* The first 20 bits of SHA-256(label ‖ epoch ‖ key). */
static int check_bits(const uint8_t *key, uint32_t epoch, uint32_t *ret, struct error *err)
{
    static const char label[] = "hikae1 sheet check";
    enum { LABEL_SIZE = sizeof(label) - 1 };
    CLEANUP_SECRET struct secret *text = secret_new(LABEL_SIZE + 8 + SHEET_KEY_SIZE);
    if (text == NULL)
        return error_no_memory(err);
    uint8_t *p = secret_bytes(text);
    memcpy(p, label, LABEL_SIZE);
    put_u64(p + LABEL_SIZE, epoch);
    memcpy(p + LABEL_SIZE + 8, key, SHEET_KEY_SIZE);
    uint8_t digest[SHA256_SIZE];
    if (sha256(p, secret_size(text), digest, err) != 0)
        return -1;
    *ret = (uint32_t)digest[0] << 12 | (uint32_t)digest[1] << 4 | (uint32_t)digest[2] >> 4;
    return 0;
}

int sheet_encode(const struct secret *key, uint32_t epoch, char out[SHEET_DIGITS], struct error *err)
{
    if (secret_size(key) != SHEET_KEY_SIZE)
        return error_set(err, ERROR_INTERNAL, "a sheet holds 32 bytes, not %zu", secret_size(key));
    const uint8_t *bytes = secret_borrow(key);
    uint32_t check = 0;
    if (check_bits(bytes, epoch, &check, err) != 0)
        return -1;
    for (unsigned digit = 0; digit < SHEET_KEY_DIGITS; digit++) {
        unsigned value = 0;
        for (unsigned bit = 5 * digit; bit < 5 * digit + 5; bit++)
            value = value << 1 | (bit < 8 * SHEET_KEY_SIZE ? (unsigned)bytes[bit / 8] >> (7 - bit % 8) & 1U : 0U);
        out[digit] = alphabet[value];
    }
    for (unsigned i = 0; i < SHEET_CHECK_DIGITS; i++)
        out[SHEET_KEY_DIGITS + i] = alphabet[check >> (15 - 5 * i) & 31];
    return 0;
}

/* ---- The page ---- */

static const char page_text[] = "HIKAE RECOVERY SHEET                  復旧シート（控えを開く鍵）\n"
                                "\n"
                                "  Store           %s\n"
                                "  Root epoch      %u\n"
                                "  Group, holder   %s, %s\n"
                                "  Made            %s\n"
                                "\n"
                                "%s"
                                "\n"
                                "What it is: a key, on paper, to every backup of this store.\n"
                                "%s"
                                "How to use it: type the digits into a file (capitals, spaces and hyphens\n"
                                "do not matter; O counts as 0, I and L as 1), then run on a new machine:\n"
                                "\n"
                                "    hikae recover --target NAME=URL --sheet FILE\n"
                                "\n"
                                "The last four digits are check digits: a slip of typing is noticed.\n"
                                "Keep it in a safe, away from the backups and from the machine that makes\n"
                                "them: whoever has this page and the backups can read everything.\n"
                                "Once a sheet of a higher epoch is in the safe, destroy this one.\n"
                                "\n"
                                "これは、このストアのすべてのバックアップを開く鍵です。\n"
                                "使い方：上の桁をファイルに書き写し（大文字・小文字、空白、\n"
                                "ハイフンは問いません）、新しい機械で上の命令を実行します。\n"
                                "末尾の四桁は検査用で、写し間違いがあれば分かります。\n"
                                "バックアップとは別の場所の金庫に保管し、撮影や複写はしないこと。\n"
                                "より新しいエポックのシートを作ったら、この紙は破棄してください。\n";

enum { ROW_DIGITS = 16, GROUP_DIGITS = 4, ROWS_SIZE = 160 };

/* "    ABCD-EFGH-…" in rows of four groups. */
static void format_rows(const char *digits, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < SHEET_DIGITS; i++) {
        if (i % ROW_DIGITS == 0) {
            memcpy(out + used, "      ", 6);
            used += 6;
        } else if (i % GROUP_DIGITS == 0) {
            out[used++] = '-';
        }
        out[used++] = digits[i];
        if (i % ROW_DIGITS == ROW_DIGITS - 1 || i == SHEET_DIGITS - 1)
            out[used++] = '\n';
    }
    out[used] = '\0';
}

int sheet_page(const struct secret *key, const struct sheet_about *about, char **ret, struct error *err)
{
    CLEANUP_SECRET struct secret *work = secret_new(SHEET_DIGITS + ROWS_SIZE);
    if (work == NULL)
        return error_no_memory(err);
    char *digits = (char *)secret_bytes(work);
    char *rows = digits + SHEET_DIGITS;
    if (sheet_encode(key, about->epoch, digits, err) != 0)
        return -1;
    format_rows(digits, rows);

    char hex[2 * ID_SIZE + 1];
    const char *store =
        about->store != NULL ? hex_encode(about->store->bytes, ID_SIZE, hex) : "(see the store's own description)";
    char others[128] = "";
    if (about->others > 0)
        (void)snprintf(others, sizeof(others),
                       "Alone it opens nothing: the other %zu of its group %s needed with it.\n", about->others,
                       about->others == 1 ? "is" : "are");
    char made[CLOCK_TEXT_SIZE];
    char *text = mem_printf(page_text, store, about->epoch, about->group, about->holder,
                            clock_format(about->created_ns, made), rows, others);
    if (text == NULL)
        return error_no_memory(err);
    *ret = text;
    return 0;
}

/* ---- Reading ---- */

/* 52 digit values into 32 bytes; false if the four bits left over are not zero. */
static bool pack_digits(const uint8_t *values, uint8_t *out)
{
    memset(out, 0, SHEET_KEY_SIZE);
    for (unsigned bit = 0; bit < 5 * SHEET_KEY_DIGITS; bit++) {
        unsigned set = (unsigned)values[bit / 5] >> (4 - bit % 5) & 1U;
        if (bit < 8 * SHEET_KEY_SIZE)
            out[bit / 8] = (uint8_t)(out[bit / 8] | set << (7 - bit % 8));
        else if (set != 0)
            return false;
    }
    return true;
}

/* The number that follows the word "epoch" in the text; 0 if there is none. */
static uint32_t stated_epoch(const char *text, size_t size)
{
    for (size_t i = 0; i + 5 < size; i++) {
        if (strncasecmp(text + i, "epoch", 5) != 0)
            continue;
        size_t p = i + 5;
        while (p < size && (text[p] == ' ' || text[p] == ':' || text[p] == '\t'))
            p++;
        uint64_t value = 0;
        for (; p < size && text[p] >= '0' && text[p] <= '9' && value <= UINT32_MAX; p++)
            value = value * 10 + (uint64_t)(text[p] - '0');
        if (value > 0 && value <= UINT32_MAX)
            return (uint32_t)value;
    }
    return 0;
}

enum { EPOCHS_TRIED = 256 };

/*
 * The epoch with which the check digits match; 0 if there is none. What the text states goes first, then where
 * the store is, then the epochs before: digits typed without their page do not say theirs.
 */
static int matching_epoch(const uint8_t *key, uint32_t check, uint32_t stated, uint32_t epoch, uint32_t *ret,
                          struct error *err)
{
    uint32_t bits = 0;
    *ret = 0;
    if (stated != 0 && check_bits(key, stated, &bits, err) != 0)
        return -1;
    if (stated != 0 && bits == check) {
        *ret = stated;
        return 0;
    }
    uint32_t last = stated != 0 ? epoch - (epoch > 0 ? 1 : 0) : epoch > EPOCHS_TRIED ? epoch - EPOCHS_TRIED : 0;
    for (uint32_t e = epoch; e > last; e--) {
        if (check_bits(key, e, &bits, err) != 0)
            return -1;
        if (bits == check) {
            *ret = e;
            return 0;
        }
    }
    return 0;
}

/* Lines that hold nothing but digits, one after the other: where each starts in `values`. */
struct digit_run {
    uint8_t *values; /* in secret memory */
    size_t count;
    size_t *starts;
    size_t lines;
};

/* Append the digits of a line. 1: a line of digits, 0: blank, -1: it holds something else. */
static int add_line(struct digit_run *run, const char *line, size_t size)
{
    size_t count = run->count;
    for (size_t i = 0; i < size; i++) {
        if (line[i] == ' ' || line[i] == '-' || line[i] == '\t' || line[i] == '\r' || line[i] == '\f')
            continue;
        int value = digit_value(line[i]);
        if (value < 0)
            return -1;
        run->values[count++] = (uint8_t)value;
    }
    if (count == run->count)
        return 0;
    run->starts[run->lines++] = run->count;
    run->count = count;
    return 1;
}

/* What was found so far. */
struct search {
    uint32_t stated;
    uint32_t epoch;
    bool complete; /* 56 digits were seen */
    size_t most;   /* digits of the longest run */
    uint32_t matched;
    struct secret *key;
};

static int try_digits(struct search *search, const uint8_t *values, struct error *err)
{
    search->complete = true;
    uint32_t check = 0;
    for (unsigned i = 0; i < SHEET_CHECK_DIGITS; i++)
        check = check << 5 | values[SHEET_KEY_DIGITS + i];
    if (!pack_digits(values, secret_bytes(search->key)))
        return 0;
    return matching_epoch(secret_borrow(search->key), check, search->stated, search->epoch, &search->matched, err);
}

/* Whole lines of the run that have 56 digits together. */
static int try_run(struct search *search, const struct digit_run *run, struct error *err)
{
    if (run->count > search->most)
        search->most = run->count;
    for (size_t first = 0; first < run->lines; first++)
        for (size_t last = first; last < run->lines && search->matched == 0; last++) {
            size_t end = last + 1 < run->lines ? run->starts[last + 1] : run->count;
            if (end - run->starts[first] > SHEET_DIGITS)
                break;
            if (end - run->starts[first] == SHEET_DIGITS && try_digits(search, run->values + run->starts[first], err))
                return -1;
        }
    return 0;
}

static int search_text(struct search *search, const char *text, size_t size, struct digit_run *run, struct error *err)
{
    for (size_t at = 0; at < size && search->matched == 0;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - text) - at : size - at;
        if (add_line(run, text + at, length) < 0) {
            if (try_run(search, run, err) != 0)
                return -1;
            run->count = run->lines = 0;
        }
        at += length + 1;
    }
    return search->matched == 0 ? try_run(search, run, err) : 0;
}

static int explain(const struct search *search, struct error *err)
{
    if (search->complete) {
        (void)error_set(err, ERROR_KEYS, "the check digits of the recovery sheet do not match its key digits");
        return error_hint(err, "compare the digits with the paper: one is wrong, or two are swapped");
    }
    (void)error_set(err, ERROR_KEYS, "the recovery sheet has %zu digits in a row where %d belong", search->most,
                    SHEET_DIGITS);
    return error_hint(err, "type all 14 groups of 4, on lines of their own: digits and letters, but never U");
}

int sheet_parse(const char *text, size_t size, uint32_t epoch, struct secret **ret_key, struct error *err)
{
    if (size > SHEET_TEXT_MAX)
        return error_set(err, ERROR_KEYS, "a text of %zu bytes is no recovery sheet", size);
    CLEANUP_SECRET struct secret *values = secret_new(size + 1);
    CLEANUP_SECRET struct secret *key = secret_new(SHEET_KEY_SIZE);
    CLEANUP_FREE size_t *starts = mem_calloc(size / 2 + 1, sizeof(*starts));
    if (values == NULL || key == NULL || starts == NULL)
        return error_no_memory(err);
    struct search search = {.stated = stated_epoch(text, size), .epoch = epoch, .key = key};
    struct digit_run run = {.values = secret_bytes(values), .starts = starts};
    if (search_text(&search, text, size, &run, err) != 0)
        return -1;
    if (search.matched == 0)
        return explain(&search, err);
    if (search.matched != epoch) {
        (void)error_set(err, ERROR_KEYS, "this recovery sheet is of epoch %u, the store is at epoch %u", search.matched,
                        epoch);
        return error_hint(err, "use the sheet that was printed for epoch %u", epoch);
    }
    *ret_key = key;
    key = NULL;
    return 0;
}
