/* What is known of erasures, as JSON and for people. */
#include "cli/command_purge.h"
#include "cli/text.h"

#include "base/mem.h"

#include <string.h>

/* ---- JSON ---- */

static void json_targets(struct out *out, json_t *object, const struct hikae_purge *purge)
{
    json_t *array = out_array(out, object, "targets");
    for (size_t i = 0; i < purge->target_count; i++) {
        const struct hikae_purge_target *target = &purge->targets[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "name", target->name);
        out_text(out, item, "state", target->state);
        out_number(out, item, "objects", target->objects);
        out_number(out, item, "bytes", target->bytes);
        out_number(out, item, "versions", target->versions);
        out_number(out, item, "markers", target->markers);
        out_number(out, item, "uploads", target->uploads);
        out_time(out, item, "locked_until", target->locked_until_ns);
        out_time(out, item, "gone", target->gone_ns);
        out_text(out, item, "why", target->why);
        out_number(out, item, "billed_bytes", target->billed_bytes);
        out_time(out, item, "billed_until", target->billed_until_ns);
    }
}

static void json_holders(struct out *out, json_t *object, const struct hikae_purge *purge)
{
    json_t *array = out_array(out, object, "holders");
    for (size_t i = 0; i < purge->holder_count; i++) {
        const struct hikae_purge_holder *holder = &purge->holders[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_number(out, item, "epoch", holder->epoch);
        out_text(out, item, "group", holder->group);
        out_text(out, item, "name", holder->name);
        out_text(out, item, "kind", holder->kind);
        out_text(out, item, "fate", holder->fate);
        out_text(out, item, "worth", holder->worth);
        out_text(out, item, "who", holder->who);
        out_text(out, item, "how", holder->how);
        out_text(out, item, "declared_by", holder->declared_by);
        out_time(out, item, "at", holder->at_ns);
        out_time(out, item, "final", holder->final_ns);
    }
}

static void json_purge(struct out *out, json_t *object, const struct hikae_purge *purge)
{
    json_t *plan = NULL;
    out_text(out, object, "tenant", purge->tenant);
    out_text(out, object, "name", purge->name);
    out_text(out, object, "stage", purge->stage);
    out_time(out, object, "deadline", purge->deadline_ns);
    out_text(out, object, "met_by", purge->needs_deletion ? "deletion" : "keys");
    out_bool(out, object, "missed", purge->missed);
    out_text(out, object, "plan", purge->plan_hash);
    json_t *approvals = out_array(out, object, "approvals");
    for (size_t i = 0; i < purge->approval_count; i++) {
        json_t *item = out_item(out, approvals);
        if (item == NULL)
            return;
        out_text(out, item, "operator", purge->approvals[i].operator_name);
        out_time(out, item, "time", purge->approvals[i].time_ns);
    }
    out_number(out, object, "objects", purge->objects);
    out_number(out, object, "bytes", purge->bytes);
    json_targets(out, object, purge);
    json_holders(out, object, purge);
    out_number(out, object, "epoch", purge->epoch);
    out_time(out, object, "tombstone", purge->tombstone_ns);
    out_time(out, object, "unreadable", purge->unreadable_ns);
    out_time(out, object, "irrevocable", purge->irrevocable_ns);
    out_time(out, object, "gone", purge->gone_ns);
    out_text(out, object, "waits_for", purge->waits_for);
    out_text(out, object, "waits_on", purge->waits_on);
    out_text(out, object, "waiting", purge->waiting);
    if (purge->plan != NULL && json_parse(purge->plan, strlen(purge->plan), &plan, NULL) == 0 && plan != NULL)
        out_set(out, object, "plan_text", plan);
}

/* One alone stands at the top, as of any command about one tenant; several stand in an array too. */
static void json_purges(struct run *run, const struct hikae_purges *purges)
{
    struct out *out = &run->out;
    if (run->arg_count == 1 && purges->count == 1)
        json_purge(out, NULL, &purges->purges[0]);
    json_t *array = out_array(out, NULL, "purges");
    for (size_t i = 0; i < purges->count; i++) {
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        json_purge(out, item, &purges->purges[i]);
    }
}

/* ---- For people ---- */

static const char *pick(const struct run *run, const char *en, const char *ja)
{
    return run->lang == LANG_JA ? ja : en;
}

/* What deleting does not save. */
static void print_bill(struct run *run, const struct hikae_purge_target *target)
{
    char size[TEXT_SMALL], until[TEXT_SMALL];
    if (target->billed_until_ns == 0)
        return;
    run_say(run, MSG_PURGE_BILLED, target->name, text_size(target->billed_bytes, size),
            text_time(target->billed_until_ns, until));
}

static void print_places(struct run *run, const struct hikae_purge *purge)
{
    static const char *const heads[] = {"TARGET",   "STATE",    ">OBJECTS",     ">SIZE", ">VERSIONS",
                                        ">MARKERS", ">UPLOADS", "LOCKED UNTIL", "WHY",   NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < purge->target_count; i++) {
        const struct hikae_purge_target *target = &purge->targets[i];
        char text[TEXT_SMALL];
        columns_add(&columns, target->name);
        columns_add_colour(&columns, target->state,
                           target->gone_ns != 0                    ? COLOUR_GREEN
                           : strcmp(target->state, "unknown") == 0 ? COLOUR_YELLOW
                                                                   : COLOUR_NONE);
        columns_add(&columns, text_count(target->objects, text));
        columns_add(&columns, text_size(target->bytes, text));
        columns_add(&columns, text_count(target->versions, text));
        columns_add(&columns, text_count(target->markers, text));
        columns_add(&columns, text_count(target->uploads, text));
        columns_add(&columns, target->locked_until_ns != 0 ? text_time(target->locked_until_ns, text) : NULL);
        columns_add(&columns, target->why);
    }
    run_table(run, &columns);
    for (size_t i = 0; i < purge->target_count; i++)
        print_bill(run, &purge->targets[i]);
}

static void print_holders(struct run *run, const struct hikae_purge *purge)
{
    static const char *const heads[] = {">EPOCH", "GROUP", "HOLDER", "KIND", "FATE", "SINCE", "ENDS", "DECLARED", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < purge->holder_count; i++) {
        const struct hikae_purge_holder *holder = &purge->holders[i];
        char text[TEXT_SMALL];
        char *said CLEANUP_FREE = holder->who != NULL ? mem_printf("%s: %s", holder->who, holder->how) : NULL;
        columns_add(&columns, text_count(holder->epoch, text));
        columns_add(&columns, holder->group);
        columns_add(&columns, holder->name);
        columns_add(&columns, holder->kind);
        columns_add(&columns, holder->fate);
        columns_add(&columns, holder->at_ns != 0 ? text_time(holder->at_ns, text) : NULL);
        columns_add(&columns, holder->final_ns != 0 ? text_time(holder->final_ns, text) : NULL);
        columns_add(&columns, said);
    }
    run_table(run, &columns);
}

static bool said_before(const struct hikae_purge *purge, size_t number)
{
    for (size_t i = 0; i < number; i++)
        if (strcmp(purge->holders[i].kind, purge->holders[number].kind) == 0)
            return true;
    return false;
}

/* Once a kind: what the destruction of such a key is worth, and no more may be claimed. */
static void print_worth(struct run *run, const struct hikae_purge *purge)
{
    static const char *const heads[] = {"KIND", "WHAT DESTROYING IT IS WORTH", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < purge->holder_count; i++) {
        const struct hikae_purge_holder *holder = &purge->holders[i];
        char *code CLEANUP_FREE = mem_printf("worth-%s", holder->kind);
        const char *ja = code != NULL && run->lang == LANG_JA ? hikae_purge_phrase(code, "ja") : NULL;
        if (said_before(purge, i))
            continue;
        columns_add(&columns, holder->kind);
        columns_add(&columns, ja != NULL ? ja : holder->worth);
    }
    run_table(run, &columns);
}

static void add_row(struct columns *columns, const char *name, const char *value)
{
    columns_add(columns, name);
    columns_add(columns, value);
}

static void add_time(struct columns *columns, const char *name, int64_t ns)
{
    char text[TEXT_SMALL];
    add_row(columns, name, ns != 0 ? text_time(ns, text) : NULL);
}

/* A text of the plan: a plain one, or one that has a code. */
static const char *said(const struct run *run, const json_t *value)
{
    const char *code = json_string_value(json_object_get(value, "code"));
    const char *text = code != NULL ? hikae_purge_phrase(code, pick(run, "en", "ja")) : NULL;
    return text != NULL            ? text
           : json_is_string(value) ? json_string_value(value)
                                   : json_string_value(json_object_get(value, "says"));
}

static void add_people(struct run *run, struct columns *columns, const json_t *plan)
{
    const json_t *people = json_object_get(plan, "people"), *row;
    for (size_t i = 0; (row = json_array_get(people, i)) != NULL; i++) {
        const char *what = said(run, json_object_get(row, "what"));
        char *line CLEANUP_FREE =
            mem_printf("%lld/%s/%s: %s", (long long)json_integer_value(json_object_get(row, "epoch")),
                       json_string_value(json_object_get(row, "group")),
                       json_string_value(json_object_get(row, "name")), what != NULL ? what : "-");
        add_row(columns, i > 0 ? " " : pick(run, "people destroy", "人が廃棄するもの"), line);
    }
}

static void add_survivors(struct run *run, struct columns *columns, const json_t *plan)
{
    const json_t *survivors = json_object_get(plan, "survivors"), *row, *field;
    for (size_t i = 0; (row = json_array_get(survivors, i)) != NULL; i++) {
        char *fields CLEANUP_FREE = mem_strdup("");
        const json_t *list = json_object_get(row, "fields");
        for (size_t k = 0; fields != NULL && (field = json_array_get(list, k)) != NULL; k++) {
            char *more = mem_printf("%s%s%s", fields, k > 0 ? ", " : "", json_string_value(field));
            mem_free(fields);
            fields = more;
        }
        const char *what = said(run, json_object_get(row, "what")), *how = said(run, json_object_get(row, "how"));
        const char *until = said(run, json_object_get(row, "until"));
        char *line CLEANUP_FREE = mem_printf("%s (%s): %s", what != NULL ? what : "-",
                                             how != NULL      ? how
                                             : fields != NULL ? fields
                                                              : "",
                                             until != NULL ? until : "-");
        add_row(columns, i > 0 ? " " : pick(run, "stays", "残るもの"), line);
    }
}

static void add_waiting(struct run *run, struct columns *columns, const struct hikae_purge *purge)
{
    static const struct {
        const char *kind, *ja;
    } table[] = {
        {"run", "次の `hikae purge run` が続けます"},
        {"people", "%s を人が廃棄し、`hikae purge declare` で申告"},
        {"holder", "保持者 %s に照会できません。ここに用意して再実行するか、廃棄済みなら `hikae purge declare` で申告"},
        {"target", "保存先 %s（上記の理由）"},
        {"time", "鍵管理サービスの待機期間の満了 %s"}};
    if (purge->waiting == NULL)
        return;
    for (size_t i = 0; run->lang == LANG_JA && i < sizeof(table) / sizeof(table[0]); i++) {
        const char *hole = strstr(table[i].ja, "%s");
        if (strcmp(table[i].kind, purge->waits_for) != 0)
            continue;
        char *line CLEANUP_FREE = hole == NULL ? mem_strdup(table[i].ja)
                                               : mem_printf("%.*s%s%s", (int)(hole - table[i].ja), table[i].ja,
                                                            purge->waits_on != NULL ? purge->waits_on : "-", hole + 2);
        add_row(columns, "待ち", line);
        return;
    }
    add_row(columns, "waiting for", purge->waiting);
}

static void add_approvals(struct run *run, struct columns *columns, const struct hikae_purge *purge)
{
    char *names CLEANUP_FREE = mem_strdup("");
    for (size_t i = 0; names != NULL && i < purge->approval_count; i++) {
        char *more = mem_printf("%s%s%s", names, i > 0 ? ", " : "", purge->approvals[i].operator_name);
        mem_free(names);
        names = more;
    }
    add_row(columns, pick(run, "approved by", "承認者"), names);
}

static void print_one(struct run *run, const struct hikae_purge *purge)
{
    const char *const heads[] = {pick(run, "ERASURE", "消去"), purge->name != NULL ? purge->name : purge->tenant, NULL};
    json_t *plan CLEANUP_JSON = NULL;
    struct columns columns CLEANUP(columns_free);
    char text[TEXT_SMALL];
    if (purge->plan != NULL && json_parse(purge->plan, strlen(purge->plan), &plan, NULL) != 0)
        plan = NULL;
    columns_start(&columns, heads);
    add_row(&columns, pick(run, "pseudonym", "仮名"), purge->tenant);
    char *stage CLEANUP_FREE = watch_words(&run->watch, purge->stage);
    add_row(&columns, pick(run, "stage", "段階"), stage);
    if (plan != NULL) {
        add_row(&columns, pick(run, "requested by", "依頼者"), json_string_value(json_object_get(plan, "requester")));
        add_approvals(run, &columns, purge);
        add_row(&columns, pick(run, "snapshots", "スナップショット"),
                text_count((uint64_t)json_integer_value(json_object_get(json_object_get(plan, "scope"), "snapshots")),
                           text));
    }
    if (purge->deadline_ns != 0) {
        columns_add(&columns, pick(run, "erased by", "消去期限"));
        char *line CLEANUP_FREE = mem_printf("%s, %s", text_time(purge->deadline_ns, text),
                                             purge->needs_deletion ? pick(run, "met by T2", "T2 で達成")
                                                                   : pick(run, "met by T0", "T0 で達成"));
        columns_add_colour(&columns, line, purge->missed ? COLOUR_RED : COLOUR_NONE);
    }
    add_time(&columns, pick(run, "T0 unreadable", "T0 復号不能"), purge->unreadable_ns);
    add_time(&columns, pick(run, "T1 irrevocable", "T1 取消不能"), purge->irrevocable_ns);
    add_time(&columns, pick(run, "T2 gone", "T2 全削除"), purge->gone_ns);
    add_people(run, &columns, plan);
    add_survivors(run, &columns, plan);
    add_waiting(run, &columns, purge);
    run_table(run, &columns);
}

static void print_list(struct run *run, const struct hikae_purges *purges)
{
    static const char *const heads[] = {"TENANT", "PSEUDONYM", "STAGE",     "UNREADABLE",
                                        "GONE",   "ERASED BY", "WAITS FOR", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < purges->count; i++) {
        const struct hikae_purge *purge = &purges->purges[i];
        char text[TEXT_SMALL];
        char *kind CLEANUP_FREE =
            purge->waits_for != NULL ? watch_words(&run->watch, purge->waits_for) : mem_strdup("-");
        char *waits CLEANUP_FREE = kind == NULL              ? NULL
                                   : purge->waits_on != NULL ? mem_printf("%s %s", kind, purge->waits_on)
                                                             : mem_strdup(kind);
        columns_add(&columns, purge->name);
        columns_add(&columns, purge->tenant);
        columns_add(&columns, purge->stage);
        columns_add(&columns, purge->unreadable_ns != 0 ? text_time(purge->unreadable_ns, text) : NULL);
        columns_add(&columns, purge->gone_ns != 0 ? text_time(purge->gone_ns, text) : NULL);
        columns_add_colour(&columns, purge->deadline_ns != 0 ? text_time(purge->deadline_ns, text) : NULL,
                           purge->missed ? COLOUR_RED : COLOUR_NONE);
        columns_add(&columns, waits);
    }
    run_table(run, &columns);
}

void show_purges(struct run *run, const struct hikae_purges *purges, bool dry_run)
{
    if (run->out.json) {
        json_purges(run, purges);
        if ((run->command->flags & COMMAND_DRY) != 0)
            out_bool(&run->out, NULL, "dry_run", dry_run);
        return;
    }
    if (run->arg_count != 1 || purges->count != 1) {
        print_list(run, purges);
        return;
    }
    print_one(run, &purges->purges[0]);
    print_places(run, &purges->purges[0]);
    print_holders(run, &purges->purges[0]);
    print_worth(run, &purges->purges[0]);
}
