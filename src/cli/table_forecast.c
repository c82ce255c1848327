/* Rows: growth and cost. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def forecast_options[] = {
    {.name = "months", .kind = VALUE_WORD, .value = "N", .help = "how many, of 30 days each (default 6, at most 120)"},
    {.name = "prices",
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "prices of your own, in place of the built-in list"},
    OPTIONS_END,
};

const struct command row_forecast = {
    .name = "forecast",
    .group = GROUP_CHECK,
    .summary = {"bytes, requests, disk and cost to come", "容量・リクエスト・費用の見通し"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Reckons for each target what it will hold, from what the runs of the last 60 nights stored and freed: "
        "the growth is the median of the slopes between all pairs of nights, which single odd nights do not move, and "
        "the range comes from their quartiles. Requests are those that store: new packs, and four a "
        "backup. The cost is list price for the mean of the month, without tax and without what a shortest billed "
        "duration adds; a whole restore costs what the provider takes for data going out. FULL is when a disk is full "
        "at the high growth. A file of prices has date: 2026-11-21, currency: JPY, and under prices: a list of "
        "provider, region (or any), storage_gb_month, put_1000, egress_gb, minimum_days.",
    .options = forecast_options,
    .examples = {{"hikae forecast --months 12", "The year to come."},
                 {"hikae forecast --prices /etc/hikae/prices.yaml --json", "With prices of your own, for a script."}},
    .exits = {{2, "the file of prices cannot be used"}, {4, "there is no such file of prices"}},
    .run = command_forecast,
};
