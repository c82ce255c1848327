/* The scripted store opened as a target: what tests of the driver "s3" begin with. */
#ifndef HIKAE_TEST_S3_STORE_H
#define HIKAE_TEST_S3_STORE_H

#include "s3_script.h"

#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"
#include "target/s3_target.h"

static char folder[128];
static struct target *target;

/* MD5 of "bytes" and of "BYTES". */
#define ETAG   "ETag: \"4b3a6218bb3e3a7303e8a171a60fcf92\"\r\n"
#define OTHER  "ETag: \"9f1908a641ea399fd2e76f0905c88fcf\"\r\n"
#define FIVE   "Content-Length: 5\r\n"
#define OBJECT "/bucket/p/hikae1/x"

static inline void write_keys(const char *id, const char *token)
{
    char path[200], text[400];
    (void)snprintf(path, sizeof(path), "%s/keys", folder);
    int size = snprintf(text, sizeof(text), "aws_access_key_id = %s\naws_secret_access_key = secret\n%s%s\n", id,
                        token != NULL ? "aws_session_token = " : "", token != NULL ? token : "");
    assert_int_equal(file_write_atomic(path, text, (size_t)size, 0600, NULL), 0);
}

static inline void open_store(const char *more)
{
    char url[600];
    struct error err = {0};
    target_close(target);
    target = NULL;
    (void)snprintf(url, sizeof(url),
                   "s3://bucket/p?endpoint=http://127.0.0.1:%u&provider=ceph&credentials=file:%s/keys%s", script.port,
                   folder, more);
    if (target_open("store", url, false, &target, &err) != 0)
        fail_msg("%s; %s", err.what, err.hint);
}

static inline int set_up(void **state)
{
    (void)state;
    if (scratch_make(folder, sizeof(folder), "answers") != 0)
        return -1;
    write_keys("ID", NULL);
    open_store("");
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    target_close(target);
    target = NULL;
    return file_remove_tree(folder, NULL);
}

static inline int put(const char *text, struct error *err)
{
    *err = (struct error){0};
    return target_put(target, "hikae1/x", text, strlen(text), TARGET_PUT_CREATE, err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
