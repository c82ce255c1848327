/* What a run has of its host: the right to be the only one, the clock, hooks. */
#include "ops/run.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MS = 200, PATIENCE_MS = 5000 };

int run_lock(struct hikae *hikae, bool wait, int *ret_fd, struct error *err)
{
    CLEANUP_FREE char *path = mem_printf("%s/run.lock", hikae->config->state);
    if (path == NULL)
        return error_no_memory(err);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", path);
    int rc;
    while ((rc = flock(fd, LOCK_EX | LOCK_NB)) != 0 && errno == EWOULDBLOCK && wait &&
           cancel_check(&hikae->cancel, err) == 0)
        (void)poll(NULL, 0, POLL_MS);
    if (rc == 0) {
        *ret_fd = fd;
        return 0;
    }
    int errnum = errno;
    (void)close(fd);
    if (wait && cancel_check(&hikae->cancel, err) != 0)
        return -1;
    if (errnum != EWOULDBLOCK)
        return error_set_errno(err, ERROR_LOCAL, errnum, "lock %s", path);
    (void)error_set(err, ERROR_BUSY, "another run is under way");
    err->retryable = true;
    return error_hint(err, "--wait waits until it ends");
}

/* ---- The clock ---- */

static const char *clock_source(void)
{
    static const struct {
        const char *path, *name;
    } sources[] = {{"/run/systemd/timesync/synchronized", "systemd-timesyncd"},
                   {"/run/chrony/chronyd.pid", "chronyd"},
                   {"/run/ntpd.pid", "ntpd"}};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        if (access(sources[i].path, F_OK) == 0)
            return sources[i].name;
    return "unknown";
}

void run_clock(struct hikae_run_clock *ret)
{
    struct timex state = {0};
    int rc = adjtimex(&state);
    int64_t unit = (state.status & STA_NANO) != 0 ? 1 : 1000;
    *ret = (struct hikae_run_clock){.synchronized = rc >= 0 && rc != TIME_ERROR && (state.status & STA_UNSYNC) == 0,
                                    .source = clock_source(),
                                    .offset_ns = state.offset * unit,
                                    .error_ns = state.maxerror * 1000};
}

/* ---- Hooks ---- */

/* In the child: nothing of ours but a few harmless words of the environment. */
static void run_child(const char *path, const char *when, int status)
{
    static char path_variable[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char hook[32], code[32];
    (void)snprintf(hook, sizeof(hook), "HIKAE_HOOK=%s", when);
    (void)snprintf(code, sizeof(code), "HIKAE_STATUS=%d", status);
    char *const environment[] = {path_variable, hook, status >= 0 ? code : NULL, NULL};
    char *const arguments[] = {(char *)(uintptr_t)path, (char *)(uintptr_t)when, NULL};
    /* What it prints goes where messages go: standard output is for results. */
    child_begin(STDERR_FILENO);
    (void)execve(path, arguments, environment);
    _exit(127);
}

/* Wait until the deadline: true if the child has ended. */
static bool wait_for(pid_t pid, int64_t deadline_ns, const struct cancel *cancel, int *ret_status)
{
    while (waitpid(pid, ret_status, WNOHANG) == 0) {
        if (clock_monotonic_ns() >= deadline_ns || (cancel != NULL && cancel_check(cancel, NULL) != 0))
            return false;
        (void)poll(NULL, 0, 20);
    }
    return true;
}

static int judge(const char *when, int status, struct error *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return error_set(err, ERROR_CONFIG, "the hook %s the run could not be started", when);
    if (WIFEXITED(status))
        return error_set(err, ERROR_SOURCE, "the hook %s the run ended with exit code %d", when, WEXITSTATUS(status));
    return error_set(err, ERROR_SOURCE, "the hook %s the run was ended by signal %d", when, WTERMSIG(status));
}

int run_hook(struct hikae *hikae, const char *when, int status, struct error *err)
{
    const struct config *config = hikae->config;
    const char *path = strcmp(when, "before") == 0 ? config->hook_before : config->hook_after;
    int result = 0;
    if (path == NULL)
        return 0;
    pid_t pid = fork();
    if (pid == 0)
        run_child(path, when, status);
    if (pid < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "start the hook %s", path);
    (void)setpgid(pid, pid); /* in the child as well: whoever comes first */
    int64_t limit_ns = (int64_t)config->hook_seconds * NS_PER_S;
    /* What comes after a run that was stopped is still wanted. */
    const struct cancel *cancel = status < 0 ? &hikae->cancel : NULL;
    if (wait_for(pid, clock_monotonic_ns() + limit_ns, cancel, &result)) {
        (void)kill(-pid, SIGKILL); /* nothing that it left behind outlives it */
        return judge(when, result, err);
    }
    (void)kill(-pid, SIGTERM);
    if (!wait_for(pid, clock_monotonic_ns() + PATIENCE_MS * (NS_PER_S / 1000), NULL, &result)) {
        (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, &result, 0);
    }
    if (cancel != NULL && cancel_check(cancel, err) != 0)
        return -1;
    return error_set(err, ERROR_SOURCE, "the hook %s the run took longer than %u s and was ended", when,
                     config->hook_seconds);
}
