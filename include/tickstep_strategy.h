/* SPDX-License-Identifier: MIT
 *
 * tickstep_strategy.h: a strategy as a function that is called at every tick, in C or any language that
 * speaks its binary interface.
 *
 *     int32_t on_tick(void *state, const tks_view *view, tks_commands *commands)
 *     {
 *         if (view->position_lots == 0 && view->price_ticks < 100)
 *             tks_buy(commands, 5);
 *         return 0;
 *     }
 *
 *     cc -O2 -shared -fPIC -I"$(python -c 'import tickstep; print(tickstep.get_include())')" \
 *         strategy.c -o strategy.so
 *
 * The function is called once for each tick, in order, after the tick is done: fills of the tick are in
 * the view. What it asks for is live from the next tick on, as for every strategy. It may keep what it
 * likes in `state`, which is its own copy for the run, and must not keep the other two pointers. An
 * answer other than 0 stops the run; the number is told. Nothing here is called: no library is needed.
 */
#ifndef TICKSTEP_STRATEGY_H
#define TICKSTEP_STRATEGY_H

#include "tickstep.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The tick, and the account after it. */
typedef struct tks_view {
    uint32_t struct_size;
    uint32_t side; /* tks_side of the aggressor */
    uint64_t row;  /* of the ticks, from 0 */
    int64_t time;
    int64_t price_ticks;
    int64_t qty_lots;
    int64_t position_lots; /* long above 0 */
    int64_t cash_units;
    uint64_t open_orders;    /* alerts not counted */
    uint64_t next_order_id;  /* id of the first order asked for now; the others follow on */
    uint64_t event_count;    /* what happened since the call before, … */
    const tks_event *events; /* … in order */
} tks_view;

/* What the strategy asks for: first cancel_all, then the cancels, then the orders. */
typedef struct tks_commands {
    uint32_t struct_size;
    uint32_t capacity;    /* places in each of the two lists */
    uint32_t order_count; /* 0 at each call */
    uint32_t cancel_count;
    uint32_t cancel_all; /* 1: every open order, alerts not */
    uint32_t reserved;
    tks_order *orders;
    uint64_t *cancels; /* ids; of an order that has ended it does nothing */
} tks_commands;

typedef int32_t (*tks_on_tick)(void *state, const tks_view *view, tks_commands *commands);

/* A new order to fill in; NULL when there is no place left. */
static inline tks_order *tks_ask(tks_commands *commands, tks_order_type type, tks_side side,
                                 int64_t qty_lots)
{
    if (commands->order_count == commands->capacity)
        return NULL;
    tks_order *order = &commands->orders[commands->order_count++];
    static tks_order none; /* all 0, in C and in C++ */
    *order = none;
    order->struct_size = sizeof *order;
    order->type = (uint8_t)type;
    order->side = (uint8_t)side;
    order->time_in_force = TKS_TIF_GTC;
    order->qty_lots = qty_lots;
    return order;
}

static inline tks_order *tks_buy(tks_commands *commands, int64_t qty_lots)
{
    return tks_ask(commands, TKS_ORDER_MARKET, TKS_SIDE_BUY, qty_lots);
}

static inline tks_order *tks_sell(tks_commands *commands, int64_t qty_lots)
{
    return tks_ask(commands, TKS_ORDER_MARKET, TKS_SIDE_SELL, qty_lots);
}

static inline tks_order *tks_limit(tks_commands *commands, tks_side side, int64_t qty_lots,
                                   int64_t price_ticks)
{
    tks_order *order = tks_ask(commands, TKS_ORDER_LIMIT, side, qty_lots);
    if (order)
        order->price_ticks = price_ticks;
    return order;
}

static inline tks_order *tks_stop(tks_commands *commands, tks_side side, int64_t qty_lots,
                                  int64_t trigger_ticks)
{
    tks_order *order = tks_ask(commands, TKS_ORDER_STOP, side, qty_lots);
    if (order)
        order->trigger_ticks = trigger_ticks;
    return order;
}

/* False when there is no place left. */
static inline bool tks_cancel(tks_commands *commands, uint64_t order_id)
{
    if (commands->cancel_count == commands->capacity)
        return false;
    commands->cancels[commands->cancel_count++] = order_id;
    return true;
}

#ifdef __cplusplus
}
#endif
#endif /* TICKSTEP_STRATEGY_H */
