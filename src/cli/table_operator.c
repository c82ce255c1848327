/* Rows: who may approve what cannot be taken back, and who can read what. */
#include "cli/commands.h"
#include "cli/table.h"

static const struct option_def operator_options[] = {
    {.name = "out", .kind = VALUE_FILE, .value = "FILE", .help = "new: where the private key goes, mode 0600"},
    {.name = "passphrase-file",
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "new: encrypt the key with the first line of this file"},
    {.name = "key", .kind = VALUE_FILE, .value = "PUB.pem", .help = "add: the operator's public key"},
    {.name = "deputy-of",
     .kind = VALUE_WORD,
     .value = "NAME",
     .help = "add: signs in the stead of this operator; the two count as one person"},
    OPTIONS_END,
};

const struct command row_keys_operator = {
    .name = "keys operator",
    .group = GROUP_KEYS,
    .summary = {"the people whose signatures count", "署名が有効なオペレーター"},
    .arguments = "new|add|revoke|list [NAME]",
    .least = 1,
    .most = 2,
    .flags = COMMAND_DRY,
    .description =
        "Operators are people with an Ed25519 key (PKCS#8 in PEM; `openssl genpkey -algorithm ed25519` makes one too). "
        "Once two people are operators, a purge, the removal of a hold, a policy that promises less, `snapshot "
        "forget`, "
        "and adding and revoking operators need the signatures of two of them: see hikae help approve. The first two "
        "are added without a signature, which the audit log records. A deputy counts as the person whose stead he or "
        "she signs in. Names and keys are given once, for ever. Keep private keys off the host that backs up.",
    .options = operator_options,
    .examples = {{"hikae keys operator new --out sato.pem", "A key for Sato, who prints its public part to a file."},
                 {"hikae keys operator add sato --key sato.pub.pem", "Her signature counts from now on."},
                 {"hikae keys operator revoke sato --dry-run", "Which plan would two operators have to sign?"}},
    .exits = {{2, "the file is no key"},
              {4, "there is no such operator"},
              {7, "a key is none of Ed25519"},
              {8, "signatures are missing, or the name or key was given before"}},
    .run = command_keys_operator,
};

static const struct option_def approve_options[] = {
    {.name = "plan",
     .kind = VALUE_WORD,
     .value = "HASH",
     .required = true,
     .help = "of what exactly is approved, as the command prints it when it is refused"},
    {.name = "operator",
     .kind = VALUE_FILE,
     .value = "KEYFILE",
     .required = true,
     .help = "the operator's private key"},
    {.name = "passphrase-file", .kind = VALUE_FILE, .value = "FILE", .help = "its first line opens the key"},
    {.name = "days", .kind = VALUE_WORD, .value = "N", .help = "until the approval expires: 1 to 30; 30 unless given"},
    OPTIONS_END,
};

const struct command row_approve = {
    .name = "approve",
    .group = GROUP_KEYS,
    .summary = {"sign what two people must answer for", "二人の承認が要る操作に署名する"},
    .arguments = "ACT NAME",
    .least = 2,
    .most = 2,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description =
        "ACT is hold-remove, snapshot-forget, tenant-policy, restore or disclose, and NAME the tenant; policy-apply "
        "and the policy; "
        "operator-add or operator-revoke and the operator. The signature binds this store, the act, whom it is about "
        "and the plan, is kept in the store's history, and expires. The same person counts once. When two have signed, "
        "the command that was refused goes through. A purge is approved with hikae purge approve.",
    .options = approve_options,
    .examples = {{"hikae approve hold-remove acme --plan 5f… --operator sato.pem", "Sato agrees."},
                 {"hikae approve policy-apply daily --plan 5f… --operator sato.pem --days 2", "For two days only."}},
    .exits = {{4, "there is no such tenant"}, {6, "too few targets could be written"}, {7, "the key is no operator's"}},
    .run = command_approve,
};

const struct command row_roles = {
    .name = "roles",
    .group = GROUP_KEYS,
    .summary = {"who can read and do what on this host", "この機械で誰が何を読み何をできるか"},
    .arguments = "",
    .description =
        "The roles (writer, reader, pruner, key officer) with their system users, what each can do, the files of every "
        "configuration beside the one that is used (writer.yaml, reader.yaml, pruner.yaml, keys.yaml) with mode, owner "
        "and the roles' users who can read them, where the keys for each target come from (never the keys), the "
        "operators, and a warning wherever one user could take another's place. It reads no secret.",
    .examples = {{"hikae roles", "Is one user able to do everything?"},
                 {"hikae --config /etc/hikae/keys.yaml roles --json", "For an audit."}},
    .exits = {{1, "there are warnings"}, {2, "the configuration is none"}, {4, "there is no configuration"}},
    .run = command_roles,
};
