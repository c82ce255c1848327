/* forecast: bytes, requests, disk and cost of each target in the months to come. */
#include "ops/forecast.h"

#include "base/json.h"
#include "base/mem.h"
#include "policy/prices.h"

#include <stdlib.h>
#include <string.h>

#define DAY_NS       (INT64_C(86400) * NS_PER_S)
#define PRICES_OLD   (INT64_C(365) * DAY_NS)
#define DAYS_A_MONTH 30.0
/* A record, a pack and a lease, and a listing before: what a backup asks at least of each target. */
enum { REQUESTS_A_BACKUP = 4, POINTS_LEAST = 3, MONTHS_MAX = 120 };

/* ---- The trend ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

void forecast_trend(const struct forecast_point *points, size_t count, struct forecast_trend *ret)
{
    double slopes[FORECAST_POINTS_MAX * (FORECAST_POINTS_MAX - 1) / 2];
    size_t found = 0;
    count = count < FORECAST_POINTS_MAX ? count : FORECAST_POINTS_MAX;
    *ret = (struct forecast_trend){.points = count};
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++) {
            double days = (double)(points[i].time_ns - points[k].time_ns) / (double)DAY_NS;
            if (points[i].time_ns != points[k].time_ns)
                slopes[found++] = (points[i].value - points[k].value) / days;
        }
    if (count < POINTS_LEAST || found == 0)
        return;
    qsort(slopes, found, sizeof(slopes[0]), compare_doubles);
    ret->low = slopes[found / 4];
    ret->middle = found % 2 != 0 ? slopes[found / 2] : (slopes[found / 2 - 1] + slopes[found / 2]) / 2;
    ret->high = slopes[found - 1 - found / 4];
}

/* ---- What is known ---- */

struct nights {
    struct forecast_point points[FORECAST_POINTS_MAX]; /* the newest first */
    size_t count;
};

/* What the runs of one night added and freed is one point: a run every hour must not crowd out the weeks before. */
static int take_night(const struct catalog_run *run, void *context, struct error *err)
{
    struct nights *nights = context;
    json_t *json CLEANUP_JSON = NULL;
    if (json_parse(run->result, strlen(run->result), &json, err) != 0)
        return -1;
    const json_t *net = json_object_get(json, "net_bytes");
    if (!json_is_integer(net))
        return 0;
    if (nights->count == 0 || nights->points[nights->count - 1].time_ns - run->started_ns >= DAY_NS * 3 / 4) {
        if (nights->count == FORECAST_POINTS_MAX)
            return 0;
        nights->points[nights->count++] = (struct forecast_point){.time_ns = run->started_ns};
    }
    nights->points[nights->count - 1].value += (double)json_integer_value(net);
    return 0;
}

/* From what each night added to what there was after it. */
static int take_trend(struct hikae *hikae, struct forecast_trend *ret, struct error *err)
{
    struct nights nights = {.count = 0};
    if (catalog_run_each(hikae->catalog, NULL, "run", 2000, take_night, &nights, err) != 0)
        return -1;
    for (size_t i = nights.count; i-- > 1;)
        nights.points[i - 1].value += nights.points[i].value;
    forecast_trend(nights.points, nights.count, ret);
    return 0;
}

/* ---- The forecast ---- */

static uint64_t ahead(uint64_t now, double a_day, double days)
{
    double value = (double)now + a_day * days;
    return value <= 0 ? 0 : value >= 9e18 ? (uint64_t)9e18 : (uint64_t)value;
}

static double amount(uint64_t millionths, double of)
{
    return (double)millionths / 1e6 * of;
}

/* What all targets have in common. */
struct outlook {
    struct hikae *hikae;
    const struct prices *prices;
    const struct hikae_targets *targets;
    const struct hikae_status_report *status;
    struct forecast_trend trend;
    unsigned months;
};

static void fill_month(const struct outlook *outlook, unsigned number, const struct price *price,
                       const struct hikae_forecast_target *target, struct hikae_forecast_month *month)
{
    const struct forecast_trend *trend = &outlook->trend;
    double days = DAYS_A_MONTH * number, pack = (double)outlook->hikae->config->pack_mib * 1048576;
    double packs = trend->middle > 0 ? trend->middle * DAYS_A_MONTH / pack : 0;
    *month = (struct hikae_forecast_month){
        .month = number,
        .bytes = ahead(target->bytes, trend->middle, days),
        .bytes_low = ahead(target->bytes, trend->low, days),
        .bytes_high = ahead(target->bytes, trend->high, days),
        .requests = (uint64_t)(packs + DAYS_A_MONTH * REQUESTS_A_BACKUP * (double)outlook->status->count)};
    if (price == NULL)
        return;
    /* What lies there grows during the month: its mean is billed. */
    double mean = (double)ahead(target->bytes, trend->middle, days - DAYS_A_MONTH / 2) / 1e9;
    month->cost = amount(price->storage_gb_month, mean) + amount(price->put_1000, (double)month->requests / 1000);
    month->restore_cost = amount(price->egress_gb, (double)month->bytes / 1e9);
}

