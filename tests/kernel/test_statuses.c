/* SPDX-License-Identifier: MIT
 *
 * test_statuses.c: every status of the header provoked through the API, the state the same after
 * each error; every reason seen in an event; capacity and overflow met on the way, and the way on.
 */
#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATUSES = 128, REASONS = 64, INSTRUMENTS = 2, ROWS = 5000 };

static bool status_seen[STATUSES];
static bool reason_seen[REASONS];
static long passed;
static long failed;

static void check_at(bool holds, const char *what, int line)
{
    if (holds) {
        passed++;
        return;
    }
    failed++;
    fprintf(stderr, "test_statuses.c:%d: %s\n", line, what);
}

static void expect_at(tks_status status, tks_status expected, int line)
{
    status_seen[status] = true;
    if (status == expected) {
        passed++;
        return;
    }
    failed++;
    fprintf(stderr, "test_statuses.c:%d: expected %s, was %s\n", line,
            tks_status_name((int32_t)expected), tks_status_name((int32_t)status));
}

#define CHECK(condition) check_at((condition), #condition, __LINE__)
#define EXPECT(call, name) expect_at((call), TKS_STATUS_##name, __LINE__)

/* The call returns this error and the engine is as it was. */
#define REFUSES(engine, call, name)                                                                \
    do {                                                                                           \
        tks_digest before_call = hash_of(engine);                                                  \
        EXPECT(call, name);                                                                        \
        CHECK(is_same(before_call, hash_of(engine)));                                              \
    } while (0)

static bool is_same(tks_digest a, tks_digest b)
{
    return a.low == b.low && a.high == b.high;
}

static tks_digest hash_of(const tks_engine *engine)
{
    tks_digest digest = {0, 0};
    tks_state_hash(engine, &digest);
    return digest;
}

static void *get_memory(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory)
        abort();
    return memory;
}

/* ---- A world of two instruments -------------------------------------------------------------- */

typedef struct world {
    tks_config config;
    tks_instrument rules[INSTRUMENTS]; /* 0 is SPOT NET, 1 is MARK HEDGE with negative prices */
    tks_engine *engine;
    size_t size;
} world;

static tks_instrument plain_rules(void)
{
    tks_instrument rules;
    memset(&rules, 0, sizeof rules);
    rules.struct_size = sizeof rules;
    rules.settle = TKS_SETTLE_SPOT;
    rules.position_mode = TKS_POSITION_NET;
    rules.fill_rule = TKS_FILL_TOUCH;
    rules.qty_rule = TKS_QTY_FULL;
    rules.orders_max = 16;
    rules.units_per_tick_lot = 1;
    rules.qty_step_lots = rules.qty_min_lots = 1;
    return rules;
}

static world plan(void)
{
    world w;
    memset(&w, 0, sizeof w);
    w.rules[0] = w.rules[1] = plain_rules();
    w.rules[1].settle = TKS_SETTLE_MARK;
    w.rules[1].position_mode = TKS_POSITION_HEDGE;
    w.rules[1].flags = TKS_INSTRUMENT_ALLOW_NEGATIVE;
    w.config.struct_size = sizeof w.config;
    w.config.instrument_count = INSTRUMENTS;
    w.config.events_max = 64;
    w.config.commands_max = 2;
    w.config.initial_cash_units = 1000000;
    return w;
}

static void open_world(world *w)
{
    w->config.instruments = w->rules;
    EXPECT(tks_engine_size(&w->config, &w->size), OK);
    EXPECT(tks_engine_init(get_memory(w->size), w->size, &w->config, &w->engine), OK);
}

/* Note every reason on the way. */
static void drain(tks_engine *engine)
{
    tks_event event;
    uint32_t count = 1;
    while (tks_events_drain(engine, &event, 1, &count) == TKS_STATUS_OK && count) {
        bool has_reason = event.kind == TKS_EVENT_REJECTED || event.kind == TKS_EVENT_CANCELLED ||
                          event.kind == TKS_EVENT_EXPIRED || event.kind == TKS_EVENT_AMENDED;
        if (has_reason && event.reason < REASONS)
            reason_seen[event.reason] = true;
    }
}

static void close_world(world *w)
{
    const char *wrong = inspect(w->engine);
    check_at(!wrong, wrong ? wrong : "", __LINE__);
    drain(w->engine);
    free(w->engine);
}

static tks_order order_of(tks_order_type type, tks_side side, int64_t qty)
{
    tks_order order;
    memset(&order, 0, sizeof order);
    order.struct_size = sizeof order;
    order.type = (uint8_t)type;
    order.side = (uint8_t)side;
    order.time_in_force = TKS_TIF_GTC;
    order.qty_lots = qty;
    return order;
}

static tks_order market_of(tks_side side, int64_t qty)
{
    return order_of(TKS_ORDER_MARKET, side, qty);
}

static tks_order limit_of(tks_side side, int64_t qty, int64_t price)
{
    tks_order order = order_of(TKS_ORDER_LIMIT, side, qty);
    order.price_ticks = price;
    return order;
}

static tks_order stop_of(tks_side side, int64_t qty, int64_t trigger)
{
    tks_order order = order_of(TKS_ORDER_STOP, side, qty);
    order.trigger_ticks = trigger;
    return order;
}

static tks_status place(world *w, tks_order order)
{
    uint64_t id;
    return tks_order_place(w->engine, &order, &id);
}

static tks_status refuse(world *w, tks_order order, int32_t reason)
{
    uint64_t id;
    return tks_order_refuse(w->engine, &order, reason, &id);
}

static tks_tick tick_of(uint32_t instrument, int64_t time, int64_t price)
{
    tks_tick tick;
    memset(&tick, 0, sizeof tick);
    tick.time = time;
    tick.price_ticks = price;
    tick.qty_lots = 10;
    tick.instrument = instrument;
    return tick;
}

