#include "cli/run.h"

#include "cli/heads.h"

#include "base/mem.h"
#include "base/phrase.h"
#include "cli/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *run_option(const struct run *run, const char *name)
{
    for (size_t i = run->given_count; i-- > 0;)
        if (strcmp(run->given[i].def->name, name) == 0)
            return run->given[i].value;
    return NULL;
}

const char *run_output(const struct run *run, const char *name)
{
    const char *value = run_option(run, name);
    return value != NULL && strcmp(value, "-") == 0 ? NULL : value;
}

bool run_has(const struct run *run, const char *name)
{
    for (size_t i = 0; i < run->given_count; i++)
        if (strcmp(run->given[i].def->name, name) == 0)
            return true;
    return false;
}

const char **run_all(struct run *run, const char *name, size_t *ret_count)
{
    *ret_count = 0;
    const char **values = mem_calloc(run->given_count + 1, sizeof *values);
    if (values == NULL) {
        (void)run_no_memory(run);
        return NULL;
    }
    for (size_t i = 0; i < run->given_count; i++)
        if (strcmp(run->given[i].def->name, name) == 0)
            values[(*ret_count)++] = run->given[i].value;
    return values;
}

const char *run_config_path(const struct run *run)
{
    const char *environment = getenv("HIKAE_CONFIG");
    if (run->config != NULL)
        return run->config;
    return environment != NULL && environment[0] != '\0' ? environment : "/etc/hikae/hikae.yaml";
}

void run_note_test_clock(struct run *run)
{
    if (run->out.json)
        out_bool(&run->out, NULL, "test_clock", true);
    char CLEANUP_FREE *note = message_format(run->lang, MSG_TEST_CLOCK, (const char *const[]){NULL});
    watch_line(&run->watch, note != NULL ? note : "test clock");
}

enum hikae_status run_open_store(struct run *run)
{
    run->config = run_config_path(run);
    enum hikae_status status = hikae_open(run->config, &run->hikae, &run->error);
    if (status > HIKAE_WARNINGS) {
        run->hikae = NULL;
        return status;
    }
    struct hikae_observer observer = watch_observer(&run->watch);
    run->watch.show_progress = !run->quiet && isatty(STDERR_FILENO) == 1;
    hikae_observe(run->hikae, &observer);
    watch_store(run->hikae);
    if (hikae_has_test_clock(run->hikae))
        run_note_test_clock(run);
    return HIKAE_OK;
}

void run_note_clock(struct run *run, const char *path)
{
    struct hikae *hikae = NULL;
    struct hikae_error ignored = {0};
    if (path == NULL || hikae_open(path, &hikae, &ignored) > HIKAE_WARNINGS)
        return;
    if (hikae_has_test_clock(hikae))
        run_note_test_clock(run);
    hikae_close(hikae);
}

enum hikae_status run_fail(struct run *run, enum hikae_status status, const char *kind, const char *fmt, ...)
{
    va_list args;
    run->error = (struct hikae_error){.status = status};
    (void)snprintf(run->error.kind, sizeof run->error.kind, "%s", kind);
    va_start(args, fmt);
    (void)vsnprintf(run->error.message, sizeof run->error.message, fmt, args);
    va_end(args);
    return status;
}

enum hikae_status run_usage(struct run *run, const char *fmt, ...)
{
    va_list args;
    run->error = (struct hikae_error){.status = HIKAE_USAGE, .kind = "usage"};
    va_start(args, fmt);
    (void)vsnprintf(run->error.message, sizeof run->error.message, fmt, args);
    va_end(args);
    if (run->command != NULL)
        (void)run_hint(run, "see hikae help %s", run->command->name);
    return HIKAE_USAGE;
}

enum hikae_status run_no_memory(struct run *run)
{
    return run_fail(run, HIKAE_INTERNAL, "no-memory", "out of memory");
}

enum hikae_status run_hint(struct run *run, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(run->error.hint, sizeof run->error.hint, fmt, args);
    va_end(args);
    return run->error.status;
}

enum hikae_status run_base(struct run *run, const struct error *err)
{
    (void)run_fail(run, (enum hikae_status)error_exit_code(err->class), error_class_name(err->class), "%s%s%s",
                   err->chain, err->chain[0] != '\0' ? ": " : "", err->what);
    run->error.retryable = err->retryable;
    return run_hint(run, "%s", err->hint);
}

/* A duration among the arguments is made without knowing the language; no name begins with a digit and holds a space.
 */
static bool is_quantity(const char *arg)
{
    return arg[0] >= '0' && arg[0] <= '9' && strchr(arg, ' ') != NULL;
}

static char *sentence(const struct run *run, enum message message, const char *const *args)
{
    enum { ARGS_MAX = 9 };
    const char *shown[ARGS_MAX + 1] = {NULL};
    char *own[ARGS_MAX] = {NULL};
    for (size_t i = 0; args != NULL && i < ARGS_MAX && args[i] != NULL; i++) {
        own[i] = run->lang == LANG_JA && is_quantity(args[i]) ? phrase_ja(args[i]) : NULL;
        shown[i] = own[i] != NULL ? own[i] : args[i];
    }
    char *text = message_format(run->lang, message, shown);
    for (size_t i = 0; i < ARGS_MAX; i++)
        mem_free(own[i]);
    return text;
}

