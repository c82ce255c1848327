#include "ops/target_probe.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/provider.h"
#include "crypto/crypto.h"
#include "target/url.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RACE_WRITERS = 4, RACE_ROUNDS = 3, LATENCY_TRIES = 5, NAME_SIZE = 128 };
#define SKEW_WARN_NS (30 * NS_PER_S)
#define SKEW_MAX_NS  (300 * NS_PER_S)

/* ---- Outcomes ---- */

static void say(struct hikae_target_probe *ret, enum hikae_outcome outcome, const char *hint, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
static void say(struct hikae_target_probe *ret, enum hikae_outcome outcome, const char *hint, const char *fmt, ...)
{
    va_list args;
    ret->outcome = outcome;
    (void)snprintf(ret->hint, sizeof(ret->hint), "%s", hint);
    va_start(args, fmt);
    (void)vsnprintf(ret->detail, sizeof(ret->detail), fmt, args);
    va_end(args);
}

/* A call that failed: what did not answer is not known; everything else is the target's failure. */
static void say_error(struct hikae_target_probe *ret, const struct error *why)
{
    bool unknown = why->class == ERROR_UNREACHABLE || why->class == ERROR_INTERRUPTED;
    say(ret, unknown ? HIKAE_OUTCOME_UNKNOWN : HIKAE_OUTCOME_FAIL, why->hint, "%s", why->what);
    ret->status = (enum hikae_status)error_exit_code(why->class);
}

/* ---- What it says ---- */

static void check_reachable(struct target_probing *p, struct hikae_target_probe *ret)
{
    struct error why = {0};
    if (target_ask(p->target, &p->facts, &why) != 0) {
        say_error(ret, &why);
        if (why.class == ERROR_NOT_FOUND)
            ret->status = HIKAE_KEYS; /* the keys are what was not found: a bucket that is gone is unreachable */
        return;
    }
    p->answers = true;
    say(ret, HIKAE_OUTCOME_OK, "", "it answers%s%s", p->facts.server[0] != '\0' ? ": " : "", p->facts.server);
}

/* The shortest of several: what the line itself takes. */
static void check_latency(struct target_probing *p, struct hikae_target_probe *ret)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < LATENCY_TRIES; i++) {
        struct error why = {0};
        uint64_t size;
        int64_t began = clock_monotonic_ns();
        if (target_stat(p->target, NAME_STORE, &size, &why) != 0 && why.class != ERROR_NOT_FOUND) {
            say_error(ret, &why);
            return;
        }
        int64_t took = clock_monotonic_ns() - began;
        best = took < best ? took : best;
    }
    p->ret->latency_ns = best;
    say(ret, HIKAE_OUTCOME_OK, "", "%.2f ms for a request", (double)best / 1e6);
}

static void check_tls(struct target_probing *p, struct hikae_target_probe *ret)
{
    const struct target_facts *facts = &p->facts;
    if (strcmp(p->ret->target.driver, "file") == 0)
        say(ret, HIKAE_OUTCOME_OK, "", "a folder: no line to protect");
    else if (facts->tls_version[0] == '\0')
        say(ret, HIKAE_OUTCOME_WARN, "use https:// for the endpoint", "plain HTTP: nothing protects the line");
    else if (strcmp(facts->tls_version, "TLSv1.2") != 0 && strcmp(facts->tls_version, "TLSv1.3") != 0)
        say(ret, HIKAE_OUTCOME_FAIL, "the store must offer TLS 1.2 or newer", "%s, %s", facts->tls_version,
            facts->tls_cipher);
    else
        say(ret, HIKAE_OUTCOME_OK, "", "%s, %s", facts->tls_version, facts->tls_cipher);
}

static void check_clock(struct target_probing *p, struct hikae_target_probe *ret)
{
    int64_t skew = p->facts.skew_ns, size = skew < 0 ? -skew : skew;
    say(ret,
        size > SKEW_MAX_NS    ? HIKAE_OUTCOME_FAIL
        : size > SKEW_WARN_NS ? HIKAE_OUTCOME_WARN
                              : HIKAE_OUTCOME_OK,
        size > SKEW_WARN_NS ? "set both clocks by NTP: nothing is deleted while they differ by five minutes" : "",
        "its clock differs by %+.1f s", (double)skew / 1e9);
}

