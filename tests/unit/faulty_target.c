#include "faulty_target.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FAULTS_MAX = 32, CALL_KINDS = 6 };

struct planned {
    struct fault fault;
    unsigned seen; /* calls that fitted */
    unsigned hits;
};

struct faulty {
    struct target base;
    struct target *inner;
    pthread_mutex_t lock;
    struct planned planned[FAULTS_MAX];
    size_t count;
    unsigned calls[CALL_KINDS];
    unsigned hits;
};

static struct faulty *faulty(struct target *target)
{
    return (struct faulty *)(void *)target;
}

static bool names_fit(const struct fault *fault, const char *name)
{
    if (fault->kind == FAULT_SWAP)
        return fault->match != NULL && fault->other != NULL &&
               (strcmp(name, fault->match) == 0 || strcmp(name, fault->other) == 0);
    return fault->match == NULL || strstr(name, fault->match) != NULL;
}

/* Does this kind of fault change this call at all? */
static bool kind_fits(enum fault_kind kind, enum faulty_call call)
{
    switch (kind) {
    case FAULT_LOSE:
        return (call & (FAULTY_PUT | FAULTY_REMOVE)) != 0;
    case FAULT_TRUNCATE:
        return (call & (FAULTY_PUT | FAULTY_GET | FAULTY_LIST)) != 0;
    case FAULT_FLIP:
        return (call & (FAULTY_PUT | FAULTY_GET)) != 0;
    case FAULT_SWAP:
        return (call & (FAULTY_GET | FAULTY_STAT)) != 0;
    case FAULT_HIDE: /* listings are filtered name by name, see filter() */
        return (call & (FAULTY_GET | FAULTY_STAT)) != 0;
    case FAULT_FAIL:
    case FAULT_LOST_ANSWER:
    case FAULT_DELAY:
        return true;
    case FAULT_NONE:
        break;
    }
    return false;
}

/* Is this fault due for a call that fits it? Counts. */
static bool due(struct planned *planned)
{
    const struct fault *fault = &planned->fault;
    unsigned number = planned->seen++;
    if (number < fault->skip || (fault->times > 0 && planned->hits >= fault->times))
        return false;
    if (fault->every > 1 && (number - fault->skip + 1) % fault->every != 0)
        return false;
    planned->hits++;
    return true;
}

static void wait_ms(size_t ms)
{
    struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000L};
    (void)nanosleep(&pause, NULL);
}

/* Count the call, wait where that is asked for, and tell what goes wrong with it. */
static struct fault choose(struct faulty *f, enum faulty_call call, const char *name)
{
    struct fault chosen = {.kind = FAULT_NONE};
    size_t delay_ms = 0;
    (void)pthread_mutex_lock(&f->lock);
    for (unsigned i = 0; i < CALL_KINDS; i++)
        f->calls[i] += (unsigned)call == 1U << i;
    for (size_t i = 0; i < f->count; i++) {
        struct planned *planned = &f->planned[i];
        const struct fault *fault = &planned->fault;
        bool delay = fault->kind == FAULT_DELAY;
        if ((!delay && chosen.kind != FAULT_NONE) || (fault->calls != 0 && (fault->calls & (unsigned)call) == 0) ||
            !kind_fits(fault->kind, call) || !names_fit(fault, name) || !due(planned))
            continue;
        f->hits++;
        if (delay)
            delay_ms += fault->amount;
        else
            chosen = *fault;
    }
    (void)pthread_mutex_unlock(&f->lock);
    if (delay_ms > 0)
        wait_ms(delay_ms);
    return chosen;
}

static int fail_call(const struct faulty *f, const struct fault *fault, const char *name, struct error *err)
{
    enum error_class class = fault->class != ERROR_NONE ? fault->class : ERROR_UNREACHABLE;
    (void)error_set(err, class, "%s: %s: made to fail by the test", f->base.traits.name, name);
    if (err != NULL)
        err->retryable = class == ERROR_UNREACHABLE;
    return -1;
}

static int not_found(const struct faulty *f, const char *name, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "%s: open %s: hidden by the test", f->base.traits.name, name);
}

/* Apply what changes bytes; returns the new size. */
static size_t spoil(const struct fault *fault, uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    if (fault->kind == FAULT_FLIP)
        bytes[fault->amount < size ? fault->amount : size - 1] ^= 1;
    if (fault->kind == FAULT_TRUNCATE) {
        size_t gone = fault->amount > 0 ? fault->amount : 1;
        return gone < size ? size - gone : 0;
    }
    return size;
}

static int put_spoiled(struct faulty *f, const struct fault *fault, const char *name, const void *bytes, size_t size,
                       enum target_put_mode mode, struct error *err)
{
    CLEANUP_FREE uint8_t *copy = mem_dup(bytes, size);
    if (copy == NULL)
        return error_no_memory(err);
    size_t stored = spoil(fault, copy, size);
    return target_put(f->inner, name, copy, stored, mode, err);
}

