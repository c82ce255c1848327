/*
 * Bringing entries from the journal to the targets: a segment on every target
 * that is up, then the checkpoint that covers it, then the journal forgets
 * them. Whatever step a crash ends, the next call goes on with the same bytes.
 */
#ifndef HIKAE_AUDIT_UPLOAD_H
#define HIKAE_AUDIT_UPLOAD_H

#include "audit/journal.h"
#include "audit/objects.h"

struct audit_uploaded {
    bool busy;          /* another process is at it: nothing was done */
    uint64_t entries;   /* that are on the targets now */
    uint64_t copied;    /* objects that targets were behind by */
    size_t interrupted; /* operations of processes that are gone, closed */
    /* The targets hold more of this log than this state folder knows: the folder was restored, or copied. */
    bool forked;
    struct id old_log;
    uint64_t old_size;   /* as the folder knew it */
    uint64_t found_size; /* as the targets have it */
};

/*
 * Upload what waits, and bring targets up to date that were down (for this log). With `forked`, nothing of the old log
 * was touched and another has begun, with nothing uploaded: record that, and call again. ERROR_UNREACHABLE, or
 * ERROR_REFUSED if fewer than min_copies targets took it: the entries wait for the next time.
 */
MUST_USE int audit_upload(struct audit_journal *journal, const struct audit_store *store, struct audit_uploaded *ret,
                          struct error *err);

/* For tests: called after each step with its name; not 0 ends the upload there, as a crash would. */
extern int (*audit_upload_step)(const char *step);

#endif
