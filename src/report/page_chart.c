#include "report/page_internal.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>

/* In units of the drawing, which is scaled to the room there is: letters stay readable on a phone. */
enum { WIDTH = 400, HEIGHT = 190, LEFT = 66, RIGHT = 10, TOP = 10, BOTTOM = 24, LINES_MAX = 5 };

struct frame {
    struct page *page;
    const struct page_chart *chart;
    double step; /* between two lines of the grid                */
    double top;  /* value at the upper end; the lower end is 0   */
    double unit; /* that the steps are round in                  */
};

void page_charts(struct page *page)
{
    page_open(page, ELEMENT_CHARTS, "<div class=\"charts\">\n");
}

void page_charts_end(struct page *page)
{
    page_close(page, ELEMENT_CHARTS);
}

/* The next of 1, 2, 2.5, 5 times a power of ten. */
static double round_up(double value)
{
    static const double steps[] = {1, 2, 2.5, 5, 10};
    double power = 1;
    if (!(value > 0))
        return 1;
    while (power > value)
        power /= 10;
    while (power * 10 <= value)
        power *= 10;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (value <= steps[i] * power * (1 + 1e-9))
            return steps[i] * power;
    return 10 * power;
}

/* Lines at round values of the unit that their labels have. */
static void find_scale(struct frame *frame)
{
    const struct page_chart *chart = frame->chart;
    double most = 0;
    double unit = 1;
    for (size_t s = 0; s < chart->series_count; s++)
        for (size_t i = 0; i < chart->count; i++)
            if (chart->series[s].values[i] > most)
                most = chart->series[s].values[i];
    while (chart->format == page_value_bytes && most / unit >= 1024)
        unit *= 1024;
    if (chart->format == page_value_seconds && most >= 120)
        unit = most < 7200 ? 60 : 3600;
    frame->unit = unit;
    frame->step = round_up(most / unit / (LINES_MAX - 1)) * unit;
    /* Things are counted in whole numbers. */
    if (chart->format == page_value_count && frame->step < 1)
        frame->step = 1;
    while (frame->top < most || frame->top <= 0)
        frame->top += frame->step;
}

static double x_of(const struct frame *frame, double point)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (point + 0.5) / (double)frame->chart->count;
}

static double y_of(const struct frame *frame, double value)
{
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / frame->top;
}

static void attribute(struct page *page, const char *name, double value)
{
    page_raw(page, name);
    page_raw(page, "=\"");
    page_number(page, value);
    page_raw(page, "\" ");
}

/* Along an axis there is room for one unit, and as many digits as tell two lines apart. */
static char *format_axis(const struct frame *frame, double value, char *out)
{
    static const struct {
        double seconds;
        struct page_text name;
    } units[] = {{1, {"s", "秒"}}, {60, {"min", "分"}}, {3600, {"h", "時間"}}};
    const struct page_chart *chart = frame->chart;
    double step = frame->step / frame->unit;
    int decimals = step >= 1 && floor(step) == step ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;
    const char *name = "";
    if (chart->format != page_value_seconds && chart->format != page_value_decimal)
        return chart->format(frame->page, value, out);
    for (size_t i = 0; chart->format == page_value_seconds && i < sizeof units / sizeof units[0]; i++)
        if (units[i].seconds <= frame->unit)
            name = page_pick(frame->page, units[i].name);
    (void)snprintf(out, PAGE_SMALL, "%.*f%s%s", decimals, value / frame->unit, name[0] != '\0' ? " " : "", name);
    return out;
}

static void draw_grid(const struct frame *frame)
{
    struct page *page = frame->page;
    char text[PAGE_SMALL];
    long lines = lround(frame->top / frame->step);
    for (long i = 0; i <= lines; i++) {
        double value = (double)i * frame->step;
        page_raw(page, "<line class=\"grid\" ");
        attribute(page, "x1", LEFT);
        attribute(page, "x2", WIDTH - RIGHT);
        attribute(page, "y1", y_of(frame, value));
        attribute(page, "y2", y_of(frame, value));
        page_raw(page, "/><text class=\"y\" ");
        attribute(page, "x", LEFT - 6);
        attribute(page, "y", y_of(frame, value) + 4);
        page_raw(page, ">");
        page_escape_text(page, format_axis(frame, value, text));
        page_raw(page, "</text>\n");
    }
}

