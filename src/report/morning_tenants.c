/* The page of the morning: each tenant, and the calendar of generations. */
#include "report/morning.h"

#include <stdio.h>
#include <string.h>

enum { ATTENTION_MAX = 200, FEW = 10 };

static const struct {
    enum page_state state;
    struct page_text text;
} standings[] = {
    [STANDING_UNREAD] = {PAGE_UNKNOWN, {"unknown", "不明"}},
    [STANDING_BROKEN] = {PAGE_BAD, {"no whole copy", "完全なコピーなし"}},
    [STANDING_DAMAGED] = {PAGE_BAD, {"damaged", "破損"}},
    [STANDING_NEVER] = {PAGE_BAD, {"no backup yet", "未取得"}},
    [STANDING_LATE] = {PAGE_BAD, {"late", "遅れ"}},
    [STANDING_FEW] = {PAGE_WARN, {"too few copies", "コピー不足"}},
    [STANDING_BEHIND] = {PAGE_WARN, {"a target is behind", "未反映あり"}},
    [STANDING_GOOD] = {PAGE_GOOD, {"safe", "正常"}},
    [STANDING_IDLE] = {PAGE_PLAIN, {"nothing to back up", "対象なし"}},
};

static const struct page_column columns[] = {
    {.title = {"Tenant", "テナント"}},           {.title = {"State", "状態"}},
    {.title = {"Policy", "ポリシー"}},           {.title = {"Latest", "最新"}},
    {.title = {"Copies", "コピー数"}},           {.title = {"Verified", "検証"}},
    {.title = {"Size", "容量"}, .number = true}, {.title = {"Generations", "世代数"}},
};

/* "+1.2 GiB": what a week changed. */
static void draw_growth(struct page *page, uint64_t before, uint64_t now)
{
    char text[PAGE_SMALL];
    if (before == 0)
        return;
    page_aside(page);
    page_plain(page, now >= before ? "+" : "−");
    page_plain(page, page_format_bytes(now >= before ? now - before : before - now, text));
    page_say(page, PAGE_TEXT(" in 7 days", "（7日間）"));
    page_aside_end(page);
}

/* How many targets have the latest; those that have not, with what they have. */
static void draw_copies(struct page *page, const struct morning *morning, const struct morning_tenant *tenant)
{
    const struct hikae_tenant_status *status = &morning->status.tenants[tenant->row];
    size_t have = status->last_success_ns != 0 ? morning->status.target_count - status->behind_count : 0;
    char copies[PAGE_SMALL], all[PAGE_SMALL];
    page_rank(page, (unsigned)have);
    page_say(page, PAGE_TEXT("{1} of {2}", "{1} / {2}"), page_format_count(have, copies),
             page_format_count(morning->status.target_count, all));
    for (size_t i = 0; i < morning->status.target_count; i++) {
        const struct hikae_target_stored *target = &morning->status.targets[i];
        const struct morning_copy *copy = &tenant->copies[i];
        if (status->last_success_ns == 0 || copy->latest_ns == status->last_success_ns)
            continue;
        page_aside(page);
        page_plain(page, target->name);
        page_plain(page, ": ");
        if (!target->up)
            page_say(page, PAGE_TEXT("does not answer", "応答なし"));
        else if (copy->latest_ns == 0)
            page_say(page, PAGE_TEXT("none", "なし"));
        else
            page_clock(page, copy->latest_ns);
        page_aside_end(page);
    }
}

/* When data was last read and compared, and on which targets not all of it ever was. */
static void draw_verified(struct page *page, const struct morning *morning, const struct morning_tenant *tenant)
{
    char text[PAGE_SMALL];
    if (tenant->verified_ns == 0)
        page_plain(page, NULL);
    else
        page_clock(page, tenant->verified_ns);
    if (tenant->damaged > 0) {
        page_aside(page);
        page_say(page, PAGE_TEXT("{1} damaged", "破損 {1} 件"), page_format_count(tenant->damaged, text));
        page_aside_end(page);
    }
    for (size_t i = 0; tenant->verified_ns != 0 && i < morning->status.target_count; i++) {
        const struct morning_copy *copy = &tenant->copies[i];
        if (copy->packs == 0 || copy->checked == copy->packs)
            continue;
        (void)snprintf(text, sizeof text, ": %.0f %%", 99.0 * (double)copy->checked / (double)copy->packs);
        page_aside(page);
        page_plain(page, morning->status.targets[i].name);
        page_plain(page, text);
        page_aside_end(page);
    }
}

