/* What a purge has to do with: objects on the targets in all their versions, and every copy of every key. */
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/provider.h"
#include "keys/holder.h"
#include "keys/sheet.h"
#include "ops/purge.h"
#include "target/delete.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- A tenant on a target ---- */

struct tally {
    struct target *target;
    uint64_t objects, bytes, versions, markers, uploads;
    int64_t hidden_ns; /* the newest version that no question reaches, as another or a marker is on top of it */
    struct purge_locks locks;
    const struct provider *provider; /* NULL: unknown */
    int64_t now_ns;                  /* by the clock of the objects */
    uint64_t billed;                 /* bytes that are charged for longer than now, whatever is deleted … */
    int64_t billed_ns;               /* … the last of them until then */
};

/* A provider may charge for an object for longer than it lies there, and for more bytes than it has. */
static void tally_bill(struct tally *tally, const struct target_version *version)
{
    const struct provider *provider = tally->provider;
    if (provider == NULL || provider->minimum_days == 0 || version->modified_ns == 0)
        return;
    int64_t until_ns = version->modified_ns + (int64_t)provider->minimum_days * 86400 * NS_PER_S;
    if (until_ns <= tally->now_ns)
        return;
    tally->billed += version->size > provider->minimum_size ? version->size : provider->minimum_size;
    if (until_ns > tally->billed_ns)
        tally->billed_ns = until_ns;
}

static int tally_version(const struct target_version *version, void *context, struct error *err)
{
    struct tally *tally = context;
    if (version->marker) {
        tally->markers++;
        return 0;
    }
    tally->versions++;
    tally->bytes += version->size;
    tally->objects += version->latest;
    tally_bill(tally, version);
    if (!version->latest && version->modified_ns > tally->hidden_ns)
        tally->hidden_ns = version->modified_ns;
    return version->latest && target_traits(tally->target)->lock
               ? purge_locks_add(&tally->locks, version->name, version->modified_ns, err)
               : 0;
}

static int tally_upload(const struct target_upload *upload, void *context, struct error *err)
{
    struct tally *tally = context;
    (void)upload;
    (void)err;
    tally->uploads++;
    return 0;
}

/* The end of the last lock; of versions that no question reaches it is reckoned by the target's rule. */
static int64_t locked_until(const struct tally *tally)
{
    const struct target_traits *traits = target_traits(tally->target);
    if (!traits->lock)
        return 0;
    int64_t asked_ns = purge_locks_ask(tally->target, &tally->locks);
    int64_t reckoned_ns = tally->hidden_ns != 0 ? tally->hidden_ns + (int64_t)traits->lock_days * 86400 * NS_PER_S : 0;
    return asked_ns > reckoned_ns ? asked_ns : reckoned_ns;
}

static int look_at(struct run_target *t, const char *prefix, json_t *to, struct error *err)
{
    struct target_deleter deleter = {.target = t->target};
    const struct target_traits *traits = t->target != NULL ? target_traits(t->target) : NULL;
    struct tally tally = {.target = t->target,
                          .provider =
                              traits != NULL && traits->provider != NULL ? provider_find(traits->provider) : NULL,
                          .now_ns = clock_machine_ns()};
    struct error why = {0};
    bool listed = t->up && target_list_versions(&deleter, prefix, tally_version, &tally, &why) == 0 &&
                  target_list_uploads(&deleter, prefix, tally_upload, &tally, &why) == 0;
    int64_t locked_ns = listed ? locked_until(&tally) : 0;
    purge_locks_clear(&tally.locks);
    if (!listed && why.class == ERROR_NO_MEMORY)
        return error_no_memory(err);
    const char *text = listed ? NULL : t->up ? why.what : t->why.what;
    json_t *row =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s?, s:s?, s:s?}", "target", t->name, "state",
                  listed ? "listed" : "unknown", "objects", (json_int_t)tally.objects, "bytes", (json_int_t)tally.bytes,
                  "versions", (json_int_t)tally.versions, "markers", (json_int_t)tally.markers, "uploads",
                  (json_int_t)tally.uploads, "country", traits != NULL ? traits->country : NULL, "provider",
                  traits != NULL ? traits->provider : NULL, "why", text);
    if (json_array_append_new(to, row) != 0 || purge_set_time(row, "locked_until", locked_ns, err) != 0)
        return error_no_memory(err);
    if (tally.billed == 0)
        return 0;
    return json_object_set_new(row, "billed_bytes", json_integer((json_int_t)tally.billed)) != 0
               ? error_no_memory(err)
               : purge_set_time(row, "billed_until", tally.billed_ns, err);
}

int purge_look_targets(struct hikae *hikae, const struct id *tid, json_t **ret, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    CLEANUP_FREE char *prefix = mem_printf(NAME_TENANTS "%s/", hex_encode(tid->bytes, ID_SIZE, hex));
    CLEANUP_JSON json_t *targets = json_array();
    if (prefix == NULL || targets == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < hikae->target_count; i++)
        if (look_at(&hikae->targets[i], prefix, targets, err) != 0)
            return -1;
    *ret = json_incref(targets);
    return 0;
}

