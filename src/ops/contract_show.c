/* contract show: how the end of a contract stands, and what stands in the way of the erasure. */
#include "base/mem.h"
#include "ops/contract.h"

#include <stdlib.h>

enum { HOLD_TEXT = 200 };
#define DAY_NS (24 * 3600 * NS_PER_S)

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(texts[i]);
    mem_free(texts);
}

void hikae_receipt_free(struct hikae_receipt *receipt)
{
    mem_free(receipt->id);
    mem_free(receipt->recipient);
    mem_free(receipt->sha256);
    *receipt = (struct hikae_receipt){0};
}

void hikae_contract_free(struct hikae_contract *contract)
{
    for (size_t i = 0; i < contract->survivor_count; i++) {
        struct hikae_survivor *survivor = &contract->survivors[i];
        free_texts(survivor->fields, survivor->field_count);
        mem_free(survivor->what);
        mem_free(survivor->keep);
        mem_free(survivor->into);
        mem_free(survivor->snapshot);
    }
    for (size_t i = 0; i < contract->receipt_count; i++)
        hikae_receipt_free(&contract->receipts[i]);
    mem_free(contract->survivors);
    mem_free(contract->receipts);
    free_texts(contract->logs, contract->log_count);
    free_texts(contract->holds, contract->hold_count);
    free_texts(contract->blocks, contract->block_count);
    mem_free(contract->tenant);
    mem_free(contract->on);
    mem_free(contract->zone);
    mem_free(contract->deadline_day);
    mem_free(contract->within);
    mem_free(contract->policy);
    mem_free(contract->proof);
    mem_free(contract->who);
    mem_free(contract->reason);
    *contract = (struct hikae_contract){0};
}

/* ---- Members ---- */

/* A text of the record, copied; absent is NULL. */
static int take_text(const json_t *object, const char *name, char **ret, struct error *err)
{
    const char *text = json_string_value(json_object_get(object, name));
    *ret = text != NULL ? mem_strdup(text) : NULL;
    return *ret != NULL || text == NULL ? 0 : error_no_memory(err);
}

static int64_t take_time(const json_t *object, const char *name)
{
    int64_t ns = 0;
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && clock_parse(text, &ns, NULL) == 0 ? ns : 0;
}

static int take_texts(const json_t *list, char ***ret, size_t *ret_count, struct error *err)
{
    *ret = mem_calloc(json_array_size(list) + 1, sizeof(char *));
    if (*ret == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        char *copy = mem_strdup(text != NULL ? text : "");
        if (copy == NULL)
            return error_no_memory(err);
        (*ret)[(*ret_count)++] = copy;
    }
    return 0;
}

/* Takes text over; NULL is want of memory. */
static int add_text(char ***list, size_t *count, char *text, struct error *err)
{
    char **grown = mem_realloc(*list, (*count + 1) * sizeof(char *));
    if (grown != NULL)
        *list = grown;
    if (grown == NULL || text == NULL) {
        mem_free(text);
        return error_no_memory(err);
    }
    grown[(*count)++] = text;
    return 0;
}

static int take_survivors(const json_t *end, const json_t *stored, struct hikae_contract *ret, struct error *err)
{
    const json_t *list = json_object_get(end, "survives");
    ret->survivors = mem_calloc(json_array_size(list) + 1, sizeof(*ret->survivors));
    if (ret->survivors == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *from = json_array_get(list, i);
        struct hikae_survivor *to = &ret->survivors[ret->survivor_count++];
        if (take_text(from, "what", &to->what, err) != 0 || take_text(from, "keep", &to->keep, err) != 0 ||
            take_texts(json_object_get(from, "fields"), &to->fields, &to->field_count, err) != 0)
            return -1;
        const json_t *row = to->what != NULL ? json_object_get(json_object_get(stored, "what"), to->what) : NULL;
        if (row == NULL)
            continue;
        to->keep_until_ns = take_time(row, "keep_until");
        if (take_text(stored, "into", &to->into, err) != 0 || take_text(row, "snapshot", &to->snapshot, err) != 0)
            return -1;
    }
    return 0;
}