static tks_status step(world *w, int64_t time, int64_t price)
{
    tks_tick tick = tick_of(0, time, price);
    return tks_step(w->engine, &tick);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void test_names(void)
{
#define TKS_XX(number, name, message)                                                              \
    CHECK(strcmp(tks_status_name(number), #name) == 0);                                            \
    CHECK(strcmp(tks_status_message(number), message) == 0);
    TKS_STATUS_MAP(TKS_XX)
#undef TKS_XX
#define TKS_XX(number, name, message)                                                              \
    CHECK(strcmp(tks_reason_name(number), #name) == 0);                                            \
    CHECK(strcmp(tks_reason_message(number), message) == 0);
    TKS_REASON_MAP(TKS_XX)
#undef TKS_XX
    CHECK(strcmp(tks_status_name(-1), "UNKNOWN") == 0 &&
          strcmp(tks_status_name(8), "UNKNOWN") == 0);
    CHECK(strcmp(tks_reason_name(0), "UNKNOWN") == 0 &&
          strcmp(tks_reason_name(99), "UNKNOWN") == 0);
    CHECK(tks_status_message(1000)[0] && tks_reason_message(1000)[0]);
    CHECK(tks_version() == TKS_VERSION_MAJOR * 10000 + TKS_VERSION_MINOR * 100 + TKS_VERSION_PATCH);
}

/* ---- Configurations -------------------------------------------------------------------------- */

static tks_status size_of(world w)
{
    size_t size;
    w.config.instruments = w.rules;
    return tks_engine_size(&w.config, &size);
}

#define CONFIG(change, name)                                                                       \
    do {                                                                                           \
        world w = plan();                                                                          \
        change;                                                                                    \
        EXPECT(size_of(w), name);                                                                  \
    } while (0)

static void test_capacities(void)
{
    CONFIG(w.config.struct_size--, STRUCT_SIZE);
    CONFIG(w.rules[1].struct_size = 0, STRUCT_SIZE);
    CONFIG(w.config.instrument_count = 0, INSTRUMENT_COUNT);
    CONFIG(w.config.instrument_count = 65537, INSTRUMENT_COUNT);
    CONFIG(w.config.events_max = 0, CAPACITY_RANGE);
    CONFIG(w.config.events_max = UINT32_MAX, CAPACITY_RANGE);
    CONFIG(w.config.commands_max = UINT32_MAX, CAPACITY_RANGE);
    CONFIG(w.rules[1].orders_max = 0, CAPACITY_RANGE);
    CONFIG(w.rules[0].orders_max = w.rules[1].orders_max = 1u << 30, CAPACITY_RANGE);
    CONFIG(w.rules[0].orders_max = (1u << 31) - 17, OK);
    CONFIG(w.config.initial_cash_units = -1, CASH_RANGE);
    CONFIG(w.config.initial_cash_units = (INT64_C(1) << 61) + 1, CASH_RANGE);
    CONFIG(w.config.latency = -1, LATENCY_RANGE);
    CONFIG(w.config.latency = INT64_MAX, LATENCY_RANGE);
    CONFIG(w.config.flags = 2, RULE);
    CONFIG(w.config.reserved = 1, RULE);
}

static void test_rules(void)
{
    CONFIG(w.rules[0].settle = 0, RULE);
    CONFIG(w.rules[0].settle = 3, RULE);
    CONFIG(w.rules[0].position_mode = 0, RULE);
    CONFIG(w.rules[0].fill_rule = 3, RULE);
    CONFIG(w.rules[0].qty_rule = 3, RULE);
    CONFIG(w.rules[0].flags = 16, RULE);
    CONFIG(w.rules[1].wallet = 1, WALLET);
    CONFIG(w.rules[0].participation_ppm = 1, PARTICIPATION);
    CONFIG(w.rules[0].qty_rule = TKS_QTY_VOLUME, PARTICIPATION);
    CONFIG(w.rules[0].units_per_tick_lot = 0, UNIT_RANGE);
    CONFIG(w.rules[0].units_per_tick_lot = (INT64_C(1) << 40) + 1, UNIT_RANGE);
    CONFIG(w.rules[0].spread_ppb = -1, SPREAD_RANGE);
    CONFIG(w.rules[0].spread_ppb = 2 * TKS_PPB, SPREAD_RANGE);
    CONFIG(w.rules[0].maker_fee_ppb = TKS_PPB + 1, FEE_RANGE);
    CONFIG(w.rules[0].taker_fee_ppb = -TKS_PPB - 1, FEE_RANGE);
    CONFIG(w.rules[0].maker_fee_units_per_lot = INT64_MIN, FEE_RANGE);
    CONFIG(w.rules[0].taker_fee_units_per_lot = INT64_MAX, FEE_RANGE);
    CONFIG(w.rules[0].fee_min_units = -1, FEE_RANGE);
    CONFIG(w.rules[0].qty_step_lots = 0, QTY_RULE);
    CONFIG(w.rules[0].qty_min_lots = INT64_MAX, QTY_RULE);
    CONFIG(w.rules[0].band_high_ticks = 1, BAND);
    CONFIG(w.rules[0].flags = TKS_INSTRUMENT_BAND, BAND);
    CONFIG((w.rules[1].flags |= TKS_INSTRUMENT_BAND, w.rules[1].band_low_ticks = 5), BAND);
    CONFIG(w.config.flags = TKS_CONFIG_CASH_ACCOUNT, CASH_ACCOUNT);
}

/* ---- NULL, memory ---------------------------------------------------------------------------- */

static void test_null_engine(void)
{
    tks_order order = limit_of(TKS_SIDE_BUY, 1, 1);
    tks_amend amend = {.struct_size = sizeof amend};
    tks_tick tick = tick_of(0, 1, 1);
    tks_batch_result result = {.struct_size = sizeof result};
    tks_schedule schedule = {.struct_size = sizeof schedule};
    tks_snapshot snapshot;
    tks_holding holding;
    tks_order_view view;
    tks_digest digest;
    size_t size;
    tks_wake wake;
    uint64_t id;
    uint32_t count;
    EXPECT(tks_engine_reset(NULL), NULL_ARGUMENT);
    EXPECT(tks_order_place(NULL, &order, &id), NULL_ARGUMENT);
    EXPECT(tks_order_cancel(NULL, 1), NULL_ARGUMENT);
    EXPECT(tks_orders_cancel(NULL, 0), NULL_ARGUMENT);
    EXPECT(tks_order_amend(NULL, 1, &amend), NULL_ARGUMENT);
    EXPECT(tks_order_refuse(NULL, &order, TKS_REASON_RISK_LIMIT, &id), NULL_ARGUMENT);
    EXPECT(tks_amend_refuse(NULL, 1, &amend, TKS_REASON_RISK_LIMIT), NULL_ARGUMENT);
    EXPECT(tks_ledger_post(NULL, 0, TKS_ENTRY_DEPOSIT, 1), NULL_ARGUMENT);
    EXPECT(tks_settle_at(NULL, 0, 1), NULL_ARGUMENT);
    EXPECT(tks_day_roll(NULL, NULL), NULL_ARGUMENT);
    EXPECT(tks_step(NULL, &tick), NULL_ARGUMENT);
    EXPECT(tks_step_batch(NULL, NULL, 0, 0, &result), NULL_ARGUMENT);
    EXPECT(tks_run_orders(NULL, NULL, 0, &schedule, &result), NULL_ARGUMENT);
    EXPECT(tks_events_drain(NULL, NULL, 0, &count), NULL_ARGUMENT);
    EXPECT((tks_status)tks_events_waiting(NULL), OK); /* none */
    EXPECT(tks_event_digest(NULL, &digest), NULL_ARGUMENT);
    EXPECT(tks_snapshot_get(NULL, 0, &snapshot), NULL_ARGUMENT);
    EXPECT(tks_holding_get(NULL, 0, &holding), NULL_ARGUMENT);
    EXPECT(tks_order_get(NULL, 1, &view), NULL_ARGUMENT);
    EXPECT(tks_wake_get(NULL, 0, &wake), NULL_ARGUMENT);
    EXPECT(tks_orders_open(NULL, 0, 0, NULL, 0, &count), NULL_ARGUMENT);
    EXPECT(tks_state_size(NULL, &size), NULL_ARGUMENT);
    EXPECT(tks_state_save(NULL, &size, 8, &size), NULL_ARGUMENT);
    EXPECT(tks_state_hash(NULL, &digest), NULL_ARGUMENT);
}

static void test_null_arguments(world *w)
{
    tks_order order = limit_of(TKS_SIDE_BUY, 1, 1);
    tks_batch_result result = {.struct_size = sizeof result};
    tks_config no_instruments = w->config;
    tks_event event;
    tks_digest digest;
    tks_feed feed;
    size_t size;
    uint64_t id;
    uint32_t count;
    int64_t price = 1;
    tks_wake wake;
    no_instruments.instruments = NULL;
    EXPECT(tks_engine_size(NULL, &size), NULL_ARGUMENT);
    EXPECT(tks_engine_size(&w->config, NULL), NULL_ARGUMENT);
    EXPECT(tks_engine_size(&no_instruments, &size), NULL_ARGUMENT);
    EXPECT(tks_engine_init(NULL, w->size, &w->config, &w->engine), NULL_ARGUMENT);
    EXPECT(tks_engine_init(&event, sizeof event, &w->config, NULL), NULL_ARGUMENT);
    EXPECT(tks_engine_copy(&event, 0, &w->config, NULL, &w->engine), NULL_ARGUMENT);
    EXPECT(tks_engine_copy(NULL, w->size, &w->config, w->engine, &w->engine), NULL_ARGUMENT);
    EXPECT(tks_engine_copy(&event, w->size, &w->config, w->engine, NULL), NULL_ARGUMENT);
    REFUSES(w->engine, tks_order_place(w->engine, NULL, &id), NULL_ARGUMENT);
    REFUSES(w->engine, tks_order_place(w->engine, &order, NULL), NULL_ARGUMENT);
    REFUSES(w->engine, tks_order_amend(w->engine, 1, NULL), NULL_ARGUMENT);
    int32_t reason = TKS_REASON_RISK_LIMIT;
    REFUSES(w->engine, tks_order_refuse(w->engine, NULL, reason, &id), NULL_ARGUMENT);
    REFUSES(w->engine, tks_order_refuse(w->engine, &order, reason, NULL), NULL_ARGUMENT);
    REFUSES(w->engine, tks_amend_refuse(w->engine, 1, NULL, reason), NULL_ARGUMENT);
    REFUSES(w->engine, tks_step(w->engine, NULL), NULL_ARGUMENT);
    REFUSES(w->engine, tks_step_batch(w->engine, NULL, 1, 0, &result), NULL_ARGUMENT);
    REFUSES(w->engine, tks_step_batch(w->engine, NULL, 0, 0, NULL), NULL_ARGUMENT);
    REFUSES(w->engine, tks_run_orders(w->engine, NULL, 0, NULL, &result), NULL_ARGUMENT);
    EXPECT(tks_feed_check(NULL, &w->rules[0], &id), NULL_ARGUMENT);
    EXPECT(tks_feed_check(&feed, NULL, &id), NULL_ARGUMENT);
    EXPECT(tks_feed_check(&feed, &w->rules[0], NULL), NULL_ARGUMENT);
    EXPECT(tks_zone_map_build(NULL, 64, &price, 1), NULL_ARGUMENT);
    EXPECT(tks_zone_map_build(&event, 64, NULL, 1), NULL_ARGUMENT);
    EXPECT(tks_events_drain(w->engine, NULL, 1, &count), NULL_ARGUMENT);
    EXPECT(tks_events_drain(w->engine, &event, 1, NULL), NULL_ARGUMENT);
    EXPECT(tks_event_digest(w->engine, NULL), NULL_ARGUMENT);
    EXPECT(tks_digest_update(NULL, &event, 1), NULL_ARGUMENT);
    EXPECT(tks_digest_update(&digest, NULL, 1), NULL_ARGUMENT);
    EXPECT(tks_snapshot_get(w->engine, 0, NULL), NULL_ARGUMENT);
    EXPECT(tks_holding_get(w->engine, 0, NULL), NULL_ARGUMENT);
    EXPECT(tks_order_get(w->engine, 1, NULL), NULL_ARGUMENT);
    EXPECT(tks_wake_get(w->engine, 0, NULL), NULL_ARGUMENT);
    EXPECT(tks_wake_get(w->engine, 9999, &wake), INSTRUMENT);
    EXPECT(tks_orders_open(w->engine, 0, 0, NULL, 1, &count), NULL_ARGUMENT);
    EXPECT(tks_orders_open(w->engine, 0, 0, NULL, 0, NULL), NULL_ARGUMENT);
    EXPECT(tks_state_size(w->engine, NULL), NULL_ARGUMENT);
    EXPECT(tks_state_save(w->engine, NULL, 8, &size), NULL_ARGUMENT);
    EXPECT(tks_state_save(w->engine, &event, 8, NULL), NULL_ARGUMENT);
    EXPECT(tks_state_hash(w->engine, NULL), NULL_ARGUMENT);
    EXPECT(tks_state_config(NULL, 64, &no_instruments, w->rules, 1), NULL_ARGUMENT);
    EXPECT(tks_state_config(&event, 64, NULL, w->rules, 1), NULL_ARGUMENT);
    EXPECT(tks_state_config(&event, 64, &no_instruments, NULL, 1), NULL_ARGUMENT);
}

static void test_memory(world *w)
{
    char *memory = get_memory(w->size + 8);
    tks_engine *engine = NULL;
    size_t written;
    EXPECT(tks_engine_init(memory, w->size - 1, &w->config, &engine), MEMORY_SIZE);
    EXPECT(tks_engine_init(memory + 4, w->size, &w->config, &engine), MEMORY_ALIGN);
    EXPECT(tks_engine_copy(memory, 0, &w->config, w->engine, &engine), MEMORY_SIZE);
    EXPECT(tks_engine_copy(memory + 1, w->size, &w->config, w->engine, &engine), MEMORY_ALIGN);
    EXPECT(tks_state_load(memory, 64, &w->config, memory, 64, &engine), MEMORY_SIZE);
    EXPECT(tks_state_load(memory + 2, w->size, &w->config, memory, 64, &engine), MEMORY_ALIGN);
    EXPECT(tks_state_save(w->engine, memory, 64, &written), MEMORY_SIZE);
    int64_t prices[100] = {0};
    EXPECT(tks_zone_map_build(memory, tks_zone_map_size(100) - 1, prices, 100), MEMORY_SIZE);
    EXPECT(tks_zone_map_build(memory + 4, w->size, prices, 100), MEMORY_ALIGN);
    CHECK(engine == NULL);
    free(memory);
}

static void test_bad_pointers(void)
{
    world w = plan();
    open_world(&w);
    test_null_engine();
    test_null_arguments(&w);
    test_memory(&w);
    close_world(&w);
}

/* ---- Orders ---------------------------------------------------------------------------------- */

#define ORDER(base, change, name)                                                                  \
    do {                                                                                           \
        tks_order order = base;                                                                    \
        change;                                                                                    \
        REFUSES(w->engine, place(w, order), name);                                                 \
        REFUSES(w->engine, refuse(w, order, TKS_REASON_RISK_LIMIT), name);                         \
    } while (0)

static void test_order_kinds(world *w)
{
    tks_order limit = limit_of(TKS_SIDE_BUY, 1, 100);
    tks_order alert = order_of(TKS_ORDER_ALERT_PRICE, TKS_SIDE_BUY, 0);
    alert.trigger_ticks = 100;
    ORDER(limit, order.struct_size = 71, STRUCT_SIZE);
    ORDER(limit, order.instrument = 2, INSTRUMENT);
    ORDER(limit, order.side = 2, SIDE);
    ORDER(limit, order.type = 0, ORDER_TYPE);
    ORDER(limit, order.type = 7, ORDER_TYPE);
    ORDER(limit, order.type = 22, ORDER_TYPE);
    ORDER(limit, order.time_in_force = 0, TIME_IN_FORCE);
    ORDER(limit, order.time_in_force = 6, TIME_IN_FORCE);
    ORDER(alert, order.time_in_force = TKS_TIF_DAY, TIME_IN_FORCE);
    ORDER(limit, order.offset = TKS_OFFSET_OPEN, OFFSET);
    ORDER(limit, order.instrument = 1, OFFSET);
    ORDER(limit, order.flags = 4, FLAGS);
    ORDER(market_of(TKS_SIDE_BUY, 1), order.flags = TKS_FLAG_POST_ONLY, FLAGS);
    ORDER(limit, (order.flags = TKS_FLAG_POST_ONLY, order.time_in_force = TKS_TIF_IOC), FLAGS);
    ORDER(alert, order.flags = TKS_FLAG_REDUCE_ONLY, FLAGS);
    ORDER(
        limit,
        (order.instrument = 1, order.offset = TKS_OFFSET_OPEN, order.flags = TKS_FLAG_REDUCE_ONLY),
        FLAGS);
}

static void test_order_numbers(world *w)
{
    tks_order limit = limit_of(TKS_SIDE_BUY, 1, 100);
    tks_order stop = stop_of(TKS_SIDE_BUY, 1, 100);
    tks_order trailing = order_of(TKS_ORDER_TRAILING_STOP, TKS_SIDE_BUY, 1);
    tks_order alert = order_of(TKS_ORDER_ALERT_TIME, TKS_SIDE_BUY, 0);
    ORDER(limit, order.qty_lots = 0, QTY);
    ORDER(limit, order.qty_lots = TKS_QTY_END, QTY);
    ORDER(alert, order.qty_lots = 1, QTY);
    ORDER(limit, order.price_ticks = 0, PRICE);
    ORDER(limit, order.price_ticks = TKS_PRICE_END, PRICE);
    ORDER(stop, order.trigger_ticks = -1, TRIGGER);
    ORDER(trailing, order.trail_ticks = 0, TRAIL);
    ORDER(trailing, order.trail_ticks = INT64_MAX, TRAIL);
    ORDER(limit, (order.time_in_force = TKS_TIF_GTD, order.expire_time = TKS_TIME_END), EXPIRY);
    ORDER(alert, order.expire_time = INT64_MIN, EXPIRY);
    ORDER(limit, order.trigger_ticks = 1, FIELD_UNUSED);
    ORDER(limit, order.trail_ticks = 1, FIELD_UNUSED);
    ORDER(limit, order.expire_time = 1, FIELD_UNUSED);
    ORDER(stop, order.price_ticks = 1, FIELD_UNUSED);
    ORDER(alert, order.oco_group = 1, FIELD_UNUSED);
    ORDER(limit, (order.qty_lots = INT64_C(1) << 50, order.price_ticks = 1 << 12), OVERFLOW);
    EXPECT(place(w, market_of(TKS_SIDE_SELL, TKS_QTY_END - 1)), OK); /* without a price */
    EXPECT(tks_orders_cancel(w->engine, 0), OK);
}

static void test_amendments(world *w)
{
    tks_amend amend = {.struct_size = sizeof amend, .fields = TKS_AMEND_QTY, .qty_lots = 3};
    EXPECT(place(w, limit_of(TKS_SIDE_BUY, 2, 50)), OK);
    uint64_t id = w->engine->order_id_next - 1;
    REFUSES(w->engine, tks_order_cancel(w->engine, 0), ORDER_UNKNOWN);
    REFUSES(w->engine, tks_order_cancel(w->engine, id + 1), ORDER_UNKNOWN);
    REFUSES(w->engine, tks_order_amend(w->engine, UINT64_MAX, &amend), ORDER_UNKNOWN);
    REFUSES(w->engine, tks_orders_cancel(w->engine, 2), INSTRUMENT);
    amend.struct_size = 0;
    REFUSES(w->engine, tks_order_amend(w->engine, id, &amend), STRUCT_SIZE);
    amend = (tks_amend){.struct_size = sizeof amend};
    REFUSES(w->engine, tks_order_amend(w->engine, id, &amend), AMEND_FIELDS);
    amend.fields = 16;
    REFUSES(w->engine, tks_order_amend(w->engine, id, &amend), AMEND_FIELDS);
    amend.fields = TKS_AMEND_TRIGGER;
    amend.trigger_ticks = 5;
    REFUSES(w->engine, tks_order_amend(w->engine, id, &amend), AMEND_FIELDS);
    amend.fields = TKS_AMEND_QTY;
    amend.qty_lots = 1;
    REFUSES(w->engine, tks_order_amend(w->engine, id, &amend), AMEND_FIELDS);
    amend.trigger_ticks = 0;
    amend.qty_lots = 0;
    REFUSES(w->engine, tks_order_amend(w->engine, id, &amend), QTY);
    amend = (tks_amend){.struct_size = sizeof amend, .fields = TKS_AMEND_PRICE, .price_ticks = -1};
    REFUSES(w->engine, tks_order_amend(w->engine, id, &amend), PRICE);
    amend.fields |= TKS_AMEND_QTY;
    amend.price_ticks = TKS_PRICE_END - 1;
    amend.qty_lots = TKS_QTY_END - 1;
    REFUSES(w->engine, tks_order_amend(w->engine, id, &amend), OVERFLOW);
    EXPECT(tks_order_cancel(w->engine, id), OK);
    REFUSES(w->engine, tks_order_cancel(w->engine, id), ORDER_CLOSED);
    tks_order_view view;
    REFUSES(w->engine, tks_order_get(w->engine, id, &view), ORDER_CLOSED);
    REFUSES(w->engine, tks_order_get(w->engine, id + 9, &view), ORDER_UNKNOWN);
}

static void test_stop_amendments(world *w)
{
    tks_order trailing = order_of(TKS_ORDER_TRAILING_STOP, TKS_SIDE_SELL, 1);
    trailing.trail_ticks = 5;
    EXPECT(place(w, stop_of(TKS_SIDE_BUY, 2, 50)), OK);
    EXPECT(place(w, trailing), OK);
    uint64_t id = w->engine->order_id_next - 1;
    tks_amend amend = {
        .struct_size = sizeof amend, .fields = TKS_AMEND_TRIGGER, .trigger_ticks = -5};
    REFUSES(w->engine, tks_order_amend(w->engine, id - 1, &amend), TRIGGER);
    amend = (tks_amend){.struct_size = sizeof amend, .fields = TKS_AMEND_TRAIL, .trail_ticks = -5};
    REFUSES(w->engine, tks_order_amend(w->engine, id, &amend), TRAIL);
    EXPECT(tks_orders_cancel(w->engine, TKS_INSTRUMENT_ALL), OK);
}

/* Refused from outside: in the record, with its id, and nothing else is changed. */
static void test_refusals_from_outside(world *w)
{
    tks_order limit = limit_of(TKS_SIDE_BUY, 2, 50);
    tks_amend amend = {.struct_size = sizeof amend, .fields = TKS_AMEND_QTY, .qty_lots = 3};
    EXPECT(place(w, limit), OK);
    uint64_t id = w->engine->order_id_next - 1;
    int32_t outside[] = {INT32_MIN, -1, 0, TKS_REASON_TOO_LATE, TKS_REASON_CANCELLED_BY_USER,
                         256 + TKS_REASON_RISK_LIMIT, INT32_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        REFUSES(w->engine, refuse(w, limit, outside[i]), REASON);
        REFUSES(w->engine, tks_amend_refuse(w->engine, id, &amend, outside[i]), REASON);
    }
    uint32_t open = w->engine->open_count;
    for (int32_t reason = TKS_REASON_NO_CASH; reason <= TKS_REASON_RISK_LIMIT; reason++) {
        EXPECT(refuse(w, limit, reason), OK);
        EXPECT(tks_amend_refuse(w->engine, id, &amend, reason), OK);
    }
    CHECK(w->engine->order_id_next == id + 1 + TKS_REASON_RISK_LIMIT);
    CHECK(w->engine->open_count == open);
    tks_order_view view;
    EXPECT(tks_order_get(w->engine, id, &view), OK);
    CHECK(view.order.qty_lots == 2);
    REFUSES(w->engine, tks_amend_refuse(w->engine, id + 1, &amend, 9), ORDER_CLOSED);
    REFUSES(w->engine, tks_amend_refuse(w->engine, id + 99, &amend, 9), ORDER_UNKNOWN);
    amend.fields = TKS_AMEND_TRAIL;
    REFUSES(w->engine, tks_amend_refuse(w->engine, id, &amend, 9), AMEND_FIELDS);
    amend.struct_size = 0;
    REFUSES(w->engine, tks_amend_refuse(w->engine, id, &amend, 9), STRUCT_SIZE);
    EXPECT(tks_order_cancel(w->engine, id), OK);
    drain(w->engine);
}

static void test_orders(void)
{
    world w = plan();
    open_world(&w);
    test_order_kinds(&w);
    test_order_numbers(&w);
    test_amendments(&w);
    test_stop_amendments(&w);
    test_refusals_from_outside(&w);
    close_world(&w);
}

/* ---- Money ----------------------------------------------------------------------------------- */

static void test_money(void)
{
    world w = plan();
    int64_t prices[INSTRUMENTS] = {0, 100};
    const int64_t most = INT64_C(1) << 61;
    open_world(&w);
    REFUSES(w.engine, tks_ledger_post(w.engine, 2, TKS_ENTRY_DEPOSIT, 1), INSTRUMENT);
    REFUSES(w.engine, tks_ledger_post(w.engine, 0, 0, 1), ENTRY_KIND);
    REFUSES(w.engine, tks_ledger_post(w.engine, 0, TKS_ENTRY_SETTLEMENT, 1), ENTRY_KIND);
    REFUSES(w.engine, tks_ledger_post(w.engine, 0, TKS_ENTRY_FUNDING, 0), AMOUNT);
    REFUSES(w.engine, tks_ledger_post(w.engine, 0, TKS_ENTRY_DEPOSIT, -1), AMOUNT);
    REFUSES(w.engine, tks_ledger_post(w.engine, 0, TKS_ENTRY_WITHDRAWAL, 1), AMOUNT);
    REFUSES(w.engine, tks_ledger_post(w.engine, 0, TKS_ENTRY_DIVIDEND, most + 1), AMOUNT);
    EXPECT(tks_ledger_post(w.engine, 0, TKS_ENTRY_DEPOSIT, most), OK);
    REFUSES(w.engine, tks_ledger_post(w.engine, 0, TKS_ENTRY_DEPOSIT, most), OVERFLOW);
    REFUSES(w.engine, tks_ledger_post(w.engine, 0, TKS_ENTRY_INTEREST, most), OVERFLOW);
    EXPECT(tks_ledger_post(w.engine, 0, TKS_ENTRY_WITHDRAWAL, -most), OK);
    REFUSES(w.engine, tks_settle_at(w.engine, 2, 1), INSTRUMENT);
    REFUSES(w.engine, tks_settle_at(w.engine, 0, 0), SETTLE_PRICE);
    EXPECT(place(&w, market_of(TKS_SIDE_BUY, 1 << 20)), OK);
    EXPECT(step(&w, 1, 1), OK);
    REFUSES(w.engine, tks_day_roll(w.engine, prices), SETTLE_PRICE);
    REFUSES(w.engine, tks_settle_at(w.engine, 0, TKS_PRICE_END - 1), OVERFLOW);
    prices[0] = TKS_PRICE_END - 1;
    REFUSES(w.engine, tks_day_roll(w.engine, prices), OVERFLOW);
    EXPECT(tks_day_roll(w.engine, NULL), OK);
    tks_snapshot snapshot;
    EXPECT(tks_snapshot_get(w.engine, 2, &snapshot), INSTRUMENT);
    tks_holding holding;
    EXPECT(tks_holding_get(w.engine, 2, &holding), INSTRUMENT);
    uint32_t count;
    EXPECT(tks_orders_open(w.engine, 2, 0, NULL, 0, &count), INSTRUMENT);
    EXPECT(step(&w, 2, TKS_PRICE_END - 1), OK); /* the mark alone is beyond 64 bits */
    REFUSES(w.engine, tks_snapshot_get(w.engine, 0, &snapshot), OVERFLOW);
    EXPECT(step(&w, 3, 1), OK);
    EXPECT(tks_snapshot_get(w.engine, 0, &snapshot), OK);
    close_world(&w);
}

/* ---- Ticks ----------------------------------------------------------------------------------- */

#define TICK(change, name)                                                                         \
    do {                                                                                           \
        tks_tick tick = tick_of(0, 10, 100);                                                       \
        change;                                                                                    \
        REFUSES(w.engine, tks_step(w.engine, &tick), name);                                        \
    } while (0)

static void test_ticks(void)
{
    world w = plan();
    open_world(&w);
    EXPECT(step(&w, 5, 100), OK);
    TICK(tick.instrument = 2, INSTRUMENT);
    TICK(tick.time = 4, TIME_BACKWARDS);
    TICK(tick.time = TKS_TIME_END, TIME_RANGE);
    TICK(tick.time = INT64_MIN, TIME_RANGE);
    TICK(tick.price_ticks = 0, TICK_PRICE);
    TICK(tick.price_ticks = TKS_PRICE_END, TICK_PRICE);
    TICK(tick.qty_lots = 0, TICK_QTY);
    TICK(tick.qty_lots = TKS_QTY_END, TICK_QTY);
    TICK(tick.side = 2, TICK_SIDE);
    TICK((tick.flags = TKS_TICK_QUOTED, tick.bid_ticks = 100), TICK_QUOTE);
    TICK((tick.flags = TKS_TICK_QUOTED, tick.bid_ticks = 2, tick.ask_ticks = 1), TICK_QUOTE);
    TICK((tick.flags = TKS_TICK_RANGE, tick.low_ticks = 101, tick.high_ticks = 102), TICK_RANGE);
    TICK((tick.flags = TKS_TICK_RANGE, tick.low_ticks = 98, tick.high_ticks = 99), TICK_RANGE);
    TICK((tick.flags = TKS_TICK_RANGE, tick.low_ticks = 0, tick.high_ticks = 100), TICK_RANGE);
    TICK((tick.flags = TKS_TICK_RANGE, tick.low_ticks = 1, tick.high_ticks = TKS_PRICE_END),
         TICK_RANGE);
    TICK((tick.flags = TKS_TICK_RANGE | TKS_TICK_QUOTED, tick.low_ticks = 100,
          tick.high_ticks = 100),
         TICK_RANGE);
    TICK(tick.flags = TKS_TICK_CONTINUES, TICK_RANGE);
    TICK((tick.flags = TKS_TICK_RANGE, tick.low_ticks = tick.high_ticks = 100, tick.qty_lots = -1),
         TICK_QTY);
    close_world(&w);
}

/* ---- Columns --------------------------------------------------------------------------------- */

typedef struct columns {
    int64_t time[ROWS];
    int64_t price[ROWS];
    int64_t qty[ROWS];
    uint8_t side[ROWS];
    int64_t bid[ROWS];
    int64_t ask[ROWS];
} columns;

static columns space[INSTRUMENTS];

static void columns_fill(void)
{
    for (int i = 0; i < INSTRUMENTS; i++)
        for (int row = 0; row < ROWS; row++) {
            columns *c = &space[i];
            c->time[row] = 10 + row;
            c->price[row] = 100 + row % 7;
            c->qty[row] = 1;
            c->side[row] = (uint8_t)(row % 2);
            c->bid[row] = c->price[row] - 1;
            c->ask[row] = c->price[row] + 1;
        }
}

static void feeds_make(tks_feed feeds[INSTRUMENTS])
{
    memset(feeds, 0, INSTRUMENTS * sizeof *feeds);
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        feeds[i].struct_size = sizeof *feeds;
        feeds[i].instrument = i;
        feeds[i].count = ROWS;
        feeds[i].time = space[i].time;
        feeds[i].price_ticks = space[i].price;
        feeds[i].qty_lots = space[i].qty;
        feeds[i].side = space[i].side;
        feeds[i].bid_ticks = space[i].bid;
        feeds[i].ask_ticks = space[i].ask;
    }
}

static tks_status batch(world *w, tks_feed *feeds, tks_batch_result *result)
{
    result->struct_size = sizeof *result;
    return tks_step_batch(w->engine, feeds, INSTRUMENTS, 0, result);
}

/* One bad row of the second feed is found wherever it is, named, and nothing has happened. */
static void bad_row_is_named(world *w, uint64_t row, tks_status expected)
{
    tks_feed feeds[INSTRUMENTS];
    tks_batch_result result;
    uint64_t bad_row = UINT64_MAX;
    feeds_make(feeds);
    tks_digest before = hash_of(w->engine);
    expect_at(batch(w, feeds, &result), expected, __LINE__);
    CHECK(result.bad_feed == 1 && result.bad_row == row && result.ticks_done == 0);
    CHECK(feeds[0].cursor == 0 && feeds[1].cursor == 0 && is_same(before, hash_of(w->engine)));
    expect_at(tks_feed_check(&feeds[1], &w->rules[1], &bad_row), expected, __LINE__);
    CHECK(bad_row == row);
    feeds[1].cursor = row + 1; /* what lies before the cursor is not looked at */
    if (row + 1 < ROWS)
        EXPECT(tks_feed_check(&feeds[1], &w->rules[1], &bad_row), OK);
}

#define BAD_COLUMN(column, value, name)                                                            \
    do {                                                                                           \
        int64_t good = (int64_t)space[1].column[row];                                              \
        space[1].column[row] = value;                                                              \
        bad_row_is_named(&w, row, TKS_STATUS_##name);                                              \
        space[1].column[row] = (__typeof__(space[1].column[0]))good;                               \
    } while (0)

static void test_bad_rows(void)
{
    static const uint64_t rows[] = {0, 1, 15, 16, 17, 1039, 1040, 1041, 4096, ROWS - 1};
    world w = plan();
    open_world(&w);
    columns_fill();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t row = rows[i];
        BAD_COLUMN(time, TKS_TIME_END, TIME_RANGE);
        BAD_COLUMN(time, INT64_MIN, TIME_RANGE);
        BAD_COLUMN(price, TKS_PRICE_END, TICK_PRICE);
        BAD_COLUMN(price, INT64_MIN, TICK_PRICE);
        BAD_COLUMN(qty, 0, TICK_QTY);
        BAD_COLUMN(qty, INT64_MIN, TICK_QTY);
        BAD_COLUMN(side, 2, TICK_SIDE);
        BAD_COLUMN(side, 255, TICK_SIDE);
        BAD_COLUMN(bid, 1000, TICK_QUOTE);
        BAD_COLUMN(ask, 0, TICK_QUOTE);
        BAD_COLUMN(bid, -TKS_PRICE_END, TICK_QUOTE);
        BAD_COLUMN(ask, INT64_MAX, TICK_QUOTE);
        if (row > 0)
            BAD_COLUMN(time, 9, TIME_BACKWARDS);
    }
    close_world(&w);
}

#define FEED(change, name)                                                                         \
    do {                                                                                           \
        feeds_make(feeds);                                                                         \
        change;                                                                                    \
        REFUSES(w.engine, batch(&w, feeds, &result), name);                                        \
    } while (0)

static void test_feeds(void)
{
    world w = plan();
    tks_feed feeds[INSTRUMENTS];
    tks_batch_result result;
    uint64_t map[64] = {0};
    w.rules[1].qty_rule = TKS_QTY_VOLUME;
    w.rules[1].participation_ppm = 1;
    open_world(&w);
    columns_fill();
    FEED(feeds[1].struct_size = 0, STRUCT_SIZE);
    FEED(feeds[1].instrument = 2, INSTRUMENT);
    FEED(feeds[1].instrument = 0, FEED_REPEATED);
    FEED((feeds[0].instrument = 1, feeds[1].instrument = 0), FEED_REPEATED);
    FEED(feeds[1].cursor = ROWS + 1, FEED_CURSOR);
    FEED(feeds[1].time = NULL, COLUMN_MISSING);
    FEED(feeds[1].price_ticks = NULL, COLUMN_MISSING);
    FEED(feeds[1].qty_lots = NULL, COLUMN_MISSING);
    FEED(feeds[1].bid_ticks = NULL, COLUMN_MISSING);
    FEED(feeds[1].ask_ticks = NULL, COLUMN_MISSING);
    FEED(feeds[1].flags = 4, RULE);
    FEED(feeds[1].flags = TKS_FEED_RANGES | 8, RULE);
    FEED((feeds[1].flags = TKS_FEED_RANGES, feeds[1].low_ticks = feeds[1].high_ticks = NULL),
         COLUMN_MISSING);
    FEED(feeds[1].reserved = 1, RULE);
    FEED((feeds[1].zone_map = map, feeds[1].zone_map_size = 64), ZONE_MAP);
    FEED((feeds[1].zone_map = map, feeds[1].zone_map_size = 1), ZONE_MAP);
    FEED((feeds[1].zone_map = (char *)map + 1, feeds[1].zone_map_size = 64), ZONE_MAP);
    EXPECT(tks_zone_map_build(map, sizeof map, space[1].price, 64), OK);
    /* a shorter one */
    FEED((feeds[1].zone_map = map, feeds[1].zone_map_size = sizeof map), ZONE_MAP);
    feeds_make(feeds);
    result.struct_size = 0;
    REFUSES(w.engine, tks_step_batch(w.engine, feeds, 2, 0, &result), STRUCT_SIZE);
    EXPECT(step(&w, 11, 100), OK);
    FEED(feeds[0].qty_lots = NULL, TIME_BACKWARDS); /* the first row comes before the clock */
    feeds[0].cursor = feeds[1].cursor = 1;
    feeds[0].side = NULL;
    EXPECT(batch(&w, feeds, &result), OK);
    CHECK(feeds[0].cursor == ROWS && feeds[1].cursor == ROWS &&
          result.ticks_done == 2 * (ROWS - 1));
    close_world(&w);
}

/* ---- Schedules ------------------------------------------------------------------------------- */

enum { SCHEDULED = 4 };

typedef struct schedule_columns {
    int64_t point[SCHEDULED];
    uint32_t instrument[SCHEDULED];
    uint8_t type[SCHEDULED];
    uint8_t side[SCHEDULED];
    uint8_t offset[SCHEDULED];
    int64_t qty[SCHEDULED];
} schedule_columns;

static tks_schedule schedule_make(schedule_columns *c, bool by_time)
{
    tks_schedule s;
    memset(&s, 0, sizeof s);
    for (int row = 0; row < SCHEDULED; row++) {
        c->point[row] = by_time ? 20 + row : row;
        c->instrument[row] = (uint32_t)row % 2;
        c->type[row] = TKS_ORDER_MARKET;
        c->side[row] = TKS_SIDE_BUY;
        c->offset[row] = row % 2 ? TKS_OFFSET_OPEN : TKS_OFFSET_NONE;
        c->qty[row] = 1;
    }
    s.struct_size = sizeof s;
    s.count = SCHEDULED;
    s.time = by_time ? c->point : NULL;
    s.tick_index = by_time ? NULL : c->point;
    s.instrument = c->instrument;
    s.type = c->type;
    s.side = c->side;
    s.offset = c->offset;
    s.qty_lots = c->qty;
    return s;
}

#define SCHEDULE(by_time, change, name, named_row)                                                 \
    do {                                                                                           \
        schedule_columns c;                                                                        \
        tks_schedule s = schedule_make(&c, by_time);                                               \
        tks_batch_result result = {.struct_size = sizeof result};                                  \
        feeds_make(feeds);                                                                         \
        change;                                                                                    \
        REFUSES(w.engine, tks_run_orders(w.engine, feeds, feed_count, &s, &result), name);         \
        CHECK(result.bad_feed == feed_count && result.bad_row == (named_row) && s.cursor == 0);    \
    } while (0)

static void test_schedules(void)
{
    world w = plan();
    tks_feed feeds[INSTRUMENTS];
    uint32_t feed_count = INSTRUMENTS;
    open_world(&w);
    columns_fill();
    SCHEDULE(true, s.struct_size = 0, STRUCT_SIZE, 0);
    SCHEDULE(true, s.tick_index = c.point, SCHEDULE_POINT, 0);
    SCHEDULE(true, s.time = NULL, SCHEDULE_POINT, 0);
    SCHEDULE(true, s.count = 0; s.cursor = 1; s.flags = 0;, FEED_CURSOR, s.cursor = 0);
    SCHEDULE(true, s.type = NULL, COLUMN_MISSING, 0);
    SCHEDULE(true, s.qty_lots = NULL, COLUMN_MISSING, 0);
    SCHEDULE(true, s.flags = 2, RULE, 0);
    SCHEDULE(true, c.point[2] = 20, SCHEDULE_ORDER, 2);
    SCHEDULE(false, c.point[3] = 0, SCHEDULE_ORDER, 3);
    SCHEDULE(false, c.instrument[3] = 0; c.offset[3] = 0; c.point[3] = 1, SCHEDULE_ORDER, 3);
    SCHEDULE(true, c.side[1] = 2, SIDE, 1);
    SCHEDULE(true, c.type[3] = 99, ORDER_TYPE, 3);
    SCHEDULE(true, c.qty[2] = 0, QTY, 2);
    SCHEDULE(true, c.instrument[1] = 7, INSTRUMENT, 1);
    feed_count = 1; /* ticks of the other instrument cannot be counted */
    SCHEDULE(false, , INSTRUMENT, 1);
    close_world(&w);
}

/* Without room for events a run stops, and goes on after a drain as if nothing had been. */
static void test_schedule_resumes(void)
{
    world w = plan();
    world roomy = plan();
    tks_feed feeds[INSTRUMENTS];
    schedule_columns c;
    tks_batch_result result = {.struct_size = sizeof result};
    w.config.events_max = 4;
    open_world(&w);
    open_world(&roomy);
    columns_fill();
    tks_schedule s = schedule_make(&c, true);
    feeds_make(feeds);
    EXPECT(tks_run_orders(roomy.engine, feeds, INSTRUMENTS, &s, &result), OK);
    CHECK(s.cursor == SCHEDULED && result.rows_done == SCHEDULED);
    s.cursor = 0;
    feeds_make(feeds);
    int visits = 0;
    tks_status status;
    while ((status = tks_run_orders(w.engine, feeds, INSTRUMENTS, &s, &result)) ==
               TKS_STATUS_CAPACITY &&
           visits++ < 100) {
        CHECK(s.cursor < SCHEDULED || feeds[0].cursor < ROWS);
        s.flags = TKS_SCHEDULE_CHECKED;
        drain(w.engine);
    }
    CHECK(status == TKS_STATUS_OK && visits > 0);
    CHECK(is_same(hash_of(w.engine), hash_of(roomy.engine)));
    close_world(&w);
    close_world(&roomy);
}

/* ---- Capacity -------------------------------------------------------------------------------- */

static void test_room(void)
{
    world w = plan();
    w.config.events_max = 4;
    w.rules[0].orders_max = 2;
    open_world(&w);
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 1, 100)), OK);
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 1, 101)), OK);
    REFUSES(w.engine, place(&w, limit_of(TKS_SIDE_BUY, 1, 102)), CAPACITY); /* orders */
    EXPECT(tks_ledger_post(w.engine, 0, TKS_ENTRY_DEPOSIT, 1), OK);
    EXPECT(tks_ledger_post(w.engine, 0, TKS_ENTRY_DEPOSIT, 1), OK);
    REFUSES(w.engine, tks_ledger_post(w.engine, 0, TKS_ENTRY_DEPOSIT, 1), CAPACITY); /* events */
    REFUSES(w.engine, tks_order_cancel(w.engine, 1), CAPACITY);
    REFUSES(w.engine, tks_orders_cancel(w.engine, 0), CAPACITY);
    REFUSES(w.engine, tks_settle_at(w.engine, 0, 1), CAPACITY);
    REFUSES(w.engine, tks_day_roll(w.engine, NULL), CAPACITY);
    tks_amend amend = {.struct_size = sizeof amend, .fields = TKS_AMEND_QTY, .qty_lots = 3};
    REFUSES(w.engine, tks_order_amend(w.engine, 1, &amend), CAPACITY);
    REFUSES(w.engine, refuse(&w, limit_of(TKS_SIDE_BUY, 1, 99), TKS_REASON_RISK_LIMIT), CAPACITY);
    REFUSES(w.engine, tks_amend_refuse(w.engine, 1, &amend, TKS_REASON_RISK_LIMIT), CAPACITY);
    REFUSES(w.engine, step(&w, 1, 100), CAPACITY);
    drain(w.engine);
    EXPECT(tks_order_cancel(w.engine, 1), OK);
    EXPECT(step(&w, 1, 100), OK);
    close_world(&w);
}

