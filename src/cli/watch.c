#include "cli/watch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/phrase.h"
#include "cli/text.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_NS (NS_PER_S / 5)

/* A signal handler sees nothing but globals; these two are all that it looks at. */
static _Atomic(struct hikae *) watched_store;
static atomic_int signal_count;

static void on_signal(int number)
{
    (void)number;
    struct hikae *hikae = atomic_load(&watched_store);
    if (atomic_fetch_add(&signal_count, 1) > 0 || hikae == NULL)
        _exit(HIKAE_INTERRUPTED);
    hikae_cancel(hikae);
}

void watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaddset(&action.sa_mask, SIGINT);
    (void)sigaddset(&action.sa_mask, SIGTERM);
    (void)sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

void watch_store(struct hikae *hikae)
{
    atomic_store(&watched_store, hikae);
}

void watch_start(struct watch *watch, enum lang lang)
{
    *watch = (struct watch){.lang = lang};
    (void)pthread_mutex_init(&watch->lock, NULL);
}

void watch_free(struct watch *watch)
{
    for (size_t i = 0; i < watch->kept_count; i++)
        mem_free(watch->kept[i]);
    mem_free(watch->kept);
    (void)pthread_mutex_destroy(&watch->lock);
}

char *watch_words(const struct watch *watch, const char *text)
{
    return watch->lang == LANG_JA ? phrase_ja(text) : mem_strdup(text);
}

static void clear_line(struct watch *watch)
{
    if (watch->line_shown)
        (void)fputs("\r\033[K", stderr);
    watch->line_shown = false;
}

static void print_line(struct watch *watch, const char *text)
{
    char CLEANUP_FREE *safe = text_escape(text, true);
    clear_line(watch);
    (void)fprintf(stderr, "hikae: %s\n", safe != NULL ? safe : "out of memory");
}

void watch_line(struct watch *watch, const char *text)
{
    (void)pthread_mutex_lock(&watch->lock);
    print_line(watch, text);
    (void)pthread_mutex_unlock(&watch->lock);
}

static void say(struct watch *watch, enum message message, const char *arg)
{
    char CLEANUP_FREE *words = watch_words(watch, arg);
    char CLEANUP_FREE *text =
        message_format(watch->lang, message, (const char *const[]){words != NULL ? words : arg, NULL});
    print_line(watch, text != NULL ? text : arg);
}

static void keep(struct watch *watch, const char *message)
{
    if (watch->kept == NULL)
        watch->kept = mem_calloc(WATCH_WARNINGS_KEPT, sizeof *watch->kept);
    if (watch->kept == NULL || watch->kept_count == WATCH_WARNINGS_KEPT)
        return;
    watch->kept[watch->kept_count] = mem_strdup(message);
    if (watch->kept[watch->kept_count] != NULL)
        watch->kept_count++;
}

void watch_warn(struct watch *watch, const char *message)
{
    (void)pthread_mutex_lock(&watch->lock);
    watch->warnings++;
    keep(watch, message);
    if (watch->show_all_warnings || watch->warnings <= WATCH_WARNINGS_SHOWN)
        say(watch, MSG_WARNING, message);
    (void)pthread_mutex_unlock(&watch->lock);
}

void watch_end(struct watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    clear_line(watch);
    if (!watch->show_all_warnings && watch->warnings > WATCH_WARNINGS_SHOWN) {
        char more[TEXT_SMALL];
        say(watch, MSG_WARNINGS_MORE, text_count(watch->warnings - WATCH_WARNINGS_SHOWN, more));
    }
    watch->warnings = 0;
    (void)pthread_mutex_unlock(&watch->lock);
}

/* A rate needs a start: that of the phase, since phases run at different speeds. */
static void note_phase(struct watch *watch, const struct hikae_progress *progress)
{
    if (watch->phase_start_ns != 0 && watch->phase == progress->phase)
        return;
    watch->phase = progress->phase;
    watch->phase_start_ns = progress->elapsed_ns > 0 ? progress->elapsed_ns : 1;
    watch->phase_start_bytes = progress->bytes_done;
    watch->phase_start_entries = progress->entries_done;
}

static void append(char *line, size_t size, const char *text)
{
    size_t used = strlen(line);
    if (text[0] != '\0')
        (void)snprintf(line + used, size - used, "%s%s", used > 0 ? "  " : "", text);
}

