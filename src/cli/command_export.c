/* cat and export: bytes of a snapshot to standard output or to a file. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Where the bytes go: a file, or (fd -1) standard output. */
struct sink {
    struct run *run;
    int fd;
    const char *path;
    char *temporary; /* the name until it is whole; NULL: written in place (a tape, a fifo) */
    uint64_t bytes;
    int errnum;
};

static int on_bytes(const void *bytes, size_t size, void *context)
{
    struct sink *sink = context;
    sink->bytes += size;
    if (sink->fd < 0)
        return out_bytes(&sink->run->out, bytes, size);
    if (file_write_full(sink->fd, bytes, size) == 0)
        return 0;
    sink->errnum = errno;
    return -1;
}

enum hikae_status command_cat(struct run *run)
{
    struct hikae_which which;
    struct sink sink = {.run = run, .fd = -1};
    enum hikae_status status = value_which(run, &which);
    if (status != HIKAE_OK)
        return status;
    return hikae_cat(run->hikae, run->args[0], &which, run->args[1], on_bytes, &sink, &run->error);
}

static enum hikae_status sink_failed(struct sink *sink, const char *what)
{
    (void)run_fail(sink->run, HIKAE_UNKNOWN, "local", "%s %s: %s", what, sink->path,
                   strerror(sink->errnum != 0 ? sink->errnum : errno));
    if (sink->temporary != NULL)
        (void)unlink(sink->temporary);
    return sink->errnum == ENOSPC ? run_hint(sink->run, "make room there, or export to another place") : HIKAE_UNKNOWN;
}

static enum hikae_status sink_exists(struct sink *sink)
{
    (void)run_fail(sink->run, HIKAE_REFUSED, "refused", "%s exists", sink->path);
    if (sink->temporary != NULL)
        (void)unlink(sink->temporary);
    return run_hint(sink->run, "--overwrite replaces it");
}

static enum hikae_status sink_open(struct sink *sink, bool overwrite)
{
    struct stat st;
    bool exists = stat(sink->path, &st) == 0;
    if (exists && !S_ISREG(st.st_mode)) {
        sink->fd = open(sink->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return sink->fd < 0 ? sink_failed(sink, "open") : HIKAE_OK;
    }
    if (exists && !overwrite)
        return sink_exists(sink);
    sink->temporary = mem_printf("%s.%ld.part", sink->path, (long)getpid());
    if (sink->temporary == NULL)
        return run_no_memory(sink->run);
    /* Plain data of a customer: nobody else needs to read it. */
    sink->fd = open(sink->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (sink->fd < 0) {
        sink->errnum = errno;
        mem_free(sink->temporary);
        sink->temporary = NULL;
        return sink_failed(sink, "create");
    }
    return HIKAE_OK;
}

/* Give a whole archive its name; link(2) instead of rename(2) where nothing may be replaced. */
static enum hikae_status sink_commit(struct sink *sink, bool overwrite)
{
    if (sink->temporary == NULL)
        return HIKAE_OK;
    if (fsync(sink->fd) != 0)
        return sink_failed(sink, "write");
    if (overwrite)
        return rename(sink->temporary, sink->path) == 0 ? HIKAE_OK : sink_failed(sink, "rename to");
    if (link(sink->temporary, sink->path) != 0) {
        if (errno == EEXIST)
            return sink_exists(sink);
        /* Some file systems have no hard links. */
        return rename(sink->temporary, sink->path) == 0 ? HIKAE_OK : sink_failed(sink, "rename to");
    }
    (void)unlink(sink->temporary);
    return HIKAE_OK;
}

static enum hikae_status export_to(struct run *run, const struct hikae_which *which, struct sink *sink,
                                   uint64_t *ret_entries)
{
    enum hikae_status status = hikae_export(run->hikae, run->args[0], which, run->args + 1, run->arg_count - 1,
                                            run_option(run, "format"), on_bytes, sink, ret_entries, &run->error);
    if (sink->errnum != 0)
        return sink_failed(sink, "write");
    if (sink->fd < 0)
        return status;
    if (status <= HIKAE_WARNINGS) {
        enum hikae_status committed = sink_commit(sink, run_has(run, "overwrite"));
        return committed != HIKAE_OK ? committed : status;
    }
    if (sink->temporary != NULL)
        (void)unlink(sink->temporary);
    return status;
}

static void show_export(struct run *run, const struct sink *sink, uint64_t entries)
{
    char count[TEXT_SMALL], size[TEXT_SMALL];
    const char *format = run_option(run, "format");
    if (run->out.json) {
        out_text(&run->out, NULL, "file", sink->path);
        out_text(&run->out, NULL, "format", format != NULL ? format : "pax");
        out_number(&run->out, NULL, "entries", entries);
        out_number(&run->out, NULL, "bytes", sink->bytes);
    }
    (void)text_count(entries, count);
    (void)text_size(sink->bytes, size);
    if (sink->fd >= 0) {
        run_say(run, MSG_EXPORTED, count, size, sink->path);
        return;
    }
    char CLEANUP_FREE *place = message_format(run->lang, MSG_STANDARD_OUTPUT, NULL);
    run_tell(run, MSG_EXPORTED, count, size, place != NULL ? place : "-");
}

enum hikae_status command_export(struct run *run)
{
    struct hikae_which which;
    struct sink sink = {.run = run, .fd = -1, .path = run_output(run, "output")};
    uint64_t entries = 0;
    bool to_stdout = sink.path == NULL;
    enum hikae_status status = value_which(run, &which);
    if (status != HIKAE_OK)
        return status;
    if (to_stdout && run->out.json)
        return run_usage(run, "export writes the archive to standard output: --json needs -o FILE");
    if (to_stdout && run->out.terminal) {
        (void)run_usage(run, "an archive is not written to a terminal");
        return run_hint(run, "-o FILE, or a pipe");
    }
    if (!to_stdout)
        status = sink_open(&sink, run_has(run, "overwrite"));
    if (status == HIKAE_OK)
        status = export_to(run, &which, &sink, &entries);
    if (status <= HIKAE_WARNINGS && run->out.errnum == 0)
        show_export(run, &sink, entries);
    if (sink.fd >= 0)
        (void)close(sink.fd);
    mem_free(sink.temporary);
    return status;
}
