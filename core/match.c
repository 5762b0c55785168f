/* SPDX-License-Identifier: MIT
 *
 * match.c: one tick. Does an order trade, at what price, how much, and what follows.
 *
 * tks__tick gathers the orders that take part (heaps give them without looking at the others),
 * makes sure that the tick fits (events, money), and only then changes anything. The rest follows
 * the order of steps in the header. Written down for a reader in docs/architecture.md.
 */
#include "kernel.h"

/* Classes of candidates, in execution order; PENDING ones get theirs when they are looked at. The LATE
 * ones are of a tick over a range, where one kind of order waits for the other. */
enum {
    CLASS_MARKET,
    CLASS_FALLING,
    CLASS_RISING,
    CLASS_LATE_FALLING,
    CLASS_LATE_RISING,
    CLASS_PENDING
};

enum { CLASSES_LATER = CLASS_LATE_FALLING - CLASS_FALLING };

typedef struct turn { /* what one tick offers to the orders of its instrument */
    const tks_tick *tick;
    tks__instrument *instrument;
    bool is_range;
    int64_t low; /* without a range all three are the price */
    int64_t high;
    int64_t start;
    int64_t far[2];    /* by side, at the start */
    int64_t pool_lots; /* left under VOLUME; everything under FULL */
    tks__candidate *set;
    tks__candidate *alerts; /* grow downwards from the end of the scratch */
    uint32_t set_count;
    uint32_t alert_count;
} turn;

/* ---- Conditions ------------------------------------------------------------------------------ */

static bool is_met_within(const turn *t, const tks__order *order, int64_t low, int64_t high)
{
    int64_t threshold = tks__threshold(t->instrument, order);
    return tks__waits_for_falling(order) ? low <= threshold : high >= threshold;
}

static bool is_reached(const turn *t, const tks__order *order)
{
    return is_met_within(t, order, t->low, t->high);
}

static bool is_reached_by(const turn *t, const tks__order *order, int64_t price_ticks)
{
    return is_met_within(t, order, price_ticks, price_ticks);
}

static int64_t clamp_into(int64_t x, int64_t low, int64_t high)
{
    return tks__max(low, tks__min(x, high));
}

/* Where the path of this tick meets what an order waits for: at the start, if that is beyond. A
 * trailing stop may have moved its trigger beyond the start. */
static int64_t meeting_price(const turn *t, const tks__order *order)
{
    int64_t threshold = tks__threshold(t->instrument, order);
    if (order->type != TKS_ORDER_TRAILING_STOP)
        threshold = tks__waits_for_falling(order) ? tks__min(t->start, threshold)
                                                  : tks__max(t->start, threshold);
    return clamp_into(threshold, t->low, t->high);
}

static bool is_within_limit(const tks__order *order, int64_t far_ticks)
{
    return order->side == TKS_SIDE_BUY ? far_ticks <= order->price_ticks
                                       : far_ticks >= order->price_ticks;
}

/* A limit order that would take at the start. */
static bool takes_at_start(const turn *t, const tks__order *order)
{
    return is_within_limit(order, t->far[order->side]);
}

static bool is_at_once(const tks__order *order)
{
    return order->time_in_force == TKS_TIF_IOC || order->time_in_force == TKS_TIF_FOK;
}

/* Over a range: does a trailing stop fire that was not reached before it followed? */
static bool fires_after_trailing(const turn *t, const tks__order *order)
{
    tks__order moved = *order;
    moved.best_ticks = tks__waits_for_falling(order) ? tks__max(order->best_ticks, t->high)
                                                     : tks__min(order->best_ticks, t->low);
    return t->is_range && is_reached_by(t, &moved, t->tick->price_ticks);
}

/* Does this heap fire the order, or only tell a trailing stop of a better price? */
static bool is_fired_by(const tks__order *order, uint32_t class)
{
    return order->type != TKS_ORDER_TRAILING_STOP ||
           tks__waits_for_falling(order) == (class == CLASS_FALLING);
}

