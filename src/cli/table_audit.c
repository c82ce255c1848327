/* Rows: the audit log. */
#include "cli/commands.h"
#include "cli/table.h"

#define OPTION_LOG                                                                                                     \
    {                                                                                                                  \
        .name = "log", .kind = VALUE_WORD, .value = "ID",                                                              \
        .help = "this log, by its id; without it, that of this machine"                                                \
    }
#define OPTIONS_FILTER                                                                                                 \
    {.name = "tenant", .kind = VALUE_WORD, .value = "T", .help = "only this tenant, by name or pseudonym"},            \
        {.name = "period",                                                                                             \
         .kind = VALUE_WORD,                                                                                           \
         .value = "P",                                                                                                 \
         .help = "2026, 2026-10, 2026-10-31, or FROM/TO: days (the last one included) or instants"},                   \
    {                                                                                                                  \
        .name = "tz", .kind = VALUE_WORD, .value = "ZONE",                                                             \
        .help = "zone of days and of times shown: UTC (the default), JST, Asia/Tokyo, …"                             \
    }
#define OPTIONS_KIND                                                                                                   \
    {.name = "class",                                                                                                  \
     .kind = VALUE_CHOICE,                                                                                             \
     .value = "access|operation|authentication|system|evidence",                                                       \
     .help = "only entries of this class"},                                                                            \
        {.name = "operation",                                                                                          \
         .kind = VALUE_WORD,                                                                                           \
         .value = "O",                                                                                                 \
         .help = "only this operation: restore, \"hold add\", …"},                                                     \
    {                                                                                                                  \
        .name = "privileged", .help = "only what a periodic review looks at"                                           \
    }

static const struct option_def verify_options[] = {
    OPTION_LOG,
    {.name = "save",
     .kind = VALUE_FILE,
     .value = "FILE",
     .without = "key",
     .help = "write the present checkpoint to a new file"},
    {.name = "key",
     .kind = VALUE_FILE,
     .value = "PUB.pem",
     .many = true,
     .without = "log",
     .help = "FILE is a certificate, signed by the owner of this public key: check it, without any store"},
    {.name = "checkpoint",
     .kind = VALUE_FILE,
     .value = "FILE",
     .needs = "key",
     .help = "of a certificate: hold its checkpoint against this one, which you kept"},
    OPTIONS_END,
};

const struct command row_audit_verify = {
    .name = "audit verify",
    .group = GROUP_EVIDENCE,
    .summary = {"is the audit log what it was?", "監査ログが書かれたままであるか確かめる"},
    .arguments = "[FILE]",
    .most = 1,
    .flags = 0,
    .description =
        "Reads every object of every log on every target, checks all signatures and trees, and holds them "
        "against what this machine stored. With FILE, a checkpoint that an auditor saved earlier, or the receipt "
        "or review that somebody was given, it checks the signature and proves that the log of today "
        "continues that one. Nothing can keep a target from losing what it holds; a "
        "change, removal, insertion, another order, a shorter log or a second version of it is found.",
    .options = verify_options,
    .examples = {{"hikae audit verify --save 2026-11.checkpoint", "Check, and keep the head of the log elsewhere."},
                 {"hikae audit verify 2026-11.checkpoint", "A year later: does the log continue that one?"},
                 {"hikae audit verify acme.note", "Is this receipt genuine?"}},
    .exits = {{1, "a target is behind or did not answer"},
              {5, "the log is not what it was, or there is none"},
              {6, "something could not be read"}},
    .run = command_audit_verify,
};

static const struct option_def list_options[] = {OPTIONS_FILTER, OPTIONS_KIND, OPTION_LOG, OPTIONS_END};

