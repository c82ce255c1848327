/* The keys of a policy, part by part: the schema. policies/README.md explains each to operators. */
#include "policy/policy_internal.h"

const char *const policy_status_words[] = {"published", "internal", NULL};
const char *const policy_by_words[] = {"hikae", "operator", NULL};
const char *const policy_class_words[] = {"customer", "provider", NULL};
const char *const policy_every_words[] = {"hourly", "daily", "weekly", "monthly", NULL};
const char *const policy_weekday_words[] = {"sunday",   "monday", "tuesday",  "wednesday",
                                            "thursday", "friday", "saturday", NULL};
const char *const policy_source_words[] = {"dir", "image", "archive", "cmd", NULL};
const char *const policy_method_words[] = {"files", "images", "any", NULL};
const char *const policy_tls_words[] = {"1.2", "1.3", NULL};
const char *const policy_algorithms_words[] = {"any", "cryptrec", NULL};
const char *const policy_holder_words[] = {"any", "token", "key-service", NULL};
const char *const policy_lock_words[] = {"governance", "compliance", NULL};
const char *const policy_level_words[] = {"inventory", "objects", "data", NULL};
const char *const policy_drill_words[] = {"sample", "full", "bare", NULL};
const char *const policy_log_words[] = {"any", "csv", "json", NULL};
const char *const policy_approver_words[] = {"none", "one", "two", NULL};
const char *const policy_proof_words[] = {"deletion", "keys", NULL};
const char *const policy_from_words[] = {"occurrence", "awareness", "confirmation", NULL};
const char *const policy_strength_words[] = {"aim", "duty", NULL};
static const char *const cipher_words[] = {"aes-256", NULL};

/* A key, the function that reads its value, and the member of `struct type` that it goes to. */
#define FIELD(key, type, member, function)     .name = key, .read = (function), .offset = offsetof(struct type, member)
#define CHOICE(key, type, member, words)       FIELD(key, type, member, yaml_read_choice), .more = (words)
#define CHOICES(key, type, member, words)      FIELD(key, type, member, yaml_read_choices), .more = (words)
#define NUMBER(key, type, member, least, most) FIELD(key, type, member, yaml_read_number), .min = (least), .max = (most)
#define NEEDED                                 .required = true
#define KEEPS(type)                                                                                                    \
    {                                                                                                                  \
        FIELD("keeps", type, rule.keeps, policy_read_words)                                                            \
    }

static const struct yaml_field text_fields[] = {
    {FIELD("ja", policy_text, ja, policy_read_text), NEEDED},
    {FIELD("en", policy_text, en, policy_read_text), NEEDED},
    {0},
};
static const struct policy_shape title_shape = {.what = "the title", .fields = text_fields};

/* ---- Promises ---- */

static const struct yaml_field promise_fields[] = {
    {FIELD("id", policy_promise, id, policy_read_name), NEEDED},
    {CHOICE("status", policy_promise, status, policy_status_words), NEEDED},
    {CHOICE("by", policy_promise, by, policy_by_words)},
    {FIELD("published_at", policy_promise, published_at, policy_read_optional)},
    {FIELD("aspects", policy_promise, aspects, policy_read_words)},
    {FIELD("ja", policy_promise, text.ja, policy_read_text), NEEDED},
    {FIELD("en", policy_promise, text.en, policy_read_text), NEEDED},
    {0},
};

static int finish_promise(struct yaml_reader *reader, yaml_node_t *node, void *object, struct error *err)
{
    const struct policy_promise *promise = object;
    yaml_node_t *where = yaml_find(reader, node, "published_at");
    if (promise->status == POLICY_PUBLISHED || promise->published_at == NULL || where == NULL)
        return 0;
    return yaml_complain(reader, where, err, "leave it empty, or say that the promise is published",
                         "an internal promise is published nowhere");
}

static const struct policy_shape promise_shape = {
    .what = "a promise",
    .fields = promise_fields,
    .size = sizeof(struct policy_promise),
    .count_offset = offsetof(struct policy, promise_count),
    .id_offset = offsetof(struct policy_promise, id),
    .has_id = true,
    .finish = finish_promise,
};

/* ---- What is made, and how long it stays ---- */

static const struct yaml_field schedule_fields[] = {
    KEEPS(policy_schedule),
    {CHOICE("every", policy_schedule, every, policy_every_words), NEEDED},
    {CHOICES("tenants", policy_schedule, classes, policy_class_words), NEEDED},
    {FIELD("zone", policy_schedule, zone, policy_read_text)},
    {FIELD("window", policy_schedule, window_start, policy_read_window)},
    {NUMBER("jitter_minutes", policy_schedule, jitter_minutes, 0, POLICY_MINUTES_OF_DAY)},
    {CHOICE("weekday", policy_schedule, on, policy_weekday_words)},
    {NUMBER("day", policy_schedule, day, 1, 31)},
    {0},
};

