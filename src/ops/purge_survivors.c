/*
 * The proof that everybody else is as safe as before: with nothing destroyed yet, each target alone must give back a
 * keystore of the new epoch that opens every tenant's keys, through every group of holders that is here.
 */
#include "base/mem.h"
#include "ops/purge.h"

#include <stdlib.h>
#include <string.h>

static bool is_erased(const struct purge_batch *batch, const struct id *tid)
{
    for (size_t i = 0; i < batch->count; i++)
        if (id_equal(&batch->tids[i], tid))
            return true;
    return false;
}

/* What one way of reading the keystore came to. */
struct reading {
    uint32_t epoch;
    size_t tenants; /* that have keys  */
    size_t groups;  /* that opened all */
    size_t copies;
};

static int check_groups(const struct keystore_report *report, size_t tenants, size_t *ret_groups, struct error *err)
{
    *ret_groups = 0;
    for (size_t i = 0; i < report->group_count; i++) {
        const struct keystore_group_report *group = &report->groups[i];
        bool here = true;
        for (size_t k = 0; k < group->member_count; k++)
            here = here && group->members[k].state == HOLDER_OPENS;
        if (here && (!group->opens || group->tenants != tenants))
            return error_set(err, ERROR_KEYS, "group %s opens %zu of %zu tenants of epoch %u", group->name,
                             group->tenants, tenants, report->epoch);
        *ret_groups += here;
    }
    if (*ret_groups > 0)
        return 0;
    return error_set(err, ERROR_KEYS, "no group of holders opens epoch %u from here", report->epoch);
}

/* As a handle that begins anew reads it; of those that are to be erased there must be nothing. */
static int read_anew(const struct purge_batch *batch, const struct target_set *set, const struct holder_group *groups,
                     size_t count, struct reading *ret, struct error *err)
{
    struct keystore *fresh = NULL;
    struct keystore_report report = {0};
    CLEANUP_FREE struct id *tids = NULL;
    *ret = (struct reading){0};
    if (keystore_open(set, groups, count, &fresh, err) != 0)
        return -1;
    int rc = keystore_check(fresh, groups, count, &report, err);
    if (rc == 0)
        rc = keystore_tenants(fresh, &tids, &ret->tenants, err);
    for (size_t i = 0; rc == 0 && i < ret->tenants; i++)
        if (is_erased(batch, &tids[i]))
            rc = error_set(err, ERROR_INTERNAL, "a key of an erased tenant is in epoch %u", report.epoch);
    if (rc == 0)
        rc = check_groups(&report, ret->tenants, &ret->groups, err);
    ret->epoch = report.epoch;
    ret->copies = report.copies;
    keystore_report_clear(&report);
    keystore_free(fresh);
    return rc;
}

/* One target, as if there were no other. */
static int read_back(const struct purge_batch *batch, struct run_target *t, const struct holder_group *groups,
                     size_t count, const struct reading *all, json_t *rows, struct error *err)
{
    struct error why = t->up ? (struct error){0} : t->why;
    struct reading reading = {0};
    const struct target_set alone = {.targets = &t->target, .count = 1, .min_copies = 1};
    bool sound = t->up && read_anew(batch, &alone, groups, count, &reading, &why) == 0;
    if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERRUPTED || why.class == ERROR_INTERNAL) {
        *err = why;
        return -1;
    }
    if (sound && (reading.tenants != all->tenants || reading.epoch != all->epoch)) {
        sound = false;
        (void)error_set(&why, ERROR_REFUSED, "%zu of %zu tenants of epoch %u", reading.tenants, all->tenants,
                        all->epoch);
    }
    json_t *row =
        json_pack("{s:s, s:b, s:b, s:I, s:I, s:s?}", "target", t->name, "elsewhere",
                  (int)(t->target != NULL && target_traits(t->target)->elsewhere), "sound", (int)sound, "tenants",
                  (json_int_t)reading.tenants, "groups", (json_int_t)reading.groups, "why", sound ? NULL : why.what);
    return json_array_append_new(rows, row) == 0 ? 0 : error_no_memory(err);
}

int purge_check_read_back(const json_t *rows, size_t min_copies, struct error *err)
{
    size_t i, sound = 0, elsewhere = 0, sound_elsewhere = 0;
    const char *behind = NULL;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        bool is_sound = json_is_true(json_object_get(row, "sound"));
        bool is_elsewhere = json_is_true(json_object_get(row, "elsewhere"));
        sound += is_sound;
        elsewhere += is_elsewhere;
        sound_elsewhere += is_sound && is_elsewhere;
        if (is_elsewhere && !is_sound)
            behind = json_string_value(json_object_get(row, "target"));
    }
    if (sound < min_copies) {
        (void)error_set(err, ERROR_REFUSED,
                        "only %zu of %zu targets give every other tenant's keys back (%zu are needed)", sound,
                        json_array_size(rows), min_copies);
        return error_hint(err, "nothing is destroyed before; bring the targets back, and run again");
    }
    if (elsewhere > 0 && sound_elsewhere == 0) {
        (void)error_set(err, ERROR_UNREACHABLE,
                        "no target off this machine (such as %s) gives every other tenant's keys back", behind);
        return error_hint(err, "nothing is destroyed before, as this machine could be lost; bring it back, run again");
    }
    return 0;
}

int purge_survivors_check(struct purge_batch *batch, const struct holder_group *groups, size_t count, struct error *err)
{
    struct hikae *hikae = batch->hikae;
    const struct target_set set = engine_target_set(hikae);
    struct reading all;
    CLEANUP_JSON json_t *rows = json_array();
    if (rows == NULL)
        return error_no_memory(err);
    int rc = read_anew(batch, &set, groups, count, &all, err);
    if (rc == 0 && all.copies < set.min_copies)
        rc = error_set(err, ERROR_REFUSED, "entries of epoch %u lie on %zu targets only", all.epoch, all.copies);
    for (size_t i = 0; rc == 0 && i < hikae->target_count; i++)
        rc = read_back(batch, &hikae->targets[i], groups, count, &all, rows, err);
    if (rc == 0)
        rc = purge_check_read_back(rows, set.min_copies, err);
    if (rc == 0 && (json_object_set_new(batch->run, "survivors", json_integer((json_int_t)all.tenants)) != 0 ||
                    json_object_set_new(batch->run, "groups_checked", json_integer((json_int_t)all.groups)) != 0 ||
                    json_object_set(batch->run, "read_back", rows) != 0))
        rc = error_no_memory(err);
    return rc == 0 ? 0 : error_wrap(err, "prove that everybody else's keys open");
}
