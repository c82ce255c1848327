/* The part of doctor that looks at the store: targets, clock, keys, tenants' sources. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/doctor.h"
#include "ops/target_fact.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SKEW_MAX_NS (300 * NS_PER_S)

enum { NAME_SIZE = 64 };

/* ---- Targets ---- */

static void check_skew(struct doctor *doctor, struct target *target, const char *name)
{
    int64_t skew = 0;
    struct error why = {0};
    if (target_clock_skew(target, &skew, &why) != 0) {
        doctor_note(doctor, HIKAE_CHECK_WARN, name, why.hint, "its clock cannot be asked: %s", why.what);
        return;
    }
    if (skew >= -SKEW_MAX_NS && skew <= SKEW_MAX_NS) {
        doctor_note(doctor, HIKAE_CHECK_OK, name, "", "its clock agrees (%+lld s)", (long long)(skew / NS_PER_S));
        return;
    }
    (void)error_set(&why, ERROR_REFUSED, "its clock differs by %lld s from this machine's, more than five minutes",
                    (long long)(skew / NS_PER_S));
    (void)error_hint(&why, "set both by NTP: deleting is refused while they disagree");
    doctor_fail(doctor, name, &why);
}

static void check_target(struct doctor *doctor, const struct run_target *run)
{
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof(name), "target %.45s", run->name);
    if (!run->up) {
        doctor_fail(doctor, name, &run->why);
        return;
    }
    const struct target_traits *traits = target_traits(run->target);
    doctor_note(doctor, traits->create_once ? HIKAE_CHECK_OK : HIKAE_CHECK_WARN, name,
                traits->create_once ? "" : "use a place that can create without replacing, even when raced",
                "it answers, and holds this store%s", traits->create_once ? "" : "; it may replace objects");
    (void)snprintf(name, sizeof(name), "target %.45s: country", run->name);
    if (traits->country != NULL)
        doctor_note(doctor, HIKAE_CHECK_OK, name, "", "%s", traits->country);
    else
        doctor_note(doctor, HIKAE_CHECK_WARN, name, "add ?country=XX (two letters) to its URL",
                    "not declared: promises about where data lies cannot be proved");
    (void)snprintf(name, sizeof(name), "target %.45s: space", run->name);
    uint64_t space = UINT64_MAX;
    struct error why = {0};
    if (target_free_space(run->target, &space, &why) != 0)
        doctor_note(doctor, HIKAE_CHECK_WARN, name, why.hint, "%s", why.what);
    else if (space != UINT64_MAX)
        doctor_space(doctor, name, space);
    (void)snprintf(name, sizeof(name), "target %.45s: clock", run->name);
    check_skew(doctor, run->target, name);
}

static bool check_targets(struct doctor *doctor)
{
    struct hikae *hikae = doctor->hikae;
    struct error why = {0};
    int rc = engine_targets(hikae, &why);
    for (size_t i = 0; i < hikae->target_count; i++)
        check_target(doctor, &hikae->targets[i]);
    if (rc != 0 && hikae->target_count == 0)
        doctor_fail(doctor, "targets", &why);
    if (rc == 0 && hikae->opened_count < hikae->config->min_copies) {
        (void)error_set(&why, ERROR_UNREACHABLE, "%zu targets can be used, but min_copies is %u", hikae->opened_count,
                        hikae->config->min_copies);
        (void)error_hint(&why, "bring targets back, or lower min_copies");
        doctor_fail(doctor, "targets", &why);
    }
    return rc == 0;
}

/* ---- Clock ---- */

static void check_clock(struct doctor *doctor)
{
    const struct hikae *hikae = doctor->hikae;
    char now[CLOCK_TEXT_SIZE], created[CLOCK_TEXT_SIZE];
    (void)clock_format(clock_now_ns(), now);
    (void)clock_format(hikae->store.created_ns, created);
    struct error why = {0};
    if (clock_now_ns() < hikae->store.created_ns - SKEW_MAX_NS) {
        (void)error_set(&why, ERROR_LOCAL, "this machine's clock says %s, before the store was made (%s)", now,
                        created);
        (void)error_hint(&why, "set the clock by NTP before anything is backed up or deleted");
        doctor_fail(doctor, "clock", &why);
    } else {
        doctor_note(doctor, HIKAE_CHECK_OK, "clock", "", "it is %s; the store was made %s", now, created);
    }
    if (hikae->config->test_clock || hikae->store.test_clock)
        doctor_note(doctor, HIKAE_CHECK_WARN, "test clock", "make a new store without --test-clock for real data",
                    "the clock of this store may be set: it proves nothing");
}

