/*
 * Completion for bash, zsh and fish, made from the command table: a file for
 * each shell, and here what they share. Each offers commands, options, choices,
 * files, and the names of tenants, which it asks `hikae tenant list` for.
 */
#ifndef HIKAE_CLI_COMPLETION_H
#define HIKAE_CLI_COMPLETION_H

#include "cli/help.h"

/* A pipe of sh that prints the tenants' names, one a line; nothing where the configuration cannot be read. */
#define COMPLETION_TENANTS                                                                                             \
    "hikae --json tenant list 2>/dev/null | grep -oE '\\{\"name\":\"[^\"]*\",\"id\"' | cut -d'\"' -f4"

bool completion_is_hidden(const struct command *command);
/* Its name has two words. */
bool completion_is_second(const struct command *command);
/* The first row with its first word: families are offered once. */
bool completion_is_first(const struct command *const *at);
/* Its first argument is a tenant. */
bool completion_wants_tenant(const struct command *command);
/* First words of all commands, with spaces between them. */
int completion_first_words(struct buf *out, struct error *err);
/* Second words of that family (of size bytes); none if it has none. */
int completion_second_words(struct buf *out, struct error *err, const char *family, size_t size);
/* "a|b" as "a b". */
int completion_choices(struct buf *out, struct error *err, const char *value);
/* Text within single quotes of a shell, in which `quote` stands for a quote. */
int completion_quoted(struct buf *out, struct error *err, const char *text, const char *quote, const char *escaped);

#endif
