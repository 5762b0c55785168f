/* SPDX-License-Identifier: MIT
 *
 * inspect.h: is an engine sound inside? Walks everything the kernel keeps about its orders, rings
 * and money and names the first thing that does not hold.
 */
#ifndef TICKSTEP_TESTS_INSPECT_H
#define TICKSTEP_TESTS_INSPECT_H

#include "../../core/kernel.h"

typedef struct inspection { /* sums over the open orders */
    uint32_t open;
    uint32_t in_heaps[TKS__HEAP_KINDS];
    tks_i128 frozen_units;
} inspection;

static const tks__heap *inspected_heap(const tks_engine *engine, const tks__order *order, int kind)
{
    return kind == TKS__HEAP_EXPIRY ? &engine->expiry
                                    : &tks__instrument_at(engine, order->instrument)->heaps[kind];
}

/* The heaps an order's state asks for, as bits. */
static uint32_t heaps_asked_for(const tks__order *order)
{
    uint32_t bits = 0;
    if (order->type == TKS_ORDER_ALERT_TIME)
        return 1u << TKS__HEAP_EXPIRY;
    if (order->time_in_force == TKS_TIF_GTD)
        bits |= 1u << TKS__HEAP_EXPIRY;
    if (order->state != TKS__ORDER_RESTING)
        return bits | 1u << TKS__HEAP_PENDING;
    if (order->type == TKS_ORDER_TRAILING_STOP)
        return bits | 1u << TKS__HEAP_FALLING | 1u << TKS__HEAP_RISING;
    return bits | 1u << (tks__waits_for_falling(order) ? TKS__HEAP_FALLING : TKS__HEAP_RISING);
}

static int64_t key_asked_for(const tks_engine *engine, const tks__order *order, int kind)
{
    if (kind == TKS__HEAP_EXPIRY)
        return order->expire_time;
    if (kind == TKS__HEAP_PENDING)
        return order->live_from;
    int64_t threshold = tks__threshold(tks__instrument_at(engine, order->instrument), order);
    bool fires = (kind == TKS__HEAP_FALLING) == tks__waits_for_falling(order);
    if (!fires) /* a trailing stop waits for a better price */
        threshold = kind == TKS__HEAP_FALLING ? order->best_ticks - 1 : order->best_ticks + 1;
    return kind == TKS__HEAP_FALLING ? -threshold : threshold;
}

static const char *inspect_places(const tks_engine *engine, uint32_t slot, inspection *sum)
{
    const tks__order *order = tks__order_at(engine, slot);
    for (int kind = 0; kind < TKS__HEAP_KINDS; kind++) {
        bool asked = heaps_asked_for(order) >> kind & 1;
        uint32_t place = order->heap_at[kind];
        if (asked != (place != TKS_NONE))
            return "an order is in a wrong heap";
        if (!asked)
            continue;
        const tks__heap *heap = inspected_heap(engine, order, kind);
        if (place >= heap->count || tks__heap_entries(engine, heap)[place].slot != slot)
            return "an order is not where its heap place says";
        const tks__heap_entry *entry = &tks__heap_entries(engine, heap)[place];
        if (entry->key != key_asked_for(engine, order, kind) ||
            entry->rank != (kind == TKS__HEAP_EXPIRY ? order->id : order->priority))
            return "a heap entry does not say what its order says";
        sum->in_heaps[kind]++;
    }
    return NULL;
}

static const char *inspect_heap(const tks_engine *engine, const tks__heap *heap)
{
    const tks__heap_entry *entries = tks__heap_entries(engine, heap);
    if (heap->count > heap->capacity)
        return "a heap is too full";
    for (uint32_t i = 1; i < heap->count; i++) {
        const tks__heap_entry *parent = &entries[(i - 1) / 4];
        if (entries[i].key < parent->key ||
            (entries[i].key == parent->key && entries[i].rank <= parent->rank))
            return "a heap is out of order";
    }
    return NULL;
}