/* ---- Keys ---- */

static void check_group(struct doctor *doctor, const struct keystore_group_report *group, size_t tenants)
{
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof(name), "keys: group %.45s", group->name);
    bool elsewhere = false;
    for (size_t i = 0; i < group->member_count; i++) {
        const struct keystore_member_report *member = &group->members[i];
        struct error why = {0};
        elsewhere = elsewhere || member->state == HOLDER_NOT_HERE;
        if (member->state == HOLDER_OPENS || (member->state == HOLDER_NOT_HERE && member->kind == HOLDER_SHEET))
            continue;
        bool unknown = member->state == HOLDER_UNKNOWN;
        (void)error_set(&why, unknown ? ERROR_UNREACHABLE : ERROR_KEYS, "%s: %.400s", member->name,
                        member->why != NULL ? member->why : "not here");
        (void)error_hint(&why, unknown
                                   ? "plug the token in, or see to the network; nothing is known of it until then"
                                   : "put the right file back, or make a new epoch with `hikae keys rotate --root`");
        doctor_fail(doctor, name, &why);
        return;
    }
    if (elsewhere) {
        doctor_note(doctor, HIKAE_CHECK_OK, name, "`hikae keys sheet --check FILE` checks the digits of a sheet",
                    "its recovery sheet is not kept here");
        return;
    }
    struct error why = {0};
    if (group->opens && group->tenants == tenants) {
        doctor_note(doctor, HIKAE_CHECK_OK, name, "", "it opens the keys of the store and of all %zu tenants",
                    tenants - 1);
        return;
    }
    (void)error_set(&why, ERROR_KEYS, "it opens %zu sets of keys of %zu: the store's own and each tenant's",
                    group->tenants, tenants);
    (void)error_hint(&why, "`hikae keys check` says more");
    doctor_fail(doctor, name, &why);
}

static void judge_keys(struct doctor *doctor, const struct keystore_report *report)
{
    doctor_note(doctor, HIKAE_CHECK_OK, "keys", "", "epoch %u opens through group %s", report->epoch,
                keystore_group(doctor->hikae->keystore));
    bool few = report->group_count < 2;
    doctor_note(doctor, few ? HIKAE_CHECK_WARN : HIKAE_CHECK_OK, "keys: groups",
                few ? "add a group (a recovery sheet) to the configuration, then `hikae keys rotate --root`" : "",
                few ? "%zu group opens the store: if it is lost, so is everything" : "%zu groups open the store",
                report->group_count);
    bool thin = report->copies < doctor->hikae->opened_count;
    doctor_note(doctor, thin ? HIKAE_CHECK_WARN : HIKAE_CHECK_OK, "keys: copies",
                thin ? "run `hikae replicate`, then `hikae verify --repair`" : "",
                "each entry of the keystore is on %zu of %zu targets or more", report->copies,
                doctor->hikae->opened_count);
    for (size_t i = 0; i < report->group_count; i++)
        check_group(doctor, &report->groups[i], report->tenants);
}

static bool check_keys(struct doctor *doctor)
{
    struct hikae *hikae = doctor->hikae;
    CLEANUP(keystore_report_clear) struct keystore_report report = {0};
    struct holder_group *groups;
    struct error why = {0};
    if (engine_keystore(hikae, &why) != 0 || engine_groups(hikae->config, &groups, &why) != 0) {
        doctor_fail(doctor, "keys", &why);
        return false;
    }
    int rc = keystore_check(hikae->keystore, groups, hikae->config->group_count, &report, &why);
    engine_groups_free(groups, hikae->config->group_count);
    if (rc == 0)
        judge_keys(doctor, &report);
    else
        doctor_fail(doctor, "keys", &why);
    return rc == 0;
}

/* ---- Sources ---- */

struct sources {
    struct doctor *doctor;
    size_t readable;
};

