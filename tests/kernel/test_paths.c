/* SPDX-License-Identifier: MIT
 *
 * test_paths.c: random worlds through every path of paths.h. Usage: test_paths [scripts] [first seed].
 * The seed of a failing script is printed before it runs under `test_paths 1 SEED`.
 */
#include "paths.h"

static uint64_t random_state;

static uint64_t random_next(void)
{
    uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static int64_t random_in(int64_t low, int64_t high)
{
    return low + (int64_t)(random_next() % (uint64_t)(high - low + 1));
}

static bool random_once_in(int64_t n)
{
    return random_in(1, n) == 1;
}

static tks_instrument random_rules(bool cash_account)
{
    tks_instrument rules;
    memset(&rules, 0, sizeof rules);
    rules.struct_size = sizeof rules;
    bool plain = cash_account || random_once_in(2);
    rules.settle = plain || random_once_in(2) ? TKS_SETTLE_SPOT : TKS_SETTLE_MARK;
    rules.position_mode = plain || random_once_in(2) ? TKS_POSITION_NET : TKS_POSITION_HEDGE;
    rules.fill_rule = random_once_in(2) ? TKS_FILL_TOUCH : TKS_FILL_THROUGH;
    rules.qty_rule = random_once_in(3) ? TKS_QTY_VOLUME : TKS_QTY_FULL;
    rules.participation_ppm =
        rules.qty_rule == TKS_QTY_VOLUME ? (uint32_t)random_in(1, 4) * 250000 : 0;
    rules.orders_max = 1;
    rules.units_per_tick_lot = random_in(1, 5);
    rules.spread_ppb = random_once_in(2) ? 0 : random_in(0, 100000000);
    rules.maker_fee_ppb = random_in(-1000000, 20000000);
    rules.taker_fee_ppb = random_in(0, 30000000);
    rules.maker_fee_units_per_lot = random_in(-1, 2);
    rules.taker_fee_units_per_lot = random_in(0, 2);
    rules.fee_min_units = random_once_in(2) ? 0 : random_in(1, 50);
    rules.qty_step_lots = random_once_in(3) ? random_in(1, 4) : 1;
    rules.qty_min_lots = random_once_in(3) ? random_in(1, 5) : 1;
    if (!cash_account && random_once_in(4))
        rules.flags |= TKS_INSTRUMENT_ALLOW_NEGATIVE;
    if (random_once_in(3))
        rules.flags |= TKS_INSTRUMENT_NO_SHORT;
    if (random_once_in(3))
        rules.flags |= TKS_INSTRUMENT_LIMITS_FIRST;
    if (random_once_in(5)) {
        rules.flags |= TKS_INSTRUMENT_BAND;
        rules.band_low_ticks = random_in(40, 90);
        rules.band_high_ticks = random_in(110, 160);
    }
    return rules;
}

typedef struct world {
    paths all;
    columns *columns;
    int64_t price[INSTRUMENTS_MAX];
    int64_t time;
    uint32_t instrument_count;
    bool overflowing;
} world;

static void world_make(world *w)
{
    tks_instrument instruments[INSTRUMENTS_MAX];
    tks_config config;
    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.flags = random_once_in(4) ? TKS_CONFIG_CASH_ACCOUNT : 0;
    w->instrument_count = (uint32_t)random_in(1, random_once_in(12) ? INSTRUMENTS_MAX : 3);
    config.instrument_count = w->instrument_count;
    config.latency = random_once_in(2) ? 0 : random_in(1, 20);
    config.initial_cash_units = random_once_in(2) ? random_in(0, 20000) : INT64_C(1) << 40;
    for (uint32_t i = 0; i < config.instrument_count; i++) {
        instruments[i] = random_rules(config.flags & TKS_CONFIG_CASH_ACCOUNT);
        w->price[i] = 100;
    }
    config.instruments = instruments;
    w->time = random_in(-50, 50);
    w->overflowing = random_once_in(50);
    w->all.tick_flags = random_once_in(4)   ? TKS_TICK_QUOTED
                        : random_once_in(3) ? TKS_TICK_RANGE
                                            : 0;
    paths_make(&w->all, &config, (room){.orders = 256, .events = 1 << 12, .commands = 64});
}

static const tks_instrument *rules_of(const world *w, uint32_t instrument)
{
    return &w->all.at[0].instruments[instrument];
}

static int64_t random_price(const world *w, uint32_t instrument)
{
    int64_t price = w->price[instrument] + random_in(-8, 8);
    bool negative = rules_of(w, instrument)->flags & TKS_INSTRUMENT_ALLOW_NEGATIVE;
    return negative || price > 0 || random_once_in(20) ? price : 1;
}

static command random_place(const world *w)
{
    static const uint8_t types[] = {1, 1, 2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 20, 21};
    command c;
    memset(&c, 0, sizeof c);
    c.kind = PLACE;
    tks_order *order = &c.order;
    order->struct_size = sizeof *order;
    order->instrument = (uint32_t)random_in(0, w->instrument_count - 1);
    order->type = types[random_in(0, sizeof types - 1)];
    order->side = (uint8_t)random_in(0, 1);
    order->time_in_force = (uint8_t)(random_once_in(2) ? TKS_TIF_GTC : random_in(1, 5));
    order->qty_lots =
        w->overflowing && random_once_in(3) ? INT64_C(1) << random_in(40, 61) : random_in(1, 12);
    order->tag = (uint64_t)random_in(0, 9);
    order->oco_group = random_once_in(3) ? (uint64_t)random_in(1, 3) : 0;
    if (rules_of(w, order->instrument)->position_mode == TKS_POSITION_HEDGE)
        order->offset = (uint8_t)random_in(1, 4);
    if (order->type == 2 || order->type == 4)
        order->price_ticks = random_price(w, order->instrument);
    if ((order->type >= 3 && order->type <= 5) || order->type == 20)
        order->trigger_ticks = random_price(w, order->instrument);
    if (order->type == 6)
        order->trail_ticks = random_in(1, 6);
    if ((order->type == 2 || order->type == 4) && order->time_in_force < 4 && random_once_in(5))
        order->flags |= TKS_FLAG_POST_ONLY;
    if (order->offset != 1 && random_once_in(5))
        order->flags |= TKS_FLAG_REDUCE_ONLY;
    if (order->type >= 20) {
        order->qty_lots = 0;
        order->time_in_force = TKS_TIF_GTC;
        order->offset = 0;
        order->flags = 0;
        order->oco_group = 0;
    }
    if (order->time_in_force == TKS_TIF_GTD || order->type == 21)
        order->expire_time = w->time + random_in(-5, 60);
    return c;
}

static command random_amend(const world *w)
{
    command c;
    memset(&c, 0, sizeof c);
    c.kind = AMEND;
    c.amend.struct_size = sizeof c.amend;
    uint64_t next = w->all.at[0].engine->order_id_next;
    c.order_id = (uint64_t)random_in(next > 12 ? (int64_t)next - 12 : 0, (int64_t)next);
    if (random_once_in(2)) {
        c.amend.fields |= TKS_AMEND_QTY;
        c.amend.qty_lots = random_in(1, 12);
    }
    if (random_once_in(2)) {
        c.amend.fields |= TKS_AMEND_PRICE;
        c.amend.price_ticks = random_price(w, 0);
    }
    if (random_once_in(6)) {
        c.amend.fields |= TKS_AMEND_TRIGGER;
        c.amend.trigger_ticks = random_price(w, 0);
    }
    if (random_once_in(8)) {
        c.amend.fields |= TKS_AMEND_TRAIL;
        c.amend.trail_ticks = random_in(1, 6);
    }
    return c;
}

static command random_money(const world *w)
{
    command c;
    memset(&c, 0, sizeof c);
    c.kind = random_once_in(3) ? SETTLE : POST;
    c.instrument = (uint32_t)random_in(0, w->instrument_count - 1);
    c.entry = (int32_t)random_in(TKS_ENTRY_DEPOSIT, TKS_ENTRY_BORROW);
    c.amount = c.kind == SETTLE                      ? random_price(w, c.instrument)
               : w->overflowing && random_once_in(3) ? INT64_C(1) << 61
                                                     : random_in(-500, 500);
    return c;
}

static command random_command(const world *w)
{
    command c;
    switch (random_in(0, 15)) {
    case 0:
    case 1:
        c = random_amend(w);
        c.kind = random_once_in(6) ? REFUSE_AMEND : AMEND;
        return c;
    case 2: return random_money(w);
    case 3:
        c = random_amend(w);
        c.kind = CANCEL;
        return c;
    case 4:
        memset(&c, 0, sizeof c);
        c.kind = random_once_in(2) ? ROLL : CANCEL_ALL;
        c.instrument = random_once_in(2) ? TKS_INSTRUMENT_ALL : 0;
        return c;
    default:
        c = random_place(w);
        c.kind = random_once_in(12) ? REFUSE : PLACE;
        return c;
    }
}

static void random_ticks(world *w)
{
    int64_t rows = random_once_in(10) ? random_in(200, 1500) : random_in(1, 12);
    for (uint32_t i = 0; i < w->instrument_count; i++)
        w->columns[i].count = 0;
    while (rows-- > 0) {
        uint32_t i = (uint32_t)random_in(0, w->instrument_count - 1);
        columns *c = &w->columns[i];
        uint32_t row = c->count++;
        w->time += random_once_in(2) ? 0 : random_in(0, 6);
        int64_t price = w->price[i] + random_in(-4, 4);
        bool negative = rules_of(w, i)->flags & TKS_INSTRUMENT_ALLOW_NEGATIVE;
        w->price[i] = price < (negative ? -30 : 3) ? price + 8 : price;
        c->time[row] = w->time;
        c->price[row] = w->price[i];
        bool ranges = w->all.tick_flags & TKS_TICK_RANGE;
        c->qty[row] = random_in(ranges ? 0 : 1, 20);
        c->side[row] = (uint8_t)random_in(0, ranges ? TKS_SIDE_SELL | TKS_SIDE_CONTINUES : 1);
        c->bid[row] =
            negative ? w->price[i] - random_in(0, 2) : tks__max(w->price[i] - random_in(0, 2), 1);
        c->ask[row] = w->price[i] + random_in(0, ranges ? 6 : 2);
    }
}

/* Of all scripts: the same for every compiler. */
typedef struct outcome {
    uint64_t events;
    uint64_t digest;
} outcome;

static void script_run(uint64_t seed, outcome *sum)
{
    static columns space[INSTRUMENTS_MAX];
    world w;
    random_state = seed;
    memset(&w, 0, sizeof w);
    w.columns = space;
    world_make(&w);
    for (int64_t steps = random_in(3, 40); steps > 0; steps--) {
        for (int64_t commands = random_in(0, 4); commands > 0; commands--) {
            command c = random_command(&w);
            paths_command(&w.all, &c);
        }
        random_ticks(&w);
        if (paths_run(&w.all, space) != TKS_STATUS_OK)
            break;
    }
    tks_digest digest;
    tks_event_digest(w.all.at[0].engine, &digest);
    sum->events += w.all.at[0].engine->event_sequence;
    sum->digest = (sum->digest << 1 | sum->digest >> 63) ^ digest.low ^ digest.high;
    paths_free(&w.all);
}

int main(int argc, char **argv)
{
    long scripts = argc > 1 ? atol(argv[1]) : 2000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    outcome sum = {0, 0};
    for (long i = 0; i < scripts; i++) {
        if (getenv("TICKSTEP_SHOW_SEED"))
            fprintf(stderr, "seed %llu\n", (unsigned long long)(seed + (uint64_t)i));
        script_run(seed + (uint64_t)i, &sum);
    }
    printf("paths: %ld scripts, %llu events, every path the same, digest %016llx\n", scripts,
           (unsigned long long)sum.events, (unsigned long long)sum.digest);
    printf("%ld passed, 0 failed\n", scripts);
    return 0;
}
