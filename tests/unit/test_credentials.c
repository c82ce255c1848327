/* Credentials that lie on this machine: environment, files, profiles, systemd. */
#include "credentials_fixture.h"

static void environment(void **state)
{
    (void)state;
    refuse_source(TARGET_CREDENTIALS_ENVIRONMENT, NULL, ERROR_CONFIG, "AWS_ACCESS_KEY_ID");
    set("AWS_SECRET_ACCESS_KEY", SECRET);
    refuse_source(TARGET_CREDENTIALS_ENVIRONMENT, NULL, ERROR_CONFIG, "there is no access key id");
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "there is no access key id");
    set("AWS_ACCESS_KEY_ID", "AKIA");
    expect_source(TARGET_CREDENTIALS_ENVIRONMENT, NULL, "AKIA", NULL);
    set("AWS_SESSION_TOKEN", "tok/en+=");
    expect_source(TARGET_CREDENTIALS_ENVIRONMENT, NULL, "AKIA", "tok/en+=");
    refuse_source(TARGET_CREDENTIALS_ENVIRONMENT, "TOKYO_", ERROR_CONFIG, "TOKYO_ACCESS_KEY_ID");
    set("TOKYO_ACCESS_KEY_ID", "test:tester");
    set("TOKYO_SECRET_ACCESS_KEY", SECRET);
    expect_source(TARGET_CREDENTIALS_ENVIRONMENT, "TOKYO_", "test:tester", NULL);
    set("TOKYO_SECRET_ACCESS_KEY", SECRET "\r\nHost: elsewhere");
    refuse_source(TARGET_CREDENTIALS_ENVIRONMENT, "TOKYO_", ERROR_CONFIG, "a space or another byte");
}

