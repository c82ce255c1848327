/*
 * Nonconformities and incidents (record 15 of the store's own history). Each
 * is the fold of its records: opened, noted, told, closed. Nothing is ever
 * changed; a later record adds to the earlier ones.
 *
 * Deadlines are reckoned when an incident is opened, by the policies in force
 * then, and written down: what is promised later does not move them.
 */
#ifndef HIKAE_OPS_INCIDENT_H
#define HIKAE_OPS_INCIDENT_H

#include "hikae.h"
#include "ops/facts.h"

/*
 * All of them, from a session on the store's history, as they are at now_ns. `also` (may be NULL): the body of a record
 * that is yet to be written.
 */
MUST_USE int incidents_read(const struct session *facts, json_t *also, int64_t now_ns, struct hikae_incidents *ret,
                            struct error *err);
/* Move one of them out, into a set of its own. */
MUST_USE int incidents_take(struct hikae_incidents *from, const struct hikae_incident *one, struct hikae_incidents *ret,
                            struct error *err);
/* The one of that kind (NULL: either) whose id is, or begins with, `id`. ERROR_NOT_FOUND, ERROR_USAGE. */
MUST_USE int incidents_find(const struct hikae_incidents *incidents, const char *kind, const char *id,
                            const struct hikae_incident **ret, struct error *err);
/* Must an audit entry of that tenant (NULL: of none) and instant stay? */
bool incidents_keep(const struct hikae_incidents *incidents, const struct id *tenant, int64_t time_ns);

/* The open incident whose logs are those up to that instant; NULL: none is. */
const struct hikae_incident *incidents_freezing(const struct hikae_incidents *incidents, int64_t logs_to_ns);

/* ---- incident_due.c ---- */

/* Add "deadlines" by these policies (none: all in force) to a body that has about, occurred, aware, confirmed. */
MUST_USE int incident_deadlines(struct session *facts, const char *const *policies, size_t count, json_t *body,
                                struct error *err);
/* In the deadlines of an earlier record, set what waits for the confirmation. */
MUST_USE int incident_deadlines_confirm(struct hikae *hikae, json_t *rows, int64_t confirmed_ns, struct error *err);

/* ---- incident_write.c ---- */

/* "I-20261121-3fa9", which none has yet: people say it on the telephone. */
enum { INCIDENT_ID_SIZE = 32 };
MUST_USE int incident_new_id(const struct hikae_incidents *known, char letter, int64_t now_ns,
                             char ret[INCIDENT_ID_SIZE], struct error *err);

/* ---- nonconformity.c ---- */

/* Something that was promised and did not happen. Texts are borrowed. */
struct missed {
    const char *what;    /* "backup", "verify", "drill" …: a job; "notice", "review"        */
    const char *policy;  /* whose promise it was; NULL: of none                              */
    const char *subject; /* the incident or review it is about; NULL: tenants are            */
    const char *tenant;  /* NULL: of none                                                    */
    int64_t since_ns;    /* when its time was                                                */
    int64_t again_ns;    /* of what comes night after night: its time now; else 0            */
};
struct misses {
    struct missed *items;
    size_t count, capacity;
};
void misses_clear(struct misses *misses);
MUST_USE int misses_add(struct misses *misses, const struct missed *missed, struct error *err);
/* A person has closed its nonconformity: it is not opened again, and nobody is told of it every night. */
bool misses_are_settled(const struct hikae_incidents *incidents, const struct missed *missed);
/* The jobs of a plan, not carried out yet, whose time passed by without them. */
struct run_plan;
MUST_USE int misses_of_plan(const struct run_plan *plan, struct misses *ret, struct error *err);
/*
 * Open a nonconformity for each cause (what, policy, subject) that none is open for, and add tenants to those that are.
 * Also looks for erasures, notices and looks that are overdue. *ret_opened of them.
 */
MUST_USE int nonconformities_open(struct hikae *hikae, const struct misses *misses, size_t *ret_opened,
                                  struct error *err);

#endif
