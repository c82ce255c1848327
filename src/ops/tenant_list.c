/* Listing tenants. */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/each.h"
#include "ops/tenant.h"

#include <string.h>

struct list {
    const struct hikae_tenant_filter *filter;
    struct engine_rows rows; /* of those that fit */
    struct hikae_tenants *ret;
    size_t room;
};

static int describe_sources(const struct history_tenant *tenant, struct hikae_tenant *to, struct error *err)
{
    to->sources = mem_calloc(tenant->source_count, sizeof(*to->sources));
    if (to->sources == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < tenant->source_count; i++) {
        to->sources[i].name = mem_strdup(tenant->sources[i].name);
        to->sources[i].spec = mem_strdup(tenant->sources[i].spec);
        to->source_count++;
        if (to->sources[i].name == NULL || to->sources[i].spec == NULL)
            return error_no_memory(err);
    }
    return labels_list(tenant->checks != NULL ? tenant->checks : "{}", &to->checks, &to->check_count, err) != 0
               ? -1
               : labels_list(tenant->labels != NULL ? tenant->labels : "{}", &to->labels, &to->label_count, err);
}

static void describe_snapshots(const struct history *history, struct hikae_tenant *to)
{
    for (size_t i = 0; i < history->snapshot_count; i++)
        to->snapshots += !history->snapshots[i].retired;
    const struct history_snapshot *latest = history_latest(history);
    to->last_snapshot_ns = latest != NULL ? latest->time_ns : 0;
}

int tenant_describe(const struct session *session, const struct catalog_tenant *row, struct hikae_tenant *to,
                    struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    const struct history *history = &session->chain.history;
    const struct history_tenant *tenant = &history->tenant;
    to->name = mem_strdup(row->name);
    to->id = mem_strdup(hex_encode(row->tid.bytes, ID_SIZE, hex));
    to->policy = mem_strdup(history->has_tenant ? tenant->policy : row->policy);
    to->state = mem_strdup(history->has_tenant ? tenant->state : row->state);
    to->class_name = mem_strdup(history->has_tenant ? tenant->class_ : row->class);
    to->priority = tenant->priority != 0 ? tenant->priority : TENANT_PRIORITY_DEFAULT;
    to->limits = (struct hikae_limits){tenant->limits.seconds, tenant->limits.bytes, tenant->limits.threads};
    to->not_before_ns = tenant->not_before_ns;
    describe_snapshots(history, to);
    bool whole =
        to->name != NULL && to->id != NULL && to->policy != NULL && to->state != NULL && to->class_name != NULL;
    return whole ? describe_sources(tenant, to, err) : error_no_memory(err);
}

/* Of one that is erased nothing is left but the pseudonym: there are no keys to open its history with. */
static int describe_erased(const struct catalog_tenant *row, struct hikae_tenant *to, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    to->id = mem_strdup(hex_encode(row->tid.bytes, ID_SIZE, hex));
    to->name = mem_strdup(row->name);
    to->policy = mem_strdup(row->policy);
    to->state = mem_strdup(row->state);
    to->class_name = mem_strdup(row->class);
    to->priority = TENANT_PRIORITY_DEFAULT;
    bool whole =
        to->id != NULL && to->name != NULL && to->policy != NULL && to->state != NULL && to->class_name != NULL;
    return whole ? 0 : error_no_memory(err);
}

static int describe(struct hikae *hikae, const struct catalog_tenant *row, struct hikae_tenant *to, struct error *err)
{
    struct session session;
    if (strcmp(row->state, "erased") == 0)
        return describe_erased(row, to, err);
    if (session_open(hikae, row->name, 0, &session, err) != 0)
        return -1;
    int rc = tenant_describe(&session, row, to, err);
    session_close(&session);
    return rc;
}

static bool fits(const char *wanted, const char *text)
{
    return wanted == NULL || strcmp(wanted, text) == 0;
}

/* Labels stand in the catalogue's copy of the record: a tenant that does not fit is not opened. */
static int has_label(const struct catalog_tenant *row, const char *label, bool *ret, struct error *err)
{
    struct history_tenant tenant CLEANUP(history_tenant_clear) = {0};
    char **labels = NULL;
    size_t count = 0;
    *ret = true;
    if (label == NULL)
        return 0;
    bool is_erased = strcmp(row->state, "erased") == 0;
    int rc = is_erased ? 0 : history_tenant_read(row->body, &tenant, err);
    if (rc == 0 && !is_erased)
        rc = labels_list(tenant.labels, &labels, &count, err);
    *ret = rc == 0 && labels_match(labels, count, label);
    for (size_t i = 0; i < count; i++)
        mem_free(labels[i]);
    mem_free(labels);
    return rc;
}

