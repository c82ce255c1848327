/* For the files of the journal only. */
#ifndef HIKAE_AUDIT_JOURNAL_INTERNAL_H
#define HIKAE_AUDIT_JOURNAL_INTERNAL_H

#include "audit/journal.h"

#include <sys/types.h>
#include <time.h>

/* Where the journal ends, and the state of the file in which that was so. */
struct audit_journal_end {
    bool known;
    uint64_t good; /* bytes of whole records */
    uint64_t next; /* the number of the next entry */
    ino_t inode;
    struct timespec changed;
};

struct audit_journal {
    char *folder;
    struct id log; /* for a folder that has none yet */
    int lock_fd, upload_fd;
    struct audit_journal_end end;
};

/* An entry of which nothing is known but why (`details`), and its result. NULL: no memory. */
json_t *audit_unknown_entry(const struct id *id, const char *result, const char *why);
/* Append an entry's text; durable when it returns 0. Needs the lock. */
MUST_USE int audit_journal_append(struct audit_journal *journal, const char *text, struct error *err);
/* Make the names in a folder of the journal durable. */
MUST_USE int audit_journal_sync(struct audit_journal *journal, const char *last, struct error *err);

#endif