static void test_command_room(void)
{
    world w = plan();
    w.config.latency = 10;
    w.config.commands_max = 2;
    open_world(&w);
    EXPECT(step(&w, 1, 100), OK);
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 1, 50)), OK);
    EXPECT(tks_orders_cancel(w.engine, 0), OK);
    EXPECT(tks_order_cancel(w.engine, 1), OK);
    REFUSES(w.engine, tks_order_cancel(w.engine, 1), CAPACITY);
    REFUSES(w.engine, tks_orders_cancel(w.engine, 0), CAPACITY);
    tks_amend amend = {.struct_size = sizeof amend, .fields = TKS_AMEND_QTY, .qty_lots = 3};
    REFUSES(w.engine, tks_order_amend(w.engine, 1, &amend), CAPACITY);
    EXPECT(step(&w, 11, 100), OK); /* the first cancels, the second comes too late */
    drain(w.engine);
    CHECK(reason_seen[TKS_REASON_TOO_LATE]);
    close_world(&w);
}

static void test_copies(void)
{
    world w = plan();
    open_world(&w);
    EXPECT(step(&w, 1, 100), OK);
    for (int i = 0; i < 3; i++)
        EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 1, 50)), OK);
    void *memory = get_memory(w.size);
    tks_engine *copy = NULL;
    world other = w;
    other.config.instruments = other.rules;
    other.config.latency = 1;
    EXPECT(tks_engine_copy(memory, w.size, &other.config, w.engine, &copy), CONFIG_MISMATCH);
    other.config.latency = 0;
    other.rules[1].spread_ppb = 1;
    EXPECT(tks_engine_copy(memory, w.size, &other.config, w.engine, &copy), CONFIG_MISMATCH);
    other.rules[1].spread_ppb = 0;
    other.rules[0].orders_max = 2;
    EXPECT(tks_engine_copy(memory, w.size, &other.config, w.engine, &copy), CAPACITY_SMALLER);
    other.rules[0].orders_max = 3;
    other.config.events_max = 2;
    EXPECT(tks_engine_copy(memory, w.size, &other.config, w.engine, &copy), CAPACITY_SMALLER);
    CHECK(copy == NULL);
    other.config.events_max = 3;
    EXPECT(tks_engine_copy(memory, w.size, &other.config, w.engine, &copy), OK);
    CHECK(is_same(hash_of(copy), hash_of(w.engine)));
    free(memory);
    close_world(&w);
}