static int note_fitting(const struct catalog_tenant *row, void *context, struct error *err)
{
    struct list *list = context;
    const struct hikae_tenant_filter *filter = list->filter;
    bool fitting = fits(filter->name, row->name) && fits(filter->state, row->state) &&
                   fits(filter->class_name, row->class) && fits(filter->policy, row->policy);
    if (!fitting)
        return 0;
    if (has_label(row, filter->label, &fitting, err) != 0)
        return -1;
    return fitting ? engine_rows_add(&list->rows, row, err) : 0;
}

static int look_at_one(struct hikae *fork, size_t number, void *item, void *context, struct error *err)
{
    const struct list *list = context;
    return describe(fork, &list->rows.items[number], item, err);
}

static int take_one(struct hikae *fork, size_t number, void *item, const struct error *why, void *context,
                    struct error *err)
{
    struct list *list = context;
    struct hikae_tenants *ret = list->ret;
    struct hikae_tenant *found = item;
    (void)fork;
    (void)number;
    if (why != NULL) {
        *err = *why;
        return -1;
    }
    struct hikae_tenant *grown = mem_more(ret->tenants, ret->count, &list->room, sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->tenants = grown;
    grown[ret->count++] = *found;
    *found = (struct hikae_tenant){0};
    return 0;
}

static void clear_one(void *item)
{
    tenant_free(item);
}

static int select_tenants(struct hikae *hikae, const struct hikae_tenant_filter *filter, struct hikae_tenants *ret,
                          struct error *err)
{
    static const struct engine_each work = {sizeof(struct hikae_tenant), look_at_one, take_one, clear_one};
    struct list list = {.filter = filter, .ret = ret};
    struct id tid;
    if (filter->name != NULL && engine_tenant_id(hikae, filter->name, &tid, err) != 0)
        return -1;
    if (engine_tenants(hikae, err) != 0)
        return -1;
    int rc = catalog_tenant_each(hikae->catalog, note_fitting, &list, err);
    /* Of none that lives nothing is asked: what is known here can be listed while no holder answers. */
    for (size_t i = 0; rc == 0 && hikae->keystore == NULL && i < list.rows.count; i++)
        if (strcmp(list.rows.items[i].state, "erased") != 0) {
            rc = engine_keystore(hikae, err);
            break;
        }
    if (rc == 0)
        rc = engine_each(hikae, &work, list.rows.count, &list, err);
    engine_rows_clear(&list.rows);
    return rc;
}

int tenant_list(struct hikae *hikae, const char *name, struct hikae_tenants *ret, struct error *err)
{
    const struct hikae_tenant_filter filter = {.name = name};
    return select_tenants(hikae, &filter, ret, err);
}

enum hikae_status hikae_tenant_select(struct hikae *hikae, const struct hikae_tenant_filter *filter,
                                      struct hikae_tenants *ret, struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_tenants){0};
    int rc = select_tenants(hikae, filter, ret, &err);
    if (rc != 0)
        hikae_tenants_free(ret);
    return api_result(rc, false, &err, error);
}

enum hikae_status hikae_tenant_list(struct hikae *hikae, const char *name, struct hikae_tenants *ret,
                                    struct hikae_error *error)
{
    const struct hikae_tenant_filter filter = {.name = name};
    return hikae_tenant_select(hikae, &filter, ret, error);
}

void tenant_free(struct hikae_tenant *tenant)
{
    mem_free(tenant->name);
    mem_free(tenant->id);
    mem_free(tenant->policy);
    mem_free(tenant->state);
    mem_free(tenant->class_name);
    for (size_t i = 0; i < tenant->source_count; i++) {
        mem_free(tenant->sources[i].name);
        mem_free(tenant->sources[i].spec);
    }
    mem_free(tenant->sources);
    for (size_t i = 0; i < tenant->label_count; i++)
        mem_free(tenant->labels[i]);
    mem_free(tenant->labels);
    for (size_t i = 0; i < tenant->check_count; i++)
        mem_free(tenant->checks[i]);
    mem_free(tenant->checks);
}

void hikae_tenants_free(struct hikae_tenants *tenants)
{
    for (size_t i = 0; i < tenants->count; i++)
        tenant_free(&tenants->tenants[i]);
    mem_free(tenants->tenants);
    *tenants = (struct hikae_tenants){0};
}