/* ---- Entries of the keystore ---- */

struct entries {
    const char *target;
    json_t *epochs; /* {"<epoch>": [{target, objects, versions, markers}]} */
};

static int count_entry(json_t *row, const char *key, struct error *err)
{
    json_int_t count = json_integer_value(json_object_get(row, key));
    return json_object_set_new(row, key, json_integer(count + 1)) == 0 ? 0 : error_no_memory(err);
}

static int note_entry(const struct target_version *version, void *context, struct error *err)
{
    const struct entries *entries = context;
    uint32_t epoch = 0;
    struct hash hash;
    char key[16];
    if (!name_key_parse(version->name + strlen(NAME_KEYS), &epoch, &hash))
        return 0;
    (void)snprintf(key, sizeof(key), "%u", epoch);
    json_t *list = json_object_get(entries->epochs, key);
    if (list == NULL && json_object_set_new(entries->epochs, key, list = json_array()) != 0)
        return error_no_memory(err);
    size_t count = json_array_size(list);
    json_t *row = count > 0 ? json_array_get(list, count - 1) : NULL;
    const char *last = json_string_value(json_object_get(row, "target"));
    if (last == NULL || strcmp(last, entries->target) != 0) {
        row = json_pack("{s:s, s:i, s:i, s:i}", "target", entries->target, "objects", 0, "versions", 0, "markers", 0);
        if (json_array_append_new(list, row) != 0)
            return error_no_memory(err);
    }
    if (version->latest && !version->marker && count_entry(row, "objects", err) != 0)
        return -1;
    return count_entry(row, version->marker ? "markers" : "versions", err);
}

static int list_entries(struct hikae *hikae, json_t *epochs, struct error *err)
{
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct run_target *t = &hikae->targets[i];
        struct target_deleter deleter = {.target = t->target};
        struct entries entries = {t->name, epochs};
        if (t->up && target_list_versions(&deleter, NAME_KEYS, note_entry, &entries, err) != 0)
            return error_wrap(err, "list the keystore's entries on %s", t->name);
    }
    return 0;
}

/* ---- Holders ---- */

/* A small file that says that it is a key or a sheet. */
static bool is_key_material(const char *path, enum holder_kind *ret)
{
    struct stat st;
    uint32_t epoch;
    CLEANUP_SECRET struct secret *key = NULL;
    CLEANUP_SECRET struct secret *text = NULL;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > 4096)
        return false;
    *ret = HOLDER_FILE;
    if (holder_keyfile_read(path, &epoch, &key, NULL) == 0)
        return true;
    *ret = HOLDER_SHEET;
    return strstr(path, "sheet") != NULL && holder_read_secret(path, 4096, false, &text, NULL) == 0 &&
           secret_size(text) > 0;
}

