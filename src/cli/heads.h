/* The heads of tables are written in English where tables are made; this is where their Japanese comes from. */
#ifndef HIKAE_CLI_HEADS_H
#define HIKAE_CLI_HEADS_H

/* "TENANT" in Japanese; what has none is given back. */
const char *head_ja(const char *head);

#endif
