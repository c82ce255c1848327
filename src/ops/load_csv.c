/* CSV as RFC 4180 describes it: quotes around cells with commas, quotes or line ends in them, doubled inside. */
#include "base/mem.h"
#include "ops/load.h"

#include <stdio.h>
#include <string.h>

struct sheet {
    struct load_file *file;
    const char *at, *end;
    unsigned line;
    char **columns;
    size_t column_count;
};

static void mistake(struct sheet *sheet, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void mistake(struct sheet *sheet, unsigned line, const char *fmt, ...)
{
    struct error why = {.class = ERROR_CONFIG};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why.what, sizeof(why.what), fmt, args);
    va_end(args);
    load_mistake(sheet->file, line, &why);
}

/* The next cell into *ret; *ret_more: another one follows in this line. 1, 0 for a mistake (told), -1. */
static int take_cell(struct sheet *sheet, struct buf *ret, bool *ret_more, struct error *err)
{
    bool quoted = sheet->at < sheet->end && *sheet->at == '"';
    unsigned began = sheet->line;
    ret->size = 0;
    sheet->at += quoted;
    for (;;) {
        if (sheet->at == sheet->end) {
            *ret_more = false;
            if (quoted)
                mistake(sheet, began, "a quoted cell has no end");
            return quoted ? 0 : buf_append(ret, "", 1, err) == 0 ? 1 : -1;
        }
        char c = *sheet->at++;
        if (quoted && c == '"' && sheet->at < sheet->end && *sheet->at == '"')
            sheet->at++;
        else if (quoted && c == '"')
            break;
        else if (!quoted && (c == ',' || c == '\n' || c == '\r')) {
            sheet->at--;
            break;
        } else if (!quoted && c == '"') {
            mistake(sheet, sheet->line, "a quote stands in the middle of a cell");
            return 0;
        }
        if (c == '\0') {
            mistake(sheet, sheet->line, "a zero byte");
            return 0;
        }
        sheet->line += c == '\n';
        if (buf_append(ret, &c, 1, err) != 0)
            return -1;
    }
    if (buf_append(ret, "", 1, err) != 0)
        return -1;
    if (sheet->at < sheet->end && *sheet->at == '\r')
        sheet->at++;
    *ret_more = sheet->at < sheet->end && *sheet->at == ',';
    if (sheet->at < sheet->end && *sheet->at != ',' && *sheet->at != '\n') {
        mistake(sheet, sheet->line, "something stands behind a cell's closing quote");
        return 0;
    }
    sheet->line += sheet->at < sheet->end && *sheet->at == '\n';
    sheet->at += sheet->at < sheet->end;
    return 1;
}

static bool known_column(const char *name)
{
    static const char *const plain[] = {"name",          "policy",      "class",        "priority",
                                        "limit.seconds", "limit.bytes", "limit.threads"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcmp(plain[i], name) == 0)
            return true;
    return (strncmp(name, "source.", 7) == 0 && name[7] != '\0') ||
           (strncmp(name, "label.", 6) == 0 && name[6] != '\0');
}

static int take_columns(struct sheet *sheet, struct error *err)
{
    CLEANUP(buf_free) struct buf cell = {0};
    bool more = true;
    sheet->columns = mem_calloc(LOAD_COLUMNS_MAX, sizeof(char *));
    if (sheet->columns == NULL)
        return error_no_memory(err);
    while (more) {
        int got = take_cell(sheet, &cell, &more, err);
        if (got <= 0)
            return got;
        const char *name = (const char *)cell.data;
        if (sheet->column_count == LOAD_COLUMNS_MAX) {
            mistake(sheet, 1, "too many columns");
            return 0;
        }
        bool twice = false;
        for (size_t i = 0; i < sheet->column_count; i++)
            twice = twice || strcmp(sheet->columns[i], name) == 0;
        if (twice || !known_column(name)) {
            mistake(sheet, 1, "column '%.100s' %s", name,
                    twice ? "comes twice"
                          : "is not known; there are name, policy, class, priority, limit.seconds, limit.bytes, "
                            "limit.threads, source.NAME, label.KEY");
            return 0;
        }
        sheet->columns[sheet->column_count] = mem_strdup(name);
        if (sheet->columns[sheet->column_count++] == NULL)
            return error_no_memory(err);
    }
    return 1;
}