/* ---- Step 3: one order ----------------------------------------------------------------------- */

static bool is_bounded(const tks__order *order)
{
    return (order->flags & TKS_FLAG_REDUCE_ONLY) || order->offset >= TKS_OFFSET_CLOSE;
}

static uint32_t bounded_reason(const tks__order *order)
{
    return order->flags & TKS_FLAG_REDUCE_ONLY ? TKS_REASON_REDUCE_ONLY : TKS_REASON_NO_POSITION;
}

static void reduce_sibling(tks_engine *engine, uint32_t slot, int64_t qty_lots)
{
    tks__order *sibling = tks__order_at(engine, slot);
    /* Before the subtraction: what is cancelled is what was still open. */
    if (tks__rest(sibling) <= qty_lots) {
        tks__event_emit_order(engine, sibling, TKS_EVENT_CANCELLED, TKS_REASON_OCO_FILLED, 0,
                              tks__rest(sibling));
        tks__order_remove(engine, slot);
        return;
    }
    sibling->qty_lots -= qty_lots;
    tks__event_emit_order(engine, sibling, TKS_EVENT_AMENDED, TKS_REASON_OCO_FILLED,
                          tks__price_told(sibling), sibling->qty_lots);
}

static void reduce_siblings(tks_engine *engine, uint32_t slot, int64_t qty_lots)
{
    const tks__order *order = tks__order_at(engine, slot);
    if (order->group == 0)
        return;
    uint32_t first = tks__group_find(engine, order->instrument, order->group);
    uint32_t last = tks__order_at(engine, first)->group_previous;
    for (uint32_t member = first, next;; member = next) {
        next = tks__order_at(engine, member)->group_next;
        bool is_last = member == last;
        if (member != slot)
            reduce_sibling(engine, member, qty_lots);
        if (is_last)
            return;
    }
}

static void emit_fill(tks_engine *engine, const tks__order *order, int64_t qty_lots,
                      int64_t price_ticks, int64_t fee_units, int64_t realized_units,
                      tks_liquidity liquidity)
{
    tks_event event = {0};
    event.kind = TKS_EVENT_FILLED;
    event.reason = (uint16_t)((uint32_t)liquidity | (uint32_t)order->offset << 8);
    event.instrument = order->instrument;
    event.order_id = order->id;
    event.tag = order->tag;
    event.price_ticks = price_ticks;
    event.qty_lots = order->side == TKS_SIDE_BUY ? qty_lots : -qty_lots;
    event.fee_units = fee_units;
    event.realized_units = realized_units;
    tks__event_emit(engine, &event);
}

/* End an order inside its turn; the group reserves anew at the end of the turn. */
static bool cancel_rest(tks_engine *engine, uint32_t slot, uint32_t reason)
{
    tks__order *order = tks__order_at(engine, slot);
    tks__event_emit_order(engine, order, TKS_EVENT_CANCELLED, reason, 0, tks__rest(order));
    tks__release(engine, order);
    tks__order_remove(engine, slot);
    return true;
}

/* What becomes of an order after a fill. True when it has ended. */
static bool settle_rest(tks_engine *engine, uint32_t slot)
{
    const tks__order *order = tks__order_at(engine, slot);
    if (tks__rest(order) == 0) {
        tks__order_remove(engine, slot);
        return true;
    }
    if (order->time_in_force == TKS_TIF_IOC)
        return cancel_rest(engine, slot, TKS_REASON_IOC_REST);
    if (is_bounded(order) && tks__closable_free(engine, order) == 0)
        return cancel_rest(engine, slot, bounded_reason(order));
    return false;
}

/* Steps 3 to 7 of an order's turn: it trades at this price as far as it may. True when it has
 * ended. */