static void append_left(struct watch *watch, const struct hikae_progress *progress, char *line, size_t size)
{
    double seconds = (double)(progress->elapsed_ns - watch->phase_start_ns) / (double)NS_PER_S;
    bool bytes = progress->bytes_done > watch->phase_start_bytes;
    double done = bytes ? (double)(progress->bytes_done - watch->phase_start_bytes)
                        : (double)progress->entries_done - (double)watch->phase_start_entries;
    double left = bytes ? (double)progress->bytes_total - (double)progress->bytes_done
                        : (double)progress->entries_total - (double)progress->entries_done;
    if (seconds < 0.2 || done <= 0)
        return;
    char number[TEXT_SMALL];
    char text[TEXT_SMALL + 8];
    if (bytes)
        (void)snprintf(text, sizeof text, "%s/s", text_size((uint64_t)(done / seconds), number));
    else
        (void)snprintf(text, sizeof text, "%s/s", text_count((uint64_t)(done / seconds), number));
    append(line, size, text);
    if (left <= 0 || left / done * seconds > 1e9)
        return;
    int64_t left_s = (int64_t)(left / done * seconds) + 1;
    char CLEANUP_FREE *duration = watch_words(watch, text_duration(left_s * NS_PER_S, number));
    char CLEANUP_FREE *message =
        duration != NULL ? message_format(watch->lang, MSG_LEFT, (const char *const[]){duration, NULL}) : NULL;
    append(line, size, message != NULL ? message : "");
}

static void append_done(const struct hikae_progress *progress, char *line, size_t size)
{
    char a[TEXT_SMALL];
    char b[TEXT_SMALL];
    char text[3 * TEXT_SMALL];
    (void)snprintf(text, sizeof text, progress->entries_total > 0 ? "%s/%s" : "%s",
                   text_count(progress->entries_done, a), text_count(progress->entries_total, b));
    append(line, size, text);
    text[0] = '\0';
    if (progress->bytes_total > 0)
        (void)snprintf(text, sizeof text, "%s/%s %.0f%%", text_size(progress->bytes_done, a),
                       text_size(progress->bytes_total, b),
                       100.0 * (double)progress->bytes_done / (double)progress->bytes_total);
    else if (progress->bytes_done > 0)
        (void)snprintf(text, sizeof text, "%s", text_size(progress->bytes_done, a));
    append(line, size, text);
    if (progress->bytes_stored > 0) {
        (void)snprintf(text, sizeof text, "⇄ %s", text_size(progress->bytes_stored, a));
        append(line, size, text);
    }
}

/* With one target the total says it all; with several, each goes at its own speed. */
static void append_targets(const struct hikae_progress *progress, char *line, size_t size)
{
    char number[TEXT_SMALL];
    for (size_t i = 0; progress->target_count > 1 && i < progress->target_count; i++) {
        const struct hikae_target_progress *target = &progress->targets[i];
        char CLEANUP_FREE *text =
            mem_printf("%s %s", target->name, target->up ? text_size(target->bytes, number) : "✗");
        append(line, size, text != NULL ? text : "");
    }
}

static void draw(struct watch *watch, const struct hikae_progress *progress)
{
    static const enum message names[] = {MSG_PHASE_SCAN, MSG_PHASE_TRANSFER, MSG_PHASE_CHECK, MSG_PHASE_FINISH};
    char line[512] = "";
    char CLEANUP_FREE *name = message_format(watch->lang, names[progress->phase & 3], (const char *const[]){NULL});
    append(line, sizeof line, name != NULL ? name : "");
    append_done(progress, line, sizeof line);
    append_left(watch, progress, line, sizeof line);
    append_targets(progress, line, sizeof line);
    struct winsize size = {0};
    size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79;
    /* The cursor stays hidden nowhere and the line never wraps: whatever happens, the terminal is usable. */
    (void)fprintf(stderr, "\r\033[K%.*s", (int)text_fit(line, columns), line);
    (void)fflush(stderr);
    watch->line_shown = true;
}

static void on_progress(const struct hikae_progress *progress, void *context)
{
    struct watch *watch = context;
    if (!watch->show_progress)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    int64_t now = clock_monotonic_ns();
    note_phase(watch, progress);
    if (atomic_load(&signal_count) > 0 && !watch->interrupted_shown) {
        watch->interrupted_shown = true;
        char CLEANUP_FREE *text = message_format(watch->lang, MSG_STOPPING, (const char *const[]){NULL});
        print_line(watch, text != NULL ? text : "");
    }
    if (watch->drawn_ns == 0 || now - watch->drawn_ns >= REDRAW_NS) {
        watch->drawn_ns = now;
        draw(watch, progress);
    }
    (void)pthread_mutex_unlock(&watch->lock);
}

static void on_warning(const char *message, void *context)
{
    watch_warn(context, message);
}

struct hikae_observer watch_observer(struct watch *watch)
{
    return (struct hikae_observer){.progress = on_progress, .warning = on_warning, .context = watch};
}
