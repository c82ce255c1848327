/* Stage two: what is left of a tenant is deleted, on the targets and on this machine. */
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/names.h"
#include "crypto/container.h"
#include "ops/lost.h"
#include "ops/purge.h"
#include "target/delete.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- A tenant ---- */

static json_t *target_row(json_t *rows, const char *target)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i,
                       row) if (strcmp(json_string_value(json_object_get(row, "target")), target) == 0) return row;
    return NULL;
}

/* The row of a target that a purge knew before; a target that came later has none yet. */
static json_t *own_row(json_t *rows, const char *target)
{
    json_t *row = target_row(rows, target);
    if (row == NULL && json_array_append_new(rows, row = json_pack("{s:s, s:i}", "target", target, "deleted", 0)) != 0)
        return NULL;
    return row;
}

static int add(json_t *row, const char *key, uint64_t count, struct error *err)
{
    json_int_t sum = json_integer_value(json_object_get(row, key)) + (json_int_t)count;
    return json_object_set_new(row, key, json_integer(sum)) == 0 ? 0 : error_no_memory(err);
}

/* Why something still lies there: a code (purge_words.c; NULL: nothing does) and the target's own words. */
static int set_left(json_t *row, const char *code, const char *why, struct error *err)
{
    json_t *words = why != NULL ? json_string(why) : json_null();
    return json_object_set_new(row, "left", code != NULL ? json_string(code) : json_null()) == 0 &&
                   json_object_set_new(row, "why", words) == 0
               ? 0
               : error_no_memory(err);
}

/* A listing that may be stale says "nothing" only if it says so twice, this long apart. */
#define STALE_WAIT_NS (3600 * NS_PER_S)

static int note_listing(const struct run_target *t, const json_t *listed, json_t *row, struct error *err)
{
    static const char *const counts[] = {"objects", "bytes", "versions", "markers", "uploads"};
    json_int_t left = 0;
    bool is_listed = strcmp(json_string_value(json_object_get(listed, "state")), "listed") == 0;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        left += json_integer_value(json_object_get(listed, counts[i]));
        if (is_listed && json_object_set(row, counts[i], json_object_get(listed, counts[i])) != 0)
            return error_no_memory(err);
    }
    if (json_object_set_new(row, "state", json_string(!is_listed ? "unknown" : left == 0 ? "gone" : "listed")) != 0)
        return error_no_memory(err);
    /* One that does not answer today takes nothing back of what it listed before. */
    if (!is_listed)
        return 0;
    /* One that can be asked needs nobody's word. */
    (void)json_object_del(row, "declared");
    if (left > 0)
        return purge_set_time(row, "gone", 0, err) != 0 ? -1 : purge_set_time(row, "empty", 0, err);
    int64_t now_ns = clock_now_ns(), empty_ns = purge_time(row, "empty");
    if (empty_ns == 0 && purge_set_time(row, "empty", now_ns, err) != 0)
        return -1;
    bool sure =
        !target_traits(t->target)->listing_may_be_stale || (empty_ns != 0 && now_ns - empty_ns >= STALE_WAIT_NS);
    if (!sure)
        return set_left(row, "left-stale", purge_words("left-stale"), err);
    if (set_left(row, NULL, NULL, err) != 0)
        return -1;
    return purge_time(row, "gone") != 0 ? 0 : purge_set_time(row, "gone", now_ns, err);
}

static int delete_on(struct run_target *t, const char *prefix, json_t *row, struct error *err)
{
    struct target_deleter deleter = {t->target};
    struct target_wiped wiped;
    struct error why = {0};
    if (!t->up)
        return set_left(row, "left-away", t->why.what, err);
    if (target_wipe(&deleter, prefix, NULL, NULL, &wiped, &why) != 0) {
        if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERRUPTED) {
            *err = why;
            return -1;
        }
        return set_left(row, why.class == ERROR_UNREACHABLE ? "left-away" : "left-failed", why.what, err);
    }
    if (add(row, "deleted", wiped.deleted, err) != 0 ||
        purge_set_time(row, "locked_until", wiped.locked_until_ns, err) != 0)
        return -1;
    bool left = wiped.locked > 0 || wiped.failed > 0;
    return set_left(row,
                    wiped.failed > 0   ? "left-failed"
                    : wiped.locked > 0 ? "left-locked"
                                       : NULL,
                    left ? wiped.why.what : NULL, err);
}

