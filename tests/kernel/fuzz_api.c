/* SPDX-License-Identifier: MIT
 *
 * fuzz_api.c: bytes become a configuration and calls. Whatever they say:
 *   no memory error, no undefined behaviour, no broken invariant (inspect.h);
 *   a call that returns an error has changed nothing;
 *   columns in one batch do what they do tick by tick;
 *   an engine can be saved and loaded at any time, and is then the same.
 * Damaged columns under a CHECKED flag, wrong zone maps and saved states that somebody edited (with
 * a right checksum) are fed too. After a wrong flag results may be wrong: the first line holds.
 *
 *     clang -fsanitize=fuzzer,address,undefined -DTICKSTEP_LIBFUZZER …   the fuzzer
 *     fuzz_api [-n COUNT] [-s SEED] [FILE…]      run these inputs, and so many random ones (20000)
 */
#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>

enum { INSTRUMENTS_MAX = 3, ROWS_MAX = 4096, CALLS_MAX = 400, EVENTS_MAX = 4096, ORDERS_MAX = 64 };

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void *get_memory(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory)
        abort();
    return memory;
}

/* ---- Bytes into numbers ---------------------------------------------------------------------- */

typedef struct input {
    const uint8_t *at;
    const uint8_t *end;
} input;

static uint8_t get_byte(input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static int64_t get_word(input *in)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word |= (uint64_t)get_byte(in) << (8 * i);
    return (int64_t)word;
}

/* Mostly small, sometimes next to a power of two, sometimes anything. */
static int64_t get_number(input *in)
{
    uint8_t b = get_byte(in);
    if (b < 208)
        return b - 32;
    if (b >= 248)
        return get_word(in);
    uint64_t power = UINT64_C(1) << (get_byte(in) % 64);
    uint64_t x = power + (uint64_t)(int64_t)(int8_t)get_byte(in);
    return (int64_t)(b % 2 ? x : 0 - x);
}

static int64_t get_within(input *in, int64_t low, int64_t high)
{
    int64_t x = get_number(in);
    uint64_t range = (uint64_t)high - (uint64_t)low + 1;
    return x >= low && x <= high ? x : (int64_t)((uint64_t)low + (uint64_t)x % range);
}

/* Once in a while: anything, to meet the checks of the call. */
static int64_t get_mostly_within(input *in, int64_t low, int64_t high)
{
    return get_byte(in) == 255 ? get_number(in) : get_within(in, low, high);
}

/* ---- The world ------------------------------------------------------------------------------- */

typedef struct columns {
    int64_t time[ROWS_MAX];
    int64_t price[ROWS_MAX];
    int64_t qty[ROWS_MAX];
    uint8_t side[ROWS_MAX];
    int64_t bid[ROWS_MAX];
    int64_t ask[ROWS_MAX];
    uint64_t count;
    uint8_t flags; /* of every row: TKS_TICK_QUOTED, TKS_TICK_RANGE or 0 */
} columns;

typedef struct world {
    input in;
    tks_config config;
    tks_instrument instruments[INSTRUMENTS_MAX];
    tks_engine *engine;
    size_t size;
    int64_t price[INSTRUMENTS_MAX]; /* around which numbers are chosen */
    bool is_tainted;                /* a wrong CHECKED flag: results may be wrong */
} world;

static columns space[INSTRUMENTS_MAX];

static void make_rules(input *in, tks_instrument *rules, bool cash_account)
{
    uint8_t kinds = get_byte(in);
    memset(rules, 0, sizeof *rules);
    rules->struct_size = sizeof *rules;
    rules->settle = (uint8_t)(1 + (cash_account ? 0 : kinds & 1));
    rules->position_mode = (uint8_t)(1 + (cash_account ? 0 : kinds >> 1 & 1));
    rules->fill_rule = (uint8_t)(1 + (kinds >> 2 & 1));
    rules->qty_rule = (uint8_t)(1 + (kinds >> 3 & 1));
    rules->flags = kinds >> 4 & (cash_account ? 6 : 7);
    rules->orders_max = (uint32_t)get_within(in, 1, ORDERS_MAX);
    rules->participation_ppm =
        rules->qty_rule == 2 ? (uint32_t)get_mostly_within(in, 1, 1000000) : 0;
    rules->units_per_tick_lot = get_mostly_within(in, 1, INT64_C(1) << 40);
    rules->spread_ppb = get_mostly_within(in, 0, 1999999999);
    rules->maker_fee_ppb = get_mostly_within(in, -1000000000, 1000000000);
    rules->taker_fee_ppb = get_mostly_within(in, -1000000000, 1000000000);
    rules->maker_fee_units_per_lot = get_mostly_within(in, -(INT64_C(1) << 40), INT64_C(1) << 40);
    rules->taker_fee_units_per_lot = get_mostly_within(in, -(INT64_C(1) << 40), INT64_C(1) << 40);
    rules->fee_min_units = get_mostly_within(in, 0, INT64_C(1) << 40);
    rules->qty_step_lots = get_mostly_within(in, 1, INT64_C(1) << 61);
    rules->qty_min_lots = get_mostly_within(in, 1, INT64_C(1) << 61);
    if (rules->flags & TKS_INSTRUMENT_BAND) {
        rules->band_low_ticks = get_mostly_within(in, 1, TKS_PRICE_END - 1);
        rules->band_high_ticks = get_mostly_within(in, rules->band_low_ticks, TKS_PRICE_END - 1);
    }
}

