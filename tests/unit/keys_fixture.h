/* For tests of the keystore: a folder with targets and secrets, removed afterwards. Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_KEYS_FIXTURE_H
#define HIKAE_TESTS_KEYS_FIXTURE_H

#include "base/file.h"
#include "base/mem.h"
#include "faulty_target.h"
#include "keys/holder.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIXTURE_TARGETS = 3, FIXTURE_PATH = 512 };

struct fixture {
    char folder[FIXTURE_PATH];
    struct target *targets[FIXTURE_TARGETS]; /* faulty ones, before folders */
    struct target_set set;
    char paths[8][FIXTURE_PATH + 64];
    struct holder holders[8];
    struct holder_group groups[4];
};

static inline void fixture_write(const char *path, const char *text, mode_t mode)
{
    struct error err = {0};
    assert_int_equal(file_write_atomic(path, text, strlen(text), mode, &err), 0);
}

static inline void fixture_make(struct fixture *f, size_t targets, size_t min_copies)
{
    memset(f, 0, sizeof(*f));
    assert_int_equal(scratch_make(f->folder, sizeof(f->folder), "keys"), 0);
    for (size_t i = 0; i < targets; i++) {
        char name[24], url[FIXTURE_PATH + 64];
        struct error err = {0};
        struct target *inner = NULL;
        (void)snprintf(name, sizeof(name), "t%zu", i);
        (void)snprintf(url, sizeof(url), "file://%s/%s", f->folder, name);
        assert_int_equal(target_open(name, url, true, &inner, &err), 0);
        f->targets[i] = faulty_target_new(inner);
        assert_non_null(f->targets[i]);
    }
    f->set = (struct target_set){.targets = f->targets, .count = targets, .min_copies = min_copies};
    holder_scrypt_cost_for_tests(1024);
}

static inline void fixture_remove(struct fixture *f)
{
    for (size_t i = 0; i < FIXTURE_TARGETS; i++)
        target_close(f->targets[i]);
    assert_int_equal(file_remove_tree(f->folder, NULL), 0);
}

/* Holder number i: of that kind, in folder/name. */
static inline struct holder *fixture_holder(struct fixture *f, size_t i, enum holder_kind kind, char *name)
{
    (void)snprintf(f->paths[i], sizeof(f->paths[i]), "%s/%s", f->folder, name);
    f->holders[i] = (struct holder){.kind = kind, .name = name, .path = f->paths[i]};
    return &f->holders[i];
}

/* Group number g: the holders from `first` on. */
static inline void fixture_group(struct fixture *f, size_t g, char *name, size_t first, size_t count)
{
    f->groups[g] = (struct holder_group){.name = name, .members = &f->holders[first], .member_count = count};
}

/* Names of the objects below prefix on a target, at most 64, each to be freed. */
struct fixture_names {
    char *names[64];
    size_t count;
};

static inline int fixture_add_name(const struct target_object *object, void *context, struct error *err)
{
    struct fixture_names *names = context;
    (void)err;
    assert_true(names->count < 64);
    names->names[names->count++] = mem_strdup(object->name);
    return 0;
}

static inline void fixture_list(struct target *target, const char *prefix, struct fixture_names *ret)
{
    ret->count = 0;
    assert_int_equal(target_list(faulty_target_inner(target), prefix, NULL, fixture_add_name, ret, NULL), 0);
}

static inline void fixture_names_free(struct fixture_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        mem_free(names->names[i]);
    names->count = 0;
}

static inline void fixture_delete(struct target *target, const char *name)
{
    struct target_deleter deleter = {.target = faulty_target_inner(target)};
    assert_int_equal(target_delete(&deleter, name, NULL), 0);
}

/* Flip a bit in the middle of an object. */
static inline void fixture_flip(struct target *target, const char *name)
{
    struct buf bytes = {0};
    struct target *inner = faulty_target_inner(target);
    assert_int_equal(target_get(inner, name, 1 << 26, &bytes, NULL), 0);
    bytes.data[bytes.size / 2] ^= 1;
    assert_int_equal(target_put(inner, name, bytes.data, bytes.size, TARGET_PUT_REPAIR, NULL), 0);
    buf_free(&bytes);
}

/* It must succeed: else the test ends with what went wrong. */
static inline void ok(int rc, const struct error *err)
{
    if (rc != 0) {
        char text[1400];
        fail_msg("%s", error_format(err, text, sizeof(text)));
    }
}

/* It must fail with that class, and say so. */
static inline void fails(int rc, const struct error *err, enum error_class class, const char *says)
{
    char text[1400];
    assert_int_equal(rc, -1);
    if (err->class != class || strstr(error_format(err, text, sizeof(text)), says) == NULL)
        fail_msg("expected \"%s\": %s", says, error_format(err, text, sizeof(text)));
}

static inline struct id tid_of(uint32_t number)
{
    struct id tid = {{0xee}};
    put_u32(tid.bytes + 4, number);
    return tid;
}

static inline bool exists(const struct holder *holder)
{
    return access(holder->path, F_OK) == 0;
}

/* What a tenant's keys derive, to compare them with. */
static inline void fingerprint(struct keystore *keystore, const struct id *tid, uint8_t out[64])
{
    struct keyring *keyring = NULL;
    struct error err = {0};
    const struct secret *key = NULL;
    struct id key_id;
    ok(keystore_keyring(keystore, tid, &keyring, &err), &err);
    ok(keyring_derive(keyring, "hikae1 blob id", out, 32, &err), &err);
    ok(keyring_newest(keyring, &key, &key_id, &err), &err);
    memcpy(out + 32, secret_borrow(key), 32);
    keyring_free(keyring);
}

#endif