static bool names_region(const struct target_options *wanted)
{
    struct target_url url = {0};
    bool named = wanted->region != NULL;
    if (!named && target_url_parse(wanted->url, &url, NULL) == 0)
        named = target_url_param(&url, "region") != NULL;
    target_url_free(&url);
    return named;
}

static void check_region(struct target_probing *p, struct hikae_target_probe *ret)
{
    const char *said = p->facts.region, *wanted = p->ret->target.region;
    if (wanted == NULL)
        say(ret, HIKAE_OUTCOME_OK, "", "a folder has none");
    else if (said[0] == '\0')
        say(ret, HIKAE_OUTCOME_UNKNOWN, "the key needs the right s3:GetBucketLocation",
            "it does not say; %s is configured", wanted);
    else if (strcmp(said, wanted) == 0 ||
             (!names_region(p->wanted) && provider_region_find(p->ret->target.provider, wanted) == NULL))
        say(ret, HIKAE_OUTCOME_OK, "", "%s, as it says itself", said);
    else
        say(ret, HIKAE_OUTCOME_FAIL, "correct region= of the target, and its country with it",
            "it says %s, but %s is configured", said, wanted);
}

static void check_country(struct target_probing *p, struct hikae_target_probe *ret)
{
    const struct hikae_target *target = &p->ret->target;
    if (target->country == NULL)
        say(ret, HIKAE_OUTCOME_WARN, "add country=XX (two letters) to the target",
            "not declared: promises about where data lies cannot be proved");
    else if (target->attested)
        say(ret, HIKAE_OUTCOME_OK, "", "%s, attested by the operator", target->country);
    else
        say(ret, HIKAE_OUTCOME_OK, "", "%s, by the table of %s's regions of " PROVIDER_TABLE_DATE, target->country,
            target->provider);
}

static void check_site(struct target_probing *p, struct hikae_target_probe *ret)
{
    const char *site = p->ret->target.site;
    say(ret, site != NULL ? HIKAE_OUTCOME_OK : HIKAE_OUTCOME_WARN, site != NULL ? "" : "add site=NAME to the target",
        "%s", site != NULL ? site : "not declared: it may be at the same place as another target");
}

static const char *versioning_word(enum target_versioning versioning)
{
    return versioning == TARGET_VERSIONING_ON ? "on" : versioning == TARGET_VERSIONING_SUSPENDED ? "suspended" : "off";
}

static void check_versioning(struct target_probing *p, struct hikae_target_probe *ret)
{
    p->ret->versioning = versioning_word(p->facts.versioning);
    say(ret, HIKAE_OUTCOME_OK, "", "%s%s", p->ret->versioning,
        p->facts.versioning == TARGET_VERSIONING_ON ? ": older versions of what is deleted stay until they are removed"
                                                    : "");
}

static void check_lock(struct target_probing *p, struct hikae_target_probe *ret)
{
    const struct target_facts *facts = &p->facts;
    const char *mode = target_words_lock.words[facts->lock_default];
    bool wanted = p->ret->target.lock;
    if (wanted && !facts->lock_enabled)
        say(ret, HIKAE_OUTCOME_FAIL, "Object Lock is switched on when a bucket is made: make another one",
            "objects are to be locked, but the bucket cannot do that");
    else if (!facts->lock_enabled)
        say(ret, HIKAE_OUTCOME_OK, "", "the target locks nothing");
    else if (facts->lock_default == TARGET_LOCK_NONE)
        say(ret, HIKAE_OUTCOME_OK, "", "%s",
            wanted ? "each object is locked when it is put" : "possible, but not used");
    else
        say(ret, !wanted ? HIKAE_OUTCOME_WARN : HIKAE_OUTCOME_OK,
            !wanted ? "say so with lock= at the target: promises about deletion depend on it" : "",
            "the bucket itself locks each object: %s, %u days", mode, facts->lock_default_days);
}

static void check_minimum(struct target_probing *p, struct hikae_target_probe *ret)
{
    const struct provider *provider = provider_find(p->ret->target.provider);
    p->ret->minimum_days = provider != NULL ? provider->minimum_days : 0;
    p->ret->minimum_size = provider != NULL ? provider->minimum_size : 0;
    if (p->ret->minimum_days == 0)
        say(ret, HIKAE_OUTCOME_OK, "", "none is known");
    else
        say(ret, HIKAE_OUTCOME_OK, "", "each object is billed for %u days and %u bytes at least", p->ret->minimum_days,
            p->ret->minimum_size);
}

