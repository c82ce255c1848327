/* Rows: figures for a monitoring system. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def metrics_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "write them there, as a whole or not at all; without it standard output"},
    OPTIONS_END,
};

const struct command row_metrics = {
    .name = "metrics",
    .group = GROUP_CHECK,
    .summary = {"figures for Prometheus' textfile collector", "Prometheus の textfile collector 用の指標"},
    .arguments = "",
    .flags = COMMAND_STORE,
    .description =
        "Prints in Prometheus' text format: of each tenant the time of its last success, its age, snapshots, bytes, "
        "targets that are behind, what the nightly run's last verification found, and when the next backup is due "
        "or everything must be erased; of each target whether it is up and what it holds; of the last nightly run "
        "how it ended and how long it took. A figure that is missing must alert as much as a bad one: alert on "
        "hikae_metrics_timestamp_seconds growing old.",
    .options = metrics_options,
    .examples = {{"hikae metrics -o /var/lib/prometheus/node-exporter/hikae.prom", "From a timer, after each run."}},
    .run = command_metrics,
};
