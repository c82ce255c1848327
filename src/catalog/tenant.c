/* Tenants in the catalogue. */
#include "catalog/catalog_internal.h"

#include <string.h>

int catalog_tenant_put(struct catalog *catalog, const struct catalog_tenant *tenant, struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_TENANT_PUT);
    query_id(&query, &tenant->tid);
    query_text(&query, tenant->name);
    query_text(&query, tenant->policy);
    query_text(&query, tenant->state);
    query_text(&query, tenant->class);
    query_text(&query, tenant->body);
    if (query_step(&query, "remember a tenant", err) >= 0)
        return 0;
    if (sqlite3_extended_errcode(catalog->db) == SQLITE_CONSTRAINT_UNIQUE) {
        (void)error_set(err, ERROR_REFUSED, "another tenant is named \"%s\"", tenant->name);
        return error_hint(err, "choose another name");
    }
    return -1;
}

static int copy_tenant(const struct query *query, struct catalog_tenant *ret, struct error *err)
{
    const void *tid = sqlite3_column_blob(query->statement, 0);
    *ret = (struct catalog_tenant){0};
    if (tid != NULL && sqlite3_column_bytes(query->statement, 0) == ID_SIZE)
        memcpy(ret->tid.bytes, tid, ID_SIZE);
    char **const texts[] = {&ret->name, &ret->policy, &ret->state, &ret->class, &ret->body};
    for (int i = 0; i < 5; i++) {
        *texts[i] = mem_strdup(query_column_text(query, i + 1));
        if (*texts[i] == NULL) {
            catalog_tenant_free(ret);
            return error_no_memory(err);
        }
    }
    return 0;
}

int catalog_tenant_by_name(struct catalog *catalog, const char *name, struct catalog_tenant *ret_tenant,
                           struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_TENANT_BY_NAME);
    query_text(&query, name);
    int found = query_step(&query, "look up a tenant", err);
    if (found > 0)
        return copy_tenant(&query, ret_tenant, err);
    if (found < 0)
        return -1;
    (void)error_set(err, ERROR_NOT_FOUND, "there is no tenant named \"%s\"", name);
    return error_hint(err, "hikae tenant list shows all");
}

int catalog_tenant_by_id(struct catalog *catalog, const struct id *tid, struct catalog_tenant *ret_tenant,
                         struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_TENANT_BY_ID);
    query_id(&query, tid);
    int found = query_step(&query, "look up a tenant", err);
    if (found > 0)
        return copy_tenant(&query, ret_tenant, err);
    return found == 0 ? error_set(err, ERROR_NOT_FOUND, "the catalogue knows no tenant of this id") : -1;
}

void catalog_tenant_free(struct catalog_tenant *tenant)
{
    mem_free(tenant->name);
    mem_free(tenant->policy);
    mem_free(tenant->state);
    mem_free(tenant->class);
    mem_free(tenant->body);
    *tenant = (struct catalog_tenant){0};
}

/* The tenant whose name comes next; 1, 0 at the end, -1. */
static int next_tenant(struct catalog *catalog, const char *after, struct catalog_tenant *ret, struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_TENANT_AFTER);
    query_text(&query, after);
    int found = query_step(&query, "list the tenants", err);
    if (found > 0 && copy_tenant(&query, ret, err) != 0)
        return -1;
    return found;
}

int catalog_tenant_each(struct catalog *catalog, catalog_tenant_callback *callback, void *context, struct error *err)
{
    CLEANUP(catalog_tenant_free) struct catalog_tenant before = {0};
    for (;;) {
        struct catalog_tenant tenant = {0};
        int found = next_tenant(catalog, before.name != NULL ? before.name : "", &tenant, err);
        if (found <= 0)
            return found;
        catalog_tenant_free(&before);
        before = tenant;
        if (callback(&tenant, context, err) != 0)
            return -1;
    }
}

static int forget(struct catalog *catalog, void *context, struct error *err)
{
    static const enum statement statements[] = {SQL_TENANT_FORGET_PLACES, SQL_TENANT_FORGET_JOBS, SQL_TENANT_FORGET};
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        CLEANUP_QUERY struct query query = query_of(catalog, statements[i]);
        query_id(&query, context);
        if (query_step(&query, "forget a tenant", err) < 0)
            return -1;
    }
    return 0;
}

int catalog_tenant_forget(struct catalog *catalog, const struct id *tid, struct error *err)
{
    struct id copy = *tid;
    return catalog_transaction(catalog, forget, &copy, "forget a tenant", err);
}
