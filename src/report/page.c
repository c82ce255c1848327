#include "report/page_internal.h"

#include "base/base64.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "hikae.h"

#include <stdio.h>
#include <string.h>

static const char *const closing[ELEMENT_COUNT] = {
    [ELEMENT_SECTION] = "</section>\n",
    [ELEMENT_FOLD] = "</details>\n",
    [ELEMENT_SUMMARY] = "</summary>\n",
    [ELEMENT_FOLD_BODY] = "</div>\n",
    [ELEMENT_PARAGRAPH] = "</p>\n",
    [ELEMENT_NOTE] = "</div>\n",
    [ELEMENT_LIST] = "</ul>\n",
    [ELEMENT_ITEM] = "</li>\n",
    [ELEMENT_TERMS] = "</dl>\n",
    [ELEMENT_TERM] = "</dd></div>\n",
    [ELEMENT_TILES] = "</dl>\n",
    [ELEMENT_TILE] = "</dd></div>\n",
    [ELEMENT_TABLE] = "</tbody></table></div>\n",
    [ELEMENT_ROW] = "</tr>\n",
    [ELEMENT_HEAD_CELL] = "</th>",
    [ELEMENT_CELL] = "</td>",
    [ELEMENT_ASIDE] = "</small>",
    [ELEMENT_CHARTS] = "</div>\n",
};

static const char *const lang_names[] = {[PAGE_EN] = "en", [PAGE_JA] = "ja"};

/* ---- Writing ---- */

void page_raw(struct page *page, const char *markup)
{
    if (!page->failed && buf_append(&page->out, markup, strlen(markup), page->err) != 0)
        page->failed = true;
}

void page_number(struct page *page, double value)
{
    char text[PAGE_SMALL];
    (void)snprintf(text, sizeof text, "%.1f", value);
    page_raw(page, text);
}

void page_id(struct page *page, const char *id)
{
    if (page->both) {
        page_raw(page, lang_names[page->lang]);
        page_raw(page, "-");
    }
    page_escape_text(page, id);
}

void page_open(struct page *page, enum page_element element, const char *markup)
{
    if (page->depth == PAGE_DEPTH_MAX) {
        page->unbalanced = true;
        return;
    }
    page->open[page->depth++] = element;
    page_raw(page, markup);
}

void page_close(struct page *page, enum page_element element)
{
    if (page->depth == 0 || page->open[page->depth - 1] != element) {
        page->unbalanced = true;
        return;
    }
    page->depth--;
    page_raw(page, closing[element]);
}

void page_close_if(struct page *page, enum page_element element)
{
    if (page->depth > 0 && page->open[page->depth - 1] == element)
        page_close(page, element);
}

enum page_lang page_lang(const struct page *page)
{
    return page->lang;
}

const char *page_pick(const struct page *page, struct page_text text)
{
    return page->lang == PAGE_JA ? text.ja : text.en;
}

const char *page_state_class(enum page_state state)
{
    static const char *const classes[] = {
        [PAGE_GOOD] = "good",       [PAGE_WARN] = "warn",   [PAGE_BAD] = "bad",
        [PAGE_UNKNOWN] = "unknown", [PAGE_PLAIN] = "plain",
    };
    return classes[state];
}

/* ---- The page around what is drawn ---- */

static const struct page_text text_skip = {"Skip to the contents", "本文へ移動"};
static const struct page_text text_contents = {"Contents", "目次"};
static const struct page_text text_made = {"Made {1} by hikae {2}. Times: {3}.",
                                           "{1} に hikae {2} が作成。時刻: {3}。"};
static const struct page_text text_test = {"This store has a test clock: its times prove nothing.",
                                           "このストアはテスト用の時計を使っています。時刻は何の証明にもなりません。"};

/* The base64 of the hash of lines up to a NULL (mem_free); NULL and err. */
static char *hash_lines(const char *const lines[], struct error *err)
{
    uint8_t bytes[SHA256_SIZE];
    struct sha256 *hash = sha256_new();
    int rc = hash != NULL ? sha256_start(hash, err) : error_no_memory(err);
    for (size_t i = 0; rc == 0 && lines[i] != NULL; i++)
        rc = sha256_update(hash, lines[i], strlen(lines[i]), err);
    if (rc == 0)
        rc = sha256_finish(hash, bytes, err);
    sha256_free(hash);
    if (rc != 0)
        return NULL;
    char *text = base64_encode(bytes, sizeof bytes);
    if (text == NULL)
        (void)error_no_memory(err);
    return text;
}

static void write_hash(struct page *page, const char *directive, const char *const lines[])
{
    if (page->failed)
        return;
    char CLEANUP_FREE *hash = hash_lines(lines, page->err);
    page->failed = hash == NULL;
    page_raw(page, directive);
    page_raw(page, " 'sha256-");
    page_raw(page, hash != NULL ? hash : "");
    page_raw(page, "';");
}

/*
 * The policy of content security allows one stylesheet, and the one script that sorts tables where there is one to
 * sort, each by its hash, and nothing else at all: no other script, no fetch.
 */
