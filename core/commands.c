/* SPDX-License-Identifier: MIT
 *
 * commands.c: what the owner of an engine asks for between ticks: orders, cancels, amendments, money.
 *
 * A command is checked whole before anything changes: a bad call returns a status, a refusal becomes
 * an event. Every command that can emit asks for room in the ring first. Under latency cancels and
 * amendments wait in a queue; the tick at or after their time runs them.
 */
#include "kernel.h"

/* ---- Orders: checks of the call -------------------------------------------------------------- */

static bool has_limit(uint8_t type)
{
    return type == TKS_ORDER_LIMIT || type == TKS_ORDER_STOP_LIMIT;
}

static bool has_trigger(uint8_t type)
{
    return (type >= TKS_ORDER_STOP && type <= TKS_ORDER_MARKET_IF_TOUCHED) ||
           type == TKS_ORDER_ALERT_PRICE;
}

static bool is_order_type(uint8_t type)
{
    return (type >= TKS_ORDER_MARKET && type <= TKS_ORDER_TRAILING_STOP) ||
           type == TKS_ORDER_ALERT_PRICE || type == TKS_ORDER_ALERT_TIME;
}

static bool offset_fits(const tks_instrument *rules, const tks_order *order)
{
    if (rules->position_mode == TKS_POSITION_NET || tks__is_alert(order->type))
        return order->offset == TKS_OFFSET_NONE;
    return tks__is_within(order->offset, TKS_OFFSET_OPEN, TKS_OFFSET_CLOSE_YESTERDAY);
}

static bool flags_fit(const tks_order *order)
{
    bool kills = order->time_in_force == TKS_TIF_IOC || order->time_in_force == TKS_TIF_FOK;
    if (order->flags & ~(uint32_t)(TKS_FLAG_POST_ONLY | TKS_FLAG_REDUCE_ONLY))
        return false;
    if ((order->flags & TKS_FLAG_POST_ONLY) && (!has_limit(order->type) || kills))
        return false;
    if ((order->flags & TKS_FLAG_REDUCE_ONLY) && order->offset == TKS_OFFSET_OPEN)
        return false;
    return !tks__is_alert(order->type) || order->flags == 0;
}

static tks_status kinds_check(const tks_instrument *rules, const tks_order *order)
{
    bool alert = tks__is_alert(order->type);
    if (!is_order_type(order->type))
        return TKS_STATUS_ORDER_TYPE;
    if (order->side > TKS_SIDE_SELL)
        return TKS_STATUS_SIDE;
    if (!tks__is_within(order->time_in_force, TKS_TIF_GTC, alert ? TKS_TIF_GTC : TKS_TIF_FOK))
        return TKS_STATUS_TIME_IN_FORCE;
    if (!offset_fits(rules, order))
        return TKS_STATUS_OFFSET;
    return flags_fit(order) ? TKS_STATUS_OK : TKS_STATUS_FLAGS;
}

static tks_status numbers_check(const tks_instrument *rules, const tks_order *order)
{
    bool alert = tks__is_alert(order->type);
    if (alert ? order->qty_lots != 0 : !tks__is_within(order->qty_lots, 1, TKS_QTY_END - 1))
        return TKS_STATUS_QTY;
    if (has_limit(order->type) && !tks__is_price(rules, order->price_ticks))
        return TKS_STATUS_PRICE;
    if (has_trigger(order->type) && !tks__is_price(rules, order->trigger_ticks))
        return TKS_STATUS_TRIGGER;
    if (order->type == TKS_ORDER_TRAILING_STOP &&
        !tks__is_within(order->trail_ticks, 1, TKS_PRICE_END - 1))
        return TKS_STATUS_TRAIL;
    bool timed = order->time_in_force == TKS_TIF_GTD || order->type == TKS_ORDER_ALERT_TIME;
    if (timed && !tks__is_within(order->expire_time, 1 - TKS_TIME_END, TKS_TIME_END - 1))
        return TKS_STATUS_EXPIRY;
    bool unused = (!has_limit(order->type) && order->price_ticks) ||
                  (!has_trigger(order->type) && order->trigger_ticks) ||
                  (order->type != TKS_ORDER_TRAILING_STOP && order->trail_ticks) ||
                  (!timed && order->expire_time) || (alert && order->oco_group);
    return unused ? TKS_STATUS_FIELD_UNUSED : TKS_STATUS_OK;
}