/* The object below `key`, made when it is first needed. */
static json_t *below(json_t *tenant, const char *key, json_t *(*make)(void))
{
    json_t *value = json_object_get(tenant, key);
    if (value == NULL && json_object_set_new(tenant, key, make()) == 0)
        value = json_object_get(tenant, key);
    return value;
}

/* Whole numbers are read strictly; anything else stays text, which load_take refuses with the member's name. */
static json_t *number_or_text(const char *text)
{
    bool digits = strlen(text) <= 18 && (text[0] != '0' || text[1] == '\0');
    int64_t value = 0;
    for (const char *p = text; digits && *p != '\0'; p++) {
        digits = *p >= '0' && *p <= '9';
        value = 10 * value + (*p - '0');
    }
    return digits ? json_integer(value) : json_string(text);
}

/* Put a cell where JSON has it. False: it is no UTF-8, or there is no memory. */
static bool place(json_t *tenant, const char *column, const char *text)
{
    if (strncmp(column, "source.", 7) == 0)
        return json_array_append_new(below(tenant, "sources", json_array),
                                     json_pack("{s:s, s:s}", "name", column + 7, "spec", text)) == 0;
    if (strncmp(column, "label.", 6) == 0)
        return json_object_set_new(below(tenant, "labels", json_object), column + 6, json_string(text)) == 0;
    if (strncmp(column, "limit.", 6) == 0)
        return json_object_set_new(below(tenant, "limits", json_object), column + 6, number_or_text(text)) == 0;
    if (strcmp(column, "priority") == 0)
        return json_object_set_new(tenant, column, number_or_text(text)) == 0;
    return json_object_set_new(tenant, column, json_string(text)) == 0;
}

static int take_line(struct sheet *sheet, struct error *err)
{
    CLEANUP(buf_free) struct buf cell = {0};
    json_t *tenant CLEANUP_JSON = json_object();
    unsigned line = sheet->line;
    size_t column = 0, filled = 0;
    bool more = true, wrong = false;
    if (tenant == NULL)
        return error_no_memory(err);
    for (; more; column++) {
        int got = take_cell(sheet, &cell, &more, err);
        if (got <= 0)
            return got;
        const char *text = (const char *)cell.data;
        if (text[0] == '\0' || column >= sheet->column_count)
            continue;
        filled++;
        if (!wrong && !place(tenant, sheet->columns[column], text)) {
            mistake(sheet, line, "column '%.100s' holds text that is not UTF-8", sheet->columns[column]);
            wrong = true;
        }
    }
    if (wrong || (column == 1 && filled == 0))
        return 1; /* told, or a blank line */
    if (column != sheet->column_count) {
        mistake(sheet, line, "%s",
                column < sheet->column_count ? "fewer cells than columns" : "more cells than columns");
        return 1;
    }
    return load_take(sheet->file, line, json_incref(tenant), err) == 0 ? 1 : -1;
}

int load_csv(struct load_file *file, const char *text, size_t size, struct error *err)
{
    static const char mark[] = "\xef\xbb\xbf"; /* spreadsheets put it in front of UTF-8 */
    struct sheet sheet = {.file = file, .at = text, .end = text + size, .line = 1};
    if (size >= 3 && memcmp(text, mark, 3) == 0)
        sheet.at += 3;
    int more = take_columns(&sheet, err);
    while (more > 0 && sheet.at < sheet.end)
        more = take_line(&sheet, err);
    for (size_t i = 0; i < sheet.column_count; i++)
        mem_free(sheet.columns[i]);
    mem_free(sheet.columns);
    return more < 0 ? -1 : 0;
}