static void check_space(struct target_probing *p, struct hikae_target_probe *ret)
{
    uint64_t space = p->ret->target.free_bytes;
    if (space == UINT64_MAX)
        say(ret, HIKAE_OUTCOME_OK, "", "without a limit that it tells of");
    else
        say(ret, space < UINT64_C(1) << 30 ? HIKAE_OUTCOME_WARN : HIKAE_OUTCOME_OK,
            space < UINT64_C(1) << 30 ? "free some space, or add some" : "", "%llu MiB free",
            (unsigned long long)(space >> 20));
}

/* ---- What it does ---- */

static void check_write(struct target_probing *p, struct hikae_target_probe *ret)
{
    struct error why = {0};
    if (target_put(p->target, PROBE_FOLDER "rights", "hikae", 5, TARGET_PUT_REPAIR, &why) != 0)
        say_error(ret, &why);
    else
        say(ret, HIKAE_OUTCOME_OK, "", "the key may put objects");
}

static void check_read(struct target_probing *p, struct hikae_target_probe *ret)
{
    CLEANUP(buf_free) struct buf back = {0};
    struct error why = {0};
    if (target_get(p->target, PROBE_FOLDER "rights", 64, &back, &why) != 0)
        say_error(ret, &why);
    else if (back.size != 5 || memcmp(back.data, "hikae", 5) != 0)
        say(ret, HIKAE_OUTCOME_FAIL, "", "what was put reads back as other bytes");
    else
        say(ret, HIKAE_OUTCOME_OK, "", "the key may get objects");
}

struct race {
    struct target *target;
    char name[NAME_SIZE];
    atomic_bool start;
    atomic_int created, existed, unsupported;
    pthread_mutex_t mutex;
    struct error why; /* the first that failed */
};

static void *race_main(void *context)
{
    struct race *race = context;
    struct error why = {0};
    enum target_once once;
    uint8_t bytes[8];
    while (!atomic_load(&race->start))
        (void)sched_yield();
    /* Each writer has bytes of its own, so that one that replaces another would be a different object. */
    if (crypto_random(bytes, sizeof(bytes), &why) != 0 ||
        target_put_once(race->target, race->name, bytes, sizeof(bytes), &once, &why) != 0) {
        (void)pthread_mutex_lock(&race->mutex);
        if (race->why.class == ERROR_NONE)
            race->why = why;
        (void)pthread_mutex_unlock(&race->mutex);
        return NULL;
    }
    atomic_fetch_add(once == TARGET_ONCE_CREATED  ? &race->created
                     : once == TARGET_ONCE_EXISTS ? &race->existed
                                                  : &race->unsupported,
                     1);
    return NULL;
}

/* All writers at once on one name. */
static int run_race(struct race *race)
{
    pthread_t threads[RACE_WRITERS];
    size_t started = 0;
    (void)pthread_mutex_init(&race->mutex, NULL);
    while (started < RACE_WRITERS && pthread_create(&threads[started], NULL, race_main, race) == 0)
        started++;
    atomic_store(&race->start, true);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_mutex_destroy(&race->mutex);
    return started == RACE_WRITERS && race->why.class == ERROR_NONE ? 0 : -1;
}

/*
 * Several writers create the same name at once, and exactly one may win. A name serves for one race only, as nothing is
 * deleted here: names are made of the day, and a second check on a day finds them taken, when nobody may win.
 */
