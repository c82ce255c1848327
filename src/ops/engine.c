#include "ops/engine.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/names.h"
#include "crypto/crypto.h"
#include "ops/epoch.h"
#include "ops/policies.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum hikae_status api_result(int rc, bool warnings, const struct error *err, struct hikae_error *ret)
{
    if (rc == 0)
        return warnings ? HIKAE_WARNINGS : HIKAE_OK;
    int code = error_exit_code(err->class);
    /* A source that cannot be read at all is no warning: nothing was done. */
    enum hikae_status status = err->class == ERROR_SOURCE ? HIKAE_UNKNOWN : (enum hikae_status)code;
    if (status == HIKAE_OK)
        status = HIKAE_INTERNAL;
    if (ret != NULL) {
        *ret = (struct hikae_error){.status = status, .retryable = err->retryable};
        (void)snprintf(ret->kind, sizeof(ret->kind), "%s", error_class_name(err->class));
        (void)snprintf(ret->message, sizeof(ret->message), "%s%s%s", err->chain, err->chain[0] != '\0' ? ": " : "",
                       err->what);
        (void)snprintf(ret->hint, sizeof(ret->hint), "%s", err->hint);
    }
    return status;
}

int api_failure(const struct hikae_error *error, struct error *err)
{
    static const enum error_class classes[] = {
        [HIKAE_USAGE] = ERROR_CONFIG,        [HIKAE_BUSY] = ERROR_BUSY,
        [HIKAE_NOT_FOUND] = ERROR_NOT_FOUND, [HIKAE_DAMAGED] = ERROR_DAMAGED,
        [HIKAE_UNKNOWN] = ERROR_UNREACHABLE, [HIKAE_KEYS] = ERROR_KEYS,
        [HIKAE_REFUSED] = ERROR_REFUSED,     [HIKAE_INTERRUPTED] = ERROR_INTERRUPTED,
        [HIKAE_INTERNAL] = ERROR_INTERNAL,
    };
    /* What this machine's disk refuses has the same exit code as a defect, and is told by its kind. */
    bool is_local = strcmp(error->kind, error_class_name(ERROR_LOCAL)) == 0;
    (void)error_set(err, is_local ? ERROR_LOCAL : classes[error->status], "%s", error->message);
    err->retryable = error->retryable;
    return error_hint(err, "%s", error->hint);
}

