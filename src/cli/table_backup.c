/* Rows: making snapshots and naming them. */
#include "cli/commands.h"
#include "cli/table.h"

#include <stdint.h>

static const struct option_def backup_options[] = {
    {.name = "tag", .kind = VALUE_WORD, .value = "T", .help = "a label for the snapshot"},
    {.name = "keep", .kind = VALUE_WORD, .value = "DURATION", .help = "it expires by itself after 12h, 30d, 2w, 1y …"},
    {.name = "no-verify-writes",
     .help = "do not open each block again before it is stored: faster, but a fault of memory may go unnoticed"},
    OPTIONS_END,
};

const struct command row_backup = {
    .name = "backup",
    .group = GROUP_BACKUP,
    .summary = {"take a snapshot of a tenant now", "テナントのスナップショットを今すぐ取る"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Reads the tenant's sources and stores what is new, encrypted, on all targets at once. Files that "
                   "did not change are not opened. A file that cannot be read is named and the rest goes on (exit 1). "
                   "When it is interrupted, the next run reuses what was stored.",
    .options = backup_options,
    .examples = {{"hikae backup acme", "A snapshot now."},
                 {"hikae backup acme --tag before-upgrade --keep 30d", "With a label, for thirty days."},
                 {"hikae backup acme --dry-run", "How much has changed? Nothing is stored."}},
    .exits = {{1, "some entries could not be read, or a target is behind"},
              {3, "another run holds the tenant"},
              {6, "too few targets could be written: there is no snapshot"},
              {9, "interrupted; what is stored is reused"}},
    .run = command_backup,
};

static const struct option_def import_options[] = {
    {.name = "as",
     .kind = VALUE_WORD,
     .value = "NAME",
     .help = "the top folder in the snapshot; without it the file's name up to its first dot"},
    {.name = "tag", .kind = VALUE_WORD, .value = "T", .help = "a label for the snapshot"},
    {.name = "keep", .kind = VALUE_WORD, .value = "DURATION", .help = "it expires by itself after 12h, 30d, 2w, 1y …"},
    {.name = "no-verify-writes", .help = "do not open each block again before it is stored"},
    OPTIONS_END,
};

const struct command row_import = {
    .name = "import",
    .group = GROUP_BACKUP,
    .summary = {"take an archive in as a snapshot", "アーカイブをスナップショットとして取り込む"},
    .arguments = "TENANT FILE",
    .least = 2,
    .most = 2,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Stores the entries of an archive (tar, zip, cpio, 7-Zip, ISO 9660 and others, compressed or not) as "
        "a snapshot of its own. FILE - is standard input.",
    .options = import_options,
    .examples = {{"hikae import acme old-backup.tar.zst --as old", "An older backup, below the folder old."},
                 {"ssh web tar -c /srv | hikae import acme - --as web", "A stream from another machine."}},
    .exits = {{1, "some entries could not be taken"},
              {4, "there is no such tenant, or no such FILE"},
              {6, "FILE could not be read, or too few targets written"}},
    .run = command_import,
};

static const struct option_def replicate_options[] = {
    {.name = "to", .kind = VALUE_WORD, .value = "T", .help = "only this target"},
    OPTIONS_END,
};

const struct command row_replicate = {
    .name = "replicate",
    .group = GROUP_BACKUP,
    .summary = {"bring targets that are behind up to date", "遅れている保存先を最新にする"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Copies what a target lacks from the others, of one tenant or of all. It needs no tenant's key: "
                   "objects are copied as they are, after their hash was checked.",
    .options = replicate_options,
    .examples = {{"hikae replicate", "Everything everywhere."},
                 {"hikae replicate acme --to osaka --dry-run", "How much does osaka lack?"}},
    .exits = {{1, "a target is still behind"},
              {4, "there is no such tenant or target"},
              {6, "a target cannot be reached"}},
    .run = command_replicate,
};

const struct command row_snapshots = {
    .name = "snapshots",
    .group = GROUP_LOOK,
    .summary = {"the snapshots of a tenant", "テナントのスナップショット一覧"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description =
        "Shows each snapshot with its time, size, the targets that hold all of it, when it was last verified, "
        "its tag, and what keeps it.",
    .examples = {{"hikae snapshots acme", "All of them, oldest first."},
                 {"hikae snapshots acme --json", "The same for a script."}},
    .exits = {{4, "there is no such tenant"}, {6, "no target could be read"}},
    .run = command_snapshots,
};

static const struct option_def tag_options[] = {
    {.name = "tag", .kind = VALUE_WORD, .value = "T", .help = "the label"},
    {.name = "remove", .help = "take the label off"},
    OPTIONS_END,
};

const struct command row_snapshot_tag = {
    .name = "snapshot tag",
    .group = GROUP_LOOK,
    .summary = {"label a snapshot", "スナップショットにラベルを付ける"},
    .arguments = "TENANT ID [TAG]",
    .least = 2,
    .most = 3,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Gives a snapshot a label that is shown beside it, or takes it off. The label is written to the "
                   "history on every target; the snapshot itself does not change.",
    .options = tag_options,
    .examples = {{"hikae snapshot tag acme 1a2b3c4d before-upgrade", "Label it."},
                 {"hikae snapshot tag acme 1a2b3c4d --remove", "Take the label off."}},
    .exits = {{4, "there is no such tenant or snapshot"}, {6, "too few targets could be written"}},
    .run = command_snapshot_tag,
};
