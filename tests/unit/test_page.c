/* The page writer: nothing that is handed in becomes markup, blocks balance, formats, charts and calendars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "report/page.h"

#include <math.h>
#include <string.h>

static char *write_page(enum page_langs langs, page_draw *draw, void *context, int expected)
{
    struct error err = {0};
    struct buf out = {0};
    struct zone *zone = NULL;
    assert_int_equal(zone_open("Asia/Tokyo", &zone, &err), 0);
    struct page_head head = {.title = {"A title", "表題"}, .about = "<b>\"acme\"</b>", .zone = zone, .langs = langs};
    head.made_ns = INT64_C(1795251166) * NS_PER_S;
    int rc = page_write(&head, draw, context, &out, &err);
    assert_int_equal(rc, expected);
    if (expected != 0)
        assert_int_equal(err.class, ERROR_INTERNAL);
    assert_int_equal(buf_u8(&out, 0, &err), 0);
    zone_free(zone);
    return (char *)out.data;
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        count++;
    return count;
}

/* Text in every place that takes some. */
static void draw_everywhere(struct page *page, void *context)
{
    const char *text = context;
    static const struct page_column columns[] = {{.title = {"A", "あ"}}, {.title = {"B", "い"}, .number = true}};
    static const double values[] = {1, NAN, 3};
    const char *labels[] = {text, text, text};
    struct page_series series = {.name = {text, text}, .values = values};
    struct page_chart chart = {.title = {text, text},
                               .says = {text, text},
                               .labels = labels,
                               .count = 3,
                               .series = &series,
                               .series_count = 1,
                               .format = page_value_count};
    enum page_state states[] = {PAGE_GOOD, PAGE_BAD};
    page_section(page, "one", (struct page_text){text, text});
    page_heading(page, (struct page_text){text, text});
    page_sentence(page, PAGE_TEXT("says {1}", "says {1}"), text);
    page_paragraph(page);
    page_plain(page, text);
    page_strong(page, text);
    page_code(page, text);
    page_badge(page, PAGE_WARN, (struct page_text){text, text});
    page_link(page, "one", text);
    page_strip(page, states, 2, PAGE_TEXT("{1}", "{1}"), (const char *const[]){text, NULL});
    page_paragraph_end(page);
    page_table(page, (struct page_text){text, text}, columns, 2);
    page_row(page);
    page_cell(page);
    page_plain(page, text);
    page_cell(page);
    page_plain(page, text);
    page_table_end(page);
    page_terms(page);
    page_term(page, (struct page_text){text, text});
    page_plain(page, text);
    page_terms_end(page);
    page_chart(page, &chart);
    page_verbatim(page, text, strlen(text));
    page_section_end(page);
}

static void test_nothing_becomes_markup(void **state)
{
    (void)state;
    char attack[] = "</title><script>alert(1)</script><img src=x onerror='x()'>\" onload=\"y()";
    char CLEANUP_FREE *page = write_page(PAGE_EN_JA, draw_everywhere, attack, 0);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<img"));
    assert_null(strstr(page, "\" onload"));
    assert_null(strstr(page, "onerror='"));
    assert_null(strstr(page, "<b>"));
    assert_true(count_of(page, "&lt;script&gt;") >= 30);
    assert_non_null(strstr(page, "&quot; onload=&quot;y()"));
    assert_non_null(strstr(page, "onerror=&#39;x()&#39;"));
}

static void test_what_acts_unseen_is_spelled_out(void **state)
{
    (void)state;
    char odd[] = "a\xe2\x80\xae"
                 "b\x1b[2Jc\xff"
                 "d";
    char CLEANUP_FREE *page = write_page(PAGE_ONLY_EN, draw_everywhere, odd, 0);
    assert_non_null(strstr(page, "a\\u202eb\\u001b[2Jc\xef\xbf\xbd"
                                 "d"));
    assert_null(strstr(page, "\xe2\x80\xae"));
    assert_null(strchr(page, 0x1b));
}

