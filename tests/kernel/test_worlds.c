/* SPDX-License-Identifier: MIT
 *
 * test_worlds.c: exhaustive small worlds. A family is a configuration and an alphabet of at most 16
 * commands and ticks; every sequence of them, of the length asked for, runs through every path of
 * paths.h, followed by ticks that sweep all prices. Rare meetings of two rules need few steps, not
 * many: what random scripts find by luck is found here for sure.
 *
 * Usage: test_worlds [length, 4] [family]. The digest printed last is the same for every compiler.
 */
#include "paths.h"

enum { ALPHABET_MAX = 16, LENGTH_MAX = 8 };

static const tks_side BUY = TKS_SIDE_BUY;
static const tks_side SELL = TKS_SIDE_SELL;

typedef struct symbol {
    bool is_tick;
    uint32_t rows; /* of a tick: so many, the last of them at `price`, those before at 100 */
    uint32_t instrument;
    int64_t wait; /* time since the tick before */
    int64_t price;
    int64_t qty;
    command command;
} symbol;

typedef struct family {
    tks_config config;
    tks_instrument rules[INSTRUMENTS_MAX];
    symbol alphabet[ALPHABET_MAX];
    uint32_t size;
} family;

/* ---- Words of the alphabets ------------------------------------------------------------------ */

static symbol *add(family *f, symbol s)
{
    if (f->size == ALPHABET_MAX)
        fail("an alphabet is too large", 0);
    f->alphabet[f->size] = s;
    return &f->alphabet[f->size++];
}

static symbol *tick(family *f, uint32_t instrument, int64_t wait, int64_t price, int64_t qty)
{
    symbol s = {.is_tick = true, .rows = 1, .instrument = instrument, .wait = wait};
    s.price = price;
    s.qty = qty;
    return add(f, s);
}

static void ticks(family *f, int64_t low, int64_t high)
{
    for (int64_t price = low; price <= high; price++)
        tick(f, 0, 1, price, 4);
}

static tks_order *place(family *f, tks_order_type type, tks_side side, int64_t qty)
{
    symbol s = {.command = {.kind = PLACE}};
    tks_order *order = &s.command.order;
    order->struct_size = sizeof *order;
    order->type = (uint8_t)type;
    order->side = (uint8_t)side;
    order->time_in_force = TKS_TIF_GTC;
    order->qty_lots = qty;
    if (f->rules[0].position_mode == TKS_POSITION_HEDGE && !tks__is_alert(order->type))
        order->offset = TKS_OFFSET_OPEN;
    return &add(f, s)->command.order;
}

static tks_order *limit(family *f, tks_side side, int64_t qty, int64_t price)
{
    tks_order *order = place(f, TKS_ORDER_LIMIT, side, qty);
    order->price_ticks = price;
    return order;
}

static tks_order *stop(family *f, tks_side side, int64_t qty, int64_t trigger)
{
    tks_order *order = place(f, TKS_ORDER_STOP, side, qty);
    order->trigger_ticks = trigger;
    return order;
}

static tks_order *stop_limit(family *f, tks_side side, int64_t qty, int64_t trigger, int64_t price)
{
    tks_order *order = place(f, TKS_ORDER_STOP_LIMIT, side, qty);
    order->trigger_ticks = trigger;
    order->price_ticks = price;
    return order;
}

static tks_order *touched(family *f, tks_side side, int64_t qty, int64_t trigger)
{
    tks_order *order = place(f, TKS_ORDER_MARKET_IF_TOUCHED, side, qty);
    order->trigger_ticks = trigger;
    return order;
}

static tks_order *trailing(family *f, tks_side side, int64_t qty, int64_t trail)
{
    tks_order *order = place(f, TKS_ORDER_TRAILING_STOP, side, qty);
    order->trail_ticks = trail;
    return order;
}

static tks_order *market(family *f, tks_side side, int64_t qty)
{
    return place(f, TKS_ORDER_MARKET, side, qty);
}

static void alert_price(family *f, tks_side side, int64_t trigger)
{
    place(f, TKS_ORDER_ALERT_PRICE, side, 0)->trigger_ticks = trigger;
}

