/* The plan of an erasure: a pure function of what is known and of the instant. */
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/purge.h"

#include <stdlib.h>
#include <string.h>

/* ---- What forbids it ---- */

int purge_check_hold(const struct history *history, int64_t now_ns, struct error *err)
{
    for (size_t i = 0; i < history->hold_count; i++) {
        const struct history_hold *hold = &history->holds[i];
        if (!history_hold_in_force(hold, now_ns))
            continue;
        (void)error_set(err, ERROR_REFUSED, "a legal hold by %s is in force: %.200s", hold->who, hold->why);
        return error_hint(err, "nothing of the tenant may be erased before it ends; `hikae hold list` shows it");
    }
    return 0;
}

static int check_contract(const struct purge_view *view, struct error *err)
{
    const char *on = json_string_value(json_object_get(view->contract, "on"));
    int64_t ends_ns = purge_time(view->contract, "ends");
    if (view->without_contract != NULL)
        return 0;
    if (view->contract == NULL)
        (void)error_set(err, ERROR_REFUSED, "no contract of %s has ended", view->name);
    else if (ends_ns == 0 || ends_ns > view->now_ns)
        (void)error_set(err, ERROR_REFUSED, "the contract of %s ends on %.40s", view->name, on != NULL ? on : "no day");
    else
        return 0;
    return error_hint(err, "`hikae contract end %s --on DATE` says when; or give --without-contract REASON",
                      view->name);
}

static int check_history(const struct purge_view *view, struct error *err)
{
    const struct history *history = view->history;
    if (!history->has_tenant)
        return error_set(err, ERROR_DAMAGED, "the history of %s has no tenant record", view->name);
    if (strcmp(history->tenant.state, "erased") == 0)
        return error_set(err, ERROR_REFUSED, "%s is erased already", view->name);
    return purge_check_hold(history, view->now_ns, err);
}

/* What a person or a device can bring to an end; a passphrase goes on being known. */
static bool can_end(const json_t *holder)
{
    static const char *const never[] = {"passphrase"};
    const char *kind = json_string_value(json_object_get(holder, "kind"));
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (kind == NULL || strcmp(kind, never[i]) == 0)
            return false;
    return true;
}

static int check_group(const json_t *holders, const char *group, json_int_t epoch, struct error *err)
{
    size_t i;
    json_t *holder;
    json_array_foreach(holders, i, holder)
    {
        const char *name = json_string_value(json_object_get(holder, "group"));
        if (name != NULL && strcmp(name, group) == 0 && can_end(holder))
            return 0;
    }
    (void)error_set(err, ERROR_REFUSED,
                    "group %s opens epoch %lld with a passphrase alone, and would go on opening what is to be erased",
                    group, (long long)epoch);
    return error_hint(err,
                      "give that group a holder whose key can be destroyed, rotate the root key, and wait until no "
                      "promise needs what the passphrase opens");
}

int purge_check_holders(const json_t *epochs, struct error *err)
{
    size_t i, k;
    json_t *epoch, *holder;
    json_array_foreach(epochs, i, epoch)
    {
        json_t *holders = json_object_get(epoch, "holders");
        json_array_foreach(holders, k, holder)
        {
            const char *group = json_string_value(json_object_get(holder, "group"));
            if (group == NULL ||
                check_group(holders, group, json_integer_value(json_object_get(epoch, "epoch")), err) != 0)
                return -1;
        }
    }
    return 0;
}

/* ---- What it says ---- */

static json_t *scope(const struct history *history)
{
    json_int_t live = 0, retired = 0;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        live += !history->snapshots[i].retired;
        retired += history->snapshots[i].retired;
    }
    return json_pack("{s:I, s:I, s:[o,o,o,o]}", "snapshots", live, "retired_snapshots", retired, "what",
                     purge_said("scope-snapshots"), purge_said("scope-history"), purge_said("scope-keys"),
                     purge_said("scope-local"));
}

static json_t *method(const struct purge_view *view)
{
    return json_pack(
        "{s:b, s:b, s:s, s:s, s:[s,s,s]}", "keys", 1, "deletion", 1, "met_by",
        view->needs_deletion ? "deletion" : "keys", "how",
        "The root epoch is changed, and the keys of all other tenants are wrapped under the new one. Then "
        "the old one's key is destroyed at every holder, with which no wrapped copy of the tenant's keys can "
        "be opened. Then every object, version, delete marker and unfinished upload is deleted.",
        "algorithms", "AES-256-GCM, 256-bit keys, for all that is stored", "HKDF-SHA256 for the key of each object",
        "AES-256-GCM for the tenant's keys under the root epoch");
}

/* Who, besides this program, has something to destroy. */
static json_t *people(const json_t *epochs)
{
    json_t *list = json_array(), *epoch, *holder;
    size_t i, k;
    json_array_foreach(epochs, i, epoch) json_array_foreach(json_object_get(epoch, "holders"), k, holder)
    {
        const char *kind = json_string_value(json_object_get(holder, "kind"));
        CLEANUP_FREE char *code = mem_printf("people-%s", kind != NULL ? kind : "");
        if (purge_words(code) != NULL)
            (void)json_array_append_new(
                list, json_pack("{s:O, s:O, s:O, s:O, s:o}", "epoch", json_object_get(epoch, "epoch"), "group",
                                json_object_get(holder, "group"), "name", json_object_get(holder, "name"), "kind",
                                json_object_get(holder, "kind"), "what", purge_said(code)));
    }
    return list;
}

int purge_plan_make(const struct purge_view *view, json_t **ret, struct error *err)
{
    char time[CLOCK_TEXT_SIZE];
    if (check_history(view, err) != 0 || check_contract(view, err) != 0 || purge_check_holders(view->epochs, err) != 0)
        return -1;
    *ret =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s?, s:O?, s:s?, s:s?, s:o, s:o, s:O, s:O, s:o, s:O}", "v", 1, "store",
                  view->store, "tenant", view->tenant, "name", view->name, "planned", clock_format(view->now_ns, time),
                  "requester", view->requester, "contract", view->contract, "without_contract", view->without_contract,
                  "zone", view->zone, "scope", scope(view->history), "method", method(view), "epochs", view->epochs,
                  "targets", view->targets, "people", people(view->epochs), "survivors", view->survivors);
    if (*ret != NULL)
        return 0;
    (void)error_set(err, ERROR_USAGE, "the plan cannot be written: a text in it is no UTF-8, or memory is short");
    return error_hint(err, "write the reason and the requester in UTF-8");
}

int purge_plan_text(const json_t *plan, char **ret_text, char ret_hash[2 * HASH_SIZE + 1], struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    if (json_print_canonical(plan, ret_text, err) != 0)
        return -1;
    if (sha256(*ret_text, strlen(*ret_text), digest, err) != 0) {
        mem_free(*ret_text);
        *ret_text = NULL;
        return -1;
    }
    (void)hex_encode(digest, SHA256_SIZE, ret_hash);
    return 0;
}
