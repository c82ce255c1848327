/*
 * Credentials in the environment and in files. The format of files is that of
 * AWS's shared files: lines of `key = value` below `[section]`, comments with
 * '#' or ';', and indented lines that belong to the value before (settings of
 * other programs: passed over).
 */
#include "base/file.h"
#include "base/mem.h"
#include "target/credentials_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_MAX = 32 << 10 };

/* ---- The environment ---- */

int credentials_read_environment(const char *prefix, struct credentials_found *found, struct error *err)
{
    static const char *const names[] = {"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"};
    const char *values[3];
    prefix = prefix != NULL ? prefix : "AWS_";
    for (size_t i = 0; i < 3; i++) {
        CLEANUP_FREE char *name = mem_printf("%s%s", prefix, names[i]);
        if (name == NULL)
            return error_no_memory(err);
        const char *value = getenv(name);
        values[i] = value != NULL ? value : "";
    }
    if (values[0][0] == '\0' && values[1][0] == '\0')
        return 0;
    CLEANUP_FREE char *where = mem_printf("%s%s and %s%s in the environment", prefix, names[0], prefix, names[1]);
    if (where == NULL)
        return error_no_memory(err);
    if (credentials_found_set(found, bytes_of(values[0]), bytes_of(values[1]), bytes_of(values[2]), where, err) != 0)
        return -1;
    found->described = mem_strdup("the environment");
    return found->described != NULL ? 0 : error_no_memory(err);
}

/* ---- Reading a file ---- */

static int check_mode(int fd, const char *path, enum credentials_privacy privacy, struct error *err)
{
    static const mode_t forbidden[] = {
        [CREDENTIALS_OWNER_ONLY] = S_IRWXG | S_IRWXO, [CREDENTIALS_GROUP_TOO] = S_IRWXO, [CREDENTIALS_ANYBODY] = 0};
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "look at %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_CONFIG, "%s is not a regular file", path);
    if ((st.st_mode & forbidden[privacy]) != 0) {
        (void)error_set(err, ERROR_CONFIG, "%s can be read or written by others (mode %04o)", path,
                        (unsigned)(st.st_mode & 07777));
        return error_hint(err, "run: chmod 600 %s, and consider who may have read it", path);
    }
    if (privacy != CREDENTIALS_ANYBODY && st.st_uid != geteuid() && st.st_uid != 0) {
        (void)error_set(err, ERROR_CONFIG, "%s belongs to user %lu, not to this user or root", path,
                        (unsigned long)st.st_uid);
        return error_hint(err, "run: chown %lu %s", (unsigned long)geteuid(), path);
    }
    return 0;
}

/* The text of a file in memory for secrets. ERROR_NOT_FOUND if it is not there. */
static int read_secret(const char *path, enum credentials_privacy privacy, struct secret **ret, struct error *err)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(err, ERROR_NOT_FOUND, "the file of credentials %s is not there", path);
    if (fd < 0)
        return error_set_errno(err, errno == EACCES ? ERROR_DENIED : ERROR_LOCAL, errno, "open %s", path);
    if (check_mode(fd, path, privacy, err) != 0)
        return -1;
    CLEANUP_SECRET struct secret *all = secret_new(FILE_MAX + 1);
    if (all == NULL)
        return error_no_memory(err);
    ssize_t size = file_pread_full(fd, secret_bytes(all), FILE_MAX + 1, 0);
    if (size < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "read %s", path);
    if (size > FILE_MAX)
        return error_set(err, ERROR_CONFIG, "the file of credentials %s is longer than %d bytes", path, FILE_MAX);
    *ret = secret_copy(secret_borrow(all), (size_t)size);
    return *ret != NULL ? 0 : error_no_memory(err);
}

/* ---- Its lines ---- */

enum { KEY_ID, KEY_SECRET, KEY_TOKEN, KEY_REGION, KEY_COUNT };
static const char *const key_names[KEY_COUNT] = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token",
                                                 "region"};
/* Ways to credentials that AWS's own programs go; a profile that has only these must not look empty. */
static const char *const foreign_names[] = {"role_arn", "credential_process", "sso_session", "sso_start_url",
                                            "web_identity_token_file"};

/* What a profile says: borrowed from the text. */
struct profile {
    bool there;
    struct bytes values[KEY_COUNT];
    const char *foreign; /* the first of foreign_names that it has, or NULL */
};

