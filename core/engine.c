/* SPDX-License-Identifier: MIT
 *
 * engine.c: configuration, life, commands, answers.
 *
 * A command is checked whole before anything changes: a bad call returns a status, a refusal
 * becomes an event. Every command that can emit asks for room in the ring first.
 */
#include "kernel.h"

/* ---- Names ----------------------------------------------------------------------------------- */

uint32_t tks_version(void)
{
    return TKS_VERSION_MAJOR * 10000 + TKS_VERSION_MINOR * 100 + TKS_VERSION_PATCH;
}

const char *tks_status_name(int32_t status)
{
    switch (status) {
#define TKS_XX(number, name, message)                                                              \
    case number: return #name;
        TKS_STATUS_MAP(TKS_XX)
#undef TKS_XX
    default: return "UNKNOWN";
    }
}

const char *tks_status_message(int32_t status)
{
    switch (status) {
#define TKS_XX(number, name, message)                                                              \
    case number: return message;
        TKS_STATUS_MAP(TKS_XX)
#undef TKS_XX
    default: return "unknown status";
    }
}

const char *tks_reason_name(int32_t reason)
{
    switch (reason) {
#define TKS_XX(number, name, message)                                                              \
    case number: return #name;
        TKS_REASON_MAP(TKS_XX)
#undef TKS_XX
    default: return "UNKNOWN";
    }
}

const char *tks_reason_message(int32_t reason)
{
    switch (reason) {
#define TKS_XX(number, name, message)                                                              \
    case number: return message;
        TKS_REASON_MAP(TKS_XX)
#undef TKS_XX
    default: return "unknown reason";
    }
}

/* ---- Configuration --------------------------------------------------------------------------- */

static bool fees_fit(const tks_instrument *rules)
{
    const int64_t per_lot_max = INT64_C(1) << 40;
    return tks__is_within(rules->maker_fee_ppb, -TKS_PPB, TKS_PPB) &&
           tks__is_within(rules->taker_fee_ppb, -TKS_PPB, TKS_PPB) &&
           tks__is_within(rules->maker_fee_units_per_lot, -per_lot_max, per_lot_max) &&
           tks__is_within(rules->taker_fee_units_per_lot, -per_lot_max, per_lot_max) &&
           tks__is_within(rules->fee_min_units, 0, per_lot_max);
}

static bool enumerators_are_known(const tks_instrument *rules)
{
    const uint32_t flags = TKS_INSTRUMENT_ALLOW_NEGATIVE | TKS_INSTRUMENT_NO_SHORT |
                           TKS_INSTRUMENT_BAND | TKS_INSTRUMENT_LIMITS_FIRST;
    return tks__is_within(rules->settle, TKS_SETTLE_SPOT, TKS_SETTLE_MARK) &&
           tks__is_within(rules->position_mode, TKS_POSITION_NET, TKS_POSITION_HEDGE) &&
           tks__is_within(rules->fill_rule, TKS_FILL_TOUCH, TKS_FILL_THROUGH) &&
           tks__is_within(rules->qty_rule, TKS_QTY_FULL, TKS_QTY_VOLUME) &&
           !(rules->flags & ~flags);
}

static bool participation_fits(const tks_instrument *rules)
{
    return rules->qty_rule == TKS_QTY_VOLUME ? tks__is_within(rules->participation_ppm, 1, 1000000)
                                             : rules->participation_ppm == 0;
}

static bool band_fits(const tks_instrument *rules)
{
    if (!(rules->flags & TKS_INSTRUMENT_BAND))
        return rules->band_low_ticks == 0 && rules->band_high_ticks == 0;
    return tks__is_price(rules, rules->band_low_ticks) &&
           tks__is_price(rules, rules->band_high_ticks) &&
           rules->band_low_ticks <= rules->band_high_ticks;
}

