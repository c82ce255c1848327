/*
 * What an operator can say of a target: hikae.yaml and URLs say it, drivers
 * carry it out. Only words and values; nothing here opens anything.
 */
#ifndef HIKAE_BASE_TARGET_OPTIONS_H
#define HIKAE_BASE_TARGET_OPTIONS_H

#include "base/cancel.h"

#include <stdint.h>

/* Where keys for a store come from. Never the keys themselves. */
enum target_credentials_kind {
    TARGET_CREDENTIALS_DEFAULT, /* writing: environment, then AWS's shared files, then metadata; else: as writing  */
    TARGET_CREDENTIALS_FILE,    /* a file that only its owner can read; value: its path                            */
    TARGET_CREDENTIALS_ENVIRONMENT, /* variables; value: prefix of their names, or NULL for AWS_ */
    TARGET_CREDENTIALS_PROFILE,  /* of AWS's shared files; value: its name                                          */
    TARGET_CREDENTIALS_METADATA, /* of the container or instance                                                    */
    TARGET_CREDENTIALS_SYSTEMD   /* a credential of the service, below $CREDENTIALS_DIRECTORY; value: its name      */
};
struct target_credentials {
    enum target_credentials_kind kind;
    const char *value;
};

enum target_lock_mode { TARGET_LOCK_NONE, TARGET_LOCK_GOVERNANCE, TARGET_LOCK_COMPLIANCE };
enum target_sse { TARGET_SSE_NONE, TARGET_SSE_S3, TARGET_SSE_KMS };
enum target_signature { TARGET_SIGNATURE_AUTO, TARGET_SIGNATURE_V4, TARGET_SIGNATURE_V2 };
enum target_style { TARGET_STYLE_AUTO, TARGET_STYLE_PATH, TARGET_STYLE_VIRTUAL };
enum target_checksum { TARGET_CHECKSUM_AUTO, TARGET_CHECKSUM_MD5, TARGET_CHECKSUM_SHA256 };

/* The words for the values of an enumeration, by number; ends with NULL. A NULL word cannot be written. */
struct target_words {
    const char *const *words;
    const char *allowed; /* for messages: "path or virtual" */
};
extern const struct target_words target_words_credentials;
extern const struct target_words target_words_lock;
extern const struct target_words target_words_sse;
extern const struct target_words target_words_signature;
extern const struct target_words target_words_style;
extern const struct target_words target_words_checksum;
/* The number of a word, or -1. */
int target_word_find(const struct target_words *words, const char *text, size_t size);

/*
 * How to reach a target and what to ask of it. All zero but name and url is a
 * good start: 0 and NULL mean the default. Strings are borrowed for the call
 * only. What a URL's parameter says (endpoint, region, provider, country,
 * site, style, signature, insecure) may stand here instead, not in both places.
 */
struct target_options {
    const char *name;                 /* the operator's word for it                            */
    const char *url;                  /* file:///path?…, s3://BUCKET/PREFIX?…                  */
    struct target_credentials write;  /* keys for putting                                      */
    struct target_credentials read;   /* for getting and listing; DEFAULT: those for writing   */
    struct target_credentials remove; /* for deleting; DEFAULT: those for writing              */
    const char *endpoint;             /* https://HOST[:PORT]; NULL: the provider's for region  */
    const char *region;
    const char *provider; /* aws, wasabi, ceph, swift, generic; NULL: by the endpoint */
    const char *country;  /* ISO 3166-1 alpha-2                                       */
    const char *site;
    enum target_style style;         /* AUTO: path, and virtual for AWS                              */
    enum target_signature signature; /* AUTO: V4                                                     */
    enum target_checksum checksum;   /* beside the signed hash; AUTO: what the provider is known for */
    enum target_lock_mode lock;      /* lock each object that is put …                               */
    unsigned lock_days;              /* … for so long                                                */
    enum target_sse sse;
    const char *sse_key;         /* id of the key for TARGET_SSE_KMS; NULL: the bucket's */
    const char *storage_class;   /* NULL: the bucket's                                   */
    unsigned connections;        /* most requests at once; 0: 8                          */
    uint64_t rate;               /* most bytes per second, each way; 0: no limit         */
    unsigned timeout_s;          /* no byte for so long is a failure; 0: 60              */
    bool insecure;               /* plain HTTP is allowed beyond loopback                */
    const char *ca_file;         /* PEM; NULL: the system's                              */
    const char *proxy;           /* http://HOST:PORT                                     */
    const struct cancel *cancel; /* waiting ends when this is wanted; lives as long as the target; NULL: none */
};

#endif
