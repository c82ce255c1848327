/* What each kind of item says, in both languages: one row a kind. */
#include "hikae.h"

#include <string.h>

static const struct {
    const char *kind, *en, *ja;
} sentences[] = {
    /* schedule, sources, generations */
    {"night", "a backup was made in its window", "時間帯の中でバックアップを取得した"},
    {"night-late", "a backup was made, after its window", "時間帯の後にバックアップを取得した"},
    {"night-missed", "no backup was made", "バックアップが取得されなかった"},
    {"night-partial", "a backup was made on too few targets", "バックアップの写しが足りなかった"},
    {"night-expired", "no record of a backup is left: its time is over", "バックアップの記録の保存期間が過ぎている"},
    {"night-ahead", "the backup may still be made", "バックアップの期限がまだ来ていない"},
    {"backup-none", "no backup was made, and none is offered", "バックアップを提供せず、取得もしていない"},
    {"backup-unpromised", "a backup was made although none is offered", "提供しないはずのバックアップを取得した"},
    {"tenant-none", "no tenant had this policy", "このポリシーのテナントがない"},
    {"sources", "only what is promised was backed up", "約束した種類のデータだけを取得した"},
    {"sources-other", "something else than promised was backed up", "約束と違う種類のデータを取得した"},
    {"generations", "generations that are kept", "残っている世代"},
    {"generation-over", "a generation was dropped when its time was over", "期間を過ぎた世代を消した"},
    {"generation-early", "a generation was dropped before its time", "期間の前に世代を消した"},
    {"generation-taken-out", "a person took a generation out before its time", "期間の前に担当者が世代を取り除いた"},
    {"generation-lost", "a generation is gone, and nobody dropped it", "消した記録のない世代がなくなっている"},
    {"generation-unknown", "nobody can say what became of a generation", "世代がどうなったか分からない"},
    {"generation-none", "there is no generation yet", "世代がまだない"},
    /* targets, processors, encryption, lock */
    {"copies", "every snapshot had as many copies, as far apart, as promised", "写しの数と場所が約束どおりである"},
    {"copies-few", "a snapshot had too few copies", "写しの数が足りない"},
    {"copies-one-site", "the copies of a snapshot lay at too few sites", "写しの拠点の数が足りない"},
    {"copies-one-provider", "the copies of a snapshot lay with too few providers", "写しの事業者の数が足りない"},
    {"target-place", "a target lay where it is promised", "保存先が約束した場所にある"},
    {"target-elsewhere", "a target lay elsewhere", "保存先が約束と違う場所にある"},
    {"target-declared", "where a target lay is the operator's word alone", "保存先の場所は運用者の申告だけである"},
    {"target-unrecorded", "where a target lay was never recorded: target check records it",
     "保存先の場所の記録がない(target check が記録する)"},
    {"target-none", "no target is known", "保存先が分からない"},
    {"unmet", "this installation does not keep the rule", "この環境はこの規則を満たしていない"},
    {"unmet-accepted", "this installation does not keep the rule, and that was accepted",
     "この環境はこの規則を満たさず、それを承知で適用した"},
    {"key-service-place", "no key service lies elsewhere than promised", "約束と違う場所の鍵管理サービスはない"},
    {"cipher", "everything is sealed with these algorithms", "すべてをこの暗号で封じている"},
    {"holder", "the root key is held as promised", "ルート鍵を約束どおりに保管している"},
    {"transport", "transport as it was measured", "測った通信の暗号化"},
    {"transport-none", "a folder: there is no network between", "フォルダであり、通信がない"},
    {"transport-old", "transport was weaker than promised", "通信の暗号化が約束より弱い"},
    {"transport-unseen", "transport was never measured: target check measures it",
     "通信を測った記録がない(target check が測る)"},
    {"lock", "objects are locked", "オブジェクトをロックしている"},
    {"lock-unseen", "a lock was never measured: target check measures it",
     "ロックを測った記録がない(target check が測る)"},
    /* verification, drills, reviews */
    {"verified", "verified in time", "期限までに検証した"},
    {"verification-missed", "not verified in time", "期限までに検証しなかった"},
    {"verification-expired", "no record of a verification is left: its time is over",
     "検証の記録の保存期間が過ぎている"},
    {"verification-ahead", "the next verification is not due yet", "次の検証の期限がまだ来ていない"},
    {"drilled", "a restore was proved in time", "期限までに復元を確かめた"},
    {"drill-missed", "no restore was proved in time", "期限までに復元を確かめなかった"},
    {"drill-expired", "no record of a drill is left: its time is over", "復元試験の記録の保存期間が過ぎている"},
    {"drill-ahead", "the next drill is not due yet", "次の復元試験の期限がまだ来ていない"},
    {"drill-server", "that the server of the drill serves nothing else is for people to say",
     "復元試験のサーバーが専用であることは担当者が示す"},
    {"check-failed", "a check failed", "検証か復元試験が失敗した"},
    {"snapshot-none", "there is no snapshot that could be checked", "確かめるスナップショットがない"},
    {"reviewed", "a person looked in time", "期限までに担当者が確認した"},
    {"review-missed", "nobody looked in time", "期限までに誰も確認しなかった"},
    {"review-ahead", "the next review is not due yet", "次の確認の期限がまだ来ていない"},
    /* logs */
    {"log-kept", "the log is whole, and continues itself", "ログが欠けず、つながっている"},
    {"log-damaged", "the log is not what it was", "ログが書かれたままでない"},
    {"log-taken", "the log was taken in", "ログを取り込んだ"},
    {"log-missed", "the log was not taken in in time", "期限までにログを取り込まなかった"},
    {"log-ahead", "the next log is not due yet", "次のログの期限がまだ来ていない"},
    {"log-early", "a log was deleted before its time", "期間の前にログを消した"},
    {"log-lost", "a log is gone, and nobody dropped it", "消した記録のないログがなくなっている"},
    {"log-none", "no such log was taken in", "このログを取り込んだ記録がない"},
    /* restores, contract_end, survives, notices, reminders */
    {"restore", "a restore as the rule allows it", "規則どおりの復元"},
    {"restore-none", "nothing was restored", "復元を行っていない"},
    {"restore-on-request", "a restore at a customer's request", "お客様の依頼による復元を行った"},
    {"restore-staging", "customers' data was restored for trying", "お客様のデータを試験用に復元した"},
    {"restore-older", "a restore that was not from the latest snapshot", "最新でないスナップショットから復元した"},
    {"restore-unapproved", "a restore that nobody approved", "承認のない復元を行った"},
    {"erased", "everything was erased in time", "期限までにすべてを消去した"},
    {"erased-keys-left", "everything was deleted, but the keys were not destroyed", "消去したが、鍵を破棄していない"},
    {"erasure-missed", "not everything was erased in time", "期限までに消去しなかった"},
    {"erasure-ahead", "the erasure is not due yet", "消去の期限がまだ来ていない"},
    {"contract-none", "no contract has ended", "終了した契約がない"},
    {"survives-unseen", "that the record outlasts the contract is for people to say",
     "契約の記録が残ることは担当者が示す"},
    {"notice", "customers were told in time", "期限までにお知らせした"},
    {"notice-late", "customers were not told in time", "期限までにお知らせしなかった"},
    {"notice-ahead", "the notice is not due yet", "お知らせの期限がまだ来ていない"},
    {"incident-none", "there was no incident", "事故がなかった"},
    {"reminder", "people are reminded of it", "担当者に知らせる"},
    /* promises */
    {"document", "a document answers for it", "文書がこれを示す"},
};

const char *hikae_evidence_sentence(const char *kind, bool japanese)
{
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (strcmp(sentences[i].kind, kind) == 0)
            return japanese ? sentences[i].ja : sentences[i].en;
    return kind;
}