/* Which sections are read: the profile's own, in a shared file or configuration; or what is before any section too. */
struct section {
    const char *name;
    bool with_profile; /* "[profile NAME]", but "[default]" */
    bool before_any;
};

static struct bytes trimmed(const uint8_t *from, const uint8_t *end)
{
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return (struct bytes){from, (size_t)(end - from)};
}

static bool is_text(struct bytes bytes, const char *text)
{
    struct bytes other = bytes_of(text);
    return bytes_equal(&bytes, &other);
}

static bool section_matches(const struct section *section, struct bytes header)
{
    static const char word[] = "profile ";
    if (section->with_profile && strcmp(section->name, "default") != 0) {
        if (header.size < sizeof(word) - 1 || memcmp(header.data, word, sizeof(word) - 1) != 0)
            return false;
        header = trimmed(header.data + sizeof(word) - 1, header.data + header.size);
    }
    return is_text(header, section->name);
}

static int take_value(struct profile *profile, struct bytes key, struct bytes value, const char *path, size_t line,
                      struct error *err)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!is_text(key, key_names[i]))
            continue;
        if (profile->values[i].size != 0)
            return error_set(err, ERROR_CONFIG, "%s, line %zu: %s is given twice", path, line, key_names[i]);
        profile->values[i] = value;
    }
    for (size_t i = 0; i < sizeof(foreign_names) / sizeof(foreign_names[0]); i++)
        if (profile->foreign == NULL && is_text(key, foreign_names[i]))
            profile->foreign = foreign_names[i];
    return 0;
}

/* A line that is not indented. *ret_inside: whether the lines from here on belong to the section. */
static int take_line(const struct section *section, struct bytes line, bool *inside, struct profile *profile,
                     const char *path, size_t number, struct error *err)
{
    if (line.size == 0 || line.data[0] == '#' || line.data[0] == ';')
        return 0;
    const uint8_t *end = line.data + line.size;
    if (line.data[0] == '[' && end[-1] == ']') {
        *inside = section_matches(section, trimmed(line.data + 1, end - 1));
        profile->there = profile->there || *inside;
        return 0;
    }
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (equals == NULL || equals == line.data) {
        (void)error_set(err, ERROR_CONFIG, "%s, line %zu, is neither a comment nor [section] nor key = value", path,
                        number);
        return error_hint(err, "write lines such as: aws_access_key_id = …");
    }
    return *inside ? take_value(profile, trimmed(line.data, equals), trimmed(equals + 1, end), path, number, err) : 0;
}

static int find_profile(const struct secret *text, const struct section *section, const char *path,
                        struct profile *profile, struct error *err)
{
    const uint8_t *p = secret_borrow(text), *end = p + secret_size(text);
    bool inside = section->before_any;
    profile->there = inside;
    for (size_t number = 1; p < end; number++) {
        const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
        const uint8_t *stop = newline != NULL ? newline : end;
        bool indented = *p == ' ' || *p == '\t';
        if (!indented && take_line(section, trimmed(p, stop), &inside, profile, path, number, err) != 0)
            return -1;
        p = newline != NULL ? newline + 1 : end;
    }
    return 0;
}

/* Take over what a profile says; *found gets keys only from a profile that has some. */
static int take_profile(const struct profile *profile, const char *where, struct credentials_found *found,
                        struct error *err)
{
    const struct bytes *values = profile->values;
    if (values[KEY_REGION].size > 0 && found->region == NULL) {
        found->region = mem_printf("%.*s", (int)values[KEY_REGION].size, (const char *)values[KEY_REGION].data);
        if (found->region == NULL)
            return error_no_memory(err);
    }
    if (credentials_found_any(found) || (values[KEY_ID].size == 0 && values[KEY_SECRET].size == 0))
        return 0;
    if (credentials_found_set(found, values[KEY_ID], values[KEY_SECRET], values[KEY_TOKEN], where, err) != 0)
        return -1;
    found->described = mem_strdup(where);
    return found->described != NULL ? 0 : error_no_memory(err);
}

int credentials_read_file(const char *path, enum credentials_privacy privacy, struct credentials_found *found,
                          struct error *err)
{
    static const struct section section = {.name = "default", .before_any = true};
    CLEANUP_SECRET struct secret *text = NULL;
    struct profile profile = {0};
    if (read_secret(path, privacy, &text, err) != 0 || find_profile(text, &section, path, &profile, err) != 0 ||
        take_profile(&profile, path, found, err) != 0)
        return -1;
    if (credentials_found_any(found))
        return 0;
    (void)error_set(err, ERROR_CONFIG, "%s holds no access key", path);
    return error_hint(err, "write two lines: aws_access_key_id = … and aws_secret_access_key = …");
}

