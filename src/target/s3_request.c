#include "base/clock.h"
#include "base/mem.h"
#include "target/s3_target.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TRIES = 6,
    FIRST_WAIT_MS = 200,
    LONGEST_WAIT_MS = 20000,
    CALL_BUDGET_MS = 180000, /* one call gives up after so much time, whatever its tries */
    SKEW_MATTERS_S = 60,
};

static const char empty_hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

char *s3_key(const struct s3_target *t, const char *name)
{
    return mem_printf("%s%s", t->place.prefix, name);
}

void s3_request_free(struct s3_request *request)
{
    s3_exchange_free(&request->exchange);
}

/* ---- What the store told by the way ---- */

int64_t s3_parse_time(const char *text)
{
    int64_t ns = 0;
    struct tm tm = {0};
    if (clock_parse(text, &ns, NULL) == 0)
        return ns;
    /* RFC 9110, 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT" */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char month[4] = "";
    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) != 6)
        return 0;
    const char *found = strlen(month) == 3 ? strstr(months, month) : NULL;
    if (found == NULL)
        return 0;
    tm.tm_mon = (int)(found - months) / 3;
    if (tm.tm_year < 1970 || tm.tm_year > 2200)
        return 0; /* beyond what 64 bits of nanoseconds can say */
    tm.tm_year -= 1900;
    return (int64_t)timegm(&tm) * NS_PER_S;
}

static void note_answer(struct s3_target *t, const struct s3_exchange *x)
{
    int64_t date = s3_parse_time(x->header[S3_HEADER_DATE]);
    (void)pthread_mutex_lock(&t->lock);
    if (date != 0) {
        /* The header has whole seconds: half a second is the best guess of the rest. */
        t->skew_ns = date + NS_PER_S / 2 - clock_machine_ns();
        if (t->skew_ns > -2 * NS_PER_S && t->skew_ns < 2 * NS_PER_S)
            t->skew_ns = 0;
        t->skew_at_ns = clock_monotonic_ns();
    }
    if (x->header[S3_HEADER_SERVER][0] != '\0' && t->server[0] == '\0')
        (void)snprintf(t->server, sizeof(t->server), "%.63s", x->header[S3_HEADER_SERVER]);
    (void)pthread_mutex_unlock(&t->lock);
}

/* What is to be added to our time for signing, and the store's region, as far as they are known. */
static int64_t look_at_skew_and_region(struct s3_target *t, char region[64])
{
    (void)pthread_mutex_lock(&t->lock);
    int64_t skew = t->skew_ns / NS_PER_S > SKEW_MATTERS_S || t->skew_ns / NS_PER_S < -SKEW_MATTERS_S ? t->skew_ns : 0;
    memcpy(region, t->region, sizeof(t->region));
    (void)pthread_mutex_unlock(&t->lock);
    return skew;
}

/* ---- Trying ---- */

/* One call of s3_do. */
struct attempt {
    unsigned tries;
    int64_t begun_ns, tried_ns; /* the call, its last try */
    int64_t skew_ns;            /* that the last try was signed with */
    bool region_corrected, clock_corrected, keys_renewed;
};

/* The region that the store names instead of ours, by header or in the answer: taken over once. */
static bool correct_region(struct s3_target *t, const struct s3_request *request, struct attempt *attempt)
{
    struct s3_answer_words words;
    long status = request->exchange.status;
    if (attempt->region_corrected || (status != 301 && status != 307 && status != 400 && status != 403))
        return false;
    s3_answer_words(&request->exchange, &words);
    const char *region = words.region[0] != '\0' ? words.region : request->exchange.header[S3_HEADER_REGION];
    (void)pthread_mutex_lock(&t->lock);
    bool news = region[0] != '\0' && strlen(region) < sizeof(t->region) && strcmp(region, t->region) != 0 &&
                strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(region);
    /* Where the region says in which place data lies, and promises rest on that, only the operator may correct it. */
    news = news && t->place.known == NULL;
    if (news)
        memcpy(t->region, region, strlen(region) + 1);
    (void)pthread_mutex_unlock(&t->lock);
    attempt->region_corrected = news;
    return news;
}

/* Was it signed with a time that is not the store's? An answer to HEAD has no words: then the clock itself tells. */
static bool is_skewed(struct s3_target *t, const struct s3_request *request, const struct attempt *attempt)
{
    char region[64];
    if (request->code[0] != '\0' || request->exchange.status != 403)
        return strcmp(request->code, "RequestTimeTooSkewed") == 0;
    return look_at_skew_and_region(t, region) != attempt->skew_ns; /* note_answer has seen its clock */
}