static void make_config(world *w)
{
    input *in = &w->in;
    tks_config *config = &w->config;
    uint8_t kinds = get_byte(in);
    config->struct_size = sizeof *config;
    config->flags = kinds & TKS_CONFIG_CASH_ACCOUNT;
    config->instrument_count = 1 + (kinds >> 1) % INSTRUMENTS_MAX;
    config->events_max = (uint32_t)get_within(in, 1, EVENTS_MAX);
    config->commands_max = (uint32_t)get_within(in, 0, 32);
    config->initial_cash_units = get_mostly_within(in, 0, INT64_C(1) << 61);
    config->latency = kinds & 64 ? get_mostly_within(in, 0, INT64_C(1) << 61) : 0;
    for (uint32_t i = 0; i < config->instrument_count; i++) {
        make_rules(in, &w->instruments[i], config->flags);
        w->price[i] = 100;
    }
    config->instruments = w->instruments;
}

static tks_digest hash_of(const tks_engine *engine)
{
    tks_digest digest;
    require(tks_state_hash(engine, &digest) == TKS_STATUS_OK, "the state hash fails");
    return digest;
}

static bool is_same(tks_digest a, tks_digest b)
{
    return a.low == b.low && a.high == b.high;
}

static void check(const world *w)
{
    const char *wrong = w->is_tainted ? inspect_structure(w->engine) : inspect(w->engine);
    require(!wrong, wrong ? wrong : "");
}

static void drain(tks_engine *engine)
{
    tks_event events[64];
    uint32_t count;
    do
        require(tks_events_drain(engine, events, 64, &count) == TKS_STATUS_OK, "a drain fails");
    while (count);
}

/* A copy in a block of its exact size, with doubled capacities if asked. */
static tks_engine *fork_of(world *w, bool grows)
{
    tks_engine *copy;
    if (grows) {
        for (uint32_t i = 0; i < w->config.instrument_count; i++)
            w->instruments[i].orders_max *= 2;
        w->config.events_max *= 2;
        w->config.commands_max = 2 * w->config.commands_max + 1;
    }
    require(tks_engine_size(&w->config, &w->size) == TKS_STATUS_OK, "a larger engine has no size");
    void *memory = get_memory(w->size);
    require(tks_engine_copy(memory, w->size, &w->config, w->engine, &copy) == TKS_STATUS_OK,
            "a copy fails");
    require(is_same(hash_of(copy), hash_of(w->engine)), "a copy is not the same");
    return copy;
}

static void replace(world *w, tks_engine *engine)
{
    free(w->engine);
    w->engine = engine;
}

/* Bounded, so that an input cannot grow engines without end. */
static void make_room(world *w)
{
    drain(w->engine);
    if (w->config.events_max < 4 * EVENTS_MAX && w->instruments[0].orders_max < 16 * ORDERS_MAX)
        replace(w, fork_of(w, true));
}

/* ---- Commands -------------------------------------------------------------------------------- */

static int64_t near_price(world *w, uint32_t instrument)
{
    int64_t base = instrument < w->config.instrument_count ? w->price[instrument] : 100;
    uint8_t b = get_byte(&w->in);
    return b < 240 ? base + b % 32 - 16 : get_number(&w->in);
}

static int64_t near_clock(world *w)
{
    uint8_t b = get_byte(&w->in);
    return b < 240 ? (int64_t)((uint64_t)w->engine->clock + b % 64 - 8) : get_number(&w->in);
}

static tks_order make_order(world *w)
{
    static const uint8_t types[] = {1, 2, 2, 2, 3, 4, 5, 6, 6, 2, 1, 3, 20, 21, 2, 7};
    uint8_t kinds = get_byte(&w->in);
    uint8_t more = get_byte(&w->in);
    tks_order order;
    memset(&order, 0, sizeof order);
    order.struct_size = sizeof order;
    order.instrument = (uint32_t)(kinds >> 5 & 3) % (w->config.instrument_count + (kinds == 255));
    order.type = types[kinds % 16];
    order.side = kinds >> 4 & 1;
    order.time_in_force = (uint8_t)(more & 8 ? 1 + (more & 7) % 6 : TKS_TIF_GTC);
    order.flags = more >> 4 & 3;
    order.qty_lots = get_mostly_within(&w->in, 1, TKS_QTY_END - 1);
    order.oco_group = more >> 6;
    order.tag = more;
    if (w->instruments[order.instrument % INSTRUMENTS_MAX].position_mode == TKS_POSITION_HEDGE)
        order.offset = (uint8_t)(1 + get_byte(&w->in) % 4);
    if (order.type == TKS_ORDER_LIMIT || order.type == TKS_ORDER_STOP_LIMIT)
        order.price_ticks = near_price(w, order.instrument);
    if ((order.type >= 3 && order.type <= 5) || order.type == TKS_ORDER_ALERT_PRICE)
        order.trigger_ticks = near_price(w, order.instrument);
    if (order.type == TKS_ORDER_TRAILING_STOP)
        order.trail_ticks = get_mostly_within(&w->in, 1, TKS_PRICE_END - 1);
    if (tks__is_alert(order.type)) {
        order.qty_lots = 0;
        order.offset = 0;
        order.flags = 0;
        order.oco_group = 0;
        order.time_in_force = TKS_TIF_GTC;
    }
    if (order.time_in_force == TKS_TIF_GTD || order.type == TKS_ORDER_ALERT_TIME)
        order.expire_time = near_clock(w);
    if (order.type != TKS_ORDER_LIMIT && order.type != TKS_ORDER_STOP_LIMIT)
        order.flags &= (uint32_t)~TKS_FLAG_POST_ONLY;
    return order;
}

