/* Writing hikae.yaml: the template, and a new target among text that people wrote. */
#include "base/file.h"
#include "base/mem.h"
#include "policy/config_internal.h"
#include "policy/yaml_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int config_add_text(struct buf *out, const char *text, struct error *err)
{
    return buf_append(out, text, strlen(text), err);
}

/* A double-quoted scalar. Control characters are refused: no value here can hold one. */
int config_add_quoted(struct buf *out, const char *text, struct error *err)
{
    if (buf_u8(out, '"', err) != 0)
        return -1;
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return error_set(err, ERROR_CONFIG, "a control character in \"%s\"", text);
        if ((*p == '"' || *p == '\\') && buf_u8(out, '\\', err) != 0)
            return -1;
        if (buf_u8(out, (uint8_t)*p, err) != 0)
            return -1;
    }
    return buf_u8(out, '"', err);
}

/* before, the value in quotes, end of line */
static int add_value(struct buf *out, const char *before, const char *value, struct error *err)
{
    if (config_add_text(out, before, err) != 0 || config_add_quoted(out, value, err) != 0)
        return -1;
    return config_add_text(out, "\n", err);
}

static int add_targets(struct buf *out, const struct config *values, struct error *err)
{
    if (config_add_text(
            out,
            "\n# Where the copies are kept. All targets hold the same bytes; each is enough to restore from.\n"
            "#   url   file:///absolute/path?country=JP&site=NAME\n"
            "#         country: two letters, for promises about where data lies; site: your word for the place\n"
            "#   url   s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION&provider=aws|wasabi|ceph|swift|generic\n"
            "#   An s3 target takes these keys, too:\n"
            "#     credentials: file:PATH (or environment, profile:NAME, metadata, systemd:NAME), and "
            "credentials_read,\n"
            "#       credentials_delete where these differ; without: as other programs for S3 find theirs\n"
            "#     lock: {mode: compliance|governance, days: N}   no object can be deleted for so long\n"
            "#     connections, rate_kib (per second), timeout_s, storage_class, sse: s3|kms, sse_key, ca_file, "
            "proxy,\n"
            "#     style: path|virtual, signature: v4|v2, checksum: md5|sha256, insecure: true (plain HTTP)\n",
            err) != 0)
        return -1;
    if (values->target_count == 0)
        return config_add_text(out, "targets: []\n", err);
    if (config_add_text(out, "targets:\n", err) != 0)
        return -1;
    for (size_t i = 0; i < values->target_count; i++)
        if (config_write_target(out, &values->targets[i], err) != 0)
            return -1;
    return 0;
}

static int add_member(struct buf *out, const struct config_member *member, struct error *err)
{
    if (config_add_text(out, "      - ", err) != 0 || config_write_member(out, member, "\n        ", err) != 0)
        return -1;
    return config_add_text(out, "\n", err);
}

static int add_groups(struct buf *out, const struct config *values, struct error *err)
{
    if (config_add_text(
            out,
            "\n# Who can open the root key. Any one group is enough; within a group, all members are needed.\n"
            "# Have at least two groups on devices that do not fail together, one of them off this machine.\n"
            "#   holder: file         a key file; path says where\n"
            "#   holder: passphrase   a file that holds a passphrase; path says where\n"
            "#                        kdf: pbkdf2 stretches it by PBKDF2 instead of scrypt\n"
            "#   holder: sheet        a recovery sheet on paper (hikae keys sheet prints it)\n"
            "#   holder: pkcs11       a token or HSM; module: its library, token: its label,\n"
            "#                        pin: file:PATH or systemd:NAME\n"
            "#   holder: aws-kms      a key service; region: of the key; perhaps key: ARN, endpoint, ca_file,\n"
            "#                        credentials (as a target's), waiting_days: 7 to 30 before a key's end\n"
            "# Change holders with hikae keys holder add and remove: each change makes a new root epoch.\n",
            err) != 0)
        return -1;
    if (config_add_text(out, values->group_count == 0 ? "keys: []\n" : "keys:\n", err) != 0)
        return -1;
    for (size_t i = 0; i < values->group_count; i++) {
        const struct config_group *group = &values->groups[i];
        if (add_value(out, "  - name: ", group->name, err) != 0 || config_add_text(out, "    members:\n", err) != 0)
            return -1;
        for (size_t k = 0; k < group->member_count; k++)
            if (add_member(out, &group->members[k], err) != 0)
                return -1;
    }
    return 0;
}

