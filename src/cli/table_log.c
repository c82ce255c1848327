/* Rows: kept logs. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def ingest_options[] = {
    {.name = "tenant", .kind = VALUE_WORD, .value = "T", .required = true, .help = "a tenant of the provider's own"},
    {.name = "class",
     .kind = VALUE_WORD,
     .value = "C",
     .required = true,
     .help = "the class, as the tenant's policy has it: operation, monitoring, …"},
    {.name = "period", .kind = VALUE_WORD, .value = "MONTH", .required = true, .help = "the month: 2026-10"},
    {.name = "source", .kind = VALUE_WORD, .value = "S", .help = "which system they are of (default main)"},
    {.name = "time-column",
     .kind = VALUE_WORD,
     .value = "NAME",
     .help = "column or member with the times; else the first with RFC 3339"},
    {.name = "again", .kind = VALUE_WORD, .value = "REASON", .help = "take the month in once more, and why"},
    OPTIONS_END,
};

const struct command row_log_ingest = {
    .name = "log ingest",
    .group = GROUP_EVIDENCE,
    .summary = {"take in logs of other systems, to keep them as promised",
                "ほかのシステムのログを取り込み、約束どおり保管する"},
    .arguments = "FILE…",
    .least = 1,
    .most = 1000,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Reads the files, checks that they are what the policy promises (CSV as RFC 4180 has it, or JSON, one value a "
        "line), and stores them as a snapshot that stays exactly until its time is over, counted from the end of the "
        "month: no generation pushes it out, and the next retention drops it then. The history records the hash of "
        "each file, lines, first and last time, and the day by which it had to be done.",
    .options = ingest_options,
    .examples = {{"hikae log ingest --tenant own --class operation --period 2026-10 october.csv",
                  "Last month's log, by the fifth business day."},
                 {"hikae log ingest --tenant own --class monitoring --period 2026-10 --source web logs/*", "Another."}},
    .exits = {{2, "a file is not in the format that is promised"},
              {4, "there is no such tenant or file"},
              {8,
               "the tenant is a customer's, the month is not over or was taken in, or the policy keeps no such logs"}},
    .run = command_log_ingest,
};

static const struct option_def list_options[] = {
    {.name = "tenant", .kind = VALUE_WORD, .value = "T", .help = "only this tenant's"},
    {.name = "class", .kind = VALUE_WORD, .value = "C", .help = "only this class"},
    OPTIONS_END,
};

const struct command row_log_list = {
    .name = "log list",
    .group = GROUP_EVIDENCE,
    .summary = {"logs that are kept, and those that are missing", "保管しているログと、足りないログの一覧"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description = "Shows every month that was taken in, and those that a policy wants by a business day and that were "
                   "not: waiting, or missing.",
    .options = list_options,
    .examples = {{"hikae log list", "Is last month's there?"}},
    .exits = {{1, "a log is missing or lost"}, {4, "there is no such tenant"}},
    .run = command_log_list,
};

static const struct option_def export_options[] = {
    {.name = "class", .kind = VALUE_WORD, .value = "C", .required = true, .help = "the class"},
    {.name = "period", .kind = VALUE_WORD, .value = "MONTH", .required = true, .help = "the month: 2026-10"},
    {.name = "tenant", .kind = VALUE_WORD, .value = "T", .help = "the tenant that has it"},
    {.name = "source", .kind = VALUE_WORD, .value = "S", .help = "which system it is of, if several have one"},
    {.name = "tz", .kind = VALUE_WORD, .value = "ZONE", .help = "show times in this zone: JST, UTC, Asia/Tokyo"},
    {.name = "time-column",
     .kind = VALUE_WORD,
     .value = "NAME",
     .help = "column or member with the times; else the first with RFC 3339"},
    {.name = "format", .kind = VALUE_CHOICE, .value = "csv|json", .help = "of the export; else as it was taken in"},
    {.name = "output", .letter = 'o', .kind = VALUE_FILE, .value = "FILE", .help = "a new file; else standard output"},
    OPTIONS_END,
};

const struct command row_log_export = {
    .name = "log export",
    .group = GROUP_EVIDENCE,
    .summary = {"give a kept log away, its times in JST or UTC", "保管したログを日本時間か UTC で書き出す"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Writes what was taken in. Without --tz and --format it is byte for byte as it was. With --tz the times "
        "of one column are shown in that zone; what is no RFC 3339 time there stays as it is, and is counted.",
    .options = export_options,
    .examples = {{"hikae log export --class operation --period 2026-10 --tz JST -o october.csv", "For a customer."}},
    .exits = {{2, "it cannot be read as that format"}, {4, "no such log is kept"}, {8, "FILE exists"}},
    .run = command_log_export,
};
