/*
 * Texts of notices, as a start for people: what is known stands in its place, what only a person can know is a blank.
 * Nothing here is ever sent by hikae.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/incident.h"

#include <string.h>

enum language { EN, JA, LANGUAGES };
enum { STAGES = 3 };

static const char *const stage_names[STAGES] = {"first", "follow-up", "final"};

/* {name}: what is known. ____: for a person. An end of line for each string. */
static const char *const first_en[] = {
    "Subject: [{id}] Notice of an incident: {title}",
    "",
    "We tell you of an incident that concerns, or may concern, your data.",
    "",
    "What happened: {title}",
    "Severity: {severity}",
    "When it occurred: {occurred}",
    "When we became aware of it: {aware}",
    "When it was confirmed: {confirmed}",
    "Whom it concerns: {tenants}",
    "",
    "What we know so far: {text}",
    "What data is concerned: ____",
    "What this means for you: ____",
    "What we have done: ____",
    "What we ask you to do: ____",
    "",
    "What is still safe: ____ (hikae status; hikae verify)",
    "",
    "We will write again by ____.",
    "Ask: ____ (name, telephone, mail). Number of this incident: {id}",
    NULL,
};

static const char *const first_ja[] = {
    "件名: 【{id}】インシデントのお知らせ（第一報）: {title}",
    "",
    "お客様のデータに関わる、または関わる可能性のあるインシデントについてお知らせします。",
    "",
    "概要: {title}",
    "深刻度: {severity}",
    "発生日時: {occurred}",
    "認知日時: {aware}",
    "確認日時: {confirmed}",
    "対象: {tenants}",
    "",
    "現時点で判明していること: {text}",
    "対象となるデータ: ____",
    "お客様への影響: ____",
    "当社の対応: ____",
    "お客様にお願いしたいこと: ____",
    "",
    "影響を受けていないもの: ____（hikae status、hikae verify で確認）",
    "",
    "次回のご報告: ____ まで",
    "お問い合わせ: ____（担当者、電話、メール）　インシデント番号: {id}",
    NULL,
};

static const char *const follow_up_en[] = {
    "Subject: [{id}] Incident, continued: {title}",
    "",
    "This continues our notice of {first_notice}.",
    "",
    "What happened: {title}",
    "Severity now: {severity}",
    "Whom it concerns: {tenants}",
    "",
    "What is new since then: ____",
    "What was done since then:",
    "{events}",
    "What is still open: ____",
    "What we ask you to do: ____",
    "",
    "We will write again by ____.",
    "Ask: ____. Number of this incident: {id}",
    NULL,
};

static const char *const follow_up_ja[] = {
    "件名: 【{id}】インシデントのお知らせ（続報）: {title}",
    "",
    "{first_notice} の第一報の続報です。",
    "",
    "概要: {title}",
    "現在の深刻度: {severity}",
    "対象: {tenants}",
    "",
    "新たに判明したこと: ____",
    "これまでの対応:",
    "{events}",
    "未解決の事項: ____",
    "お客様にお願いしたいこと: ____",
    "",
    "次回のご報告: ____ まで",
    "お問い合わせ: ____　インシデント番号: {id}",
    NULL,
};

static const char *const final_en[] = {
    "Subject: [{id}] Incident, final report: {title}",
    "",
    "1. Summary: {title}",
    "   Severity: {severity}",
    "   Whom it concerned: {tenants}",
    "",
    "2. Times",
    "   occurred {occurred}; aware {aware}; confirmed {confirmed}; first notice {first_notice}",
    "",
    "3. What happened, in order",
    "{events}",
    "",
    "4. What data was concerned, and what was not: ____",
    "5. Cause: {cause}",
    "6. What was done at once: ____",
    "7. What keeps it from happening again: {correction}",
    "8. What was promised, and whether it was kept:",
    "{deadlines}",
    "",
    "Logs since {logs_from} are kept; a proof of each entry can be had (hikae audit prove).",
    "Ask: ____. Number of this incident: {id}",
    NULL,
};

