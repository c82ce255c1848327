/* Operations that have begun: one locked file each. */
#include "audit/journal_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

static char *intent_path(const struct audit_journal *journal, const struct id *id, const char *prefix)
{
    char hex[2 * ID_SIZE + 1];
    return mem_printf("%s/open/%s%s", journal->folder, prefix, hex_encode(id->bytes, ID_SIZE, hex));
}

/* ---- Beginning ---- */

static int write_locked(int fd, const char *text)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || file_write_full(fd, text, strlen(text)) != 0)
        return -1;
    return fsync(fd);
}

int audit_journal_begin(struct audit_journal *journal, const struct id *id, json_t *entry, struct audit_intent *ret,
                        struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    CLEANUP_FREE char *text = NULL;
    CLEANUP_FREE char *path = intent_path(journal, id, "");
    /* Under its own name only when it is whole and locked: nobody ever sees it otherwise. */
    CLEANUP_FREE char *temporary = intent_path(journal, id, ".");
    *ret = (struct audit_intent){.id = *id, .fd = -1};
    if (path == NULL || temporary == NULL ||
        json_object_set_new(entry, "id", json_string(hex_encode(id->bytes, ID_SIZE, hex))) != 0)
        return error_no_memory(err);
    if (json_print(entry, &text, err) != 0)
        return -1;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "create %s", temporary);
    if (write_locked(fd, text) != 0 || rename(temporary, path) != 0) {
        (void)error_set_errno(err, ERROR_LOCAL, errno, "write %s", path);
        (void)unlink(temporary);
        (void)close(fd);
        return -1;
    }
    if (audit_journal_sync(journal, "open", err) != 0) {
        (void)unlink(path);
        (void)close(fd);
        return -1;
    }
    ret->fd = fd;
    return 0;
}

/* ---- Ending ---- */

static int finish(struct audit_journal *journal, const struct id *id, const json_t *entry, struct error *err)
{
    CLEANUP_FREE char *text = NULL;
    CLEANUP_FREE char *path = intent_path(journal, id, "");
    if (path == NULL)
        return error_no_memory(err);
    if (json_print(entry, &text, err) != 0 || audit_journal_append(journal, text, err) != 0)
        return -1;
    /* If the name comes back after a crash, the journal has its entry: audit_journal_recover sees that. */
    return unlink(path) == 0 ? 0 : error_set_errno(err, ERROR_LOCAL, errno, "remove %s", path);
}

int audit_journal_end(struct audit_journal *journal, struct audit_intent *intent, json_t *entry, struct error *err)
{
    int rc = audit_journal_lock(journal, err);
    if (rc == 0)
        rc = finish(journal, &intent->id, entry, err);
    audit_journal_unlock(journal);
    if (intent->fd >= 0)
        (void)close(intent->fd);
    intent->fd = -1;
    return rc;
}

/* ---- Those that are open ---- */

/* Locked by nobody: its process is gone. */
static bool is_orphan(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static int visit(struct audit_journal *journal, const char *name, audit_intent_callback *callback, void *context,
                 struct error *err)
{
    struct id id;
    CLEANUP(buf_free) struct buf text = {0};
    if (strlen(name) != 2 * ID_SIZE || !hex_decode(name, ID_SIZE, id.bytes))
        return 0;
    CLEANUP_FREE char *path = intent_path(journal, &id, "");
    if (path == NULL)
        return error_no_memory(err);
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, ERROR_LOCAL, errno, "open %s", path);
    bool alive = !is_orphan(fd);
    struct error why = {0};
    if (file_read(path, AUDIT_ENTRY_MAX, &text, &why) != 0) {
        /* It ended between the two calls. */
        if (why.class == ERROR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    struct bytes bytes = {text.data, text.size};
    return callback(&id, &bytes, alive, context, err);
}

int audit_journal_intents(struct audit_journal *journal, audit_intent_callback *callback, void *context,
                          struct error *err)
{
    CLEANUP_FREE char *folder = audit_journal_path(journal, "open");
    if (folder == NULL)
        return error_no_memory(err);
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return error_set_errno(err, ERROR_LOCAL, errno, "read %s", folder);
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;)
        rc = visit(journal, entry->d_name, callback, context, err);
    (void)closedir(dir);
    return rc;
}

/* ---- Closing what a crash left ---- */

struct recovery {
    struct audit_journal *journal;
    size_t closed;
};

struct search {
    const char *hex;
    bool found;
};

static int look_for(uint64_t number, const struct bytes *text, void *context, struct error *err)
{
    struct search *search = context;
    (void)number;
    (void)err;
    search->found = search->found || memmem(text->data, text->size, search->hex, 2 * ID_SIZE) != NULL;
    return 0;
}

json_t *audit_unknown_entry(const struct id *id, const char *result, const char *why)
{
    char hex[2 * ID_SIZE + 1], time[CLOCK_TEXT_SIZE];
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:n, s:s, s:i, s:n, s:n, s:s, s:{}, s:{s:b}, s:s, s:i}", "v", 1, "id",
                     hex_encode(id->bytes, ID_SIZE, hex), "time", audit_time(clock_now_ns(), time), "op", "unknown",
                     "class", "system", "tenant", "user", "unknown", "uid", 0, "login", "operator", "host", "unknown",
                     "counts", "details", why, 1, "result", result, "duration_ns", 0);
}

/* What an intent says; where the file is damaged, as much of an entry as its name tells. */
static json_t *read_intent(const struct id *id, const struct bytes *text)
{
    json_t *json = NULL;
    if (json_parse(text->data, text->size, &json, NULL) == 0 && json_is_object(json))
        return json;
    json_decref(json);
    return audit_unknown_entry(id, "interrupted", "crashed");
}

static int close_orphan(const struct id *id, const struct bytes *text, bool alive, void *context, struct error *err)
{
    struct recovery *recovery = context;
    char hex[2 * ID_SIZE + 1];
    struct search search = {.hex = hex_encode(id->bytes, ID_SIZE, hex)};
    if (alive)
        return 0;
    if (audit_journal_each(recovery->journal, look_for, &search, err) != 0)
        return -1;
    if (search.found) {
        CLEANUP_FREE char *path = intent_path(recovery->journal, id, "");
        if (path == NULL)
            return error_no_memory(err);
        return unlink(path) == 0 ? 0 : error_set_errno(err, ERROR_LOCAL, errno, "remove %s", path);
    }
    CLEANUP_JSON json_t *entry = read_intent(id, text);
    if (entry == NULL || json_object_set_new(entry, "result", json_string("interrupted")) != 0 ||
        json_object_set_new(entry, "duration_ns", json_integer(0)) != 0 ||
        json_object_set_new(json_object_get(entry, "details"), "crashed", json_true()) != 0)
        return error_no_memory(err);
    recovery->closed++;
    return finish(recovery->journal, id, entry, err);
}

int audit_journal_recover(struct audit_journal *journal, size_t *ret_closed, struct error *err)
{
    struct recovery recovery = {.journal = journal};
    int rc = audit_journal_intents(journal, close_orphan, &recovery, err);
    *ret_closed = recovery.closed;
    return rc;
}
