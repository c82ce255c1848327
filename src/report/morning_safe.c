/* The page of the morning: what can be restored whatever failed, and what each target holds. */
#include "report/morning.h"

#include <string.h>

enum { NAMES_MAX = 20 };

/* ---- Targets ---- */

static size_t count_behind(const struct morning *morning, const char *target)
{
    size_t behind = 0;
    for (size_t i = 0; i < morning->status.count; i++)
        for (size_t k = 0; k < morning->status.tenants[i].behind_count; k++)
            behind += strcmp(morning->status.tenants[i].behind[k], target) == 0;
    return behind;
}

/* "+1.2 GiB": what the nights of the last week added, which is the same on each target. */
static void draw_growth(struct page *page, const struct morning *morning)
{
    char text[PAGE_SMALL];
    int64_t bytes = 0;
    for (size_t i = 0; i < morning->night_count; i++)
        if (morning_days_back(morning, morning->nights[i].time_ns) < 7)
            bytes += morning->nights[i].net_bytes;
    page_aside(page);
    page_plain(page, bytes < 0 ? "−" : "+");
    page_plain(page, page_format_bytes((uint64_t)(bytes < 0 ? -bytes : bytes), text));
    page_say(page, PAGE_TEXT(" in 7 days", "（7日間）"));
    page_aside_end(page);
}

/* How much of the packs was ever read and compared, and when that was last done. */
static void draw_verified(struct page *page, const struct morning_copy *copies)
{
    char text[PAGE_SMALL];
    if (copies->packs == 0) {
        page_plain(page, NULL);
        return;
    }
    (void)snprintf(text, sizeof text, "%.0f %%",
                   copies->checked == copies->packs ? 100.0 : 99.0 * (double)copies->checked / (double)copies->packs);
    page_plain(page, text);
    if (copies->checked_ns == 0)
        return;
    page_aside(page);
    page_clock(page, copies->checked_ns);
    page_aside_end(page);
}

static void draw_target(struct page *page, const struct morning *morning, size_t number)
{
    const struct hikae_target_stored *target = &morning->status.targets[number];
    const struct morning_copy copies = morning_copies_of(morning, number);
    char text[PAGE_SMALL];
    page_row(page);
    page_cell(page);
    page_plain(page, target->name);
    page_cell(page);
    page_badge(page, target->up ? PAGE_GOOD : PAGE_BAD,
               target->up ? PAGE_TEXT("answers", "応答あり") : PAGE_TEXT("does not answer", "応答なし"));
    if (!target->up) {
        page_aside(page);
        page_english(page, morning->hikae->targets[number].why.what);
        page_aside_end(page);
    }
    page_cell(page);
    page_plain(page, morning->why == NULL ? page_format_count(count_behind(morning, target->name), text) : NULL);
    page_cell(page);
    if (copies.latest_ns != 0) {
        page_clock(page, copies.latest_ns);
        page_aside(page);
        page_duration(page, morning->now_ns - copies.latest_ns);
        page_aside_end(page);
    } else {
        page_plain(page, NULL);
    }
    page_cell(page);
    draw_verified(page, &copies);
    page_cell(page);
    page_plain(page, target->up ? page_format_count(target->objects, text) : NULL);
    page_cell(page);
    page_plain(page, target->up ? page_format_bytes(target->bytes, text) : NULL);
    if (target->up)
        draw_growth(page, morning);
}

static void draw_targets(struct page *page, const struct morning *morning)
{
    static const struct page_column columns[] = {
        {.title = {"Target", "保存先"}},
        {.title = {"State", "状態"}},
        {.title = {"Tenants behind", "未反映のテナント"}, .number = true},
        {.title = {"Oldest latest copy", "最も古い最新世代"}},
        {.title = {"Verified", "検証済み"}},
        {.title = {"Objects", "オブジェクト数"}, .number = true},
        {.title = {"Stored", "保存量"}, .number = true},
    };
    page_table(page, PAGE_TEXT("Targets", "保存先"), columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < morning->status.target_count; i++)
        draw_target(page, morning, i);
    page_table_end(page);
}

/* ---- Tenants ---- */

/* Who cannot be restored to the latest, by name. */
static void draw_unsafe(struct page *page, const struct morning *morning)
{
    char count[PAGE_SMALL];
    size_t unsafe = 0;
    for (size_t i = 0; i < morning->tenant_count; i++)
        unsafe += !morning_is_safe(morning, &morning->status.tenants[morning->tenants[i].row]);
    if (unsafe == 0)
        return;
    page_paragraph(page);
    page_say(page, PAGE_TEXT("Not among them: ", "含まれないテナント: "));
    size_t named = 0;
    for (size_t i = 0; i < morning->tenant_count && named < NAMES_MAX; i++) {
        if (morning_is_safe(morning, &morning->status.tenants[morning->tenants[i].row]))
            continue;
        page_say(page, named++ > 0 ? PAGE_TEXT(", ", "、") : PAGE_TEXT("", ""));
        page_strong(page, morning->tenants[i].name);
    }
    if (unsafe > named)
        page_say(page, PAGE_TEXT(" and {1} more", " ほか {1} 件"), page_format_count(unsafe - named, count));
    page_paragraph_end(page);
}

static void draw_tenants(struct page *page, const struct morning *morning, const struct morning_figures *figures)
{
    char safe[PAGE_SMALL], all[PAGE_SMALL], when[PAGE_SMALL];
    (void)page_format_count(figures->safe, safe);
    (void)page_format_count(figures->tenants, all);
    if (figures->safe == figures->tenants)
        page_sentence(
            page,
            PAGE_TEXT("Of all {1|tenant|tenants} the latest snapshot lies whole on a target, and can be restored.",
                      "全 {1} テナントの最新スナップショットが保存先に揃っており、復元できます。"),
            all);
    else
        page_sentence(
            page,
            PAGE_TEXT("Of {1} of {2|tenant|tenants} the latest snapshot lies whole on a target, and can be restored.",
                      "{2} テナント中 {1} テナントの最新スナップショットが保存先に揃っており、復元できます。"),
            safe, all);
    draw_unsafe(page, morning);
    if (figures->oldest != NULL)
        page_sentence(page,
                      PAGE_TEXT("The oldest of these is of {1}: {2}.",
                                "このうち最新スナップショットが最も古いのは {1}（{2}）です。"),
                      figures->oldest, page_format_time(page, figures->oldest_ns, when));
    page_sentence(page,
                  PAGE_TEXT("To restore: `hikae restore TENANT --to FOLDER`; without `--target` every target that "
                            "answers is used.",
                            "復元するには: `hikae restore テナント --to フォルダー`（`--target` "
                            "を指定しなければ、応答する保存先すべてを使います）。"));
}

void morning_draw_safe(struct page *page, const struct morning *morning, const struct morning_figures *figures)
{
    page_section(page, "safe", PAGE_TEXT("What is safe all the same", "復元できるもの"));
    if (morning->why != NULL)
        page_sentence(page,
                      PAGE_TEXT("Not known while the store cannot be reached. What was stored is not touched by that.",
                                "ストアに接続できないため不明です。保存済みのデータはその影響を受けません。"));
    else if (figures->tenants == 0)
        page_sentence(page, PAGE_TEXT("There are no tenants yet.", "テナントはまだありません。"));
    else
        draw_tenants(page, morning, figures);
    draw_targets(page, morning);
    page_section_end(page);
}
