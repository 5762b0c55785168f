/* SPDX-License-Identifier: MIT
 *
 * test_feeds.c: thousands of feeds at once. What a run looks at is counted, not timed: ten times the
 * feeds, or ten times the rows, with as many times the orders, must cost ten times as many looks.
 * Every run is compared with the same ticks and orders one by one.
 *
 * The searches and runs are compiled in once more, under other names and with the counter on.
 */
#include <stdint.h>

static uint64_t looks;
#define TKS__LOOK() ((void)looks++)
#define tks_zone_map_size counted_zone_map_size
#define tks_zone_map_build counted_zone_map_build
#define tks_zone_map_build_ranges counted_zone_map_build_ranges
#define tks_feed_check counted_feed_check
#define tks_step_batch counted_step_batch
#define tks_run_orders counted_run_orders
#include "../../core/scan.c"
#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>

static long passed;
static long failed;

static void check(bool holds, const char *what)
{
    if (holds) {
        passed++;
        return;
    }
    failed++;
    fprintf(stderr, "failed: %s\n", what);
}

static uint64_t random_state = 1;

static uint64_t random_next(void)
{
    uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static int64_t random_in(int64_t low, int64_t high)
{
    return low + (int64_t)(random_next() % ((uint64_t)(high - low) + 1));
}

static void *get_memory(size_t size)
{
    void *memory = calloc(size ? size : 1, 1);
    if (!memory)
        abort();
    return memory;
}

/* ---- A market of many instruments ------------------------------------------------------------ */

enum { DAY = 10 }; /* between two rows of a feed, which all come at the same times */

typedef struct market {
    uint32_t count;
    uint64_t rows; /* of each feed */
    int64_t latency;
    tks_feed *feeds;
    int64_t *time; /* one after the other */
    int64_t *price;
    tks_instrument *rules;
} market;

static market market_make(uint32_t count, uint64_t rows)
{
    market m = {.count = count, .rows = rows};
    m.feeds = get_memory(count * sizeof *m.feeds);
    m.rules = get_memory(count * sizeof *m.rules);
    m.time = get_memory(count * rows * 8);
    m.price = get_memory(count * rows * 8);
    for (uint32_t i = 0; i < count; i++) {
        int64_t price = 1000;
        for (uint64_t row = 0; row < rows; row++) {
            m.time[i * rows + row] = (int64_t)row * DAY;
            m.price[i * rows + row] = price = tks__max(price + random_in(-3, 3), 500);
        }
        m.rules[i] = (tks_instrument){.struct_size = sizeof m.rules[i]};
        m.rules[i].settle = TKS_SETTLE_SPOT;
        m.rules[i].position_mode = TKS_POSITION_NET;
        m.rules[i].fill_rule = TKS_FILL_TOUCH;
        m.rules[i].qty_rule = TKS_QTY_FULL;
        m.rules[i].orders_max = 512;
        m.rules[i].units_per_tick_lot = 1;
        m.rules[i].qty_step_lots = m.rules[i].qty_min_lots = 1;
    }
    return m;
}

static void market_free(market *m)
{
    free(m->feeds);
    free(m->rules);
    free(m->time);
    free(m->price);
}

static void feeds_open(market *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        tks_feed *feed = &m->feeds[i];
        *feed = (tks_feed){.struct_size = sizeof *feed, .instrument = i};
        feed->flags = TKS_FEED_CHECKED;
        feed->count = m->rows;
        feed->time = m->time + i * m->rows;
        feed->price_ticks = m->price + i * m->rows;
    }
}

static tks_engine *engine_make(const market *m)
{
    size_t size;
    tks_engine *engine;
    tks_config config = {.struct_size = sizeof config, .instrument_count = m->count};
    config.events_max = 1 << 16;
    config.commands_max = 1 << 16;
    config.latency = m->latency;
    config.instruments = m->rules;
    if (tks_engine_size(&config, &size) != TKS_STATUS_OK ||
        tks_engine_init(get_memory(size), size, &config, &engine) != TKS_STATUS_OK)
        abort();
    return engine;
}

static void drain(tks_engine *engine)
{
    static tks_event events[4096];
    uint32_t count;
    do
        tks_events_drain(engine, events, 4096, &count);
    while (count);
}

/* ---- Orders ---------------------------------------------------------------------------------- */

static void place(tks_engine *engine, const tks_order *order)
{
    uint64_t id;
    drain(engine);
    check(tks_order_place(engine, order, &id) == TKS_STATUS_OK, "an order is placed");
}