static uint64_t make_id(world *w)
{
    uint8_t b = get_byte(&w->in);
    return b == 255 ? (uint64_t)get_word(&w->in) : w->engine->order_id_next - b % 32;
}

static tks_amend make_amend(world *w)
{
    tks_amend amend = {.struct_size = sizeof amend, .fields = get_byte(&w->in) % 17};
    if (amend.fields & TKS_AMEND_QTY)
        amend.qty_lots = get_mostly_within(&w->in, 1, TKS_QTY_END - 1);
    if (amend.fields & TKS_AMEND_PRICE)
        amend.price_ticks = near_price(w, 0);
    if (amend.fields & TKS_AMEND_TRIGGER)
        amend.trigger_ticks = near_price(w, 0);
    if (amend.fields & TKS_AMEND_TRAIL)
        amend.trail_ticks = get_mostly_within(&w->in, 1, TKS_PRICE_END - 1);
    return amend;
}

static tks_tick make_tick(world *w)
{
    uint8_t kinds = get_byte(&w->in);
    tks_tick tick;
    memset(&tick, 0, sizeof tick);
    tick.instrument = kinds % (w->config.instrument_count + (kinds == 255));
    tick.time = (int64_t)((uint64_t)w->engine->clock + (kinds >> 2 & 7));
    if (kinds >> 5 == 7)
        tick.time = get_number(&w->in);
    tick.price_ticks = near_price(w, tick.instrument);
    tick.qty_lots = get_mostly_within(&w->in, 1, TKS_QTY_END - 1);
    tick.side = kinds & 1;
    if (kinds >> 5 >= 5) {
        tick.flags = kinds >> 5 == 6 ? TKS_TICK_QUOTED : get_byte(&w->in) & 7;
        tick.bid_ticks = near_price(w, tick.instrument);
        tick.ask_ticks = near_price(w, tick.instrument);
    }
    return tick;
}

static tks_status settle(world *w)
{
    uint32_t instrument = get_byte(&w->in) % (w->config.instrument_count + 1);
    return tks_settle_at(w->engine, instrument, near_price(w, instrument));
}

static tks_status roll(world *w)
{
    int64_t prices[INSTRUMENTS_MAX];
    if (get_byte(&w->in) % 2)
        return tks_day_roll(w->engine, NULL);
    for (uint32_t i = 0; i < INSTRUMENTS_MAX; i++)
        prices[i] = near_price(w, i);
    return tks_day_roll(w->engine, prices);
}

static tks_status post(world *w)
{
    uint32_t instrument = get_byte(&w->in) % (w->config.instrument_count + 1);
    int32_t kind = get_byte(&w->in) % 9;
    return tks_ledger_post(w->engine, instrument, kind, get_number(&w->in));
}

static tks_status step(world *w)
{
    tks_tick tick = make_tick(w);
    tks_status status = tks_step(w->engine, &tick);
    if (status == TKS_STATUS_OK)
        w->price[tick.instrument] = tick.price_ticks;
    return status;
}

static tks_status place(world *w)
{
    uint64_t id;
    tks_order order = make_order(w);
    return tks_order_place(w->engine, &order, &id);
}

static tks_status cancel_all(world *w)
{
    uint8_t b = get_byte(&w->in);
    uint32_t instrument = b % 2 ? TKS_INSTRUMENT_ALL : b / 2 % (w->config.instrument_count + 1);
    return tks_orders_cancel(w->engine, instrument);
}

static tks_status amend(world *w)
{
    uint64_t id = make_id(w);
    tks_amend change = make_amend(w);
    return tks_order_amend(w->engine, id, &change);
}

static tks_status refuse(world *w)
{
    uint64_t id;
    uint8_t b = get_byte(&w->in);
    if (b % 2) {
        tks_order order = make_order(w);
        return tks_order_refuse(w->engine, &order, b / 2 % 12, &id);
    }
    id = make_id(w);
    tks_amend change = make_amend(w);
    return tks_amend_refuse(w->engine, id, &change, b / 2 % 12);
}

/* One plain call: an error changes nothing. */
static void command(world *w, unsigned kind)
{
    tks_digest before = hash_of(w->engine);
    tks_status status;
    switch (kind) {
    case 0: status = tks_order_cancel(w->engine, make_id(w)); break;
    case 1: status = cancel_all(w); break;
    case 2: status = amend(w); break;
    case 3: status = post(w); break;
    case 4: status = settle(w); break;
    case 5: status = roll(w); break;
    case 6: status = step(w); break;
    case 7: status = refuse(w); break;
    default: status = place(w); break;
    }
    require(status == TKS_STATUS_OK || is_same(before, hash_of(w->engine)),
            "a call that failed has changed the state");
    require(status != TKS_STATUS_INTERNAL, "an internal error");
    if (status == TKS_STATUS_CAPACITY)
        make_room(w);
}