/* A key that one way of repeating needs, and every other refuses. */
static int check_day_key(struct yaml_reader *reader, yaml_node_t *node, const char *key, bool needed, const char *every,
                         struct error *err)
{
    yaml_node_t *value = yaml_find(reader, node, key);
    if (needed && value == NULL)
        return yaml_complain(reader, node, err, POLICY_HELP, "a %s schedule needs the key \"%s\"", every, key);
    if (!needed && value != NULL)
        return yaml_complain(reader, value, err, "leave it out", "\"%s\" means nothing in a schedule that is %s", key,
                             every);
    return 0;
}

static int finish_schedule(struct yaml_reader *reader, yaml_node_t *node, void *object, struct error *err)
{
    struct policy_schedule *schedule = object;
    const char *every = policy_every_words[schedule->every];
    if (check_day_key(reader, node, "weekday", schedule->every == POLICY_WEEKLY, every, err) != 0 ||
        check_day_key(reader, node, "day", schedule->every == POLICY_MONTHLY, every, err) != 0)
        return -1;
    if (schedule->window_minutes == 0)
        schedule->window_minutes = POLICY_MINUTES_OF_DAY;
    return 0;
}

static const struct policy_shape schedule_shape = {
    .what = "the schedule", .fields = schedule_fields, .is_rule = true, .finish = finish_schedule};

static const struct yaml_field sources_fields[] = {
    KEEPS(policy_sources),
    {CHOICES("kinds", policy_sources, kinds, policy_source_words), NEEDED},
    {CHOICE("method", policy_sources, method, policy_method_words), NEEDED},
    {0},
};
static const struct policy_shape sources_shape = {.what = "sources", .fields = sources_fields, .is_rule = true};

/* ---- Where it lies, and under what ---- */

static const struct yaml_field targets_fields[] = {
    KEEPS(policy_targets),
    {NUMBER("min_copies", policy_targets, min_copies, 1, 16)},
    {NUMBER("sites", policy_targets, sites, 1, 16)},
    {NUMBER("providers", policy_targets, providers, 1, 16)},
    {FIELD("countries", policy_targets, countries, policy_read_countries)},
    {FIELD("regions", policy_targets, regions, policy_read_words)},
    {FIELD("storage_classes", policy_targets, storage_classes, policy_read_words)},
    {0},
};
static const struct policy_shape targets_shape = {.what = "targets", .fields = targets_fields, .is_rule = true};

static const struct yaml_field processors_fields[] = {
    KEEPS(policy_processors),
    {FIELD("storage", policy_processors, storage, policy_read_countries)},
    {FIELD("key_service", policy_processors, key_service, policy_read_countries)},
    {FIELD("time_stamps", policy_processors, time_stamps, policy_read_countries)},
    {FIELD("webhooks", policy_processors, webhooks, policy_read_countries)},
    {0},
};
static const struct policy_shape processors_shape = {
    .what = "processors", .fields = processors_fields, .is_rule = true};

/* There is one cipher: the key is there so that a policy can say it, and so that no other can be written. */
static int read_cipher(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                       struct error *err)
{
    unsigned cipher;
    struct yaml_field alone = {.name = field->name, .more = cipher_words};
    (void)object;
    return yaml_read_choice(reader, node, &alone, &cipher, err);
}

static const struct yaml_field encryption_fields[] = {
    KEEPS(policy_encryption),
    {.name = "cipher", .read = read_cipher},
    {CHOICE("tls", policy_encryption, tls, policy_tls_words)},
    {CHOICE("algorithms", policy_encryption, algorithms, policy_algorithms_words)},
    {CHOICE("holder", policy_encryption, holder, policy_holder_words)},
    {FIELD("key_service_waits", policy_encryption, key_service_waits, policy_read_span)},
    {0},
};
static const struct policy_shape encryption_shape = {
    .what = "encryption", .fields = encryption_fields, .is_rule = true};

static const struct yaml_field lock_fields[] = {
    KEEPS(policy_lock),
    {CHOICE("mode", policy_lock, mode, policy_lock_words), NEEDED},
    {FIELD("span", policy_lock, span, policy_read_span), NEEDED},
    {0},
};
static const struct policy_shape lock_shape = {.what = "the lock", .fields = lock_fields, .is_rule = true};

/* ---- What proves it ---- */

