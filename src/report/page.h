/*
 * Pages for people: one HTML file that holds everything it shows. It fetches
 * nothing and needs no server; its policy of content security says so to the
 * browser. The one script that there is filters and sorts long tables, stands
 * in the page itself, and is pinned by its hash; a page without such a table
 * runs nothing, and without the script everything is there all the same. All
 * pages of hikae are written through this.
 *
 * Nothing that is handed in is ever taken for markup: there is no function
 * that takes any. Text is escaped on its way out, characters that would act
 * instead of being seen are spelled out, and what is not UTF-8 is marked. Ids
 * and states come from code, not from data.
 *
 * A page is in English, in Japanese, or in both, one language after the other.
 * `draw` is called once for each and says everything as a pair of texts. What
 * fails on the way (memory) is kept and comes out of page_write: drawing
 * functions return nothing.
 *
 * Blocks nest: what is opened is closed by the function beside it. Cells, rows,
 * items and terms end by themselves where the next one begins.
 */
#ifndef HIKAE_REPORT_PAGE_H
#define HIKAE_REPORT_PAGE_H

#include "base/buf.h"
#include "policy/zone.h"

enum page_lang { PAGE_EN, PAGE_JA };
enum page_langs { PAGE_ONLY_EN, PAGE_ONLY_JA, PAGE_EN_JA, PAGE_JA_EN };

/*
 * The same in both languages. `{1}` … `{9}` stand for arguments; `{1|day|days}` is "1 day", "1,200 days". What stands
 * in backquotes is a command.
 */
struct page_text {
    const char *en;
    const char *ja;
};
#define PAGE_TEXT(english, japanese) ((struct page_text){.en = (english), .ja = (japanese)})

/* Never told by colour alone: each has a sign and needs words beside it. */
enum page_state { PAGE_GOOD, PAGE_WARN, PAGE_BAD, PAGE_UNKNOWN, PAGE_PLAIN };

struct page;
typedef void page_draw(struct page *page, void *context);

struct page_head {
    struct page_text title;
    const char *about;       /* what it is about, in no language: a tenant, a policy, a period; NULL: nothing */
    const struct zone *zone; /* of all times on the page; NULL: UTC                                           */
    int64_t made_ns;
    bool test_clock; /* the page says that its times prove nothing */
    enum page_langs langs;
};

/* Append the page to out. ERROR_INTERNAL if draw left a block open. */
MUST_USE int page_write(const struct page_head *head, page_draw *draw, void *context, struct buf *out,
                        struct error *err);

/* The language that is being drawn, and a pair's text in it. */
enum page_lang page_lang(const struct page *page);
const char *page_pick(const struct page *page, struct page_text text);

/* ---- Blocks (page.c) ---- */

/* A section with its heading; the contents at the top of the page link to it. id: letters, digits and hyphens. */
void page_section(struct page *page, const char *id, struct page_text title);
void page_section_end(struct page *page);
/* A heading in a section. */
void page_heading(struct page *page, struct page_text title);
/* What can be folded away; between these two comes what is always seen, then page_fold_body, then the rest. */
void page_fold(struct page *page, bool open);
void page_fold_body(struct page *page);
void page_fold_end(struct page *page);
void page_paragraph(struct page *page);
void page_paragraph_end(struct page *page);
/* A paragraph that is nothing but a sentence. */
#define page_sentence(page, ...) (page_paragraph(page), page_say(page, __VA_ARGS__), page_paragraph_end(page))
/* A block that stands out: what is to be done, what went wrong. */
void page_note(struct page *page, enum page_state state);
void page_note_end(struct page *page);
void page_list(struct page *page);
void page_item(struct page *page);
void page_list_end(struct page *page);
/* Names with what belongs to them. */
void page_terms(struct page *page);
void page_term(struct page *page, struct page_text name);
void page_terms_end(struct page *page);
/* The same as large figures beside each other. */
void page_tiles(struct page *page);
void page_tile(struct page *page, enum page_state state, struct page_text name);
void page_tiles_end(struct page *page);

struct page_column {
    struct page_text title;
    bool number; /* stands to the right */
};
enum { PAGE_COLUMNS_MAX = 16 };
/*
 * The first cell of a row is its heading. On a narrow screen each row becomes a block with the columns' names. A
 * caption that says the same as the section's title is for those only who do not see that.
 */
void page_table(struct page *page, struct page_text caption, const struct page_column *columns, size_t count);
/* The same of many rows: filtered and sorted by whoever reads it, where scripts run. */
void page_table_sorted(struct page *page, struct page_text caption, const struct page_column *columns, size_t count);
void page_row(struct page *page);
void page_cell(struct page *page);
void page_table_end(struct page *page);

/* Text kept as it is, line by line: a statement in JSON, the output of a program. */
void page_verbatim(struct page *page, const void *text, size_t size);

