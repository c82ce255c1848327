/* log ingest: read and check the files, take them in as a snapshot of their own, then say so in the history. */
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/audit_read.h"
#include "ops/backup_internal.h"
#include "ops/kept_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_SIZE = 1 << 20 };

/* What one file was when it was read. */
struct file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct ingest {
    struct hikae *hikae;
    const struct hikae_log_ingest_options *options;
    const struct policies *policies;
    struct kept_rule rule;
    struct hikae_log log;
    struct file_state *states;
    struct backup_source *sources;
    char *replaces; /* the snapshot that this one comes after; NULL: none */
};

static void ingest_clear(struct ingest *ingest)
{
    kept_rule_close(&ingest->rule);
    kept_log_clear(&ingest->log);
    mem_free(ingest->states);
    mem_free(ingest->sources);
    mem_free(ingest->replaces);
}

/* ---- May it be taken in? ---- */

static const char *source_of(const struct hikae_log_ingest_options *options)
{
    return options->source != NULL ? options->source : KEPT_LOG_SOURCE;
}

/* A part of a fact's key and of a snapshot's tag. */
static int check_word(const char *what, const char *word, struct error *err)
{
    bool good = word[0] != '\0' && strlen(word) <= 64;
    for (const char *p = word; *p != '\0'; p++)
        good = good && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '-' ||
                        *p == '_' || *p == '.');
    return good ? 0
                : error_set(err, ERROR_USAGE, "%s '%.80s': 1 to 64 of the characters A-Z a-z 0-9 - _ .", what, word);
}

static int check_period(struct ingest *ingest, struct error *err)
{
    const struct hikae_log_ingest_options *options = ingest->options;
    struct hikae_log *log = &ingest->log;
    if (strlen(options->period) != strlen("2026-10")) {
        (void)error_set(err, ERROR_USAGE, "'%.60s' is no month", options->period);
        return error_hint(err, "logs are taken in month by month: 2026-10");
    }
    if (audit_parse_period(options->period, ingest->rule.zone, &log->from_ns, &log->to_ns, err) != 0)
        return -1;
    if (log->to_ns > clock_now_ns()) {
        (void)error_set(err, ERROR_REFUSED, "%s is not over yet: its logs are not complete", options->period);
        return error_hint(err, "take them in when the month is over, by the day that the policy promises");
    }
    log->due_ns = kept_rule_due(&ingest->rule, log->to_ns);
    log->keep_until_ns = span_add(ingest->rule.log->keep, ingest->rule.zone, log->to_ns, 1);
    if (log->keep_until_ns > clock_now_ns())
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the time of the logs of %s is over already", options->period);
    return error_hint(err, "nothing is kept longer than the policy promises");
}

static int check_again(struct ingest *ingest, const struct session *session, struct error *err)
{
    const struct hikae_log_ingest_options *options = ingest->options;
    CLEANUP_FREE char *key = mem_printf("%s/%s/%s", options->class_name, source_of(options), options->period);
    struct hikae_log before;
    if (key == NULL)
        return error_no_memory(err);
    const struct history_fact *fact = facts_find(session, RECORD_KEPT_LOG, key);
    if (fact == NULL)
        return 0;
    if (kept_log_read(session, fact, clock_now_ns(), &before, err) != 0)
        return -1;
    ingest->replaces = before.snapshot;
    ingest->log.first_ns = before.first_ns;
    before.snapshot = NULL;
    bool is_lost = strcmp(before.state, "lost") == 0;
    kept_log_clear(&before);
    if (is_lost || options->again != NULL)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the %s logs of %s from %s were taken in already", options->class_name,
                    options->period, source_of(options));
    return error_hint(err,
                      "--again REASON takes them in once more; what was taken in before stays until its time is over");
}

