/*
 * The local side of an audit log, in a folder of the state: operations that
 * have begun, entries that are not on the targets yet, and how far the log on
 * the targets has grown.
 *
 *   open/<id>   an operation under way: its entry so far. The process that does
 *               it holds a lock (flock) on the file. One that can be locked has
 *               lost its process: it is closed as interrupted.
 *   journal     finished entries in order, each with a local number, not yet known to be on the targets
 *   tree        the log's id, size, frontier and last checkpoint on the targets, and the local number up to which
 *               entries are there
 *   upload      a segment and its checkpoint that are being stored: until both are, a crash goes on with these bytes
 *   cache/      objects of logs, sealed, as on the targets
 *   lock        held for each change of journal and tree; upload.lock by the one process that stores
 *
 * Everything is durable before a call returns. Several processes may use one
 * folder at once. Nothing here knows targets or keys.
 */
#ifndef HIKAE_AUDIT_JOURNAL_H
#define HIKAE_AUDIT_JOURNAL_H

#include "audit/leaf.h"
#include "audit/tree.h"

struct audit_journal;

/* Open or make the folder. `log`: the id of the log if there is none yet. */
MUST_USE int audit_journal_open(const char *folder, const struct id *log, struct audit_journal **ret,
                                struct error *err);
/* NULL is fine. */
void audit_journal_free(struct audit_journal *journal);

/* ---- Operations ---- */

struct audit_intent {
    struct id id;
    int fd; /* with the lock; -1: none */
};
/* Note that the operation begins: `entry` is what is known of it, without log, sequence number and what only the end
 * tells. */
MUST_USE int audit_journal_begin(struct audit_journal *journal, const struct id *id, json_t *entry,
                                 struct audit_intent *ret, struct error *err);
/* Append the finished entry, and take the intent away. The intent is spent either way; if this fails, its operation is
 * closed as interrupted later. */
MUST_USE int audit_journal_end(struct audit_journal *journal, struct audit_intent *intent, json_t *entry,
                               struct error *err);

/* ---- What is there ---- */

/* How far the log has grown on the targets. */
struct audit_tree {
    struct id log;
    struct tree_frontier frontier; /* its size is that of the log */
    uint64_t done;                 /* entries of the journal below this number are on the targets */
    char *checkpoint;              /* of that size; NULL for an empty log */
    json_t *targets;               /* by name, the size up to which a target has said that it has everything */
    struct id previous;            /* the log that this one follows; zeros: none */
    uint64_t previous_size;
};
void audit_tree_clear(struct audit_tree *tree);

MUST_USE int audit_journal_lock(struct audit_journal *journal, struct error *err);
void audit_journal_unlock(struct audit_journal *journal);
/* The right to store, which is held while targets are slow: *ret_mine is false if another process has it. */
MUST_USE int audit_journal_upload_lock(struct audit_journal *journal, bool *ret_mine, struct error *err);
void audit_journal_upload_unlock(struct audit_journal *journal);

/* The rest needs the lock. */

/* Close the intents whose processes are gone as interrupted; *ret_closed is their number. */
MUST_USE int audit_journal_recover(struct audit_journal *journal, size_t *ret_closed, struct error *err);
MUST_USE int audit_journal_tree(struct audit_journal *journal, struct audit_tree *ret, struct error *err);
/* Replace the tree, then drop the entries that are done. */
MUST_USE int audit_journal_set_tree(struct audit_journal *journal, const struct audit_tree *tree, struct error *err);
/* Called with each entry that is not on the targets yet, in order; not 0 (err filled) ends it. */
typedef int audit_entry_callback(uint64_t number, const struct bytes *text, void *context, struct error *err);
MUST_USE int audit_journal_each(struct audit_journal *journal, audit_entry_callback *callback, void *context,
                                struct error *err);
/* Operations that have begun and have not ended; `alive`: their process still runs. */
typedef int audit_intent_callback(const struct id *id, const struct bytes *text, bool alive, void *context,
                                  struct error *err);
MUST_USE int audit_journal_intents(struct audit_journal *journal, audit_intent_callback *callback, void *context,
                                   struct error *err);
/* The path of a file in the folder (mem_free). NULL: no memory. */
char *audit_journal_path(const struct audit_journal *journal, const char *last);

#endif