static int compare_receipts(const void *a, const void *b)
{
    const struct hikae_receipt *x = a, *y = b;
    return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

static int take_receipts(const struct session *session, struct hikae_contract *ret, struct error *err)
{
    const struct history *history = &session->chain.history;
    for (size_t i = 0; i < history->fact_count; i++) {
        CLEANUP_JSON json_t *body = NULL;
        if (history->facts[i].type != RECORD_CONTRACT || strncmp(history->facts[i].key, "receipt/", 8) != 0)
            continue;
        struct hikae_receipt *grown = mem_realloc(ret->receipts, (ret->receipt_count + 1) * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        ret->receipts = grown;
        struct hikae_receipt *to = &grown[ret->receipt_count++];
        *to = (struct hikae_receipt){.id = mem_strdup(history->facts[i].key + 8)};
        if (to->id == NULL)
            return error_no_memory(err);
        if (json_parse(history->facts[i].body, strlen(history->facts[i].body), &body, err) != 0 ||
            take_text(body, "recipient", &to->recipient, err) != 0 || take_text(body, "sha256", &to->sha256, err) != 0)
            return -1;
        to->entries = (uint64_t)json_integer_value(json_object_get(body, "entries"));
        to->bytes = (uint64_t)json_integer_value(json_object_get(body, "bytes"));
        to->time_ns = take_time(body, "time");
    }
    if (ret->receipt_count > 1)
        qsort(ret->receipts, ret->receipt_count, sizeof(*ret->receipts), compare_receipts);
    return 0;
}

static int take_holds(const struct session *session, int64_t now_ns, struct hikae_contract *ret, struct error *err)
{
    const struct history *history = &session->chain.history;
    for (size_t i = 0; i < history->hold_count; i++) {
        const struct history_hold *hold = &history->holds[i];
        if (history_hold_in_force(hold, now_ns) &&
            add_text(&ret->holds, &ret->hold_count,
                     mem_printf("%.8s by %.*s: %.*s, until %s", hold->id, HOLD_TEXT,
                                hold->who != NULL ? hold->who : "?", HOLD_TEXT, hold->why != NULL ? hold->why : "?",
                                hold->until != NULL ? hold->until : "it is removed"),
                     err) != 0)
            return -1;
    }
    return 0;
}

/* ---- What stands in the way ---- */

static int block(struct hikae_contract *ret, char *text, struct error *err)
{
    return add_text(&ret->blocks, &ret->block_count, text, err);
}

static int find_blocks(struct hikae_contract *ret, int64_t now_ns, struct error *err)
{
    if (ret->ends_ns > now_ns && block(ret, mem_printf("the contract's last day, %s, is not over", ret->on), err) != 0)
        return -1;
    for (size_t i = 0; i < ret->hold_count; i++)
        if (block(ret, mem_printf("hold %s", ret->holds[i]), err) != 0)
            return -1;
    for (size_t i = 0; i < ret->survivor_count; i++)
        if (ret->survivors[i].snapshot == NULL &&
            block(ret,
                  mem_printf("what survives is not stored: %s (`hikae contract survivors`)", ret->survivors[i].what),
                  err) != 0)
            return -1;
    if (ret->customer_export && ret->receipt_count == 0 &&
        block(ret, mem_strdup("the customer has no receipt for the data (`hikae contract export`)"), err) != 0)
        return -1;
    return 0;
}

/* Every night from a week before the deadline, and on the last day. */
static void set_reminders(struct hikae_contract *ret)
{
    static const int64_t before[] = {7 * DAY_NS, 3 * DAY_NS, 1 * DAY_NS};
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
        if (ret->deadline_ns - before[i] > ret->ends_ns)
            ret->reminders_ns[ret->reminder_count++] = ret->deadline_ns - before[i];
}

static const char *stage_of(const struct hikae_contract *contract, const struct history_tenant *tenant,
                            enum contract_purge purge, int64_t now_ns)
{
    if (purge == CONTRACT_PURGE_UNREADABLE)
        return "unreadable";
    if (purge != CONTRACT_PURGE_NONE)
        return "purging";
    if (tenant->state != NULL && strcmp(tenant->state, "erased") == 0)
        return "erased";
    if (contract->on == NULL)
        return "none";
    return contract_is_frozen(tenant, now_ns) ? "frozen" : "ending";
}

/* "2027-02-28": the day by whose end, in the contract's zone, everything must be erased. */
static int take_deadline_day(struct hikae_contract *ret, struct error *err)
{
    struct zone *zone = NULL;
    char day[ZONE_TEXT_SIZE];
    if (ret->zone == NULL || zone_open(ret->zone, &zone, err) != 0)
        return ret->zone == NULL ? error_set(err, ERROR_DAMAGED, "the record of the contract's end names no zone") : -1;
    ret->deadline_day =
        mem_strdup(zone_period_format(zone, ZONE_DAY, zone_period(zone, ZONE_DAY, ret->deadline_ns), day));
    zone_free(zone);
    return ret->deadline_day != NULL ? 0 : error_no_memory(err);
}

int contract_describe_end(const struct session *session, const json_t *end, struct hikae_contract *ret,
                          struct error *err)
{
    CLEANUP_JSON json_t *stored = NULL;
    if (contract_about(session, "survivors", &stored, err) != 0 || take_text(end, "on", &ret->on, err) != 0 ||
        take_text(end, "zone", &ret->zone, err) != 0 || take_text(end, "within", &ret->within, err) != 0 ||
        take_text(end, "policy", &ret->policy, err) != 0 || take_text(end, "proof", &ret->proof, err) != 0 ||
        take_text(end, "who", &ret->who, err) != 0 || take_text(end, "reason", &ret->reason, err) != 0 ||
        take_texts(json_object_get(end, "logs"), &ret->logs, &ret->log_count, err) != 0 ||
        take_survivors(end, stored, ret, err) != 0)
        return -1;
    ret->ends_ns = take_time(end, "ends");
    ret->deadline_ns = take_time(end, "deadline");
    ret->customer_export = json_is_true(json_object_get(end, "customer_export"));
    set_reminders(ret);
    if (take_deadline_day(ret, err) != 0)
        return -1;
    return find_blocks(ret, clock_now_ns(), err);
}

static int describe(const struct session *session, struct hikae_contract *ret, struct error *err)
{
    CLEANUP_JSON json_t *end = NULL;
    int64_t now = clock_now_ns();
    ret->tenant = mem_strdup(session->tenant);
    if (ret->tenant == NULL)
        return error_no_memory(err);
    if (contract_read(session, &end, err) != 0 || take_receipts(session, ret, err) != 0 ||
        take_holds(session, now, ret, err) != 0)
        return -1;
    return end != NULL ? contract_describe_end(session, end, ret, err) : 0;
}

int contract_describe(struct hikae *hikae, const struct session *session, struct hikae_contract *ret, struct error *err)
{
    enum contract_purge purge;
    if (describe(session, ret, err) != 0 || contract_purge_of(hikae, &session->tid, &purge, err) != 0)
        return -1;
    ret->stage = stage_of(ret, &session->chain.history.tenant, purge, clock_now_ns());
    ret->missed = ret->deadline_ns != 0 && ret->deadline_ns < clock_now_ns() && purge < CONTRACT_PURGE_UNREADABLE;
    return 0;
}

/* What was stored must be there still: after the erasure nobody could store it again. */
static int check_survivors(struct hikae *hikae, const struct hikae_contract *contract, struct error *err)
{
    for (size_t i = 0; i < contract->survivor_count; i++) {
        const struct hikae_survivor *survivor = &contract->survivors[i];
        bool there = false;
        if (contract_survivor_is_there(hikae, survivor->into, survivor->snapshot, &there, err) != 0)
            return error_wrap(err, "look for what survives in %s", survivor->into);
        if (there)
            continue;
        (void)error_set(err, ERROR_REFUSED, "%s cannot be erased: what survives (%s) is not in %s any more",
                        contract->tenant, survivor->what, survivor->into);
        return error_hint(err, "`hikae contract survivors %s` stores it again", contract->tenant);
    }
    return 0;
}

int contract_check_erasure(const struct session *session, struct error *err)
{
    CLEANUP(hikae_contract_free) struct hikae_contract contract = {0};
    if (describe(session, &contract, err) != 0)
        return -1;
    if (contract.on == NULL) {
        (void)error_set(err, ERROR_REFUSED, "the contract of %s has not ended", session->tenant);
        return error_hint(err, "`hikae contract end %s --on DATE`", session->tenant);
    }
    if (contract.block_count == 0)
        return check_survivors(session->hikae, &contract, err);
    (void)error_set(err, ERROR_REFUSED, "%s cannot be erased: %s", session->tenant, contract.blocks[0]);
    return error_hint(err, "`hikae contract show %s` tells all that stands in the way", session->tenant);
}

/* ---- Of a tenant that is erased ---- */

/* The catalogue has forgotten it; the plan of its erasure has the record of the contract's end. */
static int describe_plan(const struct hikae_purge *purge, struct hikae_contract *ret, struct error *err)
{
    CLEANUP_JSON json_t *plan = NULL;
    if (purge->plan == NULL || json_parse(purge->plan, strlen(purge->plan), &plan, err) != 0)
        return purge->plan == NULL ? 0 : -1;
    const json_t *end = json_object_get(plan, "contract");
    if (!json_is_object(end))
        return 0;
    ret->ends_ns = take_time(end, "ends");
    return take_text(end, "on", &ret->on, err) != 0 || take_text(end, "zone", &ret->zone, err) != 0 ||
                   take_text(end, "within", &ret->within, err) != 0 ||
                   take_text(end, "policy", &ret->policy, err) != 0 || take_text(end, "proof", &ret->proof, err) != 0 ||
                   take_text(end, "who", &ret->who, err) != 0 || take_text(end, "reason", &ret->reason, err) != 0
               ? -1
               : 0;
}

/* 0 with ret->tenant NULL: no erasure of that name is known. */
static int describe_erased(struct hikae *hikae, const char *tenant, struct hikae_contract *ret, struct error *err)
{
    CLEANUP(hikae_purges_free) struct hikae_purges purges = {0};
    struct hikae_error why = {0};
    if (hikae_purge_status(hikae, tenant, &purges, &why) > HIKAE_WARNINGS || purges.count != 1 ||
        purges.purges[0].unreadable_ns == 0)
        return 0;
    const struct hikae_purge *purge = &purges.purges[0];
    ret->tenant = mem_strdup(tenant);
    ret->stage = purge->gone_ns != 0 ? "erased" : "unreadable";
    ret->deadline_ns = purge->deadline_ns;
    ret->missed = purge->missed;
    return ret->tenant != NULL ? describe_plan(purge, ret, err) : error_no_memory(err);
}

enum hikae_status hikae_contract_show(struct hikae *hikae, const char *tenant, struct hikae_contract *ret,
                                      struct hikae_error *error)
{
    struct error err = {0};
    struct session session;
    *ret = (struct hikae_contract){0};
    int rc = session_open(hikae, tenant, 0, &session, &err);
    if (rc == 0) {
        rc = contract_describe(hikae, &session, ret, &err);
        session_close(&session);
    } else if (err.class == ERROR_NOT_FOUND) {
        struct error why = {0};
        rc = describe_erased(hikae, tenant, ret, &why);
        if (rc != 0)
            err = why;
        else if (ret->tenant == NULL)
            rc = -1;
    }
    bool missed = ret->missed;
    if (rc != 0)
        hikae_contract_free(ret);
    return api_result(rc, missed, &err, error);
}
