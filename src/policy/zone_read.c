/* Reading TZif files (RFC 8536): version 2 and later, 64-bit data and the footer; the 32-bit block is passed over. */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "policy/zone_internal.h"

#include <string.h>

enum {
    HEADER_SIZE = 44,
    TRANSITIONS_MAX = 8192,
    CHARACTERS_MAX = 4096,
    OFFSET_LEAST = -89999, /* what section 3.2 allows */
    OFFSET_MOST = 93599
};

/* The six counts of a header, in the file's order. */
struct counts {
    uint32_t ut, standard, leap, time, type, character;
};

static uint32_t big_u32(struct cursor *c)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 8 | cursor_u8(c);
    return v;
}

static int64_t big_i64(struct cursor *c)
{
    uint64_t high = big_u32(c);
    return (int64_t)(high << 32 | big_u32(c));
}

/* NULL, or what is wrong. */
static const char *read_header(struct cursor *c, struct counts *ret)
{
    const uint8_t *magic = cursor_bytes(c, 4);
    if (magic == NULL || memcmp(magic, "TZif", 4) != 0)
        return "it does not begin with TZif";
    uint8_t version = cursor_u8(c);
    if (version < '2' || version > '9')
        return "it is of version 1, which ends in 2038";
    (void)cursor_bytes(c, 15);
    *ret = (struct counts){.ut = big_u32(c)};
    ret->standard = big_u32(c);
    ret->leap = big_u32(c);
    ret->time = big_u32(c);
    ret->type = big_u32(c);
    ret->character = big_u32(c);
    if (c->failed)
        return "it is truncated";
    bool sane = ret->time <= TRANSITIONS_MAX && ret->type >= 1 && ret->type <= ZONE_TYPES_MAX && ret->character >= 1 &&
                ret->character <= CHARACTERS_MAX && (ret->ut == 0 || ret->ut == ret->type) &&
                (ret->standard == 0 || ret->standard == ret->type) && ret->leap <= TRANSITIONS_MAX;
    return sane ? NULL : "its counts are beyond what a zone has";
}

static const char *read_times(struct cursor *c, struct zone *zone)
{
    for (size_t i = 0; i < zone->count; i++) {
        zone->times[i] = big_i64(c);
        if (i > 0 && zone->times[i] <= zone->times[i - 1])
            return "its transitions are not in order";
    }
    for (size_t i = 0; i < zone->count; i++) {
        zone->kinds[i] = cursor_u8(c);
        if (zone->kinds[i] >= zone->type_count)
            return "a transition names a type that is not there";
    }
    return NULL;
}

static const char *read_types(struct cursor *c, struct zone *zone, uint32_t characters)
{
    uint8_t index[ZONE_TYPES_MAX];
    for (size_t i = 0; i < zone->type_count; i++) {
        int32_t offset = (int32_t)big_u32(c);
        uint8_t daylight = cursor_u8(c);
        index[i] = cursor_u8(c);
        if (offset < OFFSET_LEAST || offset > OFFSET_MOST || daylight > 1 || index[i] >= characters)
            return "a type of local time has an impossible value";
        zone->types[i].offset_s = offset;
        zone->types[i].daylight = daylight == 1;
    }
    const char *text = (const char *)cursor_bytes(c, characters);
    if (text == NULL)
        return "it is truncated";
    for (size_t i = 0; i < zone->type_count; i++) {
        const char *end = memchr(text + index[i], '\0', characters - index[i]);
        if (end == NULL)
            return "an abbreviation does not end";
        size_t size = (size_t)(end - (text + index[i]));
        size = size < ZONE_ABBREVIATION_SIZE ? size : ZONE_ABBREVIATION_SIZE - 1;
        memcpy(zone->types[i].abbreviation, text + index[i], size);
    }
    return NULL;
}

/* The indicators of standard and universal time matter to compilers of rules only. */
static const char *read_rest(struct cursor *c, const struct counts *counts, struct zone *zone)
{
    (void)cursor_bytes(c, (size_t)counts->standard + counts->ut);
    if (cursor_u8(c) != '\n' || c->failed)
        return "it is truncated";
    const uint8_t *end = memchr(c->p, '\n', c->left);
    if (end == NULL || (size_t)(end - c->p) != c->left - 1)
        return "its last line does not end, or is not the last";
    if (!zone_rule_parse((const char *)c->p, c->left - 1, &zone->rule))
        return "the rule in its last line cannot be read";
    return NULL;
}