static const char *const final_ja[] = {
    "件名: 【{id}】インシデント最終報告: {title}",
    "",
    "1. 概要: {title}",
    "   深刻度: {severity}",
    "   対象: {tenants}",
    "",
    "2. 時刻",
    "   発生 {occurred}、認知 {aware}、確認 {confirmed}、第一報 {first_notice}",
    "",
    "3. 経過",
    "{events}",
    "",
    "4. 影響を受けたデータ、受けなかったデータ: ____",
    "5. 原因: {cause}",
    "6. 実施した応急対応: ____",
    "7. 再発防止策: {correction}",
    "8. 約束していたことと、その結果:",
    "{deadlines}",
    "",
    "{logs_from} 以降のログを保存しています。各記録の証明を出せます（hikae audit prove）。",
    "お問い合わせ: ____　インシデント番号: {id}",
    NULL,
};

static const char *const *const templates[STAGES][LANGUAGES] = {
    {first_en, first_ja}, {follow_up_en, follow_up_ja}, {final_en, final_ja}};

static const char blank[] = "____";

/* ---- What is known ---- */

struct filling {
    const struct hikae_incident *item;
    enum language language;
    struct buf out;
};

static int add(struct filling *filling, const char *text, struct error *err)
{
    return buf_append(&filling->out, text, strlen(text), err);
}

static int add_time(struct filling *filling, int64_t ns, struct error *err)
{
    char text[CLOCK_TEXT_SIZE];
    return add(filling, ns != 0 ? clock_format(ns, text) : blank, err);
}

static int add_severity(struct filling *filling, struct error *err)
{
    static const char *const words[][LANGUAGES] = {
        {"low", "低"}, {"medium", "中"}, {"high", "高"}, {"critical", "重大"}};
    const char *severity = filling->item->severity;
    for (size_t i = 0; severity != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i][EN], severity) == 0)
            return add(filling, words[i][filling->language], err);
    return add(filling, blank, err);
}

static int add_tenants(struct filling *filling, struct error *err)
{
    const struct hikae_incident *item = filling->item;
    if (item->tenant_count == 0)
        return add(filling, blank, err);
    for (size_t i = 0; i < item->tenant_count; i++)
        if (add(filling, i > 0 ? ", " : "", err) != 0 || add(filling, item->tenants[i].name, err) != 0)
            return -1;
    return 0;
}

static int64_t first_notice_ns(const struct hikae_incident *item)
{
    int64_t first_ns = 0;
    for (size_t i = 0; i < item->event_count; i++) {
        const struct hikae_incident_event *event = &item->events[i];
        if (event->stage != NULL && strcmp(event->stage, "first") == 0 && (first_ns == 0 || event->at_ns < first_ns))
            first_ns = event->at_ns;
    }
    return first_ns;
}

static int add_events(struct filling *filling, struct error *err)
{
    const struct hikae_incident *item = filling->item;
    for (size_t i = 0; i < item->event_count; i++) {
        const struct hikae_incident_event *event = &item->events[i];
        if (add(filling, i > 0 ? "\n   - " : "   - ", err) != 0 ||
            add_time(filling, event->at_ns != 0 ? event->at_ns : event->time_ns, err) != 0 ||
            add(filling, " ", err) != 0 || add(filling, event->event, err) != 0)
            return -1;
        if (event->stage != NULL && (add(filling, " ", err) != 0 || add(filling, event->stage, err) != 0 ||
                                     add(filling, ", ", err) != 0 || add(filling, event->channel, err) != 0))
            return -1;
        if (event->text != NULL && (add(filling, ": ", err) != 0 || add(filling, event->text, err) != 0))
            return -1;
    }
    return 0;
}

static int add_deadlines(struct filling *filling, struct error *err)
{
    const struct hikae_incident *item = filling->item;
    if (item->deadline_count == 0)
        return add(filling, "   - ____", err);
    for (size_t i = 0; i < item->deadline_count; i++) {
        const struct hikae_incident_deadline *deadline = &item->deadlines[i];
        if (add(filling, i > 0 ? "\n   - " : "   - ", err) != 0 || add(filling, deadline->policy, err) != 0 ||
            add(filling, ": ", err) != 0 || add(filling, deadline->within, err) != 0 || add(filling, " / ", err) != 0 ||
            add(filling, deadline->from, err) != 0 || add(filling, " (", err) != 0 ||
            add(filling, deadline->strength, err) != 0 || add(filling, "): ", err) != 0 ||
            add_time(filling, deadline->due_ns, err) != 0 || add(filling, " → ", err) != 0 ||
            add_time(filling, deadline->met_ns, err) != 0)
            return -1;
    }
    return 0;
}

static int add_text_of_opening(struct filling *filling, struct error *err)
{
    const char *text = filling->item->event_count > 0 ? filling->item->events[0].text : NULL;
    return add(filling, text != NULL ? text : blank, err);
}

