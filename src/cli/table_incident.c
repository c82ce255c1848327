/* Rows: nonconformities, incidents, reviews. */
#include "cli/commands.h"
#include "cli/table.h"

#define OPTION_WHO                                                                                                     \
    {                                                                                                                  \
        .name = "who", .kind = VALUE_WORD, .value = "NAME", .required = true, .help = "the person who says so"         \
    }

static const struct option_def list_options[] = {
    {.name = "all", .help = "closed ones too"},
    OPTIONS_END,
};

static const struct option_def open_options[] = {
    {.name = "title", .kind = VALUE_WORD, .value = "T", .required = true, .help = "what happened, in one line"},
    {.name = "severity",
     .kind = VALUE_CHOICE,
     .value = "low|medium|high|critical",
     .required = true,
     .help = "as a person classifies it"},
    {.name = "occurred", .kind = VALUE_WORD, .value = "T", .required = true, .help = "when it happened (RFC 3339)"},
    {.name = "aware", .kind = VALUE_WORD, .value = "T", .required = true, .help = "when anybody noticed"},
    {.name = "confirmed",
     .kind = VALUE_WORD,
     .value = "T",
     .help = "when it was confirmed; may come with a note later"},
    {.name = "tenant", .kind = VALUE_WORD, .value = "NAME", .many = true, .help = "whom it concerns; none: all"},
    {.name = "policy",
     .kind = VALUE_WORD,
     .value = "P",
     .many = true,
     .help = "whose notices are owed; without it those of the tenants' policies, or of all"},
    {.name = "event", .kind = VALUE_WORD, .value = "E", .help = "what policies call it (default incident)"},
    {.name = "logs-from",
     .kind = VALUE_WORD,
     .value = "T",
     .help = "keep audit entries since then (default: 30 days before)"},
    {.name = "text", .kind = VALUE_WORD, .value = "TEXT", .help = "what is known"},
    OPTION_WHO,
    OPTIONS_END,
};