static bool trade(tks_engine *engine, turn *t, uint32_t slot, int64_t price_ticks,
                  tks_liquidity liquidity)
{
    tks__order *order = tks__order_at(engine, slot);
    int64_t want = tks__rest(order);
    if (is_bounded(order)) {
        int64_t closable = tks__closable_free(engine, order);
        if (closable == 0)
            return cancel_rest(engine, slot, bounded_reason(order));
        want = tks__min(want, closable);
    }
    int64_t qty = tks__min(want, t->pool_lots);
    if (order->time_in_force == TKS_TIF_FOK && qty < tks__rest(order))
        return cancel_rest(engine, slot, TKS_REASON_FOK_REST);
    if (qty == 0)
        return order->time_in_force == TKS_TIF_IOC ? cancel_rest(engine, slot, TKS_REASON_IOC_REST)
                                                   : false;
    int64_t fee = tks__fee_of_fill(engine, order, qty, price_ticks, liquidity);
    uint32_t refusal = tks__refusal_at_fill(engine, order, qty, price_ticks, fee);
    if (refusal)
        return cancel_rest(engine, slot, refusal);
    tks__release_group(engine, slot);
    int64_t realized = tks__post_fill(engine, order, qty, price_ticks, liquidity, fee);
    if (t->instrument->rules.qty_rule == TKS_QTY_VOLUME)
        t->pool_lots -= qty;
    emit_fill(engine, order, qty, price_ticks, fee, realized, liquidity);
    reduce_siblings(engine, slot, qty);
    return settle_rest(engine, slot);
}

static bool trade_as_market(tks_engine *engine, turn *t, uint32_t slot, int64_t far_ticks)
{
    if (trade(engine, t, slot, far_ticks, TKS_LIQUIDITY_TAKER))
        return true;
    if (tks__order_at(engine, slot)->state != TKS__ORDER_MARKET)
        tks__order_wait_market(engine, slot);
    return false;
}

/* A limit order on its first live tick. */
static bool trade_as_new_limit(tks_engine *engine, turn *t, uint32_t slot, int64_t far_ticks)
{
    const tks__order *order = tks__order_at(engine, slot);
    bool crosses = is_within_limit(order, far_ticks);
    if (!crosses && order->time_in_force == TKS_TIF_IOC)
        return cancel_rest(engine, slot, TKS_REASON_IOC_REST);
    if (!crosses && order->time_in_force == TKS_TIF_FOK)
        return cancel_rest(engine, slot, TKS_REASON_FOK_REST);
    if (crosses && (order->flags & TKS_FLAG_POST_ONLY))
        return cancel_rest(engine, slot, TKS_REASON_POST_ONLY);
    if (crosses && trade(engine, t, slot, far_ticks, TKS_LIQUIDITY_TAKER))
        return true;
    tks__order_wait_price(engine, slot);
    return false;
}

/* A stop or touch order that its price has reached. */
static bool fire(tks_engine *engine, turn *t, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    int64_t price = meeting_price(t, order);
    int64_t far = t->is_range ? tks__far_side(&t->instrument->rules, order->side, price)
                              : t->far[order->side];
    order->is_triggered = 1;
    tks__event_emit_order(engine, order, TKS_EVENT_TRIGGERED, 0, price, tks__rest(order));
    return order->type == TKS_ORDER_STOP_LIMIT ? trade_as_new_limit(engine, t, slot, far)
                                               : trade_as_market(engine, t, slot, far);
}

static bool trade_order(tks_engine *engine, turn *t, uint32_t slot)
{
    const tks__order *order = tks__order_at(engine, slot);
    if (tks__is_market(order))
        return trade_as_market(engine, t, slot, t->far[order->side]);
    if (!tks__is_limit(order))
        return fire(engine, t, slot);
    return order->state == TKS__ORDER_PENDING
               ? trade_as_new_limit(engine, t, slot, t->far[order->side])
               : trade(engine, t, slot, order->price_ticks, TKS_LIQUIDITY_MAKER);
}

/* A slot may have been freed by a sibling earlier in this tick; no order is made within one, so the
 * slot still holds nothing else. */
