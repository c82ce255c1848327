/* Every key of a target survives being written and read again; a bare target keeps what another machine can use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/config_internal.h"

#include <string.h>

static const char head[] = "state: /var/lib/hikae\n";
static const char everything[] = "targets:\n"
                                 "  - name: tokyo\n"
                                 "    url: s3://bucket/a b\\c?country=JP\n"
                                 "    credentials: file:/etc/hikae/write\n"
                                 "    credentials_read: profile:reader\n"
                                 "    credentials_delete: environment\n"
                                 "    endpoint: https://s3.example.jp\n"
                                 "    region: ap-northeast-1\n"
                                 "    provider: generic\n"
                                 "    style: virtual\n"
                                 "    signature: v2\n"
                                 "    checksum: md5\n"
                                 "    lock: {mode: compliance, days: 30}\n"
                                 "    sse: kms\n"
                                 "    sse_key: alias/x\n"
                                 "    storage_class: COLD\n"
                                 "    connections: 12\n"
                                 "    rate_kib: 2048\n"
                                 "    timeout_s: 90\n"
                                 "    insecure: true\n"
                                 "    ca_file: /etc/hikae/ca.pem\n"
                                 "    proxy: http://proxy:3128\n"
                                 "  - name: osaka\n"
                                 "    url: file:///backup\n"
                                 "    country: JP\n"
                                 "    site: osaka\n";

static struct config *parse(const char *targets)
{
    struct config *config = NULL;
    struct error err = {0};
    struct buf text = {0};
    assert_int_equal(buf_append(&text, head, strlen(head), &err), 0);
    assert_int_equal(buf_append(&text, targets, strlen(targets), &err), 0);
    assert_int_equal(config_parse("/etc/hikae/hikae.yaml", text.data, text.size, &config, &err), 0);
    buf_free(&text);
    return config;
}

static void test_again(void **state)
{
    struct config *config = parse(everything), *again = NULL;
    struct buf text = {0};
    struct error err = {0};
    (void)state;
    assert_int_equal(config_print("/etc/hikae/hikae.yaml", config, &text, &err), 0);
    assert_int_equal(config_parse("/etc/hikae/hikae.yaml", text.data, text.size, &again, &err), 0);
    assert_int_equal(again->target_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(config_same_target(&config->targets[i], &again->targets[i]));
    assert_int_equal(again->targets[0].options.rate, 2048 * 1024);
    assert_int_equal(again->targets[0].options.lock_days, 30);
    buf_free(&text);
    config_free(config);
    config_free(again);
}

static void test_copied(void **state)
{
    struct config *config = parse(everything);
    struct config_target copy = {0};
    struct error err = {0};
    (void)state;
    assert_int_equal(config_copy_target(&config->targets[0], &copy, &err), 0);
    assert_true(config_same_target(&config->targets[0], &copy));
    config_bare_target(&copy);
    const struct target_options *o = &copy.options;
    assert_int_equal(o->write.kind, TARGET_CREDENTIALS_DEFAULT);
    assert_int_equal(o->read.kind, TARGET_CREDENTIALS_DEFAULT);
    assert_null(o->write.value);
    assert_null(o->ca_file);
    assert_null(o->proxy);
    assert_null(o->sse_key);
    assert_int_equal(o->lock, TARGET_LOCK_NONE);
    assert_string_equal(o->endpoint, "https://s3.example.jp");
    assert_int_equal(o->signature, TARGET_SIGNATURE_V2);
    assert_int_equal(o->timeout_s, 90);
    /* What is left is a target that the file can hold. */
    struct buf text = {0};
    assert_int_equal(config_write_target(&text, &copy, &err), 0);
    buf_free(&text);
    config_free_target(&copy);
    assert_int_equal(config_copy_target(&config->targets[1], &copy, &err), 0);
    assert_true(config_same_target(&config->targets[1], &copy));
    config_free_target(&copy);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
