/* SPDX-License-Identifier: MIT
 *
 * kernel.h: what the files of the kernel share. Nothing outside core/ includes it but the tests.
 *
 * The block is one struct tks_engine followed by arrays at byte offsets from it, so that an engine
 * can be copied and holds no pointer. Who writes what:
 *   account.c  the ledger: wallet, buckets, reservations            (nobody else writes money)
 *   orders.c   the order table: slots, heaps, ids, groups
 *   commands.c orders, cancels, amendments and money, now or delayed
 *   match.c    one tick: which orders trade, at what price, how much
 *   scan.c     columns: checks, zone maps, the search for the next tick that matters, batches
 *   event.c    the ring of events and their digest
 *   engine.c   configuration, life, single ticks, answers
 *   state.c    the canonical state as bytes; copying the working image
 */
#ifndef TICKSTEP_KERNEL_H
#define TICKSTEP_KERNEL_H

#include "tickstep.h"

#include <string.h>

#ifdef NDEBUG
#define TKS_ASSERT(condition) ((void)0)
#else
#define TKS_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#endif

#define TKS_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define TKS_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

typedef __int128 tks_i128;
typedef unsigned __int128 tks_u128;

#define TKS_PRICE_END (INT64_C(1) << 48) /* |price| is below */
#define TKS_MONEY_END (INT64_C(1) << 62) /* |money| is below */
#define TKS_TIME_END (INT64_C(1) << 62)  /* |time| is below */
#define TKS_QTY_END (INT64_C(1) << 62)   /* quantities are below */
#define TKS_TIME_NONE INT64_MIN          /* "live at once" */
#define TKS_PPB INT64_C(1000000000)

#define TKS_NONE UINT32_MAX /* no slot, no heap place */

/* ---- Heaps --------------------------------------------------------------------------------------
 * Four-ary min-heaps of (key, rank). Every order knows its place in each heap it is in. */

typedef enum tks__heap_kind {
    TKS__HEAP_PENDING, /* key: live from; before the first live tick, and Market ones */
    TKS__HEAP_FALLING, /* key: -threshold; fires when price <= threshold */
    TKS__HEAP_RISING,  /* key: threshold; fires when price >= threshold */
    TKS__HEAP_EXPIRY,  /* key: expire_time; all instruments in one */
    TKS__HEAP_KINDS
} tks__heap_kind;

typedef struct tks__heap_entry {
    int64_t key;
    uint64_t rank; /* priority; id in the expiry heap */
    uint32_t slot;
    uint32_t reserved;
} tks__heap_entry;

typedef struct tks__heap {
    uint64_t entries_at; /* byte offset from the engine */
    uint32_t count;
    uint32_t capacity;
} tks__heap;

/* ---- Orders ---------------------------------------------------------------------------------- */

typedef enum tks__order_state {
    TKS__ORDER_PENDING = 1, /* before its first live tick */
    TKS__ORDER_RESTING = 2, /* waits for a price */
    TKS__ORDER_MARKET = 3   /* wants lots at any price, on every tick */
} tks__order_state;

typedef struct tks__order {
    uint64_t id;
    uint64_t tag;
    uint64_t group;
    uint64_t priority; /* sequence of the event that gave it */
    int64_t qty_lots;
    int64_t filled_lots;
    int64_t price_ticks;
    int64_t trigger_ticks;
    int64_t trail_ticks;
    int64_t expire_time;
    int64_t placed_time;
    int64_t live_from;  /* TKS_TIME_NONE: at once */
    int64_t best_ticks; /* TRAILING_STOP, resting: best price since live */
    int64_t fees_units;
    uint64_t raw_fee_low; /* fee before rounding, 10^-9 units, 128-bit two's complement */
    uint64_t raw_fee_high;
    int64_t frozen_units;
    int64_t frozen_lots;
    uint32_t instrument;
    uint32_t flags;
    uint8_t type;
    uint8_t side;
    uint8_t time_in_force;
    uint8_t offset;
    uint8_t state; /* tks__order_state */
    uint8_t is_triggered;
    uint8_t is_counted; /* while a tick counts what it needs */
    uint8_t reserved;
    uint32_t heap_at[TKS__HEAP_KINDS]; /* place in each heap, or TKS_NONE */
    uint32_t next;                     /* open orders in order of id; of a free slot: next free */
    uint32_t previous;
    uint32_t group_next; /* ring of siblings in order of id; itself when alone */
    uint32_t group_previous;
} tks__order;