static tks_status value_check(const tks_instrument *rules, int64_t qty_lots, int64_t price_ticks,
                              int64_t trigger_ticks)
{
    int64_t price = tks__max(1, tks__max(tks__abs(price_ticks), tks__abs(trigger_ticks)));
    return tks__value_bound(rules, qty_lots, price) < TKS_MONEY_END ? TKS_STATUS_OK
                                                                    : TKS_STATUS_OVERFLOW;
}

tks_status tks__order_check(const tks_engine *engine, const tks_order *order)
{
    if (order->struct_size != sizeof *order)
        return TKS_STATUS_STRUCT_SIZE;
    if (order->instrument >= engine->instrument_count)
        return TKS_STATUS_INSTRUMENT;
    const tks_instrument *rules = &tks__instrument_at(engine, order->instrument)->rules;
    tks_status status = kinds_check(rules, order);
    if (status == TKS_STATUS_OK)
        status = numbers_check(rules, order);
    if (status == TKS_STATUS_OK && !tks__is_alert(order->type))
        status = value_check(rules, order->qty_lots, order->price_ticks, order->trigger_ticks);
    return status;
}

/* ---- Orders: commands ------------------------------------------------------------------------ */

static int64_t live_from(const tks_engine *engine, uint32_t instrument, int64_t latency)
{
    if (!engine->has_clock)
        return TKS_TIME_NONE;
    int64_t earliest = engine->clock + (engine->last_instrument != instrument);
    return tks__max(engine->clock + latency, earliest);
}

static tks__order order_of(const tks_engine *engine, const tks_order *asked)
{
    tks__order order;
    memset(&order, 0, sizeof order);
    order.state = TKS__ORDER_PENDING;
    order.id = engine->order_id_next;
    order.priority = engine->event_sequence + 1; /* of its ACCEPTED event */
    order.tag = asked->tag;
    order.group = asked->oco_group;
    order.instrument = asked->instrument;
    order.type = asked->type;
    order.side = asked->side;
    order.time_in_force = asked->time_in_force;
    order.offset = asked->offset;
    order.flags = asked->flags;
    order.qty_lots = asked->qty_lots;
    order.price_ticks = asked->price_ticks;
    order.trigger_ticks = asked->trigger_ticks;
    order.trail_ticks = asked->trail_ticks;
    order.expire_time = asked->expire_time;
    order.placed_time = engine->has_clock ? engine->clock : 0;
    order.live_from =
        live_from(engine, asked->instrument, tks__is_alert(asked->type) ? 0 : engine->latency);
    return order;
}

static void order_accept(tks_engine *engine, const tks__order *order)
{
    uint32_t slot = tks__order_insert(engine, order);
    if (order->type != TKS_ORDER_ALERT_TIME)
        tks__order_wait_pending(engine, slot);
    if (order->type == TKS_ORDER_ALERT_TIME || order->time_in_force == TKS_TIF_GTD)
        tks__heap_push(engine, TKS__HEAP_EXPIRY, slot, order->expire_time, order->id);
    tks__reserve(engine, slot);
    tks__event_emit_order(engine, order, TKS_EVENT_ACCEPTED,
                          order->type | (uint32_t)order->offset << 8, tks__price_told(order),
                          order->qty_lots);
}