void run_say_args(struct run *run, enum message message, const char *const *args)
{
    if (run->quiet || run->out.json)
        return;
    char CLEANUP_FREE *text = sentence(run, message, args);
    char CLEANUP_FREE *safe = text != NULL ? text_escape(text, true) : NULL;
    if (safe == NULL) {
        run->out.no_memory = true;
        return;
    }
    watch_end(&run->watch);
    (void)out_puts(&run->out, safe);
    (void)out_puts(&run->out, "\n");
}

void run_tell_args(struct run *run, enum message message, const char *const *args)
{
    /* What was written must be written before it is said to be. */
    if (out_flush(&run->out) != 0 || run->quiet)
        return;
    char CLEANUP_FREE *text = sentence(run, message, args);
    if (text == NULL) {
        run->out.no_memory = true;
        return;
    }
    watch_line(&run->watch, text);
}

/* The heads, and the cells below those that hold hikae's own words; names and texts of the operator's stay as they are.
 */
static void show_in_japanese(struct columns *shown)
{
    for (size_t i = 0; i < shown->count; i++) {
        if (!head_has_words(shown->heads[i % shown->width]))
            continue;
        char *words = phrase_ja(shown->cells[i].text);
        shown->failed = shown->failed || words == NULL;
        if (words == NULL)
            return;
        mem_free(shown->cells[i].text);
        shown->cells[i].text = words;
    }
    for (size_t i = 0; i < shown->width; i++)
        shown->heads[i] = head_ja(shown->heads[i]);
}

void run_table(struct run *run, const struct columns *columns)
{
    struct columns shown = *columns;
    if (run->lang == LANG_JA)
        show_in_japanese(&shown);
    watch_end(&run->watch);
    if (run->tables && shown.count > 0)
        (void)out_puts(&run->out, "\n");
    run->tables = run->tables || shown.count > 0;
    out_table(&run->out, &shown);
}

static void json_error(struct run *run, enum hikae_status status)
{
    json_t *error = json_object();
    out_text(&run->out, error, "kind", run->error.kind[0] != '\0' ? run->error.kind : "internal");
    out_number(&run->out, error, "exit", status);
    out_text(&run->out, error, "message", run->error.message);
    out_text(&run->out, error, "hint", run->error.hint);
    out_bool(&run->out, error, "retryable", run->error.retryable);
    out_set(&run->out, NULL, "error", error);
}

static void json_warnings(struct run *run)
{
    if (run->watch.kept_count == 0)
        return;
    json_t *array = out_array(&run->out, NULL, "warnings");
    for (size_t i = 0; i < run->watch.kept_count; i++)
        out_item_text(&run->out, array, run->watch.kept[i]);
}

static void print_error(struct run *run)
{
    char CLEANUP_FREE *message =
        watch_words(&run->watch, run->error.message[0] != '\0' ? run->error.message : "failed, and nothing says why");
    char CLEANUP_FREE *words = watch_words(&run->watch, run->error.hint);
    char CLEANUP_FREE *hint = words != NULL ? text_escape(words, true) : NULL;
    watch_line(&run->watch, message != NULL ? message : run->error.message);
    if (hint != NULL && hint[0] != '\0')
        (void)fprintf(stderr, "  → %s\n", hint);
}

/* Several at once: the graver one, in the order that the codes are documented in. */
static enum hikae_status graver(enum hikae_status a, enum hikae_status b)
{
    static const enum hikae_status order[] = {HIKAE_INTERNAL, HIKAE_KEYS, HIKAE_DAMAGED, HIKAE_UNKNOWN};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return b;
}

/* What was asked for is done, but could not be told: a pipe whose reader left wants no message. */
static enum hikae_status output_failed(struct run *run)
{
    if (run->out.no_memory) {
        (void)run_no_memory(run);
        if (run->out.json && !run->out.streaming)
            (void)fputs("{\"schema\":1,\"error\":{\"kind\":\"no-memory\",\"exit\":10,\"message\":\"out of "
                        "memory\",\"hint\":\"\"}}\n",
                        stdout);
        (void)fflush(stdout);
        print_error(run);
        return HIKAE_INTERNAL;
    }
    if (run->out.errnum != EPIPE) {
        (void)run_fail(run, HIKAE_UNKNOWN, "local", "write to standard output: %s", strerror(run->out.errnum));
        print_error(run);
    }
    return HIKAE_UNKNOWN;
}

int run_finish(struct run *run, enum hikae_status status)
{
    watch_end(&run->watch);
    /* A listing that stopped because nobody takes it is no interruption; anything else is told whoever takes it. */
    if (status == HIKAE_INTERRUPTED && (run->out.errnum != 0 || run->out.no_memory))
        status = HIKAE_OK;
    if (status > HIKAE_WARNINGS) {
        if (run->out.json)
            json_error(run, status);
        (void)out_flush(&run->out);
        print_error(run);
    } else if (status == HIKAE_WARNINGS && run->error.message[0] != '\0') {
        watch_warn(&run->watch, run->error.message);
    }
    if (run->out.json)
        json_warnings(run);
    if (out_finish(&run->out) != 0)
        status = graver(status, output_failed(run));
    watch_store(NULL);
    hikae_close(run->hikae);
    watch_free(&run->watch);
    out_free(&run->out);
    mem_free(run->given);
    mem_free(run->args);
    return (int)status;
}