static int add_value(struct filling *filling, const char *name, size_t size, struct error *err)
{
    const struct hikae_incident *item = filling->item;
    const struct {
        const char *name, *text;
    } texts[] = {{"id", item->id}, {"title", item->title}, {"cause", item->cause}, {"correction", item->correction}};
    const struct {
        const char *name;
        int64_t ns;
    } times[] = {{"occurred", item->occurred_ns},
                 {"aware", item->aware_ns},
                 {"confirmed", item->confirmed_ns},
                 {"logs_from", item->logs_from_ns},
                 {"first_notice", first_notice_ns(item)}};
    static const struct {
        const char *name;
        int (*add)(struct filling *, struct error *);
    } parts[] = {{"severity", add_severity},
                 {"tenants", add_tenants},
                 {"events", add_events},
                 {"deadlines", add_deadlines},
                 {"text", add_text_of_opening}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strlen(texts[i].name) == size && memcmp(texts[i].name, name, size) == 0)
            return add(filling, texts[i].text != NULL ? texts[i].text : blank, err);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (strlen(times[i].name) == size && memcmp(times[i].name, name, size) == 0)
            return add_time(filling, times[i].ns, err);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strlen(parts[i].name) == size && memcmp(parts[i].name, name, size) == 0)
            return parts[i].add(filling, err);
    return error_set(err, ERROR_INTERNAL, "a template names {%.*s}", (int)size, name);
}

static int fill_line(struct filling *filling, const char *line, struct error *err)
{
    for (const char *brace; (brace = strchr(line, '{')) != NULL;) {
        const char *end = strchr(brace, '}');
        if (end == NULL)
            break;
        if (buf_append(&filling->out, line, (size_t)(brace - line), err) != 0 ||
            add_value(filling, brace + 1, (size_t)(end - brace - 1), err) != 0)
            return -1;
        line = end + 1;
    }
    return add(filling, line, err) != 0 ? -1 : add(filling, "\n", err);
}

/* ---- The operation ---- */

static int find_template(const char *stage, const char *language, enum language *ret_language,
                         const char *const **ret_lines, struct error *err)
{
    static const char *const languages[LANGUAGES] = {[EN] = "en", [JA] = "ja"};
    *ret_language = LANGUAGES;
    for (enum language i = EN; i < LANGUAGES; i++)
        if (language != NULL && strcmp(languages[i], language) == 0)
            *ret_language = i;
    for (size_t i = 0; i < STAGES && *ret_language != LANGUAGES; i++)
        if (stage != NULL && strcmp(stage_names[i], stage) == 0) {
            *ret_lines = templates[i][*ret_language];
            return 0;
        }
    (void)error_set(err, ERROR_USAGE, "there is no template '%.40s'", stage != NULL ? stage : "");
    return error_hint(err, "first, follow-up or final, in en or ja");
}

static int fill(struct hikae *hikae, const char *id, const char *stage, const char *language, char **ret_text,
                struct error *err)
{
    struct hikae_incidents found CLEANUP(hikae_incidents_free) = {0};
    struct hikae_error why;
    struct filling filling = {0};
    const char *const *lines;
    if (find_template(stage, language, &filling.language, &lines, err) != 0)
        return -1;
    if (hikae_incident_list(hikae, HIKAE_INCIDENT, id, true, &found, &why) > HIKAE_WARNINGS) {
        (void)error_set(err, why.status == HIKAE_NOT_FOUND ? ERROR_NOT_FOUND : ERROR_UNREACHABLE, "%s", why.message);
        return error_hint(err, "%s", why.hint);
    }
    filling.item = &found.items[0];
    int rc = 0;
    for (size_t i = 0; rc == 0 && lines[i] != NULL; i++)
        rc = fill_line(&filling, lines[i], err);
    if (rc == 0)
        rc = buf_u8(&filling.out, 0, err);
    if (rc != 0) {
        buf_free(&filling.out);
        return -1;
    }
    *ret_text = (char *)filling.out.data;
    return 0;
}

enum hikae_status hikae_incident_template(struct hikae *hikae, const char *id, const char *stage, const char *language,
                                          char **ret_text, struct hikae_error *error)
{
    struct error err = {0};
    *ret_text = NULL;
    int rc = fill(hikae, id, stage, language, ret_text, &err);
    return api_result(rc, false, &err, error);
}
