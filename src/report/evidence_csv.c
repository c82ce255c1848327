/* Evidence as CSV (RFC 4180): a line for each item, so that a spreadsheet can filter them. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ops/engine.h"

#include <stdio.h>

/* Would a spreadsheet take it for a formula? Some do also when the sign is a full-width one. */
static bool is_formula(const char *text)
{
    static const char *const starts[] = {"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (strncmp(text, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* A field; quoted whenever it holds what separates. */
static int add_field(struct buf *out, const char *text, bool last, struct error *err)
{
    if (text == NULL)
        text = "";
    bool quoted = text[strcspn(text, ",\"\r\n")] != '\0';
    int rc = quoted ? buf_u8(out, '"', err) : 0;
    if (rc == 0 && is_formula(text))
        rc = buf_u8(out, '\'', err);
    for (const char *p = text; rc == 0 && *p != '\0'; p++) {
        if (*p == '"')
            rc = buf_u8(out, '"', err);
        if (rc == 0)
            rc = buf_u8(out, (uint8_t)*p, err);
    }
    if (rc == 0 && quoted)
        rc = buf_u8(out, '"', err);
    return rc == 0 ? buf_append(out, last ? "\r\n" : ",", last ? 2 : 1, err) : -1;
}

static const char *time_text(int64_t ns, char *buf)
{
    return ns != 0 ? clock_format(ns, buf) : "";
}

static int add_line(struct buf *out, bool japanese, const struct hikae_evidence_promise *promise, const char *rule,
                    const struct hikae_evidence_item *item, struct error *err)
{
    char due[CLOCK_TEXT_SIZE], done[CLOCK_TEXT_SIZE], sequence[24] = "";
    if (item->log != NULL)
        (void)snprintf(sequence, sizeof(sequence), "%llu", (unsigned long long)item->sequence);
    const char *fields[] = {promise->policy,
                            promise->id,
                            hikae_result_name(promise->result),
                            rule,
                            hikae_result_name(item->result),
                            item->kind,
                            hikae_evidence_sentence(item->kind, japanese),
                            item->tenant,
                            item->about,
                            item->date,
                            time_text(item->due_ns, due),
                            time_text(item->done_ns, done),
                            item->detail,
                            item->log,
                            sequence};
    const size_t count = sizeof(fields) / sizeof(fields[0]);
    for (size_t i = 0; i < count; i++)
        if (add_field(out, fields[i], i + 1 == count, err) != 0)
            return -1;
    return 0;
}

static int add_promise(struct buf *out, bool japanese, const struct hikae_evidence_promise *promise, struct error *err)
{
    for (size_t i = 0; i < promise->rule_count; i++)
        for (size_t k = 0; k < promise->rules[i]->item_count; k++)
            if (add_line(out, japanese, promise, promise->rules[i]->rule, &promise->rules[i]->items[k], err) != 0)
                return -1;
    for (size_t i = 0; i < promise->attestation_count; i++)
        if (add_line(out, japanese, promise, "", &promise->attestations[i], err) != 0)
            return -1;
    return 0;
}

static int write_all(const struct hikae_evidence *evidence, bool japanese, hikae_write_callback *callback,
                     void *context, struct error *err)
{
    static const char head[] = "policy,promise,promise_result,rule,result,kind,what,tenant,about,date,due,done,detail,"
                               "audit_log,audit_sequence\r\n";
    if (callback(head, sizeof(head) - 1, context) != 0)
        return error_set(err, ERROR_INTERRUPTED, "writing was stopped");
    for (size_t i = 0; i < evidence->promise_count; i++) {
        struct buf out CLEANUP(buf_free) = {0};
        if (add_promise(&out, japanese, &evidence->promises[i], err) != 0)
            return -1;
        if (out.size > 0 && callback(out.data, out.size, context) != 0)
            return error_set(err, ERROR_INTERRUPTED, "writing was stopped");
    }
    return 0;
}

enum hikae_status hikae_evidence_csv(const struct hikae_evidence *evidence, bool japanese,
                                     hikae_write_callback *callback, void *context, struct hikae_error *error)
{
    struct error err = {0};
    return api_result(write_all(evidence, japanese, callback, context, &err), false, &err, error);
}
