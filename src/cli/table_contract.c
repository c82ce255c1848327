/* Rows: the end of a contract, disclosure, erasure for data subjects. */
#include "cli/commands.h"
#include "cli/table.h"

#define OPTION_WHO(text)                                                                                               \
    {                                                                                                                  \
        .name = "who", .kind = VALUE_WORD, .value = "W", .required = true, .help = text                                \
    }
#define OPTION_REASON(text)                                                                                            \
    {                                                                                                                  \
        .name = "reason", .kind = VALUE_WORD, .value = "R", .required = true, .help = text                             \
    }

static const struct option_def end_options[] = {
    {.name = "on",
     .kind = VALUE_WORD,
     .value = "DATE",
     .required = true,
     .help = "the contract's last day: 2027-01-31"},
    OPTION_WHO("who asked for it"),
    OPTION_REASON("why, for those who come later"),
    OPTIONS_END,
};

const struct command row_contract_end = {
    .name = "contract end",
    .group = GROUP_LEAVE,
    .summary = {"a contract ends: when everything must be erased", "契約の終了と消去期限を記録する"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Records the last day of a contract. The deadline of the erasure follows from the tenant's policy "
        "(contract_end.within) by the calendar of its zone: the end of the day that lies so long after the last day, "
        "where 31 January and one month is the last day of February. Backups go on to the end of the last day; then "
        "the tenant is frozen: nothing is backed up, and nothing is dropped before the purge. What survives by promise "
        "is listed, and everybody is reminded every night from a week before the deadline.",
    .options = end_options,
    .examples = {{"hikae contract end acme --on 2027-01-31 --who sales --reason 'notice of 2026-12-01'",
                  "The deadline, what survives, what is still to be done."},
                 {"hikae contract end acme --on 2027-01-31 --who s --reason r --dry-run", "When would it be?"}},
    .exits = {{4, "there is no such tenant"},
              {6, "too few targets could be written"},
              {8, "the policy has no rule for it, or the contract ends on another day already"}},
    .run = command_contract_end,
};

static const struct option_def cancel_options[] = {
    OPTION_WHO("who asked for it"),
    OPTION_REASON("why, for those who come later"),
    OPTIONS_END,
};

const struct command row_contract_cancel = {
    .name = "contract cancel",
    .group = GROUP_LEAVE,
    .summary = {"a contract goes on after all", "契約の終了を取り消す"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Takes the end of a contract back: the tenant is what it was before, and the next night backs it up. "
        "Once a purge has begun it must be withdrawn first; once it is committed nothing brings it back.",
    .options = cancel_options,
    .examples = {{"hikae contract cancel acme --who sales --reason 'renewed'", "Backups go on."},
                 {"hikae contract cancel acme --who sales --reason renewed --dry-run", "Would it be refused?"}},
    .exits = {{4, "there is no such tenant, or its contract does not end"}, {8, "a purge has begun"}},
    .run = command_contract_cancel,
};

const struct command row_contract_show = {
    .name = "contract show",
    .group = GROUP_LEAVE,
    .summary = {"how the end of a contract stands", "契約終了の状況を見る"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "The stage, the deadline, when people are reminded, what survives and where it is kept, receipts of "
                   "the customer, holds, and everything that stands in the way of the erasure.",
    .examples = {{"hikae contract show acme", "What is still to be done?"},
                 {"hikae contract show acme --json", "For a script: stage, deadline, blocks."}},
    .exits = {{1, "the deadline is missed"}, {4, "there is no such tenant"}},
    .run = command_contract_show,
};

static const struct option_def survivors_options[] = {
    {.name = "from",
     .kind = VALUE_FILE,
     .value = "FILE",
     .required = true,
     .help = "JSON: {\"contract\": {\"record\": \"…\", \"manager_name\": \"…\"}}"},
    {.name = "into",
     .kind = VALUE_WORD,
     .value = "TENANT",
     .required = true,
     .help = "a tenant of the provider's own that keeps it"},
    OPTIONS_END,
};

const struct command row_contract_survivors = {
    .name = "contract survivors",
    .group = GROUP_LEAVE,
    .summary = {"keep what survives a contract by promise", "契約終了後も残す項目を保存する"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Takes exactly the fields that the policy lets survive (contract_end.survives), refuses missing ones and any "
        "other, and keeps them in a tenant of the provider's own: under its keys, which the purge leaves alone, with "
        "an expiry of their own, counted from the end of the contract.",
    .options = survivors_options,
    .examples = {{"hikae contract survivors acme --from acme.json --into provider", "They outlive the purge."},
                 {"hikae contract survivors acme --from acme.json --into provider --dry-run", "Are the fields right?"}},
    .exits = {{4, "there is no such tenant or file"}, {8, "a field is missing, or is not in the policy"}},
    .run = command_contract_survivors,
};

static const struct option_def export_options[] = {
    {.name = "to",
     .kind = VALUE_FILE,
     .value = "FILE",
     .required = true,
     .help = "a new file; the receipt beside it as FILE.receipt.json"},
    {.name = "recipient", .kind = VALUE_WORD, .value = "R", .required = true, .help = "whom the data is given to"},
    OPTIONS_WHICH,
    OPTIONS_END,
};

const struct command row_contract_export = {
    .name = "contract export",
    .group = GROUP_LEAVE,
    .summary = {"hand a customer the data, with a receipt", "顧客へデータを受領書付きで引き渡す"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Writes a snapshot as a pax archive and a receipt signed by the store (DSSE): the archive's SHA-256, "
        "entries, bytes, time and recipient. The receipt is kept in the tenant's history; where the policy "
        "lets customers take their data out, its purge waits for one.",
    .options = export_options,
    .examples = {{"hikae contract export acme --to acme.tar --recipient 'Acme K.K.'", "The data and its receipt."},
                 {"hikae contract export acme --to acme.tar --recipient Acme --at 2027-01-31", "As it was that day."}},
    .exits = {{4, "there is no such tenant or snapshot"}, {8, "the file is there already"}},
    .run = command_contract_export,
};

static const struct option_def disclose_options[] = {
    {.name = "authority", .kind = VALUE_WORD, .value = "A", .required = true, .help = "who asks, and its reference"},
    {.name = "scope", .kind = VALUE_WORD, .value = "S", .required = true, .help = "on what ground, and what for"},
    {.name = "recipient", .kind = VALUE_WORD, .value = "R", .required = true, .help = "who receives it"},
    {.name = "to", .kind = VALUE_DIR, .value = "DIR", .required = true, .help = "a new folder"},
    OPTION_WHO("who answers for it"),
    {.name = "why", .kind = VALUE_WORD, .value = "Y", .required = true, .help = "the reason, for those who come later"},
    OPTIONS_WHICH,
    OPTIONS_END,
};

const struct command row_disclose = {
    .name = "disclose",
    .group = GROUP_RESTORE,
    .summary = {"give an authority exactly the files it may have", "権限ある機関へ必要なファイルだけを開示する"},
    .arguments = "TENANT PATH…",
    .least = 2,
    .most = 10000,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Writes the content of exactly these files, named one by one, and puts on record who asked, on what ground, "
        "who received it, and the SHA-256 of every file: in the audit log, in the tenant's history, and as a statement "
        "signed by the store in DIR.disclosure.json. It needs the approvals that the tenant's policy asks for "
        "restores. "
        "What a data subject had erased is refused.",
    .options = disclose_options,
    .examples = {{"hikae disclose acme www/mail/42.eml --authority 'court, 2027 (wa) 12' --scope 'order of 2027-03-01' "
                  "--recipient 'clerk Sato' --to out --who legal --why 'court order'",
                  "One file, and its statement."},
                 {"hikae disclose acme www/a --authority A --scope S --recipient R --to out --who l --why w --dry-run",
                  "Is all of it there, and who must sign?"}},
    .exits = {{2, "a path is no file"},
              {4, "there is no such tenant, snapshot or file"},
              {8, "approvals are missing, or it was erased for a data subject"}},
    .run = command_disclose,
};

static const struct option_def erasure_add_options[] = {
    {.name = "path",
     .kind = VALUE_WORD,
     .value = "PATTERN",
     .many = true,
     .required = true,
     .help = "a path in snapshots, or a pattern as in `restore` (but for !); what lies below a folder is meant too"},
    OPTION_WHO("who asked for it"),
    OPTION_REASON("why: the request that is met"),
    OPTIONS_END,
};

const struct command row_erasure_add = {
    .name = "erasure add",
    .group = GROUP_LEAVE,
    .summary = {"a data subject's data is never given back again", "本人請求により復元から除く"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Snapshots are not edited. What the register names is left out of every restore, export, disclosure and `cat` "
        "of the tenant from now on, whoever asks, on every machine, and no option changes that. The answer says when "
        "the last snapshot that holds the data is dropped by the policy: then it is gone from the targets too.",
    .options = erasure_add_options,
    .examples =
        {{"hikae erasure add acme --path 'www/users/42' --path 'db/mail/*/42.eml' --who support --reason 'request 17'",
          "Until when do snapshots hold it?"},
         {"hikae erasure add acme --path www/users/42 --who s --reason r --dry-run", "What would it be?"}},
    .exits = {{4, "there is no such tenant"}, {6, "too few targets could be written"}},
    .run = command_erasure_add,
};

static const struct option_def erasure_list_options[] = {
    {.name = "expiry", .help = "find when the last snapshot that holds the data is dropped; reads every manifest"},
    OPTIONS_END,
};

const struct command row_erasure_list = {
    .name = "erasure list",
    .group = GROUP_LEAVE,
    .summary = {"the erasure register of a tenant", "消去登録簿を一覧する"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "What data subjects had erased, who asked, and since when it is left out.",
    .options = erasure_list_options,
    .examples = {{"hikae erasure list acme --expiry", "And until when do snapshots hold it?"},
                 {"hikae erasure list acme --json", "For a script."}},
    .exits = {{4, "there is no such tenant"}},
    .run = command_erasure_list,
};