/* ---- Inside of blocks (page_inline.c) ---- */

/* A text with its arguments; a NULL among these ends them. */
void page_say_args(struct page *page, struct page_text text, const char *const *args);
#define page_say(page, ...)        page_say_(page, __VA_ARGS__, NULL)
#define page_say_(page, text, ...) page_say_args(page, text, (const char *const[]){__VA_ARGS__})
/* Text of no language, as it is: a name, a path, a message. NULL is a dash. */
void page_plain(struct page *page, const char *text);
/* Text that is in English on every page: a message of an error, what a program said. */
void page_english(struct page *page, const char *text);
void page_strong(struct page *page, const char *text);
/* A hash, an id, a command: in letters of one width. */
void page_code(struct page *page, const char *text);
/* Smaller, and in its own line: what explains the words before it. */
void page_aside(struct page *page);
void page_aside_end(struct page *page);
void page_badge(struct page *page, enum page_state state, struct page_text text);
/* To a section or anchor of this page. */
void page_link(struct page *page, const char *id, const char *text);
/* Where page_link leads to; in a block. */
void page_anchor(struct page *page, const char *id);
/* An instant in the page's zone, 0: never; a local day; sizes, counts, durations. */
void page_time(struct page *page, int64_t ns);
/* The same without the name of the zone, which the head of the page says: for columns. */
void page_clock(struct page *page, int64_t ns);
/* The name of a day, month or hour ("2026-10-31"), which is not broken; NULL: none. */
void page_date(struct page *page, const char *date);
void page_bytes(struct page *page, uint64_t bytes);
void page_count(struct page *page, uint64_t count);
void page_duration(struct page *page, int64_t ns);
/* Nothing to be seen: what a cell of a sorted table is sorted by, the least first. */
void page_rank(struct page *page, unsigned rank);

/* ---- The same as text, for arguments (page_format.c); out has PAGE_SMALL bytes and is returned ---- */

enum { PAGE_SMALL = 64 };
/* "2026-11-21 18:12 JST", "never". */
char *page_format_time(const struct page *page, int64_t ns, char *out);
/* "2026-11-21 (Sat)"; a day is one of base/civil.h. */
char *page_format_day(const struct page *page, int64_t day, char *out);
/* "2.9 GiB". */
char *page_format_bytes(uint64_t bytes, char *out);
/* "160,000". */
char *page_format_count(uint64_t count, char *out);
/* "3.2 s", "4 min 10 s", "3 days 4 h". */
char *page_format_duration(const struct page *page, int64_t ns, char *out);
/* "1.8" with so many decimals. */
char *page_format_decimal(double value, int decimals, char *out);

/* ---- Pictures (page_chart.c): drawn as SVG, said in words, with their figures as a table ---- */

enum page_chart_kind { PAGE_BARS, PAGE_LINES };
enum { PAGE_SERIES_MAX = 4, PAGE_POINTS_MAX = 400 };
/* A value of the axis as text. */
typedef char *page_format_value(const struct page *page, double value, char *out);

struct page_series {
    struct page_text name;
    const double *values; /* NAN: none */
};
struct page_chart {
    enum page_chart_kind kind;
    struct page_text title;
    struct page_text says;     /* what is drawn, for those who do not see it; figures are added */
    const char *const *labels; /* of the points, from left to right                     */
    size_t count;              /* of points, up to PAGE_POINTS_MAX                      */
    const struct page_series *series;
    size_t series_count;
    page_format_value *format;
};
void page_charts(struct page *page); /* charts beside each other */
/* Nothing is drawn where there is no value at all. */
void page_chart(struct page *page, const struct page_chart *chart);
void page_charts_end(struct page *page);
/* Values for page_chart: bytes, counts, decimals, seconds. */
char *page_value_bytes(const struct page *page, double value, char *out);
char *page_value_count(const struct page *page, double value, char *out);
char *page_value_decimal(const struct page *page, double value, char *out);
char *page_value_seconds(const struct page *page, double value, char *out);

/*
 * A calendar of months: what a day says about itself. An empty text leaves its cell empty. Days are those of
 * base/civil.h.
 */
struct page_calendar_day {
    enum page_state state;
    char text[PAGE_SMALL];
    char says[PAGE_SMALL]; /* in full, for those who do not see it; "": the text */
};
typedef void page_calendar_look(struct page *page, int64_t day, void *context, struct page_calendar_day *ret);
void page_calendar(struct page *page, struct page_text caption, int64_t first_day, size_t days,
                   page_calendar_look *look, void *context);
/* A row of small squares, one for each state; says: the same in words, with its arguments. */
void page_strip(struct page *page, const enum page_state *states, size_t count, struct page_text says,
                const char *const *args);

#endif
