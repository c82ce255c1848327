/*
 * What tests of credentials share: a clock, a metadata service on loopback, an environment without anything, and what
 * is expected of credentials that were opened.
 */
#ifndef HIKAE_TEST_CREDENTIALS_FIXTURE_H
#define HIKAE_TEST_CREDENTIALS_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"
#include "target/credentials.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

/* No message may ever hold this. */
#define SECRET "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"

/* ---- The clock that credentials expire by ---- */

static _Atomic int64_t fake_now_ns;
static inline int64_t fake_now(void)
{
    return fake_now_ns;
}
static inline void set_clock(const char *text)
{
    int64_t ns = 0;
    assert_int_equal(clock_parse(text, &ns, NULL), 0);
    fake_now_ns = ns;
}

/* ---- A metadata service ---- */

struct route {
    const char *line; /* "GET /path" */
    int status;
    const char *body;
    const char *needs; /* a header line that must be there, else 401; or NULL */
};

static struct service {
    int listener;
    char base[64];
    pthread_t thread;
    pthread_mutex_t mutex;
    const struct route *routes; /* ends with a NULL line */
    atomic_uint hits;
    atomic_uint delay_ms;
    atomic_bool drop; /* connections end without an answer */
} service;

static inline void answer(int fd, const char *head)
{
    char text[2048];
    int status = 404;
    const char *body = "";
    (void)pthread_mutex_lock(&service.mutex);
    for (const struct route *route = service.routes; route != NULL && route->line != NULL; route++) {
        size_t size = strlen(route->line);
        if (strncmp(head, route->line, size) != 0 || head[size] != ' ')
            continue;
        bool may = route->needs == NULL || strstr(head, route->needs) != NULL;
        status = may ? route->status : 401;
        body = may ? route->body : "";
    }
    int size = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                        status, strlen(body), body);
    (void)pthread_mutex_unlock(&service.mutex);
    (void)send(fd, text, (size_t)size, MSG_NOSIGNAL);
}

static inline void *serve(void *unused)
{
    (void)unused;
    for (int fd; (fd = accept(service.listener, NULL, NULL)) >= 0; (void)close(fd)) {
        char head[4096] = "";
        size_t size = 0;
        ssize_t n;
        while (strstr(head, "\r\n\r\n") == NULL && size < sizeof(head) - 1 &&
               (n = recv(fd, head + size, sizeof(head) - 1 - size, 0)) > 0) {
            size += (size_t)n;
            head[size] = '\0';
        }
        service.hits++;
        struct timespec delay = {.tv_nsec = (long)service.delay_ms * 1000000L};
        (void)nanosleep(&delay, NULL);
        if (!service.drop)
            answer(fd, head);
    }
    return NULL;
}

static inline int start_service(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    service.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (service.listener < 0 || bind(service.listener, (struct sockaddr *)&address, size) != 0 ||
        listen(service.listener, 64) != 0 || getsockname(service.listener, (struct sockaddr *)&address, &size) != 0)
        return -1;
    (void)snprintf(service.base, sizeof(service.base), "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    (void)pthread_mutex_init(&service.mutex, NULL);
    return pthread_create(&service.thread, NULL, serve, NULL);
}

static inline int stop_service(void **state)
{
    (void)state;
    (void)shutdown(service.listener, SHUT_RDWR);
    (void)pthread_join(service.thread, NULL);
    return close(service.listener);
}

static inline void set_routes(const struct route *routes)
{
    (void)pthread_mutex_lock(&service.mutex);
    service.routes = routes;
    (void)pthread_mutex_unlock(&service.mutex);
    service.hits = 0;
    service.delay_ms = 0;
    service.drop = false;
}

/* ---- A folder, and an environment without anything ---- */

static char folder[64];

static inline int set_up(void **state)
{
    static const char *const variables[] = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_CONFIG_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_EC2_METADATA_DISABLED",
        "TOKYO_ACCESS_KEY_ID",
        "TOKYO_SECRET_ACCESS_KEY",
        "CREDENTIALS_DIRECTORY",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        (void)unsetenv(variables[i]);
    if (scratch_make(folder, sizeof(folder), "test") != 0 || setenv("HOME", folder, 1) != 0 ||
        setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.base, 1) != 0)
        return -1;
    set_routes(NULL);
    set_clock("2026-11-21T12:00:00Z");
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

/* The path of a file in the folder, in a static buffer. */
static const char *inside(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const char *text, mode_t mode)
{
    const char *path = inside(name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), mode, NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static inline struct credentials *open_source(enum target_credentials_kind kind, const char *value)
{
    const struct credentials_options options = {
        .from = {kind, value}, .now_ns = fake_now, .container_base = service.base};
    struct credentials *c = NULL;
    struct error err = {0};
    if (credentials_open(&options, &c, &err) != 0)
        fail_msg("%s", err.what);
    return c;
}

static inline void assert_secret(const struct secret *secret, const char *text)
{
    assert_non_null(secret);
    assert_int_equal(secret_size(secret), strlen(text));
    assert_memory_equal(secret_borrow(secret), text, strlen(text));
}

static inline void expect_now(struct credentials *c, const char *id, const char *token)
{
    struct error err = {0};
    CLEANUP_CREDENTIALS const struct credentials_now *now = NULL;
    if (credentials_get(c, &now, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(now->access_key_id, id);
    assert_secret(now->secret, SECRET);
    if (token != NULL)
        assert_secret(now->session_token, token);
    else
        assert_null(now->session_token);
}

static inline void expect_source(enum target_credentials_kind kind, const char *value, const char *id,
                                 const char *token)
{
    struct credentials *c = open_source(kind, value);
    expect_now(c, id, token);
    credentials_close(c);
}

static inline void check_refusal(const struct error *err, enum error_class class, const char *text)
{
    char line[2048];
    (void)error_format(err, line, sizeof(line));
    if (err->class != class || strstr(line, text) == NULL)
        fail_msg("class %s, \"%s\": not %s, \"%s\"", error_class_name(err->class), line, error_class_name(class), text);
    assert_null(strstr(line, SECRET));
}

static inline void expect_failure(struct credentials *c, enum error_class class, const char *text)
{
    struct error err = {0};
    const struct credentials_now *now = NULL;
    assert_int_equal(credentials_get(c, &now, &err), -1);
    assert_null(now);
    check_refusal(&err, class, text);
}

static inline void refuse_source(enum target_credentials_kind kind, const char *value, enum error_class class,
                                 const char *text)
{
    struct credentials *c = open_source(kind, value);
    expect_failure(c, class, text);
    credentials_close(c);
}

static inline void expect_region(enum target_credentials_kind kind, const char *value, const char *region)
{
    struct credentials *c = open_source(kind, value);
    CLEANUP_FREE char *got = NULL;
    assert_int_equal(credentials_region(c, &got, NULL), 0);
    if (region != NULL)
        assert_string_equal(got, region);
    else
        assert_null(got);
    credentials_close(c);
}

static inline void expect_described(struct credentials *c, const char *text)
{
    CLEANUP_FREE char *got = credentials_describe(c);
    assert_non_null(strstr(got, text));
}

static inline void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

#define KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key = " SECRET "\n"

#endif