static void draw_sentences(struct page *page, void *context)
{
    (void)context;
    page_sentence(page, PAGE_TEXT("{1|day|days} of {2}", "{2} の {1} 日"), "1", "x{1}");
    page_sentence(page, PAGE_TEXT("{1|day|days}", "{1} 日"), "1,200");
    page_sentence(page, PAGE_TEXT("{3} {x} {", "{"), "1");
}

static void test_arguments(void **state)
{
    (void)state;
    char CLEANUP_FREE *english = write_page(PAGE_ONLY_EN, draw_sentences, NULL, 0);
    assert_non_null(strstr(english, "<p>1 day of x{1}</p>"));
    assert_non_null(strstr(english, "<p>1,200 days</p>"));
    assert_non_null(strstr(english, "<p>{3} {x} {</p>"));
    assert_non_null(strstr(english, "<html lang=\"en\">"));
    assert_null(strstr(english, "lang=\"ja\""));
    char CLEANUP_FREE *japanese = write_page(PAGE_ONLY_JA, draw_sentences, NULL, 0);
    assert_non_null(strstr(japanese, "<p>x{1} の 1 日</p>"));
    assert_non_null(strstr(japanese, "2026-11-21 17:52 JST"));
}

static void draw_inline(struct page *page, void *context)
{
    (void)context;
    page_sentence(page, PAGE_TEXT("Say `hikae {1}`, then {2}.", "`hikae {1}` のあと {2}"), "run `x`",
                  "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d");
    page_paragraph(page);
    page_english(page, "no such file");
    page_plain(page, "\xd8\xa3");
    page_paragraph_end(page);
}

/* Commands, what runs from right to left, and what is in English on a Japanese page. */
static void test_inline(void **state)
{
    (void)state;
    char CLEANUP_FREE *english = write_page(PAGE_ONLY_EN, draw_inline, NULL, 0);
    /* Backquotes of an argument are its own, also within a command. */
    assert_non_null(strstr(english, "<p>Say <code>hikae run `x`</code>, then <bdi>\xd7\xa9\xd7\x9c"));
    assert_non_null(strstr(english, "<p>no such file<bdi>\xd8\xa3</bdi></p>"));
    char CLEANUP_FREE *japanese = write_page(PAGE_ONLY_JA, draw_inline, NULL, 0);
    assert_non_null(strstr(japanese, "<p><span lang=\"en\">no such file</span><bdi>"));
}

static void draw_sorted(struct page *page, void *context)
{
    static const struct page_column columns[] = {{.title = {"A", "あ"}}, {.title = {"B", "い"}, .number = true}};
    page_count(page, 1);
    if (*(bool *)context)
        page_table_sorted(page, PAGE_TEXT("t", "t"), columns, 2);
    else
        page_table(page, PAGE_TEXT("t", "t"), columns, 2);
    page_row(page);
    page_cell(page);
    page_rank(page, 7);
    page_cell(page);
    page_bytes(page, 2048);
    page_table_end(page);
    page_duration(page, 5 * NS_PER_S);
}

/* The script is there only where there is something to sort, once, and allowed by nothing but its hash. */
static void test_sorted(void **state)
{
    (void)state;
    bool sorted = false;
    char CLEANUP_FREE *plain = write_page(PAGE_EN_JA, draw_sorted, &sorted, 0);
    assert_null(strstr(plain, "script"));
    assert_null(strstr(plain, "<data"));
    sorted = true;
    char CLEANUP_FREE *page = write_page(PAGE_EN_JA, draw_sorted, &sorted, 0);
    assert_int_equal(count_of(page, "<script>"), 1);
    assert_int_equal(count_of(page, " script-src 'sha256-"), 1);
    assert_null(strstr(page, "unsafe"));
    assert_int_equal(count_of(page, "<data value=\"2048\">2.0 KiB</data>"), 2);
    assert_int_equal(count_of(page, "<data value=\"7\"></data>"), 2);
    /* Figures outside of the table are plain. */
    assert_int_equal(count_of(page, "<data"), 4);
    assert_int_equal(count_of(page, "data-filter=\"絞り込み\""), 1);
}

