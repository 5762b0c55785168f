/* SPDX-License-Identifier: MIT
 *
 * bench_kernel.c: the kernel against a naive loop and against memory bandwidth.
 *
 * Usage: bench_kernel NAME FOLDER [pairs]. FOLDER holds time.i64 price.i64 qty.i64 side.u8.
 * Every workload first runs both ways and compares event digests and state hashes; then it is timed
 * in interleaved pairs on the thread's CPU clock. One JSON line each: medians, and the spread of
 * the ratio.
 *
 * The naive loop is what one writes first: all open orders in a compact array, each looked at on
 * each tick; a touched tick goes through the same match and ledger code. It is given what it needs:
 * no checks, no calls, no work on untouched ticks but clock and price.
 */
#define _POSIX_C_SOURCE 199309L
#include "../core/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PAIRS_MAX = 64 };

typedef struct data {
    const char *name;
    uint64_t count;
    int64_t *time;
    int64_t *price;
    int64_t *qty;
    uint8_t *side;
    void *map;
    uint64_t map_size;
} data;

/* ---- Measuring ------------------------------------------------------------------------------- */

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
    double sorted[PAIRS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, compare_doubles);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static double extreme(const double *values, int count, int sign)
{
    double best = values[0];
    for (int i = 1; i < count; i++)
        if (sign * values[i] > sign * best)
            best = values[i];
    return best;
}

static void report(const data *d, const char *workload, const double *ours, const double *other,
                   const double *ratios, int pairs, double goal)
{
    double ratio = median(ratios, pairs);
    printf(
        "{\"data\": \"%s\", \"workload\": \"%s\", \"ours_ns_per_tick\": %.5g, "
        "\"other_ns_per_tick\": %.5g, \"ratio\": %.4g, \"ratio_low\": %.4g, \"ratio_high\": %.4g, "
        "\"goal\": %.4g, \"met\": %s}\n",
        d->name, workload, median(ours, pairs), median(other, pairs), ratio,
        extreme(ratios, pairs, -1), extreme(ratios, pairs, 1), goal,
        ratio >= goal ? "true" : "false");
    fflush(stdout);
}

/* ---- Data ------------------------------------------------------------------------------------ */

static void *read_column(const char *folder, const char *name, size_t width, uint64_t *count_out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s\n", path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    void *column = aligned_alloc(64, (size + 63) / 64 * 64);
    if (fread(column, 1, size, file) != size)
        exit(1);
    fclose(file);
    *count_out = size / width;
    return column;
}

static data read_data(const char *name, const char *folder)
{
    data d = {.name = name};
    d.time = read_column(folder, "time.i64", 8, &d.count);
    d.price = read_column(folder, "price.i64", 8, &d.count);
    d.qty = read_column(folder, "qty.i64", 8, &d.count);
    d.side = read_column(folder, "side.u8", 1, &d.count);
    d.map_size = tks_zone_map_size(d.count);
    d.map = aligned_alloc(64, (d.map_size + 63) / 64 * 64);
    tks_zone_map_build(d.map, d.map_size, d.price, d.count);
    return d;
}

static tks_feed feed_of(const data *d, bool checked, bool with_map, uint64_t count)
{
    tks_feed feed;
    memset(&feed, 0, sizeof feed);
    feed.struct_size = sizeof feed;
    feed.flags = checked ? TKS_FEED_CHECKED : 0;
    feed.count = count;
    feed.time = d->time;
    feed.price_ticks = d->price;
    feed.qty_lots = d->qty;
    feed.side = d->side;
    feed.zone_map = with_map ? d->map : NULL;
    feed.zone_map_size = d->map_size;
    return feed;
}

/* ---- The engine both ways run on ------------------------------------------------------------- */

