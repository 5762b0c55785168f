/* SPDX-License-Identifier: MIT
 *
 * test_growth.c: what grows with what, by counting instead of timing. The result of a batch counts
 * the rows it looked at; ten times the ticks with the same orders must leave these counts nearly as
 * they are. Then large order books, and the zone map against a look at every row.
 *
 * Usage: test_growth [open orders of the largest book, 2000000]
 */
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
    void *memory = malloc(size ? size : 1);
    if (!memory)
        abort();
    return memory;
}

/* ---- One engine, one instrument -------------------------------------------------------------- */

typedef struct book {
    tks_config config;
    tks_instrument rules;
    tks_engine *engine;
} book;

static void book_open(book *b, uint32_t orders_max, uint32_t events_max)
{
    size_t size;
    memset(b, 0, sizeof *b);
    b->rules.struct_size = sizeof b->rules;
    b->rules.flags = TKS_INSTRUMENT_ALLOW_NEGATIVE;
    b->rules.settle = TKS_SETTLE_SPOT;
    b->rules.position_mode = TKS_POSITION_NET;
    b->rules.fill_rule = TKS_FILL_TOUCH;
    b->rules.qty_rule = TKS_QTY_FULL;
    b->rules.orders_max = orders_max;
    b->rules.units_per_tick_lot = 1;
    b->rules.qty_step_lots = b->rules.qty_min_lots = 1;
    b->config.struct_size = sizeof b->config;
    b->config.instrument_count = 1;
    b->config.events_max = events_max;
    b->config.instruments = &b->rules;
    if (tks_engine_size(&b->config, &size) != TKS_STATUS_OK ||
        tks_engine_init(get_memory(size), size, &b->config, &b->engine) != TKS_STATUS_OK)
        abort();
}

static void book_close(book *b)
{
    free(b->engine);
}

static void drain(tks_engine *engine)
{
    static tks_event events[4096];
    uint32_t count;
    do
        tks_events_drain(engine, events, 4096, &count);
    while (count);
}

static tks_order order_of_kind(tks_order_type type, tks_side side)
{
    tks_order order;
    memset(&order, 0, sizeof order);
    order.struct_size = sizeof order;
    order.type = (uint8_t)type;
    order.side = (uint8_t)side;
    order.time_in_force = TKS_TIF_GTC;
    order.qty_lots = 1;
    return order;
}

static uint64_t place(book *b, const tks_order *order)
{
    uint64_t id = 0;
    tks_status status = tks_order_place(b->engine, order, &id);
    if (status == TKS_STATUS_CAPACITY) {
        drain(b->engine);
        status = tks_order_place(b->engine, order, &id);
    }
    check(status == TKS_STATUS_OK, "an order is placed");
    return id;
}

static void place_limit(book *b, tks_side side, int64_t price)
{
    tks_order order = order_of_kind(TKS_ORDER_LIMIT, side);
    order.price_ticks = price;
    place(b, &order);
}

static void step(book *b, int64_t time, int64_t price)
{
    tks_tick tick = {.time = time, .price_ticks = price, .qty_lots = 1};
    tks_status status = tks_step(b->engine, &tick);
    if (status == TKS_STATUS_CAPACITY) {
        drain(b->engine);
        status = tks_step(b->engine, &tick);
    }
    check(status == TKS_STATUS_OK, "a tick is taken");
}

/* ---- Ten times the ticks --------------------------------------------------------------------- */

typedef struct counts {
    uint64_t rows; /* looked at one by one, or executed */
    uint64_t lines;
    uint64_t executed;
} counts;

typedef struct data {
    uint64_t count;
    int64_t *time;
    int64_t *price;
    void *map;
} data;

/* A wave around 10000 that swings 500 ticks to each side, the same for every length. */
static data wave(uint64_t count)
{
    enum { PERIOD = 2000 };
    data d = {.count = count};
    d.time = get_memory(8 * count);
    d.price = get_memory(8 * count);
    for (uint64_t i = 0; i < count; i++) {
        int64_t phase = (int64_t)(i % PERIOD);
        d.time[i] = (int64_t)i;
        d.price[i] = 10000 + (phase < PERIOD / 4       ? phase
                              : phase < 3 * PERIOD / 4 ? PERIOD / 2 - phase
                                                       : phase - PERIOD);
    }
    d.map = get_memory(tks_zone_map_size(count));
    if (tks_zone_map_build(d.map, tks_zone_map_size(count), d.price, count) != TKS_STATUS_OK)
        abort();
    return d;
}

