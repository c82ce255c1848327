#include "report/page_internal.h"

#include <stdio.h>
#include <string.h>

void page_section(struct page *page, const char *id, struct page_text title)
{
    if (page->section_count < PAGE_SECTIONS_MAX) {
        (void)snprintf(page->sections[page->section_count].id, PAGE_SMALL, "%s", id);
        page->sections[page->section_count++].title = title;
    }
    page_open(page, ELEMENT_SECTION, "<section id=\"");
    page_id(page, id);
    page_raw(page, "\" aria-labelledby=\"");
    page_id(page, id);
    page_raw(page, "-h\">\n<h2 id=\"");
    page_id(page, id);
    page_raw(page, "-h\">");
    page_escape_text(page, page_pick(page, title));
    page_raw(page, "</h2>\n");
}

void page_section_end(struct page *page)
{
    page_close(page, ELEMENT_SECTION);
}

void page_heading(struct page *page, struct page_text title)
{
    page_raw(page, "<h3>");
    page_escape_text(page, page_pick(page, title));
    page_raw(page, "</h3>\n");
}

void page_fold(struct page *page, bool open)
{
    page_open(page, ELEMENT_FOLD, open ? "<details open>" : "<details>");
    page_open(page, ELEMENT_SUMMARY, "<summary>");
}

void page_fold_body(struct page *page)
{
    page_close(page, ELEMENT_SUMMARY);
    page_open(page, ELEMENT_FOLD_BODY, "<div class=\"body\">");
}

void page_fold_end(struct page *page)
{
    page_close(page, ELEMENT_FOLD_BODY);
    page_close(page, ELEMENT_FOLD);
}

void page_paragraph(struct page *page)
{
    page_open(page, ELEMENT_PARAGRAPH, "<p>");
}

void page_paragraph_end(struct page *page)
{
    page_close(page, ELEMENT_PARAGRAPH);
}

void page_note(struct page *page, enum page_state state)
{
    page_open(page, ELEMENT_NOTE, "<div role=\"note\" class=\"note ");
    page_raw(page, page_state_class(state));
    page_raw(page, "\">");
}

void page_note_end(struct page *page)
{
    page_close(page, ELEMENT_NOTE);
}

void page_list(struct page *page)
{
    page_open(page, ELEMENT_LIST, "<ul>\n");
}

void page_item(struct page *page)
{
    page_close_if(page, ELEMENT_ITEM);
    page_open(page, ELEMENT_ITEM, "<li>");
}

void page_list_end(struct page *page)
{
    page_close_if(page, ELEMENT_ITEM);
    page_close(page, ELEMENT_LIST);
}

void page_terms(struct page *page)
{
    page_open(page, ELEMENT_TERMS, "<dl class=\"terms\">\n");
}

void page_term(struct page *page, struct page_text name)
{
    page_close_if(page, ELEMENT_TERM);
    page_open(page, ELEMENT_TERM, "<div><dt>");
    page_escape_text(page, page_pick(page, name));
    page_raw(page, "</dt><dd>");
}

void page_terms_end(struct page *page)
{
    page_close_if(page, ELEMENT_TERM);
    page_close(page, ELEMENT_TERMS);
}

void page_tiles(struct page *page)
{
    page_open(page, ELEMENT_TILES, "<dl class=\"tiles\">\n");
}

void page_tile(struct page *page, enum page_state state, struct page_text name)
{
    page_close_if(page, ELEMENT_TILE);
    page_open(page, ELEMENT_TILE, "<div class=\"");
    page_raw(page, page_state_class(state));
    page_raw(page, "\"><dt>");
    page_escape_text(page, page_pick(page, name));
    page_raw(page, "</dt><dd>");
}

void page_tiles_end(struct page *page)
{
    page_close_if(page, ELEMENT_TILE);
    page_close(page, ELEMENT_TILES);
}

static void open_table(struct page *page, struct page_text caption, const struct page_column *columns, size_t count,
                       const char *markup)
{
    page->column_count = count < PAGE_COLUMNS_MAX ? count : PAGE_COLUMNS_MAX;
    memcpy(page->columns, columns, page->column_count * sizeof *columns);
    /* The frame can be scrolled, and so must be reached by the keyboard and have a name. */
    page_open(page, ELEMENT_TABLE, "<div class=\"frame\" role=\"region\" tabindex=\"0\" aria-label=\"");
    page_escape_text(page, page_pick(page, caption));
    bool known = page->section_count > 0 &&
                 strcmp(page_pick(page, page->sections[page->section_count - 1].title), page_pick(page, caption)) == 0;
    page_raw(page, "\"><table class=\"rows");
    page_raw(page, markup);
    page_raw(page, known ? "\">\n<caption class=\"unseen\">" : "\">\n<caption>");
    page_escape_text(page, page_pick(page, caption));
    page_raw(page, "</caption>\n<thead><tr>");
    for (size_t i = 0; i < page->column_count; i++) {
        page_raw(page, columns[i].number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
        page_escape_text(page, page_pick(page, columns[i].title));
        page_raw(page, "</th>");
    }
    page_raw(page, "</tr></thead>\n<tbody>\n");
}

void page_table(struct page *page, struct page_text caption, const struct page_column *columns, size_t count)
{
    page->sorting = false;
    open_table(page, caption, columns, count, "");
}

/* What the script says is in the attributes: the script itself is in no language. */
void page_table_sorted(struct page *page, struct page_text caption, const struct page_column *columns, size_t count)
{
    bool ja = page->lang == PAGE_JA;
    page->sorting = page->sorts = true;
    open_table(page, caption, columns, count,
               ja ? " sorted\" data-filter=\"絞り込み\" data-count=\"{2} 件中 {1} 件を表示\" data-sort=\"並べ替え"
                  : " sorted\" data-filter=\"Filter\" data-count=\"{1} of {2} shown\" data-sort=\"Sort by");
}

static void end_cell(struct page *page)
{
    page_close_if(page, ELEMENT_CELL);
    page_close_if(page, ELEMENT_HEAD_CELL);
}

void page_row(struct page *page)
{
    end_cell(page);
    page_close_if(page, ELEMENT_ROW);
    page_open(page, ELEMENT_ROW, "<tr>");
    page->column = 0;
}

void page_cell(struct page *page)
{
    end_cell(page);
    if (page->column >= page->column_count) {
        page->unbalanced = true;
        return;
    }
    const struct page_column *column = &page->columns[page->column];
    if (page->column++ == 0) {
        page_open(page, ELEMENT_HEAD_CELL, column->number ? "<th scope=\"row\" class=\"n\">" : "<th scope=\"row\">");
        return;
    }
    page_open(page, ELEMENT_CELL, column->number ? "<td class=\"n\" data-l=\"" : "<td data-l=\"");
    page_escape_text(page, page_pick(page, column->title));
    page_raw(page, "\">");
}

void page_table_end(struct page *page)
{
    end_cell(page);
    page_close_if(page, ELEMENT_ROW);
    page_close(page, ELEMENT_TABLE);
    page->sorting = false;
}

void page_verbatim(struct page *page, const void *text, size_t size)
{
    page_raw(page, "<pre tabindex=\"0\">");
    page_escape(page, text, size);
    page_raw(page, "</pre>\n");
}
