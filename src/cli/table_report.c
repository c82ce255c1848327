/* Rows: the page of the morning. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def report_options[] = {
    {.name = "out",
     .letter = 'o',
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "write the page there; without it to standard output"},
    {.name = "date", .kind = VALUE_WORD, .value = "D", .help = "the page of that day (2026-11-21); without it today's"},
    {.name = "both", .help = "in Japanese and English, one after the other; else in the language of --lang"},
    OPTIONS_END,
};

const struct command row_report = {
    .name = "report",
    .group = GROUP_CHECK,
    .summary = {"the page to look at in the morning", "毎朝確認するページを作る"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Makes one HTML file that fetches nothing: what to do, what is safe all the same, what ran and failed; of each "
        "tenant and target age, copies, verification and growth; a calendar of generations; charts of what is stored, "
        "of deduplication and of times; capacity ahead; deadlines, incidents, nonconformities, and who looked. It "
        "reads well on a phone, in the dark, on paper, with a keyboard and with a screen reader; many tenants can be "
        "filtered and sorted. If no target answers, it says so, and what this machine remembers. The file is for its "
        "owner only: it names tenants. When you have looked, say so with review ack.",
    .options = report_options,
    .examples = {{"hikae --lang ja report -o /srv/pages/hikae.html", "After each run, from a timer."},
                 {"hikae report --date 2026-11-20 -o yesterday.html", "What was it like yesterday?"}},
    .exits = {{1, "a tenant could not be looked at, or a target is behind or does not answer"},
              {2, "the day is none, or has not begun"}},
    .run = command_report,
};