static void data_free(data *d)
{
    free(d->time);
    free(d->price);
    free(d->map);
}

static tks_feed feed_of(const data *d)
{
    tks_feed feed;
    memset(&feed, 0, sizeof feed);
    feed.struct_size = sizeof feed;
    feed.flags = TKS_FEED_CHECKED;
    feed.count = d->count;
    feed.time = d->time;
    feed.price_ticks = d->price;
    feed.zone_map = d->map;
    feed.zone_map_size = tks_zone_map_size(d->count);
    return feed;
}

static counts counts_of(const tks_batch_result *result)
{
    return (counts){result->ticks_scanned + result->ticks_executed, result->zone_lines,
                    result->ticks_executed};
}

static counts run_over(book *b, const data *d)
{
    tks_feed feed = feed_of(d);
    tks_batch_result result = {.struct_size = sizeof result};
    check(tks_step_batch(b->engine, &feed, 1, 0, &result) == TKS_STATUS_OK, "a batch runs");
    check(result.ticks_done == d->count && feed.cursor == d->count, "a batch comes to the end");
    return counts_of(&result);
}

static counts without_orders(const data *d)
{
    book b;
    book_open(&b, 16, 64);
    counts c = run_over(&b, d);
    check(c.rows == 0 && c.lines == 0, "nothing waits, nothing is looked at");
    book_close(&b);
    return c;
}

static counts with_far_orders(const data *d)
{
    book b;
    book_open(&b, 16, 64);
    place_limit(&b, TKS_SIDE_BUY, 9000);
    place_limit(&b, TKS_SIDE_SELL, 11000);
    tks_order order = order_of_kind(TKS_ORDER_STOP, TKS_SIDE_SELL);
    order.trigger_ticks = 8000;
    place(&b, &order);
    counts c = run_over(&b, d);
    check(c.executed == 1, "far orders meet their first tick alone");
    book_close(&b);
    return c;
}

static counts with_a_dated_order(const data *d)
{
    book b;
    book_open(&b, 16, 64);
    tks_order order = order_of_kind(TKS_ORDER_LIMIT, TKS_SIDE_BUY);
    order.price_ticks = 9000;
    order.time_in_force = TKS_TIF_GTD;
    order.expire_time = d->time[d->count / 2];
    place(&b, &order);
    counts c = run_over(&b, d);
    check(c.executed == 2 && b.engine->open_count == 0, "an order ends in the middle");
    book_close(&b);
    return c;
}

static counts with_a_time_alert(const data *d)
{
    book b;
    book_open(&b, 16, 64);
    tks_order order = order_of_kind(TKS_ORDER_ALERT_TIME, TKS_SIDE_BUY);
    order.qty_lots = 0;
    order.expire_time = d->time[d->count / 3];
    place(&b, &order);
    place_limit(&b, TKS_SIDE_SELL, 11000);
    counts c = run_over(&b, d);
    check(c.executed == 2 && b.engine->open_count == 1, "an alert wakes one tick");
    book_close(&b);
    return c;
}

static counts with_a_delayed_cancel(const data *d)
{
    book b;
    book_open(&b, 16, 64);
    b.config.latency = (int64_t)d->count / 2;
    b.config.commands_max = 4;
    size_t size;
    tks_engine_size(&b.config, &size);
    free(b.engine);
    tks_engine_init(get_memory(size), size, &b.config, &b.engine);
    step(&b, 0, 10000);
    place_limit(&b, TKS_SIDE_BUY, 9000);
    check(tks_order_cancel(b.engine, 1) == TKS_STATUS_OK, "a cancel is on its way");
    counts c = run_over(&b, d);
    check(b.engine->open_count == 0, "a delayed cancel arrives");
    book_close(&b);
    return c;
}

