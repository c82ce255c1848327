/* What an erasure under way leaves to others of the root epochs. */
#include "ops/purge.h"

#include <string.h>

/* A change of the configuration that was cut short is finished by whoever began it, with what it has to note of it. */
static bool has_pending_epoch(const struct hikae *hikae)
{
    for (size_t i = 0; i < hikae->config->group_count; i++)
        if (strcmp(hikae->config->groups[i].name, CONFIG_NEW_EPOCH) == 0)
            return true;
    return false;
}

static int find_middle(const char *name, json_t *body, void *context, struct error *err)
{
    const int *end = context;
    int stage = purge_stage(body);
    (void)name;
    if (stage < PURGE_INTENT || stage >= *end)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "an erasure is under way, and the root epoch is changed by it");
    return error_hint(err, "`hikae purge run` finishes it; then rotate");
}

int purge_check_idle(struct hikae *hikae, struct error *err)
{
    struct session facts;
    int end = has_pending_epoch(hikae) ? PURGE_DESTROYED : PURGE_CHANGED;
    if (session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    int rc = purge_journal_each(&facts, "run/", find_middle, &end, err);
    session_close(&facts);
    return rc;
}

static int note_waiting(const char *name, json_t *body, void *context, struct error *err)
{
    json_t *epochs = json_object_get(body, "epochs");
    (void)name;
    if (purge_stage(body) != PURGE_CHANGED || epochs == NULL)
        return 0;
    return json_array_extend(context, epochs) == 0 ? 0 : error_no_memory(err);
}

int purge_waiting_epochs(struct hikae *hikae, json_t **ret, struct error *err)
{
    struct session facts;
    CLEANUP_JSON json_t *epochs = json_array();
    if (epochs == NULL)
        return error_no_memory(err);
    if (session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    int rc = purge_journal_each(&facts, "run/", note_waiting, epochs, err);
    session_close(&facts);
    if (rc == 0)
        *ret = json_incref(epochs);
    return rc;
}
