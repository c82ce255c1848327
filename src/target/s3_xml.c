#include "target/s3_xml.h"

#include <expat.h>
#include <limits.h>

struct reading {
    XML_Parser parser;
    s3_xml_callback *callback;
    void *context;
    struct error *err;
    bool failed; /* err is filled */
    unsigned depth;
    size_t path_size;
    char path[S3_XML_PATH_MAX];
    size_t text_size;
    char text[S3_XML_TEXT_MAX + 1];
};

static void stop(struct reading *r, const char *why)
{
    if (!r->failed) {
        (void)error_set(r->err, ERROR_UNREACHABLE, "the answer is not the XML that S3 speaks: %s", why);
        if (r->err != NULL)
            r->err->retryable = true;
    }
    r->failed = true;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = context;
    (void)attributes;
    if (r->failed)
        return;
    const char *colon = strrchr(name, ':');
    const char *local = colon != NULL ? colon + 1 : name;
    size_t size = strlen(local), slash = r->depth > 0;
    if (size == 0) {
        stop(r, "an element has no name after its prefix");
        return;
    }
    if (r->depth == S3_XML_DEPTH_MAX || size + slash >= sizeof(r->path) - r->path_size) {
        stop(r, "it is nested too deeply");
        return;
    }
    if (slash > 0)
        r->path[r->path_size++] = '/';
    memcpy(r->path + r->path_size, local, size + 1);
    r->path_size += size;
    r->depth++;
    r->text_size = 0;
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    struct reading *r = context;
    (void)name;
    if (r->failed)
        return;
    r->text[r->text_size] = '\0';
    if (r->callback(r->path, r->text, r->context, r->err) != 0) {
        r->failed = true;
        (void)XML_StopParser(r->parser, XML_FALSE);
        return;
    }
    char *slash = strrchr(r->path, '/');
    r->path_size = slash != NULL ? (size_t)(slash - r->path) : 0;
    r->path[r->path_size] = '\0';
    r->depth--;
    r->text_size = 0;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int size)
{
    struct reading *r = context;
    if (r->failed)
        return;
    if ((size_t)size > S3_XML_TEXT_MAX - r->text_size) {
        stop(r, "a text in it is too long");
        return;
    }
    memcpy(r->text + r->text_size, text, (size_t)size);
    r->text_size += (size_t)size;
}

/* Entities of a document's own are a way to make little text large; S3 has no use for them. */
static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_subset;
    stop(context, "it declares a document type");
}

int s3_xml_read(const void *bytes, size_t size, s3_xml_callback *callback, void *context, struct error *err)
{
    struct reading r = {.callback = callback, .context = context, .err = err};
    if (size > INT_MAX)
        return error_set(err, ERROR_UNREACHABLE, "the answer is too long to be XML that S3 speaks");
    r.parser = XML_ParserCreate(NULL);
    if (r.parser == NULL)
        return error_no_memory(err);
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    if (XML_Parse(r.parser, size > 0 ? bytes : "", (int)size, 1) != XML_STATUS_OK && !r.failed) {
        if (XML_GetErrorCode(r.parser) == XML_ERROR_NO_MEMORY) {
            (void)error_no_memory(err);
            r.failed = true;
        } else {
            stop(&r, XML_ErrorString(XML_GetErrorCode(r.parser)));
        }
    }
    XML_ParserFree(r.parser);
    return r.failed ? -1 : 0;
}

int s3_xml_escape(const char *text, struct buf *out, struct error *err)
{
    for (const char *p = text; *p != '\0'; p++) {
        const char *with = *p == '&' ? "&amp;" : *p == '<' ? "&lt;" : *p == '>' ? "&gt;" : *p == '"' ? "&quot;" : NULL;
        if ((unsigned char)*p < 0x20)
            return error_set(err, ERROR_USAGE, "a control character cannot be written in XML");
        if (buf_append(out, with != NULL ? with : p, with != NULL ? strlen(with) : 1, err) != 0)
            return -1;
    }
    return 0;
}
