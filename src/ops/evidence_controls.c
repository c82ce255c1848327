/* Which controls of standards a promise's rules help to meet. */
#include "ops/evidence.h"

#include <string.h>

static bool has_rule(const struct control *control, const struct hikae_evidence_promise *promise)
{
    for (size_t i = 0; i < promise->rule_count; i++)
        for (size_t k = 0; k < control->rules.count; k++) {
            const char *kind = control->rules.items[k];
            size_t size = strcspn(promise->rules[i]->rule, ".");
            if (strlen(kind) == size && strncmp(kind, promise->rules[i]->rule, size) == 0)
                return true;
        }
    return false;
}

void evidence_add_controls(const struct controls *controls, struct arena *arena, struct hikae_evidence *ret)
{
    struct hikae_evidence_control *all = arena_alloc(arena, controls->count * sizeof(*all));
    for (size_t i = 0; all != NULL && i < controls->count; i++) {
        const struct control *from = &controls->items[i];
        all[i] = (struct hikae_evidence_control){arena_text(arena, from->standard), arena_text(arena, from->control),
                                                 arena_text(arena, from->text.ja), arena_text(arena, from->text.en)};
    }
    for (size_t i = 0; all != NULL && i < ret->promise_count; i++) {
        /* The judgement made them, in this arena: nobody else has them yet. */
        struct hikae_evidence_promise *promise = (struct hikae_evidence_promise *)(uintptr_t)&ret->promises[i];
        for (size_t k = 0; k < controls->count; k++) {
            if (!has_rule(&controls->items[k], promise))
                continue;
            const struct hikae_evidence_control **place =
                /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is an array of pointers. */
                arena_add(arena, &promise->controls, &promise->control_count, sizeof(*place));
            if (place != NULL)
                *place = &all[k];
        }
    }
}
