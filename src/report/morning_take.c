/* The page of the morning: what is taken of each tenant. */
#include "report/morning.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ops/status.h"

#include <string.h>

#define WEEK_NS (INT64_C(7) * 86400 * NS_PER_S)
enum { BACK_MAX = 60 };

/* ---- Snapshots ---- */

int64_t morning_days_back(const struct morning *morning, int64_t ns)
{
    return morning->day - zone_period(morning->zone, ZONE_DAY, ns);
}

static void note_snapshot(struct morning *morning, struct morning_tenant *to, const struct history_snapshot *snapshot)
{
    int64_t back = morning_days_back(morning, snapshot->time_ns);
    if (snapshot->time_ns >= morning->end_ns)
        return;
    to->generations += !snapshot->retired;
    to->existed = back >= MORNING_DAYS ? MORNING_DAYS : (size_t)back + 1 > to->existed ? (size_t)back + 1 : to->existed;
    if (back < MORNING_DAYS) {
        to->made |= UINT64_C(1) << back;
        to->kept |= (uint64_t)!snapshot->retired << back;
    }
    if (!snapshot->retired)
        morning->kept_bytes += (double)snapshot->root.bytes;
}

/* The snapshot a week before the latest, or the first one after that. */
static uint64_t bytes_before(const struct history *history)
{
    const struct history_snapshot *latest = history_latest(history);
    for (size_t i = 0; latest != NULL && i < history->snapshot_count; i++) {
        const struct history_snapshot *snapshot = &history->snapshots[i];
        if (snapshot != latest && latest->time_ns - snapshot->time_ns <= WEEK_NS && snapshot->time_ns < latest->time_ns)
            return snapshot->root.bytes;
    }
    return 0;
}

static bool is_daily(const struct policies *policies, const char *name)
{
    const struct policies_item *item = policies_find(policies, name);
    return item != NULL && item->policy != NULL && item->policy->schedule.rule.present &&
           item->policy->schedule.every <= POLICY_DAILY;
}

/* ---- Copies and verification ---- */

/* The newest snapshot that lies whole on a target which answers and lacks the latest: looking back has an end. */
static int64_t newest_on(struct session *session, size_t target, struct error *err)
{
    const struct history *history = &session->chain.history;
    size_t looked = 0;
    for (size_t i = history->snapshot_count; i-- > 0 && looked < BACK_MAX;) {
        uint64_t mask = 0;
        if (history->snapshots[i].retired)
            continue;
        looked++;
        if (session_counting(session, &history->snapshots[i], &mask, err) != 0)
            return -1;
        if ((mask >> target & 1) != 0)
            return history->snapshots[i].time_ns;
    }
    return 0;
}

static bool lacks(const struct hikae_tenant_status *status, const char *target)
{
    for (size_t i = 0; i < status->behind_count; i++)
        if (strcmp(status->behind[i], target) == 0)
            return true;
    return false;
}

/* The packs of one tenant, as listed just now. The ledger knows those that the last verification saw. */
static uint64_t count_packs(const struct roster *listed)
{
    uint64_t count = 0;
    for (size_t i = 0; i < listed->count; i++)
        count += listed->rows[i].class == OBJECT_PACK;
    return count;
}

/* Each target's copy: of which snapshot it is, and how much of it was ever read and compared. */
static int take_copies(struct session *session, const struct catalog_tenant *row,
                       const struct hikae_tenant_status *status, struct morning_tenant *to, struct error *err)
{
    struct hikae *hikae = session->hikae;
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct morning_copy *copy = &to->copies[i];
        if (status->last_success_ns != 0 && !lacks(status, hikae->targets[i].name))
            copy->latest_ns = status->last_success_ns;
        else if (status->last_success_ns != 0 && hikae->targets[i].up)
            copy->latest_ns = newest_on(session, i, err);
        if (copy->latest_ns < 0 ||
            catalog_checked_sum(hikae->catalog, &row->tid, hikae->targets[i].name, 'p', HIKAE_VERIFY_OBJECTS,
                                &copy->packs, &copy->checked, &copy->checked_ns, err) != 0)
            return -1;
        if (status->last_success_ns != 0 && hikae->targets[i].up)
            copy->packs = count_packs(&hikae->targets[i].present.listed);
        if (copy->checked > copy->packs)
            copy->checked = copy->packs; /* some are gone since */
    }
    return 0;
}

/* Verifications by runs say what they found; those by hand mark what was sound. The later one counts. */
static void take_verified(const struct morning_gathering *gathering, const struct history *history,
                          const struct id *tid, struct morning_tenant *to)
{
    struct run_verified verified = {0};
    if (run_verified_latest(gathering->jobs, gathering->job_count, tid, &verified, &to->verified_ns))
        to->damaged = verified.damaged;
    for (size_t i = 0; i < history->snapshot_count; i++)
        if (history->snapshots[i].verified_ns > to->verified_ns) {
            to->verified_ns = history->snapshots[i].verified_ns;
            to->damaged = 0;
        }
}

/* ---- Tenants ---- */

/* Room for one more, which is not counted yet. */
static struct morning_tenant *next_tenant(struct morning *morning)
{
    if (morning->tenant_count == morning->tenant_room) {
        size_t room = morning->tenant_room > 0 ? 2 * morning->tenant_room : 64;
        struct morning_tenant *grown = mem_realloc(morning->tenants, room * sizeof(*grown));
        if (grown == NULL)
            return NULL;
        morning->tenants = grown;
        morning->tenant_room = room;
    }
    return &morning->tenants[morning->tenant_count];
}