/* ---- Columns --------------------------------------------------------------------------------- */

/* Rows that obey the rules, merged times not before the clock; false when there is no room left. */
static void make_columns(world *w)
{
    uint8_t shape = get_byte(&w->in);
    uint32_t rows = get_byte(&w->in);
    uint32_t hold = shape & 1 ? 16 : 1; /* rows per byte of input */
    int64_t time = w->engine->clock;
    for (uint32_t i = 0; i < INSTRUMENTS_MAX; i++)
        space[i].count = 0;
    for (uint32_t row = 0; row < rows * hold && time < TKS_TIME_END - 64; row++) {
        uint8_t b = row % hold ? 0 : get_byte(&w->in);
        uint32_t i = shape & 2 ? b % w->config.instrument_count : 0;
        columns *c = &space[i];
        bool negative = w->instruments[i].flags & TKS_INSTRUMENT_ALLOW_NEGATIVE;
        int64_t price = row % hold ? w->price[i] : w->price[i] + b / 8 - 16;
        if (b == 254)
            price = get_number(&w->in);
        price = tks__min(tks__max(price, negative ? 1 - TKS_PRICE_END : 1), TKS_PRICE_END - 1);
        time += shape & 4 ? b % 3 : b % 8 == 0;
        w->price[i] = c->price[c->count] = price;
        c->time[c->count] = time;
        c->qty[c->count] = 1 + b % 16;
        c->side[c->count] = shape & 16 ? b >> 2 & 3 : b & 1;
        c->bid[c->count] = negative ? price - 1 : tks__max(price - b % 2, 1);
        c->ask[c->count] = tks__min(price + b % 3, TKS_PRICE_END - 1);
        if (negative)
            c->bid[c->count] = tks__max(c->bid[c->count], 1 - TKS_PRICE_END);
        c->count++;
    }
    for (uint32_t i = 0; i < INSTRUMENTS_MAX; i++)
        space[i].flags = shape & 16 ? TKS_TICK_RANGE : shape & 8 ? TKS_TICK_QUOTED : 0;
}

/* Spoil one number; false when the columns still obey the rules by chance. */
static void damage_columns(world *w)
{
    columns *c = &space[get_byte(&w->in) % w->config.instrument_count];
    if (c->count == 0)
        return;
    uint64_t row = (uint64_t)get_within(&w->in, 0, (int64_t)c->count - 1);
    switch (get_byte(&w->in) % 6) {
    case 0: c->time[row] = get_number(&w->in); break;
    case 1: c->price[row] = get_number(&w->in); break;
    case 2: c->qty[row] = get_number(&w->in); break;
    case 3: c->side[row] = get_byte(&w->in); break;
    case 4: c->bid[row] = get_number(&w->in); break;
    default: c->ask[row] = get_number(&w->in); break;
    }
}

/* Exact allocations, so that one row too far is an error that the sanitizer sees. */
static const void *exact_copy(const void *from, size_t size)
{
    return memcpy(get_memory(size), from, size);
}

static void *make_zone_map(const int64_t *low, const int64_t *high, uint64_t count)
{
    uint64_t size = tks_zone_map_size(count);
    void *map = get_memory(size);
    require(tks_zone_map_build_ranges(map, size, low, high, count) == TKS_STATUS_OK,
            "a zone map fails");
    return map;
}

static void feed_make(tks_feed *feed, uint32_t instrument, uint32_t flags, bool zones)
{
    const columns *c = &space[instrument];
    memset(feed, 0, sizeof *feed);
    feed->struct_size = sizeof *feed;
    feed->instrument = instrument;
    feed->flags = flags;
    feed->count = c->count;
    feed->time = exact_copy(c->time, 8 * c->count);
    feed->price_ticks = exact_copy(c->price, 8 * c->count);
    feed->qty_lots = exact_copy(c->qty, 8 * c->count);
    feed->side = exact_copy(c->side, c->count);
    bool ranges = c->flags & TKS_TICK_RANGE;
    feed->flags |= ranges ? TKS_FEED_RANGES : 0;
    if (c->flags) {
        feed->bid_ticks = exact_copy(c->bid, 8 * c->count);
        feed->ask_ticks = exact_copy(c->ask, 8 * c->count);
    }
    if (zones) {
        feed->zone_map =
            make_zone_map(ranges ? c->bid : c->price, ranges ? c->ask : c->price, c->count);
        feed->zone_map_size = tks_zone_map_size(c->count);
    }
}

static void give_back(const void *memory)
{
    free((void *)(uintptr_t)memory);
}

static void feed_free(tks_feed *feed)
{
    give_back(feed->time);
    give_back(feed->price_ticks);
    give_back(feed->qty_lots);
    give_back(feed->side);
    give_back(feed->bid_ticks);
    give_back(feed->ask_ticks);
    give_back(feed->zone_map);
}

/* The first 16 bytes name the map; beyond them every value is one that a wrong map may hold. */
static void damage_map(world *w, tks_feed *feed)
{
    unsigned char *bytes = (unsigned char *)(uintptr_t)feed->zone_map;
    for (uint8_t count = get_byte(&w->in) % 16; count > 0; count--) {
        uint64_t place = (uint64_t)get_within(&w->in, 0, (int64_t)feed->zone_map_size - 1);
        bytes[place] = get_byte(&w->in);
    }
}

