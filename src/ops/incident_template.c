/* Filling in the text of a notice: for one customer, in the zone that its policy promises, with nobody else's name. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/incident.h"
#include "ops/incident_texts.h"
#include "policy/zone.h"

#include <string.h>

static const char blank[] = "____";

/* ---- What is known ---- */

struct filling {
    const struct hikae_incident *item;
    enum incident_language language;
    const char *tenant; /* whom the text is for: the only one that it names; NULL: nobody yet */
    char *policy;       /* of that tenant; NULL: of all                                       */
    struct zone *zone;  /* that its policy promises                                           */
    struct buf out;
};

static int add(struct filling *filling, const char *text, struct error *err)
{
    return buf_append(&filling->out, text, strlen(text), err);
}

/* A made text, which is freed; NULL: there was no memory for it. */
static int add_made(struct filling *filling, char *text, struct error *err)
{
    int rc = text != NULL ? add(filling, text, err) : error_no_memory(err);
    mem_free(text);
    return rc;
}

static int add_clock(struct filling *filling, const struct zone_time *time, int hour, struct error *err)
{
    const struct civil_date *date = &time->date;
    const char *zone = time->abbreviation;
    if (filling->language == INCIDENT_EN)
        return add_made(filling,
                        mem_printf("%lld-%02d-%02d %02d:%02d %s", (long long)date->year, date->month, date->day, hour,
                                   time->minute, zone),
                        err);
    return add_made(filling,
                    mem_printf("%lld年%d月%d日%d時%02d分（%s）", (long long)date->year, date->month, date->day, hour,
                               time->minute, strcmp(zone, "JST") == 0 ? "日本時間" : zone),
                    err);
}

static int add_time(struct filling *filling, int64_t ns, struct error *err)
{
    struct zone_time time;
    if (ns == 0)
        return add(filling, blank, err);
    zone_civil(filling->zone, ns, &time);
    return add_clock(filling, &time, time.hour, err);
}

/* What is due by the end of a day is due by its 24:00, which nobody takes for the day after. */
static int add_due(struct filling *filling, int64_t due_ns, struct error *err)
{
    struct zone_time due, before;
    if (due_ns == 0)
        return add(filling, blank, err);
    zone_civil(filling->zone, due_ns, &due);
    if (due.hour != 0 || due.minute != 0 || due.second != 0)
        return add_clock(filling, &due, due.hour, err);
    zone_civil(filling->zone, due_ns - 1, &before);
    due.date = before.date;
    return add_clock(filling, &due, 24, err);
}

/* The words of the records, as people read them. An unknown word stays as it is. */
static const char *say(const struct filling *filling, const char *word)
{
    static const struct {
        const char *word, *texts[INCIDENT_LANGUAGES];
    } rows[] = {
        {"low", {"low", "低"}},
        {"medium", {"medium", "中"}},
        {"high", {"high", "高"}},
        {"critical", {"critical", "重大"}},
        {"open", {"recorded", "登録"}},
        {"note", {"noted", "記録"}},
        {"close", {"closed", "終了"}},
        {"first", {"first notice", "第一報"}},
        {"follow-up", {"follow-up", "続報"}},
        {"final", {"final report", "最終報告"}},
        {"occurrence", {"its occurrence", "発生"}},
        {"awareness", {"our becoming aware of it", "認知"}},
        {"confirmation", {"its confirmation", "確認"}},
        {"aim", {"aim", "目標"}},
        {"duty", {"duty", "義務"}},
        {"met", {"in time", "期限内"}},
        {"late", {"late", "期限後"}},
        {"missed", {"not given in time", "期限までに未実施"}},
        {"open deadline", {"not given yet", "未実施"}},
        {"waiting", {"not confirmed yet", "未確認"}},
        {"business day", {"business day", "営業日"}},
        {"business days", {"business days", "営業日"}},
        {"h", {"hours", "時間"}},
        {"d", {"days", "日"}},
        {"w", {"weeks", "週間"}},
        {"m", {"months", "か月"}},
        {"y", {"years", "年"}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].word, word) == 0)
            return rows[i].texts[filling->language];
    return word;
}