/* ---- Overflow before a tick ------------------------------------------------------------------ */

/* Orders that no ledger could post stop the tick, by step and by batch; without them it goes on. */
static void test_overflow_before_a_tick(void)
{
    world w = plan();
    tks_feed feeds[INSTRUMENTS];
    tks_batch_result result;
    w.config.events_max = 4096;
    open_world(&w);
    columns_fill();
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 1, 90)), OK);
    EXPECT(step(&w, 1, 100), OK);
    EXPECT(place(&w, market_of(TKS_SIDE_BUY, INT64_C(1) << 59)), OK);
    EXPECT(place(&w, stop_of(TKS_SIDE_SELL, 1, 95)), OK);
    REFUSES(w.engine, step(&w, 2, 100), OVERFLOW);
    REFUSES(w.engine, step(&w, 2, 100), OVERFLOW);
    feeds_make(feeds);
    tks_digest before = hash_of(w.engine);
    EXPECT(batch(&w, feeds, &result), OVERFLOW);
    CHECK(feeds[0].cursor == 0 && feeds[1].cursor == 0 && result.ticks_done == 0);
    CHECK(is_same(before, hash_of(w.engine)));
    EXPECT(tks_order_cancel(w.engine, 2), OK);
    EXPECT(batch(&w, feeds, &result), OK);
    CHECK(feeds[0].cursor == ROWS && w.engine->open_count == 2);
    close_world(&w);
}

