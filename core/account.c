/* SPDX-License-Identifier: MIT
 *
 * account.c: the only ledger arithmetic there is.
 *
 * A wallet holds money; an instrument holds four buckets of lots, {long, short} x {today,
 * yesterday}, each with `cost`, the sum of values at open prices, and `base`, the value last
 * settled. Sums instead of averages: nothing is ever rounded but the part of a cost that leaves
 * with a partial close (truncated; the rest stays in the bucket, so no unit is lost), and fees.
 *
 * After every posting, with s = +1 long, -1 short:
 *   cash = in + income - fees + realized - sum(s*cost) + sum over MARK (s*base)
 *
 * Postings do not check ranges: tks__money_has_room was asked before the tick.
 */
#include "kernel.h"

/* ---- Values, spread -------------------------------------------------------------------------- */

static unsigned bit_length(tks_u128 x)
{
    uint64_t high = (uint64_t)(x >> 64);
    uint64_t low = (uint64_t)x;
    if (high)
        return 128 - (unsigned)__builtin_clzll(high);
    return low ? 64 - (unsigned)__builtin_clzll(low) : 0;
}

bool tks__value_wide(const tks_instrument *rules, int64_t qty_lots, int64_t price_ticks,
                     tks_i128 *value_out)
{
    tks_i128 per_lot = (tks_i128)price_ticks * rules->units_per_tick_lot;
    tks_u128 magnitude = (tks_u128)(per_lot < 0 ? -per_lot : per_lot);
    if (bit_length(magnitude) + bit_length((tks_u128)qty_lots) > 100)
        return false;
    *value_out = per_lot * qty_lots;
    return true;
}

int64_t tks__value_bound(const tks_instrument *rules, int64_t qty_lots, int64_t price_ticks)
{
    tks_i128 value;
    int64_t small;
    if (!__builtin_mul_overflow(tks__abs(price_ticks), rules->units_per_tick_lot, &small) &&
        !__builtin_mul_overflow(small, qty_lots, &small))
        return tks__min(small, TKS_MONEY_END);
    if (!tks__value_wide(rules, qty_lots, tks__abs(price_ticks), &value) || value >= TKS_MONEY_END)
        return TKS_MONEY_END;
    return (int64_t)value;
}

/* Exact: whoever posts has bounded it by TKS_MONEY_END. No lots are worth nothing at any price. */
static int64_t value_of(const tks_instrument *rules, int64_t qty_lots, int64_t price_ticks)
{
    return qty_lots == 0 ? 0 : price_ticks * rules->units_per_tick_lot * qty_lots;
}

static int64_t half_spread(const tks_instrument *rules, int64_t price_ticks)
{
    int64_t price = tks__abs(price_ticks);
    uint64_t divisor = 2 * (uint64_t)TKS_PPB;
    if (price < INT64_C(1) << 32) /* the product fits 64 bits */
        return (int64_t)(((uint64_t)price * (uint64_t)rules->spread_ppb + divisor - 1) / divisor);
    return (int64_t)(((tks_u128)price * (uint64_t)rules->spread_ppb + divisor - 1) / divisor);
}

int64_t tks__far_side(const tks_instrument *rules, uint8_t side, int64_t price_ticks)
{
    int64_t half = half_spread(rules, price_ticks);
    if (side == TKS_SIDE_BUY)
        return price_ticks + half;
    if (rules->flags & TKS_INSTRUMENT_ALLOW_NEGATIVE)
        return price_ticks - half;
    return tks__max(price_ticks - half, 1);
}

/* ---- Room: asked before a tick --------------------------------------------------------------- */

/* At a price of 0 lots would weigh nothing and could pile up without bound; so they weigh at least
 * 1. */
