/* The heads of tables are written in English where tables are made; this is where their Japanese comes from. */
#ifndef HIKAE_CLI_HEADS_H
#define HIKAE_CLI_HEADS_H

#include <stdbool.h>

/* "TENANT" in Japanese; what has none is given back. */
const char *head_ja(const char *head);
/* The cells below this head (or below none) are hikae's own words, which are told in the reader's language. */
bool head_has_words(const char *head);

#endif
