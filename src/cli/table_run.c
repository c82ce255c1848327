/* Rows: the nightly run. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def run_options[] = {
    {.name = "only",
     .kind = VALUE_WORD,
     .value = "JOBS",
     .help = "these jobs, with commas: backup, replicate, locks, verify, drill (a writer's host), retain, gc, logs, "
             "purge (a "
             "pruner's)"},
    {.name = "shard",
     .kind = VALUE_WORD,
     .value = "I/N",
     .help = "this is host I of N that share the tenants: each tenant belongs to one of them"},
    {.name = "retries",
     .kind = VALUE_WORD,
     .value = "N",
     .help = "try what failed and may succeed later N times again, with growing pauses (default 2)"},
    {.name = "wait", .help = "for another run to end, instead of ending with 3"},
    OPTIONS_END,
};

const struct command row_run = {
    .name = "run",
    .group = GROUP_BACKUP,
    .summary = {"do everything that is due: the nightly entry", "期限の来た作業をすべて行う（夜間実行）"},
    .arguments = "",
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Looks at every tenant and does what its policy makes due: in the policy's zone, within its window, each "
        "tenant at a time of its own; also what was missed while the machine was off, once. Start it every quarter of "
        "an hour "
        "from systemd or cron: when nothing is due it ends within a second. Several tenants are worked on at once "
        "within memory_mib; one that fails stops no other. New tenants get their trial. The exit code is the first of "
        "10, 7, 5, 6, 8, 3, 1 that occurred; --json tells each job's.",
    .options = run_options,
    .examples = {{"hikae run --dry-run", "What is due now, and why?"},
                 {"hikae run --only backup,replicate --shard 2/3", "The second of three writing hosts."}},
    .exits = {{1, "done, with warnings"},
              {3, "another run is under way"},
              {6, "a source or target could not be read"},
              {9, "stopped; what is finished is kept, the rest is due the next time"}},
    .run = command_run,
};
