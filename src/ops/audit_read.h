/* Entries of all logs, in the order of their times, for listing, giving away and reviewing. */
#ifndef HIKAE_OPS_AUDIT_READ_H
#define HIKAE_OPS_AUDIT_READ_H

#include "audit/leaf.h"
#include "ops/audit_store.h"
#include "policy/zone.h"

struct audit_view {
    struct hikae *hikae;
    struct engine_audit_store store;
    struct audit_objects objects;
    struct audit_log *logs;
    size_t log_count;
    struct zone *zone;
    int64_t from_ns, to_ns; /* half open */
};
/* Store what waits, then read every log (or the one of the filter). filter NULL: no filter. */
MUST_USE int audit_view_open(struct hikae *hikae, const struct hikae_audit_filter *filter, struct audit_view *ret,
                             struct error *err);
/* "JST", or a name of the tz database; NULL is UTC. */
MUST_USE int audit_open_zone(const char *name, struct zone **ret, struct error *err);
/* "2026", "2026-10", "2026-10-31", "FROM/TO" in a zone: half open; NULL is for ever. ERROR_USAGE. */
MUST_USE int audit_parse_period(const char *text, const struct zone *zone, int64_t *ret_from, int64_t *ret_to,
                                struct error *err);
void audit_view_close(struct audit_view *view);
/*
 * What hikae_audit_verify does, without an entry of its own: a visitor sees every entry as it is checked. ERROR_DAMAGED
 * and ERROR_UNREACHABLE leave a report that says what is wrong.
 */
MUST_USE int audit_verify_visit(struct hikae *hikae, const struct audit_visitor *visitor,
                                struct hikae_audit_report *ret, struct error *err);
/* The log of that id (hexadecimal; NULL: this state folder's). ERROR_NOT_FOUND. */
MUST_USE int audit_view_log(const struct audit_view *view, const char *log, const struct audit_log **ret,
                            struct error *err);
/* Call back for the entries that the filter lets through; *ret_count of them. */
MUST_USE int audit_view_each(const struct audit_view *view, const struct hikae_audit_filter *filter,
                             hikae_audit_callback *callback, void *context, uint64_t *ret_count, struct error *err);
/* The heads of all logs as lines of a note: "log <origin> <size> <root>". mem_free; NULL: no memory. */
char *audit_view_heads(const struct audit_view *view);

#endif