static tks_engine *engine_make(uint32_t orders_max)
{
    tks_instrument rules;
    memset(&rules, 0, sizeof rules);
    rules.struct_size = sizeof rules;
    rules.settle = TKS_SETTLE_SPOT;
    rules.position_mode = TKS_POSITION_NET;
    rules.fill_rule = TKS_FILL_TOUCH;
    rules.qty_rule = TKS_QTY_FULL;
    rules.orders_max = orders_max;
    rules.units_per_tick_lot = 1;
    rules.spread_ppb = 20000;
    rules.maker_fee_ppb = 20000;
    rules.taker_fee_ppb = 50000;
    rules.qty_step_lots = rules.qty_min_lots = 1;
    tks_config config;
    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.instrument_count = 1;
    config.events_max = 2 * orders_max + (1 << 15);
    config.initial_cash_units = INT64_C(1) << 50;
    config.instruments = &rules;
    size_t size;
    tks_engine *engine;
    tks_engine_size(&config, &size);
    tks_engine_init(aligned_alloc(64, (size + 63) / 64 * 64), size, &config, &engine);
    return engine;
}

static uint64_t place(tks_engine *engine, uint8_t type, uint8_t side, int64_t price_ticks)
{
    tks_order order;
    memset(&order, 0, sizeof order);
    order.struct_size = sizeof order;
    order.type = type;
    order.side = side;
    order.time_in_force = TKS_TIF_GTC;
    order.qty_lots = 10;
    order.price_ticks = price_ticks;
    uint64_t id;
    if (tks_order_place(engine, &order, &id) != TKS_STATUS_OK)
        abort();
    return id;
}

/* ---- The naive loop -------------------------------------------------------------------------- */

typedef struct watched { /* one open order, as small as it gets */
    int64_t threshold;
    uint32_t falling;
    uint32_t pending; /* touches the next tick whatever its price */
    uint64_t id;
} watched;

typedef struct naive {
    tks_engine *engine;
    watched *orders;
    uint32_t count;
} naive;

static void naive_watch(naive *n, uint64_t id)
{
    const tks__order *order = tks__order_at(n->engine, tks__order_find(n->engine, id));
    const tks__instrument *instrument = tks__instrument_at(n->engine, 0);
    watched *w = &n->orders[n->count++];
    *w = (watched){tks__threshold(instrument, order), tks__waits_for_falling(order),
                   order->state != TKS__ORDER_RESTING, id};
}

/* After a touched tick: what waited for its first tick has ended or rests now. */
static void naive_refresh(naive *n)
{
    for (uint32_t i = 0; i < n->count; i++) {
        watched *w = &n->orders[i];
        if (!w->pending)
            continue;
        uint32_t slot = tks__order_find(n->engine, w->id);
        if (slot == TKS_NONE)
            *w = n->orders[--n->count];
        else
            w->pending = tks__order_at(n->engine, slot)->state != TKS__ORDER_RESTING;
    }
}

/* An order that a fill has ended. */
static void naive_forget(naive *n, uint64_t id)
{
    for (uint32_t i = 0; i < n->count; i++)
        if (n->orders[i].id == id) {
            n->orders[i] = n->orders[--n->count];
            return;
        }
}

static bool naive_is_touched(const naive *n, int64_t price)
{
    bool touched = false;
    for (uint32_t i = 0; i < n->count; i++) {
        const watched *w = &n->orders[i];
        touched |= w->pending || (w->falling ? price <= w->threshold : price >= w->threshold);
    }
    return touched;
}

static void naive_tick(naive *n, const data *d, uint64_t row)
{
    tks_tick tick = {.time = d->time[row], .price_ticks = d->price[row], .qty_lots = d->qty[row]};
    tick.side = d->side[row];
    if (tks__tick(n->engine, &tick) != TKS_STATUS_OK)
        abort();
}

static void naive_pass(naive *n, const data *d, uint64_t row)
{
    tks__instrument *instrument = tks__instrument_at(n->engine, 0);
    n->engine->clock = d->time[row];
    n->engine->has_clock = 1;
    instrument->last_price_ticks = d->price[row];
    instrument->tick_count++;
}

/* ---- Workloads ------------------------------------------------------------------------------- */