static void alert_time(family *f, int64_t time)
{
    place(f, TKS_ORDER_ALERT_TIME, BUY, 0)->expire_time = time;
}

static command *order_command(family *f, int kind, uint64_t order_id)
{
    symbol s = {.command = {.order_id = order_id}};
    command *c = &add(f, s)->command;
    c->kind = kind == AMEND ? AMEND : kind == CANCEL ? CANCEL : CANCEL_ALL;
    c->instrument = TKS_INSTRUMENT_ALL;
    c->amend.struct_size = sizeof c->amend;
    return c;
}

static void cancel(family *f, uint64_t order_id)
{
    order_command(f, CANCEL, order_id);
}

static void cancel_all(family *f)
{
    order_command(f, CANCEL_ALL, 0);
}

static void amend_qty(family *f, uint64_t order_id, int64_t qty)
{
    command *c = order_command(f, AMEND, order_id);
    c->amend.fields = TKS_AMEND_QTY;
    c->amend.qty_lots = qty;
}

static void amend_price(family *f, uint64_t order_id, int64_t price)
{
    command *c = order_command(f, AMEND, order_id);
    c->amend.fields = TKS_AMEND_PRICE;
    c->amend.price_ticks = price;
}

static void amend_trigger(family *f, uint64_t order_id, int64_t trigger)
{
    command *c = order_command(f, AMEND, order_id);
    c->amend.fields = TKS_AMEND_TRIGGER;
    c->amend.trigger_ticks = trigger;
}

static void amend_trail(family *f, uint64_t order_id, int64_t trail)
{
    command *c = order_command(f, AMEND, order_id);
    c->amend.fields = TKS_AMEND_TRAIL;
    c->amend.trail_ticks = trail;
}

static void money(family *f, int32_t entry, int64_t amount)
{
    symbol s = {.command = {.kind = POST, .entry = entry, .amount = amount}};
    add(f, s);
}

static void settle(family *f, int64_t price)
{
    symbol s = {.command = {.kind = SETTLE, .amount = price}};
    add(f, s);
}

static void roll(family *f)
{
    symbol s = {.command = {.kind = ROLL}};
    add(f, s);
}

/* ---- The families ---------------------------------------------------------------------------- */

static void limits(family *f)
{
    ticks(f, 98, 102);
    tick(f, 0, 1, 99, 4)->rows = 200; /* far enough to use the zone map */
    limit(f, BUY, 1, 99);
    limit(f, BUY, 2, 100);
    limit(f, BUY, 1, 101);
    limit(f, SELL, 1, 99);
    limit(f, SELL, 2, 100);
    limit(f, SELL, 1, 101);
    market(f, BUY, 3);
    market(f, SELL, 1);
    cancel(f, 1);
    roll(f);
}

static void limits_through(family *f)
{
    f->rules[0].fill_rule = TKS_FILL_THROUGH;
    f->rules[0].spread_ppb = 10000000; /* half is one tick */
    limits(f);
}

static void stops(family *f)
{
    f->rules[0].spread_ppb = 10000000;
    ticks(f, 98, 102);
    stop(f, BUY, 1, 101);
    stop(f, SELL, 2, 99);
    stop(f, SELL, 1, 101)->time_in_force = TKS_TIF_DAY;
    stop_limit(f, BUY, 1, 101, 101);
    stop_limit(f, BUY, 2, 100, 103);
    stop_limit(f, SELL, 1, 99, 100);
    touched(f, BUY, 1, 99);
    touched(f, SELL, 2, 101);
    limit(f, SELL, 1, 101);
    alert_price(f, BUY, 101);
    alert_price(f, SELL, 99);
}

static void trailings(family *f)
{
    ticks(f, 97, 102);
    trailing(f, SELL, 1, 1);
    trailing(f, SELL, 2, 3);
    trailing(f, BUY, 1, 1);
    trailing(f, BUY, 2, 2)->time_in_force = TKS_TIF_IOC;
    trailing(f, SELL, 1, 2)->oco_group = 1;
    limit(f, SELL, 1, 102)->oco_group = 1;
    market(f, BUY, 1);
    amend_trail(f, 1, 2);
    amend_qty(f, 1, 1);
    cancel(f, 1);
}

