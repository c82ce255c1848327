/*
 * Gathering the facts that evidence is judged by. The audit log is read entry
 * by entry, once; each tenant's history once; nothing is kept but what the
 * judgement asks for.
 */
#ifndef HIKAE_OPS_EVIDENCE_GATHER_H
#define HIKAE_OPS_EVIDENCE_GATHER_H

#include "ops/evidence.h"
#include "ops/facts.h"

/* What is known of one tenant while it is gathered: evidence_tenant with arrays that grow. */
struct evidence_dossier {
    struct id tid;
    struct evidence_tenant tenant;
    struct evidence_stage *stages;
    struct evidence_snapshot *made; /* by the audit log */
    size_t made_count;
    struct evidence_check *verifications, *drills;
    struct evidence_contract *contracts;
    struct evidence_restore *restores;
    struct evidence_kept_log *logs;
    struct evidence_act *acts;
    struct evidence_change *changes; /* by the audit log; of one whose history nobody can read */
    size_t change_count;
    const char *policy; /* the last that is known of it; NULL: none */
    int64_t first_ns;   /* when its first night was tried; 0: none was */
    bool customer;
    bool drills_unlisted;         /* the audit log has some of which it does not say what they tried */
    struct evidence_check *tried; /* drills, by the audit log */
    size_t tried_count;
    struct evidence_restore *handed; /* copies, by the audit log */
    size_t handed_count;
};

/* What an entry of the audit log says of what a tenant was from then on. */
struct evidence_change {
    int64_t time_ns;
    uint64_t sequence;   /* of its entry: of two at one instant the later one counts */
    bool came;           /* it was added then */
    const char *policy;  /* NULL: as before */
    const char *sources; /* kinds; NULL: as before */
    const char *state;   /* NULL: as before */
};

/* The entry about a thing with an id of its own: a drill, a copy that was handed out. */
struct evidence_named {
    const char *id;
    struct evidence_entry entry;
};

/* By id; for qsort and bsearch. */
int evidence_compare_named(const void *a, const void *b);

/* An incident freezes logs from an instant on, until it is closed. */
struct evidence_freeze {
    int64_t logs_from_ns, until_ns;
};

/* A snapshot that was dropped, by an audit entry. */
struct evidence_drop {
    const char *snapshot; /* id, or the start of one that a person gave */
    bool by_person;
    bool has_tenant;
    struct id tenant;
    int64_t time_ns;
    struct evidence_entry entry;
};

struct evidence_gathering {
    struct hikae *hikae;
    const struct hikae_evidence_options *options;
    struct arena *arena;
    struct evidence_facts *facts;
    struct hikae_evidence *ret;
    struct session store; /* the store's own history */
    struct evidence_version *versions;
    struct evidence_target *targets;
    struct evidence_attestation *attestations;
    struct evidence_incident *incidents;
    struct evidence_freeze *freezes;
    size_t freeze_count;
    struct evidence_review *reviews;
    struct evidence_unmet *unmet;
    struct evidence_expiry *expiries;
    struct evidence_audit *audits;
    struct evidence_dossier *dossiers; /* by tid once they are all there */
    size_t dossier_count;
    struct evidence_drop *drops; /* by snapshot */
    size_t drop_count;
    struct evidence_named *named; /* by id */
    size_t named_count;
    struct hikae_purges purges;
    struct hikae_evidence_log *logs;
    struct hikae_evidence_nonconformity *nonconformities;
    struct policy **policies; /* that versions and results borrow: the caller frees them in the end */
    size_t policy_count;
    struct zone **zones;
    size_t zone_count;
    struct calendar **calendars;
    size_t calendar_count;
};
/* Everything; ends with evidence_gathering_close, also after -1. Facts borrow from it until then. */
MUST_USE int evidence_gather(struct evidence_gathering *gathering, struct error *err);
void evidence_gathering_close(struct evidence_gathering *gathering);

/* ---- The parts, in this order ---- */

/* evidence_gather_store.c: versions, targets, attestations, what is not met. */
MUST_USE int evidence_gather_store(struct evidence_gathering *gathering, struct error *err);
/* evidence_gather_audit.c: into the dossiers, drops, expiries, audits, logs. */
MUST_USE int evidence_gather_audit(struct evidence_gathering *gathering, struct error *err);
/* evidence_gather_people.c: reviews and incidents. */
MUST_USE int evidence_gather_people(struct evidence_gathering *gathering, struct error *err);
/* evidence_gather_tenant.c: from the history of one, joined with what the audit log said. */
MUST_USE int evidence_gather_tenant(struct evidence_gathering *gathering, struct evidence_dossier *dossier,
                                    struct error *err);

/* evidence_gather_purge.c: what became of tenants whose contract ended. */

/* Before the audit log is read: dossiers of all that are erased, also of those that this machine never knew. */
MUST_USE int evidence_gather_erased(struct evidence_gathering *gathering, struct error *err);
/* What the audit log alone tells of a tenant whose history cannot be read; why: of one that is not erased. */
MUST_USE int evidence_gather_unread(struct evidence_gathering *gathering, struct evidence_dossier *dossier,
                                    const char *why, struct error *err);
/* After the tenants: how their erasures ended. */
MUST_USE int evidence_gather_purges(struct evidence_gathering *gathering, struct error *err);

/* One more tenant. Until evidence_gather_erased is done they are in no order. */
struct evidence_dossier *evidence_add_dossier(struct evidence_gathering *gathering, const struct id *tid,
                                              const char *name);
/* Put them in order, so that they can be found. */
void evidence_sort_dossiers(struct evidence_gathering *gathering);
/* The dossier of a tenant, or NULL. */
struct evidence_dossier *evidence_find_dossier(const struct evidence_gathering *gathering, const struct id *tid);
/* Texts and instants of a body; absent and null are NULL and 0. */
const char *evidence_body_text(struct arena *arena, const json_t *body, const char *name);
int64_t evidence_body_time(const json_t *body, const char *name);

#endif