static void write_policy(struct page *page)
{
    page_raw(page, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';");
    write_hash(page, " style-src", page_style);
    if (page->sorts)
        write_hash(page, " script-src", page_script);
    page_raw(page, " base-uri 'none'; form-action 'none'\">\n");
}

static void write_title(struct page *page)
{
    page_escape_text(page, page_pick(page, page->head->title));
    if (page->head->about != NULL) {
        page_raw(page, ": ");
        page_escape_text(page, page->head->about);
    }
}

static void write_top(struct page *page)
{
    page_raw(page, "<!DOCTYPE html>\n<html lang=\"");
    page_raw(page, lang_names[page->lang]);
    page_raw(page, "\">\n<head>\n<meta charset=\"utf-8\">\n");
    write_policy(page);
    page_raw(page,
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
             "<meta name=\"robots\" content=\"noindex\">\n<title>");
    write_title(page);
    page_raw(page, "</title>\n<style>");
    for (size_t i = 0; page_style[i] != NULL; i++)
        page_raw(page, page_style[i]);
    page_raw(page, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#");
    page_id(page, "contents");
    page_raw(page, "\">");
    page_escape_text(page, page_pick(page, text_skip));
    page_raw(page, "</a>\n");
}

static void write_heading(struct page *page, enum page_lang other)
{
    char made[PAGE_SMALL];
    const char *zone = page->head->zone != NULL ? zone_name(page->head->zone) : "UTC";
    page_raw(page, "<header>\n<h1>");
    page_escape_text(page, page_pick(page, page->head->title));
    if (page->head->about != NULL) {
        page_raw(page, " <span class=\"about\">");
        page_escape_text(page, page->head->about);
        page_raw(page, "</span>");
    }
    page_raw(page, "</h1>\n<p class=\"made\">");
    page_say(page, text_made, page_format_time(page, page->head->made_ns, made), HIKAE_VERSION, zone);
    page_raw(page, "</p>\n");
    if (page->both) {
        page_raw(page, "<p class=\"lang\"><a lang=\"");
        page_raw(page, lang_names[other]);
        page_raw(page, "\" href=\"#");
        page_raw(page, lang_names[other]);
        page_raw(page, other == PAGE_JA ? "\">日本語</a></p>\n" : "\">English</a></p>\n");
    }
    if (page->head->test_clock) {
        page_note(page, PAGE_WARN);
        page_say(page, text_test);
        page_note_end(page);
    }
    page_raw(page, "</header>\n");
}

static void write_contents(struct page *page)
{
    if (page->section_count < 3)
        return;
    page_raw(page, "<nav aria-label=\"");
    page_escape_text(page, page_pick(page, text_contents));
    page_raw(page, "\"><ul>\n");
    for (size_t i = 0; i < page->section_count; i++) {
        page_raw(page, "<li>");
        page_link(page, page->sections[i].id, page_pick(page, page->sections[i].title));
        page_raw(page, "</li>\n");
    }
    page_raw(page, "</ul></nav>\n");
}

/*
 * One language is the page: its header, contents and main part. Two are articles of one main part, since a page has
 * only one of these. The contents are known when all is drawn: what is drawn is put aside until they are written.
 */
static void write_language(struct page *page, enum page_lang lang, enum page_lang other, page_draw *draw, void *context)
{
    page->lang = lang;
    page->section_count = 0;
    page->charts = 0;
    struct buf before = page->out;
    page->out = (struct buf){0};
    draw(page, context);
    struct buf drawn = page->out;
    page->out = before;
    if (page->both) {
        page_raw(page, "<article lang=\"");
        page_raw(page, lang_names[lang]);
        page_raw(page, "\" id=\"");
        page_raw(page, lang_names[lang]);
        page_raw(page, "\">\n");
    }
    write_heading(page, other);
    write_contents(page);
    page_raw(page, page->both ? "<div id=\"" : "<main id=\"");
    page_id(page, "contents");
    page_raw(page, "\" tabindex=\"-1\">\n");
    if (!page->failed && buf_append(&page->out, drawn.data, drawn.size, page->err) != 0)
        page->failed = true;
    buf_free(&drawn);
    page_raw(page, page->both ? "</div>\n</article>\n" : "</main>\n");
}

static void write_body(struct page *page, enum page_lang first, enum page_lang second, page_draw *draw, void *context)
{
    page_raw(page, page->both ? "<main>\n" : "");
    write_language(page, first, second, draw, context);
    if (page->both)
        write_language(page, second, first, draw, context);
    page_raw(page, page->both ? "</main>\n" : "");
    page_raw(page, page->sorts ? "<script>" : "");
    for (size_t i = 0; page->sorts && page_script[i] != NULL; i++)
        page_raw(page, page_script[i]);
    page_raw(page, page->sorts ? "</script>\n" : "");
    page_raw(page, "</body>\n</html>\n");
}

/* What stands at the top depends on what is drawn below it, and so is written last. */
int page_write(const struct page_head *head, page_draw *draw, void *context, struct buf *out, struct error *err)
{
    enum page_lang first = head->langs == PAGE_ONLY_JA || head->langs == PAGE_JA_EN ? PAGE_JA : PAGE_EN;
    enum page_lang second = first == PAGE_JA ? PAGE_EN : PAGE_JA;
    struct page page = {.head = head, .err = err};
    page.both = head->langs == PAGE_EN_JA || head->langs == PAGE_JA_EN;
    write_body(&page, first, second, draw, context);
    struct buf body = page.out;
    page.out = (struct buf){0};
    page.lang = first;
    write_top(&page);
    int rc = page.failed ? -1 : 0;
    if (rc == 0 && (page.unbalanced || page.depth != 0))
        rc = error_set(err, ERROR_INTERNAL, "the page '%s' has a block that is not closed", head->title.en);
    if (rc == 0)
        rc = buf_append(out, page.out.data, page.out.size, err);
    if (rc == 0)
        rc = buf_append(out, body.data, body.size, err);
    buf_free(&page.out);
    buf_free(&body);
    return rc;
}
