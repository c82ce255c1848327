/* libhikae: opening. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_STORE_H
#define HIKAE_PUBLIC_STORE_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_init_options {
    const char *dir;            /* folder for configuration, state and key; made if missing */
    const char *const *targets; /* "NAME=URL"; none: one folder below dir (for trying out) */
    size_t target_count;
    unsigned min_copies;         /* 0: 1 */
    const char *passphrase_file; /* use a passphrase holder instead of a key file; may be NULL */
    /* "GROUP=KIND,key=value,…" or "GROUP/NAME=…" instead of that; a recovery sheet is added if they are one group. */
    const char *const *holders;
    size_t holder_count;
    bool test_clock;
    bool dry_run;
};
struct hikae_init_result {
    char *config; /* path of hikae.yaml */
    char *store;  /* id, hexadecimal */
    char *key;    /* path of the key file, or NULL */
    char *sheet;  /* path of the recovery sheet, or NULL */
};
enum hikae_status hikae_init(const struct hikae_init_options *options, struct hikae_init_result *ret,
                             struct hikae_error *error);
void hikae_init_result_free(struct hikae_init_result *result);

/* Read the configuration; targets and keys are opened when they are first needed. */
enum hikae_status hikae_open(const char *config_path, struct hikae **ret, struct hikae_error *error);
void hikae_close(struct hikae *hikae);
void hikae_observe(struct hikae *hikae, const struct hikae_observer *observer);
/* Stop soon and cleanly; what is finished is kept. */
void hikae_cancel(struct hikae *hikae);
/* The store was made with a test clock: say so in everything. */
bool hikae_has_test_clock(const struct hikae *hikae);

struct hikae_check {
    char name[64];
    enum { HIKAE_CHECK_OK, HIKAE_CHECK_WARN, HIKAE_CHECK_FAIL } state;
    char detail[512];
    char hint[256];
};
struct hikae_checks {
    struct hikae_check *checks;
    size_t count;
};
/* Checks configuration, targets, keys, clock, space, permissions. HIKAE_WARNINGS if one is WARN; the first failing
 * one's status otherwise. */
enum hikae_status hikae_doctor(const char *config_path, struct hikae_checks *ret, struct hikae_error *error);
void hikae_checks_free(struct hikae_checks *checks);

#ifdef __cplusplus
}
#endif

#endif
