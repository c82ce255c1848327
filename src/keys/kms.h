/*
 * A client of AWS KMS: one call is one POST of JSON 1.1 (AWS Key Management
 * Service API Reference), signed with Signature V4 for the service "kms". What
 * the calls mean is holder_kms.c's.
 *
 * Errors: ERROR_NOT_FOUND: there is no such key. ERROR_KEYS: the key cannot be
 * used (disabled, to be deleted), or what is opened was sealed otherwise.
 * ERROR_DENIED: these credentials may not, or are none. ERROR_UNREACHABLE: the
 * service did not answer, or is overloaded, after some tries.
 */
#ifndef HIKAE_KEYS_KMS_H
#define HIKAE_KEYS_KMS_H

#include "base/holder_options.h"
#include "base/json.h"

enum { KMS_BLOB_MAX = 6144, KMS_ANSWER_MAX = 65536, KMS_ARN_MAX = 200 };

struct kms;

/* Nothing is sent yet. ERROR_CONFIG for a region or endpoint that cannot be. */
MUST_USE int kms_open(const struct holder_options *options, struct kms **ret, struct error *err);
/* NULL is fine. */
void kms_close(struct kms *kms);
/*
 * Call `action` with an object. *ret is the answer, an object, whose texts are the caller's to wipe. With `once` it is
 * not tried again when it may have been carried out.
 */
MUST_USE int kms_call(struct kms *kms, const char *action, const json_t *request, bool once, json_t **ret,
                      struct error *err);
/*
 * The ARNs of the keys of this account and region that carry a tag: an array of texts. Asks for the tags of every key
 * that is listed; one whose tags these credentials may not read was not made with them.
 */
MUST_USE int kms_find_tagged(struct kms *kms, const char *name, const char *value, json_t **ret, struct error *err);
/* Wipe a text of an object that was secret, and release the object. NULL is fine. */
void kms_wipe(json_t *object, const char *name);
/* The ARN of a key: arn:PARTITION:kms:REGION:ACCOUNT:key/ID. Is it one, in that region? */
bool kms_is_arn(const char *text, const char *region);

static inline void cleanup_kms_close(struct kms **kms)
{
    kms_close(*kms);
}

#endif