static int put(struct target *target, const char *name, const void *bytes, size_t size, enum target_put_mode mode,
               struct error *err)
{
    struct faulty *f = faulty(target);
    struct fault fault = choose(f, FAULTY_PUT, name);
    switch (fault.kind) {
    case FAULT_LOSE:
        return 0;
    case FAULT_FAIL:
        return fail_call(f, &fault, name, err);
    case FAULT_TRUNCATE:
    case FAULT_FLIP:
        return put_spoiled(f, &fault, name, bytes, size, mode, err);
    default:
        break;
    }
    int rc = target_put(f->inner, name, bytes, size, mode, err);
    return fault.kind == FAULT_LOST_ANSWER ? fail_call(f, &fault, name, err) : rc;
}

static const char *swapped(const struct fault *fault, const char *name)
{
    if (fault->kind != FAULT_SWAP)
        return name;
    return strcmp(name, fault->match) == 0 ? fault->other : fault->match;
}

/* What happens before something is read: 0 to go on. */
static int before_reading(const struct faulty *f, const struct fault *fault, const char *name, struct error *err)
{
    if (fault->kind == FAULT_FAIL)
        return fail_call(f, fault, name, err);
    return fault->kind == FAULT_HIDE ? not_found(f, name, err) : 0;
}

/* What happens to what was read, from `start` of out. */
static int after_reading(const struct faulty *f, const struct fault *fault, const char *name, struct buf *out,
                         size_t start, struct error *err)
{
    if (fault->kind == FAULT_LOST_ANSWER) {
        out->size = start;
        return fail_call(f, fault, name, err);
    }
    if (out->size > start)
        out->size = start + spoil(fault, out->data + start, out->size - start);
    return 0;
}

static int get_range(struct target *target, const char *name, uint64_t offset, size_t size, struct buf *out,
                     struct error *err)
{
    struct faulty *f = faulty(target);
    struct fault fault = choose(f, FAULTY_GET, name);
    size_t start = out->size;
    if (before_reading(f, &fault, name, err) != 0)
        return -1;
    /* A driver that gets too few bytes of a range says so. */
    if (fault.kind == FAULT_TRUNCATE)
        return error_set(err, ERROR_DAMAGED, "%s: %s: cut short by the test", target->traits.name, name);
    if (target_get_range(f->inner, swapped(&fault, name), offset, size, out, err) != 0)
        return -1;
    return after_reading(f, &fault, name, out, start, err);
}

static int get(struct target *target, const char *name, size_t max, struct buf *out, struct error *err)
{
    struct faulty *f = faulty(target);
    struct fault fault = choose(f, FAULTY_GET, name);
    size_t start = out->size;
    if (before_reading(f, &fault, name, err) != 0 || target_get(f->inner, swapped(&fault, name), max, out, err) != 0)
        return -1;
    return after_reading(f, &fault, name, out, start, err);
}

static int get_version(struct target *target, const char *name, unsigned number, size_t max, struct buf *out,
                       struct error *err)
{
    struct faulty *f = faulty(target);
    struct fault fault = choose(f, FAULTY_GET, name);
    size_t start = out->size;
    if (before_reading(f, &fault, name, err) != 0 ||
        target_get_version(f->inner, swapped(&fault, name), number, max, out, err) != 0)
        return -1;
    return after_reading(f, &fault, name, out, start, err);
}

static int stat_object(struct target *target, const char *name, uint64_t *ret_size, struct error *err)
{
    struct faulty *f = faulty(target);
    struct fault fault = choose(f, FAULTY_STAT, name);
    if (before_reading(f, &fault, name, err) != 0 || target_stat(f->inner, swapped(&fault, name), ret_size, err) != 0)
        return -1;
    return fault.kind == FAULT_LOST_ANSWER ? fail_call(f, &fault, name, err) : 0;
}

struct filter {
    struct faulty *f;
    struct fault fault;
    target_list_callback *callback;
    void *context;
    size_t shown;
    bool cut;
};

static bool hidden(struct faulty *f, const char *name)
{
    bool hide = false;
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->count && !hide; i++) {
        struct planned *planned = &f->planned[i];
        hide = planned->fault.kind == FAULT_HIDE &&
               (planned->fault.calls == 0 || (planned->fault.calls & FAULTY_LIST) != 0) &&
               names_fit(&planned->fault, name) && due(planned);
        f->hits += hide;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return hide;
}

static int show(const struct target_object *object, void *context, struct error *err)
{
    struct filter *filter = context;
    if (filter->fault.kind == FAULT_TRUNCATE && filter->shown >= filter->fault.amount) {
        filter->cut = true;
        return error_set(err, ERROR_INTERNAL, "the listing is cut short by the test");
    }
    if (hidden(filter->f, object->name))
        return 0;
    filter->shown++;
    return filter->callback(object, filter->context, err);
}

typedef int list_function(struct faulty *f, const char *prefix, const char *after, struct filter *filter,
                          struct error *err);

static int list_objects(struct faulty *f, const char *prefix, const char *after, struct filter *filter,
                        struct error *err)
{
    return target_list(f->inner, prefix, after, show, filter, err);
}

