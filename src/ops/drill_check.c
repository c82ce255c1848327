/* Application checks: what they are, the plain ones, and the way through all of them. */
#include "ops/drill_check.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/drill_child.h"
#include "target/beneath.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *const kind_names[DRILL_KINDS] = {"sqlite", "postgresql", "sql", "ext4", "archive", "cmd"};

const char *drill_kind_name(enum drill_kind kind)
{
    return kind_names[kind];
}

/* ---- Reading ---- */

static int refuse(const char *name, const char *spec, struct error *err)
{
    (void)error_set(err, ERROR_USAGE, "'%.64s=%.300s' is no check", name, spec);
    return error_hint(err, "NAME=sqlite:PATH, postgresql:PATH, ext4:PATH, archive:PATH, cmd:COMMAND or "
                           "sql:CHECK:VALUE:SELECT …; NAME= takes it away");
}

static bool name_is_valid(const char *name, size_t size)
{
    bool ok = size > 0 && size <= DRILL_CHECK_NAME_MAX;
    for (size_t i = 0; ok && i < size; i++)
        ok = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", name[i]) != NULL;
    return ok;
}

static bool path_is_valid(const char *path)
{
    if (path[0] == '\0' || path[0] == '/')
        return false;
    for (const char *p = path; *p != '\0'; p += strcspn(p, "/"), p += *p == '/') {
        size_t size = strcspn(p, "/");
        if (size == 0 || (size == 1 && p[0] == '.') || (size == 2 && p[0] == '.' && p[1] == '.'))
            return false;
    }
    return true;
}

/* "CHECK:VALUE:SELECT …" */
static int read_sql(const char *text, struct drill_check *check, struct error *err)
{
    const char *value = strchr(text, ':');
    const char *query = value != NULL ? strchr(value + 1, ':') : NULL;
    if (query == NULL || !name_is_valid(text, (size_t)(value - text)) || strncasecmp(query + 1, "select ", 7) != 0)
        return refuse(check->name, text, err);
    check->of = mem_printf("%.*s", (int)(value - text), text);
    check->expect = mem_printf("%.*s", (int)(query - value - 1), value + 1);
    check->path = mem_strdup(query + 1);
    return check->of != NULL && check->expect != NULL && check->path != NULL ? 0 : error_no_memory(err);
}

static int read_check(const char *name, const char *spec, struct drill_check *check, struct error *err)
{
    const char *colon = strchr(spec, ':');
    size_t kind = 0;
    *check = (struct drill_check){.name = mem_strdup(name)};
    if (check->name == NULL)
        return error_no_memory(err);
    while (kind < DRILL_KINDS && (colon == NULL || strlen(kind_names[kind]) != (size_t)(colon - spec) ||
                                  strncmp(spec, kind_names[kind], (size_t)(colon - spec)) != 0))
        kind++;
    if (kind == DRILL_KINDS || !name_is_valid(name, strlen(name)) || strlen(spec) > DRILL_CHECK_SPEC_MAX)
        return refuse(name, spec, err);
    check->kind = (enum drill_kind)kind;
    if (check->kind == DRILL_CHECK_SQL)
        return read_sql(colon + 1, check, err);
    if (check->kind == DRILL_CHECK_COMMAND ? colon[1] == '\0' : !path_is_valid(colon + 1))
        return refuse(name, spec, err);
    check->path = mem_strdup(colon + 1);
    return check->path != NULL ? 0 : error_no_memory(err);
}

static void check_clear(struct drill_check *check)
{
    mem_free(check->name);
    mem_free(check->path);
    mem_free(check->of);
    mem_free(check->expect);
}

void drill_checks_free(struct drill_check *checks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_clear(&checks[i]);
    mem_free(checks);
}

static int compare_checks(const void *a, const void *b)
{
    return strcmp(((const struct drill_check *)a)->name, ((const struct drill_check *)b)->name);
}

static bool has_database(const struct drill_check *checks, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(checks[i].name, name) == 0)
            return checks[i].kind == DRILL_CHECK_SQLITE || checks[i].kind == DRILL_CHECK_POSTGRESQL;
    return false;
}