static int add_settings(struct buf *out, const struct config *values, struct error *err)
{
    CLEANUP_FREE char *text = mem_printf(
        "\n# A snapshot exists only when at least so many targets hold all of it.\n"
        "min_copies: %u\n"
        "\n# Memory for buffers and packs on their way, in MiB (64 or more).\n"
        "memory_mib: %u\n"
        "\n# Size of the objects that are stored, in MiB. 32 suits most; smaller ones make restoring single files\n"
        "# cheaper on slow lines, larger ones make fewer requests.\n"
        "pack_mib: %u\n"
        "\n# Threads for compression and encryption; 0: as many as the machine has cores.\n"
        "threads: %u\n"
        "\n# Level of zstd, 1 (fast) to 19 (small).\n"
        "compression: %u\n"
        "\n# Open and compare each block again before it is stored. It costs some time and finds bad memory.\n"
        "verify_writes: %s\n"
        "\n# Programs that `hikae run` starts before and after, with HIKAE_HOOK and HIKAE_STATUS in their "
        "environment;\n"
        "# if the first fails, nothing is run. Each is ended after hook_seconds.\n"
        "# hook_before: /etc/hikae/before\n"
        "# hook_after: /etc/hikae/after\n"
        "# hook_seconds: 300\n"
        "\n# Who is told what became of each night: a digest in English or Japanese, `always` or only with\n"
        "# `problems`; an alert at once for damage, lost copies and deadlines. TLS always. `hikae notify test` tries "
        "it.\n"
        "# The ping is for a watch outside this host that misses it: URL/start, URL, URL/fail.\n"
        "# notify:\n"
        "#   language: en\n"
        "#   digest: always\n"
        "#   mail: {url: 'smtps://mail.example.jp', from: hikae@example.jp, to: ops@example.jp,\n"
        "#          user: hikae, password_file: /etc/hikae/mail.password}\n"
        "#   webhook: {url: 'https://chat.example.jp/hook', secret_file: /etc/hikae/webhook.secret}\n"
        "#   ping: {url: 'https://watch.example.jp/ping/1234'}\n",
        values->min_copies, values->memory_mib, values->pack_mib, values->threads, values->compression,
        values->verify_writes ? "true" : "false");
    return text != NULL ? config_add_text(out, text, err) : error_no_memory(err);
}

static int add_template(struct buf *out, const struct config *values, struct error *err)
{
    if (config_add_text(out,
                        "# hikae.yaml: the configuration of this installation. `hikae doctor` checks it.\n"
                        "# Relative paths start at the folder of this file.\n"
                        "\n# Folder for the catalogue, caches and journals. It can be rebuilt from the targets.\n",
                        err) != 0 ||
        add_value(out, "state: ", values->state, err) != 0 || add_targets(out, values, err) != 0 ||
        add_groups(out, values, err) != 0 || add_settings(out, values, err) != 0)
        return -1;
    return values->test_clock
               ? config_add_text(out,
                                 "\n# The clock of this store may be set with HIKAE_NOW. For tests only: such a"
                                 " store proves nothing.\n"
                                 "test_clock: true\n",
                                 err)
               : 0;
}

int config_print(const char *path, const struct config *values, struct buf *out, struct error *err)
{
    struct config *check = NULL;
    size_t start = out->size;
    if (add_template(out, values, err) != 0)
        return -1;
    /* What is written can be read: values that the file cannot hold are refused here. */
    int rc = config_parse(path, out->data + start, out->size - start, &check, err);
    config_free(check);
    return rc;
}

int config_write_template(const char *path, const struct config *values, struct error *err)
{
    struct buf out = {0};
    int rc = config_print(path, values, &out, err);
    if (rc == 0)
        rc = file_create_durable(path, out.data, out.size, 0640, err);
    buf_free(&out);
    return rc;
}

/* ---- Adding a target ---- */

/* The offset of the beginning of a line (0 is the first), or the size of the text if there are fewer. */
size_t config_line_offset(const struct buf *text, size_t line)
{
    size_t offset = 0;
    for (; line > 0 && offset < text->size; line--) {
        const uint8_t *end = memchr(text->data + offset, '\n', text->size - offset);
        offset = end != NULL ? (size_t)(end - text->data) + 1 : text->size;
    }
    return offset;
}