/* The first, the middle and the last: more would not fit. */
static void draw_labels(const struct frame *frame)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    struct page *page = frame->page;
    size_t last = frame->chart->count - 1;
    size_t at[] = {0, last / 2, last};
    double x[] = {LEFT, x_of(frame, (double)at[1]), WIDTH - RIGHT};
    for (size_t i = 0; i < 3; i++) {
        if (i > 0 && (at[i] == at[i - 1] || (i == 1 && frame->chart->count < 5)))
            continue;
        page_raw(page, "<text text-anchor=\"");
        page_raw(page, anchors[i]);
        page_raw(page, "\" ");
        attribute(page, "x", x[i]);
        attribute(page, "y", HEIGHT - 6);
        page_raw(page, ">");
        page_escape_text(page, frame->chart->labels[at[i]]);
        page_raw(page, "</text>\n");
    }
}

static void series_class(struct page *page, size_t number)
{
    char text[PAGE_SMALL];
    (void)snprintf(text, sizeof text, "class=\"s%zu\" ", number);
    page_raw(page, text);
}

static void draw_line(const struct frame *frame, size_t number)
{
    struct page *page = frame->page;
    const double *values = frame->chart->series[number].values;
    page_raw(page, "<path ");
    series_class(page, number);
    page_raw(page, "d=\"");
    bool pen_is_down = false;
    for (size_t i = 0; i < frame->chart->count; i++) {
        if (isnan(values[i])) {
            pen_is_down = false;
            continue;
        }
        page_raw(page, pen_is_down ? "L" : "M");
        page_number(page, x_of(frame, (double)i));
        page_raw(page, " ");
        page_number(page, y_of(frame, values[i]));
        /* A point between two gaps would be a line of no length: its round ends show it. */
        if (!pen_is_down)
            page_raw(page, "h0");
        pen_is_down = true;
    }
    page_raw(page, "\"/>\n");
}

static void draw_bars(const struct frame *frame, size_t number)
{
    struct page *page = frame->page;
    const struct page_chart *chart = frame->chart;
    double slot = (double)(WIDTH - LEFT - RIGHT) / (double)chart->count;
    double width = slot * 0.8 / (double)chart->series_count;
    for (size_t i = 0; i < chart->count; i++) {
        double value = chart->series[number].values[i];
        if (isnan(value))
            continue;
        page_raw(page, "<rect ");
        series_class(page, number);
        attribute(page, "x", LEFT + slot * ((double)i + 0.1) + width * (double)number);
        attribute(page, "y", y_of(frame, value));
        attribute(page, "width", width);
        attribute(page, "height", HEIGHT - BOTTOM - y_of(frame, value));
        page_raw(page, "/>\n");
    }
}

static bool has_value(const struct page_chart *chart, size_t series)
{
    for (size_t i = 0; i < chart->count; i++)
        if (!isnan(chart->series[series].values[i]))
            return true;
    return false;
}

static void draw_legend(struct page *page, const struct page_chart *chart)
{
    if (chart->series_count < 2)
        return;
    page_raw(page, "<ul class=\"legend\">");
    for (size_t i = 0; i < chart->series_count; i++) {
        page_raw(page, "<li><svg viewBox=\"0 0 28 10\" aria-hidden=\"true\">");
        page_raw(page, chart->kind == PAGE_LINES ? "<path d=\"M2 5H26\" " : "<rect width=\"28\" height=\"10\" ");
        series_class(page, i);
        page_raw(page, "/></svg>");
        page_escape_text(page, page_pick(page, chart->series[i].name));
        if (!has_value(chart, i))
            page_say(page, PAGE_TEXT(" (no figures)", "（数値なし）"));
        page_raw(page, "</li>");
    }
    page_raw(page, "</ul>\n");
}

