/* The texts that tests/unit/test_notify.c holds notices against: first the subject, then the lines. */
{"all is well",
 &good_run,
 &good_status,
 up,
 NULL,
 false,
 false,
 {"hikae night: all is well\n"
  "2026-11-21T00:52:46Z\n"
  "Tenants 2, jobs done 2, failed 0.\n"
  "Nothing failed, nothing is late.\n"
  "Safe: all 2 tenants; the oldest latest is bell's, 2026-11-20T00:52:46Z.\n",
  "hikae night: 異常なし\n"
  "2026-11-21T00:52:46Z\n"
  "テナント 2、完了 2、失敗 0\n"
  "失敗・遅れはありません。\n"
  "復元可能: 全 2 テナント。最新世代が最も古いのは bell（2026-11-20T00:52:46Z）\n"}},
    {"much is not",
     &bad_run,
     &bad_status,
     down,
     NULL,
     false,
     false,
     {"hikae night: 8 to look at\n"
      "2026-11-21T00:52:46Z\n"
      "Tenants 4, jobs done 1, failed 4.\n"
      "- Damaged data: bell (verify). 3 objects are damaged\n"
      "- Must be erased by 2026-11-24T00:52:46Z: coil.\n"
      "- No target holds all of the latest: coil.\n"
      "- Target two does not answer; tenants behind: 3.\n"
      "- backup failed: coil and 1 more. open /srv/coil: No such file\n"
      "- Not backed up in time: coil and 1 more; last never.\n"
      "- Target one lacks the latest; tenants behind: 1.\n"
      "- Warning, 2 times: home/x changed while it was read\n"
      "Safe: 2 of 4 tenants; the oldest latest is bell's, 2026-11-20T00:52:46Z.\n"
      "To do:\n"
      "- `hikae verify --repair`\n"
      "- `hikae contract show`, then `hikae purge plan`\n"
      "- `hikae verify --level objects --repair`\n"
      "- `hikae target check`\n"
      "- `hikae run` tries again\n",
      "hikae night: 確認事項 8 件\n"
      "2026-11-21T00:52:46Z\n"
      "テナント 4、完了 1、失敗 4\n"
      "- データ破損: bell（検証）。3 objects are damaged\n"
      "- 消去期限 2026-11-24T00:52:46Z: coil\n"
      "- 最新世代が揃った保存先がありません: coil\n"
      "- 保存先 two が応答しません（未反映 3 テナント）\n"
      "- バックアップに失敗: coil ほか 1 件。open /srv/coil: No such file\n"
      "- 予定どおりバックアップされていません: coil ほか 1 件（最終 なし）\n"
      "- 保存先 one に最新世代がないテナント: 1 件\n"
      "- 警告（2 回）: home/x changed while it was read\n"
      "復元可能: 4 中 2 テナント。最新世代が最も古いのは bell（2026-11-20T00:52:46Z）\n"
      "対応:\n"
      "- `hikae verify --repair`\n"
      "- `hikae contract show` で確認し、`hikae purge plan`\n"
      "- `hikae verify --level objects --repair`\n"
      "- `hikae target check`\n"
      "- `hikae run` で再実行\n"}},
    {"the alert of it",
     &bad_run,
     &bad_status,
     down,
     NULL,
     true,
     false,
     {"hikae night: ALERT\n"
      "2026-11-21T00:52:46Z\n"
      "Tenants 4, jobs done 1, failed 4.\n"
      "- Damaged data: bell (verify). 3 objects are damaged\n"
      "- Must be erased by 2026-11-24T00:52:46Z: coil.\n"
      "- No target holds all of the latest: coil.\n"
      "Safe: 2 of 4 tenants; the oldest latest is bell's, 2026-11-20T00:52:46Z.\n"
      "To do:\n"
      "- `hikae verify --repair`\n"
      "- `hikae contract show`, then `hikae purge plan`\n"
      "- `hikae verify --level objects --repair`\n",
      "hikae night: 警報\n"
      "2026-11-21T00:52:46Z\n"
      "テナント 4、完了 1、失敗 4\n"
      "- データ破損: bell（検証）。3 objects are damaged\n"
      "- 消去期限 2026-11-24T00:52:46Z: coil\n"
      "- 最新世代が揃った保存先がありません: coil\n"
      "復元可能: 4 中 2 テナント。最新世代が最も古いのは bell（2026-11-20T00:52:46Z）\n"
      "対応:\n"
      "- `hikae verify --repair`\n"
      "- `hikae contract show` で確認し、`hikae purge plan`\n"
      "- `hikae verify --level objects --repair`\n"}},
    {"the alert while muted",
     &bad_run,
     &bad_status,
     down,
     NULL,
     true,
     true,
     {"hikae night: ALERT\n"
      "2026-11-21T00:52:46Z\n"
      "Tenants 4, jobs done 1, failed 4.\n"
      "- Damaged data: bell (verify). 3 objects are damaged\n"
      "- Must be erased by 2026-11-24T00:52:46Z: coil.\n"
      "Safe: 2 of 4 tenants; the oldest latest is bell's, 2026-11-20T00:52:46Z.\n"
      "To do:\n"
      "- `hikae verify --repair`\n"
      "- `hikae contract show`, then `hikae purge plan`\n"
      "Muted until 2026-11-22T00:52:46Z; damage and deadlines are told all the same.\n",
      "hikae night: 警報\n"
      "2026-11-21T00:52:46Z\n"
      "テナント 4、完了 1、失敗 4\n"
      "- データ破損: bell（検証）。3 objects are damaged\n"
      "- 消去期限 2026-11-24T00:52:46Z: coil\n"
      "復元可能: 4 中 2 テナント。最新世代が最も古いのは bell（2026-11-20T00:52:46Z）\n"
      "対応:\n"
      "- `hikae verify --repair`\n"
      "- `hikae contract show` で確認し、`hikae purge plan`\n"
      "2026-11-22T00:52:46Z まで通知を停止中（破損と期限は通知します）\n"}},
    {"a run that could not begin",
     NULL,
     NULL,
     up,
     "no key opens the store",
     false,
     false,
     {"hikae night: 1 to look at\n"
      "2026-11-21T00:52:46Z\n"
      "- The run could not do its work: no key opens the store\n"
      "What is still safe could not be found out.\n"
      "To do:\n"
      "- `hikae doctor`\n",
      "hikae night: 確認事項 1 件\n"
      "2026-11-21T00:52:46Z\n"
      "- 実行できませんでした: no key opens the store\n"
      "復元できる範囲は確認できませんでした。\n"
      "対応:\n"
      "- `hikae doctor`\n"}},
