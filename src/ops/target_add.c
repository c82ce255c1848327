/* target add: store object and keystore on a new place, then its name in hikae.yaml. */
#include "base/hex.h"
#include "base/mem.h"
#include "base/names.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/policies.h"
#include "ops/target_fact.h"
#include "ops/target_probe.h"

#include <errno.h>
#include <string.h>

enum { STORE_OBJECT_MAX = 65536, ENTRY_MAX = 32 << 20 };

struct copying {
    struct target *from, *to;
    bool dry_run;
    size_t damaged; /* entries of this source that do not match their names */
    const struct cancel *cancel;
};

static int copy_entry(const struct target_object *object, void *context, struct error *err)
{
    struct copying *copying = context;
    uint32_t epoch;
    struct hash wanted, found;
    CLEANUP(buf_free) struct buf bytes = {0};
    if (!name_key_parse(object->name + strlen(NAME_KEYS), &epoch, &wanted))
        return 0; /* nobody's entry */
    if (cancel_check(copying->cancel, err) != 0)
        return -1;
    struct error why = {0};
    if (target_get(copying->from, object->name, ENTRY_MAX, &bytes, &why) != 0 ||
        sha256(bytes.data, bytes.size, found.bytes, &why) != 0 || !hash_equal(&wanted, &found)) {
        if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERNAL) {
            *err = why;
            return -1;
        }
        copying->damaged++; /* another target may have it sound */
        return 0;
    }
    return copying->dry_run ? 0 : target_put_checked(copying->to, object->name, bytes.data, bytes.size, err);
}

/* The keystore is the union of what the targets hold, so the new one gets it from each. */
static int copy_keystore(struct hikae *hikae, struct target *to, bool dry_run, struct error *err)
{
    size_t sound = 0;
    for (size_t i = 0; i < hikae->opened_count; i++) {
        struct copying copying = {hikae->opened[i], to, dry_run, 0, &hikae->cancel};
        if (target_list(hikae->opened[i], NAME_KEYS, NULL, copy_entry, &copying, err) != 0)
            return error_wrap(err, "copy the keystore from %s", target_name(hikae->opened[i]));
        sound += copying.damaged == 0;
        if (copying.damaged > 0)
            engine_warn(hikae, "%zu entries of the keystore on %s do not match their names", copying.damaged,
                        target_name(hikae->opened[i]));
    }
    if (sound > 0)
        return 0;
    (void)error_set(err, ERROR_DAMAGED, "no target has a keystore without damage");
    return error_hint(err, "`hikae verify --repair` mends it; then add the target");
}

/* Last, because with it the target is this store's. */
static int copy_store(struct hikae *hikae, struct target *to, struct error *err)
{
    CLEANUP(buf_free) struct buf bytes = {0};
    struct store_info info;
    if (target_get(hikae->opened[0], NAME_STORE, STORE_OBJECT_MAX, &bytes, err) != 0 ||
        target_put_checked(to, NAME_STORE, bytes.data, bytes.size, err) != 0)
        return error_wrap(err, "copy the store object");
    return store_read(to, &info, err);
}

static int refuse_same(const struct target *new, const struct target *known, struct error *err)
{
    (void)error_set(err, ERROR_REFUSED, "%s is the place that is in use as %s: it would be no copy more",
                    target_name(new), target_name(known));
    return error_hint(err, "take another folder, bucket or prefix, best at another site");
}

/*
 * A place that holds this store already was in use before, or it is in use now and has two addresses: what is put there
 * is then seen at another target. `dry_run` puts nothing.
 */
static int check_not_in_use(struct hikae *hikae, struct target *new, bool dry_run, struct error *err)
{
    struct id noise;
    char name[sizeof(PROBE_FOLDER) + 6 + 2 * ID_SIZE], hex[2 * ID_SIZE + 1];
    enum target_once once;
    uint64_t size;
    if (dry_run)
        return 0;
    if (crypto_random(noise.bytes, sizeof(noise.bytes), err) != 0)
        return -1;
    (void)snprintf(name, sizeof(name), PROBE_FOLDER "place-%s", hex_encode(noise.bytes, sizeof(noise.bytes), hex));
    if (target_put_once(new, name, "?", 1, &once, err) != 0 ||
        (once == TARGET_ONCE_UNSUPPORTED && target_put(new, name, "?", 1, TARGET_PUT_CREATE, err) != 0))
        return -1;
    for (size_t i = 0; i < hikae->opened_count; i++)
        if (target_stat(hikae->opened[i], name, &size, NULL) == 0)
            return refuse_same(new, hikae->opened[i], err);
    return 0;
}

