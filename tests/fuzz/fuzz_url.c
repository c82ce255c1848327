/* URLs of targets. */
#include "fuzz.h"

#include "target/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TARGET_URL_MAX + 2];
    struct bytes given = fuzz_take(&data, &size, sizeof(text) - 1);
    if (given.size > 0)
        memcpy(text, given.data, given.size);
    text[given.size] = '\0';
    struct target_url url = {0};
    struct target_traits traits = {0};
    struct error err;
    if (target_url_parse(text, &url, &err) == 0) {
        fuzz_expect(url.count <= TARGET_URL_PARAMS_MAX && url.scheme != NULL && url.path != NULL);
        const struct target_options options = {.name = "tokyo", .url = text};
        (void)!target_traits_init(&traits, &options, &url, "file", &err);
        target_traits_free(&traits);
    }
    target_url_free(&url);
    return 0;
}