/*
 * Are these keys no longer good? Of those of a session every refusal may mean that it is over: answers to HEAD have no
 * words, and Ceph says AccessDenied.
 */
static bool is_stale(const struct s3_request *request, const struct credentials_now *keys)
{
    static const char *const stale[] = {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "TokenRefreshRequired"};
    long status = request->exchange.status;
    for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++)
        if (strcmp(request->code, stale[i]) == 0)
            return true;
    return keys->session_token != NULL &&
           (status == 401 || status == 403 || (status == 400 && request->code[0] == '\0'));
}

/* What can be put right at once, each once a call: then the request is made again without waiting. */
static bool correct(struct s3_target *t, const struct s3_request *request, const struct credentials_now *keys,
                    struct attempt *attempt)
{
    if (correct_region(t, request, attempt))
        return true;
    if (!attempt->clock_corrected && is_skewed(t, request, attempt)) {
        attempt->clock_corrected = true;
        return true;
    }
    if (!attempt->keys_renewed && is_stale(request, keys)) {
        attempt->keys_renewed = true;
        return credentials_reject(t->credentials[request->right], keys);
    }
    return false;
}

/* Full jitter over the upper half: many clients that were refused together must not come back together. */
static unsigned backoff_ms(unsigned tries, const struct s3_exchange *x)
{
    unsigned longest = tries < 8 ? (unsigned)FIRST_WAIT_MS << tries : LONGEST_WAIT_MS;
    unsigned char random[2] = {128, 0};
    longest = longest < LONGEST_WAIT_MS ? longest : LONGEST_WAIT_MS;
    (void)RAND_bytes(random, sizeof(random));
    unsigned wait = longest / 2 + (unsigned)((uint64_t)longest / 2 * (random[0] * 256U + random[1]) / 65536);
    /* RFC 9110, 10.2.3; only in seconds, as stores write it. */
    const char *after = x->status != 0 ? x->header[S3_HEADER_RETRY_AFTER] : "";
    if (after[0] != '\0' && strspn(after, "0123456789") == strlen(after) && strlen(after) < 4) {
        unsigned asked = (unsigned)strtoul(after, NULL, 10) * 1000;
        wait = asked > wait ? asked : wait;
    }
    return wait < 2 * LONGEST_WAIT_MS ? wait : 2 * LONGEST_WAIT_MS;
}

/* May it be tried again? Waits before it says so. */
static bool again(struct s3_target *t, const struct s3_request *request, struct attempt *attempt, struct error *err)
{
    int64_t now_ns = clock_monotonic_ns(), spent_ms = (now_ns - attempt->begun_ns) / 1000000;
    if (request->no_retry || err->class == ERROR_INTERRUPTED || !err->retryable || attempt->tries >= TRIES ||
        atomic_load(&t->failing) || spent_ms > CALL_BUDGET_MS)
        return false;
    if (atomic_load(&t->lost_ms) > t->lost_max_ms) {
        (void)error_hint(err,
                         "tries in vain have taken %llu s of this run, so that nothing is tried a second time now: "
                         "see how the store is, then run again",
                         (unsigned long long)(t->lost_max_ms / 1000));
        return false;
    }
    unsigned wait = backoff_ms(attempt->tries - 1, &request->exchange);
    atomic_fetch_add(&t->lost_ms, wait + (uint64_t)(now_ns - attempt->tried_ns) / 1000000);
    atomic_fetch_add(&t->retries, 1);
    return s3_http_wait(t->http, wait, err) == 0;
}

static void count(struct s3_target *t, const struct s3_request *request, size_t received)
{
    atomic_fetch_add(&t->counts[request->kind], 1);
    atomic_fetch_add(&t->bytes_up, request->exchange.sent ? request->size : 0);
    atomic_fetch_add(&t->bytes_down, received);
}