tks_status tks_order_place(tks_engine *engine, const tks_order *order, uint64_t *order_id_out)
{
    if (!engine || !order || !order_id_out)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = tks__order_check(engine, order);
    if (status != TKS_STATUS_OK)
        return status;
    if (tks__event_room(engine) < 1 || !tks__orders_have_room(engine, order->instrument))
        return TKS_STATUS_CAPACITY;
    tks__order made = order_of(engine, order);
    uint32_t refusal = tks__refusal_at_placement(engine, &made, true);
    if (refusal)
        tks__event_emit_order(engine, &made, TKS_EVENT_REJECTED, refusal, 0, made.qty_lots);
    else
        order_accept(engine, &made);
    *order_id_out = engine->order_id_next++;
    return TKS_STATUS_OK;
}

static bool is_refusal(int32_t reason)
{
    return tks__is_within(reason, TKS_REASON_NO_CASH, TKS_REASON_RISK_LIMIT);
}

tks_status tks_order_refuse(tks_engine *engine, const tks_order *order, int32_t reason,
                            uint64_t *order_id_out)
{
    if (!engine || !order || !order_id_out)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = tks__order_check(engine, order);
    if (status != TKS_STATUS_OK)
        return status;
    if (!is_refusal(reason))
        return TKS_STATUS_REASON;
    if (tks__event_room(engine) < 1)
        return TKS_STATUS_CAPACITY;
    tks__order made = order_of(engine, order);
    tks__event_emit_order(engine, &made, TKS_EVENT_REJECTED, (uint32_t)reason, 0, made.qty_lots);
    *order_id_out = engine->order_id_next++;
    return TKS_STATUS_OK;
}

void tks__order_end(tks_engine *engine, uint32_t slot, tks_event_kind kind, uint32_t reason)
{
    tks__order *order = tks__order_at(engine, slot);
    uint32_t instrument = order->instrument;
    uint64_t group = order->group;
    tks__event_emit_order(engine, order, kind, reason, 0, tks__rest(order));
    tks__release(engine, order);
    tks__order_remove(engine, slot);
    if (group)
        tks__reserve_group(engine, instrument, group);
}

static void cancel_all_now(tks_engine *engine, uint32_t instrument, uint64_t before_id)
{
    uint32_t slot = engine->first_order;
    while (slot != TKS_NONE) {
        const tks__order *order = tks__order_at(engine, slot);
        uint32_t next = order->next;
        bool named = instrument == TKS_INSTRUMENT_ALL || order->instrument == instrument;
        if (order->id >= before_id)
            return;
        if (named && !tks__is_alert(order->type))
            tks__order_end(engine, slot, TKS_EVENT_CANCELLED, TKS_REASON_CANCELLED_BY_USER);
        slot = next;
    }
}

static bool acts_now(const tks_engine *engine)
{
    return engine->latency == 0 || !engine->has_clock;
}

static tks_status command_queue(tks_engine *engine, const tks__command *command)
{
    if (engine->command_count == engine->commands_max)
        return TKS_STATUS_CAPACITY;
    tks__command *place = tks__command_at(engine, engine->command_count++);
    *place = *command;
    place->due = engine->clock + engine->latency;
    return TKS_STATUS_OK;
}

static tks__command command_on(const tks__order *order, tks__command_kind kind)
{
    tks__command command;
    memset(&command, 0, sizeof command);
    command.kind = kind;
    command.order_id = order->id;
    command.instrument = order->instrument;
    command.tag = order->tag;
    command.side = order->side;
    return command;
}

tks_status tks_order_cancel(tks_engine *engine, uint64_t order_id)
{
    uint32_t slot;
    if (!engine)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = tks__order_of_id(engine, order_id, &slot);
    if (status != TKS_STATUS_OK)
        return status;
    const tks__order *order = tks__order_at(engine, slot);
    if (!acts_now(engine) && !tks__is_alert(order->type)) {
        tks__command command = command_on(order, TKS__COMMAND_CANCEL);
        return command_queue(engine, &command);
    }
    if (tks__event_room(engine) < 1)
        return TKS_STATUS_CAPACITY;
    tks__order_end(engine, slot, TKS_EVENT_CANCELLED, TKS_REASON_CANCELLED_BY_USER);
    return TKS_STATUS_OK;
}