static tks_order limit_near(uint32_t instrument)
{
    tks_order order = {.struct_size = sizeof order, .instrument = instrument};
    order.type = TKS_ORDER_LIMIT;
    order.side = (uint8_t)random_in(0, 1);
    order.time_in_force = TKS_TIF_GTC;
    order.qty_lots = 1;
    int64_t away = random_in(1, 40);
    order.price_ticks = order.side == TKS_SIDE_BUY ? 1000 - away : 1000 + away;
    return order;
}

/* So many for each instrument and a hundred rows. */
typedef struct plan {
    const char *name;
    int64_t limits;    /* that rest close by and trade one after the other */
    int64_t dated;     /* far away, that end in time on any day */
    int64_t cancelled; /* far away, whose cancels are on their way */
    int64_t scheduled; /* at market, in a schedule */
    bool by_row;       /* the schedule names ticks, not times */
    int64_t latency;
} plan;

static int64_t sum_of(const market *m, int64_t each)
{
    return each * (int64_t)m->rows / 100;
}

static void place_plan(tks_engine *engine, const market *m, const plan *p)
{
    for (uint32_t i = 0; i < m->count; i++) {
        for (int64_t k = sum_of(m, p->limits); k > 0; k--) {
            tks_order order = limit_near(i);
            place(engine, &order);
        }
        for (int64_t k = sum_of(m, p->dated); k > 0; k--) {
            tks_order order = limit_near(i);
            order.price_ticks = order.side == TKS_SIDE_BUY ? 1 : 1000000;
            order.time_in_force = TKS_TIF_GTD;
            order.expire_time = random_in(0, (int64_t)m->rows * DAY - 1);
            place(engine, &order);
        }
        for (int64_t k = sum_of(m, p->cancelled); k > 0; k--) {
            tks_order order = limit_near(i);
            order.price_ticks = order.side == TKS_SIDE_BUY ? 1 : 1000000;
            place(engine, &order);
        }
    }
}

typedef struct orders { /* columns of a schedule */
    int64_t *when;
    int64_t *qty;
    uint32_t *instrument;
    uint8_t *type;
    uint8_t *side;
    uint64_t count;
} orders;

/* Each instrument in its turn, so many every hundred days, in the merged order. */
static orders orders_make(const market *m, const plan *p)
{
    uint64_t most = m->count * (uint64_t)sum_of(m, p->scheduled) + m->count;
    orders o = {get_memory(8 * most), get_memory(8 * most), get_memory(4 * most),
                get_memory(most),     get_memory(most),     0};
    uint64_t every = p->scheduled ? 100 / (uint64_t)p->scheduled : UINT64_MAX;
    for (uint64_t row = 0; row < m->rows; row++)
        for (uint32_t i = 0; i < m->count && p->scheduled; i++) {
            if (row % every != i % every)
                continue;
            o.when[o.count] = p->by_row ? (int64_t)row : (int64_t)row * DAY;
            o.qty[o.count] = 1;
            o.instrument[o.count] = i;
            o.type[o.count] = TKS_ORDER_MARKET;
            o.side[o.count++] = row / every % 2 ? TKS_SIDE_SELL : TKS_SIDE_BUY;
        }
    return o;
}

static void orders_free(orders *o)
{
    free(o->when);
    free(o->qty);
    free(o->instrument);
    free(o->type);
    free(o->side);
}

static tks_schedule schedule_of(const orders *o, const plan *p)
{
    tks_schedule s = {.struct_size = sizeof s, .count = o->count};
    s.time = p->by_row ? NULL : o->when;
    s.tick_index = p->by_row ? o->when : NULL;
    s.instrument = o->instrument;
    s.type = o->type;
    s.side = o->side;
    s.qty_lots = o->qty;
    return s;
}

/* ---- Both ways ------------------------------------------------------------------------------- */

static uint64_t run_counted(tks_engine *engine, market *m, tks_schedule *schedule)
{
    tks_batch_result result = {.struct_size = sizeof result};
    uint64_t executed = 0;
    tks_status status;
    feeds_open(m);
    do {
        status = counted_run_orders(engine, m->feeds, m->count, schedule, &result);
        executed += result.ticks_executed;
        schedule->flags = TKS_SCHEDULE_CHECKED;
        drain(engine);
    } while (status == TKS_STATUS_CAPACITY);
    check(status == TKS_STATUS_OK, "a run comes to the end");
    return executed;
}

