/* The page of the morning: what people must do, and by when; what is open; who looked. */
#include "report/morning.h"

#include "ops/deadlines.h"

#include <string.h>

static struct page_text kind_text(const char *kind)
{
    static const struct {
        const char *kind;
        struct page_text text;
    } rows[] = {
        {"erasure", {"Erase everything of", "全データの消去"}},
        {"notice", {"First notice of incident", "インシデントの第一報"}},
        {"copy", {"Wipe the restored copy of", "復元したデータの消去"}},
        {"drill",
         {"Restore drill on a server of its own: hikae drill kit", "専用サーバーでの復元試験（hikae drill kit）"}},
        {"review", {"Look at", "確認:"}},
        {"reminder", {"Reminder", "予定"}}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].kind, kind) == 0)
            return rows[i].text;
    return (struct page_text){kind, kind};
}

static void draw_deadlines(struct page *page, const struct hikae_status_report *status, int64_t now_ns)
{
    static const struct page_column columns[] = {
        {.title = {"By", "期限"}},       {.title = {"Left", "残り"}, .number = true},
        {.title = {"What", "内容"}},     {.title = {"Policy", "ポリシー"}},
        {.title = {"Strength", "強さ"}},
    };
    page_section(page, "deadlines", PAGE_TEXT("Deadlines", "期限"));
    if (status->deadline_count == 0)
        page_sentence(page, PAGE_TEXT("Nothing is due.", "期限のある事項はありません。"));
    else
        page_table(page, PAGE_TEXT("Deadlines", "期限"), columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < status->deadline_count; i++) {
        const struct hikae_deadline *deadline = &status->deadlines[i];
        page_row(page);
        page_cell(page);
        page_clock(page, deadline->due_ns);
        page_cell(page);
        if (deadline->missed)
            page_badge(page, PAGE_BAD, PAGE_TEXT("over", "超過"));
        else
            page_duration(page, deadline->due_ns - now_ns);
        page_cell(page);
        page_say(page, kind_text(deadline->kind));
        page_plain(page, " ");
        page_strong(page, page_pick(page, (struct page_text){deadline->subject, deadline->subject_ja}));
        page_cell(page);
        page_plain(page, deadline->policy);
        page_cell(page);
        page_say(page, deadline->is_aim ? PAGE_TEXT("aim", "目標") : PAGE_TEXT("duty", "義務"));
    }
    if (status->deadline_count > 0)
        page_table_end(page);
    page_section_end(page);
}

/* ---- Erasures ---- */

static void draw_stage(struct page *page, const struct hikae_purge *purge)
{
    static const struct {
        const char *stage;
        enum page_state state;
        struct page_text text;
    } rows[] = {{"planned", PAGE_PLAIN, {"planned", "計画済み"}},
                {"approved", PAGE_WARN, {"approved", "承認済み"}},
                {"unreadable", PAGE_GOOD, {"unreadable", "復号不能"}}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].stage, purge->stage) == 0) {
            page_badge(page, rows[i].state, rows[i].text);
            return;
        }
    page_badge(page, PAGE_WARN, PAGE_TEXT("under way", "実行中"));
}

static void draw_purge(struct page *page, const struct hikae_purge *purge)
{
    page_row(page);
    page_cell(page);
    page_plain(page, purge->name);
    page_cell(page);
    draw_stage(page, purge);
    page_cell(page);
    page_clock(page, purge->deadline_ns);
    if (purge->missed) {
        page_plain(page, " ");
        page_badge(page, PAGE_BAD, PAGE_TEXT("over", "超過"));
    }
    page_cell(page);
    page_clock(page, purge->unreadable_ns);
    page_cell(page);
    page_english(page, purge->waiting);
}

/* Those that are not over: what is erased leaves the list of tenants before the last target has let go of it. */
static void draw_purges(struct page *page, const struct hikae_purges *purges)
{
    static const struct page_column columns[] = {
        {.title = {"Tenant", "テナント"}},          {.title = {"Stage", "段階"}},
        {.title = {"To be erased by", "消去期限"}}, {.title = {"Unreadable since", "復号不能となった日時"}},
        {.title = {"Waits for", "待ち"}},
    };
    bool any = false;
    for (size_t i = 0; i < purges->count; i++) {
        const struct hikae_purge *purge = &purges->purges[i];
        if (strcmp(purge->stage, "none") == 0 || purge->gone_ns != 0)
            continue;
        if (!any) {
            page_section(page, "erasures", PAGE_TEXT("Erasures under way", "実行中の消去"));
            page_table(page, PAGE_TEXT("Erasures under way", "実行中の消去"), columns,
                       sizeof(columns) / sizeof(columns[0]));
        }
        any = true;
        draw_purge(page, purge);
    }
    if (!any)
        return;
    page_table_end(page);
    page_section_end(page);
}

