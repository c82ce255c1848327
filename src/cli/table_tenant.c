/* Rows: tenants, and holds on them. */
#include "cli/commands.h"
#include "cli/table.h"

/* Both commands describe sources alike; only `tenant add` demands one. */
#define SOURCE_OPTIONS(is_required)                                                                                    \
    {.name = "source",                                                                                                 \
     .kind = VALUE_WORD,                                                                                               \
     .value = "NAME=SPEC",                                                                                             \
     .many = true,                                                                                                     \
     .required = (is_required),                                                                                        \
     .help = "what to back up: dir:PATH, image:PATH, archive:PATH or cmd:COMMAND"},                                    \
        {.name = "exclude",                                                                                            \
         .kind = VALUE_WORD,                                                                                           \
         .value = "PATTERN",                                                                                           \
         .many = true,                                                                                                 \
         .help = "leave out what matches, in gitignore syntax; holds for all sources given"},                          \
        {.name = "one-file-system", .help = "do not descend into other file systems"},                                 \
    {                                                                                                                  \
        .name = "exclude-caches", .help = "leave out folders that CACHEDIR.TAG marks as caches"                        \
    }

#define TRAIT_OPTIONS                                                                                                  \
    {.name = "label",                                                                                                  \
     .kind = VALUE_WORD,                                                                                               \
     .value = "KEY=VALUE",                                                                                             \
     .many = true,                                                                                                     \
     .help = "a word of your own to find it by; KEY= takes it away; `responsible` stands in the inventory"},           \
        {.name = "check",                                                                                              \
         .kind = VALUE_WORD,                                                                                           \
         .value = "NAME=KIND:…",                                                                                       \
         .many = true,                                                                                                 \
         .help = "what a drill looks at: sqlite:PATH, postgresql:PATH, ext4:PATH, archive:PATH, cmd:COMMAND, "         \
                 "sql:CHECK:VALUE:SELECT …; NAME= takes it away"},                                                     \
        {.name = "priority", .kind = VALUE_WORD, .value = "N", .help = "1 is first in a run, 9 last (default 5)"},     \
        {.name = "limit-time",                                                                                         \
         .kind = VALUE_WORD,                                                                                           \
         .value = "DURATION",                                                                                          \
         .help = "a job of the nightly run that takes longer is stopped"},                                             \
        {.name = "limit-size",                                                                                         \
         .kind = VALUE_WORD,                                                                                           \
         .value = "BYTES",                                                                                             \
         .help = "the nightly run warns when the sources are larger"},                                                 \
    {                                                                                                                  \
        .name = "limit-threads", .kind = VALUE_WORD, .value = "N", .help = "at most so many at work for it"            \
    }

static const struct option_def add_options[] = {
    {.name = "policy",
     .kind = VALUE_WORD,
     .value = "P",
     .help = "what is promised to it (default plain: keep everything)"},
    SOURCE_OPTIONS(true),
    {.name = "provider", .help = "the provider's own data, not a customer's"},
    TRAIT_OPTIONS,
    {.name = "trial", .help = "it stays new until a test backup of it was restored: tenant trial, or the next run"},
    OPTIONS_END,
};

const struct command row_tenant_add = {
    .name = "tenant add",
    .group = GROUP_TENANTS,
    .summary = {"add a tenant: a customer, or part of the provider's data", "テナントを追加する"},
    .arguments = "NAME",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Makes a tenant with keys of its own: nothing is shared or deduplicated between tenants. The name of "
        "each source becomes the top folder in its snapshots, so keep names short and lasting.",
    .options = add_options,
    .examples = {{"hikae tenant add acme --source home=dir:/srv/acme --exclude '*.tmp' --exclude-caches",
                  "A folder, without temporary files and caches."},
                 {"hikae tenant add db --source dump='cmd:pg_dump shop' --source disk=image:/dev/vg0/shop",
                  "A command's output and a block device."}},
    .exits = {{2, "a source or the policy is wrong"}, {8, "the name is taken"}},
    .run = command_tenant_add,
};

