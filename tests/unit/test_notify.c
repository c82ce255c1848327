/* What a night is told as: a table of states, each with its text in English and Japanese, word for word. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ops/notify.h"

#include <stdio.h>
#include <string.h>

#define DAY (INT64_C(86400) * NS_PER_S)
static const int64_t now_ns = INT64_C(1795222366) * NS_PER_S; /* 2026-11-21T00:52:46Z */

static char *two[] = {"two"}, *both[] = {"one", "two"};
static const struct notice_target up[] = {{"one", true}, {"two", true}}, down[] = {{"one", true}, {"two", false}};

static struct hikae_tenant_status good_tenants[] = {
    {.name = "acme", .last_success_ns = INT64_C(1795222366) * NS_PER_S},
    {.name = "bell", .last_success_ns = INT64_C(1795135966) * NS_PER_S},
};
static struct hikae_tenant_status bad_tenants[] = {
    {.name = "acme", .last_success_ns = INT64_C(1795222366) * NS_PER_S, .behind = two, .behind_count = 1},
    {.name = "bell", .last_success_ns = INT64_C(1795135966) * NS_PER_S, .behind = two, .behind_count = 1},
    {.name = "coil",
     .last_success_ns = INT64_C(1794963166) * NS_PER_S,
     .behind = both,
     .behind_count = 2,
     .overdue = true,
     .deadline_ns = INT64_C(1795481566) * NS_PER_S},
    {.name = "dial", .overdue = true},
};
static struct hikae_run_job good_jobs[] = {
    {.state = "done", .tenant = "acme", .job = "backup"},
    {.state = "done", .tenant = "bell", .job = "backup"},
};
static struct hikae_run_job bad_jobs[] = {
    {.state = "done", .tenant = "acme", .job = "backup"},
    {.state = "failed",
     .tenant = "bell",
     .job = "verify",
     .error = {.status = HIKAE_DAMAGED, .kind = "damaged", .message = "3 objects are damaged"}},
    {.state = "failed",
     .tenant = "coil",
     .job = "backup",
     .error = {.status = HIKAE_UNKNOWN, .kind = "source", .message = "open /srv/coil: No such file"}},
    {.state = "failed",
     .tenant = "dial",
     .job = "backup",
     .error = {.status = HIKAE_UNKNOWN, .kind = "source", .message = "open /srv/dial: No such file"}},
    {.state = "failed",
     .tenant = "acme",
     .job = "replicate",
     .error = {.status = HIKAE_UNKNOWN, .kind = "unknown", .message = "put p/3f… on two: refused"}},
};
static struct hikae_run_warning bad_warnings[] = {
    {.message = "target two does not answer", .tenant = "acme", .count = 800},
    {.message = "home/x\nchanged while it was read", .tenant = "bell", .count = 2},
};
static const struct hikae_status_report good_status = {.tenants = good_tenants, .count = 2},
                                        bad_status = {.tenants = bad_tenants, .count = 4};
static const struct hikae_run_result good_run = {.jobs = good_jobs, .count = 2, .tenants = 2},
                                     bad_run = {.jobs = bad_jobs,
                                                .count = 5,
                                                .warnings = bad_warnings,
                                                .warning_count = 2,
                                                .tenants = 4};

struct row {
    const char *what;
    const struct hikae_run_result *run;
    const struct hikae_status_report *status;
    const struct notice_target *targets;
    const char *run_error;
    bool alert, muted;
    const char *text[2];
};

static const struct row rows[] = {
#include "notify_texts.h"
};

static struct notice_state state_of(const struct row *row)
{
    return (struct notice_state){.now_ns = now_ns,
                                 .host = "night",
                                 .run_error = row->run_error,
                                 .run = row->run,
                                 .status = row->status,
                                 .targets = row->targets,
                                 .target_count = 2,
                                 .min_copies = 1,
                                 .muted_until_ns = row->muted ? now_ns + DAY : 0};
}

static void test_texts(void **context)
{
    (void)context;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int language = 0; language < 2; language++) {
            struct notice_state state = state_of(&rows[i]);
            struct notice_causes causes;
            struct error err = {0};
            CLEANUP_FREE char *subject = NULL, *text = NULL;
            notice_find(&state, &causes);
            assert_int_equal(
                notice_write(&state, &causes, rows[i].alert, (enum config_language)language, &subject, &text, &err), 0);
            CLEANUP_FREE char *whole = mem_printf("%s\n%s", subject, text);
            assert_non_null(whole);
            if (strcmp(whole, rows[i].text[language]) != 0)
                fail_msg("%s:\n%s\nis not\n%s", rows[i].what, whole, rows[i].text[language]);
        }
}

