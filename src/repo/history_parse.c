#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "repo/history_internal.h"

#include <limits.h>

/* ---- Reading members: as a cursor does, a reader remembers that something was wrong, and is asked once ---- */

struct reader {
    json_t *root;
    bool failed;
    bool no_memory;
};

/* The member `name` of an object, if it is of this type (JSON_TRUE: or false); absent and null are NULL. */
static const json_t *member(struct reader *r, const json_t *object, const char *name, json_type type)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL || json_is_null(value))
        return NULL;
    bool fits = json_typeof(value) == type || (type == JSON_TRUE && json_is_false(value));
    if (!fits)
        r->failed = true;
    return fits ? value : NULL;
}

/* A text (borrowed), or NULL if it is absent. */
static const char *optional_text(struct reader *r, const json_t *object, const char *name)
{
    return json_string_value(member(r, object, name, JSON_STRING));
}

static const char *text(struct reader *r, const json_t *object, const char *name)
{
    const char *value = optional_text(r, object, name);
    if (value == NULL || value[0] == '\0')
        r->failed = true;
    return value != NULL ? value : "";
}

static bool flag(struct reader *r, const json_t *object, const char *name)
{
    const json_t *value = member(r, object, name, JSON_TRUE);
    return value != NULL && json_is_true(value);
}

/* A number of 0 or more, `absent` if it is not there. */
static uint64_t number(struct reader *r, const json_t *object, const char *name, uint64_t absent)
{
    const json_t *value = member(r, object, name, JSON_INTEGER);
    if (value == NULL)
        return absent;
    if (json_integer_value(value) < 0)
        r->failed = true;
    return (uint64_t)json_integer_value(value);
}

static uint64_t needed_number(struct reader *r, const json_t *object, const char *name)
{
    if (!json_is_integer(json_object_get(object, name)))
        r->failed = true;
    return number(r, object, name, 0);
}

static int64_t instant(struct reader *r, const char *value)
{
    int64_t ns = 0;
    if (clock_parse(value, &ns, NULL) != 0)
        r->failed = true;
    return ns;
}

static char *copy(struct reader *r, const char *value)
{
    char *made = mem_strdup(value);
    if (made == NULL)
        r->no_memory = true;
    return made;
}

static char *dump(struct reader *r, const json_t *value, const char *absent)
{
    if (value == NULL)
        return copy(r, absent);
    char *made = NULL;
    if (json_print(value, &made, NULL) != 0)
        r->no_memory = true;
    return made;
}

static bool one_of(const char *value, const char *a, const char *b, const char *c, const char *d)
{
    return strcmp(value, a) == 0 || strcmp(value, b) == 0 || (c != NULL && strcmp(value, c) == 0) ||
           (d != NULL && strcmp(value, d) == 0);
}

/* The name of a snapshot: 16 hexadecimal digits. */
static void snapshot_name(struct reader *r, uint8_t ret[SNAPSHOT_KEY_SIZE])
{
    const char *name = text(r, r->root, "snapshot");
    if (strlen(name) != 2 * SNAPSHOT_KEY_SIZE || !hex_decode(name, SNAPSHOT_KEY_SIZE, ret))
        r->failed = true;
}

static void open_body(struct reader *r, const char *body)
{
    *r = (struct reader){0};
    r->root = history_json(body, &r->no_memory);
    if (!json_is_object(r->root) || json_integer_value(json_object_get(r->root, "v")) != 1)
        r->failed = true;
}

static int close_body(struct reader *r, struct error *err)
{
    json_decref(r->root);
    if (r->no_memory)
        return error_no_memory(err);
    return r->failed ? 0 : 1;
}

/* ---- One function a type of record ---- */

int history_parse_any(const char *body, struct error *err)
{
    struct reader r;
    open_body(&r, body);
    return close_body(&r, err);
}

