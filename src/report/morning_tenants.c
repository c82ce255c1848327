/* The page of the morning: each tenant, and the calendar of generations. */
#include "report/morning.h"

#include <string.h>

enum { ATTENTION_MAX = 200, FEW = 10 };

static const struct {
    enum page_state state;
    struct page_text text;
} standings[] = {
    [STANDING_BROKEN] = {PAGE_BAD, {"no whole copy", "完全なコピーなし"}},
    [STANDING_DAMAGED] = {PAGE_BAD, {"damaged", "破損"}},
    [STANDING_NEVER] = {PAGE_BAD, {"no backup yet", "未取得"}},
    [STANDING_LATE] = {PAGE_BAD, {"late", "遅れ"}},
    [STANDING_FEW] = {PAGE_WARN, {"too few copies", "コピー不足"}},
    [STANDING_BEHIND] = {PAGE_WARN, {"a target is behind", "保存先の遅れ"}},
    [STANDING_GOOD] = {PAGE_GOOD, {"safe", "正常"}},
    [STANDING_IDLE] = {PAGE_PLAIN, {"nothing to back up", "対象なし"}},
};

static const struct page_column columns[] = {
    {.title = {"Tenant", "テナント"}},
    {.title = {"State", "状態"}},
    {.title = {"Latest", "最新"}},
    {.title = {"Age", "経過"}, .number = true},
    {.title = {"Copies", "コピー"}, .number = true},
    {.title = {"Verified", "検証"}},
    {.title = {"Size, in 7 days", "容量（7日間）"}, .number = true},
    {.title = {"Generations", "世代"}},
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
    page_aside_end(page);
}

static void draw_verified(struct page *page, const struct morning_tenant *tenant)
{
    char damaged[PAGE_SMALL];
    if (tenant->verified_ns == 0) {
        page_plain(page, NULL);
        return;
    }
    page_clock(page, tenant->verified_ns);
    if (tenant->verified.damaged == 0)
        return;
    page_aside(page);
    page_say(page, PAGE_TEXT("{1} damaged", "破損 {1} 件"), page_format_count(tenant->verified.damaged, damaged));
    page_aside_end(page);
}

/* The last weeks as squares, from left to right: kept, made and dropped since, none. */
static void draw_strip(struct page *page, const struct morning_tenant *tenant)
{
    enum page_state states[MORNING_DAYS];
    char kept[PAGE_SMALL], good[PAGE_SMALL], all[PAGE_SMALL];
    size_t days = 0;
    for (size_t i = 0; i < MORNING_DAYS; i++) {
        uint64_t bit = UINT64_C(1) << (MORNING_DAYS - 1 - i);
        states[i] = (tenant->kept & bit) != 0 ? PAGE_GOOD : (tenant->made & bit) != 0 ? PAGE_UNKNOWN : PAGE_PLAIN;
        days += states[i] == PAGE_GOOD;
    }
    page_plain(page, page_format_count(tenant->generations, kept));
    page_strip(page, states, MORNING_DAYS, PAGE_TEXT("{1} of the last {2} days", "直近 {2} 日のうち {1} 日"),
               (const char *const[]){page_format_count(days, good), page_format_count(MORNING_DAYS, all), NULL});
}