static void sources_that_cannot_be(void **state)
{
    static const struct target_credentials wrong[] = {
        {TARGET_CREDENTIALS_ENVIRONMENT, ""},     {TARGET_CREDENTIALS_ENVIRONMENT, "A-B"},
        {TARGET_CREDENTIALS_FILE, NULL},          {TARGET_CREDENTIALS_FILE, "relative"},
        {TARGET_CREDENTIALS_PROFILE, ""},         {TARGET_CREDENTIALS_PROFILE, "a]"},
        {TARGET_CREDENTIALS_SYSTEMD, "../other"}, {TARGET_CREDENTIALS_SYSTEMD, ".."},
        {TARGET_CREDENTIALS_SYSTEMD, NULL},       {(enum target_credentials_kind)77, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct credentials *c = NULL;
        struct error err = {0};
        const struct credentials_options options = {.from = wrong[i]};
        assert_int_equal(credentials_open(&options, &c, &err), -1);
        assert_int_equal(err.class, ERROR_CONFIG);
        assert_null(c);
    }
    credentials_close(NULL);
    credentials_release(NULL);
}

static void files(void **state)
{
    (void)state;
    const char *path = write_file("plain", KEYS("AKIA1") "region = ap-northeast-1\n", 0600);
    expect_source(TARGET_CREDENTIALS_FILE, path, "AKIA1", NULL);
    expect_region(TARGET_CREDENTIALS_FILE, path, "ap-northeast-1");
    path = write_file("dos",
                      "# mine\r\n; too\r\n[other]\r\naws_access_key_id = AKIA0\r\n[ default ]\r\n"
                      "aws_access_key_id=AKIA2\r\naws_secret_access_key\t=\t" SECRET
                      " \r\naws_session_token = TOKEN=\r\ns3 =\r\n  addressing_style = path",
                      0400);
    expect_source(TARGET_CREDENTIALS_FILE, path, "AKIA2", "TOKEN=");
    expect_region(TARGET_CREDENTIALS_FILE, path, NULL);
}

static void files_that_are_refused(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *why;
    } cases[] = {
        {KEYS("AKIA"), 0644, "can be read or written by others (mode 0644)"},
        {KEYS("AKIA"), 0640, "can be read or written by others (mode 0640)"},
        {KEYS("AKIA"), 0620, "can be read or written by others (mode 0620)"},
        {"", 0600, "holds no access key"},
        {"[elsewhere]\n" KEYS("AKIA"), 0600, "holds no access key"},
        {"aws_secret_access_key = " SECRET "\n", 0600, "there is no access key id"},
        {"aws_access_key_id = AKIA\n", 0600, "there is no secret"},
        {KEYS("AKIA") "aws_secret_access_key = " SECRET "\n", 0600, "line 3: aws_secret_access_key is given twice"},
        {KEYS("AKIA") SECRET "\n", 0600, "line 3, is neither"},
        {"= " SECRET "\n", 0600, "line 1, is neither"},
        {"aws_access_key_id = AK IA\naws_secret_access_key = " SECRET "\n", 0600, "a space or another byte"},
        {"aws_access_key_id = AKIA\naws_secret_access_key = " SECRET " # x\n", 0600, "a space or another byte"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse_source(TARGET_CREDENTIALS_FILE, write_file("file", cases[i].text, cases[i].mode), ERROR_CONFIG,
                      cases[i].why);
    refuse_source(TARGET_CREDENTIALS_FILE, inside("absent"), ERROR_NOT_FOUND, "is not there");
    refuse_source(TARGET_CREDENTIALS_FILE, folder, ERROR_CONFIG, "not a regular file");
    static char big[(32 << 10) + 2];
    memset(big, '#', sizeof(big) - 1);
    refuse_source(TARGET_CREDENTIALS_FILE, write_file("big", big, 0600), ERROR_CONFIG, "longer than");
    if (geteuid() == 0) {
        const char *path = write_file("theirs", KEYS("AKIA"), 0600);
        assert_int_equal(chown(path, 4711, 4711), 0);
        refuse_source(TARGET_CREDENTIALS_FILE, path, ERROR_CONFIG, "belongs to user 4711");
    }
}

static void systemd(void **state)
{
    (void)state;
    refuse_source(TARGET_CREDENTIALS_SYSTEMD, "tokyo", ERROR_CONFIG, "CREDENTIALS_DIRECTORY is not set");
    set("CREDENTIALS_DIRECTORY", folder);
    refuse_source(TARGET_CREDENTIALS_SYSTEMD, "tokyo", ERROR_NOT_FOUND, "is not there");
    (void)write_file("tokyo", KEYS("AKIA3"), 0440);
    expect_source(TARGET_CREDENTIALS_SYSTEMD, "tokyo", "AKIA3", NULL);
    (void)write_file("tokyo", KEYS("AKIA3"), 0444);
    refuse_source(TARGET_CREDENTIALS_SYSTEMD, "tokyo", ERROR_CONFIG, "by others");
}

static void profiles(void **state)
{
    (void)state;
    refuse_source(TARGET_CREDENTIALS_PROFILE, "backup", ERROR_CONFIG, "profile backup is neither in");
    assert_int_equal(mkdir(inside(".aws"), 0700), 0);
    (void)write_file(".aws/credentials", "[default]\n" KEYS("AKIAD") "[backup]\n" KEYS("AKIAB") "[profile odd]\n",
                     0600);
    (void)write_file(".aws/config",
                     "[default]\nregion = us-east-1\n[profile backup]\nregion = ap-northeast-3\n"
                     "[profile role]\nrole_arn = arn:x\nsource_profile = default\n[profile empty]\noutput = json\n",
                     0644);
    expect_source(TARGET_CREDENTIALS_PROFILE, "default", "AKIAD", NULL);
    expect_source(TARGET_CREDENTIALS_PROFILE, "backup", "AKIAB", NULL);
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "AKIAD", NULL);
    expect_region(TARGET_CREDENTIALS_DEFAULT, NULL, "us-east-1");
    expect_region(TARGET_CREDENTIALS_PROFILE, "backup", "ap-northeast-3");
    refuse_source(TARGET_CREDENTIALS_PROFILE, "role", ERROR_CONFIG, "gets its keys through \"role_arn\"");
    refuse_source(TARGET_CREDENTIALS_PROFILE, "empty", ERROR_CONFIG, "holds no access key");
    refuse_source(TARGET_CREDENTIALS_PROFILE, "odd", ERROR_CONFIG, "profile odd is neither in");
    set("AWS_PROFILE", "backup");
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "AKIAB", NULL);
    set("AWS_REGION", "eu-west-1");
    expect_region(TARGET_CREDENTIALS_PROFILE, "backup", "eu-west-1");
    set("AWS_PROFILE", "gone");
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "profile gone is neither in");

    set("AWS_SHARED_CREDENTIALS_FILE", write_file("elsewhere", "[gone]\n" KEYS("AKIAG"), 0600));
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "AKIAG", NULL);
    (void)write_file("elsewhere", "[gone]\n" KEYS("AKIAG"), 0604);
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "by others");
    (void)write_file("elsewhere", "", 0600);
    set("AWS_CONFIG_FILE", write_file("conf", "[profile gone]\n" KEYS("AKIAC"), 0600));
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "AKIAC", NULL);
    (void)write_file("conf", "[profile gone]\n" KEYS("AKIAC"), 0644);
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "conf can be read or written by others");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(environment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sources_that_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(systemd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(profiles, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, start_service, stop_service);
}
