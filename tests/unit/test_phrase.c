#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/phrase.h"

#include <string.h>

struct row {
    const char *en, *ja;
};

static void expect(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char CLEANUP_FREE *got = phrase_ja(rows[i].en);
        assert_non_null(got);
        assert_string_equal(got, rows[i].ja);
    }
}
#define EXPECT(rows) expect(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_whole_phrases_and_places(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"never", "なし"},
        {"there is no tenant 'acme'", "テナント 'acme' はありません"},
        {"a snapshot needs it", "スナップショットが必要としています"},
        {"--keep \"5x\" is no duration", "--keep \"5x\" は期間ではありません"},
        /* The order of words differs. */
        {"there is no holder card in a group machine", "グループ machine に保持者 card はいません"},
        /* A tenant may be called like a word, and %% is one '%'. */
        {"there is no tenant 'never'", "テナント 'never' はありません"},
        {"per cent, as in 3% or 0.5%, or a fraction, as in 1/30",
         "3% や 0.5% のような百分率か、1/30 のような分数で書きます"},
    };
    EXPECT(rows);
}

static void test_numbers_are_numbers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"0.7 s", "0.7 秒"},  {"4 min 10 s", "4 分 10 秒"},
        {"12 days", "12 日"}, {"many days", "many days"},
        {" days", " days"},   {"its clock agrees (-3 s)", "時計は一致しています（-3 秒）"},
    };
    EXPECT(rows);
}

static void test_chains(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"back up acme: there is no tenant 'acme'", "acme のバックアップ: テナント 'acme' はありません"},
        {"restore acme → restore to /srv/x: nothing in the snapshot matches 'a: b'",
         "acme の復元 → /srv/x への復元: スナップショットに 'a: b' に一致するものはありません"},
        {"target osaka is behind: open the folder /mnt/o: No such file or directory",
         "保存先 osaka が遅れています: フォルダー /mnt/o を開く: そのようなファイルまたはフォルダーはありません"},
        {"on demand: until it is taken out; latest complete; last verified",
         "随時取得: 取り除くまで保持; 最新の完全なもの; 最後に検証したもの"},
        {"daily 2 of 7: 2026-11-19; last verified", "日次 2/7: 2026-11-19; 最後に検証したもの"},
        {"it was never measured → `hikae target check` does it",
         "一度も実測していません → `hikae target check` で実測します"},
        /* What has no phrase stays, and what is around it is told all the same. */
        {"back up acme: something new: out of memory", "acme のバックアップ: something new: メモリーが足りません"},
    };
    EXPECT(rows);
}

static void test_what_has_no_phrase_stays(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", ""},
        {": ", ": "},
        {" → → ; ; ", " → → ; ; "},
        {"株式会社: 東京", "株式会社: 東京"},
        {"a name that says nothing", "a name that says nothing"},
        {"100%", "100%"},
        {"{1} <1>", "{1} <1>"},
    };
    EXPECT(rows);
}

/* Places come from texts of any shape: none of them may take long, or be lost. */
static void test_hostile_text_ends_soon(void **state)
{
    (void)state;
    enum { SIZE = 4000 };
    static const char *const pieces[] = {": ", "; ", " → ", "' ", "target ", "%s", "1 "};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char text[SIZE + 16] = "";
        size_t used = 0;
        while (used < SIZE / 8) {
            memcpy(text + used, pieces[i], strlen(pieces[i]));
            used += strlen(pieces[i]);
        }
        text[used] = '\0';
        char CLEANUP_FREE *got = phrase_ja(text);
        assert_non_null(got);
        assert_true(strlen(got) > 0);
    }
}

static void test_texts_of_the_help_are_whole(void **state)
{
    (void)state;
    assert_string_equal(phrase_help_ja("explain the command"), "コマンドを説明する");
    assert_string_equal(phrase_help_ja("FILE exists"), "FILE がすでにあります");
    assert_string_equal(phrase_help_ja("All tenants."), "すべてのテナント。");
    assert_string_equal(phrase_help_ja("All tenants"), "All tenants");
    assert_string_equal(phrase_help_ja(""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_phrases_and_places),
        cmocka_unit_test(test_numbers_are_numbers),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_what_has_no_phrase_stays),
        cmocka_unit_test(test_hostile_text_ends_soon),
        cmocka_unit_test(test_texts_of_the_help_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
