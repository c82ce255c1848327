#include "cli/output.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BUFFER_SIZE = 1 << 16 };

static size_t terminal_width(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

void out_start(struct out *out)
{
    *out = (struct out){0};
    out->terminal = isatty(STDOUT_FILENO) == 1;
    out->width = out->terminal ? terminal_width(STDOUT_FILENO) : 0;
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    out->coloured =
        out->terminal && term != NULL && strcmp(term, "dumb") != 0 && (no_color == NULL || no_color[0] == '\0');
    if (!out->terminal)
        (void)setvbuf(stdout, NULL, _IOFBF, BUFFER_SIZE);
}

void out_free(struct out *out)
{
    json_decref(out->root);
    out->root = NULL;
}

int out_bytes(struct out *out, const void *bytes, size_t size)
{
    if (out->errnum != 0)
        return -1;
    if (size > 0 && fwrite(bytes, 1, size, stdout) != size) {
        out->errnum = errno != 0 ? errno : EIO;
        return -1;
    }
    return 0;
}

int out_flush(struct out *out)
{
    errno = 0;
    if (out->errnum == 0 && fflush(stdout) != 0)
        out->errnum = errno != 0 ? errno : EIO;
    return out->errnum == 0 ? 0 : -1;
}

int out_puts(struct out *out, const char *text)
{
    return out_bytes(out, text, strlen(text));
}

void out_table(struct out *out, const struct columns *columns)
{
    errno = 0;
    if (columns_print(columns, stdout, out->coloured, out->width) != 0)
        out->no_memory = true;
    if (ferror(stdout) && out->errnum == 0)
        out->errnum = errno != 0 ? errno : EIO;
}

void out_use_json(struct out *out)
{
    out->json = true;
    out->coloured = false;
    if (out->root == NULL)
        out->root = json_object();
    out_set(out, NULL, "schema", json_integer(1));
}

void out_set(struct out *out, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object != NULL ? object : out->root, key, value) != 0)
        out->no_memory = true;
}

static json_t *json_of_text(const char *text)
{
    if (text == NULL)
        return json_null();
    char CLEANUP_FREE *clean = text_to_utf8(text);
    return clean == NULL ? NULL : json_string(clean);
}

void out_text(struct out *out, json_t *object, const char *key, const char *text)
{
    out_set(out, object, key, json_of_text(text));
    if (text == NULL || text_is_utf8(text))
        return;
    char CLEANUP_FREE *name = mem_printf("%s_base64", key);
    char CLEANUP_FREE *coded = text_base64(text);
    if (name == NULL || coded == NULL)
        out->no_memory = true;
    else
        out_set(out, object, name, json_string(coded));
}

void out_number(struct out *out, json_t *object, const char *key, uint64_t number)
{
    out_set(out, object, key, number <= INT64_MAX ? json_integer((json_int_t)number) : json_real((double)number));
}

void out_bool(struct out *out, json_t *object, const char *key, bool value)
{
    out_set(out, object, key, json_boolean(value));
}

void out_time(struct out *out, json_t *object, const char *key, int64_t ns)
{
    char text[CLOCK_TEXT_SIZE];
    out_set(out, object, key, ns == 0 ? json_null() : json_string(clock_format(ns, text)));
}

void out_seconds(struct out *out, json_t *object, const char *key, int64_t ns)
{
    out_set(out, object, key, json_real((double)ns / (double)NS_PER_S));
}

json_t *out_array(struct out *out, json_t *object, const char *key)
{
    json_t *array = json_array();
    out_set(out, object, key, array);
    return out->no_memory ? NULL : array;
}

json_t *out_item(struct out *out, json_t *array)
{
    json_t *item = json_object();
    if (array == NULL || json_array_append_new(array, item) != 0) {
        out->no_memory = true;
        return NULL;
    }
    return item;
}

void out_item_text(struct out *out, json_t *array, const char *text)
{
    if (array == NULL || json_array_append_new(array, json_of_text(text)) != 0)
        out->no_memory = true;
}

static int print_json(struct out *out, const json_t *json, size_t flags)
{
    char *text = json_dumps(json, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (text == NULL) {
        out->no_memory = true;
        return -1;
    }
    int result = out_puts(out, text);
    free(text);
    return result;
}

int out_stream(struct out *out, const char *key)
{
    out->streaming = true;
    if (out_puts(out, "{\"schema\":1,\"") != 0 || out_puts(out, key) != 0)
        return -1;
    return out_puts(out, "\":[");
}

int out_stream_item(struct out *out, json_t *item)
{
    int result = item == NULL || out->no_memory ? -1 : out_puts(out, out->streamed++ > 0 ? ",\n" : "\n");
    if (item == NULL)
        out->no_memory = true;
    if (result == 0)
        result = print_json(out, item, JSON_COMPACT);
    json_decref(item);
    return result;
}

void out_stream_begin(struct out *out, json_t *members)
{
    const char *key;
    json_t *value;
    bool first = true;
    (void)out_puts(out, out->streamed++ > 0 ? ",\n{" : "\n{");
    json_object_foreach(members, key, value)
    {
        (void)out_puts(out, first ? "\"" : ",\"");
        (void)out_puts(out, key);
        (void)out_puts(out, "\":");
        (void)print_json(out, value, JSON_COMPACT);
        first = false;
    }
    if (members == NULL)
        out->no_memory = true;
    json_decref(members);
}

void out_stream_array(struct out *out, const char *key)
{
    (void)out_puts(out, out->in_array ? "],\"" : ",\"");
    (void)out_puts(out, key);
    (void)out_puts(out, "\":[");
    out->in_array = true;
    out->rows = 0;
}

void out_stream_row(struct out *out, json_t *row)
{
    (void)out_puts(out, out->rows++ > 0 ? ",\n" : "\n");
    if (row == NULL)
        out->no_memory = true;
    else
        (void)print_json(out, row, JSON_COMPACT);
    json_decref(row);
}

void out_stream_end(struct out *out)
{
    (void)out_puts(out, out->in_array ? "]}" : "}");
    out->in_array = false;
}

/* Close the array, and put what else the value has behind it. */
static int finish_stream(struct out *out)
{
    const char *key;
    json_t *value;
    if (out_puts(out, "\n]") != 0)
        return -1;
    json_object_foreach(out->root, key, value)
    {
        if (strcmp(key, "schema") == 0)
            continue;
        if (out_puts(out, ",\"") != 0 || out_puts(out, key) != 0 || out_puts(out, "\":") != 0 ||
            print_json(out, value, JSON_COMPACT) != 0)
            return -1;
    }
    return out_puts(out, "}\n");
}

int out_finish(struct out *out)
{
    int result = 0;
    errno = 0;
    if (out->json && out->streaming)
        result = finish_stream(out);
    else if (out->json && out->root != NULL &&
             print_json(out, out->root, out->terminal ? JSON_INDENT(2) : JSON_COMPACT) == 0)
        result = out_puts(out, "\n");
    if (fflush(stdout) != 0 && out->errnum == 0)
        out->errnum = errno != 0 ? errno : EIO;
    return result != 0 || out->errnum != 0 || out->no_memory ? -1 : 0;
}
