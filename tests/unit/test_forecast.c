/* The trend: a table of nights; prices: what the list says and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/file.h"
#include "ops/forecast.h"
#include "policy/prices.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void test_trend(void **context)
{
    static const struct {
        const char *what;
        double values[8]; /* one a day */
        size_t count;
        double low, middle, high;
    } rows[] = {
        {"a straight line", {0, 10, 20, 30, 40}, 5, 10, 10, 10},
        {"nothing changes", {7, 7, 7}, 3, 0, 0, 0},
        {"one night out of line does not move it", {0, 10, 20, 9000, 40, 50, 60}, 7, 10, 10, 10},
        {"it shrinks", {40, 30, 20, 10}, 4, -10, -10, -10},
        {"two nights are too few", {0, 10}, 2, 0, 0, 0},
        {"none", {0}, 0, 0, 0, 0},
        /* Slopes: 0, 5, 20/3, 10, 10, 10. */
        {"by hand", {0, 0, 10, 20}, 4, 5, 25.0 / 3, 10},
    };
    (void)context;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct forecast_point points[8];
        struct forecast_trend trend;
        for (size_t k = 0; k < rows[i].count; k++)
            points[k] = (struct forecast_point){(int64_t)k * 86400 * NS_PER_S, rows[i].values[k]};
        forecast_trend(points, rows[i].count, &trend);
        if (fabs(trend.low - rows[i].low) > 1e-6 || fabs(trend.middle - rows[i].middle) > 1e-6 ||
            fabs(trend.high - rows[i].high) > 1e-6)
            fail_msg("%s: %f %f %f", rows[i].what, trend.low, trend.middle, trend.high);
        assert_int_equal(trend.points, rows[i].count);
    }
}

static int load(const char *text, struct prices *ret)
{
    char path[] = "/tmp/hikae-prices-XXXXXX";
    struct error err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(file_write_full(fd, text, strlen(text)), 0);
    (void)close(fd);
    int rc = prices_load(path, ret, &err);
    (void)unlink(path);
    assert_int_equal(err.class, rc == 0 ? ERROR_NONE : ERROR_CONFIG);
    return rc;
}

static void test_prices(void **context)
{
    static const char head[] = "date: 2026-11-21\ncurrency: JPY\nprices:\n  - {provider: aws, region: any, ";
    static const char *const bad[] = {
        "storage_gb_month: 1e3, put_1000: 0, egress_gb: 0}\n",
        "storage_gb_month: -1, put_1000: 0, egress_gb: 0}\n",
        "storage_gb_month: 00.1, put_1000: 0, egress_gb: 0}\n",
        "storage_gb_month: 0.1234567, put_1000: 0, egress_gb: 0}\n",
        "storage_gb_month: 1., put_1000: 0, egress_gb: 0}\n",
        "put_1000: 0, egress_gb: 0}\n",
        "storage_gb_month: 1, put_1000: 0, egress_gb: 0, tax: 1}\n",
        "storage_gb_month: 1, put_1000: 0, egress_gb: 0}\n"
        "  - {provider: aws, region: any, storage_gb_month: 1, put_1000: 0, egress_gb: 0}\n"};
    struct prices prices;
    struct error err = {0};
    char text[512];
    (void)context;
    assert_int_equal(prices_load(NULL, &prices, &err), 0);
    const struct price *price = prices_find(&prices, "wasabi", "ap-northeast-2");
    assert_non_null(price);
    assert_int_equal(price->minimum_days, 90);
    assert_null(prices_find(&prices, "aws", "mars-1"));
    assert_null(prices_find(&prices, "folder", NULL));
    assert_null(prices_find(&prices, NULL, NULL));
    prices_clear(&prices);
    (void)snprintf(text, sizeof(text), "%sstorage_gb_month: 12.5, put_1000: 0.000001, egress_gb: 0}\n", head);
    assert_int_equal(load(text, &prices), 0);
    assert_int_equal(prices.items[0].storage_gb_month, 12500000);
    assert_int_equal(prices.items[0].put_1000, 1);
    prices_clear(&prices);
    /* A region's own prices count, wherever those of any region stand. */
    (void)snprintf(text, sizeof(text),
                   "%sstorage_gb_month: 1, put_1000: 0, egress_gb: 0}\n"
                   "  - {provider: aws, region: mars-1, storage_gb_month: 2, put_1000: 0, egress_gb: 0}\n",
                   head);
    assert_int_equal(load(text, &prices), 0);
    assert_int_equal(prices_find(&prices, "aws", "mars-1")->storage_gb_month, 2000000);
    assert_int_equal(prices_find(&prices, "aws", "mars-2")->storage_gb_month, 1000000);
    assert_int_equal(prices_find(&prices, "aws", NULL)->storage_gb_month, 1000000);
    prices_clear(&prices);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(text, sizeof(text), "%s%s", head, bad[i]);
        assert_int_equal(load(text, &prices), -1);
    }
    assert_int_equal(load("date: soon\ncurrency: JPY\nprices: []\n", &prices), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trend), cmocka_unit_test(test_prices)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
