/*
 * Targets: object stores that hold a full copy. One interface, one file a
 * driver. A target knows nothing of tenants, keys or formats: it moves named
 * bytes. What it must do is written at each function and held by the
 * conformance suite, which every driver passes.
 *
 * A target is a capability to read and to create. It cannot delete: that is
 * `struct target_deleter` (target/delete.h), which only collection and purge
 * construct.
 *
 * Every function may be called from several threads at once.
 *
 * Errors, everywhere: ERROR_NOT_FOUND if the object is not there;
 * ERROR_UNREACHABLE if the target did not answer, or not in time, or throttled
 * (retryable), or is full, or its bucket or folder is gone altogether;
 * ERROR_DENIED for permissions; ERROR_DAMAGED only for bytes that contradict
 * what the target itself said of them. The message names target and object.
 */
#ifndef HIKAE_TARGET_TARGET_H
#define HIKAE_TARGET_TARGET_H

#include "base/buf.h"
#include "base/cancel.h"
#include "base/target_options.h"

struct target;

/*
 * Names of objects: components of A-Z a-z 0-9 . _ - between single slashes. No
 * component begins with '.', which is left to drivers for what they keep
 * beside the objects. Any other name is ERROR_USAGE.
 */
enum { TARGET_NAME_MAX = 900, TARGET_COMPONENT_MAX = 255, TARGET_DEPTH_MAX = 16 };
/* May an object have this name? */
bool target_name_valid(const char *name);
/* May a component of a name be these bytes? */
bool target_component_valid(const char *text, size_t size);

/* What a target is and can do: declared in its URL, or found out by its driver when it is opened. */
struct target_traits {
    char *name;                      /* the operator's name for it                          */
    char *url;                       /* as configured, without credentials                  */
    char *driver;                    /* "file", "s3"                                        */
    char *provider;                  /* "folder", "aws", "wasabi", "ceph", "swift", "generic" */
    char *region;                    /* of the provider, or NULL                            */
    char *country;                   /* ISO 3166-1 alpha-2, or NULL when not declared       */
    char *site;                      /* the operator's name of the place, else the provider's, or NULL */
    bool attested;                   /* the country is what the operator says; else the provider's table has it */
    bool create_once;                /* target_put never replaces, even when raced; false if that is not known       */
    bool versions;                   /* may keep older versions of an object: see target_get_version, target_ask */
    bool lock;                       /* each object is locked against deletion when it is put      */
    enum target_lock_mode lock_mode; /* so firmly, … */
    unsigned lock_days;              /* … and for so long; 0 without a lock */
    bool listing_may_be_stale;       /* such a target does not delete                              */
    bool elsewhere;                  /* on another machine: an endpoint that is not loopback, a folder on a network */
    unsigned parallel;               /* calls at once that it takes to use the target fully; 0: 1  */
    char *place; /* of an open target: where it is, in words that are the same for two names of it */
};

enum target_put_mode {
    TARGET_PUT_CREATE, /* these bytes are there already: done, nothing written; others are: ERROR_DAMAGED */
    TARGET_PUT_REPAIR  /* write these bytes in any case, over what is there                       */
};

/* What a listing tells of an object. */
struct target_object {
    const char *name;
    uint64_t size;
    int64_t modified_ns; /* by the target's clock; 0 if unknown */
};

/*
 * Open a target. With `create`, what is missing of the folder or bucket is
 * made; without, its absence is ERROR_UNREACHABLE (a disk that is not mounted
 * must not look like an empty store), which a driver for a network may find out
 * with the first call only.
 * ERROR_CONFIG for a URL that no driver takes, or an unknown parameter or value.
 */
MUST_USE int target_open_with(const struct target_options *options, bool create, struct target **ret_target,
                              struct error *err);
/*
 * What options and URL alone say of a target: nothing is opened, no request is made (but that keys from metadata may
 * know the region that is not written). For rules about where data lies. ERROR_CONFIG as target_open_with;
 * target_traits_free.
 */
MUST_USE int target_describe(const struct target_options *options, struct target_traits *ret, struct error *err);
void target_traits_free(struct target_traits *traits);
/* The same with name and URL only. */
MUST_USE int target_open(const char *name, const char *url, bool create, struct target **ret_target, struct error *err);
/* NULL is fine. */
void target_close(struct target *target);
const struct target_traits *target_traits(const struct target *target);
/* Are both one place under two names: one copy, and not two? False does not prove that they are two. */
bool target_same_place(const struct target *a, const struct target *b);
static inline const char *target_name(const struct target *target)
{
    return target_traits(target)->name;
}

