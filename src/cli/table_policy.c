/* Rows: policies. */
#include "cli/commands.h"
#include "cli/table.h"

const struct command row_policy_list = {
    .name = "policy list",
    .group = GROUP_KEEP,
    .summary = {"policies: files, and what is in force", "ポリシーの一覧: ファイルと適用中の版"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Shows every policy: those in force with the date of the version applied last, and those that are files only. "
        "Files are looked for beside hikae.yaml (policies/), then where $HIKAE_POLICIES says, else where they were "
        "installed. `changed` means that the file differs from the version in force: hikae policy diff says how.",
    .examples = {{"hikae policy list", "All policies."}, {"hikae policy list --json", "The same for a script."}},
    .exits = {{6, "no target could be read"}, {7, "no key opens"}},
    .run = command_policy_list,
};

static const struct option_def show_options[] = {
    {.name = "text", .help = "print the file as it was applied, to edit it"},
    OPTIONS_END,
};

const struct command row_policy_show = {
    .name = "policy show",
    .group = GROUP_KEEP,
    .summary = {"what a policy promises, and by which rules", "ポリシーの約束と、それを守る規則"},
    .arguments = "NAME|FILE",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "Shows each promise with the parts of the policy that keep it, then the rules. A name means the "
                   "version in force, or the file if it was never applied; a path means that file.",
    .options = show_options,
    .examples = {{"hikae policy show daily-7-generations", "Promises and rules."},
                 {"hikae policy show daily-7-generations --text >mine.yaml", "A copy to edit."}},
    .exits = {{2, "the file cannot be read: line and column are told"}, {4, "there is no such policy"}},
    .run = command_policy_show,
};

const struct command row_policy_check = {
    .name = "policy check",
    .group = GROUP_KEEP,
    .summary = {"what contradicts itself, or cannot be kept here", "ポリシーの矛盾と、この環境で守れない点を調べる"},
    .arguments = "NAME|FILE",
    .least = 1,
    .most = 1,
    .description =
        "Reads the file of a policy and looks for what contradicts itself: a lock that is longer than snapshots stay, "
        "an erasure that cannot be done in time, more copies than targets, drills without backups. With a hikae.yaml, "
        "its targets and holders are compared too: countries, sites, providers, locks, signatures. Nothing is opened.",
    .examples = {{"hikae policy check ./policies/ours.yaml", "Before it is applied."},
                 {"hikae policy check daily-30-days --json", "Findings with rule, line and column."}},
    .exits = {{1, "warnings only"},
              {2, "the file cannot be read: line and column are told"},
              {4, "there is no such policy"},
              {8, "it contradicts itself, or is not met here"}},
    .run = command_policy_check,
};

const struct command row_policy_diff = {
    .name = "policy diff",
    .group = GROUP_KEEP,
    .summary = {"what a file changes against the version in force", "ファイルと適用中の版との違い"},
    .arguments = "NAME|FILE",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "Shows every value that differs, what would be promised less, and which snapshots of which tenants "
                   "the change would drop. Nothing is changed: hikae policy apply does that.",
    .examples = {{"hikae policy diff daily-7-generations", "The edited file against what is in force."},
                 {"hikae policy diff ./new.yaml --json", "The same for a script."}},
    .exits = {{2, "the file cannot be read"}, {4, "there is no such policy"}},
    .run = command_policy_diff,
};

static const struct option_def apply_options[] = {
    {.name = "approve-as", .kind = VALUE_WORD, .value = "NAME", .help = "the operator who answers for promising less"},
    {.name = "notice",
     .needs = "notice-date",
     .kind = VALUE_WORD,
     .value = "ID",
     .help = "the notice that told of more countries beforehand; is recorded with the version"},
    {.name = "notice-date",
     .kind = VALUE_WORD,
     .value = "DATE",
     .needs = "notice",
     .help = "the day of that notice, such as 2026-11-01"},
    {.name = "why", .kind = VALUE_WORD, .value = "TEXT", .help = "why; is recorded with the version"},
    {.name = "accept",
     .kind = VALUE_WORD,
     .value = "RULE",
     .many = true,
     .help = "apply although this rule of policy check is unmet here; is recorded, and evidence tells it"},
    OPTIONS_END,
};

const struct command row_policy_apply = {
    .name = "policy apply",
    .group = GROUP_KEEP,
    .summary = {"put a policy in force", "ポリシーを適用する"},
    .arguments = "NAME|FILE",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Checks the policy and records it in the store's own history, on min_copies targets: from then on, runs and "
        "evidence go by this version, on every machine and after a recovery, whatever becomes of the file. A version "
        "that promises less, or drops snapshots, needs --approve-as and --why.",
    .options = apply_options,
    .examples = {{"hikae policy apply daily-7-generations --dry-run", "What would change?"},
                 {"hikae policy apply ./ours.yaml --approve-as sato --why 'contract of May'", "Promise less."}},
    .exits = {{2, "the file cannot be read"},
              {4, "there is no such policy"},
              {6, "too few targets could be written"},
              {8, "it contradicts itself, is not met here, or needs approval"}},
    .run = command_policy_apply,
};
