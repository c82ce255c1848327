/* libhikae: pages for people. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_REPORT_H
#define HIKAE_PUBLIC_REPORT_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_report_options {
    const char *day;      /* "2026-11-21": the page of that morning; NULL: today's              */
    const char *language; /* "en", "ja", or "both": one after the other, Japanese first         */
    const char *file;     /* written there as a whole or not at all, for its owner; NULL: not   */
};
struct hikae_report_result {
    char *html; /* UTF-8, one file that fetches nothing; terminated */
    size_t size;
    size_t causes; /* that somebody should look at */
};
/*
 * The page of the morning: what ran, what failed, what is safe all the same, what to do; each tenant and target;
 * growth, capacity, deadlines. Past days show what ran then beside what is true now. If no target answers, what this
 * machine remembers. HIKAE_WARNINGS then, and if a tenant could not be looked at or a target is behind.
 */
enum hikae_status hikae_report(struct hikae *hikae, const struct hikae_report_options *options,
                               struct hikae_report_result *ret, struct hikae_error *error);
void hikae_report_result_free(struct hikae_report_result *result);

#ifdef __cplusplus
}
#endif

#endif