static void take_turn(tks_engine *engine, turn *t, const tks__candidate *candidate)
{
    uint32_t slot = candidate->slot;
    tks__order *order = tks__order_at(engine, slot);
    if (order->id == 0)
        return;
    uint32_t instrument = order->instrument;
    uint64_t group = order->group;
    bool ended = trade_order(engine, t, slot);
    if (!ended)
        tks__reserve(engine, slot);
    else if (group)
        tks__reserve_group(engine, instrument, group);
}

/* ---- Step 2: the set ------------------------------------------------------------------------- */

static tks__candidate *scratch(const tks_engine *engine)
{
    return tks__at(engine, engine->candidates_at);
}

static void gather(tks_engine *engine, turn *t)
{
    tks__heap *heaps = t->instrument->heaps;
    t->set = scratch(engine);
    t->set_count =
        tks__heap_collect(engine, &heaps[TKS__HEAP_PENDING], t->tick->time, CLASS_PENDING, t->set);
    t->set_count += tks__heap_collect(engine, &heaps[TKS__HEAP_FALLING], -t->low, CLASS_FALLING,
                                      t->set + t->set_count);
    t->set_count += tks__heap_collect(engine, &heaps[TKS__HEAP_RISING], t->high, CLASS_RISING,
                                      t->set + t->set_count);
}

static void note_alert(turn *t, uint32_t slot, uint64_t id)
{
    *--t->alerts = (tks__candidate){.rank = id, .slot = slot};
    t->alert_count++;
}

static uint32_t class_of(const tks__order *order)
{
    return tks__waits_for_falling(order) ? CLASS_FALLING : CLASS_RISING;
}

/* Hold a trailing stop against the tick, then let it follow, then hold it against the price at the
 * end: true when it fires. */
static bool trails_into_firing(tks_engine *engine, const turn *t, uint32_t slot)
{
    const tks__order *order = tks__order_at(engine, slot);
    if (is_reached(t, order))
        return true;
    bool fires = fires_after_trailing(t, order);
    int64_t end = tks__waits_for_falling(order) ? t->high : t->low;
    if (class_of(order) == CLASS_FALLING ? end > order->best_ticks : end < order->best_ticks)
        tks__order_trail(engine, slot, end);
    return fires;
}

/* Does a limit order on its first live tick take part? One that begins to rest does within a range,
 * when the price comes to it later on. */
static bool new_limit_takes_part(tks_engine *engine, const turn *t, uint32_t slot,
                                 uint32_t *class_out)
{
    const tks__order *order = tks__order_at(engine, slot);
    if (takes_at_start(t, order) || is_at_once(order)) {
        if (t->is_range)
            *class_out = CLASS_MARKET;
        return true;
    }
    tks__order_wait_price(engine, slot);
    return t->is_range && is_reached(t, order);
}

/* Decide about an order on its first live tick: true when it takes part. */
static bool meets_first_tick(tks_engine *engine, turn *t, uint32_t slot, uint32_t *class_out)
{
    tks__order *order = tks__order_at(engine, slot);
    *class_out = tks__is_market(order) ? CLASS_MARKET : class_of(order);
    if (tks__is_market(order))
        return true;
    if (tks__is_limit(order))
        return new_limit_takes_part(engine, t, slot, class_out);
    if (order->type == TKS_ORDER_TRAILING_STOP) {
        order->best_ticks = t->start;
        tks__order_wait_price(engine, slot);
        return trails_into_firing(engine, t, slot);
    }
    if (t->is_range && is_reached_by(t, order, t->start))
        *class_out = CLASS_MARKET;
    if (is_reached(t, order))
        return true;
    tks__order_wait_price(engine, slot);
    return false;
}

/* Of a trailing stop that a heap found because it follows: true when it fires all the same. The heap
 * that fires it may have found it too. */
static bool follows_into_firing(tks_engine *engine, turn *t, uint32_t slot, uint32_t *class_out)
{
    const tks__order *order = tks__order_at(engine, slot);
    *class_out = class_of(order);
    return !is_reached(t, order) && trails_into_firing(engine, t, slot);
}