/* A target's name can be a plain word: a message that has it is not for that reason about the target. */
static void test_names_of_targets(void **context)
{
    static const struct notice_target targets[] = {{"home", false}, {"a", true}};
    static struct hikae_run_warning warnings[] = {
        {.message = "target home is behind", .tenant = "acme", .count = 1},
        {.message = "put p/1 on home: 503", .tenant = "acme", .count = 1},
        {.message = "home/x changed while it was read", .tenant = "bell", .count = 1},
    };
    const struct hikae_run_result run = {.warnings = warnings, .warning_count = 3, .tenants = 2};
    const struct row row = {.run = &run, .status = &good_status, .targets = targets};
    struct notice_state state = state_of(&row);
    struct notice_causes causes;
    (void)context;
    notice_find(&state, &causes);
    size_t warned = 0;
    for (size_t i = 0; i < causes.count; i++)
        warned += causes.items[i].kind == NOTICE_WARNING;
    assert_int_equal(warned, 1);
}

/* However much goes wrong, it fits a phone. */
static void test_limits(void **context)
{
    static struct hikae_run_job jobs[3000];
    static struct hikae_run_warning warnings[1000];
    static char names[3000][16], messages[1000][400];
    (void)context;
    for (size_t i = 0; i < 3000; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "t%zu", i);
        jobs[i] = (struct hikae_run_job){.state = "failed", .tenant = names[i], .job = names[i % 1500]};
        (void)snprintf(jobs[i].error.message, sizeof(jobs[i].error.message), "%0900zu", i);
    }
    for (size_t i = 0; i < 1000; i++) {
        for (size_t k = 0; k < 399; k += 3)
            memcpy(messages[i] + k, "\xe6\x8e\xa7", 3);
        messages[i][3] = (char)('a' + i % 26);
        warnings[i] = (struct hikae_run_warning){.message = messages[i], .count = 1};
    }
    const struct hikae_run_result run = {
        .jobs = jobs, .count = 3000, .warnings = warnings, .warning_count = 1000, .tenants = 3000};
    const struct row row = {.run = &run, .status = &bad_status, .targets = down, .muted = true};
    for (int language = 0; language < 2; language++) {
        struct notice_state state = state_of(&row);
        struct notice_causes causes;
        struct error err = {0};
        CLEANUP_FREE char *subject = NULL, *text = NULL;
        size_t lines = 0, longest = 0, from = 0;
        state.test_clock = true;
        notice_find(&state, &causes);
        assert_int_equal(notice_write(&state, &causes, false, (enum config_language)language, &subject, &text, &err),
                         0);
        for (size_t i = 0; text[i] != '\0'; i++) {
            if (text[i] != '\n')
                continue;
            lines++;
            longest = i - from > longest ? i - from : longest;
            from = i + 1;
        }
        assert_true(lines <= NOTICE_LINES_MAX);
        assert_true(longest < 300);
    }
}

/* A muted night: damage and deadlines are told all the same, a lost quorum is not. */
static void test_mute(void **context)
{
    static const struct notice_cause quorum = {.kind = NOTICE_QUORUM, .count = 1}, broken = {.kind = NOTICE_BROKEN},
                                     damaged = {.kind = NOTICE_DAMAGED}, deadline = {.kind = NOTICE_DEADLINE},
                                     target = {.kind = NOTICE_TARGET};
    static const struct {
        const struct notice_cause *cause;
        bool alert, alert_muted;
    } table[] = {{&quorum, true, false},
                 {&broken, true, false},
                 {&damaged, true, true},
                 {&deadline, true, true},
                 {&target, false, false}};
    (void)context;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct notice_causes causes = {.items = {*table[i].cause}, .count = 1};
        assert_int_equal(notice_has_alert(&causes, false), table[i].alert);
        assert_int_equal(notice_has_alert(&causes, true), table[i].alert_muted);
    }
}

/* More of the same is nothing new; another target is. A deadline is near from seven days on. */
static void test_fingerprint(void **context)
{
    struct notice_causes a = {.items = {{.kind = NOTICE_TARGET, .key = "one", .count = 3}}, .count = 1}, b = a, c = a;
    CLEANUP_FREE char *of_a = NULL, *of_b = NULL, *of_c = NULL;
    struct error err = {0};
    (void)context;
    b.items[0].count = 800;
    c.items[0].key = "two";
    assert_int_equal(notice_fingerprint(&a, false, &of_a, &err), 0);
    assert_int_equal(notice_fingerprint(&b, false, &of_b, &err), 0);
    assert_int_equal(notice_fingerprint(&c, false, &of_c, &err), 0);
    assert_string_equal(of_a, of_b);
    assert_string_not_equal(of_a, of_c);
    for (int days = 6; days <= 8; days += 2) {
        struct hikae_tenant_status tenant = {
            .name = "x", .last_success_ns = now_ns, .deadline_ns = now_ns + days * DAY};
        const struct hikae_status_report status = {.tenants = &tenant, .count = 1};
        const struct row row = {.status = &status, .targets = up};
        struct notice_state state = state_of(&row);
        notice_find(&state, &a);
        assert_int_equal(a.count, days == 6);
    }
}

