/* Rows: telling people. */
#include "cli/commands.h"
#include "cli/table.h"

const struct command row_notify_test = {
    .name = "notify test",
    .group = GROUP_CHECK,
    .summary = {"send a trial by mail, webhook and ping", "メール・webhook・ping の試験送信"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Sends a trial by every way that the section notify of hikae.yaml names. After each run hikae sends a digest, "
        "once a night, of what failed, what has not run, what is still safe and what to do, in the language of that "
        "section; and an alert of its own for damaged data, a latest snapshot that no target holds whole or fewer "
        "than promised hold, and deadlines within seven days. The ping is for a watch outside this host: URL/start "
        "when a run begins, URL when it went well, URL/fail when it did not; when none comes, that watch alarms. A "
        "webhook is signed: X-Hikae-Signature is sha256= and the HMAC-SHA256, under the content of secret_file, of "
        "X-Hikae-Timestamp, a full stop and the body.",
    .examples = {{"hikae notify test", "Does it arrive?"}},
    .exits = {{2, "hikae.yaml names nobody to tell"},
              {6, "one way failed"},
              {7, "a password or its file is not right"}},
    .run = command_notify_test,
};

static const struct option_def mute_options[] = {
    {.name = "until",
     .kind = VALUE_WORD,
     .value = "T",
     .required = true,
     .help = "its end (RFC 3339, or a day: 2026-11-21), at most 31 days away"},
    {.name = "reason", .kind = VALUE_WORD, .value = "R", .required = true, .help = "why, for the record"},
    OPTIONS_END,
};

const struct command row_notify_mute = {
    .name = "notify mute",
    .group = GROUP_CHECK,
    .summary = {"tell nobody for a while, but of damage and deadlines", "通知を一時停止 (破損と期限は除く)"},
    .arguments = "",
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Until then no digest and no alert is sent, for work that is planned. Damaged data and deadlines are "
        "told all the same, and pings go on. A new mute takes the place of the one before. Who muted, until "
        "when and why, is in the audit log.",
    .options = mute_options,
    .examples = {{"hikae notify mute --until 2026-11-22T06:00:00+09:00 --reason 'line to osaka is replaced'",
                  "While a target is away on purpose."}},
    .exits = {{2, "the end is past, or more than 31 days away"}},
    .run = command_notify_mute,
};

const struct command row_notify_list = {
    .name = "notify list",
    .group = GROUP_CHECK,
    .summary = {"who is told, and what is muted", "通知先と停止中の通知"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Shows by what ways people are told, when the last digest and alert were sent, and until when and "
                   "why it is muted.",
    .examples = {{"hikae notify list", "Is it muted?"}},
    .run = command_notify_list,
};
