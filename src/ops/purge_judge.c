/* What the ends of holders come to: pure, from the rows that the journal keeps of them. */
#include "ops/purge.h"

#include <string.h>

static const char *word(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool same_group(const json_t *a, const json_t *b)
{
    return json_integer_value(json_object_get(a, "epoch")) == json_integer_value(json_object_get(b, "epoch")) &&
           strcmp(word(a, "group"), word(b, "group")) == 0;
}

/* A group is shut for good by one member whose key is gone; people's word counts where nothing contradicts it. */
static bool is_gone(const json_t *row)
{
    static const char *const fates[] = {"destroyed", "absent", "declared"};
    return is_one_of(word(row, "fate"), fates, sizeof(fates) / sizeof(fates[0])) &&
           strcmp(word(row, "after"), "opens") != 0;
}

static void take_row(const json_t *row, struct purge_judgement *ret)
{
    int64_t at_ns = purge_time(row, "at");
    if (strcmp(word(row, "fate"), "unknown") == 0 || strcmp(word(row, "after"), "opens") == 0)
        ret->unknown = true;
    if (at_ns > ret->since_ns)
        ret->since_ns = at_ns;
}

/* The rows from `first` on that are of one group; returns where the next begins. */
static size_t take_group(const json_t *rows, size_t first, struct purge_judgement *ret)
{
    const json_t *head = json_array_get(rows, first), *row;
    size_t end = first;
    bool gone = false;
    int64_t final_ns = 0;
    for (; (row = json_array_get(rows, end)) != NULL && same_group(row, head); end++) {
        int64_t ends_ns = strcmp(word(row, "fate"), "scheduled") == 0 ? purge_time(row, "final") : 0;
        take_row(row, ret);
        gone = gone || is_gone(row);
        if (ends_ns != 0 && (final_ns == 0 || ends_ns < final_ns))
            final_ns = ends_ns;
    }
    ret->final = ret->final && gone;
    if (!gone && final_ns > ret->final_ns)
        ret->final_ns = final_ns;
    return end;
}

void purge_judge(const json_t *rows, struct purge_judgement *ret)
{
    size_t count = json_array_size(rows);
    *ret = (struct purge_judgement){.final = count > 0};
    for (size_t first = 0; first < count;)
        first = take_group(rows, first, ret);
}