static void check_once(struct target_probing *p, struct hikae_target_probe *ret)
{
    char day[CLOCK_TEXT_SIZE];
    if (strcmp(p->ret->target.driver, "file") == 0) {
        p->ret->create_once = p->ret->target.create_once;
        say(ret, HIKAE_OUTCOME_OK, "", "a folder: names are linked, which replaces nothing");
        return;
    }
    (void)clock_format_sortable(clock_machine_ns(), day);
    for (int round = 1; round <= RACE_ROUNDS; round++) {
        struct race race = {.target = p->target};
        struct error why = {0};
        uint64_t size;
        (void)snprintf(race.name, sizeof(race.name), PROBE_FOLDER "once-%.8s-%d", day, round);
        bool taken = target_stat(p->target, race.name, &size, &why) == 0;
        if (!taken && why.class != ERROR_NOT_FOUND) {
            say_error(ret, &why);
            return;
        }
        if (run_race(&race) != 0) {
            (void)error_set(&why, ERROR_UNREACHABLE, "the writers could not be started");
            say_error(ret, race.why.class != ERROR_NONE ? &race.why : &why);
            return;
        }
        int winners = atomic_load(&race.created);
        if (atomic_load(&race.unsupported) > 0) {
            say(ret, HIKAE_OUTCOME_WARN, "hikae does without: it looks before it puts",
                "the target takes no conditional writes");
            return;
        }
        if (winners != (taken ? 0 : 1)) {
            say(ret, HIKAE_OUTCOME_FAIL, "use another store: this one replaces what is there, and says it did not",
                "%d of %d writers won a race for %s name", winners, (int)RACE_WRITERS, taken ? "a taken" : "one");
            return;
        }
    }
    p->ret->create_once = true;
    say(ret, HIKAE_OUTCOME_OK, "", "of %d writers at once never more than one won, in %d rounds", (int)RACE_WRITERS,
        (int)RACE_ROUNDS);
}

static void check_checksums(struct target_probing *p, struct hikae_target_probe *ret)
{
    bool md5 = false, sha256 = false;
    struct error why = {0};
    if (strcmp(p->ret->target.driver, "file") == 0) {
        say(ret, HIKAE_OUTCOME_OK, "", "a folder takes none; what is read is checked against its name");
        return;
    }
    if (target_checks(p->target, PROBE_FOLDER "checksum", TARGET_CHECKSUM_MD5, &md5, &why) != 0 ||
        target_checks(p->target, PROBE_FOLDER "checksum", TARGET_CHECKSUM_SHA256, &sha256, &why) != 0) {
        say_error(ret, &why);
        return;
    }
    p->ret->checks_md5 = md5;
    p->ret->checks_sha256 = sha256;
    bool missed = (p->wanted->checksum == TARGET_CHECKSUM_SHA256 && !sha256) ||
                  (p->wanted->checksum == TARGET_CHECKSUM_MD5 && !md5);
    say(ret, missed || (!md5 && !sha256) ? HIKAE_OUTCOME_WARN : HIKAE_OUTCOME_OK,
        missed ? "set checksum= of the target to one that it looks at" : "", "it looks at: %s%s%s",
        md5 ? "Content-MD5" : "", md5 && sha256 ? ", " : "",
        sha256 ? "SHA-256"
        : md5  ? ""
               : "none of them");
}

/* Names that any order but that of bytes would put differently. */
static const char *const order_names[] = {"10", "9", "A", "B-1", "B.1", "B/1", "B_1", "C", "b"};
enum { ORDER_NAMES = sizeof(order_names) / sizeof(order_names[0]) };

struct order {
    size_t count;
    bool wrong;
};

static int note_order(const struct target_object *object, void *context, struct error *err)
{
    struct order *order = context;
    const char *name = object->name + strlen(PROBE_FOLDER "order/");
    (void)err;
    order->wrong = order->wrong || order->count >= ORDER_NAMES || strcmp(name, order_names[order->count]) != 0;
    order->count++;
    return 0;
}

static void check_order(struct target_probing *p, struct hikae_target_probe *ret)
{
    struct order order = {0};
    struct error why = {0};
    for (size_t i = 0; i < ORDER_NAMES; i++) {
        char name[NAME_SIZE];
        (void)snprintf(name, sizeof(name), PROBE_FOLDER "order/%s", order_names[i]);
        if (target_put(p->target, name, "x", 1, TARGET_PUT_CREATE, &why) != 0) {
            say_error(ret, &why);
            return;
        }
    }
    if (target_list(p->target, PROBE_FOLDER "order/", NULL, note_order, &order, &why) != 0)
        say_error(ret, &why);
    else if (order.count < ORDER_NAMES)
        say(ret, HIKAE_OUTCOME_WARN, "collection waits longer where listings are late",
            "a listing had %zu of %d objects that were put before", order.count, (int)ORDER_NAMES);
    else
        say(ret, order.wrong ? HIKAE_OUTCOME_FAIL : HIKAE_OUTCOME_OK,
            order.wrong ? "use another store: hikae cannot trust its listings" : "", "%s",
            order.wrong ? "listings are not in the order of bytes"
                        : "listings are in strictly ascending order of bytes");
}

