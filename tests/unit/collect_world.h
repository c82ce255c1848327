/* A store that is really made, in a folder of its own, driven through the public interface: for tests of collection. */
#ifndef HIKAE_TESTS_COLLECT_WORLD_H
#define HIKAE_TESTS_COLLECT_WORLD_H

#include "base/clock.h"
#include "hikae.h"
#include "ops/engine.h"

#define DAY (24 * 3600 * NS_PER_S)

struct world {
    char dir[256];
    char config[300];
    char key[320];
    struct hikae *hikae;
    int64_t now_ns;
};

/* The figures of a collection, of the first target. */
struct freed {
    uint64_t freed, waiting, stored, live, condemned, moved;
    int64_t until_ns;
};

/* Fail, with the message, unless the status is the expected one. */
void must(enum hikae_status status, const struct hikae_error *error, enum hikae_status expected);
/* Time goes by. */
void pass(struct world *world, int64_t ns);
void open_world(struct world *world);
void reopen(struct world *world);
/* A file of the source whose bytes no compressor makes smaller. */
void write_file(const struct world *world, const char *name, size_t size, uint64_t seed);
/* A store on so many folders (a, b, c) with one tenant, acme, whose source is <dir>/src. */
void make_world(struct world *world, size_t targets, unsigned min_copies);
void end_world(struct world *world);
void backup(struct world *world, enum hikae_status expected);
/* Retire all but the newest `keep` snapshots. */
int retire(struct hikae *hikae, const char *tenant, size_t keep, struct error *err);
/* The same, of acme. */
void keep(struct world *world, size_t count);
struct freed gc(struct world *world, enum hikae_status expected);
/* Everything is sound. */
void verify(struct world *world);
size_t count_snapshots(struct world *world);
/* Every snapshot that is listed restores to what was kept for its night, the oldest first. */
void restore_all(struct world *world, unsigned first_night);
/* Remember what the source is like on that night. */
void keep_reference(const struct world *world, unsigned night);
/* A night: some files change, one is new; the source is remembered. */
void night(struct world *world, unsigned number);
/* Objects of a class (p, i, r, h) on a target, of the one tenant. */
size_t count_objects(const struct world *world, const char *target, char class);
/* A target goes away, or comes back. */
void move_away(const struct world *world, const char *target, bool back);
/* The state folder is lost. */
void lose_state(struct world *world);
void replicate(struct world *world);

#endif
