/*
 * A store of one's own for tests of the driver "s3": it listens on loopback, gives the answers that a test has written
 * down, and keeps what it was asked. One connection at a time, one request each.
 */
#ifndef HIKAE_TEST_S3_SCRIPT_H
#define HIKAE_TEST_S3_SCRIPT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An answer. The first whose line fits and that may still be given is given. */
struct scripted {
    const char *line;    /* how the request begins: "PUT /bucket/hikae1/x"; NULL ends the list  */
    const char *status;  /* "200 OK"                                                       */
    const char *headers; /* each ends in \r\n; NULL: none                                     */
    const char *body;    /* NULL: none                                                        */
    unsigned times;      /* 0: always                                                         */
    const char *needs;   /* what must be in the head of the request, too; NULL: nothing       */
    bool bare;           /* no Content-Length: the connection's end is the body's               */
};

enum { SCRIPT_REQUESTS = 64, SCRIPT_HEAD = 4096, SCRIPT_ROWS = 16 };

static struct script {
    int listener;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t mutex;
    const struct scripted *rows;
    unsigned given[SCRIPT_ROWS];
    char heads[SCRIPT_REQUESTS][SCRIPT_HEAD];
    unsigned count;
    void (*on_request)(unsigned number); /* called before the answer, number 1 first; or NULL */
} script;

/* The head of a request, and its body passed over. False: there was none. */
static inline bool script_read(int fd, char head[SCRIPT_HEAD])
{
    char room[8192];
    size_t size = 0, body = 0;
    const char *end = NULL;
    while (end == NULL) {
        ssize_t n = recv(fd, room + size, sizeof(room) - 1 - size, 0);
        if (n <= 0)
            return false;
        size += (size_t)n;
        room[size] = '\0';
        end = strstr(room, "\r\n\r\n");
    }
    const char *length = strcasestr(room, "\r\nContent-Length:");
    if (length != NULL && length < end)
        body = strtoul(length + 17, NULL, 10);
    for (size_t had = size - (size_t)(end + 4 - room); had < body;) {
        char more[4096];
        ssize_t n = recv(fd, more, sizeof(more), 0);
        if (n <= 0)
            return false;
        had += (size_t)n;
    }
    (void)snprintf(head, SCRIPT_HEAD, "%.*s\r\n", (int)(end - room), room);
    return true;
}

static inline void script_answer(int fd, const char *head)
{
    static const struct scripted none = {.status = "599 Nothing is written down for this"};
    const struct scripted *row = &none;
    char text[16384];
    for (size_t i = 0; script.rows != NULL && script.rows[i].line != NULL && row == &none; i++) {
        const struct scripted *r = &script.rows[i];
        if (strncmp(head, r->line, strlen(r->line)) != 0 || (r->times > 0 && script.given[i] == r->times) ||
            (r->needs != NULL && strcasestr(head, r->needs) == NULL))
            continue;
        script.given[i]++;
        row = r;
    }
    const char *body = row->body != NULL ? row->body : "";
    char length[64] = "";
    if (!row->bare)
        (void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n", strlen(body));
    /* What a HEAD tells of the length stands in `headers`. */
    bool only_head = strncmp(head, "HEAD ", 5) == 0;
    int size = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%s%sConnection: close\r\n\r\n%s", row->status,
                        row->headers != NULL ? row->headers : "", only_head && row->headers != NULL ? "" : length,
                        only_head ? "" : body);
    (void)send(fd, text, (size_t)size, MSG_NOSIGNAL);
}

static inline void *script_serve(void *unused)
{
    (void)unused;
    for (int fd; (fd = accept(script.listener, NULL, NULL)) >= 0; (void)close(fd)) {
        char head[SCRIPT_HEAD];
        if (!script_read(fd, head))
            continue;
        (void)pthread_mutex_lock(&script.mutex);
        if (script.count < SCRIPT_REQUESTS)
            (void)snprintf(script.heads[script.count++], SCRIPT_HEAD, "%s", head);
        if (script.on_request != NULL)
            script.on_request(script.count);
        script_answer(fd, head);
        (void)pthread_mutex_unlock(&script.mutex);
    }
    return NULL;
}

static inline int script_start(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    (void)state;
    script.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (script.listener < 0 || bind(script.listener, (struct sockaddr *)&address, size) != 0 ||
        listen(script.listener, 64) != 0 || getsockname(script.listener, (struct sockaddr *)&address, &size) != 0)
        return -1;
    script.port = ntohs(address.sin_port);
    (void)pthread_mutex_init(&script.mutex, NULL);
    return pthread_create(&script.thread, NULL, script_serve, NULL);
}

static inline int script_stop(void **state)
{
    (void)state;
    (void)shutdown(script.listener, SHUT_RDWR);
    (void)pthread_join(script.thread, NULL);
    return close(script.listener);
}

/* From now on these answers; what was asked before is forgotten. The list must go on to exist. */
static inline void script_write(const struct scripted *rows)
{
    (void)pthread_mutex_lock(&script.mutex);
    script.rows = rows;
    memset(script.given, 0, sizeof(script.given));
    script.count = 0;
    script.on_request = NULL;
    (void)pthread_mutex_unlock(&script.mutex);
}

/* How many requests began so. */
static inline unsigned script_count(const char *line)
{
    unsigned count = 0;
    (void)pthread_mutex_lock(&script.mutex);
    for (unsigned i = 0; i < script.count; i++)
        count += strncmp(script.heads[i], line, strlen(line)) == 0;
    (void)pthread_mutex_unlock(&script.mutex);
    return count;
}

#endif
