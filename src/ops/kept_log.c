#include "ops/kept_log.h"

#include "base/mem.h"
#include "ops/policy_files.h"

#include <string.h>

/* ---- What is promised ---- */

int kept_rule_open(struct hikae *hikae, const struct policy *policy, const char *class_name, struct kept_rule *ret,
                   struct error *err)
{
    *ret = (struct kept_rule){.policy = policy};
    for (size_t i = 0; i < policy->log_count; i++)
        if (strcmp(policy->logs[i].name, class_name) == 0)
            ret->log = &policy->logs[i];
    if (ret->log == NULL) {
        (void)error_set(err, ERROR_REFUSED, "policy %.100s keeps no logs of class '%.100s'", policy->name, class_name);
        return error_hint(err, "`hikae policy show %.60s` lists its logs", policy->name);
    }
    if (zone_open(ret->log->zone, &ret->zone, err) != 0)
        return -1;
    if (policy_files_calendar(hikae->config->path, policy->calendar, &ret->calendar, NULL, err) == 0)
        return 0;
    kept_rule_close(ret);
    return -1;
}

void kept_rule_close(struct kept_rule *rule)
{
    zone_free(rule->zone);
    calendar_free(rule->calendar);
    *rule = (struct kept_rule){0};
}

int64_t kept_rule_due(const struct kept_rule *rule, int64_t ends_ns)
{
    struct zone_time after;
    if (rule->log->fetched_by == 0)
        return 0;
    zone_civil(rule->zone, ends_ns, &after);
    int64_t day = calendar_of_month(rule->calendar, after.date.year, after.date.month, rule->log->fetched_by, NULL);
    return zone_period_start(rule->zone, ZONE_DAY, day + 1);
}

/* ---- Records ---- */

void kept_log_clear(struct hikae_log *log)
{
    mem_free(log->tenant);
    mem_free(log->policy);
    mem_free(log->class_name);
    mem_free(log->source);
    mem_free(log->period);
    mem_free(log->snapshot);
    mem_free(log->format);
    for (size_t i = 0; i < log->file_count; i++)
        mem_free(log->files[i].name);
    mem_free(log->files);
    *log = (struct hikae_log){.state = "missing"};
}

void hikae_logs_free(struct hikae_logs *logs)
{
    for (size_t i = 0; i < logs->count; i++)
        kept_log_clear(&logs->logs[i]);
    mem_free(logs->logs);
    *logs = (struct hikae_logs){0};
}

