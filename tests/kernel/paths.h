/* SPDX-License-Identifier: MIT
 *
 * paths.h: one script, many ways through the kernel, one answer.
 *
 * A script is commands and runs of ticks. Each path drives its own engine through it:
 *   NAIVE  tick by tick; before each tick every open order is looked at, and the heaps must agree
 *   BATCH  columns without a zone map      ZONES  columns with one, stopping at every event
 *   TIGHT  capacities of one, grown by copying whenever the kernel says CAPACITY
 *   SAVED  saved, loaded and forked after every command and run
 * After each step all event digests and state hashes must be equal, and each engine sound inside.
 */
#ifndef TICKSTEP_TESTS_PATHS_H
#define TICKSTEP_TESTS_PATHS_H

#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAIVE, BATCH, ZONES, TIGHT, SAVED, PATHS };

enum { INSTRUMENTS_MAX = 10, ROWS_MAX = 4096 };

typedef struct columns { /* one instrument's ticks of one run */
    int64_t time[ROWS_MAX];
    int64_t price[ROWS_MAX];
    int64_t qty[ROWS_MAX];
    uint8_t side[ROWS_MAX];
    int64_t bid[ROWS_MAX];
    int64_t ask[ROWS_MAX];
    uint32_t count;
} columns;

typedef struct path {
    tks_config config;
    tks_instrument instruments[INSTRUMENTS_MAX];
    tks_engine *engine;
    size_t size;
} path;

typedef struct room { /* capacities of all paths but TIGHT, which begins with the smallest */
    uint32_t orders;
    uint32_t events;
    uint32_t commands;
} room;

typedef struct paths {
    path at[PATHS];
    uint8_t tick_flags; /* of every row: TKS_TICK_QUOTED, TKS_TICK_RANGE or 0 */
} paths;

static void (*tell_where)(void); /* what a test adds to a failure */

static void fail(const char *what, int path_index)
{
    fprintf(stderr, "path %d: %s\n", path_index, what);
    if (tell_where)
        tell_where();
    abort();
}

static void path_begin(path *p)
{
    p->engine = NULL;
    if (tks_engine_size(&p->config, &p->size) != TKS_STATUS_OK)
        fail("config", 0);
    if (tks_engine_init(malloc(p->size), p->size, &p->config, &p->engine) != TKS_STATUS_OK)
        fail("init", 0);
}

static void path_capacities(path *p, room capacities)
{
    for (uint32_t i = 0; i < p->config.instrument_count; i++)
        p->instruments[i].orders_max = capacities.orders;
    p->config.events_max = capacities.events;
    p->config.commands_max = capacities.commands;
}

static void paths_make(paths *all, const tks_config *config, room capacities)
{
    for (int i = 0; i < PATHS; i++) {
        path *p = &all->at[i];
        p->config = *config;
        for (uint32_t j = 0; j < config->instrument_count; j++)
            p->instruments[j] = config->instruments[j];
        p->config.instruments = p->instruments;
        path_capacities(p, i == TIGHT ? (room){1, 1, 0} : capacities);
        path_begin(p);
    }
}

/* Back to the beginning, in place but for TIGHT, which becomes small again. */
static inline void paths_reset(paths *all)
{
    for (int i = 0; i < PATHS; i++)
        if (i != TIGHT)
            tks_engine_reset(all->at[i].engine);
    path *tight = &all->at[TIGHT];
    if (tight->config.events_max == 1 && tight->config.commands_max == 0 &&
        tight->instruments[0].orders_max == 1) {
        tks_engine_reset(tight->engine);
        return;
    }
    free(tight->engine);
    path_capacities(tight, (room){1, 1, 0});
    path_begin(tight);
}

static void paths_free(paths *all)
{
    for (int i = 0; i < PATHS; i++)
        free(all->at[i].engine);
}

static void drain(path *p)
{
    tks_event events[64];
    uint32_t count;
    do
        tks_events_drain(p->engine, events, 64, &count);
    while (count);
}

