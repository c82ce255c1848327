#include "cli/messages.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

static const char *const texts[MSG_COUNT][LANG_COUNT] = {
    [MSG_WARNING] = {"warning: {1}", "警告: {1}"},
    [MSG_WARNINGS_MORE] = {"and {1|warning|warnings} more; --verbose shows all",
                           "ほかに警告 {1} 件（--verbose で全件表示）"},
    [MSG_TEST_CLOCK] = {"note: this store has a test clock: its times prove nothing",
                        "注意: このストアはテスト用の時計を使っています。時刻は何の証明にもなりません"},
    [MSG_DRY_RUN] = {"Dry run: nothing was changed.", "試行のみ: 何も変更していません。"},
    [MSG_INIT_DONE] = {"Store {1} is ready: its configuration is {2}. Next: print the recovery sheet {3}, keep it away "
                       "from this machine, and delete the file.",
                       "ストア {1} の準備ができました（設定: {2}）。次に復旧シート {3} "
                       "を印刷し、この機械とは別の場所に保管してから、ファイルを削除してください。"},
    [MSG_INIT_PLAN] = {"Dry run, nothing written: the configuration would be {1}, the recovery sheet {2}.",
                       "試行のみ、書き込みなし: 設定は {1}、復旧シートは {2} に作成されます。"},
    [MSG_INIT_KEY] = {"The key is {1}: whoever has it can read everything, and without it or the sheet nobody can.",
                      "鍵は {1} です。これを持つ者はすべてを読め、これもシートもなければ誰にも読めません。"},
    [MSG_DOCTOR_SOUND] = {"{1|check|checks}, all sound: backups can run.",
                          "{1} 件の検査はすべて正常です。バックアップを実行できます。"},
    [MSG_DOCTOR_WARNED] = {"{1|check|checks}, {2|warning|warnings}: backups can run; see the hints.",
                           "検査 {1} 件中、警告 {2} 件。バックアップは実行できますが、ヒントを確認してください。"},
    [MSG_DOCTOR_FAILED] = {"{1|check|checks}, {2} failed: put these right before you rely on backups.",
                           "検査 {1} 件中、失敗 {2} 件。バックアップに頼る前に直してください。"},
    [MSG_UPGRADE_NOTHING] = {"The store opens and has format 1, the newest: there is nothing to do.",
                             "ストアは正常に開き、最新の形式 1 です。何もする必要はありません。"},
    [MSG_TENANT_ADDED] = {"Tenant {1} is added with {2|source|sources}; nothing is stored yet: run hikae backup {1}.",
                          "テナント {1} を追加しました（ソース {2} 件）。まだ何も保存されていません: hikae backup {1} "
                          "を実行してください。"},
    [MSG_TENANT_CHANGED] = {"Tenant {1} is changed; its snapshots stay as they are.",
                            "テナント {1} を変更しました。既存のスナップショットはそのままです。"},
    [MSG_TENANT_SUSPENDED] =
        {"Tenant {1} is suspended: it is no longer backed up; its snapshots stay.",
         "テナント {1} を停止しました。今後バックアップされませんが、スナップショットは残ります。"},
    [MSG_TENANT_RESUMED] = {"Tenant {1} is active: it is backed up again.",
                            "テナント {1} を再開しました。再びバックアップされます。"},
    [MSG_TENANT_TRIED] = {"A backup of {1} was restored: the tenant is active.",
                          "{1} のバックアップを復元して確かめました。テナントは有効です。"},
    [MSG_TENANTS_LOADED] = {"{1} added, {2} changed, {3} as they were; nothing was removed.",
                            "追加 {1} 件、変更 {2} 件、変更なし {3} 件。削除は行いません。"},
    [MSG_TENANTS_LOADED_PART] = {"{1} of {2|change|changes} were made; mend the rest and load the file again.",
                                 "変更 {2} 件中 {1} 件を反映しました。残りを直して再度読み込んでください。"},
    [MSG_TENANTS_LOAD_PLAN] = {"Dry run: {1} would be added, {2} changed, {3} stay as they are.",
                               "試行のみ: 追加 {1} 件、変更 {2} 件、変更なし {3} 件の予定です。"},
    [MSG_INVENTORY] = {"{1} of customers, {2} of the provider's own; keys of root epoch {3}.",
                       "顧客 {1} 件、事業者自身 {2} 件。ルートエポックは {3}。"},
    [MSG_RUN_DONE] = {"{1|tenant|tenants} looked at: {2|job|jobs} done, {3} failed, {4} left, in {5}.",
                      "テナント {1} 件を確認: 完了 {2} 件、失敗 {3} 件、未実行 {4} 件、所要 {5}。"},
    [MSG_RUN_NOTHING] = {"{1|tenant|tenants} looked at: nothing is due.",
                         "テナント {1} 件を確認: 期限の来た作業はありません。"},
    [MSG_RUN_PLAN] = {"Dry run: {1|tenant|tenants} looked at, {2|job|jobs} due.",
                      "試行のみ: テナント {1} 件を確認、期限の来た作業は {2} 件です。"},
    [MSG_TENANTS] = {"{1|tenant|tenants}.", "テナント {1} 件。"},
    [MSG_TENANTS_NONE] = {"There are no tenants yet: hikae tenant add NAME --source NAME=dir:PATH makes one.",
                          "テナントはまだありません。hikae tenant add NAME --source NAME=dir:PATH で追加します。"},
    [MSG_TARGETS] = {"{1|target|targets}, all usable.", "保存先 {1} 件はすべて使用可能です。"},
    [MSG_TARGETS_BAD] =
        {"{1|target|targets}, {2} not usable: what was to go there is kept on the others only.",
         "保存先 {1} 件中 {2} 件が使用できません。そこに置くはずのデータは他の保存先にしかありません。"},
    [MSG_TARGET_ADDED] = {"Target {1} is added and empty: hikae replicate --to {1} copies what there is.",
                          "保存先 {1} を追加しました（空です）。hikae replicate --to {1} で既存データを複製します。"},
    [MSG_TARGET_SET] = {"Target {1} is changed in the configuration.", "保存先 {1} の設定を変更しました。"},
    [MSG_TARGET_RETIRED] =
        {"Target {1} is retired: nothing is written there any more, and {2|snapshot is|snapshots are} "
         "whole on the others.",
         "保存先 {1} を廃止しました。今後は何も書き込みません。スナップショット {2} "
         "件は他の保存先に完全にあります。"},
    [MSG_TARGET_LEFT] = {"Nothing was deleted: {1|object is|objects are} still there ({2}), encrypted. Empty the place "
                         "with its own tools.",
                         "何も削除していません。暗号化されたオブジェクト {1} "
                         "件（{2}）が残っています。保存先の機能で削除してください。"},
    [MSG_TARGET_LEFT_UNKNOWN] =
        {"Nothing was deleted, and what is still there is not known: the target does not answer.",
         "何も削除していません。保存先が応答しないため、残っているものは不明です。"},
    [MSG_LOCKS_NONE] = {"No target that answers locks objects.", "オブジェクトをロックする保存先はありません。"},
    [MSG_LOCKS_PLAN] = {"Dry run: {1|lock|locks} of {2} would be extended.",
                        "試行のみ: {2} 件のうち {1} 件のロックを延長する予定です。"},
    [MSG_LOCKS_DONE] = {"{1|lock|locks} of {2} were extended.", "{2} 件のうち {1} 件のロックを延長しました。"},
    [MSG_TARGET_ERASED] = {"{1|object|objects} ({2}) were deleted there; nothing of this store is left.",
                           "オブジェクト {1} 件（{2}）を削除しました。このストアのものは残っていません。"},
    [MSG_TARGET_ERASED_PART] = {"{1|object|objects} ({2}) were deleted there.",
                                "オブジェクト {1} 件（{2}）を削除しました。"},
    [MSG_TARGET_ERASED_LEFT] = {"{1|object|objects} ({2}) are left, {3} of them locked, until {4}: add the target and "
                                "retire it with --erase again then.",
                                "オブジェクト {1} 件（{2}）が残っています。うち {3} 件は {4} までロックされています。"
                                "その後、保存先を追加して --erase で再度廃止してください。"},
    [MSG_BACKUP_DONE] =
        {"Snapshot {1} is complete on {2}: {3|entry|entries}, {4}; {5} new, {6} stored per target, in {7}.",
         "スナップショット {1} は {2} に完全に保存されました: {3} 件、{4}。新規 {5}、保存先ごとの書き込み "
         "{6}、所要 {7}。"},
    [MSG_BACKUP_ERRORS] =
        {"{1|entry|entries} could not be read: this snapshot lacks them or holds them in part; all else is safe.",
         "{1} 件は読み取れず、このスナップショットには完全に入っていません。それ以外はすべて入っています。"},
    [MSG_BACKUP_BEHIND] = {"Behind: {1}. hikae replicate {2} catches up.",
                           "遅れ: {1}。hikae replicate {2} で追いつきます。"},
    [MSG_BACKUP_PLAN] = {"Dry run, nothing stored: {1|entry|entries}, {2}; {3} new, {4} changed, {5} unchanged files.",
                         "試行のみ、保存なし: {1} 件、{2}。新規 {3}、変更 {4}、変更なし {5} ファイル。"},
    [MSG_SNAPSHOTS] = {"{1|snapshot|snapshots} of {2}; the latest is {3}.",
                       "{2} のスナップショット {1} 件。最新は {3} です。"},
    [MSG_SNAPSHOTS_NONE] = {"{1} has no snapshot yet: run hikae backup {1}.",
                            "{1} のスナップショットはまだありません。hikae backup {1} を実行してください。"},
    [MSG_SNAPSHOTS_FORK] =
        {"The history has {1} heads (two machines wrote at once): the next backup joins them.",
         "履歴に {1} 個の先頭があります（2 台が同時に書きました）。次のバックアップで統合されます。"},
    [MSG_TAGGED] = {"Snapshot {1} has the tag {2}.", "スナップショット {1} にタグ {2} を付けました。"},
    [MSG_UNTAGGED] = {"Snapshot {1} has no tag now.", "スナップショット {1} のタグを外しました。"},
    [MSG_FORGOTTEN] = {"Snapshot {1} is taken out; the next collection frees its space.",
                       "スナップショット {1} を除きました。容量は次回の回収で解放されます。"},
    [MSG_RETAINED] = {"{1|snapshot|snapshots} kept, {2} dropped; the next collection frees their space.",
                      "スナップショット {1} 件を保持し、{2} 件を除きました。容量は次回の回収で解放されます。"},
    [MSG_RETAIN_PLAN] = {"Dry run: {1|snapshot|snapshots} would be kept, {2} dropped; nothing was changed.",
                         "試行のみ: {1} 件を保持、{2} 件を除く計画です。何も変更していません。"},
    [MSG_SIMULATED] = {"{1|day|days}, if every night goes well.", "{1} 日分（毎晩成功した場合）。"},
    [MSG_LISTED] = {"{1|entry|entries}.", "{1} 件。"},
    [MSG_FOUND] = {"{1|entry|entries} found.", "{1} 件見つかりました。"},
    [MSG_FOUND_NONE] = {"Nothing in the snapshot matches.", "スナップショット内に一致するものはありません。"},
    [MSG_DIFFERS] = {"{1|difference|differences}: {2} added, {3} removed, {4} changed.",
                     "差分 {1} 件: 追加 {2}、削除 {3}、変更 {4}。"},
    [MSG_SAME] = {"The two snapshots hold the same.", "2 つのスナップショットの内容は同じです。"},
    [MSG_RESTORED] =
        {"{1|entry|entries} ({2}) of snapshot {3} restored to {4}, every byte checked; {5} fetched from {6} in {7}.",
         "スナップショット {3} の {1} 件（{2}）を {4} に復元し、全バイトを検査しました。{6} から {5} 取得、所要 {7}。"},
    [MSG_RESTORE_ERRORS] = {"{1|warning|warnings} above: not all is as it was; everything else is restored.",
                            "警告 {1} 件（上記）: 元どおりにできなかったものがあります。それ以外は復元されています。"},
    [MSG_RESTORE_ALL] = {"{1} of {2|tenant|tenants} restored below {3}.",
                         "テナント {2} 件のうち {1} 件を {3} の下に復元しました。"},
    [MSG_RESTORE_ALL_PLAN] = {"Dry run, nothing written: {1} of {2|tenant|tenants} would go below {3}.",
                              "試行のみ、書き込みなし: テナント {2} 件のうち {1} 件が {3} の下に復元されます。"},
    [MSG_RESTORE_PLAN] = {"Dry run, nothing written: {1|entry|entries} ({2}) of snapshot {3} would go to {4}, {5} "
                          "fetched for them.",
                          "試行のみ、書き込みなし: スナップショット {3} の {1} 件（{2}）が {4} に復元されます（取得量 "
                          "{5}）。"},
    [MSG_REPAIRED] = {"{1|damaged object was|damaged objects were} mended on the way from a sound copy.",
                      "途中で損傷オブジェクト {1} 件を正常なコピーから修復しました。"},
    [MSG_EXPORTED] = {"{1|entry|entries} ({2}) exported to {3}: they are not encrypted there.",
                      "{1} 件（{2}）を {3} に書き出しました。書き出し先では暗号化されていません。"},
    [MSG_VERIFY_SOUND] = {"{1|object|objects} ({2}) checked in {3}: all sound.",
                          "{1} 件（{2}）を {3} で検査し、すべて正常でした。"},
    [MSG_VERIFY_REPAIRED] = {"{1|object|objects} ({2}) checked in {3}: {4} damaged, all repaired from another target.",
                             "{1} 件（{2}）を {3} で検査: 損傷 {4} 件はすべて別の保存先から修復しました。"},
    [MSG_VERIFY_BEHIND] =
        {"{1|object|objects} ({2}) checked in {3}: {4} damaged, {5} repaired; a target is behind and "
         "lacks what is listed: `hikae replicate` catches up.",
         "{1} 件（{2}）を {3} で検査しました。損傷 {4} 件、修復 {5} 件。遅れている保存先に上記のものが"
         "ありません: `hikae replicate` で追い付きます。"},
    [MSG_VERIFY_PLAN] = {"Dry run: {1|object|objects} would be checked.", "試行のみ: {1} 件が検査対象です。"},
    [MSG_VERIFY_BAD] = {"{1} checked: {2} sound, {3} damaged, {4} unknown, {5} repaired.",
                        "検査 {1} 件: 正常 {2}、損傷 {3}、不明 {4}、修復 {5}。"},
    [MSG_GC_DONE] = {"{1} condemned now, {2} moved to new packs.",
                     "{1} を廃棄予定とし、{2} を新しいパックへ移しました。"},
    [MSG_GC_PLAN] = {"Dry run: nothing was changed.", "試行のみ: 何も変更していません。"},
    [MSG_REPLICATED] = {"{1|object|objects} ({2}) copied: every target is up to date.",
                        "{1} 件（{2}）を複製し、すべての保存先が最新です。"},
    [MSG_REPLICATE_BEHIND] =
        {"{1|object|objects} ({2}) copied; still behind: {3}. Run it again when they can be reached.",
         "{1} 件（{2}）を複製しました。まだ遅れ: {3}。到達可能になったら再実行してください。"},
    [MSG_REPLICATE_PLAN] = {"Dry run: {1|object|objects} ({2}) would be copied.",
                            "試行のみ: {1} 件（{2}）が複製されます。"},
    [MSG_RECOVERED] =
        {"Store {1} is back: {2|tenant|tenants}, {3|snapshot|snapshots}; configuration {4}. Next: hikae restore "
         "TENANT --to DIR.",
         "ストア {1} を復旧しました: テナント {2}、スナップショット {3}。設定 {4}。次: hikae restore TENANT --to "
         "DIR。"},
    [MSG_RECOVER_PLAN] = {"Dry run, nothing written: store {1} has {2|tenant|tenants} and {3|snapshot|snapshots}.",
                          "試行のみ、書き込みなし: ストア {1} にはテナント {2}、スナップショット {3} があります。"},
    [MSG_RECOVER_COPIES] =
        {"min_copies is {1} in {2}: what the policies in force promise; raise it if it was more.",
         "{2} の min_copies は {1} です（適用中のポリシーの約束による）。以前より少ない場合は上げてください。"},
    [MSG_RECOVER_ONE_COPY] = {"min_copies is {1} in {2}: no policy in force says more, and what it was is recorded "
                              "nowhere; set it to what it was.",
                              "{2} の min_copies は {1} です。記録がないため、以前の値に直してください。"},
    [MSG_KEYS_GOOD] = {"Root epoch {1} opens, and with it the store's own keys and those of {2|tenant|tenants}.",
                       "ルートエポック {1} は開き、ストア自身とテナント {2} 件の鍵も開きます。"},
    [MSG_KEYS_WARN] =
        {"Root epoch {1} opens, with warnings: there should be two groups of holders on separate devices.",
         "ルートエポック {1} は開きますが警告があります。別々の装置に 2 グループの保持者が必要です。"},
    [MSG_SHEET_GOOD] = {"The sheet {1} is whole and opens the store: keep it away from this machine.",
                        "シート {1} は正しく、ストアを開けます。この機械とは別の場所に保管してください。"},
    [MSG_SHEET_WHERE] =
        {"A recovery sheet belongs to the store: hikae keys sheet --check FILE proves that a copy is right; "
         "hikae keys rotate makes a new one.",
         "復旧シートがストアに登録されています。hikae keys sheet --check FILE で写しを確認、hikae keys rotate "
         "で新しく作成できます。"},
    [MSG_ROTATED_TENANT] = {"Tenant {1} seals with generation {2} from now on; older snapshots still open.",
                            "テナント {1} は今後、世代 {2} の鍵で封緘します。以前のスナップショットも開けます。"},
    [MSG_ROTATED_ROOT] =
        {"Root epoch {1} is in force. Print the new recovery sheet {2} and keep it away from this machine: "
         "destroy the older sheet and its copies, as with an old copy of the keystore it still opens every tenant's "
         "keys.",
         "ルートエポック {1} が有効です。新しい復旧シート {2} "
         "を印刷し、別の場所に保管してください。"
         "以前のシートは古い鍵束の写しがあれば各テナントの鍵をまだ開けるため、写しとともに廃棄してください。"},
    [MSG_ROTATED_NO_SHEET] = {"Root epoch {1} is in force: every tenant's keys open with its holders.",
                              "ルートエポック {1} が有効です。すべてのテナントの鍵がその保持者で開きます。"},
    [MSG_ROTATE_PLAN] = {"Dry run, nothing changed: the next number would be {1}.",
                         "試行のみ、変更なし: 次の番号は {1} です。"},
    [MSG_HELD] = {"Tenant {1} is on hold for {2}: nothing of it is deleted.",
                  "テナント {1} は {2} により保全中です。何も削除されません。"},
    [MSG_HOLD_REMOVED] = {"Hold {1} is removed: the policy decides again what is kept.",
                          "保全 {1} を解除しました。保持は再びポリシーに従います。"},
    [MSG_HOLDS] = {"{1|hold|holds}: nothing that they cover is deleted.", "保全 {1} 件。対象は何も削除されません。"},
    [MSG_HOLDS_NONE] = {"There are no holds.", "保全はありません。"},
    [MSG_POLICY_APPLIED_AT] = {"{1}: the version applied on {2} is in force.", "{1}: {2} に適用した版が有効です。"},
    [MSG_POLICY_NOT_APPLIED] = {"{1}: a file only; hikae policy apply puts it in force.",
                                "{1}: ファイルのみです。hikae policy apply で有効になります。"},
    [MSG_POLICY_SOUND] = {"{1} is consistent and can be kept.", "{1} に矛盾はなく、守ることができます。"},
    [MSG_POLICY_WARNED] = {"{1} can be kept; {2|warning|warnings}.", "{1} は守ることができます（警告 {2} 件）。"},
    [MSG_POLICY_ALONE] = {"There is no configuration here: targets and holders were not looked at.",
                          "設定ファイルがないため、保存先と鍵の保持者は調べていません。"},
    [MSG_POLICY_SHORTENS] = {"Less is promised: {1}.", "約束が減ります: {1}"},
    [MSG_POLICY_FIRST] = {"{1} was never applied before.", "{1} はまだ一度も適用されていません。"},
    [MSG_POLICY_SAME] = {"{1}: the values are those in force.", "{1}: 値は適用中の版と同じです。"},
    [MSG_POLICY_DIFFERS] = {"{1} has {2|tenant|tenants}; the change would drop {3|snapshot|snapshots}.",
                            "{1} のテナントは {2} 件。この変更で消えるスナップショットは {3} 件です。"},
    [MSG_POLICY_IN_FORCE] = {"{1} is in force.", "{1} を適用しました。"},
    [MSG_STATUS] = {"{1|tenant|tenants}; every target holds the latest snapshots.",
                    "テナント {1} 件。すべての保存先に最新のスナップショットがあります。"},
    [MSG_STATUS_BEHIND] =
        {"{1|tenant|tenants}, {2} not safe everywhere: hikae backup or hikae replicate brings them up to date.",
         "テナント {1} 件中 {2} 件が未完了です。hikae backup または hikae replicate を実行してください。"},
    [MSG_STATUS_NONE] = {"There are no tenants yet: nothing is backed up.",
                         "テナントはまだありません。何もバックアップされていません。"},
    [MSG_PURGE_BILLED] = {"{1} charges for {2} of it until {3} at the latest, whatever is deleted.",
                          "{1} は、削除後も最長 {3} まで、そのうち {2} 分の料金を課します。"},
    [MSG_PURGE_PLANNED] =
        {"The plan is {1}. Two different operators approve it: hikae purge approve {2} --plan {1} "
         "--operator KEYFILE",
         "計画は {1} です。異なる 2 名の承認が必要です: hikae purge approve {2} --plan {1} --operator 鍵ファイル"},
    [MSG_PURGE_APPROVED] = {"Approved: {2} of 2 signatures for erasing {1}.",
                            "{1} の消去に 2 件中 {2} 件の承認があります。"},
    [MSG_PURGE_DONE] = {"{1|tenant|tenants} unreadable, {2} of them gone from every target.",
                        "{1} テナントが復号不能、うち {2} はすべての保存先から削除済みです。"},
    [MSG_PURGE_WAITS] =
        {"{1|tenant|tenants} unreadable, {2} of them gone from every target; something waits: see above.",
         "{1} テナントが復号不能、うち {2} はすべての保存先から削除済み。残作業があります（上記参照）。"},
    [MSG_PURGES_NONE] = {"No erasure is planned or under way.", "計画中・実施中の消去はありません。"},
    [MSG_PURGE_WITHDRAWN] = {"The plan to erase {1} is withdrawn.", "{1} の消去計画を取り下げました。"},
    [MSG_PURGE_DECLARED] = {"Recorded: {2} destroyed {1}.", "記録しました: {2} が {1} を廃棄。"},
    [MSG_PURGE_IRREVOCABLE] = {"The erasure of {1} is irrevocable since {2}.",
                               "{1} の消去は {2} をもって取消不能です。"},
    [MSG_CERTIFIED] = {"{2} certifies that {1} is unreadable. Ask again when every target lists nothing.",
                       "{2} は {1} が復号不能であることを証します。全保存先から削除された後、改めて作成してください。"},
    [MSG_CERTIFIED_GONE] = {"{2} certifies that {1} is unreadable and gone from every target.",
                            "{2} は {1} が復号不能であり、全保存先から削除されたことを証します。"},
    [MSG_CERTIFICATE_SOUND] = {"The certificate is sound: {1}, unreadable since {2}, gone since {3}.",
                               "証明書は正当です: {1}、復号不能 {2}、削除済み {3}。"},
    [MSG_CERTIFICATE_OTHER_SIZE] =
        {"The checkpoint is of another size of the same log: `hikae audit verify` at the store shows that they belong "
         "together.",
         "チェックポイントは同じログの別の時点のものです。両者の連続性は `hikae audit verify` で確認できます。"},
    [MSG_AUDIT_SOUND] = {"The audit log is sound: {1|entry|entries}; {2} more wait on this machine.",
                         "監査ログは正常です: {1} 件。ほかに {2} 件がこの機械で待っています。"},
    [MSG_AUDIT_BAD] = {"The audit log ({1|entry|entries}) has {2|finding|findings}.",
                       "監査ログ（{1} 件）に指摘が {2} 件あります。"},
    [MSG_AUDIT_LISTED] = {"{1|entry|entries}.", "{1} 件。"},
    [MSG_AUDIT_EXPORTED] = {"{1|entry|entries} written, SHA-256 {2}.", "{1} 件を書き出しました。SHA-256 {2}。"},
    [MSG_AUDIT_PROVEN] = {"Entry {1} is in the log with root {2}.", "記録 {1} はルート {2} のログに含まれます。"},
    [MSG_AUDIT_PROOF_SAVED] = {"Entry {1} is in the log with root {2}: {3} proves it.",
                               "記録 {1} はルート {2} のログに含まれます。証明は {3} です。"},
    [MSG_AUDIT_REVIEWED] = {"{1|privileged operation|privileged operations} reviewed by {2}.",
                            "特権操作 {1} 件を {2} が点検しました。"},
    [MSG_AUDIT_EXPIRED] = {"{1|entry|entries} expired in {2|segment|segments}; {3} past their time are held.",
                           "{2} セグメントの {1} 件を失効させました。期限を過ぎた {3} 件は保全中です。"},
    [MSG_LOG_EXPORTED] =
        {"{1|line|lines} written, {2|time|times} shown in that zone, {3} left as they are; SHA-256 {4}.",
         "{1} 行を書き出しました。時刻 {2} 件をそのタイムゾーンで示し、{3} 件は元のままです。SHA-256 {4}。"},
    [MSG_LOGS_NONE] = {"No log is kept, and no policy promises to keep one.",
                       "保管しているログも、保管の約束もありません。"},
    [MSG_EVIDENCE] = {"{1|promise|promises}: {2} kept or attested, {3} broken or missed.",
                      "約束 {1} 件: 遵守または文書で確認 {2} 件、不履行または目標未達 {3} 件。"},
    [MSG_AUDIT_EXPIRE_PLAN] = {"{1|entry|entries} in {2|segment|segments} would expire; {3} past their time are held.",
                               "{2} セグメントの {1} 件が失効します。期限を過ぎた {3} 件は保全中です。"},
    [MSG_FORECAST] =
        {"Growth: median of the slopes between all nights, {1} or more; the range is that of their quartiles. "
         "Prices of {2}, without tax and minimum durations.",
         "増加量は各夜の間の傾きの中央値 (最少 {1} 夜)、幅は四分位。価格は {2} 時点、税・最低保存期間を含みません。"},
    [MSG_FORECAST_NONE] = {"Growth is not known yet: that takes 3 nights of `hikae run`. Prices of {1}.",
                           "増加量はまだ分かりません (`hikae run` 3 夜分が必要です)。価格は {1} 時点。"},
    [MSG_NOTIFY_TRIED] = {"A trial was sent by {1|way|ways}.", "{1} 通りの方法で試験送信しました。"},
    [MSG_NOTIFY_MUTED] = {"Muted until {1}. Damaged data and deadlines are told all the same.",
                          "{1} まで通知を止めます。データの破損と期限は、止めている間も通知します。"},
    [MSG_NOTIFY_NOT_MUTED] = {"Not muted.", "通知は止めていません。"},
    [MSG_NOTIFY_NOBODY] = {"Nobody is told: the section notify of hikae.yaml names no way.",
                           "通知先がありません。hikae.yaml の notify で設定します。"},
    [MSG_NOTIFY_MUTE_PLAN] = {"It would be muted until {1}, but for damaged data and deadlines.",
                              "{1} まで通知を止めることになります。データの破損と期限は通知します。"},
    [MSG_DEADLINE] = {"Tenant {1} must be erased by {2}.", "テナント {1} の消去期限は {2} です。"},
    [MSG_DEADLINE_MISSED] = {"MISSED: tenant {1} should have been erased by {2}.",
                             "期限超過: テナント {1} は {2} までに消去されるべきでした。"},
    [MSG_CONTRACT_NONE] = {"The contract of {1} does not end.", "{1} の契約に終了予定はありません。"},
    [MSG_CONTRACT_ENDS] = {"The contract of {1} ends on {2}; everything must be erased by {3}.",
                           "{1} の契約は {2} に終了します。{3} までに全て消去する必要があります。"},
    [MSG_CONTRACT_CANCELLED] = {"The contract of {1} goes on.", "{1} の契約は継続します。"},
    [MSG_SURVIVORS_KEPT] = {"What survives is kept in {1}, under its own keys.",
                            "存続する項目を {1} に、専用の鍵で保存しました。"},
    [MSG_CUSTOMER_EXPORTED] = {"{1|entry|entries} for {2} in {3}; the receipt lies beside it.",
                               "{2} 宛ての {1} 件を {3} に書き出しました。受領書を添えています。"},
    [MSG_DISCLOSED] = {"{1|file|files} disclosed to {2}; hashes are on record.",
                       "{2} へ {1} 件を開示しました。ハッシュ値を記録しています。"},
    [MSG_ERASURES] = {"{1|entry|entries}: what matches is left out of every restore.",
                      "{1} 件。該当するものは復元から必ず除かれます。"},
    [MSG_ERASURES_NONE] = {"The erasure register is empty.", "消去登録簿は空です。"},
    [MSG_ERASED_LEFT_OUT] = {"{1|entry|entries} left out, as the erasure register asks.",
                             "消去登録により {1} 件を除きました。"},
    [MSG_OPERATOR_KEY] = {"The private key is in {1}: keep it off the backup host. Key id {2}.",
                          "秘密鍵は {1} にあります。バックアップ機には置かないでください。鍵 ID {2}。"},
    [MSG_OPERATORS] = {"{1|person|people} can approve.", "承認できるのは {1} 人です。"},
    [MSG_OPERATORS_FEW] = {"{1|person|people} can approve: signatures are asked for once there are 2.",
                           "承認できるのは {1} 人です。2 人になると署名が必要になります。"},
    [MSG_APPROVED] = {"Signed; {1|person has|people have} approved this plan.",
                      "署名しました。この計画は {1} 人が承認しています。"},
    [MSG_APPROVED_AGAIN] = {"This person had signed already; {1|person has|people have} approved this plan.",
                            "この人はすでに署名しています。この計画は {1} 人が承認しています。"},
    [MSG_REPORT] = {"{1} is written ({2}); {3|thing|things} to look at.",
                    "{1} を作成しました（{2}）。確認事項 {3} 件。"},
    [MSG_INCIDENTS] = {"{1|incident|incidents}.", "インシデント {1} 件。"},
    [MSG_INCIDENTS_NONE] = {"No incident.", "インシデントはありません。"},
    [MSG_NONCONFORMITIES] =
        {"{1|nonconformity|nonconformities}: hikae nonconformity close ID --cause … --correction … closes one.",
         "不適合 {1} 件。hikae nonconformity close ID --cause … --correction … で閉じます。"},
    [MSG_NONCONFORMITIES_NONE] = {"No nonconformity.", "不適合はありません。"},
    [MSG_REVIEW_ACK] = {"Recorded: {3} looked at {1} of {2}.", "記録しました: {3} が {2} の {1} を確認。"},
    [MSG_REVIEW_PLAN] = {"Dry run: it would be recorded that {3} looked at {1} of {2}.",
                         "試行: {3} が {2} の {1} を確認したと記録されます。"},
    [MSG_REVIEWS] = {"{1|look|looks} recorded in all; {2|promised look is|promised looks are} missing.",
                     "確認の記録は全部で {1} 件。約束した確認の漏れは {2} 件です。"},
    [MSG_ROLES_SOUND] = {"Each role has a user, files and credentials of its own.",
                         "各役割に専用のユーザー、ファイル、認証情報があります。"},
    [MSG_ROLES_WARNED] = {"{1|warning|warnings}: the roles are not apart.", "警告 {1} 件。役割が分離されていません。"},
    [MSG_DRILL_PLAN] =
        {"Dry run: {2} of {3|file|files} of {1} would be restored from each target, {6} fetched in all; damage of {5} "
         "of them would be found with {4}.",
         "試行のみ: 各保存先から {1} の {3} 件のうち {2} 件を復元します（取得量は合計 {6}）。{5} の損傷を {4} "
         "の確からしさで検出できます。"},
    [MSG_DRILL_PLAN_WHOLE] =
        {"Dry run: {2|entry|entries} of {1} would be restored from each target, {3} fetched in all.",
         "試行のみ: 各保存先から {1} の {2} 件を復元します（取得量は合計 {3}）。"},
    [MSG_DRILL_SAMPLE] = {"Sample: {1} of {2|file|files}; damage of {4} of them is found with {3}.",
                          "標本: {2} 件中 {1} 件。{4} の損傷を {3} の確からしさで検出します。"},
    [MSG_DRILL_PASSED] = {"Drill {1} of {2} passed: {3|entry|entries} checked, restored in {4}, data as of {5} before.",
                          "{2} の復元試験 {1}: 成功。{3} 件を検査、復元時間 {4}、データは {5}前の時点です。"},
    [MSG_DRILL_FAILED] = {"Drill {1} of {2} failed: {3|entry was|entries were} sound.",
                          "{2} の復元試験 {1}: 失敗。正常だったのは {3} 件です。"},
    [MSG_DRILL_CUT] = {"Drill {1} of {2} was cut short by its budget: {3|entry was|entries were} checked.",
                       "{2} の復元試験 {1}: 予算により中断。検査したのは {3} 件です。"},
    [MSG_DRILL_UNKNOWN] = {"Drill {1} of {2} shows nothing: a target could not be read; elsewhere {3|entry was|entries "
                           "were} sound.",
                           "{2} の復元試験 {1}: 不明（読めない保存先があります）。ほかで正常だったのは {3} 件です。"},
    [MSG_DRILL_MORE] = {"{1|more failure|more failures}: `hikae drill show {2} --html FILE` has them.",
                        "ほかに失敗 {1} 件: `hikae drill show {2} --html FILE` で確認できます。"},
    [MSG_DRILL_LATE] = {"It took longer than the {1} that the policy promises.",
                        "ポリシーが約束する復元時間 {1} を超えました。"},
    [MSG_DRILL_OLD] = {"Its data is older than the {1} that the policy promises.",
                       "ポリシーが約束する復元時点 {1} より古いデータでした。"},
    [MSG_DRILLS] = {"{1|drill|drills} on record, each signed by this store.",
                    "復元試験 {1} 件の記録があります（すべてこのストアの署名付き）。"},
    [MSG_DRILL_KIT] =
        {"The kit is in {1}; with its passphrase it gives this tenant's keys, and hikae takes it for {2}.",
         "キットは {1} です。パスフレーズと合わせるとこのテナントの鍵になります。有効期間は {2} です。"},
    [MSG_ATTESTED] = {"The document is on record as answering for {1}.", "約束 {1} を示す文書として記録しました。"},
    [MSG_ATTEST_REVOKED] = {"The document answers for {1} no more.",
                            "この文書は、今後 {1} を示すものとして扱いません。"},
    [MSG_ATTESTATIONS_NONE] = {"No document answers for a promise: hikae attest add PROMISE records one.",
                               "約束を示す文書はありません。hikae attest add PROMISE で記録します。"},
    [MSG_STANDARD_OUTPUT] = {"standard output", "標準出力"},
    [MSG_COPY_HANDED] = {"The copy is on record as {1}: `hikae restores wiped {1}` takes it away again.",
                         "複製 {1} として記録しました。消去は `hikae restores wiped {1}` で行います。"},
    [MSG_COPIES] = {"{1|copy is|copies are} out there, {2} longer than allowed.",
                    "渡した複製 {1} 件が残っています（期限超過 {2} 件）。"},
    [MSG_COPY_WIPED] = {"Copy {1}: {2|entry|entries} removed from {3}; {4} had been changed and stay.",
                        "複製 {1}: {3} から {2} 件を消去しました。変更されていた {4} 件は残しました。"},
    [MSG_COPY_WIPE_PLAN] = {"Dry run: of copy {1} {2|entry|entries} would be removed from {3}; {4} would stay.",
                            "試行のみ: 複製 {1} の {2} 件を {3} から消去します。{4} 件は残します。"},
    [MSG_COPY_DECLARED] = {"It is on record that {2} wiped copy {1}.", "{2} が複製 {1} を消去したことを記録しました。"},
    [MSG_STOPPING] = {"stopping; once more to stop at once", "停止中です。もう一度押すと即座に終了します"},
    [MSG_PHASE_SCAN] = {"scan", "走査"},
    [MSG_PHASE_TRANSFER] = {"transfer", "転送"},
    [MSG_PHASE_CHECK] = {"check", "検査"},
    [MSG_PHASE_FINISH] = {"finish", "仕上げ"},
    [MSG_LEFT] = {"{1} left", "残り {1}"},
};