static int check_place(struct ingest *ingest, const struct session *session, struct error *err)
{
    const struct history_tenant *tenant = &session->chain.history.tenant;
    const struct policy *policy;
    if (!session->chain.history.has_tenant)
        return error_set(err, ERROR_DAMAGED, "the history has no tenant record");
    if (strcmp(tenant->class_, "provider") != 0) {
        (void)error_set(err, ERROR_REFUSED, "%s is a customer's: logs of the service are the provider's own data",
                        session->tenant);
        return error_hint(err, "`hikae tenant add NAME --provider` makes a tenant for them");
    }
    if (policies_get(ingest->policies, tenant->policy, &policy, err) != 0 ||
        kept_rule_open(ingest->hikae, policy, ingest->options->class_name, &ingest->rule, err) != 0)
        return -1;
    struct hikae_log *log = &ingest->log;
    log->tenant = mem_strdup(session->tenant);
    log->policy = mem_strdup(policy->name);
    log->class_name = mem_strdup(ingest->options->class_name);
    log->source = mem_strdup(source_of(ingest->options));
    log->period = mem_strdup(ingest->options->period);
    log->format = mem_strdup(policy_log_words[ingest->rule.log->format]);
    if (log->tenant == NULL || log->policy == NULL || log->class_name == NULL || log->source == NULL ||
        log->period == NULL || log->format == NULL)
        return error_no_memory(err);
    return check_period(ingest, err) == 0 ? check_again(ingest, session, err) : -1;
}

static int check(struct ingest *ingest, struct error *err)
{
    struct session session;
    if (check_word("--source", source_of(ingest->options), err) != 0 ||
        session_open(ingest->hikae, ingest->options->tenant, 0, &session, err) != 0)
        return -1;
    int rc = check_place(ingest, &session, err);
    session_close(&session);
    return rc;
}

/* ---- Reading the files ---- */

struct reading {
    struct ingest *ingest;
    struct log_times times;
    uint64_t rows;
};

static int take_row(const struct bytes *cells, size_t count, uint64_t line, void *context, struct error *err)
{
    struct reading *reading = context;
    struct hikae_log *log = &reading->ingest->log;
    int64_t ns;
    bool failed, is_head = reading->times.format == POLICY_LOG_CSV && !reading->times.head_seen;
    bool has_time = log_times_look(&reading->times, cells, count, &ns, err, &failed);
    if (failed)
        return error_wrap(err, "line %llu", (unsigned long long)line);
    reading->rows += !is_head;
    if (!has_time)
        return 0;
    if (log->earliest_ns == 0 || ns < log->earliest_ns)
        log->earliest_ns = ns;
    if (ns > log->latest_ns)
        log->latest_ns = ns;
    return 0;
}

static void take_state(const struct stat *st, struct file_state *ret)
{
    *ret = (struct file_state){st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim};
}

