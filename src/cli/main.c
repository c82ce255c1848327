/* hikae: the command line. It is built on include/hikae.h alone. */
#include "cli/help.h"
#include "cli/parse.h"
#include "cli/run.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Widths of characters need a UTF-8 LC_CTYPE; all else stays in the C locale, so that numbers look the same everywhere.
 */
static void set_locale(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
}

/* The language that the environment asks for; --lang overrides it. */
static enum lang environment_lang(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]);
        if (value != NULL && value[0] != '\0')
            return strncmp(value, "ja", 2) == 0 ? LANG_JA : LANG_EN;
    }
    return LANG_EN;
}

static enum hikae_status dispatch(struct run *run)
{
    if (run->help)
        return help_asked(run);
    if ((run->command->flags & COMMAND_STORE) != 0) {
        enum hikae_status status = run_open_store(run);
        if (status > HIKAE_WARNINGS)
            return status;
    }
    return run->command->run(run);
}

/*
 * A file that the library opens must not become standard output because that was closed: each of the three is there,
 * and one that was closed refuses what is asked of it, so that the exit code says that nothing was told.
 */
static void hold_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(HIKAE_INTERNAL);
}

int main(int argc, char **argv)
{
    struct run run = {0};
    hold_standard_files();
    set_locale();
    watch_signals();
    run.lang = environment_lang();
    out_start(&run.out);
    watch_start(&run.watch, run.lang);
    enum hikae_status status = parse_arguments(argc, argv, &run);
    run.watch.lang = run.lang;
    run.watch.show_all_warnings = run.verbose;
    if (status == HIKAE_OK)
        status = dispatch(&run);
    return run_finish(&run, status);
}