static tks_status instrument_check(const tks_instrument *rules, uint32_t config_flags)
{
    const int64_t qty_max = INT64_C(1) << 61;
    if (rules->struct_size != sizeof *rules)
        return TKS_STATUS_STRUCT_SIZE;
    if (!enumerators_are_known(rules))
        return TKS_STATUS_RULE;
    if (rules->wallet != 0)
        return TKS_STATUS_WALLET;
    if (!participation_fits(rules))
        return TKS_STATUS_PARTICIPATION;
    if (!tks__is_within(rules->units_per_tick_lot, 1, INT64_C(1) << 40))
        return TKS_STATUS_UNIT_RANGE;
    if (!tks__is_within(rules->spread_ppb, 0, 2 * TKS_PPB - 1))
        return TKS_STATUS_SPREAD_RANGE;
    if (!fees_fit(rules))
        return TKS_STATUS_FEE_RANGE;
    if (!tks__is_within(rules->qty_step_lots, 1, qty_max) ||
        !tks__is_within(rules->qty_min_lots, 1, qty_max))
        return TKS_STATUS_QTY_RULE;
    if (!band_fits(rules))
        return TKS_STATUS_BAND;
    bool cash_can_be_checked = rules->settle == TKS_SETTLE_SPOT &&
                               rules->position_mode == TKS_POSITION_NET &&
                               !(rules->flags & TKS_INSTRUMENT_ALLOW_NEGATIVE);
    return (config_flags & TKS_CONFIG_CASH_ACCOUNT) && !cash_can_be_checked
               ? TKS_STATUS_CASH_ACCOUNT
               : TKS_STATUS_OK;
}

static tks_status instruments_check(const tks_config *config)
{
    uint64_t orders_max = 0;
    for (uint32_t i = 0; i < config->instrument_count; i++) {
        tks_status status = instrument_check(&config->instruments[i], config->flags);
        if (status != TKS_STATUS_OK)
            return status;
        if (config->instruments[i].orders_max == 0)
            return TKS_STATUS_CAPACITY_RANGE;
        orders_max += config->instruments[i].orders_max;
    }
    return orders_max < UINT64_C(1) << 31 ? TKS_STATUS_OK : TKS_STATUS_CAPACITY_RANGE;
}

tks_status tks__config_check(const tks_config *config)
{
    if (!config || (config->struct_size == sizeof *config && !config->instruments))
        return TKS_STATUS_NULL_ARGUMENT;
    if (config->struct_size != sizeof *config)
        return TKS_STATUS_STRUCT_SIZE;
    if (!tks__is_within(config->instrument_count, 1, 65536))
        return TKS_STATUS_INSTRUMENT_COUNT;
    if ((config->flags & ~(uint32_t)TKS_CONFIG_CASH_ACCOUNT) || config->reserved)
        return TKS_STATUS_RULE;
    if (!tks__is_within(config->events_max, 1, INT64_C(1) << 31) ||
        !tks__is_within(config->commands_max, 0, INT64_C(1) << 31))
        return TKS_STATUS_CAPACITY_RANGE;
    if (!tks__is_within(config->initial_cash_units, 0, INT64_C(1) << 61))
        return TKS_STATUS_CASH_RANGE;
    if (!tks__is_within(config->latency, 0, INT64_C(1) << 61))
        return TKS_STATUS_LATENCY_RANGE;
    return instruments_check(config);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static uint64_t reserve_bytes(uint64_t *end, uint64_t count, uint64_t size)
{
    uint64_t at = *end;
    *end += (count * size + 63) / 64 * 64; /* arrays begin on cache lines of the block */
    return at;
}

static uint32_t table_bits_for(uint32_t orders_max)
{
    uint32_t bits = 4;
    while ((UINT64_C(1) << bits) < 2 * (uint64_t)orders_max)
        bits++;
    return bits;
}

static uint32_t orders_max_of(const tks_config *config)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < config->instrument_count; i++)
        sum += config->instruments[i].orders_max;
    return sum;
}

