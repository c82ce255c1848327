/* Rows: making a store, its health, its targets. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def init_options[] = {
    {.name = "dir",
     .kind = VALUE_DIR,
     .value = "DIR",
     .help = "folder for hikae.yaml, the state and the key (default /etc/hikae)"},
    {.name = "target",
     .kind = VALUE_WORD,
     .value = "NAME=URL",
     .many = true,
     .help = "a target, file:///path?country=JP&site=NAME; without any, one folder below DIR, for trying out"},
    {.name = "min-copies",
     .kind = VALUE_WORD,
     .value = "N",
     .help = "a snapshot counts once this many targets hold all of it (default 1)"},
    {.name = "passphrase-file",
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "the root key opens with the passphrase in FILE instead of a key file"},
    {.name = "holder",
     .kind = VALUE_WORD,
     .value = "GROUP/NAME=KIND,…",
     .many = true,
     .help = "who holds the root key instead, such as machine/hsm=pkcs11,module=/PATH.so,token=LABEL,pin=file:/PATH or "
             "cloud/kms=aws-kms,region=ap-northeast-1; any one group opens, with all its members"},
    {.name = "test-clock", .help = "for tests only: the store obeys $HIKAE_NOW and says so in everything"},
    OPTIONS_END,
};

const struct command row_init = {
    .name = "init",
    .group = GROUP_SETUP,
    .summary = {"make a store: configuration, key, recovery sheet", "ストアを作る: 設定・鍵・復旧シート"},
    .arguments = "",
    .flags = COMMAND_DRY,
    .description =
        "Writes a commented hikae.yaml, a state folder, the keystore and the first root epoch, and puts the store on "
        "each target. Everything stored is encrypted: keep the recovery sheet, printed, away from this machine, or the "
        "backups die with it. Nothing that exists is overwritten.",
    .options = init_options,
    .examples = {{"hikae init --dir /etc/hikae --target tokyo=file:///mnt/tokyo --target osaka=file:///mnt/osaka",
                  "A store on two targets."},
                 {"hikae init --dir ~/try", "Try it out: everything below one folder."}},
    .exits = {{2, "a target's URL or an option is wrong"},
              {6, "a target could not be written"},
              {8, "there is a store already"}},
    .run = command_init,
};

const struct command row_doctor = {
    .name = "doctor",
    .group = GROUP_SETUP,
    .summary = {"check configuration, targets, keys, clock, space", "設定・保存先・鍵・時計・容量を検査する"},
    .arguments = "",
    .description = "Looks at everything that a backup needs, without changing anything, and says for each thing that "
                   "is wrong what to do. Run it after a change of the configuration, and when something fails.",
    .examples = {{"hikae doctor", "Is everything in order?"},
                 {"hikae doctor --json", "The same for a monitoring system: checks with name, state and hint."}},
    .exits = {{1, "there are warnings"},
              {2, "the configuration is wrong"},
              {6, "a target cannot be reached"},
              {7, "a key does not open"}},
    .run = command_doctor,
};

const struct command row_upgrade = {
    .name = "upgrade",
    .group = GROUP_SETUP,
    .summary = {"bring an older store to this version's format", "古いストアをこの版の形式に移行する"},
    .arguments = "",
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Moves a store of an older format forward, and keeps a copy of what it replaces. Format 1 is the "
                   "first and the newest, so that this checks that the store opens, and changes nothing.",
    .examples = {{"hikae upgrade --dry-run", "Is there anything to move?"},
                 {"hikae upgrade", "Move the store forward, after the program was updated."}},
    .exits = {{2, "the store has a newer format than this program knows"}, {7, "a key does not open"}},
    .run = command_upgrade,
};

const struct command row_target_list = {
    .name = "target list",
    .group = GROUP_SETUP,
    .summary = {"the targets, their state and what they can do", "保存先の一覧・状態・能力"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Shows each target of the configuration with its state (ok, empty, unreachable, denied, "
                   "other-store), country, site, free space, capabilities, and when it was measured last. A target "
                   "that is down fails nothing here.",
    .examples = {{"hikae target list", "All targets."}, {"hikae target list --json", "The same for a script."}},
    .exits = {{2, "the configuration is wrong"}},
    .run = command_target_list,
};

const struct command row_target_add = {
    .name = "target add",
    .group = GROUP_SETUP,
    .summary = {"add a target to the configuration", "保存先を追加する"},
    .arguments = "NAME=URL",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Puts the store's object and keystore on the target, then adds it to hikae.yaml, whose comments and "
                   "order stay. Snapshots are not copied by this: hikae replicate does that.",
    .examples = {{"hikae target add osaka=file:///mnt/osaka?country=JP", "A second target."},
                 {"hikae replicate --to osaka", "Then copy there what is stored already."}},
    .exits = {{2, "the name or URL is wrong"},
              {6, "the target could not be written"},
              {8, "the name is taken, another store is there, or a policy forbids the place"}},
    .run = command_target_add,
};

static const struct option_def target_check_options[] = {
    {.name = "speed", .help = "measure the rates with 8 MiB each way, and not with 64 KiB"},
    OPTIONS_END,
};

const struct command row_target_check = {
    .name = "target check",
    .group = GROUP_SETUP,
    .summary = {"measure a target, and record what was found", "保存先を実測し、結果を記録する"},
    .arguments = "[NAME]",
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Measures one target or all: whether it answers, how fast, TLS, clock, the region that it says it is in, "
        "country "
        "and site, versions, locks, conditional writes raced by several writers, checksums, the order of listings, "
        "what "
        "is billed at least, free space, and the rights to write and read. The right to delete is not needed and not "
        "tried: some tiny objects stay below hikae1/probe/, unlocked, under names that are used again. What was found "
        "is "
        "recorded in the store's history when it differs from the last time, and once a day.",
    .options = target_check_options,
    .examples = {{"hikae target check", "Every target; the exit code is for a monitoring system."},
                 {"hikae target check osaka --speed", "One, with its rates."}},
    .exits = {{1, "a check warns, or a target is empty"},
              {4, "there is no target of that name"},
              {5, "a check failed, such as a region that differs from the configured one"},
              {6, "a target cannot be reached"},
              {7, "a target denies access"}},
    .run = command_target_check,
};

const struct command row_target_set = {
    .name = "target set",
    .group = GROUP_SETUP,
    .summary = {"change settings of a target", "保存先の設定を変更する"},
    .arguments = "NAME KEY=VALUE…",
    .least = 2,
    .most = 32,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Changes hikae.yaml, whose comments and order stay: url, endpoint, region, provider, country, site, "
        "credentials, lock=MODE:DAYS and the others that the file explains. KEY= takes a setting out. Refused "
        "if a tenant's policy forbids what would come of it, or if another store is there.",
    .examples = {{"hikae target set osaka country=JP site=osaka", "Say where a target lies."},
                 {"hikae target set tokyo lock=compliance:30 --dry-run", "Would locks be possible?"}},
    .exits = {{2, "a key or a value is wrong"},
              {4, "there is no target of that name"},
              {6, "the target could not be reached with these settings"},
              {8, "a policy forbids it, or another store is there"}},
    .run = command_target_set,
};

static const struct option_def target_retire_options[] = {
    {.name = "erase", .help = "delete everything that this store has there, in all versions"},
    OPTIONS_END,
};

const struct command row_target_retire = {
    .name = "target retire",
    .group = GROUP_SETUP,
    .summary = {"write to a target no more", "保存先を廃止する"},
    .arguments = "NAME",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Checks that every snapshot is whole on min_copies other targets and that policies hold without it, "
        "records that in the store's history, and makes the target a comment in hikae.yaml. Nothing that lies "
        "there is deleted: it ends with what is still there. It works for a target that is broken, too. With --erase, "
        "which needs the right to delete, the others are brought up to date first, then every version, delete marker "
        "and unfinished upload of this store goes from there; it ends with what was removed, and with what is left "
        "under a lock and until when: the place can be added and erased again then.",
    .options = target_retire_options,
    .examples = {{"hikae target retire osaka --dry-run", "Could it go?"},
                 {"hikae target retire osaka", "It goes."},
                 {"hikae target retire osaka --erase", "And leaves nothing behind."}},
    .exits = {{1, "with --erase: something is left that is locked"},
              {4, "there is no target of that name"},
              {6, "no other target can be read; with --erase: nor this one"},
              {7, "with --erase: there is no right to delete"},
              {8, "a snapshot would have too few copies, or a policy forbids it"}},
    .run = command_target_retire,
};