static const struct yaml_field verification_fields[] = {
    KEEPS(policy_verification),
    {CHOICE("level", policy_verification, level, policy_level_words), NEEDED},
    {FIELD("every", policy_verification, every, policy_read_span), NEEDED},
    {NUMBER("sample_percent", policy_verification, sample_percent, 1, 100)},
    {0},
};

static int finish_verification(struct yaml_reader *reader, yaml_node_t *node, void *object, struct error *err)
{
    struct policy_verification *verification = object;
    (void)reader, (void)node, (void)err;
    if (verification->sample_percent == 0)
        verification->sample_percent = 100;
    return 0;
}

static const struct policy_shape verification_shape = {
    .what = "a verification",
    .fields = verification_fields,
    .size = sizeof(struct policy_verification),
    .count_offset = offsetof(struct policy, verification_count),
    .is_rule = true,
    .finish = finish_verification,
};

static const struct yaml_field drill_fields[] = {
    KEEPS(policy_drill),
    {CHOICE("mode", policy_drill, mode, policy_drill_words), NEEDED},
    {FIELD("every", policy_drill, every, policy_read_span), NEEDED},
    {FIELD("rto", policy_drill, rto, policy_read_span)},
    {FIELD("rpo", policy_drill, rpo, policy_read_span)},
    {FIELD("own_server", policy_drill, own_server, yaml_read_bool)},
    {0},
};
static const struct policy_shape drill_shape = {
    .what = "a drill",
    .fields = drill_fields,
    .size = sizeof(struct policy_drill),
    .count_offset = offsetof(struct policy, drill_count),
    .is_rule = true,
};

static const struct yaml_field log_fields[] = {
    KEEPS(policy_log),
    {FIELD("class", policy_log, name, policy_read_name), NEEDED},
    {FIELD("keep", policy_log, keep, policy_read_span), NEEDED},
    {FIELD("zone", policy_log, zone, policy_read_text)},
    {CHOICE("format", policy_log, format, policy_log_words)},
    {FIELD("protected", policy_log, is_protected, yaml_read_bool)},
    {FIELD("survives_contract", policy_log, survives, yaml_read_bool)},
    {NUMBER("fetched_by_business_day", policy_log, fetched_by, 1, 15)},
    {0},
};
static const struct policy_shape log_shape = {
    .what = "a class of logs",
    .fields = log_fields,
    .size = sizeof(struct policy_log),
    .count_offset = offsetof(struct policy, log_count),
    .id_offset = offsetof(struct policy_log, name),
    .has_id = true,
    .is_rule = true,
};

/* ---- Giving back, and the end ---- */

static const struct yaml_field restores_fields[] = {
    KEEPS(policy_restores),
    {FIELD("on_request", policy_restores, on_request, yaml_read_bool)},
    {FIELD("staging", policy_restores, staging, yaml_read_bool)},
    {FIELD("latest_only", policy_restores, latest_only, yaml_read_bool)},
    {FIELD("customer_export", policy_restores, customer_export, yaml_read_bool)},
    {CHOICE("approver", policy_restores, approver, policy_approver_words)},
    {0},
};
static const struct policy_shape restores_shape = {.what = "restores", .fields = restores_fields, .is_rule = true};

static const struct yaml_field survivor_fields[] = {
    KEEPS(policy_survivor),
    {FIELD("what", policy_survivor, what, policy_read_name), NEEDED},
    {FIELD("fields", policy_survivor, fields, policy_read_words), NEEDED},
    {FIELD("keep", policy_survivor, keep, policy_read_span)},
    {0},
};
static const struct policy_shape survivor_shape = {
    .what = "what survives",
    .fields = survivor_fields,
    .size = sizeof(struct policy_survivor),
    .count_offset = offsetof(struct policy_contract_end, survivor_count),
    .id_offset = offsetof(struct policy_survivor, what),
    .has_id = true,
    .is_rule = true,
};

static const struct yaml_field contract_end_fields[] = {
    KEEPS(policy_contract_end),
    {FIELD("within", policy_contract_end, within, policy_read_span), NEEDED},
    {FIELD("zone", policy_contract_end, zone, policy_read_text)},
    {CHOICE("proof", policy_contract_end, proof, policy_proof_words)},
    {FIELD("survives", policy_contract_end, survivors, policy_read_list), .more = &survivor_shape},
    {0},
};
static const struct policy_shape contract_end_shape = {
    .what = "contract_end", .fields = contract_end_fields, .is_rule = true};

/* ---- What people are told, and what they look at ---- */

