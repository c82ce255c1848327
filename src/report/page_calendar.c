#include "report/page_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void open_month(struct page *page, struct page_text caption, const struct civil_date *date)
{
    static const struct page_text weekdays[] = {{"Mon", "月"}, {"Tue", "火"}, {"Wed", "水"}, {"Thu", "木"},
                                                {"Fri", "金"}, {"Sat", "土"}, {"Sun", "日"}};
    char month[PAGE_SMALL];
    (void)snprintf(month, sizeof month, "%04" PRId64 "-%02d", date->year, date->month);
    page_raw(page, "<table class=\"month\"><caption><span class=\"unseen\">");
    page_escape_text(page, page_pick(page, caption));
    page_raw(page, " </span>");
    page_escape_text(page, month);
    page_raw(page, "</caption>\n<thead><tr>");
    for (size_t i = 0; i < 7; i++) {
        page_raw(page, "<th scope=\"col\">");
        page_escape_text(page, page_pick(page, weekdays[i]));
        page_raw(page, "</th>");
    }
    page_raw(page, "</tr></thead>\n<tbody>\n");
}

static void draw_day(struct page *page, int64_t day, page_calendar_look *look, void *context)
{
    struct page_calendar_day says = {.state = PAGE_PLAIN};
    char number[PAGE_SMALL];
    look(page, day, context, &says);
    (void)snprintf(number, sizeof number, "%d", civil_date_of(day).day);
    page_raw(page, "<td class=\"");
    page_raw(page, says.text[0] != '\0' ? page_state_class(says.state) : "none");
    page_raw(page, "\"><span class=\"day\">");
    page_raw(page, number);
    page_raw(page, "</span>");
    if (says.text[0] != '\0') {
        page_raw(page, says.says[0] != '\0' ? "<span class=\"says\" aria-hidden=\"true\">" : "<span class=\"says\">");
        page_escape_text(page, says.text);
        page_raw(page, "</span>");
    }
    if (says.says[0] != '\0') {
        page_raw(page, "<span class=\"unseen\">");
        page_escape_text(page, says.says);
        page_raw(page, "</span>");
    }
    page_raw(page, "</td>");
}

/* A week's row from its Monday; days outside of the month, or of what is asked for, are empty cells. */
static void draw_week(struct page *page, int64_t monday, int64_t first, int64_t end, page_calendar_look *look,
                      void *context)
{
    page_raw(page, "<tr>");
    for (int64_t day = monday; day < monday + 7; day++) {
        if (day < first || day >= end)
            page_raw(page, "<td></td>");
        else
            draw_day(page, day, look, context);
    }
    page_raw(page, "</tr>\n");
}

void page_calendar(struct page *page, struct page_text caption, int64_t first_day, size_t days,
                   page_calendar_look *look, void *context)
{
    int64_t end = first_day + (int64_t)days;
    page_raw(page, "<div class=\"months\">\n");
    for (int64_t day = first_day; day < end;) {
        struct civil_date date = civil_date_of(day);
        int64_t month_start = civil_days(date.year, date.month, 1);
        int64_t month_end = month_start + civil_days_of_month(date.year, date.month);
        int64_t stop = month_end < end ? month_end : end;
        open_month(page, caption, &date);
        for (int64_t monday = day - (civil_weekday(day) + 6) % 7; monday < stop; monday += 7)
            draw_week(page, monday, day, stop, look, context);
        page_raw(page, "</tbody></table>\n");
        day = stop;
    }
    page_raw(page, "</div>\n");
}

/* One path for each state: a thousand strips must not make a page heavy. */
void page_strip(struct page *page, const enum page_state *states, size_t count, struct page_text says,
                const char *const *args)
{
    char text[PAGE_SMALL];
    (void)snprintf(text, sizeof text, "<svg class=\"strip\" role=\"img\" viewBox=\"0 0 %zu 8\"", count * 9);
    page_raw(page, text);
    page_raw(page, " aria-label=\"");
    page_escape_say(page, says, args);
    page_raw(page, "\">");
    for (enum page_state state = PAGE_GOOD; state <= PAGE_PLAIN; state++) {
        bool any = false;
        for (size_t i = 0; i < count; i++) {
            if (states[i] != state)
                continue;
            if (!any) {
                page_raw(page, "<path class=\"");
                page_raw(page, page_state_class(state));
                page_raw(page, "\" d=\"");
                any = true;
            }
            /* Full height or half: not told by colour alone. */
            bool full = state == PAGE_GOOD;
            (void)snprintf(text, sizeof text, full ? "M%zu 0h8v8h-8z" : "M%zu 5h8v3h-8z", i * 9);
            page_raw(page, text);
        }
        page_raw(page, any ? "\"/>" : "");
    }
    page_raw(page, "</svg>");
}