typedef struct workload {
    const char *name;
    uint32_t resting;    /* far limit orders, half on each side */
    uint64_t every;      /* a MARKET order after every so many ticks; 0: none */
    bool grid;           /* resting orders close by, each fill replaced on the other side */
    uint64_t rows_naive; /* the naive loop is timed on a prefix when it would take hours */
    double goal_map;     /* ratio to the naive loop with a zone map */
    double goal_bound;   /* and on bound data without one; 0: not asked */
} workload;

/* Wide enough that a fill comes about every fifteen ticks of a walk of 3 ticks a step. */
static int64_t grid_step(const data *d)
{
    return d->price[0] / 12000 > 2 ? d->price[0] / 12000 : 2;
}

static void drain_all(tks_engine *engine)
{
    tks_event events[256];
    uint32_t count;
    do
        tks_events_drain(engine, events, 256, &count);
    while (count);
}

/* Far orders stand beyond every price of the data; grid orders around the first. */
static void place_resting(tks_engine *engine, const data *d, const workload *w, naive *n)
{
    int64_t low = d->price[0];
    int64_t high = low;
    for (uint64_t i = 0; i < d->count; i++) {
        low = d->price[i] < low ? d->price[i] : low;
        high = d->price[i] > high ? d->price[i] : high;
    }
    for (uint32_t i = 0; i < w->resting; i++) {
        uint8_t side = i % 2 ? TKS_SIDE_SELL : TKS_SIDE_BUY;
        int64_t k = 1 + (int64_t)i / 2;
        int64_t far = side == TKS_SIDE_BUY ? tks__max(low - low / 50 - k, 1) : high + high / 50 + k;
        int64_t near = d->price[0] + (side == TKS_SIDE_BUY ? -k : k) * grid_step(d);
        uint64_t id = place(engine, TKS_ORDER_LIMIT, side, w->grid ? tks__max(near, 1) : far);
        if (n)
            naive_watch(n, id);
    }
    drain_all(engine);
}

static uint8_t market_side(uint64_t k)
{
    return k % 2 ? TKS_SIDE_SELL : TKS_SIDE_BUY;
}

/* Fills of the events just drained, replaced one step away on the other side. */
static void replace_fills(tks_engine *engine, int64_t step, naive *n)
{
    tks_event events[64];
    uint32_t count;
    tks_events_drain(engine, events, 64, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].kind != TKS_EVENT_FILLED)
            continue;
        uint8_t side = events[i].qty_lots > 0 ? TKS_SIDE_SELL : TKS_SIDE_BUY;
        int64_t price = events[i].price_ticks + (side == TKS_SIDE_SELL ? step : -step);
        if (n)
            naive_forget(n, events[i].order_id);
        uint64_t id = place(engine, TKS_ORDER_LIMIT, side, tks__max(price, 1));
        if (n)
            naive_watch(n, id);
    }
}

static void naive_grid(naive *n, const data *d, uint64_t rows)
{
    int64_t step = grid_step(d);
    for (uint64_t row = 0; row < rows; row++) {
        if (!naive_is_touched(n, d->price[row])) {
            naive_pass(n, d, row);
            continue;
        }
        naive_tick(n, d, row);
        naive_refresh(n);
        replace_fills(n->engine, step, n);
    }
}

static void naive_run(naive *n, const data *d, const workload *w, uint64_t rows)
{
    uint64_t placed = 0;
    if (w->grid) {
        naive_grid(n, d, rows);
        return;
    }
    uint64_t next = w->every ? w->every : UINT64_MAX;
    for (uint64_t row = 0; row < rows; row++) {
        if (naive_is_touched(n, d->price[row])) {
            naive_tick(n, d, row);
            naive_refresh(n);
        } else {
            naive_pass(n, d, row);
        }
        if (row + 1 == next) {
            naive_watch(n, place(n->engine, TKS_ORDER_MARKET, market_side(placed++), 0));
            next += w->every;
        }
    }
}

static void run_batch_to(tks_engine *engine, tks_feed *feed, uint32_t stop_on)
{
    tks_batch_result result = {.struct_size = sizeof result};
    if (tks_step_batch(engine, feed, 1, stop_on, &result) != TKS_STATUS_OK)
        abort();
}

