/*
 * What nobody can tell is neither sound nor damaged nor gone: targets that do not answer for a moment, keys that
 * another host made, records that only a cache has, junk on top of what is sound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty_target.h"
#include "ops/backup_internal.h"
#include "ops/lost.h"
#include "ops/purge.h"
#include "ops_world.h"

/* The first target behind one that misbehaves as it is told; the world's handle owns it. */
static struct target *stand_before(struct world *world, size_t number)
{
    struct hikae *hikae = world->hikae;
    struct error err = {0};
    assert_int_equal(engine_keystore(hikae, &err), 0);
    struct target *old = hikae->targets[number].target, *faulty = faulty_target_new(old);
    assert_non_null(faulty);
    for (size_t i = 0; i < hikae->opened_count; i++)
        if (hikae->opened[i] == old)
            hikae->opened[i] = faulty;
    hikae->targets[number].target = faulty;
    return faulty;
}

static size_t count_snapshots(struct world *world)
{
    struct hikae_snapshots snapshots;
    struct hikae_error error;
    assert_int_equal(hikae_snapshots(world->hikae, "acme", &snapshots, &error), HIKAE_OK);
    size_t count = snapshots.count;
    hikae_snapshots_free(&snapshots);
    return count;
}

static void forget(struct world *world, size_t number)
{
    struct hikae_snapshots snapshots;
    struct hikae_error error;
    assert_int_equal(hikae_snapshots(world->hikae, "acme", &snapshots, &error), HIKAE_OK);
    assert_true(number < snapshots.count);
    enum hikae_status status = hikae_snapshot_forget(world->hikae, "acme", snapshots.snapshots[number].id, "sato",
                                                     "taken by mistake", false, &error);
    if (status != HIKAE_OK)
        print_error("%s\n", error.message);
    assert_int_equal(status, HIKAE_OK);
    hikae_snapshots_free(&snapshots);
}

/* The object of a snapshot's record on a target: its name ends in the record's hash, which the snapshot's id begins. */
static char *record_of(const struct world *world, const char *target, const char *snapshot)
{
    struct paths records = objects_of(world, target, 'h');
    char *found = NULL;
    for (size_t i = 0; i < records.count; i++)
        if (strstr(records.paths[i], snapshot) != NULL)
            found = mem_strdup(records.paths[i]);
    free_paths(&records);
    assert_non_null(found);
    return found;
}

/* A collection must not condemn a record because no target shows it: what condemned it once is known. */
static void test_hidden_record(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    for (unsigned i = 0; i < 4; i++) {
        write_file(&world, "changes", 200000, 10 + i);
        backup(&world);
    }
    struct hikae_snapshots snapshots;
    struct hikae_error error = {0};
    assert_int_equal(hikae_snapshots(world.hikae, "acme", &snapshots, &error), HIKAE_OK);
    assert_int_equal(snapshots.count, 4);
    /* The oldest one's record is lost; the next one, which stays, names it. */
    size_t oldest = snapshots.snapshots[0].time_ns < snapshots.snapshots[3].time_ns ? 0 : 3;
    char *path = record_of(&world, "a", snapshots.snapshots[oldest].id);
    hikae_snapshots_free(&snapshots);
    forget(&world, oldest == 0 ? 2 : 1);
    assert_int_equal(unlink(path), 0);
    mem_free(path);
    assert_int_equal(count_snapshots(&world), 3);
    struct hikae_gc_options options = {0};
    struct hikae_gc_result result;
    assert_int_equal(hikae_gc(world.hikae, "acme", &options, &result, &error), HIKAE_REFUSED);
    assert_non_null(strstr(error.hint, "hikae replicate"));
    hikae_gc_result_free(&result);
    assert_int_equal(count_snapshots(&world), 3);
    struct hikae_replicate_result replicated;
    assert_true(hikae_replicate(world.hikae, "acme", NULL, false, &replicated, &error) <= HIKAE_WARNINGS);
    hikae_replicate_result_free(&replicated);
    assert_int_equal(hikae_gc(world.hikae, "acme", &options, &result, &error), HIKAE_OK);
    assert_true(result.condemned_objects > 0);
    hikae_gc_result_free(&result);
    assert_int_equal(count_snapshots(&world), 3);
    end_world(&world);
}