/* Over a range, limit and touch orders come after all stops, or before them. */
static bool is_late(const turn *t, const tks__order *order)
{
    bool is_patient = tks__is_limit(order) || order->type == TKS_ORDER_MARKET_IF_TOUCHED;
    bool patient_first = t->instrument->rules.flags & TKS_INSTRUMENT_LIMITS_FIRST;
    return t->is_range && is_patient != patient_first;
}

/* Where it stands in the execution order. */
static void take_place(const turn *t, const tks__order *order, tks__candidate *candidate)
{
    candidate->key = 0;
    if (candidate->class == CLASS_MARKET)
        return;
    int64_t threshold = tks__threshold(t->instrument, order);
    candidate->key = candidate->class == CLASS_FALLING ? -threshold : threshold;
    if (is_late(t, order))
        candidate->class += CLASSES_LATER;
}

/* From what the heaps gave to what executes: rest, trail and set aside alerts on the way. */
static void resolve(tks_engine *engine, turn *t)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->set_count; i++) {
        tks__candidate candidate = t->set[i];
        uint32_t slot = candidate.slot;
        const tks__order *order = tks__order_at(engine, slot);
        bool takes_part = true;
        if (candidate.class == CLASS_PENDING)
            takes_part = meets_first_tick(engine, t, slot, &candidate.class);
        else if (!is_fired_by(order, candidate.class))
            takes_part = follows_into_firing(engine, t, slot, &candidate.class);
        if (!takes_part)
            continue;
        if (tks__is_alert(order->type)) {
            note_alert(t, slot, order->id);
        } else {
            take_place(t, order, &candidate);
            t->set[kept++] = candidate;
        }
    }
    t->set_count = kept;
}

/* ---- Before anything changes: does the tick fit? --------------------------------------------- */

/* The largest price that a taker may trade at anywhere in the range. */
static int64_t farthest(const turn *t, uint8_t side)
{
    const tks_instrument *rules = &t->instrument->rules;
    return tks__max(tks__abs(tks__far_side(rules, side, t->low)),
                    tks__abs(tks__far_side(rules, side, t->high)));
}

static int64_t weight_price(const turn *t, const tks__order *order, int64_t limit_ticks)
{
    int64_t price = tks__abs(t->far[order->side]);
    if (t->is_range)
        price = farthest(t, order->side);
    bool has_limit = order->type == TKS_ORDER_LIMIT || order->type == TKS_ORDER_STOP_LIMIT;
    return has_limit ? tks__max(price, tks__abs(limit_ticks)) : price;
}

static bool ends_in_time(const tks_engine *engine, const turn *t, const tks__order *order);

static tks_u128 command_weight(const tks_engine *engine, const turn *t, const tks__command *command,
                               bool skips_ending)
{
    uint32_t slot = tks__order_find(engine, command->order_id);
    if (command->kind != TKS__COMMAND_AMEND || slot == TKS_NONE)
        return 0;
    const tks__order *order = tks__order_at(engine, slot);
    if (tks__instrument_at(engine, order->instrument) != t->instrument ||
        (skips_ending && ends_in_time(engine, t, order)))
        return 0;
    const tks_amend *amend = &command->amend;
    int64_t qty = amend->fields & TKS_AMEND_QTY ? amend->qty_lots : tks__rest(order);
    int64_t limit = amend->fields & TKS_AMEND_PRICE ? amend->price_ticks : order->price_ticks;
    return tks__order_weight(&t->instrument->rules, qty, weight_price(t, order, limit));
}

typedef struct need { /* at most */
    uint64_t events;
    tks_u128 weight;
    bool has_orders;
    bool skips_ending; /* look closely: orders that end in step 1 do not weigh */
} need;

/* A limit order that will only begin to rest tells nothing. */
static bool is_silent(const turn *t, const tks__order *order)
{
    return order->state == TKS__ORDER_PENDING && tks__is_limit(order) &&
           !takes_at_start(t, order) && !is_at_once(order) && !t->is_range;
}

/* Events that siblings may get in this tick. Every fill may tell all others. But when all members
 * want the same and none is bounded, the first fill either takes them all along or empties the
 * pool. */
