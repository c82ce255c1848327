/*
 * What plans and certificates say in fixed words. A statement keeps a code with the English text beside it, so that it
 * can be read without this table and what was signed stays what it was; whoever shows it in Japanese finds the words
 * here by the code.
 */
#include "ops/purge.h"

#include <string.h>

static const struct purge_word {
    const char *code, *en, *ja;
} words[] = {
    /* Scope. */
    {"scope-snapshots", "all snapshots on all targets, retired ones among them",
     "全保存先の全スナップショット（退役済みを含む）"},
    {"scope-history", "the tenant's history: sources, tags, verifications, holds",
     "当該テナントの履歴（バックアップ元、タグ、検証結果、保全措置）"},
    {"scope-keys", "all keys of the tenant, in every epoch that ever wrapped one",
     "当該テナントの全ての鍵（それを包んだことのある全世代のルート鍵について）"},
    {"scope-local", "what this installation keeps of the tenant locally: caches, indexes, its name in the catalogue",
     "本システムの手元にある当該テナントの情報（キャッシュ、索引、カタログ上の名称）"},
    /* What algorithms are for. */
    {"use-stored", "everything that is stored", "保存される全てのデータ"},
    {"use-objects", "the key of each object", "オブジェクトごとの鍵の導出"},
    {"use-wrapping", "the tenant's keys under the root epoch, its shares under their holders",
     "ルート鍵によるテナントの鍵の保護、保持者によるルート鍵の分割片の保護"},
    {"use-signatures", "approvals, declarations, the audit log, this certificate",
     "承認、申告、監査ログおよび本報告書の署名"},
    /* What only people can destroy. */
    {"people-sheet", "the recovery sheet: its paper, and every file and copy of it",
     "復旧シート（印刷した紙、および全てのファイルと写し）"},
    {"people-file", "every backup of the key file and of the machine it lies on",
     "鍵ファイルおよびそれが置かれた機器の全てのバックアップ"},
    {"people-passphrase", "every copy of the passphrase", "パスフレーズの全ての写し"},
    /* What destroying a holder's key is worth: the English words are the holder's own (keys/holder.c). */
    {"worth-file", NULL,
     "鍵ファイルの破棄は、その媒体・写し・バックアップを持つ者に対しては暗号学的消去になりません。上書きは、ディスク"
     "やファイルシステムが別の場所に残すものには及びません。"},
    {"worth-passphrase", NULL,
     "パスフレーズは破棄できません。知る者、そのファイルまたはバックアップを持つ者はこの世代を開け続けられるため、"
     "暗号学的消去になりません。"},
    {"worth-sheet", NULL,
     "復旧シートは、紙と全ての写しが廃棄されて初めて失われます。それを証せるのは保管していた人だけであり、写しを持つ"
     "者に対しては暗号学的消去になりません。"},
    {"worth-pkcs11", NULL,
     "鍵はトークン内で生成され、トークンの証明によれば取り出せません。トークン内で破棄されると、製造元またはトークン"
     "自身のバックアップに残るものを除き、写しは残りません。"},
    {"worth-aws-kms", NULL,
     "鍵は鍵管理サービスの外に出ません。削除予約の時点から使用できず、待機期間の満了をもって確定的に失われます。それ"
     "までは、権限を持つ者が取り消せます。"},
    /* What remains. */
    {"remains-log", "entries of the audit log about the tenant", "当該テナントに関する監査ログの記録"},
    {"remains-log-how", "under its pseudonym, without names of files", "仮名で記録され、ファイル名を含みません"},
    {"remains-log-until", "as the log's classes are kept; evidence three years or more",
     "ログ区分ごとの保存期間。証跡は 3 年以上"},
    {"remains-journal", "this plan, its approvals and the certificate", "本計画、その承認、および報告書"},
    {"remains-journal-how", "in the store's own history, sealed; they name the tenant",
     "ストア自身の履歴に暗号化して保存。テナント名を含みます"},
    {"remains-journal-until", "as evidence is kept", "証跡の保存期間"},
    {"remains-survivor-until", "as the policy promises", "ポリシーの約束による"},
    {"remains-survivor-law", "as long as the law asks", "法令の定める期間"},
    {"remains-kept-log", "kept logs of this class", "この区分の保存ログ"},
    /* Verification and validation. */
    {"verification",
     "Before the destruction the old root epoch was opened through its holders (the control); after it each was tried "
     "again and none opens. Every other tenant's keys were read back, from each target by itself, and opened under the "
     "new root epoch before anything was destroyed. After the deletion each target that answered was listed again.",
     "破棄の前に、旧ルート鍵がその保持者により開くことを確認し（対照）、破棄の後に各保持者で再び試み、いずれも開かない"
     "ことを確認しました。破棄に先立ち、他の全テナントの鍵を保存先ごとに読み戻し、新ルート鍵で開くことを確認しました。"
     "削除の後、応答した各保存先の一覧を再び取得しました。"},
    {"validation",
     "All data was encrypted before it left the backup host, under keys of the tenant alone, and these keys only ever "
     "existed wrapped under the root epochs listed. So their destruction makes every copy unreadable, wherever it is "
     "(cryptographic erase, NIST SP 800-88), as far as the worth of each holder, listed with it, goes.",
     "全てのデータは、バックアップホストを出る前に当該テナント専用の鍵で暗号化され、その鍵は、列挙したルート鍵で包まれ"
     "た"
     "形でのみ存在しました。よってルート鍵の破棄により、所在を問わず全ての複製が復号不能となります（NIST SP 800-88 の"
     "暗号学的消去）。その効力は、各保持者について記した範囲に限ります。"},
    /* Why something still lies on a target. */
    {"left-locked", "a lock keeps it until its end", "ロックの期限まで保持されます"},
    {"left-away", "the target did not answer", "保存先が応答しません"},
    {"left-stale", "its listing may be stale: it is asked again in an hour",
     "一覧が最新でない可能性があるため、1 時間後に再確認します"},
    {"left-failed", "it could not be deleted", "削除できませんでした"},
    /* Whether a holder opened. */
    {"state-opens", "opens", "開く"},
    {"state-wrong", "does not open", "開かない"},
    {"state-not-here", "not here", "手元にない"},
    {"state-unknown", "not known", "不明"},
    /* Kinds of holders. */
    {"kind-file", "key file", "鍵ファイル"},
    {"kind-passphrase", "passphrase", "パスフレーズ"},
    {"kind-sheet", "recovery sheet", "復旧シート"},
    {"kind-pkcs11", "token (PKCS#11)", "トークン（PKCS#11）"},
    {"kind-aws-kms", "key service (AWS KMS)", "鍵管理サービス（AWS KMS）"},
};

static const struct purge_word *find(const char *code)
{
    for (size_t i = 0; code != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].code, code) == 0)
            return &words[i];
    return NULL;
}

const char *purge_words(const char *code)
{
    const struct purge_word *word = find(code);
    return word != NULL ? word->en : NULL;
}

json_t *purge_said(const char *code)
{
    const struct purge_word *word = find(code);
    return word != NULL && word->en != NULL ? json_pack("{s:s, s:s}", "code", code, "says", word->en) : NULL;
}

const char *hikae_purge_phrase(const char *code, const char *language)
{
    const struct purge_word *word = find(code);
    if (word == NULL)
        return NULL;
    return strcmp(language, "ja") == 0 ? word->ja : word->en;
}
