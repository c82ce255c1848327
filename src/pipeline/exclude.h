/* Exclusion patterns in gitignore syntax (git's gitignore(5)): *, **, ?, [a-z], leading and trailing '/', '!', '\'. */
#ifndef HIKAE_PIPELINE_EXCLUDE_H
#define HIKAE_PIPELINE_EXCLUDE_H

#include "base/buf.h"

struct exclude;

/* ERROR_CONFIG with the pattern for one that cannot be meant ("[", a lone "!"). */
MUST_USE int exclude_new(const char *const *patterns, size_t count, struct exclude **ret, struct error *err);
void exclude_free(struct exclude *exclude);
/* What the last pattern that matches says of a path (below the source's root, "a/b/c"), if any does. */
enum exclude_verdict { EXCLUDE_SILENT, EXCLUDE_YES, EXCLUDE_NO };
enum exclude_verdict exclude_judge(const struct exclude *exclude, const struct bytes *path, bool is_directory);
/* Is this path excluded? */
bool exclude_matches(const struct exclude *exclude, const struct bytes *path, bool is_directory);

#endif