/* So many orders spread evenly, half of them at market, half a few ticks away. */
static counts with_an_order_now_and_then(const data *d)
{
    enum { ORDERS = 50 };
    static int64_t index[ORDERS], qty[ORDERS], price[ORDERS];
    static uint8_t type[ORDERS], side[ORDERS];
    book b;
    book_open(&b, ORDERS, 1024);
    for (uint32_t i = 0; i < ORDERS; i++) {
        uint64_t row = d->count / ORDERS * i;
        index[i] = (int64_t)row;
        type[i] = i % 2 ? TKS_ORDER_MARKET : TKS_ORDER_LIMIT;
        side[i] = TKS_SIDE_SELL;
        qty[i] = 1;
        price[i] = type[i] == TKS_ORDER_LIMIT ? d->price[row] + 20 : 0;
    }
    tks_schedule schedule = {.struct_size = sizeof schedule, .count = ORDERS};
    schedule.tick_index = index;
    schedule.type = type;
    schedule.side = side;
    schedule.qty_lots = qty;
    schedule.price_ticks = price;
    tks_feed feed = feed_of(d);
    tks_batch_result result = {.struct_size = sizeof result};
    check(tks_run_orders(b.engine, &feed, 1, &schedule, &result) == TKS_STATUS_OK,
          "a schedule runs");
    check(b.engine->open_count == 0, "every order of the schedule traded");
    book_close(&b);
    return counts_of(&result);
}

static void compare_growth(const char *what, counts (*run)(const data *))
{
    data small = wave(200000);
    data large = wave(2000000);
    counts a = run(&small);
    counts b = run(&large);
    printf("growth: %-22s rows %llu -> %llu, zone lines %llu -> %llu\n", what,
           (unsigned long long)a.rows, (unsigned long long)b.rows, (unsigned long long)a.lines,
           (unsigned long long)b.lines);
    check(10 * b.rows <= 11 * a.rows, "ten times the ticks: rows looked at");
    check(2 * b.lines <= 3 * a.lines, "ten times the ticks: zone lines read");
    data_free(&small);
    data_free(&large);
}

static void test_ten_times_the_ticks(void)
{
    compare_growth("no orders", without_orders);
    compare_growth("far orders", with_far_orders);
    compare_growth("a dated order", with_a_dated_order);
    compare_growth("a time alert", with_a_time_alert);
    compare_growth("a delayed cancel", with_a_delayed_cancel);
    compare_growth("an order now and then", with_an_order_now_and_then);
}

static bool is_same(tks_digest a, tks_digest b)
{
    return a.low == b.low && a.high == b.high;
}

/* ---- Many resting orders --------------------------------------------------------------------- */

enum { RESTING = 100000 };

/* Far orders by the thousand cost a batch what two of them cost. */
static void test_far_book(void)
{
    data d = wave(200000);
    book few;
    book many;
    book_open(&few, 16, 64);
    book_open(&many, RESTING, 4096);
    place_limit(&few, TKS_SIDE_BUY, 9000);
    place_limit(&few, TKS_SIDE_SELL, 11000);
    for (int64_t i = 0; i < RESTING / 2; i++) {
        place_limit(&many, TKS_SIDE_BUY, 9000 - random_in(0, 1000000));
        place_limit(&many, TKS_SIDE_SELL, 11000 + random_in(0, 1000000));
    }
    counts a = run_over(&few, &d);
    counts b = run_over(&many, &d);
    check(b.executed == a.executed && b.rows <= a.rows + 128 && 2 * b.lines <= 3 * a.lines,
          "100,000 far orders cost what two cost");
    check(inspect(many.engine) == NULL, "the large book is sound");
    book_close(&few);
    book_close(&many);
    data_free(&d);
}

/* A falling price takes the orders one by one: as many ticks are executed as orders touched. */
static void test_staircase(void)
{
    enum { STEPS = 1000 };
    book b;
    book_open(&b, RESTING, 2 * RESTING);
    for (int64_t i = 0; i < RESTING; i++)
        place_limit(&b, TKS_SIDE_BUY, -10 * i);
    step(&b, 0, 1000);
    data d = wave(STEPS * 100);
    for (uint64_t i = 0; i < d.count; i++)
        d.price[i] = 5 - (int64_t)(i / 100) * 10 + (i % 100 == 50 ? -5 : 0);
    tks_zone_map_build(d.map, tks_zone_map_size(d.count), d.price, d.count);
    counts c = run_over(&b, &d);
    check(c.executed == STEPS, "a tick is executed for each order touched, and no other");
    check(b.engine->open_count == RESTING - STEPS, "the touched orders traded");
    check(inspect(b.engine) == NULL, "the book is sound after the stairs");
    book_close(&b);
    data_free(&d);
}

