/*
 * A policy: what one service promises about its customers' data, and the
 * figures by which the promises are kept. A policy is a YAML file
 * (policies/README.md lists every key); reading one needs no store, no target
 * and no key. What contradicts itself is found by policy_check.
 *
 * Each part of a policy is a rule that names the promises it keeps, so that
 * evidence can be gathered promise by promise. A part that is absent promises
 * nothing.
 *
 * A policy never changes once it is read: any number of threads may use one.
 */
#ifndef HIKAE_POLICY_POLICY_H
#define HIKAE_POLICY_POLICY_H

#include "policy/retention.h"

enum { POLICY_MINUTES_OF_DAY = 24 * 60 };

/* A word, or several, of the file. */
struct policy_words {
    char **items;
    size_t count;
};

/* What every part begins with. */
struct policy_rule {
    bool present;
    struct policy_words keeps; /* ids of the promises that it keeps */
};

/* The two languages that promises are made in; never NULL once read. */
struct policy_text {
    char *ja;
    char *en;
};

/* Whose data it is: the service's customers', or the provider's own. Bits. */
enum policy_class { POLICY_CUSTOMER = 1, POLICY_PROVIDER = 2 };

enum policy_status { POLICY_PUBLISHED, POLICY_INTERNAL };
/* Who keeps a promise: a rule of this policy, or people, whose declaration is the evidence. */
enum policy_by { POLICY_BY_HIKAE, POLICY_BY_OPERATOR };
struct policy_promise {
    char *id;
    enum policy_status status; /* internal: kept, but promised to nobody outside */
    enum policy_by by;
    char *published_at;          /* where customers can read it, as the operator fills it in; NULL: not yet */
    struct policy_words aspects; /* of its rules that it is about: "sites"; none of a rule: all of that rule */
    struct policy_text text;
};

enum policy_every { POLICY_HOURLY, POLICY_DAILY, POLICY_WEEKLY, POLICY_MONTHLY };

/* As civil_weekday counts. */
enum policy_weekday {
    POLICY_SUNDAY,
    POLICY_MONDAY,
    POLICY_TUESDAY,
    POLICY_WEDNESDAY,
    POLICY_THURSDAY,
    POLICY_FRIDAY,
    POLICY_SATURDAY
};

/* When snapshots are made. */
struct policy_schedule {
    struct policy_rule rule;
    enum policy_every every;
    unsigned classes;        /* of tenants that are backed up: bits of policy_class                      */
    char *zone;              /* days, weeks and windows are those of this zone; never NULL once read     */
    unsigned window_start;   /* minute of the day at which a run may begin                               */
    unsigned window_minutes; /* and for how long; the window may reach into the next day                 */
    unsigned jitter_minutes; /* tenants begin spread over this long from the start of the window         */
    enum policy_weekday on;  /* weekly                                                                   */
    unsigned day;            /* monthly: 1 … 31; a day past the end of a month is that month's last      */
};

/* What may be backed up. Bits of kinds: 1 << policy_source_kind. */
enum policy_source_kind { POLICY_SOURCE_DIR, POLICY_SOURCE_IMAGE, POLICY_SOURCE_ARCHIVE, POLICY_SOURCE_COMMAND };
enum policy_method { POLICY_METHOD_FILES, POLICY_METHOD_IMAGES, POLICY_METHOD_ANY };
struct policy_sources {
    struct policy_rule rule;
    unsigned kinds;
    enum policy_method method;
};

/* How long snapshots stay. */
struct policy_generations {
    struct policy_rule rule;
    bool keep_all;                /* nothing is ever dropped: `keep: all`; then there are no rules */
    struct retention_rules rules; /* the policy owns them                                          */
};

/* Where copies lie. */
struct policy_targets {
    struct policy_rule rule;
    unsigned min_copies;                 /* at least 1                                         */
    unsigned sites;                      /* different sites among the targets, at least        */
    unsigned providers;                  /* different providers, at least                      */
    struct policy_words countries;       /* ISO 3166-1; none: anywhere                         */
    struct policy_words regions;         /* only targets in one of these regions; none: any    */
    struct policy_words storage_classes; /* none: any                                          */
};