tks_u128 tks__order_weight(const tks_instrument *rules, int64_t qty_lots, int64_t price_ticks)
{
    int64_t per_lot = tks__max(tks__abs(rules->maker_fee_units_per_lot),
                               tks__abs(rules->taker_fee_units_per_lot));
    tks_u128 value =
        (tks_u128)tks__value_bound(rules, qty_lots, tks__max(tks__abs(price_ticks), 1));
    return 2 * value + (tks_u128)qty_lots * (uint64_t)per_lot + (uint64_t)rules->fee_min_units + 1;
}

/* What tks__money_has_room says of everyday sums, which are far from the end: the largest figure and
 * twelve of the buckets', each below 2^56, and twice the weight stay below 2^62 together. */
static bool has_plenty_of_room(const tks_engine *engine, const tks__instrument *instrument,
                               tks_u128 weight)
{
    const tks__wallet *wallet = &engine->wallet;
    int64_t any = tks__abs(wallet->cash_units) | tks__abs(wallet->in_units) |
                  tks__abs(wallet->income_units) | tks__abs(wallet->fees_units) |
                  tks__abs(wallet->realized_units) | tks__abs(instrument->realized_units) |
                  tks__abs(instrument->fees_units);
    for (int i = 0; i < 4; i++) {
        const tks_bucket *bucket = &instrument->buckets[i];
        any |= bucket->qty_lots | tks__abs(bucket->cost_units) | tks__abs(bucket->base_units);
    }
    return any < INT64_C(1) << 56 && weight < (tks_u128)1 << 56;
}

bool tks__money_has_room(const tks_engine *engine, const tks__instrument *instrument,
                         tks_u128 weight)
{
    if (TKS_LIKELY(has_plenty_of_room(engine, instrument, weight)))
        return true;
    const tks__wallet *wallet = &engine->wallet;
    int64_t largest = tks__max(tks__abs(wallet->cash_units), tks__abs(wallet->in_units));
    largest = tks__max(largest, tks__abs(wallet->income_units));
    largest = tks__max(largest, tks__abs(wallet->fees_units));
    largest = tks__max(largest, tks__abs(wallet->realized_units));
    largest = tks__max(largest, tks__abs(instrument->realized_units));
    largest = tks__max(largest, tks__abs(instrument->fees_units)); /* others' rebates may hide it */
    tks_u128 sum = (tks_u128)largest;
    for (int i = 0; i < 4; i++) {
        const tks_bucket *bucket = &instrument->buckets[i];
        sum += (tks_u128)tks__abs(bucket->cost_units) + (tks_u128)tks__abs(bucket->base_units) +
               (tks_u128)bucket->qty_lots;
    }
    return weight < (tks_u128)TKS_MONEY_END && sum + 2 * weight < (tks_u128)TKS_MONEY_END;
}

/* ---- Fees ------------------------------------------------------------------------------------ */

static tks_i128 raw_fee(const tks__order *order)
{
    return (tks_i128)((tks_u128)order->raw_fee_high << 64 | order->raw_fee_low);
}

static tks_i128 raw_fee_of(int64_t value_units, int64_t qty_lots, int64_t rate_ppb,
                           int64_t units_per_lot)
{
    /* An order at placement may ask for more lots than any account pays the fees of: so much stays
     * enough, and the sum fits. */
    const tks_i128 most = (tks_i128)4 * TKS_MONEY_END;
    tks_i128 by_lots = (tks_i128)qty_lots * units_per_lot;
    by_lots = by_lots > most ? most : by_lots < -most ? -most : by_lots;
    return (tks_i128)tks__abs(value_units) * rate_ppb + by_lots * TKS_PPB;
}

/* Towards plus infinity: what is paid is rounded up, a rebate down; the market gains the remainder.
 * */
static tks_i128 div_ceil_ppb(tks_i128 raw)
{
    if (raw == (int64_t)raw)
        return (int64_t)raw / TKS_PPB + ((int64_t)raw % TKS_PPB > 0);
    return raw / TKS_PPB + (raw % TKS_PPB > 0);
}

