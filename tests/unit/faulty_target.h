/*
 * A target that misbehaves, for tests: it stands before another target and
 * passes every call on, except where a fault says otherwise. Faults are tried
 * in the order in which they were added; the first that fits a call and is due
 * is carried out (delays come on top of the others). Safe for threads.
 */
#ifndef HIKAE_TESTS_FAULTY_TARGET_H
#define HIKAE_TESTS_FAULTY_TARGET_H

#include "target/delete.h"

/* The calls that a fault concerns: a sum of these. */
enum faulty_call {
    FAULTY_PUT = 1,
    FAULTY_GET = 2, /* whole objects, ranges, versions */
    FAULTY_STAT = 4,
    FAULTY_LIST = 8, /* objects and folders */
    FAULTY_REMOVE = 16,
    FAULTY_ASK = 32, /* clock skew, free space */
    FAULTY_ANY = 63
};

enum fault_kind {
    FAULT_NONE,
    FAULT_LOSE,        /* put, remove: says "done" and does nothing                                       */
    FAULT_TRUNCATE,    /* put, get: the last `amount` bytes (at least 1) are gone; list: ends without an
                          error after `amount` objects                                                    */
    FAULT_FLIP,        /* put, get: bit 0 of byte `amount` (from the end if past it) is inverted          */
    FAULT_SWAP,        /* get, stat: `match` and `other`, two full names, are taken for each other        */
    FAULT_HIDE,        /* get, stat: not found; list: left out                                            */
    FAULT_FAIL,        /* does nothing and fails with `class`                                             */
    FAULT_LOST_ANSWER, /* does it, then fails with `class`                                                */
    FAULT_DELAY        /* waits `amount` milliseconds, then goes on                                       */
};

struct fault {
    enum fault_kind kind;
    unsigned calls;         /* sum of enum faulty_call; 0: any                     */
    const char *match;      /* part of the object's name; NULL: any (borrowed)     */
    const char *other;      /* for FAULT_SWAP (borrowed)                           */
    unsigned skip;          /* the first so many calls that fit are spared         */
    unsigned every;         /* then each Nth is hit; 0 and 1: each                 */
    unsigned times;         /* no more than so many times; 0: no limit             */
    enum error_class class; /* for FAULT_FAIL, FAULT_LOST_ANSWER; 0: unreachable   */
    size_t amount;
};

/* Stand before `inner`, which is closed with the new target. NULL if there is no memory. */
struct target *faulty_target_new(struct target *inner);
/* Add a fault (copied); at most 32, more end the test. */
void faulty_target_add(struct target *target, struct fault fault);
/* Behave again. */
void faulty_target_clear(struct target *target);
/* How many calls of these kinds came in so far, hit or not. */
unsigned faulty_target_calls(struct target *target, unsigned calls);
/* How many faults were carried out so far. */
unsigned faulty_target_hits(struct target *target);
/* The target behind, to look at what it really holds. */
struct target *faulty_target_inner(struct target *target);

#endif
