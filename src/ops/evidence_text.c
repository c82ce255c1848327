/* What each kind of item is about, and says, in both languages: one row a kind. */
#include "ops/evidence.h"

#include <string.h>

static const struct {
    const char *kind, *aspects, *en, *ja; /* aspects: policy_rule_aspects; NULL: all of its rule */
} sentences[] = {
    /* schedule, sources, generations */
    {"night", "nights", "a backup was made in its window", "時間帯の中でバックアップを取得した"},
    {"night-late", "nights", "a backup was made, after its window", "時間帯の後にバックアップを取得した"},
    {"night-missed", "nights", "no backup was made", "バックアップが取得されなかった"},
    {"night-partial", "nights", "a backup was made on too few targets", "バックアップの写しが足りなかった"},
    {"night-expired", "nights", "no record of a backup is left: its time is over",
     "バックアップの記録の保存期間が過ぎている"},
    {"night-ahead", "nights", "the backup may still be made", "バックアップの期限がまだ来ていない"},
    {"backup-none", "none", "no backup was made, and none is offered", "バックアップを提供せず、取得もしていない"},
    {"backup-unpromised", "none", "a backup was made although none is offered",
     "提供しないはずのバックアップを取得した"},
    {"times", "times", "times are recorded as instants, and shown in the zone of the policy",
     "時刻は時点として記録し、ポリシーのタイムゾーンで示す"},
    {"times-elsewhere", "times", "times are those of another zone than the policy's",
     "時刻がポリシーと違うタイムゾーンのものである"},
    {"tenant-none", NULL, "no tenant had this policy", "このポリシーのテナントがない"},
    {"sources", NULL, "only what is promised was backed up", "約束した種類のデータだけを取得した"},
    {"sources-other", NULL, "something else than promised was backed up", "約束と違う種類のデータを取得した"},
    {"generations", "generations", "generations that are kept", "残っている世代"},
    {"generation-over", "generations", "a generation was dropped when its time was over", "期間を過ぎた世代を消した"},
    {"generation-early", "generations", "a generation was dropped before its time", "期間の前に世代を消した"},
    {"generation-taken-out", "generations", "a person took a generation out before its time",
     "期間の前に担当者が世代を取り除いた"},
    {"generation-lost", "generations", "a generation is gone, and nobody dropped it",
     "消した記録のない世代がなくなっている"},
    {"generation-unknown", "generations", "nobody can say what became of a generation", "世代がどうなったか分からない"},
    {"generation-overdue", "generations", "a generation was kept longer than promised", "約束より長く世代を残した"},
    {"generation-none", "generations", "there is no generation yet", "世代がまだない"},
    {"on-demand", "on-demand", "a backup on demand", "随時のバックアップ"},
    {"on-demand-early", "on-demand", "a backup on demand was dropped before its time",
     "期間の前に随時のバックアップを消した"},
    {"on-demand-lost", "on-demand", "a backup on demand is gone, and nobody dropped it",
     "消した記録のない随時のバックアップがなくなっている"},
    {"on-demand-overdue", "on-demand", "a backup on demand was kept longer than promised",
     "約束より長く随時のバックアップを残した"},
    {"on-demand-none", "on-demand", "nobody asked for a backup on demand", "随時のバックアップを取得していない"},
    /* targets, processors, encryption, lock */
    {"copies", "copies", "every snapshot had as many copies as promised", "写しの数が約束どおりである"},
    {"copies-sites", "sites", "the copies of every snapshot lay at as many sites as promised",
     "写しの拠点の数が約束どおりである"},
    {"copies-providers", "providers", "the copies of every snapshot lay with as many providers as promised",
     "写しの事業者の数が約束どおりである"},
    {"copies-few", "copies", "a snapshot had too few copies", "写しの数が足りない"},
    {"copies-one-site", "sites", "the copies of a snapshot lay at too few sites", "写しの拠点の数が足りない"},
    {"copies-one-provider", "providers", "the copies of a snapshot lay with too few providers",
     "写しの事業者の数が足りない"},
    {"target-place", "places", "a target lay where it is promised", "保存先が約束した場所にある"},
    {"target-elsewhere", "places", "a target lay elsewhere", "保存先が約束と違う場所にある"},
    {"target-declared", "places", "where a target lay is the operator's word alone",
     "保存先の場所は運用者の申告だけである"},
    {"target-unrecorded", "places", "where a target lay was never recorded: target check records it",
     "保存先の場所の記録がない(target check が記録する)"},
    {"target-none", NULL, "no target is known", "保存先が分からない"},
    {"unmet", NULL, "this installation does not keep the rule", "この環境はこの規則を満たしていない"},
    {"unmet-accepted", NULL, "this installation does not keep the rule, and that was accepted",
     "この環境はこの規則を満たさず、それを承知で適用した"},
    {"storage", "places", "everybody who stores the data does so where it is promised",
     "約束した国の中だけに保存している"},
    {"storage-elsewhere", "places", "data is stored in another country than promised", "約束と違う国に保存している"},
    {"storage-declared", "places", "where data is stored is the operator's word alone",
     "保存する国は運用者の申告だけである"},
    {"key-service-place", "key-service", "no key service lies elsewhere than promised",
     "約束と違う場所の鍵管理サービスはない"},
    {"cipher", "cipher", "everything is sealed with this cipher", "すべてをこの暗号で封じている"},
    {"algorithms", "algorithms", "these algorithms are in use, all of them on the list of CRYPTREC (2023)",
     "使っている暗号は、すべて CRYPTREC 暗号リスト(2023年)にある"},
    {"holder", "holder", "the root key is held as promised", "ルート鍵を約束どおりに保管している"},
    {"transport", "transport", "transport as it was measured", "測った通信の暗号化"},
    {"transport-none", "transport", "a folder: there is no network between", "フォルダであり、通信がない"},
    {"transport-old", "transport", "transport was weaker than promised", "通信の暗号化が約束より弱い"},
    {"transport-unseen", "transport", "transport was never measured: target check measures it",
     "通信を測った記録がない(target check が測る)"},
    {"lock", NULL, "objects are locked", "オブジェクトをロックしている"},
    {"lock-unseen", NULL, "a lock was never measured: target check measures it",
     "ロックを測った記録がない(target check が測る)"},
    /* verification, drills, reviews */
    {"verified", NULL, "verified in time", "期限までに検証した"},
    {"verification-missed", NULL, "not verified in time", "期限までに検証しなかった"},
    {"verification-expired", NULL, "no record of a verification is left: its time is over",
     "検証の記録の保存期間が過ぎている"},
    {"verification-ahead", NULL, "the next verification is not due yet", "次の検証の期限がまだ来ていない"},
    {"drilled", NULL, "a restore was proved in time", "期限までに復元を確かめた"},
    {"drill-missed", NULL, "no restore was proved in time", "期限までに復元を確かめなかった"},
    {"drill-expired", NULL, "no record of a drill is left: its time is over", "復元試験の記録の保存期間が過ぎている"},
    {"drill-ahead", NULL, "the next drill is not due yet", "次の復元試験の期限がまだ来ていない"},
    {"drill-server", NULL,
     "drilled on another machine than the one that makes backups; that it serves nothing else is for people to say",
     "バックアップを行う機械とは別の機械で確かめた。それが専用であることは担当者が示す"},
    {"check-failed", NULL, "a check failed", "検証か復元試験が失敗した"},
    {"snapshot-none", NULL, "there is no snapshot that could be checked", "確かめるスナップショットがない"},
    {"reviewed", NULL, "a person looked in time", "期限までに担当者が確認した"},
    {"review-missed", NULL, "nobody looked in time", "期限までに誰も確認しなかった"},
    {"review-ahead", NULL, "the next review is not due yet", "次の確認の期限がまだ来ていない"},
    /* logs */
    {"log-kept", "whole kept", "the log is whole, and continues itself", "ログが欠けず、つながっている"},
    {"log-damaged", "whole", "the log is not what it was", "ログが書かれたままでない"},
    {"log-unread", "whole", "not all of the log could be read", "ログの一部を読めなかった"},
    {"log-taken", "fetched kept", "the log was taken in", "ログを取り込んだ"},
    {"log-missed", "fetched", "the log was not taken in in time", "期限までにログを取り込まなかった"},
    {"log-ahead", "fetched", "the next log is not due yet", "次のログの期限がまだ来ていない"},
    {"log-early", "kept", "a log was deleted before its time", "期間の前にログを消した"},
    {"log-lost", "kept", "a log is gone, and nobody dropped it", "消した記録のないログがなくなっている"},
    {"log-overdue", "kept", "a log was kept longer than promised", "約束より長くログを残した"},
    {"calendar-none", NULL, "business days are not known: the calendar is missing", "営業日のカレンダーがない"},
    {"log-none", "fetched kept", "no such log was taken in", "このログを取り込んだ記録がない"},
    /* restores, contract_end, survives, notices, reminders */
    {"restore", "on-request staging latest approval", "a restore as the rule allows it", "規則どおりの復元"},
    {"restore-none", "on-request staging latest approval", "nothing was restored", "復元を行っていない"},
    {"restore-on-request", "on-request", "a restore at a customer's request", "お客様の依頼による復元を行った"},
    {"restore-staging", "staging", "customers' data was restored for trying", "お客様のデータを試験用に復元した"},
    {"restore-older", "latest", "a restore that was not from the latest snapshot",
     "最新でないスナップショットから復元した"},
    {"restore-unapproved", "approval", "a restore that nobody approved", "承認のない復元を行った"},
    {"request-refused", "on-request", "a customer's request for a restore was refused",
     "お客様の依頼による復元を断った"},
    {"exported", "export", "a customer was given an archive of everything", "お客様にすべてのデータを書き出して渡した"},
    {"export-none", "export", "no customer asked for an archive", "書き出しを求めたお客様がいない"},
    {"erased", NULL, "everything was erased in time", "期限までにすべてを消去した"},
    {"erased-keys-left", NULL, "everything was deleted, but the keys were not destroyed",
     "消去したが、鍵を破棄していない"},
    {"erasure-missed", NULL, "not everything was erased in time", "期限までに消去しなかった"},
    {"erasure-ahead", NULL, "the erasure is not due yet", "消去の期限がまだ来ていない"},
    {"contract-none", NULL, "no contract has ended", "終了した契約がない"},
    {"survives", NULL, "what outlasts the contract was put where the provider keeps it",
     "契約の終了後も残す記録を事業者の領域に移した"},
    {"survives-unseen", NULL, "that the record outlasts the contract is for people to say",
     "契約の記録が残ることは担当者が示す"},
    {"notice", NULL, "customers were told in time", "期限までにお知らせした"},
    {"notice-late", NULL, "customers were not told in time", "期限までにお知らせしなかった"},
    {"notice-ahead", NULL, "the notice is not due yet", "お知らせの期限がまだ来ていない"},
    {"incident-none", NULL, "there was no incident", "事故がなかった"},
    {"reminder", NULL, "people are reminded of it", "担当者に知らせる"},
    /* promises */
    {"document", NULL, "a document answers for it", "文書がこれを示す"},
};

const char *evidence_aspects(const char *kind)
{
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (strcmp(sentences[i].kind, kind) == 0)
            return sentences[i].aspects;
    return NULL;
}

const char *hikae_evidence_sentence(const char *kind, bool japanese)
{
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (strcmp(sentences[i].kind, kind) == 0)
            return japanese ? sentences[i].ja : sentences[i].en;
    return kind;
}