int purge_note_gone(json_t *row, struct error *err)
{
    size_t i;
    json_t *one;
    bool gone = true;
    json_array_foreach(json_object_get(row, "targets"), i, one) gone = gone && purge_time(one, "gone") != 0;
    if (gone && purge_time(row, "gone") != 0)
        return 0;
    return purge_set_time(row, "gone", gone ? clock_now_ns() : 0, err);
}

int purge_delete_tenant(struct hikae *hikae, const struct id *tid, json_t *row, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    size_t i;
    CLEANUP_FREE char *prefix = mem_printf(NAME_TENANTS "%s/", hex_encode(tid->bytes, ID_SIZE, hex));
    CLEANUP_JSON json_t *listed = NULL;
    json_t *targets = json_object_get(row, "targets");
    if (prefix == NULL)
        return error_no_memory(err);
    for (i = 0; i < hikae->target_count; i++) {
        json_t *to = own_row(targets, hikae->targets[i].name);
        if (to == NULL)
            return error_no_memory(err);
        /* Also where nothing was left: what is put back from a copy goes again. */
        if (delete_on(&hikae->targets[i], prefix, to, err) != 0)
            return -1;
    }
    purge_step(hikae, "deleted");
    if (purge_look_targets(hikae, tid, &listed, err) != 0)
        return -1;
    for (i = 0; i < hikae->target_count; i++) {
        const json_t *now = target_row(listed, hikae->targets[i].name);
        if (note_listing(&hikae->targets[i], now, own_row(targets, hikae->targets[i].name), err) != 0)
            return -1;
    }
    return purge_note_gone(row, err);
}

/* ---- Entries of epochs that are over ---- */

struct dead {
    const struct purge_batch *batch;
    struct target *target;
    bool with_slots;
};

/*
 * The slots say who held an epoch, and hold no tenant's key: they stay until the last of the holders is known to have
 * come to its end, so that each can be asked again. What cannot be read now may be slots.
 */
static bool holds_keys(const struct dead *dead, const char *name)
{
    CLEANUP(buf_free) struct buf head = {0};
    struct container_header header;
    return target_get_range(dead->target, name, 0, CONTAINER_HEADER_SIZE, &head, NULL) == 0 &&
           container_header_parse(head.data, &header, NULL) == 0 && header.kind == CONTAINER_KEYS;
}

static bool is_of_dead_epoch(const char *name, const void *context)
{
    const struct dead *dead = context;
    uint32_t epoch = 0;
    struct hash hash;
    size_t i;
    json_t *value;
    if (!name_key_parse(name + strlen(NAME_KEYS), &epoch, &hash) ||
        epoch >= keystore_epoch(dead->batch->hikae->keystore))
        return false;
    json_array_foreach(json_object_get(dead->batch->run, "epochs"), i,
                       value) if (json_integer_value(value) == (json_int_t)epoch) return dead->with_slots ||
        holds_keys(dead, name);
    return false;
}

