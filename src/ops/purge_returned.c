/*
 * Erasures that were finished, looked at again: a target that was put back from a copy has objects of the tenant once
 * more. They open for nobody, but that they are gone is true no longer: the erasure is taken up again.
 */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/purge.h"

#include <string.h>

enum { LOOKS = 32 }; /* tenants looked at in one go: each costs a listing of every target */

struct looking {
    struct hikae *hikae;
    json_t *runs; /* that are done */
    size_t first; /* of the tenants of all of them, the one to begin with today */
    size_t count;
    size_t number; /* of the tenant that is next */
};

static int note_done(const char *name, json_t *body, void *context, struct error *err)
{
    struct looking *looking = context;
    (void)name;
    if (purge_stage(body) != PURGE_DONE)
        return 0;
    looking->count += json_array_size(json_object_get(body, "tenants"));
    return json_array_append(looking->runs, body) == 0 ? 0 : error_no_memory(err);
}

/* Every day other ones, so that each has its turn. */
static bool is_due(const struct looking *looking, size_t number)
{
    return looking->count <= LOOKS || (number + looking->count - looking->first) % looking->count < LOOKS;
}

static json_int_t left_of(const json_t *listed)
{
    static const char *const counts[] = {"objects", "versions", "markers", "uploads"};
    json_int_t left = 0;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        left += json_integer_value(json_object_get(listed, counts[i]));
    return left;
}

/* What the journal says of a target, if it is what is listed. */
static int take_back(json_t *row, const json_t *listed, struct error *err)
{
    size_t i;
    json_t *target;
    const char *name = json_string_value(json_object_get(listed, "target"));
    json_array_foreach(json_object_get(row, "targets"), i, target)
    {
        if (strcmp(json_string_value(json_object_get(target, "target")), name) != 0)
            continue;
        if (purge_set_time(target, "gone", 0, err) != 0 || purge_set_time(target, "empty", 0, err) != 0)
            return -1;
    }
    return purge_set_time(row, "gone", 0, err) != 0 ? -1 : purge_set_time(row, "returned", clock_now_ns(), err);
}

static int look_at(const struct looking *looking, json_t *row, bool *ret_returned, struct error *err)
{
    struct id tid;
    size_t i;
    json_t *one;
    CLEANUP_JSON json_t *listed = NULL;
    const char *hex = json_string_value(json_object_get(row, "tenant"));
    if (hex == NULL || strlen(hex) != 2 * ID_SIZE || !hex_decode(hex, ID_SIZE, tid.bytes))
        return error_set(err, ERROR_DAMAGED, "an erasure on record names no tenant");
    if (purge_look_targets(looking->hikae, &tid, &listed, err) != 0)
        return -1;
    json_array_foreach(listed, i, one)
    {
        json_int_t left = left_of(one);
        if (left == 0)
            continue;
        engine_warn(looking->hikae,
                    "%s has %lld objects of the erased tenant %s again, which nobody can open: was it put back from a "
                    "copy? `hikae purge run` deletes them",
                    json_string_value(json_object_get(one, "target")), (long long)left, hex);
        if (take_back(row, one, err) != 0)
            return -1;
        *ret_returned = true;
    }
    return cancel_check(&looking->hikae->cancel, err);
}

static int look_at_run(struct looking *looking, struct session *facts, json_t *run, size_t *ret_reopened,
                       struct error *err)
{
    size_t i;
    json_t *row;
    bool returned = false;
    json_array_foreach(json_object_get(run, "tenants"), i, row)
    {
        if (is_due(looking, looking->number++) && look_at(looking, row, &returned, err) != 0)
            return -1;
    }
    if (!returned)
        return 0;
    ++*ret_reopened;
    struct purge_batch batch = {.hikae = looking->hikae, .facts = facts, .run = run};
    return purge_batch_put(&batch, PURGE_DESTROYED, err);
}

int purge_reopen_returned(struct hikae *hikae, struct session *facts, size_t *ret_reopened, struct error *err)
{
    CLEANUP_JSON json_t *runs = json_array();
    struct looking looking = {.hikae = hikae, .runs = runs};
    size_t i;
    json_t *run;
    *ret_reopened = 0;
    if (runs == NULL)
        return error_no_memory(err);
    if (purge_journal_each(facts, "run/", note_done, &looking, err) != 0)
        return -1;
    if (looking.count > 0)
        looking.first = (size_t)(clock_now_ns() / (NS_PER_S * 86400)) * LOOKS % looking.count;
    json_array_foreach(runs, i, run)
    {
        if (look_at_run(&looking, facts, run, ret_reopened, err) != 0)
            return error_wrap(err, "look whether what was erased is gone still");
    }
    return 0;
}
