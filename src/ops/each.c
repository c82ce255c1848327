/*
 * Many tenants looked at, several at once. What a tenant costs is the way to its targets and back, a few listings: one
 * after another, ten thousand tenants are hours. So each is looked at in some thread, with an engine of its own, and
 * what was found is taken in the calling thread, in order: errors, warnings and results are those of one after another.
 *
 * One listing of the whole store instead would have to page through every pack to find the records between them.
 */
#include "ops/each.h"

#include "base/mem.h"
#include "base/ordered.h"

#include <malloc.h>
#include <string.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 32,
    FOLDER_WORKERS = 4, /* at least: a folder may lie on a network too */
    CONNECTIONS = 8,    /* of a target in a network whose configuration says nothing */
    GIVEN_UP_AFTER = 3, /* tenants in a row for which a target did not answer */
    CAUSES_KEPT = 200
};

/* A tenant that is being looked at: what it needs of its own. */
struct slot {
    struct each *each;
    struct hikae *fork;
    void *item;
    size_t number;
    int rc;
    struct error why;
    char **warnings;
    size_t warning_count, warning_room;
};

struct each {
    struct hikae *hikae;
    const struct engine_each *work;
    void *context;
    struct pool *pool;
    struct ordered *map;
    struct slot *slots; /* a ring: number i uses slot i % slot_count */
    size_t slot_count;
    atomic_bool failed;                  /* nobody wants to know the rest */
    unsigned missed[ENGINE_TARGETS_MAX]; /* by each target, tenants in a row */
    char *causes[CAUSES_KEPT];           /* of warnings that were passed on */
    size_t cause_count;
};

/* ---- Warnings: kept until it is their tenant's turn, each cause said once ---- */

static void keep_warning(const char *message, void *context)
{
    struct slot *slot = context;
    char **grown = mem_more(slot->warnings, slot->warning_count, &slot->warning_room, sizeof(*grown));
    if (grown == NULL)
        return;
    slot->warnings = grown;
    grown[slot->warning_count] = mem_strdup(message);
    slot->warning_count += grown[slot->warning_count] != NULL;
}

static bool was_said(const struct each *each, const char *message)
{
    for (size_t i = 0; i < each->cause_count; i++)
        if (strcmp(each->causes[i], message) == 0)
            return true;
    return false;
}

static void drop_warnings(struct slot *slot)
{
    for (size_t i = 0; i < slot->warning_count; i++)
        mem_free(slot->warnings[i]);
    slot->warning_count = 0;
}

static void pass_warnings_on(struct each *each, struct slot *slot)
{
    for (size_t i = 0; i < slot->warning_count; i++) {
        if (was_said(each, slot->warnings[i]))
            continue;
        engine_warn(each->hikae, "%s", slot->warnings[i]);
        if (each->cause_count == CAUSES_KEPT)
            continue;
        each->causes[each->cause_count++] = slot->warnings[i];
        slot->warnings[i] = NULL;
    }
    drop_warnings(slot);
}

/* ---- Targets: one tenant's failure is not the next one's, but what is down is not waited for by all of them ---- */

static void prepare_targets(const struct each *each, struct hikae *fork)
{
    const struct hikae *hikae = each->hikae;
    for (size_t i = 0; i < fork->target_count; i++) {
        struct run_target *t = &fork->targets[i];
        bool given_up = each->missed[i] >= GIVEN_UP_AFTER;
        presence_clear(&t->present);
        t->excluded = hikae->targets[i].excluded || given_up;
        t->up = t->target != NULL && !t->excluded;
        t->why = hikae->targets[i].why;
    }
}

static void note_targets(struct each *each, const struct hikae *fork)
{
    for (size_t i = 0; i < fork->target_count; i++) {
        struct run_target *t = &each->hikae->targets[i];
        if (t->target == NULL || t->excluded)
            continue;
        each->missed[i] = fork->targets[i].up ? 0 : each->missed[i] + 1;
        t->up = fork->targets[i].up;
        t->why = fork->targets[i].why;
    }
}

/* ---- One tenant ---- */

static void look(void *item, unsigned worker, void *context)
{
    struct slot *slot = item;
    struct each *each = context;
    (void)worker;
    slot->rc = cancel_check(&each->hikae->cancel, &slot->why);
    if (slot->rc == 0 && !atomic_load(&each->failed))
        slot->rc = each->work->look(slot->fork, slot->number, slot->item, each->context, &slot->why);
}

static bool put(struct each *each, size_t number)
{
    struct slot *slot = &each->slots[number % each->slot_count];
    prepare_targets(each, slot->fork);
    memset(slot->item, 0, each->work->item_size);
    slot->number = number;
    slot->why = (struct error){0};
    return ordered_put(each->map, slot);
}

