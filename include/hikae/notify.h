/* libhikae: telling people. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_NOTIFY_H
#define HIKAE_PUBLIC_NOTIFY_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_notify_channel {
    const char *name; /* "mail", "webhook", "ping" */
    bool sent;        /* of a trial */
    char *why;        /* it was not; NULL when it was */
};
struct hikae_notify_report {
    struct hikae_notify_channel *channels; /* those that are configured */
    size_t count;
    int64_t muted_until_ns; /* 0: not muted */
    char *mute_reason;
    int64_t digest_ns, alert_ns; /* when the last one was sent; 0: never */
};
enum hikae_status hikae_notify_list(struct hikae *hikae, struct hikae_notify_report *ret, struct hikae_error *error);
/* Send a trial by every channel. The report is filled, and to be freed, whatever is returned. */
enum hikae_status hikae_notify_test(struct hikae *hikae, struct hikae_notify_report *ret, struct hikae_error *error);
void hikae_notify_report_free(struct hikae_notify_report *report);
/* No digests and alerts until then (at most 31 days), but of damaged data and deadlines. It takes the place of an
 * earlier one, and is in the audit log. */
enum hikae_status hikae_notify_mute(struct hikae *hikae, int64_t until_ns, const char *reason, bool dry_run,
                                    struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
