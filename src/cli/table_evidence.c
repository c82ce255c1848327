/* Rows: evidence, attestations, kept logs. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def evidence_options[] = {
    {.name = "policy", .kind = VALUE_WORD, .value = "P", .help = "only this policy; without it, every one in force"},
    {.name = "tenant", .kind = VALUE_WORD, .value = "T", .help = "only this tenant"},
    {.name = "period",
     .kind = VALUE_WORD,
     .value = "P",
     .required = true,
     .help = "2026-10, 2026, or FROM/TO: days (the last one included) or instants, in the policy's zone"},
    {.name = "csv", .kind = VALUE_FILE, .value = "FILE", .help = "write a line for each proof and gap to a new file"},
    OPTION_BOM("csv"),
    {.name = "html", .kind = VALUE_FILE, .value = "FILE", .help = "write one page with everything to a new file"},
    {.name = "gaps", .needs = "json", .help = "with --json: leave out the proof of what was kept"},
    OPTIONS_END,
};

const struct command row_evidence = {
    .name = "evidence",
    .group = GROUP_EVIDENCE,
    .summary = {"what was kept of each promise, with the proof", "約束ごとに、守ったかどうかを証拠とともに示す"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Judges every promise of the policies that were in force, each version for its part of the period: kept, "
        "broken, missed (an aim), not yet due, attested (by a document: attest add), or not observable (no record, or "
        "its time is over). It reads the histories and the audit log and names what proves each thing: hikae audit "
        "prove --log LOG N shows an entry to a stranger. Gaps come by tenant and day. Beside each promise stand the "
        "controls of ISO/IEC 27017 and 27002 that it helps to meet (policies/controls/iso.yaml).",
    .options = evidence_options,
    .examples = {{"hikae evidence --policy daily-7-generations --period 2026-10", "Last month."},
                 {"hikae evidence --period 2026 --html 2026.html --csv 2026.csv", "The year, for the auditor."}},
    .exits = {{1, "a promise is broken, missed or not observable"},
              {2, "there is no such period, or it has not begun"},
              {4, "no such policy was in force, or there is no such tenant"},
              {8, "FILE exists"}},
    .run = command_evidence,
};

static const struct option_def attest_options[] = {
    {.name = "policy", .kind = VALUE_WORD, .value = "P", .required = true, .help = "the policy that makes the promise"},
    {.name = "file", .kind = VALUE_FILE, .value = "DOC", .required = true, .help = "the document; its hash is kept"},
    {.name = "by", .kind = VALUE_WORD, .value = "WHO", .required = true, .help = "who answers: a name, a provider"},
    {.name = "from", .kind = VALUE_WORD, .value = "DATE", .help = "the day from which it says so (default: today)"},
    {.name = "expires",
     .kind = VALUE_WORD,
     .value = "DATE",
     .required = true,
     .help = "the first day on which it does not any more"},
    {.name = "note", .kind = VALUE_WORD, .value = "TEXT", .help = "what it shows, or where it is kept"},
    {.name = "revoke", .help = "the document does not hold any more, from now on"},
    OPTIONS_END,
};

const struct command row_attest_add = {
    .name = "attest add",
    .group = GROUP_EVIDENCE,
    .summary = {"record a document that answers for a promise", "約束を示す文書を記録する"},
    .arguments = "PROMISE",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "For what hikae cannot see: which zone a provider keeps data in, how devices are disposed of, who has "
        "access. Name and SHA-256 of the document, who answers for it and until when go into the store's "
        "history; the document itself stays with you.",
    .options = attest_options,
    .examples = {{"hikae attest add sites-japan --policy daily-7-generations --file zones.pdf --by Cloud "
                  "--expires 2027-04-01",
                  "The provider's word, as a document."}},
    .exits = {{2, "a day or text cannot be understood"},
              {4, "the policy makes no such promise, or there is no such file"},
              {8, "the document has expired already"}},
    .run = command_attest_add,
};

static const struct option_def attest_list_options[] = {
    {.name = "policy", .kind = VALUE_WORD, .value = "P", .help = "only of this policy"},
    OPTIONS_END,
};

const struct command row_attest_list = {
    .name = "attest list",
    .group = GROUP_EVIDENCE,
    .summary = {"documents that answer for promises", "約束を示す文書の一覧"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Shows every document with its hash, who answers for it, and how long.",
    .options = attest_list_options,
    .examples = {{"hikae attest list", "Which of them expire next?"}},
    .exits = {{6, "the store's history cannot be read"}},
    .run = command_attest_list,
};
