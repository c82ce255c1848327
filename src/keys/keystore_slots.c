#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"

#include <string.h>

/* Names are printed by people's terminals and bound into seals: plain letters, so that each has one form. */
static bool is_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t size = name != NULL ? strlen(name) : 0;
    return size > 0 && size <= KEYS_NAME_MAX && strspn(name, allowed) == size;
}

/* ---- Making ---- */

static int check_members(const struct holder_group *group, struct error *err)
{
    if (group->member_count == 0 || group->member_count > KEYS_GROUP_MAX)
        return error_set(err, ERROR_CONFIG, "group %s has %zu holders; it needs 1 to %d", group->name,
                         group->member_count, KEYS_GROUP_MAX);
    size_t sheets = 0;
    for (size_t i = 0; i < group->member_count; i++) {
        const struct holder *member = &group->members[i];
        if (!is_name(member->name))
            return error_set(err, ERROR_CONFIG,
                             "a holder of group %s has a name that is not 1 to %d letters, digits, '-', '_' or '.'",
                             group->name, KEYS_NAME_MAX);
        if (holder_check(member, err) != 0)
            return error_wrap(err, "group %s", group->name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(member->name, group->members[k].name) == 0)
                return error_set(err, ERROR_CONFIG, "group %s has two holders named %s", group->name, member->name);
        sheets += member->kind == HOLDER_SHEET ? 1 : 0;
    }
    if (sheets > 1)
        return error_set(err, ERROR_CONFIG, "group %s has more than one recovery sheet", group->name);
    return 0;
}

int slots_check_groups(const struct holder_group *groups, size_t count, struct error *err)
{
    if (count == 0 || count > KEYS_GROUP_MAX)
        return error_set(err, ERROR_CONFIG, "a root epoch needs 1 to %d groups of holders, not %zu", KEYS_GROUP_MAX,
                         count);
    for (size_t i = 0; i < count; i++) {
        if (!is_name(groups[i].name))
            return error_set(err, ERROR_CONFIG,
                             "a group of holders has a name that is not 1 to %d letters, digits, '-', '_' or '.'",
                             KEYS_NAME_MAX);
        for (size_t k = 0; k < i; k++)
            if (strcmp(groups[i].name, groups[k].name) == 0)
                return error_set(err, ERROR_CONFIG, "two groups of holders are named %s", groups[i].name);
        if (check_members(&groups[i], err) != 0)
            return -1;
    }
    return 0;
}

/* A member: its holder's key is made, and seals a fresh share. Returns the JSON, or NULL. */
static json_t *make_member(const struct holder *holder, const struct holder_occasion *occasion,
                           struct holder_made *made, struct secret **ret_share, struct error *err)
{
    CLEANUP(buf_free) struct buf aad = {0};
    uint8_t wrapped[KEYS_WRAPPED_SIZE];
    if (holder_make(holder, occasion, made, err) != 0 || keys_random_secret(KEYS_SHARE_SIZE, ret_share, err) != 0 ||
        keys_aad(occasion->epoch, occasion->group, holder->name, &aad, err) != 0 ||
        keys_wrap(made->key, &aad, *ret_share, wrapped, err) != 0)
        return NULL;
    CLEANUP_FREE char *text = keys_base64(wrapped, sizeof(wrapped));
    json_t *member = text == NULL ? NULL
                                  : json_pack("{s:s, s:s, s:O, s:s}", "holder", holder_kind_name(holder->kind), "name",
                                              holder->name, "params", made->params, "wrapped", text);
    if (member == NULL)
        (void)error_no_memory(err);
    return member;
}

/* The group's root: R_e sealed under the key that all shares together give. */
static json_t *seal_group(const char *name, uint32_t epoch, const struct secret *root, struct secret *const *shares,
                          size_t count, json_t *members, struct error *err)
{
    uint8_t salt[KEYS_GROUP_SALT_SIZE];
    char salt_hex[2 * KEYS_GROUP_SALT_SIZE + 1];
    uint8_t wrapped[KEYS_WRAPPED_SIZE];
    CLEANUP(buf_free) struct buf aad = {0};
    CLEANUP_SECRET struct secret *key = NULL;
    if (crypto_random(salt, sizeof(salt), err) != 0 || keys_group_key(shares, count, salt, &key, err) != 0 ||
        keys_aad(epoch, name, NULL, &aad, err) != 0 || keys_wrap(key, &aad, root, wrapped, err) != 0)
        return NULL;
    CLEANUP_FREE char *text = keys_base64(wrapped, sizeof(wrapped));
    json_t *group = text == NULL
                        ? NULL
                        : json_pack("{s:s, s:s, s:s, s:O}", "name", name, "salt",
                                    hex_encode(salt, sizeof(salt), salt_hex), "root", text, "members", members);
    if (group == NULL)
        (void)error_no_memory(err);
    return group;
}

