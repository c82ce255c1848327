#include "ops/approval.h"

#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/operator_key.h"

/* What can be approved, and by which command. */
static const struct act {
    const char *word;
    const char *command; /* what signs it: followed by the name, --plan and --operator */
    bool is_about_tenant;
} acts[] = {
    {"hold-remove", "approve hold-remove", true},
    {"snapshot-forget", "approve snapshot-forget", true},
    {"purge", "purge approve", true},
    {"tenant-policy", "approve tenant-policy", true},
    {"restore", "approve restore", true},
    {"disclose", "approve disclose", true},
    {"policy-apply", "approve policy-apply", false},
    {"operator-add", "approve operator-add", false},
    {"operator-revoke", "approve operator-revoke", false},
};

static const struct act *find_act(const char *word)
{
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
        if (strcmp(acts[i].word, word) == 0)
            return &acts[i];
    return NULL;
}

bool approval_act(const char *act, bool *ret_tenant)
{
    const struct act *found = find_act(act);
    if (found != NULL)
        *ret_tenant = found->is_about_tenant;
    return found != NULL;
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

int approval_check(struct hikae *hikae, const char *act, const char *tenant, const struct approval *approval,
                   struct error *err)
{
    if (is_given(approval->who) && is_given(approval->why)) {
        engine_warn(hikae, "%s %s: answered for by %.100s, unsigned", act, tenant, approval->who);
        return 0;
    }
    (void)error_set(err, ERROR_REFUSED, "%s %s needs to say who answers for it, and why", act, tenant);
    return error_hint(err, "say so with --who NAME --why TEXT");
}

char *approval_who(const struct approvals *approvals, const struct approval *given)
{
    return approvals->count > 0 ? approvals_names(approvals) : mem_strdup(given->who != NULL ? given->who : "");
}

void approvals_note(const struct approvals *approvals, struct engine_audit *audit)
{
    CLEANUP_FREE char *names = approvals_names(approvals);
    if (names != NULL && names[0] != '\0')
        engine_audit_operator(audit, names);
}

/* ---- What is on record ---- */

static int collect(const struct session *facts, const char *act, const char ***ret, size_t *ret_count,
                   json_t *keep_alive, struct error *err)
{
    const struct history *history = &facts->chain.history;
    const char **list = mem_calloc(history->fact_count + 1, sizeof(*list));
    *ret = list;
    *ret_count = 0;
    if (list == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < history->fact_count; i++) {
        CLEANUP_JSON json_t *body = NULL;
        if (history->facts[i].type != RECORD_APPROVAL)
            continue;
        if (json_parse(history->facts[i].body, strlen(history->facts[i].body), &body, err) != 0)
            return -1;
        const char *envelope = json_string_value(json_object_get(body, "envelope"));
        const char *what = json_string_value(json_object_get(body, "act"));
        if (envelope == NULL || what == NULL || strcmp(what, act) != 0)
            continue;
        if (json_array_append(keep_alive, body) != 0)
            return error_no_memory(err);
        list[(*ret_count)++] = envelope;
    }
    return 0;
}

static int find_in(const struct session *facts, const struct operators *operators, const struct approval_wanted *wanted,
                   struct approvals *ret, struct error *err)
{
    CLEANUP_JSON json_t *keep_alive = json_array();
    CLEANUP_FREE const char **envelopes = NULL;
    size_t count = 0;
    if (keep_alive == NULL)
        return error_no_memory(err);
    if (collect(facts, wanted->act, &envelopes, &count, keep_alive, err) != 0)
        return -1;
    return approval_judge(wanted, operators, &facts->hikae->store.store, clock_now_ns(), envelopes, count, ret, err);
}

/* What is asked of one reading of the store's history. */
struct look {
    const struct approval_wanted *wanted;
    struct approvals *approvals;
    size_t people;
};

static int look_in(const struct session *facts, struct look *look, struct error *err)
{
    CLEANUP(operators_clear) struct operators operators = {0};
    if (operators_read(facts, &operators, err) != 0)
        return -1;
    look->people = operators_people(&operators);
    return find_in(facts, &operators, look->wanted, look->approvals, err);
}

static int look(struct hikae *hikae, const struct session *facts, struct look *look, struct error *err)
{
    *look->approvals = (struct approvals){0};
    if (facts != NULL)
        return look_in(facts, look, err);
    struct session session;
    if (session_open_store(hikae, 0, &session, err) != 0)
        return -1;
    int rc = look_in(&session, look, err);
    session_close(&session);
    return rc;
}

int approval_find(struct hikae *hikae, const struct session *facts, const struct approval_wanted *wanted,
                  struct approvals *ret, struct error *err)
{
    struct look what = {wanted, ret, 0};
    return look(hikae, facts, &what, err);
}

/* ---- The door ---- */

static int refuse(const struct approval_wanted *wanted, const struct look *found, size_t need, struct error *err)
{
    const struct act *act = find_act(wanted->act);
    CLEANUP_FREE char *names = approvals_names(found->approvals);
    if (names == NULL)
        return error_no_memory(err);
    (void)error_set(
        err, ERROR_REFUSED, "%s %.64s (plan %s) needs the signatures of %zu operator%s, and has %zu%s%s%s%s%s",
        wanted->act, wanted->name, wanted->plan, need, need == 1 ? "" : "s", found->approvals->count,
        names[0] != '\0' ? ": " : "", names, found->approvals->note[0] != '\0' ? "; " : "", found->approvals->note,
        found->people < need ? "; there are too few operators: `hikae keys operator add`" : "");
    return error_hint(err, "hikae %s %.64s --plan %s --operator KEYFILE", act != NULL ? act->command : wanted->act,
                      wanted->name, wanted->plan);
}

int approval_require(struct hikae *hikae, const struct session *facts, const struct approval_wanted *wanted,
                     size_t need, struct approvals *ret, struct error *err)
{
    struct look found = {wanted, ret, 0};
    if (look(hikae, facts, &found, err) != 0)
        return -1;
    return ret->count >= need ? 0 : refuse(wanted, &found, need, err);
}

/* Signatures once two people are operators, before that a name and a reason, or (`given` NULL) nothing. */
static int pass(struct hikae *hikae, const struct session *facts, const struct approval_wanted *wanted,
                const struct approval *given, size_t need, struct approvals *ret, struct error *err)
{
    struct look found = {wanted, ret, 0};
    if (look(hikae, facts, &found, err) != 0)
        return -1;
    if (found.people < OPERATORS_NEEDED)
        return given != NULL ? approval_check(hikae, wanted->act, wanted->name, given, err) : 0;
    return ret->count >= need ? 0 : refuse(wanted, &found, need, err);
}

int approval_door(struct hikae *hikae, const struct session *facts, const struct approval_wanted *wanted,
                  const struct approval *given, struct approvals *ret, struct error *err)
{
    return pass(hikae, facts, wanted, given, OPERATORS_NEEDED, ret, err);
}

int approval_one(struct hikae *hikae, const struct approval_wanted *wanted, const struct approval *given,
                 struct approvals *ret, struct error *err)
{
    return pass(hikae, NULL, wanted, given, 1, ret, err);
}

int approval_signed(struct hikae *hikae, const struct approval_wanted *wanted, struct approvals *ret, struct error *err)
{
    return pass(hikae, NULL, wanted, NULL, OPERATORS_NEEDED, ret, err);
}

/* ---- Approving ---- */

static int append(struct session *facts, const struct approval_wanted *wanted, const struct operator_item *signer,
                  const char *envelope, struct error *err)
{
    struct id id;
    char hex[2 * ID_SIZE + 1];
    if (crypto_random(id.bytes, ID_SIZE, err) != 0)
        return -1;
    CLEANUP_JSON json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", hex_encode(id.bytes, ID_SIZE, hex), "act", wanted->act, "tenant",
                  wanted->tenant, "operator", signer->name, "envelope", envelope);
    return body != NULL ? facts_append(facts, RECORD_APPROVAL, body, err) : error_no_memory(err);
}