/* What people owe: each kind is told once, in both languages, and notices are never muted. */
static void test_deadlines(void **context)
{
    static struct hikae_deadline deadlines[] = {
        {.kind = "erasure", .subject = "coil", .subject_ja = "coil", .due_ns = INT64_C(1795308766) * NS_PER_S},
        {.kind = "notice",
         .subject = "I-1",
         .subject_ja = "I-1",
         .policy = "p",
         .due_ns = INT64_C(1795308766) * NS_PER_S},
        {.kind = "notice",
         .subject = "I-1",
         .subject_ja = "I-1",
         .policy = "q",
         .due_ns = INT64_C(1795395166) * NS_PER_S},
        {.kind = "review",
         .subject = "backups",
         .subject_ja = "バックアップ",
         .due_ns = INT64_C(1795308766) * NS_PER_S},
        {.kind = "reminder",
         .subject = "Choose a day",
         .subject_ja = "日を決める",
         .due_ns = INT64_C(1795308766) * NS_PER_S},
    };
    const struct hikae_status_report status = {
        .tenants = good_tenants, .count = 2, .deadlines = deadlines, .deadline_count = 5, .nonconformities = 3};
    const struct row row = {.run = &good_run, .status = &status, .targets = up};
    static const char *const lines[][2] = {
        {"- First notice of incident I-1 by 2026-11-22T00:52:46Z.\n",
         "- インシデント I-1 の第一報期限: 2026-11-22T00:52:46Z\n"},
        {"- Not looked at yet: backups; 1 due, the first by 2026-11-22T00:52:46Z.\n",
         "- バックアップの確認が未実施: 1 件（最初の期限 2026-11-22T00:52:46Z）\n"},
        {"- Nonconformities open: 3.\n", "- 未処理の不適合: 3 件\n"},
        {"- Reminder for 2026-11-22T00:52:46Z: Choose a day\n", "- 予定 2026-11-22T00:52:46Z: 日を決める\n"},
    };
    struct notice_state state = state_of(&row);
    struct notice_causes causes;
    (void)context;
    notice_find(&state, &causes);
    /* The erasure is told with its tenant; two notices of one incident are one cause. */
    assert_int_equal(causes.count, 4);
    assert_int_equal(causes.items[0].kind, NOTICE_INCIDENT);
    assert_true(notice_has_alert(&causes, true));
    for (int language = 0; language < 2; language++) {
        struct error err = {0};
        CLEANUP_FREE char *subject = NULL, *text = NULL;
        assert_int_equal(notice_write(&state, &causes, false, (enum config_language)language, &subject, &text, &err),
                         0);
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
            if (strstr(text, lines[i][language]) == NULL)
                fail_msg("no '%s' in\n%s", lines[i][language], text);
    }
}

static void test_zone(void **context)
{
    const struct row row = {.run = &bad_run, .status = &bad_status, .targets = up};
    struct notice_state state = state_of(&row);
    struct notice_causes causes;
    struct zone *zone = NULL;
    struct error err = {0};
    CLEANUP_FREE char *subject = NULL, *text = NULL, *line = NULL;
    (void)context;
    assert_int_equal(zone_open("Asia/Tokyo", &zone, &err), 0);
    state.zone = zone;
    notice_find(&state, &causes);
    assert_int_equal(notice_write(&state, &causes, false, CONFIG_LANGUAGE_JA, &subject, &text, &err), 0);
    assert_non_null(strstr(text, "2026-11-21 09:52 JST\n"));
    assert_null(strstr(text, "2026-11-21T"));
    /* A page says the message apart from the sentence. */
    assert_int_equal(causes.items[0].kind, NOTICE_DAMAGED);
    assert_true(notice_cause_has_message(&causes.items[0]));
    assert_int_equal(notice_cause_write(&causes.items[0], CONFIG_LANGUAGE_JA, zone, &line, &err), 0);
    assert_string_equal(line, "データ破損: bell（検証）");
    zone_free(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),      cmocka_unit_test(test_deadlines),        cmocka_unit_test(test_zone),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_names_of_targets), cmocka_unit_test(test_mute),
        cmocka_unit_test(test_fingerprint)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