static uint64_t need_of_group(tks_engine *engine, const tks__order *order)
{
    uint64_t members = 0;
    bool alike = true;
    uint32_t first = tks__group_find(engine, order->instrument, order->group);
    uint32_t slot = first;
    do {
        tks__order *member = tks__order_at(engine, slot);
        alike = alike && tks__rest(member) == tks__rest(order) && !is_bounded(member);
        member->is_counted = 1;
        members++;
        slot = member->group_next;
    } while (slot != first);
    return (alike ? 1 : members) * (members - 1);
}

static bool cancels(const tks__command *command, const tks__order *order)
{
    if (command->kind == TKS__COMMAND_CANCEL)
        return command->order_id == order->id;
    return command->kind == TKS__COMMAND_CANCEL_ALL && order->id < command->order_id &&
           (command->instrument == TKS_INSTRUMENT_ALL || command->instrument == order->instrument);
}

/* An order that ends in step 1 weighs nothing. Otherwise one that is too heavy to execute could,
 * under latency, never be got rid of: its cancel would wait for a tick that is always refused. */
static bool ends_in_time(const tks_engine *engine, const turn *t, const tks__order *order)
{
    if (order->time_in_force == TKS_TIF_GTD && order->expire_time <= t->tick->time)
        return true;
    for (uint32_t i = 0; i < engine->command_count; i++) {
        const tks__command *command = tks__command_at(engine, i);
        if (command->due > t->tick->time)
            return false;
        if (cancels(command, order))
            return true;
    }
    return false;
}

static void weigh(need *sum, tks_u128 weight)
{
    sum->weight += weight;
    sum->has_orders = true;
}

/* TRIGGERED, FILLED and CANCELLED of its own, and those of its siblings, once for each group. */
static void need_of_order(tks_engine *engine, const turn *t, const tks__order *order, need *sum)
{
    if (!sum->skips_ending || !ends_in_time(engine, t, order))
        weigh(sum, tks__order_weight(&t->instrument->rules, tks__rest(order),
                                     weight_price(t, order, order->price_ticks)));
    if (is_silent(t, order))
        return;
    sum->events += 3;
    if (order->group && !order->is_counted)
        sum->events += need_of_group(engine, order);
}

/* A trailing stop that merely follows is not; one that follows and then fires is. */
static bool is_in_play(const turn *t, const tks__order *order, uint32_t class)
{
    return class == CLASS_PENDING || is_fired_by(order, class) ||
           (!is_reached(t, order) && fires_after_trailing(t, order));
}

static void need_of_candidates(tks_engine *engine, const turn *t, need *sum)
{
    for (uint32_t i = 0; i < t->set_count; i++) {
        const tks__order *order = tks__order_at(engine, t->set[i].slot);
        if (tks__is_alert(order->type))
            sum->events++;
        else if (is_in_play(t, order, t->set[i].class))
            need_of_order(engine, t, order, sum);
    }
}

/* An amended order may join the set, with other wishes than its siblings': it counts once more. */
static void need_of_command(tks_engine *engine, const turn *t, const tks__command *command,
                            need *sum)
{
    tks_u128 weight = command_weight(engine, t, command, sum->skips_ending);
    if (weight > 0)
        weigh(sum, weight);
    sum->events += command->kind == TKS__COMMAND_CANCEL_ALL ? engine->open_count : 1;
    uint32_t slot = tks__order_find(engine, command->order_id);
    if (command->kind != TKS__COMMAND_AMEND || slot == TKS_NONE)
        return;
    const tks__order *order = tks__order_at(engine, slot);
    sum->events += 3;
    if (order->group)
        sum->events += 2 * tks__instrument_at(engine, order->instrument)->order_count;
}

static void need_of_commands(tks_engine *engine, const turn *t, need *sum)
{
    for (uint32_t i = 0; i < engine->command_count; i++) {
        const tks__command *command = tks__command_at(engine, i);
        if (command->due > t->tick->time)
            return;
        need_of_command(engine, t, command, sum);
    }
}

