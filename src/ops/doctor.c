/* doctor: is everything here as backups and restores will need it? It changes nothing. */
#include "ops/doctor.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { OPEN_FILES_MIN = 1024, LOCKED_MIN_KIB = 2048 };

void hikae_checks_free(struct hikae_checks *checks)
{
    mem_free(checks->checks);
    *checks = (struct hikae_checks){0};
}

/* ---- Noting ---- */

void doctor_note(struct doctor *doctor, int state, const char *name, const char *hint, const char *fmt, ...)
{
    struct hikae_checks *to = doctor->checks;
    struct hikae_check *grown = mem_realloc(to->checks, (to->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        doctor->no_memory = true;
        return;
    }
    to->checks = grown;
    struct hikae_check *check = &grown[to->count++];
    memset(check, 0, sizeof(*check));
    (void)snprintf(check->name, sizeof(check->name), "%s", name);
    (void)snprintf(check->hint, sizeof(check->hint), "%s", hint);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(check->detail, sizeof(check->detail), fmt, args);
    va_end(args);
    if (state == HIKAE_CHECK_OK)
        check->state = HIKAE_CHECK_OK;
    else if (state == HIKAE_CHECK_WARN)
        check->state = HIKAE_CHECK_WARN;
    else
        check->state = HIKAE_CHECK_FAIL;
    doctor->warned = doctor->warned || state == HIKAE_CHECK_WARN;
}

void doctor_fail(struct doctor *doctor, const char *name, const struct error *why)
{
    char text[ERROR_WHAT_SIZE + ERROR_CHAIN_SIZE];
    struct error bare = *why;
    bare.hint[0] = '\0';
    doctor_note(doctor, HIKAE_CHECK_FAIL, name, why->hint, "%s", error_format(&bare, text, sizeof(text)));
    if (doctor->failed)
        return;
    doctor->failed = true;
    doctor->first = *why;
    (void)error_wrap(&doctor->first, "%s", name);
}

void doctor_space(struct doctor *doctor, const char *name, uint64_t free_bytes)
{
    bool low = free_bytes < UINT64_C(1) << 30;
    doctor_note(doctor, low ? HIKAE_CHECK_WARN : HIKAE_CHECK_OK, name, low ? "free some space, or add some" : "",
                "%llu MiB free", (unsigned long long)(free_bytes >> 20));
}

/* ---- This machine ---- */

/* The memory that OpenSSL's secure heap could lock; -1 if the system does not tell. */
static long locked_kib(void)
{
    CLEANUP(buf_free) struct buf text = {0};
    if (file_read("/proc/self/status", 1 << 16, &text, NULL) != 0 || buf_u8(&text, 0, NULL) != 0)
        return -1;
    const char *line = strstr((const char *)text.data, "\nVmLck:");
    return line != NULL ? strtol(line + strlen("\nVmLck:"), NULL, 10) : -1;
}

static void check_limits(struct doctor *doctor)
{
    struct rlimit limit = {0};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        bool low = limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < OPEN_FILES_MIN;
        doctor_note(doctor, low ? HIKAE_CHECK_WARN : HIKAE_CHECK_OK, "open files",
                    low ? "raise the limit: ulimit -n 4096, or LimitNOFILE= in the unit" : "",
                    "%llu files may be open at once", (unsigned long long)limit.rlim_cur);
    }
    long locked = locked_kib();
    if (locked < 0 && getrlimit(RLIMIT_MEMLOCK, &limit) == 0)
        locked = limit.rlim_cur == RLIM_INFINITY ? LOCKED_MIN_KIB : (long)(limit.rlim_cur >> 10);
    bool unlocked = locked < LOCKED_MIN_KIB;
    doctor_note(doctor, unlocked ? HIKAE_CHECK_WARN : HIKAE_CHECK_OK, "locked memory",
                unlocked ? "raise the limit: ulimit -l 4096, or LimitMEMLOCK= in the unit" : "",
                unlocked ? "keys may be written to swap: %ld KiB are locked"
                         : "keys cannot be swapped out: %ld KiB are locked",
                locked);
}

/* ---- Configuration and state ---- */

