#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "policy/config.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
    char folder[256];
    char path[300];
};

static int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof(*f));
    if (f == NULL)
        return -1;
    if (scratch_make(f->folder, sizeof(f->folder), "test") != 0)
        return -1;
    (void)snprintf(f->path, sizeof(f->path), "%s/hikae.yaml", f->folder);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    int rc = file_remove_tree(f->folder, &err);
    mem_free(f);
    return rc;
}

static void write_text(const struct fixture *f, const char *text)
{
    struct error err = {0};
    assert_int_equal(file_write_atomic(f->path, text, strlen(text), 0600, &err), 0);
}

static struct config *load(const struct fixture *f)
{
    struct error err = {0};
    struct config *config = NULL;
    if (config_load(f->path, &config, &err) != 0)
        fail_msg("%s; %s", err.what, err.hint);
    return config;
}

static void test_defaults(void **state)
{
    struct fixture *f = *state;
    write_text(f, "state: var\n");
    struct config *config = load(f);
    char expected[320];
    (void)snprintf(expected, sizeof(expected), "%s/var", f->folder);
    assert_string_equal(config->state, expected);
    assert_string_equal(config->path, f->path);
    assert_int_equal(config->memory_mib, 256);
    assert_int_equal(config->pack_mib, 32);
    assert_int_equal(config->threads, 0);
    assert_int_equal(config->compression, 3);
    assert_int_equal(config->min_copies, 1);
    assert_true(config->verify_writes);
    assert_false(config->test_clock);
    assert_int_equal(config->target_count, 0);
    assert_int_equal(config->group_count, 0);
    assert_null(config_find_target(config, "x"));
    config_free(config);
    config_free(NULL);
}

static void test_everything(void **state)
{
    struct fixture *f = *state;
    write_text(f, "# 控え\n"
                  "state: /var/lib/hikae\n"
                  "test_clock: true\n"
                  "targets:\n"
                  "  - name: tokyo\n"
                  "    url: file:///mnt/tokyo?country=JP&site=tokyo-1\n"
                  "  - {name: osaka, url: \"file:///mnt/osaka?country=JP\"}\n"
                  "keys:\n"
                  "  - name: main\n"
                  "    members:\n"
                  "      - holder: file\n"
                  "        name: host\n"
                  "        path: /etc/hikae/key\n"
                  "      - holder: passphrase\n"
                  "        name: operator\n"
                  "        path: secrets/pass\n"
                  "  - name: paper\n"
                  "    members: [{holder: sheet, name: safe}]\n"
                  "memory_mib: 512\npack_mib: 16\nverify_writes: false\nmin_copies: 2\nthreads: 4\ncompression: 9\n");
    struct config *config = load(f);
    assert_true(config->test_clock);
    assert_int_equal(config->target_count, 2);
    assert_string_equal(config_find_target(config, "tokyo")->url, "file:///mnt/tokyo?country=JP&site=tokyo-1");
    assert_string_equal(config_find_target(config, "osaka")->url, "file:///mnt/osaka?country=JP");
    assert_int_equal(config->group_count, 2);
    assert_string_equal(config->groups[0].name, "main");
    assert_int_equal(config->groups[0].member_count, 2);
    assert_int_equal(config->groups[0].members[0].holder, CONFIG_HOLDER_FILE);
    assert_string_equal(config->groups[0].members[0].path, "/etc/hikae/key");
    assert_int_equal(config->groups[0].members[1].holder, CONFIG_HOLDER_PASSPHRASE);
    char expected[320];
    (void)snprintf(expected, sizeof(expected), "%s/secrets/pass", f->folder);
    assert_string_equal(config->groups[0].members[1].path, expected);
    assert_int_equal(config->groups[1].members[0].holder, CONFIG_HOLDER_SHEET);
    assert_null(config->groups[1].members[0].path);
    assert_int_equal(config->memory_mib, 512);
    assert_int_equal(config->pack_mib, 16);
    assert_false(config->verify_writes);
    assert_int_equal(config->min_copies, 2);
    assert_int_equal(config->threads, 4);
    assert_int_equal(config->compression, 9);
    config_free(config);
}

