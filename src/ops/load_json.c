/*
 * JSON with lines: jansson tells places of mistakes in syntax only, so the list is taken apart here and each tenant's
 * object is parsed by itself, from where it begins.
 */
#include "base/mem.h"
#include "ops/load.h"

#include <string.h>

struct place {
    struct load_file *file;
    const char *at, *end;
    unsigned line;
};

static void skip(struct place *place, size_t count)
{
    for (; count > 0; count--)
        place->line += *place->at++ == '\n';
}

/* The next byte that is no white space, or 0 at the end. */
static char peek(struct place *place)
{
    while (place->at < place->end && strchr(" \t\r\n", *place->at) != NULL && *place->at != '\0')
        skip(place, 1);
    return place->at < place->end ? *place->at : '\0';
}

static bool take(struct place *place, char wanted)
{
    if (peek(place) != wanted || place->at == place->end)
        return false;
    skip(place, 1);
    return true;
}

static void mistake(struct place *place, const char *what)
{
    struct error why = {0};
    (void)error_set(&why, ERROR_CONFIG, "%s", what);
    load_mistake(place->file, place->line, &why);
}

/* One object; false when the rest of the text cannot be understood any more. */
static bool take_tenant(struct place *place, int *rc, struct error *err)
{
    json_error_t where;
    if (peek(place) != '{') {
        mistake(place, "here should begin a tenant's object, with {");
        return false;
    }
    unsigned line = place->line;
    json_t *object = json_loadb(place->at, (size_t)(place->end - place->at),
                                JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &where);
    if (object == NULL) {
        struct error why = {0};
        (void)error_set(&why, ERROR_CONFIG, "%s", where.text);
        load_mistake(place->file, line + (unsigned)(where.line > 0 ? where.line - 1 : 0), &why);
        return false;
    }
    skip(place, (size_t)where.position);
    *rc = load_take(place->file, line, object, err);
    return *rc == 0;
}

static bool take_list(struct place *place, int *rc, struct error *err)
{
    if (!take(place, '[')) {
        mistake(place, "here should begin the list of tenants, with [");
        return false;
    }
    if (take(place, ']'))
        return true;
    do {
        if (!take_tenant(place, rc, err))
            return false;
    } while (take(place, ','));
    if (take(place, ']'))
        return true;
    mistake(place, "here should stand , or the ] that ends the list");
    return false;
}

int load_json(struct load_file *file, const char *text, size_t size, struct error *err)
{
    static const char key[] = "\"tenants\"";
    struct place place = {file, text, text + size, 1};
    int rc = 0;
    bool wrapped = take(&place, '{');
    if (wrapped) {
        bool named = peek(&place) == '"' && (size_t)(place.end - place.at) > strlen(key) &&
                     memcmp(place.at, key, strlen(key)) == 0;
        if (named)
            skip(&place, strlen(key));
        if (!named || !take(&place, ':')) {
            mistake(&place, "the object has \"tenants\", and nothing before it");
            return 0;
        }
    }
    if (!take_list(&place, &rc, err))
        return rc;
    if (wrapped && !take(&place, '}'))
        mistake(&place, "here should stand the } that ends the object");
    else if (peek(&place) != '\0' || place.at != place.end)
        mistake(&place, "something stands after the end");
    return 0;
}