static int take(struct each *each, struct slot *slot, struct error *err)
{
    note_targets(each, slot->fork);
    pass_warnings_on(each, slot);
    if (slot->rc != 0 && (slot->why.class == ERROR_NO_MEMORY || slot->why.class == ERROR_INTERRUPTED)) {
        *err = slot->why;
        return -1;
    }
    return each->work->take(slot->fork, slot->number, slot->item, slot->rc == 0 ? NULL : &slot->why, each->context,
                            err);
}

static int do_each(struct each *each, size_t count, struct error *err)
{
    int rc = 0;
    size_t next = 0, taken = 0;
    while (taken < next || (rc == 0 && next < count)) {
        if (rc == 0 && next < count && next - taken < each->slot_count) {
            (void)put(each, next++);
            continue;
        }
        struct slot *slot = ordered_get(each->map);
        taken++;
        if (rc == 0 && (rc = take(each, slot, err)) != 0)
            atomic_store(&each->failed, true);
        if (each->work->clear != NULL)
            each->work->clear(slot->item);
        drop_warnings(slot);
    }
    return rc;
}

/* ---- Beginning and ending ---- */

/* So many at once as the targets take requests together. */
static size_t count_workers(const struct hikae *hikae, size_t count)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t least = cores > FOLDER_WORKERS ? (size_t)cores : FOLDER_WORKERS, sum = 0;
    for (size_t i = 0; i < hikae->target_count; i++) {
        unsigned connections = hikae->config->targets[i].options.connections;
        if (hikae->targets[i].target != NULL && target_traits(hikae->targets[i].target)->parallel > 0)
            sum += connections > 0 ? connections : CONNECTIONS;
    }
    sum = sum > least ? sum : least;
    sum = sum < WORKERS_MAX ? sum : WORKERS_MAX;
    return sum < count ? sum : count;
}

static int start(struct each *each, size_t count, struct error *err)
{
    size_t workers = count_workers(each->hikae, count);
    each->slots = mem_calloc(2 * workers, sizeof(*each->slots));
    if (each->slots == NULL)
        return error_no_memory(err);
    for (; each->slot_count < 2 * workers; each->slot_count++) {
        struct slot *slot = &each->slots[each->slot_count];
        if (engine_fork_to_look(each->hikae, (unsigned)workers, &slot->fork, err) != 0)
            return -1;
        slot->fork->observer = (struct hikae_observer){.warning = keep_warning, .context = slot};
        slot->item = mem_calloc(1, each->work->item_size);
        if (slot->item == NULL) {
            each->slot_count++;
            return error_no_memory(err);
        }
    }
    each->pool = pool_new((unsigned)workers);
    each->map = each->pool != NULL ? ordered_new(each->pool, each->slot_count, look, each) : NULL;
    return each->map != NULL ? 0 : error_no_memory(err);
}

static void stop(struct each *each)
{
    ordered_free(each->map);
    pool_free(each->pool);
    for (size_t i = 0; i < each->slot_count; i++) {
        mem_free(each->slots[i].item);
        mem_free(each->slots[i].warnings);
        hikae_close(each->slots[i].fork);
    }
    mem_free(each->slots);
    for (size_t i = 0; i < each->cause_count; i++)
        mem_free(each->causes[i]);
}

int engine_each(struct hikae *hikae, const struct engine_each *work, size_t count, void *context, struct error *err)
{
    struct each each = {.hikae = hikae, .work = work, .context = context};
    if (count == 0)
        return 0;
    /* A thread's arena would stay behind with it. */
    (void)mallopt(M_ARENA_MAX, 4);
    int rc = start(&each, count, err);
    if (rc == 0)
        rc = do_each(&each, count, err);
    stop(&each);
    return rc;
}

/* ---- Rows of the catalogue ---- */

static int copy_row(const struct catalog_tenant *from, struct catalog_tenant *to)
{
    *to = (struct catalog_tenant){from->tid,
                                  mem_strdup(from->name),
                                  mem_strdup(from->policy),
                                  mem_strdup(from->state),
                                  mem_strdup(from->class),
                                  mem_strdup(from->body)};
    return to->name != NULL && to->policy != NULL && to->state != NULL && to->class != NULL && to->body != NULL ? 0
                                                                                                                : -1;
}

int engine_rows_add(struct engine_rows *rows, const struct catalog_tenant *row, struct error *err)
{
    struct catalog_tenant *grown = mem_more(rows->items, rows->count, &rows->room, sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    rows->items = grown;
    return copy_row(row, &grown[rows->count++]) == 0 ? 0 : error_no_memory(err);
}

static int add_living(const struct catalog_tenant *row, void *context, struct error *err)
{
    return strcmp(row->state, "erased") == 0 ? 0 : engine_rows_add(context, row, err);
}

int engine_rows_living(struct hikae *hikae, struct engine_rows *ret, struct error *err)
{
    return catalog_tenant_each(hikae->catalog, add_living, ret, err);
}

void engine_rows_clear(struct engine_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        catalog_tenant_free(&rows->items[i]);
    mem_free(rows->items);
    *rows = (struct engine_rows){0};
}
