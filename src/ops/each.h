/* Many tenants looked at, several at once (each.c): what lists all tenants is built on it. It never writes to a target.
 */
#ifndef HIKAE_OPS_EACH_H
#define HIKAE_OPS_EACH_H

#include "ops/engine.h"

/*
 * What is done for each number below a count. An item is item_size bytes, all zero at first; it and the engine `fork`
 * are this number's alone from `look` to `clear`, with the listings that `look` made in fork->targets.
 */
struct engine_each {
    size_t item_size;
    /* In some thread, several at once. */
    int (*look)(struct hikae *fork, size_t number, void *item, void *context, struct error *err);
    /*
     * In the calling thread, in the order of the numbers. `why`: look failed so; NULL: it did not. Not 0 (with err
     * filled) ends all of it.
     */
    int (*take)(struct hikae *fork, size_t number, void *item, const struct error *why, void *context,
                struct error *err);
    /* In the calling thread, after `take`, and also where that was not called. NULL: nothing to release. */
    void (*clear)(void *item);
};
/*
 * With the keystore open. As many at once as the targets have connections. A target that does not answer for one is
 * asked again for the next, until it did not for a few in a row; hikae->targets says in the end which are up. That it
 * was stopped, or that there is no memory, ends it without `take`. -1: that, or as `take` says.
 */
MUST_USE int engine_each(struct hikae *hikae, const struct engine_each *work, size_t count, void *context,
                         struct error *err);

/* Tenants of the catalogue, by name: a copy, as the catalogue changes while they are looked at. */
struct engine_rows {
    struct catalog_tenant *items;
    size_t count, room;
};
MUST_USE int engine_rows_add(struct engine_rows *rows, const struct catalog_tenant *row, struct error *err);
/* All that are not erased. engine_rows_clear, also after -1. */
MUST_USE int engine_rows_living(struct hikae *hikae, struct engine_rows *ret, struct error *err);
void engine_rows_clear(struct engine_rows *rows);

#endif
