/* metrics: the state of the store as text for Prometheus' textfile collector (text exposition format 0.0.4). */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/run.h"

#include <stdio.h>
#include <string.h>

/* What was gathered; metrics are printed one family after the other, as the format asks. */
struct gathered {
    struct hikae *hikae;
    struct hikae_status_report report;
    struct tenant_objects {
        uint64_t damaged, unknown;
        int64_t verified_ns;
        bool has_verified;
    } * tenants; /* by the rows of the report */
    struct {
        bool found, ended;
        int64_t started_ns, finished_ns;
        int64_t exit, done, failed;
    } run;
    struct buf text;
};

/* ---- Printing ---- */

static int print(struct buf *out, struct error *err, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int print(struct buf *out, struct error *err, const char *fmt, ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof(line))
        return error_set(err, ERROR_INTERNAL, "a line of the metrics is too long");
    return buf_append(out, line, (size_t)size, err);
}

/* A value of a label: backslash, quotation mark and end of line are escaped. */
static int print_label(struct buf *out, const char *name, const char *value, struct error *err)
{
    if (print(out, err, "%s=\"", name) != 0)
        return -1;
    for (const char *p = value; *p != '\0'; p++) {
        const char *escaped = *p == '\\' ? "\\\\" : *p == '"' ? "\\\"" : *p == '\n' ? "\\n" : NULL;
        if ((escaped != NULL ? buf_append(out, escaped, 2, err) : buf_append(out, p, 1, err)) != 0)
            return -1;
    }
    return buf_append(out, "\"", 1, err);
}

static int print_family(struct buf *out, const char *name, const char *help, struct error *err)
{
    return print(out, err, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* Seconds with their fraction, as far as a double holds it. */
static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

/* One family of one number a tenant; false: this tenant has none. */
struct family {
    const char *name, *help;
    bool (*read)(const struct hikae_tenant_status *status, const struct tenant_objects *objects, double *ret);
};

static bool read_success(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = seconds(s->last_success_ns);
    return true; /* 0 is 1970: an alert on age finds a tenant that never had a backup */
}
static bool read_age(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = seconds(s->age_ns);
    return s->last_success_ns != 0;
}
static bool read_snapshots(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = (double)s->snapshots;
    return true;
}
static bool read_bytes(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = (double)s->bytes;
    return true;
}
static bool read_behind(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = (double)s->behind_count;
    return true;
}
static bool read_overdue(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = s->overdue;
    return true;
}
static bool read_next(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = seconds(s->next_due_ns);
    return s->next_due_ns != 0;
}
static bool read_deadline(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = seconds(s->deadline_ns);
    return s->deadline_ns != 0;
}
static bool read_verified(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)s;
    *ret = seconds(o->verified_ns);
    return o->has_verified;
}
static bool read_damaged(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)s;
    *ret = (double)o->damaged;
    return o->has_verified;
}
static bool read_unknown(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)s;
    *ret = (double)o->unknown;
    return o->has_verified;
}

static bool read_drill(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = seconds(s->last_drill_ns);
    return s->last_drill != NULL;
}
static bool read_drill_passed(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = s->last_drill != NULL && strcmp(s->last_drill, "passed") == 0;
    return s->last_drill != NULL;
}
static bool read_copies(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = (double)s->copies_out;
    return true;
}
static bool read_copies_overdue(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = (double)s->copies_overdue;
    return true;
}

static bool read_unread(const struct hikae_tenant_status *s, const struct tenant_objects *o, double *ret)
{
    (void)o;
    *ret = s->unknown;
    return true;
}

static const struct family families[] = {
    {"hikae_last_success_timestamp_seconds", "Time of the latest snapshot, 0 if there is none.", read_success},
    {"hikae_last_success_age_seconds", "Age of the latest snapshot.", read_age},
    {"hikae_snapshots", "Snapshots that are not retired.", read_snapshots},
    {"hikae_source_bytes", "Bytes of the sources in the latest snapshot.", read_bytes},
    {"hikae_targets_behind", "Targets that do not hold all of the latest snapshot.", read_behind},
    {"hikae_backup_overdue", "1 if a whole window passed without a backup.", read_overdue},
    {"hikae_next_backup_timestamp_seconds", "When the next backup is due.", read_next},
    {"hikae_erasure_deadline_timestamp_seconds", "By when everything of a tenant whose contract ends must be erased.",
     read_deadline},
    {"hikae_verify_timestamp_seconds", "When a nightly run last verified the tenant.", read_verified},
    {"hikae_verify_damaged", "Damaged objects that the last verification of a nightly run found.", read_damaged},
    {"hikae_verify_unknown", "Objects that it could not read.", read_unknown},
    {"hikae_drill_timestamp_seconds", "When the tenant was last drilled.", read_drill},
    {"hikae_drill_passed", "1 if that drill passed.", read_drill_passed},
    {"hikae_tenant_unknown", "1 if the tenant could not be read now: its other figures may be less than there is.",
     read_unread},
    {"hikae_copies_out", "Copies that restores handed out and that are not wiped.", read_copies},
    {"hikae_copies_overdue", "Those of them that live longer than they may.", read_copies_overdue},
};

