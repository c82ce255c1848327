/* restores list, restores wiped. */
#include "cli/commands.h"
#include "cli/text.h"

#include "base/mem.h"

#include <stdio.h>

static void show_copy(struct run *run, json_t *object, const struct hikae_copy *copy)
{
    struct out *out = &run->out;
    out_text(out, object, "copy", copy->copy);
    out_text(out, object, "tenant", copy->tenant);
    out_text(out, object, "snapshot", copy->snapshot);
    out_text(out, object, "destination", copy->destination);
    out_text(out, object, "host", copy->host);
    out_text(out, object, "folder", copy->folder);
    out_text(out, object, "reason", copy->reason);
    out_text(out, object, "ticket", copy->ticket);
    out_text(out, object, "requester", copy->requester);
    out_text(out, object, "approver", copy->approver);
    out_number(out, object, "entries", copy->entries);
    out_number(out, object, "bytes", copy->bytes);
    out_time(out, object, "handed", copy->handed_ns);
    out_time(out, object, "until", copy->until_ns);
    out_bool(out, object, "overdue", copy->overdue);
    out_time(out, object, "wiped", copy->wiped_ns);
    out_text(out, object, "by", copy->by);
    out_text(out, object, "how", copy->how);
    out_number(out, object, "left", copy->left);
}

/* Where it is, and on whose word: "/srv/x: user deleted it (T-1; for suzuki; approved by sato)". */
static char *describe(const struct run *run, const struct hikae_copy *copy)
{
    const struct {
        const char *before[LANG_COUNT], *text;
    } parts[] = {{{"", ""}, copy->ticket},
                 {{"for ", "依頼者 "}, copy->requester},
                 {{"approved by ", "承認者 "}, copy->approver}};
    char *all =
        mem_printf("%s%s%s", copy->folder, copy->reason != NULL ? ": " : "", copy->reason != NULL ? copy->reason : "");
    bool any = false;
    for (size_t i = 0; all != NULL && i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].text == NULL)
            continue;
        char *more = mem_printf("%s%s%s%s", all, any ? "; " : " (", parts[i].before[run->lang], parts[i].text);
        mem_free(all);
        all = more;
        any = true;
    }
    char *whole = all != NULL ? mem_printf("%s%s", all, any ? ")" : "") : NULL;
    mem_free(all);
    return whole;
}

/* What was changed since the restore is somebody's work by now, and stays: it is told. */
static const char *state_of(const struct hikae_copy *copy, char text[TEXT_SMALL])
{
    char left[TEXT_SMALL];
    if (copy->wiped_ns != 0 && copy->left == 0)
        return "wiped";
    if (copy->wiped_ns == 0)
        return copy->overdue ? "overdue" : "out";
    (void)snprintf(text, TEXT_SMALL, "wiped, %.16s stay", text_count(copy->left, left));
    return text;
}

static void print_copies(struct run *run, const struct hikae_copies *copies)
{
    static const char *const heads[] = {"COPY", "TENANT", "UNTIL", "STATE", "WHERE AND WHY", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < copies->count; i++) {
        const struct hikae_copy *copy = &copies->copies[i];
        columns_add(&columns, copy->copy);
        columns_add(&columns, copy->tenant);
        columns_add(&columns, copy->until_ns != 0 ? text_time(copy->until_ns, text) : NULL);
        columns_add_colour(&columns, state_of(copy, text),
                           copy->wiped_ns != 0 ? COLOUR_DIM
                           : copy->overdue     ? COLOUR_RED
                                               : COLOUR_YELLOW);
        char CLEANUP_FREE *where = describe(run, copy);
        columns_add(&columns, where != NULL ? where : copy->folder);
    }
    run_table(run, &columns);
}

enum hikae_status command_restores_list(struct run *run)
{
    struct hikae_copies copies;
    char out[TEXT_SMALL], overdue[TEXT_SMALL];
    enum hikae_status status = hikae_copy_list(run->hikae, run->arg_count > 0 ? run->args[0] : NULL,
                                               run_has(run, "all"), &copies, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_t *array = out_array(&run->out, NULL, "copies");
        for (size_t i = 0; i < copies.count; i++) {
            json_t *item = out_item(&run->out, array);
            if (item != NULL)
                show_copy(run, item, &copies.copies[i]);
        }
        out_number(&run->out, NULL, "out", copies.out);
        out_number(&run->out, NULL, "overdue", copies.overdue);
    } else {
        if (copies.count > 0)
            print_copies(run, &copies);
        run_say(run, MSG_COPIES, text_count(copies.out, out), text_count(copies.overdue, overdue));
    }
    hikae_copies_free(&copies);
    return status;
}

enum hikae_status command_restores_wiped(struct run *run)
{
    const struct hikae_wipe_options options = {.copy = run->args[0],
                                               .declared = run_has(run, "declared"),
                                               .by = run_option(run, "by"),
                                               .note = run_option(run, "note"),
                                               .dry_run = run_has(run, DRY_RUN)};
    struct hikae_copy copy;
    char entries[TEXT_SMALL], left[TEXT_SMALL];
    enum hikae_status status = hikae_copy_wipe(run->hikae, &options, &copy, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        show_copy(run, NULL, &copy);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    } else if (options.declared && options.dry_run) {
        run_say(run, MSG_DRY_RUN, NULL);
    } else if (options.declared) {
        run_say(run, MSG_COPY_DECLARED, copy.copy, copy.by != NULL ? copy.by : options.by);
    } else {
        run_say(run, options.dry_run ? MSG_COPY_WIPE_PLAN : MSG_COPY_WIPED, copy.copy,
                text_count(copy.entries, entries), copy.folder, text_count(copy.left, left));
    }
    hikae_copy_free(&copy);
    return status;
}