static void check_state(struct doctor *doctor)
{
    const char *state = doctor->config->state;
    struct stat st;
    struct error why = {0};
    if (stat(state, &st) != 0) {
        (void)error_set_errno(&why, ERROR_LOCAL, errno, "look at the state folder %s", state);
        (void)error_hint(&why,
                         "is the disk mounted? If it is lost, make the folder with mode 0700: it is filled again");
        doctor_fail(doctor, "state", &why);
        return;
    }
    int fd = -1;
    if (file_temporary(state, &fd, &why) != 0) {
        doctor_fail(doctor, "state", &why);
        return;
    }
    (void)close(fd);
    bool open = (st.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    doctor_note(doctor, open ? HIKAE_CHECK_WARN : HIKAE_CHECK_OK, "state", open ? "run: chmod 700 on this folder" : "",
                "%.300s can be written%s", state, open ? ", but others can look into it" : "");
    struct statvfs space;
    if (statvfs(state, &space) == 0)
        doctor_space(doctor, "state: space", (uint64_t)space.f_bavail * space.f_frsize);
}

static int is_sheet(const struct dirent *entry)
{
    return strncmp(entry->d_name, "recovery-sheet", strlen("recovery-sheet")) == 0;
}

/* Is it, by its name, of an epoch that is over? Where the keys do not open, nobody knows. */
static bool is_over(const struct doctor *doctor, const char *name)
{
    const struct keystore *keystore = doctor->hikae != NULL ? doctor->hikae->keystore : NULL;
    unsigned epoch = 0;
    return keystore != NULL && sscanf(name, "recovery-sheet-epoch-%u", &epoch) == 1 && epoch < keystore_epoch(keystore);
}

/* A sheet that lies on the machine whose loss it is for protects from nothing; one of an older epoch only does harm. */
static void check_sheets(struct doctor *doctor)
{
    const char *path = doctor->config->path, *slash = strrchr(path, '/');
    CLEANUP_FREE char *folder = slash != NULL ? mem_printf("%.*s", (int)(slash - path + 1), path) : mem_strdup(".");
    struct dirent **entries = NULL;
    int count = folder != NULL ? scandir(folder, &entries, is_sheet, versionsort) : -1;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (is_over(doctor, name))
            doctor_note(doctor, HIKAE_CHECK_WARN, "recovery sheet",
                        "remove the file and destroy its paper and every copy: with an old copy of the keystore it "
                        "still opens the tenants' keys; then `hikae purge declare`",
                        "%.200s is of an epoch that is over", name);
        else
            doctor_note(doctor, HIKAE_CHECK_WARN, "recovery sheet",
                        "print it, put the paper into a safe elsewhere, check its digits with `hikae keys sheet "
                        "--check FILE`, then remove the file",
                        "%.200s lies beside the configuration", name);
        free(entries[i]);
    }
    free(entries);
    if (count == 0)
        doctor_note(doctor, HIKAE_CHECK_OK, "recovery sheet", "", "none lies on this machine");
}

static void check_key_files(struct doctor *doctor)
{
    for (size_t g = 0; g < doctor->config->group_count; g++) {
        const struct config_group *group = &doctor->config->groups[g];
        if (strcmp(group->name, CONFIG_NEW_EPOCH) == 0)
            doctor_note(doctor, HIKAE_CHECK_WARN, "keys: rotation",
                        "run `hikae keys rotate --root` again: it finishes it",
                        "a rotation of the root key was cut short");
        for (size_t i = 0; i < group->member_count; i++) {
            const struct config_member *member = &group->members[i];
            struct stat st;
            if (member->path == NULL || stat(member->path, &st) != 0)
                continue; /* that it is not there is told with its group */
            struct error why = {0};
            if ((st.st_mode & (S_IRWXG | S_IRWXO)) == 0) {
                doctor_note(doctor, HIKAE_CHECK_OK, "key file", "", "%.300s is private", member->path);
                continue;
            }
            (void)error_set(&why, ERROR_KEYS, "%.300s can be read or written by others (mode %04o)", member->path,
                            (unsigned)(st.st_mode & 07777));
            (void)error_hint(&why, "run: chmod 600 %.150s, and consider who may have read it", member->path);
            doctor_fail(doctor, "key file", &why);
        }
    }
}

/* ---- All of it ---- */

/* What hikae_open says, in our own words again. */
static void take_open_error(struct doctor *doctor, const struct hikae_error *from)
{
    struct error why = {0};
    (void)error_set(&why, from->status == HIKAE_USAGE ? ERROR_CONFIG : ERROR_LOCAL, "%.500s", from->message);
    (void)error_hint(&why, "%s", from->hint);
    doctor_fail(doctor, "state: catalogue", &why);
}

static void check_all(struct doctor *doctor, const char *path)
{
    struct error why = {0};
    if (config_load(path, &doctor->config, &why) != 0) {
        doctor_fail(doctor, "configuration", &why);
        return;
    }
    doctor_note(doctor, HIKAE_CHECK_OK, "configuration", "", "%.200s names %zu targets and %zu groups of holders", path,
                doctor->config->target_count, doctor->config->group_count);
    check_state(doctor);
    check_key_files(doctor);
    struct hikae_error opening = {0};
    if (doctor->failed && doctor->first.class == ERROR_LOCAL) {
        check_limits(doctor);
        return; /* opening would make a state folder where a disk may be missing */
    }
    if (hikae_open(path, &doctor->hikae, &opening) != HIKAE_OK) {
        take_open_error(doctor, &opening);
        check_limits(doctor);
        return;
    }
    check_limits(doctor);
    doctor_store(doctor);
}

enum hikae_status hikae_doctor(const char *config_path, struct hikae_checks *ret, struct hikae_error *error)
{
    *ret = (struct hikae_checks){0};
    struct doctor doctor = {.checks = ret};
    check_all(&doctor, config_path != NULL ? config_path : CONFIG_DEFAULT_PATH);
    if (doctor.config != NULL)
        check_sheets(&doctor);
    hikae_close(doctor.hikae);
    config_free(doctor.config);
    if (doctor.no_memory) {
        hikae_checks_free(ret);
        (void)error_no_memory(&doctor.first);
        return api_result(-1, false, &doctor.first, error);
    }
    return api_result(doctor.failed ? -1 : 0, doctor.warned, &doctor.first, error);
}
