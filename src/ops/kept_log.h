/*
 * Kept logs: logs of other systems, taken into a tenant of the provider's own
 * as snapshots that expire when their time is over, and the records (16) that
 * say what was taken in, when, and by when it had to be.
 */
#ifndef HIKAE_OPS_KEPT_LOG_H
#define HIKAE_OPS_KEPT_LOG_H

#include "hikae.h"
#include "ops/facts.h"
#include "ops/log_reader.h"
#include "ops/policies.h"

#define KEPT_LOG_SOURCE "main"

/* What a policy promises of a class of logs, with what it is reckoned by. */
struct kept_rule {
    const struct policy *policy;
    const struct policy_log *log;
    struct zone *zone; /* of the class */
    struct calendar *calendar;
};
/* ERROR_REFUSED if the policy keeps no such class. End with kept_rule_close. */
MUST_USE int kept_rule_open(struct hikae *hikae, const struct policy *policy, const char *class_name,
                            struct kept_rule *ret, struct error *err);
void kept_rule_close(struct kept_rule *rule);
/* By when the logs of a month are to be taken in; 0: by no certain day. */
int64_t kept_rule_due(const struct kept_rule *rule, int64_t ends_ns);

/* From a record's body; state and what became of the snapshot by the tenant's history. */
MUST_USE int kept_log_read(const struct session *session, const struct history_fact *fact, int64_t now_ns,
                           struct hikae_log *ret, struct error *err);
void kept_log_clear(struct hikae_log *log);
/* One more, zeroed but for its state; NULL without memory. */
struct hikae_log *kept_logs_add(struct hikae_logs *logs);

/* The time in a row: of the named column or member, or the first that has one. */
struct log_times {
    enum policy_log_format format;
    const char *column; /* NULL: the first that holds times */
    bool head_seen;     /* the first row of a CSV names the columns */
    bool found;
    size_t number; /* of the column, once it was found */
    char *member;  /* of JSON, likewise; mem_free */
};
/* Look at a row: true if it has a time. A head has none. ERROR_USAGE if there is no such column; -1 by *ret_failed. */
bool log_times_look(struct log_times *times, const struct bytes *cells, size_t count, int64_t *ret_ns,
                    struct error *err, bool *ret_failed);

#endif
