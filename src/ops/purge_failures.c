/* Several erasures, each on its own: what became of those that could not go on. */
#include "base/mem.h"
#include "ops/purge.h"

/* In the order of CLI.md: of several failures the first of these is the exit code. */
static int rank(const struct error *why)
{
    static const enum hikae_status order[] = {HIKAE_KEYS, HIKAE_DAMAGED, HIKAE_UNKNOWN, HIKAE_REFUSED, HIKAE_BUSY};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if ((enum hikae_status)error_exit_code(why->class) == order[i])
            return (int)i;
    return (int)(sizeof(order) / sizeof(order[0]));
}

int purge_failures_add(struct purge_failures *failures, const char *names, const struct error *why, struct error *err)
{
    if (why->class == ERROR_NO_MEMORY || why->class == ERROR_INTERRUPTED || why->class == ERROR_INTERNAL) {
        *err = *why;
        return -1;
    }
    struct purge_failure *grown = mem_more(failures->items, failures->count, &failures->room, sizeof(*grown));
    char *copy = names != NULL ? mem_strdup(names) : NULL;
    if (grown != NULL)
        failures->items = grown;
    if (grown == NULL || copy == NULL) {
        mem_free(copy);
        return error_no_memory(err);
    }
    grown[failures->count++] = (struct purge_failure){copy, *why};
    return 0;
}

/* One is the error itself; of several each is told, and the gravest one stands for all. */
static int tell(const struct purge_failures *failures, struct hikae *hikae, struct error *err)
{
    const struct purge_failure *gravest = &failures->items[0];
    for (size_t i = 1; i < failures->count; i++)
        if (rank(&failures->items[i].why) < rank(&gravest->why))
            gravest = &failures->items[i];
    *err = gravest->why;
    for (size_t i = 0; failures->count > 1 && i < failures->count; i++) {
        const struct error *why = &failures->items[i].why;
        engine_warn(hikae, "the erasure of %s: %s%s%s", failures->items[i].names, why->chain,
                    why->chain[0] != '\0' ? ": " : "", why->what);
    }
    (void)error_wrap(err, "the erasure of %.200s", gravest->names);
    return failures->count == 1 ? -1 : error_wrap(err, "%zu erasures cannot go on; the gravest", failures->count);
}

int purge_failures_end(struct purge_failures *failures, struct hikae *hikae, int rc, struct error *err)
{
    if (rc == 0 && failures->count > 0)
        rc = tell(failures, hikae, err);
    for (size_t i = 0; i < failures->count; i++)
        mem_free(failures->items[i].names);
    mem_free(failures->items);
    *failures = (struct purge_failures){0};
    return rc;
}