static const char *inspect_heaps(const tks_engine *engine, const inspection *sum)
{
    uint32_t counts[TKS__HEAP_KINDS] = {0};
    const char *wrong = inspect_heap(engine, &engine->expiry);
    for (uint32_t i = 0; i < engine->instrument_count && !wrong; i++)
        for (int kind = 0; kind < TKS__HEAP_EXPIRY && !wrong; kind++) {
            const tks__heap *heap = &tks__instrument_at(engine, i)->heaps[kind];
            wrong = inspect_heap(engine, heap);
            counts[kind] += heap->count;
        }
    counts[TKS__HEAP_EXPIRY] = engine->expiry.count;
    for (int kind = 0; kind < TKS__HEAP_KINDS && !wrong; kind++)
        if (counts[kind] != sum->in_heaps[kind])
            wrong = "a heap holds more than the open orders";
    return wrong;
}

static const char *inspect_group(const tks_engine *engine, uint32_t slot)
{
    const tks__order *order = tks__order_at(engine, slot);
    const tks__order *next = tks__order_at(engine, order->group_next);
    if (order->group == 0)
        return order->group_next == slot ? NULL : "an order without a group has siblings";
    uint32_t first = tks__group_find(engine, order->instrument, order->group);
    if (first == TKS_NONE || next->group != order->group || next->instrument != order->instrument ||
        next->group_previous != slot)
        return "a group is not closed";
    if (order->group_next != first && next->id <= order->id)
        return "a group is not in order of id";
    return NULL;
}

/* Open orders by id, in every structure that knows them. */
static const char *inspect_orders(const tks_engine *engine, inspection *sum)
{
    uint64_t last_id = 0;
    uint32_t previous = TKS_NONE;
    for (uint32_t slot = engine->first_order; slot != TKS_NONE;) {
        const tks__order *order = tks__order_at(engine, slot);
        if (slot >= engine->slots_used || ++sum->open > engine->open_count)
            return "the list of open orders leads astray";
        if (order->id <= last_id || order->id >= engine->order_id_next ||
            order->previous != previous)
            return "the list of open orders is out of order";
        if (tks__order_find(engine, order->id) != slot)
            return "an open order is not found by its id";
        const char *wrong = inspect_places(engine, slot, sum);
        if (!wrong)
            wrong = inspect_group(engine, slot);
        if (wrong)
            return wrong;
        sum->frozen_units += order->frozen_units;
        last_id = order->id;
        previous = slot;
        slot = order->next;
    }
    uint32_t freed = 0;
    for (uint32_t slot = engine->free_slot; slot != TKS_NONE && freed <= engine->slots_used;
         freed++)
        slot = tks__order_at(engine, slot)->next;
    if (engine->last_order != previous || sum->open != engine->open_count ||
        sum->open + freed != engine->slots_used || engine->slots_used > engine->orders_max)
        return "slots are lost";
    return NULL;
}

static const char *inspect_counts(const tks_engine *engine, uint32_t index)
{
    const tks__instrument *instrument = tks__instrument_at(engine, index);
    uint32_t orders = 0;
    uint32_t alerts = 0;
    for (uint32_t slot = engine->first_order; slot != TKS_NONE;) {
        const tks__order *order = tks__order_at(engine, slot);
        bool own = order->instrument == index;
        orders += own && !tks__is_alert(order->type);
        alerts += own && tks__is_alert(order->type);
        slot = order->next;
    }
    bool fits = orders + alerts <= instrument->rules.orders_max;
    return fits && orders == instrument->order_count && alerts == instrument->alert_count
               ? NULL
               : "an instrument counts its orders wrongly";
}

/* A sell reserves long lots, a buy short ones, of the days its offset names. */
static const char *inspect_lots(const tks_engine *engine, uint32_t index)
{
    static const int kind_of_offset[] = {TKS__LOTS_ANY, TKS__LOTS_ANY, TKS__LOTS_ANY,
                                         TKS__LOTS_TODAY, TKS__LOTS_YESTERDAY};
    const tks__instrument *instrument = tks__instrument_at(engine, index);
    int64_t sums[2][TKS__LOTS_KINDS] = {{0}};
    for (uint32_t slot = engine->first_order; slot != TKS_NONE;) {
        const tks__order *order = tks__order_at(engine, slot);
        if (order->instrument == index)
            sums[order->side == TKS_SIDE_BUY][kind_of_offset[order->offset]] += order->frozen_lots;
        slot = order->next;
    }
    for (int side = 0; side < 2; side++) {
        const int64_t *frozen = instrument->frozen_lots[side];
        int64_t today = instrument->buckets[2 * side].qty_lots;
        int64_t yesterday = instrument->buckets[2 * side + 1].qty_lots;
        for (int kind = 0; kind < TKS__LOTS_KINDS; kind++)
            if (frozen[kind] != sums[side][kind] || frozen[kind] < 0)
                return "frozen lots are not those of the orders";
        if (frozen[TKS__LOTS_TODAY] > today || frozen[TKS__LOTS_YESTERDAY] > yesterday ||
            frozen[0] + frozen[1] + frozen[2] > today + yesterday)
            return "more lots are frozen than there are";
    }
    return NULL;
}