/* Move into a block with larger capacities; what a safe layer does on CAPACITY. */
static void grow(path *p)
{
    for (uint32_t i = 0; i < p->config.instrument_count; i++)
        p->instruments[i].orders_max *= 2;
    p->config.events_max *= 2;
    p->config.commands_max = p->config.commands_max * 2 + 1;
    tks_engine_size(&p->config, &p->size);
    void *memory = malloc(p->size);
    tks_engine *copy;
    if (tks_engine_copy(memory, p->size, &p->config, p->engine, &copy) != TKS_STATUS_OK)
        fail("copy", TIGHT);
    memset(p->engine, 0xdd, 64); /* the old block must not matter */
    free(p->engine);
    p->engine = copy;
}

static bool make_room(path *p, tks_status status)
{
    if (status != TKS_STATUS_CAPACITY)
        return false;
    if (p->engine->event_count)
        drain(p);
    else
        grow(p);
    return true;
}

/* ---- The naive look -------------------------------------------------------------------------- */

/* How many heaps should give this order: a trailing stop may both fire and follow within a range. */
static uint32_t holds(const tks__instrument *instrument, const tks__order *order, int64_t low,
                      int64_t high)
{
    int64_t threshold = tks__threshold(instrument, order);
    bool falling = tks__waits_for_falling(order);
    bool follows = order->type == TKS_ORDER_TRAILING_STOP &&
                   (falling ? high > order->best_ticks : low < order->best_ticks);
    return (uint32_t)(falling ? low <= threshold : high >= threshold) + follows;
}

static void look_at_every_order(const tks_engine *engine, const tks_tick *tick)
{
    const tks__instrument *instrument = tks__instrument_at(engine, tick->instrument);
    bool ranges = tick->flags & TKS_TICK_RANGE;
    int64_t low = ranges ? tick->low_ticks : tick->price_ticks;
    int64_t high = ranges ? tick->high_ticks : tick->price_ticks;
    uint32_t found = 0;
    uint32_t expiring = 0;
    uint32_t open = 0;
    for (uint32_t slot = engine->first_order; slot != TKS_NONE; open++) {
        const tks__order *order = tks__order_at(engine, slot);
        bool timed = order->type == TKS_ORDER_ALERT_TIME || order->time_in_force == TKS_TIF_GTD;
        expiring += timed && order->expire_time <= tick->time;
        if (order->instrument == tick->instrument && order->type != TKS_ORDER_ALERT_TIME)
            found += order->state == TKS__ORDER_RESTING ? holds(instrument, order, low, high)
                                                        : order->live_from <= tick->time;
        slot = order->next;
    }
    static tks__candidate scratch[3 * 4096];
    const tks__heap *heaps = instrument->heaps;
    uint32_t collected = tks__heap_collect(engine, &heaps[0], tick->time, 0, scratch) +
                         tks__heap_collect(engine, &heaps[1], -low, 0, scratch) +
                         tks__heap_collect(engine, &heaps[2], high, 0, scratch);
    uint32_t expiring_collected =
        tks__heap_collect(engine, &engine->expiry, tick->time, 0, scratch);
    bool quiet = tks__tick_is_quiet(engine, instrument, tick->time, low, high);
    bool commands = engine->command_count && tks__command_at(engine, 0)->due <= tick->time;
    if (found != collected || expiring != expiring_collected || open != engine->open_count)
        fail("the heaps and the orders disagree", NAIVE);
    if (quiet == (found || expiring || commands))
        fail("a quiet tick is not quiet", NAIVE);
}

/* ---- The ledger ------------------------------------------------------------------------------ */