/* Slots of an epoch that is over name its holders, who must be asked until all have come to their end. */
static void test_slots_unread(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    struct hikae_error error = {0};
    struct error err = {0};
    uint32_t epoch = 0;
    char *sheet = NULL;
    assert_true(hikae_keys_rotate_root(world.hikae, false, &epoch, &sheet, &error) <= HIKAE_WARNINGS);
    mem_free(sheet);
    assert_int_equal(epoch, 2);
    struct target *faulty = stand_before(&world, 0);
    faulty_target_add(faulty, (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_GET, .match = "hikae1/k/0000000001-"});
    json_t *run = json_pack("{s:[i], s:{}}", "epochs", 1, "times");
    struct purge_batch batch = {.hikae = world.hikae, .run = run};
    uint64_t left = 0;
    assert_int_equal(purge_delete_entries(&batch, &left, &err), 0);
    faulty_target_clear(faulty);
    struct keystore_destruction asked = {0};
    if (keystore_attest_epoch(world.hikae->keystore, 1, NULL, 0, &asked, &err) != 0)
        fail_msg("%s", err.what);
    assert_true(asked.count > 0);
    keystore_destruction_clear(&asked);
    /* Asked again, the keys go, and the slots stay. */
    assert_int_equal(purge_delete_entries(&batch, &left, &err), 0);
    assert_int_equal(keystore_attest_epoch(world.hikae->keystore, 1, NULL, 0, &asked, &err), 0);
    keystore_destruction_clear(&asked);
    json_decref(run);
    end_world(&world);
}

/* Nothing was listed there: that a target does not answer for a night takes nothing back of it. */
static void test_gone_stays_gone(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    struct error err = {0};
    struct id nobody = {.bytes = {1, 2, 3}};
    assert_int_equal(engine_keystore(world.hikae, &err), 0);
    json_t *row = json_pack("{s:[]}", "targets");
    assert_int_equal(purge_delete_tenant(world.hikae, &nobody, row, &err), 0);
    int64_t gone_ns = purge_time(row, "gone");
    assert_true(gone_ns != 0);
    world.hikae->targets[1].up = false;
    assert_int_equal(purge_delete_tenant(world.hikae, &nobody, row, &err), 0);
    assert_int_equal(purge_time(row, "gone"), gone_ns);
    const json_t *away = json_array_get(json_object_get(row, "targets"), 1);
    assert_string_equal(json_string_value(json_object_get(away, "state")), "unknown");
    /* One that never answered is not gone. */
    json_decref(row);
    row = json_pack("{s:[]}", "targets");
    assert_int_equal(purge_delete_tenant(world.hikae, &nobody, row, &err), 0);
    assert_int_equal(purge_time(row, "gone"), 0);
    json_decref(row);
    end_world(&world);
}

/* Another host makes a new key and seals under it, while this one verifies with the keystore as it was. */
static void test_key_made_since(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    backup(&world);
    struct error err = {0};
    assert_int_equal(engine_keystore(world.hikae, &err), 0);
    struct world other = world;
    struct hikae_error error = {0};
    uint32_t generation;
    open_world(&other);
    assert_int_equal(hikae_keys_rotate_tenant(other.hikae, "acme", false, &generation, &error), HIKAE_OK);
    write_file(&other, "since", 100000, 7);
    backup(&other);
    hikae_close(other.hikae);
    struct hikae_verify_result result;
    enum hikae_status status = verify(&world, HIKAE_VERIFY_DATA, false, &result);
    for (size_t i = 0; i < result.finding_count; i++)
        if (result.findings[i].state == HIKAE_FINDING_DAMAGED)
            print_error("%s: %s\n", result.findings[i].object, result.findings[i].why);
    assert_int_equal(result.damaged, 0);
    assert_int_equal(status, HIKAE_UNKNOWN);
    assert_true(result.unknown > 0);
    hikae_verify_result_free(&result);
    reopen(&world);
    expect(&world, HIKAE_VERIFY_DATA, false, HIKAE_OK, 0, 0);
    end_world(&world);
}

