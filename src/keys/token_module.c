/* The vendor's library of a PKCS#11 token: loaded once, initialized as long as somebody uses it. */
#include "base/mem.h"
#include "keys/token_internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t modules_lock = PTHREAD_MUTEX_INITIALIZER;
static struct token_module *modules; /* never unloaded: libraries do not survive that */

/* What return values mean that people can do something about. All others: the device or its library fails. */
static const struct {
    ck_rv_t rv;
    enum error_class class;
    const char *what;
    const char *hint;
} meanings[] = {
    {CKR_PIN_INCORRECT, ERROR_KEYS, "the PIN is wrong",
     "correct the file of the PIN; it is not tried again by this run, as each failure brings the token nearer to "
     "locking itself"},
    {CKR_PIN_LEN_RANGE, ERROR_KEYS, "the PIN is too short or too long", "correct the file of the PIN"},
    {CKR_PIN_INVALID, ERROR_KEYS, "the PIN has characters that the token does not take", "correct the file of the PIN"},
    {CKR_PIN_LOCKED, ERROR_KEYS, "the PIN is locked", "unlock it with the security officer's PIN"},
    {CKR_PIN_EXPIRED, ERROR_KEYS, "the PIN has expired", "set a new one with the vendor's tool"},
    {CKR_USER_PIN_NOT_INITIALIZED, ERROR_KEYS, "no PIN is set yet", "set the user's PIN with the vendor's tool"},
    {CKR_ENCRYPTED_DATA_INVALID, ERROR_KEYS, "the seal does not open with this key", NULL},
    {CKR_ENCRYPTED_DATA_LEN_RANGE, ERROR_KEYS, "the seal does not open with this key", NULL},
    {CKR_MECHANISM_INVALID, ERROR_CONFIG, "it has no AES-256 in GCM", "take a token that has CKM_AES_GCM"},
    {CKR_KEY_SIZE_RANGE, ERROR_CONFIG, "it has no AES of 256 bits", "take a token that has CKM_AES_GCM"},
    {CKR_TOKEN_WRITE_PROTECTED, ERROR_DENIED, "it is write-protected", "remove the protection with the vendor's tool"},
    {CKR_DEVICE_MEMORY, ERROR_UNREACHABLE, "its memory is full", "remove objects that nobody needs"},
    {CKR_HOST_MEMORY, ERROR_NO_MEMORY, "out of memory", NULL},
};

int token_failure(ck_rv_t rv, const char *action, struct error *err)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (meanings[i].rv != rv)
            continue;
        (void)error_set(err, meanings[i].class, "%s: %s", action, meanings[i].what);
        return meanings[i].hint != NULL ? error_hint(err, "%s", meanings[i].hint) : -1;
    }
    (void)error_set(err, ERROR_UNREACHABLE, "%s: the token's library failed with code 0x%lx", action, rv);
    return error_hint(err, "is the token plugged in, and its service running?");
}

/* ISO C knows no conversion of a pointer to an object into one to a function; POSIX dlsym(3) warrants it. */
static CK_C_GetFunctionList find_entry(void *library)
{
    CK_C_GetFunctionList entry = NULL;
    void *found = dlsym(library, "C_GetFunctionList");
    memcpy(&entry, &found, sizeof(entry));
    return entry;
}

static int load(const char *path, struct token_module **ret, struct error *err)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *why = dlerror();
        (void)error_set(err, ERROR_UNREACHABLE, "the token's library %s cannot be loaded: %s", path,
                        why != NULL ? why : "");
        return error_hint(err, "install it, or correct \"module\" in the configuration");
    }
    CK_C_GetFunctionList entry = find_entry(library);
    struct token_module *module = mem_calloc(1, sizeof(*module));
    char *copy = mem_strdup(path);
    if (module == NULL || copy == NULL) {
        mem_free(module);
        mem_free(copy);
        return error_no_memory(err);
    }
    module->path = copy;
    if (entry == NULL || entry(&module->functions) != CKR_OK || module->functions == NULL) {
        mem_free(copy);
        mem_free(module);
        return error_set(err, ERROR_CONFIG, "%s is no library of PKCS#11", path);
    }
    module->next = modules;
    modules = module;
    *ret = module;
    return 0;
}

/* With the lock held. */
static int take(const char *path, struct token_module **ret, struct error *err)
{
    struct token_module *module = modules;
    while (module != NULL && strcmp(module->path, path) != 0)
        module = module->next;
    if (module == NULL && load(path, &module, err) != 0)
        return -1;
    if (module->users == 0) {
        struct ck_c_initialize_args args = {.flags = CKF_OS_LOCKING_OK};
        ck_rv_t rv = module->functions->C_Initialize(&args);
        if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
            return token_failure(rv, path, err);
    }
    module->users++;
    *ret = module;
    return 0;
}

int token_module_take(const char *path, struct token_module **ret, struct error *err)
{
    (void)pthread_mutex_lock(&modules_lock);
    int rc = take(path, ret, err);
    (void)pthread_mutex_unlock(&modules_lock);
    return rc;
}

void token_module_release(struct token_module *module)
{
    (void)pthread_mutex_lock(&modules_lock);
    if (--module->users == 0)
        (void)module->functions->C_Finalize(NULL);
    (void)pthread_mutex_unlock(&modules_lock);
}

void token_module_note(struct token_module *module, const char *refused)
{
    (void)pthread_mutex_lock(&modules_lock);
    /* Without memory the token itself still counts, and is never tried when one failure more would lock it. */
    char(*grown)[TOKEN_SERIAL_SIZE] = mem_realloc(module->refused, (module->refused_count + 1) * sizeof(*grown));
    if (grown != NULL) {
        module->refused = grown;
        (void)snprintf(grown[module->refused_count++], sizeof(*grown), "%s", refused);
    }
    (void)pthread_mutex_unlock(&modules_lock);
}

bool token_module_was_refused(struct token_module *module, const char *serial)
{
    (void)pthread_mutex_lock(&modules_lock);
    bool refused = false;
    for (size_t i = 0; i < module->refused_count && !refused; i++)
        refused = strcmp(module->refused[i], serial) == 0;
    (void)pthread_mutex_unlock(&modules_lock);
    return refused;
}