/* ---- Instruments ----------------------------------------------------------------------------- */

enum { TKS__LOTS_ANY, TKS__LOTS_TODAY, TKS__LOTS_YESTERDAY, TKS__LOTS_KINDS };

/* What scan.c remembers about a feed between two looks at it; meaningless outside a batch. */
typedef struct tks__scan {
    uint64_t next;         /* next row that matters, or one before which none does; or count */
    uint64_t clear_until;  /* rows before it were seen clear of … */
    int64_t clear_falling; /* … these thresholds */
    int64_t clear_rising;
    uint64_t map_rows; /* rows of the feed's zone map, as they were when the batch began */
    uint64_t wake_row; /* first row at or after wake_time, searched from the cursor of then */
    int64_t wake_time;
    uint32_t feed;     /* index of the instrument's feed */
    uint32_t is_exact; /* `next` matters */
} tks__scan;

/* Entries of a level of the trees that tell which feed comes first; of all levels together. */
enum { TKS__RACE_FAN = 8 };

static inline uint64_t tks__race_padded(uint64_t count)
{
    return count ? (count + TKS__RACE_FAN - 1) / TKS__RACE_FAN * TKS__RACE_FAN : TKS__RACE_FAN;
}

static inline uint64_t tks__race_entries(uint64_t count)
{
    uint64_t entries = tks__race_padded(count);
    while (count > TKS__RACE_FAN) {
        count = tks__race_padded(count) / TKS__RACE_FAN;
        entries += tks__race_padded(count);
    }
    return entries;
}

typedef struct tks__instrument {
    tks_instrument rules;
    tks_bucket buckets[4];                   /* frozen_lots unused here: see frozen_lots below */
    int64_t frozen_lots[2][TKS__LOTS_KINDS]; /* [long, short][which lots the orders may take] */
    int64_t realized_units;
    int64_t fees_units;
    int64_t last_price_ticks;
    int64_t pool_lots; /* under VOLUME: what the last tick has left for one that continues it */
    uint64_t tick_count;
    uint32_t order_count;
    uint32_t alert_count;
    tks__heap heaps[TKS__HEAP_EXPIRY];
    tks__scan scan;
} tks__instrument;

/* ---- The engine ------------------------------------------------------------------------------ */

typedef enum tks__command_kind {
    TKS__COMMAND_CANCEL = 1,
    TKS__COMMAND_CANCEL_ALL = 2,
    TKS__COMMAND_AMEND = 3
} tks__command_kind;

typedef struct tks__command {
    int64_t due;
    uint64_t order_id; /* CANCEL_ALL: orders with smaller ids */
    uint32_t kind;
    uint32_t instrument; /* CANCEL_ALL: or TKS_INSTRUMENT_ALL */
    uint64_t tag;        /* tag and side of the order: it may be gone when the command arrives */
    uint32_t side;
    uint32_t reserved;
    tks_amend amend;
} tks__command;

typedef struct tks__wallet {
    int64_t cash_units;
    int64_t in_units;
    int64_t income_units;
    int64_t fees_units;
    int64_t realized_units;
    int64_t frozen_units;
} tks__wallet;

/* An order that takes part in the tick, with its place in the execution order. */
typedef struct tks__candidate {
    int64_t key;
    uint64_t rank;
    uint32_t slot;
    uint32_t class;
} tks__candidate;

/* Places for each order: a tick over a range may find a trailing stop in two heaps, and what ends in
 * time is counted behind them. */
enum { TKS__CANDIDATES = 3 };

struct tks_engine {
    uint64_t magic;
    uint64_t size;
    uint32_t config_flags;
    uint32_t instrument_count;
    uint32_t events_max;
    uint32_t commands_max;
    uint32_t orders_max; /* over all instruments */
    uint32_t table_bits; /* both hash tables have 2^bits places */
    int64_t initial_cash_units;
    int64_t latency;
    uint64_t instruments_at; /* byte offsets from the engine */
    uint64_t orders_at;
    uint64_t ids_at;
    uint64_t groups_at;
    uint64_t events_at;
    uint64_t commands_at;
    uint64_t candidates_at;
    uint64_t own_at; /* which feed comes first, in a batch: see scan.c */
    uint64_t fronts_at;
    tks__heap expiry;
    /* Everything below is the state. */
    int64_t clock; /* meaningless while has_clock is 0 */
    uint32_t has_clock;
    uint32_t last_instrument; /* of the last tick taken */
    tks__wallet wallet;
    uint64_t order_id_next;
    uint32_t first_order; /* by id */
    uint32_t last_order;
    uint32_t open_count; /* orders and alerts */
    uint32_t free_slot;  /* head of the list of freed slots */
    uint32_t slots_used; /* slots ever taken; those beyond were never touched */
    uint32_t event_first;
    uint32_t event_count;
    uint32_t command_first;
    uint32_t command_count;
    uint32_t event_kinds;    /* bits of the kinds emitted since they were last cleared */
    uint64_t event_sequence; /* of the last event */
    tks_digest event_digest;
};