static const char *read_zone(struct cursor *c, struct zone *zone, bool *ret_no_memory)
{
    struct counts counts;
    const char *wrong = read_header(c, &counts);
    if (wrong != NULL)
        return wrong;
    (void)cursor_bytes(c, (size_t)counts.time * 5 + (size_t)counts.type * 6 + counts.character +
                              (size_t)counts.leap * 8 + counts.standard + counts.ut);
    if (c->failed)
        return "it is truncated";
    if ((wrong = read_header(c, &counts)) != NULL)
        return wrong;
    if (counts.leap != 0)
        return "it counts leap seconds, which clocks of machines do not";
    zone->count = counts.time;
    zone->type_count = counts.type;
    zone->times = mem_calloc(zone->count, sizeof(*zone->times));
    zone->kinds = mem_calloc(zone->count, sizeof(*zone->kinds));
    if (zone->times == NULL || zone->kinds == NULL) {
        *ret_no_memory = true;
        return "there is no memory";
    }
    if ((wrong = read_times(c, zone)) != NULL || (wrong = read_types(c, zone, counts.character)) != NULL)
        return wrong;
    return read_rest(c, &counts, zone);
}

int zone_parse(const char *name, const void *bytes, size_t size, struct zone **ret, struct error *err)
{
    struct zone *zone = mem_calloc(1, sizeof(*zone));
    if (zone == NULL)
        return error_no_memory(err);
    size_t name_size = strlen(name);
    memcpy(zone->name, name, name_size < ZONE_NAME_MAX ? name_size : ZONE_NAME_MAX);
    struct cursor c = cursor_of(bytes, size);
    bool no_memory = false;
    const char *wrong = read_zone(&c, zone, &no_memory);
    if (wrong == NULL) {
        *ret = zone;
        return 0;
    }
    zone_free(zone);
    if (no_memory)
        return error_no_memory(err);
    return error_set(err, ERROR_CONFIG, "the file of time zone %.64s cannot be used: %s", name, wrong);
}

void zone_free(struct zone *zone)
{
    if (zone == NULL)
        return;
    mem_free(zone->times);
    mem_free(zone->kinds);
    mem_free(zone);
}

/*
 * Letters, digits, '_', '+' and '-' in parts between slashes, each part beginning with a letter: no "..", nothing
 * absolute, none of the files that lie beside the zones ("zone1970.tab", "tzdata.zi").
 */
static bool name_is_sound(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > ZONE_NAME_MAX || name[size - 1] == '/')
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool inner = letter || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-' || c == '/';
        if (i == 0 || name[i - 1] == '/' ? !letter : !inner)
            return false;
    }
    return true;
}

static int refuse_name(const char *name, struct error *err)
{
    (void)error_set(err, ERROR_CONFIG, "there is no time zone '%.64s'", name);
    return error_hint(err,
                      "use a name of the tz database, as 'timedatectl list-timezones' shows them: Asia/Tokyo, UTC");
}

int zone_open(const char *name, struct zone **ret, struct error *err)
{
    char path[sizeof(ZONE_FOLDER) + 1 + ZONE_NAME_MAX];
    struct buf bytes CLEANUP(buf_free) = {0};
    if (!name_is_sound(name))
        return refuse_name(name, err);
    memcpy(path, ZONE_FOLDER "/", sizeof(ZONE_FOLDER));
    memcpy(path + sizeof(ZONE_FOLDER), name, strlen(name) + 1);
    if (file_read(path, ZONE_FILE_MAX, &bytes, err) == 0)
        return zone_parse(name, bytes.data, bytes.size, ret, err);
    if (err->class == ERROR_NO_MEMORY)
        return -1;
    if (access(ZONE_FOLDER "/UTC", R_OK) != 0) {
        (void)error_set(err, ERROR_CONFIG, "this machine has no tz database in " ZONE_FOLDER);
        return error_hint(err, "install the package tzdata");
    }
    return refuse_name(name, err);
}
