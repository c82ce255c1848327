#include "base/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

/* As shells say it of what cannot be started. */
enum { CANNOT_START = 126 };

void child_begin(int output)
{
    static const int defaults[] = {SIGPIPE, SIGINT, SIGTERM};
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0)
        _exit(CANNOT_START);
    if (null != STDIN_FILENO)
        (void)close(null);
    (void)setpgid(0, 0);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        (void)signal(defaults[i], SIG_DFL);
}