/* The offset of a mark. libyaml counts characters, so that bytes that continue a UTF-8 sequence do not count. */
size_t config_mark_offset(const struct buf *text, const yaml_mark_t *mark)
{
    size_t offset = config_line_offset(text, mark->line);
    for (size_t column = 0; column < mark->column && offset < text->size; column++)
        do
            offset++;
        while (offset < text->size && (text->data[offset] & 0xc0) == 0x80);
    return offset;
}

/* The last line on which something of this node stands. The end of a block itself lies behind the comments after it. */
// NOLINTNEXTLINE(misc-no-recursion)
size_t config_last_line(struct yaml_reader *reader, const yaml_node_t *node, unsigned depth)
{
    size_t last = node->start_mark.line;
    if (depth > 8)
        return last;
    if (node->type == YAML_SCALAR_NODE)
        return node->end_mark.line;
    if (node->type == YAML_SEQUENCE_NODE && node->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE)
        return node->end_mark.line;
    if (node->type == YAML_SEQUENCE_NODE)
        for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
            size_t line = config_last_line(reader, yaml_document_get_node(&reader->document, *item), depth + 1);
            last = line > last ? line : last;
        }
    if (node->type == YAML_MAPPING_NODE && node->data.mapping.style == YAML_FLOW_MAPPING_STYLE)
        return node->end_mark.line;
    if (node->type == YAML_MAPPING_NODE)
        for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
            size_t line = config_last_line(reader, yaml_document_get_node(&reader->document, pair->value), depth + 1);
            last = line > last ? line : last;
        }
    return last;
}

static int write_item(struct buf *out, size_t indent, const char *name, const char *url, struct error *err)
{
    CLEANUP_FREE char *first = mem_printf("%*s- name: ", (int)indent, "");
    CLEANUP_FREE char *second = mem_printf("%*s  url: ", (int)indent, "");
    if (first == NULL || second == NULL)
        return error_no_memory(err);
    if (add_value(out, first, name, err) != 0)
        return -1;
    return add_value(out, second, url, err);
}

static int write_flow_item(struct buf *out, const char *name, const char *url, struct error *err)
{
    if (config_add_text(out, ", {name: ", err) != 0 || config_add_quoted(out, name, err) != 0 ||
        config_add_text(out, ", url: ", err) != 0 || config_add_quoted(out, url, err) != 0)
        return -1;
    return config_add_text(out, "}", err);
}

/* Insert whole lines at the beginning of `line`, after an end of line if the text lacks one there. */
static int insert_lines(const struct buf *text, size_t line, struct config_change *change, struct error *err)
{
    change->from = change->to = config_line_offset(text, line);
    bool open_line = change->from > 0 && text->data[change->from - 1] != '\n';
    return open_line ? config_add_text(&change->with, "\n", err) : 0;
}

static int plan_change(struct yaml_reader *reader, const struct buf *text, const char *name, const char *url,
                       struct config_change *change, struct error *err)
{
    yaml_node_t *node = yaml_find(reader, yaml_reader_root(reader), "targets");
    if (node == NULL) {
        change->from = change->to = text->size;
        bool open_line = text->size > 0 && text->data[text->size - 1] != '\n';
        if (config_add_text(&change->with, open_line ? "\n\ntargets:\n" : "\ntargets:\n", err) != 0)
            return -1;
        return write_item(&change->with, 2, name, url, err);
    }
    bool flow = node->type == YAML_SEQUENCE_NODE && node->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE;
    bool empty = node->type != YAML_SEQUENCE_NODE || node->data.sequence.items.start == node->data.sequence.items.top;
    if (flow && empty) {
        /* "targets: []": the brackets give way to a block; a comment behind them stays on the line of the key. */
        change->from = config_mark_offset(text, &node->start_mark);
        change->to = config_mark_offset(text, &node->end_mark);
        const uint8_t *end = memchr(text->data + change->to, '\n', text->size - change->to);
        size_t rest = end != NULL ? (size_t)(end - text->data) : text->size;
        if (buf_append(&change->with, text->data + change->to, rest - change->to, err) != 0 ||
            config_add_text(&change->with, "\n", err) != 0 || write_item(&change->with, 2, name, url, err) != 0)
            return -1;
        change->to = end != NULL ? rest + 1 : rest;
        return 0;
    }
    if (flow) {
        change->from = change->to = config_mark_offset(text, &node->end_mark) - 1;
        return write_flow_item(&change->with, name, url, err);
    }
    size_t indent = empty ? 2 : node->start_mark.column;
    if (insert_lines(text, config_last_line(reader, node, 0) + 1, change, err) != 0)
        return -1;
    return write_item(&change->with, indent, name, url, err);
}