/* In the middle of a batch: what came before is done whole. */
static void test_overflow_on_the_way(void)
{
    world w = plan();
    world plain = plan();
    tks_feed feeds[INSTRUMENTS];
    tks_batch_result result;
    open_world(&w);
    open_world(&plain);
    columns_fill();
    space[0].price[3000] = space[0].ask[3000] = INT64_C(1) << 40;
    EXPECT(place(&w, stop_of(TKS_SIDE_BUY, INT64_C(1) << 45, 1000)), OK);
    EXPECT(place(&w, limit_of(TKS_SIDE_SELL, 1, 106)), OK);
    feeds_make(feeds);
    EXPECT(batch(&w, feeds, &result), OVERFLOW);
    CHECK(feeds[0].cursor == 3000 && feeds[1].cursor == 3000 && result.ticks_done == 6000);
    EXPECT(tks_order_cancel(w.engine, 1), OK);
    EXPECT(batch(&w, feeds, &result), OK);
    CHECK(feeds[0].cursor == ROWS && feeds[1].cursor == ROWS);
    EXPECT(place(&plain, limit_of(TKS_SIDE_SELL, 1, 106)), OK);
    feeds_make(feeds);
    EXPECT(batch(&plain, feeds, &result), OK);
    CHECK(w.engine->wallet.cash_units == plain.engine->wallet.cash_units);
    close_world(&w);
    close_world(&plain);
}

