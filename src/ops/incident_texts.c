/* Texts of notices, as a start for people: what is known stands in its place, what only a person can know is a blank.
 */
#include "ops/incident_texts.h"

#include <stddef.h>
#include <string.h>

enum { STAGES = 3 };

static const char *const stage_names[STAGES] = {"first", "follow-up", "final"};

/* {name}: what is known. ____: for a person. An end of line for each string. */
static const char *const first_en[] = {
    "Subject: [{id}] Notice of an incident: {title}",
    "",
    "We tell you of an incident that concerns, or may concern, your data.",
    "",
    "What happened: {title}",
    "Severity: {severity}",
    "When it occurred: {occurred}",
    "When we became aware of it: {aware}",
    "When it was confirmed: {confirmed}",
    "Whom it concerns: {tenant}",
    "",
    "What we know so far: {text}",
    "What data is concerned: ____",
    "What this means for you: ____",
    "What we have done: ____",
    "What we ask you to do: ____",
    "",
    "What is not affected: ____",
    "",
    "We will write again by ____.",
    "Contact: ____ (name, telephone, mail). Number of this incident: {id}",
    NULL,
};

static const char *const first_ja[] = {
    "件名: 【{id}】インシデントのお知らせ（第一報）: {title}",
    "",
    "お客様のデータに関わる、または関わる可能性のあるインシデントについてお知らせします。",
    "",
    "概要: {title}",
    "深刻度: {severity}",
    "発生日時: {occurred}",
    "認知日時: {aware}",
    "確認日時: {confirmed}",
    "対象: {tenant}",
    "",
    "現時点で判明していること: {text}",
    "対象となるデータ: ____",
    "お客様への影響: ____",
    "当社の対応: ____",
    "お客様にお願いしたいこと: ____",
    "",
    "影響を受けていないもの: ____",
    "",
    "次回のご報告: ____ まで",
    "お問い合わせ: ____（担当者、電話、メール）　インシデント番号: {id}",
    NULL,
};

static const char *const follow_up_en[] = {
    "Subject: [{id}] Incident, continued: {title}",
    "",
    "This continues our notice of {first_notice}.",
    "",
    "What happened: {title}",
    "Severity now: {severity}",
    "Whom it concerns: {tenant}",
    "",
    "What is new since then: ____",
    "What was done since then:",
    "{events}",
    "What is still open: ____",
    "What we ask you to do: ____",
    "",
    "We will write again by ____.",
    "Contact: ____. Number of this incident: {id}",
    NULL,
};

static const char *const follow_up_ja[] = {
    "件名: 【{id}】インシデントのお知らせ（続報）: {title}",
    "",
    "{first_notice}の第一報の続報です。",
    "",
    "概要: {title}",
    "現在の深刻度: {severity}",
    "対象: {tenant}",
    "",
    "新たに判明したこと: ____",
    "これまでの対応:",
    "{events}",
    "未解決の事項: ____",
    "お客様にお願いしたいこと: ____",
    "",
    "次回のご報告: ____ まで",
    "お問い合わせ: ____　インシデント番号: {id}",
    NULL,
};

static const char *const final_en[] = {
    "Subject: [{id}] Incident, final report: {title}",
    "",
    "1. Summary: {title}",
    "   Severity: {severity}",
    "   Whom it concerned: {tenant}",
    "",
    "2. Times",
    "   occurred {occurred}; aware {aware}; confirmed {confirmed}; first notice {first_notice}",
    "",
    "3. What happened, in order",
    "{events}",
    "",
    "4. What data was concerned, and what was not: ____",
    "5. Cause: {cause}",
    "6. What was done at once: ____",
    "7. What keeps it from happening again: {correction}",
    "8. What was promised, and whether it was kept:",
    "{deadlines}",
    "",
    "The logs since {logs_from} are kept. A proof of each entry can be had on request.",
    "Contact: ____. Number of this incident: {id}",
    NULL,
};

static const char *const final_ja[] = {
    "件名: 【{id}】インシデント最終報告: {title}",
    "",
    "1. 概要: {title}",
    "   深刻度: {severity}",
    "   対象: {tenant}",
    "",
    "2. 時刻",
    "   発生 {occurred}、認知 {aware}、確認 {confirmed}、第一報 {first_notice}",
    "",
    "3. 経過",
    "{events}",
    "",
    "4. 影響を受けたデータ、受けなかったデータ: ____",
    "5. 原因: {cause}",
    "6. 実施した応急対応: ____",
    "7. 再発防止策: {correction}",
    "8. 約束していたことと、その結果:",
    "{deadlines}",
    "",
    "{logs_from}以降のログを保存しています。各記録の証明は、ご依頼により提出できます。",
    "お問い合わせ: ____　インシデント番号: {id}",
    NULL,
};

static const char *const *const templates[STAGES][INCIDENT_LANGUAGES] = {
    {first_en, first_ja}, {follow_up_en, follow_up_ja}, {final_en, final_ja}};

/* Over every text. It is no part of it. */
static const char *const warnings[INCIDENT_LANGUAGES] = {
    "[Check and complete this before it is sent: what was noted inside stands in it. Delete this line.]",
    "［送付前に内容を確かめ、____ を埋めてください。社内の記録がそのまま入っています。この行は消してください。］"};

const char *const *incident_text(const char *stage, enum incident_language language)
{
    for (size_t i = 0; i < STAGES; i++)
        if (strcmp(stage_names[i], stage) == 0)
            return templates[i][language];
    return NULL;
}

const char *incident_text_warning(enum incident_language language)
{
    return warnings[language];
}
