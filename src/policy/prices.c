#include "policy/prices.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "policy/yaml_read.h"

#include <string.h>

/* List prices without tax, of the first step where there are several. A folder costs what its disk costs. */
const char prices_text[] = "date: 2025-06-30\n"
                           "currency: USD\n"
                           "prices:\n"
                           "  - {provider: aws, region: ap-northeast-1, storage_gb_month: 0.025, put_1000: 0.0047,\n"
                           "     egress_gb: 0.114}\n"
                           "  - {provider: aws, region: ap-northeast-3, storage_gb_month: 0.025, put_1000: 0.0047,\n"
                           "     egress_gb: 0.114}\n"
                           "  - {provider: aws, region: us-east-1, storage_gb_month: 0.023, put_1000: 0.005,\n"
                           "     egress_gb: 0.09}\n"
                           "  - {provider: wasabi, region: any, storage_gb_month: 0.00699, put_1000: 0, egress_gb: 0,\n"
                           "     minimum_days: 90}\n";

enum { DECIMALS = 6, DIGITS_MAX = 9 };

/* "0.0047" as millionths. */
static int read_amount(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                       struct error *err)
{
    static const char allowed[] = "an amount such as 0.0047, with at most 6 decimals";
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    size_t whole = strspn(text, "0123456789");
    const char *fraction = text[whole] == '.' ? text + whole + 1 : text + whole;
    size_t decimals = strspn(fraction, "0123456789");
    if (whole == 0 || whole > DIGITS_MAX || (text[0] == '0' && whole > 1) || fraction[decimals] != '\0' ||
        decimals > DECIMALS || (text[whole] == '.' && decimals == 0))
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is no amount for \"%s\"", text, field->name);
    uint64_t value = 0;
    for (size_t i = 0; i < whole; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    for (size_t i = 0; i < DECIMALS; i++)
        value = value * 10 + (i < decimals ? (uint64_t)(fraction[i] - '0') : 0);
    *(uint64_t *)(void *)((char *)object + field->offset) = value;
    return 0;
}

static int read_price(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "provider", .read = yaml_read_name, .offset = offsetof(struct price, provider), .required = true},
        {.name = "region", .read = yaml_read_name, .offset = offsetof(struct price, region), .required = true},
        {.name = "storage_gb_month",
         .read = read_amount,
         .offset = offsetof(struct price, storage_gb_month),
         .required = true},
        {.name = "put_1000", .read = read_amount, .offset = offsetof(struct price, put_1000), .required = true},
        {.name = "egress_gb", .read = read_amount, .offset = offsetof(struct price, egress_gb), .required = true},
        {.name = "minimum_days", .read = yaml_read_number, .offset = offsetof(struct price, minimum_days), .max = 3650},
        {0},
    };
    struct price *items = context;
    if (yaml_read_mapping(reader, item, "a price", fields, &items[number], err) != 0)
        return -1;
    for (size_t i = 0; i < number; i++)
        if (strcmp(items[i].provider, items[number].provider) == 0 &&
            strcmp(items[i].region, items[number].region) == 0)
            return yaml_complain(reader, item, err, "write each region once", "the prices of %s %s stand here twice",
                                 items[i].provider, items[i].region);
    return 0;
}

static int read_items(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                      struct error *err)
{
    struct prices *prices = object;
    size_t count = 0;
    (void)field;
    if (yaml_read_sequence(reader, node, "prices", &count, err) != 0)
        return -1;
    prices->items = mem_calloc(count, sizeof(*prices->items));
    if (prices->items == NULL)
        return error_no_memory(err);
    prices->count = count;
    return yaml_each(reader, node, read_price, prices->items, err);
}

static int read_date(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    static const char allowed[] = "the day on which they were looked at: 2026-11-21";
    struct prices *prices = object;
    struct error ignored = {0};
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    if (strlen(text) != strlen("2026-11-21") || clock_parse(text, &prices->date_ns, &ignored) != 0)
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is no day", text);
    prices->date = mem_strdup(text);
    return prices->date != NULL ? 0 : error_no_memory(err);
}

static int parse(const char *file, const void *text, size_t size, struct prices *ret, struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "date", .read = read_date, .required = true},
        {.name = "currency", .read = yaml_read_name, .offset = offsetof(struct prices, currency), .required = true},
        {.name = "prices", .read = read_items, .required = true},
        {0},
    };
    struct yaml_reader reader;
    if (yaml_reader_open_with(&reader, file, "`hikae help forecast` shows the form", text, size, err) != 0)
        return -1;
    int rc = yaml_read_mapping(&reader, yaml_reader_root(&reader), "a file of prices", fields, ret, err);
    yaml_reader_free(&reader);
    return rc;
}

int prices_load(const char *path, struct prices *ret, struct error *err)
{
    struct buf text = {0};
    *ret = (struct prices){0};
    int rc = path != NULL ? file_read(path, YAML_READ_SIZE_MAX, &text, err) : 0;
    if (rc == 0)
        rc = path != NULL ? parse(path, text.data, text.size, ret, err)
                          : parse("prices", prices_text, strlen(prices_text), ret, err);
    buf_free(&text);
    if (rc != 0)
        prices_clear(ret);
    return rc;
}

void prices_clear(struct prices *prices)
{
    for (size_t i = 0; i < prices->count; i++) {
        mem_free(prices->items[i].provider);
        mem_free(prices->items[i].region);
    }
    mem_free(prices->items);
    mem_free(prices->date);
    mem_free(prices->currency);
    *prices = (struct prices){0};
}

const struct price *prices_find(const struct prices *prices, const char *provider, const char *region)
{
    const struct price *anywhere = NULL;
    for (size_t i = 0; provider != NULL && i < prices->count; i++) {
        const struct price *price = &prices->items[i];
        if (strcmp(price->provider, provider) != 0)
            continue;
        if (region != NULL && strcmp(price->region, region) == 0)
            return price;
        if (strcmp(price->region, "any") == 0)
            anywhere = price;
    }
    return anywhere;
}
