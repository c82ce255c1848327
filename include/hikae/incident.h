/*
 * libhikae: nonconformities and incidents. Conventions are in hikae.h.
 *
 * These are two things. What was promised and did not happen (a night, a
 * drill, a deadline) is a nonconformity: hikae opens it by itself, a person
 * closes it with its cause and correction. A security incident is opened and
 * classified by a person only; the policies in force say by when whom to tell.
 */
#ifndef HIKAE_PUBLIC_INCIDENT_H
#define HIKAE_PUBLIC_INCIDENT_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HIKAE_INCIDENT      "incident"
#define HIKAE_NONCONFORMITY "nonconformity"

/* By when a first notice must be given, by one policy. */
struct hikae_incident_deadline {
    const char *policy;
    const char *from;     /* "occurrence", "awareness", "confirmation" */
    const char *within;   /* "72h", "3 business days"                  */
    const char *strength; /* "aim", "duty"                             */
    const char *zone;     /* of the policy                             */
    const char **channels;
    size_t channel_count;
    int64_t due_ns; /* 0: what it counts from is not known yet                             */
    bool by_rule;   /* a holiday of a year that is not announced yet was reckoned          */
    int64_t met_ns; /* the first notice was given by all of the channels; 0: it was not    */
    /* "waiting" (for what it counts from), "open", "met", "late" (given after it), "missed" (not given, and over) */
    const char *state;
};
struct hikae_incident_tenant {
    const char *name;
    const char *id; /* hexadecimal, as in the audit log */
};
/* What was recorded; texts that an event does not have are NULL, instants 0. */
struct hikae_incident_event {
    const char *event; /* "open", "note", "notice", "close" */
    int64_t time_ns;   /* of the record                     */
    const char *who;
    const char *text;
    const char *stage;   /* of a notice: "first", "follow-up", "final" */
    const char *channel; /* of a notice                                */
    int64_t at_ns;       /* when the notice was given                  */
};
struct hikae_incident {
    const char *id;
    const char *kind; /* HIKAE_INCIDENT, HIKAE_NONCONFORMITY */
    bool open;
    const char *title;
    const char *severity; /* of an incident: "low", "medium", "high", "critical" */
    const char *about;    /* the event that policies call it by ("incident"); of a nonconformity: what was missed */
    const char *policy;   /* of a nonconformity: whose promise it was, or NULL */
    const char *subject;  /* of a nonconformity: the incident or the look it is about, or NULL */
    int64_t occurred_ns, aware_ns, confirmed_ns; /* confirmed: 0, not yet                  */
    int64_t opened_ns, closed_ns;
    int64_t logs_from_ns; /* audit entries from then on are kept until it is closed      */
    const char *cause;    /* as the person found who closed it                           */
    const char *correction;
    struct hikae_incident_tenant *tenants; /* none: it is not of certain tenants           */
    size_t tenant_count;
    struct hikae_incident_deadline *deadlines;
    size_t deadline_count;
    struct hikae_incident_event *events; /* by time */
    size_t event_count;
    void *memory;
};
struct hikae_incidents {
    struct hikae_incident *items; /* open ones first, then the latest first */
    size_t count;
};
/* kind NULL: both. all: closed ones too. id (NULL: any): its id or a start of it that is unique; HIKAE_NOT_FOUND. */
enum hikae_status hikae_incident_list(struct hikae *hikae, const char *kind, const char *id, bool all,
                                      struct hikae_incidents *ret, struct hikae_error *error);
void hikae_incidents_free(struct hikae_incidents *incidents);
/* What to call it: a nonconformity, which hikae opened, in either language; an incident as its person wrote it. */
const char *hikae_incident_title(const struct hikae_incident *incident, bool japanese);

struct hikae_incident_options {
    const char *title;
    const char *severity;
    const char *about; /* NULL: "incident" */
    int64_t occurred_ns, aware_ns;
    int64_t confirmed_ns; /* 0: not yet */
    int64_t logs_from_ns; /* 0: 30 days before it occurred */
    const char *const *tenants;
    size_t tenant_count;
    const char *const *policies; /* none: those of the tenants; no tenants either: all in force */
    size_t policy_count;
    const char *who;
    const char *text; /* may be NULL */
    bool dry_run;
};
/* *ret: the incident as it is now, with its deadlines (one item; hikae_incidents_free). */
enum hikae_status hikae_incident_open(struct hikae *hikae, const struct hikae_incident_options *options,
                                      struct hikae_incidents *ret, struct hikae_error *error);

