/* Rows: being sure, recovering, keys, and what tells about the program. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/table.h"

static const struct option_def verify_options[] = {
    {.name = "level",
     .kind = VALUE_CHOICE,
     .value = "inventory|objects|data",
     .help =
         "present with its size; hash of each object (the default); or every file's content, as a restore reads it"},
    {.name = "sample",
     .kind = VALUE_WORD,
     .value = "N%",
     .help = "only this part, what was checked longest ago first: 3%, 0.5% or 1/30"},
    {.name = "target", .kind = VALUE_WORD, .value = "T", .help = "only this target"},
    {.name = "repair", .help = "put sound bytes from another target over what is damaged or missing"},
    OPTIONS_END,
};

const struct command row_verify = {
    .name = "verify",
    .group = GROUP_CHECK,
    .summary = {"check what is stored, and repair it", "保存データを検査し、修復する"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Checks the objects of one tenant or of all, on every target. There are three outcomes: sound, "
                   "damaged, and unknown (a target could not be read). What is damaged beyond repair names the "
                   "snapshots and paths that it costs. A check that checked nothing has failed.",
    .options = verify_options,
    .examples = {{"hikae verify --sample 1/30", "Every night a thirtieth: all of it within a month."},
                 {"hikae verify acme --level data --repair", "Everything of one tenant, and mend what can be mended."}},
    .exits = {{1, "nothing is damaged, but a target is behind"},
              {5, "something is damaged, or nothing was checked"},
              {6, "something could not be read"},
              {7, "a key does not open (level data only)"}},
    .run = command_verify,
};

static const struct option_def recover_options[] = {
    {.name = "target",
     .kind = VALUE_WORD,
     .value = "NAME=URL",
     .many = true,
     .required = true,
     .help = "where the store is"},
    {.name = "dir",
     .kind = VALUE_DIR,
     .value = "DIR",
     .help = "folder for the new configuration and state (default /etc/hikae)"},
    {.name = "key-file", .kind = VALUE_FILE, .value = "F", .help = "open with this key file"},
    {.name = "sheet",
     .kind = VALUE_FILE,
     .value = "F",
     .help = "open with a recovery sheet, typed off into this file; - to type it in"},
    {.name = "passphrase-file", .kind = VALUE_FILE, .value = "F", .help = "open with the passphrase in this file"},
    {.name = "holder",
     .kind = VALUE_WORD,
     .value = "GROUP/NAME=KIND,…",
     .many = true,
     .help = "open with a token or a key service, such as hsm/token=pkcs11,module=/PATH.so,token=LABEL,pin=file:/PATH"},
    OPTIONS_END,
};

const struct command row_recover = {
    .name = "recover",
    .group = GROUP_RESTORE,
    .summary = {"everything back on an empty machine", "空の機械にすべてを取り戻す"},
    .arguments = "",
    .flags = COMMAND_DRY,
    .description = "With one target and one of key file, recovery sheet or passphrase, makes a working installation "
                   "where there is none: tenants, snapshots, holds, tags and policies are back, and restore works. It "
                   "says how fresh the target is, and what proves it. The target is not changed.",
    .options = recover_options,
    .examples = {{"hikae recover --target tokyo=file:///mnt/tokyo --sheet sheet.txt --dir /etc/hikae",
                  "With a recovery sheet that was typed off."},
                 {"hikae recover --target tokyo=file:///mnt/tokyo --key-file hikae.key --dir ~/rescue --dry-run",
                  "What is there?"}},
    .exits = {{6, "the target could not be read"},
              {7, "the key does not open the store"},
              {8, "there is an installation already"}},
    .run = command_recover,
};

const struct command row_status = {
    .name = "status",
    .group = GROUP_CHECK,
    .summary = {"each tenant's last success and next backup", "各テナントの最終成功と次回予定"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Shows for each tenant when its latest snapshot was taken, how old it is, when its next backup is due "
        "(red: a whole window passed without one), and which targets do not have the latest yet.",
    .examples = {{"hikae status", "Is everything backed up?"},
                 {"hikae status --json", "The same for a monitoring system."}},
    .exits = {{1, "a tenant has no snapshot, one is overdue, or a target is behind"}},
    .run = command_status,
};

const struct command row_keys_status = {
    .name = "keys status",
    .group = GROUP_KEYS,
    .summary = {"who can open the store", "ストアを開ける保持者"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Shows the root epoch and its holders: of each group all members together open the store, and any one "
        "group suffices. Says what the destruction of each holder is worth, and which holders of older epochs are "
        "still "
        "to be destroyed: recovery sheets on paper, passphrases, keys whose waiting period is not over.",
    .examples = {{"hikae keys status", "Who can open it?"}, {"hikae keys status --json", "The same for a script."}},
    .exits = {{1, "there are fewer than two groups"}, {7, "a key does not open"}},
    .run = command_keys_status,
};

const struct command row_keys_check = {
    .name = "keys check",
    .group = GROUP_KEYS,
    .summary = {"prove that the keys open every tenant", "鍵がすべてのテナントを開けることを証明する"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Opens every tenant's keys through each group of holders that is here, from what the targets hold. "
                   "Nothing is changed.",
    .examples = {{"hikae keys check", "After a change of keys, and once a month."},
                 {"hikae keys check --json", "The same for a monitoring system."}},
    .exits = {{1, "there are fewer than two groups"}, {7, "a key that is here does not open"}},
    .run = command_keys_check,
};

static const struct option_def sheet_options[] = {
    {.name = "check", .kind = VALUE_FILE, .value = "FILE", .help = "prove that this copy, typed off, opens the store"},
    OPTIONS_END,
};

const struct command row_keys_sheet = {
    .name = "keys sheet",
    .group = GROUP_KEYS,
    .summary = {"the recovery sheet: where it is, is a copy right", "復旧シートの所在と写しの確認"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "A sheet belongs to one root epoch and cannot be printed again: hikae keys rotate makes a new epoch "
        "with a new sheet. With --check, each line's checksum is tested, and that the sheet opens the store.",
    .options = sheet_options,
    .examples = {{"hikae keys sheet", "Which sheet is the right one?"},
                 {"hikae keys sheet --check typed.txt", "Is what I typed off right?"}},
    .exits = {{4, "there is no such file"}, {7, "the sheet is wrong, or of another store or epoch"}},
    .run = command_keys_sheet,
};

static const struct option_def rotate_options[] = {
    {.name = "root",
     .without = "tenant",
     .help = "a new root epoch, as without --tenant: for scripts that want to say so"},
    {.name = "tenant",
     .kind = VALUE_WORD,
     .value = "T",
     .help = "a new sealing key of this tenant, instead of a new root epoch"},
    OPTIONS_END,
};

const struct command row_keys_rotate = {
    .name = "keys rotate",
    .group = GROUP_KEYS,
    .summary = {"new keys: of one tenant, or a new root epoch", "鍵の更新: テナントまたはルートエポック"},
    .arguments = "",
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "For a tenant: what is written from now on is sealed with a new key; older snapshots still open, and "
        "deduplication goes on. Without --tenant: a new root epoch with new keys in every holder and a new recovery "
        "sheet; the old key file is wiped, the old key in a token destroyed, the one in a key service scheduled for "
        "deletion. With a copy of the old keystore, an old sheet still opens the tenants' keys: destroy it, and if "
        "somebody may have seen it, give each tenant a new key, too, for what is stored from then on.",
    .options = rotate_options,
    .examples = {{"hikae keys rotate --tenant acme", "A new sealing key."},
                 {"hikae keys rotate --root --dry-run", "What would a new root epoch be?"}},
    .exits = {{4, "there is no such tenant"},
              {6, "a target could not be written; the old epoch stays in force"},
              {7, "a key does not open"}},
    .run = command_keys_rotate,
};

const struct command row_keys_holder = {
    .name = "keys holder",
    .group = GROUP_KEYS,
    .summary = {"who holds the root key: list, add, remove", "ルート鍵の保持者の一覧・追加・削除"},
    .arguments = "list | add GROUP/NAME KIND,key=value,… | remove GROUP/NAME",
    .least = 1,
    .most = 3,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "list asks each holder for its key: whether it is there, which one it is, in which country a key service keeps "
        "it, "
        "and whether it is to be deleted; one that does not answer is unknown. add and remove change hikae.yaml and "
        "make a "
        "new root epoch, since a root key is never copied: every tenant's key is rewrapped, no data is touched, and "
        "the "
        "old epoch's keys are destroyed as by keys rotate. In a group that exists, a new holder is needed beside the "
        "others; a new group opens the store alone. KIND is file, passphrase, sheet, pkcs11 or aws-kms, with the keys "
        "that "
        "hikae.yaml explains. Refused if a tenant's policy promises what the holders would no longer keep.",
    .examples = {{"hikae keys holder add hsm/token pkcs11,module=/usr/lib/softhsm/libsofthsm2.so,token=hikae,"
                  "pin=file:/etc/hikae/pin",
                  "A token, as a group of its own."},
                 {"hikae keys holder add cloud/kms aws-kms,region=ap-northeast-1,waiting_days=7",
                  "A key service, whose keys end a week after their epoch."},
                 {"hikae keys holder remove machine/key --dry-run", "May the key file go?"}},
    .exits = {{2, "the holder is described wrongly"},
              {4, "there is no such holder"},
              {6, "a target or a holder does not answer; the old epoch stays in force"},
              {7, "the holder refuses: a wrong PIN, no right to use the key"},
              {8, "there is a holder of that name, nobody could open the store, or a policy promises otherwise"}},
    .run = command_keys_holder,
};

const struct command row_version = {
    .name = "version",
    .group = GROUP_ABOUT,
    .summary = {"the version of hikae and of its format", "hikae とその形式の版"},
    .arguments = "",
    .description = "Shows the version of the program and the format of the stores that it writes.",
    .examples = {{"hikae version", "For a report."}, {"hikae version --json", "For a script."}},
    .run = command_version,
};

const struct command row_help = {
    .name = "help",
    .group = GROUP_ABOUT,
    .summary = {"this, or all about one command", "ヘルプ、またはコマンドの説明"},
    .arguments = "[COMMAND]",
    .most = 2,
    .description = "Shows all commands, or explains one: what it does, its options, examples, and the exit codes that "
                   "matter. The exit codes of all commands: 0 done; 1 done, with warnings; 2 usage or configuration; 3 "
                   "busy; 4 not found; 5 damaged; 6 unknown, a target could not be read or written; 7 keys or "
                   "permissions; 8 refused by a policy; 9 interrupted; 10 internal error.",
    .examples = {{"hikae help restore", "All about one command."}, {"hikae help tenant", "The commands for tenants."}},
    .exits = {{2, "there is no such command"}},
    .run = help_run,
};

const struct command row_generate = {
    .name = "generate",
    .group = GROUP_ABOUT,
    .summary = {"write the manual page or the completion scripts", "マニュアルと補完スクリプトを書く"},
    .arguments = "man|completion DIR",
    .least = 2,
    .most = 2,
    .flags = COMMAND_HIDDEN,
    .description = "Used when hikae is installed.",
    .examples = {{"hikae generate man man1", NULL}, {"hikae generate completion completions", NULL}},
    .run = generate_run,
};