static tks_tick tick_of(uint32_t instrument, uint64_t row)
{
    const columns *c = &space[instrument];
    tks_tick tick;
    memset(&tick, 0, sizeof tick);
    tick.time = c->time[row];
    tick.price_ticks = c->price[row];
    tick.qty_lots = c->qty[row];
    bool continues = c->flags & TKS_TICK_RANGE && c->side[row] & TKS_SIDE_CONTINUES;
    tick.side = continues ? c->side[row] & (uint8_t)~TKS_SIDE_CONTINUES : c->side[row];
    tick.instrument = instrument;
    tick.flags = continues ? c->flags | TKS_TICK_CONTINUES : c->flags;
    tick.bid_ticks = c->flags ? c->bid[row] : 0;
    tick.ask_ticks = c->flags ? c->ask[row] : 0;
    return tick;
}

/* The feed whose next row comes first by (time, instrument), or TKS_NONE. */
static uint32_t first_feed(const uint64_t next[INSTRUMENTS_MAX], uint32_t feed_count)
{
    uint32_t first = TKS_NONE;
    for (uint32_t i = 0; i < feed_count; i++)
        if (next[i] < space[i].count &&
            (first == TKS_NONE || space[i].time[next[i]] < space[first].time[next[first]]))
            first = i;
    return first;
}

static tks_status place_row(tks_engine *engine, const tks_schedule *s, uint64_t row)
{
    uint64_t id;
    tks_order order;
    memset(&order, 0, sizeof order);
    order.struct_size = sizeof order;
    order.instrument = s->instrument[row];
    order.type = s->type[row];
    order.side = s->side[row];
    order.time_in_force = s->time_in_force[row];
    order.offset = s->offset[row];
    order.flags = s->order_flags[row];
    order.qty_lots = s->qty_lots[row];
    order.price_ticks = s->price_ticks[row];
    order.trigger_ticks = s->trigger_ticks[row];
    order.trail_ticks = s->trail_ticks[row];
    order.expire_time = s->expire_time[row];
    order.oco_group = s->oco_group[row];
    order.tag = s->tag[row];
    drain(engine);
    return tks_order_place(engine, &order, &id);
}

/* Is a schedule row placed before a tick of this time? */
static bool is_due(const tks_engine *engine, const tks_schedule *s, uint64_t row, int64_t time)
{
    if (s->time)
        return s->time[row] < time;
    uint64_t ticks = tks__instrument_at(engine, s->instrument[row])->tick_count;
    return s->tick_index[row] < 0 || (uint64_t)s->tick_index[row] < ticks;
}

/* What a run must do, one tick and one row of the schedule (which may be NULL) after the other. */
static tks_status steps_of_columns(tks_engine *engine, uint32_t feed_count, const tks_schedule *s)
{
    uint64_t next[INSTRUMENTS_MAX] = {0};
    uint64_t row = 0;
    tks_status status = TKS_STATUS_OK;
    while (status == TKS_STATUS_OK) {
        uint32_t feed = first_feed(next, feed_count);
        int64_t time = feed == TKS_NONE ? INT64_MAX : space[feed].time[next[feed]];
        if (s && row < s->count && (feed == TKS_NONE || is_due(engine, s, row, time))) {
            status = place_row(engine, s, row++);
            continue;
        }
        if (feed == TKS_NONE)
            break;
        tks_tick tick = tick_of(feed, next[feed]++);
        status = tks_step(engine, &tick);
        if (status == TKS_STATUS_CAPACITY) {
            drain(engine);
            status = tks_step(engine, &tick);
        }
    }
    return status;
}

/* A run has ended at the same place in the same state as its steps; where those lacked room, there
 * is nothing to compare. A schedule with a row that overflows is refused whole, steps come to it
 * later. */
static void compare(const world *w, tks_engine *stepped, uint32_t feed_count, const tks_schedule *s,
                    tks_status status)
{
    if (w->is_tainted || (status != TKS_STATUS_OK && (s || status != TKS_STATUS_OVERFLOW)))
        return;
    tks_status expected = steps_of_columns(stepped, feed_count, s);
    if (expected != TKS_STATUS_CAPACITY)
        require(status == expected && is_same(hash_of(stepped), hash_of(w->engine)),
                "a run is not its steps");
}

static tks_status run_feeds(world *w, tks_feed *feeds, uint32_t stop_on)
{
    tks_batch_result result = {.struct_size = sizeof result};
    tks_status status = TKS_STATUS_OK;
    for (int visits = 0; visits < 200; visits++) {
        status = tks_step_batch(w->engine, feeds, w->config.instrument_count, stop_on, &result);
        if (status == TKS_STATUS_CAPACITY)
            make_room(w);
        else if (!stop_on || status != TKS_STATUS_OK || !(result.event_kinds & stop_on))
            return status;
    }
    return TKS_STATUS_CAPACITY;
}

