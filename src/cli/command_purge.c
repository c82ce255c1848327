/* purge plan, approve, run, status, declare, withdraw, certificate; and the check of a certificate. */
#include "cli/command_purge.h"
#include "cli/text.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- Commands ---- */

static void append(struct run *run, struct hikae_purges *all, struct hikae_purges *more)
{
    struct hikae_purge *grown = mem_realloc(all->purges, (all->count + more->count) * sizeof(*grown));
    if (grown == NULL) {
        run->out.no_memory = true;
        return;
    }
    all->purges = grown;
    memcpy(&grown[all->count], more->purges, more->count * sizeof(*grown));
    all->count += more->count;
    mem_free(more->purges);
    *more = (struct hikae_purges){0};
}

enum hikae_status command_purge_plan(struct run *run)
{
    const struct hikae_purge_options options = {.requester = run_option(run, "requester"),
                                                .without_contract = run_option(run, "without-contract"),
                                                .dry_run = run_has(run, DRY_RUN)};
    struct hikae_purges all = {0};
    enum hikae_status status = HIKAE_OK;
    for (size_t i = 0; status <= HIKAE_WARNINGS && i < run->arg_count; i++) {
        struct hikae_purges one = {0};
        enum hikae_status done = hikae_purge_plan(run->hikae, run->args[i], &options, &one, &run->error);
        if (done != HIKAE_OK)
            status = done;
        if (done <= HIKAE_WARNINGS)
            append(run, &all, &one);
        hikae_purges_free(&one);
    }
    if (all.count > 0)
        show_purges(run, &all, options.dry_run);
    if (status <= HIKAE_WARNINGS && options.dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else if (status <= HIKAE_WARNINGS && all.count > 0)
        run_say(run, MSG_PURGE_PLANNED, all.purges[0].plan_hash != NULL ? all.purges[0].plan_hash : "", run->args[0]);
    hikae_purges_free(&all);
    return status;
}

enum hikae_status command_purge_approve(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    struct hikae_purges purges = {0};
    enum hikae_status status =
        hikae_purge_approve(run->hikae, run->args[0], run_option(run, "plan"), run_option(run, "operator"),
                            run_option(run, "passphrase-file"), dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    enum hikae_status shown = hikae_purge_status(run->hikae, run->args[0], &purges, &run->error);
    if (shown > HIKAE_WARNINGS)
        return shown;
    char count[TEXT_SMALL];
    if (run->out.json)
        show_purges(run, &purges, dry_run);
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else if (purges.count > 0)
        run_say(run, MSG_PURGE_APPROVED, run->args[0], text_count(purges.purges[0].approval_count, count));
    hikae_purges_free(&purges);
    return status;
}

enum hikae_status command_purge_run(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    struct hikae_purges purges = {0};
    enum hikae_status status =
        hikae_purge_run(run->hikae, run->arg_count > 0 ? run->args[0] : NULL, dry_run, &purges, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_purges(run, &purges, dry_run);
    size_t gone = 0, unreadable = 0;
    for (size_t i = 0; i < purges.count; i++) {
        gone += purges.purges[i].gone_ns != 0;
        unreadable += purges.purges[i].unreadable_ns != 0;
    }
    char texts[2][TEXT_SMALL];
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, status == HIKAE_OK ? MSG_PURGE_DONE : MSG_PURGE_WAITS, text_count(unreadable, texts[0]),
                text_count(gone, texts[1]));
    hikae_purges_free(&purges);
    return status;
}

enum hikae_status command_purge_status(struct run *run)
{
    struct hikae_purges purges = {0};
    enum hikae_status status =
        hikae_purge_status(run->hikae, run->arg_count > 0 ? run->args[0] : NULL, &purges, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_purges(run, &purges, false);
    if (purges.count == 0)
        run_say(run, MSG_PURGES_NONE, NULL);
    hikae_purges_free(&purges);
    return status;
}

enum hikae_status command_purge_withdraw(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    enum hikae_status status =
        hikae_purge_withdraw(run->hikae, run->args[0], run_option(run, "why"), dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "tenant", run->args[0]);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    }
    run_say(run, dry_run ? MSG_DRY_RUN : MSG_PURGE_WITHDRAWN, run->args[0]);
    return status;
}

enum hikae_status command_purge_declare(struct run *run)
{
    const struct hikae_declare_options options = {.who = run_option(run, "who"),
                                                  .how = run_option(run, "how"),
                                                  .key_file = run_option(run, "operator"),
                                                  .passphrase_file = run_option(run, "passphrase-file"),
                                                  .dry_run = run_has(run, DRY_RUN)};
    struct hikae_purges purges = {0};
    char text[TEXT_SMALL];
    enum hikae_status status = hikae_purge_declare(run->hikae, run->args[0], &options, &purges, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "holder", run->args[0]);
        show_purges(run, &purges, options.dry_run);
    }
    run_say(run, options.dry_run ? MSG_DRY_RUN : MSG_PURGE_DECLARED, run->args[0], options.who);
    for (size_t i = 0; i < purges.count; i++) {
        const struct hikae_purge *purge = &purges.purges[i];
        if (purge->irrevocable_ns != 0)
            run_say(run, MSG_PURGE_IRREVOCABLE, purge->name != NULL ? purge->name : purge->tenant,
                    text_time(purge->irrevocable_ns, text));
    }
    hikae_purges_free(&purges);
    return status;
}

/* ---- Certificates ---- */

/* A new file: what was handed out once is never replaced. */
static enum hikae_status save(struct run *run, const char *path, const char *text, const char *end)
{
    struct error err = {0};
    char *all CLEANUP_FREE = mem_printf("%s%s", text, end);
    if (all == NULL)
        return run_no_memory(run);
    return file_create_durable(path, all, strlen(all), 0644, &err) == 0 ? HIKAE_OK : run_base(run, &err);
}

static enum hikae_status save_page(struct run *run, const char *envelope, const char *file, const char *page)
{
    char *html = NULL;
    const char *slash = strrchr(file, '/');
    enum hikae_status status = hikae_certificate_page(envelope, slash != NULL ? slash + 1 : file, &html, &run->error);
    if (status == HIKAE_OK)
        status = save(run, page, html, "");
    free(html);
    return status;
}

enum hikae_status command_purge_certificate(struct run *run)
{
    struct hikae_certificate certificate = {0};
    const char *file = run_option(run, "out"), *page = run_option(run, "page");
    enum hikae_status status = hikae_purge_certificate(run->hikae, run->args[0], run_option(run, "operator"),
                                                       run_option(run, "passphrase-file"), &certificate, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    enum hikae_status saved = save(run, file, certificate.envelope, "\n");
    if (saved == HIKAE_OK && page != NULL)
        saved = save_page(run, certificate.envelope, file, page);
    if (saved == HIKAE_OK && run->out.json) {
        out_text(&run->out, NULL, "tenant", certificate.tenant);
        out_text(&run->out, NULL, "stage", certificate.is_gone ? "gone" : "unreadable");
        out_text(&run->out, NULL, "file", file);
        out_text(&run->out, NULL, "page", page);
    }
    if (saved == HIKAE_OK)
        run_say(run, certificate.is_gone ? MSG_CERTIFIED_GONE : MSG_CERTIFIED, run->args[0], file);
    hikae_certificate_free(&certificate);
    return saved == HIKAE_OK ? status : saved;
}

static void json_check(struct run *run, const struct hikae_certificate_check *check)
{
    struct out *out = &run->out;
    json_t *statement = NULL;
    out_bool(out, NULL, "ok", true);
    out_text(out, NULL, "tenant", check->tenant);
    out_text(out, NULL, "name", check->name);
    out_text(out, NULL, "unreadable", check->unreadable);
    out_text(out, NULL, "irrevocable", check->irrevocable);
    out_text(out, NULL, "gone", check->gone);
    out_number(out, NULL, "size", check->size);
    out_text(out, NULL, "root", check->root);
    out_bool(out, NULL, "compared", check->compared);
    out_bool(out, NULL, "same_checkpoint", check->same_checkpoint);
    if (json_parse(check->statement, strlen(check->statement), &statement, NULL) == 0 && statement != NULL)
        out_set(out, NULL, "statement", statement);
}

enum hikae_status certificate_check(struct run *run)
{
    struct hikae_certificate_check check = {0};
    size_t count;
    if (run->arg_count == 0)
        return run_usage(run, "--key is for checking a certificate: name its file");
    const char **keys CLEANUP_FREE = run_all(run, "key", &count);
    if (keys == NULL)
        return run_no_memory(run);
    enum hikae_status status =
        hikae_certificate_verify(run->args[0], keys, count, run_option(run, "checkpoint"), &check, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json)
        json_check(run, &check);
    run_say(run, MSG_CERTIFICATE_SOUND, check.name, check.unreadable != NULL ? check.unreadable : "-",
            check.gone != NULL ? check.gone : "-");
    if (status == HIKAE_WARNINGS)
        run_say(run, MSG_CERTIFICATE_OTHER_SIZE, NULL);
    hikae_certificate_check_free(&check);
    return status;
}
