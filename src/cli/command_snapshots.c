/* snapshots, snapshot tag. */
#include "cli/commands.h"
#include "cli/text.h"

#include "base/mem.h"

#include <string.h>

static void json_snapshot(struct run *run, json_t *item, const struct hikae_snapshot *snapshot)
{
    struct out *out = &run->out;
    out_text(out, item, "id", snapshot->id);
    out_time(out, item, "time", snapshot->time_ns);
    out_number(out, item, "entries", snapshot->entries);
    out_number(out, item, "bytes", snapshot->bytes);
    out_number(out, item, "errors", snapshot->errors);
    json_t *targets = out_array(out, item, "targets");
    for (size_t i = 0; i < snapshot->target_count; i++)
        out_item_text(out, targets, snapshot->targets[i]);
    out_time(out, item, "verified", snapshot->verified_ns);
    out_time(out, item, "keep_until", snapshot->keep_until_ns);
    json_t *kept_by = out_array(out, item, "kept_by");
    for (size_t i = 0; i < snapshot->kept_by_count; i++)
        out_item_text(out, kept_by, snapshot->kept_by[i]);
    out_text(out, item, "tag", snapshot->tag);
    out_text(out, item, "host", snapshot->host);
    out_bool(out, item, "on_demand", snapshot->on_demand);
}

static char *join(char *const *words, size_t count, const char *between)
{
    char *all = mem_strdup("");
    for (size_t i = 0; i < count && all != NULL; i++) {
        char *longer = mem_printf("%s%s%s", all, i > 0 ? between : "", words[i]);
        mem_free(all);
        all = longer;
    }
    return all;
}

/* A terminal of 80 columns has room for what is asked most; the rest is in the JSON and on wider ones. */
static void print_snapshots(struct run *run, const struct hikae_snapshots *snapshots)
{
    static const char *const wide_heads[] = {"ID",  "TIME",     ">SIZE",   "TARGETS", "VERIFIED",
                                             "TAG", ">ENTRIES", "KEPT BY", NULL};
    static const char *const narrow_heads[] = {"ID", "TIME", ">SIZE", "TARGETS", "VERIFIED", "TAG", NULL};
    enum { WIDE = 110 };
    bool wide = run->out.width == 0 || run->out.width >= WIDE || run->verbose;
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, wide ? wide_heads : narrow_heads);
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct hikae_snapshot *snapshot = &snapshots->snapshots[i];
        char CLEANUP_FREE *targets = join(snapshot->targets, snapshot->target_count, ",");
        columns_add(&columns, snapshot->id);
        columns_add(&columns, text_time(snapshot->time_ns, text));
        columns_add(&columns, text_size(snapshot->bytes, text));
        columns_add_colour(&columns, targets, snapshot->target_count == 0 ? COLOUR_RED : COLOUR_NONE);
        /* The day is enough in a table; the JSON has the second. */
        (void)text_time(snapshot->verified_ns, text);
        text[strcspn(text, "T")] = '\0';
        columns_add_colour(&columns, text, snapshot->verified_ns == 0 ? COLOUR_YELLOW : COLOUR_NONE);
        columns_add(&columns, snapshot->tag);
        if (!wide)
            continue;
        columns_add(&columns, text_count(snapshot->entries, text));
        char CLEANUP_FREE *kept_by = join(snapshot->kept_by, snapshot->kept_by_count, "; ");
        columns_add(&columns, snapshot->kept_by_count > 0 ? kept_by
                              : snapshots->planned        ? "nothing: the next `hikae retain` drops it"
                                                          : NULL);
    }
    run_table(run, &columns);
}

static void say_snapshots(struct run *run, const char *tenant, const struct hikae_snapshots *snapshots)
{
    char count[TEXT_SMALL];
    if (snapshots->heads > 1)
        run_say(run, MSG_SNAPSHOTS_FORK, text_count(snapshots->heads, count));
    if (snapshots->count == 0) {
        run_say(run, MSG_SNAPSHOTS_NONE, tenant);
        return;
    }
    const struct hikae_snapshot *latest = &snapshots->snapshots[0];
    for (size_t i = 1; i < snapshots->count; i++)
        if (snapshots->snapshots[i].time_ns > latest->time_ns)
            latest = &snapshots->snapshots[i];
    run_say(run, MSG_SNAPSHOTS, text_count(snapshots->count, count), tenant, latest->id);
}

enum hikae_status command_snapshots(struct run *run)
{
    struct hikae_snapshots snapshots = {0};
    enum hikae_status status = hikae_snapshots(run->hikae, run->args[0], &snapshots, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_t *array = out_array(&run->out, NULL, "snapshots");
        for (size_t i = 0; i < snapshots.count; i++) {
            json_t *item = out_item(&run->out, array);
            if (item != NULL)
                json_snapshot(run, item, &snapshots.snapshots[i]);
        }
        out_number(&run->out, NULL, "heads", snapshots.heads);
    } else {
        print_snapshots(run, &snapshots);
        say_snapshots(run, run->args[0], &snapshots);
    }
    hikae_snapshots_free(&snapshots);
    return status;
}

enum hikae_status command_snapshot_tag(struct run *run)
{
    const char *tag = run_option(run, "tag");
    bool removes = run_has(run, "remove");
    bool dry_run = run_has(run, DRY_RUN);
    if (run->arg_count == 3) {
        if (tag != NULL)
            return run_usage(run, "the tag is given twice");
        tag = run->args[2];
    }
    if ((tag != NULL) == removes)
        return run_usage(run, "give either a tag or --remove");
    enum hikae_status status = hikae_snapshot_tag(run->hikae, run->args[0], run->args[1], tag, dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "snapshot", run->args[1]);
        out_text(&run->out, NULL, "tag", tag);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    }
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, tag != NULL ? MSG_TAGGED : MSG_UNTAGGED, run->args[1], tag != NULL ? tag : "");
    return status;
}