/* The columns of a schedule: a MARKET order after every so many ticks. Made once, like the data. */
static tks_schedule schedule_of(const workload *w, uint64_t rows)
{
    enum { ROWS_MAX = 1 << 16 };
    static int64_t after[ROWS_MAX];
    static int64_t qty[ROWS_MAX];
    static uint8_t type[ROWS_MAX];
    static uint8_t side[ROWS_MAX];
    static uint64_t made_for;
    uint64_t count = rows / w->every;
    for (uint64_t k = 0; made_for != w->every && k < count; k++) {
        after[k] = (int64_t)((k + 1) * w->every) - 1;
        qty[k] = 10;
        type[k] = TKS_ORDER_MARKET;
        side[k] = market_side(k);
    }
    made_for = w->every;
    return (tks_schedule){
        .count = count, .tick_index = after, .type = type, .side = side, .qty_lots = qty};
}

static void ours_run(tks_engine *engine, const data *d, const workload *w, uint64_t rows,
                     bool with_map)
{
    tks_feed feed = feed_of(d, true, with_map, rows);
    if (w->grid) {
        while (feed.cursor < rows) {
            run_batch_to(engine, &feed, TKS_STOP_ON(TKS_EVENT_FILLED));
            replace_fills(engine, grid_step(d), NULL);
        }
        return;
    }
    tks_batch_result result = {.struct_size = sizeof result};
    tks_schedule schedule = w->every ? schedule_of(w, rows) : (tks_schedule){0};
    schedule.struct_size = sizeof schedule;
    if (!w->every)
        run_batch_to(engine, &feed, 0);
    else if (tks_run_orders(engine, &feed, 1, &schedule, &result) != TKS_STATUS_OK)
        abort();
}

/* One run on a fresh state; only the run itself is timed. */
static double time_naive(naive *n, const data *d, const workload *w, uint64_t rows)
{
    tks_engine_reset(n->engine);
    n->count = 0;
    place_resting(n->engine, d, w, n);
    double start = now_ns();
    naive_run(n, d, w, rows);
    return (now_ns() - start) / (double)rows;
}

static double time_ours(tks_engine *engine, const data *d, const workload *w, uint64_t rows,
                        bool with_map)
{
    tks_engine_reset(engine);
    place_resting(engine, d, w, NULL);
    double start = now_ns();
    ours_run(engine, d, w, rows, with_map);
    return (now_ns() - start) / (double)rows;
}

static void check_equal(const tks_engine *a, const tks_engine *b, const char *name)
{
    tks_digest x[2];
    tks_digest y[2];
    tks_event_digest(a, &x[0]);
    tks_event_digest(b, &y[0]);
    tks_state_hash(a, &x[1]);
    tks_state_hash(b, &y[1]);
    if (memcmp(x, y, sizeof x) != 0) {
        fprintf(stderr, "%s: the naive loop and the kernel differ\n", name);
        exit(1);
    }
}

static void bench_workload(const data *d, const workload *w, int pairs, bool with_map)
{
    uint32_t orders_max = 2 * w->resting + 64; /* what a layer that grows by doubling ends with */
    naive naive_loop = {.engine = engine_make(orders_max)};
    naive *n = &naive_loop;
    tks_engine *engine = engine_make(orders_max);
    n->orders = malloc(orders_max * sizeof(watched));
    double ours[PAIRS_MAX];
    double other[PAIRS_MAX];
    double ratios[PAIRS_MAX];
    uint64_t rows = w->rows_naive && w->rows_naive < d->count ? w->rows_naive : d->count;
    time_naive(n, d, w, rows);
    time_ours(engine, d, w, rows, with_map);
    check_equal(n->engine, engine, w->name);
    for (int i = 0; i < pairs; i++) {
        other[i] = time_naive(n, d, w, rows);
        ours[i] = time_ours(engine, d, w, d->count, with_map);
        ratios[i] = other[i] / ours[i];
    }
    char name[128];
    snprintf(name, sizeof name, "%s, %s", w->name, with_map ? "zone map" : "bound, no map");
    report(d, name, ours, other, ratios, pairs, with_map ? w->goal_map : w->goal_bound);
    free(n->engine);
    free(n->orders);
    free(engine);
}

