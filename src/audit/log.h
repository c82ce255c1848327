/*
 * Reading an audit log from the targets, and judging it: every object on every
 * target, every signature, the tree of all leaves, and how that agrees with
 * what this state folder and an auditor remember of it.
 *
 * The log is tamper-evident, not tamper-proof: nobody can keep an object store
 * from losing or hiding what it holds, but a change, a removal, an insertion,
 * another order, a shorter log and a second version of it do not go unseen by
 * whoever has an earlier checkpoint. Whoever holds the root key and every
 * target can write another log; an earlier checkpoint still tells.
 */
#ifndef HIKAE_AUDIT_LOG_H
#define HIKAE_AUDIT_LOG_H

#include "audit/checkpoint.h"
#include "audit/journal.h"
#include "audit/objects.h"

/* What can be wrong. All but the last two are tampering, or damage that looks like it. */
enum audit_fault {
    AUDIT_CHANGED,   /* an object, an entry or a signature is not what it was */
    AUDIT_REMOVED,   /* a segment is missing                                  */
    AUDIT_REORDERED, /* an entry stands where it does not belong              */
    AUDIT_TRUNCATED, /* the log is shorter than somebody knows it to be       */
    AUDIT_FORKED,    /* there are two versions of it                          */
    AUDIT_UNKNOWN,   /* something could not be read                           */
    AUDIT_BEHIND,    /* a target lacks what others have: it was down          */
    AUDIT_FAULT_COUNT
};
const char *audit_fault_name(enum audit_fault fault);

struct audit_finding {
    enum audit_fault fault;
    struct id log;
    char *target; /* NULL: not of one target */
    char *what;
};
struct audit_findings {
    struct audit_finding *items;
    size_t count;
};
void audit_findings_free(struct audit_findings *findings);
/* Add one; target may be NULL. */
MUST_USE int audit_find(struct audit_findings *findings, enum audit_fault fault, const struct id *log,
                        const char *target, struct error *err, const char *fmt, ...) PRINTF_LIKE(6, 7);

/* A leaf as it was read. */
struct audit_read_leaf {
    struct hash hash;
    bool known;
    uint32_t revision;
    struct buf data; /* empty: expired, or read without a key */
};
struct audit_log {
    struct id log;
    struct audit_read_leaf *leaves;
    struct hash *hashes; /* the first `size` of them, for proofs */
    uint64_t size;       /* leaves without a gap */
    uint64_t expired;
    struct audit_checkpoint head; /* the largest one that is sound; its size is 0 if there is none */
    char *head_note;
    struct hash root;              /* of all leaves */
    struct audit_name *superseded; /* segments that a later revision replaces */
    size_t superseded_count;
};
void audit_log_clear(struct audit_log *log);
/* Is it a failure that says nothing of the log? */
bool audit_is_fatal(const struct error *err);

/* Who sees every entry while a log is read, in its order. The entry is gone afterwards. */
struct audit_visitor {
    int (*visit)(const struct id *log, const struct audit_entry *entry, void *context, struct error *err);
    void *context;
};

/*
 * Read one log: objects [first, end) of the listing. What is wrong is added to findings (NULL: nobody wants to know;
 * then each object is read once, from the cache or any place; else from every place). With a visitor (NULL: none) the
 * entries go to it, and the leaves keep none of them.
 */
MUST_USE int audit_log_read(const struct audit_store *store, const struct audit_objects *objects, size_t first,
                            size_t end, const struct audit_visitor *visitor, struct audit_log *ret,
                            struct audit_findings *findings, struct error *err);
/* Hold it against what this state folder knows of its own log. */
MUST_USE int audit_log_check_tree(const struct audit_store *store, const struct audit_objects *objects,
                                  const struct audit_log *log, const struct audit_tree *tree,
                                  struct audit_findings *findings, struct error *err);
/* Hold it against an earlier checkpoint, with a proof of consistency. */
MUST_USE int audit_log_check_earlier(const struct audit_log *log, const struct audit_checkpoint *earlier,
                                     struct audit_findings *findings, struct error *err);

#endif