static int add_tenant(struct morning_gathering *gathering, const struct catalog_tenant *row, size_t number,
                      struct morning_tenant **ret, struct error *err)
{
    struct morning_tenant *to = next_tenant(gathering->morning);
    if (to == NULL)
        return error_no_memory(err);
    *to = (struct morning_tenant){.name = mem_strdup(row->name),
                                  .policy = mem_strdup(row->policy),
                                  .row = number,
                                  .is_suspended = strcmp(row->state, "suspended") == 0,
                                  .is_daily = is_daily(&gathering->policies, row->policy),
                                  .copies = mem_calloc(gathering->morning->hikae->target_count, sizeof(*to->copies))};
    gathering->morning->tenant_count++;
    *ret = to;
    return to->name != NULL && to->policy != NULL && to->copies != NULL ? 0 : error_no_memory(err);
}

int morning_take_tenant(struct session *session, const struct catalog_tenant *row,
                        const struct hikae_tenant_status *status, size_t number, void *context, struct error *err)
{
    struct morning_gathering *gathering = context;
    const struct history *history = &session->chain.history;
    struct morning_tenant *to;
    if (add_tenant(gathering, row, number, &to, err) != 0)
        return -1;
    to->bytes_before = bytes_before(history);
    for (size_t i = 0; i < history->snapshot_count; i++)
        note_snapshot(gathering->morning, to, &history->snapshots[i]);
    take_verified(gathering, history, &row->tid, to);
    if (take_copies(session, row, status, to, err) != 0)
        return -1;
    to->is_read = true;
    return 0;
}

/* When the catalogue saw its last backup; 0: never. */
static int64_t remembered_backup(const struct morning_gathering *gathering, const struct id *tid)
{
    for (size_t i = 0; i < gathering->job_count; i++)
        if (id_equal(&gathering->jobs[i].tid, tid) && strcmp(gathering->jobs[i].job, "backup") == 0)
            return gathering->jobs[i].done_ns;
    return 0;
}

int morning_take_remembered(const struct catalog_tenant *row, void *context, struct error *err)
{
    struct morning_gathering *gathering = context;
    struct hikae_status_report *report = &gathering->morning->status;
    struct morning_tenant *to;
    if (strcmp(row->state, "erased") == 0)
        return 0;
    struct hikae_tenant_status *grown = mem_realloc(report->tenants, (report->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    report->tenants = grown;
    grown[report->count] = (struct hikae_tenant_status){.name = mem_strdup(row->name),
                                                        .last_success_ns = remembered_backup(gathering, &row->tid)};
    if (grown[report->count++].name == NULL)
        return error_no_memory(err);
    return add_tenant(gathering, row, report->count - 1, &to, err);
}

/* A tenant that could not be read is not one that is not there. */
int morning_take_unread(struct morning_gathering *gathering, struct error *err)
{
    struct morning *morning = gathering->morning;
    size_t taken = morning->tenant_count;
    for (size_t i = 0, next = 0; i < morning->status.count; i++) {
        struct catalog_tenant row = {0};
        struct morning_tenant *to;
        if (next < taken && morning->tenants[next].row == i) {
            next++;
            continue;
        }
        if (catalog_tenant_by_name(morning->hikae->catalog, morning->status.tenants[i].name, &row, err) != 0)
            return -1;
        int rc = add_tenant(gathering, &row, i, &to, err);
        catalog_tenant_free(&row);
        if (rc != 0)
            return -1;
    }
    return 0;
}

struct morning_copy morning_copies_of(const struct morning *morning, size_t target)
{
    struct morning_copy sum = {0};
    for (size_t i = 0; i < morning->tenant_count; i++) {
        const struct morning_copy *copy = &morning->tenants[i].copies[target];
        sum.packs += copy->packs;
        sum.checked += copy->checked;
        sum.checked_ns = copy->checked_ns > sum.checked_ns ? copy->checked_ns : sum.checked_ns;
        if (copy->latest_ns != 0 && (sum.latest_ns == 0 || copy->latest_ns < sum.latest_ns))
            sum.latest_ns = copy->latest_ns;
    }
    return sum;
}

/* ---- How they stand ---- */

bool morning_is_safe(const struct morning *morning, const struct hikae_tenant_status *tenant)
{
    return tenant->last_success_ns != 0 && tenant->behind_count < morning->status.target_count;
}

enum morning_standing morning_standing(const struct morning *morning, const struct morning_tenant *tenant)
{
    const struct hikae_tenant_status *status = &morning->status.tenants[tenant->row];
    size_t copies = morning->status.target_count - status->behind_count;
    if (!tenant->is_read)
        return STANDING_UNREAD;
    if (status->last_success_ns == 0)
        return status->overdue || status->next_due_ns != 0 ? STANDING_NEVER : STANDING_IDLE;
    if (copies == 0)
        return STANDING_BROKEN;
    if (tenant->damaged > 0)
        return STANDING_DAMAGED;
    if (status->overdue)
        return STANDING_LATE;
    if (copies < morning->hikae->config->min_copies)
        return STANDING_FEW;
    return copies < morning->status.target_count ? STANDING_BEHIND : STANDING_GOOD;
}

int morning_compare(const void *a, const void *b, void *context)
{
    const struct morning_tenant *x = a, *y = b;
    enum morning_standing sx = morning_standing(context, x), sy = morning_standing(context, y);
    return sx != sy ? (sx < sy ? -1 : 1) : strcmp(x->name, y->name);
}
