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

static const struct option_def add_options[] = {
    {.name = "policy",
     .kind = VALUE_WORD,
     .value = "P",
     .help = "what is promised to it (default plain: keep everything)"},
    SOURCE_OPTIONS(true),
    {.name = "provider", .help = "the provider's own data, not a customer's"},
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

const struct command row_tenant_list = {
    .name = "tenant list",
    .group = GROUP_TENANTS,
    .summary = {"all tenants", "テナントの一覧"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Shows each tenant with its policy, state, number of snapshots and the time of the latest.",
    .examples = {{"hikae tenant list", "All tenants."}, {"hikae tenant list --json", "The same for a script."}},
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
    OPTIONS_END,
};

const struct command row_tenant_set = {
    .name = "tenant set",
    .group = GROUP_TENANTS,
    .summary = {"change a tenant's sources or policy", "テナントのソースやポリシーを変える"},
    .arguments = "NAME",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Sources that are given replace all the sources that there were; without any they stay. Snapshots "
                   "that exist are not changed.",
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