/* Marks of need_of_group, off again for the next tick. */
static void forget_counted(tks_engine *engine, const turn *t)
{
    for (uint32_t i = 0; i < t->set_count; i++) {
        uint32_t first = t->set[i].slot;
        uint32_t slot = first;
        while (tks__order_at(engine, slot)->is_counted) {
            tks__order_at(engine, slot)->is_counted = 0;
            slot = tks__order_at(engine, slot)->group_next;
        }
    }
}

static need need_of_tick(tks_engine *engine, const turn *t, bool has_timed, bool skips_ending)
{
    need sum = {.skips_ending = skips_ending};
    need_of_candidates(engine, t, &sum);
    forget_counted(engine, t);
    if (has_timed) {
        need_of_commands(engine, t, &sum);
        sum.events +=
            tks__heap_collect(engine, &engine->expiry, t->tick->time, 0, t->set + t->set_count);
    }
    return sum;
}

static bool has_money_room(const tks_engine *engine, const turn *t, const need *sum)
{
    return !sum->has_orders || tks__money_has_room(engine, t->instrument, sum->weight);
}

/* The close look costs a walk through the commands for each order, so it comes second. */
static tks_status check_room(tks_engine *engine, const turn *t, bool has_timed)
{
    need sum = need_of_tick(engine, t, has_timed, false);
    if (!has_money_room(engine, t, &sum)) {
        if (has_timed)
            sum = need_of_tick(engine, t, has_timed, true);
        if (!has_money_room(engine, t, &sum))
            return TKS_STATUS_OVERFLOW;
    }
    return sum.events > tks__event_room(engine) ? TKS_STATUS_CAPACITY : TKS_STATUS_OK;
}

/* ---- Step 1: what is due by time ------------------------------------------------------------- */

static bool has_timed_work(const tks_engine *engine, int64_t time)
{
    return tks__heap_first(engine, &engine->expiry) <= time ||
           (engine->command_count && tks__command_at(engine, 0)->due <= time);
}

static void run_timed(tks_engine *engine, turn *t)
{
    while (tks__heap_first(engine, &engine->expiry) <= t->tick->time) {
        uint32_t slot = tks__heap_entries(engine, &engine->expiry)[0].slot;
        const tks__order *order = tks__order_at(engine, slot);
        if (order->type != TKS_ORDER_ALERT_TIME) {
            tks__order_end(engine, slot, TKS_EVENT_EXPIRED, TKS_REASON_TIME_REACHED);
            continue;
        }
        tks__heap_remove(engine, TKS__HEAP_EXPIRY, slot);
        note_alert(t, slot, order->id);
    }
    tks__commands_run(engine, t->tick->time);
}

/* ---- Step 4: alerts -------------------------------------------------------------------------- */

static void tell_alerts(tks_engine *engine, turn *t)
{
    tks__candidates_sort(t->alerts, t->alert_count);
    for (uint32_t i = 0; i < t->alert_count; i++) {
        uint32_t slot = t->alerts[i].slot;
        const tks__order *order = tks__order_at(engine, slot);
        /* A time alert may ring on another instrument's tick: it tells no price. */
        int64_t price = order->type == TKS_ORDER_ALERT_PRICE ? meeting_price(t, order) : 0;
        tks__event_emit_order(engine, order, TKS_EVENT_ALERT, 0, price, 0);
        tks__order_remove(engine, slot);
    }
}

/* ---- The tick -------------------------------------------------------------------------------- */

/* Before its first tick an instrument has no price to start from but the tick's own. */
static void begin_range(turn *t)
{
    int64_t price = t->tick->price_ticks;
    t->is_range = t->tick->flags & TKS_TICK_RANGE;
    t->low = t->is_range ? t->tick->low_ticks : price;
    t->high = t->is_range ? t->tick->high_ticks : price;
    t->start = t->instrument->tick_count ? t->instrument->last_price_ticks : price;
    t->start = clamp_into(t->start, t->low, t->high);
}

