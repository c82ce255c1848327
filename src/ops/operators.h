/*
 * Operators: the people whose signatures count, as the store's history has
 * them (FORMAT.md §6, record 11). Reading replays the records: while fewer
 * than two people are operators anyone who can write the store adds one; from
 * then on an addition or a revocation counts only with the signatures of two
 * of them in its own record. So nobody makes himself an operator afterwards.
 */
#ifndef HIKAE_OPS_OPERATORS_H
#define HIKAE_OPS_OPERATORS_H

#include "crypto/pem.h"
#include "ops/facts.h"

enum { OPERATORS_NEEDED = 2, OPERATOR_NAME_MAX = 64 };

struct operator_item {
    char *name;
    char *deputy_of; /* the operator in whose stead this one signs; NULL: none. The two are one person to every rule. */
    uint8_t key[ED25519_PUBLIC_SIZE];
    char keyid[KEYID_SIZE];
    int64_t since_ns;
    int64_t revoked_ns; /* 0: not */
    bool is_signed;     /* two operators signed the addition; else it was one of the first */
};
struct operators {
    struct operator_item *items; /* in the order in which they were added */
    size_t count;
    size_t disregarded; /* records that lack the signatures they need */
};

/* From a session of the store (session_open_store). operators_clear, also after -1. */
MUST_USE int operators_read(const struct session *facts, struct operators *ret, struct error *err);
void operators_clear(struct operators *operators);
const struct operator_item *operators_find(const struct operators *operators, const char *name);
const struct operator_item *operators_by_key(const struct operators *operators, const char *keyid);
/* The operator whose key this seed is (borrowed). NULL and ERROR_KEYS if it is nobody's, or of one who was revoked. */
const struct operator_item *operators_signer(const struct operators *operators, const struct secret *seed,
                                             struct error *err);
/* The name of the person: the operator's own, or that of whom he or she stands for. */
const char *operator_person(const struct operator_item *item);
/* How many different people are operators now. */
size_t operators_people(const struct operators *operators);
/* ERROR_USAGE unless the name is 1 to 64 of A-Z a-z 0-9 - _ . */
MUST_USE int operator_name_check(const char *name, struct error *err);

#endif