static void batch(world *w)
{
    tks_feed feeds[INSTRUMENTS_MAX];
    uint8_t kinds = get_byte(&w->in);
    bool damages = kinds % 4 == 3;
    make_columns(w);
    if (damages)
        damage_columns(w);
    uint32_t flags = kinds & 4 ? TKS_FEED_CHECKED : 0;
    for (uint32_t i = 0; i < w->config.instrument_count; i++)
        feed_make(&feeds[i], i, flags, kinds & 8);
    bool wrong_map = kinds & 8 && (kinds & 48) == 48;
    if (wrong_map)
        damage_map(w, &feeds[0]);
    drain(w->engine);
    tks_digest before = hash_of(w->engine);
    tks_engine *stepped = fork_of(w, false);
    tks_status status = run_feeds(w, feeds, kinds & 64 ? TKS_STOP_ON(TKS_EVENT_FILLED) : 0);
    w->is_tainted |= damages && flags;
    if (status != TKS_STATUS_OK && status != TKS_STATUS_OVERFLOW && status != TKS_STATUS_CAPACITY)
        require(w->is_tainted || is_same(before, hash_of(w->engine)),
                "bad columns change the state");
    if (!wrong_map)
        compare(w, stepped, w->config.instrument_count, NULL, status);
    free(stepped);
    for (uint32_t i = 0; i < w->config.instrument_count; i++)
        feed_free(&feeds[i]);
}

/* ---- Schedules ------------------------------------------------------------------------------- */

enum { SCHEDULE_MAX = 16 };

typedef struct schedule_columns {
    int64_t point[SCHEDULE_MAX];
    uint32_t instrument[SCHEDULE_MAX];
    uint8_t type[SCHEDULE_MAX], side[SCHEDULE_MAX], tif[SCHEDULE_MAX], offset[SCHEDULE_MAX];
    uint32_t flags[SCHEDULE_MAX];
    int64_t qty[SCHEDULE_MAX], price[SCHEDULE_MAX], trigger[SCHEDULE_MAX], trail[SCHEDULE_MAX];
    int64_t expire[SCHEDULE_MAX];
    uint64_t group[SCHEDULE_MAX], tag[SCHEDULE_MAX];
} schedule_columns;

static tks_schedule make_schedule(world *w, schedule_columns *c, bool by_time, uint32_t flags)
{
    tks_schedule s;
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    s.flags = flags;
    s.count = get_byte(&w->in) % SCHEDULE_MAX;
    int64_t point = by_time ? w->engine->clock : -1;
    for (uint64_t row = 0; row < s.count; row++) {
        tks_order order = make_order(w);
        uint8_t b = get_byte(&w->in);
        point = b == 255 ? get_number(&w->in) : (int64_t)((uint64_t)point + b % 8);
        c->point[row] = point;
        c->instrument[row] = order.instrument;
        c->type[row] = order.type;
        c->side[row] = order.side;
        c->tif[row] = order.time_in_force;
        c->offset[row] = order.offset;
        c->flags[row] = order.flags;
        c->qty[row] = order.qty_lots;
        c->price[row] = order.price_ticks;
        c->trigger[row] = order.trigger_ticks;
        c->trail[row] = order.trail_ticks;
        c->expire[row] = order.expire_time;
        c->group[row] = order.oco_group;
        c->tag[row] = order.tag;
    }
    s.time = by_time ? c->point : NULL;
    s.tick_index = by_time ? NULL : c->point;
    s.instrument = c->instrument;
    s.type = c->type;
    s.side = c->side;
    s.time_in_force = c->tif;
    s.offset = c->offset;
    s.order_flags = c->flags;
    s.qty_lots = c->qty;
    s.price_ticks = c->price;
    s.trigger_ticks = c->trigger;
    s.trail_ticks = c->trail;
    s.expire_time = c->expire;
    s.oco_group = c->group;
    s.tag = c->tag;
    return s;
}

static void run_orders(world *w)
{
    tks_feed feeds[INSTRUMENTS_MAX];
    static schedule_columns rows;
    tks_batch_result result = {.struct_size = sizeof result};
    uint8_t kinds = get_byte(&w->in);
    bool damages = kinds % 4 == 3;
    make_columns(w);
    if (damages)
        damage_columns(w);
    uint32_t feed_count = kinds & 128 ? w->config.instrument_count - 1 : w->config.instrument_count;
    for (uint32_t i = 0; i < feed_count; i++)
        feed_make(&feeds[i], i, kinds & 4 ? TKS_FEED_CHECKED : 0, kinds & 8);
    tks_schedule s = make_schedule(w, &rows, kinds & 16, kinds & 32 ? TKS_SCHEDULE_CHECKED : 0);
    w->is_tainted |= damages && kinds & 4;
    tks_digest before = hash_of(w->engine);
    tks_engine *stepped = fork_of(w, false);
    tks_status status = TKS_STATUS_CAPACITY;
    uint64_t ticks_done = 0;
    for (int visits = 0; visits < 200 && status == TKS_STATUS_CAPACITY; visits++) {
        status = tks_run_orders(w->engine, feeds, feed_count, &s, &result);
        ticks_done += result.ticks_done;
        if (status == TKS_STATUS_CAPACITY)
            make_room(w);
    }
    bool flagged = kinds & 36; /* something is not checked before the run */
    if (ticks_done == 0 && s.cursor == 0 && status != TKS_STATUS_OK && !flagged)
        require(is_same(before, hash_of(w->engine)), "a bad schedule changes the state");
    if (!(kinds & 32))
        compare(w, stepped, feed_count, &s, status);
    free(stepped);
    for (uint32_t i = 0; i < feed_count; i++)
        feed_free(&feeds[i]);
}