#define KEYS "state: s\nkeys:\n  - name: g\n    members:\n      - "
static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *place, *what, *hint;
    } rows[] = {
        {"", "1:1", "empty", "template"},
        {"# only a comment\n", "", "empty", "template"},
        {"- a\n", "1:1", "keys and values", "key: value"},
        {"state\n", "1:1", "keys and values", "key: value"},
        {"memory_mib: 256\n", "1:1", "needs the key \"state\"", ""},
        {"state: s\nmemroy_mib: 1\n", "2:1", "unknown key \"memroy_mib\"", "memory_mib"},
        {"state: s\nstate: t\n", "2:1", "given twice, first in line 1", "once"},
        {"state:\n", "1:7", "no value", "path"},
        {"state: [a]\n", "1:8", "one value", "path"},
        {"state: \"a\\0b\"\n", "1:8", "control character", ""},
        {"state: s\nmemory_mib: 7y\n", "2:13", "not a number", "from 64 to"},
        {"state: s\nmemory_mib: 0256\n", "2:13", "not a number", "from 64 to"},
        {"state: s\nmemory_mib: 0x100\n", "2:13", "not a number", ""},
        {"state: s\nmemory_mib: -5\n", "2:13", "not a number", ""},
        {"state: s\nmemory_mib: 1e3\n", "2:13", "not a number", ""},
        {"state: s\nmemory_mib: 256.0\n", "2:13", "not a number", ""},
        {"state: s\nmemory_mib: 99999999999999999999\n", "2:13", "not a number", ""},
        {"state: s\nmemory_mib: 63\n", "2:13", "out of range", "64 to 1048576"},
        {"state: s\npack_mib: 0\n", "2:11", "out of range", "1 to 512"},
        {"state: s\npack_mib: 513\n", "2:11", "out of range", ""},
        {"state: s\ncompression: 0\n", "2:14", "out of range", "1 to 19"},
        {"state: s\ncompression: 20\n", "2:14", "out of range", ""},
        {"state: s\nthreads: 257\n", "2:10", "out of range", "0 to 256"},
        {"state: s\nmin_copies: 0\n", "2:13", "out of range", ""},
        {"state: s\nmin_copies: 2\n", "2:13", "there are 0 targets", "add targets"},
        {"state: s\nmin_copies: 2\ntargets: [{name: a, url: file:///a}]\n", "2:13", "there is 1 target", ""},
        {"state: s\nverify_writes: yes\n", "2:16", "neither true nor false", "true or false"},
        {"state: s\nverify_writes: True\n", "2:16", "neither true nor false", ""},
        {"state: s\ntargets: x\n", "2:10", "must be a list", "'- '"},
        {"state: s\ntargets:\n  - tokyo\n", "3:5", "a target is made of keys", ""},
        {"state: s\ntargets:\n  - name: a\n", "3:5", "needs the key \"url\"", ""},
        {"state: s\ntargets:\n  - name: a b\n    url: file:///a\n", "3:11", "cannot be a name", "letters"},
        {"state: s\ntargets:\n  - name: a\n    url: /a\n", "4:10", "not the URL", "file:///"},
        {"state: s\ntargets:\n  - {name: a, url: file:///a}\n  - {name: a, url: file:///b}\n", "4:5",
         "two targets are named \"a\"", ""},
        {"state: s\ntargets:\n  - name: a\n    url: file:///a\n    colour: x\n", "5:5", "unknown key \"colour\"",
         "allowed in a target: name, url"},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    style: round\n", "5:12", "no value for \"style\"",
         "path, virtual or auto"},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    sse: [s3]\n", "5:10", "no value for \"sse\"",
         "s3, kms"},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    lock: compliance\n", "5:11", "a lock is made of keys",
         "key: value"},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    lock: {mode: compliance}\n", "5:11",
         "needs the key \"days\"", ""},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    lock: {mode: legal, days: 1}\n", "5:18", "no value",
         "compliance, governance"},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    lock: {mode: compliance, days: 0}\n", "5:36",
         "out of range", "1 to 36500"},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    credentials: AKIAEXAMPLE\n", "5:18",
         "no place for keys", "file:PATH"},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    credentials: \"file:\"\n", "5:18", "no place for keys",
         ""},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    credentials_read: metadata:x\n", "5:23",
         "no place for keys", ""},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    credentials_delete: profile\n", "5:25",
         "no place for keys", ""},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    sse_key: alias/x\n", "5:14", "a key is named",
         "sse: kms"},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    connections: 65\n", "5:18", "out of range", "1 to 64"},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    rate_kib: 0\n", "5:15", "out of range", ""},
        {"state: s\ntargets:\n  - name: a\n    url: s3://b\n    insecure: 1\n", "5:15", "neither true nor", ""},
        {"state: s\nkeys:\n  - name: g\n    members: []\n", "4:14", "without members", ""},
        {"state: s\nkeys:\n  - name: g\n", "3:5", "needs the key \"members\"", ""},
        {"state: s\nkeys:\n  - name: g\n    members:\n      - {holder: hsm, name: x}\n", "5:18", "no kind of holder",
         "file, passphrase, sheet, pkcs11 or aws-kms"},
        {KEYS "{holder: pkcs11, name: x, module: /m.so, token: t}\n", "5:9", "needs the key \"pin\"", "file:PATH"},
        {KEYS "{holder: pkcs11, name: x, module: /m.so, pin: file:/p}\n", "5:9", "needs the key \"token\"", "label"},
        {KEYS "{holder: pkcs11, name: x, token: t, pin: file:/p}\n", "5:9", "needs the key \"module\"", "library"},
        {KEYS "{holder: pkcs11, name: x, pin: environment:PIN}\n", "5:40", "a PIN is in a file", "systemd:NAME"},
        {KEYS "{holder: pkcs11, name: x, pin: 1234}\n", "5:40", "no place for keys", ""},
        {KEYS "{holder: aws-kms, name: x}\n", "5:9", "needs the key \"region\"", "ap-northeast-1"},
        {KEYS "{holder: aws-kms, name: x, region: r, waiting_days: 6}\n", "5:61", "6 is", ""},
        {KEYS "{holder: aws-kms, name: x, region: r, waiting_days: 31}\n", "5:61", "31 is", ""},
        {KEYS "{holder: aws-kms, name: x, region: r, path: /p}\n", "5:53", "has no \"path\"", "take it out"},
        {KEYS "{holder: file, name: x, path: /p, kdf: pbkdf2}\n", "5:48", "has no \"kdf\"", "take it out"},
        {KEYS "{holder: passphrase, name: x, path: /p, kdf: md5}\n", "5:54", "no value for", "scrypt or pbkdf2"},
        {"state: s\nkeys:\n  - name: g\n    members:\n      - {holder: file, name: x}\n", "5:9",
         "needs the key \"path\"", ""},
        {"state: s\nkeys:\n  - name: g\n    members:\n      - {holder: sheet, name: x}\n      - {holder: sheet, name: "
         "x}\n",
         "6:9", "two members", ""},
        {"state: s\nkeys:\n  - {name: g, members: [{holder: sheet, name: x}]}\n"
         "  - {name: g, members: [{holder: sheet, name: x}]}\n",
         "4:5", "two groups", ""},
        {"state: s\n  bad: indent\n", "2:6", "", "quotes"},
        {"state: s\n\ttab: x\n", "2:1", "", ""},
        {"state: \"open\n", "", "", ""},
        {"state: s\n---\nstate: t\n", "3:1", "second document", "---"},
        {"state: s\n? [a]\n: b\n", "2:3", "a key must be a word", ""},
        {"state: \xff\xfe\n", "", "", ""},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        struct config *config = NULL;
        char place[400];
        write_text(f, rows[i].text);
        assert_int_equal(config_load(f->path, &config, &err), -1);
        assert_null(config);
        assert_int_equal(err.class, ERROR_CONFIG);
        (void)snprintf(place, sizeof(place), "%s:%s%s", f->path, rows[i].place, rows[i].place[0] != '\0' ? ": " : "");
        if (strncmp(err.what, place, strlen(place)) != 0 || strstr(err.what, rows[i].what) == NULL ||
            strstr(err.hint, rows[i].hint) == NULL || err.hint[0] == '\0')
            fail_msg("row %zu:\n%s\ngives: %s; %s", i, rows[i].text, err.what, err.hint);
    }
}