static tks_i128 fee_total(const tks_instrument *rules, tks_i128 raw)
{
    tks_i128 fee = div_ceil_ppb(raw);
    return rules->fee_min_units > 0 && fee < rules->fee_min_units ? rules->fee_min_units : fee;
}

static tks_i128 fee_growth(const tks_instrument *rules, const tks__order *order, tks_i128 raw_more)
{
    tks_i128 raw = raw_fee(order);
    tks_i128 before = order->filled_lots > 0 ? fee_total(rules, raw) : 0;
    return fee_total(rules, raw + raw_more) - before;
}

static tks_i128 raw_of_fill(const tks_instrument *rules, int64_t qty_lots, int64_t price_ticks,
                            tks_liquidity liquidity)
{
    bool maker = liquidity == TKS_LIQUIDITY_MAKER;
    return raw_fee_of(value_of(rules, qty_lots, price_ticks), qty_lots,
                      maker ? rules->maker_fee_ppb : rules->taker_fee_ppb,
                      maker ? rules->maker_fee_units_per_lot : rules->taker_fee_units_per_lot);
}

int64_t tks__fee_of_fill(const tks_engine *engine, const tks__order *order, int64_t qty_lots,
                         int64_t price_ticks, tks_liquidity liquidity)
{
    const tks_instrument *rules = &tks__instrument_at(engine, order->instrument)->rules;
    return (int64_t)fee_growth(rules, order, raw_of_fill(rules, qty_lots, price_ticks, liquidity));
}

/* ---- Closing and opening --------------------------------------------------------------------- */

typedef struct lots {
    tks_bucket *today;
    tks_bucket *yesterday;
    int64_t *frozen; /* by TKS__LOTS_* */
    int64_t sign;    /* +1 long, -1 short */
} lots;

static lots lots_of(tks__instrument *instrument, bool is_long)
{
    lots side;
    side.today = &instrument->buckets[is_long ? TKS_LONG_TODAY : TKS_SHORT_TODAY];
    side.yesterday = &instrument->buckets[is_long ? TKS_LONG_YESTERDAY : TKS_SHORT_YESTERDAY];
    side.frozen = instrument->frozen_lots[is_long ? 0 : 1];
    side.sign = is_long ? 1 : -1;
    return side;
}

/* A sell closes long lots, a buy short ones. */
static lots lots_closed_by(const tks__instrument *instrument, uint8_t side)
{
    return lots_of((tks__instrument *)(uintptr_t)instrument, side == TKS_SIDE_SELL);
}

static int lots_kind(uint8_t offset)
{
    if (offset == TKS_OFFSET_CLOSE_TODAY)
        return TKS__LOTS_TODAY;
    return offset == TKS_OFFSET_CLOSE_YESTERDAY ? TKS__LOTS_YESTERDAY : TKS__LOTS_ANY;
}

int64_t tks__closable(const tks__instrument *instrument, uint8_t side, uint8_t offset)
{
    lots closed = lots_closed_by(instrument, side);
    switch (offset) {
    case TKS_OFFSET_OPEN: return 0;
    case TKS_OFFSET_CLOSE_TODAY: return closed.today->qty_lots;
    case TKS_OFFSET_CLOSE_YESTERDAY: return closed.yesterday->qty_lots;
    default: return closed.today->qty_lots + closed.yesterday->qty_lots;
    }
}

/* Lots of a kind that nobody has reserved, given what is frozen of each kind. */
static int64_t lots_free(const lots *side, int kind, const int64_t frozen[TKS__LOTS_KINDS])
{
    int64_t all = side->today->qty_lots + side->yesterday->qty_lots - frozen[TKS__LOTS_ANY] -
                  frozen[TKS__LOTS_TODAY] - frozen[TKS__LOTS_YESTERDAY];
    if (kind == TKS__LOTS_TODAY)
        return tks__min(side->today->qty_lots - frozen[TKS__LOTS_TODAY], all);
    if (kind == TKS__LOTS_YESTERDAY)
        return tks__min(side->yesterday->qty_lots - frozen[TKS__LOTS_YESTERDAY], all);
    return all;
}

