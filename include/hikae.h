/*
 * libhikae: the public interface of hikae, a backup, encryption and retention
 * engine. The command line is built on this header alone.
 *
 * Conventions. Every function returns the exit code that the command line
 * documents (enum hikae_status): HIKAE_OK and HIKAE_WARNINGS mean that it was
 * done. On any other value *error says what failed, why, and what to do.
 * Strings are UTF-8 unless they are file names, which are bytes. Sizes are
 * bytes, instants nanoseconds since 1970-01-01T00:00:00Z, durations
 * nanoseconds. Results are freed with the function named beside them; results
 * of a failed call need no freeing. One struct hikae serves one thread at a
 * time; hikae_cancel may be called from any thread and from signal handlers.
 */
#ifndef HIKAE_H
#define HIKAE_H

#define HIKAE_VERSION "0.1.0"

#include "hikae/audit.h"
#include "hikae/backup.h"
#include "hikae/base.h"
#include "hikae/collect.h"
#include "hikae/contract.h"
#include "hikae/drill.h"
#include "hikae/evidence.h"
#include "hikae/forecast.h"
#include "hikae/hold.h"
#include "hikae/incident.h"
#include "hikae/keys.h"
#include "hikae/log.h"
#include "hikae/notify.h"
#include "hikae/operator.h"
#include "hikae/policy.h"
#include "hikae/purge.h"
#include "hikae/report.h"
#include "hikae/restore.h"
#include "hikae/retain.h"
#include "hikae/run.h"
#include "hikae/snapshot.h"
#include "hikae/status.h"
#include "hikae/store.h"
#include "hikae/target.h"
#include "hikae/tenant.h"
#include "hikae/verify.h"

#endif