static void parse_root(struct reader *r, struct manifest_root *ret)
{
    const char *root = text(r, r->root, "root");
    uint64_t depth = needed_number(r, r->root, "depth");
    if (strlen(root) != 2 * BLOB_ID_SIZE || !hex_decode(root, BLOB_ID_SIZE, ret->id.bytes) || depth < 1 ||
        depth > MANIFEST_DEPTH_MAX)
        r->failed = true;
    ret->depth = (uint8_t)depth;
    ret->entries = needed_number(r, r->root, "entries");
    ret->bytes = needed_number(r, r->root, "bytes");
}

static unsigned parse_mean(struct reader *r, const char *name, unsigned absent)
{
    uint64_t mean = number(r, r->root, name, absent);
    if (mean < 1 || mean > INT_MAX)
        r->failed = true;
    return (unsigned)mean;
}

static void parse_snapshot(struct reader *r, struct history_snapshot *ret)
{
    parse_root(r, &ret->root);
    ret->leaf_mean = parse_mean(r, "leaf_mean", MANIFEST_LEAF_MEAN);
    ret->fan_out = parse_mean(r, "fan_out", MANIFEST_FAN_OUT);
    ret->errors = number(r, r->root, "errors", 0);
    ret->started_ns = instant(r, text(r, r->root, "started"));
    ret->finished_ns = instant(r, text(r, r->root, "finished"));
    const char *keep_until = optional_text(r, r->root, "keep_until");
    ret->keep_until_ns = keep_until != NULL ? instant(r, keep_until) : 0;
    ret->on_demand = flag(r, r->root, "on_demand");
    const char *tag = optional_text(r, r->root, "tag");
    ret->tag = tag != NULL ? copy(r, tag) : NULL;
    const char *host = optional_text(r, r->root, "host");
    ret->host = copy(r, host != NULL ? host : "");
    const char *version = optional_text(r, r->root, "version");
    ret->version = copy(r, version != NULL ? version : "");
    ret->sources = dump(r, member(r, r->root, "sources", JSON_ARRAY), "[]");
}

int history_parse_snapshot(const char *body, struct history_snapshot *ret, struct error *err)
{
    struct reader r;
    open_body(&r, body);
    *ret = (struct history_snapshot){0};
    if (!r.failed)
        parse_snapshot(&r, ret);
    int status = close_body(&r, err);
    if (status != 1)
        history_snapshot_clear(ret);
    return status;
}

/* A source's name is the first component of every path below it. */
static const char *source_name(struct reader *r, const json_t *value)
{
    const char *name = text(r, value, "name");
    if (strchr(name, '/') != NULL || one_of(name, ".", "..", NULL, NULL))
        r->failed = true;
    return name;
}

static void parse_exclude(struct reader *r, const json_t *list, struct history_source *ret)
{
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    ret->exclude = mem_calloc(count, sizeof(*ret->exclude));
    if (ret->exclude == NULL) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *pattern = json_string_value(json_array_get(list, i));
        if (pattern == NULL) {
            r->failed = true;
            return;
        }
        ret->exclude[i] = copy(r, pattern);
        ret->exclude_count = i + 1;
    }
}

static void parse_source(struct reader *r, const json_t *value, struct history_source *ret)
{
    if (!json_is_object(value))
        r->failed = true;
    ret->name = copy(r, source_name(r, value));
    ret->spec = copy(r, text(r, value, "spec"));
    parse_exclude(r, member(r, value, "exclude", JSON_ARRAY), ret);
    ret->one_file_system = flag(r, value, "one_file_system");
    ret->exclude_caches = flag(r, value, "exclude_caches");
}

static void parse_sources(struct reader *r, struct history_tenant *ret)
{
    const json_t *list = member(r, r->root, "sources", JSON_ARRAY);
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    ret->sources = mem_calloc(count, sizeof(*ret->sources));
    if (ret->sources == NULL) {
        r->no_memory = true;
        return;
    }
    ret->source_count = count;
    for (size_t i = 0; i < count && !r->failed && !r->no_memory; i++)
        parse_source(r, json_array_get(list, i), &ret->sources[i]);
}

static unsigned small_number(struct reader *r, const json_t *object, const char *name, unsigned max)
{
    uint64_t value = number(r, object, name, 0);
    if (value > max)
        r->failed = true;
    return value <= max ? (unsigned)value : 0;
}

