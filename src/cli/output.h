/*
 * What goes to standard output: tables and sentences for people, or exactly
 * one JSON value. It notes the first failure to write, so that a full disk is
 * never taken for success. It never writes to standard error.
 *
 * A JSON value is an object that commands fill member by member; a long array
 * is streamed, so that a million entries take no memory.
 */
#ifndef HIKAE_CLI_OUTPUT_H
#define HIKAE_CLI_OUTPUT_H

#include "base/json.h"
#include "cli/columns.h"

#include <stdint.h>

struct out {
    bool json;
    bool coloured;
    bool terminal;
    size_t width; /* of the terminal; 0: no limit */
    int errnum;   /* of the first write that failed, or 0 */
    bool no_memory;
    json_t *root;
    bool streaming;
    uint64_t streamed;
    bool in_array; /* of an item that is streamed in parts … */
    uint64_t rows; /* … which has so many rows by now */
};

void out_start(struct out *out);
void out_free(struct out *out);
/* Write bytes as they are. 0, or -1 and errnum. */
int out_bytes(struct out *out, const void *bytes, size_t size);
int out_puts(struct out *out, const char *text);
/* Put out what is buffered; 0, or -1 once anything could not be written. */
int out_flush(struct out *out);
/* Print the table (not with json). */
void out_table(struct out *out, const struct columns *columns);
/* The JSON value, if there is one, and all that is buffered. 0, or -1 with errnum or no_memory. */
int out_finish(struct out *out);

/* Make out->json true; the value has "schema": 1. */
void out_use_json(struct out *out);

/* Set a member of object (NULL: of the value itself). Without memory out->no_memory is set; the value given is always
 * consumed. */
void out_set(struct out *out, json_t *object, const char *key, json_t *value);
/* Text, null for NULL. What is not UTF-8 has U+FFFD in it, and KEY_base64 beside it has the bytes. */
void out_text(struct out *out, json_t *object, const char *key, const char *text);
void out_number(struct out *out, json_t *object, const char *key, uint64_t number);
void out_bool(struct out *out, json_t *object, const char *key, bool value);
/* RFC 3339, null for 0. */
void out_time(struct out *out, json_t *object, const char *key, int64_t ns);
/* A duration, as seconds. */
void out_seconds(struct out *out, json_t *object, const char *key, int64_t ns);
/* A fresh array as the member of object (NULL: of the value itself); NULL without memory. */
json_t *out_array(struct out *out, json_t *object, const char *key);
/* A fresh object at the end of array; NULL without memory (a loop ends there). */
json_t *out_item(struct out *out, json_t *array);
/* Text at the end of array. */
void out_item_text(struct out *out, json_t *array, const char *text);

/* The value begins with this array, streamed; its items are given to out_stream_item (consumed). 0, or -1. */
int out_stream(struct out *out, const char *key);
int out_stream_item(struct out *out, json_t *item);
/*
 * An item that is itself too long to be held: its short members (consumed), then arrays of rows one after the other,
 * then its end. What fails is noted in out.
 */
void out_stream_begin(struct out *out, json_t *members);
void out_stream_array(struct out *out, const char *key);
void out_stream_row(struct out *out, json_t *row);
void out_stream_end(struct out *out);

#endif