/* One tick through all of them: thresholds descending, then by priority. */
static void test_avalanche(void)
{
    book b;
    book_open(&b, RESTING, 4 * RESTING);
    for (int64_t i = 0; i < RESTING; i++)
        place_limit(&b, TKS_SIDE_BUY, -random_in(0, 5000));
    step(&b, 0, 1000);
    drain(b.engine);
    step(&b, 1, -6000);
    check(b.engine->open_count == 0, "one tick fills the whole book");
    tks_event *events = get_memory(RESTING * sizeof *events);
    uint32_t count;
    tks_events_drain(b.engine, events, RESTING, &count);
    bool sorted = count == RESTING;
    for (uint32_t i = 1; i < count; i++) {
        const tks_event *before = &events[i - 1];
        sorted = sorted && events[i].kind == TKS_EVENT_FILLED &&
                 (events[i].price_ticks < before->price_ticks ||
                  (events[i].price_ticks == before->price_ticks &&
                   events[i].order_id > before->order_id));
    }
    check(sorted, "fills go by threshold, then by priority");
    free(events);
    book_close(&b);
}

/* A batch moves orders together when most slots are empty; nobody can tell from outside. */
static void check_compaction(book *b)
{
    tks_digest before;
    tks_digest after;
    tks_batch_result result = {.struct_size = sizeof result};
    tks_state_hash(b->engine, &before);
    check(tks_step_batch(b->engine, NULL, 0, 0, &result) == TKS_STATUS_OK, "an empty batch runs");
    tks_state_hash(b->engine, &after);
    check(is_same(before, after), "moving orders together changes no state");
    check(b->engine->slots_used == b->engine->open_count, "no empty slots are left");
    check(inspect(b->engine) == NULL, "the book is sound after moving orders");
}

/* Orders leave from anywhere in the heaps, and others come. */
static void test_churn(void)
{
    enum { ORDERS = 5000, ROUNDS = 20 };
    book b;
    book_open(&b, ORDERS, 1 << 16);
    step(&b, 0, 0);
    for (int round = 0; round < ROUNDS; round++) {
        while (b.engine->open_count < ORDERS) {
            tks_order order =
                order_of_kind(TKS_ORDER_LIMIT, random_in(0, 1) ? TKS_SIDE_SELL : TKS_SIDE_BUY);
            int64_t away = 10 + random_in(0, 3000);
            order.price_ticks = order.side == TKS_SIDE_BUY ? -away : away;
            order.time_in_force = random_in(0, 1) ? TKS_TIF_GTD : TKS_TIF_GTC;
            order.expire_time = order.time_in_force == TKS_TIF_GTD ? 1000 + random_in(0, 3000) : 0;
            order.oco_group = (uint64_t)random_in(0, 2000);
            place(&b, &order);
        }
        if (round % 2)
            step(&b, round, random_in(-9, 9)); /* from the pending heap into the others */
        int64_t newest = (int64_t)b.engine->order_id_next - 1;
        while (b.engine->open_count > ORDERS / 3) {
            tks_order_cancel(b.engine,
                             (uint64_t)random_in(tks__max(newest - 4 * ORDERS, 1), newest));
            if (tks__event_room(b.engine) == 0)
                drain(b.engine);
        }
        check(inspect(b.engine) == NULL, "the book is sound after a churn");
        check_compaction(&b);
    }
    book_close(&b);
}

/* ---- The largest book ------------------------------------------------------------------------ */

typedef struct milestones { /* what both ways must agree on */
    tks_digest placed;
    tks_digest traded;
    tks_digest ended;
    tks_digest state_placed;
    tks_digest state_ended;
} milestones;

static tks_order numbered_order(uint32_t i)
{
    tks_order order = order_of_kind(i % 4 == 3 ? TKS_ORDER_STOP : TKS_ORDER_LIMIT, i % 2);
    int64_t away = 10 + (int64_t)(i * UINT64_C(2654435761) % 1000000);
    int64_t price = (i % 2 == TKS_SIDE_BUY) == (order.type == TKS_ORDER_LIMIT) ? -away : away;
    order.price_ticks = order.type == TKS_ORDER_LIMIT ? price : 0;
    order.trigger_ticks = order.type == TKS_ORDER_STOP ? price : 0;
    if (i % 5 == 0) {
        order.time_in_force = TKS_TIF_GTD;
        order.expire_time = 1000 + i;
    }
    order.oco_group = i % 3 == 0 ? 1 + i / 12 : 0;
    return order;
}

static void trade_a_little(book *b)
{
    step(b, 1, 0);
    step(b, 2, 14);
    step(b, 3, -14);
    step(b, 1004, 0);
}