const struct command row_incident_open = {
    .name = "incident open",
    .group = GROUP_EVIDENCE,
    .summary = {"open a security incident, with its deadlines of notice", "セキュリティインシデントを登録する"},
    .arguments = "",
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Only a person opens and classifies an incident; what hikae finds by itself (a missed night, drill or "
        "deadline) "
        "is a nonconformity. By when whom to tell comes from the policies in force: so many hours or business days "
        "from occurrence, awareness or confirmation, as an aim or a duty. The deadlines are written down with the "
        "incident, and alerts remind of them. Until it is closed, audit log entries of these tenants since 30 days "
        "before it occurred, and those of no tenant, are not expired. hikae sends no notice to customers: incident "
        "template gives a text to fill in, incident notice records that it was sent.",
    .options = open_options,
    .examples = {{"hikae incident open --title 'Key of host b1 copied' --severity high --occurred "
                  "2026-11-20T22:10:00+09:00 --aware 2026-11-21T08:00:00+09:00 --tenant acme --who sato",
                  "Noticed in the morning; not confirmed yet."}},
    .exits = {{2, "a time lies ahead, or they are out of order"}, {4, "there is no such tenant or policy"}},
    .run = command_incident_open,
};

const struct command row_incident_list = {
    .name = "incident list",
    .group = GROUP_EVIDENCE,
    .summary = {"open incidents and their deadlines", "インシデントの一覧"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Shows the incidents that are open, when the next first notice is due, and how each deadline stands: "
        "waiting (for a confirmation), open, met, late, missed.",
    .options = list_options,
    .examples = {{"hikae incident list", "What is open?"}, {"hikae incident list --all --json", "All, for a script."}},
    .run = command_incident_list,
};

const struct command row_incident_show = {
    .name = "incident show",
    .group = GROUP_EVIDENCE,
    .summary = {"all that was recorded of one incident or nonconformity", "インシデントの詳細"},
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description = "Shows one incident or nonconformity with its deadlines and every record, who made it, and when.",
    .examples = {{"hikae incident show I-20261121-3fa9", "All of it."}},
    .exits = {{4, "there is none with this id"}},
    .run = command_incident_show,
};

static const struct option_def note_options[] = {
    {.name = "text", .kind = VALUE_WORD, .value = "TEXT", .required = true, .help = "what is new"},
    {.name = "confirmed",
     .kind = VALUE_WORD,
     .value = "T",
     .help = "when it was confirmed: sets deadlines that wait for it"},
    {.name = "severity", .kind = VALUE_CHOICE, .value = "low|medium|high|critical", .help = "classified anew"},
    {.name = "tenant", .kind = VALUE_WORD, .value = "NAME", .many = true, .help = "concerned too"},
    OPTION_WHO,
    OPTIONS_END,
};

const struct command row_incident_note = {
    .name = "incident note",
    .group = GROUP_EVIDENCE,
    .summary = {"add what is new to an incident", "インシデントに記録を追加する"},
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Adds a record; nothing that was recorded before is changed.",
    .options = note_options,
    .examples = {{"hikae incident note I-20261121-3fa9 --confirmed 2026-11-21T10:30:00+09:00 --text 'confirmed by the "
                  "logs' --who sato",
                  "From now on its business days count."}},
    .exits = {{4, "there is no such incident"}, {8, "it is closed"}},
    .run = command_incident_note,
};

static const struct option_def notice_options[] = {
    {.name = "stage",
     .kind = VALUE_CHOICE,
     .value = "first|follow-up|final",
     .required = true,
     .help = "which report it was"},
    {.name = "channel",
     .kind = VALUE_WORD,
     .value = "C",
     .required = true,
     .help = "mail, web … as the policy names it"},
    {.name = "at", .kind = VALUE_WORD, .value = "T", .required = true, .help = "when it was given (RFC 3339)"},
    {.name = "text", .kind = VALUE_WORD, .value = "TEXT", .help = "where it can be read"},
    OPTION_WHO,
    OPTIONS_END,
};

const struct command row_incident_notice = {
    .name = "incident notice",
    .group = GROUP_EVIDENCE,
    .summary = {"record that a notice was given", "通知したことを記録する"},
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "A deadline is met when the first notice was given by all the channels that its policy names.",
    .options = notice_options,
    .examples = {{"hikae incident notice I-20261121-3fa9 --stage first --channel mail --at 2026-11-21T15:00:00+09:00 "
                  "--who sato",
                  "Mailed to all concerned."}},
    .exits = {{2, "the time lies ahead"}, {4, "there is no such incident"}, {8, "it is closed"}},
    .run = command_incident_notice,
};

static const struct option_def template_options[] = {
    {.name = "stage", .kind = VALUE_CHOICE, .value = "first|follow-up|final", .required = true, .help = "which report"},
    {.name = "tenant", .kind = VALUE_WORD, .value = "NAME", .help = "whom it is for: the only one that it names"},
    OPTIONS_END,
};

const struct command row_incident_template = {
    .name = "incident template",
    .group = GROUP_EVIDENCE,
    .summary = {"the text of a notice, to fill in", "通知文のひな形"},
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description =
        "Prints a notice with all that is known filled in and a blank (____) for what only a person can "
        "know, in the language of --lang. With --tenant it is for that customer: it names no other, its times "
        "are in the zone of that customer's policy, and it tells what that policy promises. What was noted "
        "inside stands in it: read it before you send it.",
    .options = template_options,
    .examples = {{"hikae --lang ja incident template I-20261121-3fa9 --stage first --tenant acme",
                  "For acme, in Japanese."}},
    .exits = {{2, "the incident does not concern that tenant"}, {4, "there is no such incident"}},
    .run = command_incident_template,
};

static const struct option_def close_options[] = {
    {.name = "text", .kind = VALUE_WORD, .value = "TEXT", .required = true, .help = "how it ended"},
    {.name = "cause", .kind = VALUE_WORD, .value = "TEXT", .help = "why it happened"},
    {.name = "correction", .kind = VALUE_WORD, .value = "TEXT", .help = "what keeps it from happening again"},
    {.name = "no-notice", .kind = VALUE_WORD, .value = "WHY", .help = "why no notice was given that was promised"},
    OPTION_WHO,
    OPTIONS_END,
};

const struct command row_incident_close = {
    .name = "incident close",
    .group = GROUP_EVIDENCE,
    .summary = {"close an incident", "インシデントを閉じる"},
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "From then on its audit log entries expire like others. Refused while a first notice that a policy "
                   "promises was not recorded, unless --no-notice says why.",
    .options = close_options,
    .examples = {{"hikae incident close I-20261121-3fa9 --text 'key replaced, no access found' --who sato",
                  "It is over."}},
    .exits = {{4, "there is no such incident"}, {8, "a promised notice is missing, or it is closed"}},
    .run = command_incident_close,
};

const struct command row_nonconformity_list = {
    .name = "nonconformity list",
    .group = GROUP_EVIDENCE,
    .summary = {"what was promised and did not happen", "不適合の一覧"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "A night, verification, drill, look or notice that did not come in time is opened as a nonconformity by the "
        "next run: once for each cause, with all the tenants it met.",
    .options = list_options,
    .examples = {{"hikae nonconformity list", "What is open?"}},
    .run = command_nonconformity_list,
};

static const struct option_def correct_options[] = {
    {.name = "cause", .kind = VALUE_WORD, .value = "TEXT", .required = true, .help = "why it happened"},
    {.name = "correction",
     .kind = VALUE_WORD,
     .value = "TEXT",
     .required = true,
     .help = "what was done, and what keeps it from happening again"},
    {.name = "text", .kind = VALUE_WORD, .value = "TEXT", .help = "anything more"},
    OPTION_WHO,
    OPTIONS_END,
};

const struct command row_nonconformity_close = {
    .name = "nonconformity close",
    .group = GROUP_EVIDENCE,
    .summary = {"close a nonconformity with its cause and correction", "不適合を原因と是正とともに閉じる"},
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "A person found why, and what keeps it from happening again. If it happens again, a new one opens.",
    .options = correct_options,
    .examples =
        {{"hikae nonconformity close N-20261121-77b0 --cause 'the timer was off after the upgrade' --correction "
          "'timer on; the watch outside pings' --who sato",
          "Found and corrected."}},
    .exits = {{4, "there is none with this id"}, {8, "it is closed"}},
    .run = command_nonconformity_close,
};

static const struct option_def ack_options[] = {
    {.name = "of",
     .kind = VALUE_WORD,
     .value = "WHAT",
     .help = "backups (default), drills, access … as the policy names it"},
    {.name = "period",
     .kind = VALUE_WORD,
     .value = "P",
     .help = "2026-11-21, 2026-W47, 2026-11 or 2026; without it today"},
    {.name = "day", .kind = VALUE_WORD, .value = "D", .without = "period", .help = "the same, of a day"},
    {.name = "policy", .kind = VALUE_WORD, .value = "NAME", .help = "only of tenants with this policy"},
    {.name = "comment", .kind = VALUE_WORD, .value = "C", .required = true, .help = "what was seen"},
    {.name = "owner", .kind = VALUE_WORD, .value = "NAME", .help = "who takes care of what is open"},
    {.name = "operator",
     .kind = VALUE_FILE,
     .value = "KEYFILE",
     .help =
         "sign it with this private key of yours as an operator; where a policy says signed: true, only this counts"},
    {.name = "passphrase-file",
     .kind = VALUE_FILE,
     .value = "FILE",
     .needs = "operator",
     .help = "its first line opens the key"},
    OPTION_WHO,
    OPTIONS_END,
};

const struct command row_review_ack = {
    .name = "review ack",
    .group = GROUP_EVIDENCE,
    .summary = {"say that you looked", "確認したことを記録する"},
    .arguments = "",
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "A person looked at the page of a day (hikae report), at drills, at accesses, and says so. Where a policy "
        "promises a look (reviews), a period without one by its day is a promise that was broken. A look at a day "
        "counts for the week, month or year that it lies in.",
    .options = ack_options,
    .examples = {{"hikae review ack --comment 'all well' --who sato", "Today's page."},
                 {"hikae review ack --of drills --period 2026 --comment 'restored in 41 min' --who sato",
                  "The year's drill."}},
    .exits = {{2, "the period is none, or has not begun, or the key is somebody else's"},
              {4, "there is no such policy"},
              {7, "the key cannot be used, or is not an operator's"}},
    .run = command_review_ack,
};

static const struct option_def review_options[] = {
    {.name = "since", .kind = VALUE_WORD, .value = "T", .help = "from when on (default: 31 days ago)"},
    OPTIONS_END,
};

const struct command row_review_list = {
    .name = "review list",
    .group = GROUP_EVIDENCE,
    .summary = {"who looked at what, and which looks are owed", "確認の記録と予定"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Shows the looks that were recorded, and those that policies promise: done, late, open or missed.",
    .options = review_options,
    .examples = {{"hikae review list --since 2026-01-01", "This year's."}},
    .run = command_review_list,
};