/* Calls for each member of the order's group; the order itself when it has none. A new order is not
 * in its group yet and holds nothing. */
static int64_t frozen_by_group(const tks_engine *engine, const tks__order *order,
                               int64_t frozen_lots[TKS__LOTS_KINDS])
{
    if (order->group == 0) {
        frozen_lots[lots_kind(order->offset)] -= order->frozen_lots;
        return order->frozen_units;
    }
    uint32_t first = tks__group_find(engine, order->instrument, order->group);
    int64_t units = 0;
    uint32_t slot = first;
    while (slot != TKS_NONE) {
        const tks__order *member = tks__order_at(engine, slot);
        if (member->side == order->side) /* the other side's lots are frozen elsewhere */
            frozen_lots[lots_kind(member->offset)] -= member->frozen_lots;
        units += member->frozen_units;
        slot = member->group_next == first ? TKS_NONE : member->group_next;
    }
    return units;
}

int64_t tks__closable_free(const tks_engine *engine, const tks__order *order)
{
    const tks__instrument *instrument = tks__instrument_at(engine, order->instrument);
    if (order->offset == TKS_OFFSET_OPEN)
        return 0;
    lots closed = lots_closed_by(instrument, order->side);
    int64_t frozen[TKS__LOTS_KINDS];
    memcpy(frozen, closed.frozen, sizeof frozen);
    if (tks__reserves(engine, order->instrument))
        frozen_by_group(engine, order, frozen);
    return lots_free(&closed, lots_kind(order->offset), frozen);
}

/* total * part / whole towards zero: the bucket keeps the remainder. */
static int64_t share_trunc(int64_t total, int64_t part, int64_t whole)
{
    if (part == whole)
        return total;
    return (int64_t)((tks_i128)total * part / whole);
}

static int64_t close_lots(tks_engine *engine, tks__instrument *instrument, tks_bucket *bucket,
                          int64_t sign, int64_t qty_lots, int64_t price_ticks)
{
    if (qty_lots == 0)
        return 0;
    int64_t value = value_of(&instrument->rules, qty_lots, price_ticks);
    int64_t cost = share_trunc(bucket->cost_units, qty_lots, bucket->qty_lots);
    int64_t base = share_trunc(bucket->base_units, qty_lots, bucket->qty_lots);
    int64_t realized = sign * (value - cost);
    bool spot = instrument->rules.settle == TKS_SETTLE_SPOT;
    engine->wallet.cash_units += sign * (spot ? value : value - base);
    engine->wallet.realized_units += realized;
    instrument->realized_units += realized;
    bucket->qty_lots -= qty_lots;
    bucket->cost_units -= cost;
    bucket->base_units -= base;
    return realized;
}

static void open_lots(tks_engine *engine, tks__instrument *instrument, tks_bucket *bucket,
                      int64_t sign, int64_t qty_lots, int64_t price_ticks)
{
    int64_t value = value_of(&instrument->rules, qty_lots, price_ticks);
    bucket->qty_lots += qty_lots;
    bucket->cost_units += value;
    bucket->base_units += value;
    if (instrument->rules.settle == TKS_SETTLE_SPOT)
        engine->wallet.cash_units -= sign * value;
}

/* Yesterday's lots that no order reserved for itself go first, then today's. */
static int64_t take_from_yesterday(const lots *closed, uint8_t offset, int64_t qty_lots)
{
    if (offset == TKS_OFFSET_CLOSE_TODAY)
        return 0;
    if (offset == TKS_OFFSET_CLOSE_YESTERDAY)
        return qty_lots;
    return tks__min(qty_lots, closed->yesterday->qty_lots - closed->frozen[TKS__LOTS_YESTERDAY]);
}

