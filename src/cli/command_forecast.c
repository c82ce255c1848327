/* forecast. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <stdio.h>

enum { MONTHS_DEFAULT = 6, MONTHS_MAX = 120 };

static void json_target(struct run *run, json_t *item, const struct hikae_forecast_target *target)
{
    struct out *out = &run->out;
    out_text(out, item, "name", target->name);
    out_number(out, item, "bytes", target->bytes);
    out_number(out, item, "objects", target->objects);
    out_number(out, item, "nights", target->nights);
    out_set(out, item, "bytes_a_day", json_real(target->bytes_a_day));
    out_set(out, item, "bytes_a_day_low", json_real(target->bytes_a_day_low));
    out_set(out, item, "bytes_a_day_high", json_real(target->bytes_a_day_high));
    out_set(out, item, "free_bytes",
            target->free_bytes == UINT64_MAX ? json_null() : json_integer((json_int_t)target->free_bytes));
    out_time(out, item, "full", target->full_ns);
    out_bool(out, item, "priced", target->priced);
    out_number(out, item, "minimum_days", target->minimum_days);
    json_t *months = out_array(out, item, "months");
    for (size_t i = 0; i < target->month_count; i++) {
        const struct hikae_forecast_month *month = &target->months[i];
        json_t *row = out_item(out, months);
        if (row == NULL)
            return;
        out_number(out, row, "month", month->month);
        out_number(out, row, "bytes", month->bytes);
        out_number(out, row, "bytes_low", month->bytes_low);
        out_number(out, row, "bytes_high", month->bytes_high);
        out_number(out, row, "requests", month->requests);
        out_set(out, row, "cost", target->priced ? json_real(month->cost) : json_null());
        out_set(out, row, "restore_cost", target->priced ? json_real(month->restore_cost) : json_null());
    }
}

static void json_forecast(struct run *run, const struct hikae_forecast *forecast)
{
    json_t *targets = out_array(&run->out, NULL, "targets");
    for (size_t i = 0; i < forecast->count; i++) {
        json_t *item = out_item(&run->out, targets);
        if (item == NULL)
            return;
        json_target(run, item, &forecast->targets[i]);
    }
    out_text(&run->out, NULL, "currency", forecast->currency);
    out_text(&run->out, NULL, "prices_date", forecast->prices_date);
    out_bool(&run->out, NULL, "prices_old", forecast->prices_old);
}

static void add_money(struct columns *columns, bool priced, double amount, const char *currency)
{
    char CLEANUP_FREE *text = priced ? mem_printf("%.2f %s", amount, currency) : NULL;
    columns_add(columns, text);
}

static void print_forecast(struct run *run, const struct hikae_forecast *forecast)
{
    static const char *const heads[] = {"TARGET",    ">MONTH", ">HELD",          ">LEAST", ">MOST",
                                        ">REQUESTS", ">COST",  ">WHOLE RESTORE", "FULL",   NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < forecast->count; i++) {
        const struct hikae_forecast_target *target = &forecast->targets[i];
        for (size_t k = 0; k < target->month_count; k++) {
            const struct hikae_forecast_month *month = &target->months[k];
            columns_add(&columns, target->name);
            columns_add(&columns, text_count(month->month, text));
            columns_add(&columns, text_size(month->bytes, text));
            columns_add(&columns, text_size(month->bytes_low, text));
            columns_add(&columns, text_size(month->bytes_high, text));
            columns_add(&columns, text_count(month->requests, text));
            add_money(&columns, target->priced, month->cost, forecast->currency);
            add_money(&columns, target->priced, month->restore_cost, forecast->currency);
            columns_add(&columns, k == 0 && target->full_ns != 0 ? text_time(target->full_ns, text) : NULL);
        }
    }
    run_table(run, &columns);
}

enum hikae_status command_forecast(struct run *run)
{
    struct hikae_forecast forecast = {0};
    unsigned months = MONTHS_DEFAULT;
    const char *given = run_option(run, "months");
    char text[TEXT_SMALL];
    size_t nights = SIZE_MAX;
    if (given != NULL && value_number(run, "months", given, MONTHS_MAX, &months) != HIKAE_OK)
        return HIKAE_USAGE;
    enum hikae_status status = hikae_forecast(run->hikae, months, run_option(run, "prices"), &forecast, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    for (size_t i = 0; i < forecast.count; i++)
        nights = forecast.targets[i].nights < nights ? forecast.targets[i].nights : nights;
    if (run->out.json)
        json_forecast(run, &forecast);
    else
        print_forecast(run, &forecast);
    if (forecast.count > 0 && nights >= 3)
        run_say(run, MSG_FORECAST, text_count(nights, text), forecast.prices_date);
    else
        run_say(run, MSG_FORECAST_NONE, forecast.prices_date);
    hikae_forecast_free(&forecast);
    return status;
}
