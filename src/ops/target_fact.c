#include "ops/target_fact.h"

#include "base/clock.h"

#include <string.h>

int target_fact_checked(const struct session *facts, const char *name, json_t **ret, int64_t *ret_at_ns,
                        struct error *err)
{
    const struct history_fact *fact = facts_find(facts, RECORD_TARGET, name);
    CLEANUP_JSON json_t *body = NULL;
    *ret = NULL;
    *ret_at_ns = 0;
    if (fact == NULL)
        return 0;
    if (json_parse(fact->body, strlen(fact->body), &body, err) != 0)
        return -1;
    json_t *checked = json_object_get(body, "checked");
    const char *at = json_string_value(json_object_get(checked, "at"));
    if (at != NULL && clock_parse(at, ret_at_ns, NULL) == 0)
        *ret = json_incref(checked);
    return 0;
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static int append(struct session *facts, const struct config_target *target, const struct target_traits *traits,
                  const char *event, json_t *checked, struct error *err)
{
    CLEANUP_JSON json_t *body =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:O}", "event", event, "name", target->name, "url",
                  target->url, "provider", text_or_null(traits->provider), "region", text_or_null(traits->region),
                  "country", text_or_null(traits->country), "site", text_or_null(traits->site), "attested",
                  (int)traits->attested, "checked", checked);
    return body != NULL ? facts_append(facts, RECORD_TARGET, body, err) : error_no_memory(err);
}

int target_fact_append(struct session *facts, const struct config_target *target, const char *event, json_t *checked,
                       struct error *err)
{
    struct target_traits traits = {0};
    json_t *measured CLEANUP_JSON = checked;
    int64_t at_ns;
    int rc = measured != NULL ? 0 : target_fact_checked(facts, target->name, &measured, &at_ns, err);
    if (rc == 0 && measured == NULL)
        measured = json_null();
    if (rc == 0)
        rc = target_describe(&target->options, &traits, err);
    if (rc == 0)
        rc = append(facts, target, &traits, event, measured, err);
    target_traits_free(&traits);
    return rc;
}

void target_fact_note(struct hikae *hikae, const struct config_target *target, const char *event, json_t *checked)
{
    struct session facts;
    struct error why = {0};
    if (session_open_store(hikae, SESSION_LOCK, &facts, &why) != 0) {
        json_decref(checked);
    } else {
        int rc = target_fact_append(&facts, target, event, checked, &why);
        session_close(&facts);
        if (rc == 0)
            return;
    }
    engine_warn(hikae, "the store's history has no record of this for target %s: %s", target->name, why.what);
}
