/*
 * Reading the XML that S3 answers with. The bytes come from a machine that
 * may be wrong or hostile: no document types, no entities but XML's own five,
 * bounded depth and bounded texts. What is not well-formed to its last byte
 * is refused, so that a page that was cut off is never taken for a short one.
 */
#ifndef HIKAE_TARGET_S3_XML_H
#define HIKAE_TARGET_S3_XML_H

#include "base/buf.h"

enum { S3_XML_DEPTH_MAX = 12, S3_XML_PATH_MAX = 256, S3_XML_TEXT_MAX = 4096 };

/*
 * Called at the end of each element: `path` holds the names from the root on,
 * "ListBucketResult/Contents/Key", without prefixes of namespaces; `text` is
 * what stood directly in it, blanks included. Not 0 (with err filled) ends the reading.
 */
typedef int s3_xml_callback(const char *path, const char *text, void *context, struct error *err);

/* ERROR_UNREACHABLE (retryable) for what is not such XML: nothing is known then, and nothing is damaged. */
MUST_USE int s3_xml_read(const void *bytes, size_t size, s3_xml_callback *callback, void *context, struct error *err);

/* Append text with &, <, > and quotes escaped. ERROR_USAGE for bytes that XML 1.0 cannot hold. */
MUST_USE int s3_xml_escape(const char *text, struct buf *out, struct error *err);

#endif
