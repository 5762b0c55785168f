/* SPDX-License-Identifier: MIT
 *
 * event.c: the ring of events and their digest.
 *
 * Every event is absorbed into the digest when it is emitted, so the digest does not depend on when
 * or whether anyone drains the ring. Callers make sure of room first; emitting never fails.
 */
#include "kernel.h"

_Static_assert(sizeof(tks_event) == 88, "the record the digest is made of");
_Static_assert(sizeof(tks_event) == 11 * sizeof(uint64_t), "eleven words, no padding");

/* First 64 fractional bits of the square roots of the first twelve primes. */
static const uint64_t roots[12] = {
    UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
    UINT64_C(0xa54ff53a5f1d36f1), UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
    UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179), UINT64_C(0xcbbb9d5dc1059ed8),
    UINT64_C(0x629a292a367cd507), UINT64_C(0x9159015a3070dd17), UINT64_C(0x152fecd8f70e5939)};

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

/* Both halves of the product, folded: a cheap mix in which every input bit reaches every output
 * bit. */
static uint64_t fold_product(uint64_t a, uint64_t b)
{
    tks_u128 product = (tks_u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

void tks__digest_absorb(tks_digest *digest, const uint64_t words[11])
{
    uint64_t low = fold_product(words[10] ^ roots[10], roots[11]);
    for (int i = 0; i < 10; i += 2)
        low += fold_product(words[i] ^ roots[i], words[i + 1] ^ roots[i + 1]);
    uint64_t high = fold_product(words[0] ^ rotate_left(roots[0], 32), rotate_left(roots[11], 32));
    for (int i = 1; i < 10; i += 2)
        high += fold_product(words[i] ^ rotate_left(roots[i], 32),
                             words[i + 1] ^ rotate_left(roots[i + 1], 32));
    digest->low = rotate_left(digest->low ^ low, 23) * (roots[0] | 1) + high;
    digest->high = rotate_left(digest->high ^ high, 29) * (roots[1] | 1) + digest->low;
}

static void absorb_event(tks_digest *digest, const tks_event *event)
{
    uint64_t words[11];
    memcpy(words, event, sizeof words);
    tks__digest_absorb(digest, words);
}

static tks_event *ring_place(const tks_engine *engine, uint32_t index)
{
    uint64_t place = (uint64_t)engine->event_first + index;
    if (place >= engine->events_max)
        place -= engine->events_max;
    return (tks_event *)tks__at(engine, engine->events_at) + place;
}

void tks__event_emit(tks_engine *engine, const tks_event *event)
{
    TKS_ASSERT(tks__event_room(engine) > 0);
    tks__instrument *instrument = tks__instrument_at(engine, event->instrument);
    tks_event *place = ring_place(engine, engine->event_count);
    *place = *event;
    place->sequence = ++engine->event_sequence;
    place->time = engine->has_clock ? engine->clock : 0;
    place->tick_index = (int64_t)instrument->tick_count - 1;
    place->position_after_lots = tks__position(instrument);
    engine->event_count++;
    engine->event_kinds |= TKS_STOP_ON(event->kind);
    absorb_event(&engine->event_digest, place);
}

void tks__event_emit_order(tks_engine *engine, const tks__order *order, tks_event_kind kind,
                           uint32_t reason, int64_t price_ticks, int64_t qty_lots)
{
    tks_event event = {0};
    event.kind = (uint16_t)kind;
    event.reason = (uint16_t)reason;
    event.instrument = order->instrument;
    event.order_id = order->id;
    event.tag = order->tag;
    event.price_ticks = price_ticks;
    event.qty_lots = order->side == TKS_SIDE_BUY ? qty_lots : -qty_lots;
    tks__event_emit(engine, &event);
}

uint32_t tks_events_waiting(const tks_engine *engine)
{
    return engine ? engine->event_count : 0;
}

tks_status tks_events_drain(tks_engine *engine, tks_event *events_out, uint32_t capacity,
                            uint32_t *count_out)
{
    if (!engine || !count_out || (capacity && !events_out))
        return TKS_STATUS_NULL_ARGUMENT;
    uint32_t count = engine->event_count < capacity ? engine->event_count : capacity;
    for (uint32_t i = 0; i < count; i++)
        events_out[i] = *ring_place(engine, i);
    engine->event_count -= count;
    engine->event_first =
        engine->event_count
            ? (uint32_t)(((uint64_t)engine->event_first + count) % engine->events_max)
            : 0;
    *count_out = count;
    return TKS_STATUS_OK;
}

tks_status tks_event_digest(const tks_engine *engine, tks_digest *digest_out)
{
    if (!engine || !digest_out)
        return TKS_STATUS_NULL_ARGUMENT;
    *digest_out = engine->event_digest;
    return TKS_STATUS_OK;
}

tks_status tks_digest_update(tks_digest *digest, const tks_event *events, uint64_t count)
{
    if (!digest || (count && !events))
        return TKS_STATUS_NULL_ARGUMENT;
    for (uint64_t i = 0; i < count; i++)
        absorb_event(digest, &events[i]);
    return TKS_STATUS_OK;
}
