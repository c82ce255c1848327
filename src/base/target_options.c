#include "base/target_options.h"

#include <string.h>

const struct target_words target_words_credentials = {
    (const char *const[]){"default", "file", "environment", "profile", "metadata", "systemd", NULL},
    "file:PATH, environment, environment:PREFIX, profile:NAME, metadata, systemd:NAME or default",
};
const struct target_words target_words_lock = {
    (const char *const[]){"none", "governance", "compliance", NULL},
    "compliance, governance or none",
};
const struct target_words target_words_sse = {(const char *const[]){"none", "s3", "kms", NULL}, "s3, kms or none"};
const struct target_words target_words_signature = {(const char *const[]){"auto", "v4", "v2", NULL}, "v4 or v2"};
const struct target_words target_words_style = {
    (const char *const[]){"auto", "path", "virtual", NULL},
    "path, virtual or auto",
};
const struct target_words target_words_checksum = {
    (const char *const[]){"auto", "md5", "sha256", NULL},
    "md5, sha256 or auto",
};

int target_word_find(const struct target_words *words, const char *text, size_t size)
{
    for (int i = 0; words->words[i] != NULL; i++)
        if (strlen(words->words[i]) == size && strncmp(words->words[i], text, size) == 0)
            return i;
    return -1;
}
