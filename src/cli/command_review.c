/* review ack, review list. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define LIST_NS (INT64_C(31) * 86400 * NS_PER_S)

enum hikae_status command_review_ack(struct run *run)
{
    const char *day = run_option(run, "day");
    char *period = NULL;
    const struct hikae_review_options options = {.of = run_option(run, "of"),
                                                 .period = day != NULL ? day : run_option(run, "period"),
                                                 .policy = run_option(run, "policy"),
                                                 .who = run_option(run, "who"),
                                                 .comment = run_option(run, "comment"),
                                                 .owner = run_option(run, "owner"),
                                                 .operator_file = run_option(run, "operator"),
                                                 .passphrase_file = run_option(run, "passphrase-file"),
                                                 .dry_run = run_has(run, DRY_RUN)};
    enum hikae_status status = hikae_review_ack(run->hikae, &options, &period, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    const char *of = options.of != NULL ? options.of : "backups";
    if (run->out.json) {
        out_text(&run->out, NULL, "of", of);
        out_text(&run->out, NULL, "period", period);
        out_text(&run->out, NULL, "who", options.who);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    }
    run_say(run, options.dry_run ? MSG_REVIEW_PLAN : MSG_REVIEW_ACK, of, period, options.who);
    free(period);
    return status;
}

static void json_reviews(struct run *run, const struct hikae_reviews *reviews, int64_t since_ns)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "reviews");
    for (size_t i = 0; i < reviews->count; i++) {
        const struct hikae_review *review = &reviews->reviews[i];
        json_t *item = review->time_ns >= since_ns ? out_item(out, array) : NULL;
        if (review->time_ns < since_ns)
            continue;
        if (item == NULL)
            return;
        out_text(out, item, "of", review->of);
        out_text(out, item, "period", review->period);
        out_text(out, item, "policy", review->policy);
        out_text(out, item, "who", review->who);
        out_text(out, item, "comment", review->comment);
        out_text(out, item, "owner", review->owner);
        out_text(out, item, "signed_by", review->signed_by);
        out_time(out, item, "time", review->time_ns);
    }
    json_t *dues = out_array(out, NULL, "dues");
    for (size_t i = 0; i < reviews->due_count; i++) {
        const struct hikae_review_due *due = &reviews->dues[i];
        json_t *item = out_item(out, dues);
        if (item == NULL)
            return;
        out_text(out, item, "policy", due->policy);
        out_text(out, item, "of", due->of);
        out_time(out, item, "from", due->starts_ns);
        out_time(out, item, "to", due->ends_ns);
        out_time(out, item, "due", due->due_ns);
        out_bool(out, item, "reckoned", due->by_rule);
        out_time(out, item, "done", due->done_ns);
        out_text(out, item, "state", due->state);
    }
}

static void print_done(struct run *run, const struct hikae_reviews *reviews, int64_t since_ns)
{
    static const char *const heads[] = {"WHEN", "OF", "PERIOD", "WHO", "SIGNED", "OWNER", "COMMENT", NULL};
    struct columns columns CLEANUP(columns_free);
    char text[TEXT_SMALL];
    columns_start(&columns, heads);
    for (size_t i = 0; i < reviews->count; i++) {
        const struct hikae_review *review = &reviews->reviews[i];
        if (review->time_ns < since_ns)
            continue;
        columns_add(&columns, text_time(review->time_ns, text));
        columns_add(&columns, review->of);
        columns_add(&columns, review->period);
        columns_add(&columns, review->who);
        if (review->signature != NULL && review->signed_by == NULL)
            columns_add_colour(&columns, "invalid", COLOUR_RED);
        else
            columns_add(&columns, review->signed_by);
        columns_add(&columns, review->owner);
        columns_add(&columns, review->comment);
    }
    run_table(run, &columns);
}

static void print_owed(struct run *run, const struct hikae_reviews *reviews)
{
    static const char *const heads[] = {"POLICY", "OF", "DUE", "STATE", "DONE", NULL};
    struct columns columns CLEANUP(columns_free);
    char text[TEXT_SMALL];
    columns_start(&columns, heads);
    for (size_t i = 0; i < reviews->due_count; i++) {
        const struct hikae_review_due *due = &reviews->dues[i];
        bool bad = strcmp(due->state, "missed") == 0 || strcmp(due->state, "late") == 0;
        bool done = strcmp(due->state, "done") == 0;
        columns_add(&columns, due->policy);
        columns_add(&columns, due->of);
        columns_add(&columns, text_time(due->due_ns, text));
        columns_add_colour(&columns, due->state, bad ? COLOUR_RED : done ? COLOUR_GREEN : COLOUR_YELLOW);
        columns_add(&columns, due->done_ns != 0 ? text_time(due->done_ns, text) : NULL);
    }
    run_table(run, &columns);
}

enum hikae_status command_review_list(struct run *run)
{
    struct hikae_reviews reviews = {0};
    const char *since = run_option(run, "since");
    int64_t to_ns = clock_now_ns(), from_ns = to_ns - LIST_NS;
    char done[TEXT_SMALL], missed[TEXT_SMALL];
    size_t missed_count = 0;
    if (since != NULL && value_time(run, "since", since, &from_ns) != HIKAE_OK)
        return HIKAE_USAGE;
    enum hikae_status status = hikae_review_list(run->hikae, from_ns, to_ns, &reviews, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    for (size_t i = 0; i < reviews.due_count; i++)
        missed_count += strcmp(reviews.dues[i].state, "missed") == 0;
    if (run->out.json) {
        json_reviews(run, &reviews, from_ns);
    } else {
        print_done(run, &reviews, from_ns);
        print_owed(run, &reviews);
    }
    run_say(run, MSG_REVIEWS, text_count(reviews.count, done), text_count(missed_count, missed));
    hikae_reviews_free(&reviews);
    return status;
}
