/*
 * What the library says in English, said in Japanese to whoever reads Japanese.
 *
 * Errors, warnings and findings are made in one language, so that logs, audit
 * entries and --json are the same everywhere. People who read another one get
 * them through this catalogue: a phrase is the text as the sources have it,
 * with its conversions as places; what no phrase fits stays as it is. A test
 * holds every phrase against the sources, so that none outlives its text.
 */
#ifndef HIKAE_BASE_PHRASE_H
#define HIKAE_BASE_PHRASE_H

#include <stdbool.h>
#include <stddef.h>

struct phrase {
    /* With printf's conversions: %s stands for anything, %u, %d, %f and the like for a number, %% for '%'. */
    const char *en;
    /* {1} is the first conversion's text as it is, <1> the same in Japanese where there is a phrase for it. */
    const char *ja;
};

/* Rows up to one whose en is NULL; the first that fits is taken. */
extern const struct phrase phrase_words[];    /* states and quantities, one to three words */
extern const struct phrase phrase_findings[]; /* what checks found, why something is kept */
extern const struct phrase phrase_warnings[];
extern const struct phrase phrase_errors[];
extern const struct phrase phrase_usage[];
extern const struct phrase phrase_config[]; /* what is wrong in files that people write */
extern const struct phrase phrase_hints[];
/* What was being done when an error came, in front of ": " or " → ": no place of these spans either. */
extern const struct phrase phrase_frames[];

/* Texts of the help: whole, without places. */
extern const struct phrase phrase_descriptions[], phrase_options[], phrase_exits[], phrase_examples[];

/* One of these texts in Japanese; the text itself if it is none of them. */
const char *phrase_help_ja(const char *text);

/*
 * The text in Japanese: the whole of it, or those parts between ": ", " → " and "; " for which there are phrases. Fresh
 * memory, or NULL without memory. Reentrant.
 */
char *phrase_ja(const char *text);

#endif