static void free_shares(struct secret **shares, size_t count)
{
    for (size_t i = 0; i < count; i++)
        secret_free(shares[i]);
}

static json_t *make_group(const struct holder_group *group, const struct secret *root,
                          const struct holder_occasion *occasion, struct slots_made *made, size_t number,
                          struct error *err)
{
    struct holder_occasion here = *occasion;
    here.group = group->name;
    here.others = group->member_count - 1;
    struct secret *shares[KEYS_GROUP_MAX] = {NULL};
    CLEANUP_JSON json_t *members = json_array();
    int rc = members != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < group->member_count; i++) {
        struct holder_made *holder = &made->holders[made->count];
        json_t *member = make_member(&group->members[i], &here, holder, &shares[i], err);
        made->count++;
        if (member == NULL)
            rc = -1;
        else if (json_array_append_new(members, member) != 0)
            rc = error_no_memory(err);
        if (rc == 0 && holder->page != NULL) {
            made->sheets[number] = holder->page;
            holder->page = NULL;
        }
    }
    json_t *json =
        rc == 0 ? seal_group(group->name, occasion->epoch, root, shares, group->member_count, members, err) : NULL;
    free_shares(shares, KEYS_GROUP_MAX);
    return json;
}

static int make_all(const struct secret *root, const struct holder_occasion *occasion,
                    const struct holder_group *groups, size_t count, struct slots_made *made, struct error *err)
{
    char created[CLOCK_TEXT_SIZE];
    CLEANUP_JSON json_t *json = json_pack("{s:i, s:I, s:s, s:[]}", "v", 1, "epoch", (json_int_t)occasion->epoch,
                                          "created", clock_format(occasion->now_ns, created), "groups");
    if (json == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        json_t *group = make_group(&groups[i], root, occasion, made, i, err);
        if (group == NULL)
            return error_wrap(err, "group %s", groups[i].name);
        if (json_array_append_new(json_object_get(json, "groups"), group) != 0)
            return error_no_memory(err);
    }
    return json_print(json, &made->clear, err);
}

int slots_make(const struct secret *root, const struct holder_occasion *occasion, const struct holder_group *groups,
               size_t count, struct slots_made *ret, struct error *err)
{
    size_t members = 0;
    for (size_t i = 0; i < count; i++)
        members += groups[i].member_count;
    struct slots_made made = {.holders = mem_calloc(members, sizeof(*made.holders)),
                              .sheets = mem_calloc(count, sizeof(*made.sheets)),
                              .group_count = count};
    int rc = made.holders != NULL && made.sheets != NULL ? 0 : error_no_memory(err);
    if (rc == 0)
        rc = make_all(root, occasion, groups, count, &made, err);
    if (rc != 0)
        slots_made_free(&made, true);
    else
        *ret = made;
    return rc;
}

bool slots_name_key(const struct slots *slots, const json_t *params)
{
    const json_t *key = json_object_get(params, "key");
    for (size_t g = 0; key != NULL && g < slots->group_count; g++)
        for (size_t i = 0; i < slots->groups[g].member_count; i++)
            if (json_equal(key, json_object_get(slots->groups[g].members[i].params, "key")))
                return true;
    return false;
}

int slots_check_fresh(const struct slots_made *made, const struct slots *older, struct error *err)
{
    for (size_t i = 0; i < made->count; i++) {
        const json_t *params = made->holders[i].params;
        if (!slots_name_key(older, params))
            continue;
        (void)error_set(err, ERROR_REFUSED, "key %s holds epoch %u already",
                        json_string_value(json_object_get(params, "key")), older->epoch);
        return error_hint(err, "name another key, or take \"key\" out of the holder: then one is made");
    }
    return 0;
}

void slots_made_free(struct slots_made *made, bool undo)
{
    for (size_t i = 0; i < made->count; i++) {
        if (undo)
            holder_unmake(&made->holders[i]);
        else
            holder_made_clear(&made->holders[i]);
    }
    for (size_t i = 0; made->sheets != NULL && i < made->group_count; i++) {
        if (made->sheets[i] != NULL)
            mem_wipe(made->sheets[i], strlen(made->sheets[i]));
        mem_free(made->sheets[i]);
    }
    mem_free(made->holders);
    mem_free(made->sheets);
    mem_free(made->clear);
    *made = (struct slots_made){0};
}

