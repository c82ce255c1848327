#include "report/page_internal.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Escaping: the one way that text takes ---- */

static void write_bytes(struct page *page, const char *text, size_t size)
{
    if (size > 0 && !page->failed && buf_append(&page->out, text, size, page->err) != 0)
        page->failed = true;
}

/* The characters that mean something in HTML, in text or in an attribute's quotes. */
static const char *entity(int32_t code)
{
    switch (code) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* What acts instead of being seen is spelled out. Lines may end, and be indented: that is whitespace to a browser. */
static bool is_unseen(int32_t code)
{
    return code != '\n' && code != '\t' && utf8_is_control(code);
}

void page_escape(struct page *page, const char *text, size_t size)
{
    size_t done = 0;
    for (size_t at = 0; at < size;) {
        size_t from = at;
        char spelled[16];
        int32_t code = utf8_next(text, size, &at);
        const char *instead = code < 0 ? "\xef\xbf\xbd" : entity(code);
        if (instead == NULL && is_unseen(code)) {
            (void)snprintf(spelled, sizeof spelled, "\\u%04" PRIx32, (uint32_t)code);
            instead = spelled;
        }
        if (instead == NULL)
            continue;
        write_bytes(page, text + done, from - done);
        page_raw(page, instead);
        done = at;
    }
    write_bytes(page, text + done, size - done);
}

void page_escape_text(struct page *page, const char *text)
{
    page_escape(page, text, strlen(text));
}

/* Letters that are read from right to left: blocks of Unicode whose direction is R or AL (UAX 9). */
static bool is_from_right(int32_t code)
{
    static const struct {
        int32_t first, last;
    } blocks[] = {{0x0590, 0x08ff}, {0xfb1d, 0xfdff}, {0xfe70, 0xfeff}, {0x10800, 0x10fff}, {0x1e800, 0x1efff}};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        if (code >= blocks[i].first && code <= blocks[i].last)
            return true;
    return false;
}

/* Text of anybody's in a sentence of ours: if it runs from right to left, what stands around it keeps its order. */
static void write_inline(struct page *page, const char *text)
{
    bool from_right = false;
    for (size_t at = 0, size = strlen(text); at < size && !from_right;)
        from_right = is_from_right(utf8_next(text, size, &at));
    page_raw(page, from_right ? "<bdi>" : "");
    page_escape_text(page, text);
    page_raw(page, from_right ? "</bdi>" : "");
}

/* "|day|days}" behind a number: the first for "1", the second for all others. Returns what is behind the brace. */
static const char *say_plural(struct page *page, const char *forms, bool one)
{
    const char *middle = strchr(forms, '|');
    const char *end = strchr(forms, '}');
    if (middle == NULL || end == NULL || middle > end)
        return forms;
    page_raw(page, " ");
    if (one)
        page_escape(page, forms, (size_t)(middle - forms));
    else
        page_escape(page, middle + 1, (size_t)(end - middle - 1));
    return end + 1;
}

/* Where a pair is written: in an attribute there are no elements. */
struct saying {
    struct page *page;
    bool in_attribute;
    bool in_code;
};

/* A part of the pair itself. What stands in backquotes is a command. */
static void say_part(struct saying *saying, const char *text, size_t size)
{
    for (const char *tick; !saying->in_attribute && (tick = memchr(text, '`', size)) != NULL;) {
        page_escape(saying->page, text, (size_t)(tick - text));
        page_raw(saying->page, saying->in_code ? "</code>" : "<code>");
        saying->in_code = !saying->in_code;
        size -= (size_t)(tick + 1 - text);
        text = tick + 1;
    }
    page_escape(saying->page, text, size);
}

static void say(struct saying *saying, struct page_text text, const char *const *args)
{
    struct page *page = saying->page;
    size_t count = 0;
    while (args[count] != NULL)
        count++;
    const char *p = page_pick(page, text);
    for (const char *brace; (brace = strchr(p, '{')) != NULL;) {
        say_part(saying, p, (size_t)(brace - p));
        size_t number = (size_t)(unsigned char)brace[1] - '1';
        bool plural = brace[1] != '\0' && brace[2] == '|';
        if (number >= count || (brace[2] != '}' && !plural)) {
            page_escape(page, brace, 1); /* no place for an argument: a brace */
            p = brace + 1;
            continue;
        }
        if (saying->in_attribute)
            page_escape_text(page, args[number]);
        else
            write_inline(page, args[number]);
        p = plural ? say_plural(page, brace + 3, strcmp(args[number], "1") == 0) : brace + 3;
    }
    say_part(saying, p, strlen(p));
    page_raw(page, saying->in_code ? "</code>" : "");
}

void page_escape_say(struct page *page, struct page_text text, const char *const *args)
{
    struct saying saying = {.page = page, .in_attribute = true};
    say(&saying, text, args);
}

/* ---- Inside of blocks ---- */

void page_say_args(struct page *page, struct page_text text, const char *const *args)
{
    struct saying saying = {.page = page};
    say(&saying, text, args);
}

void page_plain(struct page *page, const char *text)
{
    write_inline(page, text != NULL && text[0] != '\0' ? text : "–");
}

void page_english(struct page *page, const char *text)
{
    bool is_foreign = page->lang != PAGE_EN && text != NULL && text[0] != '\0';
    page_raw(page, is_foreign ? "<span lang=\"en\">" : "");
    page_plain(page, text);
    page_raw(page, is_foreign ? "</span>" : "");
}

void page_strong(struct page *page, const char *text)
{
    page_raw(page, "<strong>");
    page_plain(page, text);
    page_raw(page, "</strong>");
}

void page_code(struct page *page, const char *text)
{
    page_raw(page, "<code>");
    page_plain(page, text);
    page_raw(page, "</code>");
}

void page_aside(struct page *page)
{
    page_open(page, ELEMENT_ASIDE, "<small>");
}

void page_aside_end(struct page *page)
{
    page_close(page, ELEMENT_ASIDE);
}

void page_badge(struct page *page, enum page_state state, struct page_text text)
{
    page_raw(page, "<span class=\"badge ");
    page_raw(page, page_state_class(state));
    page_raw(page, "\">");
    page_escape_text(page, page_pick(page, text));
    page_raw(page, "</span>");
}

void page_link(struct page *page, const char *id, const char *text)
{
    page_raw(page, "<a href=\"#");
    page_id(page, id);
    page_raw(page, "\">");
    page_plain(page, text);
    page_raw(page, "</a>");
}

void page_anchor(struct page *page, const char *id)
{
    page_raw(page, "<span id=\"");
    page_id(page, id);
    page_raw(page, "\"></span>");
}

static void write_time(struct page *page, int64_t ns, bool with_zone)
{
    char text[PAGE_SMALL];
    char machine[CLOCK_TEXT_SIZE];
    (void)page_format_time(page, ns, text);
    if (ns == 0) {
        page_escape_text(page, text);
        return;
    }
    if (!with_zone)
        text[strlen("2026-11-21 18:12")] = '\0';
    page_raw(page, "<time datetime=\"");
    page_raw(page, clock_format(ns, machine));
    page_raw(page, "\">");
    page_escape_text(page, text);
    page_raw(page, "</time>");
}

void page_time(struct page *page, int64_t ns)
{
    write_time(page, ns, true);
}

void page_clock(struct page *page, int64_t ns)
{
    write_time(page, ns, false);
}

void page_date(struct page *page, const char *date)
{
    if (date == NULL) {
        page_plain(page, NULL);
        return;
    }
    page_raw(page, "<time>");
    page_escape_text(page, date);
    page_raw(page, "</time>");
}

/* A figure; in a table that can be sorted, with what it is sorted by. */
static void write_figure(struct page *page, const char *text, int64_t value)
{
    char number[PAGE_SMALL];
    if (page->sorting) {
        (void)snprintf(number, sizeof number, "<data value=\"%" PRId64 "\">", value);
        page_raw(page, number);
    }
    page_escape_text(page, text);
    page_raw(page, page->sorting ? "</data>" : "");
}

void page_bytes(struct page *page, uint64_t bytes)
{
    char text[PAGE_SMALL];
    write_figure(page, page_format_bytes(bytes, text), bytes < INT64_MAX ? (int64_t)bytes : INT64_MAX);
}

void page_count(struct page *page, uint64_t count)
{
    char text[PAGE_SMALL];
    write_figure(page, page_format_count(count, text), count < INT64_MAX ? (int64_t)count : INT64_MAX);
}

void page_duration(struct page *page, int64_t ns)
{
    char text[PAGE_SMALL];
    write_figure(page, page_format_duration(page, ns, text), ns / NS_PER_S);
}

void page_rank(struct page *page, unsigned rank)
{
    write_figure(page, "", rank);
}