static int64_t close_side(tks_engine *engine, tks__instrument *instrument, const tks__order *order,
                          int64_t qty_lots, int64_t price_ticks)
{
    lots closed = lots_closed_by(instrument, order->side);
    int64_t old = take_from_yesterday(&closed, order->offset, qty_lots);
    return close_lots(engine, instrument, closed.yesterday, closed.sign, old, price_ticks) +
           close_lots(engine, instrument, closed.today, closed.sign, qty_lots - old, price_ticks);
}

int64_t tks__post_fill(tks_engine *engine, tks__order *order, int64_t qty_lots, int64_t price_ticks,
                       tks_liquidity liquidity, int64_t fee_units)
{
    tks__instrument *instrument = tks__instrument_at(engine, order->instrument);
    int64_t closed = tks__min(qty_lots, tks__closable(instrument, order->side, order->offset));
    int64_t realized = close_side(engine, instrument, order, closed, price_ticks);
    if (qty_lots > closed) {
        lots opened = lots_of(instrument, order->side == TKS_SIDE_BUY);
        open_lots(engine, instrument, opened.today, opened.sign, qty_lots - closed, price_ticks);
    }
    engine->wallet.cash_units -= fee_units;
    engine->wallet.fees_units += fee_units;
    instrument->fees_units += fee_units;
    tks_u128 raw = (tks_u128)(raw_fee(order) +
                              raw_of_fill(&instrument->rules, qty_lots, price_ticks, liquidity));
    order->raw_fee_low = (uint64_t)raw;
    order->raw_fee_high = (uint64_t)(raw >> 64);
    order->fees_units = (int64_t)((uint64_t)order->fees_units + (uint64_t)fee_units);
    order->filled_lots += qty_lots;
    return realized;
}

/* ---- Checks and reservations ----------------------------------------------------------------- */

bool tks__reserves(const tks_engine *engine, uint32_t instrument)
{
    return (engine->config_flags & TKS_CONFIG_CASH_ACCOUNT) ||
           (tks__instrument_at(engine, instrument)->rules.flags & TKS_INSTRUMENT_NO_SHORT);
}

/* Must this order find its lots? */
static bool lots_are_checked(const tks_instrument *rules, const tks__order *order)
{
    if (!(rules->flags & TKS_INSTRUMENT_NO_SHORT) || (order->flags & TKS_FLAG_REDUCE_ONLY))
        return false;
    return rules->position_mode == TKS_POSITION_HEDGE ? order->offset != TKS_OFFSET_OPEN
                                                      : order->side == TKS_SIDE_SELL;
}

static bool needs_last_price(const tks__order *order)
{
    if (order->type == TKS_ORDER_MARKET || order->type == TKS_ORDER_TRAILING_STOP)
        return true;
    return order->is_triggered && order->type != TKS_ORDER_STOP_LIMIT;
}

/* The price an order may reach at worst, as far as its own words and the last price tell. */
static int64_t worst_price(const tks__instrument *instrument, const tks__order *order)
{
    const tks_instrument *rules = &instrument->rules;
    if (order->type == TKS_ORDER_LIMIT || order->type == TKS_ORDER_STOP_LIMIT)
        return order->price_ticks;
    if (!needs_last_price(order))
        return tks__far_side(rules, order->side, order->trigger_ticks);
    int64_t price = instrument->last_price_ticks;
    if (order->type == TKS_ORDER_TRAILING_STOP && !order->is_triggered)
        price += order->side == TKS_SIDE_BUY ? order->trail_ticks : -order->trail_ticks;
    return tks__far_side(rules, order->side, price);
}

static tks_i128 outlay(uint8_t side, tks_i128 value, tks_i128 fee)
{
    tks_i128 paid = (side == TKS_SIDE_BUY ? value : -value) + fee;
    return paid > 0 ? paid : 0;
}