static int list_inner_folders(struct faulty *f, const char *prefix, const char *after, struct filter *filter,
                              struct error *err)
{
    (void)after;
    return target_list_folders(f->inner, prefix, show, filter, err);
}

static int list_with(struct faulty *f, list_function *function, const char *prefix, const char *after,
                     target_list_callback *callback, void *context, struct error *err)
{
    struct filter filter = {.f = f, .callback = callback, .context = context};
    filter.fault = choose(f, FAULTY_LIST, prefix);
    if (filter.fault.kind == FAULT_FAIL)
        return fail_call(f, &filter.fault, prefix, err);
    if (function(f, prefix, after, &filter, err) != 0 && !filter.cut)
        return -1;
    if (filter.cut)
        error_clear(err);
    return filter.fault.kind == FAULT_LOST_ANSWER ? fail_call(f, &filter.fault, prefix, err) : 0;
}

static int list(struct target *target, const char *prefix, const char *after, target_list_callback *callback,
                void *context, struct error *err)
{
    return list_with(faulty(target), list_objects, prefix, after, callback, context, err);
}

static int list_folders(struct target *target, const char *prefix, target_list_callback *callback, void *context,
                        struct error *err)
{
    return list_with(faulty(target), list_inner_folders, prefix, NULL, callback, context, err);
}

static int clock_skew(struct target *target, int64_t *ret_skew_ns, struct error *err)
{
    struct faulty *f = faulty(target);
    struct fault fault = choose(f, FAULTY_ASK, "");
    if (fault.kind != FAULT_NONE)
        return fail_call(f, &fault, "clock", err);
    return target_clock_skew(f->inner, ret_skew_ns, err);
}

static int free_space(struct target *target, uint64_t *ret_bytes, struct error *err)
{
    struct faulty *f = faulty(target);
    struct fault fault = choose(f, FAULTY_ASK, "");
    if (fault.kind != FAULT_NONE)
        return fail_call(f, &fault, "free space", err);
    return target_free_space(f->inner, ret_bytes, err);
}

static int remove_object(struct target *target, const char *name, struct error *err)
{
    struct faulty *f = faulty(target);
    struct target_deleter deleter = {.target = f->inner};
    struct fault fault = choose(f, FAULTY_REMOVE, name);
    if (fault.kind == FAULT_LOSE)
        return 0;
    if (fault.kind == FAULT_FAIL)
        return fail_call(f, &fault, name, err);
    int rc = target_delete(&deleter, name, err);
    return fault.kind == FAULT_LOST_ANSWER ? fail_call(f, &fault, name, err) : rc;
}

static void close_target(struct target *target)
{
    struct faulty *f = faulty(target);
    target_close(f->inner);
    (void)pthread_mutex_destroy(&f->lock);
    mem_free(f);
}

static const struct target_ops ops = {
    .close = close_target,
    .put = put,
    .get_range = get_range,
    .get = get,
    .stat = stat_object,
    .list = list,
    .list_folders = list_folders,
    .get_version = get_version,
    .clock_skew = clock_skew,
    .free_space = free_space,
    .remove = remove_object,
};

struct target *faulty_target_new(struct target *inner)
{
    struct faulty *f = mem_calloc(1, sizeof(*f));
    if (f == NULL)
        return NULL;
    if (pthread_mutex_init(&f->lock, NULL) != 0) {
        mem_free(f);
        return NULL;
    }
    f->base.ops = &ops;
    /* Name, URL and the rest are the inner target's strings, which live as long as it does. */
    f->base.traits = *target_traits(inner);
    f->inner = inner;
    return &f->base;
}

void faulty_target_add(struct target *target, struct fault fault)
{
    struct faulty *f = faulty(target);
    (void)pthread_mutex_lock(&f->lock);
    if (f->count == FAULTS_MAX) {
        (void)fprintf(stderr, "faulty_target_add: more than %d faults\n", FAULTS_MAX);
        abort();
    }
    f->planned[f->count++] = (struct planned){.fault = fault};
    (void)pthread_mutex_unlock(&f->lock);
}

void faulty_target_clear(struct target *target)
{
    struct faulty *f = faulty(target);
    (void)pthread_mutex_lock(&f->lock);
    f->count = 0;
    (void)pthread_mutex_unlock(&f->lock);
}

unsigned faulty_target_calls(struct target *target, unsigned calls)
{
    struct faulty *f = faulty(target);
    unsigned total = 0;
    (void)pthread_mutex_lock(&f->lock);
    for (unsigned i = 0; i < CALL_KINDS; i++)
        total += (calls & 1U << i) != 0 ? f->calls[i] : 0;
    (void)pthread_mutex_unlock(&f->lock);
    return total;
}

unsigned faulty_target_hits(struct target *target)
{
    struct faulty *f = faulty(target);
    (void)pthread_mutex_lock(&f->lock);
    unsigned hits = f->hits;
    (void)pthread_mutex_unlock(&f->lock);
    return hits;
}

struct target *faulty_target_inner(struct target *target)
{
    return faulty(target)->inner;
}
