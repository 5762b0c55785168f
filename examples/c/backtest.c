/* SPDX-License-Identifier: MIT
 *
 * backtest.c: a grid of limit orders over columns of trades, in C alone.
 *
 *     cc -O2 backtest.c $(pkg-config --cflags --libs tickstep) -o backtest
 *     ./backtest FOLDER
 *
 * FOLDER holds time.i64, price.i64, qty.i64 and side.u8: little-endian columns of equal length.
 * The rule: ten buys below and ten sells above the first price, a step of 1/2000 of it apart;
 * whatever fills is followed by the opposite order one step away. Printed are the digest of all
 * events, which is the same in every language this rule is written in, and the account.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tickstep.h>

enum { LEVELS = 10, QTY_LOTS = 1000, EVENTS_AT_ONCE = 64 };

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "backtest: %s\n", what);
    exit(1);
}

static void require_ok(tks_status status)
{
    require(status == TKS_STATUS_OK, tks_status_message((int32_t)status));
}

/* ---- Columns --------------------------------------------------------------------------------- */

static void *read_column(const char *folder, const char *name, size_t width, uint64_t *count_out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    require(file != NULL, path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    require(size > 0 && (size_t)size % width == 0, "a column is empty or cut off");
    void *column = malloc((size_t)size);
    require(column && fread(column, 1, (size_t)size, file) == (size_t)size,
            "a column cannot be read");
    fclose(file);
    *count_out = (uint64_t)size / width;
    return column;
}

/* Checked once, so that each of the many batches need not check again; the zone map lets a batch
 * skip rows that reach no order. */
static tks_feed read_feed(const char *folder, const tks_instrument *instrument)
{
    uint64_t counts[4];
    uint64_t bad_row;
    tks_feed feed = {.struct_size = sizeof feed};
    feed.time = read_column(folder, "time.i64", 8, &counts[0]);
    feed.price_ticks = read_column(folder, "price.i64", 8, &counts[1]);
    feed.qty_lots = read_column(folder, "qty.i64", 8, &counts[2]);
    feed.side = read_column(folder, "side.u8", 1, &counts[3]);
    require(counts[0] == counts[1] && counts[0] == counts[2] && counts[0] == counts[3],
            "the columns are of different length");
    feed.count = counts[0];
    require_ok(tks_feed_check(&feed, instrument, &bad_row));
    feed.flags = TKS_FEED_CHECKED;
    feed.zone_map_size = tks_zone_map_size(feed.count);
    void *map = malloc(feed.zone_map_size);
    require(map != NULL, "no memory");
    require_ok(tks_zone_map_build(map, feed.zone_map_size, feed.price_ticks, feed.count));
    feed.zone_map = map;
    return feed;
}

/* ---- The engine ------------------------------------------------------------------------------ */

typedef struct backtest {
    tks_config config;
    tks_instrument instrument;
    tks_engine *engine;
    int64_t step_ticks;
    uint64_t fills;
} backtest;

static void engine_make(backtest *b)
{
    size_t size;
    b->instrument.struct_size = sizeof b->instrument;
    b->instrument.settle = TKS_SETTLE_SPOT;
    b->instrument.position_mode = TKS_POSITION_NET;
    b->instrument.fill_rule = TKS_FILL_TOUCH;
    b->instrument.qty_rule = TKS_QTY_FULL;
    b->instrument.orders_max = 2 * LEVELS;
    b->instrument.units_per_tick_lot = 1;
    b->instrument.maker_fee_ppb = 20000;
    b->instrument.taker_fee_ppb = 50000;
    b->instrument.qty_step_lots = 1;
    b->instrument.qty_min_lots = 1;
    b->config.struct_size = sizeof b->config;
    b->config.instrument_count = 1;
    b->config.events_max = EVENTS_AT_ONCE;
    b->config.initial_cash_units = INT64_C(1000000000000000);
    b->config.instruments = &b->instrument;
    require_ok(tks_engine_size(&b->config, &size));
    void *memory = malloc(size);
    require(memory != NULL, "no memory");
    require_ok(tks_engine_init(memory, size, &b->config, &b->engine));
}

/* The answer to CAPACITY: the same engine, moved into a block with twice the room. */
static void engine_grow(backtest *b)
{
    size_t size;
    tks_engine *larger;
    b->instrument.orders_max *= 2;
    b->config.events_max *= 2;
    require_ok(tks_engine_size(&b->config, &size));
    void *memory = malloc(size);
    require(memory != NULL, "no memory");
    require_ok(tks_engine_copy(memory, size, &b->config, b->engine, &larger));
    free(b->engine);
    b->engine = larger;
}

/* ---- The rule -------------------------------------------------------------------------------- */

static void place_limit(backtest *b, tks_side side, int64_t qty_lots, int64_t price_ticks,
                        uint64_t tag)
{
    uint64_t order_id;
    tks_order order = {.struct_size = sizeof order, .type = TKS_ORDER_LIMIT};
    order.side = (uint8_t)side;
    order.time_in_force = TKS_TIF_GTC;
    order.qty_lots = qty_lots;
    order.price_ticks = price_ticks;
    order.tag = tag;
    tks_status status;
    while ((status = tks_order_place(b->engine, &order, &order_id)) == TKS_STATUS_CAPACITY)
        engine_grow(b);
    require_ok(status);
}

static void place_grid(backtest *b, int64_t first_price)
{
    b->step_ticks = first_price / 2000 > 1 ? first_price / 2000 : 1;
    for (int64_t k = 1; k <= LEVELS; k++)
        place_limit(b, TKS_SIDE_BUY, QTY_LOTS, first_price - k * b->step_ticks, (uint64_t)k);
    for (int64_t k = 1; k <= LEVELS; k++)
        place_limit(b, TKS_SIDE_SELL, QTY_LOTS, first_price + k * b->step_ticks, (uint64_t)k);
}

static void answer(backtest *b, const tks_event *event)
{
    if (event->kind != TKS_EVENT_FILLED)
        return;
    b->fills++;
    if (event->qty_lots > 0)
        place_limit(b, TKS_SIDE_SELL, event->qty_lots, event->price_ticks + b->step_ticks,
                    event->tag);
    else
        place_limit(b, TKS_SIDE_BUY, -event->qty_lots, event->price_ticks - b->step_ticks,
                    event->tag);
}

static void answer_events(backtest *b)
{
    tks_event events[EVENTS_AT_ONCE];
    uint32_t count;
    do {
        require_ok(tks_events_drain(b->engine, events, EVENTS_AT_ONCE, &count));
        for (uint32_t i = 0; i < count; i++)
            answer(b, &events[i]);
    } while (count);
}

static void run(backtest *b, tks_feed *feed)
{
    tks_batch_result result = {.struct_size = sizeof result};
    do {
        answer_events(b);
        tks_status status =
            tks_step_batch(b->engine, feed, 1, TKS_STOP_ON(TKS_EVENT_FILLED), &result);
        if (status == TKS_STATUS_CAPACITY)
            engine_grow(b);
        else
            require_ok(status);
    } while (feed->cursor < feed->count);
    answer_events(b);
}

static void print_outcome(const backtest *b)
{
    tks_digest digest;
    tks_snapshot snapshot;
    require_ok(tks_event_digest(b->engine, &digest));
    require_ok(tks_snapshot_get(b->engine, 0, &snapshot));
    printf("digest %016" PRIx64 "%016" PRIx64 "\n", digest.high, digest.low);
    printf("cash %" PRId64 " position %" PRId64 " fills %" PRIu64 "\n", snapshot.cash_units,
           snapshot.position_lots, b->fills);
}

int main(int argc, char **argv)
{
    backtest b;
    require(argc == 2, "usage: backtest FOLDER");
    memset(&b, 0, sizeof b);
    engine_make(&b);
    tks_feed feed = read_feed(argv[1], &b.instrument);
    place_grid(&b, feed.price_ticks[0]);
    run(&b, &feed);
    print_outcome(&b);
    return 0; /* the system takes the memory back */
}