/* One instrument's fees grow as another's rebates do: the wallet shows neither, nothing wraps. */
static void test_fees_hidden_by_rebates(void)
{
    world w = plan();
    tks_status status = TKS_STATUS_OK;
    w.rules[1] = w.rules[0];
    w.rules[0].taker_fee_ppb = TKS_PPB;
    w.rules[1].taker_fee_ppb = -TKS_PPB;
    open_world(&w);
    for (int i = 0; i < 400 && status == TKS_STATUS_OK; i++) {
        tks_order order = market_of(i / 2 % 2 ? TKS_SIDE_SELL : TKS_SIDE_BUY, INT64_C(1) << 56);
        order.instrument = (uint32_t)i % 2;
        drain(w.engine);
        EXPECT(place(&w, order), OK);
        tks_tick tick = tick_of((uint32_t)i % 2, i, 1);
        status = tks_step(w.engine, &tick);
        CHECK(inspect(w.engine) == NULL);
    }
    EXPECT(status, OVERFLOW);
    close_world(&w);
}

/* ---- Saved states ---------------------------------------------------------------------------- */

static unsigned char *save(const world *w, size_t *size_out)
{
    size_t written;
    EXPECT(tks_state_size(w->engine, size_out), OK);
    unsigned char *bytes = get_memory(*size_out);
    EXPECT(tks_state_save(w->engine, bytes, *size_out, &written), OK);
    CHECK(written == *size_out);
    return bytes;
}

static tks_status load(const world *w, const unsigned char *bytes, size_t size)
{
    tks_engine *engine = NULL;
    void *memory = get_memory(w->size);
    tks_status status = tks_state_load(memory, w->size, &w->config, bytes, size, &engine);
    CHECK((status == TKS_STATUS_OK) == (engine != NULL));
    CHECK(!engine || (!inspect(engine) && is_same(hash_of(engine), hash_of(w->engine))));
    free(memory);
    return status;
}

static void reload(const world *w)
{
    size_t size;
    unsigned char *bytes = save(w, &size);
    EXPECT(load(w, bytes, size), OK);
    free(bytes);
}

/* The digest of a state's words is that of records of eleven words; the last one is padded, and one
 * more holds the number of words. */
static void correct_checksum(unsigned char *bytes, size_t size)
{
    tks_digest digest = {0, 0};
    uint64_t body = size / 8 - 2;
    tks_event record;
    for (uint64_t at = 0; at <= body; at += 11) {
        memset(&record, 0, sizeof record);
        memcpy(&record, bytes + 8 * at, 8 * (body - at < 11 ? body - at : 11));
        tks_digest_update(&digest, &record, 1);
    }
    memset(&record, 0, sizeof record);
    memcpy(&record, &body, sizeof body);
    tks_digest_update(&digest, &record, 1);
    memcpy(bytes + 8 * body, &digest.low, 8);
    memcpy(bytes + 8 * body + 8, &digest.high, 8);
}

/* Orders, a position and a delayed command. */
static void live_a_little(world *w)
{
    *w = plan();
    w->config.latency = 5;
    open_world(w);
    tks_order dated = limit_of(TKS_SIDE_BUY, 5, 90);
    dated.time_in_force = TKS_TIF_GTD;
    dated.expire_time = 1000;
    dated.oco_group = 4;
    EXPECT(place(w, market_of(TKS_SIDE_BUY, 3)), OK);
    EXPECT(step(w, 1, 100), OK);
    EXPECT(place(w, dated), OK);
    EXPECT(place(w, stop_of(TKS_SIDE_SELL, 2, 80)), OK);
    EXPECT(tks_order_cancel(w->engine, 2), OK);
}

static void test_damaged_states(void)
{
    world w;
    size_t size;
    live_a_little(&w);
    unsigned char *bytes = save(&w, &size);
    EXPECT(load(&w, bytes, size), OK);
    for (size_t shorter = 0; shorter < size; shorter++) {
        tks_status status = load(&w, bytes, shorter);
        bool named = shorter % 8 || shorter < 32 ? status == TKS_STATUS_STATE_FORMAT
                                                 : status == TKS_STATUS_STATE_CHECKSUM;
        CHECK(named);
    }
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= 1;
        tks_status status = load(&w, bytes, size);
        CHECK(status == (at < 8    ? TKS_STATUS_STATE_FORMAT
                         : at < 16 ? TKS_STATUS_STATE_VERSION
                                   : TKS_STATUS_STATE_CHECKSUM));
        bytes[at] ^= 1;
    }
    bytes[size - 1] ^= 1;
    EXPECT(load(&w, bytes, size), STATE_CHECKSUM);
    free(bytes);
    close_world(&w);
}

static void test_foreign_states(void)
{
    world w;
    live_a_little(&w);
    world other = w;
    size_t size;
    unsigned char *bytes = save(&w, &size);
    tks_config config;
    tks_instrument rules[INSTRUMENTS];
    uint64_t word;
    other.config.instruments = other.rules;
    other.rules[0].spread_ppb = 5;
    EXPECT(load(&other, bytes, size), CONFIG_MISMATCH);
    other.rules[0].spread_ppb = 0;
    other.rules[0].orders_max = 1;
    EXPECT(load(&other, bytes, size), CAPACITY_SMALLER);
    other.rules[0].orders_max = 16;
    other.config.commands_max = 0;
    EXPECT(load(&other, bytes, size), CAPACITY_SMALLER);
    EXPECT(tks_state_config(bytes, size, &config, rules, INSTRUMENTS), OK);
    CHECK(config.latency == 5 && config.commands_max == 1 && rules[0].orders_max >= 2);
    EXPECT(tks_state_config(bytes, size, &config, rules, 1), CAPACITY);
    CHECK(config.instrument_count == INSTRUMENTS);
    memcpy(&word, "not one", 8);
    EXPECT(load(&w, (const unsigned char *)&word, 8), STATE_FORMAT);
    memset(bytes + 8, 9, 1);
    EXPECT(load(&w, bytes, size), STATE_VERSION);
    memset(bytes + 8, 2, 1);
    size_t wallet_at = 8 * (5 + 13 * INSTRUMENTS + 6);
    bytes[wallet_at] ^= 1; /* cash that nobody earned, with a right checksum */
    correct_checksum(bytes, size);
    EXPECT(load(&w, bytes, size), STATE_INVALID);
    free(bytes);
    close_world(&w);
}