static void volumes(family *f)
{
    f->rules[0].qty_rule = TKS_QTY_VOLUME;
    f->rules[0].participation_ppm = 500000;
    tick(f, 0, 1, 99, 1);
    tick(f, 0, 1, 99, 4);
    tick(f, 0, 1, 100, 2);
    tick(f, 0, 1, 100, 7);
    tick(f, 0, 1, 101, 4);
    limit(f, BUY, 3, 99);
    limit(f, BUY, 2, 100);
    limit(f, SELL, 3, 100);
    market(f, BUY, 4);
    market(f, SELL, 3);
    market(f, BUY, 2)->time_in_force = TKS_TIF_IOC;
    stop(f, SELL, 3, 99);
    stop(f, SELL, 2, 100)->flags = TKS_FLAG_REDUCE_ONLY;
    touched(f, BUY, 3, 99);
    amend_qty(f, 1, 2);
    cancel(f, 1);
}

static void at_once(family *f)
{
    f->rules[0].qty_rule = TKS_QTY_VOLUME;
    f->rules[0].participation_ppm = 1000000;
    f->rules[0].spread_ppb = 10000000;
    tick(f, 0, 1, 99, 1);
    tick(f, 0, 1, 100, 2);
    tick(f, 0, 1, 101, 2);
    tick(f, 0, 1, 102, 9);
    limit(f, BUY, 3, 102)->time_in_force = TKS_TIF_IOC;
    limit(f, SELL, 2, 100)->time_in_force = TKS_TIF_IOC;
    limit(f, BUY, 3, 102)->time_in_force = TKS_TIF_FOK;
    limit(f, SELL, 2, 100)->time_in_force = TKS_TIF_FOK;
    market(f, BUY, 3)->time_in_force = TKS_TIF_FOK;
    market(f, SELL, 2)->time_in_force = TKS_TIF_IOC;
    limit(f, BUY, 1, 101)->flags = TKS_FLAG_POST_ONLY;
    limit(f, SELL, 1, 100)->flags = TKS_FLAG_POST_ONLY;
    stop(f, BUY, 3, 101)->time_in_force = TKS_TIF_FOK;
    stop_limit(f, BUY, 3, 101, 102)->time_in_force = TKS_TIF_IOC;
    stop_limit(f, SELL, 1, 100, 100)->flags = TKS_FLAG_POST_ONLY;
    amend_price(f, 1, 100);
}

static void siblings(family *f)
{
    f->rules[0].qty_rule = TKS_QTY_VOLUME;
    f->rules[0].participation_ppm = 500000;
    ticks(f, 98, 101);
    tick(f, 0, 1, 103, 9);
    limit(f, BUY, 2, 99)->oco_group = 1;
    stop(f, BUY, 3, 101)->oco_group = 1;
    limit(f, SELL, 2, 101)->oco_group = 1;
    stop(f, SELL, 2, 99)->oco_group = 2;
    limit(f, SELL, 4, 100)->oco_group = 2;
    market(f, BUY, 3)->oco_group = 2;
    tks_order *dated = limit(f, BUY, 2, 98);
    dated->oco_group = 1;
    dated->time_in_force = TKS_TIF_GTD;
    dated->expire_time = 4;
    trailing(f, SELL, 1, 1)->oco_group = 1;
    amend_qty(f, 1, 1);
    amend_price(f, 2, 100);
    cancel(f, 1);
}

static void times(family *f)
{
    f->rules[0].settle = TKS_SETTLE_MARK;
    tick(f, 0, 0, 100, 4);
    tick(f, 0, 1, 99, 4);
    tick(f, 0, 2, 101, 4);
    tks_order *order = limit(f, BUY, 1, 99);
    order->time_in_force = TKS_TIF_GTD;
    order->expire_time = 3;
    order = limit(f, SELL, 2, 101);
    order->time_in_force = TKS_TIF_GTD;
    order->expire_time = 2;
    order = stop(f, SELL, 1, 99);
    order->time_in_force = TKS_TIF_GTD;
    order->expire_time = 1;
    limit(f, BUY, 2, 99)->time_in_force = TKS_TIF_DAY;
    stop(f, BUY, 1, 101)->time_in_force = TKS_TIF_DAY;
    market(f, BUY, 1);
    market(f, SELL, 2);
    alert_time(f, 2);
    alert_time(f, 4);
    roll(f);
    settle(f, 102);
    money(f, TKS_ENTRY_FUNDING, -3);
    cancel(f, 1);
}