static int check_new(struct hikae *hikae, const char *name, struct target *target, bool dry_run, struct error *err)
{
    struct store_info info;
    struct error why = {0};
    char hex[2 * ID_SIZE + 1];
    for (size_t i = 0; i < hikae->opened_count; i++)
        if (target_same_place(target, hikae->opened[i]))
            return refuse_same(target, hikae->opened[i], err);
    if (store_read(target, &info, &why) == 0) {
        if (id_equal(&info.store, &hikae->store.store))
            return check_not_in_use(hikae, target, dry_run, err);
        (void)error_set(err, ERROR_REFUSED, "%s holds another store, %s", name,
                        hex_encode(info.store.bytes, ID_SIZE, hex));
        return error_hint(err, "one folder or prefix holds one store: take an empty one");
    }
    if (why.class == ERROR_NOT_FOUND)
        return 0;
    *err = why;
    return -1;
}

/* A name or a place that the configuration has already is refused. */
static int check_unknown(const struct config *config, const struct config_target *target, struct error *err)
{
    for (size_t i = 0; i < config->target_count; i++) {
        const struct config_target *known = &config->targets[i];
        if (strcmp(known->name, target->name) != 0 && strcmp(known->url, target->url) != 0)
            continue;
        (void)error_set(err, ERROR_REFUSED, "target %s is in the configuration already, as %s", known->name,
                        known->url);
        return error_hint(err, "choose another name and another place");
    }
    return 0;
}

static int prepare(struct hikae *hikae, struct target *target, bool dry_run, struct error *err)
{
    if (check_new(hikae, target_name(target), target, dry_run, err) != 0 ||
        copy_keystore(hikae, target, dry_run, err) != 0)
        return -1;
    return dry_run ? 0 : copy_store(hikae, target, err);
}

static int open_and_add(struct hikae *hikae, const struct config_target *new, bool dry_run, struct error *err)
{
    struct target *target = NULL;
    if (target_open(new->name, new->url, !dry_run, &target, err) != 0) {
        /* A plan makes no folder: that it is not there yet is as it should be. */
        if (dry_run && err->class == ERROR_UNREACHABLE && (err->errnum == ENOENT || err->errnum == 0))
            return 0;
        return -1;
    }
    int rc = prepare(hikae, target, dry_run, err);
    if (rc == 0 && !dry_run)
        rc = config_append_target(hikae->config->path, new->name, new->url, err);
    target_close(target);
    if (rc == 0 && !dry_run) {
        struct config_target added = *new;
        added.options.name = new->name;
        added.options.url = new->url;
        target_fact_note(hikae, &added, "add", NULL);
    }
    if (rc == 0 && !dry_run)
        engine_warn(hikae, "target %s is prepared and holds no snapshot yet: run `hikae replicate --to %s`", new->name,
                    new->name);
    return rc == 0 ? 0 : error_wrap(err, "add target %s", new->name);
}

/* Data that was promised to one country goes to no other: a place that a tenant's policy forbids is not added. */
static int check_policies(struct hikae *hikae, const struct config_target *new, struct error *err)
{
    struct config after = *hikae->config;
    CLEANUP_FREE struct config_target *targets = mem_calloc(after.target_count + 1, sizeof(*targets));
    if (targets == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < after.target_count; i++)
        targets[i] = after.targets[i];
    targets[after.target_count] = *new;
    targets[after.target_count].options.name = new->name;
    targets[after.target_count++].options.url = new->url;
    after.targets = targets;
    return policies_check_config(hikae, &after, err);
}

static int add_target(struct hikae *hikae, const char *spec, bool dry_run, struct error *err)
{
    struct config_target new = {0};
    int rc = config_target_parse(spec, &new, err);
    if (rc == 0)
        rc = check_unknown(hikae->config, &new, err);
    if (rc == 0)
        rc = engine_targets(hikae, err);
    if (rc == 0)
        rc = check_policies(hikae, &new, err);
    if (rc == 0)
        rc = open_and_add(hikae, &new, dry_run, err);
    mem_free(new.name);
    mem_free(new.url);
    return rc;
}

enum hikae_status hikae_target_add(struct hikae *hikae, const char *name_and_url, bool dry_run,
                                   struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_TARGET_ADD, NULL, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = add_target(hikae, name_and_url, dry_run, &err);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