/* ---- Saved states ---------------------------------------------------------------------------- */

/* The digest of a state's words is that of records of eleven words; the last one is padded, and one
 * more holds the number of words. */
static void correct_checksum(uint64_t *words, uint64_t count)
{
    tks_digest digest = {0, 0};
    uint64_t body = count - 2;
    tks_event record;
    for (uint64_t at = 0; at <= body; at += 11) {
        uint64_t block[11] = {0};
        memcpy(block, words + at, 8 * (body - at < 11 ? body - at : 11));
        memcpy(&record, block, sizeof record);
        tks_digest_update(&digest, &record, 1);
    }
    uint64_t length[11] = {body};
    memcpy(&record, length, sizeof record);
    tks_digest_update(&digest, &record, 1);
    words[body] = digest.low;
    words[body + 1] = digest.high;
}

static uint64_t *save(const world *w, size_t *size_out)
{
    size_t written;
    require(tks_state_size(w->engine, size_out) == TKS_STATUS_OK, "a state has no size");
    uint64_t *words = get_memory(*size_out);
    require(tks_state_save(w->engine, words, *size_out, &written) == TKS_STATUS_OK &&
                written == *size_out,
            "a state cannot be saved");
    return words;
}

static tks_status load(world *w, const uint64_t *words, size_t size, tks_engine **engine_out)
{
    void *memory = get_memory(w->size);
    tks_status status = tks_state_load(memory, w->size, &w->config, words, size, engine_out);
    if (status != TKS_STATUS_OK)
        free(memory);
    return status;
}

static void save_and_load(world *w)
{
    size_t size;
    uint64_t *words = save(w, &size);
    uint64_t last_but_one = words[size / 8 - 2];
    tks_engine *loaded;
    tks_status status = load(w, words, size, &loaded);
    if (!w->is_tainted)
        require(status == TKS_STATUS_OK, "a saved state cannot be loaded");
    if (status == TKS_STATUS_OK) {
        require(is_same(hash_of(loaded), hash_of(w->engine)),
                "a loaded state is not the saved one");
        replace(w, loaded);
    }
    correct_checksum(words, size / 8);
    require(words[size / 8 - 2] == last_but_one, "the checksum is another one");
    free(words);
}

/* Where orders and commands lie in the words: they are the richest ground. */
enum { WORDS_OF_CONFIG = 5, WORDS_OF_RULES = 13, WORDS_OF_ACCOUNT = 9, WORDS_OF_INSTRUMENT = 16 };
enum { WORDS_OF_ORDER = 20, WORDS_OF_COMMAND = 9 };

static uint64_t place_to_edit(world *w, uint64_t count)
{
    uint64_t instruments = w->config.instrument_count;
    uint64_t rules = WORDS_OF_CONFIG + WORDS_OF_RULES * instruments;
    uint64_t orders = rules + WORDS_OF_ACCOUNT + WORDS_OF_INSTRUMENT * instruments + 1;
    uint64_t commands = orders + WORDS_OF_ORDER * (uint64_t)w->engine->open_count + 1;
    uint64_t from[] = {0, rules, orders, commands};
    uint64_t to[] = {count, orders, commands, count - 2};
    uint8_t part = get_byte(&w->in) % 4;
    if (to[part] <= from[part] || to[part] > count)
        part = 0;
    return (uint64_t)get_within(&w->in, (int64_t)from[part], (int64_t)to[part] - 1);
}

static void edit_words(world *w, uint64_t *words, uint64_t count)
{
    for (uint8_t edits = 1 + get_byte(&w->in) % 8; edits > 0; edits--) {
        uint64_t place = place_to_edit(w, count);
        uint8_t how = get_byte(&w->in);
        if (how < 64)
            words[place] = (uint64_t)get_number(&w->in);
        else if (how < 128)
            words[place] += (uint64_t)get_number(&w->in);
        else if (how < 192)
            words[place] ^= (uint64_t)(get_byte(&w->in) | 1) << how % 56;
        else if (how < 224)
            words[place] = words[place_to_edit(w, count)];
        else if (place >= WORDS_OF_ORDER) /* the same word of the order before */
            words[place] = words[place - WORDS_OF_ORDER];
    }
}

/* Somebody edited the bytes and knew about the checksum: an error, or an engine that obeys the
 * rules and is played on with. */
static void load_edited(world *w)
{
    size_t size;
    tks_config config;
    tks_instrument instruments[INSTRUMENTS_MAX];
    uint64_t *words = save(w, &size);
    uint64_t count = size / 8;
    uint8_t cut = get_byte(&w->in);
    edit_words(w, words, count);
    if (cut >= 224 && count > 40)
        count -= cut % 32;
    if (cut % 8)
        correct_checksum(words, count);
    uint64_t *exact = get_memory(8 * count);
    memcpy(exact, words, 8 * count);
    tks_state_config(exact, 8 * count, &config, instruments,
                     get_byte(&w->in) % (INSTRUMENTS_MAX + 1));
    tks_engine *loaded;
    tks_status status = load(w, exact, 8 * count, &loaded);
    require(status != TKS_STATUS_INTERNAL, "an internal error");
    if (status == TKS_STATUS_OK) {
        replace(w, loaded);
        check(w);
        save_and_load(w);
    }
    free(words);
    free(exact);
}

