/*
 * Drives libhikae by commands on standard input, one a line, for tests that need thousands of calls and do not want
 * thousands of processes. Stands on include/hikae.h alone. Each answer is lines that end with one that is ".": first
 * the status and, if it failed, the message; then what the command has to say.
 *
 *   open CONFIG                     the store that the others are about
 *   at TIME                         the clock of a test store; opens the store again, as a new process would
 *   backup TENANT [KEEP-SECONDS]    "snapshot ID"; with KEEP-SECONDS on demand
 *   retain TENANT                   "keep ID" and "drop ID"
 *   list TENANT                     "snapshot ID SECONDS ON-DEMAND KEEP-UNTIL VERIFIED TAG TARGET,… REASON;…"
 *   replicate TENANT, verify TENANT
 *   gc TENANT                       "freed TARGET OBJECTS"
 *   tag TENANT ID TAG, hold TENANT WHO, unhold TENANT
 *   restore TENANT ID FOLDER
 */
#include "hikae.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 5, LINE_MAX_SIZE = 4096, SECOND = 1000000000 };

struct drive {
    struct hikae *hikae;
    char config[LINE_MAX_SIZE];
    char *words[WORDS_MAX];
    size_t count;
};

static void say_status(enum hikae_status status, const struct hikae_error *error)
{
    printf("%d%s%s\n", (int)status, status > HIKAE_WARNINGS ? " " : "", status > HIKAE_WARNINGS ? error->message : "");
}

static enum hikae_status open_store(struct drive *drive, struct hikae_error *error)
{
    hikae_close(drive->hikae);
    drive->hikae = NULL;
    return hikae_open(drive->config, &drive->hikae, error);
}

static void do_open(struct drive *drive)
{
    struct hikae_error error;
    (void)snprintf(drive->config, sizeof(drive->config), "%s", drive->words[1]);
    say_status(open_store(drive, &error), &error);
}

static void do_at(struct drive *drive)
{
    struct hikae_error error;
    (void)setenv("HIKAE_NOW", drive->words[1], 1);
    say_status(open_store(drive, &error), &error);
}

static void do_backup(struct drive *drive)
{
    struct hikae_backup_options options = {.on_demand = drive->count > 2};
    struct hikae_backup_result result = {0};
    struct hikae_error error;
    if (options.on_demand)
        options.keep_ns = strtoll(drive->words[2], NULL, 10) * SECOND;
    enum hikae_status status = hikae_backup(drive->hikae, drive->words[1], &options, &result, &error);
    say_status(status, &error);
    if (status > HIKAE_WARNINGS)
        return;
    printf("snapshot %s\n", result.snapshot);
    hikae_backup_result_free(&result);
}

static void do_retain(struct drive *drive)
{
    struct hikae_retain_result result = {0};
    struct hikae_error error;
    enum hikae_status status = hikae_retain(drive->hikae, drive->words[1], false, &result, &error);
    say_status(status, &error);
    for (size_t i = 0; i < result.count; i++)
        printf("%s %s\n", result.lines[i].keep ? "keep" : "drop", result.lines[i].id);
    hikae_retain_result_free(&result);
}

static void do_list(struct drive *drive)
{
    struct hikae_snapshots snapshots = {0};
    struct hikae_error error;
    enum hikae_status status = hikae_snapshots(drive->hikae, drive->words[1], &snapshots, &error);
    say_status(status, &error);
    for (size_t i = 0; i < snapshots.count && status <= HIKAE_WARNINGS; i++) {
        const struct hikae_snapshot *s = &snapshots.snapshots[i];
        printf("snapshot %s %" PRId64 " %d %" PRId64 " %" PRId64 " %s ", s->id, s->time_ns / SECOND, s->on_demand,
               s->keep_until_ns / SECOND, s->verified_ns / SECOND, s->tag != NULL ? s->tag : "-");
        for (size_t k = 0; k < s->target_count; k++)
            printf("%s%s", k > 0 ? "," : "", s->targets[k]);
        printf("%s ", s->target_count == 0 ? "-" : "");
        for (size_t k = 0; k < s->kept_by_count; k++)
            printf("%s;", s->kept_by[k]);
        printf("\n");
    }
    hikae_snapshots_free(&snapshots);
}