/* Enough capacity from the start; placed and cancelled one by one. */
static milestones one_by_one(uint32_t orders)
{
    milestones m;
    book b;
    book_open(&b, orders, orders); /* stops on their first tick ask for much room */
    for (uint32_t i = 0; i < orders; i++) {
        tks_order order = numbered_order(i);
        place(&b, &order);
    }
    check(b.engine->open_count == orders, "all orders are open");
    tks_event_digest(b.engine, &m.placed);
    tks_state_hash(b.engine, &m.state_placed);
    trade_a_little(&b);
    tks_event_digest(b.engine, &m.traded);
    for (uint64_t id = 1; id <= orders; id++) {
        tks_status status = tks_order_cancel(b.engine, id);
        if (status == TKS_STATUS_CAPACITY) {
            drain(b.engine);
            tks_order_cancel(b.engine, id);
        }
    }
    check(b.engine->open_count == 0, "all orders are cancelled");
    tks_event_digest(b.engine, &m.ended);
    tks_state_hash(b.engine, &m.state_ended);
    book_close(&b);
    return m;
}

/* Into a block with twice the orders. */
static void grow(book *b, uint32_t events_max)
{
    size_t size;
    tks_engine *copy;
    b->rules.orders_max *= 2;
    b->config.events_max = events_max;
    tks_engine_size(&b->config, &size);
    if (tks_engine_copy(get_memory(size), size, &b->config, b->engine, &copy) != TKS_STATUS_OK)
        abort();
    free(b->engine);
    b->engine = copy;
}

/* Grown from a small block, cancelled in one call. */
static milestones at_large(uint32_t orders)
{
    milestones m;
    book b;
    book_open(&b, 64, 1 << 12);
    for (uint32_t i = 0; i < orders; i++) {
        tks_order order = numbered_order(i);
        if (b.engine->open_count == b.rules.orders_max)
            grow(&b, 1 << 12);
        place(&b, &order);
    }
    drain(b.engine);
    grow(&b, orders);
    tks_event_digest(b.engine, &m.placed);
    tks_state_hash(b.engine, &m.state_placed);
    trade_a_little(&b);
    tks_event_digest(b.engine, &m.traded);
    drain(b.engine);
    check(tks_orders_cancel(b.engine, TKS_INSTRUMENT_ALL) == TKS_STATUS_OK,
          "all are cancelled at once");
    tks_event_digest(b.engine, &m.ended);
    tks_state_hash(b.engine, &m.state_ended);
    book_close(&b);
    return m;
}

static void test_largest_book(uint32_t orders)
{
    milestones a = one_by_one(orders);
    milestones b = at_large(orders);
    check(is_same(a.placed, b.placed) && is_same(a.state_placed, b.state_placed),
          "a grown engine holds the same orders");
    check(is_same(a.traded, b.traded), "a grown engine trades the same");
    check(is_same(a.ended, b.ended) && is_same(a.state_ended, b.state_ended),
          "cancelling one by one and at once is the same");
}

/* ---- The zone map against a look at every row ------------------------------------------------ */

enum { LIMITS = 3, ROWS_LARGE = 70000 };

static int64_t column_value(int shape, uint64_t row, int64_t before)
{
    switch (shape) {
    case 0: return before + random_in(-3, 3);
    case 1: return 0;
    case 2: return (int64_t)row * 3 - 50;
    case 3: return random_in(1 - TKS_PRICE_END, TKS_PRICE_END - 1);
    case 4: /* mostly near, now and then beyond what 32 bits hold */
        if (random_in(0, 40))
            return random_in(-5, 5);
        return random_in(0, 1) ? INT64_C(1) << random_in(30, 40)
                               : -(INT64_C(1) << random_in(30, 40));
    default: /* the base itself lies far away from the rest */
        return row == 0 ? (INT64_C(1) << 45) : random_in(-200, 200);
    }
}

/* Prices in the gap between the orders, at its edges, or far away from everything. */
static int64_t random_threshold(const int64_t *price, uint64_t count)
{
    if (count == 0 || random_in(0, 5) == 0)
        return random_in(-400, 400);
    int64_t near = price[random_in(0, (int64_t)count - 1)];
    near += random_in(-2, 2);
    return random_in(0, 3) ? near : near * random_in(0, 2);
}

typedef struct waiting {
    int64_t low[LIMITS];  /* of buys; those that traded are far away */
    int64_t high[LIMITS]; /* of sells */
} waiting;

