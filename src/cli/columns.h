/*
 * A table for people: cells gathered row by row, then printed with aligned
 * columns. It knows widths (wide characters, none for colours) and the width
 * of the terminal, to which the last column is wrapped; a table that is wider
 * all the same is printed as blocks, a line for each cell. Cells are escaped.
 */
#ifndef HIKAE_CLI_COLUMNS_H
#define HIKAE_CLI_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_DIM, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED };
enum { COLUMNS_MAX = 12 };

struct columns_cell {
    char *text;
    enum colour colour;
};

struct columns {
    size_t width; /* number of columns */
    const char *heads[COLUMNS_MAX];
    bool right[COLUMNS_MAX]; /* numbers stand to the right */
    struct columns_cell *cells;
    size_t count, capacity;
    bool failed; /* there was no memory: columns_print says so */
};

/* heads: "NAME", ">SIZE" for a column of numbers, up to a NULL. */
void columns_start(struct columns *columns, const char *const *heads);
/* The next cell, left to right, row by row; NULL prints as "-". */
void columns_add(struct columns *columns, const char *text);
void columns_add_colour(struct columns *columns, const char *text, enum colour colour);
/* Print all rows; terminal_width 0: no limit. 0, or -1 when memory was missing (nothing printed); errors of out stay in
 * out. */
int columns_print(const struct columns *columns, FILE *out, bool coloured, size_t terminal_width);
void columns_free(struct columns *columns);

/* What switches a colour on, and "" for none. */
const char *colour_start(enum colour colour);
#define COLOUR_STOP "\033[0m"

#endif