/* The last weeks as squares, from left to right: kept, made and dropped since, none. */
static void draw_strip(struct page *page, const struct morning_tenant *tenant)
{
    enum page_state states[MORNING_DAYS];
    char good[PAGE_SMALL], all[PAGE_SMALL];
    size_t days = 0;
    for (size_t i = 0; i < MORNING_DAYS; i++) {
        uint64_t bit = UINT64_C(1) << (MORNING_DAYS - 1 - i);
        states[i] = (tenant->kept & bit) != 0 ? PAGE_GOOD : (tenant->made & bit) != 0 ? PAGE_UNKNOWN : PAGE_PLAIN;
        days += states[i] == PAGE_GOOD;
    }
    page_count(page, tenant->generations);
    page_strip(page, states, MORNING_DAYS, PAGE_TEXT("{1} of the last {2} days", "直近 {2} 日のうち {1} 日"),
               (const char *const[]){page_format_count(days, good), page_format_count(MORNING_DAYS, all), NULL});
}

static void draw_tenant(struct page *page, const struct morning *morning, const struct morning_tenant *tenant)
{
    const struct hikae_tenant_status *status = &morning->status.tenants[tenant->row];
    enum morning_standing standing = morning_standing(morning, tenant);
    page_row(page);
    page_cell(page);
    page_plain(page, tenant->name);
    page_cell(page);
    page_rank(page, standing);
    page_badge(page, standings[standing].state, standings[standing].text);
    if (tenant->is_suspended)
        page_badge(page, PAGE_PLAIN, PAGE_TEXT("suspended", "停止中"));
    page_cell(page);
    page_plain(page, tenant->policy);
    page_cell(page);
    page_clock(page, status->last_success_ns);
    if (status->last_success_ns != 0) {
        page_aside(page);
        page_duration(page, morning->now_ns - status->last_success_ns);
        page_aside_end(page);
    }
    for (size_t i = 4; !tenant->is_read && i < sizeof(columns) / sizeof(columns[0]); i++) {
        page_cell(page);
        page_plain(page, NULL);
    }
    if (!tenant->is_read)
        return;
    page_cell(page);
    draw_copies(page, morning, tenant);
    page_cell(page);
    draw_verified(page, morning, tenant);
    page_cell(page);
    page_bytes(page, status->bytes);
    draw_growth(page, tenant->bytes_before, status->bytes);
    page_cell(page);
    draw_strip(page, tenant);
}

static bool needs_attention(const struct morning *morning, const struct morning_tenant *tenant)
{
    return morning_standing(morning, tenant) < STANDING_GOOD;
}

/* More than a few can be filtered and sorted. */
static void open_table(struct page *page, struct page_text caption, size_t rows)
{
    (rows > FEW ? page_table_sorted : page_table)(page, caption, columns, sizeof(columns) / sizeof(columns[0]));
}

static void draw_attention(struct page *page, const struct morning *morning, size_t needing)
{
    char count[PAGE_SMALL];
    open_table(page, PAGE_TEXT("Tenants that need attention", "対応の必要なテナント"), needing);
    for (size_t i = 0; i < needing && i < ATTENTION_MAX; i++)
        draw_tenant(page, morning, &morning->tenants[i]);
    page_table_end(page);
    if (needing > ATTENTION_MAX)
        page_sentence(page, PAGE_TEXT("And {1} more: below.", "ほか {1} 件は下の一覧にあります。"),
                      page_format_count(needing - ATTENTION_MAX, count));
}

/* All of them; many are folded away. */
static void draw_all(struct page *page, const struct morning *morning, bool open)
{
    char text[PAGE_SMALL];
    page_fold(page, open);
    page_say(page, PAGE_TEXT("All {1|tenant|tenants}", "全 {1} テナント"),
             page_format_count(morning->tenant_count, text));
    page_fold_body(page);
    open_table(page, PAGE_TEXT("All tenants", "全テナント"), morning->tenant_count);
    for (size_t i = 0; i < morning->tenant_count; i++)
        draw_tenant(page, morning, &morning->tenants[i]);
    page_table_end(page);
    page_fold_end(page);
}