/* States that an engine comes to by its own rules can always be loaded. */
static void test_extreme_states(void)
{
    world w = plan();
    open_world(&w);
    tks_order order = market_of(TKS_SIDE_BUY, 1 << 20);
    order.instrument = 1;
    order.offset = TKS_OFFSET_OPEN;
    EXPECT(place(&w, order), OK);
    order.side = TKS_SIDE_SELL;
    EXPECT(place(&w, order), OK);
    tks_tick tick = tick_of(1, 1, 1);
    EXPECT(tks_step(w.engine, &tick), OK);
    EXPECT(tks_settle_at(w.engine, 1, INT64_C(3) << 40), OK); /* both bases near 2^62 */
    reload(&w);
    EXPECT(tks_settle_at(w.engine, 1, -(INT64_C(3) << 40)), OK);
    reload(&w);
    close_world(&w);

    w = plan();
    w.config.latency = 5;
    open_world(&w);
    EXPECT(step(&w, 1, 100), OK);
    EXPECT(place(&w, limit_of(TKS_SIDE_SELL, 1, 200)), OK);
    tks_amend amend = {
        .struct_size = sizeof amend, .fields = TKS_AMEND_QTY, .qty_lots = INT64_C(1) << 50};
    EXPECT(tks_order_amend(w.engine, 1, &amend), OK);
    amend = (tks_amend){
        .struct_size = sizeof amend, .fields = TKS_AMEND_PRICE, .price_ticks = INT64_C(1) << 40};
    EXPECT(tks_order_amend(w.engine, 1, &amend), OK);
    reload(&w);
    EXPECT(step(&w, 10, 100), OK); /* both arrive: together they ask for more than 2^62 */
    reload(&w);
    close_world(&w);
}

/* An engine with an alert, an order that has a fill, one without, and a delayed amendment; and
 * where their words are. */
enum { ORDERS_AT = 5 + 13 * INSTRUMENTS + 9 + 17 * INSTRUMENTS + 1, WORDS_OF_ORDER = 20 };
enum { ID = 0, PRIORITY = 5, QTY = 6, FILLED = 7, TRAIL = 10, LIVE_FROM = 13, FEES = 15 };
enum { RAW_FEE = 16, FROZEN_UNITS = 18, FROZEN_LOTS = 19 };
enum { WORDS_OF_INSTRUMENT = 17, POOL_AT = 5 + 13 * INSTRUMENTS + 9 + 15 };
enum { COMMANDS_AT = ORDERS_AT + 3 * WORDS_OF_ORDER + 1 };
enum { DUE = 0, COMMAND_ID = 1, COMMAND_KIND = 2, COMMAND_SIDE = 4, COMMAND_QTY = 5 };

static void live_for_edits(world *w)
{
    *w = plan();
    w->config.latency = 5;
    w->rules[0].qty_rule = TKS_QTY_VOLUME;
    w->rules[0].participation_ppm = 100000;
    open_world(w);
    tks_order alert = order_of(TKS_ORDER_ALERT_PRICE, TKS_SIDE_BUY, 0);
    alert.trigger_ticks = 1000;
    EXPECT(place(w, alert), OK);
    EXPECT(place(w, market_of(TKS_SIDE_BUY, 3)), OK);
    EXPECT(place(w, limit_of(TKS_SIDE_BUY, 3, 50)), OK);
    EXPECT(step(w, 1, 100), OK);
    tks_amend amend = {.struct_size = sizeof amend, .fields = TKS_AMEND_QTY, .qty_lots = 2};
    EXPECT(tks_order_amend(w->engine, 3, &amend), OK);
}

/* One word of the saved state becomes another, and the checksum fits. */
static tks_status load_with(const world *w, uint64_t at, uint64_t word)
{
    size_t size;
    unsigned char *bytes = save(w, &size);
    memcpy(bytes + 8 * at, &word, 8);
    correct_checksum(bytes, size);
    tks_engine *engine = NULL;
    void *memory = get_memory(w->size);
    tks_status status = tks_state_load(memory, w->size, &w->config, bytes, size, &engine);
    free(bytes);
    free(memory);
    return status;
}

static uint64_t word_of_order(uint64_t order, uint64_t word)
{
    return ORDERS_AT + order * WORDS_OF_ORDER + word;
}

static void test_edited_orders(void)
{
    world w;
    live_for_edits(&w);
    EXPECT(load_with(&w, word_of_order(1, QTY), 4), OK);
    EXPECT(load_with(&w, word_of_order(1, QTY), 1), STATE_INVALID); /* no more than is filled */
    EXPECT(load_with(&w, word_of_order(1, FILLED), UINT64_MAX), STATE_INVALID);
    EXPECT(load_with(&w, word_of_order(1, ID), 1), STATE_INVALID);
    EXPECT(load_with(&w, word_of_order(1, ID), 9), STATE_INVALID);
    EXPECT(load_with(&w, word_of_order(1, PRIORITY), 3), STATE_INVALID); /* the other order's */
    EXPECT(load_with(&w, word_of_order(1, PRIORITY), 99), STATE_INVALID);
    EXPECT(load_with(&w, word_of_order(1, LIVE_FROM), 5), STATE_INVALID); /* it is live already */
    EXPECT(load_with(&w, word_of_order(2, TRAIL), 1), STATE_INVALID);
    EXPECT(load_with(&w, word_of_order(2, FEES), 7), STATE_INVALID); /* a fee without a fill */
    EXPECT(load_with(&w, word_of_order(2, RAW_FEE), 7), STATE_INVALID);
    EXPECT(load_with(&w, word_of_order(2, FROZEN_LOTS), 1), STATE_INVALID);
    EXPECT(load_with(&w, word_of_order(0, FROZEN_UNITS), 1), STATE_INVALID); /* of an alert */
    EXPECT(load_with(&w, word_of_order(0, FILLED), 1), STATE_INVALID);
    EXPECT(load_with(&w, ORDERS_AT - 1, 4), STATE_INVALID); /* more orders than there are words */
    EXPECT(load_with(&w, ORDERS_AT - 1, UINT64_MAX), STATE_INVALID);
    close_world(&w);
}

static void test_edited_commands(void)
{
    world w;
    live_for_edits(&w);
    EXPECT(load_with(&w, COMMANDS_AT + DUE, 3), OK);
    EXPECT(load_with(&w, COMMANDS_AT + DUE, 1), STATE_INVALID); /* it would have run */
    EXPECT(load_with(&w, COMMANDS_AT + DUE, 7), STATE_INVALID); /* later than the latency */
    EXPECT(load_with(&w, COMMANDS_AT + COMMAND_ID, 0), STATE_INVALID);
    EXPECT(load_with(&w, COMMANDS_AT + COMMAND_ID, 9), STATE_INVALID);
    EXPECT(load_with(&w, COMMANDS_AT + COMMAND_KIND, 9), STATE_INVALID);
    EXPECT(load_with(&w, COMMANDS_AT + COMMAND_KIND, UINT64_C(7) << 32), STATE_INVALID);
    EXPECT(load_with(&w, COMMANDS_AT + COMMAND_SIDE, 2), STATE_INVALID);
    EXPECT(load_with(&w, COMMANDS_AT + COMMAND_SIDE, 0), STATE_INVALID); /* names no field */
    EXPECT(load_with(&w, COMMANDS_AT + COMMAND_QTY, 0), STATE_INVALID);
    EXPECT(load_with(&w, COMMANDS_AT - 1, 0), STATE_INVALID); /* words are left over */
    EXPECT(load_with(&w, POOL_AT, INT64_MAX), STATE_INVALID);
    EXPECT(load_with(&w, POOL_AT, UINT64_MAX), STATE_INVALID);
    EXPECT(load_with(&w, POOL_AT + WORDS_OF_INSTRUMENT, 1), STATE_INVALID); /* not under VOLUME */
    close_world(&w);
}

/* ---- Answers in pieces ----------------------------------------------------------------------- */

static void test_paging(void)
{
    world w = plan();
    tks_order_view views[2];
    uint32_t count;
    open_world(&w);
    for (int i = 0; i < 5; i++)
        EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 1, 50)), OK);
    EXPECT(tks_order_cancel(w.engine, 3), OK);
    EXPECT(tks_orders_open(w.engine, 0, 0, views, 2, &count), OK);
    CHECK(count == 2 && views[0].order_id == 1 && views[1].order_id == 2);
    EXPECT(tks_orders_open(w.engine, 0, 2, views, 2, &count), OK);
    CHECK(count == 2 && views[0].order_id == 4 && views[1].order_id == 5);
    EXPECT(tks_orders_open(w.engine, TKS_INSTRUMENT_ALL, 3, views, 1, &count), OK);
    CHECK(count == 1 && views[0].order_id == 4); /* after one that has ended */
    EXPECT(tks_orders_open(w.engine, 1, 0, views, 2, &count), OK);
    CHECK(count == 0);
    close_world(&w);
}

static void test_ring_wraps(void)
{
    world w = plan();
    tks_event events[4];
    uint32_t count;
    uint64_t expected = 1;
    w.config.events_max = 4;
    open_world(&w);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 3; i++)
            EXPECT(tks_ledger_post(w.engine, 0, TKS_ENTRY_DEPOSIT, 1), OK);
        EXPECT(tks_events_drain(w.engine, events, 2 + (uint32_t)round % 2 * 2, &count), OK);
        for (uint32_t i = 0; i < count; i++)
            CHECK(events[i].sequence == expected++);
        if (round % 4 != 2)
            continue;
        tks_engine *copy;
        void *memory = get_memory(w.size);
        EXPECT(tks_engine_copy(memory, w.size, &w.config, w.engine, &copy), OK);
        free(w.engine); /* what is left in the ring moves along */
        w.engine = copy;
    }
    close_world(&w);
}

/* ---- Wrong CHECKED flags --------------------------------------------------------------------- */