/* Cash the rest of an order may cost. Wide: a price far from the market may not fit 64 bits. */
static tks_i128 cash_needed(const tks__instrument *instrument, const tks__order *order)
{
    const tks_instrument *rules = &instrument->rules;
    tks_i128 value;
    if (!tks__value_wide(rules, tks__rest(order), worst_price(instrument, order), &value) ||
        value >= TKS_MONEY_END || value <= -TKS_MONEY_END)
        return order->side == TKS_SIDE_BUY ? TKS_MONEY_END : 0;
    int64_t rate = tks__max(rules->maker_fee_ppb, rules->taker_fee_ppb);
    int64_t per_lot = tks__max(rules->maker_fee_units_per_lot, rules->taker_fee_units_per_lot);
    tks_i128 raw = raw_fee_of((int64_t)value, tks__rest(order), rate, per_lot);
    return outlay(order->side, value, fee_growth(rules, order, raw));
}

static uint32_t refusal_of_lots(const tks_engine *engine, const tks__instrument *instrument,
                                const tks__order *order)
{
    const tks_instrument *rules = &instrument->rules;
    if ((rules->flags & TKS_INSTRUMENT_NO_SHORT) && rules->position_mode == TKS_POSITION_HEDGE &&
        order->offset == TKS_OFFSET_OPEN && order->side == TKS_SIDE_SELL)
        return TKS_REASON_NO_SHORT;
    if (lots_are_checked(rules, order) && tks__rest(order) > tks__closable_free(engine, order))
        return TKS_REASON_NO_POSITION;
    return 0;
}

/* Cash that neither pays nor is promised to orders outside this one's group. */
static int64_t cash_free(const tks_engine *engine, const tks__order *order)
{
    int64_t frozen_lots[TKS__LOTS_KINDS] = {0};
    return engine->wallet.cash_units - engine->wallet.frozen_units +
           frozen_by_group(engine, order, frozen_lots);
}

static uint32_t refusal_of_cash(const tks_engine *engine, const tks__instrument *instrument,
                                const tks__order *order)
{
    if (!(engine->config_flags & TKS_CONFIG_CASH_ACCOUNT))
        return 0;
    if (needs_last_price(order) && instrument->tick_count == 0)
        return TKS_REASON_NO_PRICE;
    tks_i128 needed = cash_needed(instrument, order);
    /* What costs nothing is allowed even when cash has gone below zero. */
    return needed > 0 && needed > cash_free(engine, order) ? TKS_REASON_NO_CASH : 0;
}

static bool is_board_lot(const tks__instrument *instrument, const tks__order *order)
{
    const tks_instrument *rules = &instrument->rules;
    bool steps = rules->qty_step_lots == 1 || order->qty_lots % rules->qty_step_lots == 0;
    if (order->qty_lots >= rules->qty_min_lots && steps)
        return true;
    return tks__rest(order) == tks__closable(instrument, order->side, order->offset);
}

static bool is_in_band(const tks_instrument *rules, const tks__order *order)
{
    if (!(rules->flags & TKS_INSTRUMENT_BAND))
        return true;
    bool has_price = order->type == TKS_ORDER_LIMIT || order->type == TKS_ORDER_STOP_LIMIT;
    bool has_trigger = order->type >= TKS_ORDER_STOP && order->type <= TKS_ORDER_MARKET_IF_TOUCHED;
    if (has_price &&
        (order->price_ticks < rules->band_low_ticks || order->price_ticks > rules->band_high_ticks))
        return false;
    return !has_trigger || (order->trigger_ticks >= rules->band_low_ticks &&
                            order->trigger_ticks <= rules->band_high_ticks);
}