/* The figures, for whoever cannot see the picture or wants to know exactly. */
static void draw_figures(struct page *page, const struct page_chart *chart)
{
    struct page_column columns[PAGE_SERIES_MAX + 1] = {{.title = {"When", "日時"}}};
    char text[PAGE_SMALL];
    for (size_t s = 0; s < chart->series_count; s++)
        columns[s + 1] = (struct page_column){.title = chart->series[s].name, .number = true};
    page_fold(page, false);
    page_say(page, PAGE_TEXT("Figures", "数値"));
    page_fold_body(page);
    page_table(page, chart->title, columns, chart->series_count + 1);
    for (size_t i = 0; i < chart->count; i++) {
        page_row(page);
        page_cell(page);
        page_plain(page, chart->labels[i]);
        for (size_t s = 0; s < chart->series_count; s++) {
            double value = chart->series[s].values[i];
            page_cell(page);
            page_plain(page, isnan(value) ? NULL : chart->format(page, value, text));
        }
    }
    page_table_end(page);
    page_fold_end(page);
}

/* Of each series the first value, the last and the highest: what one sees at a glance. */
static void say_series(struct page *page, const struct page_chart *chart, size_t number)
{
    const struct page_series *series = &chart->series[number];
    char first[PAGE_SMALL], last[PAGE_SMALL], most[PAGE_SMALL];
    size_t from = chart->count, to = 0, top = 0;
    for (size_t i = 0; i < chart->count; i++) {
        if (isnan(series->values[i]))
            continue;
        top = from == chart->count || series->values[i] > series->values[top] ? i : top;
        from = from == chart->count ? i : from;
        to = i;
    }
    if (from == chart->count)
        return;
    page_escape_say(page,
                    PAGE_TEXT(" {1}: {2} on {3}, {4} on {5}; at most {6} on {7}.",
                              " {1}: {3} は {2}、{5} は {4}、最大は {7} の {6}。"),
                    (const char *const[]){page_pick(page, series->name),
                                          chart->format(page, series->values[from], first), chart->labels[from],
                                          chart->format(page, series->values[to], last), chart->labels[to],
                                          chart->format(page, series->values[top], most), chart->labels[top], NULL});
}

static bool has_values(const struct page_chart *chart)
{
    for (size_t s = 0; s < chart->series_count; s++)
        if (has_value(chart, s))
            return true;
    return false;
}

void page_chart(struct page *page, const struct page_chart *chart)
{
    struct frame frame = {.page = page, .chart = chart, .top = 0};
    char id[PAGE_SMALL];
    if (chart->count == 0 || chart->count > PAGE_POINTS_MAX || chart->series_count == 0 ||
        chart->series_count > PAGE_SERIES_MAX || !has_values(chart))
        return;
    find_scale(&frame);
    (void)snprintf(id, sizeof id, "chart%u", ++page->charts);
    page_raw(page, "<figure><figcaption>");
    page_escape_text(page, page_pick(page, chart->title));
    page_raw(page, "</figcaption>\n<svg class=\"chart\" role=\"img\" viewBox=\"0 0 400 190\" aria-labelledby=\"");
    page_id(page, id);
    page_raw(page, "t ");
    page_id(page, id);
    page_raw(page, "d\">\n<title id=\"");
    page_id(page, id);
    page_raw(page, "t\">");
    page_escape_text(page, page_pick(page, chart->title));
    page_raw(page, "</title><desc id=\"");
    page_id(page, id);
    page_raw(page, "d\">");
    page_escape_text(page, page_pick(page, chart->says));
    for (size_t s = 0; s < chart->series_count; s++)
        say_series(page, chart, s);
    page_raw(page, "</desc>\n");
    draw_grid(&frame);
    draw_labels(&frame);
    for (size_t s = 0; s < chart->series_count; s++) {
        if (chart->kind == PAGE_LINES)
            draw_line(&frame, s);
        else
            draw_bars(&frame, s);
    }
    page_raw(page, "</svg>\n");
    draw_legend(page, chart);
    draw_figures(page, chart);
    page_raw(page, "</figure>\n");
}