static void test_s3_target(void **state)
{
    struct fixture *f = *state;
    write_text(f, "state: s\ntargets:\n  - name: tokyo\n    url: s3://bucket/prefix\n    region: ap-northeast-1\n"
                  "    credentials: file:keys/write\n    credentials_read: environment:READ_\n"
                  "    credentials_delete: systemd:pruner\n    endpoint: https://s3.example.jp\n"
                  "    lock: {mode: compliance, days: 30}\n    sse: kms\n    sse_key: alias/x\n    style: virtual\n"
                  "    checksum: md5\n    signature: v4\n    connections: 4\n    rate_kib: 8388608\n"
                  "    timeout_s: 5\n    insecure: false\n    ca_file: ca.pem\n    proxy: http://p:3128\n"
                  "    storage_class: STANDARD_IA\n    country: JP\n    site: t1\n    provider: generic\n"
                  "  - {name: osaka, url: \"s3://b\", credentials: environment}\n");
    struct config *config = load(f);
    char path[320];
    const struct target_options *o = &config->targets[0].options;
    assert_string_equal(o->name, "tokyo");
    assert_string_equal(o->url, "s3://bucket/prefix");
    assert_string_equal(o->region, "ap-northeast-1");
    assert_int_equal(o->write.kind, TARGET_CREDENTIALS_FILE);
    (void)snprintf(path, sizeof(path), "%s/keys/write", f->folder);
    assert_string_equal(o->write.value, path);
    assert_int_equal(o->read.kind, TARGET_CREDENTIALS_ENVIRONMENT);
    assert_string_equal(o->read.value, "READ_");
    assert_int_equal(o->remove.kind, TARGET_CREDENTIALS_SYSTEMD);
    assert_string_equal(o->remove.value, "pruner");
    assert_int_equal(o->lock, TARGET_LOCK_COMPLIANCE);
    assert_int_equal(o->lock_days, 30);
    assert_int_equal(o->sse, TARGET_SSE_KMS);
    assert_int_equal(o->style, TARGET_STYLE_VIRTUAL);
    assert_int_equal(o->checksum, TARGET_CHECKSUM_MD5);
    assert_int_equal(o->signature, TARGET_SIGNATURE_V4);
    assert_int_equal(o->connections, 4);
    assert_true(o->rate == UINT64_C(8589934592));
    assert_int_equal(o->timeout_s, 5);
    assert_false(o->insecure);
    (void)snprintf(path, sizeof(path), "%s/ca.pem", f->folder);
    assert_string_equal(o->ca_file, path);
    assert_string_equal(o->storage_class, "STANDARD_IA");
    assert_int_equal(config->targets[1].options.write.kind, TARGET_CREDENTIALS_ENVIRONMENT);
    assert_null(config->targets[1].options.write.value);
    config_free(config);
    struct error err = {0};
    /* What stands there for a target stays when another one is added. */
    assert_int_equal(config_append_target(f->path, "third", "file:///3", &err), 0);
    config = load(f);
    assert_int_equal(config->target_count, 3);
    assert_int_equal(config->targets[0].options.lock_days, 30);
    config_free(config);
}