static void check_identities(const tks_engine *engine)
{
    tks_i128 cash = 0;
    tks_i128 equity = 0;
    tks_i128 unrealized = 0;
    tks_snapshot s;
    for (uint32_t i = 0; i < engine->instrument_count; i++) {
        if (tks_snapshot_get(engine, i, &s) != TKS_STATUS_OK)
            return;
        tks_holding h;
        if (tks_holding_get(engine, i, &h) != TKS_STATUS_OK || h.time != s.time ||
            h.tick_index != s.tick_index || h.last_price_ticks != s.last_price_ticks ||
            h.position_lots != s.position_lots)
            fail("a holding is not that of the snapshot", NAIVE);
        const tks_instrument *rules = &tks__instrument_at(engine, i)->rules;
        for (int j = 0; j < 4; j++) {
            const tks_bucket *b = &s.buckets[j];
            tks_i128 sign = j < 2 ? 1 : -1;
            tks_i128 value = (tks_i128)b->qty_lots * s.last_price_ticks * rules->units_per_tick_lot;
            bool spot = rules->settle == TKS_SETTLE_SPOT;
            cash -= sign * (spot ? b->cost_units : b->cost_units - b->base_units);
            equity += sign * (spot ? value : value - b->base_units);
            unrealized += sign * (value - b->cost_units);
            if (b->frozen_lots < 0 || b->frozen_lots > b->qty_lots)
                fail("frozen lots beyond the lots", NAIVE);
            if (b->qty_lots == 0 && (b->cost_units || b->base_units))
                fail("a cost without lots", NAIVE);
        }
    }
    tks_i128 flows =
        (tks_i128)s.in_units + s.income_units - s.wallet_fees_units + s.wallet_realized_units;
    if (s.cash_units != cash + flows || s.equity_units != s.cash_units + equity ||
        s.equity_units != flows + unrealized)
        fail("an identity of the ledger is broken", NAIVE);
}

/* ---- Runs of ticks --------------------------------------------------------------------------- */

static tks_tick tick_at(const paths *all, const columns *c, uint32_t instrument, uint32_t row)
{
    tks_tick tick = {.time = c->time[row], .price_ticks = c->price[row], .qty_lots = c->qty[row]};
    tick.side = c->side[row] & 1;
    tick.instrument = instrument;
    tick.flags = all->tick_flags;
    if (tick.flags) {
        tick.bid_ticks = c->bid[row];
        tick.ask_ticks = c->ask[row];
    }
    if (c->side[row] & TKS_SIDE_CONTINUES)
        tick.flags |= TKS_TICK_CONTINUES;
    return tick;
}

static tks_status step_whole(path *p, const tks_tick *tick)
{
    tks_status status;
    do
        status = tks_step(p->engine, tick);
    while (make_room(p, status));
    return status;
}

/* Whether a tick reaches nothing that tks_wake_get names. */
static bool is_asleep(const path *p, const tks_tick *tick)
{
    tks_wake wake;
    if (tks_wake_get(p->engine, tick->instrument, &wake) != TKS_STATUS_OK)
        fail("no wake", NAIVE);
    bool ranges = tick->flags & TKS_TICK_RANGE;
    return (ranges ? tick->low_ticks : tick->price_ticks) > wake.falling_ticks &&
           (ranges ? tick->high_ticks : tick->price_ticks) < wake.rising_ticks &&
           tick->time < wake.time;
}

static tks_digest events_of(const path *p)
{
    tks_digest digest;
    tks_event_digest(p->engine, &digest);
    return digest;
}

static void check_wake(const path *p, bool was_asleep, tks_digest before)
{
    tks_digest after = events_of(p);
    if (was_asleep && (after.low != before.low || after.high != before.high))
        fail("something happened on a tick that wakes nothing", NAIVE);
}

/* Merged by (time, instrument, row), one by one. */
static tks_status run_steps(const paths *all, path *p, const columns *c, bool naive)
{
    uint32_t next[INSTRUMENTS_MAX] = {0};
    for (;;) {
        uint32_t first = TKS_NONE;
        for (uint32_t i = 0; i < p->config.instrument_count; i++)
            if (next[i] < c[i].count &&
                (first == TKS_NONE || c[i].time[next[i]] < c[first].time[next[first]]))
                first = i;
        if (first == TKS_NONE)
            return TKS_STATUS_OK;
        tks_tick tick = tick_at(all, &c[first], first, next[first]++);
        if (naive)
            look_at_every_order(p->engine, &tick);
        bool was_asleep = naive && is_asleep(p, &tick);
        tks_digest before = events_of(p);
        tks_status status = step_whole(p, &tick);
        check_wake(p, was_asleep, before);
        if (status != TKS_STATUS_OK)
            return status;
        if (naive)
            check_identities(p->engine);
    }
}

