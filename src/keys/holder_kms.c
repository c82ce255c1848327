/* AWS KMS: the holder's key is 32 random bytes, encrypted inside the service under a key of this epoch alone. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/provider.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"
#include "keys/kms.h"

#include <stdio.h>
#include <string.h>

/* What a slot's params say; borrowed from them. */
struct kms_params {
    const char *key, *region, *store, *group, *sealed;
};

static const char *text_of(const json_t *json, const char *name, size_t max)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL && strlen(text) <= max ? text : NULL;
}

static int parse(const json_t *params, struct kms_params *ret, struct error *err)
{
    struct id store;
    *ret = (struct kms_params){.key = text_of(params, "key", KMS_ARN_MAX),
                               .region = text_of(params, "region", 63),
                               .store = text_of(params, "store", 2 * ID_SIZE),
                               .group = text_of(params, "group", KEYS_NAME_MAX),
                               .sealed = text_of(params, "sealed", (KMS_BLOB_MAX + 2) / 3 * 4)};
    if (ret->key == NULL || ret->region == NULL || !kms_is_arn(ret->key, ret->region) || ret->store == NULL ||
        strlen(ret->store) != 2 * ID_SIZE || !hex_decode(ret->store, ID_SIZE, store.bytes) || ret->group == NULL ||
        ret->sealed == NULL)
        return error_set(err, ERROR_DAMAGED, "the slot of a key service does not say which key seals what");
    return 0;
}

/* A holder of another region has other keys. */
static int open_region(const struct holder *holder, const char *region, struct kms **ret, struct error *err)
{
    if (strcmp(region, holder->options->region) != 0)
        return error_set(err, ERROR_NOT_FOUND, "the key is in region %s, the holder in %s", region,
                         holder->options->region);
    return kms_open(holder->options, ret, err);
}

static int open_named(const struct holder *holder, const json_t *params, struct kms_params *named, struct kms **ret,
                      struct error *err)
{
    return parse(params, named, err) == 0 ? open_region(holder, named->region, ret, err) : -1;
}

/* The service binds what it encrypts to these, and writes them into its own log (CloudTrail). */
static json_t *context_of(const char *store, uint32_t epoch, const char *group)
{
    char number[16];
    (void)snprintf(number, sizeof(number), "%u", epoch);
    return json_pack("{s:s, s:s, s:s}", "hikae-store", store, "hikae-epoch", number, "hikae-group", group);
}

/* ---- The key ---- */

/* The service has no token that makes CreateKey idempotent: a random number, as a tag, finds a key whose making was
 * answered by silence. */
#define TAG_MAKING "hikae-making"
enum { MAKING_SIZE = 16 };

struct key_state {
    char arn[KMS_ARN_MAX + 1];
    char state[32];
    int64_t deletion_ns; /* 0: none */
};

/* Seconds since 1970, as a JSON number with a fraction. */
static int64_t time_of(const json_t *metadata, const char *name)
{
    double seconds = json_number_value(json_object_get(metadata, name));
    return seconds > 0 && seconds < 9e9 ? (int64_t)seconds * NS_PER_S : 0;
}

