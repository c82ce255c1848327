/* What the files of the page writer share: the page, elements with what closes them, and the one way for text. */
#ifndef HIKAE_REPORT_PAGE_INTERNAL_H
#define HIKAE_REPORT_PAGE_INTERNAL_H

#include "report/page.h"

enum { PAGE_DEPTH_MAX = 32, PAGE_SECTIONS_MAX = 64 };

/* What can be open. Those that a next one closes by itself are marked so in page.c's table. */
enum page_element {
    ELEMENT_SECTION,
    ELEMENT_FOLD,
    ELEMENT_SUMMARY,
    ELEMENT_FOLD_BODY,
    ELEMENT_PARAGRAPH,
    ELEMENT_NOTE,
    ELEMENT_LIST,
    ELEMENT_ITEM,
    ELEMENT_TERMS,
    ELEMENT_TERM,
    ELEMENT_TILES,
    ELEMENT_TILE,
    ELEMENT_TABLE,
    ELEMENT_ROW,
    ELEMENT_HEAD_CELL,
    ELEMENT_CELL,
    ELEMENT_ASIDE,
    ELEMENT_CHARTS,
    ELEMENT_COUNT
};

struct page {
    const struct page_head *head;
    enum page_lang lang;
    bool both; /* ids have the language in front */
    struct buf out;
    enum page_element open[PAGE_DEPTH_MAX];
    size_t depth;
    bool unbalanced; /* a block was closed that is not the last one open */
    struct {
        char id[PAGE_SMALL];
        struct page_text title;
    } sections[PAGE_SECTIONS_MAX];
    size_t section_count;
    struct page_column columns[PAGE_COLUMNS_MAX];
    size_t column_count;
    size_t column;
    unsigned charts; /* so far, for ids */
    bool sorting;    /* the table that is open can be sorted: figures say themselves in full */
    bool sorts;      /* one of the tables can                                               */
    bool failed;     /* err has the first failure; nothing is written any more */
    struct error *err;
};

/* Markup of ours, as it is. */
void page_raw(struct page *page, const char *markup);
/* Text of anybody's, escaped so that it is right between tags and in quoted attributes. */
void page_escape(struct page *page, const char *text, size_t size);
void page_escape_text(struct page *page, const char *text);
/* A pair with its arguments, escaped: for an attribute. */
void page_escape_say(struct page *page, struct page_text text, const char *const *args);
/* An id of this page: `id`, with the language in front where both are there. */
void page_id(struct page *page, const char *id);
void page_number(struct page *page, double value);
void page_open(struct page *page, enum page_element element, const char *markup);
void page_close(struct page *page, enum page_element element);
/* Close it if it is the last one open. */
void page_close_if(struct page *page, enum page_element element);

/* "good", "warn", "bad", "unknown", "plain". */
const char *page_state_class(enum page_state state);

/* The stylesheet, and the script that filters and sorts tables, line by line, up to a NULL. */
extern const char *const page_style[];
extern const char *const page_script[];

#endif