/* Wherever a batch stops: what it took comes before what it left, by (time, instrument, row). */
static void check_cursors(const tks_feed *feeds, uint32_t feed_count)
{
    for (uint32_t i = 0; i < feed_count; i++)
        for (uint32_t j = 0; j < feed_count; j++) {
            if (feeds[i].cursor == 0 || feeds[j].cursor == feeds[j].count)
                continue;
            int64_t taken = feeds[i].time[feeds[i].cursor - 1];
            int64_t left = feeds[j].time[feeds[j].cursor];
            if (taken > left || (taken == left && i > j))
                fail("a batch stops out of order", BATCH);
        }
}

static tks_status run_batch(const paths *all, path *p, const columns *c, bool zones)
{
    uint32_t stop_on = p == &all->at[ZONES] ? UINT32_MAX : 0;
    tks_feed feeds[INSTRUMENTS_MAX];
    tks_batch_result result = {.struct_size = sizeof result};
    memset(feeds, 0, sizeof feeds);
    for (uint32_t i = 0; i < p->config.instrument_count; i++) {
        feeds[i].struct_size = sizeof feeds[i];
        feeds[i].instrument = i;
        feeds[i].count = c[i].count;
        feeds[i].time = c[i].time;
        feeds[i].price_ticks = c[i].price;
        feeds[i].qty_lots = c[i].qty;
        feeds[i].side = c[i].side;
        bool ranges = all->tick_flags & TKS_TICK_RANGE;
        feeds[i].flags = ranges ? TKS_FEED_RANGES : 0;
        feeds[i].bid_ticks = all->tick_flags ? c[i].bid : NULL;
        feeds[i].ask_ticks = all->tick_flags ? c[i].ask : NULL;
        if (zones) {
            feeds[i].zone_map_size = tks_zone_map_size(c[i].count);
            void *map = malloc(feeds[i].zone_map_size);
            tks_zone_map_build_ranges(map, feeds[i].zone_map_size, ranges ? c[i].bid : c[i].price,
                                      ranges ? c[i].ask : c[i].price, c[i].count);
            feeds[i].zone_map = map;
        }
    }
    tks_status status;
    do {
        status = tks_step_batch(p->engine, feeds, p->config.instrument_count, stop_on, &result);
        check_cursors(feeds, p->config.instrument_count);
    } while (make_room(p, status) || (status == TKS_STATUS_OK && stop_on && result.event_kinds));
    for (uint32_t i = 0; zones && i < p->config.instrument_count; i++)
        free((void *)(uintptr_t)feeds[i].zone_map);
    return status;
}

static void save_and_load(path *p)
{
    size_t size;
    tks_state_size(p->engine, &size);
    void *bytes = malloc(size);
    tks_state_save(p->engine, bytes, size, &size);
    tks_config config;
    tks_instrument instruments[INSTRUMENTS_MAX];
    if (tks_state_config(bytes, size, &config, instruments, INSTRUMENTS_MAX) != TKS_STATUS_OK)
        fail("config of a saved state", SAVED);
    void *memory = malloc(p->size);
    tks_engine *loaded;
    if (tks_state_load(memory, p->size, &p->config, bytes, size, &loaded) != TKS_STATUS_OK)
        fail("load", SAVED);
    free(p->engine);
    free(bytes);
    void *other = malloc(p->size);
    if (tks_engine_copy(other, p->size, &p->config, loaded, &p->engine) != TKS_STATUS_OK)
        fail("fork", SAVED);
    free(loaded);
}

/* Which words of the canonical state differ, for whoever has to find out why. */
static void show_difference(const path *a, const path *b)
{
    static uint64_t left[1 << 16];
    static uint64_t right[1 << 16];
    size_t left_size = 0;
    size_t right_size = 0;
    tks_state_save(a->engine, left, sizeof left, &left_size);
    tks_state_save(b->engine, right, sizeof right, &right_size);
    fprintf(stderr, "state of %zu and %zu words, %u instruments\n", left_size / 8, right_size / 8,
            a->config.instrument_count);
    for (size_t i = 0; i < left_size / 8 && i < right_size / 8; i++)
        if (left[i] != right[i])
            fprintf(stderr, "word %zu: %lld, %lld\n", i, (long long)left[i], (long long)right[i]);
}

