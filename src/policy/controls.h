/*
 * Controls of standards, and which kinds of a policy's rules help to meet
 * them: a YAML file that ships with the policies (policies/controls/iso.yaml).
 */
#ifndef HIKAE_POLICY_CONTROLS_H
#define HIKAE_POLICY_CONTROLS_H

#include "policy/policy.h"

struct control {
    char *standard;
    char *control; /* its number, as text */
    struct policy_text text;
    struct policy_words rules; /* kinds: "schedule", "drills" … */
};
struct controls {
    struct control *items;
    size_t count;
};
/* ERROR_CONFIG with FILE:LINE:COLUMN; ERROR_NOT_FOUND if there is no file. */
MUST_USE int controls_parse(const char *file, const void *text, size_t size, struct controls *ret, struct error *err);
MUST_USE int controls_load(const char *path, struct controls *ret, struct error *err);
void controls_clear(struct controls *controls);

#endif