static void parse_limits(struct reader *r, const json_t *limits, struct history_limits *ret)
{
    ret->seconds = number(r, limits, "seconds", 0);
    ret->bytes = number(r, limits, "bytes", 0);
    ret->threads = small_number(r, limits, "threads", UINT_MAX);
}

static void parse_tenant(struct reader *r, struct history_tenant *ret)
{
    const json_t *ready = member(r, r->root, "ready", JSON_TRUE);
    const char *not_before = optional_text(r, r->root, "not_before");
    const char *ends = optional_text(r, r->root, "ends"), *erase_by = optional_text(r, r->root, "erase_by");
    const char *state = text(r, r->root, "state");
    const char *class = text(r, r->root, "class");
    if (!one_of(state, "active", "suspended", "frozen", "erased") || !one_of(class, "customer", "provider", NULL, NULL))
        r->failed = true;
    ret->name = copy(r, text(r, r->root, "name"));
    ret->policy = copy(r, text(r, r->root, "policy"));
    ret->state = copy(r, json_is_false(ready) && strcmp(state, "active") == 0 ? "new" : state);
    ret->priority = small_number(r, r->root, "priority", 9);
    ret->not_before_ns = not_before != NULL ? instant(r, not_before) : 0;
    ret->ends_ns = ends != NULL ? instant(r, ends) : 0;
    ret->erase_by_ns = erase_by != NULL ? instant(r, erase_by) : 0;
    parse_limits(r, member(r, r->root, "limits", JSON_OBJECT), &ret->limits);
    ret->class_ = copy(r, class);
    ret->labels = dump(r, member(r, r->root, "labels", JSON_OBJECT), "{}");
    const json_t *checks = member(r, r->root, "checks", JSON_OBJECT);
    if (checks != NULL)
        ret->checks = dump(r, checks, "{}");
    parse_sources(r, ret);
}

int history_parse_tenant(const char *body, struct history_tenant *ret, struct error *err)
{
    struct reader r;
    open_body(&r, body);
    *ret = (struct history_tenant){0};
    if (!r.failed)
        parse_tenant(&r, ret);
    int status = close_body(&r, err);
    if (status != 1)
        history_tenant_clear(ret);
    return status;
}

int history_tenant_read(const char *body, struct history_tenant *ret, struct error *err)
{
    int status = history_parse_tenant(body, ret, err);
    if (status == 0)
        return error_set(err, ERROR_DAMAGED, "the record of a tenant cannot be understood");
    return status == 1 ? 0 : -1;
}

static void hold_id(struct reader *r, char ret[33])
{
    const char *id = text(r, r->root, "hold");
    size_t size = strlen(id);
    if (size < 33)
        memcpy(ret, id, size + 1);
    else
        r->failed = true;
}

/* Only the id is needed: a hold whose other members are odd is a hold all the same. */
int history_parse_hold(const char *body, struct history_hold *ret, struct error *err)
{
    struct reader r;
    open_body(&r, body);
    *ret = (struct history_hold){0};
    hold_id(&r, ret->id);
    if (!r.failed) {
        const char *who = json_string_value(json_object_get(r.root, "who"));
        const char *why = json_string_value(json_object_get(r.root, "why"));
        const char *until = json_string_value(json_object_get(r.root, "until"));
        int64_t ns;
        ret->who = copy(&r, who != NULL ? who : "");
        ret->why = copy(&r, why != NULL ? why : "");
        if (until != NULL && clock_parse(until, &ns, NULL) == 0)
            ret->until = copy(&r, until);
    }
    int status = close_body(&r, err);
    if (status != 1)
        history_hold_clear(ret);
    return status;
}

int history_parse_unhold(const char *body, char ret_id[33], struct error *err)
{
    struct reader r;
    open_body(&r, body);
    hold_id(&r, ret_id);
    return close_body(&r, err);
}

