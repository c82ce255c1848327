/* Nonconformities: what was promised and did not happen, opened once for each cause. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/incident.h"
#include "ops/purge.h"
#include "ops/review.h"
#include "ops/run.h"

#include <stdio.h>
#include <string.h>

/* A look that was missed is found when it happens; one of years ago was found then. */
#define REVIEWS_BACK_NS (INT64_C(400) * 86400 * NS_PER_S)

/* ---- What was missed ---- */

void misses_clear(struct misses *misses)
{
    mem_free(misses->items);
    *misses = (struct misses){0};
}

int misses_add(struct misses *misses, const struct missed *missed, struct error *err)
{
    if (misses->count == misses->capacity) {
        size_t capacity = misses->capacity > 0 ? 2 * misses->capacity : 16;
        struct missed *grown = mem_realloc(misses->items, capacity * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        misses->items = grown;
        misses->capacity = capacity;
    }
    misses->items[misses->count++] = *missed;
    return 0;
}

/* What keeps a promise to others; jobs that are not here keep the store in order, and nobody was promised when. */
static const struct {
    const char *what, *en, *ja;
} titles[] = {
    {"backup", "A backup was not made in its window", "時間内にバックアップが取得されませんでした"},
    {"verify", "A verification was not done in time", "時間内に検証が行われませんでした"},
    {"locks", "Locks of objects were not extended in time", "時間内にオブジェクトロックが延長されませんでした"},
    {"retain", "What is to be dropped was not dropped in time", "時間内に世代の整理が行われませんでした"},
    {"drill", "A restore drill was not done in time", "時間内に復元試験が行われませんでした"},
    {"erasure", "A tenant whose contract ended was not erased in time", "契約終了後、期限までに消去されませんでした"},
    {"notice", "A notice of an incident was not given in time", "時間内にインシデントの通知が行われませんでした"},
    {"review", "Nobody looked in time", "期限までに確認が行われませんでした"},
    {"logs", "Logs were not taken in by the day that is promised, or are gone",
     "約束した日までにログが取り込まれなかったか、ログがなくなっています"},
};

/* -1: it is no promise. */
static int row_of(const char *what)
{
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
        if (strcmp(titles[i].what, what) == 0)
            return (int)i;
    return -1;
}

const char *hikae_incident_title(const struct hikae_incident *incident, bool japanese)
{
    int row = strcmp(incident->kind, HIKAE_NONCONFORMITY) == 0 ? row_of(incident->about) : -1;
    return row >= 0 && japanese ? titles[row].ja : incident->title;
}

/*
 * A tenant that never had a backup is not late because windows before its time passed by; it is when it failed again.
 * Its first window is not known here without opening it.
 */
static bool is_missed(const struct run_task *task)
{
    char key[CATALOG_JOB_NAME_SIZE];
    run_job_key(task->job, task->variant, key);
    const struct catalog_job *known = run_known(task->tenant, key);
    return row_of(task->job->name) >= 0 && task->due.is_late && known != NULL &&
           (known->done_ns != 0 || known->failures > 1);
}

int misses_of_plan(const struct run_plan *plan, struct misses *ret, struct error *err)
{
    for (size_t i = 0; i < plan->task_count; i++) {
        const struct run_task *task = &plan->tasks[i];
        const struct missed missed = {.what = task->job->name,
                                      .policy = task->tenant->policy->name,
                                      .tenant = task->tenant->name,
                                      .since_ns = task->due.missed_ns,
                                      .again_ns = task->due.at_ns};
        if (is_missed(task) && misses_add(ret, &missed, err) != 0)
            return -1;
    }
    return 0;
}

/* Tenants whose contract ended and who are still there when they must be erased; the catalogue knows by when. */
struct erasures {
    struct misses *misses;
    char **names; /* that the misses borrow */
    size_t count;
    int64_t now_ns;
};

static void erasures_clear(struct erasures *erasures)
{
    for (size_t i = 0; i < erasures->count; i++)
        mem_free(erasures->names[i]);
    mem_free(erasures->names);
}

static int miss_one(struct erasures *erasures, const char *tenant, int64_t since_ns, struct error *err)
{
    char **grown = mem_realloc(erasures->names, (erasures->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    erasures->names = grown;
    char *name = mem_strdup(tenant);
    if (name == NULL)
        return error_no_memory(err);
    grown[erasures->count++] = name;
    const struct missed missed = {.what = "erasure", .tenant = name, .since_ns = since_ns};
    return misses_add(erasures->misses, &missed, err);
}

static int miss_erasure(const struct catalog_tenant *row, void *context, struct error *err)
{
    struct erasures *erasures = context;
    struct history_tenant tenant CLEANUP(history_tenant_clear) = {0};
    if (strcmp(row->state, "erased") == 0)
        return 0;
    if (history_tenant_read(row->body, &tenant, err) != 0)
        return error_wrap(err, "tenant %s", row->name);
    if (tenant.erase_by_ns == 0 || tenant.erase_by_ns >= erasures->now_ns)
        return 0;
    return miss_one(erasures, row->name, tenant.erase_by_ns, err);
}

/* Those that are unreadable, but not gone as was promised: here they have their pseudonyms only. */
static int miss_purges(const struct session *facts, struct erasures *erasures, struct error *err)
{
    CLEANUP(hikae_purges_free) struct hikae_purges purges = {0};
    if (purge_list_open(facts, &purges, err) != 0)
        return -1;
    for (size_t i = 0; i < purges.count; i++) {
        const struct hikae_purge *purge = &purges.purges[i];
        bool forgotten = purge->unreadable_ns != 0; /* by the catalogue; else miss_erasure has told */
        if (purge->missed && purge->met_ns == 0 && forgotten &&
            miss_one(erasures, purge->tenant, purge->deadline_ns, err) != 0)
            return -1;
    }
    return 0;
}

/* First notices that are overdue. */
static int miss_notices(const struct hikae_incidents *incidents, struct misses *ret, struct error *err)
{
    for (size_t i = 0; i < incidents->count; i++) {
        const struct hikae_incident *item = &incidents->items[i];
        for (size_t k = 0; item->open && k < item->deadline_count; k++) {
            const struct hikae_incident_deadline *deadline = &item->deadlines[k];
            const struct missed missed = {
                .what = "notice", .policy = deadline->policy, .subject = item->id, .since_ns = deadline->due_ns};
            if (strcmp(deadline->state, "missed") == 0 && misses_add(ret, &missed, err) != 0)
                return -1;
        }
    }
    return 0;
}

static int miss_reviews(const struct hikae_reviews *reviews, struct misses *ret, struct error *err)
{
    for (size_t i = 0; i < reviews->due_count; i++) {
        const struct hikae_review_due *due = &reviews->dues[i];
        const struct missed missed = {
            .what = "review", .policy = due->policy, .subject = due->of, .since_ns = due->due_ns};
        if (strcmp(due->state, "missed") == 0 && misses_add(ret, &missed, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- Causes ---- */

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_cause(const struct missed *a, const struct missed *b)
{
    return same(a->what, b->what) && same(a->policy, b->policy) && same(a->subject, b->subject);
}

static bool is_about(const struct hikae_incident *item, const struct missed *missed)
{
    return strcmp(item->kind, HIKAE_NONCONFORMITY) == 0 && same(item->about, missed->what) &&
           same(item->policy, missed->policy) && same(item->subject, missed->subject);
}

/* The one that is open for a cause, or NULL. */
static const struct hikae_incident *find_open(const struct hikae_incidents *incidents, const struct missed *missed)
{
    for (size_t i = 0; i < incidents->count; i++)
        if (incidents->items[i].open && is_about(&incidents->items[i], missed))
            return &incidents->items[i];
    return NULL;
}

bool misses_are_settled(const struct hikae_incidents *incidents, const struct missed *missed)
{
    int64_t time_ns = missed->again_ns != 0 ? missed->again_ns : missed->since_ns;
    for (size_t i = 0; i < incidents->count; i++) {
        const struct hikae_incident *item = &incidents->items[i];
        if (!item->open && is_about(item, missed) && item->opened_ns >= time_ns)
            return true;
    }
    return false;
}

static bool names_tenant(const struct hikae_incident *item, const char *hex)
{
    for (size_t i = 0; item != NULL && i < item->tenant_count; i++)
        if (strcmp(item->tenants[i].id, hex) == 0)
            return true;
    return false;
}

/* A tenant's pseudonym. One that is erased has no other name, and a catalogue that was made anew does not know it. */
static int pseudonym_of(struct hikae *hikae, const char *tenant, char ret[2 * ID_SIZE + 1], struct error *err)
{
    struct id tid;
    struct error why = {0};
    bool is_one = strlen(tenant) == 2 * ID_SIZE && hex_decode(tenant, ID_SIZE, tid.bytes);
    if (engine_tenant_id(hikae, tenant, &tid, &why) != 0 && (why.class != ERROR_NOT_FOUND || !is_one)) {
        *err = why;
        return -1;
    }
    (void)hex_encode(tid.bytes, ID_SIZE, ret);
    return 0;
}

/* The tenants of one cause that `known` does not name yet, as [{name, id}]. *ret_since_ns: the earliest time. */
static int gather_tenants(struct hikae *hikae, const struct misses *misses, const struct missed *cause,
                          const struct hikae_incident *known, json_t *list, int64_t *ret_since_ns, struct error *err)
{
    for (size_t i = 0; i < misses->count; i++) {
        const struct missed *missed = &misses->items[i];
        char hex[2 * ID_SIZE + 1];
        if (!same_cause(missed, cause))
            continue;
        if (missed->since_ns < *ret_since_ns)
            *ret_since_ns = missed->since_ns;
        if (missed->tenant == NULL)
            continue;
        if (pseudonym_of(hikae, missed->tenant, hex, err) != 0)
            return -1;
        if (!names_tenant(known, hex) &&
            json_array_append_new(list, json_pack("{s:s, s:s}", "name", missed->tenant, "id", hex)) != 0)
            return error_no_memory(err);
    }
    return 0;
}

/* ---- Opening ---- */

static json_t *open_body(const struct missed *cause, const char *id, json_t *tenants, int64_t since_ns)
{
    char occurred[CLOCK_TEXT_SIZE];
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:s, s:O}", "kind", HIKAE_NONCONFORMITY, "id", id,
                     "event", "open", "who", "hikae", "title", titles[row_of(cause->what)].en, "about", cause->what,
                     "policy", cause->policy, "subject", cause->subject, "occurred", clock_format(since_ns, occurred),
                     "tenants", tenants);
}

static int note_cause(struct session *facts, const struct hikae_incidents *incidents, const struct misses *misses,
                      const struct missed *cause, size_t *ret_opened, struct error *err)
{
    const struct hikae_incident *known = find_open(incidents, cause);
    int64_t since_ns = cause->since_ns;
    json_t *tenants CLEANUP_JSON = json_array();
    json_t *body CLEANUP_JSON = NULL;
    char id[INCIDENT_ID_SIZE];
    if (tenants == NULL)
        return error_no_memory(err);
    if (gather_tenants(facts->hikae, misses, cause, known, tenants, &since_ns, err) != 0)
        return -1;
    if (known != NULL && json_array_size(tenants) == 0)
        return 0;
    if (known != NULL) {
        body = json_pack("{s:s, s:s, s:s, s:s, s:O}", "kind", known->kind, "id", known->id, "event", "note", "who",
                         "hikae", "tenants", tenants);
    } else {
        if (incident_new_id(incidents, 'N', clock_now_ns(), id, err) != 0)
            return -1;
        body = open_body(cause, id, tenants, since_ns);
        ++*ret_opened;
    }
    return body != NULL ? facts_append(facts, RECORD_INCIDENT, body, err) : error_no_memory(err);
}

static int note_all(struct session *facts, struct misses *misses, size_t *ret_opened, struct error *err)
{
    int64_t now_ns = clock_now_ns();
    struct hikae_incidents incidents CLEANUP(hikae_incidents_free) = {0};
    struct hikae_reviews reviews CLEANUP(hikae_reviews_free) = {0};
    if (incidents_read(facts, NULL, now_ns, &incidents, err) != 0 ||
        reviews_read(facts, now_ns - REVIEWS_BACK_NS, now_ns, now_ns, &reviews, err) != 0 ||
        miss_notices(&incidents, misses, err) != 0 || miss_reviews(&reviews, misses, err) != 0)
        return -1;
    size_t left = 0;
    for (size_t i = 0; i < misses->count; i++)
        if (!misses_are_settled(&incidents, &misses->items[i]))
            misses->items[left++] = misses->items[i];
    misses->count = left;
    for (size_t i = 0; i < misses->count; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i; k++)
            is_first = is_first && !same_cause(&misses->items[k], &misses->items[i]);
        if (is_first && note_cause(facts, &incidents, misses, &misses->items[i], ret_opened, err) != 0)
            return -1;
    }
    return 0;
}

int nonconformities_open(struct hikae *hikae, const struct misses *misses, size_t *ret_opened, struct error *err)
{
    struct session facts;
    struct misses all = {0};
    struct erasures erasures = {.misses = &all, .now_ns = clock_now_ns()};
    int rc = 0;
    *ret_opened = 0;
    for (size_t i = 0; rc == 0 && i < misses->count; i++)
        rc = misses_add(&all, &misses->items[i], err);
    if (rc == 0)
        rc = catalog_tenant_each(hikae->catalog, miss_erasure, &erasures, err);
    if (rc == 0)
        rc = session_open_store(hikae, SESSION_LOCK, &facts, err);
    if (rc == 0) {
        rc = miss_purges(&facts, &erasures, err);
        if (rc == 0)
            rc = note_all(&facts, &all, ret_opened, err);
        session_close(&facts);
    }
    misses_clear(&all);
    erasures_clear(&erasures);
    return rc == 0 ? 0 : error_wrap(err, "open nonconformities");
}
