/* Rows: erasing a tenant. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def plan_options[] = {
    {.name = "requester", .kind = VALUE_WORD, .value = "WHO", .required = true, .help = "who asked for the erasure"},
    {.name = "without-contract",
     .kind = VALUE_WORD,
     .value = "REASON",
     .help = "erase although no contract of the tenant has ended, for this reason"},
    OPTIONS_END,
};

const struct command row_purge_plan = {
    .name = "purge plan",
    .group = GROUP_LEAVE,
    .summary = {"what erasing a tenant takes: objects, keys, people", "テナントの消去計画を立てる"},
    .arguments = "TENANT…",
    .least = 1,
    .most = 1000,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "Lists what goes and how: every object, version, delete marker and unfinished upload of the tenant on each "
        "target, with the dates until which locks keep them; every copy of its keys, in each root epoch that ever "
        "wrapped one; who holds those epochs, what destroying each holder is worth, and what only people can destroy "
        "(recovery sheets, backups of key files); what stays by promise. The plan is kept, and its hash is what two "
        "different operators approve. Nothing of the tenant is touched.",
    .options = plan_options,
    .examples = {{"hikae purge plan acme --requester sato", "The contract of acme has ended: what is to be done?"},
                 {"hikae purge plan acme --requester sato --without-contract \"asked by the customer\" --dry-run",
                  "Only look."}},
    .exits = {{8, "a legal hold, a contract that has not ended, or a holder whose key cannot be destroyed"}},
    .run = command_purge_plan,
};

static const struct option_def approve_options[] = {
    {.name = "plan", .kind = VALUE_WORD, .value = "HASH", .required = true, .help = "the hash of the plan"},
    {.name = "operator",
     .kind = VALUE_FILE,
     .value = "KEYFILE",
     .required = true,
     .help = "the operator's Ed25519 key"},
    {.name = "passphrase-file",
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "the passphrase of that key, if it has one"},
    OPTIONS_END,
};

const struct command row_purge_approve = {
    .name = "purge approve",
    .group = GROUP_LEAVE,
    .summary = {"sign the plan of an erasure, as an operator", "消去計画を承認する"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "The signature binds the tenant, what goes, how, and the hash of the plan as it is kept. Two different "
        "operators have to sign before `purge run` begins; what has begun needs no further signatures.",
    .options = approve_options,
    .examples = {{"hikae purge approve acme --plan 4f1c… --operator sato.pem", "One of two."}},
    .exits = {{4, "there is no such plan"}, {7, "the key is no operator's"}, {8, "the plan has another hash"}},
    .run = command_purge_approve,
};

const struct command row_purge_run = {
    .name = "purge run",
    .group = GROUP_LEAVE,
    .summary = {"erase what is approved, and go on with what is under way", "承認された消去を実施・継続する"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "All approved plans share one change of the root epoch. Writers of the tenants stop; the keys of all other "
        "tenants are wrapped anew and proved to open through every group of holders that is here; then it is committed "
        "to the audit log, and the old root key is destroyed at every holder. From then on nothing can open what the "
        "tenants stored, wherever a copy of it is. Then all their objects, versions, delete markers and unfinished "
        "uploads are deleted. Stopped before the commit, nothing has changed; after it, the next run goes on until "
        "every target lists nothing. The nightly run of the pruner does this too.",
    .examples = {{"hikae purge run acme", "This one must go now."},
                 {"hikae purge run", "Everything approved or waiting."}},
    .exits = {{1, "unreadable, but not yet gone everywhere: a target is away or locked, or people have to act"},
              {3, "another run holds a tenant, or erases"},
              {6, "too few targets or a holder do not answer: nothing was erased"},
              {8, "a hold, or not enough approvals"}},
    .run = command_purge_run,
};

const struct command row_purge_status = {
    .name = "purge status",
    .group = GROUP_LEAVE,
    .summary = {"where erasures stand, and who has to do what", "消去の状況を見る"},
    .arguments = "[TENANT]",
    .most = 1,
    .flags = COMMAND_STORE,
    .description =
        "Of one tenant, by its name or, once it is erased, by its pseudonym too; or of all that were planned. "
        "\"unreadable\" means that no key is left that opens it; \"gone\" that every target lists nothing of "
        "it any more.",
    .examples = {{"hikae purge status", "All of them."}, {"hikae purge status acme --json", "One, with its plan."}},
    .run = command_purge_status,
};

static const struct option_def withdraw_options[] = {
    {.name = "why", .kind = VALUE_WORD, .value = "TEXT", .required = true, .help = "the reason"},
    OPTIONS_END,
};

const struct command row_purge_withdraw = {
    .name = "purge withdraw",
    .group = GROUP_LEAVE,
    .summary = {"take the plan of an erasure back", "消去計画を取り下げる"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "As long as the erasure is not committed; one that was cut short before is undone. Its approvals are "
        "worth nothing afterwards.",
    .options = withdraw_options,
    .examples = {{"hikae purge withdraw acme --why \"the contract goes on\"", "It stays."}},
    .exits = {{8, "the erasure is committed"}},
    .run = command_purge_withdraw,
};

static const struct option_def declare_options[] = {
    {.name = "who", .kind = VALUE_WORD, .value = "NAME", .required = true, .help = "who destroyed it"},
    {.name = "how", .kind = VALUE_WORD, .value = "TEXT", .required = true, .help = "how, when and where, before whom"},
    {.name = "operator",
     .kind = VALUE_FILE,
     .value = "KEYFILE",
     .help = "the Ed25519 key of the operator who says so: asked for once two people are operators"},
    {.name = "passphrase-file",
     .kind = VALUE_FILE,
     .value = "FILE",
     .needs = "operator",
     .help = "the passphrase of that key, if it has one"},
    OPTIONS_END,
};

const struct command row_purge_declare = {
    .name = "purge declare",
    .group = GROUP_LEAVE,
    .summary = {"record what people destroyed: a sheet, a key's backup", "人が廃棄したものを記録する"},
    .arguments = "EPOCH/GROUP/HOLDER|target/NAME",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "What is on paper, or on a medium that this machine does not see, only people can destroy. Their word stands "
        "on the certificate, as theirs, signed by an operator. It counts only for an epoch that is over, and only "
        "where "
        "nothing here contradicts it: not for a key that still opens, nor for one that a key service ends at its own "
        "time. It counts for a holder that cannot be asked any more, such as the disk of a lost machine. An erasure "
        "that waited for nothing else is irrevocable from then on. `hikae keys status` lists what is left to destroy. "
        "In "
        "the same way people say what became of a target that was taken out of the configuration, and that an erasure "
        "waits for: nobody can list it any more. A target that is configured is asked instead.",
    .options = declare_options,
    .examples = {{"hikae purge declare 3/paper/sheet --who tanaka --how \"shredded, both copies\" --operator sato.pem",
                  "The recovery sheet of epoch 3 is gone."},
                 {"hikae purge declare target/osaka --who tanaka --how \"disks shredded, certificate 77\" --operator "
                  "sato.pem",
                  "So is a target that burnt, or was given back."}},
    .exits = {{2, "no holder and no target is named, or nobody says how"},
              {4, "that epoch had no such holder, no erasure waits for that target"},
              {7, "the key is no operator's"},
              {8, "the epoch is in force, the holder still opens it, a key service ends its key, the target is "
                  "configured, or nobody signs"}},
    .run = command_purge_declare,
};

static const struct option_def certificate_options[] = {
    {.name = "operator",
     .kind = VALUE_FILE,
     .value = "KEYFILE",
     .required = true,
     .help = "the operator's Ed25519 key"},
    {.name = "passphrase-file",
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "the passphrase of that key, if it has one"},
    {.name = "out", .kind = VALUE_FILE, .value = "FILE", .required = true, .help = "the new file with the certificate"},
    {.name = "page", .kind = VALUE_FILE, .value = "FILE", .help = "and one with the same as a page (HTML)"},
    OPTIONS_END,
};

const struct command row_purge_certificate = {
    .name = "purge certificate",
    .group = GROUP_LEAVE,
    .summary = {"the signed statement that a tenant was erased", "消去実施報告書を作る"},
    .arguments = "TENANT",
    .least = 1,
    .most = 1,
    .flags = COMMAND_STORE,
    .description =
        "The operator's own declaration, as an in-toto statement in a DSSE envelope, signed by an operator and the "
        "store: "
        "who asked and who approved, scope, method, algorithms, every copy of the keys and its end, holders and what "
        "their destruction is worth, what people declared, each target with its counts, what remains and until when, "
        "and "
        "the proof that the commit is in the audit log. It claims what the journal has, and no more: first that the "
        "data "
        "is unreadable, later also that it is gone. The page, in Japanese and English, prints how to check it with "
        "openssl alone; hikae audit verify FILE --key PUB.pem does it too, without a store.",
    .options = certificate_options,
    .examples = {{"hikae purge certificate acme --operator sato.pem --out acme.json --page acme.html",
                  "For the customer."}},
    .exits = {{7, "the key is no operator's"}, {8, "the keys are not destroyed yet"}},
    .run = command_purge_certificate,
};
