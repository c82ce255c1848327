/*
 * The URLs of targets: `scheme://authority/path?key=value&…`. One parser for
 * all drivers. Percent escapes are decoded after splitting, so that an escaped
 * '/', '?' or '&' is a plain byte of its part; '+' stands for itself.
 */
#ifndef HIKAE_TARGET_URL_H
#define HIKAE_TARGET_URL_H

#include "target/target.h"

enum { TARGET_URL_MAX = 4096, TARGET_URL_PARAMS_MAX = 16 };
#define TARGET_URL_HINT                                                                                                \
    "write file:///absolute/path?country=JP&site=NAME or s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION"

struct target_url {
    char *scheme;
    char *authority; /* "" when there is none */
    char *path;      /* begins with '/', or is "" */
    size_t count;
    struct {
        char *key;
        char *value;
    } params[TARGET_URL_PARAMS_MAX];
};

/* Parse text; ERROR_CONFIG says what is wrong. User names and passwords are refused: URLs are shown and logged. */
MUST_USE int target_url_parse(const char *text, struct target_url *ret_url, struct error *err);
/* Release what the struct holds; an all-zero struct is fine. */
void target_url_free(struct target_url *url);
/* The value of a parameter, or NULL. */
const char *target_url_param(const struct target_url *url, const char *key);
/* The text of a URL without a parameter, or as it was (mem_free). NULL: no memory. */
char *target_url_without(const char *text, const char *key);
/* ERROR_CONFIG if there is a parameter that is none of `allowed` (ends with NULL); the message lists those. */
MUST_USE int target_url_check_params(const struct target_url *url, const char *const *allowed, struct error *err);

/* The value of a parameter that may be in the URL or (not NULL) in the options; ERROR_CONFIG if it is in both. */
MUST_USE int target_url_or_option(const struct target_url *url, const char *key, const char *option, const char **ret,
                                  struct error *err);

/*
 * Fill name, url, driver, provider, country and site of *traits; country and
 * site come from the URL's parameters of these names, or from the options, and are checked.
 */
MUST_USE int target_traits_init(struct target_traits *traits, const struct target_options *options,
                                const struct target_url *url, const char *provider, struct error *err);

#endif