/* Everything but the three heaps of each instrument, which come after. Returns the end. */
static uint64_t lay_out_fixed(tks_engine *engine, const tks_config *config)
{
    uint64_t end = (sizeof *engine + 63) / 64 * 64;
    engine->orders_max = orders_max_of(config);
    engine->table_bits = table_bits_for(engine->orders_max);
    uint64_t places = UINT64_C(1) << engine->table_bits;
    engine->instruments_at = reserve_bytes(&end, config->instrument_count, sizeof(tks__instrument));
    engine->orders_at = reserve_bytes(&end, engine->orders_max, sizeof(tks__order));
    engine->ids_at = reserve_bytes(&end, places, sizeof(uint32_t));
    engine->groups_at = reserve_bytes(&end, places, sizeof(uint32_t));
    engine->events_at = reserve_bytes(&end, config->events_max, sizeof(tks_event));
    engine->commands_at = reserve_bytes(&end, config->commands_max, sizeof(tks__command));
    engine->candidates_at =
        reserve_bytes(&end, TKS__CANDIDATES * (uint64_t)engine->orders_max, sizeof(tks__candidate));
    uint64_t feeds = tks__race_entries(config->instrument_count);
    engine->own_at = reserve_bytes(&end, feeds, sizeof(int64_t));
    engine->fronts_at = reserve_bytes(&end, feeds, sizeof(int64_t));
    engine->expiry.capacity = engine->orders_max;
    engine->expiry.entries_at = reserve_bytes(&end, engine->orders_max, sizeof(tks__heap_entry));
    return end;
}

static uint64_t heaps_size(const tks_config *config)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < config->instrument_count; i++)
        for (int kind = 0; kind < TKS__HEAP_EXPIRY; kind++)
            reserve_bytes(&size, config->instruments[i].orders_max, sizeof(tks__heap_entry));
    return size;
}

static void lay_out_heaps(tks_engine *engine, const tks_config *config, uint64_t end)
{
    for (uint32_t i = 0; i < config->instrument_count; i++) {
        tks__instrument *instrument = tks__instrument_at(engine, i);
        for (int kind = 0; kind < TKS__HEAP_EXPIRY; kind++) {
            tks__heap *heap = &instrument->heaps[kind];
            heap->capacity = config->instruments[i].orders_max;
            heap->entries_at = reserve_bytes(&end, heap->capacity, sizeof(tks__heap_entry));
        }
    }
    engine->size = end;
}

tks_status tks_engine_size(const tks_config *config, size_t *size_out)
{
    if (!size_out)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = tks__config_check(config);
    if (status != TKS_STATUS_OK)
        return status;
    tks_engine shape;
    memset(&shape, 0, sizeof shape);
    *size_out = (size_t)(lay_out_fixed(&shape, config) + heaps_size(config));
    return TKS_STATUS_OK;
}

tks_status tks__block_check(const void *memory, size_t size, const tks_config *config)
{
    size_t needed;
    tks_status status = tks_engine_size(config, &needed);
    if (status != TKS_STATUS_OK)
        return status;
    if (!memory)
        return TKS_STATUS_NULL_ARGUMENT;
    if ((uintptr_t)memory % 8 != 0)
        return TKS_STATUS_MEMORY_ALIGN;
    return size < needed ? TKS_STATUS_MEMORY_SIZE : TKS_STATUS_OK;
}

/* Configuration, layout and an empty order table; the state is reset by the caller. */
void tks__engine_make(tks_engine *engine, const tks_config *config)
{
    memset(engine, 0, sizeof *engine);
    engine->magic = TKS__MAGIC;
    engine->config_flags = config->flags;
    engine->instrument_count = config->instrument_count;
    engine->events_max = config->events_max;
    engine->commands_max = config->commands_max;
    engine->initial_cash_units = config->initial_cash_units;
    engine->latency = config->latency;
    uint64_t end = lay_out_fixed(engine, config);
    memset(tks__at(engine, engine->instruments_at), 0,
           config->instrument_count * sizeof(tks__instrument));
    lay_out_heaps(engine, config, end);
    for (uint32_t i = 0; i < config->instrument_count; i++)
        tks__instrument_at(engine, i)->rules = config->instruments[i];
}