tks_status tks_orders_cancel(tks_engine *engine, uint32_t instrument)
{
    if (!engine)
        return TKS_STATUS_NULL_ARGUMENT;
    if (instrument >= engine->instrument_count && instrument != TKS_INSTRUMENT_ALL)
        return TKS_STATUS_INSTRUMENT;
    if (!acts_now(engine)) {
        tks__command command = {.kind = TKS__COMMAND_CANCEL_ALL, .instrument = instrument};
        command.order_id = engine->order_id_next;
        return command_queue(engine, &command);
    }
    uint32_t count = engine->open_count;
    if (instrument != TKS_INSTRUMENT_ALL)
        count = tks__instrument_at(engine, instrument)->order_count;
    if (tks__event_room(engine) < count)
        return TKS_STATUS_CAPACITY;
    cancel_all_now(engine, instrument, engine->order_id_next);
    return TKS_STATUS_OK;
}

/* ---- Amendments ------------------------------------------------------------------------------ */

static bool can_amend(const tks__order *order, uint32_t fields)
{
    const uint32_t known = TKS_AMEND_QTY | TKS_AMEND_PRICE | TKS_AMEND_TRIGGER | TKS_AMEND_TRAIL;
    if (fields == 0 || (fields & ~known) || tks__is_alert(order->type))
        return false;
    if ((fields & TKS_AMEND_PRICE) && !has_limit(order->type))
        return false;
    if ((fields & TKS_AMEND_TRIGGER) && (!has_trigger(order->type) || order->is_triggered))
        return false;
    return !(fields & TKS_AMEND_TRAIL) ||
           (order->type == TKS_ORDER_TRAILING_STOP && !order->is_triggered);
}

static bool names_unused(const tks_amend *amend)
{
    return (!(amend->fields & TKS_AMEND_QTY) && amend->qty_lots) ||
           (!(amend->fields & TKS_AMEND_PRICE) && amend->price_ticks) ||
           (!(amend->fields & TKS_AMEND_TRIGGER) && amend->trigger_ticks) ||
           (!(amend->fields & TKS_AMEND_TRAIL) && amend->trail_ticks);
}

static tks_status amend_check(const tks_engine *engine, const tks__order *order,
                              const tks_amend *amend)
{
    const tks_instrument *rules = &tks__instrument_at(engine, order->instrument)->rules;
    if (!can_amend(order, amend->fields) || names_unused(amend))
        return TKS_STATUS_AMEND_FIELDS;
    if ((amend->fields & TKS_AMEND_QTY) && !tks__is_within(amend->qty_lots, 1, TKS_QTY_END - 1))
        return TKS_STATUS_QTY;
    if ((amend->fields & TKS_AMEND_PRICE) && !tks__is_price(rules, amend->price_ticks))
        return TKS_STATUS_PRICE;
    if ((amend->fields & TKS_AMEND_TRIGGER) && !tks__is_price(rules, amend->trigger_ticks))
        return TKS_STATUS_TRIGGER;
    if ((amend->fields & TKS_AMEND_TRAIL) &&
        !tks__is_within(amend->trail_ticks, 1, TKS_PRICE_END - 1))
        return TKS_STATUS_TRAIL;
    return value_check(rules, amend->fields & TKS_AMEND_QTY ? amend->qty_lots : order->qty_lots,
                       amend->fields & TKS_AMEND_PRICE ? amend->price_ticks : order->price_ticks,
                       amend->fields & TKS_AMEND_TRIGGER ? amend->trigger_ticks
                                                         : order->trigger_ticks);
}

static tks__order amended_copy(const tks__order *order, const tks_amend *amend)
{
    tks__order copy = *order;
    if (amend->fields & TKS_AMEND_QTY)
        copy.qty_lots = amend->qty_lots;
    if (amend->fields & TKS_AMEND_PRICE)
        copy.price_ticks = amend->price_ticks;
    if (amend->fields & TKS_AMEND_TRIGGER)
        copy.trigger_ticks = amend->trigger_ticks;
    if (amend->fields & TKS_AMEND_TRAIL)
        copy.trail_ticks = amend->trail_ticks;
    return copy;
}

