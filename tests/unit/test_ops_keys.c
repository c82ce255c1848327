/* Keys, holds, doctor, status and targets, through the public interface. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "hikae.h"
#include "policy/config.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 512 };

struct site {
    char folder[PATH_SIZE];
    char config[PATH_SIZE + 64];
    char source[PATH_SIZE + 64];
    struct hikae *hikae;
};

/* A path below the folder; two may be in use at once. */
static const char *at(const struct site *site, const char *last)
{
    static char paths[4][PATH_SIZE + 128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", site->folder, last);
    return path;
}

static void open_site(struct site *site)
{
    struct hikae_error error = {0};
    hikae_close(site->hikae);
    site->hikae = NULL;
    if (hikae_open(site->config, &site->hikae, &error) != HIKAE_OK)
        fail_msg("%s", error.message);
}

static void add_tenant(struct site *site)
{
    struct hikae_error error = {0};
    const struct hikae_source source = {.name = "data", .spec = site->source};
    const struct hikae_tenant_options options = {.name = "acme", .sources = &source, .source_count = 1};
    struct hikae_tenants tenants = {0};
    if (hikae_tenant_add(site->hikae, &options, &tenants, &error) > HIKAE_WARNINGS)
        fail_msg("%s", error.message);
    hikae_tenants_free(&tenants);
}

static int setup(void **state)
{
    struct site *site = calloc(1, sizeof(*site));
    assert_int_equal(scratch_make(site->folder, sizeof(site->folder), "ops"), 0);
    char one[PATH_SIZE + 64], two[PATH_SIZE + 64];
    (void)snprintf(one, sizeof(one), "one=file://%s/one?country=JP", site->folder);
    (void)snprintf(two, sizeof(two), "two=file://%s/two?country=JP", site->folder);
    const char *const targets[] = {one, two};
    const struct hikae_init_options options = {.dir = site->folder, .targets = targets, .target_count = 2};
    struct hikae_init_result result = {0};
    struct hikae_error error = {0};
    if (hikae_init(&options, &result, &error) > HIKAE_WARNINGS)
        fail_msg("%s", error.message);
    (void)snprintf(site->config, sizeof(site->config), "%s", result.config);
    hikae_init_result_free(&result);
    (void)snprintf(site->source, sizeof(site->source), "dir:%s/source", site->folder);
    assert_int_equal(mkdir(at(site, "source"), 0700), 0);
    open_site(site);
    add_tenant(site);
    *state = site;
    return 0;
}

static int teardown(void **state)
{
    struct site *site = *state;
    hikae_close(site->hikae);
    assert_int_equal(file_remove_tree(site->folder, NULL), 0);
    free(site);
    return 0;
}

static void read_text(const char *path, struct buf *out)
{
    assert_int_equal(file_read(path, 1 << 20, out, NULL), 0);
    assert_int_equal(buf_u8(out, 0, NULL), 0);
    out->size--;
}

static bool text_has(const char *path, const char *what)
{
    struct buf text = {0};
    read_text(path, &text);
    bool has = strstr((const char *)text.data, what) != NULL;
    buf_free(&text);
    return has;
}

static void expect_epoch(struct site *site, uint32_t epoch)
{
    struct hikae_keys keys = {0};
    struct hikae_error error = {0};
    if (hikae_keys_status(site->hikae, true, &keys, &error) != HIKAE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(keys.epoch, epoch);
    assert_int_equal(keys.tenants, 1); /* the store has keys of its own beside */
    assert_int_equal(keys.copies, 2);
    assert_int_equal(keys.holder_count, 2);
    assert_string_equal(keys.holders[0].state, "opens");
    assert_true(keys.holders[0].group_opens);
    assert_null(keys.holders[0].why);
    assert_string_equal(keys.holders[1].state, "not-here");
    assert_non_null(strstr(keys.holders[1].why, "hikae keys sheet --check"));
    hikae_keys_free(&keys);
}

/* ---- Keys ---- */

static void test_status(void **state)
{
    struct site *site = *state;
    expect_epoch(site, 1);
    struct hikae_error error = {0};
    assert_int_equal(hikae_keys_check_sheet(site->hikae, at(site, "recovery-sheet-epoch-1.txt"), &error), HIKAE_OK);
    assert_int_equal(hikae_keys_check_sheet(site->hikae, at(site, "nothing.txt"), &error), HIKAE_NOT_FOUND);
    assert_int_equal(hikae_keys_check_sheet(site->hikae, NULL, &error), HIKAE_OK);
}

static void rotate(struct site *site, uint32_t epoch)
{
    struct hikae_error error = {0};
    uint32_t got = 0;
    char *sheet = NULL, name[64];
    struct stat st;
    if (hikae_keys_rotate_root(site->hikae, false, &got, &sheet, &error) != HIKAE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(got, epoch);
    (void)snprintf(name, sizeof(name), "recovery-sheet-epoch-%u.txt", epoch);
    assert_string_equal(sheet, at(site, name));
    assert_int_equal(stat(sheet, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(hikae_keys_check_sheet(site->hikae, sheet, &error), HIKAE_OK);
    free(sheet);
    (void)snprintf(name, sizeof(name), "keys/epoch-%u.key", epoch);
    assert_int_equal(stat(at(site, name), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(text_has(site->config, name));
    (void)snprintf(name, sizeof(name), "keys/epoch-%u.key", epoch - 1);
    assert_int_not_equal(access(at(site, name), F_OK), 0);
    assert_false(text_has(site->config, name));
    assert_false(text_has(site->config, CONFIG_NEW_EPOCH));
}

static void test_rotate_root_twice(void **state)
{
    struct site *site = *state;
    struct buf old_key = {0};
    read_text(at(site, "keys/epoch-1.key"), &old_key);
    char *sheet = NULL;
    uint32_t epoch = 0;
    struct hikae_error error = {0};
    assert_int_equal(hikae_keys_rotate_root(site->hikae, true, &epoch, &sheet, &error), HIKAE_OK);
    assert_int_equal(epoch, 2);
    assert_int_not_equal(access(sheet, F_OK), 0);
    free(sheet);
    expect_epoch(site, 1);

    rotate(site, 2);
    expect_epoch(site, 2);
    rotate(site, 3);
    expect_epoch(site, 3);
    open_site(site);
    expect_epoch(site, 3);
    assert_true(text_has(site->config, "# Who can open the root key."));
    assert_int_equal(hikae_keys_check_sheet(site->hikae, at(site, "recovery-sheet-epoch-1.txt"), &error), HIKAE_KEYS);
    assert_int_equal(hikae_keys_check_sheet(site->hikae, at(site, "recovery-sheet-epoch-2.txt"), &error), HIKAE_KEYS);

    /* A copy of the first epoch's key in the place of the present one. */
    assert_int_equal(file_write_atomic(at(site, "keys/epoch-3.key"), old_key.data, old_key.size, 0600, NULL), 0);
    buf_free(&old_key);
    open_site(site);
    struct hikae_keys keys;
    assert_int_equal(hikae_keys_status(site->hikae, true, &keys, &error), HIKAE_KEYS);
    assert_non_null(strstr(error.message, "epoch 1"));
}

/* A crash between the new epoch's coming into force and the configuration: it opens, and is finished. */
static void test_rotation_resumes(void **state)
{
    struct site *site = *state;
    struct buf config = {0}, key = {0};
    struct error err = {0};
    read_text(site->config, &config);
    read_text(at(site, "keys/epoch-1.key"), &key);
    rotate(site, 2);
    char path[PATH_SIZE + 64];
    (void)snprintf(path, sizeof(path), "%s", at(site, "keys/epoch-2.key"));
    const struct config_member member = {.holder = CONFIG_HOLDER_FILE, .path = path};
    assert_int_equal(file_write_atomic(site->config, config.data, config.size, 0640, NULL), 0);
    assert_int_equal(file_write_atomic(at(site, "keys/epoch-1.key"), key.data, key.size, 0600, NULL), 0);
    buf_free(&key);
    assert_int_equal(config_begin_epoch(site->config, &member, 1, &err), 0);
    open_site(site);
    expect_epoch(site, 2);

    uint32_t epoch = 0;
    char *sheet = NULL;
    struct hikae_error error = {0};
    assert_int_equal(hikae_keys_rotate_root(site->hikae, false, &epoch, &sheet, &error), HIKAE_OK);
    assert_int_equal(epoch, 2);
    free(sheet);
    assert_int_not_equal(access(at(site, "keys/epoch-1.key"), F_OK), 0);
    assert_false(text_has(site->config, CONFIG_NEW_EPOCH));
    expect_epoch(site, 2);
    open_site(site);
    expect_epoch(site, 2);

    /* Cut short before it came into force: it is begun anew. */
    (void)snprintf(path, sizeof(path), "%s", at(site, "keys/epoch-3.key"));
    assert_int_equal(config_begin_epoch(site->config, &member, 1, &err), 0);
    open_site(site);
    rotate(site, 3);
    buf_free(&config);
}

static void test_rotation_needs_all_targets(void **state)
{
    struct site *site = *state;
    struct hikae_error error = {0};
    assert_int_equal(rename(at(site, "two"), at(site, "away")), 0);
    open_site(site);
    assert_int_equal(hikae_keys_rotate_root(site->hikae, false, NULL, NULL, &error), HIKAE_UNKNOWN);
    assert_non_null(strstr(error.message, "two"));
    assert_int_equal(access(at(site, "keys/epoch-1.key"), F_OK), 0);
    assert_int_not_equal(access(at(site, "keys/epoch-2.key"), F_OK), 0);
}

static void test_rotate_tenant(void **state)
{
    struct site *site = *state;
    struct hikae_error error = {0};
    uint32_t generation = 0;
    assert_int_equal(hikae_keys_rotate_tenant(site->hikae, "acme", true, &generation, &error), HIKAE_OK);
    assert_int_equal(generation, 2);
    for (uint32_t i = 2; i <= 3; i++) {
        assert_int_equal(hikae_keys_rotate_tenant(site->hikae, "acme", false, &generation, &error), HIKAE_OK);
        assert_int_equal(generation, i);
    }
    assert_int_equal(hikae_keys_rotate_tenant(site->hikae, "nobody", false, &generation, &error), HIKAE_NOT_FOUND);
    expect_epoch(site, 1);
}

/* ---- The configuration ---- */

static void test_replace_path(void **state)
{
    struct site *site = *state;
    static const char text[] = "state: s # here\nkeys: # who\n- name: a # first\n  members:\n"
                               "  - {holder: file, name: k, path: 'keys/\xc3\xa9.key'} # relative\n"
                               "  - holder: passphrase\n    name: p\n    path: /p/q # absolute\n# the end";
    const char *file = at(site, "c.yaml");
    char path[PATH_SIZE + 64], old[PATH_SIZE + 64], new[PATH_SIZE + 64];
    (void)snprintf(path, sizeof(path), "%s", file);
    (void)snprintf(old, sizeof(old), "%s", at(site, "keys/\xc3\xa9.key"));
    (void)snprintf(new, sizeof(new), "%s", at(site, "keys/n.key"));
    assert_int_equal(file_write_atomic(path, text, sizeof(text) - 1, 0640, NULL), 0);
    struct error err = {0};
    char made[] = "/new/key";
    const struct config_member member = {.holder = CONFIG_HOLDER_FILE, .path = made};
    const struct config_move moves[] = {{old, new}, {"/p/q", "/r/s"}}, lost[] = {{"/no/such", "/x"}};
    const struct config_turn turn = {.moves = moves, .move_count = 2}, none = {.moves = lost, .move_count = 1};
    assert_int_equal(config_turn_epoch(path, &none, &err), -1);
    assert_int_equal(config_end_epoch(path, CONFIG_NEW_EPOCH, &err), 0);
    assert_int_equal(config_begin_epoch(path, &member, 1, &err), 0);
    assert_true(text_has(path, "- {name: new-epoch, members: [{holder: file, name: \"new-1\", path: \"/new/key\"}]}"));
    assert_int_equal(config_begin_epoch(path, &member, 1, &err), -1); /* no two groups of a name */
    assert_int_equal(config_turn_epoch(path, &turn, &err), 0);
    static const char wanted[] = "state: s # here\nkeys: # who\n- name: a # first\n  members:\n"
                                 "  - {holder: file, name: k, path: \"keys/n.key\"} # relative\n"
                                 "  - holder: passphrase\n    name: p\n    path: \"/r/s\" # absolute\n# the end";
    struct buf got = {0};
    read_text(path, &got);
    assert_string_equal((const char *)got.data, wanted);
    buf_free(&got);
    static const char flow[] = "state: s\nkeys: [{name: a, members: [{holder: file, name: k, path: /k}]}]\n";
    assert_int_equal(file_write_atomic(path, flow, sizeof(flow) - 1, 0640, NULL), 0);
    assert_int_equal(config_begin_epoch(path, &member, 1, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
}

/* ---- Holds ---- */

static void test_holds(void **state)
{
    struct site *site = *state;
    struct hikae_error error = {0};
    struct hikae_holds holds = {0};
    assert_int_equal(hikae_hold_add(site->hikae, "acme", "", "why", NULL, false, &error), HIKAE_USAGE);
    assert_int_equal(hikae_hold_add(site->hikae, "acme", "who", NULL, NULL, false, &error), HIKAE_USAGE);
    assert_int_equal(hikae_hold_add(site->hikae, "acme", "who", "why", "soon", false, &error), HIKAE_USAGE);
    assert_int_equal(hikae_hold_add(site->hikae, "acme", "who", "why", "2001-01-01", false, &error), HIKAE_USAGE);
    assert_int_equal(hikae_hold_add(site->hikae, "acme", "who\xff", "why", NULL, false, &error), HIKAE_USAGE);
    assert_int_equal(hikae_hold_add(site->hikae, "nobody", "who", "why", NULL, false, &error), HIKAE_NOT_FOUND);
    assert_int_equal(hikae_hold_add(site->hikae, "acme", "who", "why", NULL, true, &error), HIKAE_OK);
    assert_int_equal(hikae_hold_list(site->hikae, NULL, &holds, &error), HIKAE_OK);
    assert_int_equal(holds.count, 0);
    hikae_holds_free(&holds);

    assert_int_equal(hikae_hold_add(site->hikae, "acme", "法務", "case 7", NULL, false, &error), HIKAE_OK);
    assert_int_equal(hikae_hold_add(site->hikae, "acme", "tax", "audit", "2099-01-01", false, &error), HIKAE_OK);
    open_site(site);
    assert_int_equal(hikae_hold_list(site->hikae, "acme", &holds, &error), HIKAE_OK);
    assert_int_equal(holds.count, 2);
    size_t legal = strcmp(holds.holds[0].who, "tax") == 0 ? 1 : 0;
    assert_string_equal(holds.holds[legal].who, "法務");
    assert_string_equal(holds.holds[legal].why, "case 7");
    assert_string_equal(holds.holds[legal].tenant, "acme");
    assert_int_equal(strlen(holds.holds[legal].id), 32);
    assert_null(holds.holds[legal].until);
    assert_string_equal(holds.holds[1 - legal].until, "2099-01-01");
    hikae_holds_free(&holds);
    assert_int_equal(hikae_hold_list(site->hikae, "nobody", &holds, &error), HIKAE_NOT_FOUND);
}

/* ---- Doctor ---- */

static int state_of(const struct hikae_checks *checks, const char *name)
{
    for (size_t i = 0; i < checks->count; i++)
        if (strcmp(checks->checks[i].name, name) == 0)
            return (int)checks->checks[i].state;
    return -1;
}

static void test_doctor_healthy(void **state)
{
    struct site *site = *state;
    struct hikae_checks checks = {0};
    struct hikae_error error = {0};
    assert_int_equal(hikae_doctor(site->config, &checks, &error), HIKAE_WARNINGS);
    for (size_t i = 0; i < checks.count; i++) {
        assert_int_not_equal(checks.checks[i].state, HIKAE_CHECK_FAIL);
        assert_true(checks.checks[i].detail[0] != '\0');
        assert_true(checks.checks[i].state != HIKAE_CHECK_WARN || checks.checks[i].hint[0] != '\0');
    }
    static const char *const good[] = {
        "configuration", "state",        "target one",   "target two: country", "target two: clock", "clock",
        "keys",          "keys: groups", "keys: copies", "keys: group machine", "keys: group paper", "key file",
        "sources"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (state_of(&checks, good[i]) != HIKAE_CHECK_OK)
            fail_msg("%s is not OK", good[i]);
    assert_int_equal(state_of(&checks, "recovery sheet"), HIKAE_CHECK_WARN);
    hikae_checks_free(&checks);
    assert_int_equal(unlink(at(site, "recovery-sheet-epoch-1.txt")), 0);
    assert_int_equal(rmdir(at(site, "source")), 0);
    assert_int_equal(hikae_doctor(site->config, &checks, &error), HIKAE_WARNINGS);
    assert_int_equal(state_of(&checks, "recovery sheet"), HIKAE_CHECK_OK);
    assert_int_equal(state_of(&checks, "source of acme"), HIKAE_CHECK_WARN);
    hikae_checks_free(&checks);
}

static void expect_failure(const struct site *site, const char *name, enum hikae_status status)
{
    struct hikae_checks checks = {0};
    struct hikae_error error = {0};
    assert_int_equal(hikae_doctor(site->config, &checks, &error), status);
    assert_int_equal(state_of(&checks, name), HIKAE_CHECK_FAIL);
    assert_non_null(strstr(error.message, name));
    hikae_checks_free(&checks);
}

static void test_doctor_broken(void **state)
{
    struct site *site = *state;
    hikae_close(site->hikae);
    site->hikae = NULL;
    assert_int_equal(rename(at(site, "two"), at(site, "away")), 0);
    expect_failure(site, "target two", HIKAE_UNKNOWN);
    assert_int_equal(rename(at(site, "away"), at(site, "two")), 0);
    assert_int_equal(chmod(at(site, "keys/epoch-1.key"), 0644), 0);
    expect_failure(site, "key file", HIKAE_KEYS);
    assert_int_equal(rename(at(site, "keys/epoch-1.key"), at(site, "keys/gone")), 0);
    expect_failure(site, "keys", HIKAE_KEYS);
    assert_int_equal(rename(at(site, "keys/gone"), at(site, "keys/epoch-1.key")), 0);
    assert_int_equal(chmod(at(site, "keys/epoch-1.key"), 0600), 0);
    assert_int_equal(rename(at(site, "state"), at(site, "elsewhere")), 0);
    expect_failure(site, "state", HIKAE_UNKNOWN);
    assert_int_not_equal(access(at(site, "state"), F_OK), 0);
    assert_int_equal(file_write_atomic(site->config, "state: [\n", 9, 0640, NULL), 0);
    expect_failure(site, "configuration", HIKAE_USAGE);
}

/* ---- Targets and status ---- */

static void test_target_list(void **state)
{
    struct site *site = *state;
    struct hikae_targets targets = {0};
    struct hikae_error error = {0};
    assert_int_equal(hikae_target_list(site->hikae, &targets, &error), HIKAE_OK);
    assert_int_equal(targets.count, 2);
    assert_string_equal(targets.targets[0].name, "one");
    assert_string_equal(targets.targets[0].state, "ok");
    assert_string_equal(targets.targets[0].driver, "file");
    assert_string_equal(targets.targets[0].country, "JP");
    assert_null(targets.targets[0].why);
    assert_true(targets.targets[0].free_bytes > 0);
    hikae_targets_free(&targets);
    assert_int_equal(rename(at(site, "two"), at(site, "away")), 0);
    assert_int_equal(rename(at(site, "one/hikae1/store"), at(site, "store")), 0);
    open_site(site);
    assert_int_equal(hikae_target_list(site->hikae, &targets, &error), HIKAE_WARNINGS);
    assert_int_equal(targets.count, 2);
    assert_string_equal(targets.targets[0].state, "empty");
    assert_string_equal(targets.targets[1].state, "unreachable");
    assert_string_equal(targets.targets[1].country, "JP");
    assert_non_null(targets.targets[1].why);
    hikae_targets_free(&targets);
}

static void test_target_add(void **state)
{
    struct site *site = *state;
    struct hikae_error error = {0};
    struct hikae_targets targets = {0};
    char spec[PATH_SIZE + 64];
    (void)snprintf(spec, sizeof(spec), "three=file://%s/three?country=DE", site->folder);
    assert_int_equal(hikae_target_add(site->hikae, "three", false, &error), HIKAE_USAGE);
    assert_int_equal(hikae_target_add(site->hikae, "a b=file:///x", false, &error), HIKAE_USAGE);
    assert_int_equal(hikae_target_add(site->hikae, "one=file:///x", false, &error), HIKAE_REFUSED);
    assert_int_equal(hikae_target_add(site->hikae, spec, true, &error), HIKAE_OK);
    assert_int_not_equal(access(at(site, "three"), F_OK), 0);
    assert_int_equal(hikae_target_add(site->hikae, spec, false, &error), HIKAE_OK);
    open_site(site);
    assert_int_equal(hikae_target_list(site->hikae, &targets, &error), HIKAE_OK);
    assert_int_equal(targets.count, 3);
    assert_string_equal(targets.targets[2].state, "ok");
    assert_string_equal(targets.targets[2].country, "DE");
    hikae_targets_free(&targets);
    /* The new target alone opens the keystore. */
    assert_int_equal(rename(at(site, "one"), at(site, "one.away")), 0);
    assert_int_equal(rename(at(site, "two"), at(site, "two.away")), 0);
    open_site(site);
    struct hikae_keys keys = {0};
    assert_int_equal(hikae_keys_status(site->hikae, true, &keys, &error), HIKAE_OK);
    assert_int_equal(keys.tenants, 1);
    hikae_keys_free(&keys);
}

static void test_target_of_another_store(void **state)
{
    struct site *site = *state;
    struct site *other = NULL;
    void *hold = NULL;
    assert_int_equal(setup(&hold), 0);
    other = hold;
    char spec[PATH_SIZE + 64];
    struct hikae_error error = {0};
    (void)snprintf(spec, sizeof(spec), "three=file://%s/one", other->folder);
    assert_int_equal(hikae_target_add(site->hikae, spec, false, &error), HIKAE_REFUSED);
    assert_non_null(strstr(error.message, "another store"));
    assert_false(text_has(site->config, "three"));
    assert_int_equal(teardown(&hold), 0);
}

static void test_overview(void **state)
{
    struct site *site = *state;
    struct hikae_error error = {0};
    struct hikae_status_report report = {0};
    assert_int_equal(hikae_overview(site->hikae, &report, &error), HIKAE_OK);
    assert_int_equal(report.count, 1);
    assert_string_equal(report.tenants[0].name, "acme");
    assert_int_equal(report.tenants[0].last_success_ns, 0);
    hikae_status_free(&report);

    const struct hikae_backup_options options = {0};
    struct hikae_backup_result result = {0};
    assert_int_equal(file_write_atomic(at(site, "source/file"), "text", 4, 0600, NULL), 0);
    if (hikae_backup(site->hikae, "acme", &options, &result, &error) != HIKAE_OK)
        fail_msg("%s", error.message);
    hikae_backup_result_free(&result);
    assert_int_equal(hikae_overview(site->hikae, &report, &error), HIKAE_OK);
    assert_true(report.tenants[0].last_success_ns > 0);
    assert_true(report.tenants[0].age_ns >= 0);
    assert_int_equal(report.tenants[0].behind_count, 0);
    hikae_status_free(&report);

    assert_int_equal(rename(at(site, "two"), at(site, "away")), 0);
    open_site(site);
    assert_int_equal(hikae_overview(site->hikae, &report, &error), HIKAE_WARNINGS);
    assert_int_equal(report.tenants[0].behind_count, 1);
    assert_string_equal(report.tenants[0].behind[0], "two");
    hikae_status_free(&report);
}

#define SITE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_status),
        SITE_TEST(test_rotate_root_twice),
        SITE_TEST(test_rotation_resumes),
        SITE_TEST(test_rotation_needs_all_targets),
        SITE_TEST(test_rotate_tenant),
        SITE_TEST(test_replace_path),
        SITE_TEST(test_holds),
        SITE_TEST(test_doctor_healthy),
        SITE_TEST(test_doctor_broken),
        SITE_TEST(test_target_list),
        SITE_TEST(test_target_add),
        SITE_TEST(test_target_of_another_store),
        SITE_TEST(test_overview),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
