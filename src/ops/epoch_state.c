/*
 * `<state>/epochs.json`: {"v":1, "live":e, "highest":e, "ending":[e, …], "made":[{"kind", "epoch", "params"}, …]}.
 * Lost, it begins anew with what is opened.
 */
#include "ops/epoch.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

enum { STATE_MAX = 1 << 16, ENDING_MAX = 1000 };

struct state {
    char *path;
    int lock_fd;
    json_t *json;
};

static void state_close(struct state *state)
{
    json_decref(state->json);
    mem_free(state->path);
    if (state->lock_fd >= 0)
        (void)close(state->lock_fd);
}

static bool is_epoch(const json_t *json)
{
    return json_is_integer(json) && json_integer_value(json) >= 0 && json_integer_value(json) <= UINT32_MAX;
}

static bool is_state(const json_t *json)
{
    size_t i;
    const json_t *item, *ending = json_object_get(json, "ending");
    if (json_integer_value(json_object_get(json, "v")) != 1 || !is_epoch(json_object_get(json, "live")) ||
        !is_epoch(json_object_get(json, "highest")) || !json_is_array(ending) || json_array_size(ending) > ENDING_MAX)
        return false;
    json_array_foreach(ending, i, item)
    {
        if (!is_epoch(item))
            return false;
    }
    const json_t *made = json_object_get(json, "made");
    return made == NULL || (json_is_array(made) && json_array_size(made) <= ENDING_MAX);
}