/* ---- Bandwidth ------------------------------------------------------------------------------- */

static volatile uint64_t sink_of_sums;

static uint64_t sum_words(const uint64_t *words, uint64_t count)
{
    uint64_t sums[8] = {0};
    for (uint64_t i = 0; i + 8 <= count; i += 8)
        for (int j = 0; j < 8; j++)
            sums[j] += words[i + (uint64_t)j];
    uint64_t sum = 0;
    for (int j = 0; j < 8; j++)
        sum += sums[j];
    return sum;
}

/* Reading one 8-byte column of the data, ns per tick. */
static double time_read(const data *d)
{
    double start = now_ns();
    sink_of_sums = sum_words((const uint64_t *)d->price, d->count);
    return (now_ns() - start) / (double)d->count;
}

/* Unchecked columns with two far orders: every byte is validated, the price column read again. */
static double time_bare(tks_engine *engine, const data *d)
{
    workload far = {.resting = 2};
    tks_feed feed = feed_of(d, false, false, d->count);
    tks_engine_reset(engine);
    place_resting(engine, d, &far, NULL);
    double start = now_ns();
    run_batch_to(engine, &feed, 0);
    return (now_ns() - start) / (double)d->count;
}

static double time_map(const data *d)
{
    double start = now_ns();
    tks_zone_map_build(d->map, d->map_size, d->price, d->count);
    return (now_ns() - start) / (double)d->count;
}

static void bench_bandwidth(const data *d, int pairs)
{
    tks_engine *engine = engine_make(64);
    double read[PAIRS_MAX];
    double bare[PAIRS_MAX];
    double map[PAIRS_MAX];
    double bare_ratios[PAIRS_MAX];
    double map_ratios[PAIRS_MAX];
    time_read(d);
    for (int i = 0; i < pairs; i++) {
        read[i] = time_read(d);
        bare[i] = time_bare(engine, d);
        map[i] = time_map(d);
        bare_ratios[i] = read[i] * (25 + 8) / 8 / bare[i];
        map_ratios[i] = read[i] / map[i];
    }
    printf("{\"data\": \"%s\", \"workload\": \"read bandwidth\", \"gigabytes_per_second\": %.3g}\n",
           d->name, 8 / median(read, pairs));
    /* 1.25 times the time the bytes take is 0.8 of bandwidth. */
    report(d, "bare arrays validated and scanned, share of bandwidth", bare, read, bare_ratios,
           pairs, 0.8);
    report(d, "zone map built, share of bandwidth", map, read, map_ratios, pairs, 0.6);
    free(engine);
}

int main(int argc, char **argv)
{
    static const workload workloads[] = {
        {"2 far orders", 2, 0, false, 0, 30, 3},
        {"one order per 10k ticks, 2 far", 2, 10000, false, 0, 30, 3},
        {"one order per 1k ticks, 2 far", 2, 1000, false, 0, 5, 1},
        {"100 resting", 100, 0, false, 1000000, 100, 0},
        {"1000 resting", 1000, 0, false, 100000, 300, 0},
        {"100000 resting", 100000, 0, false, 2000, 5000, 0},
        {"1000 resting, fills replaced", 1000, 0, true, 200000, 100, 0},
    };
    if (argc < 3) {
        fprintf(stderr, "usage: bench_kernel NAME FOLDER [pairs]\n");
        return 2;
    }
    int pairs = argc > 3 ? atoi(argv[3]) : 7;
    pairs = pairs < 1 ? 1 : pairs > PAIRS_MAX ? PAIRS_MAX : pairs;
    data d = read_data(argv[1], argv[2]);
    bench_bandwidth(&d, pairs);
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        bench_workload(&d, &workloads[i], pairs, true);
        if (workloads[i].goal_bound > 0)
            bench_workload(&d, &workloads[i], pairs, false);
    }
    return 0;
}
