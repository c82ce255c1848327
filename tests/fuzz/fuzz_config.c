/* hikae.yaml. */
#include "fuzz.h"

#include "policy/config_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = NULL;
    struct error err;
    if (config_parse("/etc/hikae/hikae.yaml", data, size, &config, &err) == 0)
        fuzz_expect(config->min_copies > 0 && config_find_target(config, "") == NULL);
    config_free(config);
    return 0;
}
