/* Rows: what is kept, and what may be dropped. */
#include "cli/commands.h"
#include "cli/table.h"

const struct command row_retain = {
    .name = "retain",
    .group = GROUP_KEEP,
    .summary = {"drop the snapshots that no rule keeps", "保持規則に残らないスナップショットを除く"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Plans, by each tenant's policy as it was last applied, which snapshots are kept and which are dropped, and "
        "says why of every one. Generations are counted among complete snapshots of the schedule: a failing night, a "
        "second try or a snapshot on demand uses up none. Holds keep everything; the latest complete and the last "
        "verified snapshot always stay. What is dropped is written to the history on every target; its space is freed "
        "by a later collection. Nothing is dropped while a target's clock is off by more than five minutes, or so many "
        "targets are silent that one of them could have a hold.",
    .examples = {{"hikae retain --dry-run", "What would be dropped of all tenants, and why?"},
                 {"hikae retain acme --json", "Do it for one, for a script."}},
    .exits = {{4, "there is no such tenant"},
              {6, "too few targets answer"},
              {8, "refused: a clock is wrong, the policy was never applied, nothing would be left"}},
    .run = command_retain,
};

static const struct option_def approval_options[] = {
    {.name = "who",
     .kind = VALUE_WORD,
     .value = "W",
     .help = "who answers for it; once two people are operators, those who sign do"},
    {.name = "why", .kind = VALUE_WORD, .value = "Y", .required = true, .help = "the reason, for those who come later"},
    OPTIONS_END,
};

const struct command row_snapshot_forget = {
    .name = "snapshot forget",
    .group = GROUP_KEEP,
    .summary = {"take out a snapshot that should not have been made", "誤って取得したスナップショットを除く"},
    .arguments = "TENANT ID",
    .least = 2,
    .most = 2,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Retires one snapshot whatever the policy says of it: one that caught what it should not have, or "
                   "an on-demand one that is no longer needed. A hold refuses it, and so does the lack of any other "
                   "complete snapshot. Once two people are operators, two of them sign first: see hikae help approve.",
    .options = approval_options,
    .examples = {{"hikae snapshot forget acme 1a2b3c4d --who sato --why 'holds a private key by mistake'",
                  "It is gone after the next collection."},
                 {"hikae snapshot forget acme 1a2b3c4d --who sato --why test --dry-run", "Would it be refused?"}},
    .exits = {{4, "there is no such tenant or snapshot"},
              {6, "too few targets could be read or written"},
              {8, "a hold, no other complete snapshot, or signatures are missing"}},
    .run = command_snapshot_forget,
};

const struct command row_hold_remove = {
    .name = "hold remove",
    .group = GROUP_KEYS,
    .summary = {"end a legal hold", "法的保全を解除する"},
    .arguments = "TENANT HOLD",
    .least = 2,
    .most = 2,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Ends a hold, named by its id or a start of it. From then on the tenant's policy decides again: the "
        "next retention may drop much at once, as `hikae retain TENANT --dry-run` shows. Once two people are "
        "operators, two of them sign first: see hikae help approve.",
    .options = approval_options,
    .examples = {{"hikae hold remove acme 1a2b3c4d --who 'legal department' --why 'case 2026-114 is closed'",
                  "The hold ends."},
                 {"hikae hold list acme", "The holds with their ids."}},
    .exits = {{4, "there is no such tenant or hold"},
              {6, "too few targets could be written"},
              {8, "nobody answers for it, or signatures are missing"}},
    .run = command_hold_remove,
};

static const struct option_def simulate_options[] = {
    {.name = "days", .kind = VALUE_WORD, .value = "N", .help = "so many days from now; 30 unless given"},
    {.name = "tenant",
     .kind = VALUE_WORD,
     .value = "NAME",
     .help = "begin with this tenant's snapshots, by its policy unless one is named"},
    OPTIONS_END,
};

const struct command row_policy_simulate = {
    .name = "policy simulate",
    .group = GROUP_KEEP,
    .summary = {"what a policy would keep on each of the next days", "ポリシーが今後の各日に残すものを試算する"},
    .arguments = "[NAME|FILE]",
    .most = 1,
    .description =
        "Lets the days go by: each night of the schedule makes a snapshot, called by its date, and retention "
        "drops what it drops. Shows what is kept after each day. Changes nothing, and needs no store unless "
        "a tenant is named.",
    .options = simulate_options,
    .examples = {{"hikae policy simulate monthly-1-year --days 400", "A year and more of a policy."},
                 {"hikae policy simulate --tenant acme --days 30 --json", "Of a tenant as it is now."}},
    .exits = {{2, "the file is no policy"}, {4, "there is no such tenant or policy"}},
    .run = command_policy_simulate,
};