static void place_scheduled(tks_engine *engine, const tks_schedule *s, uint64_t row)
{
    tks_order order = {.struct_size = sizeof order, .instrument = s->instrument[row]};
    order.type = s->type[row];
    order.side = s->side[row];
    order.time_in_force = TKS_TIF_GTC;
    order.qty_lots = s->qty_lots[row];
    place(engine, &order);
}

static void run_singly(tks_engine *engine, const market *m, const tks_schedule *s, bool by_row)
{
    uint64_t next = 0;
    for (uint64_t row = 0; row < m->rows; row++)
        for (uint32_t i = 0; i < m->count; i++) {
            tks_tick tick = {.time = (int64_t)row * DAY, .instrument = i, .qty_lots = 1};
            tick.price_ticks = m->price[i * m->rows + row];
            drain(engine);
            check(tks_step(engine, &tick) == TKS_STATUS_OK, "a tick is taken");
            bool is_last = i + 1 == m->count;
            while (next < s->count &&
                   (by_row ? s->instrument[next] == i && s->tick_index[next] == (int64_t)row
                           : is_last && s->time[next] == tick.time))
                place_scheduled(engine, s, next++);
        }
}

static bool is_same(const tks_engine *a, const tks_engine *b)
{
    tks_digest x[2];
    tks_digest y[2];
    tks_event_digest(a, &x[0]);
    tks_event_digest(b, &y[0]);
    tks_state_hash(a, &x[1]);
    tks_state_hash(b, &y[1]);
    return memcmp(x, y, sizeof x) == 0;
}

/* Cancels given before the first tick would act at once. */
static void begin(tks_engine *engine, const market *m, const plan *p)
{
    if (p->latency) {
        tks_tick tick = {.time = -1, .price_ticks = 1000, .qty_lots = 1};
        check(tks_step(engine, &tick) == TKS_STATUS_OK, "the first tick");
    }
    place_plan(engine, m, p);
    for (uint64_t id = 1; p->cancelled && id < engine->order_id_next; id += 2)
        check(tks_order_cancel(engine, id) == TKS_STATUS_OK, "a cancel is on its way");
}

typedef struct counts {
    uint64_t looks;
    uint64_t executed;
} counts;

static counts run_plan(uint32_t count, uint64_t rows, const plan *p)
{
    market m = market_make(count, rows);
    m.latency = p->latency;
    tks_engine *batched = engine_make(&m);
    tks_engine *stepped = engine_make(&m);
    orders o = orders_make(&m, p);
    tks_schedule schedule = schedule_of(&o, p);
    uint64_t seed = random_state;
    begin(batched, &m, p);
    random_state = seed;
    begin(stepped, &m, p);
    looks = 0;
    counts c = {.executed = run_counted(batched, &m, &schedule)};
    c.looks = looks;
    run_singly(stepped, &m, &schedule, p->by_row);
    check(is_same(batched, stepped), "a run is its steps");
    check(inspect(batched) == NULL, "the engine is sound after a run");
    orders_free(&o);
    free(batched);
    free(stepped);
    market_free(&m);
    return c;
}

static void compare(const plan *p, const char *what, counts a, counts b)
{
    printf("feeds: %-22s %-18s looks %llu -> %llu, executed %llu -> %llu\n", p->name, what,
           (unsigned long long)a.looks, (unsigned long long)b.looks, (unsigned long long)a.executed,
           (unsigned long long)b.executed);
    check(b.executed <= 11 * a.executed, "ten times as many rows are executed");
    check(b.looks <= 11 * a.looks, "ten times as many looks");
}

int main(void)
{
    static const plan plans[] = {
        {.name = "limits close by", .limits = 10},
        {.name = "orders that end in time", .dated = 20},
        {.name = "limits and dated ones", .limits = 5, .dated = 20},
        {.name = "cancels on their way", .limits = 5, .cancelled = 5, .latency = 15},
        {.name = "a schedule of times", .scheduled = 5},
        {.name = "a schedule of rows", .scheduled = 5, .by_row = true},
        {.name = "a schedule under way", .limits = 5, .dated = 10, .scheduled = 5, .by_row = true},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        const plan *p = &plans[i];
        counts base = run_plan(60, 100, p);
        compare(p, "ten times the feeds", base, run_plan(600, 100, p));
        compare(p, "ten times the rows", base, run_plan(60, 1000, p));
    }
    printf("%ld passed, %ld failed\n", passed, failed);
    return failed ? 1 : 0;
}
