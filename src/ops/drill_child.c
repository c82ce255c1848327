#include "ops/drill_child.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { CANNOT_START = 126, POLL_MS = 50, PATIENCE_MS = 2000, VARIABLES_MAX = 32 };

static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/nonexistent", "LC_ALL=C.UTF-8",
                                          "TZ=UTC", NULL};

/* In the child. */
static void start(const struct drill_child_options *options, pid_t parent, int input, int output)
{
    const char *list[VARIABLES_MAX + 1];
    size_t count = 0;
    for (const char *const *v = environment; *v != NULL; v++)
        list[count++] = *v;
    for (const char *const *v = options->variables; v != NULL && *v != NULL && count < VARIABLES_MAX; v++)
        list[count++] = *v;
    list[count] = NULL;
    child_begin(output);
    if ((input >= 0 && dup2(input, STDIN_FILENO) < 0) || dup2(output, STDERR_FILENO) < 0 ||
        (options->folder != NULL && chdir(options->folder) != 0) ||
        (options->kept_fd > 0 && fcntl(options->kept_fd, F_SETFD, 0) != 0))
        _exit(CANNOT_START);
    if (options->other_user && (setgroups(0, NULL) != 0 || setresgid(options->gid, options->gid, options->gid) != 0 ||
                                setresuid(options->uid, options->uid, options->uid) != 0))
        _exit(CANNOT_START);
    /* Whatever ends hikae, even by force, ends this too. A change of accounts would have taken that back. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(CANNOT_START);
    environ = (char **)(uintptr_t)list;
    (void)execvp(options->argv[0], (char *const *)(uintptr_t)options->argv);
    _exit(CANNOT_START + 1);
}

/* Ask the whole group to end, then insist. *ret_status is the child's. */
static void stop_group(pid_t pid, int *ret_status)
{
    (void)kill(-pid, SIGTERM);
    for (int waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
        if (waitpid(pid, ret_status, WNOHANG) != 0) {
            (void)kill(-pid, SIGKILL); /* those of the group that did not end with it */
            return;
        }
        (void)poll(NULL, 0, POLL_MS);
    }
    (void)kill(-pid, SIGKILL);
    (void)waitpid(pid, ret_status, 0);
}

/* What there is to read, kept as far as it fits. *ret_over at its end. */
static int pull(int fd, struct buf *output, bool *ret_over, struct error *err)
{
    char bytes[4096];
    ssize_t size = read(fd, bytes, sizeof(bytes));
    if (size < 0)
        return errno == EINTR || errno == EAGAIN ? 0
                                                 : error_set_errno(err, ERROR_LOCAL, errno, "read a program's output");
    *ret_over = size == 0;
    size_t room = output->size < DRILL_OUTPUT_MAX ? DRILL_OUTPUT_MAX - output->size : 0;
    return buf_append(output, bytes, (size_t)size < room ? (size_t)size : room, err);
}

/* What it wrote between the last look and its end; as much as a pipe holds, for others may go on writing to it. */
static int drain(int fd, struct buf *output, struct error *err)
{
    enum { PULLS_MAX = 64 };
    bool over = false;
    for (int i = 0; i < PULLS_MAX && !over; i++) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 0) <= 0)
            break;
        if (pull(fd, output, &over, err) != 0)
            return -1;
    }
    return 0;
}

/* Until the program has ended; its output may be held open by what it left behind, so its own end decides. */
static int watch(const struct drill_child_options *options, pid_t pid, int fd, struct drill_child *ret, int *ret_status,
                 struct error *err)
{
    int64_t until_ns = clock_monotonic_ns() + options->limit_ns;
    bool over = false;
    for (;;) {
        struct pollfd ready = {.fd = over ? -1 : fd, .events = POLLIN};
        if (poll(&ready, 1, POLL_MS) > 0) {
            if (pull(fd, &ret->output, &over, err) != 0)
                return -1;
            if (!over)
                continue;
        }
        pid_t ended = waitpid(pid, ret_status, WNOHANG);
        if (ended == pid)
            return over ? 0 : drain(fd, &ret->output, err);
        if (ended < 0 && errno != EINTR)
            return error_set_errno(err, ERROR_LOCAL, errno, "wait for %s", options->argv[0]);
        if (cancel_check(options->cancel, err) != 0)
            return -1;
        ret->timed_out = clock_monotonic_ns() > until_ns;
        if (ret->timed_out) {
            stop_group(pid, ret_status);
            return 0;
        }
    }
}

int drill_child_run(const struct drill_child_options *options, struct drill_child *ret, struct error *err)
{
    int ends[2], status = 0;
    CLEANUP_FD int input = -1;
    *ret = (struct drill_child){.exit_code = -1};
    if (options->input != NULL && (input = open(options->input, O_RDONLY | O_CLOEXEC)) < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", options->input);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "make a pipe");
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        start(options, parent, input, ends[1]);
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return error_set_errno(err, ERROR_LOCAL, errno, "start %s", options->argv[0]);
    }
    (void)setpgid(pid, pid); /* in the child as well: whoever comes first */
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    int rc = watch(options, pid, ends[0], ret, &status, err);
    if (rc != 0)
        stop_group(pid, &status);
    else if (!ret->timed_out)
        (void)kill(-pid, SIGKILL); /* nothing that it began outlives it */
    (void)close(ends[0]);
    ret->exit_code = !ret->timed_out && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return rc;
}
