/* What an object store answers. */
#include "fuzz.h"

#include "target/s3_xml.h"

#include <string.h>

static int look(const char *path, const char *text, void *context, struct error *err)
{
    (void)err;
    fuzz_expect(path[0] != '\0' && strlen(path) < S3_XML_PATH_MAX && strlen(text) <= S3_XML_TEXT_MAX);
    ++*(size_t *)context;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    size_t count = 0;
    if (s3_xml_read(data, size, look, &count, &err) != 0)
        fuzz_expect(err.class == ERROR_UNREACHABLE || err.class == ERROR_NO_MEMORY);
    else
        fuzz_expect(count > 0);
    return 0;
}
