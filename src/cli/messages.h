/*
 * Sentences in English and Japanese. Each holds numbered places, since the
 * order of words differs: {1} is the first argument; {1|entry|entries} is the
 * argument and the word that fits it ("1 entry", "2 entries").
 */
#ifndef HIKAE_CLI_MESSAGES_H
#define HIKAE_CLI_MESSAGES_H

#include <stdbool.h>

enum lang { LANG_EN, LANG_JA, LANG_COUNT };

enum message {
    MSG_WARNING,
    MSG_WARNINGS_MORE,
    MSG_TEST_CLOCK,
    MSG_DRY_RUN,
    MSG_INIT_DONE,
    MSG_INIT_PLAN,
    MSG_INIT_KEY,
    MSG_DOCTOR_SOUND,
    MSG_DOCTOR_WARNED,
    MSG_DOCTOR_FAILED,
    MSG_UPGRADE_NOTHING,
    MSG_TENANT_ADDED,
    MSG_TENANT_CHANGED,
    MSG_TENANT_SUSPENDED,
    MSG_TENANT_RESUMED,
    MSG_TENANT_TRIED,
    MSG_TENANTS_LOADED,
    MSG_TENANTS_LOAD_PLAN,
    MSG_INVENTORY,
    MSG_RUN_DONE,
    MSG_RUN_NOTHING,
    MSG_RUN_PLAN,
    MSG_TENANTS,
    MSG_TENANTS_NONE,
    MSG_TARGETS,
    MSG_TARGETS_BAD,
    MSG_TARGET_ADDED,
    MSG_BACKUP_DONE,
    MSG_BACKUP_ERRORS,
    MSG_BACKUP_BEHIND,
    MSG_BACKUP_PLAN,
    MSG_SNAPSHOTS,
    MSG_SNAPSHOTS_NONE,
    MSG_SNAPSHOTS_FORK,
    MSG_TAGGED,
    MSG_UNTAGGED,
    MSG_FORGOTTEN,
    MSG_RETAINED,
    MSG_RETAIN_PLAN,
    MSG_SIMULATED,
    MSG_LISTED,
    MSG_FOUND,
    MSG_FOUND_NONE,
    MSG_DIFFERS,
    MSG_SAME,
    MSG_RESTORED,
    MSG_RESTORE_ERRORS,
    MSG_RESTORE_PLAN,
    MSG_REPAIRED,
    MSG_EXPORTED,
    MSG_VERIFY_SOUND,
    MSG_VERIFY_REPAIRED,
    MSG_VERIFY_PLAN,
    MSG_VERIFY_BAD,
    MSG_REPLICATED,
    MSG_REPLICATE_BEHIND,
    MSG_REPLICATE_PLAN,
    MSG_GC_DONE,
    MSG_GC_PLAN,
    MSG_RECOVERED,
    MSG_RECOVER_PLAN,
    MSG_KEYS_GOOD,
    MSG_KEYS_WARN,
    MSG_SHEET_GOOD,
    MSG_SHEET_WHERE,
    MSG_ROTATED_TENANT,
    MSG_ROTATED_ROOT,
    MSG_ROTATE_PLAN,
    MSG_HELD,
    MSG_HOLD_REMOVED,
    MSG_HOLDS,
    MSG_HOLDS_NONE,
    MSG_STATUS,
    MSG_STATUS_BEHIND,
    MSG_STATUS_NONE,
    MSG_AUDIT_SOUND,
    MSG_AUDIT_BAD,
    MSG_AUDIT_LISTED,
    MSG_AUDIT_EXPORTED,
    MSG_AUDIT_PROVEN,
    MSG_AUDIT_REVIEWED,
    MSG_AUDIT_EXPIRED,
    MSG_AUDIT_EXPIRE_PLAN,
    MSG_STOPPING,
    MSG_PHASE_SCAN,
    MSG_PHASE_TRANSFER,
    MSG_PHASE_CHECK,
    MSG_PHASE_FINISH,
    MSG_LEFT,
    MSG_COUNT
};

/* The sentence with its arguments (up to a NULL; NULL itself: none). Fresh memory, or NULL without memory. */
char *message_format(enum lang lang, enum message message, const char *const *args);
/* "en", "ja"; false if it is neither. */
bool message_lang(const char *name, enum lang *ret_lang);

#endif