static int print_tenants(struct gathered *g, struct error *err)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const struct family *family = &families[i];
        if (print_family(&g->text, family->name, family->help, err) != 0)
            return -1;
        for (size_t k = 0; k < g->report.count; k++) {
            const struct hikae_tenant_status *status = &g->report.tenants[k];
            double value;
            if (!family->read(status, &g->tenants[k], &value))
                continue;
            if (print(&g->text, err, "%s{", family->name) != 0 ||
                print_label(&g->text, "tenant", status->name, err) != 0 ||
                print(&g->text, err, "} %.15g\n", value) != 0)
                return -1;
        }
    }
    return 0;
}

/* kind 0: up; 1: objects; 2: bytes. */
static int print_target_family(struct gathered *g, int kind, struct error *err)
{
    static const char *const names[][2] = {
        {"hikae_target_up", "1 if the target could be opened and is this store's."},
        {"hikae_target_stored_objects", "Packs, segments and roster parts of all tenants, as listed."},
        {"hikae_target_stored_bytes", "Bytes of these objects."},
    };
    if (print_family(&g->text, names[kind][0], names[kind][1], err) != 0)
        return -1;
    for (size_t i = 0; i < g->report.target_count; i++) {
        const struct hikae_target_stored *target = &g->report.targets[i];
        uint64_t value = kind == 0 ? target->up : kind == 1 ? target->objects : target->bytes;
        if (print(&g->text, err, "%s{", names[kind][0]) != 0 ||
            print_label(&g->text, "target", target->name, err) != 0 ||
            print(&g->text, err, "} %llu\n", (unsigned long long)value) != 0)
            return -1;
    }
    return 0;
}

