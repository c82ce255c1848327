/* The page of the morning: what was stored, how long it took, and what is to come. */
#include "report/morning.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>

/* ---- Charts ---- */

struct series {
    size_t count;
    char labels[MORNING_NIGHTS][PAGE_SMALL];
    const char *label_list[MORNING_NIGHTS];
    double stored[PAGE_SERIES_MAX][MORNING_NIGHTS];
    double ratio[MORNING_NIGHTS];
    double seconds[MORNING_NIGHTS];
};

/* "11-21": the day of a night, from the oldest to the newest. */
static void fill_labels(const struct morning *morning, struct series *ret)
{
    for (size_t i = 0; i < ret->count; i++) {
        struct zone_time time;
        zone_civil(morning->zone, morning->nights[ret->count - 1 - i].time_ns, &time);
        (void)snprintf(ret->labels[i], PAGE_SMALL, "%02d-%02d", time.date.month, time.date.day);
        ret->label_list[i] = ret->labels[i];
    }
}

/* From what lies there now, back by what each night added; a night adds the same to each target. */
static void fill_stored(const struct morning *morning, size_t target, double values[MORNING_NIGHTS])
{
    /* Of a target that does not answer nobody knows what it holds. */
    double bytes = morning->status.targets[target].up ? (double)morning->status.targets[target].bytes : NAN;
    for (size_t i = 0; i < morning->night_count; i++) {
        values[morning->night_count - 1 - i] = bytes < 0 ? 0 : bytes;
        bytes -= (double)morning->nights[i].net_bytes;
    }
}

static void fill(const struct morning *morning, struct series *ret)
{
    ret->count = morning->night_count;
    fill_labels(morning, ret);
    for (size_t t = 0; t < morning->status.target_count && t < PAGE_SERIES_MAX; t++)
        fill_stored(morning, t, ret->stored[t]);
    for (size_t i = 0; i < ret->count; i++) {
        double source = 0, stored = 0;
        /* Of seven nights together: one in which nothing changed would dwarf all others. */
        for (size_t k = i >= 6 ? i - 6 : 0; k <= i; k++) {
            source += morning->nights[ret->count - 1 - k].source_bytes;
            stored += morning->nights[ret->count - 1 - k].stored_bytes;
        }
        ret->ratio[i] = stored > 0 ? source / stored : NAN;
        ret->seconds[i] = (double)morning->nights[ret->count - 1 - i].duration_ns / (double)NS_PER_S;
    }
}

/* All that is kept against what it takes on the target that holds most. */
static void draw_ratio(struct page *page, const struct morning *morning)
{
    char kept[PAGE_SMALL], stored[PAGE_SMALL], ratio[PAGE_SMALL];
    uint64_t bytes = 0;
    for (size_t i = 0; i < morning->status.target_count; i++)
        if (morning->status.targets[i].bytes > bytes)
            bytes = morning->status.targets[i].bytes;
    if (bytes > 0)
        page_sentence(page,
                      PAGE_TEXT("All generations together are {1}; they take {2} on a target: {3} to 1.",
                                "全世代の合計 {1} を、保存先 1 か所あたり {2} で保持しています（{3} 対 1）。"),
                      page_format_bytes((uint64_t)morning->kept_bytes, kept), page_format_bytes(bytes, stored),
                      page_format_decimal(morning->kept_bytes / (double)bytes, 1, ratio));
}

