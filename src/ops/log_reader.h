/*
 * Logs of other systems, read row by row as they stream by: CSV (RFC 4180),
 * JSON (one value a line), or just lines. What is not in its format is an
 * error with its line; nothing is guessed.
 */
#ifndef HIKAE_OPS_LOG_READER_H
#define HIKAE_OPS_LOG_READER_H

#include "base/buf.h"
#include "policy/policy.h"

enum { LOG_ROW_MAX = 16 << 20, LOG_CELLS_MAX = 4096 };

/* A row: its cells (one, of lines and JSON), and the line that it begins in, from 1. */
typedef int log_row_work(const struct bytes *cells, size_t count, uint64_t line, void *context, struct error *err);

/* Zero but for the first four. */
struct log_reader {
    enum policy_log_format format;
    const char *file; /* for messages */
    log_row_work *work;
    void *context;
    /* Own: */
    int state;
    uint64_t line, row_line;
    struct buf row;
    size_t *ends; /* of the cells in row */
    size_t count, capacity;
    size_t width; /* cells of the first row of a CSV */
    bool begun;   /* something of a row was read */
    size_t mark;  /* bytes of a byte order mark that were seen */
};
/* ERROR_USAGE with FILE:LINE for what is not in the format. */
MUST_USE int log_reader_feed(struct log_reader *reader, const void *bytes, size_t size, struct error *err);
/* The last row, which need not end in a line feed. */
MUST_USE int log_reader_end(struct log_reader *reader, struct error *err);
void log_reader_clear(struct log_reader *reader);

/* Append a cell of a CSV, quoted where it must be. */
MUST_USE int log_write_cell(struct buf *out, const void *bytes, size_t size, bool last, struct error *err);
/* Is it an instant as RFC 3339 writes them (not a day alone)? */
bool log_parse_time(const struct bytes *cell, int64_t *ret_ns);

#endif