/* Every path must say the same. On OVERFLOW the paths stop at the same tick with the same state. */
static tks_status paths_agree(paths *all, const tks_status statuses[PATHS])
{
    tks_digest events[PATHS];
    tks_digest states[PATHS];
    for (int i = 0; i < PATHS; i++) {
        const char *wrong = inspect(all->at[i].engine);
        tks_event_digest(all->at[i].engine, &events[i]);
        tks_state_hash(all->at[i].engine, &states[i]);
        if (wrong)
            fail(wrong, i);
        if (statuses[i] != statuses[0])
            fail("another status", i);
        if (events[i].low != events[0].low || events[i].high != events[0].high)
            fail("other events", i);
        if (states[i].low != states[0].low || states[i].high != states[0].high) {
            show_difference(&all->at[0], &all->at[i]);
            fail("another state", i);
        }
        if (i != TIGHT)
            drain(&all->at[i]);
    }
    check_identities(all->at[NAIVE].engine);
    return statuses[0];
}

static void drive_run(paths *all, const columns *c, tks_status statuses[PATHS])
{
    statuses[NAIVE] = run_steps(all, &all->at[NAIVE], c, true);
    statuses[BATCH] = run_batch(all, &all->at[BATCH], c, false);
    statuses[ZONES] = run_batch(all, &all->at[ZONES], c, true);
    statuses[TIGHT] = run_batch(all, &all->at[TIGHT], c, true);
    statuses[SAVED] = run_steps(all, &all->at[SAVED], c, false);
    save_and_load(&all->at[SAVED]);
}

static inline tks_status paths_run(paths *all, const columns *c)
{
    tks_status statuses[PATHS];
    drive_run(all, c, statuses);
    return paths_agree(all, statuses);
}

/* ---- Commands -------------------------------------------------------------------------------- */

typedef struct command {
    enum { PLACE, CANCEL, CANCEL_ALL, AMEND, REFUSE, REFUSE_AMEND, POST, SETTLE, ROLL } kind;
    tks_order order;
    tks_amend amend;
    uint64_t order_id;
    uint32_t instrument;
    int32_t entry;
    int64_t amount;
} command;

static tks_status command_once(tks_engine *engine, const command *c)
{
    uint64_t id;
    switch (c->kind) {
    case PLACE: return tks_order_place(engine, &c->order, &id);
    case CANCEL: return tks_order_cancel(engine, c->order_id);
    case CANCEL_ALL: return tks_orders_cancel(engine, c->instrument);
    case AMEND: return tks_order_amend(engine, c->order_id, &c->amend);
    case REFUSE: return tks_order_refuse(engine, &c->order, TKS_REASON_RISK_LIMIT, &id);
    case REFUSE_AMEND:
        return tks_amend_refuse(engine, c->order_id, &c->amend, TKS_REASON_RISK_LIMIT);
    case POST: return tks_ledger_post(engine, c->instrument, c->entry, c->amount);
    case SETTLE: return tks_settle_at(engine, c->instrument, c->amount);
    default: return tks_day_roll(engine, NULL);
    }
}

static void drive_command(paths *all, const command *c, tks_status statuses[PATHS])
{
    for (int i = 0; i < PATHS; i++) {
        do
            statuses[i] = command_once(all->at[i].engine, c);
        while (make_room(&all->at[i], statuses[i]));
    }
    check_identities(all->at[NAIVE].engine);
    save_and_load(&all->at[SAVED]);
}

static inline tks_status paths_command(paths *all, const command *c)
{
    tks_status statuses[PATHS];
    drive_command(all, c, statuses);
    return paths_agree(all, statuses);
}

#endif /* TICKSTEP_TESTS_PATHS_H */
