/* A request as it goes over the line: its address and headers, signed. */
#include "base/mem.h"
#include "target/s3_sign.h"
#include "target/s3_target.h"
#include "target/s3v2_sign.h"

#include <stdio.h>
#include <stdlib.h>

struct line {
    struct buf url, path, query, authorization;
    char date[S3V2_DATE_SIZE]; /* room for either signature's */
    char host[400];
    struct s3_header headers[S3_EXTRA_MAX + 8];
    size_t count;
    struct buf token; /* the session token; wiped */
};

static void line_clear(struct line *line)
{
    buf_free(&line->url);
    buf_free(&line->path);
    buf_free(&line->query);
    buf_wipe_free(&line->authorization);
    buf_wipe_free(&line->token);
}

static int add(struct buf *out, const char *text, struct error *err)
{
    return buf_append(out, text, strlen(text), err);
}

static int terminate(struct buf *out, struct error *err)
{
    if (buf_u8(out, 0, err) != 0)
        return -1;
    out->size--;
    return 0;
}

/* The path; with `bucket`, that comes first: always in what Signature V2 signs, on the line where no host names it. */
static int build_path(const struct s3_target *t, const struct s3_request *request, bool bucket, struct buf *out,
                      struct error *err)
{
    if (add(out, "/", err) != 0)
        return -1;
    if (bucket && (s3_escape(t->place.bucket, false, out, err) != 0 ||
                   ((request->name != NULL || t->place.virtual_style) && add(out, "/", err) != 0)))
        return -1;
    if (request->name != NULL &&
        (s3_escape(t->place.prefix, true, out, err) != 0 || s3_escape(request->name, true, out, err) != 0))
        return -1;
    return terminate(out, err);
}

static int compare_params(const void *a, const void *b)
{
    return strcmp(((const struct s3_header *)a)->name, ((const struct s3_header *)b)->name);
}

/*
 * Names of parameters are plain words, so that sorting before escaping is sorting after it. Those without a value are
 * signed with a '=' by Signature V4 and without by V2; stores that sign what they get see them as they are signed.
 */
static int build_query(const struct s3_target *t, const struct s3_request *request, struct buf *out, struct error *err)
{
    struct s3_header sorted[S3_PARAMS_MAX];
    memcpy(sorted, request->params, request->param_count * sizeof(sorted[0]));
    qsort(sorted, request->param_count, sizeof(sorted[0]), compare_params);
    for (size_t i = 0; i < request->param_count; i++) {
        bool bare = t->v2 && sorted[i].value[0] == '\0';
        if ((i > 0 && add(out, "&", err) != 0) || s3_escape(sorted[i].name, false, out, err) != 0 ||
            (!bare && add(out, "=", err) != 0) || s3_escape(sorted[i].value, false, out, err) != 0)
            return -1;
    }
    return terminate(out, err);
}

static int build_url(const struct s3_target *t, struct line *line, struct error *err)
{
    (void)snprintf(line->host, sizeof(line->host), "%s%s%s", t->place.virtual_style ? t->place.bucket : "",
                   t->place.virtual_style ? "." : "", t->place.host);
    if (add(&line->url, t->place.tls ? "https://" : "http://", err) != 0 || add(&line->url, line->host, err) != 0 ||
        add(&line->url, (const char *)line->path.data, err) != 0 ||
        (line->query.size > 0 &&
         (add(&line->url, "?", err) != 0 || add(&line->url, (const char *)line->query.data, err) != 0)))
        return -1;
    return terminate(&line->url, err);
}

static void line_header(struct line *line, const char *name, const char *value)
{
    line->headers[line->count++] = (struct s3_header){name, value};
}

/* With Signature V4: the headers that are signed, and the signature. */
static int sign_v4(const struct s3_request *request, const struct s3_signer *signer, struct line *line,
                   struct error *err)
{
    const struct credentials_now *keys = signer->keys;
    line_header(line, "x-amz-date", s3_time(signer->now_ns, line->date));
    line_header(line, "x-amz-content-sha256", signer->hash);
    if (keys->session_token != NULL) {
        if (buf_append(&line->token, secret_borrow(keys->session_token), secret_size(keys->session_token), err) != 0 ||
            terminate(&line->token, err) != 0)
            return -1;
        line_header(line, "x-amz-security-token", (const char *)line->token.data);
    }
    line_header(line, "host", line->host);
    const struct s3_signing signing = {
        .method = request->method,
        .path = (const char *)line->path.data,
        .query = (const char *)line->query.data,
        .headers = line->headers,
        .header_count = line->count,
        .payload = signer->hash,
        .region = signer->region,
        .service = "s3",
        .time = line->date,
        .access_key = keys->access_key_id,
        .secret = secret_borrow(keys->secret),
        .secret_size = secret_size(keys->secret),
    };
    line->count--; /* Host is curl's to write; it writes the same */
    return s3_sign(&signing, &line->authorization, err);
}

static int sign_v2(const struct s3_target *t, const struct s3_request *request, const struct s3_signer *signer,
                   struct line *line, struct error *err)
{
    struct buf resource = {0};
    line_header(line, "date", s3v2_date(signer->now_ns, line->date));
    int rc = build_path(t, request, true, &resource, err);
    const struct s3v2_signing signing = {
        .method = request->method,
        .resource = (const char *)resource.data,
        .params = request->params,
        .param_count = request->param_count,
        .headers = line->headers,
        .header_count = line->count,
        .access_key = signer->keys->access_key_id,
        .secret = secret_borrow(signer->keys->secret),
        .secret_size = secret_size(signer->keys->secret),
    };
    if (rc == 0)
        rc = s3v2_sign(&signing, &line->authorization, err);
    buf_free(&resource);
    return rc;
}

static int build_line(const struct s3_target *t, const struct s3_request *request, const struct s3_signer *signer,
                      struct line *line, struct error *err)
{
    if (build_path(t, request, !t->place.virtual_style, &line->path, err) != 0 ||
        build_query(t, request, &line->query, err) != 0 || build_url(t, line, err) != 0)
        return -1;
    for (size_t i = 0; i < request->extra_count; i++)
        line_header(line, request->extra[i].name, request->extra[i].value);
    if ((t->v2 ? sign_v2(t, request, signer, line, err) : sign_v4(request, signer, line, err)) != 0 ||
        terminate(&line->authorization, err) != 0)
        return -1;
    line_header(line, "authorization", (const char *)line->authorization.data);
    return 0;
}

int s3_send(struct s3_target *t, struct s3_request *request, const struct s3_signer *signer, struct error *err)
{
    CLEANUP(line_clear) struct line line = {0};
    if (build_line(t, request, signer, &line, err) != 0)
        return -1;
    struct s3_exchange *x = &request->exchange;
    x->method = request->method;
    x->url = (const char *)line.url.data;
    x->headers = line.headers;
    x->header_count = line.count;
    x->body = request->body;
    x->body_size = request->size;
    x->sink = request->sink;
    x->sink_max = request->sink_max;
    return s3_http_do(t->http, x, err);
}