/* The note of what is lost keeps what a backup would build on, and no more. */
static void test_lost_and_forgotten(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    backup(&world);
    struct error err = {0};
    struct id tid;
    struct paths packs = objects_of(&world, "a", 'p');
    flip(packs.paths[0]);
    struct hikae_verify_result result;
    assert_int_equal(verify(&world, HIKAE_VERIFY_OBJECTS, false, &result), HIKAE_DAMAGED);
    hikae_verify_result_free(&result);
    assert_int_equal(engine_tenant_id(world.hikae, "acme", &tid, &err), 0);
    CLEANUP(roster_free) struct roster lost = {0}, now = {0}, after = {0};
    assert_int_equal(lost_read(world.hikae, &tid, &lost, &err), 0);
    assert_int_equal(lost.count, 1);
    /* Another one, that was collected long ago. */
    assert_int_equal(roster_add(&lost, OBJECT_PACK, &(struct hash){.bytes = {9}}, 0, &err), 0);
    roster_sort(&lost);
    assert_int_equal(lost_write(world.hikae, &tid, &lost, &err), 0);
    assert_int_equal(verify(&world, HIKAE_VERIFY_OBJECTS, false, &result), HIKAE_DAMAGED);
    hikae_verify_result_free(&result);
    assert_int_equal(lost_read(world.hikae, &tid, &now, &err), 0);
    assert_int_equal(now.count, 1);
    assert_true(now.rows[0].name.bytes[0] != 9 || now.rows[0].name.bytes[1] != 0);
    /* It goes with the tenant. */
    assert_int_equal(purge_forget_local(world.hikae, &tid, &err), 0);
    assert_int_equal(lost_read(world.hikae, &tid, &after, &err), 0);
    assert_int_equal(after.count, 0);
    free_paths(&packs);
    end_world(&world);
}

/* A target whose list of keys cannot be had for a moment is given up for this time; the others are copied. */
static void test_keys_unlisted(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    backup(&world);
    struct paths records = objects_of(&world, "a", 'h');
    assert_true(records.count > 0);
    struct target *faulty = stand_before(&world, 1);
    /* The first listing is of all targets, the second of each that is to be filled. */
    faulty_target_add(
        faulty, (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_LIST, .match = "hikae1/k/", .skip = 1, .times = 1});
    assert_int_equal(unlink(records.paths[0]), 0);
    struct hikae_replicate_result result;
    struct hikae_error error = {0};
    enum hikae_status status = hikae_replicate(world.hikae, "acme", NULL, false, &result, &error);
    if (status > HIKAE_WARNINGS)
        print_error("%s\n", error.message);
    assert_true(status <= HIKAE_WARNINGS);
    assert_int_equal(faulty_target_hits(faulty), 1);
    assert_int_equal(access(records.paths[0], F_OK), 0);
    hikae_replicate_result_free(&result);
    free_paths(&records);
    end_world(&world);
}

/* ---- Junk on top ---- */

/* A target that keeps versions: under names that match, the current one is junk, and what it had is version 1. */
struct versioned {
    struct target base;
    struct target *inner;
};
static const char *const junk_on = "/h/";

static struct target *inner_of(struct target *target)
{
    return ((struct versioned *)(void *)target)->inner;
}

static int versioned_get(struct target *target, const char *name, size_t max, struct buf *out, struct error *err)
{
    if (strstr(name, junk_on) != NULL)
        return buf_append(out, "junk", 4, err);
    return inner_of(target)->ops->get(inner_of(target), name, max, out, err);
}

static int versioned_get_version(struct target *target, const char *name, unsigned number, size_t max, struct buf *out,
                                 struct error *err)
{
    if (number > 1 || strstr(name, junk_on) == NULL)
        return error_set(err, ERROR_NOT_FOUND, "there is no such version");
    return inner_of(target)->ops->get(inner_of(target), name, max, out, err);
}