static void draw_charts(struct page *page, const struct morning *morning, const struct series *series)
{
    struct page_series targets[PAGE_SERIES_MAX];
    size_t count = morning->status.target_count < PAGE_SERIES_MAX ? morning->status.target_count : PAGE_SERIES_MAX;
    const struct page_series ratio = {.name = {"Ratio", "倍率"}, .values = series->ratio};
    const struct page_series seconds = {.name = {"Time", "所要時間"}, .values = series->seconds};
    struct page_chart chart = {.labels = series->label_list, .count = series->count};
    for (size_t i = 0; i < count; i++)
        targets[i] = (struct page_series){.name = {morning->status.targets[i].name, morning->status.targets[i].name},
                                          .values = series->stored[i]};
    page_charts(page);
    chart.kind = PAGE_LINES;
    chart.title = PAGE_TEXT("Stored on each target", "保存先ごとの保存量");
    chart.says = PAGE_TEXT("A line for each target, by night.", "保存先ごとの日次推移の折れ線。");
    chart.series = targets;
    chart.series_count = count;
    chart.format = page_value_bytes;
    page_chart(page, &chart);
    chart.title = PAGE_TEXT("Deduplication and compression", "重複排除と圧縮");
    chart.says = PAGE_TEXT("How many bytes were backed up for each byte stored, in seven nights up to each.",
                           "保存 1 バイトあたりの取得容量（直近 7 夜の合計）の推移。");
    chart.series = &ratio;
    chart.series_count = 1;
    chart.format = page_value_decimal;
    page_chart(page, &chart);
    chart.kind = PAGE_BARS;
    chart.title = PAGE_TEXT("Time of the nightly runs", "夜間実行の所要時間");
    chart.says = PAGE_TEXT("A bar for each night.", "夜ごとの棒グラフ。");
    chart.series = &seconds;
    chart.format = page_value_seconds;
    page_chart(page, &chart);
    page_charts_end(page);
}

/* ---- Capacity ---- */

static bool answers(const struct morning *morning, const char *name)
{
    for (size_t i = 0; i < morning->status.target_count; i++)
        if (strcmp(morning->status.targets[i].name, name) == 0)
            return morning->status.targets[i].up;
    return false;
}

static void draw_capacity(struct page *page, const struct morning *morning)
{
    const struct hikae_forecast *forecast = &morning->forecast;
    static const struct page_column columns[] = {
        {.title = {"Target", "保存先"}},
        {.title = {"Now", "現在"}, .number = true},
        {.title = {"A day", "1日あたり"}, .number = true},
        {.title = {"In 3 months", "3か月後"}, .number = true},
        {.title = {"Free", "空き"}, .number = true},
        {.title = {"Full", "満杯の見込み"}},
    };
    char low[PAGE_SMALL], high[PAGE_SMALL], text[PAGE_SMALL];
    page_table(page, PAGE_TEXT("Capacity ahead", "容量の見通し"), columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < forecast->count; i++) {
        const struct hikae_forecast_target *target = &forecast->targets[i];
        page_row(page);
        page_cell(page);
        page_plain(page, target->name);
        if (!answers(morning, target->name)) {
            page_cell(page);
            page_badge(page, PAGE_UNKNOWN, PAGE_TEXT("unknown", "不明"));
            for (size_t k = 2; k < sizeof(columns) / sizeof(columns[0]); k++) {
                page_cell(page);
                page_plain(page, NULL);
            }
            continue;
        }
        page_cell(page);
        page_bytes(page, target->bytes);
        page_cell(page);
        page_plain(page, target->bytes_a_day < 0 ? "−" : "+");
        page_bytes(page, (uint64_t)(target->bytes_a_day < 0 ? -target->bytes_a_day : target->bytes_a_day));
        page_cell(page);
        if (target->month_count > 0 && target->nights >= 3) {
            const struct hikae_forecast_month *month = &target->months[target->month_count - 1];
            page_bytes(page, month->bytes);
            page_aside(page);
            page_say(page, PAGE_TEXT("{1} to {2}", "{1} 〜 {2}"), page_format_bytes(month->bytes_low, low),
                     page_format_bytes(month->bytes_high, high));
            page_aside_end(page);
        } else {
            page_say(page, PAGE_TEXT("too few nights", "日数不足"));
        }
        page_cell(page);
        page_plain(page, target->free_bytes != UINT64_MAX ? page_format_bytes(target->free_bytes, text) : NULL);
        page_cell(page);
        if (target->full_ns != 0)
            page_time(page, target->full_ns);
        else
            page_say(page, PAGE_TEXT("not in sight", "当面なし"));
    }
    page_table_end(page);
}

void morning_draw_growth(struct page *page, const struct morning *morning)
{
    struct series series;
    page_section(page, "growth", PAGE_TEXT("Growth and times", "容量と所要時間"));
    if (morning->night_count == 0 || morning->status.target_count == 0) {
        page_sentence(page, PAGE_TEXT("No nightly run yet.", "夜間実行の記録はまだありません。"));
    } else {
        fill(morning, &series);
        draw_ratio(page, morning);
        draw_charts(page, morning, &series);
    }
    if (morning->has_forecast)
        draw_capacity(page, morning);
    page_section_end(page);
}