static bool is_money_figure(tks_i128 x)
{
    return x > -TKS_MONEY_END && x < TKS_MONEY_END;
}

static const char *inspect_money(const tks_engine *engine, const inspection *sum)
{
    const tks__wallet *w = &engine->wallet;
    tks_i128 cash = (tks_i128)w->in_units + w->income_units - w->fees_units + w->realized_units;
    tks_i128 realized = 0;
    tks_i128 fees = 0;
    bool fits = is_money_figure(w->cash_units) && is_money_figure(w->in_units) &&
                is_money_figure(w->income_units) && is_money_figure(w->fees_units) &&
                is_money_figure(w->realized_units) && is_money_figure(w->frozen_units);
    for (uint32_t i = 0; i < engine->instrument_count; i++) {
        const tks__instrument *instrument = tks__instrument_at(engine, i);
        realized += instrument->realized_units;
        fees += instrument->fees_units;
        fits = fits && is_money_figure(instrument->realized_units) &&
               is_money_figure(instrument->fees_units);
        for (int j = 0; j < 4; j++) {
            const tks_bucket *b = &instrument->buckets[j];
            bool spot = instrument->rules.settle == TKS_SETTLE_SPOT;
            tks_i128 held = spot ? b->cost_units : (tks_i128)b->cost_units - b->base_units;
            cash -= j < 2 ? held : -held;
            fits = fits && b->qty_lots >= 0 && b->qty_lots < TKS_QTY_END &&
                   is_money_figure(b->cost_units) && is_money_figure(b->base_units) &&
                   (b->qty_lots || (b->cost_units == 0 && b->base_units == 0));
        }
    }
    if (!fits)
        return "a figure of the ledger is out of range";
    if (realized != w->realized_units || fees != w->fees_units || cash != w->cash_units)
        return "the ledger does not add up";
    return sum->frozen_units == w->frozen_units ? NULL : "frozen cash is not that of the orders";
}

static const char *inspect_rings(const tks_engine *engine)
{
    if (engine->event_count > engine->events_max || engine->event_first >= engine->events_max ||
        engine->command_count > engine->commands_max ||
        (engine->commands_max && engine->command_first >= engine->commands_max))
        return "a ring is too full";
    return NULL;
}

/* After a wrong CHECKED flag the clock may have gone back, and this does not hold. */
static const char *inspect_times(const tks_engine *engine)
{
    for (uint32_t i = 0; i < engine->command_count; i++) {
        int64_t due = tks__command_at(engine, i)->due;
        if (due <= engine->clock || (i > 0 && due < tks__command_at(engine, i - 1)->due))
            return "the delayed commands are out of order";
    }
    return NULL;
}

static inline const char *inspect_structure(const tks_engine *engine)
{
    inspection sum = {0};
    const char *wrong = inspect_rings(engine);
    if (!wrong)
        wrong = inspect_orders(engine, &sum);
    if (!wrong)
        wrong = inspect_heaps(engine, &sum);
    for (uint32_t i = 0; i < engine->instrument_count && !wrong; i++) {
        wrong = inspect_counts(engine, i);
        if (!wrong)
            wrong = inspect_lots(engine, i);
    }
    return wrong ? wrong : inspect_money(engine, &sum);
}

/* NULL when everything holds. */
static inline const char *inspect(const tks_engine *engine)
{
    const char *wrong = inspect_structure(engine);
    return wrong ? wrong : inspect_times(engine);
}

#endif /* TICKSTEP_TESTS_INSPECT_H */