/* Who else handles the data or keys, and in which countries; none listed: none may. */
struct policy_processors {
    struct policy_rule rule;
    struct policy_words storage;
    struct policy_words key_service;
    struct policy_words time_stamps;
    struct policy_words webhooks;
};

enum policy_tls { POLICY_TLS_12, POLICY_TLS_13 };
enum policy_algorithms { POLICY_ALGORITHMS_ANY, POLICY_ALGORITHMS_CRYPTREC };
enum policy_holder { POLICY_HOLDER_ANY, POLICY_HOLDER_TOKEN, POLICY_HOLDER_KEY_SERVICE };
struct policy_encryption {
    struct policy_rule rule; /* the cipher is AES-256 always */
    enum policy_tls tls;     /* at least */
    enum policy_algorithms algorithms;
    enum policy_holder holder;     /* who must hold the root key */
    struct span key_service_waits; /* how long a key service keeps a key that is to be destroyed */
};

enum policy_lock_mode { POLICY_LOCK_GOVERNANCE, POLICY_LOCK_COMPLIANCE };
struct policy_lock {
    struct policy_rule rule;
    enum policy_lock_mode mode;
    struct span span; /* from the last snapshot that needs an object */
};

enum policy_level { POLICY_LEVEL_INVENTORY, POLICY_LEVEL_OBJECTS, POLICY_LEVEL_DATA };
struct policy_verification {
    struct policy_rule rule;
    enum policy_level level;
    struct span every;
    unsigned sample_percent; /* of the objects each time; 100: all */
};

enum policy_drill_mode { POLICY_DRILL_SAMPLE, POLICY_DRILL_FULL, POLICY_DRILL_BARE };
struct policy_drill {
    struct policy_rule rule;
    enum policy_drill_mode mode;
    struct span every;
    struct span rto; /* a restore of what is drilled takes no longer; no span: nothing is promised */
    struct span rpo; /* and its data is no older                                                   */
    bool own_server; /* on a machine that serves nothing else */
};

enum policy_log_format { POLICY_LOG_ANY, POLICY_LOG_CSV, POLICY_LOG_JSON };
struct policy_log {
    struct policy_rule rule;
    char *name; /* class of logs: "access", "operation" … */
    struct span keep;
    char *zone; /* of the times in it; never NULL once read */
    enum policy_log_format format;
    bool is_protected;   /* nobody may change or remove it before its time */
    bool survives;       /* the end of a tenant's contract */
    unsigned fetched_by; /* the month before is fetched by this business day of a month; 0: not by months */
};

enum policy_approver { POLICY_APPROVER_NONE, POLICY_APPROVER_ONE, POLICY_APPROVER_TWO };
struct policy_restores {
    struct policy_rule rule;
    bool on_request;      /* customers may ask for a restore            */
    bool staging;         /* customers' data may be restored for trying */
    bool latest_only;     /* recovery is from the latest snapshot       */
    bool customer_export; /* customers take their data out themselves   */
    enum policy_approver approver;
};

struct policy_survivor {
    struct policy_rule rule;
    char *what; /* "contract" */
    struct policy_words fields;
    struct span keep; /* after the end of the contract; no span: as long as the law asks, see the promise */
};
enum policy_proof { POLICY_PROOF_DELETION, POLICY_PROOF_KEYS };
struct policy_contract_end {
    struct policy_rule rule;
    struct span within; /* everything is erased within this of the contract's end, by the calendar */
    char *zone;
    enum policy_proof proof; /* deletion alone, or destruction of the keys too */
    struct policy_survivor *survivors;
    size_t survivor_count;
};

enum policy_from { POLICY_FROM_OCCURRENCE, POLICY_FROM_AWARENESS, POLICY_FROM_CONFIRMATION };
enum policy_strength { POLICY_AIM, POLICY_DUTY };
struct policy_notice {
    struct policy_rule rule;
    char *event;        /* "incident" */
    struct span within; /* one of these two */
    unsigned business_days;
    enum policy_from from;
    enum policy_strength strength;
    struct policy_words channels;
};