int drill_checks_read(const char *json, struct drill_check **ret, size_t *ret_count, struct error *err)
{
    json_t *object CLEANUP_JSON = NULL;
    const char *name;
    json_t *value;
    int rc = 0;
    *ret = NULL;
    *ret_count = 0;
    if (json == NULL)
        return 0;
    if (json_parse(json, strlen(json), &object, err) != 0)
        return -1;
    *ret = mem_calloc(json_object_size(object) + 1, sizeof(**ret));
    if (*ret == NULL)
        return error_no_memory(err);
    json_object_foreach(object, name, value)
    {
        const char *spec = json_string_value(value);
        if (rc == 0)
            rc = read_check(name, spec != NULL ? spec : "", &(*ret)[(*ret_count)++], err);
    }
    qsort(*ret, *ret_count, sizeof(**ret), compare_checks);
    for (size_t i = 0; rc == 0 && i < *ret_count; i++)
        if ((*ret)[i].kind == DRILL_CHECK_SQL && !has_database(*ret, *ret_count, (*ret)[i].of)) {
            (void)error_set(err, ERROR_USAGE, "check %s asks the database of check %s, which has none", (*ret)[i].name,
                            (*ret)[i].of);
            rc = error_hint(err, "name a check of kind sqlite or postgresql");
        }
    if (rc == 0)
        return 0;
    drill_checks_free(*ret, *ret_count);
    *ret = NULL;
    *ret_count = 0;
    return -1;
}

int drill_check_text(const char *text, struct error *err)
{
    const char *equals = strchr(text, '=');
    struct drill_check check = {0};
    if (equals == NULL)
        return refuse(text, "", err);
    CLEANUP_FREE char *name = mem_printf("%.*s", (int)(equals - text), text);
    json_t *utf8 CLEANUP_JSON = json_string(text);
    if (name == NULL)
        return error_no_memory(err);
    if (utf8 == NULL || !name_is_valid(name, strlen(name)))
        return refuse(name, equals + 1, err);
    if (equals[1] == '\0')
        return 0;
    int rc = read_check(name, equals + 1, &check, err);
    check_clear(&check);
    return rc;
}

int drill_checks_apply(char **json, const char *const *checks, size_t count, struct error *err)
{
    json_t *object CLEANUP_JSON = NULL;
    struct drill_check *all;
    size_t all_count;
    char *text;
    if (count == 0)
        return 0;
    if (*json != NULL && json_parse(*json, strlen(*json), &object, err) != 0)
        return -1;
    if (object == NULL && (object = json_object()) == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (drill_check_text(checks[i], err) != 0)
            return -1;
        const char *equals = strchr(checks[i], '=');
        CLEANUP_FREE char *name = mem_printf("%.*s", (int)(equals - checks[i]), checks[i]);
        if (name == NULL)
            return error_no_memory(err);
        if (equals[1] == '\0')
            (void)json_object_del(object, name);
        else if (json_object_set_new(object, name, json_string(equals + 1)) != 0)
            return error_no_memory(err);
    }
    if (json_object_size(object) > DRILL_CHECKS_MAX)
        return error_set(err, ERROR_USAGE, "more than %d checks", DRILL_CHECKS_MAX);
    if (json_print(object, &text, err) != 0)
        return -1;
    if (drill_checks_read(text, &all, &all_count, err) != 0) {
        mem_free(text);
        return -1;
    }
    drill_checks_free(all, all_count);
    mem_free(*json);
    *json = text;
    return 0;
}

/* ---- Outcomes ---- */

int drill_outcome(struct drill_outcome *outcome, enum drill_state state, struct error *err, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    outcome->state = state;
    if (outcome->output.size > 0 && buf_u8(&outcome->output, '\n', err) != 0)
        return -1;
    return buf_append(&outcome->output, text, strlen(text), err);
}

