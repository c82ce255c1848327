/* Who may read a file: by its mode, by every folder above it, by group and owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/file.h"
#include "base/mem.h"
#include "ops/roles.h"
#include "scratch.h"

#include <string.h>
#include <sys/stat.h>

static char folder[256];

static int make_folder(void **state)
{
    (void)state;
    return scratch_make(folder, sizeof(folder), "roles") == 0 && chmod(folder, 0711) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

/* The modes count as they are for whoever owns the files: this process. */
static void test_reads(void **state)
{
    (void)state;
    const struct role_user owner = {.exists = true, .uid = 4242, .groups = {100}, .group_count = 1};
    const struct role_user member = {.exists = true, .uid = 4243, .groups = {7, 4240}, .group_count = 2};
    const struct role_user other = {.exists = true, .uid = 4244, .groups = {7}, .group_count = 1};
    static const struct {
        unsigned mode, above;
        bool owner, member, other;
    } table[] = {
        {0600, 0711, true, false, false},  {0640, 0711, true, true, false}, {0644, 0711, true, true, true},
        {0044, 0711, false, true, true}, /* the owner's own bits decide, although others could */
        {0604, 0711, true, false, true}, /* and the group's */
        {0644, 0700, true, false, false},  {0644, 0710, true, true, false}, {0644, 0744, true, false, false},
        {0000, 0711, false, false, false},
    };
    CLEANUP_FREE char *above = mem_printf("%s/above", folder);
    CLEANUP_FREE char *file = mem_printf("%s/file", above);
    assert_int_equal(mkdir(above, 0711), 0);
    assert_int_equal(file_write_atomic(file, "x", 1, 0600, NULL), 0);
    if (chown(above, 4242, 4240) != 0 || chown(file, 4242, 4240) != 0) {
        assert_int_equal(errno, EPERM); /* only root can give files away */
        skip();
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        bool acl = false;
        assert_int_equal(chmod(above, table[i].above), 0);
        assert_int_equal(chmod(file, table[i].mode), 0);
        assert_int_equal(role_user_reads(&owner, file, &acl), table[i].owner);
        assert_int_equal(role_user_reads(&member, file, &acl), table[i].member);
        assert_int_equal(role_user_reads(&other, file, &acl), table[i].other);
        assert_false(acl);
    }
    bool acl = false;
    CLEANUP_FREE char *nothing = mem_printf("%s/nothing", above);
    assert_false(role_user_reads(&owner, nothing, &acl));
    assert_false(role_user_reads(&owner, "file", &acl)); /* not from the root */
}

static void test_users(void **state)
{
    (void)state;
    struct role_user user;
    role_user_find("root", &user);
    assert_true(user.exists);
    assert_int_equal(user.uid, 0);
    assert_true(user.group_count >= 1);
    role_user_find("nobody-has-this-name", &user);
    assert_false(user.exists);
    assert_int_equal(user.group_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_users)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
