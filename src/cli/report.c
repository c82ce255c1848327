#include "cli/report.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

void report_json_errors(struct run *run, json_t *object, const struct hikae_entry_error *errors, size_t count,
                        uint64_t total)
{
    json_t *array = out_array(&run->out, object, "errors");
    for (size_t i = 0; i < count; i++) {
        json_t *item = out_item(&run->out, array);
        if (item == NULL)
            return;
        out_text(&run->out, item, "path", errors[i].path);
        out_text(&run->out, item, "message", errors[i].message);
    }
    out_number(&run->out, object, "errors_total", total);
}

void report_warn_errors(struct run *run, const struct hikae_entry_error *errors, size_t count, uint64_t total)
{
    /* The library may have warned of each already while it ran. */
    if (run->watch.kept_count > 0)
        return;
    for (size_t i = 0; i < count; i++) {
        char CLEANUP_FREE *line = mem_printf("%s: %s", errors[i].path, errors[i].message);
        if (line != NULL)
            watch_warn(&run->watch, line);
    }
    if (total > count)
        run->watch.warnings += total - count;
    watch_end(&run->watch);
}

void report_json_states(struct run *run, const char *key, const struct hikae_target_state *states, size_t count)
{
    json_t *array = out_array(&run->out, NULL, key);
    for (size_t i = 0; i < count; i++) {
        json_t *item = out_item(&run->out, array);
        if (item == NULL)
            return;
        out_text(&run->out, item, "name", states[i].name);
        out_text(&run->out, item, "state", states[i].state);
        out_text(&run->out, item, "why", states[i].why);
    }
}

char *report_names(const struct run *run, const struct hikae_target_state *states, size_t count, const char *state,
                   bool with_why)
{
    char *all = mem_strdup("");
    for (size_t i = 0; i < count && all != NULL; i++) {
        bool matches = state != NULL ? strcmp(states[i].state, state) == 0 : strcmp(states[i].state, "complete") != 0;
        bool why = with_why && states[i].why != NULL;
        if (!matches)
            continue;
        char CLEANUP_FREE *words = why ? watch_words(&run->watch, states[i].why) : NULL;
        char *longer = mem_printf("%s%s%s%s%s%s", all, all[0] != '\0' ? ", " : "", states[i].name, why ? " (" : "",
                                  words != NULL ? words : "", why ? ")" : "");
        mem_free(all);
        all = longer;
    }
    return all;
}
