/* The rows of the command table, by the file that has them. */
#ifndef HIKAE_CLI_TABLE_H
#define HIKAE_CLI_TABLE_H

#include "cli/command.h"

extern const struct command row_init, row_doctor, row_upgrade, row_target_list, row_target_add, row_target_check;
extern const struct command row_target_set, row_target_retire;
extern const struct command row_tenant_add, row_tenant_list, row_tenant_show, row_tenant_set, row_tenant_suspend,
    row_tenant_resume, row_hold_add, row_hold_list;
extern const struct command row_backup, row_import, row_snapshots, row_snapshot_tag, row_replicate, row_gc, row_locks;
extern const struct command row_policy_list, row_policy_show, row_policy_check, row_policy_diff, row_policy_apply;
extern const struct command row_ls, row_find, row_diff, row_cat, row_restore, row_export;
extern const struct command row_verify, row_recover, row_keys_status, row_keys_check, row_keys_sheet, row_keys_rotate,
    row_status, row_version, row_help, row_generate;

extern const struct command row_tenant_load, row_tenant_trial, row_inventory, row_run;

extern const struct command row_forecast, row_metrics, row_notify_test, row_notify_mute, row_notify_list;
extern const struct command row_retain, row_snapshot_forget, row_hold_remove, row_policy_simulate;
extern const struct command row_purge_plan, row_purge_approve, row_purge_run, row_purge_status, row_purge_withdraw,
    row_purge_declare, row_purge_certificate;
extern const struct command row_drill, row_drill_list, row_drill_show, row_drill_kit, row_drill_away, row_drill_accept,
    row_restores_list, row_restores_wiped;
extern const struct command row_audit_verify, row_audit_list, row_audit_export, row_audit_prove, row_audit_review,
    row_audit_expire;

extern const struct command row_keys_operator, row_approve, row_roles;
extern const struct command row_keys_holder;
extern const struct command row_report, row_incident_open, row_incident_list, row_incident_show, row_incident_note,
    row_incident_notice, row_incident_template, row_incident_close, row_nonconformity_list, row_nonconformity_close,
    row_review_ack, row_review_list;

extern const struct command row_evidence, row_attest_add, row_attest_list;
extern const struct command row_contract_end, row_contract_cancel, row_contract_show, row_contract_survivors,
    row_contract_export, row_disclose, row_erasure_add, row_erasure_list;
extern const struct command row_log_ingest, row_log_list, row_log_export;

#define OPTIONS_END                                                                                                    \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }
/* --snapshot and --at, wherever one snapshot is looked into. */
#define OPTIONS_WHICH                                                                                                  \
    {.name = "snapshot",                                                                                               \
     .kind = VALUE_WORD,                                                                                               \
     .value = "ID",                                                                                                    \
     .without = "at",                                                                                                  \
     .help = "this snapshot, by its id or a start of it that is unique; without it the latest"},                       \
    {                                                                                                                  \
        .name = "at", .kind = VALUE_WORD, .value = "TIME",                                                             \
        .help = "the latest snapshot at this time (RFC 3339), or of this day, in UTC, or before (2026-11-21)"          \
    }

#endif
