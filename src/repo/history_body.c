#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/utf8.h"
#include "repo/history_internal.h"

#include <stdio.h>

/* An object under construction: `failed` for lack of memory, asked once. */
struct writer {
    json_t *root;
    bool failed;
};

/* A copy in which each byte that is no UTF-8 has become U+FFFD. */
static char *utf8_of(const char *text)
{
    char *out = mem_alloc(3 * strlen(text) + 1);
    if (out == NULL)
        return NULL;
    size_t used = 0, size = strlen(text);
    for (size_t at = 0, begin = 0; at < size; begin = at) {
        bool good = utf8_next(text, size, &at) >= 0;
        size_t written = good ? at - begin : 3;
        memcpy(out + used, good ? text + begin : "\xef\xbf\xbd", written);
        used += written;
    }
    out[used] = '\0';
    return out;
}

/* A text, or null for NULL. */
static json_t *text_value(const char *text)
{
    if (text == NULL)
        return json_null();
    CLEANUP_FREE char *clean = utf8_of(text);
    return clean != NULL ? json_string(clean) : NULL;
}

/* Takes the value over; NULL means that there was no memory for it. */
static void put(struct writer *w, json_t *object, const char *name, json_t *value)
{
    if (value == NULL || json_object_set_new_nocheck(object, name, value) != 0)
        w->failed = true;
}

static void put_text(struct writer *w, json_t *object, const char *name, const char *text)
{
    put(w, object, name, text_value(text));
}

/* JSON has no more than 63 bits here: a larger number is written as the largest. */
static void put_number(struct writer *w, json_t *object, const char *name, uint64_t value)
{
    put(w, object, name, json_integer(value <= INT64_MAX ? (json_int_t)value : INT64_MAX));
}

/* RFC 3339 with a fraction where there is one: what is read again is the same instant. */
static void put_time(struct writer *w, json_t *object, const char *name, int64_t ns)
{
    char text[CLOCK_TEXT_SIZE];
    size_t size = strlen(clock_format(ns, text));
    int64_t rest = ns % NS_PER_S;
    if (rest < 0)
        rest += NS_PER_S;
    if (rest != 0 && size > 0)
        (void)snprintf(text + size - 1, sizeof(text) - size + 1, ".%09dZ", (int)rest);
    put_text(w, object, name, text);
}

/* JSON that was kept as text; what is none becomes `otherwise`. */
static void put_json(struct writer *w, json_t *object, const char *name, const char *text, json_t *(*otherwise)(void))
{
    bool no_memory = false;
    json_t *value = text != NULL ? history_json(text, &no_memory) : NULL;
    put(w, object, name, value != NULL || no_memory ? value : otherwise());
}

static void open_body(struct writer *w)
{
    *w = (struct writer){.root = json_object()};
    put_number(w, w->root, "v", 1);
}

static char *close_body(struct writer *w)
{
    char *text = NULL;
    bool made = !w->failed && json_print(w->root, &text, NULL) == 0;
    json_decref(w->root);
    return made ? text : NULL;
}

static void put_root(struct writer *w, const struct history_snapshot *snapshot)
{
    char id[2 * BLOB_ID_SIZE + 1];
    put_text(w, w->root, "root", hex_encode(snapshot->root.id.bytes, BLOB_ID_SIZE, id));
    put_number(w, w->root, "depth", snapshot->root.depth);
    put_number(w, w->root, "leaf_mean", snapshot->leaf_mean > 0 ? snapshot->leaf_mean : MANIFEST_LEAF_MEAN);
    put_number(w, w->root, "fan_out", snapshot->fan_out > 0 ? snapshot->fan_out : MANIFEST_FAN_OUT);
}

static void put_packs(struct writer *w, const struct roster *roster)
{
    uint64_t packs = 0;
    for (size_t i = 0; i < roster->count; i++)
        packs += roster->rows[i].class == OBJECT_PACK;
    put_number(w, w->root, "packs", packs);
}