#define TKS__MAGIC UINT64_C(0x70657473736b6374)

static inline void *tks__at(const tks_engine *engine, uint64_t offset)
{
    return (char *)(uintptr_t)engine + offset;
}

static inline tks__instrument *tks__instrument_at(const tks_engine *engine, uint32_t index)
{
    return (tks__instrument *)tks__at(engine, engine->instruments_at) + index;
}

static inline tks__order *tks__order_at(const tks_engine *engine, uint32_t slot)
{
    return (tks__order *)tks__at(engine, engine->orders_at) + slot;
}

static inline tks__heap_entry *tks__heap_entries(const tks_engine *engine, const tks__heap *heap)
{
    return (tks__heap_entry *)tks__at(engine, heap->entries_at);
}

static inline tks__command *tks__command_at(const tks_engine *engine, uint32_t index)
{
    uint32_t place = (uint32_t)(((uint64_t)engine->command_first + index) % engine->commands_max);
    return (tks__command *)tks__at(engine, engine->commands_at) + place;
}

/* Key of a heap's first entry; INT64_MAX when it is empty. */
static inline int64_t tks__heap_first(const tks_engine *engine, const tks__heap *heap)
{
    return heap->count ? tks__heap_entries(engine, heap)[0].key : INT64_MAX;
}

static inline bool tks__is_alert(uint8_t type)
{
    return type >= TKS_ORDER_ALERT_PRICE;
}

static inline int64_t tks__abs(int64_t x)
{
    return x < 0 ? -x : x;
}

static inline bool tks__is_within(int64_t x, int64_t low, int64_t high)
{
    return x >= low && x <= high;
}

static inline int64_t tks__min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t tks__max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A price this instrument may have, on a tick or an order. */
static inline bool tks__is_price(const tks_instrument *rules, int64_t price_ticks)
{
    int64_t low = rules->flags & TKS_INSTRUMENT_ALLOW_NEGATIVE ? 1 - TKS_PRICE_END : 1;
    return price_ticks >= low && price_ticks < TKS_PRICE_END;
}

static inline int64_t tks__rest(const tks__order *order)
{
    return order->qty_lots - order->filled_lots;
}

/* The price that ACCEPTED and AMENDED tell: limit, else trigger, else trail. */
static inline int64_t tks__price_told(const tks__order *order)
{
    if (order->type == TKS_ORDER_LIMIT || order->type == TKS_ORDER_STOP_LIMIT)
        return order->price_ticks;
    return order->type == TKS_ORDER_TRAILING_STOP ? order->trail_ticks : order->trigger_ticks;
}

/* What an order waits for. A limit: LIMIT, or a STOP_LIMIT that has fired. Market, that is lots at
 * any price: MARKET, or another stop that has fired. */
static inline bool tks__is_limit(const tks__order *order)
{
    return order->type == TKS_ORDER_LIMIT ||
           (order->type == TKS_ORDER_STOP_LIMIT && order->is_triggered);
}

static inline bool tks__is_market(const tks__order *order)
{
    return order->type == TKS_ORDER_MARKET ||
           (order->is_triggered && order->type != TKS_ORDER_STOP_LIMIT);
}

static inline bool tks__waits_for_falling(const tks__order *order)
{
    bool is_buy = order->side == TKS_SIDE_BUY;
    return tks__is_limit(order) || order->type == TKS_ORDER_MARKET_IF_TOUCHED ? is_buy : !is_buy;
}

static inline int64_t tks__threshold(const tks__instrument *instrument, const tks__order *order)
{
    bool falling = tks__waits_for_falling(order);
    if (tks__is_limit(order)) {
        int64_t through = instrument->rules.fill_rule == TKS_FILL_THROUGH;
        return falling ? order->price_ticks - through : order->price_ticks + through;
    }
    if (order->type == TKS_ORDER_TRAILING_STOP)
        return falling ? order->best_ticks - order->trail_ticks
                       : order->best_ticks + order->trail_ticks;
    return order->trigger_ticks;
}