static void changes(family *f)
{
    ticks(f, 99, 101);
    limit(f, BUY, 2, 99);
    limit(f, SELL, 2, 101);
    stop_limit(f, BUY, 2, 101, 101);
    market(f, SELL, 1);
    amend_qty(f, 1, 1);
    amend_qty(f, 1, 3);
    amend_price(f, 1, 100);
    amend_trigger(f, 1, 100);
    cancel(f, 1);
    cancel(f, 2);
    cancel_all(f);
    limit(f, BUY, 1, 100);
    trailing(f, SELL, 1, 1);
}

static void latencies(family *f)
{
    f->config.latency = 2;
    tick(f, 0, 0, 100, 4);
    tick(f, 0, 1, 99, 4);
    tick(f, 0, 2, 101, 4);
    limit(f, BUY, 2, 99);
    limit(f, SELL, 1, 101);
    market(f, BUY, 1);
    stop(f, SELL, 2, 99);
    tks_order *order = limit(f, BUY, 1, 100);
    order->time_in_force = TKS_TIF_GTD;
    order->expire_time = 3;
    amend_qty(f, 1, 1);
    amend_price(f, 1, 101);
    amend_trigger(f, 1, 101);
    cancel(f, 1);
    cancel(f, 2);
    cancel_all(f);
    alert_price(f, SELL, 99);
    stop_limit(f, BUY, 1, 101, 100);
}

static void cash(family *f)
{
    f->config.flags = TKS_CONFIG_CASH_ACCOUNT;
    f->config.initial_cash_units = 1100; /* two lots at 100, and a fee */
    f->rules[0].flags = TKS_INSTRUMENT_NO_SHORT;
    f->rules[0].spread_ppb = 10000000;
    ticks(f, 99, 101);
    limit(f, BUY, 1, 99);
    limit(f, BUY, 2, 100);
    limit(f, SELL, 1, 101);
    limit(f, SELL, 2, 100)->oco_group = 1;
    stop(f, SELL, 1, 99)->oco_group = 1;
    stop(f, BUY, 1, 101);
    market(f, BUY, 1);
    market(f, SELL, 1);
    market(f, SELL, 2)->flags = TKS_FLAG_REDUCE_ONLY;
    trailing(f, SELL, 1, 1);
    amend_qty(f, 1, 2);
    money(f, TKS_ENTRY_WITHDRAWAL, -500);
    cancel(f, 1);
}

static void hedges(family *f)
{
    f->rules[0].settle = TKS_SETTLE_MARK;
    f->rules[0].position_mode = TKS_POSITION_HEDGE;
    f->rules[0].flags = TKS_INSTRUMENT_NO_SHORT;
    ticks(f, 99, 101);
    market(f, BUY, 2);
    limit(f, BUY, 1, 99);
    market(f, SELL, 1); /* opening a short: refused */
    limit(f, SELL, 1, 100)->offset = TKS_OFFSET_CLOSE;
    limit(f, SELL, 2, 101)->offset = TKS_OFFSET_CLOSE_TODAY;
    market(f, SELL, 1)->offset = TKS_OFFSET_CLOSE_YESTERDAY;
    limit(f, SELL, 2, 101)->offset = TKS_OFFSET_CLOSE_YESTERDAY;
    stop(f, SELL, 2, 99)->offset = TKS_OFFSET_CLOSE;
    tks_order *order = market(f, SELL, 3);
    order->offset = TKS_OFFSET_CLOSE;
    order->flags = TKS_FLAG_REDUCE_ONLY;
    order = limit(f, SELL, 1, 101);
    order->offset = TKS_OFFSET_CLOSE_TODAY;
    order->oco_group = 1;
    order = stop(f, SELL, 2, 100);
    order->offset = TKS_OFFSET_CLOSE;
    order->oco_group = 1;
    roll(f);
    cancel(f, 2);
}

