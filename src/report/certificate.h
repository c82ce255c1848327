/* What the parts of a certificate's page share. */
#ifndef HIKAE_REPORT_CERTIFICATE_H
#define HIKAE_REPORT_CERTIFICATE_H

#include "base/json.h"
#include "crypto/dsse.h"
#include "crypto/pem.h"
#include "report/page.h"

struct certificate {
    const json_t *predicate;
    const struct dsse *envelope;
    const char *file;
    char store_key[PEM_PUBLIC_SIZE];
};

/* Members of the statement; NULL or 0 for what is not there. */
const char *certificate_text(const json_t *object, const char *key);
int64_t certificate_time(const json_t *object, const char *key);
uint64_t certificate_number(const json_t *object, const char *key);

/*
 * Fixed words: in English the text as it was signed; in Japanese the words of its code, where that is known. value:
 * {code, says}, or a text without a code, as older statements have it.
 */
void certificate_say(struct page *page, const json_t *value);
/* The same where the code is put together: "worth-" and "file"; says: the words of the statement, or NULL. */
void certificate_say_code(struct page *page, const char *prefix, const char *word, const char *says);

/* certificate_keys.c: holders, copies of the keys, what people have to destroy. */
void certificate_keys(struct page *page, const struct certificate *c);
/* certificate_targets.c: targets, and what remains by promise or by a lock. */
void certificate_targets(struct page *page, const struct certificate *c);
void certificate_remains(struct page *page, const struct certificate *c);

#endif