static void do_replicate(struct drive *drive)
{
    struct hikae_replicate_result result = {0};
    struct hikae_error error;
    enum hikae_status status = hikae_replicate(drive->hikae, drive->words[1], NULL, false, &result, &error);
    say_status(status, &error);
    if (status <= HIKAE_WARNINGS)
        hikae_replicate_result_free(&result);
}

static void do_verify(struct drive *drive)
{
    const struct hikae_verify_options options = {.level = HIKAE_VERIFY_DATA};
    struct hikae_verify_result result = {0};
    struct hikae_error error;
    say_status(hikae_verify(drive->hikae, drive->words[1], &options, &result, &error), &error);
    hikae_verify_result_free(&result);
}

static void do_gc(struct drive *drive)
{
    const struct hikae_gc_options options = {.dry_run = false};
    struct hikae_gc_result result = {0};
    struct hikae_error error;
    say_status(hikae_gc(drive->hikae, drive->words[1], &options, &result, &error), &error);
    for (size_t i = 0; i < result.target_count; i++)
        printf("freed %s %" PRIu64 "\n", result.targets[i].name, result.targets[i].freed_objects);
    hikae_gc_result_free(&result);
}

static void do_tag(struct drive *drive)
{
    struct hikae_error error;
    say_status(hikae_snapshot_tag(drive->hikae, drive->words[1], drive->words[2], drive->words[3], false, &error),
               &error);
}

static void do_hold(struct drive *drive)
{
    struct hikae_error error;
    say_status(hikae_hold_add(drive->hikae, drive->words[1], drive->words[2], "a test", NULL, false, &error), &error);
}

/* Every hold of the tenant. */
static void do_unhold(struct drive *drive)
{
    struct hikae_holds holds = {0};
    struct hikae_error error;
    enum hikae_status status = hikae_hold_list(drive->hikae, drive->words[1], &holds, &error);
    for (size_t i = 0; status <= HIKAE_WARNINGS && i < holds.count; i++)
        status = hikae_hold_remove(drive->hikae, drive->words[1], holds.holds[i].id, "sato", "over", false, &error);
    say_status(status, &error);
    printf("holds %zu\n", holds.count);
    hikae_holds_free(&holds);
}

static void do_restore(struct drive *drive)
{
    /* As a drill of the operator's own: of some policies only the latest may go back into service. */
    static const char *const approvers[] = {"sato", "tanaka"};
    const struct hikae_restore_options options = {.which = {.snapshot = drive->words[2]},
                                                  .to = drive->words[3],
                                                  .destination = HIKAE_TO_DRILL,
                                                  .reason = "oracle",
                                                  .requester = "mori",
                                                  .approvers = approvers,
                                                  .approver_count = 2};
    struct hikae_restore_result result = {0};
    struct hikae_error error;
    enum hikae_status status = hikae_restore(drive->hikae, drive->words[1], &options, &result, &error);
    say_status(status, &error);
    if (status <= HIKAE_WARNINGS)
        hikae_restore_result_free(&result);
}

static const struct {
    const char *name;
    size_t words; /* at least, with its name */
    void (*run)(struct drive *drive);
} commands[] = {
    {"open", 2, do_open}, {"at", 2, do_at},         {"backup", 2, do_backup},       {"retain", 2, do_retain},
    {"list", 2, do_list}, {"verify", 2, do_verify}, {"replicate", 2, do_replicate}, {"gc", 2, do_gc},
    {"tag", 4, do_tag},   {"hold", 3, do_hold},     {"unhold", 2, do_unhold},       {"restore", 4, do_restore},
};

/* False if it is no command. */
static bool obey(struct drive *drive, char *line)
{
    drive->count = 0;
    char *rest = line;
    for (char *word; drive->count < WORDS_MAX && (word = strsep(&rest, " \n")) != NULL;)
        if (word[0] != '\0')
            drive->words[drive->count++] = word;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && drive->count > 0; i++) {
        if (strcmp(commands[i].name, drive->words[0]) != 0 || drive->count < commands[i].words)
            continue;
        commands[i].run(drive);
        printf(".\n");
        return fflush(stdout) == 0;
    }
    return false;
}

int main(void)
{
    static struct drive drive;
    static char line[LINE_MAX_SIZE];
    bool ok = true;
    while (ok && fgets(line, sizeof(line), stdin) != NULL)
        ok = obey(&drive, line);
    hikae_close(drive.hikae);
    return ok ? 0 : 1;
}