static const struct option_def list_options[] = {
    {.name = "state", .kind = VALUE_CHOICE, .value = "new|active|suspended|frozen|erased", .help = "only those"},
    {.name = "class", .kind = VALUE_CHOICE, .value = "customer|provider", .help = "only those"},
    {.name = "policy", .kind = VALUE_WORD, .value = "P", .help = "only those with this policy"},
    {.name = "label", .kind = VALUE_WORD, .value = "KEY[=VALUE]", .help = "only those with this label"},
    OPTIONS_END,
};

const struct command row_tenant_list = {
    .name = "tenant list",
    .group = GROUP_TENANTS,
    .summary = {"all tenants, or some of them", "テナントの一覧"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Shows each tenant with its policy, state, number of snapshots and the time of the latest.",
    .options = list_options,
    .examples = {{"hikae tenant list", "All tenants."},
                 {"hikae tenant list --state suspended --json", "Those that are not backed up, for a script."}},
    .exits = {{2, "the configuration is wrong"}},
    .run = command_tenant_list,
};

const struct command row_tenant_show = {
    .name = "tenant show",
    .group = GROUP_TENANTS,
    .summary = {"one tenant with its sources", "テナントの詳細とソース"},
    .arguments = "NAME",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "Shows all that is known of one tenant: id, policy, state, class, sources, snapshots.",
    .examples = {{"hikae tenant show acme", "What is backed up of acme?"},
                 {"hikae tenant show acme --json", "The same for a script."}},
    .exits = {{4, "there is no such tenant"}},
    .run = command_tenant_show,
};

static const struct option_def set_options[] = {
    {.name = "policy", .kind = VALUE_WORD, .value = "P", .help = "the new policy"},
    SOURCE_OPTIONS(false),
    TRAIT_OPTIONS,
    OPTIONS_END,
};

const struct command row_tenant_set = {
    .name = "tenant set",
    .group = GROUP_TENANTS,
    .summary = {"change a tenant's sources, policy, labels, limits",
                "テナントのソース、ポリシー、ラベル、制限を変える"},
    .arguments = "NAME",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Sources that are given replace all the sources that there were; without any they stay. Snapshots "
                   "that exist are not changed. Labels are set one by one; limits that are given replace all limits.",
    .options = set_options,
    .examples = {{"hikae tenant set acme --source home=dir:/srv/acme --source mail=dir:/var/mail/acme",
                  "From now on two folders."},
                 {"hikae tenant set acme --policy plain --dry-run", "What would this change?"}},
    .exits = {{2, "a source or the policy is wrong"}, {4, "there is no such tenant"}},
    .run = command_tenant_set,
};

const struct command row_tenant_suspend = {
    .name = "tenant suspend",
    .group = GROUP_TENANTS,
    .summary = {"stop backing a tenant up; its snapshots stay", "テナントのバックアップを止める"},
    .arguments = "NAME",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "A suspended tenant is not backed up. What is stored of it stays, and can be restored and verified.",
    .examples = {{"hikae tenant suspend acme", "The customer's service is paused."},
                 {"hikae tenant resume acme", "And goes on."}},
    .exits = {{4, "there is no such tenant"}},
    .run = command_tenant_suspend,
};

const struct command row_tenant_resume = {
    .name = "tenant resume",
    .group = GROUP_TENANTS,
    .summary = {"back a suspended tenant up again", "停止したテナントを再開する"},
    .arguments = "NAME",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Ends tenant suspend: the tenant is backed up again.",
    .examples = {{"hikae tenant resume acme", "Active again."}, {"hikae backup acme", "And a snapshot at once."}},
    .exits = {{4, "there is no such tenant"}},
    .run = command_tenant_resume,
};

static const struct option_def load_options[] = {
    {.name = "per-night",
     .kind = VALUE_WORD,
     .value = "N",
     .help = "first backups of at most N new tenants a night (default 200; 0: all at once)"},
    OPTIONS_END,
};

const struct command row_tenant_load = {
    .name = "tenant load",
    .group = GROUP_TENANTS,
    .summary = {"add and change tenants in bulk from a file", "ファイルからテナントを一括で追加・変更する"},
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "FILE.json is a list of objects with name, policy, class, priority, labels, limits and sources; FILE.csv has "
        "the "
        "columns name, policy, class, priority, limit.seconds, limit.bytes, limit.threads, and source.NAME and "
        "label.KEY "
        "for each source and label. What the file does not name stays as it is: nothing is ever removed, and loading "
        "twice changes nothing. With a mistake anywhere, nothing is done. New tenants are new until the nightly run "
        "has "
        "backed them up and restored that.",
    .options = load_options,
    .examples = {{"hikae tenant load customers.csv --dry-run", "What would be added and changed?"},
                 {"hikae tenant load customers.json --per-night 500", "First backups of 500 a night."}},
    .exits = {{2, "the file has a mistake; each is told with its line"}},
    .run = command_tenant_load,
};

const struct command row_tenant_trial = {
    .name = "tenant trial",
    .group = GROUP_TENANTS,
    .summary = {"make a new tenant active by a test restore", "試験バックアップと復元で新規テナントを有効にする"},
    .arguments = "NAME",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Backs a new tenant up, restores from that snapshot into a folder of the state, which is removed "
                   "again, and makes the tenant active. The nightly run does the same with each new tenant.",
    .examples = {{"hikae tenant trial acme", "Not wait for the night."},
                 {"hikae tenant list --state new", "Whose trial is still to come?"}},
    .exits = {{4, "there is no such tenant"}, {5, "what was restored is damaged"}, {8, "the tenant is not new"}},
    .run = command_tenant_trial,
};

static const struct option_def inventory_options[] = {
    {.name = "csv", .without = "json", .help = "a line a tenant and target, for a spreadsheet"},
    OPTION_BOM("csv"),
    OPTIONS_END,
};

const struct command row_inventory = {
    .name = "inventory",
    .group = GROUP_TENANTS,
    .summary = {"the asset register: what is kept, where, for whom", "資産台帳: 何を誰のためにどこに保管しているか"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Shows for customers, and apart from them for the provider's own data: class, policy, sources, targets with "
        "country and site, snapshots, bytes, oldest and newest snapshot, holds, generation and epoch of the keys, and "
        "who is responsible (the label of that name).",
    .options = inventory_options,
    .examples = {{"hikae inventory", "For people."},
                 {"hikae inventory --csv --bom > assets.csv", "For the auditor's table, in Excel."}},
    .exits = {{1, "a target did not answer"}, {2, "--csv and --json together, or --bom without --csv"}},
    .run = command_inventory,
};

static const struct option_def hold_options[] = {
    {.name = "who", .kind = VALUE_WORD, .value = "W", .required = true, .help = "who demands it"},
    {.name = "why", .kind = VALUE_WORD, .value = "Y", .required = true, .help = "the reason, for those who come later"},
    {.name = "until",
     .kind = VALUE_WORD,
     .value = "TIME",
     .help = "it ends by itself at this time; without it, it stays until it is removed"},
    OPTIONS_END,
};

const struct command row_hold_add = {
    .name = "hold add",
    .group = GROUP_KEYS,
    .summary = {"legal hold: delete nothing of a tenant", "法的保全: テナントのデータを一切削除しない"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "While a hold is in force nothing of the tenant is deleted, whatever its policy, its contract or a "
                   "purge says. The hold is written to the history on every target, and survives a recovery.",
    .options = hold_options,
    .examples = {{"hikae hold add acme --who 'legal department' --why 'case 2026-114'", "Until it is removed."},
                 {"hikae hold add acme --who audit --why 'yearly audit' --until 2027-03-31", "Until a day."}},
    .exits = {{4, "there is no such tenant"}, {6, "too few targets could be written"}},
    .run = command_hold_add,
};

const struct command row_hold_list = {
    .name = "hold list",
    .group = GROUP_KEYS,
    .summary = {"the holds in force", "有効な保全の一覧"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "Shows who holds which tenant, why, and until when.",
    .examples = {{"hikae hold list", "All holds."}, {"hikae hold list acme", "Those on one tenant."}},
    .exits = {{4, "there is no such tenant"}},
    .run = command_hold_list,
};