static void begin(const tks_engine *engine, turn *t, const tks_tick *tick)
{
    t->tick = tick;
    t->instrument = tks__instrument_at(engine, tick->instrument);
    const tks_instrument *rules = &t->instrument->rules;
    bool quoted = tick->flags & TKS_TICK_QUOTED;
    begin_range(t);
    t->far[TKS_SIDE_BUY] = quoted ? tick->ask_ticks : tks__far_side(rules, TKS_SIDE_BUY, t->start);
    t->far[TKS_SIDE_SELL] =
        quoted ? tick->bid_ticks : tks__far_side(rules, TKS_SIDE_SELL, t->start);
    t->pool_lots = INT64_MAX;
    if (rules->qty_rule == TKS_QTY_VOLUME)
        t->pool_lots = tick->flags & TKS_TICK_CONTINUES ? t->instrument->pool_lots
                                                        : tks__pool(rules, tick->qty_lots);
    t->alerts = scratch(engine) + TKS__CANDIDATES * (uint64_t)engine->orders_max;
    t->alert_count = 0;
}

static void take_time_and_price(tks_engine *engine, const turn *t)
{
    engine->clock = t->tick->time;
    engine->has_clock = 1;
    engine->last_instrument = t->tick->instrument;
    t->instrument->last_price_ticks = t->tick->price_ticks;
    t->instrument->tick_count++;
}

tks_status tks__tick(tks_engine *engine, const tks_tick *tick)
{
    turn t;
    begin(engine, &t, tick);
    bool has_timed = has_timed_work(engine, tick->time);
    gather(engine, &t);
    tks_status status = check_room(engine, &t, has_timed);
    if (status != TKS_STATUS_OK)
        return status;
    take_time_and_price(engine, &t);
    if (has_timed) {
        run_timed(engine, &t);
        gather(engine, &t);
    }
    resolve(engine, &t);
    tks__candidates_sort(t.set, t.set_count);
    for (uint32_t i = 0; i < t.set_count; i++)
        take_turn(engine, &t, &t.set[i]);
    t.instrument->pool_lots = t.pool_lots < INT64_MAX ? t.pool_lots : 0;
    if (t.alert_count)
        tell_alerts(engine, &t);
    return TKS_STATUS_OK;
}

static bool range_fits(const tks_instrument *rules, const tks_tick *tick)
{
    return (tick->flags & TKS_TICK_RANGE) && !(tick->flags & TKS_TICK_QUOTED) &&
           tks__is_price(rules, tick->low_ticks) && tks__is_price(rules, tick->high_ticks) &&
           tks__is_within(tick->price_ticks, tick->low_ticks, tick->high_ticks);
}

/* Everything a tick must be, but for its place in time. */
tks_status tks__tick_check(const tks_instrument *rules, const tks_tick *tick)
{
    if (tick->time <= -TKS_TIME_END || tick->time >= TKS_TIME_END)
        return TKS_STATUS_TIME_RANGE;
    if (!tks__is_price(rules, tick->price_ticks))
        return TKS_STATUS_TICK_PRICE;
    bool has_range = tick->flags & TKS_TICK_RANGE;
    if (tick->qty_lots < !has_range || tick->qty_lots >= TKS_QTY_END)
        return TKS_STATUS_TICK_QTY;
    if (tick->side > TKS_SIDE_SELL)
        return TKS_STATUS_TICK_SIDE;
    if (has_range || (tick->flags & TKS_TICK_CONTINUES))
        return range_fits(rules, tick) ? TKS_STATUS_OK : TKS_STATUS_TICK_RANGE;
    if (!(tick->flags & TKS_TICK_QUOTED))
        return TKS_STATUS_OK;
    bool fits = tks__is_price(rules, tick->bid_ticks) && tks__is_price(rules, tick->ask_ticks);
    return fits && tick->bid_ticks <= tick->ask_ticks ? TKS_STATUS_OK : TKS_STATUS_TICK_QUOTE;
}