static int fill_target(const struct outlook *outlook, const struct hikae_target *from,
                       struct hikae_forecast_target *ret, struct error *err)
{
    const struct forecast_trend *trend = &outlook->trend;
    const struct price *price = prices_find(outlook->prices, from->provider, from->region);
    *ret = (struct hikae_forecast_target){.name = mem_strdup(from->name),
                                          .months = mem_calloc(outlook->months, sizeof(*ret->months)),
                                          .nights = trend->points,
                                          .bytes_a_day = trend->middle,
                                          .bytes_a_day_low = trend->low,
                                          .bytes_a_day_high = trend->high,
                                          .free_bytes = from->free_bytes,
                                          .priced = price != NULL,
                                          .minimum_days = price != NULL ? price->minimum_days : 0};
    if (ret->name == NULL || ret->months == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < outlook->status->target_count; i++)
        if (strcmp(outlook->status->targets[i].name, from->name) == 0) {
            ret->bytes = outlook->status->targets[i].bytes;
            ret->objects = outlook->status->targets[i].objects;
        }
    if (from->free_bytes != UINT64_MAX && trend->high > 0 && (double)from->free_bytes / trend->high < 36500)
        ret->full_ns = clock_now_ns() + (int64_t)((double)from->free_bytes / trend->high * (double)DAY_NS);
    for (unsigned i = 0; i < outlook->months; i++)
        fill_month(outlook, i + 1, price, ret, &ret->months[ret->month_count++]);
    return 0;
}

static int fill(struct outlook *outlook, struct hikae_forecast *ret, struct error *err)
{
    ret->prices_date = mem_strdup(outlook->prices->date);
    ret->currency = mem_strdup(outlook->prices->currency);
    ret->targets = mem_calloc(outlook->targets->count, sizeof(*ret->targets));
    if (ret->prices_date == NULL || ret->currency == NULL || ret->targets == NULL)
        return error_no_memory(err);
    ret->prices_old = clock_now_ns() - outlook->prices->date_ns > PRICES_OLD;
    if (take_trend(outlook->hikae, &outlook->trend, err) != 0)
        return -1;
    for (size_t i = 0; i < outlook->targets->count; i++)
        if (fill_target(outlook, &outlook->targets->targets[i], &ret->targets[ret->count++], err) != 0)
            return -1;
    return 0;
}

static int check_months(unsigned months, struct error *err)
{
    return months > 0 && months <= MONTHS_MAX
               ? 0
               : error_set(err, ERROR_USAGE, "a forecast is for 1 to %d months", MONTHS_MAX);
}

int forecast_take(struct hikae *hikae, unsigned months, const char *prices_file,
                  const struct hikae_status_report *status, struct hikae_forecast *ret, struct error *err)
{
    struct prices prices = {0};
    struct hikae_targets targets = {0};
    struct hikae_error why;
    *ret = (struct hikae_forecast){0};
    if (check_months(months, err) != 0 || prices_load(prices_file, &prices, err) != 0)
        return -1;
    int rc = 0;
    if (hikae_target_list(hikae, &targets, &why) > HIKAE_WARNINGS)
        rc = error_set(err, ERROR_UNREACHABLE, "%s", why.message);
    struct outlook outlook = {
        .hikae = hikae, .prices = &prices, .targets = &targets, .status = status, .months = months};
    if (rc == 0)
        rc = fill(&outlook, ret, err);
    if (rc != 0)
        hikae_forecast_free(ret);
    hikae_targets_free(&targets);
    prices_clear(&prices);
    return rc;
}

enum hikae_status hikae_forecast(struct hikae *hikae, unsigned months, const char *prices_file,
                                 struct hikae_forecast *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct hikae_status_report report = {0};
    *ret = (struct hikae_forecast){0};
    if (check_months(months, &err) != 0)
        return api_result(-1, false, &err, error);
    enum hikae_status status = hikae_overview(hikae, &report, error);
    if (status > HIKAE_WARNINGS)
        return status;
    int rc = forecast_take(hikae, months, prices_file, &report, ret, &err);
    if (rc == 0 && ret->prices_old)
        engine_warn(hikae, "the prices are of %s: name a newer file with --prices", ret->prices_date);
    hikae_status_free(&report);
    return api_result(rc, false, &err, error);
}

void hikae_forecast_free(struct hikae_forecast *forecast)
{
    for (size_t i = 0; i < forecast->count; i++) {
        mem_free(forecast->targets[i].name);
        mem_free(forecast->targets[i].months);
    }
    mem_free(forecast->targets);
    mem_free(forecast->prices_date);
    mem_free(forecast->currency);
    *forecast = (struct hikae_forecast){0};
}