static void draw_incident(struct page *page, const struct hikae_incident *item)
{
    char count[PAGE_SMALL];
    bool is_incident = strcmp(item->kind, HIKAE_INCIDENT) == 0;
    page_row(page);
    page_cell(page);
    page_code(page, item->id);
    page_cell(page);
    page_badge(page, is_incident ? PAGE_BAD : PAGE_WARN,
               is_incident ? PAGE_TEXT("incident", "インシデント") : PAGE_TEXT("nonconformity", "不適合"));
    page_cell(page);
    page_clock(page, item->opened_ns);
    page_cell(page);
    page_plain(page, hikae_incident_title(item, page_lang(page) == PAGE_JA));
    page_aside(page);
    if (item->policy != NULL) {
        page_plain(page, item->policy);
        page_plain(page, " ");
    }
    if (item->subject != NULL) {
        page_plain(page, item->subject);
        page_plain(page, " ");
    }
    if (item->tenant_count > 0)
        page_say(page, PAGE_TEXT("{1}; {2|tenant|tenants} in all", "{1} など {2} テナント"), item->tenants[0].name,
                 page_format_count(item->tenant_count, count));
    page_aside_end(page);
}

static void draw_incidents(struct page *page, const struct hikae_incidents *incidents)
{
    static const struct page_column columns[] = {
        {.title = {"Id", "番号"}},
        {.title = {"Kind", "種別"}},
        {.title = {"Opened", "登録"}},
        {.title = {"What", "内容"}},
    };
    page_section(page, "open", PAGE_TEXT("Incidents and nonconformities", "インシデントと不適合"));
    if (incidents->count == 0) {
        page_sentence(page, PAGE_TEXT("None is open.", "未処理のものはありません。"));
        page_section_end(page);
        return;
    }
    page_table(page, PAGE_TEXT("Open", "未処理"), columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < incidents->count; i++)
        draw_incident(page, &incidents->items[i]);
    page_table_end(page);
    page_section_end(page);
}

static void draw_look(struct page *page, const struct hikae_review *review)
{
    page_row(page);
    page_cell(page);
    page_clock(page, review->time_ns);
    page_cell(page);
    page_plain(page, review->period);
    page_plain(page, " ");
    page_plain(page, page_lang(page) == PAGE_JA ? deadlines_look_ja(review->of) : review->of);
    page_cell(page);
    page_plain(page, review->who);
    page_plain(page, " ");
    if (review->signed_by != NULL)
        page_badge(page, PAGE_GOOD, PAGE_TEXT("signed", "署名あり"));
    else if (review->signature != NULL)
        page_badge(page, PAGE_BAD, PAGE_TEXT("signature does not count", "無効な署名"));
    page_cell(page);
    page_plain(page, review->comment);
    page_cell(page);
    page_plain(page, review->owner);
}

static void draw_looks(struct page *page, const struct morning *morning)
{
    static const struct page_column columns[] = {
        {.title = {"When", "日時"}},
        {.title = {"What", "対象"}},
        {.title = {"Who", "確認者"}},
        {.title = {"Comment", "コメント"}},
        {.title = {"Owner of what is open", "対応担当"}},
    };
    const struct hikae_reviews *reviews = &morning->reviews;
    page_section(page, "looks", PAGE_TEXT("Who looked", "確認の記録"));
    if (reviews->count == 0) {
        page_sentence(page, PAGE_TEXT("Nobody has recorded a look.", "確認の記録はありません。"));
        page_section_end(page);
        return;
    }
    page_table(page, PAGE_TEXT("Who looked", "確認の記録"), columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = reviews->count; i-- > 0 && reviews->count - i <= MORNING_DAYS;)
        draw_look(page, &reviews->reviews[i]);
    page_table_end(page);
    page_section_end(page);
}

void morning_draw_duties(struct page *page, const struct morning *morning)
{
    /* Nothing of this is known while the store cannot be reached. */
    if (morning->why != NULL)
        return;
    draw_deadlines(page, &morning->status, morning->now_ns);
    draw_purges(page, &morning->purges);
    draw_incidents(page, &morning->incidents);
    draw_looks(page, morning);
}
