/* Key files: `hikae-key-1 epoch <e> <64 hex digits> <8 hex digits of checksum>` and a newline, mode 0600. */
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KEYFILE_PREFIX "hikae-key-1 epoch "

enum {
    PREFIX_SIZE = sizeof(KEYFILE_PREFIX) - 1,
    CHECK_SIZE = 4,
    KEYFILE_MAX = 4096,
    /* After the epoch's digits: a space, the key, a space, the checksum, a newline. */
    KEYFILE_TAIL = 1 + 2 * KEY_SIZE + 1 + 2 * CHECK_SIZE + 1,
    KEYFILE_LONGEST = PREFIX_SIZE + 10 + KEYFILE_TAIL + 1
};

/* Others must be able neither to read a key nor to put theirs in its place. */
static int check_private(int fd, const char *path, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_set_errno(err, ERROR_KEYS, errno, "look at %s", path);
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        (void)error_set(err, ERROR_KEYS, "%s can be read or written by others (mode %04o)", path,
                        (unsigned)(st.st_mode & 07777));
        return error_hint(err, "run: chmod 600 %s, and consider who may have read it", path);
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        (void)error_set(err, ERROR_KEYS, "%s belongs to user %lu, not to this user or root", path,
                        (unsigned long)st.st_uid);
        return error_hint(err, "run: chown %lu %s", (unsigned long)geteuid(), path);
    }
    return 0;
}

/* Read to the end of fd, at most `room` bytes; also from pipes. */
static ssize_t read_all(int fd, uint8_t *out, size_t room)
{
    size_t done = 0;
    while (done < room) {
        ssize_t n = read(fd, out + done, room - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int holder_read_secret(const char *path, size_t max, bool private_only, struct secret **ret, struct error *err)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(err, ERROR_NOT_FOUND, "%s is not there", path);
    if (fd < 0)
        return error_set_errno(err, errno == EACCES ? ERROR_DENIED : ERROR_LOCAL, errno, "open %s", path);
    if (private_only && check_private(fd, path, err) != 0)
        return -1;
    CLEANUP_SECRET struct secret *all = secret_new(max + 1);
    if (all == NULL)
        return error_no_memory(err);
    ssize_t size = read_all(fd, secret_bytes(all), max + 1);
    if (size < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "read %s", path);
    if ((size_t)size > max)
        return error_set(err, ERROR_KEYS, "%s is longer than %zu bytes", path, max);
    *ret = secret_copy(secret_borrow(all), (size_t)size);
    return *ret != NULL ? 0 : error_no_memory(err);
}

static int truncated(const char *path, size_t size, struct error *err)
{
    (void)error_set(err, ERROR_KEYS, "the key file %s is truncated: it ends after %zu bytes", path, size);
    return error_hint(err, "put the whole file back from its copy");
}

/* The digits of the epoch at the start of text; *ret_digits is their number, 0 if they are no epoch. */
static uint32_t parse_epoch(const char *text, size_t size, size_t *ret_digits)
{
    uint64_t epoch = 0;
    size_t digits = 0;
    while (digits < size && digits < 11 && text[digits] >= '0' && text[digits] <= '9')
        epoch = epoch * 10 + (uint64_t)(text[digits++] - '0');
    *ret_digits = epoch == 0 || epoch > UINT32_MAX || text[0] == '0' ? 0 : digits;
    return (uint32_t)epoch;
}

/* The text of a key file into its epoch and key. */
static int parse_keyfile(const char *path, const char *text, size_t size, uint32_t *ret_epoch, struct secret **ret_key,
                         struct error *err)
{
    size_t known = size < PREFIX_SIZE ? size : PREFIX_SIZE;
    if (memcmp(text, KEYFILE_PREFIX, known) != 0)
        return error_set(err, ERROR_KEYS, "%s is no hikae key file", path);
    if (known < PREFIX_SIZE)
        return truncated(path, size, err);
    size_t digits = 0;
    uint32_t epoch = parse_epoch(text + PREFIX_SIZE, size - PREFIX_SIZE, &digits);
    size_t body = PREFIX_SIZE + digits; /* where the space before the key is */
    if (size == PREFIX_SIZE || (digits > 0 && size < body + KEYFILE_TAIL))
        return truncated(path, size, err);
    if (digits == 0)
        return error_set(err, ERROR_KEYS, "the key file %s states no epoch", path);
    if (size > body + KEYFILE_TAIL)
        return error_set(err, ERROR_KEYS, "the key file %s has %zu bytes more than a key file has", path,
                         size - body - KEYFILE_TAIL);

    CLEANUP_SECRET struct secret *key = secret_new(KEY_SIZE);
    if (key == NULL)
        return error_no_memory(err);
    size_t checked = body + 1 + 2 * KEY_SIZE + 1; /* the bytes that the checksum is of */
    uint8_t stated[CHECK_SIZE];
    uint8_t digest[SHA256_SIZE];
    bool formed = text[body] == ' ' && text[checked - 1] == ' ' && text[size - 1] == '\n' &&
                  hex_decode(text + body + 1, KEY_SIZE, secret_bytes(key)) &&
                  hex_decode(text + checked, CHECK_SIZE, stated);
    if (sha256(text, checked, digest, err) != 0)
        return -1;
    if (!formed || memcmp(stated, digest, CHECK_SIZE) != 0) {
        (void)error_set(err, ERROR_KEYS, "the checksum of the key file %s is wrong: the file was changed", path);
        return error_hint(err, "put the file back from its copy");
    }
    *ret_epoch = epoch;
    *ret_key = key;
    key = NULL;
    return 0;
}

int holder_keyfile_read(const char *path, uint32_t *ret_epoch, struct secret **ret_key, struct error *err)
{
    CLEANUP_SECRET struct secret *text = NULL;
    if (holder_read_secret(path, KEYFILE_MAX, true, &text, err) != 0)
        return -1;
    return parse_keyfile(path, (const char *)secret_borrow(text), secret_size(text), ret_epoch, ret_key, err);
}

int holder_keyfile_create(const char *path, uint32_t epoch, const struct secret *key, struct error *err)
{
    CLEANUP_SECRET struct secret *line = secret_new(KEYFILE_LONGEST);
    if (line == NULL)
        return error_no_memory(err);
    char *text = (char *)secret_bytes(line);
    size_t size = (size_t)snprintf(text, KEYFILE_LONGEST, KEYFILE_PREFIX "%u ", epoch);
    (void)hex_encode(secret_borrow(key), KEY_SIZE, text + size);
    size += 2 * (size_t)KEY_SIZE;
    text[size++] = ' ';
    uint8_t digest[SHA256_SIZE];
    if (sha256(text, size, digest, err) != 0)
        return -1;
    (void)hex_encode(digest, CHECK_SIZE, text + size);
    size += 2 * (size_t)CHECK_SIZE;
    text[size++] = '\n';
    if (file_create_durable(path, text, size, 0600, err) == 0)
        return 0;
    if (err != NULL && err->class == ERROR_REFUSED)
        (void)error_hint(err, "a key file is never replaced: name a new path, or move the old file away first");
    return -1;
}

/* Random bytes over the whole length of the file, on the medium before this returns. */
static int overwrite(int fd, const char *path, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "look at %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size > KEYFILE_MAX)
        return error_set(err, ERROR_REFUSED, "%s is no file of the size of a key", path);
    uint8_t noise[KEYFILE_MAX];
    if (crypto_random(noise, sizeof(noise), err) != 0)
        return -1;
    if (file_pwrite_full(fd, noise, (size_t)st.st_size, 0) != 0 || fsync(fd) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "overwrite %s", path);
    return 0;
}

int holder_keyfile_destroy(const char *path, struct error *err)
{
    CLEANUP_FREE char *folder = mem_strdup(path);
    if (folder == NULL)
        return error_no_memory(err);
    char *slash = strrchr(folder, '/');
    if (slash == folder)
        slash[1] = '\0';
    else if (slash != NULL)
        *slash = '\0';
    CLEANUP_FD int folder_fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return error_set_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_LOCAL, errno, "open the folder of %s",
                               path);
    CLEANUP_FD int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_LOCAL, errno, "open %s", path);
    if (overwrite(fd, path, err) != 0)
        return -1;
    if (unlink(path) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "remove %s, which is overwritten", path);
    if (fsync(folder_fd) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "sync the folder of %s, which is removed", path);
    return 0;
}

