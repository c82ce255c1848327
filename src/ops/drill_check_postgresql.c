/*
 * A dump of PostgreSQL, restored into a server that is made for it and thrown
 * away: initdb, a server on a socket in a folder that nobody else may enter
 * (no address is listened on), the dump from standard input, what sql checks
 * ask, stop. The database belongs to a role that is no superuser. When hikae is
 * run by root all of it is done as the account nobody (postgres might rule over
 * a server that is in use here), else by whoever runs it: a dump is SQL, and its
 * author gets what that account may do.
 *
 * That account has no business in the folders above: it may not pass through
 * them. Its programs are given the one folder as an open descriptor, and name
 * it as /proc/self/fd/N, which also is short enough for a socket's address
 * wherever the drill works.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "ops/drill_check.h"
#include "ops/drill_child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* In a drill's work folder. */
#define SERVER  "server"
#define CLUSTER "cluster"

enum { PATH_SIZE = 512, REACH_SIZE = 32, STOP_MS = 20000, STEP_MS = 20 };

struct drill_database {
    const struct drill_place *place;
    char bin[64];
    bool other_user;
    uid_t uid;
    gid_t gid;
    char *data;             /* as hikae names the folder …      */
    char reach[REACH_SIZE]; /* … and as its programs name it */
    int folder_fd;
    int64_t until_ns;
};

