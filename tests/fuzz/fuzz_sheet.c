/* Recovery sheets as people type them. What is accepted must encode to the same key again. */
#include "fuzz.h"

#include "keys/sheet.h"

enum { EPOCH = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_SECRET struct secret *key = NULL;
    CLEANUP_SECRET struct secret *again = NULL;
    struct error err;
    if (sheet_parse((const char *)data, size, EPOCH, &key, &err) != 0)
        return 0;
    char digits[SHEET_DIGITS];
    fuzz_expect(sheet_encode(key, EPOCH, digits, &err) == 0);
    fuzz_expect(sheet_parse(digits, sizeof(digits), EPOCH, &again, &err) == 0 && secret_equal(key, again));
    return 0;
}
