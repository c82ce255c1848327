/* What each command does; the rows of the table point here. All that a command needs is in the run. */
#ifndef HIKAE_CLI_COMMANDS_H
#define HIKAE_CLI_COMMANDS_H

#include "cli/run.h"

enum hikae_status command_init(struct run *run);
enum hikae_status command_doctor(struct run *run);
enum hikae_status command_upgrade(struct run *run);
enum hikae_status command_tenant_add(struct run *run);
enum hikae_status command_tenant_list(struct run *run);
enum hikae_status command_tenant_show(struct run *run);
enum hikae_status command_tenant_set(struct run *run);
enum hikae_status command_tenant_suspend(struct run *run);
enum hikae_status command_tenant_resume(struct run *run);
enum hikae_status command_tenant_load(struct run *run);
enum hikae_status command_tenant_trial(struct run *run);
enum hikae_status command_inventory(struct run *run);
enum hikae_status command_run(struct run *run);
enum hikae_status command_target_list(struct run *run);
enum hikae_status command_target_add(struct run *run);
enum hikae_status command_target_check(struct run *run);
enum hikae_status command_target_set(struct run *run);
enum hikae_status command_target_retire(struct run *run);
enum hikae_status command_backup(struct run *run);
enum hikae_status command_import(struct run *run);
enum hikae_status command_snapshots(struct run *run);
enum hikae_status command_snapshot_tag(struct run *run);
enum hikae_status command_ls(struct run *run);
enum hikae_status command_find_entries(struct run *run);
enum hikae_status command_diff(struct run *run);
enum hikae_status command_cat(struct run *run);
enum hikae_status command_restore(struct run *run);
enum hikae_status command_restores_list(struct run *run);
enum hikae_status command_restores_wiped(struct run *run);
enum hikae_status command_drill(struct run *run);
enum hikae_status command_drill_kit(struct run *run);
enum hikae_status command_drill_away(struct run *run);
enum hikae_status command_drill_accept(struct run *run);
enum hikae_status command_drill_list(struct run *run);
enum hikae_status command_drill_show(struct run *run);
/* The jobs of a run, as JSON or for people (command_run.c). */
void run_show_jobs(struct run *run, const struct hikae_run_result *result, bool dry_run, enum hikae_status status);
enum hikae_status command_export(struct run *run);
enum hikae_status command_verify(struct run *run);
enum hikae_status command_replicate(struct run *run);
enum hikae_status command_gc(struct run *run);
enum hikae_status command_recover(struct run *run);
enum hikae_status command_keys_status(struct run *run);
enum hikae_status command_keys_check(struct run *run);
enum hikae_status command_keys_sheet(struct run *run);
enum hikae_status command_keys_rotate(struct run *run);
enum hikae_status command_keys_holder(struct run *run);
enum hikae_status command_hold_add(struct run *run);
enum hikae_status command_hold_list(struct run *run);
enum hikae_status command_status(struct run *run);
enum hikae_status command_retain(struct run *run);
enum hikae_status command_snapshot_forget(struct run *run);
enum hikae_status command_hold_remove(struct run *run);
enum hikae_status command_policy_simulate(struct run *run);
enum hikae_status command_policy_list(struct run *run);
enum hikae_status command_policy_show(struct run *run);
enum hikae_status command_policy_check(struct run *run);
enum hikae_status command_policy_diff(struct run *run);
enum hikae_status command_policy_apply(struct run *run);
enum hikae_status command_version(struct run *run);

enum hikae_status command_locks(struct run *run);
enum hikae_status command_metrics(struct run *run);
enum hikae_status command_forecast(struct run *run);
enum hikae_status command_notify_test(struct run *run);
enum hikae_status command_notify_mute(struct run *run);
enum hikae_status command_notify_list(struct run *run);

enum hikae_status command_audit_verify(struct run *run);
enum hikae_status command_audit_list(struct run *run);
enum hikae_status command_audit_export(struct run *run);
enum hikae_status command_audit_prove(struct run *run);
enum hikae_status command_audit_review(struct run *run);
enum hikae_status command_audit_expire(struct run *run);

enum hikae_status command_contract_end(struct run *run);
enum hikae_status command_contract_cancel(struct run *run);
enum hikae_status command_contract_show(struct run *run);
enum hikae_status command_contract_survivors(struct run *run);
enum hikae_status command_contract_export(struct run *run);
enum hikae_status command_disclose(struct run *run);
enum hikae_status command_erasure_add(struct run *run);
enum hikae_status command_erasure_list(struct run *run);

enum hikae_status command_keys_operator(struct run *run);
enum hikae_status command_approve(struct run *run);
enum hikae_status command_report(struct run *run);
enum hikae_status command_roles(struct run *run);
enum hikae_status command_incident_open(struct run *run);
enum hikae_status command_incident_list(struct run *run);
enum hikae_status command_incident_show(struct run *run);
enum hikae_status command_incident_note(struct run *run);
enum hikae_status command_incident_notice(struct run *run);
enum hikae_status command_incident_template(struct run *run);
enum hikae_status command_incident_close(struct run *run);
enum hikae_status command_nonconformity_list(struct run *run);
enum hikae_status command_nonconformity_close(struct run *run);
enum hikae_status command_review_ack(struct run *run);
enum hikae_status command_review_list(struct run *run);
enum hikae_status command_purge_plan(struct run *run);
enum hikae_status command_purge_approve(struct run *run);
enum hikae_status command_purge_run(struct run *run);
enum hikae_status command_purge_status(struct run *run);
enum hikae_status command_purge_withdraw(struct run *run);
enum hikae_status command_purge_declare(struct run *run);
enum hikae_status command_purge_certificate(struct run *run);
/* What `audit verify` does with --key. */
enum hikae_status certificate_check(struct run *run);

enum hikae_status command_evidence(struct run *run);
enum hikae_status command_attest_add(struct run *run);
enum hikae_status command_attest_list(struct run *run);

enum hikae_status command_log_ingest(struct run *run);
enum hikae_status command_log_list(struct run *run);
enum hikae_status command_log_export(struct run *run);

#endif