static int versioned_list(struct target *target, const char *prefix, const char *after, target_list_callback *callback,
                          void *context, struct error *err)
{
    return inner_of(target)->ops->list(inner_of(target), prefix, after, callback, context, err);
}

/* A history is read as every other object is: in an older version where somebody put junk on top. */
static void test_junk_on_records(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    backup(&world);
    struct hikae *hikae = world.hikae;
    struct error err = {0};
    struct session session;
    struct chain chain;
    assert_int_equal(session_open(hikae, "acme", 0, &session, &err), 0);
    char *cache = engine_tenant_path(hikae, &session.tid, "h", &err);
    assert_non_null(cache);
    assert_int_equal(file_remove_tree(cache, &err), 0);
    mem_free(cache);
    struct target *inner = hikae->targets[0].target;
    static struct target_ops ops;
    ops = *inner->ops;
    ops.get = versioned_get;
    ops.get_version = versioned_get_version;
    ops.list = versioned_list;
    struct versioned target = {.base = {&ops, *target_traits(inner)}, .inner = inner};
    target.base.traits.versions = true;
    hikae->targets[0].target = &target.base;
    assert_int_equal(chain_load(hikae, &session.tid, session.keyring, &chain, &err), 0);
    assert_int_equal(chain.history.unreadable, 0);
    assert_int_equal(chain.history.snapshot_count, 1);
    chain_clear(&chain);
    hikae->targets[0].target = inner;
    session_close(&session);
    end_world(&world);
}

/* ---- Interrupted ---- */

/* Whoever stops a command stops it: no target is down for that, and no record unreadable. */
static void test_interrupted(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    backup(&world);
    struct target *faulty = stand_before(&world, 0);
    struct fault fault = {
        .kind = FAULT_FAIL, .calls = FAULTY_LIST, .match = "/h/", .class = ERROR_INTERRUPTED, .times = 1};
    faulty_target_add(faulty, fault);
    struct hikae_snapshots snapshots;
    struct hikae_error error;
    assert_int_equal(hikae_snapshots(world.hikae, "acme", &snapshots, &error), HIKAE_INTERRUPTED);
    assert_true(world.hikae->targets[0].up);
    faulty_target_clear(faulty);
    struct error err = {0};
    struct session session;
    assert_int_equal(session_open(world.hikae, "acme", 0, &session, &err), 0);
    char *cache = engine_tenant_path(world.hikae, &session.tid, "h", &err);
    session_close(&session);
    assert_int_equal(file_remove_tree(cache, &err), 0);
    mem_free(cache);
    fault.calls = FAULTY_GET;
    faulty_target_add(faulty, fault);
    assert_int_equal(hikae_snapshots(world.hikae, "acme", &snapshots, &error), HIKAE_INTERRUPTED);
    end_world(&world);
}

/* ---- The last copy there is ---- */

static enum hikae_status restore_copy(struct world *world, const char *target, struct hikae_error *error)
{
    char to[400];
    (void)snprintf(to, sizeof(to), "%s/back-%s", world->dir, target != NULL ? target : "any");
    const struct hikae_restore_options options = {
        .to = to, .target = target, .reason = "the disk is gone", .keep_ns = 86400 * NS_PER_S};
    struct hikae_restore_result result;
    enum hikae_status status = hikae_restore(world->hikae, "acme", &options, &result, error);
    if (status <= HIKAE_WARNINGS) {
        assert_non_null(result.copy);
        assert_true(result.entries > 0);
        hikae_restore_result_free(&result);
    }
    return status;
}

/* That a copy is handed out must be on record; that only one target is left is no reason to hand out nothing. */
static void test_restore_from_one(void **state)
{
    (void)state;
    struct world world;
    struct hikae_error error = {0};
    struct hikae_copies copies;
    make_world(&world, 2, 2);
    backup(&world);
    enum hikae_status status = restore_copy(&world, "b", &error);
    if (status > HIKAE_WARNINGS)
        print_error("%s\n", error.message);
    assert_true(status <= HIKAE_WARNINGS);
    move_target(&world, "a", "away");
    reopen(&world);
    status = restore_copy(&world, NULL, &error);
    if (status > HIKAE_WARNINGS)
        print_error("%s\n", error.message);
    assert_true(status <= HIKAE_WARNINGS);
    assert_true(hikae_copy_list(world.hikae, "acme", false, &copies, &error) <= HIKAE_WARNINGS);
    assert_int_equal(copies.count, 2);
    hikae_copies_free(&copies);
    end_world(&world);
}