int credentials_read_systemd(const char *name, struct credentials_found *found, struct error *err)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL || folder[0] != '/') {
        (void)error_set(err, ERROR_CONFIG,
                        "systemd gave this process no credentials: CREDENTIALS_DIRECTORY is not set");
        return error_hint(err, "write LoadCredential=%s:/path/of/the/file into the unit", name);
    }
    CLEANUP_FREE char *path = mem_printf("%s/%s", folder, name);
    if (path == NULL)
        return error_no_memory(err);
    /* Where the unit has a user of its own, systemd gives it the right to read by an ACL, which looks like the group's.
     */
    return credentials_read_file(path, CREDENTIALS_GROUP_TOO, found, err);
}

/* ---- The shared files ---- */

/* The path that a variable names, or `usual` below the home folder; NULL when there is no memory or no home. */
static char *shared_path(const char *variable, const char *usual)
{
    const char *path = getenv(variable);
    if (path != NULL && path[0] != '\0')
        return mem_strdup(path);
    const char *home = getenv("HOME");
    struct passwd entry, *result = NULL;
    char room[4096];
    if (home == NULL && getpwuid_r(geteuid(), &entry, room, sizeof(room), &result) == 0 && result != NULL)
        home = result->pw_dir;
    return home != NULL ? mem_printf("%s/%s", home, usual) : NULL;
}

/* One of the two files. One that is not there says nothing. */
static int read_shared(const char *path, const struct section *section, enum credentials_privacy privacy,
                       struct credentials_found *found, bool *there, const char **foreign, struct error *err)
{
    CLEANUP_SECRET struct secret *text = NULL;
    struct profile profile = {0};
    struct error why = {0};
    if (read_secret(path, privacy, &text, &why) != 0) {
        if (why.class == ERROR_NOT_FOUND)
            return 0;
        if (err != NULL)
            *err = why;
        return -1;
    }
    CLEANUP_FREE char *where = mem_printf("profile %s of %s", section->name, path);
    if (where == NULL)
        return error_no_memory(err);
    if (find_profile(text, section, path, &profile, err) != 0)
        return -1;
    bool keys = profile.values[KEY_ID].size > 0 || profile.values[KEY_SECRET].size > 0;
    /* The configuration is no secret, unless it holds one. */
    if (keys && privacy == CREDENTIALS_ANYBODY)
        return read_shared(path, section, CREDENTIALS_OWNER_ONLY, found, there, foreign, err);
    *there = *there || profile.there;
    *foreign = *foreign != NULL ? *foreign : profile.foreign;
    return take_profile(&profile, where, found, err);
}

int credentials_read_profile(const char *name, struct credentials_found *found, struct error *err)
{
    const char *chosen = getenv("AWS_PROFILE");
    bool named = name != NULL || (chosen != NULL && chosen[0] != '\0');
    name = name != NULL ? name : named ? chosen : "default";
    CLEANUP_FREE char *keys = shared_path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    CLEANUP_FREE char *config = shared_path("AWS_CONFIG_FILE", ".aws/config");
    if (keys == NULL || config == NULL)
        return named ? error_set(err, ERROR_CONFIG, "this user has no home folder to look for profile %s", name) : 0;
    const struct section in_keys = {.name = name}, in_config = {.name = name, .with_profile = true};
    bool there = false;
    const char *foreign = NULL;
    if (read_shared(keys, &in_keys, CREDENTIALS_OWNER_ONLY, found, &there, &foreign, err) != 0 ||
        read_shared(config, &in_config, CREDENTIALS_ANYBODY, found, &there, &foreign, err) != 0)
        return -1;
    if (named && !there) {
        (void)error_set(err, ERROR_CONFIG, "profile %s is neither in %s nor in %s", name, keys, config);
        return error_hint(err, "name a profile that is there, or set AWS_SHARED_CREDENTIALS_FILE");
    }
    if (!credentials_found_any(found) && foreign != NULL) {
        (void)error_set(err, ERROR_CONFIG, "profile %s gets its keys through \"%s\", which hikae does not do", name,
                        foreign);
        return error_hint(err, "use an access key, or the metadata of the container or instance");
    }
    return 0;
}