static int read_metadata(const json_t *answer, struct key_state *ret, const json_t **ret_metadata, struct error *err)
{
    const json_t *metadata = json_object_get(answer, "KeyMetadata");
    const char *arn = text_of(metadata, "Arn", KMS_ARN_MAX), *state = text_of(metadata, "KeyState", 31);
    if (arn == NULL || state == NULL ||
        state[strspn(state, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0')
        return error_set(err, ERROR_UNREACHABLE, "the key service describes its key in words that hikae does not know");
    *ret = (struct key_state){.deletion_ns = time_of(metadata, "DeletionDate")};
    (void)snprintf(ret->arn, sizeof(ret->arn), "%s", arn);
    (void)snprintf(ret->state, sizeof(ret->state), "%s", state);
    *ret_metadata = metadata;
    return 0;
}

static int describe(struct kms *kms, const char *key, struct key_state *ret, struct error *err)
{
    CLEANUP_JSON json_t *request = json_pack("{s:s}", "KeyId", key);
    CLEANUP_JSON json_t *answer = NULL;
    const json_t *metadata;
    if (request == NULL)
        return error_no_memory(err);
    return kms_call(kms, "DescribeKey", request, false, &answer, err) == 0 ? read_metadata(answer, ret, &metadata, err)
                                                                           : -1;
}

/* A key whose end would not be the end of all its copies, or which is none for this, is refused. */
static int check_metadata(const json_t *metadata, const struct key_state *state, const char *region, struct error *err)
{
    static const struct {
        const char *name, *wanted, *what;
    } table[] = {
        {"KeyState", "Enabled", "it is not enabled"},
        {"KeySpec", "SYMMETRIC_DEFAULT", "it is not a symmetric key"},
        {"KeyUsage", "ENCRYPT_DECRYPT", "it is none for encrypting"},
        {"Origin", "AWS_KMS", "its material came from elsewhere, where it may still be"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *value = json_string_value(json_object_get(metadata, table[i].name));
        if (value == NULL || strcmp(value, table[i].wanted) != 0)
            return error_set(err, ERROR_REFUSED, "key %s cannot hold a root epoch: %s", state->arn, table[i].what);
    }
    if (!json_is_false(json_object_get(metadata, "MultiRegion")))
        return error_set(err, ERROR_REFUSED, "key %s cannot hold a root epoch: it may have replicas in other regions",
                         state->arn);
    if (!kms_is_arn(state->arn, region))
        return error_set(err, ERROR_REFUSED, "key %s is not in region %s", state->arn, region);
    return 0;
}

/* A key of this epoch alone: what destroys the epoch destroys nothing else. */
static int create_key(struct kms *kms, uint32_t epoch, const char *store, const char *making, json_t **ret,
                      struct error *err)
{
    char text[64], number[16];
    (void)snprintf(text, sizeof(text), "hikae store %.8s root epoch %u", store, epoch);
    (void)snprintf(number, sizeof(number), "%u", epoch);
    CLEANUP_JSON json_t *request =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]}", "Description", text, "KeySpec",
                  "SYMMETRIC_DEFAULT", "KeyUsage", "ENCRYPT_DECRYPT", "Origin", "AWS_KMS", "MultiRegion", 0, "Tags",
                  "TagKey", "hikae-store", "TagValue", store, "TagKey", "hikae-epoch", "TagValue", number, "TagKey",
                  TAG_MAKING, "TagValue", making);
    return request != NULL ? kms_call(kms, "CreateKey", request, true, ret, err) : error_no_memory(err);
}

static int look_up_key(struct kms *kms, const char *key, json_t **ret, struct error *err)
{
    CLEANUP_JSON json_t *request = json_pack("{s:s}", "KeyId", key);
    return request != NULL ? kms_call(kms, "DescribeKey", request, false, ret, err) : error_no_memory(err);
}

/* ---- Sealing ---- */

static int encrypt(struct kms *kms, const json_t *params, uint32_t epoch, const struct secret *key, char **ret_blob,
                   struct error *err)
{
    CLEANUP_JSON json_t *answer = NULL;
    const char *arn = json_string_value(json_object_get(params, "key"));
    char *text = keys_base64(secret_borrow(key), secret_size(key));
    if (text == NULL)
        return error_no_memory(err);
    json_t *request = json_pack("{s:s, s:s, s:s, s:o}", "KeyId", arn, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT",
                                "Plaintext", text, "EncryptionContext",
                                context_of(json_string_value(json_object_get(params, "store")), epoch,
                                           json_string_value(json_object_get(params, "group"))));
    mem_wipe(text, strlen(text));
    mem_free(text);
    if (request == NULL)
        return error_no_memory(err);
    int rc = kms_call(kms, "Encrypt", request, false, &answer, err);
    kms_wipe(request, "Plaintext");
    if (rc != 0)
        return -1;
    const char *blob = text_of(answer, "CiphertextBlob", (KMS_BLOB_MAX + 2) / 3 * 4);
    const char *by = text_of(answer, "KeyId", KMS_ARN_MAX);
    if (blob == NULL || blob[0] == '\0' || by == NULL || strcmp(by, arn) != 0)
        return error_set(err, ERROR_UNREACHABLE, "the key service encrypted with another key than was asked for");
    *ret_blob = mem_strdup(blob);
    return *ret_blob != NULL ? 0 : error_no_memory(err);
}

static int decrypt(struct kms *kms, const struct kms_params *named, uint32_t epoch, struct secret **ret,
                   struct error *err)
{
    json_t *answer = NULL;
    CLEANUP_SECRET struct secret *key = secret_new(KEY_SIZE);
    CLEANUP_JSON json_t *request =
        json_pack("{s:s, s:s, s:s, s:o}", "KeyId", named->key, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT",
                  "CiphertextBlob", named->sealed, "EncryptionContext", context_of(named->store, epoch, named->group));
    if (key == NULL || request == NULL)
        return error_no_memory(err);
    if (kms_call(kms, "Decrypt", request, false, &answer, err) != 0)
        return -1;
    const char *text = json_string_value(json_object_get(answer, "Plaintext"));
    const char *by = json_string_value(json_object_get(answer, "KeyId"));
    bool good = text != NULL && by != NULL && strcmp(by, named->key) == 0 &&
                keys_base64_parse(text, secret_bytes(key), KEY_SIZE);
    kms_wipe(answer, "Plaintext");
    if (!good)
        return error_set(err, ERROR_KEYS, "the key service gave something else than was sealed");
    *ret = key;
    key = NULL;
    return 0;
}

/* ---- The holder ---- */

/* A key whose making nobody answered may be there all the same: then it is taken. */
static int find_made(struct kms *kms, const char *making, json_t **ret, struct error *err)
{
    CLEANUP_JSON json_t *keys = NULL;
    if (kms_find_tagged(kms, TAG_MAKING, making, &keys, err) != 0)
        return -1;
    const char *key = json_string_value(json_array_get(keys, 0));
    return key != NULL ? look_up_key(kms, key, ret, err)
                       : error_set(err, ERROR_NOT_FOUND, "no key has the tag " TAG_MAKING "=%s", making);
}

/* Noted before it is asked for, so that it is found and destroyed again if anything fails, or this process ends. */
static int make_own(struct kms *kms, const struct holder *holder, const struct holder_occasion *occasion,
                    const char *store, struct holder_made *ret, json_t **ret_answer, struct error *err)
{
    uint8_t random[MAKING_SIZE];
    char making[2 * MAKING_SIZE + 1];
    if (crypto_random(random, sizeof(random), err) != 0)
        return -1;
    if (json_object_set_new(ret->params, "making", json_string(hex_encode(random, sizeof(random), making))) != 0)
        return error_no_memory(err);
    if (holder_tell_made(holder, occasion, ret->params, err) != 0)
        return -1;
    ret->inside = holder;
    if (create_key(kms, occasion->epoch, store, making, ret_answer, err) == 0)
        return 0;
    struct error why;
    return err->class == ERROR_UNREACHABLE && find_made(kms, making, ret_answer, &why) == 0 ? 0 : -1;
}

static int make_key(struct kms *kms, const struct holder *holder, const struct holder_occasion *occasion,
                    const char *store, struct holder_made *ret, struct error *err)
{
    CLEANUP_JSON json_t *answer = NULL;
    const struct holder_options *options = holder->options;
    struct key_state state;
    const json_t *metadata;
    ret->params = json_pack("{s:s, s:s, s:s, s:s, s:s}", "key", "", "region", options->region, "store", store, "group",
                            occasion->group, "sealed", "");
    if (ret->params == NULL)
        return error_no_memory(err);
    /* What was made here is unmade if anything fails; what somebody gave is left as it is. */
    int rc = options->key != NULL ? look_up_key(kms, options->key, &answer, err)
                                  : make_own(kms, holder, occasion, store, ret, &answer, err);
    if (rc != 0 || read_metadata(answer, &state, &metadata, err) != 0)
        return -1;
    if (json_object_set_new(ret->params, "key", json_string(state.arn)) != 0)
        return error_no_memory(err);
    if (ret->inside != NULL && holder_tell_made(holder, occasion, ret->params, err) != 0)
        return -1;
    (void)json_object_del(ret->params, "making");
    return check_metadata(metadata, &state, options->region, err);
}

int holder_kms_make(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                    struct error *err)
{
    CLEANUP(cleanup_kms_close) struct kms *kms = NULL;
    CLEANUP_FREE char *blob = NULL;
    char store[2 * ID_SIZE + 1];
    if (occasion->store == NULL)
        return error_set(err, ERROR_INTERNAL, "a key service holds a key of a store that is known");
    (void)hex_encode(occasion->store->bytes, ID_SIZE, store);
    ret->key = secret_new(KEY_SIZE);
    if (ret->key == NULL)
        return error_no_memory(err);
    if (crypto_random(secret_bytes(ret->key), KEY_SIZE, err) != 0 || kms_open(holder->options, &kms, err) != 0 ||
        make_key(kms, holder, occasion, store, ret, err) != 0 ||
        encrypt(kms, ret->params, occasion->epoch, ret->key, &blob, err) != 0)
        return -1;
    return json_object_set_new(ret->params, "sealed", json_string(blob)) == 0 ? 0 : error_no_memory(err);
}

int holder_kms_reach(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                     struct error *err)
{
    CLEANUP(cleanup_kms_close) struct kms *kms = NULL;
    struct kms_params named;
    return open_named(holder, params, &named, &kms, err) == 0 ? decrypt(kms, &named, epoch, ret_key, err) : -1;
}

static void country_of(const char *region, char country[3])
{
    const struct provider_region *known = provider_region_find("aws", region);
    (void)snprintf(country, 3, "%.2s", known != NULL ? known->country : "");
}

int holder_kms_attest(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_attestation *ret,
                      struct error *err)
{
    CLEANUP(cleanup_kms_close) struct kms *kms = NULL;
    struct kms_params named;
    struct key_state state;
    struct error why = {0};
    (void)epoch;
    if (parse(params, &named, err) != 0)
        return -1;
    (void)snprintf(ret->identity, sizeof(ret->identity), "%s", named.key);
    country_of(named.region, ret->country);
    if (open_named(holder, params, &named, &kms, err) != 0)
        return -1;
    if (describe(kms, named.key, &state, &why) != 0) {
        if (why.class != ERROR_NOT_FOUND) {
            *err = why;
            return -1;
        }
        ret->presence = HOLDER_ABSENT;
        return 0;
    }
    bool pending = strcmp(state.state, "PendingDeletion") == 0;
    ret->presence = pending ? HOLDER_PENDING : HOLDER_PRESENT;
    ret->final_ns = pending ? state.deletion_ns : 0;
    (void)snprintf(ret->detail, sizeof(ret->detail), "%s", state.state);
    return 0;
}

static int schedule(struct kms *kms, const char *key, unsigned days, struct holder_end *ret, struct error *err)
{
    CLEANUP_JSON json_t *request = json_pack("{s:s, s:i}", "KeyId", key, "PendingWindowInDays", (int)days);
    CLEANUP_JSON json_t *answer = NULL;
    if (request == NULL)
        return error_no_memory(err);
    if (kms_call(kms, "ScheduleKeyDeletion", request, false, &answer, err) != 0)
        return -1;
    *ret = (struct holder_end){
        .fate = HOLDER_FATE_SCHEDULED, .at_ns = clock_now_ns(), .final_ns = time_of(answer, "DeletionDate")};
    return ret->final_ns != 0
               ? 0
               : error_set(err, ERROR_UNREACHABLE, "the key service does not say when it deletes key %s", key);
}

static int destroy_key(struct kms *kms, const char *key, unsigned days, struct holder_end *ret, struct error *err)
{
    struct key_state state;
    struct error why = {0};
    if (describe(kms, key, &state, &why) != 0) {
        if (why.class != ERROR_NOT_FOUND) {
            *err = why;
            return -1;
        }
        *ret = (struct holder_end){.fate = HOLDER_FATE_ABSENT};
        return 0;
    }
    if (strcmp(state.state, "PendingDeletion") == 0) {
        *ret = (struct holder_end){.fate = HOLDER_FATE_SCHEDULED, .final_ns = state.deletion_ns};
        return 0;
    }
    return schedule(kms, key, days != 0 ? days : HOLDER_WAITING_DAYS_MAX, ret, err);
}

/* A key of which nobody knows more than that it was asked for. */
static int destroy_asked_for(const struct holder *holder, const char *region, const char *making,
                             struct holder_end *ret, struct error *err)
{
    CLEANUP(cleanup_kms_close) struct kms *kms = NULL;
    CLEANUP_JSON json_t *keys = NULL;
    size_t i;
    const json_t *key;
    *ret = (struct holder_end){.fate = HOLDER_FATE_ABSENT};
    if (open_region(holder, region, &kms, err) != 0)
        return -1;
    if (kms_find_tagged(kms, TAG_MAKING, making, &keys, err) != 0) {
        (void)error_hint(err,
                         "allow kms:ListKeys and kms:ListResourceTags, or delete the key whose tag " TAG_MAKING
                         " is %s, if there is one",
                         making);
        return -1;
    }
    json_array_foreach(keys, i, key)
    {
        if (destroy_key(kms, json_string_value(key), holder->options->waiting_days, ret, err) != 0)
            return -1;
    }
    return 0;
}

int holder_kms_destroy(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_end *ret,
                       struct error *err)
{
    CLEANUP(cleanup_kms_close) struct kms *kms = NULL;
    struct kms_params named;
    const char *key = text_of(params, "key", KMS_ARN_MAX), *region = text_of(params, "region", 63);
    const char *making = text_of(params, "making", 2 * MAKING_SIZE);
    (void)epoch;
    if (key != NULL && key[0] == '\0' && region != NULL && making != NULL)
        return destroy_asked_for(holder, region, making, ret, err);
    return open_named(holder, params, &named, &kms, err) == 0
               ? destroy_key(kms, named.key, holder->options->waiting_days, ret, err)
               : -1;
}