int holder_file_make(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                     struct error *err)
{
    ret->key = secret_new(KEY_SIZE);
    if (ret->key == NULL)
        return error_no_memory(err);
    char key_id[2 * HOLDER_KEY_ID_SIZE + 1];
    if (crypto_random(secret_bytes(ret->key), KEY_SIZE, err) != 0 ||
        holder_key_id(HOLDER_FILE_LABEL, ret->key, key_id, err) != 0)
        return -1;
    ret->params = json_pack("{s:s}", "key_id", key_id);
    CLEANUP_FREE char *path = mem_strdup(holder->path);
    if (ret->params == NULL || path == NULL)
        return error_no_memory(err);
    if (holder_keyfile_create(path, occasion->epoch, ret->key, err) != 0)
        return -1;
    ret->created_path = path;
    path = NULL;
    return 0;
}

/* The key file must be the one that the slot's params name. */
static int check_key(const struct holder *holder, const struct secret *key, const json_t *params, struct error *err)
{
    char key_id[2 * HOLDER_KEY_ID_SIZE + 1];
    if (holder_key_id(HOLDER_FILE_LABEL, key, key_id, err) != 0)
        return -1;
    const char *wanted = json_string_value(json_object_get(params, "key_id"));
    if (wanted != NULL && strcmp(wanted, key_id) == 0)
        return 0;
    (void)error_set(err, ERROR_KEYS, "%s is another key: of another store, or of another holder of this one",
                    holder->path);
    return error_hint(err, "compare with the paths in the configuration of this store");
}