static int state_read(struct state *state, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct error why = {0};
    if (file_read(state->path, STATE_MAX, &text, &why) == 0) {
        if (json_parse(text.data, text.size, &state->json, err) != 0)
            return -1;
        if (state->json != NULL && is_state(state->json))
            return 0;
        (void)error_set(err, ERROR_LOCAL, "%s is not as hikae wrote it", state->path);
        return error_hint(err,
                          "put it back from a copy; if there is none, remove it: then older epochs are not refused");
    }
    if (why.class != ERROR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    state->json = json_pack("{s:i, s:i, s:i, s:[]}", "v", 1, "live", 0, "highest", 0, "ending");
    return state->json != NULL ? 0 : error_no_memory(err);
}

/* With `write`, nobody else changes it until state_close. */
static int state_open(struct hikae *hikae, bool write, struct state *ret, struct error *err)
{
    *ret = (struct state){.path = mem_printf("%s/epochs.json", hikae->config->state), .lock_fd = -1};
    CLEANUP_FREE char *lock = mem_printf("%s/epochs.lock", hikae->config->state);
    if (ret->path == NULL || lock == NULL)
        return error_no_memory(err);
    if (write) {
        ret->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (ret->lock_fd < 0 || flock(ret->lock_fd, LOCK_EX) != 0)
            return error_set_errno(err, ERROR_LOCAL, errno, "lock %s", lock);
    }
    return state_read(ret, err);
}

static int state_write(struct state *state, struct error *err)
{
    CLEANUP_FREE char *text = NULL;
    if (json_print(state->json, &text, err) != 0)
        return -1;
    return file_write_atomic(state->path, text, strlen(text), 0600, err);
}

static uint32_t number_of(const struct state *state, const char *name)
{
    return (uint32_t)json_integer_value(json_object_get(state->json, name));
}

static int set_number(struct state *state, const char *name, uint32_t number, struct error *err)
{
    return json_object_set_new(state->json, name, json_integer(number)) == 0 ? 0 : error_no_memory(err);
}

static size_t find_ending(const struct state *state, uint32_t epoch)
{
    const json_t *ending = json_object_get(state->json, "ending");
    size_t i = 0;
    while (i < json_array_size(ending) && json_integer_value(json_array_get(ending, i)) != (json_int_t)epoch)
        i++;
    return i;
}

static int note_live(struct state *state, uint32_t live, struct error *err)
{
    json_t *ending = json_object_get(state->json, "ending");
    uint32_t before = number_of(state, "live");
    if (before != 0 && find_ending(state, before) == json_array_size(ending) && json_array_size(ending) < ENDING_MAX &&
        json_array_append_new(ending, json_integer(before)) != 0)
        return error_no_memory(err);
    if (set_number(state, "live", live, err) != 0 ||
        (live > number_of(state, "highest") && set_number(state, "highest", live, err) != 0))
        return -1;
    return state_write(state, err);
}

int epoch_state_opened(struct hikae *hikae, uint32_t live, struct error *err)
{
    CLEANUP(state_close) struct state state;
    if (state_open(hikae, false, &state, err) != 0)
        return -1;
    uint32_t floor = number_of(&state, "live");
    if (live < floor) {
        (void)error_set(err, ERROR_KEYS,
                        "the targets are at root epoch %u, but epoch %u was in force here: something was put back from "
                        "a backup",
                        live, floor);
        return error_hint(err,
                          "find the target that has epoch %u; what was erased since must not come back by an old "
                          "copy",
                          floor);
    }
    if (live == floor)
        return 0;
    CLEANUP(state_close) struct state writing = {.lock_fd = -1};
    struct error why = {0};
    if (state_open(hikae, true, &writing, &why) == 0 &&
        (number_of(&writing, "live") >= live || note_live(&writing, live, &why) == 0))
        return 0;
    /* Whoever may only read (a restore from a state folder that is not ours) need not note what it saw. */
    if (why.class == ERROR_LOCAL || why.class == ERROR_DENIED)
        return 0;
    *err = why;
    return -1;
}

int epoch_state_begin(struct hikae *hikae, uint32_t highest, bool dry_run, uint32_t *ret, struct error *err)
{
    CLEANUP(state_close) struct state state;
    if (state_open(hikae, !dry_run, &state, err) != 0)
        return -1;
    uint32_t known = number_of(&state, "highest");
    highest = known > highest ? known : highest;
    if (highest == UINT32_MAX)
        return error_set(err, ERROR_KEYS, "the numbers of root epochs are used up");
    *ret = highest + 1;
    if (dry_run)
        return 0;
    return set_number(&state, "highest", *ret, err) == 0 ? state_write(&state, err) : -1;
}

int epoch_state_ending(struct hikae *hikae, uint32_t **ret, size_t *ret_count, struct error *err)
{
    CLEANUP(state_close) struct state state;
    if (state_open(hikae, false, &state, err) != 0)
        return -1;
    const json_t *ending = json_object_get(state.json, "ending");
    *ret_count = json_array_size(ending);
    *ret = mem_calloc(*ret_count, sizeof(**ret));
    if (*ret == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < *ret_count; i++)
        (*ret)[i] = (uint32_t)json_integer_value(json_array_get(ending, i));
    return 0;
}

int epoch_state_ended(struct hikae *hikae, uint32_t epoch, struct error *err)
{
    CLEANUP(state_close) struct state state;
    if (state_open(hikae, true, &state, err) != 0)
        return -1;
    json_t *ending = json_object_get(state.json, "ending");
    size_t found = find_ending(&state, epoch);
    if (found == json_array_size(ending))
        return 0;
    if (json_array_remove(ending, found) != 0)
        return error_no_memory(err);
    return state_write(&state, err);
}

/* The note of a key that was asked for gives way to that of the key that was made. */
static int drop_asked_for(json_t *made, const char *kind, const json_t *params, struct error *err)
{
    const json_t *making = json_object_get(params, "making");
    for (size_t i = json_array_size(made); making != NULL && i > 0; i--) {
        const json_t *item = json_array_get(made, i - 1);
        const char *name = json_string_value(json_object_get(item, "kind"));
        if (name != NULL && strcmp(name, kind) == 0 &&
            json_equal(json_object_get(json_object_get(item, "params"), "making"), making) == 1 &&
            json_array_remove(made, i - 1) != 0)
            return error_no_memory(err);
    }
    return 0;
}

int epoch_state_made(struct hikae *hikae, enum holder_kind kind, uint32_t epoch, const json_t *params,
                     struct error *err)
{
    CLEANUP(state_close) struct state state;
    if (state_open(hikae, true, &state, err) != 0)
        return -1;
    json_t *item = json_pack("{s:s, s:I, s:o}", "kind", holder_kind_name(kind), "epoch", (json_int_t)epoch, "params",
                             json_deep_copy(params));
    if (item == NULL ||
        (json_object_get(state.json, "made") == NULL && json_object_set_new(state.json, "made", json_array()) != 0) ||
        drop_asked_for(json_object_get(state.json, "made"), holder_kind_name(kind), params, err) != 0 ||
        json_array_append(json_object_get(state.json, "made"), item) != 0) {
        json_decref(item);
        return error_no_memory(err);
    }
    json_decref(item);
    return state_write(&state, err);
}

/* Is nothing left to do about this key? */
static bool is_settled(struct hikae *hikae, const struct holder_group *groups, const json_t *item)
{
    struct error why = {0};
    enum holder_kind kind;
    const char *name = json_string_value(json_object_get(item, "kind"));
    json_int_t epoch = json_integer_value(json_object_get(item, "epoch"));
    if (name == NULL || !holder_kind_parse(name, &kind) || epoch <= 0 ||
        epoch == (json_int_t)keystore_epoch(hikae->keystore))
        return true;
    if (keystore_discard_made(groups, hikae->config->group_count, kind, (uint32_t)epoch,
                              json_object_get(item, "params"), &why) == 0)
        return true;
    engine_warn(hikae, "a key that was made for epoch %lld, which never came into force, is not destroyed: %s",
                (long long)epoch, why.what);
    return false;
}

int epoch_discard_made(struct hikae *hikae, struct error *err)
{
    CLEANUP(state_close) struct state state;
    struct holder_group *groups;
    if (state_open(hikae, true, &state, err) != 0)
        return -1;
    json_t *made = json_object_get(state.json, "made");
    if (json_array_size(made) == 0)
        return 0;
    if (engine_groups(hikae->config, &groups, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = json_array_size(made); rc == 0 && i > 0; i--)
        if (is_settled(hikae, groups, json_array_get(made, i - 1)))
            rc = json_array_remove(made, i - 1);
    engine_groups_free(groups, hikae->config->group_count);
    return rc == 0 ? state_write(&state, err) : error_no_memory(err);
}
