#include "target/delete.h"

int target_delete(struct target_deleter *deleter, const char *name, struct error *err)
{
    struct target *target = deleter->target;
    if (!target_name_valid(name))
        return error_set(err, ERROR_USAGE, "%s: \"%.200s\" is not the name of an object", target->traits.name, name);
    return target->ops->remove(target, name, err);
}