void tks__state_reset(tks_engine *engine)
{
    tks__orders_reset(engine);
    for (uint32_t i = 0; i < engine->instrument_count; i++) {
        tks__instrument *instrument = tks__instrument_at(engine, i);
        memset(instrument->buckets, 0, sizeof instrument->buckets);
        memset(instrument->frozen_lots, 0, sizeof instrument->frozen_lots);
        memset(&instrument->scan, 0, sizeof instrument->scan);
        instrument->realized_units = instrument->fees_units = instrument->last_price_ticks = 0;
        instrument->pool_lots = 0;
        instrument->tick_count = 0;
    }
    engine->clock = 0;
    engine->has_clock = engine->last_instrument = 0;
    memset(&engine->wallet, 0, sizeof engine->wallet);
    engine->wallet.cash_units = engine->wallet.in_units = engine->initial_cash_units;
    engine->order_id_next = 1;
    engine->event_first = engine->event_count = 0;
    engine->command_first = engine->command_count = 0;
    engine->event_kinds = 0;
    engine->event_sequence = 0;
    engine->event_digest = (tks_digest){0, 0};
}

tks_status tks_engine_init(void *memory, size_t size, const tks_config *config,
                           tks_engine **engine_out)
{
    if (!engine_out)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = tks__block_check(memory, size, config);
    if (status != TKS_STATUS_OK)
        return status;
    tks_engine *engine = memory;
    tks__engine_make(engine, config);
    tks__state_reset(engine);
    *engine_out = engine;
    return TKS_STATUS_OK;
}

tks_status tks_engine_reset(tks_engine *engine)
{
    if (!engine)
        return TKS_STATUS_NULL_ARGUMENT;
    tks__state_reset(engine);
    return TKS_STATUS_OK;
}

/* ---- One tick -------------------------------------------------------------------------------- */