static void draw_tenant(struct page *page, const struct morning *morning, const struct morning_tenant *tenant)
{
    const struct hikae_tenant_status *status = &morning->status.tenants[tenant->row];
    enum morning_standing standing = morning_standing(morning, tenant);
    char copies[PAGE_SMALL], all[PAGE_SMALL];
    bool has = status->last_success_ns != 0;
    page_row(page);
    page_cell(page);
    page_plain(page, tenant->name);
    page_cell(page);
    page_badge(page, standings[standing].state, standings[standing].text);
    if (tenant->is_suspended)
        page_badge(page, PAGE_PLAIN, PAGE_TEXT("suspended", "停止中"));
    page_cell(page);
    page_clock(page, status->last_success_ns);
    page_cell(page);
    if (has)
        page_duration(page, status->age_ns);
    else
        page_plain(page, NULL);
    page_cell(page);
    page_say(page, PAGE_TEXT("{1} of {2}", "{1} / {2}"),
             page_format_count(has ? morning->status.target_count - status->behind_count : 0, copies),
             page_format_count(morning->status.target_count, all));
    page_cell(page);
    draw_verified(page, tenant);
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

static void draw_attention(struct page *page, const struct morning *morning)
{
    char count[PAGE_SMALL];
    size_t needing = 0;
    while (needing < morning->tenant_count && needs_attention(morning, &morning->tenants[needing]))
        needing++;
    if (needing == 0) {
        page_sentence(page, PAGE_TEXT("No tenant needs attention.", "対応の必要なテナントはありません。"));
        return;
    }
    page_table(page, PAGE_TEXT("Tenants that need attention", "対応の必要なテナント"), columns,
               sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < needing && i < ATTENTION_MAX; i++)
        draw_tenant(page, morning, &morning->tenants[i]);
    page_table_end(page);
    if (needing > ATTENTION_MAX)
        page_sentence(page, PAGE_TEXT("And {1} more: below.", "ほか {1} 件は下の一覧にあります。"),
                      page_format_count(needing - ATTENTION_MAX, count));
}

/* All tenants of one policy, folded away. */
static void draw_policy(struct page *page, const struct morning *morning, const char *policy)
{
    char count[PAGE_SMALL];
    uint64_t tenants = 0;
    for (size_t i = 0; i < morning->tenant_count; i++)
        tenants += strcmp(morning->tenants[i].policy, policy) == 0;
    page_fold(page, morning->tenant_count <= FEW && !needs_attention(morning, &morning->tenants[0]));
    page_say(page, PAGE_TEXT("{1}: {2|tenant|tenants}", "{1}: {2} テナント"), policy,
             page_format_count(tenants, count));
    page_fold_body(page);
    page_table(page, PAGE_TEXT("Tenants of this policy", "このポリシーのテナント"), columns,
               sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < morning->tenant_count; i++)
        if (strcmp(morning->tenants[i].policy, policy) == 0)
            draw_tenant(page, morning, &morning->tenants[i]);
    page_table_end(page);
    page_fold_end(page);
}

void morning_draw_tenants(struct page *page, const struct morning *morning)
{
    page_section(page, "tenants", PAGE_TEXT("Tenants", "テナント"));
    if (morning->tenant_count == 0)
        page_sentence(page, PAGE_TEXT("There are no tenants yet.", "テナントはまだありません。"));
    else
        draw_attention(page, morning);
    for (size_t i = 0; i < morning->tenant_count; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = strcmp(morning->tenants[k].policy, morning->tenants[i].policy) != 0;
        if (is_first)
            draw_policy(page, morning, morning->tenants[i].policy);
    }
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

static void look_at_day(struct page *page, int64_t number, void *context, struct page_calendar_day *ret)
{
    const struct morning *morning = context;
    size_t back = (size_t)(morning->day - number);
    struct day day = count_day(morning, back);
    bool is_known = morning->has_run[back] || back < morning->run_days || day.made > 0;
    (void)page;
    if (day.due == 0 && day.kept == 0)
        return;
    /* A space of no width lets large numbers break behind the stroke. */
    (void)snprintf(ret->text, sizeof ret->text, "%llu/\xe2\x80\x8b%llu", (unsigned long long)day.made,
                   (unsigned long long)day.due);
    if (day.due == 0 || !is_known)
        (void)snprintf(ret->text, sizeof ret->text, "%llu", (unsigned long long)day.kept);
    /* The night of today may be still to come. */
    bool is_open = back == 0 && morning->is_today && day.made < day.due;
    if (day.due == 0 || !is_known || is_open)
        return;
    ret->state = day.made == day.due ? PAGE_GOOD : day.made == 0 ? PAGE_BAD : PAGE_WARN;
}

void morning_draw_calendar(struct page *page, const struct morning *morning)
{
    page_section(page, "calendar", PAGE_TEXT("Calendar of generations", "世代カレンダー"));
    page_sentence(
        page, PAGE_TEXT("Each day: tenants that have a snapshot of it, of those that are backed up every day. "
                        "Squares beside a tenant: kept, made and dropped since, none.",
                        "各日: 毎日取得するテナントのうち、その日のスナップショットがあるもの。テナントの横の四角は、"
                        "保持・取得後に整理・なしを示します。"));
    page_calendar(page, PAGE_TEXT("Snapshots by day", "日ごとのスナップショット"), morning->day - (MORNING_DAYS - 1),
                  MORNING_DAYS, look_at_day, (void *)(uintptr_t)morning);
    page_section_end(page);
}