/* The newest of Debian's versions, or whatever PATH has. */
static void find_programs(char out[64])
{
    static const char folder[] = "/usr/lib/postgresql";
    DIR *dir = opendir(folder);
    unsigned newest = 0;
    out[0] = '\0';
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[PATH_SIZE];
        char *end;
        unsigned long version = strtoul(entry->d_name, &end, 10);
        if (*end != '\0' || version <= newest || version > 1000)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%lu/bin/initdb", folder, version);
        if (access(path, X_OK) == 0) {
            newest = (unsigned)version;
            (void)snprintf(out, 64, "%s/%lu/bin/", folder, version);
        }
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static char *program(const struct drill_database *database, const char *name, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s%s", database->bin, name);
    return out;
}

/* Run a program of PostgreSQL's; a failure is said in the outcome: *ret_done is false then. */
static int run(struct drill_database *database, const char *const *argv, const char *input,
               struct drill_outcome *outcome, bool *ret_done, struct drill_child *ret_child, struct error *err)
{
    const struct drill_child_options options = {.argv = argv,
                                                .folder = "/", /* where every account can find itself */
                                                .input = input,
                                                .kept_fd = database->folder_fd,
                                                .other_user = database->other_user,
                                                .uid = database->uid,
                                                .gid = database->gid,
                                                .limit_ns = database->until_ns - clock_monotonic_ns(),
                                                .cancel = database->place->cancel};
    struct error why = {0};
    int rc = drill_child_run(&options, ret_child, &why);
    *ret_done = rc == 0 && ret_child->exit_code == 0;
    if (rc != 0 && why.class != ERROR_LOCAL) {
        *err = why;
        return -1;
    }
    if (*ret_done)
        return 0;
    const char *name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
    if (rc != 0)
        return drill_outcome(outcome, DRILL_FAILED, err, "%s: %s", name, why.what);
    if (ret_child->timed_out)
        return drill_outcome(outcome, DRILL_FAILED, err, "it took longer than %lld s and was ended in %s",
                             (long long)(database->place->limit_ns / NS_PER_S), name);
    return drill_outcome(outcome, DRILL_FAILED, err, "%s ended with exit code %d: %.*s", name, ret_child->exit_code,
                         (int)(ret_child->output.size < 700 ? ret_child->output.size : 700),
                         ret_child->output.size > 0 ? (const char *)ret_child->output.data : "");
}

/* Several programs, one after the other, of which the output does not matter. */
static int run_quietly(struct drill_database *database, const char *const *argv, const char *input,
                       struct drill_outcome *outcome, bool *ret_done, struct error *err)
{
    struct drill_child child;
    int rc = run(database, argv, input, outcome, ret_done, &child, err);
    buf_free(&child.output);
    return rc;
}

static int ask(struct drill_database *database, const char *query, char **ret_answer, struct drill_outcome *outcome,
               struct error *err)
{
    char psql[PATH_SIZE];
    const char *const argv[] = {program(database, "psql", psql),
                                "-X",
                                "-A",
                                "-t",
                                "-q",
                                "-h",
                                database->reach,
                                "-U",
                                "drill",
                                "-d",
                                "drill",
                                "-v",
                                "ON_ERROR_STOP=1",
                                "-c",
                                query,
                                NULL};
    struct drill_child child;
    bool done;
    *ret_answer = NULL;
    database->until_ns = clock_monotonic_ns() + database->place->limit_ns;
    int rc = run(database, argv, NULL, outcome, &done, &child, err);
    if (rc == 0 && done) {
        size_t size = child.output.size;
        if (size > 0 && child.output.data[size - 1] == '\n')
            size--;
        if (size > 0 && memchr(child.output.data, '\n', size) != NULL)
            rc = drill_outcome(outcome, DRILL_FAILED, err, "it gives more than one row");
        else if ((*ret_answer = mem_printf("%.*s", (int)size, size > 0 ? (const char *)child.output.data : "")) == NULL)
            rc = error_no_memory(err);
    }
    buf_free(&child.output);
    return rc;
}

static int make_folder(struct drill_database *database, struct error *err)
{
    database->data = mem_printf("%s/" SERVER, database->place->work);
    if (database->data == NULL)
        return error_no_memory(err);
    if (mkdir(database->data, 0700) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "make %s", database->data);
    database->folder_fd = open(database->data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (database->folder_fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", database->data);
    if (database->other_user && fchown(database->folder_fd, database->uid, database->gid) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "give %s to another account", database->data);
    (void)snprintf(database->reach, sizeof(database->reach), "/proc/self/fd/%d", database->folder_fd);
    return 0;
}

/* A plain dump begins otherwise than one in pg_dump's own format. */
static bool is_custom(const char *path)
{
    char head[5] = "";
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, head, sizeof(head)) == sizeof(head) && memcmp(head, "PGDMP", sizeof(head)) == 0;
}

static int start_server(struct drill_database *database, struct drill_outcome *outcome, bool *ret_done,
                        struct error *err)
{
    char initdb[PATH_SIZE], pg_ctl[PATH_SIZE];
    CLEANUP_FREE char *cluster = mem_printf("%s/" CLUSTER, database->reach);
    CLEANUP_FREE char *log = mem_printf("%s/log", database->reach);
    CLEANUP_FREE char *settings = mem_printf(
        "-c listen_addresses='' -c unix_socket_directories='%s' -c unix_socket_permissions=0700 -c fsync=off "
        "-c full_page_writes=off -c max_connections=10 -c shared_buffers=16MB",
        database->reach);
    if (cluster == NULL || log == NULL || settings == NULL)
        return error_no_memory(err);
    const char *const init[] = {program(database, "initdb", initdb),
                                "-D",
                                cluster,
                                "-U",
                                "owner",
                                "-A",
                                "trust",
                                "-E",
                                "UTF8",
                                "--locale=C",
                                "--no-sync",
                                "--no-instructions",
                                NULL};
    const char *const go[] = {program(database, "pg_ctl", pg_ctl),
                              "-D",
                              cluster,
                              "-l",
                              log,
                              "-o",
                              settings,
                              "-w",
                              "-t",
                              "60",
                              "-s",
                              "start",
                              NULL};
    int rc = run_quietly(database, init, NULL, outcome, ret_done, err);
    return rc == 0 && *ret_done ? run_quietly(database, go, NULL, outcome, ret_done, err) : rc;
}

static int load_dump(struct drill_database *database, const char *path, struct drill_outcome *outcome, bool *ret_done,
                     struct error *err)
{
    char createuser[PATH_SIZE], createdb[PATH_SIZE], restore[PATH_SIZE], psql[PATH_SIZE];
    const char *const role[] = {program(database, "createuser", createuser),
                                "-h",
                                database->reach,
                                "-U",
                                "owner",
                                "-S",
                                "-D",
                                "-R",
                                "drill",
                                NULL};
    const char *const make[] = {
        program(database, "createdb", createdb), "-h", database->reach, "-U", "owner", "-O", "drill", "drill", NULL};
    const char *const custom[] = {program(database, "pg_restore", restore),
                                  "-h",
                                  database->reach,
                                  "-U",
                                  "drill",
                                  "-d",
                                  "drill",
                                  "--no-owner",
                                  "--no-privileges",
                                  "--exit-on-error",
                                  NULL};
    const char *const plain[] = {program(database, "psql", psql),
                                 "-X",
                                 "-q",
                                 "-h",
                                 database->reach,
                                 "-U",
                                 "drill",
                                 "-d",
                                 "drill",
                                 "-v",
                                 "ON_ERROR_STOP=1",
                                 "-o",
                                 "/dev/null",
                                 NULL};
    int rc = run_quietly(database, role, NULL, outcome, ret_done, err);
    if (rc == 0 && *ret_done)
        rc = run_quietly(database, make, NULL, outcome, ret_done, err);
    if (rc == 0 && *ret_done)
        rc = run_quietly(database, is_custom(path) ? custom : plain, path, outcome, ret_done, err);
    return rc;
}

/* The server of a cluster, if it runs: 0 if not. Its current folder is the cluster, which no other process can claim.
 */
static pid_t server_of(const char *cluster)
{
    char line[32] = "", link[PATH_SIZE] = "", proc[64];
    CLEANUP_FREE char *pid_file = mem_printf("%s/postmaster.pid", cluster);
    CLEANUP_FD int fd = pid_file != NULL ? open(pid_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    long pid = fd >= 0 && read(fd, line, sizeof(line) - 1) > 0 ? strtol(line, NULL, 10) : 0;
    if (pid <= 1 || pid > INT_MAX)
        return 0;
    (void)snprintf(proc, sizeof(proc), "/proc/%ld/cwd", pid);
    ssize_t size = readlink(proc, link, sizeof(link) - 1);
    return size > 0 && strcmp(link, cluster) == 0 ? (pid_t)pid : 0;
}

void drill_postgresql_end(const char *work)
{
    CLEANUP_FREE char *cluster = mem_printf("%s/" SERVER "/" CLUSTER, work);
    pid_t pid = cluster != NULL ? server_of(cluster) : 0;
    if (pid == 0)
        return;
    /* SIGQUIT is its immediate shutdown, which takes its children along. */
    (void)kill(pid, SIGQUIT);
    for (int waited = 0; waited < STOP_MS; waited += STEP_MS) {
        if (server_of(cluster) == 0)
            return;
        (void)poll(NULL, 0, STEP_MS);
    }
    (void)kill(pid, SIGKILL);
}

static int check_dump(struct drill_database *database, const struct drill_check *checks, size_t count, size_t which,
                      const char *path, struct drill_outcome *outcomes, struct error *err)
{
    struct drill_outcome *outcome = &outcomes[which];
    bool done = false;
    database->until_ns = clock_monotonic_ns() + database->place->limit_ns;
    int rc = start_server(database, outcome, &done, err);
    if (rc == 0 && done)
        rc = load_dump(database, path, outcome, &done, err);
    if (rc == 0 && done)
        rc = drill_outcome(outcome, DRILL_PASSED, err, "the dump was restored by %s",
                           database->bin[0] != '\0' ? database->bin : "the server along PATH");
    if (rc == 0 && done)
        rc = drill_check_assertions(checks[which].name, checks, count, database, ask, outcomes, err);
    drill_postgresql_end(database->place->work); /* whatever came before, nothing of it may go on */
    return rc;
}

static bool find_account(const char *name, struct drill_database *database)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if (getpwnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 || found == NULL || entry.pw_uid == 0)
        return false;
    database->uid = entry.pw_uid;
    database->gid = entry.pw_gid;
    return true;
}

int drill_check_postgresql(const struct drill_check *checks, size_t count, size_t which, const char *path,
                           const struct drill_place *place, struct drill_outcome *outcomes, struct error *err)
{
    struct drill_database database = {.place = place, .folder_fd = -1};
    struct error why = {0};
    int rc;
    find_programs(database.bin);
    if (geteuid() == 0) {
        if (!find_account("nobody", &database) && !find_account("postgres", &database))
            return drill_outcome(
                &outcomes[which], DRILL_FAILED, err,
                "a server is not started as root, and there is neither an account nobody nor postgres");
        database.other_user = true;
    }
    if (make_folder(&database, &why) != 0)
        rc = drill_outcome(&outcomes[which], DRILL_FAILED, err, "%s", why.what);
    else
        rc = check_dump(&database, checks, count, which, path, outcomes, err);
    if (database.folder_fd >= 0)
        (void)close(database.folder_fd);
    if (database.data != NULL && file_remove_tree(database.data, &why) != 0 && rc == 0)
        rc = drill_outcome(&outcomes[which], outcomes[which].state, err, "%s", why.what);
    mem_free(database.data);
    return rc;
}