int holder_file_reach(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                      struct error *err)
{
    uint32_t key_epoch = 0;
    CLEANUP_SECRET struct secret *key = NULL;
    if (holder_keyfile_read(holder->path, &key_epoch, &key, err) != 0)
        return -1;
    if (key_epoch != epoch) {
        (void)error_set(err, ERROR_KEYS, "this key file is of epoch %u, the store is at epoch %u (%s)", key_epoch,
                        epoch, holder->path);
        return error_hint(err, "use the key file that was made for epoch %u", epoch);
    }
    if (check_key(holder, key, params, err) != 0)
        return -1;
    *ret_key = key;
    key = NULL;
    return 0;
}

/* ---- The end of a key file ---- */

/*
 * Before a key file is wiped, a note beside it says which one and when: after a crash, a file that is not there and a
 * stick that is not plugged in could not be told apart. `hikae-key-1 destroyed <key id> <time>` and a newline.
 */
#define NOTE_PREFIX "hikae-key-1 destroyed "

static char *note_path(const struct holder *holder)
{
    return mem_printf("%s" HOLDER_FILE_NOTE, holder->path);
}

static int write_note(const struct holder *holder, const char *key_id, int64_t now_ns, struct error *err)
{
    char time[CLOCK_TEXT_SIZE];
    CLEANUP_FREE char *path = note_path(holder);
    CLEANUP_FREE char *text = mem_printf(NOTE_PREFIX "%s %s\n", key_id, clock_format(now_ns, time));
    if (path == NULL || text == NULL)
        return error_no_memory(err);
    return file_write_atomic(path, text, strlen(text), 0600, err);
}

/* When the key of params was begun to be destroyed here; 0: nobody noted that. */
static int64_t read_note(const struct holder *holder, const json_t *params)
{
    const char *key_id = json_string_value(json_object_get(params, "key_id"));
    CLEANUP_FREE char *path = note_path(holder);
    CLEANUP(buf_free) struct buf text = {0};
    int64_t at_ns = 0;
    if (key_id == NULL || path == NULL || file_read(path, KEYFILE_MAX, &text, NULL) != 0 || buf_u8(&text, 0, NULL) != 0)
        return 0;
    char *line = (char *)text.data, *end = strchr(line, '\n');
    size_t size = strlen(key_id);
    if (end == NULL || strncmp(line, NOTE_PREFIX, sizeof(NOTE_PREFIX) - 1) != 0)
        return 0;
    line += sizeof(NOTE_PREFIX) - 1;
    *end = '\0';
    if (strncmp(line, key_id, size) != 0 || line[size] != ' ' || clock_parse(line + size + 1, &at_ns, NULL) != 0)
        return 0;
    return at_ns;
}

/* A file that is there, or whose end was noted, and nothing in between. */
static int look(const struct holder *holder, uint32_t epoch, const json_t *params, bool *ret_present, int64_t *ret_gone,
                struct error *err)
{
    struct error why = {0};
    CLEANUP_SECRET struct secret *key = NULL;
    *ret_present = holder_file_reach(holder, epoch, params, &key, &why) == 0;
    *ret_gone = *ret_present ? 0 : read_note(holder, params);
    if (*ret_present || *ret_gone != 0)
        return 0;
    *err = why;
    return -1;
}

int holder_file_attest(const struct holder *holder, uint32_t epoch, const json_t *params,
                       struct holder_attestation *ret, struct error *err)
{
    bool present;
    int64_t gone_ns;
    const char *key_id = json_string_value(json_object_get(params, "key_id"));
    (void)snprintf(ret->identity, sizeof(ret->identity), "%.32s", key_id != NULL ? key_id : "");
    if (look(holder, epoch, params, &present, &gone_ns, err) != 0)
        return -1;
    ret->presence = present || access(holder->path, F_OK) == 0 ? HOLDER_PRESENT : HOLDER_ABSENT;
    (void)snprintf(ret->detail, sizeof(ret->detail), "%.200s", holder->path);
    return 0;
}

int holder_file_destroy(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_end *ret,
                        struct error *err)
{
    bool present;
    int64_t gone_ns;
    if (look(holder, epoch, params, &present, &gone_ns, err) != 0)
        return -1;
    if (present) {
        gone_ns = clock_now_ns() / NS_PER_S * NS_PER_S; /* as the note can say it */
        if (write_note(holder, json_string_value(json_object_get(params, "key_id")), gone_ns, err) != 0)
            return -1;
    }
    *ret = (struct holder_end){.fate = present ? HOLDER_FATE_DESTROYED : HOLDER_FATE_ABSENT, .at_ns = gone_ns};
    struct error why = {0};
    if (holder_keyfile_destroy(holder->path, &why) == 0 || why.class == ERROR_NOT_FOUND)
        return 0;
    *err = why;
    return -1;
}
