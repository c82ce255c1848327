/* A target that is retired: what this store put there is deleted, and the deletion checked by listing again. */
#include "base/mem.h"
#include "base/names.h"
#include "ops/target_erase.h"
#include "target/delete.h"

#include <string.h>

/* The store object is what the target is known by: it goes last, so that an erasure that was cut off can go on. */
static bool is_not_store(const char *name, const void *context)
{
    (void)context;
    return strcmp(name, NAME_STORE) != 0;
}

static int count_version(const struct target_version *version, void *context, struct error *err)
{
    struct hikae_target_retired *ret = context;
    (void)err;
    ret->objects++;
    ret->bytes += version->size;
    return 0;
}

static int count_upload(const struct target_upload *upload, void *context, struct error *err)
{
    struct hikae_target_retired *ret = context;
    (void)upload;
    (void)err;
    ret->objects++;
    return 0;
}

static void add(struct hikae_target_retired *ret, const struct target_wiped *wiped)
{
    ret->removed += wiped->deleted;
    ret->removed_bytes += wiped->bytes;
    ret->locked += wiped->locked;
    if (wiped->locked_until_ns > ret->locked_until_ns)
        ret->locked_until_ns = wiped->locked_until_ns;
}

int target_erase(struct target *target, struct hikae_target_retired *ret, struct error *err)
{
    struct target_deleter deleter = {target};
    struct target_wiped wiped;
    ret->objects = ret->bytes = 0;
    ret->counted = false;
    if (target_wipe(&deleter, NAME_ROOT, is_not_store, NULL, &wiped, err) != 0)
        return error_wrap(err, "erase what lies on %s", target_name(target));
    add(ret, &wiped);
    if (wiped.locked + wiped.failed == 0) {
        if (target_wipe(&deleter, NAME_ROOT, NULL, NULL, &wiped, err) != 0)
            return error_wrap(err, "erase what lies on %s", target_name(target));
        add(ret, &wiped);
    }
    if (wiped.failed > 0) {
        *err = wiped.why;
        return error_wrap(err, "erase what lies on %s", target_name(target));
    }
    if (target_list_versions(&deleter, NAME_ROOT, count_version, ret, err) != 0 ||
        target_list_uploads(&deleter, NAME_ROOT, count_upload, ret, err) != 0)
        return error_wrap(err, "list what is left on %s", target_name(target));
    ret->counted = true;
    return 0;
}
