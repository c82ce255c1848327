#include "target/credentials_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { RETRY_S = 30, INSTANCE_ATTEMPTS = 3 };

/* A credentials_now with its references. */
struct held {
    struct credentials_now now; /* first: it is what callers have */
    atomic_uint references;
    char *access_key_id;
    struct secret *secret;
    struct secret *session_token;
    bool refused_before; /* the source gave the same after a refusal */
};

struct credentials {
    enum target_credentials_kind kind;
    char *value;
    int64_t (*now_ns)(void);
    char *container_base;
    char *instance_base;

    pthread_mutex_t mutex;
    pthread_cond_t renewed;
    /* All from here under the mutex. */
    struct held *held; /* NULL: not read yet */
    bool refused;      /* the store refused what is held */
    bool renewing;     /* a thread reads the source, without the mutex */
    uint64_t renewals; /* how often one did */
    struct error why;  /* why the last one failed */
    int64_t retry_ns;  /* no renewal before, while what is held is good */
    char *described;
    enum target_credentials_kind chosen; /* which of the chain it was; DEFAULT: not known yet */
};

/* ---- What a source gave ---- */

void credentials_found_free(struct credentials_found *found)
{
    mem_free(found->access_key_id);
    secret_free(found->secret);
    secret_free(found->session_token);
    mem_free(found->region);
    mem_free(found->described);
    *found = (struct credentials_found){0};
}

/* They go into headers: nothing but printable ASCII, and no space. */
static int check_value(struct bytes value, size_t max, const char *what, const char *where, struct error *err)
{
    if (value.size > max)
        return error_set(err, ERROR_CONFIG, "%s: %s is longer than %zu bytes", where, what, max);
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] <= ' ' || value.data[i] > '~')
            return error_set(err, ERROR_CONFIG, "%s: %s holds a space or another byte that it cannot have", where,
                             what);
    return 0;
}

int credentials_found_set(struct credentials_found *found, struct bytes id, struct bytes secret, struct bytes token,
                          const char *where, struct error *err)
{
    if (id.size == 0 || secret.size == 0) {
        (void)error_set(err, ERROR_CONFIG, "%s: there is no %s", where, id.size == 0 ? "access key id" : "secret");
        return error_hint(err, "access key id and secret belong together");
    }
    if (check_value(id, CREDENTIALS_ID_MAX, "the access key id", where, err) != 0 ||
        check_value(secret, CREDENTIALS_SECRET_MAX, "the secret", where, err) != 0 ||
        check_value(token, CREDENTIALS_TOKEN_MAX, "the session token", where, err) != 0)
        return -1;
    found->access_key_id = mem_printf("%.*s", (int)id.size, (const char *)id.data);
    found->secret = secret_copy(secret.data, secret.size);
    found->session_token = token.size > 0 ? secret_copy(token.data, token.size) : NULL;
    bool all =
        found->access_key_id != NULL && found->secret != NULL && (token.size == 0 || found->session_token != NULL);
    return all ? 0 : error_no_memory(err);
}

/* ---- Opening and closing ---- */