/*
 * Store an object. When it returns 0, the bytes are durable under that name
 * and the target will say so after a crash. When it fails, they may or may
 * not be there (the lost answer): never part of them.
 */
MUST_USE int target_put(struct target *target, const char *name, const void *bytes, size_t size,
                        enum target_put_mode mode, struct error *err);
/* Put and read back; junk under that name is put over. ERROR_DAMAGED if it reads back as other bytes all the same. */
MUST_USE int target_put_checked(struct target *target, const char *name, const void *bytes, size_t size,
                                struct error *err);
/*
 * Append `size` bytes from `offset` of an object to out. Fewer bytes than
 * asked for (the object is shorter) is ERROR_DAMAGED.
 */
MUST_USE int target_get_range(struct target *target, const char *name, uint64_t offset, size_t size, struct buf *out,
                              struct error *err);
/* Append the whole object; ERROR_DAMAGED if it is longer than max bytes. */
MUST_USE int target_get(struct target *target, const char *name, size_t max, struct buf *out, struct error *err);
/* The size of an object. */
MUST_USE int target_stat(struct target *target, const char *name, uint64_t *ret_size, struct error *err);

/* Called for each object of a listing; not 0 (with err filled) ends it, and target_list returns -1. */
typedef int target_list_callback(const struct target_object *object, void *context, struct error *err);
/*
 * All objects whose names start with prefix and come after `after` (NULL: from the
 * start), in ascending order of their bytes. Unfinished writes are not listed. No object: 0, no call.
 */
MUST_USE int target_list(struct target *target, const char *prefix, const char *after, target_list_callback *callback,
                         void *context, struct error *err);
/* The names of the "folders" below prefix (which ends in '/'): each once, without prefix and '/'. Ascending. */
MUST_USE int target_list_folders(struct target *target, const char *prefix, target_list_callback *callback,
                                 void *context, struct error *err);
/*
 * Append an older version of an object: number 1 is the one before the current,
 * and so on. ERROR_NOT_FOUND when there is none (always, without versions).
 * For readers whose current version is not what its name says.
 */
MUST_USE int target_get_version(struct target *target, const char *name, unsigned number, size_t max, struct buf *out,
                                struct error *err);
/* The target's clock minus ours, in ns (0 for folders on this machine). */
MUST_USE int target_clock_skew(struct target *target, int64_t *ret_skew_ns, struct error *err);
/* Free bytes, or UINT64_MAX where the target has no such notion. */
MUST_USE int target_free_space(struct target *target, uint64_t *ret_bytes, struct error *err);

/* ---- Locks ---- */

struct target_lock_state {
    enum target_lock_mode mode;
    int64_t until_ns; /* by the target's clock; 0 without a lock */
    bool legal_hold;
};
/* Whether the current version of an object is locked. A target without locks answers: it is not. */
MUST_USE int target_lock_state(struct target *target, const char *name, struct target_lock_state *ret,
                               struct error *err);
/*
 * Lock the current version of an object at least until that instant (by the target's clock, rounded up to seconds);
 * a lock that ends later stays. ERROR_REFUSED if the target has no locks.
 */
MUST_USE int target_extend_lock(struct target *target, const char *name, enum target_lock_mode mode, int64_t until_ns,
                                struct error *err);
/* Put a legal hold on the current version of an object, or lift it. ERROR_REFUSED if the target has none. */
MUST_USE int target_legal_hold(struct target *target, const char *name, bool hold, struct error *err);

/* ---- What `target check` is made of ---- */

enum target_versioning { TARGET_VERSIONING_OFF, TARGET_VERSIONING_ON, TARGET_VERSIONING_SUSPENDED };

/* What a target says of itself. */
struct target_facts {
    char region[64];      /* as the target says it; "" if it does not */
    char server[64];      /* the server's word for itself, or ""      */
    char tls_version[16]; /* "TLSv1.3"; "" for plain HTTP and folders */
    char tls_cipher[64];  /* "TLS_AES_256_GCM_SHA384"                 */
    enum target_versioning versioning;
    bool lock_enabled;                  /* its bucket can lock objects                                         */
    enum target_lock_mode lock_default; /* what the bucket itself gives to new objects …            */
    unsigned lock_default_days;         /* … for so long                                            */
    int64_t skew_ns;                    /* its clock minus ours                                                */
};
/* Ask the target. */
MUST_USE int target_ask(struct target *target, struct target_facts *ret, struct error *err);