int drill_check_assertions(const char *name, const struct drill_check *checks, size_t count,
                           struct drill_database *database, drill_ask *ask, struct drill_outcome *outcomes,
                           struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct drill_check *check = &checks[i];
        if (check->kind != DRILL_CHECK_SQL || strcmp(check->of, name) != 0)
            continue;
        int64_t began = clock_monotonic_ns();
        CLEANUP_FREE char *answer = NULL;
        int rc = ask(database, check->path, &answer, &outcomes[i], err);
        if (rc == 0 && answer != NULL && strcmp(answer, check->expect) == 0)
            rc = drill_outcome(&outcomes[i], DRILL_PASSED, err, "%s gives %s", check->path, answer);
        else if (rc == 0 && answer != NULL)
            rc = drill_outcome(&outcomes[i], DRILL_FAILED, err, "%s gives %.200s, not %s", check->path, answer,
                               check->expect);
        outcomes[i].duration_ns = clock_monotonic_ns() - began;
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* ---- The plain ones ---- */

/* How a program ended is how the check went. */
static int run_program(const struct drill_child_options *options, struct drill_outcome *outcome, struct error *err)
{
    struct drill_child child;
    struct error why = {0};
    int rc = drill_child_run(options, &child, &why);
    if (rc != 0 && why.class == ERROR_LOCAL) {
        rc = drill_outcome(outcome, DRILL_FAILED, err, "%s", why.what);
    } else if (rc != 0) {
        *err = why;
    } else {
        outcome->output = child.output;
        child.output = (struct buf){0};
        while (outcome->output.size > 0 && outcome->output.data[outcome->output.size - 1] == '\n')
            outcome->output.size--;
        if (child.timed_out)
            rc = drill_outcome(outcome, DRILL_FAILED, err, "it took longer than %lld s and was ended",
                               (long long)(options->limit_ns / NS_PER_S));
        else
            rc = drill_outcome(outcome, child.exit_code == 0 ? DRILL_PASSED : DRILL_FAILED, err, "exit code %d",
                               child.exit_code);
    }
    buf_free(&child.output);
    return rc;
}

static int check_ext4(const struct drill_check *checks, size_t count, size_t which, const char *path,
                      const struct drill_place *place, struct drill_outcome *outcomes, struct error *err)
{
    const char *const argv[] = {"e2fsck", "-f", "-n", path, NULL};
    const struct drill_child_options options = {.argv = argv, .limit_ns = place->limit_ns, .cancel = place->cancel};
    (void)checks;
    (void)count;
    return run_program(&options, &outcomes[which], err);
}

static int check_command(const struct drill_check *checks, size_t count, size_t which, const char *path,
                         const struct drill_place *place, struct drill_outcome *outcomes, struct error *err)
{
    (void)count;
    (void)path;
    if (!place->whole)
        return drill_outcome(&outcomes[which], DRILL_LEFT, err,
                             "a command looks at everything, and a sample is not: drill with --mode full or bare");
    CLEANUP_FREE char *drill = mem_printf("HIKAE_DRILL=%s", place->drill);
    CLEANUP_FREE char *tenant = mem_printf("HIKAE_TENANT=%s", place->tenant);
    CLEANUP_FREE char *target = mem_printf("HIKAE_TARGET=%s", place->target);
    if (drill == NULL || tenant == NULL || target == NULL)
        return error_no_memory(err);
    const char *const argv[] = {"/bin/sh", "-c", checks[which].path, NULL};
    const char *const variables[] = {drill, tenant, target, NULL};
    const struct drill_child_options options = {.argv = argv,
                                                .folder = place->folder,
                                                .variables = variables,
                                                .limit_ns = place->limit_ns,
                                                .cancel = place->cancel};
    return run_program(&options, &outcomes[which], err);
}

/* Only what libarchive does itself: no filter that starts a program. */
static void use_formats(struct archive *archive)
{
    (void)archive_read_support_filter_gzip(archive);
    (void)archive_read_support_filter_bzip2(archive);
    (void)archive_read_support_filter_xz(archive);
    (void)archive_read_support_filter_lzma(archive);
    (void)archive_read_support_filter_zstd(archive);
    (void)archive_read_support_filter_lz4(archive);
    (void)archive_read_support_filter_compress(archive);
    (void)archive_read_support_format_all(archive);
}

/* 0 to go on, 1 when the time is over, -1 if everything is to stop. */
static int look_at_time(const struct drill_place *place, int64_t until_ns, struct error *err)
{
    if (cancel_check(place->cancel, err) != 0)
        return -1;
    return clock_monotonic_ns() > until_ns;
}

/*
 * Read it through, so that checksums in it are looked at. 1 when the time is over. A head that is read with a warning
 * has a name that this locale cannot write; data with a warning has a wrong checksum.
 */
static int read_archive(struct archive *archive, const struct drill_place *place, uint64_t *ret_entries,
                        uint64_t *ret_bytes, int *ret_status, struct error *err)
{
    int64_t until_ns = clock_monotonic_ns() + place->limit_ns;
    struct archive_entry *entry;
    const void *bytes;
    size_t size;
    la_int64_t offset;
    int rc = 0;
    for (;;) {
        *ret_status = archive_read_next_header(archive, &entry);
        if ((*ret_status != ARCHIVE_OK && *ret_status != ARCHIVE_WARN) ||
            (rc = look_at_time(place, until_ns, err)) != 0)
            return rc;
        ++*ret_entries;
        while ((*ret_status = archive_read_data_block(archive, &bytes, &size, &offset)) == ARCHIVE_OK) {
            *ret_bytes += size;
            if ((rc = look_at_time(place, until_ns, err)) != 0)
                return rc;
        }
        if (*ret_status != ARCHIVE_EOF)
            return 0;
    }
}

static int check_archive(const struct drill_check *checks, size_t count, size_t which, const char *path,
                         const struct drill_place *place, struct drill_outcome *outcomes, struct error *err)
{
    enum { BLOCK = 64 << 10 };
    struct drill_outcome *outcome = &outcomes[which];
    struct archive *archive = archive_read_new();
    uint64_t entries = 0, bytes = 0;
    (void)checks;
    (void)count;
    if (archive == NULL)
        return error_no_memory(err);
    use_formats(archive);
    int status = archive_read_open_filename(archive, path, BLOCK), rc = 0;
    if (status == ARCHIVE_OK)
        rc = read_archive(archive, place, &entries, &bytes, &status, err);
    const char *why = archive_error_string(archive);
    if (rc == 1)
        rc = drill_outcome(outcome, DRILL_FAILED, err, "it took longer than %lld s and was ended",
                           (long long)(place->limit_ns / NS_PER_S));
    else if (rc == 0 && status != ARCHIVE_EOF)
        rc = drill_outcome(outcome, DRILL_FAILED, err, "after %llu entries: %s", (unsigned long long)entries,
                           why != NULL ? why : "it cannot be read");
    else if (rc == 0)
        rc = drill_outcome(outcome, entries > 0 ? DRILL_PASSED : DRILL_FAILED, err, "%llu entries, %llu bytes, %s",
                           (unsigned long long)entries, (unsigned long long)bytes, archive_format_name(archive));
    (void)archive_read_free(archive);
    return rc;
}

/* ---- All of them ---- */

/* A link that was restored must not lead the check out of the folder, neither at the end of the path nor on its way. */
static bool is_plain_file(const char *folder, const char *path)
{
    struct stat st;
    CLEANUP_FD int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_FD int fd =
        root >= 0 ? beneath_open(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, !beneath_kernel(root)) : -1;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static int run_check(const struct drill_check *checks, size_t count, size_t which, const struct drill_place *place,
                     struct drill_outcome *outcomes, struct error *err)
{
    static drill_check_work *const works[DRILL_KINDS] = {drill_check_sqlite, drill_check_postgresql, NULL,
                                                         check_ext4,         check_archive,          check_command};
    const struct drill_check *check = &checks[which];
    CLEANUP_FREE char *path =
        check->kind != DRILL_CHECK_COMMAND ? mem_printf("%s/%s", place->folder, check->path) : mem_strdup("");
    if (path == NULL)
        return error_no_memory(err);
    if (check->kind != DRILL_CHECK_COMMAND && !is_plain_file(place->folder, check->path))
        return drill_outcome(&outcomes[which], DRILL_FAILED, err, "%s is no file of what was restored", check->path);
    return works[check->kind](checks, count, which, path, place, outcomes, err);
}

int drill_checks_run(const struct drill_check *checks, size_t count, const struct drill_place *place,
                     struct drill_outcome *outcomes, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        outcomes[i] = (struct drill_outcome){.state = DRILL_FAILED};
    for (size_t i = 0; i < count; i++) {
        if (checks[i].kind == DRILL_CHECK_SQL)
            continue;
        int64_t began = clock_monotonic_ns();
        if (cancel_check(place->cancel, err) != 0 || run_check(checks, count, i, place, outcomes, err) != 0)
            return -1;
        outcomes[i].duration_ns = clock_monotonic_ns() - began;
    }
    for (size_t i = 0; i < count; i++)
        if (checks[i].kind == DRILL_CHECK_SQL && outcomes[i].output.size == 0 &&
            drill_outcome(&outcomes[i], DRILL_FAILED, err, "the database of check %s could not be asked",
                          checks[i].of) != 0)
            return -1;
    return 0;
}