static const struct yaml_field notice_fields[] = {
    KEEPS(policy_notice),
    {FIELD("event", policy_notice, event, policy_read_name), NEEDED},
    {FIELD("within", policy_notice, within, policy_read_span)},
    {NUMBER("within_business_days", policy_notice, business_days, 1, 60)},
    {CHOICE("from", policy_notice, from, policy_from_words), NEEDED},
    {CHOICE("strength", policy_notice, strength, policy_strength_words), NEEDED},
    {FIELD("channels", policy_notice, channels, policy_read_words)},
    {0},
};

static int finish_notice(struct yaml_reader *reader, yaml_node_t *node, void *object, struct error *err)
{
    const struct policy_notice *notice = object;
    if (span_is_set(notice->within) != (notice->business_days > 0))
        return 0;
    return yaml_complain(reader, node, err, "within: 72h, or within_business_days: 3",
                         "a notice has either \"within\" or \"within_business_days\"");
}

static const struct policy_shape notice_shape = {
    .what = "a notice",
    .fields = notice_fields,
    .size = sizeof(struct policy_notice),
    .count_offset = offsetof(struct policy, notice_count),
    .is_rule = true,
    .finish = finish_notice,
};

static const struct yaml_field review_fields[] = {
    KEEPS(policy_review),
    {FIELD("of", policy_review, of, policy_read_name), NEEDED},
    {FIELD("every", policy_review, every, policy_read_span), NEEDED},
    {NUMBER("by_business_day", policy_review, business_day, 1, 15)},
    {FIELD("signed", policy_review, is_signed, yaml_read_bool)},
    {0},
};

static int finish_review(struct yaml_reader *reader, yaml_node_t *node, void *object, struct error *err)
{
    const struct policy_review *review = object;
    yaml_node_t *day = yaml_find(reader, node, "by_business_day");
    if (day == NULL || (review->every.unit == SPAN_MONTHS && review->every.count == 1))
        return 0;
    return yaml_complain(reader, day, err, "every: 1m, or leave this out",
                         "a business day of the month is for reviews of every month");
}

static const struct policy_shape review_shape = {
    .what = "a review",
    .fields = review_fields,
    .size = sizeof(struct policy_review),
    .count_offset = offsetof(struct policy, review_count),
    .id_offset = offsetof(struct policy_review, of),
    .has_id = true,
    .is_rule = true,
    .finish = finish_review,
};

static const struct yaml_field reminder_fields[] = {
    KEEPS(policy_reminder),
    {FIELD("id", policy_reminder, id, policy_read_name), NEEDED},
    {FIELD("every", policy_reminder, every, policy_read_span), NEEDED},
    {FIELD("before", policy_reminder, before, policy_read_span)},
    {FIELD("ja", policy_reminder, text.ja, policy_read_text), NEEDED},
    {FIELD("en", policy_reminder, text.en, policy_read_text), NEEDED},
    {0},
};
static const struct policy_shape reminder_shape = {
    .what = "a reminder",
    .fields = reminder_fields,
    .size = sizeof(struct policy_reminder),
    .count_offset = offsetof(struct policy, reminder_count),
    .id_offset = offsetof(struct policy_reminder, id),
    .has_id = true,
    .is_rule = true,
};

/* ---- The whole ---- */

#define PART(key, member, shape) FIELD(key, policy, member, policy_read_part), .more = &(shape)
#define LIST(key, member, shape) FIELD(key, policy, member, policy_read_list), .more = &(shape)

const struct yaml_field policy_fields[] = {
    {NUMBER("schema", policy, schema, 1, 1), NEEDED},
    {FIELD("name", policy, name, policy_read_name), NEEDED},
    {PART("title", title, title_shape), NEEDED},
    {FIELD("zone", policy, zone, policy_read_text), NEEDED},
    {FIELD("calendar", policy, calendar, policy_read_name)},
    {LIST("promises", promises, promise_shape)},
    {PART("schedule", schedule, schedule_shape)},
    {PART("sources", sources, sources_shape)},
    {FIELD("generations", policy, generations, policy_read_generations)},
    {PART("targets", targets, targets_shape)},
    {PART("processors", processors, processors_shape)},
    {PART("encryption", encryption, encryption_shape)},
    {PART("lock", lock, lock_shape)},
    {LIST("verification", verifications, verification_shape)},
    {LIST("drills", drills, drill_shape)},
    {LIST("logs", logs, log_shape)},
    {PART("restores", restores, restores_shape)},
    {PART("contract_end", contract_end, contract_end_shape)},
    {LIST("notices", notices, notice_shape)},
    {LIST("reviews", reviews, review_shape)},
    {LIST("reminders", reminders, reminder_shape)},
    {0},
};