uint32_t tks__refusal_at_placement(const tks_engine *engine, const tks__order *order, bool new_qty)
{
    if (tks__is_alert(order->type))
        return 0;
    const tks__instrument *instrument = tks__instrument_at(engine, order->instrument);
    if (new_qty && !is_board_lot(instrument, order))
        return TKS_REASON_BOARD_LOT;
    if (!is_in_band(&instrument->rules, order))
        return TKS_REASON_PRICE_BAND;
    uint32_t reason = refusal_of_lots(engine, instrument, order);
    return reason ? reason : refusal_of_cash(engine, instrument, order);
}

uint32_t tks__refusal_at_fill(const tks_engine *engine, const tks__order *order, int64_t qty_lots,
                              int64_t price_ticks, int64_t fee_units)
{
    const tks__instrument *instrument = tks__instrument_at(engine, order->instrument);
    if (lots_are_checked(&instrument->rules, order) && qty_lots > tks__closable_free(engine, order))
        return TKS_REASON_NO_POSITION;
    if (!(engine->config_flags & TKS_CONFIG_CASH_ACCOUNT))
        return 0;
    tks_i128 paid =
        outlay(order->side, value_of(&instrument->rules, qty_lots, price_ticks), fee_units);
    return paid > 0 && paid > cash_free(engine, order) ? TKS_REASON_NO_CASH : 0;
}

bool tks__freeze(tks_engine *engine, const tks__order *order)
{
    tks__instrument *instrument = tks__instrument_at(engine, order->instrument);
    lots closed = lots_closed_by(instrument, order->side);
    int kind = lots_kind(order->offset);
    if (!lots_are_checked(&instrument->rules, order)
            ? order->frozen_lots != 0
            : order->frozen_lots > lots_free(&closed, kind, closed.frozen))
        return false;
    bool checks_cash = engine->config_flags & TKS_CONFIG_CASH_ACCOUNT;
    if (order->frozen_units > (checks_cash ? TKS_MONEY_END - 1 - engine->wallet.frozen_units : 0))
        return false;
    closed.frozen[kind] += order->frozen_lots;
    engine->wallet.frozen_units += order->frozen_units;
    return true;
}

void tks__release(tks_engine *engine, tks__order *order)
{
    if (order->frozen_lots == 0 && order->frozen_units == 0)
        return;
    tks__instrument *instrument = tks__instrument_at(engine, order->instrument);
    lots_closed_by(instrument, order->side).frozen[lots_kind(order->offset)] -= order->frozen_lots;
    engine->wallet.frozen_units -= order->frozen_units;
    order->frozen_lots = order->frozen_units = 0;
}

void tks__release_group(tks_engine *engine, uint32_t slot)
{
    uint32_t member = slot;
    do {
        tks__order *order = tks__order_at(engine, member);
        tks__release(engine, order);
        member = order->group_next;
    } while (member != slot);
}

/* Reserve for one order what it needs beyond `held`, which its group holds already, as far as there
 * is. */
static void reserve_beyond(tks_engine *engine, tks__order *order, int64_t *held_lots,
                           int64_t *held_units)
{
    tks__instrument *instrument = tks__instrument_at(engine, order->instrument);
    if (lots_are_checked(&instrument->rules, order)) {
        lots closed = lots_closed_by(instrument, order->side);
        int kind = lots_kind(order->offset);
        int64_t more =
            tks__min(tks__rest(order) - *held_lots, lots_free(&closed, kind, closed.frozen));
        order->frozen_lots = tks__max(more, 0);
        closed.frozen[kind] += order->frozen_lots;
        *held_lots += order->frozen_lots;
    }
    if (engine->config_flags & TKS_CONFIG_CASH_ACCOUNT) {
        tks_i128 more = cash_needed(instrument, order) - *held_units;
        int64_t left = tks__max(engine->wallet.cash_units - engine->wallet.frozen_units, 0);
        order->frozen_units = more <= 0 ? 0 : more < left ? (int64_t)more : left;
        engine->wallet.frozen_units += order->frozen_units;
        *held_units += order->frozen_units;
    }
}