/* A tenant of which the first backup does not restore is not active. */
static void test_trial_damaged(void **state)
{
    (void)state;
    struct world world;
    struct hikae_error error = {0};
    make_world(&world, 1, 1);
    char spec[320];
    (void)snprintf(spec, sizeof(spec), "dir:%s/src", world.dir);
    struct hikae_source source = {.name = "src", .spec = spec};
    struct hikae_tenant_options tenant = {.name = "fresh", .sources = &source, .source_count = 1, .trial = true};
    struct hikae_tenants tenants;
    assert_int_equal(hikae_tenant_add(world.hikae, &tenant, &tenants, &error), HIKAE_OK);
    hikae_tenants_free(&tenants);
    struct target *faulty = stand_before(&world, 0);
    faulty_target_add(faulty, (struct fault){.kind = FAULT_FLIP, .calls = FAULTY_GET, .match = "/p/", .amount = 3000});
    assert_true(hikae_tenant_trial(world.hikae, "fresh", false, &error) > HIKAE_WARNINGS);
    faulty_target_clear(faulty);
    assert_int_equal(hikae_tenant_trial(world.hikae, "fresh", false, &error), HIKAE_OK);
    end_world(&world);
}

/* ---- What a run builds on ---- */

/* A part of the parent's roster that was condemned too long ago is no ground for a snapshot. */
static void test_parts_condemned(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    backup(&world);
    struct error err = {0};
    const struct hikae_backup_options options = {0};
    struct roster_row part = {.class = OBJECT_ROSTER, .name = {.bytes = {7}}, .size = 100};
    struct backup_operation run = {.hikae = world.hikae, .options = &options, .parts = &part, .part_count = 1};
    assert_int_equal(session_open(world.hikae, "acme", 0, &run.session, &err), 0);
    int64_t now = clock_machine_ns(), listed;
    assert_int_equal(backup_check_condemned(&run, &listed, &err), 0);
    /* Another host condemns it, … */
    struct world other = world;
    struct session session;
    open_world(&other);
    assert_int_equal(session_open(other.hikae, "acme", 0, &session, &err), 0);
    struct record record = {.type = RECORD_CONDEMN, .body = mem_strdup("{\"v\":1}")};
    assert_int_equal(roster_add(&record.condemned, OBJECT_ROSTER, &part.name, part.size, &err), 0);
    clock_set_test(now);
    assert_int_equal(
        chain_append(other.hikae, session.keyring, &session.chain, &record, engine_up_mask(other.hikae), 1, &err), 0);
    record_clear(&record);
    session_close(&session);
    hikae_close(other.hikae);
    /* … which a run that ends soon may overlook, as the collector sees its snapshot, and one that ends late may not. */
    clock_set_test(now + 35 * 3600 * NS_PER_S);
    assert_int_equal(backup_check_condemned(&run, &listed, &err), 0);
    clock_set_test(now + 37 * 3600 * NS_PER_S);
    assert_int_equal(backup_check_condemned(&run, &listed, &err), -1);
    assert_true(run.outdated);
    assert_int_equal(err.class, ERROR_BUSY);
    session_close(&run.session);
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hidden_record),      cmocka_unit_test(test_slots_unread),
        cmocka_unit_test(test_gone_stays_gone),    cmocka_unit_test(test_key_made_since),
        cmocka_unit_test(test_lost_and_forgotten), cmocka_unit_test(test_keys_unlisted),
        cmocka_unit_test(test_junk_on_records),    cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_restore_from_one),   cmocka_unit_test(test_trial_damaged),
        cmocka_unit_test(test_parts_condemned), /* the last: it sets the clock */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