static bool keeps_priority(const tks__order *old, const tks__order *new)
{
    return new->qty_lots <= old->qty_lots &&new->price_ticks ==
           old->price_ticks &&new->trigger_ticks == old->trigger_ticks &&new->trail_ticks ==
           old->trail_ticks;
}

static void wait_anew(tks_engine *engine, uint32_t slot, int64_t from)
{
    tks__order *order = tks__order_at(engine, slot);
    order->priority = engine->event_sequence + 1; /* of its AMENDED event */
    order->live_from = from;
    tks__order_leave_heaps(engine, slot, TKS__HEAP_EXPIRY);
    tks__order_wait_pending(engine, slot);
}

static void amend_now(tks_engine *engine, uint32_t slot, const tks_amend *amend, int64_t from)
{
    tks__order *order = tks__order_at(engine, slot);
    tks__order amended = amended_copy(order, amend);
    if (amended.qty_lots <= order->filled_lots) {
        tks__order_end(engine, slot, TKS_EVENT_CANCELLED, TKS_REASON_AMENDED_AWAY);
        return;
    }
    bool new_qty = amended.qty_lots != order->qty_lots;
    uint32_t refusal = tks__refusal_at_placement(engine, &amended, new_qty);
    if (refusal) {
        tks__event_emit_order(engine, order, TKS_EVENT_REJECTED, refusal, 0, amended.qty_lots);
        return;
    }
    bool keeps = keeps_priority(order, &amended);
    *order = amended;
    if (!keeps)
        wait_anew(engine, slot, from);
    tks__reserve(engine, slot);
    tks__event_emit_order(engine, order, TKS_EVENT_AMENDED, 0, tks__price_told(order),
                          order->qty_lots);
}

/* The open order that an amendment is of, when the call is a good one. */
static tks_status amended_order(const tks_engine *engine, uint64_t order_id, const tks_amend *amend,
                                uint32_t *slot_out)
{
    if (!engine || !amend)
        return TKS_STATUS_NULL_ARGUMENT;
    if (amend->struct_size != sizeof *amend)
        return TKS_STATUS_STRUCT_SIZE;
    tks_status status = tks__order_of_id(engine, order_id, slot_out);
    if (status != TKS_STATUS_OK)
        return status;
    return amend_check(engine, tks__order_at(engine, *slot_out), amend);
}

tks_status tks_amend_refuse(tks_engine *engine, uint64_t order_id, const tks_amend *amend,
                            int32_t reason)
{
    uint32_t slot;
    tks_status status = amended_order(engine, order_id, amend, &slot);
    if (status != TKS_STATUS_OK)
        return status;
    if (!is_refusal(reason))
        return TKS_STATUS_REASON;
    if (tks__event_room(engine) < 1)
        return TKS_STATUS_CAPACITY;
    const tks__order *order = tks__order_at(engine, slot);
    tks__event_emit_order(engine, order, TKS_EVENT_REJECTED, (uint32_t)reason, 0,
                          amended_copy(order, amend).qty_lots);
    return TKS_STATUS_OK;
}

tks_status tks_order_amend(tks_engine *engine, uint64_t order_id, const tks_amend *amend)
{
    uint32_t slot;
    tks_status status = amended_order(engine, order_id, amend, &slot);
    if (status != TKS_STATUS_OK)
        return status;
    const tks__order *order = tks__order_at(engine, slot);
    if (!acts_now(engine)) {
        tks__command command = command_on(order, TKS__COMMAND_AMEND);
        command.amend = *amend;
        return command_queue(engine, &command);
    }
    if (tks__event_room(engine) < 1)
        return TKS_STATUS_CAPACITY;
    amend_now(engine, slot, amend, live_from(engine, order->instrument, 0));
    return TKS_STATUS_OK;
}

/* ---- Delayed commands ------------------------------------------------------------------------ */