static int print_one(struct gathered *g, const char *name, const char *help, double value, struct error *err)
{
    if (print_family(&g->text, name, help, err) != 0)
        return -1;
    return print(&g->text, err, "%s %.15g\n", name, value);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Of several deadlines of one thing the first is the one that counts, and a series must be there once. */
static bool is_listed(const struct hikae_status_report *report, size_t row)
{
    const struct hikae_deadline *a = &report->deadlines[row];
    for (size_t i = 0; i < row; i++) {
        const struct hikae_deadline *b = &report->deadlines[i];
        if (same_text(a->kind, b->kind) && same_text(a->policy, b->policy) && same_text(a->subject, b->subject))
            return true;
    }
    return false;
}

/* What people must do. The kinds and policies are words; the subject is an id, a name or a sentence. */
static int print_deadlines(struct gathered *g, struct error *err)
{
    const struct hikae_status_report *report = &g->report;
    if (print_one(g, "hikae_incidents_open", "Security incidents that are open.", (double)report->incidents, err) !=
            0 ||
        print_one(g, "hikae_nonconformities_open", "Promises that were not kept and are not closed yet.",
                  (double)report->nonconformities, err) != 0 ||
        print_family(&g->text, "hikae_deadline_timestamp_seconds",
                     "By when people must erase, notify, look; notices and erasures always, others when near.",
                     err) != 0)
        return -1;
    for (size_t i = 0; i < report->deadline_count; i++) {
        const struct hikae_deadline *deadline = &report->deadlines[i];
        const char *policy = deadline->policy != NULL ? deadline->policy : "";
        if (is_listed(report, i))
            continue;
        if (print(&g->text, err, "hikae_deadline_timestamp_seconds{kind=\"%s\",", deadline->kind) != 0 ||
            print_label(&g->text, "policy", policy, err) != 0 || print(&g->text, err, ",") != 0 ||
            print_label(&g->text, "subject", deadline->subject, err) != 0 ||
            print(&g->text, err, "} %.15g\n", seconds(deadline->due_ns)) != 0)
            return -1;
    }
    return 0;
}

static int print_run(struct gathered *g, struct error *err)
{
    if (print_one(g, "hikae_metrics_timestamp_seconds", "When these figures were taken.", seconds(clock_now_ns()),
                  err) != 0)
        return -1;
    if (!g->run.found)
        return 0;
    if (print_one(g, "hikae_run_start_timestamp_seconds", "When the last nightly run began.",
                  seconds(g->run.started_ns), err) != 0 ||
        print_one(g, "hikae_run_finished", "1 if it came to its end.", g->run.ended, err) != 0)
        return -1;
    if (!g->run.ended)
        return 0;
    if (print_one(g, "hikae_run_exit_code", "Its exit code: 0 done, 1 done with warnings, others as documented.",
                  (double)g->run.exit, err) != 0 ||
        print_one(g, "hikae_run_duration_seconds", "How long it took.", seconds(g->run.finished_ns - g->run.started_ns),
                  err) != 0 ||
        print_one(g, "hikae_run_jobs_done", "Jobs that it did.", (double)g->run.done, err) != 0)
        return -1;
    return print_one(g, "hikae_run_jobs_failed", "Jobs that failed in it.", (double)g->run.failed, err);
}

/* ---- Gathering ---- */

static int take_run(const struct catalog_run *run, void *context, struct error *err)
{
    struct gathered *g = context;
    g->run.found = true;
    g->run.ended = run->finished_ns != 0;
    g->run.started_ns = run->started_ns;
    g->run.finished_ns = run->finished_ns;
    json_t *json CLEANUP_JSON = NULL;
    if (json_parse(run->result, strlen(run->result), &json, err) != 0)
        return -1;
    g->run.exit = json_integer_value(json_object_get(json, "exit"));
    g->run.done = json_integer_value(json_object_get(json, "done"));
    g->run.failed = json_integer_value(json_object_get(json, "failed"));
    g->run.ended = g->run.ended && json != NULL;
    return 0;
}

static int take_tenants(struct gathered *g, struct error *err)
{
    struct hikae *hikae = g->hikae;
    CLEANUP_FREE struct catalog_job *jobs = NULL;
    size_t job_count = 0;
    g->tenants = mem_calloc(g->report.count, sizeof(*g->tenants));
    if (g->tenants == NULL)
        return error_no_memory(err);
    if (catalog_job_list(hikae->catalog, &jobs, &job_count, err) != 0)
        return -1;
    for (size_t k = 0; k < g->report.count; k++) {
        struct id tid;
        if (engine_tenant_id(hikae, g->report.tenants[k].name, &tid, err) != 0)
            return -1;
        struct tenant_objects *objects = &g->tenants[k];
        struct run_verified found;
        objects->has_verified = run_verified_latest(jobs, job_count, &tid, &found, &objects->verified_ns);
        if (objects->has_verified) {
            objects->damaged = found.damaged;
            objects->unknown = found.unknown;
        }
    }
    return 0;
}

static int make_text(struct gathered *g, struct error *err)
{
    if (take_tenants(g, err) != 0 || catalog_run_each(g->hikae->catalog, NULL, "run", 1, take_run, g, err) != 0 ||
        print_tenants(g, err) != 0)
        return -1;
    for (int kind = 0; kind < 3; kind++)
        if (print_target_family(g, kind, err) != 0)
            return -1;
    return print_deadlines(g, err) != 0 ? -1 : print_run(g, err);
}

enum hikae_status hikae_metrics(struct hikae *hikae, const char *file, char **ret_text, struct hikae_error *error)
{
    struct gathered g = {.hikae = hikae};
    struct error err = {0};
    *ret_text = NULL;
    enum hikae_status status = hikae_overview(hikae, &g.report, error);
    if (status > HIKAE_WARNINGS)
        return status;
    int rc = make_text(&g, &err);
    if (rc == 0)
        rc = buf_u8(&g.text, 0, &err);
    /* The collector reads it as another user, at any time: whole, and readable by all. */
    if (rc == 0 && file != NULL)
        rc = file_write_atomic(file, g.text.data, g.text.size - 1, 0644, &err);
    if (rc == 0) {
        *ret_text = mem_strdup((const char *)g.text.data);
        rc = *ret_text != NULL ? 0 : error_no_memory(&err);
    }
    buf_free(&g.text);
    mem_free(g.tenants);
    hikae_status_free(&g.report);
    return api_result(rc, false, &err, error);
}