enum target_once { TARGET_ONCE_CREATED, TARGET_ONCE_EXISTS, TARGET_ONCE_UNSUPPORTED };
/*
 * Create an object if there is none of that name, in one request that the
 * target itself decides, without a lock: for leases, and for racing several
 * writers. After a lost answer, EXISTS may mean our own. UNSUPPORTED: the target
 * decides nothing of the kind; it may have put the object all the same.
 */
MUST_USE int target_put_once(struct target *target, const char *name, const void *bytes, size_t size,
                             enum target_once *ret, struct error *err);
/* Does the target check this kind of checksum, by refusing one that is wrong? It puts nothing if so. */
MUST_USE int target_checks(struct target *target, const char *name, enum target_checksum kind, bool *ret,
                           struct error *err);

/* Requests and bytes since the target was opened; all zero for folders. */
struct target_counters {
    uint64_t puts, gets, heads, lists, deletes, others; /* requests, retries among them */
    uint64_t retries;
    uint64_t bytes_up, bytes_down; /* bodies */
};
void target_counters(struct target *target, struct target_counters *ret);

/* ---- For drivers ---- */

struct target_url;

/* A driver gets the URL parsed. It checks parameters itself (target_url_check_params). */
struct target_driver {
    const char *scheme;              /* "file" */
    enum target_signature signature; /* AUTO: any */
    MUST_USE int (*open)(const struct target_options *options, const struct target_url *url, bool create,
                         struct target **ret, struct error *err);
    MUST_USE int (*describe)(const struct target_options *options, const struct target_url *url,
                             struct target_traits *ret, struct error *err);
};

struct target_version;
struct target_upload;
struct target_deletion;
typedef int target_version_callback(const struct target_version *version, void *context, struct error *err);
typedef int target_upload_callback(const struct target_upload *upload, void *context, struct error *err);
typedef int target_deletion_callback(const struct target_deletion *deletion, const struct error *why, void *context,
                                     struct error *err);

struct target_ops {
    void (*close)(struct target *target);
    int (*put)(struct target *target, const char *name, const void *bytes, size_t size, enum target_put_mode mode,
               struct error *err);
    int (*get_range)(struct target *target, const char *name, uint64_t offset, size_t size, struct buf *out,
                     struct error *err);
    int (*get)(struct target *target, const char *name, size_t max, struct buf *out, struct error *err);
    int (*stat)(struct target *target, const char *name, uint64_t *ret_size, struct error *err);
    int (*list)(struct target *target, const char *prefix, const char *after, target_list_callback *callback,
                void *context, struct error *err);
    int (*list_folders)(struct target *target, const char *prefix, target_list_callback *callback, void *context,
                        struct error *err);
    int (*get_version)(struct target *target, const char *name, unsigned number, size_t max, struct buf *out,
                       struct error *err); /* NULL: no versions */
    int (*clock_skew)(struct target *target, int64_t *ret_skew_ns, struct error *err);
    int (*free_space)(struct target *target, uint64_t *ret_bytes, struct error *err);
    /* NULL from here to counters: the target has none of it, and target.c answers for it. */
    int (*lock_state)(struct target *target, const char *name, struct target_lock_state *ret, struct error *err);
    int (*extend_lock)(struct target *target, const char *name, enum target_lock_mode mode, int64_t until_ns,
                       struct error *err);
    int (*legal_hold)(struct target *target, const char *name, bool hold, struct error *err);
    int (*ask)(struct target *target, struct target_facts *ret, struct error *err);
    int (*put_once)(struct target *target, const char *name, const void *bytes, size_t size, enum target_once *ret,
                    struct error *err);
    int (*checks)(struct target *target, const char *name, enum target_checksum kind, bool *ret, struct error *err);
    void (*counters)(struct target *target, struct target_counters *ret);

    /* Reached through target/delete.h only. All but remove may be NULL. */
    int (*remove)(struct target *target, const char *name, struct error *err);
    int (*remove_version)(struct target *target, const char *name, const char *version, struct error *err);
    int (*remove_many)(struct target *target, const struct target_deletion *items, size_t count,
                       target_deletion_callback *callback, void *context, struct error *err);
    int (*list_versions)(struct target *target, const char *prefix, target_version_callback *callback, void *context,
                         struct error *err);
    int (*list_uploads)(struct target *target, const char *prefix, target_upload_callback *callback, void *context,
                        struct error *err);
    int (*abort_upload)(struct target *target, const char *name, const char *id, struct error *err);
};

/* Every driver's struct begins with this. */
struct target {
    const struct target_ops *ops;
    struct target_traits traits;
};

extern const struct target_driver target_driver_file;
extern const struct target_driver target_driver_s3;
extern const struct target_driver target_driver_s3_v2;

#endif