static void tell_too_late(tks_engine *engine, const tks__command *command)
{
    tks_event event = {0};
    event.kind = TKS_EVENT_REJECTED;
    event.reason = TKS_REASON_TOO_LATE;
    event.instrument = command->instrument;
    event.order_id = command->order_id;
    event.tag = command->tag;
    int64_t asked = command->amend.qty_lots;
    event.qty_lots = command->side == TKS_SIDE_BUY ? asked : -asked;
    tks__event_emit(engine, &event);
}

static void command_run(tks_engine *engine, const tks__command *command)
{
    if (command->kind == TKS__COMMAND_CANCEL_ALL) {
        cancel_all_now(engine, command->instrument, command->order_id);
        return;
    }
    uint32_t slot = tks__order_find(engine, command->order_id);
    /* A stop that fired on the way can no longer take a new trigger: as late as an ended order. */
    if (slot == TKS_NONE || (command->kind == TKS__COMMAND_AMEND &&
                             !can_amend(tks__order_at(engine, slot), command->amend.fields)))
        tell_too_late(engine, command);
    else if (command->kind == TKS__COMMAND_CANCEL)
        tks__order_end(engine, slot, TKS_EVENT_CANCELLED, TKS_REASON_CANCELLED_BY_USER);
    else
        amend_now(engine, slot, &command->amend, command->due);
}

void tks__commands_run(tks_engine *engine, int64_t time)
{
    while (engine->command_count && tks__command_at(engine, 0)->due <= time) {
        tks__command command = *tks__command_at(engine, 0);
        engine->command_first = (engine->command_first + 1) % engine->commands_max;
        engine->command_count--;
        command_run(engine, &command);
    }
}

/* ---- Money ----------------------------------------------------------------------------------- */

static bool entry_sign_fits(int32_t kind, int64_t amount_units)
{
    if (amount_units == 0 || !tks__is_within(amount_units, -(INT64_C(1) << 61), INT64_C(1) << 61))
        return false;
    if (kind == TKS_ENTRY_DEPOSIT)
        return amount_units > 0;
    return kind != TKS_ENTRY_WITHDRAWAL || amount_units < 0;
}

static bool sum_fits(int64_t a, int64_t b)
{
    int64_t sum = a + b; /* both below 2^62: cannot wrap */
    return sum < TKS_MONEY_END && sum > -TKS_MONEY_END;
}

tks_status tks_ledger_post(tks_engine *engine, uint32_t instrument, int32_t kind,
                           int64_t amount_units)
{
    if (!engine)
        return TKS_STATUS_NULL_ARGUMENT;
    if (instrument >= engine->instrument_count)
        return TKS_STATUS_INSTRUMENT;
    if (!tks__is_within(kind, TKS_ENTRY_DEPOSIT, TKS_ENTRY_BORROW))
        return TKS_STATUS_ENTRY_KIND;
    if (!entry_sign_fits(kind, amount_units))
        return TKS_STATUS_AMOUNT;
    const tks__wallet *wallet = &engine->wallet;
    bool to_in = kind == TKS_ENTRY_DEPOSIT || kind == TKS_ENTRY_WITHDRAWAL;
    if (!sum_fits(wallet->cash_units, amount_units) ||
        !sum_fits(to_in ? wallet->in_units : wallet->income_units, amount_units))
        return TKS_STATUS_OVERFLOW;
    if (tks__event_room(engine) < 1)
        return TKS_STATUS_CAPACITY;
    tks_event event = {.kind = TKS_EVENT_LEDGER, .instrument = instrument};
    event.reason = (uint16_t)kind;
    event.realized_units = amount_units;
    if (kind == TKS_ENTRY_WITHDRAWAL && (engine->config_flags & TKS_CONFIG_CASH_ACCOUNT) &&
        -amount_units > wallet->cash_units - wallet->frozen_units) {
        event.kind = TKS_EVENT_REJECTED;
        event.reason = TKS_REASON_NO_CASH;
        event.realized_units = 0;
    } else {
        tks__post_entry(engine, kind, amount_units);
    }
    tks__event_emit(engine, &event);
    return TKS_STATUS_OK;
}