/* Long and short side by side, both may open. */
static void hedges_both(family *f)
{
    f->rules[0].position_mode = TKS_POSITION_HEDGE;
    f->rules[0].settle = TKS_SETTLE_MARK;
    f->rules[0].fee_min_units = 7;
    ticks(f, 99, 101);
    market(f, BUY, 2);
    market(f, SELL, 3);
    limit(f, SELL, 1, 101);
    market(f, SELL, 1)->offset = TKS_OFFSET_CLOSE;
    market(f, SELL, 3)->offset = TKS_OFFSET_CLOSE_YESTERDAY;
    market(f, BUY, 2)->offset = TKS_OFFSET_CLOSE_TODAY;
    limit(f, BUY, 2, 100)->offset = TKS_OFFSET_CLOSE;
    stop(f, BUY, 1, 101)->offset = TKS_OFFSET_CLOSE_YESTERDAY;
    tks_order *order = limit(f, BUY, 2, 99);
    order->offset = TKS_OFFSET_CLOSE;
    order->flags = TKS_FLAG_REDUCE_ONLY;
    roll(f);
    settle(f, 103);
    cancel(f, 1);
}

static void two_instruments(family *f)
{
    f->config.instrument_count = 2;
    f->rules[1].settle = TKS_SETTLE_MARK;
    f->rules[1].spread_ppb = 10000000;
    tick(f, 0, 0, 100, 4);
    tick(f, 0, 1, 99, 4);
    tick(f, 0, 1, 101, 4);
    tick(f, 1, 0, 99, 4);
    tick(f, 1, 0, 101, 4);
    tick(f, 1, 1, 100, 4);
    limit(f, BUY, 2, 99);
    market(f, SELL, 1);
    limit(f, BUY, 1, 99)->instrument = 1;
    market(f, BUY, 2)->instrument = 1;
    stop(f, SELL, 1, 99)->instrument = 1;
    tks_order *order = limit(f, SELL, 1, 101);
    order->instrument = 1;
    order->time_in_force = TKS_TIF_GTD;
    order->expire_time = 2;
    alert_time(f, 2);
    amend_price(f, 1, 100);
    roll(f);
    cancel_all(f);
}

static void two_with_latency(family *f)
{
    f->config.latency = 1;
    two_instruments(f);
}

static const struct {
    const char *name;
    void (*make)(family *);
} families[] = {{"limits", limits},
                {"limits-through", limits_through},
                {"stops", stops},
                {"trailing", trailings},
                {"volume", volumes},
                {"at-once", at_once},
                {"siblings", siblings},
                {"times", times},
                {"changes", changes},
                {"latency", latencies},
                {"cash", cash},
                {"hedge", hedges},
                {"hedge-both", hedges_both},
                {"two", two_instruments},
                {"two-latency", two_with_latency}};

static void family_make(family *f, void (*make)(family *))
{
    memset(f, 0, sizeof *f);
    f->config.struct_size = sizeof f->config;
    f->config.instrument_count = 1;
    f->config.initial_cash_units = 1000000;
    f->config.instruments = f->rules;
    for (int i = 0; i < INSTRUMENTS_MAX; i++) {
        tks_instrument *rules = &f->rules[i];
        rules->struct_size = sizeof *rules;
        rules->settle = TKS_SETTLE_SPOT;
        rules->position_mode = TKS_POSITION_NET;
        rules->fill_rule = TKS_FILL_TOUCH;
        rules->qty_rule = TKS_QTY_FULL;
        rules->units_per_tick_lot = 5;
        rules->maker_fee_ppb = 1000000;
        rules->taker_fee_ppb = 3000000;
        rules->qty_step_lots = rules->qty_min_lots = 1;
    }
    make(f);
}

/* ---- One sequence ---------------------------------------------------------------------------- */