static int read_bytes(int fd, struct log_reader *reader, struct sha256 *hash, struct hikae_log_file *file,
                      struct cancel *cancel, struct error *err)
{
    CLEANUP_FREE uint8_t *bytes = mem_alloc(READ_SIZE);
    if (bytes == NULL)
        return error_no_memory(err);
    for (;;) {
        ssize_t got = read(fd, bytes, READ_SIZE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(err, ERROR_SOURCE, errno, "read %s", reader->file);
        if (got == 0)
            return log_reader_end(reader, err);
        file->bytes += (uint64_t)got;
        if (sha256_update(hash, bytes, (size_t)got, err) != 0 ||
            log_reader_feed(reader, bytes, (size_t)got, err) != 0 || cancel_check(cancel, err) != 0)
            return -1;
    }
}

static int read_file(struct ingest *ingest, const char *path, struct hikae_log_file *file, struct file_state *state,
                     struct error *err)
{
    struct reading reading = {.ingest = ingest,
                              .times = {.format = ingest->rule.log->format, .column = ingest->options->time_column}};
    CLEANUP(log_reader_clear)
    struct log_reader reader = {
        .format = ingest->rule.log->format, .file = path, .work = take_row, .context = &reading};
    CLEANUP(cleanup_sha256_free) struct sha256 *hash = sha256_new();
    CLEANUP_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO would be waited for */
    uint8_t digest[SHA256_SIZE];
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return error_set_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SOURCE, errno, "open %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_USAGE, "%s is no file", path);
    if (hash == NULL)
        return error_no_memory(err);
    take_state(&st, state);
    int rc = sha256_start(hash, err);
    if (rc == 0)
        rc = read_bytes(fd, &reader, hash, file, &ingest->hikae->cancel, err);
    if (rc == 0)
        rc = sha256_finish(hash, digest, err);
    mem_free(reading.times.member);
    if (rc != 0)
        return -1;
    (void)hex_encode(digest, SHA256_SIZE, file->sha256);
    file->lines = reading.rows;
    ingest->log.lines += reading.rows;
    ingest->log.bytes += file->bytes;
    return 0;
}

static int compare_sources(const void *a, const void *b)
{
    return strcmp(((const struct backup_source *)a)->name, ((const struct backup_source *)b)->name);
}

static int read_files(struct ingest *ingest, struct error *err)
{
    const struct hikae_log_ingest_options *options = ingest->options;
    struct hikae_log *log = &ingest->log;
    log->files = mem_calloc(options->file_count, sizeof(*log->files));
    ingest->states = mem_calloc(options->file_count, sizeof(*ingest->states));
    ingest->sources = mem_calloc(options->file_count, sizeof(*ingest->sources));
    if (log->files == NULL || ingest->states == NULL || ingest->sources == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < options->file_count; i++) {
        const char *slash = strrchr(options->files[i], '/');
        struct hikae_log_file *file = &log->files[log->file_count++];
        file->name = mem_strdup(slash != NULL ? slash + 1 : options->files[i]);
        if (file->name == NULL)
            return error_no_memory(err);
        if (read_file(ingest, options->files[i], file, &ingest->states[i], err) != 0)
            return error_wrap(err, "%s", options->files[i]);
        ingest->sources[i] =
            (struct backup_source){.name = file->name, .kind = SOURCE_IMAGE, .path = options->files[i]};
    }
    qsort(ingest->sources, options->file_count, sizeof(*ingest->sources), compare_sources);
    for (size_t i = 1; i < options->file_count; i++)
        if (strcmp(ingest->sources[i - 1].name, ingest->sources[i].name) == 0)
            return error_set(err, ERROR_USAGE, "two files are called %s", ingest->sources[i].name);
    return 0;
}

/* What was stored is what was read only if the files are still the same. */
static int check_unchanged(const struct ingest *ingest, struct error *err)
{
    for (size_t i = 0; i < ingest->options->file_count; i++) {
        struct file_state now = {0};
        struct stat st;
        if (stat(ingest->options->files[i], &st) == 0)
            take_state(&st, &now);
        const struct file_state *then = &ingest->states[i];
        bool same = now.device == then->device && now.inode == then->inode && now.size == then->size &&
                    now.modified.tv_sec == then->modified.tv_sec && now.modified.tv_nsec == then->modified.tv_nsec &&
                    now.changed.tv_sec == then->changed.tv_sec && now.changed.tv_nsec == then->changed.tv_nsec;
        if (same)
            continue;
        (void)error_set(err, ERROR_SOURCE, "%s changed while it was taken in", ingest->options->files[i]);
        return error_hint(err, "copy the log first, then take the copy in");
    }
    return 0;
}

/* ---- Taking them in ---- */

static int store(struct ingest *ingest, struct error *err)
{
    struct hikae_log *log = &ingest->log;
    struct hikae_backup_result result = {0};
    struct hikae_error why;
    CLEANUP_FREE char *tag = mem_printf("log.%s.%s.%s", log->class_name, log->source, log->period);
    if (tag == NULL)
        return error_no_memory(err);
    const struct hikae_backup_options options = {.tag = tag, .on_demand = true, .keep_until_ns = log->keep_until_ns};
    enum hikae_status status =
        backup_files(ingest->hikae, log->tenant, ingest->sources, ingest->options->file_count, &options, &result, &why);
    if (status > HIKAE_WARNINGS)
        return api_failure(&why, err);
    uint64_t errors = result.errors_total;
    log->snapshot = result.snapshot;
    result.snapshot = NULL;
    hikae_backup_result_free(&result);
    if (log->snapshot == NULL)
        return error_no_memory(err);
    return errors == 0 ? check_unchanged(ingest, err)
                       : error_set(err, ERROR_SOURCE, "a file could not be read whole: nothing is recorded");
}

static json_t *time_or_null(int64_t ns)
{
    char text[CLOCK_TEXT_SIZE];
    return ns != 0 ? json_string(clock_format(ns, text)) : json_null();
}

static json_t *make_body(const struct ingest *ingest)
{
    const struct hikae_log *log = &ingest->log;
    json_t *files = json_array();
    for (size_t i = 0; i < log->file_count; i++)
        (void)json_array_append_new(files, json_pack("{s:s, s:s, s:I, s:I}", "name", log->files[i].name, "sha256",
                                                     log->files[i].sha256, "bytes", (json_int_t)log->files[i].bytes,
                                                     "lines", (json_int_t)log->files[i].lines));
    if (json_array_size(files) != log->file_count) {
        json_decref(files);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:I, s:I, s:o, s:o, s:s, s:o, s:s?, s:s?, s:o}",
                     "class", log->class_name, "source", log->source, "period", log->period, "from",
                     time_or_null(log->from_ns), "to", time_or_null(log->to_ns), "due", time_or_null(log->due_ns),
                     "taken", time_or_null(log->taken_ns), "keep_until", time_or_null(log->keep_until_ns), "snapshot",
                     log->snapshot, "lines", (json_int_t)log->lines, "bytes", (json_int_t)log->bytes, "earliest",
                     time_or_null(log->earliest_ns), "latest", time_or_null(log->latest_ns), "format", log->format,
                     "files", files, "replaces", ingest->replaces, "reason", ingest->options->again, "first",
                     time_or_null(log->first_ns));
}