struct hikae_log *kept_logs_add(struct hikae_logs *logs)
{
    struct hikae_log *grown = mem_realloc(logs->logs, (logs->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    logs->logs = grown;
    grown[logs->count] = (struct hikae_log){.state = "missing"};
    return &grown[logs->count++];
}

static char *text_of(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    return mem_strdup(text != NULL ? text : "");
}

static int64_t time_of(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    int64_t ns = 0;
    return text != NULL && clock_parse(text, &ns, NULL) == 0 ? ns : 0;
}

static uint64_t number_of(const json_t *body, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(body, name));
    return value > 0 ? (uint64_t)value : 0;
}

static int read_files(const json_t *files, struct hikae_log *ret, struct error *err)
{
    ret->files = mem_calloc(json_array_size(files), sizeof(*ret->files));
    if (ret->files == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *from = json_array_get(files, i);
        const char *sha256 = json_string_value(json_object_get(from, "sha256"));
        struct hikae_log_file *file = &ret->files[ret->file_count++];
        file->name = text_of(from, "name");
        file->bytes = number_of(from, "bytes");
        file->lines = number_of(from, "lines");
        if (sha256 != NULL && strlen(sha256) < sizeof(file->sha256))
            memcpy(file->sha256, sha256, strlen(sha256) + 1);
        if (file->name == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static const char *state_of(const struct session *session, const struct hikae_log *log, int64_t now_ns)
{
    const struct history *history = &session->chain.history;
    for (size_t i = 0; i < history->snapshot_count; i++)
        if (strcmp(history->snapshots[i].name, log->snapshot) == 0 && !history->snapshots[i].retired)
            return "kept";
    return log->keep_until_ns <= now_ns ? "over" : "lost";
}

int kept_log_read(const struct session *session, const struct history_fact *fact, int64_t now_ns, struct hikae_log *ret,
                  struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    *ret = (struct hikae_log){.state = "missing"};
    if (json_parse(fact->body, strlen(fact->body), &body, err) != 0)
        return -1;
    const struct history_tenant *tenant = &session->chain.history.tenant;
    *ret = (struct hikae_log){.tenant = mem_strdup(session->tenant),
                              .policy = mem_strdup(tenant->policy != NULL ? tenant->policy : ""),
                              .class_name = text_of(body, "class"),
                              .source = text_of(body, "source"),
                              .period = text_of(body, "period"),
                              .snapshot = text_of(body, "snapshot"),
                              .format = text_of(body, "format"),
                              .from_ns = time_of(body, "from"),
                              .to_ns = time_of(body, "to"),
                              .due_ns = time_of(body, "due"),
                              .taken_ns = time_of(body, "taken"),
                              .first_ns = time_of(body, "first"),
                              .keep_until_ns = time_of(body, "keep_until"),
                              .lines = number_of(body, "lines"),
                              .bytes = number_of(body, "bytes"),
                              .earliest_ns = time_of(body, "earliest"),
                              .latest_ns = time_of(body, "latest")};
    bool whole = ret->tenant != NULL && ret->policy != NULL && ret->class_name != NULL && ret->source != NULL &&
                 ret->period != NULL && ret->snapshot != NULL && ret->format != NULL;
    int rc = whole ? read_files(json_object_get(body, "files"), ret, err) : error_no_memory(err);
    if (rc == 0) {
        if (ret->first_ns == 0)
            ret->first_ns = ret->taken_ns;
        ret->late = ret->due_ns != 0 && ret->first_ns >= ret->due_ns;
        ret->state = state_of(session, ret, now_ns);
        return 0;
    }
    kept_log_clear(ret);
    return -1;
}

/* ---- Times in rows ---- */

static bool cell_is(const struct bytes *cell, const char *text)
{
    return cell->size == strlen(text) && memcmp(cell->data, text, cell->size) == 0;
}

/* The head of a CSV names its columns; where none is asked for, the first row decides. */
static int take_head(struct log_times *times, const struct bytes *cells, size_t count, struct error *err)
{
    times->head_seen = true;
    for (size_t i = 0; times->column != NULL && i < count && !times->found; i++)
        if (cell_is(&cells[i], times->column)) {
            times->found = true;
            times->number = i;
        }
    if (times->column == NULL || times->found)
        return 0;
    return error_set(err, ERROR_USAGE, "there is no column '%.100s'", times->column);
}

static bool look_at_csv(struct log_times *times, const struct bytes *cells, size_t count, int64_t *ret_ns)
{
    for (size_t i = 0; !times->found && i < count; i++)
        if (log_parse_time(&cells[i], ret_ns)) {
            times->found = true;
            times->number = i;
        }
    return times->found && times->number < count && log_parse_time(&cells[times->number], ret_ns);
}

static bool json_time(const json_t *value, int64_t *ret_ns)
{
    const struct bytes text = {(const uint8_t *)json_string_value(value), json_string_length(value)};
    return json_is_string(value) && log_parse_time(&text, ret_ns);
}

static bool look_at_json(struct log_times *times, const json_t *row, int64_t *ret_ns)
{
    const char *name;
    json_t *value;
    if (times->column != NULL && !times->found) {
        times->member = mem_strdup(times->column);
        times->found = times->member != NULL;
    }
    if (!times->found)
        json_object_foreach((json_t *)(uintptr_t)row, name, value)
        {
            if (!json_time(value, ret_ns))
                continue;
            times->member = mem_strdup(name);
            times->found = times->member != NULL;
            break;
        }
    return times->found && json_time(json_object_get(row, times->member), ret_ns);
}

bool log_times_look(struct log_times *times, const struct bytes *cells, size_t count, int64_t *ret_ns,
                    struct error *err, bool *ret_failed)
{
    *ret_failed = false;
    if (times->format == POLICY_LOG_CSV && !times->head_seen) {
        *ret_failed = take_head(times, cells, count, err) != 0;
        return false;
    }
    if (times->format == POLICY_LOG_CSV)
        return look_at_csv(times, cells, count, ret_ns);
    if (times->format != POLICY_LOG_JSON || cells[0].size == 0)
        return false;
    CLEANUP_JSON json_t *row = NULL;
    *ret_failed = json_parse(cells[0].data, cells[0].size, &row, err) != 0;
    if (!*ret_failed && row == NULL) {
        *ret_failed = true;
        (void)error_set(err, ERROR_USAGE, "a line is no JSON");
        (void)error_hint(err, "the policy promises JSON, one value a line");
    }
    if (*ret_failed)
        return false;
    return look_at_json(times, row, ret_ns);
}