int config_apply_change(const struct buf *text, const struct config_change *change, struct buf *out, struct error *err)
{
    if (buf_append(out, text->data, change->from, err) != 0 ||
        buf_append(out, change->with.data, change->with.size, err) != 0)
        return -1;
    return buf_append(out, text->data + change->to, text->size - change->to, err);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool config_same_settings(const struct config *before, const struct config *after)
{
    if (after->target_count < before->target_count || !same_text(after->state, before->state) ||
        after->memory_mib != before->memory_mib || after->pack_mib != before->pack_mib ||
        after->threads != before->threads || after->compression != before->compression ||
        after->min_copies != before->min_copies || after->verify_writes != before->verify_writes ||
        after->test_clock != before->test_clock)
        return false;
    for (size_t i = 0; i < before->target_count; i++)
        if (!config_same_target(&after->targets[i], &before->targets[i]))
            return false;
    return true;
}

/* Does the new text say the same as the old one, and the new target? Otherwise we misread the file. */
static bool is_extended(const struct config *before, const struct config *after, const char *name, const char *url)
{
    if (after->target_count != before->target_count + 1 || after->group_count != before->group_count ||
        !config_same_settings(before, after))
        return false;
    const struct config_target *added = &after->targets[before->target_count];
    return same_text(added->name, name) && same_text(added->url, url);
}

static int write_changed(const char *path, const struct config *before, const struct buf *text, const char *name,
                         const char *url, struct error *err)
{
    struct config *after = NULL;
    struct error detail = {0};
    struct stat st;
    bool good =
        config_parse(path, text->data, text->size, &after, &detail) == 0 && is_extended(before, after, name, url);
    config_free(after);
    if (detail.class == ERROR_NO_MEMORY)
        return error_no_memory(err);
    if (!good) {
        (void)error_set(err, ERROR_CONFIG, "%s: target %s cannot be added to this file by hikae%s%s", path, name,
                        detail.what[0] != '\0' ? ": " : "", detail.what);
        return error_hint(err, "write it under \"targets:\" by hand, or correct its name and URL");
    }
    if (stat(path, &st) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "look at %s", path);
    return file_write_atomic(path, text->data, text->size, st.st_mode & 0777, err);
}

static int append_target(const char *path, const struct buf *text, const char *name, const char *url, struct error *err)
{
    struct config *before = NULL;
    struct yaml_reader reader;
    struct config_change change = {0};
    struct buf changed = {0};
    if (config_parse(path, text->data, text->size, &before, err) != 0)
        return -1;
    int rc = 0;
    if (config_find_target(before, name) != NULL) {
        (void)error_set(err, ERROR_REFUSED, "%s: there is a target named %s already", path, name);
        rc = error_hint(err, "choose another name");
    }
    if (rc == 0)
        rc = yaml_reader_open(&reader, path, text->data, text->size, err);
    if (rc == 0) {
        rc = plan_change(&reader, text, name, url, &change, err);
        yaml_reader_free(&reader);
    }
    if (rc == 0)
        rc = config_apply_change(text, &change, &changed, err);
    if (rc == 0)
        rc = write_changed(path, before, &changed, name, url, err);
    buf_free(&changed);
    buf_free(&change.with);
    config_free(before);
    return rc;
}

int config_append_target(const char *path, const char *name, const char *url, struct error *err)
{
    /* The file may be reached through a link: what the link leads to is replaced, and the link stays. */
    char *real = realpath(path, NULL);
    if (real == NULL)
        return error_set_errno(err, ERROR_CONFIG, errno, "open %s", path);
    struct buf text = {0};
    int rc = config_read_text(real, &text, err);
    if (rc == 0)
        rc = append_target(real, &text, name, url, err);
    buf_free(&text);
    free(real);
    return rc;
}