int history_parse_tag(const char *body, struct history_tag *ret, struct error *err)
{
    struct reader r;
    open_body(&r, body);
    *ret = (struct history_tag){0};
    snapshot_name(&r, ret->snapshot);
    ret->sets_tag = json_object_get(r.root, "tag") != NULL;
    ret->sets_keep_until = json_object_get(r.root, "keep_until") != NULL;
    const char *keep_until = optional_text(&r, r.root, "keep_until");
    if (keep_until != NULL)
        ret->keep_until_ns = instant(&r, keep_until);
    const char *tag = optional_text(&r, r.root, "tag");
    if (tag != NULL && !r.failed)
        ret->tag = copy(&r, tag);
    return close_body(&r, err);
}

int history_parse_verified(const char *body, uint8_t ret_snapshot[SNAPSHOT_KEY_SIZE], bool *ret_sound,
                           struct error *err)
{
    struct reader r;
    open_body(&r, body);
    snapshot_name(&r, ret_snapshot);
    const char *level = text(&r, r.root, "level");
    uint64_t sound = needed_number(&r, r.root, "sound");
    uint64_t damaged = needed_number(&r, r.root, "damaged");
    uint64_t unknown = needed_number(&r, r.root, "unknown");
    *ret_sound = strcmp(level, "data") == 0 && sound > 0 && damaged == 0 && unknown == 0;
    return close_body(&r, err);
}

/*
 * What facts are about: the members that make up a fact's key, and the words that its event may be. A fact without a
 * key is one that a tenant has once.
 */
static const struct fact_form {
    enum record_type type;
    const char *keys[3];   /* with '?' before it: may be absent, for the fact that a tenant has once */
    const char *events[6]; /* none: it has no event */
} fact_forms[] = {
    {RECORD_CONTRACT, {"?about"}, {"end", "cancel", "survivors", "receipt", "disclosure"}},
    {RECORD_POLICY, {"name"}, {NULL}},
    {RECORD_OPERATOR, {"name"}, {"add", "revoke"}},
    {RECORD_TARGET, {"name"}, {"add", "set", "retire", "check"}},
    {RECORD_INCIDENT, {"kind", "id"}, {"open", "note", "notice", "close"}},
    {RECORD_REVIEW, {"of", "period"}, {NULL}},
    {RECORD_PURGE, {"name"}, {NULL}},
    {RECORD_KEPT_LOG, {"class", "source", "period"}, {NULL}},
    {RECORD_APPROVAL, {"id"}, {NULL}},
    {RECORD_ERASURE, {"id"}, {"add"}},
    {RECORD_DRILL, {"drill"}, {NULL}},
    {RECORD_COPY, {"copy"}, {"handed", "wiped"}},
    {RECORD_ATTESTATION, {"policy", "promise", "sha256"}, {"add", "revoke"}},
};

static const struct fact_form *find_form(enum record_type type)
{
    for (size_t i = 0; i < sizeof(fact_forms) / sizeof(fact_forms[0]); i++)
        if (fact_forms[i].type == type)
            return &fact_forms[i];
    return NULL;
}

bool history_is_fact(enum record_type type)
{
    return find_form(type) != NULL;
}

static void check_event(struct reader *r, const struct fact_form *form)
{
    const char *event = text(r, r->root, "event");
    for (size_t i = 0; form->events[i] != NULL; i++)
        if (strcmp(event, form->events[i]) == 0)
            return;
    r->failed = true;
}

int history_parse_fact(enum record_type type, const char *body, char **ret_key, struct error *err)
{
    const struct fact_form *form = find_form(type);
    struct reader r;
    open_body(&r, body);
    char *key = copy(&r, "");
    if (form->events[0] != NULL)
        check_event(&r, form);
    for (size_t i = 0; i < sizeof(form->keys) / sizeof(form->keys[0]) && form->keys[i] != NULL && key != NULL; i++) {
        const char *name = form->keys[i];
        const char *part = name[0] == '?' ? optional_text(&r, r.root, name + 1) : text(&r, r.root, name);
        char *longer = mem_printf("%s%s%s", key, i > 0 ? "/" : "", part != NULL ? part : "");
        mem_free(key);
        key = longer;
    }
    r.no_memory = r.no_memory || key == NULL;
    int status = close_body(&r, err);
    *ret_key = status == 1 ? key : NULL;
    if (status != 1)
        mem_free(key);
    return status;
}