const struct command row_audit_list = {
    .name = "audit list",
    .group = GROUP_EVIDENCE,
    .summary = {"who did what, and when", "誰が、いつ、何をしたか"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Shows the entries of all logs by time. Entries hold pseudonyms of tenants; names are this "
                   "machine's own knowledge. Entries that wait here are stored first.",
    .options = list_options,
    .examples = {{"hikae audit list --period 2026-10 --tz JST --privileged", "What was done in October that matters?"},
                 {"hikae audit list --tenant acme --class access", "Who read this customer's data?"}},
    .exits = {{2, "there is no such period, class or zone"}, {4, "there is no such tenant or log"}},
    .run = command_audit_list,
};

static const struct option_def export_options[] = {
    OPTIONS_FILTER,
    OPTIONS_KIND,
    OPTION_LOG,
    {.name = "format", .kind = VALUE_CHOICE, .value = "table|csv|jsonl", .help = "of the export (default csv)"},
    OPTION_BOM(NULL),
    {.name = "output", .letter = 'o', .kind = VALUE_FILE, .value = "FILE", .help = "a new file; else standard output"},
    {.name = "to", .kind = VALUE_WORD, .value = "WHOM", .help = "to whom it is given: for the receipt"},
    {.name = "receipt", .kind = VALUE_FILE, .value = "FILE", .help = "write the signed receipt to a new file"},
    OPTIONS_END,
};

const struct command row_audit_export = {
    .name = "audit export",
    .group = GROUP_EVIDENCE,
    .summary = {"entries of a tenant and period, with a receipt", "テナントと期間の記録を受領証つきで書き出す"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Writes entries as a table, CSV (RFC 4180) or one JSON object a line. The receipt is a signed note: "
                   "what was given, for which period, its SHA-256, and the heads of the logs.",
    .options = export_options,
    .examples =
        {{"hikae audit export --tenant acme --period 2026-10 --tz JST -o acme.csv --to Acme --receipt acme.note",
          "For a customer who asks who saw their data."},
         {"hikae audit export --period 2026 --format jsonl", "A year, for another system."}},
    .exits = {{2, "there is no such period, class or zone"}, {4, "there is no such tenant or log"}, {8, "FILE exists"}},
    .run = command_audit_export,
};

static const struct option_def prove_options[] = {
    OPTION_LOG,
    {.name = "output",
     .letter = 'o',
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "write the proof as JSON to a new file"},
    OPTIONS_END,
};

const struct command row_audit_prove = {
    .name = "audit prove",
    .group = GROUP_EVIDENCE,
    .summary = {"prove that an entry is in the log", "記録がログに含まれることを証明する"},
    .arguments = "N",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description =
        "Prints commands for sh and openssl that show entry N, lead from it to the root of the log, and "
        "check the signature of that root. Whoever gets them needs neither hikae nor a key. The JSON of -o is "
        "what `tools/readrepo.py proof` checks.",
    .options = prove_options,
    .examples = {{"hikae audit prove 812 | ssh auditor sh", "Somebody else checks it."},
                 {"hikae audit prove 812 -o entry-812.json", "For the files."}},
    .exits = {{4, "there is no such entry under a checkpoint"}, {8, "FILE exists"}},
    .run = command_audit_prove,
};

static const struct option_def review_options[] = {
    OPTIONS_FILTER,
    {.name = "reviewer", .kind = VALUE_WORD, .value = "NAME", .required = true, .help = "who reviews"},
    {.name = "output",
     .letter = 'o',
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "write the signed note to a new file"},
    OPTIONS_END,
};

const struct command row_audit_review = {
    .name = "audit review",
    .group = GROUP_EVIDENCE,
    .summary = {"review privileged operations, signed", "特権操作を点検し署名する"},
    .arguments = "",
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Shows all privileged operations of a period (restores, exports, keys, holds, erasures, policies), "
                   "and signs with the log's key that the reviewer saw this list. The review is an entry itself.",
    .options = review_options,
    .examples = {{"hikae audit review --period 2026-10 --tz JST --reviewer 'Hanako Sato' -o october.note",
                  "Once a month."}},
    .exits = {{2, "no reviewer is named"}, {8, "FILE exists"}},
    .run = command_audit_review,
};

static const struct option_def expire_options[] = {
    {.name = "keep",
     .kind = VALUE_WORD,
     .value = "CLASS=SPAN",
     .many = true,
     .required = true,
     .help = "how long entries of this class stay: access=30d, operation=1y, evidence=5y; others stay for ever"},
    {.name = "tz", .kind = VALUE_WORD, .value = "ZONE", .help = "zone in which spans are counted (default UTC)"},
    OPTIONS_END,
};

const struct command row_audit_expire = {
    .name = "audit expire",
    .group = GROUP_EVIDENCE,
    .summary = {"delete entries whose time is over", "保存期間を過ぎた記録を削除する"},
    .arguments = "",
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Writes segments again without the entries whose time is over. Their hashes stay, so the log verifies "
        "as before; what they said is gone when the collector has deleted the objects that are replaced. "
        "Entries of a tenant with a hold or an open incident stay.",
    .options = expire_options,
    .examples = {{"hikae audit expire --keep access=1y --keep operation=30d --keep evidence=5y --dry-run",
                  "What would go?"}},
    .exits = {{2, "there is no such class or span"}, {8, "evidence would be kept for less than three years"}},
    .run = command_audit_expire,
};