tks_status tks_step(tks_engine *engine, const tks_tick *tick)
{
    if (TKS_UNLIKELY(!engine || !tick))
        return TKS_STATUS_NULL_ARGUMENT;
    if (TKS_UNLIKELY(tick->instrument >= engine->instrument_count))
        return TKS_STATUS_INSTRUMENT;
    tks__instrument *instrument = tks__instrument_at(engine, tick->instrument);
    tks_status status = tks__tick_check(&instrument->rules, tick);
    if (TKS_UNLIKELY(status != TKS_STATUS_OK))
        return status;
    if (TKS_UNLIKELY(engine->has_clock && tick->time < engine->clock))
        return TKS_STATUS_TIME_BACKWARDS;
    engine->event_kinds = 0;
    bool has_range = tick->flags & TKS_TICK_RANGE;
    int64_t low = has_range ? tick->low_ticks : tick->price_ticks;
    int64_t high = has_range ? tick->high_ticks : tick->price_ticks;
    if (!tks__tick_is_quiet(engine, instrument, tick->time, low, high))
        return tks__tick(engine, tick);
    engine->clock = tick->time;
    engine->has_clock = 1;
    engine->last_instrument = tick->instrument;
    instrument->last_price_ticks = tick->price_ticks;
    if (!(tick->flags & TKS_TICK_CONTINUES))
        instrument->pool_lots = tks__pool(&instrument->rules, tick->qty_lots);
    instrument->tick_count++;
    return TKS_STATUS_OK;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static tks_order_view view_of(const tks_engine *engine, const tks__order *order)
{
    tks_order_view view;
    memset(&view, 0, sizeof view);
    view.order_id = order->id;
    view.order = tks__order_as_asked(order);
    view.filled_lots = order->filled_lots;
    view.placed_time = order->placed_time;
    view.fees_units = order->fees_units;
    view.frozen_units = order->frozen_units;
    view.frozen_lots = order->frozen_lots;
    view.is_triggered = order->is_triggered;
    view.is_resting = order->state != TKS__ORDER_PENDING && !tks__is_alert(order->type);
    if (order->type == TKS_ORDER_TRAILING_STOP && order->state == TKS__ORDER_RESTING)
        view.trigger_now_ticks =
            tks__threshold(tks__instrument_at(engine, order->instrument), order);
    return view;
}

tks_status tks_order_get(const tks_engine *engine, uint64_t order_id, tks_order_view *view_out)
{
    uint32_t slot;
    if (!engine || !view_out)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = tks__order_of_id(engine, order_id, &slot);
    if (status == TKS_STATUS_OK)
        *view_out = view_of(engine, tks__order_at(engine, slot));
    return status;
}

static uint32_t first_after(const tks_engine *engine, uint64_t after_id)
{
    uint32_t slot = after_id ? tks__order_find(engine, after_id) : TKS_NONE;
    if (slot != TKS_NONE)
        return tks__order_at(engine, slot)->next;
    slot = engine->first_order;
    while (slot != TKS_NONE && tks__order_at(engine, slot)->id <= after_id)
        slot = tks__order_at(engine, slot)->next;
    return slot;
}

tks_status tks_orders_open(const tks_engine *engine, uint32_t instrument, uint64_t after_id,
                           tks_order_view *views_out, uint32_t capacity, uint32_t *count_out)
{
    if (!engine || !count_out || (capacity && !views_out))
        return TKS_STATUS_NULL_ARGUMENT;
    if (instrument >= engine->instrument_count && instrument != TKS_INSTRUMENT_ALL)
        return TKS_STATUS_INSTRUMENT;
    uint32_t count = 0;
    for (uint32_t slot = first_after(engine, after_id); slot != TKS_NONE && count < capacity;) {
        const tks__order *order = tks__order_at(engine, slot);
        if (instrument == TKS_INSTRUMENT_ALL || order->instrument == instrument)
            views_out[count++] = view_of(engine, order);
        slot = order->next;
    }
    *count_out = count;
    return TKS_STATUS_OK;
}

tks_status tks_wake_get(const tks_engine *engine, uint32_t instrument, tks_wake *wake_out)
{
    if (!engine || !wake_out)
        return TKS_STATUS_NULL_ARGUMENT;
    if (instrument >= engine->instrument_count)
        return TKS_STATUS_INSTRUMENT;
    const tks__heap *heaps = tks__instrument_at(engine, instrument)->heaps;
    const tks__heap *falling = &heaps[TKS__HEAP_FALLING];
    int64_t time = tks__min(tks__heap_first(engine, &heaps[TKS__HEAP_PENDING]),
                            tks__heap_first(engine, &engine->expiry));
    if (engine->command_count)
        time = tks__min(time, tks__command_at(engine, 0)->due);
    wake_out->falling_ticks = falling->count ? -tks__heap_first(engine, falling) : INT64_MIN;
    wake_out->rising_ticks = tks__heap_first(engine, &heaps[TKS__HEAP_RISING]);
    wake_out->time = time;
    return TKS_STATUS_OK;
}

typedef struct marks {   /* positions at the last prices, wide */
    tks_i128 cost;       /* sum(s*cost) */
    tks_i128 unrealized; /* sum(s*(value - cost)) */
    tks_i128 in_equity;  /* sum over SPOT (s*value) + sum over MARK (s*(value - base)) */
} marks;

static bool marks_add(const tks__instrument *instrument, marks *sum)
{
    for (int i = 0; i < 4; i++) {
        const tks_bucket *bucket = &instrument->buckets[i];
        tks_i128 sign = i < 2 ? 1 : -1;
        tks_i128 value;
        if (!tks__value_wide(&instrument->rules, bucket->qty_lots, instrument->last_price_ticks,
                             &value))
            return false;
        bool spot = instrument->rules.settle == TKS_SETTLE_SPOT;
        sum->cost += sign * bucket->cost_units;
        sum->unrealized += sign * (value - bucket->cost_units);
        sum->in_equity += sign * (spot ? value : value - bucket->base_units);
    }
    return true;
}

static void buckets_copy(const tks__instrument *instrument, tks_bucket buckets_out[4])
{
    memcpy(buckets_out, instrument->buckets, sizeof instrument->buckets);
    for (int side = 0; side < 2; side++) {
        const int64_t *frozen = instrument->frozen_lots[side];
        tks_bucket *today = &buckets_out[2 * side];
        tks_bucket *yesterday = &buckets_out[2 * side + 1];
        int64_t old =
            tks__min(frozen[TKS__LOTS_ANY], yesterday->qty_lots - frozen[TKS__LOTS_YESTERDAY]);
        yesterday->frozen_lots = frozen[TKS__LOTS_YESTERDAY] + old;
        today->frozen_lots = frozen[TKS__LOTS_TODAY] + frozen[TKS__LOTS_ANY] - old;
    }
}

static bool fits(tks_i128 x, int64_t *out)
{
    *out = (int64_t)x;
    return x == *out;
}

static void snapshot_wallet(const tks_engine *engine, tks_snapshot *snapshot)
{
    const tks__wallet *wallet = &engine->wallet;
    snapshot->cash_units = wallet->cash_units;
    snapshot->in_units = wallet->in_units;
    snapshot->income_units = wallet->income_units;
    snapshot->wallet_fees_units = wallet->fees_units;
    snapshot->wallet_realized_units = wallet->realized_units;
    snapshot->frozen_units = wallet->frozen_units;
    snapshot->available_units = wallet->cash_units - wallet->frozen_units;
}

static void snapshot_instrument(const tks_engine *engine, const tks__instrument *instrument,
                                tks_snapshot *snapshot)
{
    snapshot->order_count = instrument->order_count;
    snapshot->alert_count = instrument->alert_count;
    snapshot->time = engine->has_clock ? engine->clock : 0;
    snapshot->tick_index = (int64_t)instrument->tick_count - 1;
    snapshot->last_price_ticks = instrument->last_price_ticks;
    snapshot->position_lots = tks__position(instrument);
    snapshot->realized_units = instrument->realized_units;
    snapshot->fees_units = instrument->fees_units;
    buckets_copy(instrument, snapshot->buckets);
}

tks_status tks_snapshot_get(const tks_engine *engine, uint32_t instrument,
                            tks_snapshot *snapshot_out)
{
    if (!engine || !snapshot_out)
        return TKS_STATUS_NULL_ARGUMENT;
    if (instrument >= engine->instrument_count)
        return TKS_STATUS_INSTRUMENT;
    marks own = {0};
    marks all = {0};
    bool ok = marks_add(tks__instrument_at(engine, instrument), &own);
    for (uint32_t i = 0; i < engine->instrument_count; i++)
        ok &= marks_add(tks__instrument_at(engine, i), &all);
    tks_snapshot snapshot;
    memset(&snapshot, 0, sizeof snapshot);
    snapshot.struct_size = sizeof snapshot;
    snapshot.instrument = instrument;
    snapshot_wallet(engine, &snapshot);
    snapshot_instrument(engine, tks__instrument_at(engine, instrument), &snapshot);
    ok = ok && fits(own.cost, &snapshot.cost_units) &&
         fits(own.unrealized, &snapshot.unrealized_units) &&
         fits(all.unrealized, &snapshot.wallet_unrealized_units) &&
         fits(engine->wallet.cash_units + all.in_equity, &snapshot.equity_units);
    if (!ok)
        return TKS_STATUS_OVERFLOW;
    *snapshot_out = snapshot;
    return TKS_STATUS_OK;
}

tks_status tks_holding_get(const tks_engine *engine, uint32_t instrument, tks_holding *holding_out)
{
    if (!engine || !holding_out)
        return TKS_STATUS_NULL_ARGUMENT;
    if (instrument >= engine->instrument_count)
        return TKS_STATUS_INSTRUMENT;
    const tks__instrument *of = tks__instrument_at(engine, instrument);
    *holding_out = (tks_holding){.time = engine->has_clock ? engine->clock : 0,
                                 .tick_index = (int64_t)of->tick_count - 1,
                                 .last_price_ticks = of->last_price_ticks,
                                 .position_lots = tks__position(of)};
    return TKS_STATUS_OK;
}
