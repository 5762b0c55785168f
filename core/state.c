/* SPDX-License-Identifier: MIT
 *
 * state.c: the canonical state as bytes, and copies of the working image.
 *
 * The canonical state is a sequence of 64-bit words: what the engine is, not how it stores it. No
 * capacity, slot, heap place or undrained event is in it, so two engines that lived through the
 * same have the same words. The saved bytes end with the digest of all words before it.
 *
 * Loading trusts nothing: every figure is checked against the rules the engine keeps, and sums that
 * can be derived (what is frozen) are derived.
 */
#include "kernel.h"

#define STATE_MAGIC UINT64_C(0x45544154534b4b54)
#define STATE_VERSION 2

/* ---- Writing --------------------------------------------------------------------------------- */

typedef struct sink {
    unsigned char *out; /* NULL: only count and digest */
    uint64_t words;
    uint64_t block[11];
    tks_digest digest;
} sink;

static void put(sink *s, uint64_t word)
{
    if (s->out)
        memcpy(s->out + 8 * s->words, &word, 8);
    s->block[s->words % 11] = word;
    if (++s->words % 11 == 0)
        tks__digest_absorb(&s->digest, s->block);
}

static void put_signed(sink *s, int64_t word)
{
    put(s, (uint64_t)word);
}

static uint64_t pack(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

static uint64_t pack_bytes(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (uint64_t)a | (uint64_t)b << 8 | (uint64_t)c << 16 | (uint64_t)d << 24;
}

/* The digest also absorbs how many words there were. */
static tks_digest sink_digest(const sink *s)
{
    tks_digest digest = s->digest;
    uint64_t last[11] = {0};
    memcpy(last, s->block, s->words % 11 * sizeof(uint64_t));
    tks__digest_absorb(&digest, last);
    uint64_t length[11] = {s->words};
    tks__digest_absorb(&digest, length);
    return digest;
}

static void put_rules(sink *s, const tks_instrument *rules)
{
    put(s, pack(rules->flags, (uint32_t)pack_bytes(rules->settle, rules->position_mode,
                                                   rules->fill_rule, rules->qty_rule)));
    put(s, pack(rules->wallet, rules->participation_ppm));
    put_signed(s, rules->units_per_tick_lot);
    put_signed(s, rules->spread_ppb);
    put_signed(s, rules->maker_fee_ppb);
    put_signed(s, rules->taker_fee_ppb);
    put_signed(s, rules->maker_fee_units_per_lot);
    put_signed(s, rules->taker_fee_units_per_lot);
    put_signed(s, rules->fee_min_units);
    put_signed(s, rules->qty_step_lots);
    put_signed(s, rules->qty_min_lots);
    put_signed(s, rules->band_low_ticks);
    put_signed(s, rules->band_high_ticks);
}

static void put_instrument(sink *s, const tks__instrument *instrument)
{
    for (int i = 0; i < 4; i++) {
        put_signed(s, instrument->buckets[i].qty_lots);
        put_signed(s, instrument->buckets[i].cost_units);
        put_signed(s, instrument->buckets[i].base_units);
    }
    put_signed(s, instrument->realized_units);
    put_signed(s, instrument->fees_units);
    put_signed(s, instrument->last_price_ticks);
    put_signed(s, instrument->pool_lots);
    put(s, instrument->tick_count);
}

static void put_order(sink *s, const tks__order *order)
{
    put(s, order->id);
    put(s, pack(order->instrument, order->flags));
    put(s, pack((uint32_t)pack_bytes(order->type, order->side, order->time_in_force, order->offset),
                (uint32_t)pack_bytes(order->state, order->is_triggered, 0, 0)));
    put(s, order->tag);
    put(s, order->group);
    put(s, order->priority);
    put_signed(s, order->qty_lots);
    put_signed(s, order->filled_lots);
    put_signed(s, order->price_ticks);
    put_signed(s, order->trigger_ticks);
    put_signed(s, order->trail_ticks);
    put_signed(s, order->expire_time);
    put_signed(s, order->placed_time);
    put_signed(s, order->live_from);
    put_signed(s, order->best_ticks);
    put_signed(s, order->fees_units);
    put(s, order->raw_fee_low);
    put(s, order->raw_fee_high);
    put_signed(s, order->frozen_units);
    put_signed(s, order->frozen_lots);
}

static void put_command(sink *s, const tks__command *command)
{
    put_signed(s, command->due);
    put(s, command->order_id);
    put(s, pack(command->kind, command->instrument));
    put(s, command->tag);
    put(s, pack(command->side, command->amend.fields));
    put_signed(s, command->amend.qty_lots);
    put_signed(s, command->amend.price_ticks);
    put_signed(s, command->amend.trigger_ticks);
    put_signed(s, command->amend.trail_ticks);
}

static void put_config(sink *s, const tks_engine *engine)
{
    put(s, STATE_MAGIC);
    put(s, STATE_VERSION);
    put(s, pack(engine->config_flags, engine->instrument_count));
    put_signed(s, engine->initial_cash_units);
    put_signed(s, engine->latency);
    for (uint32_t i = 0; i < engine->instrument_count; i++)
        put_rules(s, &tks__instrument_at(engine, i)->rules);
}

static void put_account(sink *s, const tks_engine *engine)
{
    put_signed(s, engine->wallet.cash_units);
    put_signed(s, engine->wallet.in_units);
    put_signed(s, engine->wallet.income_units);
    for (uint32_t i = 0; i < engine->instrument_count; i++)
        put_instrument(s, tks__instrument_at(engine, i));
}

static void put_state(sink *s, const tks_engine *engine)
{
    put_config(s, engine);
    put(s, pack(engine->has_clock, engine->last_instrument));
    put_signed(s, engine->clock);
    put(s, engine->order_id_next);
    put(s, engine->event_sequence);
    put(s, engine->event_digest.low);
    put(s, engine->event_digest.high);
    put_account(s, engine);
    put(s, engine->open_count);
    for (uint32_t slot = engine->first_order; slot != TKS_NONE;) {
        put_order(s, tks__order_at(engine, slot));
        slot = tks__order_at(engine, slot)->next;
    }
    put(s, engine->command_count);
    for (uint32_t i = 0; i < engine->command_count; i++)
        put_command(s, tks__command_at(engine, i));
}

tks_status tks_state_size(const tks_engine *engine, size_t *size_out)
{
    if (!engine || !size_out)
        return TKS_STATUS_NULL_ARGUMENT;
    sink s = {0};
    put_state(&s, engine);
    *size_out = (size_t)(s.words + 2) * 8;
    return TKS_STATUS_OK;
}

tks_status tks_state_save(const tks_engine *engine, void *bytes_out, size_t size,
                          size_t *written_out)
{
    size_t needed;
    if (!bytes_out || !written_out)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = tks_state_size(engine, &needed);
    if (status != TKS_STATUS_OK)
        return status;
    if (size < needed)
        return TKS_STATUS_MEMORY_SIZE;
    sink s = {.out = bytes_out};
    put_state(&s, engine);
    tks_digest digest = sink_digest(&s);
    put(&s, digest.low);
    put(&s, digest.high);
    *written_out = needed;
    return TKS_STATUS_OK;
}

tks_status tks_state_hash(const tks_engine *engine, tks_digest *digest_out)
{
    if (!engine || !digest_out)
        return TKS_STATUS_NULL_ARGUMENT;
    sink s = {0};
    put_state(&s, engine);
    *digest_out = sink_digest(&s);
    return TKS_STATUS_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct reader {
    const unsigned char *bytes;
    uint64_t words;
    uint64_t next;
    bool is_short; /* somebody read beyond the end */
} reader;

static uint64_t get(reader *s)
{
    uint64_t word = 0;
    if (s->next < s->words)
        memcpy(&word, s->bytes + 8 * s->next, 8);
    else
        s->is_short = true;
    s->next++;
    return word;
}

static int64_t get_signed(reader *s)
{
    return (int64_t)get(s);
}

static void get_pair(reader *s, uint32_t *low, uint32_t *high)
{
    uint64_t word = get(s);
    *low = (uint32_t)word;
    *high = (uint32_t)(word >> 32);
}

static tks_status reader_begin(reader *s, const void *bytes, size_t size)
{
    if (!bytes)
        return TKS_STATUS_NULL_ARGUMENT;
    *s = (reader){.bytes = bytes, .words = size / 8};
    if (size % 8 != 0 || s->words < 4 || get(s) != STATE_MAGIC)
        return TKS_STATUS_STATE_FORMAT;
    if (get(s) != STATE_VERSION)
        return TKS_STATUS_STATE_VERSION;
    sink all = {0};
    reader copy = {.bytes = bytes, .words = s->words};
    while (copy.next < s->words - 2)
        put(&all, get(&copy));
    tks_digest digest = sink_digest(&all);
    if (get(&copy) != digest.low || get(&copy) != digest.high)
        return TKS_STATUS_STATE_CHECKSUM;
    s->words -= 2;
    return TKS_STATUS_OK;
}

static void get_rules(reader *s, tks_instrument *rules)
{
    uint32_t kinds;
    memset(rules, 0, sizeof *rules);
    rules->struct_size = sizeof *rules;
    get_pair(s, &rules->flags, &kinds);
    rules->settle = (uint8_t)kinds;
    rules->position_mode = (uint8_t)(kinds >> 8);
    rules->fill_rule = (uint8_t)(kinds >> 16);
    rules->qty_rule = (uint8_t)(kinds >> 24);
    get_pair(s, &rules->wallet, &rules->participation_ppm);
    rules->units_per_tick_lot = get_signed(s);
    rules->spread_ppb = get_signed(s);
    rules->maker_fee_ppb = get_signed(s);
    rules->taker_fee_ppb = get_signed(s);
    rules->maker_fee_units_per_lot = get_signed(s);
    rules->taker_fee_units_per_lot = get_signed(s);
    rules->fee_min_units = get_signed(s);
    rules->qty_step_lots = get_signed(s);
    rules->qty_min_lots = get_signed(s);
    rules->band_low_ticks = get_signed(s);
    rules->band_high_ticks = get_signed(s);
}

static void get_order(reader *s, tks__order *order)
{
    uint32_t kinds;
    uint32_t states;
    memset(order, 0, sizeof *order);
    order->id = get(s);
    get_pair(s, &order->instrument, &order->flags);
    get_pair(s, &kinds, &states);
    order->type = (uint8_t)kinds;
    order->side = (uint8_t)(kinds >> 8);
    order->time_in_force = (uint8_t)(kinds >> 16);
    order->offset = (uint8_t)(kinds >> 24);
    order->state = (uint8_t)states;
    order->is_triggered = (uint8_t)(states >> 8);
    order->tag = get(s);
    order->group = get(s);
    order->priority = get(s);
    order->qty_lots = get_signed(s);
    order->filled_lots = get_signed(s);
    order->price_ticks = get_signed(s);
    order->trigger_ticks = get_signed(s);
    order->trail_ticks = get_signed(s);
    order->expire_time = get_signed(s);
    order->placed_time = get_signed(s);
    order->live_from = get_signed(s);
    order->best_ticks = get_signed(s);
    order->fees_units = get_signed(s);
    order->raw_fee_low = get(s);
    order->raw_fee_high = get(s);
    order->frozen_units = get_signed(s);
    order->frozen_lots = get_signed(s);
}

static void get_command(reader *s, tks__command *command)
{
    memset(command, 0, sizeof *command);
    command->due = get_signed(s);
    command->order_id = get(s);
    get_pair(s, &command->kind, &command->instrument);
    command->tag = get(s);
    command->amend.struct_size = sizeof command->amend;
    get_pair(s, &command->side, &command->amend.fields);
    command->amend.qty_lots = get_signed(s);
    command->amend.price_ticks = get_signed(s);
    command->amend.trigger_ticks = get_signed(s);
    command->amend.trail_ticks = get_signed(s);
}

enum { WORDS_OF_RULES = 13, WORDS_OF_INSTRUMENT = 17, WORDS_OF_ORDER = 20, WORDS_OF_COMMAND = 9 };

/* ---- The configuration inside saved bytes ---------------------------------------------------- */

/* Words between the configuration and the count of open orders. */
static uint64_t words_to_orders(uint32_t instrument_count)
{
    return 6 + 3 + (uint64_t)instrument_count * WORDS_OF_INSTRUMENT;
}

/* Smallest capacities: one order each, and one more for every open order found. */
static tks_status count_contents(reader s, tks_config *config, tks_instrument *instruments)
{
    s.next += words_to_orders(config->instrument_count);
    uint64_t count = get(&s);
    if (s.is_short || count > (s.words - s.next) / WORDS_OF_ORDER)
        return TKS_STATUS_STATE_INVALID;
    for (; count > 0; count--) {
        tks__order order;
        get_order(&s, &order);
        if (order.instrument >= config->instrument_count)
            return TKS_STATUS_STATE_INVALID;
        instruments[order.instrument].orders_max++;
    }
    count = get(&s);
    if (s.is_short || count > (s.words - s.next) / WORDS_OF_COMMAND || count > INT32_MAX)
        return TKS_STATUS_STATE_INVALID;
    config->commands_max = (uint32_t)count;
    return TKS_STATUS_OK;
}

tks_status tks_state_config(const void *bytes, size_t size, tks_config *config_out,
                            tks_instrument *instruments_out, uint32_t instruments_max)
{
    reader s;
    if (!config_out || (instruments_max && !instruments_out))
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = reader_begin(&s, bytes, size);
    if (status != TKS_STATUS_OK)
        return status;
    memset(config_out, 0, sizeof *config_out);
    config_out->struct_size = sizeof *config_out;
    get_pair(&s, &config_out->flags, &config_out->instrument_count);
    config_out->initial_cash_units = get_signed(&s);
    config_out->latency = get_signed(&s);
    config_out->events_max = 1;
    config_out->instruments = instruments_out;
    if (config_out->instrument_count == 0 || config_out->instrument_count > 65536 ||
        config_out->instrument_count > s.words / WORDS_OF_RULES)
        return TKS_STATUS_STATE_INVALID;
    if (config_out->instrument_count > instruments_max)
        return TKS_STATUS_CAPACITY;
    for (uint32_t i = 0; i < config_out->instrument_count; i++) {
        get_rules(&s, &instruments_out[i]);
        instruments_out[i].orders_max = 1;
    }
    status = count_contents(s, config_out, instruments_out);
    if (status == TKS_STATUS_OK && tks__config_check(config_out) != TKS_STATUS_OK)
        status = TKS_STATUS_STATE_INVALID;
    return status;
}

/* ---- Comparing configurations ---------------------------------------------------------------- */

/* orders_max is a capacity and not among the words. */
static bool rules_are_equal(const tks_instrument *a, const tks_instrument *b)
{
    uint64_t left[WORDS_OF_RULES];
    uint64_t right[WORDS_OF_RULES];
    sink left_sink = {.out = (unsigned char *)left};
    sink right_sink = {.out = (unsigned char *)right};
    put_rules(&left_sink, a);
    put_rules(&right_sink, b);
    uint64_t difference = 0;
    for (int i = 0; i < WORDS_OF_RULES; i++)
        difference |= left[i] ^ right[i];
    return difference == 0;
}

/* ---- Loading: what an engine's rules allow --------------------------------------------------- */

static bool is_money(int64_t x)
{
    return x > -TKS_MONEY_END && x < TKS_MONEY_END;
}

static bool is_time(int64_t x)
{
    return x > -TKS_TIME_END && x < TKS_TIME_END;
}

static bool bucket_is_valid(const tks_bucket *bucket)
{
    return bucket->qty_lots >= 0 && bucket->qty_lots < TKS_QTY_END &&
           is_money(bucket->cost_units) && is_money(bucket->base_units) &&
           (bucket->qty_lots > 0 || (bucket->cost_units == 0 && bucket->base_units == 0));
}

/* What trading bounds together, costs and lots; and bases by side, because settling at a high price
 * bounds them no further. */
static bool buckets_fit(const tks_bucket buckets[4])
{
    tks_i128 held = 0;
    for (int i = 0; i < 4; i++)
        held += (tks_i128)buckets[i].qty_lots + tks__abs(buckets[i].cost_units);
    tks_i128 settled_long =
        (tks_i128)tks__abs(buckets[0].base_units) + tks__abs(buckets[1].base_units);
    tks_i128 settled_short =
        (tks_i128)tks__abs(buckets[2].base_units) + tks__abs(buckets[3].base_units);
    return held < TKS_MONEY_END && settled_long < TKS_MONEY_END && settled_short < TKS_MONEY_END;
}

static bool has_no_lots(const tks_bucket buckets[4])
{
    return buckets[0].qty_lots == 0 && buckets[1].qty_lots == 0 && buckets[2].qty_lots == 0 &&
           buckets[3].qty_lots == 0;
}

static bool pool_is_valid(const tks__instrument *instrument)
{
    bool has_pool = instrument->rules.qty_rule == TKS_QTY_VOLUME && instrument->tick_count > 0;
    return instrument->pool_lots >= 0 &&
           instrument->pool_lots <= (has_pool ? tks__pool(&instrument->rules, TKS_QTY_END - 1) : 0);
}

static bool get_instrument(reader *s, tks__instrument *instrument)
{
    bool valid = true;
    for (int i = 0; i < 4; i++) {
        tks_bucket *bucket = &instrument->buckets[i];
        bucket->qty_lots = get_signed(s);
        bucket->cost_units = get_signed(s);
        bucket->base_units = get_signed(s);
        valid = valid && bucket_is_valid(bucket);
    }
    instrument->realized_units = get_signed(s);
    instrument->fees_units = get_signed(s);
    instrument->last_price_ticks = get_signed(s);
    instrument->pool_lots = get_signed(s);
    instrument->tick_count = get(s);
    bool fresh = instrument->tick_count == 0;
    bool nets = instrument->rules.position_mode == TKS_POSITION_NET &&
                (instrument->buckets[0].qty_lots || instrument->buckets[1].qty_lots) &&
                (instrument->buckets[2].qty_lots || instrument->buckets[3].qty_lots);
    return valid && !nets && buckets_fit(instrument->buckets) &&
           is_money(instrument->realized_units) && is_money(instrument->fees_units) &&
           instrument->tick_count < UINT64_C(1) << 62 && pool_is_valid(instrument) &&
           (fresh ? has_no_lots(instrument->buckets) && instrument->last_price_ticks == 0
                  : tks__is_price(&instrument->rules, instrument->last_price_ticks));
}

/* The identity of the header, and that the wallet's sums are those of its instruments. */
static bool account_balances(const tks_engine *engine)
{
    const tks__wallet *wallet = &engine->wallet;
    tks_i128 expected = (tks_i128)wallet->in_units + wallet->income_units - wallet->fees_units +
                        wallet->realized_units;
    for (uint32_t i = 0; i < engine->instrument_count; i++) {
        const tks__instrument *instrument = tks__instrument_at(engine, i);
        for (int j = 0; j < 4; j++) {
            tks_i128 sign = j < 2 ? 1 : -1;
            expected -= sign * instrument->buckets[j].cost_units;
            if (instrument->rules.settle == TKS_SETTLE_MARK)
                expected += sign * instrument->buckets[j].base_units;
        }
    }
    return expected == wallet->cash_units;
}

static bool get_account(reader *s, tks_engine *engine)
{
    tks_i128 realized = 0;
    tks_i128 fees = 0;
    tks__wallet *wallet = &engine->wallet;
    wallet->cash_units = get_signed(s);
    wallet->in_units = get_signed(s);
    wallet->income_units = get_signed(s);
    bool valid = is_money(wallet->cash_units) && is_money(wallet->in_units) &&
                 is_money(wallet->income_units);
    for (uint32_t i = 0; i < engine->instrument_count; i++) {
        tks__instrument *instrument = tks__instrument_at(engine, i);
        valid = get_instrument(s, instrument) && valid;
        realized += instrument->realized_units;
        fees += instrument->fees_units;
    }
    wallet->realized_units = (int64_t)realized;
    wallet->fees_units = (int64_t)fees;
    return valid && realized == wallet->realized_units && fees == wallet->fees_units &&
           is_money(wallet->realized_units) && is_money(wallet->fees_units) &&
           account_balances(engine);
}

static bool get_clock(reader *s, tks_engine *engine)
{
    get_pair(s, &engine->has_clock, &engine->last_instrument);
    engine->clock = get_signed(s);
    engine->order_id_next = get(s);
    engine->event_sequence = get(s);
    engine->event_digest.low = get(s);
    engine->event_digest.high = get(s);
    return engine->has_clock <= 1 && engine->last_instrument < engine->instrument_count &&
           is_time(engine->clock) && engine->order_id_next >= 1 &&
           engine->order_id_next < UINT64_C(1) << 62 &&
           engine->event_sequence < UINT64_C(1) << 62 &&
           (engine->has_clock || (engine->clock == 0 && engine->last_instrument == 0));
}

static bool can_trigger(uint8_t type)
{
    return type >= TKS_ORDER_STOP && type <= TKS_ORDER_TRAILING_STOP;
}

static bool order_state_is_valid(const tks__order *order)
{
    bool trails = order->type == TKS_ORDER_TRAILING_STOP && order->state == TKS__ORDER_RESTING;
    bool best_fits = trails
                         ? order->best_ticks > -TKS_PRICE_END && order->best_ticks < TKS_PRICE_END
                         : tks__abs(order->best_ticks / 2) < TKS_PRICE_END;
    if (!best_fits || order->is_triggered > 1 || (order->is_triggered && !can_trigger(order->type)))
        return false;
    if (order->state == TKS__ORDER_PENDING)
        return order->live_from == TKS_TIME_NONE || is_time(order->live_from / 2);
    if (order->live_from != TKS_TIME_NONE || order->type == TKS_ORDER_ALERT_TIME)
        return false;
    return order->state == (tks__is_market(order) ? TKS__ORDER_MARKET : TKS__ORDER_RESTING);
}

static bool order_is_valid(const tks_engine *engine, const tks__order *order)
{
    tks_order asked = tks__order_as_asked(order);
    tks_status status = tks__order_check(engine, &asked);
    /* Two delayed amendments together may ask for more than one order may be worth. */
    if ((status != TKS_STATUS_OK && status != TKS_STATUS_OVERFLOW) || !order_state_is_valid(order))
        return false;
    int64_t raw_high = (int64_t)order->raw_fee_high;
    bool filled_fits =
        order->filled_lots >= 0 &&
        (tks__is_alert(order->type) ? order->filled_lots == 0 && order->frozen_units == 0
                                    : order->filled_lots < order->qty_lots);
    bool fees_fit = order->filled_lots > 0 ||
                    (order->raw_fee_low == 0 && order->raw_fee_high == 0 && order->fees_units == 0);
    return filled_fits && fees_fit && order->id < engine->order_id_next && order->priority >= 1 &&
           order->priority <= engine->event_sequence && is_time(order->placed_time) &&
           raw_high < INT64_C(1) << 56 && raw_high >= -(INT64_C(1) << 56) &&
           order->frozen_lots >= 0 && order->frozen_lots <= tks__rest(order) &&
           order->frozen_units >= 0 && order->frozen_units < TKS_MONEY_END;
}

/* Where an order of a saved state waits. */
static void order_wait(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    if (order->type == TKS_ORDER_ALERT_TIME || order->time_in_force == TKS_TIF_GTD)
        tks__heap_push(engine, TKS__HEAP_EXPIRY, slot, order->expire_time, order->id);
    if (order->type == TKS_ORDER_ALERT_TIME)
        return;
    if (order->state == TKS__ORDER_PENDING)
        tks__order_wait_pending(engine, slot);
    else if (order->state == TKS__ORDER_MARKET)
        tks__order_wait_market(engine, slot);
    else
        tks__order_wait_price(engine, slot);
}

/* Two orders of one priority would execute in an order that nobody can tell. */
static bool priorities_differ(tks_engine *engine)
{
    tks__candidate *all = tks__at(engine, engine->candidates_at);
    uint32_t count = 0;
    for (uint32_t slot = engine->first_order; slot != TKS_NONE;) {
        const tks__order *order = tks__order_at(engine, slot);
        all[count++] = (tks__candidate){.rank = order->priority};
        slot = order->next;
    }
    tks__candidates_sort(all, count);
    for (uint32_t i = 1; i < count; i++)
        if (all[i].rank == all[i - 1].rank)
            return false;
    return true;
}

static tks_status get_orders(reader *s, tks_engine *engine)
{
    uint64_t last_id = 0;
    for (uint64_t count = get(s); count > 0; count--) {
        tks__order order;
        get_order(s, &order);
        if (s->is_short || !order_is_valid(engine, &order) || order.id <= last_id)
            return TKS_STATUS_STATE_INVALID;
        if (!tks__orders_have_room(engine, order.instrument))
            return TKS_STATUS_CAPACITY_SMALLER;
        last_id = order.id;
        order_wait(engine, tks__order_insert(engine, &order));
        if (!tks__freeze(engine, &order))
            return TKS_STATUS_STATE_INVALID;
    }
    return priorities_differ(engine) ? TKS_STATUS_OK : TKS_STATUS_STATE_INVALID;
}

static bool amend_is_valid(const tks_engine *engine, const tks__command *command)
{
    const tks_amend *amend = &command->amend;
    const tks_instrument *rules = &tks__instrument_at(engine, command->instrument)->rules;
    const uint32_t known = TKS_AMEND_QTY | TKS_AMEND_PRICE | TKS_AMEND_TRIGGER | TKS_AMEND_TRAIL;
    if (amend->fields == 0 || (amend->fields & ~known))
        return false;
    if (amend->fields & TKS_AMEND_QTY ? amend->qty_lots < 1 || amend->qty_lots >= TKS_QTY_END
                                      : amend->qty_lots != 0)
        return false;
    if (amend->fields & TKS_AMEND_PRICE ? !tks__is_price(rules, amend->price_ticks)
                                        : amend->price_ticks != 0)
        return false;
    if (amend->fields & TKS_AMEND_TRIGGER ? !tks__is_price(rules, amend->trigger_ticks)
                                          : amend->trigger_ticks != 0)
        return false;
    return amend->fields & TKS_AMEND_TRAIL
               ? amend->trail_ticks >= 1 && amend->trail_ticks < TKS_PRICE_END
               : amend->trail_ticks == 0;
}

static bool command_is_valid(const tks_engine *engine, const tks__command *command)
{
    bool all = command->kind == TKS__COMMAND_CANCEL_ALL;
    if (!(all && command->instrument == TKS_INSTRUMENT_ALL) &&
        command->instrument >= engine->instrument_count)
        return false;
    if (!engine->has_clock || command->due > engine->clock + engine->latency ||
        command->due <= engine->clock || command->order_id == 0 || command->side > TKS_SIDE_SELL)
        return false;
    if (all)
        return command->order_id <= engine->order_id_next && command->amend.fields == 0;
    uint32_t slot = tks__order_find(engine, command->order_id);
    if (command->order_id >= engine->order_id_next ||
        (slot != TKS_NONE && tks__order_at(engine, slot)->instrument != command->instrument))
        return false;
    return command->kind == TKS__COMMAND_CANCEL
               ? command->amend.fields == 0
               : command->kind == TKS__COMMAND_AMEND && amend_is_valid(engine, command);
}

static tks_status get_commands(reader *s, tks_engine *engine)
{
    int64_t last_due = INT64_MIN;
    for (uint64_t count = get(s); count > 0; count--) {
        tks__command command;
        get_command(s, &command);
        if (s->is_short || !command_is_valid(engine, &command) || command.due < last_due)
            return TKS_STATUS_STATE_INVALID;
        if (engine->command_count == engine->commands_max)
            return TKS_STATUS_CAPACITY_SMALLER;
        last_due = command.due;
        *tks__command_at(engine, engine->command_count++) = command;
    }
    return s->is_short || s->next != s->words ? TKS_STATUS_STATE_INVALID : TKS_STATUS_OK;
}

static bool config_is_saved_one(reader *s, const tks_config *config)
{
    uint32_t flags;
    uint32_t instrument_count;
    get_pair(s, &flags, &instrument_count);
    int64_t initial_cash_units = get_signed(s);
    int64_t latency = get_signed(s);
    if (flags != config->flags || instrument_count != config->instrument_count ||
        initial_cash_units != config->initial_cash_units || latency != config->latency)
        return false;
    for (uint32_t i = 0; i < instrument_count; i++) {
        tks_instrument rules;
        get_rules(s, &rules);
        if (s->is_short || !rules_are_equal(&rules, &config->instruments[i]))
            return false;
    }
    return true;
}

tks_status tks_state_load(void *memory, size_t size, const tks_config *config, const void *bytes,
                          size_t bytes_size, tks_engine **engine_out)
{
    reader s;
    if (!engine_out)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = tks__block_check(memory, size, config);
    if (status == TKS_STATUS_OK)
        status = reader_begin(&s, bytes, bytes_size);
    if (status != TKS_STATUS_OK)
        return status;
    if (!config_is_saved_one(&s, config))
        return TKS_STATUS_CONFIG_MISMATCH;
    tks_engine *engine = memory;
    tks__engine_make(engine, config);
    tks__state_reset(engine);
    if (!get_clock(&s, engine) || !get_account(&s, engine) || s.is_short)
        return TKS_STATUS_STATE_INVALID;
    status = get_orders(&s, engine);
    if (status == TKS_STATUS_OK)
        status = get_commands(&s, engine);
    if (status == TKS_STATUS_OK)
        *engine_out = engine;
    return status;
}

/* ---- Copies of the working image ------------------------------------------------------------- */

static tks_status copy_check(const tks_engine *source, const tks_config *config)
{
    if (config->flags != source->config_flags ||
        config->instrument_count != source->instrument_count ||
        config->initial_cash_units != source->initial_cash_units ||
        config->latency != source->latency)
        return TKS_STATUS_CONFIG_MISMATCH;
    uint64_t orders_max = 0;
    for (uint32_t i = 0; i < config->instrument_count; i++) {
        const tks__instrument *instrument = tks__instrument_at(source, i);
        if (!rules_are_equal(&config->instruments[i], &instrument->rules))
            return TKS_STATUS_CONFIG_MISMATCH;
        if (config->instruments[i].orders_max < instrument->order_count + instrument->alert_count)
            return TKS_STATUS_CAPACITY_SMALLER;
        orders_max += config->instruments[i].orders_max;
    }
    bool holds = config->events_max >= source->event_count &&
                 config->commands_max >= source->command_count && orders_max >= source->slots_used;
    return holds ? TKS_STATUS_OK : TKS_STATUS_CAPACITY_SMALLER;
}

static void copy_heap(tks_engine *copy, tks__heap *to, const tks_engine *source,
                      const tks__heap *from)
{
    to->count = from->count;
    memcpy(tks__heap_entries(copy, to), tks__heap_entries(source, from),
           from->count * sizeof(tks__heap_entry));
}

static void copy_instrument(tks_engine *copy, const tks_engine *source, uint32_t index)
{
    tks__instrument *to = tks__instrument_at(copy, index);
    const tks__instrument *from = tks__instrument_at(source, index);
    memcpy(to->buckets, from->buckets, sizeof to->buckets);
    memcpy(to->frozen_lots, from->frozen_lots, sizeof to->frozen_lots);
    to->realized_units = from->realized_units;
    to->fees_units = from->fees_units;
    to->last_price_ticks = from->last_price_ticks;
    to->pool_lots = from->pool_lots;
    to->tick_count = from->tick_count;
    to->order_count = from->order_count;
    to->alert_count = from->alert_count;
    for (int kind = 0; kind < TKS__HEAP_EXPIRY; kind++)
        copy_heap(copy, &to->heaps[kind], source, &from->heaps[kind]);
}

/* Rings begin at place 0 of the copy. */
static void copy_rings(tks_engine *copy, const tks_engine *source)
{
    tks_event *events = tks__at(copy, copy->events_at);
    const tks_event *from = tks__at(source, source->events_at);
    for (uint32_t i = 0; i < source->event_count; i++)
        events[i] = from[((uint64_t)source->event_first + i) % source->events_max];
    tks__command *commands = tks__at(copy, copy->commands_at);
    for (uint32_t i = 0; i < source->command_count; i++)
        commands[i] = *tks__command_at(source, i);
    copy->event_first = copy->command_first = 0;
}

tks_status tks_engine_copy(void *memory, size_t size, const tks_config *config,
                           const tks_engine *source, tks_engine **engine_out)
{
    if (!source || !engine_out)
        return TKS_STATUS_NULL_ARGUMENT;
    tks_status status = tks__block_check(memory, size, config);
    if (status == TKS_STATUS_OK)
        status = copy_check(source, config);
    if (status != TKS_STATUS_OK)
        return status;
    tks_engine *copy = memory;
    tks__engine_make(copy, config);
    const size_t state_at = offsetof(tks_engine, clock);
    memcpy((char *)copy + state_at, (const char *)source + state_at, sizeof *copy - state_at);
    for (uint32_t i = 0; i < source->instrument_count; i++)
        copy_instrument(copy, source, i);
    copy_heap(copy, &copy->expiry, source, &source->expiry);
    memcpy(tks__order_at(copy, 0), tks__order_at(source, 0),
           source->slots_used * sizeof(tks__order));
    tks__tables_rebuild(copy);
    copy_rings(copy, source);
    *engine_out = copy;
    return TKS_STATUS_OK;
}