/* Random bytes: nothing on the way can make less of them. */
static int measure_speed(struct target_probing *p, struct error *err)
{
    CLEANUP(buf_free) struct buf bytes = {0}, back = {0};
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof(name), PROBE_FOLDER "speed-%zu", p->speed_size);
    if (buf_reserve(&bytes, p->speed_size, err) != 0)
        return -1;
    bytes.size = p->speed_size;
    if (crypto_random(bytes.data, bytes.size, err) != 0)
        return -1;
    int64_t began = clock_monotonic_ns();
    if (target_put(p->target, name, bytes.data, bytes.size, TARGET_PUT_REPAIR, err) != 0)
        return -1;
    int64_t put = clock_monotonic_ns();
    if (target_get(p->target, name, p->speed_size, &back, err) != 0)
        return -1;
    int64_t got = clock_monotonic_ns();
    if (back.size != bytes.size || memcmp(back.data, bytes.data, back.size) != 0)
        return error_set(err, ERROR_DAMAGED, "%s reads back as other bytes than were put", name);
    p->ret->up_bytes_per_s = (uint64_t)((double)p->speed_size * 1e9 / (double)(put - began + 1));
    p->ret->down_bytes_per_s = (uint64_t)((double)p->speed_size * 1e9 / (double)(got - put + 1));
    return 0;
}

static void check_speed(struct target_probing *p, struct hikae_target_probe *ret)
{
    struct error why = {0};
    if (measure_speed(p, &why) != 0)
        say_error(ret, &why);
    else
        say(ret, HIKAE_OUTCOME_OK, "", "%.1f MB/s up, %.1f MB/s down, with one object of %zu %s",
            (double)p->ret->up_bytes_per_s / 1e6, (double)p->ret->down_bytes_per_s / 1e6,
            p->speed_size >= 1 << 20 ? p->speed_size >> 20 : p->speed_size >> 10,
            p->speed_size >= 1 << 20 ? "MiB" : "KiB");
}

/* ---- All of it ---- */

static const struct {
    const char *name;
    bool writes;
    void (*check)(struct target_probing *p, struct hikae_target_probe *ret);
} checks[] = {
    {"reachable", false, check_reachable},
    {"latency", false, check_latency},
    {"tls", false, check_tls},
    {"clock", false, check_clock},
    {"region", false, check_region},
    {"country", false, check_country},
    {"site", false, check_site},
    {"versioning", false, check_versioning},
    {"lock", false, check_lock},
    {"minimum-storage", false, check_minimum},
    {"space", false, check_space},
    {"write", true, check_write},
    {"read", true, check_read},
    {"conditional-writes", true, check_once},
    {"checksums", true, check_checksums},
    {"list-order", true, check_order},
    {"speed", true, check_speed},
};
enum { CHECKS = sizeof(checks) / sizeof(checks[0]) };

int target_probe(struct target_probing *p, struct error *err)
{
    struct hikae_target_report *ret = p->ret;
    ret->versioning = "unknown";
    ret->probes = mem_calloc(CHECKS, sizeof(*ret->probes));
    if (ret->probes == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < CHECKS; i++) {
        struct hikae_target_probe *probe = &ret->probes[ret->probe_count++];
        probe->name = checks[i].name;
        if (cancel_check(p->cancel, err) != 0)
            return -1;
        if (i > 0 && !p->answers)
            say(probe, HIKAE_OUTCOME_UNKNOWN, "", "it does not answer");
        else if (checks[i].writes && !p->writes)
            say(probe, HIKAE_OUTCOME_UNKNOWN, "", "not tried");
        else
            checks[i].check(p, probe);
    }
    ret->measured = p->answers;
    ret->skew_ns = p->facts.skew_ns;
    ret->lock_enabled = p->facts.lock_enabled;
    ret->lock_default = target_words_lock.words[p->facts.lock_default];
    ret->lock_default_days = p->facts.lock_default_days;
    (void)snprintf(ret->region, sizeof(ret->region), "%s", p->facts.region);
    (void)snprintf(ret->server, sizeof(ret->server), "%s", p->facts.server);
    (void)snprintf(ret->tls_version, sizeof(ret->tls_version), "%s", p->facts.tls_version);
    (void)snprintf(ret->tls_cipher, sizeof(ret->tls_cipher), "%s", p->facts.tls_cipher);
    return 0;
}