bool message_lang(const char *name, enum lang *ret_lang)
{
    *ret_lang = strcmp(name, "ja") == 0 ? LANG_JA : LANG_EN;
    return *ret_lang == LANG_JA || strcmp(name, "en") == 0;
}

/* The place at text, "{1}" or "{1|one|many}"; returns what follows it. */
static const char *append_place(struct buf *out, const char *text, const char *const *args, int *ret)
{
    struct error err = {0};
    size_t number = (size_t)(text[1] - '1');
    const char *arg = args[number];
    const char *end = text + 2;
    *ret = buf_append(out, arg, strlen(arg), &err);
    if (*end != '|')
        return end + 1;
    const char *many = strchr(end + 1, '|') + 1;
    const char *word = strcmp(arg, "1") == 0 ? end + 1 : many;
    const char *close = strchr(end, '}');
    size_t size = strcspn(word, "|}");
    if (*ret == 0)
        *ret = buf_append(out, " ", 1, &err);
    if (*ret == 0)
        *ret = buf_append(out, word, size, &err);
    return close + 1;
}

char *message_format(enum lang lang, enum message message, const char *const *args)
{
    struct error err = {0};
    struct buf out = {0};
    const char *text = texts[message][lang];
    int result = 0;
    while (*text != '\0' && result == 0) {
        if (*text == '{') {
            text = append_place(&out, text, args, &result);
            continue;
        }
        size_t plain = strcspn(text, "{");
        result = buf_append(&out, text, plain, &err);
        text += plain;
    }
    if (result == 0)
        result = buf_u8(&out, 0, &err);
    if (result == 0)
        return (char *)out.data;
    buf_free(&out);
    return NULL;
}