/* 0: there is an answer. */
static int send_once(struct s3_target *t, struct s3_request *request, const char *hash,
                     const struct credentials_now *keys, struct attempt *attempt, struct error *err)
{
    struct s3_exchange *x = &request->exchange;
    char region[64];
    attempt->skew_ns = look_at_skew_and_region(t, region);
    int64_t now_ns = clock_machine_ns() + attempt->skew_ns;
    size_t before = request->sink != NULL ? request->sink->size : 0;
    request->code[0] = '\0';
    const struct s3_signer signer = {.keys = keys, .now_ns = now_ns, .hash = hash, .region = region};
    int rc = t->v2 ? s3v2_send(t, request, &signer, err) : s3_send(t, request, &signer, err);
    count(t, request, request->sink != NULL ? request->sink->size - before : 0);
    if (request->sink != NULL && (rc != 0 || x->status < 200 || x->status > 299 || x->overflow))
        request->sink->size = before;
    if (rc != 0) {
        request->answer_lost = request->answer_lost || x->sent;
        x->status = 0;
        return -1;
    }
    note_answer(t, x);
    return 0;
}

/* The answer's meaning. 0: it is good. */
static int judge(struct s3_target *t, struct s3_request *request, struct error *err)
{
    const struct s3_exchange *x = &request->exchange;
    struct s3_answer_words words;
    if (x->overflow) {
        (void)error_set(err, ERROR_DAMAGED, "%s: %s is longer than %zu bytes", t->base.traits.name,
                        request->name != NULL ? request->name : "the answer", request->sink_max);
        return error_hint(err, "something else lies under that name: hikae verify --repair puts it right");
    }
    if (x->status >= 200 && x->status < 300) {
        atomic_store(&t->found, true);
        return 0;
    }
    s3_answer_words(x, &words);
    memcpy(request->code, words.code, sizeof(request->code));
    /* What stands behind an answer of 5xx may have been done all the same. */
    request->answer_lost = request->answer_lost || (x->status >= 500 && x->status != 501 && x->sent);
    return s3_refusal(t, request, err);
}

static int try_once(struct s3_target *t, struct s3_request *request, const char *hash, struct attempt *attempt,
                    bool *corrected, struct error *err)
{
    CLEANUP_CREDENTIALS const struct credentials_now *keys = NULL;
    *corrected = false;
    attempt->tries++;
    attempt->tried_ns = clock_monotonic_ns();
    request->exchange.fresh = attempt->tries > 1;
    request->exchange.status = 0;
    if (credentials_get(t->credentials[request->right], &keys, err) != 0)
        return error_wrap(err, "credentials of %s", t->base.traits.name);
    if (send_once(t, request, hash, keys, attempt, err) != 0)
        return -1;
    if (judge(t, request, err) == 0)
        return 0;
    *corrected = correct(t, request, keys, attempt);
    return keys->session_token != NULL && err->class == ERROR_DENIED
               ? error_hint(err,
                            "if their session is over, renew these credentials; else give them the right to do this")
               : -1;
}

/* A HEAD has no body that could tell a missing bucket from a missing object: the bucket is asked for, once. */
static int ask_for_bucket(struct s3_target *t, const struct s3_request *request, struct error *err)
{
    if (request->exchange.status != 404 || request->code[0] != '\0' || atomic_load(&t->found))
        return -1;
    CLEANUP_REQUEST struct s3_request bucket = {
        .right = request->right, .kind = S3_HEAD, .action = "look for", .method = "HEAD"};
    struct error why = {0};
    if (request->name != NULL && (s3_do(t, &bucket, &why) == 0 || bucket.exchange.status != 404))
        return -1;
    (void)snprintf(bucket.code, sizeof(bucket.code), "NoSuchBucket");
    return s3_refusal(t, &bucket, err);
}

int s3_do(struct s3_target *t, struct s3_request *request, struct error *err)
{
    struct attempt attempt = {.begun_ns = clock_monotonic_ns()};
    struct error own = {0};
    char hash[S3_HASH_HEX_SIZE];
    bool corrected = false;
    if (err == NULL)
        err = &own;
    if (request->hash == NULL && request->size > 0 && s3_hash_hex(request->body, request->size, hash, err) != 0)
        return -1;
    const char *known = request->hash != NULL ? request->hash : request->size > 0 ? hash : empty_hash;
    request->answer_lost = false;
    int rc;
    do {
        error_clear(err);
        rc = try_once(t, request, known, &attempt, &corrected, err);
    } while (rc != 0 && (corrected || again(t, request, &attempt, err)));
    if (rc != 0)
        rc = ask_for_bucket(t, request, err);
    if (rc == 0 || (request->exchange.status != 0 && !err->retryable))
        atomic_store(&t->failing, false);
    else if (err->class == ERROR_UNREACHABLE && err->retryable && !request->no_retry)
        atomic_store(&t->failing, true);
    return rc;
}
