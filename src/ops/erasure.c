#include "ops/erasure.h"

#include "base/hex.h"
#include "base/json.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/facts.h"
#include "ops/look.h"
#include "ops/retain.h"
#include "pipeline/select.h"
#include "policy/simulate.h"

#include <stdlib.h>

/* ---- Reading ---- */

void erasure_clear(struct erasure_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->patterns[i]);
    mem_free(list->patterns);
    selection_free(list->selection);
    *list = (struct erasure_list){0};
}

static int add_pattern(struct erasure_list *list, const char *pattern, struct error *err)
{
    char **grown = mem_realloc(list->patterns, (list->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    list->patterns = grown;
    grown[list->count] = mem_strdup(pattern);
    return grown[list->count++] != NULL ? 0 : error_no_memory(err);
}

static int add_fact(struct erasure_list *list, const struct history_fact *fact, struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    if (json_parse(fact->body, strlen(fact->body), &body, err) != 0)
        return -1;
    const json_t *patterns = json_object_get(body, "patterns");
    if (json_array_size(patterns) == 0)
        return error_set(err, ERROR_DAMAGED, "entry %.40s of the erasure register names nothing", fact->key);
    for (size_t i = 0; i < json_array_size(patterns); i++) {
        const char *pattern = json_string_value(json_array_get(patterns, i));
        if (pattern == NULL)
            return error_set(err, ERROR_DAMAGED, "entry %.40s of the erasure register cannot be read", fact->key);
        if (add_pattern(list, pattern, err) != 0)
            return -1;
    }
    return 0;
}

int erasure_load(const struct session *session, struct erasure_list *ret, struct error *err)
{
    const struct history *history = &session->chain.history;
    struct erasure_list list = {0};
    for (size_t i = 0; i < history->fact_count; i++)
        if (history->facts[i].type == RECORD_ERASURE && add_fact(&list, &history->facts[i], err) != 0) {
            erasure_clear(&list);
            return -1;
        }
    if (selection_new((const char *const *)list.patterns, list.count, SELECTION_ERASED, &list.selection, err) != 0) {
        erasure_clear(&list);
        return -1;
    }
    *ret = list;
    return 0;
}

/* ---- Results ---- */

void hikae_erasures_free(struct hikae_erasures *erasures)
{
    for (size_t i = 0; i < erasures->count; i++) {
        struct hikae_erasure *erasure = &erasures->erasures[i];
        for (size_t k = 0; k < erasure->pattern_count; k++)
            mem_free(erasure->patterns[k]);
        mem_free(erasure->patterns);
        mem_free(erasure->id);
        mem_free(erasure->who);
        mem_free(erasure->reason);
    }
    mem_free(erasures->erasures);
    *erasures = (struct hikae_erasures){0};
}

static int describe(const struct history_fact *fact, struct hikae_erasure *to, struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    struct erasure_list list = {0};
    if (json_parse(fact->body, strlen(fact->body), &body, err) != 0)
        return -1;
    int rc = add_fact(&list, fact, err);
    const char *who = json_string_value(json_object_get(body, "who"));
    const char *reason = json_string_value(json_object_get(body, "reason"));
    *to = (struct hikae_erasure){.id = mem_strdup(fact->key),
                                 .patterns = list.patterns,
                                 .pattern_count = list.count,
                                 .who = mem_strdup(who != NULL ? who : ""),
                                 .reason = mem_strdup(reason != NULL ? reason : ""),
                                 .since_ns = fact->time_ns};
    if (rc != 0)
        return -1;
    return to->id != NULL && to->who != NULL && to->reason != NULL ? 0 : error_no_memory(err);
}

static int list_in(const struct session *session, struct hikae_erasures *ret, struct error *err)
{
    const struct history *history = &session->chain.history;
    ret->erasures = mem_calloc(history->fact_count + 1, sizeof(*ret->erasures));
    if (ret->erasures == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < history->fact_count; i++)
        if (history->facts[i].type == RECORD_ERASURE &&
            describe(&history->facts[i], &ret->erasures[ret->count++], err) != 0)
            return -1;
    return 0;
}

/* ---- When the last snapshot that holds the data is gone ---- */

/* Which snapshots hold something that an entry of the register matches: holds[entry * count + snapshot]. */
struct holding {
    const struct hikae_erasures *erasures;
    struct selection **selections; /* of each */
    const struct retain_view *view;
    bool *holds;
    struct hikae_erasures *ret;
};

static void selections_free(struct selection **selections, size_t count)
{
    for (size_t i = 0; selections != NULL && i < count; i++)
        selection_free(selections[i]);
    mem_free(selections);
}

/* What each entry of the register matches (selections_free). */
static int selections_new(const struct hikae_erasures *erasures, struct selection ***ret, struct error *err)
{
    struct selection **selections = mem_calloc(erasures->count, sizeof(struct selection *));
    int rc = selections != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < erasures->count; i++)
        rc = selection_new((const char *const *)erasures->erasures[i].patterns, erasures->erasures[i].pattern_count,
                           SELECTION_ERASED, &selections[i], err);
    if (rc != 0)
        selections_free(selections, erasures->count);
    else
        *ret = selections;
    return rc;
}

static int scan_snapshot(struct view *view, struct holding *holding, size_t snapshot, struct error *err)
{
    struct manifest_reader *reader;
    const struct entry *entry;
    size_t count = holding->erasures->count, left = count;
    int rc;
    if (session_sync(&view->session, holding->view->from[snapshot], err) != 0 ||
        view_manifest(view, holding->view->from[snapshot], &reader, err) != 0)
        return -1;
    while (left > 0 && (rc = manifest_reader_next(reader, &entry, err)) > 0) {
        if ((rc = view_cancelled(view, err)) != 0)
            break;
        for (size_t i = 0; i < count; i++) {
            bool *holds = &holding->holds[i * holding->view->count + snapshot];
            if (*holds || !selection_omits(holding->selections[i], entry))
                continue;
            *holds = true;
            left--;
        }
    }
    manifest_reader_free(reader);
    return left == 0 ? 0 : rc;
}

/* A day goes by: what is kept of those that hold the data? */
static int watch_day(const struct simulate_day *day, void *context, struct error *err)
{
    struct holding *holding = context;
    bool any = false;
    for (size_t i = 0; i < holding->ret->count; i++) {
        struct hikae_erasure *erasure = &holding->ret->erasures[i];
        bool kept = false;
        if (erasure->expires_ns != 0 || erasure->snapshots == 0)
            continue;
        for (size_t k = 0; k < day->plan->count && !kept; k++) {
            const struct retention_decision *decision = &day->plan->decisions[k];
            const char *id = day->snapshots[decision->snapshot].id;
            for (size_t s = 0; s < holding->view->count && !kept; s++)
                kept = decision->keep && holding->holds[i * holding->view->count + s] &&
                       strcmp(id, holding->view->from[s]->name) == 0;
        }
        if (!kept)
            erasure->expires_ns = day->now_ns;
        any = any || kept;
    }
    /* Nothing more to learn: this ends the simulation, and is no failure. */
    return any ? 0 : error_set(err, ERROR_INTERRUPTED, "the last one is gone");
}

static int simulate(struct holding *holding, struct error *err)
{
    const struct retain_view *view = holding->view;
    struct error why = {0};
    const struct simulate_input input = {.policy = view->policy,
                                         .snapshots = view->snapshots,
                                         .snapshot_count = view->count,
                                         .holds = view->holds,
                                         .hold_count = view->hold_count,
                                         .now_ns = clock_now_ns(),
                                         .days = SIMULATE_DAYS_MAX};
    bool keeps_all = view->policy == NULL || view->policy->generations.keep_all ||
                     (!view->policy->generations.rule.present && view->policy->generations.rules.count == 0);
    for (size_t i = 0; i < holding->ret->count; i++)
        holding->ret->erasures[i].expiry_known = true;
    if (keeps_all || simulate_days(&input, watch_day, holding, &why) == 0 || why.class == ERROR_INTERRUPTED)
        return 0;
    /* A plan that is refused today says nothing of tomorrow: it is not known then. */
    for (size_t i = 0; i < holding->ret->count; i++)
        holding->ret->erasures[i].expiry_known = false;
    if (why.class != ERROR_REFUSED)
        *err = why;
    return why.class == ERROR_REFUSED ? 0 : -1;
}

static int find_expiry(struct view *view, struct hikae_erasures *ret, struct error *err)
{
    struct retain_view retained;
    if (ret->count == 0)
        return 0;
    if (retain_view_open(&view->session, NULL, &retained, err) != 0)
        return -1;
    bool *holds = mem_calloc(retained.count * ret->count + 1, sizeof(*holds));
    struct holding holding = {.erasures = ret, .view = &retained, .holds = holds, .ret = ret};
    int rc = holds != NULL ? selections_new(ret, &holding.selections, err) : error_no_memory(err);
    for (size_t s = 0; rc == 0 && s < retained.count; s++)
        rc = scan_snapshot(view, &holding, s, err);
    for (size_t i = 0; rc == 0 && i < ret->count; i++)
        for (size_t s = 0; s < retained.count; s++)
            ret->erasures[i].snapshots += holds[i * retained.count + s];
    if (rc == 0)
        rc = simulate(&holding, err);
    selections_free(holding.selections, ret->count);
    mem_free(holds);
    retain_view_close(&retained);
    return rc;
}

/* With the latest snapshot open, as reading manifests needs; a tenant without one holds nothing. */
static int list_with_expiry(struct hikae *hikae, const char *tenant, struct hikae_erasures *ret, struct error *err)
{
    struct view view;
    struct error why = {0};
    if (view_open(hikae, tenant, NULL, &view, &why) != 0) {
        if (why.class == ERROR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    int rc = find_expiry(&view, ret, err);
    view_close(&view);
    return rc;
}

/* ---- Adding, listing ---- */

static int check_options(const struct hikae_erasure_options *options, struct error *err)
{
    if (options->who == NULL || options->who[0] == '\0' || options->reason == NULL || options->reason[0] == '\0') {
        (void)error_set(err, ERROR_USAGE, "an erasure needs to say who asked for it, and why");
        return error_hint(err, "--who NAME --reason TEXT");
    }
    if (options->pattern_count == 0 || options->pattern_count > ERASURE_PATTERNS_MAX)
        return error_set(err, ERROR_USAGE, "an erasure names 1 to %d paths", ERASURE_PATTERNS_MAX);
    for (size_t i = 0; i < options->pattern_count; i++) {
        const char *pattern = options->patterns[i];
        size_t size = strlen(pattern);
        if (size > 0 && size <= ERASURE_PATTERN_SIZE_MAX && pattern[0] != '/' && pattern[size - 1] != '/')
            continue;
        (void)error_set(err, ERROR_USAGE, "'%.100s' is no path in a snapshot", pattern);
        return error_hint(err, "as `hikae ls` shows them: www/customers/42, or with * ? [ ]");
    }
    return 0;
}

static int append(struct session *session, const struct hikae_erasure_options *options, struct error *err)
{
    struct id id;
    char hex[2 * ID_SIZE + 1];
    CLEANUP_JSON json_t *patterns = json_array();
    for (size_t i = 0; i < options->pattern_count; i++)
        if (json_array_append_new(patterns, json_string(options->patterns[i])) != 0) {
            (void)error_set(err, ERROR_USAGE, "a path that is not UTF-8 cannot be registered");
            return error_hint(err, "register a pattern that matches it, with ? for the odd bytes");
        }
    if (crypto_random(id.bytes, ID_SIZE, err) != 0)
        return -1;
    CLEANUP_JSON json_t *body =
        json_pack("{s:s, s:s, s:O, s:s, s:s}", "event", "add", "id", hex_encode(id.bytes, ID_SIZE / 2, hex), "patterns",
                  patterns, "who", options->who, "reason", options->reason);
    if (body == NULL)
        return error_set(err, ERROR_USAGE, "who and reason are texts in UTF-8");
    return facts_append(session, RECORD_ERASURE, body, err);
}

/* The one that would be added, for a dry run. */
static int take_planned(const struct hikae_erasure_options *options, struct hikae_erasures *ret, struct error *err)
{
    struct erasure_list list = {0};
    for (size_t i = 0; i < options->pattern_count; i++)
        if (add_pattern(&list, options->patterns[i], err) != 0) {
            erasure_clear(&list);
            return -1;
        }
    struct hikae_erasure *grown = mem_realloc(ret->erasures, (ret->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        erasure_clear(&list);
        return error_no_memory(err);
    }
    ret->erasures = grown;
    grown[ret->count++] = (struct hikae_erasure){.id = mem_strdup("-"),
                                                 .patterns = list.patterns,
                                                 .pattern_count = list.count,
                                                 .who = mem_strdup(options->who),
                                                 .reason = mem_strdup(options->reason),
                                                 .since_ns = clock_now_ns()};
    return 0;
}

static int list(struct hikae *hikae, const char *tenant, const struct hikae_erasure_options *options,
                struct hikae_erasures *ret, struct error *err)
{
    struct session session;
    bool adds = options != NULL && !options->dry_run;
    if (session_open(hikae, tenant, adds ? SESSION_LOCK : 0, &session, err) != 0)
        return -1;
    int rc = 0;
    if (options != NULL && !options->dry_run)
        rc = append(&session, options, err);
    if (rc == 0)
        rc = list_in(&session, ret, err);
    if (rc == 0 && options != NULL && options->dry_run)
        rc = take_planned(options, ret, err);
    session_close(&session);
    return rc;
}

enum hikae_status hikae_erasure_add(struct hikae *hikae, const char *tenant,
                                    const struct hikae_erasure_options *options, struct hikae_erasures *ret,
                                    struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_erasures){0};
    if (engine_audit_begin(hikae, OPERATION_ERASURE_REGISTER, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = check_options(options, &err);
    if (rc == 0)
        rc = list(hikae, tenant, options, ret, &err);
    if (rc == 0)
        rc = list_with_expiry(hikae, tenant, ret, &err);
    if (rc != 0)
        hikae_erasures_free(ret);
    engine_audit_count(&audit, "patterns", options->pattern_count);
    engine_audit_detail(&audit, "who", options->who);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

enum hikae_status hikae_erasure_list(struct hikae *hikae, const char *tenant, bool expiry, struct hikae_erasures *ret,
                                     struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_erasures){0};
    int rc = list(hikae, tenant, NULL, ret, &err);
    if (rc == 0 && expiry)
        rc = list_with_expiry(hikae, tenant, ret, &err);
    if (rc != 0)
        hikae_erasures_free(ret);
    return api_result(rc, false, &err, error);
}
