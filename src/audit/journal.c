#include "audit/journal.h"

#include "audit/journal_internal.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

/*
 * A record of the journal:
 *
 * OFFSET SIZE  FIELD
 *  0      4    size of the text
 *  4      4    zero
 *  8      8    number
 * 16     32    SHA-256 of the 16 bytes before and of the text
 * 48      …    text
 */
enum { RECORD_HEAD = 48, JOURNAL_MAX = 1 << 30 };

char *audit_journal_path(const struct audit_journal *journal, const char *last)
{
    return mem_printf("%s/%s", journal->folder, last);
}

int audit_journal_open(const char *folder, const struct id *log, struct audit_journal **ret, struct error *err)
{
    struct audit_journal *journal = mem_calloc(1, sizeof(*journal));
    if (journal == NULL)
        return error_no_memory(err);
    *journal = (struct audit_journal){.folder = mem_strdup(folder), .lock_fd = -1, .upload_fd = -1, .log = *log};
    CLEANUP_FREE char *open = journal->folder != NULL ? audit_journal_path(journal, "open") : NULL;
    CLEANUP_FREE char *cache = journal->folder != NULL ? audit_journal_path(journal, "cache") : NULL;
    int rc = open != NULL && cache != NULL ? 0 : error_no_memory(err);
    if (rc == 0 && (file_mkdirs(open, 0700, err) != 0 || file_mkdirs(cache, 0700, err) != 0))
        rc = -1;
    if (rc != 0)
        audit_journal_free(journal);
    else
        *ret = journal;
    return rc;
}

void audit_journal_free(struct audit_journal *journal)
{
    if (journal == NULL)
        return;
    audit_journal_unlock(journal);
    audit_journal_upload_unlock(journal);
    mem_free(journal->folder);
    mem_free(journal);
}

/* ---- Locks ---- */

static int take_lock(const struct audit_journal *journal, const char *name, int how, int *ret_fd, struct error *err)
{
    CLEANUP_FREE char *path = audit_journal_path(journal, name);
    if (path == NULL)
        return error_no_memory(err);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", path);
    int rc = flock(fd, how);
    while (rc != 0 && errno == EINTR)
        rc = flock(fd, how);
    if (rc == 0) {
        *ret_fd = fd;
        return 0;
    }
    int errnum = errno;
    (void)close(fd);
    if (errnum == EWOULDBLOCK)
        return error_set(err, ERROR_BUSY, "%s is held by another process", path);
    return error_set_errno(err, ERROR_LOCAL, errnum, "lock %s", path);
}

static void drop_lock(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

int audit_journal_lock(struct audit_journal *journal, struct error *err)
{
    return take_lock(journal, "lock", LOCK_EX, &journal->lock_fd, err);
}

void audit_journal_unlock(struct audit_journal *journal)
{
    drop_lock(&journal->lock_fd);
}

int audit_journal_upload_lock(struct audit_journal *journal, bool *ret_mine, struct error *err)
{
    struct error why = {0};
    *ret_mine = take_lock(journal, "upload.lock", LOCK_EX | LOCK_NB, &journal->upload_fd, &why) == 0;
    if (*ret_mine || why.class == ERROR_BUSY)
        return 0;
    *err = why;
    return -1;
}

void audit_journal_upload_unlock(struct audit_journal *journal)
{
    drop_lock(&journal->upload_fd);
}

/* ---- The tree ---- */

void audit_tree_clear(struct audit_tree *tree)
{
    mem_free(tree->checkpoint);
    json_decref(tree->targets);
    *tree = (struct audit_tree){0};
}

static bool take_hex(const json_t *json, const char *name, size_t size, void *out)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL && strlen(text) == 2 * size && hex_decode(text, size, out);
}

static bool take_u64(const json_t *json, const char *name, uint64_t *ret)
{
    const json_t *value = json_object_get(json, name);
    *ret = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool parse_tree(const json_t *json, struct audit_tree *ret)
{
    const json_t *nodes = json_object_get(json, "frontier");
    const char *checkpoint = json_string_value(json_object_get(json, "checkpoint"));
    if (!take_hex(json, "log", ID_SIZE, ret->log.bytes) || !take_u64(json, "size", &ret->frontier.size) ||
        !take_u64(json, "done", &ret->done) || !take_hex(json, "previous", ID_SIZE, ret->previous.bytes) ||
        !take_u64(json, "previous_size", &ret->previous_size) ||
        json_array_size(nodes) != tree_frontier_count(ret->frontier.size))
        return false;
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const char *text = json_string_value(json_array_get(nodes, i));
        if (text == NULL || strlen(text) != 2 * HASH_SIZE || !hex_decode(text, HASH_SIZE, ret->frontier.nodes[i].bytes))
            return false;
    }
    ret->checkpoint = checkpoint != NULL ? mem_strdup(checkpoint) : NULL;
    ret->targets = json_deep_copy(json_object_get(json, "targets"));
    return json_is_object(ret->targets) && (ret->checkpoint != NULL || ret->frontier.size == 0);
}