static int add_severity(struct filling *filling, struct error *err)
{
    const char *severity = filling->item->severity;
    return add(filling, severity != NULL ? say(filling, severity) : blank, err);
}

/* Other customers' names are none of this one's business. */
static int add_tenant(struct filling *filling, struct error *err)
{
    return add(filling, filling->tenant != NULL ? filling->tenant : blank, err);
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

static int add_event(struct filling *filling, const struct hikae_incident_event *event, struct error *err)
{
    const char *what = say(filling, event->stage != NULL ? event->stage : event->event);
    if (add_time(filling, event->at_ns != 0 ? event->at_ns : event->time_ns, err) != 0 || add(filling, " ", err) != 0 ||
        add(filling, what, err) != 0)
        return -1;
    if (event->channel != NULL &&
        add_made(filling, mem_printf(filling->language == INCIDENT_JA ? "（%s）" : " (%s)", event->channel), err) != 0)
        return -1;
    return event->text == NULL || (add(filling, ": ", err) == 0 && add(filling, event->text, err) == 0) ? 0 : -1;
}

static int add_events(struct filling *filling, struct error *err)
{
    const struct hikae_incident *item = filling->item;
    for (size_t i = 0; i < item->event_count; i++)
        if (add(filling, i > 0 ? "\n   - " : "   - ", err) != 0 || add_event(filling, &item->events[i], err) != 0)
            return -1;
    return 0;
}

/* "72h", "3 business days" in words. */
static char *within_text(const struct filling *filling, const char *within)
{
    size_t digits = strspn(within, "0123456789");
    const char *unit = within + digits + (within[digits] == ' ' ? 1 : 0);
    return mem_printf("%.*s%s%s", (int)digits, within, filling->language == INCIDENT_JA ? "" : " ", say(filling, unit));
}

static int add_deadline(struct filling *filling, const struct hikae_incident_deadline *deadline, struct error *err)
{
    char CLEANUP_FREE *within = within_text(filling, deadline->within);
    bool is_open = strcmp(deadline->state, "open") == 0;
    const char *state = say(filling, is_open ? "open deadline" : deadline->state);
    const char *from = say(filling, deadline->from), *strength = say(filling, deadline->strength);
    bool japanese = filling->language == INCIDENT_JA;
    if (within == NULL)
        return error_no_memory(err);
    if (add_made(filling,
                 japanese ? mem_printf("%sから%s以内（%s）: 期限 ", from, within, strength)
                          : mem_printf("within %s of %s (%s): by ", within, from, strength),
                 err) != 0 ||
        add_due(filling, deadline->due_ns, err) != 0)
        return -1;
    if (deadline->met_ns != 0 &&
        (add(filling, japanese ? "、実施 " : "; given ", err) != 0 || add_time(filling, deadline->met_ns, err) != 0))
        return -1;
    return add_made(filling, mem_printf(japanese ? "、%s" : ", %s", state), err);
}

/* What was promised to this customer; what others were promised is not told. */
static bool concerns(const struct filling *filling, const struct hikae_incident_deadline *deadline)
{
    return filling->policy == NULL || strcmp(filling->policy, deadline->policy) == 0;
}

static int add_deadlines(struct filling *filling, struct error *err)
{
    const struct hikae_incident *item = filling->item;
    bool any = false;
    for (size_t i = 0; i < item->deadline_count; i++) {
        if (!concerns(filling, &item->deadlines[i]))
            continue;
        if (add(filling, any ? "\n   - " : "   - ", err) != 0 || add_deadline(filling, &item->deadlines[i], err) != 0)
            return -1;
        any = true;
    }
    return any ? 0 : add(filling, "   - ____", err);
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
                 {"tenant", add_tenant},
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

static int find_template(const struct hikae_incident_text *wanted, enum incident_language *ret_language,
                         const char *const **ret_lines, struct error *err)
{
    bool is_japanese = wanted->language != NULL && strcmp(wanted->language, "ja") == 0;
    bool known = is_japanese || (wanted->language != NULL && strcmp(wanted->language, "en") == 0);
    *ret_language = is_japanese ? INCIDENT_JA : INCIDENT_EN;
    *ret_lines = known && wanted->stage != NULL ? incident_text(wanted->stage, *ret_language) : NULL;
    if (*ret_lines != NULL)
        return 0;
    (void)error_set(err, ERROR_USAGE, "there is no template '%.40s'", wanted->stage != NULL ? wanted->stage : "");
    return error_hint(err, "first, follow-up or final, in en or ja");
}

/* Whom it is for, and so by whose policy it speaks: the zone of its times, and what was promised. */
static int address(struct hikae *hikae, const char *tenant, struct filling *filling, struct error *err)
{
    const struct hikae_incident *item = filling->item;
    struct catalog_tenant row = {0};
    const char *zone = "UTC";
    if (tenant != NULL) {
        bool named = item->tenant_count == 0;
        for (size_t i = 0; i < item->tenant_count; i++)
            named = named || strcmp(item->tenants[i].name, tenant) == 0;
        if (!named) {
            (void)error_set(err, ERROR_USAGE, "%.100s is none of those whom %s concerns", tenant, item->id);
            return error_hint(err, "`hikae incident note %s --tenant %.60s --text …` adds it", item->id, tenant);
        }
        if (catalog_tenant_by_name(hikae->catalog, tenant, &row, err) != 0)
            return -1;
        filling->tenant = tenant;
        filling->policy = row.policy;
        row.policy = NULL;
        catalog_tenant_free(&row);
    }
    for (size_t i = item->deadline_count; i-- > 0;)
        if (concerns(filling, &item->deadlines[i]) && item->deadlines[i].zone != NULL)
            zone = item->deadlines[i].zone;
    return zone_open(zone, &filling->zone, err);
}

static int fill_all(struct filling *filling, const char *const *lines, struct error *err)
{
    int rc = add(filling, incident_text_warning(filling->language), err) == 0 ? add(filling, "\n", err) : -1;
    for (size_t i = 0; rc == 0 && lines[i] != NULL; i++)
        rc = fill_line(filling, lines[i], err);
    return rc == 0 ? buf_u8(&filling->out, 0, err) : -1;
}

static int fill(struct hikae *hikae, const char *id, const struct hikae_incident_text *wanted, char **ret_text,
                struct error *err)
{
    struct hikae_incidents found CLEANUP(hikae_incidents_free) = {0};
    struct hikae_error why;
    struct filling filling = {0};
    const char *const *lines;
    if (find_template(wanted, &filling.language, &lines, err) != 0)
        return -1;
    if (hikae_incident_list(hikae, HIKAE_INCIDENT, id, true, &found, &why) > HIKAE_WARNINGS)
        return api_failure(&why, err);
    filling.item = &found.items[0];
    int rc = address(hikae, wanted->tenant, &filling, err);
    if (rc == 0)
        rc = fill_all(&filling, lines, err);
    if (rc == 0)
        *ret_text = (char *)filling.out.data;
    else
        buf_free(&filling.out);
    mem_free(filling.policy);
    zone_free(filling.zone);
    return rc;
}

enum hikae_status hikae_incident_template(struct hikae *hikae, const char *id, const struct hikae_incident_text *wanted,
                                          char **ret_text, struct hikae_error *error)
{
    struct error err = {0};
    *ret_text = NULL;
    int rc = fill(hikae, id, wanted, ret_text, &err);
    return api_result(rc, false, &err, error);
}