static void check_source(struct sources *sources, const char *tenant, const char *spec)
{
    static const char *const kinds[] = {"dir:", "image:", "archive:"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t size = strlen(kinds[i]);
        if (strncmp(spec, kinds[i], size) != 0 || strcmp(spec + size, "-") == 0)
            continue;
        if (access(spec + size, R_OK) == 0) {
            sources->readable++;
            continue;
        }
        char name[NAME_SIZE];
        struct error why = {0};
        (void)error_set_errno(&why, ERROR_SOURCE, errno, "read %.300s", spec + size);
        (void)snprintf(name, sizeof(name), "source of %.50s", tenant);
        doctor_note(sources->doctor, HIKAE_CHECK_WARN, name, "mount or correct it: a backup of it fails", "%s",
                    why.what);
    }
}

static int check_tenant(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    if (json_parse(tenant->body, strlen(tenant->body), &body, err) != 0)
        return -1;
    size_t i;
    const json_t *source, *list = json_object_get(body, "sources");
    json_array_foreach(list, i, source)
    {
        const char *spec = json_string_value(json_object_get(source, "spec"));
        if (spec != NULL)
            check_source(context, tenant->name, spec);
    }
    return 0;
}

static void check_sources(struct doctor *doctor)
{
    struct hikae *hikae = doctor->hikae;
    struct sources sources = {.doctor = doctor};
    struct error why = {0};
    if ((hikae->catalog_is_new && engine_rebuild_catalog(hikae, &why) != 0) ||
        catalog_tenant_each(hikae->catalog, check_tenant, &sources, &why) != 0)
        doctor_fail(doctor, "tenants", &why);
    else
        doctor_note(doctor, HIKAE_CHECK_OK, "sources", "", "%zu can be read", sources.readable);
}

/* ---- What was measured of targets last ---- */

/* Promises rest on what a target is known to be: what has not been measured for long is not known. */
#define MEASURED_MAX_NS (INT64_C(90) * 24 * 3600 * NS_PER_S)

static void note_measured(struct doctor *doctor, const char *name, const json_t *checked, int64_t at_ns)
{
    char when[CLOCK_TEXT_SIZE], worst[64] = "";
    size_t i, failed = 0, warned = 0;
    const json_t *check;
    json_array_foreach(json_object_get(checked, "checks"), i, check)
    {
        const char *state = json_string_value(json_object_get(check, "state"));
        const char *what = json_string_value(json_object_get(check, "name"));
        bool fails = state != NULL && strcmp(state, "fail") == 0;
        failed += fails;
        warned += state != NULL && strcmp(state, "warn") == 0;
        if (fails && worst[0] == '\0' && what != NULL)
            (void)snprintf(worst, sizeof(worst), ": %.50s", what);
    }
    bool old = clock_now_ns() - at_ns > MEASURED_MAX_NS;
    doctor_note(doctor, failed > 0 || old ? HIKAE_CHECK_WARN : HIKAE_CHECK_OK, name,
                failed > 0 || old ? "`hikae target check` measures it again" : "",
                "measured %.10s%s: %zu of %zu checks failed%s, %zu warned", clock_format(at_ns, when),
                old ? ", more than 90 days ago" : "", failed, i, worst, warned);
}

static void check_measured(struct doctor *doctor)
{
    struct hikae *hikae = doctor->hikae;
    struct session facts;
    struct error why = {0};
    if (session_open_store(hikae, 0, &facts, &why) != 0) {
        doctor_fail(doctor, "targets: last check", &why);
        return;
    }
    for (size_t i = 0; i < hikae->target_count; i++) {
        CLEANUP_JSON json_t *checked = NULL;
        char name[NAME_SIZE];
        int64_t at_ns = 0;
        (void)snprintf(name, sizeof(name), "target %.42s: last check", hikae->targets[i].name);
        if (target_fact_checked(&facts, hikae->targets[i].name, &checked, &at_ns, &why) != 0)
            doctor_fail(doctor, name, &why);
        else if (checked == NULL)
            doctor_note(doctor, HIKAE_CHECK_OK, name, "`hikae target check` does it", "it was never measured");
        else
            note_measured(doctor, name, checked, at_ns);
    }
    session_close(&facts);
}

void doctor_store(struct doctor *doctor)
{
    if (!check_targets(doctor))
        return;
    check_clock(doctor);
    if (check_keys(doctor)) {
        check_measured(doctor);
        check_sources(doctor);
    }
}
