/*
 * Local files: whole reads with a limit, atomic durable writes, folders.
 * Failures are ERROR_LOCAL (or what `class` says) with the path in the message.
 */
#ifndef HIKAE_BASE_FILE_H
#define HIKAE_BASE_FILE_H

#include "base/buf.h"

#include <sys/types.h>
#include <unistd.h>

/* Read size bytes at offset of fd; less only at the end of the file. Returns the number read, or -1 with errno. */
ssize_t file_pread_full(int fd, void *out, size_t size, int64_t offset);
/* Write all; 0, or -1 with errno. */
MUST_USE int file_write_full(int fd, const void *bytes, size_t size);
MUST_USE int file_pwrite_full(int fd, const void *bytes, size_t size, int64_t offset);
/* Append the whole file to out; ERROR_NOT_FOUND if it is not there, ERROR_LOCAL if it is longer than max bytes. */
MUST_USE int file_read(const char *path, size_t max, struct buf *out, struct error *err);
/*
 * Create or replace path with these bytes: temporary name, fsync, rename, fsync of the folder.
 * After a crash the file is the old or the new one, whole.
 */
MUST_USE int file_write_atomic(const char *path, const void *bytes, size_t size, mode_t mode, struct error *err);
/*
 * The same without waiting for the disk, for what can be had again: after a power failure the file may be the old one,
 * the new one, empty or gone.
 */
MUST_USE int file_write_cached(const char *path, const void *bytes, size_t size, mode_t mode, struct error *err);
/* As file_write_atomic, but refuse to replace: ERROR_REFUSED if path exists. */
MUST_USE int file_create_durable(const char *path, const void *bytes, size_t size, mode_t mode, struct error *err);
/* A path from the root (mem_free), seen from the current folder; NULL when there is no memory or no such folder. */
char *file_absolute(const char *path);
/* Create path and what is missing above it, durably. ERROR_LOCAL also if something else has the name. */
MUST_USE int file_mkdirs(const char *path, mode_t mode, struct error *err);
/* An unnamed temporary file in folder; *ret_fd. */
MUST_USE int file_temporary(const char *folder, int *ret_fd, struct error *err);
/* Remove a tree (never following links); nothing there is no error. */
MUST_USE int file_remove_tree(const char *path, struct error *err);

static inline void cleanup_fd(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define CLEANUP_FD __attribute__((cleanup(cleanup_fd)))

#endif
