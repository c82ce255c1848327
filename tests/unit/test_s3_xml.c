#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "target/s3_target.h"
#include "target/s3_xml.h"

#include <string.h>

static int append(const char *path, const char *text, void *context, struct error *err)
{
    struct buf *out = context;
    if (buf_append(out, path, strlen(path), err) != 0 || buf_append(out, "=", 1, err) != 0 ||
        buf_append(out, text, strlen(text), err) != 0)
        return -1;
    return buf_append(out, ";", 1, err);
}

static void test_good(void **state)
{
    static const struct {
        const char *xml, *expected;
    } rows[] = {
        {"<A/>", "A=;"},
        {"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<L xmlns=\"http://x/\"><C><K>a&amp;b</K><S> 1</S></C></L>",
         "L/C/K=a&b;L/C/S= 1;L/C=;L=;"},
        {"<n:L xmlns:n=\"u\"><n:K>&lt;&#x41;&gt;</n:K></n:L>", "L/K=<A>;L=;"},
        {"<A><![CDATA[<B>]]></A>", "A=<B>;"},
        {"<A><B>x</B><B>y</B></A>", "A/B=x;A/B=y;A=;"},
        {"<A>\xe6\x8e\xa7</A>", "A=\xe6\x8e\xa7;"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        struct buf out = {0};
        if (s3_xml_read(rows[i].xml, strlen(rows[i].xml), append, &out, &err) != 0)
            fail_msg("%s: %s", rows[i].xml, err.what);
        assert_int_equal(buf_u8(&out, 0, &err), 0);
        assert_string_equal((char *)out.data, rows[i].expected);
        buf_free(&out);
    }
}

static void refused(const char *xml, size_t size)
{
    struct error err = {0};
    struct buf out = {0};
    if (s3_xml_read(xml, size, append, &out, &err) != -1)
        fail_msg("taken: %.100s", xml);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_true(err.retryable);
    buf_free(&out);
}

static void test_hostile(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "plain",
        "<A>",
        "<A><B></A></B>",
        "<A></A><A></A>",
        "<A>x</A>y",
        "{\"a\":1}",
        "<A>&unknown;</A>",
        "<A b=c/>",
        "<A>\x01</A>",
        "<A>\xff\xfe</A>",
        /* Entities that grow, and files of this machine. */
        "<!DOCTYPE A [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><A>&b;</A>",
        "<!DOCTYPE A SYSTEM \"file:///etc/passwd\"><A/>",
        "<!DOCTYPE A><A/>",
        "<A><B><C><D><E><F><G><H><I><J><K><L><M/></L></K></J></I></H></G></F></E></D></C></B></A>",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refused(rows[i], strlen(rows[i]));
    refused("<A>a\0b</A>", 10);
    /* A text of S3_XML_TEXT_MAX bytes is taken, one byte more is not; nor is a name that fills the path. */
    enum { SIZE = S3_XML_TEXT_MAX + 8 };
    char *xml = mem_alloc(SIZE);
    memset(xml, 'x', SIZE);
    memcpy(xml, "<A>", 3);
    memcpy(xml + SIZE - 4, "</A>", 4);
    refused(xml, SIZE);
    struct error err = {0};
    struct buf out = {0};
    memcpy(xml + SIZE - 5, "</A>", 4);
    assert_int_equal(s3_xml_read(xml, SIZE - 1, append, &out, &err), 0);
    buf_free(&out);
    memset(xml, 'x', 400);
    xml[0] = '<';
    memcpy(xml + 400, "/>", 2);
    refused(xml, 402);
    mem_free(xml);
}

/* Cut off after any byte, an answer is never taken for a shorter one. */
static void test_cut(void **state)
{
    static const char xml[] = "<?xml version=\"1.0\"?><L><T>false</T><C><K>a</K></C><C><K>b</K></C></L>";
    (void)state;
    for (size_t size = 0; size < strlen(xml); size++)
        refused(xml, size);
}

static int stop(const char *path, const char *text, void *context, struct error *err)
{
    (void)text;
    (void)context;
    return strcmp(path, "A/B") == 0 ? error_set(err, ERROR_REFUSED, "enough") : 0;
}

static void test_stop(void **state)
{
    struct error err = {0};
    (void)state;
    assert_int_equal(s3_xml_read("<A><B/><C/></A>", 15, stop, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
}

static void test_escape(void **state)
{
    struct error err = {0};
    struct buf out = {0};
    (void)state;
    assert_int_equal(s3_xml_escape("a<b>&\"c", &out, &err), 0);
    assert_int_equal(buf_u8(&out, 0, &err), 0);
    assert_string_equal((char *)out.data, "a&lt;b&gt;&amp;&quot;c");
    assert_int_equal(s3_xml_escape("a\x01", &out, &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
    buf_free(&out);
}

static void test_words(void **state)
{
    static const struct {
        const char *text, *expected;
    } escapes[] = {{"a%2Fb+c%20", "a/b c "}, {"", ""}, {"%41%61", "Aa"}, {"%", NULL}, {"%4", NULL}, {"%4g", NULL},
                   {"a%00b", NULL}};
    static const struct {
        const char *text;
        int64_t seconds;
    } times[] = {
        {"2013-05-24T00:00:00.000Z", 1369353600},
        {"2013-05-24T00:00:00Z", 1369353600},
        {"Fri, 24 May 2013 00:00:00 GMT", 1369353600},
        {"Fri, 24 Mai 2013 00:00:00 GMT", 0},
        {"yesterday", 0},
        {"", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        char text[40];
        (void)strncpy(text, escapes[i].text, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(s3_unescape(text), escapes[i].expected != NULL);
        if (escapes[i].expected != NULL)
            assert_string_equal(text, escapes[i].expected);
    }
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        assert_true(s3_parse_time(times[i].text) == times[i].seconds * INT64_C(1000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_hostile), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_stop), cmocka_unit_test(test_escape),  cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
