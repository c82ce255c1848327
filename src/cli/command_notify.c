/* notify test, mute, list. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <string.h>

static void json_report(struct run *run, const struct hikae_notify_report *report, bool trial)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "channels");
    for (size_t i = 0; i < report->count; i++) {
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "name", report->channels[i].name);
        if (!trial)
            continue;
        out_bool(out, item, "sent", report->channels[i].sent);
        out_text(out, item, "why", report->channels[i].why);
    }
    out_time(out, NULL, "muted_until", report->muted_until_ns);
    out_text(out, NULL, "mute_reason", report->mute_reason);
    out_time(out, NULL, "last_digest", report->digest_ns);
    out_time(out, NULL, "last_alert", report->alert_ns);
}

enum hikae_status command_notify_test(struct run *run)
{
    static const char *const heads[] = {"CHANNEL", "SENT", "WHY", NULL};
    struct hikae_notify_report report = {0};
    char count[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    enum hikae_status status = hikae_notify_test(run->hikae, &report, &run->error);
    columns_start(&columns, heads);
    for (size_t i = 0; i < report.count; i++) {
        columns_add(&columns, report.channels[i].name);
        columns_add_colour(&columns, report.channels[i].sent ? "yes" : "no",
                           report.channels[i].sent ? COLOUR_GREEN : COLOUR_RED);
        columns_add(&columns, report.channels[i].why);
    }
    if (run->out.json)
        json_report(run, &report, true);
    else if (report.count > 0)
        run_table(run, &columns);
    if (status <= HIKAE_WARNINGS)
        run_say(run, MSG_NOTIFY_TRIED, text_count(report.count, count));
    hikae_notify_report_free(&report);
    return status;
}

enum hikae_status command_notify_mute(struct run *run)
{
    int64_t until_ns = 0;
    char until[TEXT_SMALL];
    bool dry_run = run_has(run, DRY_RUN);
    enum hikae_status status = value_time(run, "until", run_option(run, "until"), &until_ns);
    if (status == HIKAE_OK)
        status = hikae_notify_mute(run->hikae, until_ns, run_option(run, "reason"), dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_time(&run->out, NULL, "muted_until", until_ns);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    }
    run_say(run, dry_run ? MSG_NOTIFY_MUTE_PLAN : MSG_NOTIFY_MUTED, text_time(until_ns, until));
    return status;
}

enum hikae_status command_notify_list(struct run *run)
{
    static const char *const heads[] = {"CHANNEL", "LAST DIGEST", "LAST ALERT", "MUTED FOR", NULL};
    struct hikae_notify_report report = {0};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    enum hikae_status status = hikae_notify_list(run->hikae, &report, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    columns_start(&columns, heads);
    for (size_t i = 0; i < report.count; i++) {
        bool reads = strcmp(report.channels[i].name, "ping") != 0; /* a watch gets pings only */
        columns_add(&columns, report.channels[i].name);
        columns_add(&columns, reads ? text_time(report.digest_ns, text) : NULL);
        columns_add(&columns, reads ? text_time(report.alert_ns, text) : NULL);
        columns_add(&columns, reads ? report.mute_reason : NULL);
    }
    if (run->out.json)
        json_report(run, &report, false);
    else
        run_table(run, &columns);
    if (report.count == 0)
        run_say(run, MSG_NOTIFY_NOBODY, NULL);
    if (report.muted_until_ns != 0)
        run_say(run, MSG_NOTIFY_MUTED, text_time(report.muted_until_ns, text));
    else
        run_say(run, MSG_NOTIFY_NOT_MUTED, NULL);
    hikae_notify_report_free(&report);
    return status;
}