static inline int64_t tks__position(const tks__instrument *instrument)
{
    const tks_bucket *b = instrument->buckets;
    return b[TKS_LONG_TODAY].qty_lots + b[TKS_LONG_YESTERDAY].qty_lots -
           b[TKS_SHORT_TODAY].qty_lots - b[TKS_SHORT_YESTERDAY].qty_lots;
}

/* ---- event.c --------------------------------------------------------------------------------- */

static inline uint32_t tks__event_room(const tks_engine *engine)
{
    return engine->events_max - engine->event_count;
}

/* Append an event: fills sequence, time, tick index and position. The caller made sure of room. */
void tks__event_emit(tks_engine *engine, const tks_event *event);
/* The same for an order, with its id, tag and signed quantity. */
void tks__event_emit_order(tks_engine *engine, const tks__order *order, tks_event_kind kind,
                           uint32_t reason, int64_t price_ticks, int64_t qty_lots);
void tks__digest_absorb(tks_digest *digest, const uint64_t words[11]);

/* ---- orders.c -------------------------------------------------------------------------------- */

void tks__orders_reset(tks_engine *engine);
bool tks__orders_have_room(const tks_engine *engine, uint32_t instrument);
uint32_t tks__order_find(const tks_engine *engine, uint64_t order_id);
/* First member of a group, or TKS_NONE. */
uint32_t tks__group_find(const tks_engine *engine, uint32_t instrument, uint64_t group);
/* Put a copy into the table, the id list and its group; not yet into a heap. */
uint32_t tks__order_insert(tks_engine *engine, const tks__order *order);
/* Take an order out of every structure and free its slot. */
void tks__order_remove(tks_engine *engine, uint32_t slot);
void tks__heap_push(tks_engine *engine, tks__heap_kind kind, uint32_t slot, int64_t key,
                    uint64_t rank);
void tks__heap_remove(tks_engine *engine, tks__heap_kind kind, uint32_t slot);
/* Out of the first `kinds` heaps: TKS__HEAP_EXPIRY of them tell where it waits. */
void tks__order_leave_heaps(tks_engine *engine, uint32_t slot, int kinds);
/* Collect the entries with key <= bound; returns how many were written. */
uint32_t tks__heap_collect(const tks_engine *engine, const tks__heap *heap, int64_t bound,
                           uint32_t class, tks__candidate *out);
void tks__candidates_sort(tks__candidate *candidates, uint32_t count);
/* Fill both hash tables from the open orders. */
void tks__tables_rebuild(tks_engine *engine);
/* Move orders into the holes that others left, so that copies stay small. */
void tks__orders_compact(tks_engine *engine);

/* The open order of an id the caller gave. */
tks_status tks__order_of_id(const tks_engine *engine, uint64_t order_id, uint32_t *slot_out);
/* An order as its owner asked for it and amended it. */
tks_order tks__order_as_asked(const tks__order *order);

/* Put an order where its state says it waits. */
void tks__order_wait_pending(tks_engine *engine, uint32_t slot);
void tks__order_wait_market(tks_engine *engine, uint32_t slot);
void tks__order_wait_price(tks_engine *engine, uint32_t slot);
/* TRAILING_STOP: a better price. */
void tks__order_trail(tks_engine *engine, uint32_t slot, int64_t price_ticks);

/* ---- account.c ------------------------------------------------------------------------------- */

/* qty * |price| * unit, or TKS_MONEY_END when it is that or more. */
int64_t tks__value_bound(const tks_instrument *rules, int64_t qty_lots, int64_t price_ticks);
/* qty * price * unit; false when it needs more than 100 bits (so that sums of many still fit). */
bool tks__value_wide(const tks_instrument *rules, int64_t qty_lots, int64_t price_ticks,
                     tks_i128 *value_out);
/* The price a market order of a side gets: half the spread away, rounded up to a tick. */
int64_t tks__far_side(const tks_instrument *rules, uint8_t side, int64_t price_ticks);

/* Lots an order of this side and offset could close, whoever reserved them. */
int64_t tks__closable(const tks__instrument *instrument, uint8_t side, uint8_t offset);
/* The same less what other groups have reserved. */
int64_t tks__closable_free(const tks_engine *engine, const tks__order *order);
/* Fee of a fill of q lots, given what the order has been charged. */
int64_t tks__fee_of_fill(const tks_engine *engine, const tks__order *order, int64_t qty_lots,
                         int64_t price_ticks, tks_liquidity liquidity);
