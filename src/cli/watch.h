/*
 * Watching a run: the progress line, warnings, and the signals that ask it to
 * stop. All of it goes to standard error.
 */
#ifndef HIKAE_CLI_WATCH_H
#define HIKAE_CLI_WATCH_H

#include "cli/messages.h"
#include "hikae.h"

#include <pthread.h>

struct watch {
    pthread_mutex_t lock; /* the library may warn from several threads */
    enum lang lang;
    bool show_progress;
    bool show_all_warnings;
    bool line_shown;
    bool interrupted_shown;
    int64_t drawn_ns; /* monotonic */
    enum hikae_phase phase;
    int64_t phase_start_ns;
    uint64_t phase_start_bytes, phase_start_entries;
    uint64_t warnings;
    char **kept; /* the first WATCH_WARNINGS_KEPT, for JSON */
    size_t kept_count;
};

enum { WATCH_WARNINGS_SHOWN = 20, WATCH_WARNINGS_KEPT = 100 };

void watch_start(struct watch *watch, enum lang lang);
void watch_free(struct watch *watch);
/* Clear the progress line, and say how many warnings were not shown. */
void watch_end(struct watch *watch);
/* What to give to hikae_observe. */
struct hikae_observer watch_observer(struct watch *watch);
/* A warning of the command line itself. */
void watch_warn(struct watch *watch, const char *message);
/* A text of the library in the language of the reader. Fresh memory, or NULL without memory. */
char *watch_words(const struct watch *watch, const char *text);
/* One line to stderr: "hikae: " and the text, with the progress line out of the way. */
void watch_line(struct watch *watch, const char *text);

/*
 * SIGINT and SIGTERM: the first asks the store being worked on to stop, or ends the process (exit 9) where there is
 * none; the second ends it. SIGPIPE is ignored: writing reports it.
 */
void watch_signals(void);
/* The store that a signal asks to stop; NULL: none. */
void watch_store(struct hikae *hikae);

#endif