char *history_snapshot_body(const struct history_snapshot *snapshot, const char *parent)
{
    struct writer w;
    open_body(&w);
    put_root(&w, snapshot);
    put_text(&w, w.root, "parent", parent);
    put_time(&w, w.root, "started", snapshot->started_ns);
    put_time(&w, w.root, "finished", snapshot->finished_ns);
    put_number(&w, w.root, "entries", snapshot->root.entries);
    put_number(&w, w.root, "bytes", snapshot->root.bytes);
    put_number(&w, w.root, "errors", snapshot->errors);
    put_json(&w, w.root, "sources", snapshot->sources, json_array);
    put_text(&w, w.root, "tag", snapshot->tag);
    if (snapshot->keep_until_ns != 0)
        put_time(&w, w.root, "keep_until", snapshot->keep_until_ns);
    else
        put(&w, w.root, "keep_until", json_null());
    put(&w, w.root, "on_demand", json_boolean(snapshot->on_demand));
    if (snapshot->has_roster || snapshot->roster.count > 0)
        put_packs(&w, &snapshot->roster);
    put_text(&w, w.root, "host", snapshot->host != NULL ? snapshot->host : "");
    put_text(&w, w.root, "version", snapshot->version != NULL ? snapshot->version : "");
    return close_body(&w);
}

static json_t *source_value(struct writer *w, const struct history_source *source)
{
    json_t *value = json_object();
    json_t *exclude = json_array();
    put_text(w, value, "name", source->name);
    put_text(w, value, "spec", source->spec);
    for (size_t i = 0; i < source->exclude_count; i++)
        if (json_array_append_new(exclude, text_value(source->exclude[i])) != 0)
            w->failed = true;
    put(w, value, "exclude", exclude);
    put(w, value, "one_file_system", json_boolean(source->one_file_system));
    put(w, value, "exclude_caches", json_boolean(source->exclude_caches));
    return value;
}

static void put_limits(struct writer *w, const struct history_limits *limits)
{
    if (limits->seconds == 0 && limits->bytes == 0 && limits->threads == 0)
        return;
    json_t *value = json_object();
    put_number(w, value, "seconds", limits->seconds);
    put_number(w, value, "bytes", limits->bytes);
    put_number(w, value, "threads", limits->threads);
    put(w, w->root, "limits", value);
}

char *history_tenant_body(const struct history_tenant *tenant)
{
    struct writer w;
    open_body(&w);
    put_text(&w, w.root, "name", tenant->name);
    put_text(&w, w.root, "policy", tenant->policy);
    bool is_new = tenant->state != NULL && strcmp(tenant->state, "new") == 0;
    put_text(&w, w.root, "state", is_new ? "active" : tenant->state);
    if (is_new)
        put(&w, w.root, "ready", json_false());
    put_text(&w, w.root, "class", tenant->class_);
    json_t *sources = json_array();
    for (size_t i = 0; i < tenant->source_count; i++)
        if (json_array_append_new(sources, source_value(&w, &tenant->sources[i])) != 0)
            w.failed = true;
    put(&w, w.root, "sources", sources);
    put_json(&w, w.root, "labels", tenant->labels, json_object);
    if (tenant->priority != 0)
        put_number(&w, w.root, "priority", tenant->priority);
    if (tenant->not_before_ns != 0)
        put_time(&w, w.root, "not_before", tenant->not_before_ns);
    if (tenant->ends_ns != 0)
        put_time(&w, w.root, "ends", tenant->ends_ns);
    if (tenant->erase_by_ns != 0)
        put_time(&w, w.root, "erase_by", tenant->erase_by_ns);
    put_limits(&w, &tenant->limits);
    if (tenant->checks != NULL && strcmp(tenant->checks, "{}") != 0)
        put_json(&w, w.root, "checks", tenant->checks, json_object);
    return close_body(&w);
}