/* Names stand in brackets in files, or are components of paths. */
static int check_source(const struct target_credentials *from, struct error *err)
{
    static const char variable[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    const char *value = from->value;
    switch (from->kind) {
    case TARGET_CREDENTIALS_DEFAULT:
    case TARGET_CREDENTIALS_METADATA:
        return 0;
    case TARGET_CREDENTIALS_ENVIRONMENT:
        if (value == NULL || (value[0] != '\0' && strspn(value, variable) == strlen(value)))
            return 0;
        return error_set(err, ERROR_CONFIG, "\"%s\" cannot begin the names of variables", value);
    case TARGET_CREDENTIALS_FILE:
        if (value != NULL && value[0] == '/')
            return 0;
        return error_set(err, ERROR_CONFIG, "the file of credentials is not named by a path that begins with '/'");
    case TARGET_CREDENTIALS_PROFILE:
        if (value != NULL && value[0] != '\0' && strpbrk(value, "[]\n\r") == NULL)
            return 0;
        return error_set(err, ERROR_CONFIG, "this cannot be the name of a profile");
    case TARGET_CREDENTIALS_SYSTEMD:
        if (value != NULL && value[0] != '\0' && value[0] != '.' && strchr(value, '/') == NULL)
            return 0;
        return error_set(err, ERROR_CONFIG, "this cannot be the name of a credential of systemd");
    }
    return error_set(err, ERROR_CONFIG, "unknown source of credentials");
}

static char *copy_or_null(const char *text, bool *failed)
{
    char *copy = text != NULL ? mem_strdup(text) : NULL;
    *failed = *failed || (text != NULL && copy == NULL);
    return copy;
}

int credentials_open(const struct credentials_options *options, struct credentials **ret, struct error *err)
{
    *ret = NULL;
    if (check_source(&options->from, err) != 0)
        return -1;
    struct credentials *c = mem_calloc(1, sizeof(*c));
    if (c == NULL)
        return error_no_memory(err);
    bool failed = false;
    c->kind = options->from.kind;
    c->value = copy_or_null(options->from.value, &failed);
    c->now_ns = options->now_ns != NULL ? options->now_ns : clock_machine_ns;
    c->container_base = copy_or_null(options->container_base, &failed);
    c->instance_base = copy_or_null(options->instance_base, &failed);
    (void)pthread_mutex_init(&c->mutex, NULL);
    (void)pthread_cond_init(&c->renewed, NULL);
    if (failed) {
        credentials_close(c);
        return error_no_memory(err);
    }
    *ret = c;
    return 0;
}

void credentials_close(struct credentials *c)
{
    if (c == NULL)
        return;
    if (c->held != NULL)
        credentials_release(&c->held->now);
    (void)pthread_cond_destroy(&c->renewed);
    (void)pthread_mutex_destroy(&c->mutex);
    mem_free(c->value);
    mem_free(c->container_base);
    mem_free(c->instance_base);
    mem_free(c->described);
    mem_free(c);
}

/* ---- References ---- */

void credentials_release(const struct credentials_now *now)
{
    if (now == NULL)
        return;
    struct held *held = (struct held *)(uintptr_t)now; /* made here, and not const */
    if (atomic_fetch_sub(&held->references, 1) != 1)
        return;
    mem_free(held->access_key_id);
    secret_free(held->secret);
    secret_free(held->session_token);
    mem_free(held);
}

/* Take over what was found. */
static struct held *hold(struct credentials_found *found)
{
    struct held *held = mem_calloc(1, sizeof(*held));
    if (held == NULL)
        return NULL;
    held->access_key_id = found->access_key_id;
    held->secret = found->secret;
    held->session_token = found->session_token;
    found->access_key_id = NULL;
    found->secret = found->session_token = NULL;
    atomic_init(&held->references, 1);
    held->now = (struct credentials_now){
        .access_key_id = held->access_key_id,
        .secret = held->secret,
        .session_token = held->session_token,
        .expires_ns = found->expires_ns != 0 ? found->expires_ns : INT64_MAX,
    };
    return held;
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
    return a == NULL || b == NULL ? a == b : secret_equal(a, b);
}

static bool same(const struct held *a, const struct held *b)
{
    return strcmp(a->access_key_id, b->access_key_id) == 0 && same_secret(a->secret, b->secret) &&
           same_secret(a->session_token, b->session_token);
}

/* ---- Reading the source ---- */

static int read_metadata(const struct credentials *c, unsigned attempts, struct credentials_found *found,
                         struct error *err)
{
    int64_t now_ns = c->now_ns();
    return credentials_in_container() ? credentials_read_container(c->container_base, now_ns, found, err)
                                      : credentials_read_instance(c->instance_base, now_ns, attempts, found, err);
}

static bool instance_disabled(void)
{
    const char *text = getenv("AWS_EC2_METADATA_DISABLED");
    return text != NULL && strcmp(text, "true") == 0;
}

/* The first that has any, and which that was. */
static int read_chain(const struct credentials *c, struct credentials_found *found,
                      enum target_credentials_kind *ret_chosen, struct error *err)
{
    *ret_chosen = TARGET_CREDENTIALS_ENVIRONMENT;
    if (credentials_read_environment(NULL, found, err) != 0)
        return -1;
    if (credentials_found_any(found))
        return 0;
    *ret_chosen = TARGET_CREDENTIALS_PROFILE;
    if (credentials_read_profile(NULL, found, err) != 0)
        return -1;
    if (credentials_found_any(found))
        return 0;
    *ret_chosen = TARGET_CREDENTIALS_METADATA;
    if (credentials_in_container() || !instance_disabled()) {
        struct error why = {0};
        if (read_metadata(c, 1, found, &why) == 0)
            return 0;
        if (credentials_in_container() || why.class != ERROR_UNREACHABLE) {
            *err = why;
            return -1;
        }
    }
    (void)error_set(err, ERROR_CONFIG,
                    "there are no credentials: none in the environment, no default profile, and no instance metadata");
    return error_hint(err, "say where they are: credentials: file:PATH, profile:NAME, environment, metadata or "
                           "systemd:NAME");
}

static int read_kind(const struct credentials *c, enum target_credentials_kind kind, struct credentials_found *found,
                     enum target_credentials_kind *ret_chosen, struct error *err)
{
    *ret_chosen = kind;
    switch (kind) {
    case TARGET_CREDENTIALS_DEFAULT:
        return read_chain(c, found, ret_chosen, err);
    case TARGET_CREDENTIALS_ENVIRONMENT:
        if (credentials_read_environment(c->value, found, err) != 0)
            return -1;
        if (credentials_found_any(found))
            return 0;
        return error_set(err, ERROR_CONFIG, "%sACCESS_KEY_ID and %sSECRET_ACCESS_KEY are not in the environment",
                         c->value != NULL ? c->value : "AWS_", c->value != NULL ? c->value : "AWS_");
    case TARGET_CREDENTIALS_FILE:
        return credentials_read_file(c->value, CREDENTIALS_OWNER_ONLY, found, err);
    case TARGET_CREDENTIALS_PROFILE:
        if (credentials_read_profile(c->value, found, err) != 0)
            return -1;
        if (credentials_found_any(found))
            return 0;
        return error_set(err, ERROR_CONFIG, "profile %s holds no access key", c->value != NULL ? c->value : "default");
    case TARGET_CREDENTIALS_METADATA:
        return read_metadata(c, INSTANCE_ATTEMPTS, found, err);
    case TARGET_CREDENTIALS_SYSTEMD:
        return credentials_read_systemd(c->value, found, err);
    }
    return error_set(err, ERROR_INTERNAL, "unknown source of credentials");
}

static bool good(const struct credentials *c, int64_t now_ns)
{
    return c->held != NULL && !c->refused && c->held->now.expires_ns > now_ns;
}

/* Take what a renewal brought into use, or note why it failed. Under the mutex. */
static void finish_renewal(struct credentials *c, struct held *fresh, struct credentials_found *found,
                           enum target_credentials_kind chosen, const struct error *why)
{
    c->renewals++;
    c->renewing = false;
    if (fresh == NULL) {
        c->why = *why;
    } else {
        error_clear(&c->why);
        fresh->refused_before = c->refused && same(fresh, c->held);
        if (c->held != NULL)
            credentials_release(&c->held->now);
        mem_free(c->described);
        c->described = found->described;
        found->described = NULL;
        c->held = fresh;
        c->refused = false;
        c->chosen = chosen;
    }
    c->retry_ns = c->now_ns() + RETRY_S * NS_PER_S;
    (void)pthread_cond_broadcast(&c->renewed);
}

/* Read the source, without the mutex meanwhile. 0, or -1 with c->why. */
static int renew(struct credentials *c)
{
    struct credentials_found found = {0};
    struct error why = {0};
    enum target_credentials_kind chosen;
    /* Once the chain has found something, another source must not take over because the first one has a hiccup. */
    enum target_credentials_kind kind = c->chosen != TARGET_CREDENTIALS_DEFAULT ? c->chosen : c->kind;
    struct held *fresh = NULL;
    c->renewing = true;
    (void)pthread_mutex_unlock(&c->mutex);
    if (read_kind(c, kind, &found, &chosen, &why) == 0) {
        fresh = hold(&found);
        if (fresh == NULL)
            (void)error_no_memory(&why);
    }
    (void)pthread_mutex_lock(&c->mutex);
    finish_renewal(c, fresh, &found, chosen, &why);
    credentials_found_free(&found);
    return fresh != NULL ? 0 : -1;
}

/* See to it that what is held can be used, as credentials_get promises. Under the mutex. */
static int see_to_good(struct credentials *c)
{
    for (;;) {
        int64_t now_ns = c->now_ns();
        bool usable = good(c, now_ns);
        bool due =
            !usable || (c->held->now.expires_ns - CREDENTIALS_RENEW_S * NS_PER_S < now_ns && now_ns >= c->retry_ns);
        if (!due || (usable && c->renewing))
            return 0;
        if (!c->renewing)
            return renew(c) == 0 || good(c, c->now_ns()) ? 0 : -1;
        uint64_t before = c->renewals;
        while (c->renewals == before)
            (void)pthread_cond_wait(&c->renewed, &c->mutex);
        /* The one that was waited for counts for all who waited: a service that is down is not asked by each of them.
         */
        if (c->why.class != ERROR_NONE && !good(c, c->now_ns()))
            return -1;
    }
}

int credentials_get(struct credentials *c, const struct credentials_now **ret, struct error *err)
{
    *ret = NULL;
    (void)pthread_mutex_lock(&c->mutex);
    int rc = see_to_good(c);
    if (rc == 0) {
        atomic_fetch_add(&c->held->references, 1);
        *ret = &c->held->now;
    } else if (err != NULL) {
        *err = c->why;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return rc == 0 ? 0 : error_wrap(err, "get credentials");
}

bool credentials_reject(struct credentials *c, const struct credentials_now *refused)
{
    (void)pthread_mutex_lock(&c->mutex);
    bool current = c->held != NULL && &c->held->now == refused;
    bool hopeless = current && c->held->refused_before;
    if (current)
        c->refused = true;
    (void)pthread_mutex_unlock(&c->mutex);
    return !hopeless;
}

/* ---- What goes with them ---- */

static int read_region(const struct credentials *c, struct credentials_found *found, struct error *err)
{
    switch (c->kind) {
    case TARGET_CREDENTIALS_DEFAULT:
    case TARGET_CREDENTIALS_PROFILE:
        return credentials_read_profile(c->value, found, err);
    case TARGET_CREDENTIALS_FILE:
        return credentials_read_file(c->value, CREDENTIALS_OWNER_ONLY, found, err);
    case TARGET_CREDENTIALS_SYSTEMD:
        return credentials_read_systemd(c->value, found, err);
    case TARGET_CREDENTIALS_ENVIRONMENT:
    case TARGET_CREDENTIALS_METADATA:
        return 0;
    }
    return 0;
}

int credentials_region(struct credentials *c, char **ret_region, struct error *err)
{
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    *ret_region = NULL;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *text = getenv(variables[i]);
        if (text == NULL || text[0] == '\0')
            continue;
        *ret_region = mem_strdup(text);
        return *ret_region != NULL ? 0 : error_no_memory(err);
    }
    struct credentials_found found = {0};
    int rc = read_region(c, &found, err);
    if (rc == 0) {
        *ret_region = found.region;
        found.region = NULL;
    }
    credentials_found_free(&found);
    return rc == 0 ? 0 : error_wrap(err, "find the region");
}

char *credentials_describe(struct credentials *c)
{
    (void)pthread_mutex_lock(&c->mutex);
    char *text = mem_strdup(c->described != NULL ? c->described : "not read yet");
    (void)pthread_mutex_unlock(&c->mutex);
    return text;
}