static bool has_signed(const struct approvals *approvals, const struct operator_item *signer)
{
    for (size_t i = 0; i < approvals->count; i++)
        if (strcmp(approvals->items[i].person, operator_person(signer)) == 0)
            return true;
    return false;
}

static int add_in(struct session *facts, const struct approval_wanted *wanted, const struct approval_signing *signing,
                  bool dry_run, bool *ret_again, struct approvals *ret, struct error *err)
{
    CLEANUP(operators_clear) struct operators operators = {0};
    CLEANUP_SECRET struct secret *seed = NULL;
    CLEANUP_FREE char *envelope = NULL;
    unsigned days = signing->days != 0 ? signing->days : APPROVAL_DAYS_MAX;
    int64_t now = clock_now_ns();
    if (operator_key_read(signing->key_path, signing->passphrase_path, &seed, err) != 0 ||
        operators_read(facts, &operators, err) != 0)
        return -1;
    const struct operator_item *signer = operators_signer(&operators, seed, err);
    if (signer == NULL)
        return error_wrap(err, "%s", signing->key_path);
    if (find_in(facts, &operators, wanted, ret, err) != 0)
        return -1;
    *ret_again = has_signed(ret, signer);
    if (*ret_again || dry_run)
        return 0;
    if (approval_sign(wanted, signer, &facts->hikae->store.store, seed, now, now + (int64_t)days * 24 * 3600 * NS_PER_S,
                      &envelope, err) != 0 ||
        append(facts, wanted, signer, envelope, err) != 0)
        return -1;
    approvals_clear(ret);
    return find_in(facts, &operators, wanted, ret, err);
}

static int check_signing(const struct approval_wanted *wanted, const struct approval_signing *signing,
                         struct error *err)
{
    uint8_t hash[SHA256_SIZE];
    if (strlen(wanted->plan) != 2 * SHA256_SIZE || !hex_decode(wanted->plan, SHA256_SIZE, hash)) {
        (void)error_set(err, ERROR_USAGE, "a plan is named by 64 hexadecimal digits, not '%.80s'", wanted->plan);
        return error_hint(err, "the command that is to be approved prints them, also with --dry-run");
    }
    if (signing->days > APPROVAL_DAYS_MAX)
        return error_set(err, ERROR_USAGE, "an approval is good for %d days at most", APPROVAL_DAYS_MAX);
    return 0;
}

int approval_add(struct hikae *hikae, const struct approval_wanted *wanted, const struct approval_signing *signing,
                 bool dry_run, bool *ret_again, struct approvals *ret, struct error *err)
{
    struct session facts;
    *ret = (struct approvals){0};
    *ret_again = false;
    if (check_signing(wanted, signing, err) != 0 ||
        session_open_store(hikae, dry_run ? 0 : SESSION_LOCK, &facts, err) != 0)
        return -1;
    int rc = add_in(&facts, wanted, signing, dry_run, ret_again, ret, err);
    session_close(&facts);
    return rc;
}