int audit_journal_tree(struct audit_journal *journal, struct audit_tree *ret, struct error *err)
{
    CLEANUP_FREE char *path = audit_journal_path(journal, "tree");
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP_JSON json_t *json = NULL;
    struct error why = {0};
    *ret = (struct audit_tree){0};
    if (path == NULL)
        return error_no_memory(err);
    if (file_read(path, JOURNAL_MAX, &text, &why) != 0) {
        if (why.class != ERROR_NOT_FOUND) {
            *err = why;
            return -1;
        }
        *ret = (struct audit_tree){.log = journal->log, .targets = json_object()};
        return ret->targets != NULL ? 0 : error_no_memory(err);
    }
    if (json_parse(text.data, text.size, &json, err) != 0)
        return -1;
    if (parse_tree(json, ret))
        return 0;
    audit_tree_clear(ret);
    (void)error_set(err, ERROR_DAMAGED, "%s is not what hikae writes", path);
    return error_hint(err, "move it away: hikae then begins another log, and says so in it");
}

static json_t *tree_json(const struct audit_tree *tree)
{
    char log[2 * ID_SIZE + 1], previous[2 * ID_SIZE + 1], node[2 * HASH_SIZE + 1];
    json_t *nodes = json_array();
    for (size_t i = 0; i < tree_frontier_count(tree->frontier.size); i++)
        if (json_array_append_new(nodes, json_string(hex_encode(tree->frontier.nodes[i].bytes, HASH_SIZE, node))) !=
            0) {
            json_decref(nodes);
            return NULL;
        }
    return json_pack("{s:s, s:I, s:I, s:o, s:s?, s:O, s:s, s:I}", "log", hex_encode(tree->log.bytes, ID_SIZE, log),
                     "size", (json_int_t)tree->frontier.size, "done", (json_int_t)tree->done, "frontier", nodes,
                     "checkpoint", tree->checkpoint, "targets", tree->targets, "previous",
                     hex_encode(tree->previous.bytes, ID_SIZE, previous), "previous_size",
                     (json_int_t)tree->previous_size);
}

/* ---- The journal's records ---- */

static int record_hash(const uint8_t head[16], const void *text, size_t size, uint8_t out[HASH_SIZE], struct error *err)
{
    struct sha256 *hash CLEANUP(cleanup_sha256_free) = sha256_new();
    if (hash == NULL)
        return error_no_memory(err);
    if (sha256_start(hash, err) != 0 || sha256_update(hash, head, 16, err) != 0 ||
        sha256_update(hash, text, size, err) != 0)
        return -1;
    return sha256_finish(hash, out, err);
}

/* The next record of a journal, and whether it is whole. */
static int next_record(struct cursor *c, uint64_t *ret_number, struct bytes *ret_text, bool *ret_whole,
                       struct error *err)
{
    uint8_t found[HASH_SIZE];
    const uint8_t *head = cursor_bytes(c, RECORD_HEAD);
    *ret_whole = head != NULL && get_u32(head) <= AUDIT_ENTRY_MAX && get_u32(head + 4) == 0;
    if (!*ret_whole)
        return 0;
    ret_text->size = get_u32(head);
    ret_text->data = cursor_bytes(c, ret_text->size);
    *ret_number = get_u64(head + 8);
    *ret_whole = ret_text->data != NULL;
    if (!*ret_whole)
        return 0;
    if (record_hash(head, ret_text->data, ret_text->size, found, err) != 0)
        return -1;
    *ret_whole = memcmp(found, head + 16, HASH_SIZE) == 0;
    return 0;
}

static int put_record(uint64_t number, const void *text, size_t size, struct buf *out, struct error *err)
{
    uint8_t head[RECORD_HEAD] = {0};
    put_u32(head, (uint32_t)size);
    put_u64(head + 8, number);
    if (record_hash(head, text, size, head + 16, err) != 0 || buf_append(out, head, sizeof(head), err) != 0)
        return -1;
    return buf_append(out, text, size, err);
}

/* The next whole record, behind whatever is none; *ret_whole: there is one. */
static int find_record(struct cursor *c, uint64_t *ret_number, struct bytes *ret_text, bool *ret_whole,
                       struct error *err)
{
    *ret_whole = false;
    while (!*ret_whole && c->left >= RECORD_HEAD) {
        struct cursor next = *c;
        if (next_record(&next, ret_number, ret_text, ret_whole, err) != 0)
            return -1;
        if (*ret_whole)
            *c = next;
        else
            (void)cursor_bytes(c, 1);
    }
    return 0;
}