static void test_two_languages(void **state)
{
    (void)state;
    char text[] = "x";
    char CLEANUP_FREE *page = write_page(PAGE_JA_EN, draw_everywhere, text, 0);
    const char *ja = strstr(page, "<article lang=\"ja\"");
    const char *en = strstr(page, "<article lang=\"en\"");
    assert_non_null(ja);
    assert_non_null(en);
    assert_true(ja < en);
    /* A page has one main part; ids are there once. */
    assert_int_equal(count_of(page, "<main"), 1);
    assert_int_equal(count_of(page, "href=\"#ja-contents\""), 1);
    assert_int_equal(count_of(page, "id=\"ja-contents\" tabindex=\"-1\""), 1);
    assert_int_equal(count_of(page, "id=\"ja-one\""), 1);
    assert_int_equal(count_of(page, "id=\"en-one\""), 1);
    assert_int_equal(count_of(page, "<style>"), 1);
    assert_int_equal(count_of(page, "default-src 'none'; style-src 'sha256-"), 1);
}

static void draw_open(struct page *page, void *context)
{
    (void)context;
    page_section(page, "x", PAGE_TEXT("x", "x"));
}

static void draw_crossed(struct page *page, void *context)
{
    (void)context;
    page_list(page);
    page_item(page);
    page_paragraph_end(page);
    page_list_end(page);
}

static void draw_too_wide(struct page *page, void *context)
{
    static const struct page_column columns[] = {{.title = {"A", "あ"}}};
    (void)context;
    page_table(page, PAGE_TEXT("t", "t"), columns, 1);
    page_row(page);
    page_cell(page);
    page_cell(page);
    page_table_end(page);
}

static void test_blocks_must_balance(void **state)
{
    (void)state;
    page_draw *const draws[] = {draw_open, draw_crossed, draw_too_wide};
    for (size_t i = 0; i < 3; i++)
        mem_free(write_page(PAGE_ONLY_EN, draws[i], NULL, -1));
}

static void draw_formats(struct page *page, void *context)
{
    char text[PAGE_SMALL];
    (void)context;
    bool ja = page_lang(page) == PAGE_JA;
    assert_string_equal(page_format_bytes(0, text), "0 B");
    assert_string_equal(page_format_bytes(1023, text), "1023 B");
    assert_string_equal(page_format_bytes(1024 * 1024 - 1, text), "1.0 MiB");
    assert_string_equal(page_format_bytes(UINT64_MAX, text), "16.0 EiB");
    assert_string_equal(page_format_count(0, text), "0");
    assert_string_equal(page_format_count(1234567, text), "1,234,567");
    assert_string_equal(page_format_duration(page, 250 * NS_PER_S, text), ja ? "4 分 10 秒" : "4 min 10 s");
    assert_string_equal(page_format_duration(page, 100 * 3600 * NS_PER_S, text), ja ? "4 日 4 時間" : "4 days 4 h");
    assert_string_equal(page_format_duration(page, -5, text), ja ? "0.0 秒" : "0.0 s");
    assert_string_equal(page_format_time(page, 0, text), ja ? "なし" : "never");
    assert_string_equal(page_format_day(page, civil_days(2026, 11, 21), text),
                        ja ? "2026-11-21 (土)" : "2026-11-21 (Sat)");
}

static void test_formats(void **state)
{
    (void)state;
    mem_free(write_page(PAGE_EN_JA, draw_formats, NULL, 0));
}

