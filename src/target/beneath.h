/*
 * Opening files beneath a folder without ever leaving it and without
 * following a symbolic link, whatever somebody with write access to the
 * target has put there.
 */
#ifndef HIKAE_TARGET_BENEATH_H
#define HIKAE_TARGET_BENEATH_H

#include <stdbool.h>
#include <sys/types.h>

/* Has this kernel openat2(2) (Linux 5.6; sandboxes may forbid it)? */
bool beneath_kernel(int root);

/*
 * Open the relative path `name` beneath the folder `root`, with the flags of
 * open(2); O_CLOEXEC is added. With `walk`, component by
 * component instead of by openat2(2). Returns a descriptor, or -1 with errno
 * (ELOOP: a symbolic link is in the way).
 */
int beneath_open(int root, const char *name, int flags, mode_t mode, bool walk);

/* Open the folder that holds `name` and point *ret_last to the last component. Returns a descriptor, or -1 with errno.
 */
int beneath_parent(int root, const char *name, bool walk, const char **ret_last);

#endif
