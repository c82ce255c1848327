#include "target/delete.h"

static int check_name(const struct target *target, const char *name, struct error *err)
{
    if (target_name_valid(name))
        return 0;
    return error_set(err, ERROR_USAGE, "%s: \"%.200s\" is not the name of an object", target->traits.name, name);
}

int target_delete(struct target_deleter *deleter, const char *name, struct error *err)
{
    struct target *target = deleter->target;
    return check_name(target, name, err) == 0 ? target->ops->remove(target, name, err) : -1;
}

int target_delete_version(struct target_deleter *deleter, const char *name, const char *version, struct error *err)
{
    struct target *target = deleter->target;
    if (check_name(target, name, err) != 0)
        return -1;
    if (target->ops->remove_version == NULL)
        return error_set(err, ERROR_USAGE, "%s keeps no versions", target->traits.name);
    return target->ops->remove_version(target, name, version, err);
}

int target_delete_each(struct target_deleter *deleter, const struct target_deletion *items, size_t count,
                       target_deletion_callback *callback, void *context, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct error why = {0};
        int rc = items[i].version == NULL ? target_delete(deleter, items[i].name, &why)
                                          : target_delete_version(deleter, items[i].name, items[i].version, &why);
        if (rc != 0 && why.class == ERROR_INTERRUPTED) {
            *err = why;
            return -1;
        }
        if (callback(&items[i], rc == 0 ? NULL : &why, context, err) != 0)
            return -1;
    }
    return 0;
}

int target_delete_many(struct target_deleter *deleter, const struct target_deletion *items, size_t count,
                       target_deletion_callback *callback, void *context, struct error *err)
{
    struct target *target = deleter->target;
    for (size_t i = 0; i < count; i++)
        if (check_name(target, items[i].name, err) != 0)
            return -1;
    if (target->ops->remove_many == NULL)
        return target_delete_each(deleter, items, count, callback, context, err);
    return target->ops->remove_many(target, items, count, callback, context, err);
}

struct as_versions {
    target_version_callback *callback;
    void *context;
};

static int object_as_version(const struct target_object *object, void *context, struct error *err)
{
    const struct as_versions *as = context;
    const struct target_version version = {
        .name = object->name, .version = "", .latest = true, .size = object->size, .modified_ns = object->modified_ns};
    return as->callback(&version, as->context, err);
}

int target_list_versions(struct target_deleter *deleter, const char *prefix, target_version_callback *callback,
                         void *context, struct error *err)
{
    struct target *target = deleter->target;
    struct as_versions as = {callback, context};
    if (target->ops->list_versions == NULL)
        return target_list(target, prefix, NULL, object_as_version, &as, err);
    return target->ops->list_versions(target, prefix, callback, context, err);
}

int target_list_uploads(struct target_deleter *deleter, const char *prefix, target_upload_callback *callback,
                        void *context, struct error *err)
{
    struct target *target = deleter->target;
    return target->ops->list_uploads == NULL ? 0 : target->ops->list_uploads(target, prefix, callback, context, err);
}

int target_abort_upload(struct target_deleter *deleter, const char *name, const char *id, struct error *err)
{
    struct target *target = deleter->target;
    if (target->ops->abort_upload == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s has no unfinished uploads", target->traits.name);
    return target->ops->abort_upload(target, name, id, err);
}