/* What a person looks at, and says so. */
struct policy_review {
    struct policy_rule rule;
    char *of; /* "backups", "drills", "access" … */
    struct span every;
    unsigned business_day; /* monthly: done by this business day; 0: by the end of the period */
    bool is_signed;        /* a look counts only with the signature of an operator */
};

/* What people are reminded of. */
struct policy_reminder {
    struct policy_rule rule;
    char *id;
    struct span every;
    struct span before; /* no span: on the day */
    struct policy_text text;
};

struct policy {
    unsigned schema; /* 1 */
    char *name;
    char *file; /* as it was named when it was read, for messages */
    char *text; /* the bytes it was read from, terminated */
    size_t size;
    struct policy_text title;
    char *zone;
    char *calendar; /* of business days; never NULL once read */
    struct policy_promise *promises;
    size_t promise_count;
    struct policy_schedule schedule;
    struct policy_sources sources;
    struct policy_generations generations;
    struct policy_targets targets;
    struct policy_processors processors;
    struct policy_encryption encryption;
    struct policy_lock lock;
    struct policy_verification *verifications;
    size_t verification_count;
    struct policy_drill *drills;
    size_t drill_count;
    struct policy_log *logs;
    size_t log_count;
    struct policy_restores restores;
    struct policy_contract_end contract_end;
    struct policy_notice *notices;
    size_t notice_count;
    struct policy_review *reviews;
    size_t review_count;
    struct policy_reminder *reminders;
    size_t reminder_count;
    void **memory; /* everything above that was allocated */
    size_t memory_count;
};

/* The policy of tenants that name none: no promises, every night, every target, nothing is ever dropped. */
#define POLICY_PLAIN "plain"
/* Its text. */
extern const char policy_plain_text[];

/*
 * Read a policy from text (size bytes); `file` is its name in messages. ERROR_CONFIG with "FILE:LINE:COLUMN: what is
 * wrong" and what is allowed as the hint.
 */
MUST_USE int policy_parse(const char *file, const void *text, size_t size, struct policy **ret, struct error *err);
/* The same from a file. ERROR_NOT_FOUND if there is none. */
MUST_USE int policy_load(const char *path, struct policy **ret, struct error *err);
/* NULL is fine. */
void policy_free(struct policy *policy);
static inline void cleanup_policy_free(struct policy **policy)
{
    policy_free(*policy);
}

/* Does it back up tenants of this class? */
static inline bool policy_backs_up(const struct policy *policy, enum policy_class class)
{
    return policy->schedule.rule.present && (policy->schedule.classes & (unsigned)class) != 0;
}
const struct policy_promise *policy_find_promise(const struct policy *policy, const char *id);
bool policy_has_word(const struct policy_words *words, const char *word);
/* The aspects that a kind of rule ("targets", or "logs.access") has, with spaces between; "" if it has none. */
const char *policy_rule_aspects(const char *rule);
/* Does a text of words with spaces between hold this one? NULL holds none. */
bool policy_text_has_word(const char *text, const char *word);

/* Called for each rule that is there, in the order of the file's keys: what is "schedule", "logs.access", "drills.1".
 */
typedef int policy_rule_work(const char *what, const struct policy_rule *rule, void *context, struct error *err);
MUST_USE int policy_each_rule(const struct policy *policy, policy_rule_work *work, void *context, struct error *err);

/*
 * The words of the file for the values of its enums, by value; NULL ends a table. For printing what was read.
 */
extern const char *const policy_every_words[],
    *const policy_source_words[],
        *const policy_method_words[],
            *const policy_tls_words[],
                *const policy_algorithms_words[],
                    *const policy_holder_words[],
                        *const policy_lock_words[],
                            *const policy_level_words[],
                                *const policy_drill_words[],
                                    *const policy_log_words[],
                                        *const policy_approver_words[],
                                            *const policy_proof_words[],
                                                *const policy_from_words[],
                                                    *const policy_strength_words[],
                                                        *const policy_status_words[],
                                                            *const policy_by_words[], *const policy_class_words[],
                                                                                          *const policy_weekday_words[];

#endif