static int add_found(struct holder_group *group, const char *path, enum holder_kind kind, struct error *err)
{
    struct holder *grown = mem_realloc(group->members, (group->member_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    group->members = grown;
    struct holder *member = &grown[group->member_count++];
    *member =
        (struct holder){.kind = kind, .name = mem_printf("found-%zu", group->member_count), .path = mem_strdup(path)};
    return member->name != NULL && member->path != NULL ? 0 : error_no_memory(err);
}

static bool is_known(const struct purge_holders *holders, const char *path)
{
    for (size_t g = 0; g < holders->count; g++)
        for (size_t i = 0; i < holders->groups[g].member_count; i++) {
            const char *known = holders->groups[g].members[i].path;
            if (known != NULL && strcmp(known, path) == 0)
                return true;
        }
    return false;
}

/* A key file, a sheet, or the note that a key file was destroyed, which stands for it. */
static int look_at_file(struct purge_holders *holders, char *path, struct error *err)
{
    static const char note[] = HOLDER_FILE_NOTE;
    size_t size = strlen(path), end = sizeof(note) - 1;
    enum holder_kind kind = HOLDER_FILE;
    bool is_note = size > end && strcmp(path + size - end, note) == 0;
    if (is_note)
        path[size - end] = '\0';
    if (is_known(holders, path) || (!is_note && !is_key_material(path, &kind)))
        return 0;
    return add_found(&holders->groups[holders->configured], path, kind, err);
}

static int find_in(struct purge_holders *holders, const char *beside, struct error *err)
{
    const char *slash = strrchr(beside, '/');
    CLEANUP_FREE char *folder = slash != NULL ? mem_printf("%.*s", (int)(slash - beside), beside) : mem_strdup(".");
    if (folder == NULL)
        return error_no_memory(err);
    DIR *dir = opendir(folder[0] != '\0' ? folder : "/");
    if (dir == NULL)
        return 0;
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;) {
        CLEANUP_FREE char *path = mem_printf("%s/%s", folder, entry->d_name);
        rc = path != NULL ? look_at_file(holders, path, err) : error_no_memory(err);
    }
    (void)closedir(dir);
    return rc;
}

void purge_holders_clear(struct purge_holders *holders)
{
    if (holders->groups == NULL)
        return;
    struct holder_group *found = &holders->groups[holders->configured];
    for (size_t i = 0; i < found->member_count; i++) {
        mem_free(found->members[i].name);
        mem_free(found->members[i].path);
    }
    engine_groups_free(holders->groups, holders->count);
    *holders = (struct purge_holders){0};
}

static const char *file_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

int purge_holders_find(struct hikae *hikae, struct purge_holders *ret, struct error *err)
{
    const struct config *config = hikae->config;
    *ret = (struct purge_holders){0};
    if (engine_groups(config, &ret->groups, err) != 0)
        return -1;
    struct holder_group *grown = mem_realloc(ret->groups, (config->group_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        engine_groups_free(ret->groups, config->group_count);
        *ret = (struct purge_holders){0};
        return error_no_memory(err);
    }
    static char found[] = "found";
    ret->groups = grown;
    ret->configured = config->group_count;
    ret->count = config->group_count + 1;
    grown[ret->configured] = (struct holder_group){.name = found};
    /* Where init puts key files, whether or not one that is configured lies there today. */
    CLEANUP_FREE char *usual =
        mem_printf("%.*skeys/epoch.key", (int)(file_name_of(config->path) - config->path), config->path);
    int rc = usual != NULL ? find_in(ret, config->path, err) : error_no_memory(err);
    if (rc == 0)
        rc = find_in(ret, usual, err);
    for (size_t g = 0; rc == 0 && g < ret->configured; g++)
        for (size_t i = 0; rc == 0 && i < grown[g].member_count; i++)
            if (grown[g].members[i].path != NULL)
                rc = find_in(ret, grown[g].members[i].path, err);
    if (rc != 0)
        purge_holders_clear(ret);
    return rc;
}

/* ---- Epochs ---- */

static json_t *holder_row(const struct keystore_holder_end *end)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s?}", "group", end->group, "name", end->name,
                            "kind", holder_kind_name(end->kind), "presence",
                            holder_presence_name(end->attestation.presence), "opens", holder_state_name(end->before),
                            "identity", end->attestation.identity, "worth", holder_destruction_worth(end->kind),
                            "extractable", (int)end->attestation.extractable, "why", end->why);
    return row;
}

static int look_at_epoch(struct hikae *hikae, const struct purge_holders *holders, const struct keystore_epoch_age *age,
                         const json_t *entries, json_t *to, struct error *err)
{
    struct keystore_destruction asked = {0};
    char key[16];
    (void)snprintf(key, sizeof(key), "%u", age->epoch);
    if (keystore_attest_epoch(hikae->keystore, age->epoch, holders->groups, holders->count, &asked, err) != 0)
        return -1;
    json_t *list = json_array();
    int rc = list != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < asked.count; i++)
        if (json_array_append_new(list, holder_row(&asked.holders[i])) != 0)
            rc = error_no_memory(err);
    keystore_destruction_clear(&asked);
    bool live = age->epoch == keystore_epoch(hikae->keystore);
    json_t *row = rc == 0
                      ? json_pack("{s:i, s:s, s:o, s:O?}", "epoch", (int)age->epoch, "state",
                                  live ? "in force" : "over", "holders", list, "entries", json_object_get(entries, key))
                      : NULL;
    if (rc != 0)
        json_decref(list);
    if (rc == 0 && (json_array_append_new(to, row) != 0 || purge_set_time(row, "created", age->created_ns, err) != 0))
        rc = error_no_memory(err);
    return rc;
}

/* Instants in slots are whole seconds, and hosts' clocks differ: what ended about then may have wrapped the key. */
#define AGE_MARGIN_NS (3600 * NS_PER_S)

int purge_look_epochs(struct hikae *hikae, int64_t since_ns, json_t **ret, struct error *err)
{
    CLEANUP(purge_holders_clear) struct purge_holders holders = {0};
    CLEANUP_JSON json_t *entries = json_object();
    CLEANUP_JSON json_t *epochs = json_array();
    struct keystore_epoch_age *ages = NULL;
    size_t count = 0;
    if (entries == NULL || epochs == NULL)
        return error_no_memory(err);
    if (purge_holders_find(hikae, &holders, err) != 0 || list_entries(hikae, entries, err) != 0 ||
        keystore_epoch_ages(hikae->keystore, &ages, &count, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        /* Over before the key was made: it cannot have wrapped it. Where the time is not known, it may have. */
        if (i + 1 < count && ages[i + 1].created_ns != 0 && ages[i + 1].created_ns < since_ns - AGE_MARGIN_NS)
            continue;
        rc = look_at_epoch(hikae, &holders, &ages[i], entries, epochs, err);
    }
    mem_free(ages);
    if (rc == 0)
        *ret = json_incref(epochs);
    return rc;
}