/* First reason to refuse an order, new or with amended values, or 0. The board lot is asked of a
 * quantity that somebody chose, not of one that siblings' fills have left. */
uint32_t tks__refusal_at_placement(const tks_engine *engine, const tks__order *order, bool new_qty);
/* First reason to refuse a fill, or 0. */
uint32_t tks__refusal_at_fill(const tks_engine *engine, const tks__order *order, int64_t qty_lots,
                              int64_t price_ticks, int64_t fee_units);
/* Post a fill; the order's filled lots and fees grow. Returns the realized profit. */
int64_t tks__post_fill(tks_engine *engine, tks__order *order, int64_t qty_lots, int64_t price_ticks,
                       tks_liquidity liquidity, int64_t fee_units);
/* Count what an order of a saved state holds; false when there is not that much. */
bool tks__freeze(tks_engine *engine, const tks__order *order);
/* Give back what an order holds; it and its siblings. */
void tks__release(tks_engine *engine, tks__order *order);
void tks__release_group(tks_engine *engine, uint32_t slot);
/* Reserve anew for an order and its siblings; for what is left of a group. */
void tks__reserve(tks_engine *engine, uint32_t slot);
void tks__reserve_group(tks_engine *engine, uint32_t instrument, uint64_t group);
bool tks__reserves(const tks_engine *engine, uint32_t instrument);
/* Worst movement of any ledger figure by one order, for the check before a tick. */
tks_u128 tks__order_weight(const tks_instrument *rules, int64_t qty_lots, int64_t price_ticks);
bool tks__money_has_room(const tks_engine *engine, const tks__instrument *instrument,
                         tks_u128 weight);
bool tks__settle_fits(const tks_engine *engine, uint32_t instrument, int64_t price_ticks,
                      int64_t *cash_units);
int64_t tks__settle(tks_engine *engine, uint32_t instrument, int64_t price_ticks);
void tks__join_days(tks_engine *engine, uint32_t instrument);
void tks__post_entry(tks_engine *engine, int32_t kind, int64_t amount_units);

/* ---- commands.c ------------------------------------------------------------------------------ */

tks_status tks__order_check(const tks_engine *engine, const tks_order *order);
/* End an open order with an event and let its group reserve anew. */
void tks__order_end(tks_engine *engine, uint32_t slot, tks_event_kind kind, uint32_t reason);
/* Run the delayed commands that are due. */
void tks__commands_run(tks_engine *engine, int64_t time);

/* ---- match.c --------------------------------------------------------------------------------- */

/* Nothing can happen on a tick of these prices but the clock and the price. */
static inline bool tks__tick_is_quiet(const tks_engine *engine, const tks__instrument *instrument,
                                      int64_t time, int64_t low_ticks, int64_t high_ticks)
{
    return tks__heap_first(engine, &instrument->heaps[TKS__HEAP_FALLING]) > -low_ticks &&
           tks__heap_first(engine, &instrument->heaps[TKS__HEAP_RISING]) > high_ticks &&
           tks__heap_first(engine, &instrument->heaps[TKS__HEAP_PENDING]) > time &&
           tks__heap_first(engine, &engine->expiry) > time &&
           (engine->command_count == 0 || tks__command_at(engine, 0)->due > time);
}
/* Lots that own orders may take of a tick, unless it continues the one before. */
static inline int64_t tks__pool(const tks_instrument *rules, int64_t qty_lots)
{
    if (rules->qty_rule != TKS_QTY_VOLUME)
        return 0;
    return (int64_t)((tks_u128)qty_lots * rules->participation_ppm / 1000000);
}

/* Run one tick whose values were checked. CAPACITY and OVERFLOW change nothing. */
tks_status tks__tick(tks_engine *engine, const tks_tick *tick);
tks_status tks__tick_check(const tks_instrument *rules, const tks_tick *tick);

/* ---- engine.c -------------------------------------------------------------------------------- */

tks_status tks__config_check(const tks_config *config);
/* Configuration and block together. */
tks_status tks__block_check(const void *memory, size_t size, const tks_config *config);
/* Configuration and layout; the state comes next. */
void tks__engine_make(tks_engine *engine, const tks_config *config);
void tks__state_reset(tks_engine *engine);

#endif /* TICKSTEP_KERNEL_H */
