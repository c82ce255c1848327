#include "cli/columns.h"

#include "base/mem.h"
#include "cli/text.h"

#include <string.h>

const char *colour_start(enum colour colour)
{
    static const char *const codes[] = {
        [COLOUR_NONE] = "",          [COLOUR_BOLD] = "\033[1m",    [COLOUR_DIM] = "\033[2m",
        [COLOUR_GREEN] = "\033[32m", [COLOUR_YELLOW] = "\033[33m", [COLOUR_RED] = "\033[31m",
    };
    return codes[colour];
}

void columns_start(struct columns *columns, const char *const *heads)
{
    *columns = (struct columns){0};
    for (; heads[columns->width] != NULL && columns->width < COLUMNS_MAX; columns->width++) {
        const char *head = heads[columns->width];
        columns->right[columns->width] = head[0] == '>';
        columns->heads[columns->width] = head + (head[0] == '>');
    }
}

void columns_add_colour(struct columns *columns, const char *text, enum colour colour)
{
    if (columns->failed)
        return;
    if (columns->count == columns->capacity) {
        size_t capacity = columns->capacity == 0 ? 64 : columns->capacity * 2;
        struct columns_cell *cells = mem_realloc(columns->cells, capacity * sizeof *cells);
        if (cells == NULL) {
            columns->failed = true;
            return;
        }
        columns->cells = cells;
        columns->capacity = capacity;
    }
    char *copy = text_escape(text == NULL || text[0] == '\0' ? "-" : text, false);
    columns->failed = copy == NULL;
    if (copy != NULL)
        columns->cells[columns->count++] = (struct columns_cell){copy, colour};
}

void columns_add(struct columns *columns, const char *text)
{
    columns_add_colour(columns, text, COLOUR_NONE);
}

static void spaces(FILE *out, size_t count)
{
    (void)fprintf(out, "%*s", (int)count, "");
}

/* The last column: broken where words end when it would pass the edge of the terminal. */
static void print_wrapped(FILE *out, const char *text, size_t indent, size_t room)
{
    while (room > 0 && text_width(text) > room) {
        size_t cut = text_break(text, room);
        (void)fprintf(out, "%.*s\n", (int)cut, text);
        spaces(out, indent);
        text += cut;
        while (*text == ' ')
            text++;
    }
    (void)fputs(text, out);
}

struct layout {
    size_t widths[COLUMNS_MAX];
    size_t last_start;
    size_t last_room; /* 0: no limit */
};

static struct layout lay_out(const struct columns *columns, size_t terminal_width)
{
    enum { GAP = 2, LEAST = 16 };
    struct layout layout = {0};
    for (size_t i = 0; i < columns->width; i++)
        layout.widths[i] = text_width(columns->heads[i]);
    for (size_t i = 0; i < columns->count; i++) {
        size_t width = text_width(columns->cells[i].text);
        if (width > layout.widths[i % columns->width])
            layout.widths[i % columns->width] = width;
    }
    for (size_t i = 0; i + 1 < columns->width; i++)
        layout.last_start += layout.widths[i] + GAP;
    if (terminal_width > layout.last_start + LEAST)
        layout.last_room = terminal_width - layout.last_start;
    return layout;
}

static void print_cell(const struct columns *columns, const struct layout *layout, size_t column, const char *text,
                       const char *colour, FILE *out)
{
    size_t width = text_width(text);
    size_t fill = layout->widths[column] > width ? layout->widths[column] - width : 0;
    bool last = column + 1 == columns->width;
    if (columns->right[column])
        spaces(out, fill);
    (void)fputs(colour, out);
    if (last && strcmp(text, " ") == 0)
        text = "";
    if (last)
        print_wrapped(out, text, layout->last_start, columns->right[column] ? 0 : layout->last_room);
    else
        (void)fputs(text, out);
    (void)fputs(colour[0] != '\0' ? COLOUR_STOP : "", out);
    if (!columns->right[column] && !last)
        spaces(out, fill);
    (void)fputs(last ? "\n" : "  ", out);
}

/* Rows that pass the edge of the terminal would be unreadable: each becomes a block, a line for each cell. */
static void print_blocks(const struct columns *columns, FILE *out, bool coloured, size_t terminal_width)
{
    enum { INDENT = 2, GAP = 2, LEAST = 8 };
    size_t widest = 0;
    for (size_t i = 1; i < columns->width; i++)
        if (text_width(columns->heads[i]) > widest)
            widest = text_width(columns->heads[i]);
    size_t start = INDENT + widest + GAP;
    size_t room = terminal_width > start + LEAST ? terminal_width - start : 0;
    for (size_t i = 0; i < columns->count; i++) {
        const struct columns_cell *cell = &columns->cells[i];
        size_t column = i % columns->width;
        const char *colour = !coloured ? "" : colour_start(column == 0 ? COLOUR_BOLD : cell->colour);
        if (column > 0) {
            spaces(out, INDENT);
            (void)fputs(columns->heads[column], out);
            spaces(out, widest - text_width(columns->heads[column]) + GAP);
        }
        (void)fputs(colour, out);
        print_wrapped(out, cell->text, column > 0 ? start : 0, column > 0 ? room : terminal_width);
        (void)fputs(colour[0] != '\0' ? COLOUR_STOP "\n" : "\n", out);
    }
}

int columns_print(const struct columns *columns, FILE *out, bool coloured, size_t terminal_width)
{
    if (columns->failed)
        return -1;
    if (columns->count == 0 || columns->width == 0)
        return 0;
    struct layout layout = lay_out(columns, terminal_width);
    size_t last = layout.widths[columns->width - 1];
    bool wraps = layout.last_room > 0 && !columns->right[columns->width - 1];
    if (terminal_width > 0 && columns->width > 2 && !wraps && layout.last_start + last > terminal_width) {
        print_blocks(columns, out, coloured, terminal_width);
        return 0;
    }
    for (size_t i = 0; i < columns->width; i++)
        print_cell(columns, &layout, i, columns->heads[i], coloured ? colour_start(COLOUR_BOLD) : "", out);
    for (size_t i = 0; i < columns->count; i++)
        print_cell(columns, &layout, i % columns->width, columns->cells[i].text,
                   coloured ? colour_start(columns->cells[i].colour) : "", out);
    return 0;
}

void columns_free(struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++)
        mem_free(columns->cells[i].text);
    mem_free(columns->cells);
    *columns = (struct columns){0};
}