typedef struct world {
    family family;
    paths all;
    columns run[INSTRUMENTS_MAX]; /* ticks not yet run */
    int64_t time;
    uint32_t letters[LENGTH_MAX];
    uint32_t length;
} world;

static world w;

static void tell_sequence(void)
{
    fprintf(stderr, "sequence:");
    for (uint32_t i = 0; i < w.length; i++)
        fprintf(stderr, " %u", w.letters[i]);
    fprintf(stderr, " (letters of the alphabet, from 0)\n");
}

static void run_row(uint32_t instrument, int64_t wait, int64_t price, int64_t qty)
{
    columns *c = &w.run[instrument];
    w.time += wait;
    c->time[c->count] = w.time;
    c->price[c->count] = price;
    c->qty[c->count] = qty;
    c->count++;
}

static bool flush_run(void)
{
    tks_status statuses[PATHS];
    uint32_t rows = 0;
    for (uint32_t i = 0; i < w.family.config.instrument_count; i++)
        rows += w.run[i].count;
    if (rows == 0)
        return true;
    drive_run(&w.all, w.run, statuses);
    for (uint32_t i = 0; i < INSTRUMENTS_MAX; i++)
        w.run[i].count = 0;
    for (int i = 1; i < PATHS; i++)
        if (statuses[i] != statuses[0])
            fail("another status", i);
    return statuses[0] == TKS_STATUS_OK;
}

static void play_symbol(const symbol *s)
{
    tks_status statuses[PATHS];
    if (s->is_tick) {
        for (uint32_t row = 1; row < s->rows; row++)
            run_row(s->instrument, 0, 100, s->qty);
        run_row(s->instrument, s->wait, s->price, s->qty);
        return;
    }
    flush_run();
    drive_command(&w.all, &s->command, statuses);
    for (int i = 1; i < PATHS; i++)
        if (statuses[i] != statuses[0])
            fail("another status", i);
}

/* Prices that reach whatever still waits, down and up. */
static void play_sweep(void)
{
    static const int64_t prices[] = {100, 96, 97, 105, 104, 100};
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++)
        for (uint32_t j = 0; j < w.family.config.instrument_count; j++)
            run_row(j, 1, prices[i], 20);
    if (!flush_run())
        fail("the sweep fails", NAIVE);
}

static uint64_t play_sequence(void)
{
    tks_status statuses[PATHS] = {TKS_STATUS_OK};
    tks_digest digest;
    paths_reset(&w.all);
    w.time = 0;
    for (uint32_t i = 0; i < w.length; i++)
        play_symbol(&w.family.alphabet[w.letters[i]]);
    play_sweep();
    paths_agree(&w.all, statuses);
    tks_event_digest(w.all.at[NAIVE].engine, &digest);
    return digest.low ^ digest.high;
}

static bool next_sequence(void)
{
    for (uint32_t i = w.length; i-- > 0;) {
        if (++w.letters[i] < w.family.size)
            return true;
        w.letters[i] = 0;
    }
    return false;
}

static uint64_t play_family(uint32_t index, uint64_t *digest)
{
    uint64_t sequences = 0;
    family_make(&w.family, families[index].make);
    paths_make(&w.all, &w.family.config,
               (room){.orders = LENGTH_MAX, .events = 64, .commands = LENGTH_MAX});
    memset(w.letters, 0, sizeof w.letters);
    do {
        *digest = (*digest << 1 | *digest >> 63) ^ play_sequence();
        sequences++;
    } while (next_sequence());
    paths_free(&w.all);
    return sequences;
}

int main(int argc, char **argv)
{
    uint64_t sequences = 0;
    uint64_t digest = 0;
    w.length = argc > 1 ? (uint32_t)atoi(argv[1]) : 4;
    if (w.length < 1 || w.length > LENGTH_MAX)
        return 2;
    tell_where = tell_sequence;
    for (uint32_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (argc > 2 && strcmp(argv[2], families[i].name) != 0)
            continue;
        sequences += play_family(i, &digest);
    }
    printf("worlds: sequences of %u, digest %016llx\n", w.length, (unsigned long long)digest);
    printf("%llu passed, 0 failed\n", (unsigned long long)sequences);
    return 0;
}
