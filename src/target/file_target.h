/*
 * What the parts of the driver "file" share. An object's name is its path
 * below the folder of the target:
 *
 *     <folder>/hikae1/…   objects; `hikae1` is also the mark of a target
 *     <folder>/.tmp/…     writes that are not finished
 */
#ifndef HIKAE_TARGET_FILE_TARGET_H
#define HIKAE_TARGET_FILE_TARGET_H

#include "target/target.h"

#include <pthread.h>

#define FILE_MARKER           "hikae1"
#define FILE_TEMPORARY_FOLDER ".tmp"
#define FILE_TEMPORARY_PREFIX "hikae-tmp-"

struct made_folder;

struct file_target {
    struct target base;
    int root;  /* the folder */
    bool walk; /* no openat2(2) here: walk by components */
    bool network;
    pthread_mutex_t lock;
    struct made_folder *made; /* folders known to be there and durable; under lock */
};

static inline struct file_target *file_target(struct target *target)
{
    return (struct file_target *)(void *)target;
}

/* Fill err after a failed system call on an object: class, message with target and object, what to do. Returns -1. */
int file_target_error(const struct file_target *t, struct error *err, int errnum, const char *action, const char *name);

int file_target_put(struct target *target, const char *name, const void *bytes, size_t size, enum target_put_mode mode,
                    struct error *err);
/* A new, empty temporary; its path below the folder goes to path. Returns a descriptor or -1 with errno. */
int file_target_temporary(struct file_target *t, char path[64]);
/* Forget which folders are known to be there. */
void file_target_forget_folders(struct file_target *t);
/* Remove what unfinished writes left behind more than a day ago. */
void file_target_sweep(struct file_target *t);

int file_target_list(struct target *target, const char *prefix, const char *after, target_list_callback *callback,
                     void *context, struct error *err);
int file_target_list_folders(struct target *target, const char *prefix, target_list_callback *callback, void *context,
                             struct error *err);

#endif