void engine_warn(struct hikae *hikae, const char *fmt, ...)
{
    char message[1200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    (void)pthread_mutex_lock(&hikae->observer_mutex);
    if (hikae->observer.warning != NULL)
        hikae->observer.warning(message, hikae->observer.context);
    (void)pthread_mutex_unlock(&hikae->observer_mutex);
}

/* The random id of this state folder, made when it is first needed. */
static int load_writer(struct hikae *hikae, struct error *err)
{
    char hex[2 * ID_SIZE + 1], *known = NULL;
    struct error why = {0};
    if (catalog_meta_get(hikae->catalog, "writer", &known, &why) == 0) {
        bool ok = strlen(known) == 2 * ID_SIZE && hex_decode(known, ID_SIZE, hikae->writer.bytes);
        mem_free(known);
        if (ok)
            return 0;
    } else if (why.class != ERROR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    if (crypto_random(hikae->writer.bytes, ID_SIZE, err) != 0)
        return -1;
    return catalog_meta_set(hikae->catalog, "writer", hex_encode(hikae->writer.bytes, ID_SIZE, hex), err);
}

static int set_clock(const struct config *config, struct error *err)
{
    const char *now = getenv("HIKAE_NOW");
    int64_t ns;
    if (now == NULL || !config->test_clock)
        return 0;
    if (clock_parse(now, &ns, err) != 0)
        return error_wrap(err, "HIKAE_NOW");
    clock_set_test(ns);
    return 0;
}

static int open_state(struct hikae *hikae, struct error *err)
{
    CLEANUP_FREE char *path = mem_printf("%s/catalogue.db", hikae->config->state);
    enum catalog_state state;
    if (path == NULL)
        return error_no_memory(err);
    if (file_mkdirs(hikae->config->state, 0700, err) != 0 || catalog_open(path, &hikae->catalog, &state, err) != 0)
        return -1;
    char *filled = NULL;
    hikae->catalog_is_new = catalog_meta_get(hikae->catalog, "filled", &filled, NULL) != 0;
    mem_free(filled);
    return load_writer(hikae, err);
}

static int do_open(const char *config_path, struct hikae **ret, struct error *err)
{
    secret_init();
    struct hikae *hikae = mem_calloc(1, sizeof(*hikae));
    if (hikae == NULL)
        return error_no_memory(err);
    (void)pthread_mutex_init(&hikae->observer_mutex, NULL);
    if (config_load(config_path, &hikae->config, err) != 0 || set_clock(hikae->config, err) != 0 ||
        open_state(hikae, err) != 0) {
        hikae_close(hikae);
        return -1;
    }
    *ret = hikae;
    return 0;
}

enum hikae_status hikae_open(const char *config_path, struct hikae **ret, struct hikae_error *error)
{
    struct error err = {0};
    return api_result(do_open(config_path, ret, &err), false, &err, error);
}

/* A part of the whole, and at least so much. */
static unsigned part_of(unsigned whole, unsigned share, unsigned least)
{
    unsigned part = whole / share;
    return part > least ? part : whole < least ? whole : least;
}

int engine_fork_to_look(struct hikae *parent, unsigned share, struct hikae **ret, struct error *err)
{
    struct hikae *fork = mem_calloc(1, sizeof(*fork));
    if (fork == NULL)
        return error_no_memory(err);
    (void)pthread_mutex_init(&fork->observer_mutex, NULL);
    fork->parent = parent;
    fork->policies = parent->policies;
    fork->catalog = parent->catalog;
    fork->keystore = parent->keystore;
    fork->store = parent->store;
    fork->writer = parent->writer;
    fork->targets_ready = true;
    fork->config = mem_dup(parent->config, sizeof(*parent->config));
    fork->targets = mem_calloc(parent->target_count, sizeof(struct run_target));
    fork->opened = mem_dup(parent->opened, parent->opened_count * sizeof(struct target *));
    if (fork->config == NULL || fork->targets == NULL || fork->opened == NULL) {
        hikae_close(fork);
        return error_no_memory(err);
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = parent->config->threads != 0 ? parent->config->threads : cores > 0 ? (unsigned)cores : 1;
    fork->config->memory_mib = part_of(parent->config->memory_mib, share, 64);
    fork->config->pack_mib = part_of(parent->config->pack_mib, share, 4);
    fork->config->threads = part_of(threads, share, 1);
    fork->opened_count = parent->opened_count;
    fork->target_count = parent->target_count;
    for (size_t i = 0; i < parent->target_count; i++) {
        fork->targets[i].target = parent->targets[i].target;
        fork->targets[i].name = parent->targets[i].name;
        fork->targets[i].up = parent->targets[i].up;
        fork->targets[i].excluded = parent->targets[i].excluded;
        fork->targets[i].why = parent->targets[i].why;
    }
    *ret = fork;
    return 0;
}

int engine_fork(struct hikae *parent, unsigned share, struct hikae **ret, struct error *err)
{
    const struct policies *policies;
    /* Read once for all forks, before there are other threads. */
    return policies_of(parent, &policies, err) == 0 ? engine_fork_to_look(parent, share, ret, err) : -1;
}

static void close_fork(struct hikae *fork)
{
    audit_journal_free(fork->journal);
    if (fork->policies != fork->parent->policies)
        policies_forget(fork);
    for (size_t i = 0; i < fork->target_count; i++)
        presence_clear(&fork->targets[i].present);
    mem_free(fork->targets);
    mem_free(fork->opened);
    mem_free(fork->config);
    (void)pthread_mutex_destroy(&fork->observer_mutex);
    mem_free(fork);
}

void hikae_close(struct hikae *hikae)
{
    if (hikae == NULL)
        return;
    if (hikae->parent != NULL) {
        close_fork(hikae);
        return;
    }
    audit_journal_free(hikae->journal);
    policies_forget(hikae);
    keystore_free(hikae->keystore);
    for (size_t i = 0; i < hikae->target_count; i++) {
        presence_clear(&hikae->targets[i].present);
        target_close(hikae->targets[i].target);
    }
    mem_free(hikae->targets);
    mem_free(hikae->opened);
    catalog_close(hikae->catalog);
    config_free(hikae->config);
    (void)pthread_mutex_destroy(&hikae->observer_mutex);
    mem_free(hikae);
}

void hikae_observe(struct hikae *hikae, const struct hikae_observer *observer)
{
    (void)pthread_mutex_lock(&hikae->observer_mutex);
    hikae->observer = *observer;
    (void)pthread_mutex_unlock(&hikae->observer_mutex);
    if (getenv("HIKAE_NOW") != NULL && !hikae->config->test_clock)
        engine_warn(hikae, "HIKAE_NOW is ignored: this store was not made with init --test-clock");
    const char *moved = catalog_moved_to(hikae->catalog);
    if (moved != NULL)
        engine_warn(hikae, "the catalogue was damaged: it is moved to %s, and made anew from the targets", moved);
}

void hikae_cancel(struct hikae *hikae)
{
    cancel_request(&hikae->cancel);
}

bool hikae_has_test_clock(const struct hikae *hikae)
{
    return hikae->config->test_clock;
}

int engine_open_target(struct hikae *hikae, const struct config_target *from, bool create, struct target **ret,
                       struct error *err)
{
    struct target_options options = from->options;
    options.cancel = &hikae->cancel;
    return target_open_with(&options, create, ret, err);
}

/* One place under two names would count for two copies. */
static bool is_there_already(struct hikae *hikae, struct run_target *t)
{
    for (size_t i = 0; i < hikae->opened_count; i++)
        if (target_same_place(t->target, hikae->opened[i])) {
            (void)error_set(&t->why, ERROR_CONFIG, "%s and %s are one place, which counts once", t->name,
                            target_name(hikae->opened[i]));
            (void)error_hint(&t->why, "take one of them out of the configuration");
            return true;
        }
    return false;
}

/* Open one target and see whose it is. */
static void open_target(struct hikae *hikae, size_t i, bool *known)
{
    struct run_target *t = &hikae->targets[i];
    const struct config_target *from = &hikae->config->targets[i];
    struct store_info info;
    t->name = from->name;
    if (engine_open_target(hikae, from, false, &t->target, &t->why) != 0)
        return;
    if (store_read(t->target, &info, &t->why) != 0) {
        if (t->why.class == ERROR_NOT_FOUND)
            (void)error_hint(&t->why, "it holds no store: `hikae replicate` prepares and fills a new target");
    } else if (is_there_already(hikae, t)) {
        /* not used */
    } else if (*known && !id_equal(&info.store, &hikae->store.store)) {
        (void)error_set(&t->why, ERROR_REFUSED, "%s holds another store", from->name);
        (void)error_hint(&t->why, "check the URL of this target in the configuration");
    } else {
        hikae->store = info;
        *known = true;
        hikae->opened[hikae->opened_count++] = t->target;
        t->up = true;
        return;
    }
    target_close(t->target);
    t->target = NULL;
}

int engine_targets(struct hikae *hikae, struct error *err)
{
    if (hikae->targets_ready)
        return 0;
    const struct config *config = hikae->config;
    if (config->target_count > ENGINE_TARGETS_MAX)
        return error_set(err, ERROR_CONFIG, "at most %d targets", ENGINE_TARGETS_MAX);
    if (hikae->targets == NULL) {
        hikae->targets = mem_calloc(config->target_count, sizeof(struct run_target));
        hikae->opened = mem_calloc(config->target_count, sizeof(struct target *));
        if (hikae->targets == NULL || hikae->opened == NULL)
            return error_no_memory(err);
        hikae->target_count = config->target_count;
    }
    bool known = false;
    char *store = NULL, hex[2 * ID_SIZE + 1];
    /* The store that this installation belongs to is remembered, so that a swapped disk is noticed. */
    if (catalog_meta_get(hikae->catalog, "store", &store, NULL) == 0)
        known = hex_decode(store, strlen(store) == 2 * ID_SIZE ? ID_SIZE : 0, hikae->store.store.bytes);
    mem_free(store);
    for (size_t i = 0; i < config->target_count; i++)
        open_target(hikae, i, &known);
    if (hikae->opened_count == 0) {
        if (config->target_count == 0)
            return error_set(err, ERROR_CONFIG, "%s names no target", config->path);
        *err = hikae->targets[0].why;
        return error_wrap(err, "no target can be used; the first");
    }
    for (size_t i = 0; i < config->target_count; i++)
        if (!hikae->targets[i].up)
            engine_warn(hikae, "target %s is not used: %s", hikae->targets[i].name, hikae->targets[i].why.what);
    hikae->targets_ready = true;
    return catalog_meta_set(hikae->catalog, "store", hex_encode(hikae->store.store.bytes, ID_SIZE, hex), err);
}

struct target_set engine_target_set(struct hikae *hikae)
{
    return (struct target_set){hikae->opened, hikae->opened_count, hikae->config->min_copies};
}

int engine_groups(const struct config *config, struct holder_group **ret, struct error *err)
{
    struct holder_group *groups = mem_calloc(config->group_count, sizeof(*groups));
    if (groups == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < config->group_count; i++) {
        const struct config_group *from = &config->groups[i];
        groups[i].name = from->name;
        groups[i].member_count = from->member_count;
        groups[i].members = mem_calloc(from->member_count, sizeof(struct holder));
        if (groups[i].members == NULL) {
            engine_groups_free(groups, i);
            return error_no_memory(err);
        }
        for (size_t j = 0; j < from->member_count; j++) {
            static const enum holder_kind kinds[] = {[CONFIG_HOLDER_FILE] = HOLDER_FILE,
                                                     [CONFIG_HOLDER_PASSPHRASE] = HOLDER_PASSPHRASE,
                                                     [CONFIG_HOLDER_SHEET] = HOLDER_SHEET,
                                                     [CONFIG_HOLDER_TOKEN] = HOLDER_TOKEN,
                                                     [CONFIG_HOLDER_KMS] = HOLDER_KMS};
            const struct config_member *member = &from->members[j];
            groups[i].members[j] = (struct holder){
                .kind = kinds[member->holder], .name = member->name, .path = member->path, .options = &member->options};
        }
    }
    *ret = groups;
    return 0;
}

void engine_groups_free(struct holder_group *groups, size_t count)
{
    for (size_t i = 0; groups != NULL && i < count; i++)
        mem_free(groups[i].members);
    mem_free(groups);
}

int engine_keystore(struct hikae *hikae, struct error *err)
{
    if (hikae->keystore != NULL)
        return 0;
    if (hikae->kit != NULL)
        return engine_targets(hikae, err);
    struct holder_group *groups;
    if (engine_targets(hikae, err) != 0 || engine_groups(hikae->config, &groups, err) != 0)
        return -1;
    struct target_set set = engine_target_set(hikae);
    struct keystore *keystore = NULL;
    int rc = keystore_open(&set, groups, hikae->config->group_count, &keystore, err);
    engine_groups_free(groups, hikae->config->group_count);
    if (rc == 0)
        rc = epoch_state_opened(hikae, keystore_epoch(keystore), err);
    if (rc != 0) {
        keystore_free(keystore);
        return rc;
    }
    hikae->keystore = keystore;
    return engine_learn_tenants(hikae, err);
}

char *engine_tenant_path(struct hikae *hikae, const struct id *tid, const char *last, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    char *path = mem_printf("%s/tenants/%s/%s", hikae->config->state, hex_encode(tid->bytes, ID_SIZE, hex), last);
    if (path == NULL) {
        (void)error_no_memory(err);
        return NULL;
    }
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int rc = file_mkdirs(path, 0700, err);
    *slash = '/';
    if (rc == 0)
        return path;
    mem_free(path);
    return NULL;
}

uint64_t engine_up_mask(const struct hikae *hikae)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < hikae->target_count; i++)
        if (hikae->targets[i].up)
            mask |= UINT64_C(1) << i;
    return mask;
}

bool engine_noted_lately(struct hikae *hikae, const char *what, int64_t span_ns)
{
    CLEANUP_FREE char *text = NULL;
    int64_t at_ns = 0, now_ns = clock_now_ns();
    return catalog_meta_get(hikae->catalog, what, &text, NULL) == 0 && clock_parse(text, &at_ns, NULL) == 0 &&
           at_ns <= now_ns && now_ns - at_ns < span_ns;
}

void engine_note_now(struct hikae *hikae, const char *what)
{
    char now[CLOCK_TEXT_SIZE];
    struct error why = {0};
    if (catalog_meta_set(hikae->catalog, what, clock_format(clock_now_ns(), now), &why) != 0)
        engine_warn(hikae, "the catalogue does not note when \"%s\" was: %s", what, why.what);
}