static int append(struct ingest *ingest, struct error *err)
{
    struct session session;
    ingest->log.taken_ns = clock_now_ns();
    CLEANUP_JSON json_t *body = make_body(ingest);
    if (body == NULL) {
        (void)error_set(err, ERROR_USAGE, "a name of a file, or the reason, is no UTF-8");
        return error_hint(err, "rename it");
    }
    if (session_open(ingest->hikae, ingest->log.tenant, SESSION_LOCK, &session, err) != 0)
        return -1;
    int rc = facts_append(&session, RECORD_KEPT_LOG, body, err);
    session_close(&session);
    if (ingest->log.first_ns == 0)
        ingest->log.first_ns = ingest->log.taken_ns;
    ingest->log.late = ingest->log.due_ns != 0 && ingest->log.first_ns >= ingest->log.due_ns;
    ingest->log.state = "kept";
    return rc == 0 ? 0 : error_wrap(err, "record what was taken in");
}

static int ingest_files(struct ingest *ingest, struct error *err)
{
    if (ingest->options->file_count == 0)
        return error_set(err, ERROR_USAGE, "there is no file to take in");
    if (policies_of(ingest->hikae, &ingest->policies, err) != 0 || check(ingest, err) != 0 ||
        read_files(ingest, err) != 0)
        return -1;
    if (ingest->options->dry_run)
        return 0;
    return store(ingest, err) == 0 ? append(ingest, err) : -1;
}

static void record(struct engine_audit *audit, const struct ingest *ingest)
{
    const struct hikae_log *log = &ingest->log;
    engine_audit_detail(audit, "class", ingest->options->class_name);
    engine_audit_detail(audit, "period", ingest->options->period);
    engine_audit_detail(audit, "snapshot", log->snapshot);
    engine_audit_detail(audit, "again", ingest->options->again);
    engine_audit_count(audit, "files", log->file_count);
    engine_audit_count(audit, "lines", log->lines);
    engine_audit_count(audit, "bytes", log->bytes);
    engine_audit_count(audit, "late", log->late);
}

enum hikae_status hikae_log_ingest(struct hikae *hikae, const struct hikae_log_ingest_options *options,
                                   struct hikae_logs *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct ingest ingest = {.hikae = hikae, .options = options, .log.state = "missing"};
    *ret = (struct hikae_logs){0};
    if (engine_audit_begin(hikae, OPERATION_LOG_INGEST, options->tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = ingest_files(&ingest, &err);
    record(&audit, &ingest);
    struct hikae_log *made = rc == 0 ? kept_logs_add(ret) : NULL;
    if (rc == 0 && made == NULL)
        rc = error_no_memory(&err);
    if (made != NULL) {
        *made = ingest.log;
        ingest.log = (struct hikae_log){.state = "missing"};
    }
    ingest_clear(&ingest);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