/* Records that were whole once, as later ones are there: the log says that something was here, and was lost. */
static int tell_lost(uint64_t from, uint64_t to, audit_entry_callback *callback, void *context, struct error *err)
{
    for (uint64_t number = from; number < to; number++) {
        CLEANUP_FREE char *text = NULL;
        struct id id;
        if (crypto_random(id.bytes, ID_SIZE, err) != 0)
            return -1;
        CLEANUP_JSON json_t *entry = audit_unknown_entry(&id, "damaged", "lost");
        if (entry == NULL)
            return error_no_memory(err);
        if (json_print(entry, &text, err) != 0)
            return -1;
        const struct bytes bytes = {(const uint8_t *)text, strlen(text)};
        if (callback(number, &bytes, context, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * Go through the journal. A last record that is not whole is one that a crash tore: its operation is still an open
 * intent, so it is passed over. One that is not whole before others was damaged by the disk: an entry stands in its
 * place that says so. *ret_good: the bytes up to the end of the last; *ret_next: the number after it.
 */
static int read_journal(struct audit_journal *journal, audit_entry_callback *callback, void *context,
                        struct audit_journal_end *ret, struct error *err)
{
    CLEANUP_FREE char *path = audit_journal_path(journal, "journal");
    CLEANUP(buf_free) struct buf all = {0};
    struct error why = {0};
    struct audit_tree tree;
    if (path == NULL)
        return error_no_memory(err);
    if (audit_journal_tree(journal, &tree, err) != 0)
        return -1;
    uint64_t done = tree.done;
    audit_tree_clear(&tree);
    *ret = (struct audit_journal_end){.next = done};
    if (file_read(path, JOURNAL_MAX, &all, &why) != 0 && why.class != ERROR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    struct cursor c = cursor_of(all.data, all.size);
    while (c.left > 0) {
        uint64_t number = 0;
        struct bytes text = {0};
        size_t left = c.left;
        bool whole;
        if (find_record(&c, &number, &text, &whole, err) != 0)
            return -1;
        if (!whole)
            break;
        ret->good = all.size - c.left;
        if (number < ret->next)
            continue;
        bool damaged = left - c.left > RECORD_HEAD + text.size;
        if (damaged && callback != NULL && tell_lost(ret->next, number, callback, context, err) != 0)
            return -1;
        ret->next = number + 1;
        if (callback != NULL && callback(number, &text, context, err) != 0)
            return -1;
    }
    return 0;
}

int audit_journal_each(struct audit_journal *journal, audit_entry_callback *callback, void *context, struct error *err)
{
    struct audit_journal_end end;
    return read_journal(journal, callback, context, &end, err);
}

/* Is the end of the journal where this process left it? Then it need not be read again. */
static bool end_is_known(const struct audit_journal *journal, const struct stat *st)
{
    const struct audit_journal_end *end = &journal->end;
    return end->known && st->st_ino == end->inode && (uint64_t)st->st_size == end->good &&
           st->st_ctim.tv_sec == end->changed.tv_sec && st->st_ctim.tv_nsec == end->changed.tv_nsec;
}

int audit_journal_append(struct audit_journal *journal, const char *text, struct error *err)
{
    CLEANUP_FREE char *path = audit_journal_path(journal, "journal");
    CLEANUP(buf_free) struct buf record = {0};
    struct stat st;
    if (path == NULL)
        return error_no_memory(err);
    CLEANUP_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fstat(fd, &st) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", path);
    if (!end_is_known(journal, &st) && read_journal(journal, NULL, NULL, &journal->end, err) != 0)
        return -1;
    struct audit_journal_end *end = &journal->end;
    end->known = false;
    if (put_record(end->next, text, strlen(text), &record, err) != 0)
        return -1;
    if (ftruncate(fd, (off_t)end->good) != 0 ||
        file_pwrite_full(fd, record.data, record.size, (int64_t)end->good) != 0 || fsync(fd) != 0 ||
        fstat(fd, &st) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "write %s", path);
    if (end->good == 0 && audit_journal_sync(journal, "", err) != 0)
        return -1;
    *end = (struct audit_journal_end){.known = true,
                                      .good = end->good + record.size,
                                      .next = end->next + 1,
                                      .inode = st.st_ino,
                                      .changed = st.st_ctim};
    return 0;
}

int audit_journal_sync(struct audit_journal *journal, const char *last, struct error *err)
{
    CLEANUP_FREE char *path = audit_journal_path(journal, last);
    if (path == NULL)
        return error_no_memory(err);
    CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "sync %s", path);
    return 0;
}

static int keep_record(uint64_t number, const struct bytes *text, void *context, struct error *err)
{
    return put_record(number, text->data, text->size, context, err);
}

int audit_journal_set_tree(struct audit_journal *journal, const struct audit_tree *tree, struct error *err)
{
    CLEANUP_FREE char *path = audit_journal_path(journal, "tree");
    CLEANUP_FREE char *journal_path = audit_journal_path(journal, "journal");
    CLEANUP_FREE char *text = NULL;
    CLEANUP_JSON json_t *json = tree_json(tree);
    CLEANUP(buf_free) struct buf left = {0};
    if (path == NULL || journal_path == NULL || json == NULL)
        return error_no_memory(err);
    if (json_print(json, &text, err) != 0 || file_write_atomic(path, text, strlen(text), 0600, err) != 0)
        return -1;
    if (audit_journal_each(journal, keep_record, &left, err) != 0)
        return -1;
    journal->end.known = false;
    return file_write_atomic(journal_path, left.data, left.size, 0600, err);
}