/* Raw bytes as a saved state. */
static void load_raw(world *w)
{
    size_t size = (size_t)(w->in.end - w->in.at);
    const void *bytes = exact_copy(w->in.at, size);
    tks_config config;
    tks_instrument instruments[INSTRUMENTS_MAX];
    tks_engine *loaded = NULL;
    void *memory = get_memory(w->size);
    tks_state_config(bytes, size, &config, instruments, INSTRUMENTS_MAX);
    tks_state_load(memory, w->size, &w->config, bytes, size, &loaded);
    free(memory);
    give_back(bytes);
}

/* ---- Questions ------------------------------------------------------------------------------- */

static void ask(world *w)
{
    tks_order_view views[8];
    tks_snapshot snapshot;
    uint32_t count;
    uint32_t instrument = get_byte(&w->in) % (w->config.instrument_count + 1);
    tks_digest before = hash_of(w->engine);
    tks_snapshot_get(w->engine, instrument, &snapshot);
    tks_holding holding;
    tks_holding_get(w->engine, instrument, &holding);
    tks_order_get(w->engine, make_id(w), views);
    tks_wake wake;
    tks_wake_get(w->engine, instrument, &wake);
    uint64_t after_id = make_id(w);
    uint32_t capacity = get_byte(&w->in) % 9;
    if (get_byte(&w->in) % 2)
        instrument = TKS_INSTRUMENT_ALL;
    tks_orders_open(w->engine, instrument, after_id, views, capacity, &count);
    require(is_same(before, hash_of(w->engine)), "a question changes the state");
}

/* Search a column through the map and without it: a check of columns, too. */
static void check_feed(world *w)
{
    tks_feed feed;
    uint64_t bad_row;
    uint8_t kinds = get_byte(&w->in);
    make_columns(w);
    if (kinds & 1)
        damage_columns(w);
    feed_make(&feed, 0, 0, kinds & 2);
    feed.cursor = (uint64_t)get_mostly_within(&w->in, 0, (int64_t)feed.count);
    tks_status status = tks_feed_check(&feed, &w->instruments[0], &bad_row);
    require(kinds & 1 || feed.cursor > feed.count || status == TKS_STATUS_OK,
            "good columns are called bad");
    feed_free(&feed);
}

/* So that the ring wraps around. */
static void drain_some(world *w)
{
    tks_event events[8];
    uint32_t count;
    uint32_t capacity = 1 + get_byte(&w->in) % 8;
    require(tks_events_drain(w->engine, events, capacity, &count) == TKS_STATUS_OK,
            "a drain fails");
    for (uint32_t i = 1; i < count; i++)
        require(events[i].sequence == events[i - 1].sequence + 1, "events are out of order");
}

/* ---- One input ------------------------------------------------------------------------------- */

static void call(world *w)
{
    uint8_t kind = get_byte(&w->in);
    if (kind < 160)
        command(w, kind % 16);
    else if (kind < 192)
        batch(w);
    else if (kind < 212)
        run_orders(w);
    else if (kind < 220)
        save_and_load(w);
    else if (kind < 238)
        load_edited(w);
    else if (kind < 244)
        ask(w);
    else if (kind < 248)
        check_feed(w);
    else if (kind < 252)
        make_room(w);
    else if (kind < 254)
        drain_some(w);
    else if (kind == 254)
        load_raw(w);
    else
        require(tks_engine_reset(w->engine) == TKS_STATUS_OK, "a reset fails");
}

static void run_input(const uint8_t *bytes, size_t size)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.in = (input){bytes, bytes + size};
    make_config(&w);
    if (tks_engine_size(&w.config, &w.size) != TKS_STATUS_OK)
        return;
    require(tks_engine_init(get_memory(w.size), w.size, &w.config, &w.engine) == TKS_STATUS_OK,
            "an engine cannot be made");
    for (int calls = 0; calls < CALLS_MAX && w.in.at < w.in.end; calls++) {
        call(&w);
        check(&w);
    }
    if (!w.is_tainted)
        save_and_load(&w);
    free(w.engine);
}

#ifdef TICKSTEP_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    run_input(bytes, size);
    return 0;
}

#else

static uint64_t random_state;

static uint64_t random_next(void)
{
    uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void run_random(long inputs, uint64_t seed)
{
    static uint8_t bytes[1024];
    for (long i = 0; i < inputs; i++) {
        random_state = seed + (uint64_t)i;
        size_t size = 64 + random_next() % (sizeof bytes - 64);
        for (size_t j = 0; j < size; j++)
            bytes[j] = (uint8_t)(random_next() >> 24);
        if (getenv("TICKSTEP_SHOW_SEED"))
            fprintf(stderr, "seed %llu\n", (unsigned long long)(seed + (uint64_t)i));
        run_input(bytes, size);
    }
}

static void run_file(const char *name)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(name, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s\n", name);
        exit(1);
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    run_input(bytes, size);
}

int main(int argc, char **argv)
{
    long inputs = argc > 1 ? 0 : 20000;
    uint64_t seed = 1;
    long files = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
            inputs = atol(argv[++i]);
        else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else
            run_file(argv[i]), files++;
    }
    run_random(inputs, seed);
    printf("%ld passed, 0 failed\n", files + inputs);
    return 0;
}

#endif
