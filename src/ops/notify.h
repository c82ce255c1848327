/*
 * Telling people what became of a night. A pure function turns the state into
 * causes, each once however many tenants it meets, and causes into a text that
 * fits a phone; another file sends it (notify_send.c). The dead-man's switch
 * is not here: a watch outside the host misses the ping that did not come.
 */
#ifndef HIKAE_OPS_NOTIFY_H
#define HIKAE_OPS_NOTIFY_H

#include "base/buf.h"
#include "hikae.h"
#include "policy/config.h"
#include "policy/zone.h"

/* The first ones are worth an alert; of these the ones up to NOTICE_INCIDENT are never muted. */
enum notice_kind {
    NOTICE_DAMAGED,  /* data does not match                                    */
    NOTICE_DEADLINE, /* less than seven days are left                          */
    NOTICE_INCIDENT, /* a first notice of an incident is due, or overdue       */
    NOTICE_BROKEN,   /* no target holds all of a tenant's latest snapshot      */
    NOTICE_QUORUM,   /* fewer than min_copies targets do                       */
    NOTICE_RUN,      /* the run itself could not begin                         */
    NOTICE_TARGET,   /* does not answer                                        */
    NOTICE_FAILED,   /* jobs of one kind that failed in one way                */
    NOTICE_OVERDUE,  /* what has not run                                       */
    NOTICE_BEHIND,   /* a target that answers and lacks snapshots              */
    NOTICE_DRILL,    /* one that is promised on a server of its own is due      */
    NOTICE_COPY,     /* one that a restore handed out must be wiped             */
    NOTICE_REVIEW,   /* somebody must look, or ought to have                   */
    NOTICE_OPEN,     /* nonconformities that nobody has closed                 */
    NOTICE_REMINDER, /* of the policy's                                        */
    NOTICE_WARNING,
    NOTICE_KINDS
};
#define NOTICE_NEVER_MUTED_LAST NOTICE_INCIDENT
#define NOTICE_ALERT_LAST       NOTICE_QUORUM

/* One cause; texts are borrowed from the state. */
struct notice_cause {
    enum notice_kind kind;
    const char *subject;   /* the first tenant, or NULL */
    const char *key;       /* target or job, or NULL    */
    const char *error;     /* class of a failure, or "" */
    const char *detail;    /* what happened, or NULL    */
    const char *detail_ja; /* the same in Japanese; NULL: it is in no language */
    size_t count;          /* of tenants, or times      */
    int64_t time_ns;       /* deadline, or the last success; 0: none */
};

enum { NOTICE_CAUSES_MAX = 64, NOTICE_LINES_MAX = 25 };
struct notice_causes {
    struct notice_cause items[NOTICE_CAUSES_MAX];
    size_t count;
};

struct notice_target {
    const char *name;
    bool up;
};

/* What the texts are made of. */
struct notice_state {
    int64_t now_ns;
    const char *host;
    bool test_clock;
    const char *run_error;                    /* why the run could not begin, or NULL      */
    const struct hikae_run_result *run;       /* NULL: there was none                      */
    const struct hikae_status_report *status; /* NULL: it could not be had                 */
    const struct notice_target *targets;
    size_t target_count;
    unsigned min_copies;
    const struct zone *zone; /* of the times in it; NULL: UTC */
    int64_t muted_until_ns;  /* 0: not muted */
};

/* Worst first. */
void notice_find(const struct notice_state *state, struct notice_causes *ret);
/* Is one of them worth an alert? With `muted`: one that is never muted. */
bool notice_has_alert(const struct notice_causes *causes, bool muted);
/*
 * The night in at most NOTICE_LINES_MAX lines: counts, causes, what is still safe, what to do. With `alert` only what
 * is worth one, and if muted only what is never muted. *ret_subject and *ret_text: mem_free.
 */
MUST_USE int notice_write(const struct notice_state *state, const struct notice_causes *causes, bool alert,
                          enum config_language language, char **ret_subject, char **ret_text, struct error *err);
/* The name of a job of the run, for people. */
const char *notice_job(const char *job, enum config_language language);
/*
 * One cause as a sentence (mem_free), times in a zone (NULL: UTC), without the message that came with it; is there one?
 * And what to do about it (NULL: nothing), commands in backquotes.
 */
MUST_USE int notice_cause_write(const struct notice_cause *cause, enum config_language language,
                                const struct zone *zone, char **ret, struct error *err);
bool notice_cause_has_message(const struct notice_cause *cause);
const char *notice_cause_todo(const struct notice_cause *cause, enum config_language language);
/* Is it told: in a digest every one is, in an alert those that are worth one, and when muted those that never are. */
bool notice_is_told(const struct notice_cause *cause, bool alert, bool muted);
/* The causes without their counts, for telling whether something new has come up: mem_free. */
MUST_USE int notice_fingerprint(const struct notice_causes *causes, bool alert, char **ret, struct error *err);

/* ---- notify_send.c ---- */

enum notify_channel { NOTIFY_MAIL, NOTIFY_WEBHOOK, NOTIFY_PING, NOTIFY_CHANNELS };
extern const char *const notify_channel_names[NOTIFY_CHANNELS];
bool notify_is_set(const struct config_notify *config, enum notify_channel channel);
struct notify_message {
    const char *kind; /* "digest", "alert", "test" */
    const char *subject;
    const char *text;
    int status;            /* of the run, or -1 */
    const char *ping_path; /* "", "/start", "/fail" */
};
/* Send it through one channel. ERROR_UNREACHABLE; ERROR_KEYS if a secret's file cannot be used. No secret is told. */
MUST_USE int notify_send_message(const struct config_notify *config, enum notify_channel channel,
                                 const struct notify_message *message, struct error *err);

/* ---- notify.c ---- */

struct hikae;
/* Before a run. Both never fail: what cannot be sent is a warning, and they return false. */
bool notify_run_begins(struct hikae *hikae);
/* After it. `why`: why it could not begin, or NULL. */
bool notify_run_ended(struct hikae *hikae, const struct hikae_run_result *result, enum hikae_status status,
                      const char *why);

#endif
