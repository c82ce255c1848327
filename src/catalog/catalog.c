/* Opening the catalogue, moving a useless one aside, and its small facts. */
#include "catalog/catalog_internal.h"
#include "catalog/schema.h"

#include "base/clock.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 10000 };

/* What became of an attempt to open: usable, not usable as a catalogue (move it aside), or failed otherwise. */
enum attempt { ATTEMPT_GOOD, ATTEMPT_USELESS, ATTEMPT_FAILED };

static void disconnect(struct catalog *catalog)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        (void)sqlite3_finalize(catalog->statements[i]);
        catalog->statements[i] = NULL;
    }
    (void)sqlite3_close(catalog->db);
    catalog->db = NULL;
}

static enum attempt judge(struct catalog *catalog, int code, const char *action, struct error *err)
{
    int primary = code & 0xff;
    (void)catalog_error(catalog, code, action, err);
    /* A plain error here is a statement that does not fit the tables: the schema is not ours. */
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR ? ATTEMPT_USELESS
                                                                                            : ATTEMPT_FAILED;
}

static int read_integer(struct catalog *catalog, const char *sql, int64_t *ret)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(catalog->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        *ret = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
        if (code == SQLITE_ROW || code == SQLITE_DONE)
            code = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

static int connect_database(struct catalog *catalog)
{
    /*
     * Made here first, because SQLite would leave it readable for everybody; its helpers inherit the mode. An existing
     * file must not be opened and closed beside SQLite: closing drops this process's locks on it (fcntl(2)).
     */
    int fd = open(catalog->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
    int code = sqlite3_open_v2(catalog->path, &catalog->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return code;
    (void)sqlite3_extended_result_codes(catalog->db, 1);
    (void)sqlite3_busy_timeout(catalog->db, BUSY_MS);
    (void)sqlite3_db_config(catalog->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* What is rebuildable needs no fsync at each commit: in WAL mode "normal" keeps it whole after a crash. */
    return sqlite3_exec(catalog->db,
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
                        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -8192;"
                        "PRAGMA secure_delete = ON;",
                        NULL, NULL, NULL);
}

static int create_tables(struct catalog *catalog)
{
    char mark[96];
    (void)snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
                   CATALOG_APPLICATION_ID, CATALOG_VERSION);
    int code = sqlite3_exec(catalog->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(catalog->db, catalog_schema, NULL, NULL, NULL);
    return code == SQLITE_OK ? sqlite3_exec(catalog->db, mark, NULL, NULL, NULL) : code;
}

/* Tell a new database from ours and from anything else. */
static enum attempt check_version(struct catalog *catalog, bool *ret_created, struct error *err)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    int code = read_integer(catalog, "PRAGMA application_id", &application);
    if (code == SQLITE_OK)
        code = read_integer(catalog, "PRAGMA user_version", &version);
    if (code == SQLITE_OK)
        code = read_integer(catalog, "SELECT count(*) FROM sqlite_schema", &tables);
    if (code != SQLITE_OK)
        return judge(catalog, code, "open it", err);
    if (application == CATALOG_APPLICATION_ID && version == CATALOG_VERSION)
        return ATTEMPT_GOOD;
    if (application != 0 || version != 0 || tables != 0) {
        (void)error_set(err, ERROR_LOCAL, "catalogue %s: version %lld is not known here", catalog->path,
                        (long long)version);
        return ATTEMPT_USELESS;
    }
    code = create_tables(catalog);
    *ret_created = code == SQLITE_OK;
    return code == SQLITE_OK ? ATTEMPT_GOOD : judge(catalog, code, "create its tables", err);
}

/* After a crash the pages are looked through once; a clean end leaves no write-ahead log behind. */
static enum attempt check_pages(struct catalog *catalog, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(catalog->db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    bool good = false;
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        const unsigned char *text = code == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
        good = text != NULL && strcmp((const char *)text, "ok") == 0;
        if (code == SQLITE_ROW)
            code = good ? SQLITE_OK : SQLITE_CORRUPT;
    }
    enum attempt attempt = code == SQLITE_OK ? ATTEMPT_GOOD : judge(catalog, code, "check its pages", err);
    (void)sqlite3_finalize(statement);
    return attempt;
}

static bool file_there(const char *path, const char *suffix)
{
    CLEANUP_FREE char *name = mem_printf("%s%s", path, suffix);
    struct stat st;
    return name != NULL && stat(name, &st) == 0 && (st.st_size > 0 || strcmp(suffix, "-wal") != 0);
}

static enum attempt try_open(struct catalog *catalog, bool alone, bool *ret_created, struct error *err)
{
    bool crashed = alone && file_there(catalog->path, "-wal");
    if (file_there(catalog->path, "-damaged")) {
        (void)error_set(err, ERROR_LOCAL, "catalogue %s: found damaged by an earlier run", catalog->path);
        return ATTEMPT_USELESS;
    }
    int code = connect_database(catalog);
    if (code != SQLITE_OK)
        return judge(catalog, code, "open it", err);
    enum attempt attempt = check_version(catalog, ret_created, err);
    if (attempt == ATTEMPT_GOOD && crashed)
        attempt = check_pages(catalog, err);
    if (attempt == ATTEMPT_GOOD) {
        code = sqlite3_exec(catalog->db, catalog_additions, NULL, NULL, NULL);
        if (code != SQLITE_OK)
            attempt = judge(catalog, code, "add to its tables", err);
    }
    for (size_t i = 0; attempt == ATTEMPT_GOOD && i < SQL_COUNT; i++) {
        code = sqlite3_prepare_v3(catalog->db, catalog_statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &catalog->statements[i], NULL);
        if (code != SQLITE_OK)
            attempt = judge(catalog, code, "use its tables", err);
    }
    return attempt;
}

/* Rename the database and its helpers; the mark of damage goes last, so that a crash in between repeats this. */
static int move_aside(struct catalog *catalog, struct error *err)
{
    char when[CLOCK_TEXT_SIZE];
    CLEANUP_FREE char *mark = mem_printf("%s-damaged", catalog->path);
    catalog->moved_to = mem_printf("%s-damaged-%s", catalog->path, clock_format_sortable(clock_machine_ns(), when));
    if (mark == NULL || catalog->moved_to == NULL)
        return error_no_memory(err);
    if (file_write_atomic(mark, "", 0, 0600, err) != 0)
        return -1;
    static const char *const suffixes[] = {"-wal", "-shm", ""};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        CLEANUP_FREE char *from = mem_printf("%s%s", catalog->path, suffixes[i]);
        CLEANUP_FREE char *to = mem_printf("%s%s", catalog->moved_to, suffixes[i]);
        if (from == NULL || to == NULL)
            return error_no_memory(err);
        if (rename(from, to) != 0 && errno != ENOENT)
            return error_set_errno(err, ERROR_LOCAL, errno, "move the damaged catalogue %s aside", from);
    }
    if (unlink(mark) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "remove %s", mark);
    return 0;
}

static int open_locked(struct catalog *catalog, bool alone, enum catalog_state *ret_state, struct error *err)
{
    bool created = false;
    enum attempt attempt = try_open(catalog, alone, &created, err);
    *ret_state = created ? CATALOG_CREATED : CATALOG_OPENED;
    if (attempt == ATTEMPT_USELESS && !alone) {
        (void)error_set(err, ERROR_BUSY, "catalogue %s cannot be used and must be rebuilt, but another run has it open",
                        catalog->path);
        return error_hint(err, "wait for the other run to end, then run again");
    }
    if (attempt == ATTEMPT_USELESS) {
        disconnect(catalog);
        if (move_aside(catalog, err) != 0)
            return -1;
        attempt = try_open(catalog, alone, &created, err);
        *ret_state = CATALOG_REPLACED;
    }
    if (attempt != ATTEMPT_GOOD)
        return -1;
    error_clear(err);
    return 0;
}

static int wait_for_lock(const struct catalog *catalog, int how, struct error *err)
{
    while (flock(catalog->lock_file, how) != 0)
        if (errno != EINTR)
            return error_set_errno(err, ERROR_LOCAL, errno, "lock %s-lock", catalog->path);
    return 0;
}

/*
 * Whoever is alone holds the lock for itself while it opens, and may create,
 * check and move aside; all hold it shared afterwards, until they close.
 */
static int open_with_lock(struct catalog *catalog, enum catalog_state *ret_state, struct error *err)
{
    CLEANUP_FREE char *name = mem_printf("%s-lock", catalog->path);
    if (name == NULL)
        return error_no_memory(err);
    catalog->lock_file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (catalog->lock_file < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", name);
    bool alone = flock(catalog->lock_file, LOCK_EX | LOCK_NB) == 0;
    if (!alone && wait_for_lock(catalog, LOCK_SH, err) != 0)
        return -1;
    if (open_locked(catalog, alone, ret_state, err) != 0)
        return -1;
    return alone ? wait_for_lock(catalog, LOCK_SH, err) : 0;
}

int catalog_open(const char *path, struct catalog **ret_catalog, enum catalog_state *ret_state, struct error *err)
{
    *ret_catalog = NULL;
    struct catalog *catalog = mem_calloc(1, sizeof(*catalog));
    if (catalog == NULL)
        return error_no_memory(err);
    catalog->lock_file = -1;
    if (pthread_mutex_init(&catalog->lock, NULL) != 0) {
        mem_free(catalog);
        return error_no_memory(err);
    }
    catalog->path = mem_strdup(path);
    int rc = catalog->path != NULL ? open_with_lock(catalog, ret_state, err) : error_no_memory(err);
    if (rc != 0) {
        catalog_close(catalog);
        return -1;
    }
    *ret_catalog = catalog;
    return 0;
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    disconnect(catalog);
    if (catalog->lock_file >= 0)
        (void)close(catalog->lock_file);
    (void)pthread_mutex_destroy(&catalog->lock);
    mem_free(catalog->path);
    mem_free(catalog->moved_to);
    mem_free(catalog);
}

const char *catalog_moved_to(const struct catalog *catalog)
{
    return catalog->moved_to;
}

static bool is_busy(int code)
{
    return (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
}

int catalog_scrub(struct catalog *catalog, bool *ret_done, struct error *err)
{
    CATALOG_LOCKED(catalog);
    /*
     * secure_delete overwrites what is deleted from now on; what was deleted before it was switched on lies in free
     * pages, and in gaps of others, until the file is written anew.
     */
    int code = sqlite3_exec(catalog->db, "VACUUM", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_wal_checkpoint_v2(catalog->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    *ret_done = code == SQLITE_OK;
    if (*ret_done || is_busy(code))
        return 0;
    return catalog_error(catalog, code, "be written anew", err);
}

int catalog_drop_damaged(const struct catalog *catalog, size_t *ret_count, struct error *err)
{
    CLEANUP_FREE char *folder = mem_strdup(catalog->path);
    CLEANUP_FREE char *prefix = NULL;
    *ret_count = 0;
    if (folder == NULL)
        return error_no_memory(err);
    char *slash = strrchr(folder, '/');
    prefix = mem_printf("%s-damaged-", slash != NULL ? slash + 1 : folder);
    if (prefix == NULL)
        return error_no_memory(err);
    if (slash != NULL)
        *slash = '\0';
    DIR *dir = opendir(slash != NULL ? folder : ".");
    if (dir == NULL)
        return error_set_errno(err, ERROR_LOCAL, errno, "look for damaged catalogues in %s", folder);
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            ++*ret_count;
        else if (errno != ENOENT)
            rc = error_set_errno(err, ERROR_LOCAL, errno, "remove the damaged catalogue %s", entry->d_name);
    }
    (void)closedir(dir);
    return rc;
}

int catalog_meta_set(struct catalog *catalog, const char *key, const char *value, struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, value != NULL ? SQL_META_SET : SQL_META_FORGET);
    query_text(&query, key);
    if (value != NULL)
        query_text(&query, value);
    return query_step(&query, "remember a fact", err) >= 0 ? 0 : -1;
}

int catalog_meta_get(struct catalog *catalog, const char *key, char **ret_value, struct error *err)
{
    *ret_value = NULL;
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_META_GET);
    query_text(&query, key);
    int found = query_step(&query, "look up a fact", err);
    if (found < 0)
        return -1;
    if (found == 0)
        return error_set(err, ERROR_NOT_FOUND, "the catalogue does not know \"%s\"", key);
    *ret_value = mem_strdup(query_column_text(&query, 0));
    return *ret_value != NULL ? 0 : error_no_memory(err);
}