static bool has_lots(const tks__instrument *instrument)
{
    for (int i = 0; i < 4; i++)
        if (instrument->buckets[i].qty_lots)
            return true;
    return false;
}

static void settle_and_tell(tks_engine *engine, uint32_t instrument, int64_t price_ticks)
{
    tks_event event = {.kind = TKS_EVENT_LEDGER, .reason = TKS_ENTRY_SETTLEMENT};
    event.instrument = instrument;
    event.price_ticks = price_ticks;
    event.realized_units = tks__settle(engine, instrument, price_ticks);
    tks__event_emit(engine, &event);
}

tks_status tks_settle_at(tks_engine *engine, uint32_t instrument, int64_t price_ticks)
{
    if (!engine)
        return TKS_STATUS_NULL_ARGUMENT;
    if (instrument >= engine->instrument_count)
        return TKS_STATUS_INSTRUMENT;
    if (!tks__is_price(&tks__instrument_at(engine, instrument)->rules, price_ticks))
        return TKS_STATUS_SETTLE_PRICE;
    int64_t cash = engine->wallet.cash_units;
    if (!tks__settle_fits(engine, instrument, price_ticks, &cash))
        return TKS_STATUS_OVERFLOW;
    if (tks__event_room(engine) < 1)
        return TKS_STATUS_CAPACITY;
    settle_and_tell(engine, instrument, price_ticks);
    return TKS_STATUS_OK;
}

static int64_t roll_price(const tks_engine *engine, uint32_t instrument,
                          const int64_t *prices_ticks)
{
    return prices_ticks ? prices_ticks[instrument]
                        : tks__instrument_at(engine, instrument)->last_price_ticks;
}

static tks_status roll_check(const tks_engine *engine, const int64_t *prices_ticks)
{
    int64_t cash = engine->wallet.cash_units;
    uint64_t events = 1;
    for (uint32_t i = 0; i < engine->instrument_count; i++) {
        const tks__instrument *instrument = tks__instrument_at(engine, i);
        if (!has_lots(instrument))
            continue;
        int64_t price = roll_price(engine, i, prices_ticks);
        if (!tks__is_price(&instrument->rules, price))
            return TKS_STATUS_SETTLE_PRICE;
        if (!tks__settle_fits(engine, i, price, &cash))
            return TKS_STATUS_OVERFLOW;
        events++;
    }
    for (uint32_t slot = engine->first_order; slot != TKS_NONE;) {
        const tks__order *order = tks__order_at(engine, slot);
        events += order->time_in_force == TKS_TIF_DAY;
        slot = order->next;
    }
    return events > tks__event_room(engine) ? TKS_STATUS_CAPACITY : TKS_STATUS_OK;
}

static void end_day_orders(tks_engine *engine)
{
    for (uint32_t slot = engine->first_order; slot != TKS_NONE;) {
        tks__order *order = tks__order_at(engine, slot);
        uint32_t next = order->next;
        if (order->offset == TKS_OFFSET_CLOSE_TODAY)
            tks__release(engine, order); /* there are no lots of today any more */
        if (order->time_in_force == TKS_TIF_DAY)
            tks__order_end(engine, slot, TKS_EVENT_EXPIRED, TKS_REASON_DAY_ENDED);
        slot = next;
    }
}

tks_status tks_day_roll(tks_engine *engine, const int64_t *prices_ticks)
{
    if (!engine)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = roll_check(engine, prices_ticks);
    if (status != TKS_STATUS_OK)
        return status;
    for (uint32_t i = 0; i < engine->instrument_count; i++) {
        if (!has_lots(tks__instrument_at(engine, i)))
            continue;
        settle_and_tell(engine, i, roll_price(engine, i, prices_ticks));
        tks__join_days(engine, i);
    }
    end_day_orders(engine);
    tks_event event = {.kind = TKS_EVENT_DAY_ROLLED};
    tks__event_emit(engine, &event);
    return TKS_STATUS_OK;
}