/* Whatever can be asked of an engine. The answers are not looked at. */
static void use_everything(world *w)
{
    tks_snapshot snapshot;
    tks_order trailing = order_of(TKS_ORDER_TRAILING_STOP, TKS_SIDE_BUY, 1);
    trailing.trail_ticks = TKS_PRICE_END - 1;
    place(w, trailing);
    place(w, market_of(TKS_SIDE_BUY, 1));
    place(w, market_of(TKS_SIDE_SELL, 1 << 20));
    tks_order_cancel(w->engine, w->engine->order_id_next - 1);
    tks_settle_at(w->engine, 0, 100);
    tks_day_roll(w->engine, NULL);
    tks_snapshot_get(w->engine, 0, &snapshot);
    step(w, w->engine->clock, 100);
    step(w, TKS_TIME_END - 1, TKS_PRICE_END - 1);
    drain(w->engine);
}

enum { IN_A_BATCH, THROUGH_ZONES, IN_A_SCHEDULE, WAYS };

/* Columns that nobody checked, under flags that say so. */
static void run_wild(world *w, int way, uint64_t row)
{
    static uint64_t maps[INSTRUMENTS][256];
    tks_feed feeds[INSTRUMENTS];
    tks_batch_result result = {.struct_size = sizeof result};
    schedule_columns c;
    tks_schedule s = schedule_make(&c, false);
    feeds_make(feeds);
    for (int i = 0; i < INSTRUMENTS; i++) {
        feeds[i].flags = TKS_FEED_CHECKED;
        if (way != THROUGH_ZONES)
            continue;
        EXPECT(tks_zone_map_build(maps[i], sizeof maps[i], space[i].price, ROWS), OK);
        feeds[i].zone_map = maps[i];
        feeds[i].zone_map_size = sizeof maps[i];
    }
    s.flags = TKS_SCHEDULE_CHECKED;
    for (int i = 0; i < SCHEDULED; i++) {
        c.point[i] = (int64_t)row;
        c.instrument[i] = 0;
        c.offset[i] = TKS_OFFSET_NONE;
    }
    if (way == IN_A_SCHEDULE)
        tks_run_orders(w->engine, feeds, INSTRUMENTS, &s, &result);
    else
        batch(w, feeds, &result);
}

static void use_after_wild(int way, uint32_t config_flags, int64_t *column, uint64_t row,
                           int64_t value)
{
    world w = plan();
    int64_t good = column[row];
    if (config_flags)
        w.rules[1] = w.rules[0];
    w.config.flags = config_flags;
    w.config.latency = INT64_C(1) << 61;
    open_world(&w);
    tks_order late = order_of(TKS_ORDER_ALERT_TIME, TKS_SIDE_BUY, 0);
    late.expire_time = TKS_TIME_END - 1; /* only wild times wake it */
    EXPECT(place(&w, late), OK);
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 1, 103)), OK);
    EXPECT(place(&w, stop_of(TKS_SIDE_BUY, 1, 106)), OK);
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 1, 1)), OK); /* these two are searched for to the end */
    EXPECT(place(&w, stop_of(TKS_SIDE_BUY, 1, 1000)), OK);
    column[row] = value;
    run_wild(&w, way, row);
    CHECK(inspect_structure(w.engine) == NULL);
    use_everything(&w);
    CHECK(inspect_structure(w.engine) == NULL);
    column[row] = good;
    free(w.engine);
}

/* Wrong results are allowed; the sanitizers see whether anything worse happens. */
static void test_wrong_flags(void)
{
    static const int64_t values[] = {INT64_MIN, INT64_MAX, -1, 0, -TKS_TIME_END, TKS_TIME_END};
    static const uint64_t rows[] = {0, 1, ROWS / 2, ROWS - 1};
    columns_fill();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++)
            for (uint32_t flags = 0; flags <= TKS_CONFIG_CASH_ACCOUNT; flags++)
                for (int way = 0; way < WAYS; way++) {
                    use_after_wild(way, flags, space[0].time, rows[j], values[i]);
                    use_after_wild(way, flags, space[0].price, rows[j], values[i]);
                    use_after_wild(way, flags, space[0].qty, rows[j], values[i]);
                    use_after_wild(way, flags, space[0].bid, rows[j], values[i]);
                    use_after_wild(way, flags, space[1].time, rows[j], values[i]);
                    use_after_wild(way, flags, space[1].price, rows[j], values[i]);
                }
}

/* ---- Reasons --------------------------------------------------------------------------------- */

static void test_refusals_at_placement(void)
{
    world w = plan();
    w.config.flags = TKS_CONFIG_CASH_ACCOUNT;
    w.config.initial_cash_units = 1000;
    w.rules[0].flags = TKS_INSTRUMENT_NO_SHORT | TKS_INSTRUMENT_BAND;
    w.rules[0].band_low_ticks = 50;
    w.rules[0].band_high_ticks = 150;
    w.rules[0].qty_step_lots = 2;
    w.rules[1] = w.rules[0];
    open_world(&w);
    EXPECT(place(&w, market_of(TKS_SIDE_BUY, 2)), OK);     /* NO_PRICE */
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 3, 100)), OK); /* BOARD_LOT */
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 2, 200)), OK); /* PRICE_BAND */
    EXPECT(step(&w, 1, 100), OK);
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 20, 100)), OK); /* NO_CASH */
    EXPECT(place(&w, market_of(TKS_SIDE_SELL, 2)), OK);     /* NO_POSITION */
    EXPECT(tks_ledger_post(w.engine, 0, TKS_ENTRY_WITHDRAWAL, -1001), OK);
    tks_order reduce = market_of(TKS_SIDE_SELL, 2);
    reduce.flags = TKS_FLAG_REDUCE_ONLY;
    EXPECT(place(&w, reduce), OK);
    EXPECT(step(&w, 2, 100), OK); /* REDUCE_ONLY */
    CHECK(w.engine->open_count == 0 && w.engine->wallet.cash_units == 1000);
    close_world(&w);
    w = plan();
    w.rules[1].flags |= TKS_INSTRUMENT_NO_SHORT;
    open_world(&w);
    tks_order short_open = market_of(TKS_SIDE_SELL, 1);
    short_open.instrument = 1;
    short_open.offset = TKS_OFFSET_OPEN;
    EXPECT(place(&w, short_open), OK); /* NO_SHORT */
    CHECK(w.engine->open_count == 0);
    close_world(&w);
}

static void test_ends_in_a_tick(void)
{
    world w = plan();
    open_world(&w);
    tks_order order = limit_of(TKS_SIDE_BUY, 1, 50);
    order.time_in_force = TKS_TIF_IOC;
    EXPECT(place(&w, order), OK);
    order.time_in_force = TKS_TIF_FOK;
    EXPECT(place(&w, order), OK);
    order = limit_of(TKS_SIDE_BUY, 1, 200);
    order.flags = TKS_FLAG_POST_ONLY;
    EXPECT(place(&w, order), OK);
    order = limit_of(TKS_SIDE_BUY, 1, 60);
    order.time_in_force = TKS_TIF_GTD;
    order.expire_time = 3;
    EXPECT(place(&w, order), OK);
    order = limit_of(TKS_SIDE_BUY, 1, 60);
    order.time_in_force = TKS_TIF_DAY;
    EXPECT(place(&w, order), OK);
    order = market_of(TKS_SIDE_BUY, 1);
    order.oco_group = 1;
    EXPECT(place(&w, order), OK);
    order = limit_of(TKS_SIDE_SELL, 1, 150);
    order.oco_group = 1;
    EXPECT(place(&w, order), OK);
    EXPECT(step(&w, 1, 100), OK);
    EXPECT(step(&w, 3, 100), OK);
    EXPECT(tks_day_roll(w.engine, NULL), OK);
    CHECK(w.engine->open_count == 0);
    close_world(&w);
}

static void test_ends_by_command(void)
{
    world w = plan();
    w.rules[0].qty_rule = TKS_QTY_VOLUME;
    w.rules[0].participation_ppm = 100000;
    open_world(&w);
    EXPECT(place(&w, market_of(TKS_SIDE_BUY, 5)), OK);
    EXPECT(place(&w, limit_of(TKS_SIDE_BUY, 5, 50)), OK);
    EXPECT(step(&w, 1, 100), OK);
    tks_amend amend = {.struct_size = sizeof amend, .fields = TKS_AMEND_QTY, .qty_lots = 1};
    EXPECT(tks_order_amend(w.engine, 1, &amend), OK); /* no more than is filled */
    EXPECT(tks_order_cancel(w.engine, 2), OK);
    CHECK(w.engine->open_count == 0);
    close_world(&w);
}

/* ---- What has been seen ---------------------------------------------------------------------- */

/* Numbers that no call can bring about, and why. */
static const char *why_no_status(int status)
{
    return status == TKS_STATUS_INTERNAL ? "it says that the kernel itself is broken" : NULL;
}

static void tell_seen(const char *name, const char *why_not, bool seen)
{
    if (why_not)
        printf("not provoked: %s, %s\n", name, why_not);
    if (seen != !why_not)
        fprintf(stderr, "%s is %sseen\n", name, seen ? "" : "not ");
    CHECK(seen == !why_not);
}

static void test_all_seen(void)
{
#define TKS_XX(code, name, message) tell_seen(#name, why_no_status(code), status_seen[code]);
    TKS_STATUS_MAP(TKS_XX)
#undef TKS_XX
#define TKS_XX(code, name, message) tell_seen(#name, NULL, reason_seen[code]);
    TKS_REASON_MAP(TKS_XX)
#undef TKS_XX
}

int main(void)
{
    test_names();
    test_capacities();
    test_rules();
    test_bad_pointers();
    test_orders();
    test_money();
    test_ticks();
    test_bad_rows();
    test_feeds();
    test_schedules();
    test_schedule_resumes();
    test_room();
    test_command_room();
    test_copies();
    test_overflow_before_a_tick();
    test_overflow_on_the_way();
    test_fees_hidden_by_rebates();
    test_damaged_states();
    test_foreign_states();
    test_extreme_states();
    test_edited_orders();
    test_edited_commands();
    test_paging();
    test_ring_wraps();
    test_wrong_flags();
    test_refusals_at_placement();
    test_ends_in_a_tick();
    test_ends_by_command();
    test_all_seen();
    printf("%ld passed, %ld failed\n", passed, failed);
    return failed ? 1 : 0;
}