struct hikae_incident_note {
    const char *who;
    const char *text;
    int64_t confirmed_ns;       /* 0: as it was; deadlines that count from it are set */
    const char *severity;       /* NULL: as it was                                    */
    const char *const *tenants; /* more of them                                       */
    size_t tenant_count;
    bool dry_run;
};
enum hikae_status hikae_incident_note(struct hikae *hikae, const char *id, const struct hikae_incident_note *note,
                                      struct hikae_incidents *ret, struct hikae_error *error);

/* A notice that was given. stage: "first", "follow-up", "final". HIKAE_USAGE if at_ns lies ahead. */
struct hikae_incident_notice {
    const char *who;
    const char *stage;
    const char *channel;
    int64_t at_ns;
    const char *text; /* where it can be read; may be NULL */
    bool dry_run;
};
enum hikae_status hikae_incident_notice(struct hikae *hikae, const char *id, const struct hikae_incident_notice *notice,
                                        struct hikae_incidents *ret, struct hikae_error *error);

/*
 * A person closes it. A nonconformity needs cause and correction. HIKAE_REFUSED while a first notice is due that was
 * not given, unless no_notice says why none is.
 */
struct hikae_incident_closing {
    const char *who;
    const char *text;
    const char *cause;
    const char *correction;
    const char *no_notice;
    bool dry_run;
};
enum hikae_status hikae_incident_close(struct hikae *hikae, const char *kind, const char *id,
                                       const struct hikae_incident_closing *closing, struct hikae_incidents *ret,
                                       struct hikae_error *error);

struct hikae_incident_text {
    const char *stage;    /* "first", "follow-up", "final" */
    const char *language; /* "en", "ja" */
    const char
        *tenant; /* whom it is for, the only one that it names: times and promises are its policy's; NULL: open */
};
/* The text of a notice to fill in, with what is known filled in: *ret_text (free). */
enum hikae_status hikae_incident_template(struct hikae *hikae, const char *id, const struct hikae_incident_text *wanted,
                                          char **ret_text, struct hikae_error *error);

/* ---- Reviews ---- */

/* A person looked: at the backups of a day, at drills, accesses … */
struct hikae_review {
    const char *of;     /* "backups", "drills", "access", "inventory" */
    const char *period; /* "2026-11-21", "2026-W47", "2026-11", "2026" */
    const char *policy; /* NULL: of all */
    const char *who;
    const char *comment;
    const char *owner;     /* of what is open; NULL */
    const char *signature; /* DSSE envelope; NULL: not signed */
    char *signed_by;       /* the operator whose signature it is; NULL: none that counts */
    int64_t time_ns;       /* of the record */
    void *memory;
};
/* A look that a policy promises. */
struct hikae_review_due {
    char *policy;
    char *of;
    int64_t starts_ns, ends_ns; /* the period */
    int64_t due_ns;
    bool by_rule;
    int64_t done_ns;   /* of the first acknowledgement that counts; 0: none */
    const char *state; /* "done", "late" (done after it was due), "open", "missed" */
};
struct hikae_reviews {
    struct hikae_review *reviews; /* by time */
    size_t count;
    struct hikae_review_due *dues; /* by policy, then period */
    size_t due_count;
};
/*
 * What was looked at, and what ought to have been, in periods that touch [from_ns, to_ns); a look is owed from the
 * first application of a policy that promises it, but not for a period that was half over then.
 */
enum hikae_status hikae_review_list(struct hikae *hikae, int64_t from_ns, int64_t to_ns, struct hikae_reviews *ret,
                                    struct hikae_error *error);
void hikae_reviews_free(struct hikae_reviews *reviews);

struct hikae_review_options {
    const char *of;     /* NULL: "backups" */
    const char *period; /* NULL: today, in the zone of the policy or of the page */
    const char *policy; /* NULL: of all */
    const char *who;
    const char *comment;
    const char *owner;           /* NULL: nothing is open */
    const char *operator_file;   /* private key of an operator to sign with; NULL: not signed */
    const char *passphrase_file; /* its first line opens the key; NULL: it is not encrypted */
    bool dry_run;
};
/* *ret_period (free): the period as it was taken. */
enum hikae_status hikae_review_ack(struct hikae *hikae, const struct hikae_review_options *options, char **ret_period,
                                   struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
