/* Rows: taking away what is not needed any more. */
#include "cli/commands.h"
#include "cli/table.h"

const struct command row_gc = {
    .name = "gc",
    .group = GROUP_KEEP,
    .summary = {"take away what no snapshot needs any more", "どのスナップショットにも要らないものを取り除く"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Of one tenant or of all: what retired snapshots alone needed is condemned by a record, and deleted from each "
        "target by a later gc, 72 hours after, once no snapshot names it. Packs of which much is not needed any more "
        "are written again without it, small ones are joined. Nothing goes under a legal hold (of several tenants, one "
        "that is held is listed and waits; named, it is refused), while a record is missing, while too few targets "
        "answer or while a clock is wrong by more than five minutes. Backups may run "
        "meanwhile, here and on other hosts; stopped at any time, the next gc goes on. The plan, with its reasons, is "
        "what --dry-run shows.",
    .examples = {{"hikae gc --dry-run", "What would go, what moves, what waits, and why?"},
                 {"hikae gc", "Every tenant, as in the nightly run."}},
    .exits = {{5, "something that a snapshot needs is missing: nothing was deleted"},
              {8, "a hold, a missing record, a clock or too few targets: nothing was deleted"},
              {9, "stopped: what was done is kept"}},
    .run = command_gc,
};

const struct command row_locks = {
    .name = "locks",
    .group = GROUP_KEEP,
    .summary = {"keep locks ahead of time, of what is alive", "生きているもののロックを期限前に延長する"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "On targets that lock objects: what snapshots in force, histories, the keystore and the audit logs need is "
        "locked again, for the whole period, once less than half of it is left; what nothing needs any more is left to "
        "run out. Of one tenant (and the store's own) or of all. The nightly run does it four times in each period. It "
        "needs the right to set retention, and none to delete.",
    .examples = {{"hikae locks --dry-run", "How many locks would be extended?"},
                 {"hikae locks", "After hikae run was stopped for long."}},
    .exits = {{1, "a target lacks objects: hikae replicate puts them, locked"},
              {6, "a target could not be reached"},
              {7, "there is no right to set retention"}},
    .run = command_locks,
};
