#include "base/phrase.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

enum { PLACES_MAX = 9 };

/* What a conversion stands for in the text that is looked at. */
struct place {
    const char *text;
    size_t size;
};

struct match {
    struct place places[PLACES_MAX];
    size_t count;
    unsigned *left; /* of the comparisons that this text is worth */
};

static const struct {
    const struct phrase *rows;
    bool frames;
} tables[] = {{phrase_words, false}, {phrase_findings, false}, {phrase_warnings, false}, {phrase_errors, false},
              {phrase_usage, false}, {phrase_config, false},   {phrase_hints, false},    {phrase_frames, true}};

/* Recursion is by nested places, and no message nests deeper. A text that was made to be ambiguous is not worth many
 * more comparisons than real messages take. */
enum { DEPTH_MAX = 4, COMPARISONS_MAX = 100000 };

static int translate(struct buf *out, const char *text, size_t size, unsigned depth, unsigned *left, struct error *err);

/* Bytes of the conversion at p ("%.200s"), with its letter in *ret_letter. */
static size_t conversion_size(const char *p, char *ret_letter)
{
    size_t size = 1 + strspn(p + 1, "-+ 0123456789.*lzh");
    *ret_letter = p[size];
    return size + 1;
}

static bool has(const char *text, size_t size, const char *what)
{
    return memmem(text, size, what, strlen(what)) != NULL;
}

/*
 * May a conversion stand for this? What stands behind ": " in a phrase is another message and holds what it likes; all
 * else ends at an arrow or a semicolon, and at the start of a phrase (or anywhere in a frame) at a colon.
 */
static bool may_stand(const char *text, size_t size, char letter, bool nested, bool narrow)
{
    if (letter != 's' && letter != 'c')
        return size > 0 && strspn(text, "0123456789abcdef.,+-") >= size;
    return !(narrow && has(text, size, ": ")) && (nested || !(has(text, size, " → ") || has(text, size, "; ")));
}

/* Take fixed text up to the next conversion or the end from both; "%%" is one '%'. */
static bool fixed_fits(const char **phrase, const char **text, const char *end)
{
    const char *p = *phrase, *t = *text;
    while (*p != '\0' && (*p != '%' || p[1] == '%')) {
        if (t == end || *t != *p)
            return false;
        p += *p == '%' ? 2 : 1;
        t++;
    }
    *phrase = p;
    *text = t;
    return true;
}

/* `narrow`: the places of this phrase span no colon, if they are at its start or it is a frame. */
static bool fits(const char *phrase, const char *text, const char *end, bool narrow, bool frame, struct match *match)
{
    const char *start = phrase;
    if (*match->left == 0 || --*match->left == 0 || !fixed_fits(&phrase, &text, end))
        return false;
    if (*phrase == '\0')
        return text == end;
    if (match->count == PLACES_MAX)
        return false;
    char letter;
    size_t number = match->count, taken = conversion_size(phrase, &letter);
    bool last = phrase[taken] == '\0', nested = !frame && phrase - start >= 2 && memcmp(phrase - 2, ": ", 2) == 0;
    for (const char *stop = last ? end : text; stop <= end; stop++) {
        if (!last && phrase[taken] != '%' && (stop == end || *stop != phrase[taken]))
            continue;
        match->count = number + 1;
        match->places[number] = (struct place){text, (size_t)(stop - text)};
        if (may_stand(text, (size_t)(stop - text), letter, nested, narrow || frame) &&
            fits(phrase + taken, stop, end, false, frame, match))
            return true;
    }
    return false;
}

static const struct phrase *find(const char *text, size_t size, struct match *match)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct phrase *row = tables[t].rows; row->en != NULL; row++) {
            if (row->en[0] != '%' && (size == 0 || row->en[0] != text[0]))
                continue;
            match->count = 0;
            if (fits(row->en, text, text + size, row->en[0] == '%', tables[t].frames, match))
                return row;
        }
    return NULL;
}

static int fill(struct buf *out, const char *ja, const struct match *match, unsigned depth, struct error *err)
{
    for (const char *p = ja; *p != '\0';) {
        size_t plain = strcspn(p, "{<");
        if (plain > 0 && buf_append(out, p, plain, err) != 0)
            return -1;
        p += plain;
        if (*p == '\0')
            break;
        size_t number = (size_t)(p[1] - '1');
        bool is_place = number < match->count && p[2] == (*p == '{' ? '}' : '>');
        if (!is_place) {
            if (buf_append(out, p++, 1, err) != 0)
                return -1;
            continue;
        }
        const struct place *place = &match->places[number];
        int rc = *p == '<' && depth < DEPTH_MAX ? translate(out, place->text, place->size, depth + 1, match->left, err)
                                                : buf_append(out, place->text, place->size, err);
        if (rc != 0)
            return -1;
        p += 3;
    }
    return 0;
}

/* The separator at p, or 0 if none begins there. */
static size_t separator_size(const char *p, size_t left)
{
    static const char *const separators[] = {": ", "; ", " → "};
    for (size_t i = 0; i < sizeof separators / sizeof separators[0]; i++) {
        size_t size = strlen(separators[i]);
        if (left >= size && memcmp(p, separators[i], size) == 0)
            return size;
    }
    return 0;
}

/* From the start the longest part that has a phrase; what has none goes as it is up to the next separator. */
static int translate(struct buf *out, const char *text, size_t size, unsigned depth, unsigned *left, struct error *err)
{
    while (size > 0) {
        struct match match = {.left = left};
        size_t least = size, part = size;
        const struct phrase *row = find(text, size, &match);
        for (size_t at = size; row == NULL && *left > 0 && at-- > 0;) {
            if (separator_size(text + at, size - at) == 0)
                continue;
            least = part = at;
            row = find(text, part, &match);
        }
        if (row == NULL)
            part = *left > 0 ? least : size;
        if ((row != NULL ? fill(out, row->ja, &match, depth, err) : buf_append(out, text, part, err)) != 0)
            return -1;
        size_t separator = separator_size(text + part, size - part);
        if (separator > 0 && buf_append(out, text + part, separator, err) != 0)
            return -1;
        text += part + separator;
        size -= part + separator;
    }
    return 0;
}

char *phrase_ja(const char *text)
{
    struct error err = {0};
    struct buf out = {0};
    unsigned left = COMPARISONS_MAX;
    if (translate(&out, text, strlen(text), 0, &left, &err) == 0 && buf_u8(&out, 0, &err) == 0)
        return (char *)out.data;
    buf_free(&out);
    return NULL;
}

const char *phrase_help_ja(const char *text)
{
    static const struct phrase *const help[] = {phrase_descriptions, phrase_options, phrase_exits, phrase_examples};
    for (size_t i = 0; i < sizeof help / sizeof help[0]; i++)
        for (const struct phrase *row = help[i]; row->en != NULL; row++)
            if (strcmp(row->en, text) == 0)
                return row->ja;
    return text;
}