void morning_draw_tenants(struct page *page, const struct morning *morning)
{
    size_t needing = 0;
    while (needing < morning->tenant_count && needs_attention(morning, &morning->tenants[needing]))
        needing++;
    page_section(page, "tenants", PAGE_TEXT("Tenants", "テナント"));
    if (morning->tenant_count == 0) {
        page_sentence(page, PAGE_TEXT("There are no tenants yet.", "テナントはまだありません。"));
        page_section_end(page);
        return;
    }
    if (needing == 0)
        page_sentence(page, PAGE_TEXT("No tenant needs attention.", "対応の必要なテナントはありません。"));
    else
        draw_attention(page, morning, needing);
    /* The few that all need attention stand there already. */
    if (needing < morning->tenant_count || needing > ATTENTION_MAX)
        draw_all(page, morning, morning->tenant_count <= FEW);
    page_sentence(page,
                  PAGE_TEXT("Squares are the last {1} days, today on the right: high, a snapshot is kept; low and "
                            "coloured, it was made and dropped since; low and grey, there is none.",
                            "四角は直近 {1} 日（右端が当日）を表します。高: 保持中、低・色付き: "
                            "取得後に整理済み、低・灰色: なし。"),
                  "35");
    page_sentence(page, PAGE_TEXT("Verified: when last, at any level; beside a target, how much of its data was ever "
                                  "read in full, where that is not all.",
                                  "検証: 最後に検証した日時（水準を問わず）。保存先の横の割合は、全体を読み出して"
                                  "確認したことのあるデータの割合です（100 % の場合は省略）。"));
    page_section_end(page);
}

/* ---- The calendar ---- */

/* One day of all tenants. */
struct day {
    uint64_t made, due, kept;
};

static struct day count_day(const struct morning *morning, size_t back)
{
    struct day day = {0};
    for (size_t i = 0; i < morning->tenant_count; i++) {
        const struct morning_tenant *tenant = &morning->tenants[i];
        day.kept += tenant->kept >> back & 1;
        if (!tenant->is_daily || tenant->existed <= back)
            continue;
        day.due++;
        day.made += tenant->made >> back & 1;
    }
    /* More were made than are left, or another host made some: whichever knows more. */
    uint64_t recorded = morning->backed_up[back] < day.due ? morning->backed_up[back] : day.due;
    if (recorded > day.made)
        day.made = recorded;
    return day;
}

/* In full, for those who hear it. */
static void say_day(const struct page *page, const struct day *day, struct page_calendar_day *ret)
{
    const unsigned long long made = day->made, due = day->due;
    if (page_lang(page) == PAGE_JA)
        (void)snprintf(ret->says, sizeof ret->says, " %llu / %llu テナント", made, due);
    else
        (void)snprintf(ret->says, sizeof ret->says, " %llu of %llu tenants", made, due);
}

static void look_at_day(struct page *page, int64_t number, void *context, struct page_calendar_day *ret)
{
    const struct morning *morning = context;
    size_t back = (size_t)(morning->day - number);
    struct day day = count_day(morning, back);
    bool is_known = morning->has_run[back] || back < morning->run_days || day.made > 0;
    if (day.due == 0 && day.kept == 0)
        return;
    /* A space of no width lets large numbers break behind the stroke. */
    (void)snprintf(ret->text, sizeof ret->text, "%llu/\xe2\x80\x8b%llu", (unsigned long long)day.made,
                   (unsigned long long)day.due);
    say_day(page, &day, ret);
    if (day.due == 0 || !is_known) {
        (void)snprintf(ret->text, sizeof ret->text, "%llu", (unsigned long long)day.kept);
        ret->says[0] = '\0';
    }
    /* The night of today may be still to come. */
    bool is_open = back == 0 && morning->is_today && day.made < day.due;
    if (day.due == 0 || !is_known || is_open)
        return;
    ret->state = day.made == day.due ? PAGE_GOOD : day.made == 0 ? PAGE_BAD : PAGE_WARN;
}

void morning_draw_calendar(struct page *page, const struct morning *morning)
{
    page_section(page, "calendar", PAGE_TEXT("Calendar of generations", "世代カレンダー"));
    page_sentence(page, PAGE_TEXT("Each day: how many tenants were backed up, of those that are backed up every day.",
                                  "各日: 毎日取得するテナントのうち、その日に取得できた数。"));
    page_paragraph(page);
    page_badge(page, PAGE_GOOD, PAGE_TEXT("all", "すべて取得"));
    page_plain(page, " ");
    page_badge(page, PAGE_WARN, PAGE_TEXT("some are missing", "一部未取得"));
    page_plain(page, " ");
    page_badge(page, PAGE_BAD, PAGE_TEXT("none", "未取得"));
    page_paragraph_end(page);
    page_calendar(page, PAGE_TEXT("Snapshots by day", "日ごとのスナップショット"), morning->day - (MORNING_DAYS - 1),
                  MORNING_DAYS, look_at_day, (void *)(uintptr_t)morning);
    page_section_end(page);
}