int slots_seal(const struct secret *root, uint32_t epoch, const char *clear, struct buf *out, struct hash *ret_name,
               struct error *err)
{
    struct container_key key = {.kind = CONTAINER_KEY_ROOT, .key = root};
    if (keys_epoch_id(root, &key.id, err) != 0)
        return -1;
    char hex[2 * ID_SIZE + 1];
    CLEANUP_FREE char *body = mem_printf("{\"v\":1,\"epoch\":%u,\"epoch_id\":\"%s\",\"state\":\"live\"}", epoch,
                                         hex_encode(key.id.bytes, ID_SIZE, hex));
    if (body == NULL)
        return error_no_memory(err);
    return container_seal_body(CONTAINER_SLOTS, &key, clear, strlen(clear), body, strlen(body), out, ret_name, err);
}

/* ---- Parsing: what is read here is authenticated only later, by the key that it leads to ---- */

static int damaged(struct error *err, const char *what)
{
    return error_set(err, ERROR_DAMAGED, "a slots object of the keystore is not as it must be: %s", what);
}

/* A string member; NULL if it is missing or no string. */
static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static int parse_member(const json_t *json, struct slot_member *ret, struct error *err)
{
    const char *wrapped = text_of(json, "wrapped");
    ret->name = text_of(json, "name");
    ret->kind_name = text_of(json, "holder");
    ret->params = json_object_get(json, "params");
    if (!is_name(ret->name) || !is_name(ret->kind_name) || !json_is_object(ret->params))
        return damaged(err, "a member without name, holder or params");
    if (wrapped == NULL || !keys_base64_parse(wrapped, ret->wrapped, KEYS_WRAPPED_SIZE))
        return damaged(err, "a share that is no sealed share");
    if (!holder_kind_parse(ret->kind_name, &ret->kind))
        ret->kind = (enum holder_kind)0;
    return 0;
}

static int parse_group(const json_t *json, struct slot_group *ret, struct error *err)
{
    const char *salt = text_of(json, "salt");
    const char *root = text_of(json, "root");
    const json_t *members = json_object_get(json, "members");
    size_t count = json_array_size(members);
    ret->name = text_of(json, "name");
    if (!is_name(ret->name) || count == 0 || count > KEYS_GROUP_MAX)
        return damaged(err, "a group without name or members");
    if (salt == NULL || strlen(salt) != 2 * KEYS_GROUP_SALT_SIZE ||
        !hex_decode(salt, KEYS_GROUP_SALT_SIZE, ret->salt) || root == NULL ||
        !keys_base64_parse(root, ret->root, KEYS_WRAPPED_SIZE))
        return damaged(err, "a group without salt or root");
    ret->members = mem_calloc(count, sizeof(*ret->members));
    if (ret->members == NULL)
        return error_no_memory(err);
    ret->member_count = count;
    for (size_t i = 0; i < count; i++)
        if (parse_member(json_array_get(members, i), &ret->members[i], err) != 0)
            return -1;
    return 0;
}

static int parse_all(struct slots *slots, struct error *err)
{
    json_int_t epoch = json_integer_value(json_object_get(slots->json, "epoch"));
    const json_t *groups = json_object_get(slots->json, "groups");
    size_t count = json_array_size(groups);
    if (json_integer_value(json_object_get(slots->json, "v")) != 1)
        return damaged(err, "a version that this program does not know");
    if (epoch < 1 || epoch > (json_int_t)UINT32_MAX || count == 0 || count > KEYS_GROUP_MAX)
        return damaged(err, "no epoch or no groups");
    slots->epoch = (uint32_t)epoch;
    slots->groups = mem_calloc(count, sizeof(*slots->groups));
    if (slots->groups == NULL)
        return error_no_memory(err);
    slots->group_count = count;
    for (size_t i = 0; i < count; i++)
        if (parse_group(json_array_get(groups, i), &slots->groups[i], err) != 0)
            return -1;
    return 0;
}

int slots_parse(const void *text, size_t size, struct slots *ret, struct error *err)
{
    *ret = (struct slots){0};
    if (size > KEYS_SLOTS_MAX)
        return damaged(err, "too long");
    if (json_parse(text, size, &ret->json, err) != 0)
        return -1;
    if (ret->json == NULL)
        return damaged(err, "no JSON");
    if (parse_all(ret, err) == 0)
        return 0;
    slots_clear(ret);
    return -1;
}

void slots_clear(struct slots *slots)
{
    for (size_t i = 0; i < slots->group_count; i++)
        mem_free(slots->groups[i].members);
    mem_free(slots->groups);
    json_decref(slots->json);
    *slots = (struct slots){0};
}
