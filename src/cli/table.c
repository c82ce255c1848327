#include "cli/table.h"

#include <string.h>

const char *const command_group_names[GROUP_COUNT][LANG_COUNT] = {
    [GROUP_SETUP] = {"Set up", "準備"},
    [GROUP_TENANTS] = {"Tenants", "テナント"},
    [GROUP_BACKUP] = {"Back up", "バックアップ"},
    [GROUP_LOOK] = {"Look into snapshots", "スナップショットの中を見る"},
    [GROUP_RESTORE] = {"Get data back", "データを取り戻す"},
    [GROUP_CHECK] = {"Be sure", "確かめる"},
    [GROUP_KEYS] = {"Keys and holds", "鍵と保全"},
    [GROUP_KEEP] = {"Keep promises", "約束を守る"},
    [GROUP_EVIDENCE] = {"Show what was kept", "証拠を示す"},
    [GROUP_LEAVE] = {"When a customer leaves", "契約が終わるとき"},
    [GROUP_ABOUT] = {"About", "その他"},
};

/* In the order of the groups. */
const struct command *const command_table[] = {
    &row_init,
    &row_doctor,
    &row_upgrade,
    &row_target_list,
    &row_target_add,
    &row_target_check,
    &row_target_set,
    &row_target_retire,
    &row_tenant_add,
    &row_tenant_list,
    &row_tenant_show,
    &row_tenant_set,
    &row_tenant_suspend,
    &row_tenant_resume,
    &row_tenant_load,
    &row_tenant_trial,
    &row_inventory,
    &row_run,
    &row_backup,
    &row_import,
    &row_replicate,
    &row_snapshots,
    &row_snapshot_tag,
    &row_ls,
    &row_find,
    &row_diff,
    &row_cat,
    &row_restore,
    &row_restores_list,
    &row_restores_wiped,
    &row_export,
    &row_disclose,
    &row_recover,
    &row_status,
    &row_report,
    &row_metrics,
    &row_forecast,
    &row_notify_test,
    &row_notify_mute,
    &row_notify_list,
    &row_verify,
    &row_drill,
    &row_drill_list,
    &row_drill_show,
    &row_drill_kit,
    &row_drill_away,
    &row_drill_accept,
    &row_keys_status,
    &row_keys_check,
    &row_keys_sheet,
    &row_keys_rotate,
    &row_keys_holder,
    &row_keys_operator,
    &row_approve,
    &row_roles,
    &row_hold_add,
    &row_hold_remove,
    &row_hold_list,
    &row_policy_list,
    &row_policy_show,
    &row_policy_check,
    &row_policy_diff,
    &row_policy_apply,
    &row_policy_simulate,
    &row_retain,
    &row_gc,
    &row_locks,
    &row_snapshot_forget,
    &row_evidence,
    &row_attest_add,
    &row_attest_list,
    &row_audit_verify,
    &row_audit_list,
    &row_audit_export,
    &row_audit_prove,
    &row_audit_review,
    &row_audit_expire,
    &row_log_ingest,
    &row_log_list,
    &row_log_export,
    &row_review_ack,
    &row_review_list,
    &row_incident_open,
    &row_incident_list,
    &row_incident_show,
    &row_incident_note,
    &row_incident_notice,
    &row_incident_template,
    &row_incident_close,
    &row_nonconformity_list,
    &row_nonconformity_close,
    &row_contract_end,
    &row_contract_cancel,
    &row_contract_show,
    &row_contract_survivors,
    &row_contract_export,
    &row_erasure_add,
    &row_erasure_list,
    &row_purge_plan,
    &row_purge_approve,
    &row_purge_run,
    &row_purge_status,
    &row_purge_withdraw,
    &row_purge_declare,
    &row_purge_certificate,
    &row_version,
    &row_help,
    &row_generate,
    NULL,
};

const struct option_def global_options[] = {
    {.name = "config",
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "the configuration; else $HIKAE_CONFIG, else /etc/hikae/hikae.yaml"},
    {.name = "json", .help = "standard output is exactly one JSON value"},
    {.name = "quiet",
     .letter = 'q',
     .without = "verbose",
     .help = "no progress and no closing sentence; warnings and errors only"},
    {.name = "verbose", .letter = 'v', .help = "show every warning and every detail"},
    {.name = "lang", .kind = VALUE_CHOICE, .value = "en|ja", .help = "the language of sentences; else $LANG"},
    {.name = "help", .letter = 'h', .help = "explain the command"},
    {.name = "version", .help = "print the version, and do nothing else"},
    OPTIONS_END,
};

const struct option_def dry_run_option[] = {
    {.name = "dry-run", .help = "say what would be done and why; change nothing"},
    OPTIONS_END,
};

const struct command *command_find(const char *name)
{
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static const struct option_def *find_option(const struct option_def *list, const char *name, size_t size, char letter)
{
    for (; list != NULL && list->name != NULL; list++)
        if (letter != 0 ? list->letter == letter : strlen(list->name) == size && memcmp(list->name, name, size) == 0)
            return list;
    return NULL;
}

const struct option_def *command_option(const struct command *command, const char *name, size_t size, char letter)
{
    const struct option_def *found = NULL;
    if (command != NULL)
        found = find_option(command->options, name, size, letter);
    if (found == NULL && command != NULL && (command->flags & COMMAND_DRY) != 0)
        found = find_option(dry_run_option, name, size, letter);
    return found != NULL ? found : find_option(global_options, name, size, letter);
}

bool command_is_family(const char *word)
{
    size_t size = strlen(word);
    for (const struct command *const *c = command_table; *c != NULL; c++)
        if (strncmp((*c)->name, word, size) == 0 && (*c)->name[size] == ' ')
            return true;
    return false;
}
