#include "ops/log_reader.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

/* Of CSV; lines and JSON know the first alone. */
enum state { CELL_BEGINS, CELL_PLAIN, CELL_QUOTED, CELL_QUOTE, CELL_CR };

static int complain(const struct log_reader *reader, const char *what, struct error *err)
{
    (void)error_set(err, ERROR_USAGE, "%s:%llu: %s", reader->file, (unsigned long long)reader->line + 1, what);
    return error_hint(err, reader->format == POLICY_LOG_CSV ? "the policy promises CSV as RFC 4180 describes it"
                                                            : "the policy promises JSON, one value a line");
}

static int end_cell(struct log_reader *reader, struct error *err)
{
    if (reader->count == LOG_CELLS_MAX)
        return complain(reader, "a row has too many cells", err);
    if (reader->count == reader->capacity) {
        size_t capacity = reader->capacity > 0 ? 2 * reader->capacity : 32;
        size_t *grown = mem_realloc(reader->ends, capacity * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        reader->ends = grown;
        reader->capacity = capacity;
    }
    reader->ends[reader->count++] = reader->row.size;
    return 0;
}

static int give_row(struct log_reader *reader, struct error *err)
{
    struct bytes *cells = mem_calloc(reader->count, sizeof(*cells));
    if (cells == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < reader->count; i++) {
        size_t from = i > 0 ? reader->ends[i - 1] : 0;
        cells[i] = (struct bytes){reader->row.data != NULL ? reader->row.data + from : (const uint8_t *)"",
                                  reader->ends[i] - from};
    }
    int rc = reader->work(cells, reader->count, reader->row_line + 1, reader->context, err);
    mem_free(cells);
    return rc;
}

static int end_row(struct log_reader *reader, struct error *err)
{
    if (end_cell(reader, err) != 0)
        return -1;
    if (reader->format == POLICY_LOG_CSV) {
        if (reader->width == 0)
            reader->width = reader->count;
        if (reader->count != reader->width)
            return complain(reader, "a row has another number of cells than the first", err);
    }
    int rc = give_row(reader, err);
    reader->row.size = 0;
    reader->count = 0;
    reader->begun = false;
    reader->state = CELL_BEGINS;
    return rc;
}

static int add(struct log_reader *reader, char c, struct error *err)
{
    if (reader->row.size == LOG_ROW_MAX)
        return complain(reader, "a row is too long", err);
    return buf_append(&reader->row, &c, 1, err);
}

static int end_of_plain(struct log_reader *reader, char c, struct error *err)
{
    if (c == ',') {
        reader->state = CELL_BEGINS;
        return end_cell(reader, err);
    }
    if (c == '\r') {
        reader->state = CELL_CR;
        return 0;
    }
    return end_row(reader, err);
}

static int feed_csv(struct log_reader *reader, char c, struct error *err)
{
    bool separates = c == ',' || c == '\r' || c == '\n';
    switch ((enum state)reader->state) {
    case CELL_CR:
        return c == '\n' ? end_row(reader, err) : complain(reader, "a carriage return stands alone", err);
    case CELL_QUOTED:
        if (c != '"')
            return add(reader, c, err);
        reader->state = CELL_QUOTE;
        return 0;
    case CELL_QUOTE:
        if (separates)
            return end_of_plain(reader, c, err);
        if (c != '"')
            return complain(reader, "something stands behind the quote that ends a cell", err);
        reader->state = CELL_QUOTED;
        return add(reader, c, err);
    case CELL_BEGINS:
        if (c == '"') {
            reader->state = CELL_QUOTED;
            return 0;
        }
        reader->state = CELL_PLAIN;
        break;
    case CELL_PLAIN:
        break;
    }
    if (separates)
        return end_of_plain(reader, c, err);
    return c == '"' ? complain(reader, "a quote stands in the middle of a cell", err) : add(reader, c, err);
}

static int feed_line(struct log_reader *reader, char c, struct error *err)
{
    if (c != '\n')
        return add(reader, c, err);
    if (reader->row.size > 0 && reader->row.data[reader->row.size - 1] == '\r')
        reader->row.size--;
    return end_row(reader, err);
}

static int feed(struct log_reader *reader, char c, struct error *err)
{
    if (!reader->begun) {
        reader->begun = true;
        reader->row_line = reader->line;
    }
    /* Text has none; whoever reads it elsewhere would stop there. */
    if (reader->format != POLICY_LOG_ANY && c == '\0')
        return complain(reader, "a zero byte", err);
    if ((reader->format == POLICY_LOG_CSV ? feed_csv(reader, c, err) : feed_line(reader, c, err)) != 0)
        return -1;
    reader->line += c == '\n';
    return 0;
}

/* A byte order mark, as some programs put before UTF-8, is none of the first cell's. */
static const char mark[] = "\xef\xbb\xbf";
enum { MARK_SIZE = 3, MARK_OVER = MARK_SIZE + 1 };

static int feed_mark(struct log_reader *reader, struct error *err)
{
    size_t seen = reader->mark;
    reader->mark = MARK_OVER;
    for (size_t i = 0; i < seen; i++)
        if (feed(reader, mark[i], err) != 0)
            return -1;
    return 0;
}

int log_reader_feed(struct log_reader *reader, const void *bytes, size_t size, struct error *err)
{
    const char *text = bytes;
    for (size_t i = 0; i < size; i++) {
        if (reader->mark < MARK_SIZE && text[i] == mark[reader->mark]) {
            reader->mark++;
            continue;
        }
        if (reader->mark < MARK_SIZE && feed_mark(reader, err) != 0)
            return -1;
        reader->mark = MARK_OVER;
        if (feed(reader, text[i], err) != 0)
            return -1;
    }
    return 0;
}

int log_reader_end(struct log_reader *reader, struct error *err)
{
    if (reader->mark < MARK_SIZE && feed_mark(reader, err) != 0)
        return -1;
    if (!reader->begun)
        return 0;
    if (reader->format == POLICY_LOG_CSV && reader->state == CELL_QUOTED)
        return complain(reader, "a quoted cell has no end", err);
    if (reader->format == POLICY_LOG_CSV && reader->state == CELL_CR)
        return complain(reader, "a carriage return stands alone", err);
    return end_row(reader, err);
}

void log_reader_clear(struct log_reader *reader)
{
    buf_free(&reader->row);
    mem_free(reader->ends);
    reader->ends = NULL;
    reader->count = reader->capacity = 0;
}

int log_write_cell(struct buf *out, const void *bytes, size_t size, bool last, struct error *err)
{
    const char *text = bytes;
    bool quoted = false;
    for (size_t i = 0; i < size; i++)
        quoted = quoted || text[i] == ',' || text[i] == '"' || text[i] == '\r' || text[i] == '\n';
    int rc = quoted ? buf_u8(out, '"', err) : 0;
    for (size_t i = 0; rc == 0 && i < size; i++) {
        if (text[i] == '"')
            rc = buf_u8(out, '"', err);
        if (rc == 0)
            rc = buf_u8(out, (uint8_t)text[i], err);
    }
    if (rc == 0 && quoted)
        rc = buf_u8(out, '"', err);
    return rc == 0 ? buf_append(out, last ? "\r\n" : ",", last ? 2 : 1, err) : -1;
}

bool log_parse_time(const struct bytes *cell, int64_t *ret_ns)
{
    char text[CLOCK_TEXT_SIZE];
    if (cell->size <= strlen("2026-11-21") || cell->size >= sizeof(text))
        return false;
    memcpy(text, cell->data, cell->size);
    text[cell->size] = '\0';
    return strlen(text) == cell->size && clock_parse(text, ret_ns, NULL) == 0;
}