static void test_no_file(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct config *config = NULL;
    assert_int_equal(config_load(f->path, &config, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
    assert_non_null(strstr(err.hint, "hikae init"));
    assert_int_equal(config_append_target(f->path, "a", "file:///a", &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
    assert_int_equal(config_load(f->folder, &config, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
}

static void test_template(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct config_target targets[] = {{.name = (char *)"tokyo", .url = (char *)"file:///mnt/a \"b\"\\c?country=JP"},
                                      {.name = (char *)"osaka", .url = (char *)"file:///mnt/控え"}};
    struct config_member members[] = {
        {.holder = CONFIG_HOLDER_FILE, .name = (char *)"host", .path = (char *)"/etc/hikae/key"},
        {.holder = CONFIG_HOLDER_SHEET, .name = (char *)"safe"}};
    struct config_group groups[] = {{(char *)"main", &members[0], 2}, {(char *)"paper", &members[1], 1}};
    struct config values;
    config_defaults(&values);
    values.state = (char *)"/var/lib/hi: kae #1";
    values.test_clock = true;
    values.targets = targets;
    values.target_count = 2;
    values.groups = groups;
    values.group_count = 2;
    values.compression = 5;
    values.min_copies = 2;
    assert_int_equal(config_write_template(f->path, &values, &err), 0);
    struct config *config = load(f);
    assert_string_equal(config->state, values.state);
    assert_true(config->test_clock);
    assert_int_equal(config->target_count, 2);
    assert_string_equal(config->targets[0].url, targets[0].url);
    assert_string_equal(config->targets[1].url, targets[1].url);
    assert_int_equal(config->group_count, 2);
    assert_int_equal(config->groups[0].member_count, 2);
    assert_string_equal(config->groups[0].members[0].path, "/etc/hikae/key");
    assert_int_equal(config->groups[1].members[0].holder, CONFIG_HOLDER_SHEET);
    assert_int_equal(config->compression, 5);
    assert_int_equal(config->min_copies, 2);
    config_free(config);

    assert_int_equal(config_write_template(f->path, &values, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    /* Values that could not be read again are refused before anything is written. */
    char other[400];
    (void)snprintf(other, sizeof(other), "%s/other.yaml", f->folder);
    targets[1].name = (char *)"tokyo";
    assert_int_equal(config_write_template(other, &values, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
    values.target_count = 1;
    values.min_copies = 1;
    values.state = (char *)"two\nlines";
    assert_int_equal(config_write_template(other, &values, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
    struct stat st;
    assert_int_equal(stat(other, &st), -1);
}

static void test_append(void **state)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"state: s\n", "state: s\n\ntargets:\n  - name: \"new\"\n    url: \"file:///n?country=JP\"\n"},
        {"state: s", "state: s\n\ntargets:\n  - name: \"new\"\n    url: \"file:///n?country=JP\"\n"},
        {"targets: [] # none yet\n# end\nstate: s\n",
         "targets:  # none yet\n  - name: \"new\"\n    url: \"file:///n?country=JP\"\n# end\nstate: s\n"},
        {"targets:\n# 控え\nstate: s\n",
         "targets:\n  - name: \"new\"\n    url: \"file:///n?country=JP\"\n# 控え\nstate: s\n"},
        {"targets:\n  # 控え first\n  - name: a # 控え\n    url: file:///a   # disk\n\n# About state.\nstate: s\n",
         "targets:\n  # 控え first\n  - name: a # 控え\n    url: file:///a   # disk\n"
         "  - name: \"new\"\n    url: \"file:///n?country=JP\"\n\n# About state.\nstate: s\n"},
        {"state: s\ntargets:\n- url: file:///a\n  name: a",
         "state: s\ntargets:\n- url: file:///a\n  name: a\n- name: \"new\"\n  url: \"file:///n?country=JP\"\n"},
        {"state: s\ntargets:\n    - {name: a,\n       url: file:///a\n      }\nthreads: 1\n",
         "state: s\ntargets:\n    - {name: a,\n       url: file:///a\n      }\n"
         "    - name: \"new\"\n      url: \"file:///n?country=JP\"\nthreads: 1\n"},
        {"state: s\ntargets: [ {name: a, url: \"file:///控え\"}] # 控え\n",
         "state: s\ntargets: [ {name: a, url: \"file:///控え\"}, {name: \"new\", url: \"file:///n?country=JP\"}] # "
         "控え\n"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        struct buf text = {0};
        write_text(f, rows[i].before);
        assert_int_equal(chmod(f->path, 0640), 0);
        if (config_append_target(f->path, "new", "file:///n?country=JP", &err) != 0)
            fail_msg("row %zu: %s", i, err.what);
        assert_int_equal(file_read(f->path, 10000, &text, &err), 0);
        assert_int_equal(buf_u8(&text, 0, &err), 0);
        assert_string_equal((char *)text.data, rows[i].after);
        buf_free(&text);
        struct stat st;
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
    }
}

static void test_append_to_template(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct config values;
    config_defaults(&values);
    values.state = (char *)"/var/lib/hikae";
    assert_int_equal(config_write_template(f->path, &values, &err), 0);
    assert_int_equal(config_append_target(f->path, "one", "file:///1", &err), 0);
    assert_int_equal(config_append_target(f->path, "two", "file:///2", &err), 0);
    struct config *config = load(f);
    assert_int_equal(config->target_count, 2);
    assert_string_equal(config->targets[1].name, "two");
    config_free(config);
}

static void test_append_refused(void **state)
{
    static const struct {
        const char *before, *name, *url;
        enum error_class class;
    } rows[] = {
        {"state: s\ntargets: [{name: a, url: file:///a}]\n", "a", "file:///b", ERROR_REFUSED},
        {"state: s\n", "a b", "file:///b", ERROR_CONFIG},
        {"state: s\n", "a", "/b", ERROR_CONFIG},
        {"state: s\n", "a", "file:///b\nthreads: 1", ERROR_CONFIG},
        {"state: s\ntargets: [{name: a, url: file:///a}, ]\n", "b", "file:///b", ERROR_CONFIG},
        {"state: s\n...\n", "b", "file:///b", ERROR_CONFIG},
        {"bogus: s\n", "b", "file:///b", ERROR_CONFIG},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        struct buf text = {0};
        write_text(f, rows[i].before);
        assert_int_equal(config_append_target(f->path, rows[i].name, rows[i].url, &err), -1);
        if (err.class != rows[i].class)
            fail_msg("row %zu: %s", i, err.what);
        assert_true(err.hint[0] != '\0' || i == 3);
        assert_int_equal(file_read(f->path, 10000, &text, &err), 0);
        assert_int_equal(text.size, strlen(rows[i].before));
        assert_memory_equal(text.data, rows[i].before, text.size);
        buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mistakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_s3_target, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_template, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_append, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_append_to_template, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_append_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
