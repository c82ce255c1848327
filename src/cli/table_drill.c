/* Rows: drills, and the copies that restores hand out. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def drill_options[] = {
    {.name = "due", .help = "every drill that a policy makes due now, of all tenants"},
    {.name = "mode",
     .kind = VALUE_CHOICE,
     .value = "sample|full|bare",
     .help = "some files of every age, one whole snapshot, or that from nothing but a target and a holder (default "
             "sample)"},
    {.name = "target", .kind = VALUE_WORD, .value = "T", .help = "this target only (default: each in turn)"},
    {.name = "snapshot", .kind = VALUE_WORD, .value = "ID", .help = "this snapshot (default: the latest)"},
    {.name = "confidence",
     .kind = VALUE_WORD,
     .value = "P%",
     .help = "of a sample: with this confidence damage is found (default 95%)"},
    {.name = "damage",
     .kind = VALUE_WORD,
     .value = "P%",
     .help = "… if at least this part of the files is damaged (default 1%)"},
    {.name = "scratch",
     .kind = VALUE_DIR,
     .value = "DIR",
     .help = "where the drill makes a folder of its own (default: in the state folder)"},
    {.name = "max-bytes", .kind = VALUE_WORD, .value = "BYTES", .help = "fetch no more than this from the targets"},
    {.name = "max-time", .kind = VALUE_WORD, .value = "DURATION", .help = "end the drill after this"},
    {.name = "check-time",
     .kind = VALUE_WORD,
     .value = "DURATION",
     .help = "an application check that takes longer has failed (default 10m)"},
    {.name = "key-file", .kind = VALUE_FILE, .value = "FILE", .help = "bare: the key file that opens the keys"},
    {.name = "sheet", .kind = VALUE_FILE, .value = "FILE", .help = "bare: a file with the digits of the sheet"},
    {.name = "passphrase-file", .kind = VALUE_FILE, .value = "FILE", .help = "bare: a file with the passphrase"},
    {.name = "reason", .kind = VALUE_WORD, .value = "R", .help = "why; recorded"},
    {.name = "report",
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "write the signed statement (DSSE, JSON) there too"},
    OPTIONS_END,
};

const struct command row_drill = {
    .name = "drill",
    .group = GROUP_CHECK,
    .summary = {"restore for a trial, and prove that it worked", "復元試験を行い、復元できることを証明する"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Restores as `hikae restore` does, from each target alone, into a folder that the drill makes and wipes; "
        "compares with the manifest; runs the tenant's application checks (tenant set --check); and records a "
        "statement "
        "signed by the store: what was drilled, from what seed, how long it took, what failed. The files of a sample "
        "are drawn from a checkpoint of the audit log that was there before, so that nobody can choose them; their "
        "number follows from the confidence that is wanted, and is printed. Nothing checked is a failure. Times are of "
        "what was drilled: one tenant's time is not the service's.",
    .options = drill_options,
    .examples = {{"hikae drill acme", "A sample of every age, from each target."},
                 {"hikae drill acme --mode bare --sheet /root/digits --scratch /mnt/large",
                  "As if this machine were gone and only the paper were left."},
                 {"hikae drill --due", "What policies make due, for a scheduler (hikae run does it too)."}},
    .exits = {{1, "it passed, but took longer, or its data is older, than the policy promises"},
              {3, "another drill of the tenant is under way"},
              {5, "it failed, was cut short by its budget, or checked nothing"},
              {6, "a target could not be read"},
              {7, "a holder does not open the keys"}},
    .run = command_drill,
};

const struct command row_drill_list = {
    .name = "drill list",
    .group = GROUP_CHECK,
    .summary = {"list the drills on record", "記録された復元試験を一覧する"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "Lists what is on record of drills, passed or failed; each signature is checked on the way.",
    .examples = {{"hikae drill list acme", "Of one tenant."}},
    .exits = {{5, "a record is not signed by this store"}},
    .run = command_drill_list,
};

static const struct option_def show_options[] = {
    {.name = "html", .kind = VALUE_FILE, .value = "FILE", .help = "write a page for people there, as one file"},
    {.name = "statement", .help = "print the signed envelope (DSSE) as it is on record"},
    OPTIONS_END,
};

const struct command row_drill_show = {
    .name = "drill show",
    .group = GROUP_CHECK,
    .summary = {"show one drill in full", "復元試験の結果を詳しく表示する"},
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "Shows a drill by its id, or a start of it that is unique: targets, times, checks with what they "
                   "said, every failure with its path. With --html, as a page in both languages.",
    .options = show_options,
    .examples = {{"hikae drill show 4c1f", "For people."},
                 {"hikae drill show 4c1f --html /srv/www/drill.html", "A page for an auditor."}},
    .exits = {{4, "there is no such drill"}, {5, "the record is not signed by this store"}},
    .run = command_drill_show,
};

static const struct option_def kit_options[] = {
    {.name = "out", .kind = VALUE_FILE, .value = "FILE", .required = true, .help = "the kit; never replaces a file"},
    {.name = "passphrase-file",
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "a file whose first line opens the kit: it travels another way"},
    {.name = "key-file",
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "or this key file, made now: it travels another way, on a stick for example"},
    {.name = "expires",
     .kind = VALUE_WORD,
     .value = "DURATION",
     .required = true,
     .help = "how long hikae takes the kit, as 7d"},
    OPTIONS_END,
};

const struct command row_drill_kit = {
    .name = "drill kit",
    .group = GROUP_CHECK,
    .summary = {"make a kit for a drill on another machine", "別の機械での復元試験に使うキットを作る"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Writes the keys of one tenant, sealed, and the places of the targets, with the certificates of their CAs, "
        "into "
        "a file: all that `hikae drill away` needs on a machine that knows nothing of this store. Whoever has the file "
        "and what opens it has the keys; after its time hikae refuses it, so delete it then. How to log in at the "
        "targets is not in it: give the other machine keys of its own, for reading only, in its environment or with "
        "--set. A drill that a policy promises on a server of its own (own_server) counts only if it was "
        "done so, on another machine than this one.",
    .options = kit_options,
    .examples = {{"hikae drill kit acme --out acme.kit --passphrase-file /root/phrase --expires 7d", "For a week."},
                 {"hikae drill kit acme --out acme.kit --key-file /media/stick/acme.key --expires 24h",
                  "Opened by a key on a stick, for a day."}},
    .exits = {{2, "nothing opens it, or two things would"}, {7, "the passphrase is too short"}},
    .run = command_drill_kit,
};

static const struct option_def away_options[] = {
    {.name = "passphrase-file", .kind = VALUE_FILE, .value = "FILE", .help = "a file whose first line opens the kit"},
    {.name = "key-file", .kind = VALUE_FILE, .value = "FILE", .help = "or the key file that was made with it"},
    {.name = "set",
     .kind = VALUE_WORD,
     .value = "T.KEY=VALUE",
     .many = true,
     .help = "what is otherwise here, as hikae target set has it: tokyo.credentials=file:/root/keys, "
             "tokyo.url=file:///mnt/tokyo, tokyo.proxy=…"},
    {.name = "scratch",
     .kind = VALUE_DIR,
     .value = "DIR",
     .required = true,
     .help = "where the drill makes folders of its own"},
    {.name = "report",
     .kind = VALUE_FILE,
     .value = "FILE",
     .required = true,
     .help = "what came of it, for `hikae drill accept` at home"},
    {.name = "mode", .kind = VALUE_CHOICE, .value = "sample|full", .help = "as of hikae drill (default sample)"},
    {.name = "target", .kind = VALUE_WORD, .value = "T", .help = "this target only (default: each in turn)"},
    {.name = "snapshot", .kind = VALUE_WORD, .value = "ID", .help = "this snapshot (default: the latest)"},
    {.name = "max-bytes", .kind = VALUE_WORD, .value = "BYTES", .help = "fetch no more than this from the targets"},
    {.name = "max-time", .kind = VALUE_WORD, .value = "DURATION", .help = "end the drill after this"},
    {.name = "check-time", .kind = VALUE_WORD, .value = "DURATION", .help = "of each application check (default 10m)"},
    OPTIONS_END,
};

const struct command row_drill_away = {
    .name = "drill away",
    .group = GROUP_CHECK,
    .summary = {"drill on a machine that has nothing but a kit", "キットだけを持つ別の機械で復元試験を行う"},
    .arguments = "KIT",
    .least = 1,
    .most = 1,
    .description = "As `hikae drill`, on a machine without configuration and state. Nothing is written to the targets; "
                   "the report names both machines and is taken home.",
    .options = away_options,
    .examples = {{"hikae drill away acme.kit --passphrase-file phrase --scratch /mnt/large --report acme.report",
                  "On the other machine."},
                 {"hikae drill away acme.kit --key-file acme.key --scratch /mnt/large --report acme.report --set "
                  "tokyo.credentials=file:/root/read-only.keys",
                  "With keys of its own for the store in Tokyo."}},
    .exits = {{5, "it failed, or the file is no kit"}, {7, "another passphrase"}, {8, "the kit's time is over"}},
    .run = command_drill_away,
};

const struct command row_drill_accept = {
    .name = "drill accept",
    .group = GROUP_CHECK,
    .summary = {"put the report of a drill elsewhere on record", "別の機械での復元試験の結果を記録する"},
    .arguments = "REPORT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Checks that the report was made with the tenant's keys, signs it with the store's, and puts it on "
                   "record as of any drill.",
    .examples = {{"hikae drill accept acme.report", "At home."}},
    .exits = {{5, "the report does not come from a kit of this tenant"}},
    .run = command_drill_accept,
};

static const struct option_def copies_options[] = {
    {.name = "all", .help = "those that are wiped too"},
    OPTIONS_END,
};

const struct command row_restores_list = {
    .name = "restores list",
    .group = GROUP_RESTORE,
    .summary = {"list the copies that restores handed out", "復元で渡したデータの複製を一覧する"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "Lists copies of customers' data that are out there: restores under a policy that has rules for "
                   "them, to staging, or with --keep-copy. Each stays on the list until its wiping is on record.",
    .options = copies_options,
    .examples = {{"hikae restores list", "What is out there, and until when?"}},
    .exits = {{1, "a copy lives longer than it may"}},
    .run = command_restores_list,
};

static const struct option_def wiped_options[] = {
    {.name = "declared", .help = "it was wiped by other means: hikae removes nothing and records who says so"},
    {.name = "by", .kind = VALUE_WORD, .value = "W", .help = "who wiped it (default: who runs this)"},
    {.name = "note", .kind = VALUE_WORD, .value = "TEXT", .help = "how, for those who ask later"},
    OPTIONS_END,
};

const struct command row_restores_wiped = {
    .name = "restores wiped",
    .group = GROUP_RESTORE,
    .summary = {"remove a copy, and put its wiping on record", "渡した複製を消去し、消去を記録する"},
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Removes what that restore wrote, where it wrote it, and nothing else: files that are as they were restored "
        "(type, size, time), and folders that are empty then. What was changed since stays, and is counted. On the "
        "machine that restored it; with --declared it is recorded that somebody else wiped it.",
    .options = wiped_options,
    .examples = {{"hikae restores wiped 4c1f --dry-run", "What would be removed?"},
                 {"hikae restores wiped 4c1f --declared --by sato --note 'disk destroyed'", "It is gone already."}},
    .exits = {{1, "removed, but for what had been changed"},
              {4, "there is no such copy"},
              {8, "it lies on another machine, or is wiped already"}},
    .run = command_restores_wiped,
};