int purge_delete_entries(struct purge_batch *batch, uint64_t *ret_left, struct error *err)
{
    CLEANUP_JSON json_t *keys = json_array();
    bool with_slots = purge_time(json_object_get(batch->run, "times"), "irrevocable") != 0;
    *ret_left = 0;
    if (keys == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < batch->hikae->target_count; i++) {
        struct run_target *t = &batch->hikae->targets[i];
        struct target_deleter deleter = {t->target};
        struct target_wiped wiped = {0};
        struct error why = t->up ? (struct error){0} : t->why;
        const struct dead dead = {batch, t->target, with_slots};
        bool asked = t->up && target_wipe(&deleter, NAME_KEYS, is_of_dead_epoch, &dead, &wiped, &why) == 0;
        if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERRUPTED) {
            *err = why;
            return -1;
        }
        uint64_t left = asked ? wiped.locked + wiped.failed : 1;
        *ret_left += left;
        json_t *row = json_pack("{s:s, s:I, s:I, s:s?}", "target", t->name, "deleted", (json_int_t)wiped.deleted,
                                "left", (json_int_t)left, "why", asked ? NULL : why.what);
        json_t *before = target_row(json_object_get(batch->run, "entries"), t->name);
        if (json_array_append_new(keys, row) != 0 ||
            add(row, "deleted", (uint64_t)json_integer_value(json_object_get(before, "deleted")), err) != 0 ||
            purge_set_time(row, "locked_until", wiped.locked_until_ns, err) != 0)
            return error_no_memory(err);
    }
    return json_object_set(batch->run, "entries", keys) == 0 ? 0 : error_no_memory(err);
}

/* ---- This machine ---- */

/* In the catalogue: something was forgotten, and its files are still to be written anew. */
#define SCRUB_DUE "purge-scrub"

/* Erasure does not rest on this: what lies here is sealed. But a name, and what lies about, is nobody's any more. */
int purge_forget_local(struct hikae *hikae, const struct id *tid, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    struct catalog_tenant known = {0};
    CLEANUP_FREE char *folder = mem_printf("%s/tenants/%s", hikae->config->state, hex_encode(tid->bytes, ID_SIZE, hex));
    if (folder == NULL)
        return error_no_memory(err);
    struct error why = {0};
    if (access(folder, F_OK) == 0 && file_remove_tree(folder, err) != 0)
        return error_wrap(err, "remove what is kept of the tenant here");
    if (catalog_tenant_by_id(hikae->catalog, tid, &known, &why) != 0)
        return why.class == ERROR_NOT_FOUND ? 0 : (*err = why, -1);
    bool is_done = strcmp(known.state, "erased") == 0;
    /* Its policy stays known: evidence answers for the promise that its erasure keeps, or breaks. */
    char body[] = "{}", erased[] = "erased";
    struct catalog_tenant row = {*tid, hex, known.policy, erased, known.class, body};
    int rc = 0;
    const struct roster none = {0};
    if (!is_done &&
        (lost_write(hikae, tid, &none, err) != 0 || catalog_meta_set(hikae->catalog, SCRUB_DUE, "1", err) != 0 ||
         catalog_tenant_forget(hikae->catalog, tid, err) != 0 || catalog_tenant_put(hikae->catalog, &row, err) != 0))
        rc = -1;
    catalog_tenant_free(&known);
    return rc;
}

int purge_drop_damaged(struct hikae *hikae, struct error *err)
{
    size_t count;
    if (catalog_drop_damaged(hikae->catalog, &count, err) != 0)
        return -1;
    if (count > 0)
        engine_warn(hikae, "%zu files of a damaged catalogue are removed: they may name tenants that are erased",
                    count);
    return 0;
}

int purge_scrub_local(struct hikae *hikae, struct error *err)
{
    CLEANUP_FREE char *due = NULL;
    struct error why = {0};
    bool done = false;
    if (catalog_meta_get(hikae->catalog, SCRUB_DUE, &due, &why) != 0)
        return why.class == ERROR_NOT_FOUND ? 0 : (*err = why, -1);
    if (due == NULL)
        return 0;
    if (purge_drop_damaged(hikae, err) != 0 || catalog_scrub(hikae->catalog, &done, err) != 0)
        return -1;
    if (done)
        return catalog_meta_set(hikae->catalog, SCRUB_DUE, NULL, err);
    engine_warn(hikae, "the catalogue is in use: names of erased tenants leave its files with the next run");
    return 0;
}
