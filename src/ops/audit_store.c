#include "ops/audit_store.h"

#include "base/hex.h"
#include "base/mem.h"

static void warn(const char *message, void *context)
{
    engine_warn(context, "%s", message);
}

int engine_audit_store_open(struct hikae *hikae, struct engine_audit_store *ret, struct error *err)
{
    struct audit_journal *journal;
    *ret = (struct engine_audit_store){0};
    if (engine_keystore(hikae, err) != 0 || engine_audit_journal(hikae, &journal, err) != 0)
        return -1;
    ret->cache = audit_journal_path(journal, "cache/");
    if (ret->cache == NULL)
        return error_no_memory(err);
    if (keystore_keyring(hikae->keystore, &hikae->store.store_tid, &ret->keyring, err) != 0 ||
        keystore_signing_key(hikae->keystore, KEY_SIGN_AUDIT, &ret->signing, err) != 0) {
        engine_audit_store_close(ret);
        return -1;
    }
    struct audit_store *store = &ret->store;
    *store = (struct audit_store){.places = ret->places,
                                  .min_copies = hikae->config->min_copies,
                                  .store = hikae->store.store,
                                  .keyring = ret->keyring,
                                  .signing = ret->signing,
                                  .cache = ret->cache,
                                  .cancel = &hikae->cancel,
                                  .warn = warn,
                                  .context = hikae};
    memcpy(store->public_key, hikae->store.audit_public, sizeof(store->public_key));
    for (size_t i = 0; i < hikae->target_count; i++)
        if (hikae->targets[i].up)
            ret->places[store->place_count++] =
                (struct audit_place){.target = hikae->targets[i].target, .name = hikae->targets[i].name};
    return 0;
}

void engine_audit_store_close(struct engine_audit_store *store)
{
    keyring_free(store->keyring);
    secret_free(store->signing);
    mem_free(store->cache);
    *store = (struct engine_audit_store){0};
}

/* The first entry of a log that another one was given up for. */
static int record_fork(struct hikae *hikae, const struct audit_uploaded *uploaded, struct error *err)
{
    struct engine_audit audit;
    char hex[2 * ID_SIZE + 1];
    if (engine_audit_begin(hikae, OPERATION_AUDIT_FORK, NULL, false, &audit, err) != 0)
        return -1;
    (void)hex_encode(uploaded->old_log.bytes, ID_SIZE, hex);
    engine_audit_detail(&audit, "previous_log", hex);
    engine_audit_count(&audit, "known", uploaded->old_size);
    engine_audit_count(&audit, "found", uploaded->found_size);
    (void)engine_audit_end(&audit, HIKAE_WARNINGS);
    engine_warn(
        hikae,
        "the targets hold %llu entries of audit log %s, this state folder knew %llu: it was restored or copied; "
        "another log begins, and says so",
        (unsigned long long)uploaded->found_size, hex, (unsigned long long)uploaded->old_size);
    return 0;
}

int engine_audit_upload(struct hikae *hikae, struct audit_uploaded *ret, struct error *err)
{
    struct engine_audit_store store;
    struct audit_journal *journal;
    if (engine_audit_journal(hikae, &journal, err) != 0 || engine_audit_store_open(hikae, &store, err) != 0)
        return -1;
    int rc = audit_upload(journal, &store.store, ret, err);
    if (rc == 0 && ret->forked) {
        rc = record_fork(hikae, ret, err);
        if (rc == 0)
            rc = audit_upload(journal, &store.store, ret, err);
    }
    engine_audit_store_close(&store);
    if (ret->interrupted > 0)
        engine_warn(hikae, "%zu operations ended without their result; the audit log says \"interrupted\" of them",
                    ret->interrupted);
    return rc;
}

/* What a catching up would copy: each object to each place that lacks it. */
static uint64_t count_lacking(const struct audit_store *store, const struct audit_objects *objects)
{
    uint64_t count = 0;
    for (size_t i = 0; i < objects->count; i++)
        for (size_t k = 0; k < store->place_count; k++)
            count += !store->places[k].failed && (objects->items[i].places >> k & 1) == 0;
    return count;
}

int engine_audit_catch_up(struct hikae *hikae, bool dry_run, uint64_t *ret_copied, struct error *err)
{
    struct engine_audit_store store;
    struct audit_objects objects;
    uint64_t complete;
    *ret_copied = 0;
    if (engine_audit_store_open(hikae, &store, err) != 0)
        return -1;
    int rc = audit_objects_list(&store.store, NULL, &objects, err);
    if (rc == 0) {
        if (dry_run)
            *ret_copied = count_lacking(&store.store, &objects);
        else
            rc = audit_objects_catch_up(&store.store, &objects, &complete, ret_copied, err);
        audit_objects_free(&objects);
    }
    engine_audit_store_close(&store);
    return rc;
}

int engine_audit_own_log(struct hikae *hikae, struct id *ret, struct error *err)
{
    struct audit_journal *journal;
    struct audit_tree tree;
    if (engine_audit_journal(hikae, &journal, err) != 0 || audit_journal_lock(journal, err) != 0)
        return -1;
    int rc = audit_journal_tree(journal, &tree, err);
    audit_journal_unlock(journal);
    if (rc != 0)
        return -1;
    *ret = tree.log;
    audit_tree_clear(&tree);
    return 0;
}
