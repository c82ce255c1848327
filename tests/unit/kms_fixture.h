/* A key service for tests: tests/servers/kms.py, a holder that uses it, and what only a test may ask of it. */
#ifndef KMS_FIXTURE_H
#define KMS_FIXTURE_H

#include "keys/keystore_internal.h"
#include "keys_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static const struct id store = {{9, 8, 7}};

struct site {
    struct fixture f;
    pid_t server;
    char endpoint[64], credentials[FIXTURE_PATH + 64], log[FIXTURE_PATH + 64];
    struct holder_options options;
    struct holder holder;
};

static void start(struct site *site)
{
    char ready[FIXTURE_PATH + 64], state[FIXTURE_PATH + 64], owner[24];
    (void)snprintf(ready, sizeof(ready), "%s/ready", site->f.folder);
    (void)snprintf(state, sizeof(state), "%s/kms.json", site->f.folder);
    (void)snprintf(site->log, sizeof(site->log), "%s/kms.log", site->f.folder);
    (void)snprintf(owner, sizeof(owner), "%d", (int)getpid());
    (void)unlink(ready);
    site->server = fork();
    if (site->server == 0) {
        (void)execl("/usr/bin/python3", "python3", "tests/servers/kms.py", "--ready", ready, "--state", state, "--log",
                    site->log, "--owner", owner, (char *)NULL);
        _exit(127);
    }
    struct buf text = {0};
    for (int i = 0; i < 400 && file_read(ready, 64, &text, NULL) != 0; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 25000000}, NULL);
    assert_true(text.size > 10 && text.size < sizeof(site->endpoint));
    (void)snprintf(site->endpoint, sizeof(site->endpoint), "%.*s", (int)text.size - 1, (const char *)text.data);
    buf_free(&text);
    site->options.endpoint = site->endpoint;
}

static void stop(struct site *site)
{
    int status;
    assert_int_equal(kill(site->server, SIGKILL), 0);
    assert_int_equal(waitpid(site->server, &status, 0), site->server);
}

static int setup(void **state)
{
    struct site *site = calloc(1, sizeof(*site));
    fixture_make(&site->f, 2, 1);
    (void)snprintf(site->credentials, sizeof(site->credentials), "%s/credentials", site->f.folder);
    fixture_write(site->credentials, "aws_access_key_id = AKIDTEST\naws_secret_access_key = SecretOfTests\n", 0600);
    site->options = (struct holder_options){
        .region = "ap-northeast-1", .credentials = {TARGET_CREDENTIALS_FILE, site->credentials}, .waiting_days = 7};
    site->holder = (struct holder){.kind = HOLDER_KMS, .name = (char *)"kms", .options = &site->options};
    start(site);
    *state = site;
    return 0;
}

static int teardown(void **state)
{
    struct site *site = *state;
    stop(site);
    fixture_remove(&site->f);
    free(site);
    return 0;
}

/* What only the test may do. */
static void control(const struct site *site, const char *path, const char *json)
{
    char command[1024];
    (void)snprintf(command, sizeof(command), "curl -sf -o /dev/null -d '%s' %s/control/%s", json, site->endpoint, path);
    assert_int_equal(system(command), 0);
}

static size_t count_calls(const struct site *site, const char *action)
{
    struct buf text = {0};
    size_t count = 0;
    assert_int_equal(file_read(site->log, 1 << 20, &text, NULL), 0);
    assert_int_equal(buf_u8(&text, 0, NULL), 0);
    for (const char *at = (const char *)text.data; (at = strstr(at, action)) != NULL; at++)
        count++;
    buf_free(&text);
    return count;
}

#endif