static void reserve_members(tks_engine *engine, uint32_t first)
{
    int64_t held_lots = 0;
    int64_t held_units = 0;
    uint32_t slot = first;
    do {
        tks__order *member = tks__order_at(engine, slot);
        reserve_beyond(engine, member, &held_lots, &held_units);
        slot = member->group_next;
    } while (slot != first);
}

void tks__reserve_group(tks_engine *engine, uint32_t instrument, uint64_t group)
{
    uint32_t first = tks__group_find(engine, instrument, group);
    if (first == TKS_NONE || !tks__reserves(engine, instrument))
        return;
    tks__release_group(engine, first);
    reserve_members(engine, first);
}

void tks__reserve(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    if (!tks__reserves(engine, order->instrument) || tks__is_alert(order->type))
        return;
    if (order->group) {
        tks__reserve_group(engine, order->instrument, order->group);
        return;
    }
    tks__release(engine, order);
    reserve_members(engine, slot);
}

/* ---- Other postings -------------------------------------------------------------------------- */

static const int64_t bucket_sign[4] = {1, 1, -1, -1};

/* Would settling keep every figure in range? `cash_units` runs on from one instrument to the next.
 * */
bool tks__settle_fits(const tks_engine *engine, uint32_t instrument, int64_t price_ticks,
                      int64_t *cash_units)
{
    const tks__instrument *at = tks__instrument_at(engine, instrument);
    tks_i128 cash = *cash_units;
    tks_i128 joined[2] = {0, 0};
    for (int i = 0; i < 4; i++) {
        tks_i128 value;
        if (!tks__value_wide(&at->rules, at->buckets[i].qty_lots, price_ticks, &value) ||
            value >= TKS_MONEY_END || value <= -TKS_MONEY_END)
            return false;
        joined[i / 2] += value;
        if (at->rules.settle == TKS_SETTLE_MARK)
            cash += bucket_sign[i] * (value - at->buckets[i].base_units);
    }
    if (cash >= TKS_MONEY_END || cash <= -TKS_MONEY_END)
        return false;
    for (int i = 0; i < 2; i++)
        if (joined[i] >= TKS_MONEY_END || joined[i] <= -TKS_MONEY_END)
            return false;
    *cash_units = (int64_t)cash;
    return true;
}

/* Returns the money posted: the variation of MARK instruments, 0 for SPOT. */
int64_t tks__settle(tks_engine *engine, uint32_t instrument, int64_t price_ticks)
{
    tks__instrument *at = tks__instrument_at(engine, instrument);
    tks_i128 posted = 0; /* fits in the end; on the way a side alone may not */
    for (int i = 0; i < 4; i++) {
        tks_bucket *bucket = &at->buckets[i];
        int64_t value = value_of(&at->rules, bucket->qty_lots, price_ticks);
        if (at->rules.settle == TKS_SETTLE_MARK)
            posted += bucket_sign[i] * ((tks_i128)value - bucket->base_units);
        bucket->base_units = value;
    }
    engine->wallet.cash_units = (int64_t)(engine->wallet.cash_units + posted);
    return (int64_t)posted;
}

void tks__join_days(tks_engine *engine, uint32_t instrument)
{
    tks__instrument *at = tks__instrument_at(engine, instrument);
    for (int side = 0; side < 4; side += 2) {
        tks_bucket *today = &at->buckets[side];
        tks_bucket *yesterday = &at->buckets[side + 1];
        yesterday->qty_lots += today->qty_lots;
        yesterday->cost_units += today->cost_units;
        yesterday->base_units += today->base_units;
        memset(today, 0, sizeof *today);
    }
}

void tks__post_entry(tks_engine *engine, int32_t kind, int64_t amount_units)
{
    engine->wallet.cash_units += amount_units;
    if (kind == TKS_ENTRY_DEPOSIT || kind == TKS_ENTRY_WITHDRAWAL)
        engine->wallet.in_units += amount_units;
    else
        engine->wallet.income_units += amount_units;
}
