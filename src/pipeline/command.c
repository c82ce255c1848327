/*
 * A command's output as one entry, streamed without a temporary file. The
 * command runs under /bin/sh in a process group of its own, with an empty
 * standard input, no descriptor of ours, and no key of an object store in its
 * environment. Its failure discards the snapshot; what was stored of its
 * output is reused by the next run.
 */
#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "pipeline/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { POLL_MS = 200, PATIENCE_MS = 5000 };

struct command {
    pid_t pid;
    int fd;
    struct scanner *scanner;
};

/* Does "NAME=value" hold a key of an object store? Whatever prefix the configuration gives to the names. */
static bool is_secret(const char *variable)
{
    static const char *const ends[] = {"SECRET_ACCESS_KEY", "SESSION_TOKEN", "AUTHORIZATION_TOKEN"};
    size_t size = strcspn(variable, "=");
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);
        if (size >= end && strncmp(variable + size - end, ends[i], end) == 0)
            return true;
    }
    return false;
}

/* Our environment without secrets: its strings are borrowed, the list is fresh (mem_free). NULL: no memory. */
static char **clean_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ[count] != NULL)
        count++;
    char **list = mem_calloc(count + 1, sizeof(*list));
    for (size_t i = 0; list != NULL && i < count; i++)
        if (!is_secret(environ[i]))
            list[kept++] = environ[i];
    return list;
}

static void run_child(const char *command, int output, char *const *environment)
{
    child_begin(output);
    (void)execle("/bin/sh", "sh", "-c", command, (char *)NULL, environment);
    _exit(127);
}

static ssize_t pull_command(void *out, size_t size, void *context, struct error *err)
{
    const struct command *command = context;
    for (;;) {
        struct pollfd ready = {.fd = command->fd, .events = POLLIN};
        int n = poll(&ready, 1, POLL_MS);
        if (backup_check(command->scanner->backup, err) != 0)
            return -1;
        if (n == 0 || (n < 0 && errno == EINTR))
            continue;
        ssize_t got = read(command->fd, out, size);
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return error_set_errno(err, ERROR_SOURCE, errno, "read the command's output");
    }
}

/* Ask the whole group to end, then insist. */
static void stop_child(pid_t pid)
{
    (void)kill(-pid, SIGTERM);
    for (int waited = 0; waited < PATIENCE_MS; waited += 50) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        (void)poll(NULL, 0, 50);
    }
    (void)kill(-pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* It may go on long after it closed its output. */
static int wait_for_end(const struct command *command, int *ret_status, struct error *err)
{
    for (int pause_ms = 1;; pause_ms = pause_ms < POLL_MS ? 2 * pause_ms : POLL_MS) {
        pid_t ended = waitpid(command->pid, ret_status, WNOHANG);
        if (ended > 0)
            return 0;
        if (ended < 0 && errno != EINTR)
            return error_set_errno(err, ERROR_SOURCE, errno, "wait for the command");
        if (backup_check(command->scanner->backup, err) != 0) {
            stop_child(command->pid);
            return -1;
        }
        (void)poll(NULL, 0, pause_ms);
    }
}

static int check_status(int status, struct error *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status))
        (void)error_set(err, ERROR_SOURCE, "the command ended with exit code %d", WEXITSTATUS(status));
    else
        (void)error_set(err, ERROR_SOURCE, "the command was ended by signal %d", WTERMSIG(status));
    return error_hint(err, "no snapshot was made; what was stored of its output is reused next time");
}

int scan_command(struct scanner *scanner, const struct backup_source *source, struct error *err)
{
    int ends[2];
    if (scanner->backup->options->dry_run) {
        struct entry entry = {.name = bytes_of(source->name), .type = ENTRY_FILE, .mode = 0600};
        return scanner_entry(scanner, &entry, true, NULL, err);
    }
    CLEANUP_FREE char **environment = clean_environment();
    if (environment == NULL)
        return error_no_memory(err);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(err, ERROR_SOURCE, errno, "make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        run_child(source->path, ends[1], environment);
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return error_set_errno(err, ERROR_SOURCE, errno, "start the command");
    }
    (void)setpgid(pid, pid); /* in the child as well: whoever comes first */
    (void)fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
    struct command command = {pid, ends[0], scanner};
    struct entry entry = {.name = bytes_of(source->name),
                          .type = ENTRY_FILE,
                          .mode = 0600,
                          .uid = geteuid(),
                          .gid = getegid(),
                          .racy = true};
    int64_t now = clock_now_ns();
    entry.mtime_s = entry.ctime_s = now / NS_PER_S;
    entry.mtime_ns = entry.ctime_ns = (uint32_t)(now % NS_PER_S);
    int rc = scanner_stream(scanner, pull_command, &command, &entry.size, err);
    (void)close(ends[0]);
    if (rc != 0) {
        stop_child(pid);
        return -1;
    }
    int status;
    if (wait_for_end(&command, &status, err) != 0 || check_status(status, err) != 0)
        return -1;
    return scanner_entry(scanner, &entry, true, NULL, err);
}