/* The first row that touches an order; the orders it touches are taken out. */
static uint64_t first_touched(waiting *w, const int64_t *price, uint64_t row, uint64_t count)
{
    bool touched = false;
    for (; row < count && !touched; row++)
        for (int i = 0; i < LIMITS; i++) {
            if (price[row] <= w->low[i]) {
                w->low[i] = INT64_MIN;
                touched = true;
            }
            if (price[row] >= w->high[i]) {
                w->high[i] = INT64_MAX;
                touched = true;
            }
        }
    return row;
}

static bool place_gap(book *b, waiting *w, const int64_t *price, uint64_t count)
{
    int64_t middle = random_threshold(price, count);
    for (int i = 0; i < LIMITS; i++) {
        int64_t a = random_threshold(price, count);
        int64_t c = random_threshold(price, count);
        w->low[i] = a < middle ? a : middle - 1 - i;
        w->high[i] = c > middle ? c : middle + 1 + i;
        if (tks__abs(w->low[i]) >= TKS_PRICE_END || tks__abs(w->high[i]) >= TKS_PRICE_END)
            return false;
    }
    for (int i = 0; i < LIMITS; i++) {
        place_limit(b, TKS_SIDE_BUY, w->low[i]);
        place_limit(b, TKS_SIDE_SELL, w->high[i]);
    }
    step(b, -1, middle);
    return true;
}

static bool search_agrees(book *b, const data *d, uint64_t count, uint64_t start, uint32_t flags)
{
    waiting w;
    tks_engine_reset(b->engine);
    if (!place_gap(b, &w, d->price, count))
        return true;
    tks_feed feed = feed_of(d);
    feed.flags = flags;
    feed.count = count;
    feed.cursor = start;
    feed.zone_map_size = tks_zone_map_size(d->count);
    tks_batch_result result = {.struct_size = sizeof result};
    while (feed.cursor < count) {
        uint64_t expected = first_touched(&w, d->price, feed.cursor, count);
        tks_status status =
            tks_step_batch(b->engine, &feed, 1, TKS_STOP_ON(TKS_EVENT_FILLED), &result);
        drain(b->engine);
        if (status != TKS_STATUS_OK || feed.cursor != expected)
            return false;
    }
    return true;
}

static void column_fill(data *d, int shape, uint64_t count)
{
    int64_t value = 0;
    d->count = count;
    for (uint64_t row = 0; row < count; row++) {
        value = column_value(shape, row, value);
        d->time[row] = (int64_t)row;
        d->price[row] = value;
    }
    if (tks_zone_map_build(d->map, tks_zone_map_size(count), d->price, count) != TKS_STATUS_OK)
        abort();
}

static void search_column(book *b, data *d, int shape, uint64_t count, int searches)
{
    bool agrees = true;
    column_fill(d, shape, count);
    for (int i = 0; i < searches; i++) {
        uint64_t start = i < 2 ? 0 : (uint64_t)random_in(0, (int64_t)count);
        /* The map may be that of a longer column, which this one begins. */
        uint64_t end = i % 4 == 3 ? (uint64_t)random_in((int64_t)start, (int64_t)count) : count;
        agrees = agrees && search_agrees(b, d, end, start, i % 2 ? TKS_FEED_CHECKED : 0);
    }
    check(agrees, "the zone map finds what a look at every row finds");
}

static void test_zone_map(void)
{
    enum { SHAPES = 6 };
    data d = wave(ROWS_LARGE);
    book b;
    book_open(&b, 16, 64);
    for (uint64_t count = 0; count <= 700; count++)
        for (int shape = 0; shape < SHAPES; shape++)
            search_column(&b, &d, shape, count, 6);
    static const uint64_t large[] = {4095, 4096, 4097, 32767, 32768, 32769, 65536, ROWS_LARGE};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        for (int shape = 0; shape < SHAPES; shape++)
            search_column(&b, &d, shape, large[i], 40);
    book_close(&b);
    data_free(&d);
}

int main(int argc, char **argv)
{
    uint32_t orders = argc > 1 ? (uint32_t)atol(argv[1]) : 2000000;
    test_ten_times_the_ticks();
    test_far_book();
    test_staircase();
    test_avalanche();
    test_churn();
    test_largest_book(orders);
    test_zone_map();
    printf("%ld passed, %ld failed\n", passed, failed);
    return failed ? 1 : 0;
}