static void draw_long_chart(struct page *page, void *context)
{
    static const double values[] = {5400, 90, 300};
    static const char *const labels[] = {"11-01", "11-02", "11-03"};
    const struct page_series series = {.name = {"Time", "時間"}, .values = values};
    const struct page_chart chart = {.kind = PAGE_BARS,
                                     .title = {"Time", "時間"},
                                     .says = {"Bars.", "棒。"},
                                     .labels = labels,
                                     .count = 3,
                                     .series = &series,
                                     .series_count = 1,
                                     .format = page_value_seconds};
    (void)context;
    page_chart(page, &chart);
}

static void draw_chart(struct page *page, void *context)
{
    static const double low[] = {0.05, 0.02, NAN}, none[] = {NAN, NAN, NAN};
    static const char *const labels[] = {"11-01", "11-02", "11-03"};
    const struct page_series series[] = {{.name = {"tokyo", "東京"}, .values = low},
                                         {.name = {"osaka", "大阪"}, .values = none}};
    const struct page_chart chart = {.kind = PAGE_LINES,
                                     .title = {"Time", "時間"},
                                     .says = {"A line.", "折れ線。"},
                                     .labels = labels,
                                     .count = 3,
                                     .series = series,
                                     .series_count = 2,
                                     .format = page_value_seconds};
    (void)context;
    page_chart(page, &chart);
}

/* Who does not see a chart is told its figures; lines of its grid have different numbers. */
static void test_chart(void **state)
{
    (void)state;
    char CLEANUP_FREE *page = write_page(PAGE_ONLY_EN, draw_chart, NULL, 0);
    assert_non_null(strstr(page, ">A line. tokyo: 0.05 s on 11-01, 0.02 s on 11-02; at most 0.05 s on 11-01.</desc>"));
    assert_non_null(strstr(page, "osaka (no figures)</li>"));
    char CLEANUP_FREE *long_one = write_page(PAGE_ONLY_JA, draw_long_chart, NULL, 0);
    static const char *const minutes[] = {">0 分</text>", ">25 分</text>", ">100 分</text>"};
    for (size_t i = 0; i < sizeof minutes / sizeof minutes[0]; i++)
        assert_int_equal(count_of(long_one, minutes[i]), 1);
    static const char *const lines[] = {">0.00 s</text>", ">0.02 s</text>", ">0.04 s</text>", ">0.06 s</text>"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(count_of(page, lines[i]), 1);
}

static void look_day(struct page *page, int64_t day, void *context, struct page_calendar_day *ret)
{
    (void)page;
    ++*(size_t *)context;
    ret->state = PAGE_GOOD;
    ret->text[0] = (char)('a' + civil_date_of(day).day % 26);
    ret->text[1] = '\0';
    (void)strcpy(ret->says, "<in full>");
}

static void draw_calendar(struct page *page, void *context)
{
    /* From the middle of a month over a leap day into a third one. */
    page_calendar(page, PAGE_TEXT("Days", "日"), civil_days(2028, 1, 20), 50, look_day, context);
}

static void test_calendar(void **state)
{
    (void)state;
    size_t looked = 0;
    char CLEANUP_FREE *page = write_page(PAGE_ONLY_EN, draw_calendar, &looked, 0);
    assert_int_equal(looked, 50);
    assert_int_equal(count_of(page, "<td class=\"good\">"), 50);
    assert_int_equal(count_of(page, "<span class=\"unseen\">&lt;in full&gt;</span>"), 50);
    assert_int_equal(count_of(page, "<table class=\"month\">"), 3);
    /* Whole weeks: 3 of January 2028 (from Thursday 20th to Monday 31st), 5 of February, 2 of March. */
    assert_int_equal(count_of(page, "<td"), 7 * (3 + 5 + 2));
    assert_non_null(strstr(page, ">29</span>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_becomes_markup),
        cmocka_unit_test(test_what_acts_unseen_is_spelled_out),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_inline),
        cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_two_languages),
        cmocka_unit_test(test_blocks_must_balance),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_chart),
        cmocka_unit_test(test_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
