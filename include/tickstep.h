/* SPDX-License-Identifier: MIT
 *
 * tickstep.h: a deterministic, fixed-point engine that steps ticks and matches orders.
 *
 * This header is the manual. It has one idea: an engine is a block of memory that you own. You feed
 * it ticks and orders; it answers with events, an exact account, and one digest of everything that
 * happened. Same configuration, ticks and commands: same events, state and digest, on every
 * compiler, processor, language, and however you cut the data into batches.
 *
 *     size_t size;
 *     tks_engine *engine;
 *     tks_engine_size(&config, &size);
 *     tks_engine_init(malloc(size), size, &config, &engine);
 *     tks_order_place(engine, &order, &id);
 *     tks_step_batch(engine, feeds, 1, 0, &result);
 *     tks_events_drain(engine, events, 256, &count);
 *
 * NUMBERS. No floating point anywhere.
 *   price    int64 ticks, |price| < 2^48. Must be > 0 unless the instrument allows negative prices.
 *   quantity int64 lots, 0 < qty < 2^62.
 *   money    int64 units of the one account currency. The value of a fill is
 *            price * qty * units_per_tick_lot, exact.
 *   rate     parts per billion (ppb, 10^-9). 1 basis point is 100000 ppb.
 *   time     int64 in a unit of your choice (milliseconds, say), |time| < 2^62; one unit per engine.
 *
 * MEMORY. The kernel never allocates, never frees, has no globals, no clock, no I/O and no
 *   pointers in its state. *_size tells the bytes, you bring the block (8-byte aligned), *_init
 *   fills it. Columns and zone maps stay yours and are only read during the call they are given to.
 *
 * THREADS. One engine, one thread at a time. Engines share nothing.
 *
 * NULL. No pointer may be NULL unless its line says so; NULL elsewhere is TKS_STATUS_NULL_ARGUMENT.
 *
 * ERRORS come on three channels that never mix.
 *   A bad call returns a status and changes nothing.
 *   A refusal by the market or the account is an event with a reason; the status is OK.
 *   A limit met while running (CAPACITY, OVERFLOW) stops before the tick that would pass it: what
 *   was done is done whole, that tick not at all. Drain the events or move the engine into a larger
 *   block with tks_engine_copy, and go on.
 *
 * WHEN AN ORDER TRADES. An order is live on ticks of its instrument that come after it and whose
 *   time is at least its placement time plus the latency; if the last tick before it belonged to
 *   another instrument, the time must also be strictly later. So every fill names a tick later than
 *   its order. Before the first tick of the engine, orders are live at once.
 *
 *     order              trades                                          at            fee
 *     MARKET             on its first live tick                          far side      taker
 *     LIMIT, first tick  only if the far side is within the limit        far side      taker
 *     LIMIT, later       by the fill rule                                its limit     maker
 *     STOP               price >= trigger (buy), <= trigger (sell)       far side      taker
 *     STOP_LIMIT         triggers as STOP; that tick is its first as LIMIT
 *     MARKET_IF_TOUCHED  price <= trigger (buy), >= trigger (sell)       far side      taker
 *     TRAILING_STOP      trigger = best price since live -/+ trail       far side      taker
 *     ALERT_PRICE        as STOP, but only tells: no quantity, no money
 *     ALERT_TIME         on the first tick of any instrument with time >= its time; only tells
 *
 *   The far side of a buy is price + half, of a sell price - half (floored at one tick unless
 *   negative prices are allowed), half = ceil(|price| * spread_ppb / (2 * 10^9)); or the ask and bid
 *   columns where a feed brings them.
 *   Fill rule of resting limits: TOUCH price <= limit (buy), THROUGH price < limit.
 *   Quantity: FULL, or VOLUME: one pool of floor(tick qty * participation_ppm / 10^6) lots per tick
 *   for all own orders of the instrument, in execution order; the rest stays. MARKET and fired
 *   stops that got less than they want stay MARKET and try every later tick.
 *
 * INSIDE ONE TICK of instrument j: (0) clock and last price. (1) GTD orders of any instrument that
 *   ended, by (time, id); then delayed commands that are due, in the order given. (2) Orders of j
 *   whose condition holds; trailing bests take the price first. They execute in this order:
 *   MARKET by priority; then what waits for a falling price, threshold descending, then priority;
 *   then what waits for a rising price, threshold ascending, then priority. The threshold of a limit
 *   is its limit (one tick further under THROUGH), of the others their trigger. (3) Each executes if
 *   still open, with its quantity of that moment; consequences follow its own event at once.
 *   (4) Alerts, by id. Several instruments merge by (time, instrument index, tick index).
 *
 * RANGES. A tick may stand for a stretch of trading of which only the ends are known: a bar after its
 *   open. The price then went without a gap from the start (the last price, moved into the range)
 *   to the tick's price, and touched low and high at unknown moments. MARKET orders and what already
 *   trades at the start do so there, first, by priority. A stop or touch order is fired where the
 *   path meets its trigger, and trades at the far side of that price. An order that begins to rest
 *   may trade in the same tick. In (2) all stops come before all limits and touch orders: of a stop
 *   and a target in one bar, the stop. LIMITS_FIRST turns that round; the truth lies between. A
 *   trailing stop is held against the range, then follows it, then is held against the price.
 *
 * LIMITS OF THIS VERSION, said plainly: one wallet; linear contracts only; no margin and no
 *   liquidation; cost within a bucket is the average; no market impact of your own orders; fills
 *   from trades alone are optimistic at the touch unless THROUGH or VOLUME is chosen. GCC or Clang,
 *   64-bit little-endian. The digests are for comparing runs, not for cryptography.
 */
#ifndef TICKSTEP_H
#define TICKSTEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef TKS_API
#define TKS_API
#endif

/* ------------------------------------------------------------------------------------------------
 * 1. Lists: every number has one place. Numbers are pinned and never reused.
 * --------------------------------------------------------------------------------------------- */

/* XX(number, NAME, "message") */
#define TKS_STATUS_MAP(XX)                                                                         \
    XX(0, OK, "done")                                                                              \
    XX(1, NULL_ARGUMENT, "a pointer that must be given is NULL")                                   \
    XX(2, STRUCT_SIZE, "struct_size is not sizeof the struct of this version")                     \
    XX(3, MEMORY_SIZE, "the block is smaller than the size asked for")                             \
    XX(4, MEMORY_ALIGN, "the block is not aligned to 8 bytes")                                     \
    XX(5, CAPACITY_RANGE, "orders_max or events_max is 0 or above 2^31 in all, or too many commands") \
    XX(6, CAPACITY_SMALLER, "the new capacities do not hold what is in the engine")                \
    XX(7, CONFIG_MISMATCH, "the configuration differs from the engine's")                          \
    XX(10, INSTRUMENT_COUNT, "instrument_count is 0 or above 65536")                               \
    XX(11, UNIT_RANGE, "units_per_tick_lot must be from 1 to 2^40")                                \
    XX(12, SPREAD_RANGE, "spread_ppb must be from 0 to 1999999999")                                \
    XX(13, FEE_RANGE, "a fee must be within 10^9 ppb, 2^40 units a lot, and a minimum from 0 to 2^40") \
    XX(14, RULE, "an enumerator is unknown or not in this version")                                \
    XX(15, QTY_RULE, "qty_step_lots and qty_min_lots must be from 1 to 2^61")                      \
    XX(16, BAND, "the price band is empty or outside the price range")                             \
    XX(17, CASH_RANGE, "initial_cash_units must be from 0 to 2^61")                                \
    XX(18, LATENCY_RANGE, "latency must be from 0 to 2^61")                                        \
    XX(19, PARTICIPATION, "participation_ppm must be from 1 to 1000000 under VOLUME, 0 otherwise") \
    XX(20, WALLET, "wallet must be 0 in this version")                                             \
    XX(21, CASH_ACCOUNT, "a cash account holds SPOT NET instruments with positive prices only")    \
    XX(30, INSTRUMENT, "no such instrument")                                                       \
    XX(31, SIDE, "side must be 0 (buy) or 1 (sell)")                                               \
    XX(32, ORDER_TYPE, "unknown order type")                                                       \
    XX(33, TIME_IN_FORCE, "unknown time in force, or one this order type cannot have")             \
    XX(34, OFFSET, "offset must be 0 for NET and name open or close for HEDGE")                    \
    XX(35, FLAGS, "unknown flag, or one this order type cannot have")                              \
    XX(36, QTY, "qty_lots must be from 1 to 2^62 - 1, and 0 for alerts")                           \
    XX(37, PRICE, "price_ticks is missing or out of range for this instrument")                    \
    XX(38, TRIGGER, "trigger_ticks is missing or out of range for this instrument")                \
    XX(39, TRAIL, "trail_ticks must be from 1 to 2^48 - 1 for TRAILING_STOP")                      \
    XX(40, EXPIRY, "expire_time is out of range")                                                  \
    XX(41, FIELD_UNUSED, "a field that this order type does not use is not 0")                     \
    XX(42, ORDER_UNKNOWN, "no order has this id")                                                  \
    XX(43, ORDER_CLOSED, "the order is no longer open")                                            \
    XX(44, AMEND_FIELDS, "the amendment names no field, or one this order does not have")          \
    XX(45, REASON, "the reason to refuse must be one from NO_CASH to RISK_LIMIT")                  \
    XX(50, TIME_BACKWARDS, "time is before the engine's clock or the row before it")               \
    XX(51, TIME_RANGE, "time is not within 2^62")                                                  \
    XX(52, TICK_PRICE, "price is out of range for this instrument")                                \
    XX(53, TICK_QTY, "quantity must be from 1 to 2^62 - 1")                                        \
    XX(54, TICK_SIDE, "side must be 0 (buy) or 1 (sell)")                                          \
    XX(55, TICK_QUOTE, "bid or ask is out of range, or bid is above ask")                          \
    XX(56, COLUMN_MISSING, "a column this feed or instrument needs is NULL")                       \
    XX(57, FEED_CURSOR, "cursor is beyond count")                                                  \
    XX(58, FEED_REPEATED, "two feeds name one instrument, or feeds are not in instrument order")   \
    XX(59, ZONE_MAP, "the zone map does not fit the feed")                                         \
    XX(60, SCHEDULE_ORDER, "a schedule row comes before the row above it")                         \
    XX(61, SCHEDULE_POINT, "a schedule needs either times or tick indexes")                        \
    XX(62, AMOUNT, "the amount is 0, has the wrong sign for its kind, or is beyond 2^61")          \
    XX(63, SETTLE_PRICE, "a settlement price is missing or out of range")                          \
    XX(64, ENTRY_KIND, "unknown ledger entry kind")                                                \
    XX(65, TICK_RANGE, "low and high are out of range or do not enclose the price, or the tick has quotes too")                                                \
    XX(70, CAPACITY, "no room for orders, commands or events: drain, or move to a larger block")   \
    XX(71, OVERFLOW, "money would pass 2^62 units")                                                \
    XX(80, STATE_FORMAT, "these bytes are not a saved state")                                      \
    XX(81, STATE_VERSION, "the saved state is of another version")                                 \
    XX(82, STATE_CHECKSUM, "the saved state is damaged")                                           \
    XX(83, STATE_INVALID, "the saved state breaks a rule of the engine")                           \
    XX(90, INTERNAL, "the engine met a state that must not exist")

typedef enum tks_status {
#define TKS_XX(number, name, message) TKS_STATUS_##name = number,
    TKS_STATUS_MAP(TKS_XX)
#undef TKS_XX
} tks_status;

/* Why an order was refused, ended or changed: `reason` of an event, low byte. XX(number, NAME, "message") */
#define TKS_REASON_MAP(XX)                                                                         \
    XX(1, NO_CASH, "not enough cash for the worst price and its fee")                              \
    XX(2, NO_POSITION, "not enough lots to close")                                                 \
    XX(3, NO_SHORT, "this instrument may not be sold short")                                       \
    XX(4, PRICE_BAND, "the price is outside the instrument's band")                                \
    XX(5, BOARD_LOT, "the quantity is not a board lot of the instrument")                          \
    XX(6, NO_PRICE, "the instrument has no price yet to reserve cash at")                          \
    XX(7, POST_ONLY, "the order would take, and is post-only")                                     \
    XX(8, REDUCE_ONLY, "there is no position left to reduce")                                      \
    XX(9, RISK_LIMIT, "a risk limit forbids it")                                                   \
    XX(10, TOO_LATE, "the order had ended before the command arrived")                             \
    XX(20, CANCELLED_BY_USER, "asked for")                                                         \
    XX(21, IOC_REST, "immediate-or-cancel: the rest did not trade at once")                        \
    XX(22, FOK_REST, "fill-or-kill: not all could trade at once")                                  \
    XX(23, OCO_FILLED, "a sibling order was filled")                                               \
    XX(24, TIME_REACHED, "its good-till time was reached")                                         \
    XX(25, DAY_ENDED, "its day ended")                                                             \
    XX(26, AMENDED_AWAY, "amended to no more than is filled")

typedef enum tks_reason {
#define TKS_XX(number, name, message) TKS_REASON_##name = number,
    TKS_REASON_MAP(TKS_XX)
#undef TKS_XX
} tks_reason;

typedef enum tks_side { TKS_SIDE_BUY = 0, TKS_SIDE_SELL = 1 } tks_side;

typedef enum tks_order_type {
    TKS_ORDER_MARKET = 1,
    TKS_ORDER_LIMIT = 2,
    TKS_ORDER_STOP = 3,
    TKS_ORDER_STOP_LIMIT = 4,
    TKS_ORDER_MARKET_IF_TOUCHED = 5,
    TKS_ORDER_TRAILING_STOP = 6,
    TKS_ORDER_ALERT_PRICE = 20,
    TKS_ORDER_ALERT_TIME = 21
} tks_order_type;

/* DAY ends at tks_day_roll and nowhere else: the kernel knows no calendar. IOC and FOK are decided
 * on the first live tick (for stops: the tick that fires them). */
typedef enum tks_time_in_force {
    TKS_TIF_GTC = 1,
    TKS_TIF_GTD = 2,
    TKS_TIF_DAY = 3,
    TKS_TIF_IOC = 4,
    TKS_TIF_FOK = 5
} tks_time_in_force;

/* NET instruments: NONE (the opposite side is closed first, the rest opens). HEDGE instruments:
 * which position the order means. CLOSE takes yesterday's lots first. */
typedef enum tks_offset {
    TKS_OFFSET_NONE = 0,
    TKS_OFFSET_OPEN = 1,
    TKS_OFFSET_CLOSE = 2,
    TKS_OFFSET_CLOSE_TODAY = 3,
    TKS_OFFSET_CLOSE_YESTERDAY = 4
} tks_offset;

enum { TKS_FLAG_POST_ONLY = 1, TKS_FLAG_REDUCE_ONLY = 2 }; /* tks_order.flags */

typedef enum tks_settle { TKS_SETTLE_SPOT = 1, TKS_SETTLE_MARK = 2 } tks_settle;
typedef enum tks_position_mode { TKS_POSITION_NET = 1, TKS_POSITION_HEDGE = 2 } tks_position_mode;
typedef enum tks_fill_rule { TKS_FILL_TOUCH = 1, TKS_FILL_THROUGH = 2 } tks_fill_rule;
typedef enum tks_qty_rule { TKS_QTY_FULL = 1, TKS_QTY_VOLUME = 2 } tks_qty_rule;

enum { /* tks_instrument.flags */
    TKS_INSTRUMENT_ALLOW_NEGATIVE = 1, /* prices may be 0 or negative */
    TKS_INSTRUMENT_NO_SHORT = 2,       /* lots to sell or close are checked and reserved */
    TKS_INSTRUMENT_BAND = 4,           /* band_low_ticks and band_high_ticks apply */
    TKS_INSTRUMENT_LIMITS_FIRST = 8     /* in a range tick limits trade before stops, not after */
};

enum { TKS_CONFIG_CASH_ACCOUNT = 1 }; /* tks_config.flags: cash is checked and reserved */

typedef enum tks_liquidity { TKS_LIQUIDITY_MAKER = 1, TKS_LIQUIDITY_TAKER = 2 } tks_liquidity;

/* DEPOSIT and WITHDRAWAL go to `in`, the others to `income`. SETTLEMENT appears in events only. */
typedef enum tks_entry {
    TKS_ENTRY_DEPOSIT = 1,
    TKS_ENTRY_WITHDRAWAL = 2,
    TKS_ENTRY_FUNDING = 3,
    TKS_ENTRY_DIVIDEND = 4,
    TKS_ENTRY_INTEREST = 5,
    TKS_ENTRY_BORROW = 6,
    TKS_ENTRY_SETTLEMENT = 20
} tks_entry;

typedef enum tks_event_kind {
    TKS_EVENT_ACCEPTED = 1,
    TKS_EVENT_REJECTED = 2,
    TKS_EVENT_TRIGGERED = 3,
    TKS_EVENT_FILLED = 4,
    TKS_EVENT_CANCELLED = 5,
    TKS_EVENT_EXPIRED = 6,
    TKS_EVENT_AMENDED = 7,
    TKS_EVENT_ALERT = 8,
    TKS_EVENT_LIQUIDATED = 9, /* not in this version */
    TKS_EVENT_DAY_ROLLED = 10,
    TKS_EVENT_LEDGER = 11
} tks_event_kind;

#define TKS_STOP_ON(kind) (UINT32_C(1) << (kind)) /* one bit of the stop_on masks */

#define TKS_VERSION_MAJOR 0
#define TKS_VERSION_MINOR 1
#define TKS_VERSION_PATCH 0

#define TKS_INSTRUMENT_ALL UINT32_MAX /* "every instrument" where a function says so */

/* Name without prefix ("TIME_BACKWARDS") and message of a status or reason; "UNKNOWN" otherwise. */
TKS_API const char *tks_status_name(int32_t status);
TKS_API const char *tks_status_message(int32_t status);
TKS_API const char *tks_reason_name(int32_t reason);
TKS_API const char *tks_reason_message(int32_t reason);
/* major * 10000 + minor * 100 + patch of the library. */
TKS_API uint32_t tks_version(void);

/* ------------------------------------------------------------------------------------------------
 * 2. Configuration and life. Set struct_size to sizeof the struct; zero what you do not use.
 * --------------------------------------------------------------------------------------------- */

typedef struct tks_instrument {
    uint32_t struct_size;
    uint32_t flags;              /* TKS_INSTRUMENT_* */
    uint8_t settle;              /* tks_settle: SPOT pays the notional, MARK only the variation */
    uint8_t position_mode;       /* tks_position_mode */
    uint8_t fill_rule;           /* tks_fill_rule */
    uint8_t qty_rule;            /* tks_qty_rule */
    uint32_t wallet;             /* 0 */
    uint32_t orders_max;         /* capacity: open orders and alerts; not part of the state */
    uint32_t participation_ppm;  /* 1 to 10^6 under VOLUME, else 0 */
    int64_t units_per_tick_lot;  /* 1 to 2^40: money units of one lot moving one tick */
    int64_t spread_ppb;          /* 0 to 1999999999: the whole bid-ask spread */
    int64_t maker_fee_ppb;       /* of the value; negative is a rebate */
    int64_t taker_fee_ppb;
    int64_t maker_fee_units_per_lot;
    int64_t taker_fee_units_per_lot;
    int64_t fee_min_units;       /* at least this per order, once it has a fill; 0: no minimum */
    int64_t qty_step_lots;       /* board lot: other quantities are refused (closing an odd rest is not) */
    int64_t qty_min_lots;
    int64_t band_low_ticks;      /* with TKS_INSTRUMENT_BAND: prices outside are refused */
    int64_t band_high_ticks;
} tks_instrument;

typedef struct tks_config {
    uint32_t struct_size;
    uint32_t flags;              /* TKS_CONFIG_* */
    uint32_t instrument_count;   /* 1 to 65536 */
    uint32_t events_max;         /* capacity: events not yet drained */
    uint32_t commands_max;       /* capacity: delayed cancels and amendments; 0 is fine at latency 0 */
    uint32_t reserved;           /* 0 */
    int64_t initial_cash_units;  /* 0 to 2^61 */
    int64_t latency;             /* time from a command to its effect, 0 to 2^61 */
    const tks_instrument *instruments; /* instrument_count of them; copied */
} tks_config;

typedef struct tks_engine tks_engine;

/* Bytes of the block that an engine of this configuration needs.
 * Errors: every configuration status, NULL_ARGUMENT, STRUCT_SIZE. Cost: O(instruments). */
TKS_API tks_status tks_engine_size(const tks_config *config, size_t *size_out);

/* Make an engine in the caller's block. The configuration is copied; the handle is the block.
 * Errors: as tks_engine_size, MEMORY_SIZE, MEMORY_ALIGN. Cost: O(block). */
TKS_API tks_status tks_engine_init(void *memory, size_t size, const tks_config *config,
                                   tks_engine **engine_out);

/* Back to the state after tks_engine_init: no clock, no orders, no events, ids from 1. */
TKS_API tks_status tks_engine_reset(tks_engine *engine);

/* Copy an engine, with everything in it, into another block: a fork when `config` is the engine's
 * own, growth when orders_max, events_max or commands_max are larger. Source and copy are equal in
 * every visible way and independent from then on. The blocks must not overlap.
 * Errors: as tks_engine_init, CONFIG_MISMATCH when anything but a capacity differs,
 * CAPACITY_SMALLER. Cost: O(what is in the engine). */
TKS_API tks_status tks_engine_copy(void *memory, size_t size, const tks_config *config,
                                   const tks_engine *source, tks_engine **engine_out);

/* ------------------------------------------------------------------------------------------------
 * 3. Orders and money. Ids are 1, 2, 3 … in order of placement, refused orders included.
 * --------------------------------------------------------------------------------------------- */

typedef struct tks_order {
    uint32_t struct_size;
    uint32_t instrument;
    uint8_t type;           /* tks_order_type */
    uint8_t side;           /* tks_side; of ALERT_PRICE: BUY waits for price >= trigger, SELL for <= */
    uint8_t time_in_force;  /* tks_time_in_force; alerts: GTC */
    uint8_t offset;         /* tks_offset */
    uint32_t flags;         /* TKS_FLAG_*; POST_ONLY for LIMIT and STOP_LIMIT without IOC or FOK */
    int64_t qty_lots;       /* > 0; 0 for alerts */
    int64_t price_ticks;    /* LIMIT, STOP_LIMIT: the limit; else 0 */
    int64_t trigger_ticks;  /* STOP, STOP_LIMIT, MARKET_IF_TOUCHED, ALERT_PRICE; else 0 */
    int64_t trail_ticks;    /* TRAILING_STOP: distance from the best price, >= 1; else 0 */
    int64_t expire_time;    /* GTD: ends before trading on the first tick at or after it; ALERT_TIME: when; else 0 */
    uint64_t oco_group;     /* 0, or a number of your own: open orders of one instrument with the same
                               number are siblings; a fill of q takes q off each of the others */
    uint64_t tag;           /* yours, echoed in every event of the order */
} tks_order;

/* Place an order. What the market or account refuses is a REJECTED event, and the id is used up.
 * Checks made here: arithmetic, board lot, band; with NO_SHORT the lots and in a cash account the
 * cash at the worst price, which are then reserved (siblings share one reservation).
 * Errors: INSTRUMENT to FIELD_UNUSED, OVERFLOW (value at its own price), CAPACITY. Cost: O(log orders). */
TKS_API tks_status tks_order_place(tks_engine *engine, const tks_order *order,
                                   uint64_t *order_id_out);

/* Cancel one open order or alert, now, or after the latency (alerts always now).
 * A delayed command that finds its order ended is a REJECTED event, TOO_LATE.
 * Errors: ORDER_UNKNOWN, ORDER_CLOSED, CAPACITY. */
TKS_API tks_status tks_order_cancel(tks_engine *engine, uint64_t order_id);

/* Cancel every open order (not alerts) placed so far of an instrument, or TKS_INSTRUMENT_ALL, in
 * order of id. Errors: INSTRUMENT, CAPACITY. Cost: O(open orders). */
TKS_API tks_status tks_orders_cancel(tks_engine *engine, uint32_t instrument);

enum { TKS_AMEND_QTY = 1, TKS_AMEND_PRICE = 2, TKS_AMEND_TRIGGER = 4, TKS_AMEND_TRAIL = 8 };

typedef struct tks_amend {
    uint32_t struct_size;
    uint32_t fields;        /* TKS_AMEND_*: what is given; the rest must be 0 */
    int64_t qty_lots;       /* new total, filled lots included; no more than filled: cancels */
    int64_t price_ticks;    /* LIMIT, STOP_LIMIT */
    int64_t trigger_ticks;  /* STOP, STOP_LIMIT, MARKET_IF_TOUCHED, while it has not fired */
    int64_t trail_ticks;    /* TRAILING_STOP, while it has not fired */
} tks_amend;

/* Change an open order, now or after the latency. Only less quantity keeps the priority; any other
 * change takes a new one and meets the first-live-tick rule again. Refused (board lot, band, cash,
 * lots): a REJECTED event, and the order stays as it was.
 * Errors: ORDER_UNKNOWN, ORDER_CLOSED, AMEND_FIELDS, QTY, PRICE, TRIGGER, TRAIL, OVERFLOW, CAPACITY. */
TKS_API tks_status tks_order_amend(tks_engine *engine, uint64_t order_id, const tks_amend *amend);

/* Refuse an order or an amendment that somebody outside forbids (a risk limit, say), so that it is in
 * the record all the same: REJECTED with this reason, NO_CASH to RISK_LIMIT, at once also under
 * latency. The id of the order is used up, and nothing else changes. The call is checked as that which
 * it stands for; market and account are not asked.
 * Errors: REASON; as tks_order_place; as tks_order_amend. Cost: O(1). */
TKS_API tks_status tks_order_refuse(tks_engine *engine, const tks_order *order, int32_t reason,
                                    uint64_t *order_id_out);
TKS_API tks_status tks_amend_refuse(tks_engine *engine, uint64_t order_id, const tks_amend *amend,
                                    int32_t reason);

/* Post money: positive is received, negative is paid. `instrument` is for the record.
 * DEPOSIT must be > 0 and WITHDRAWAL < 0; a cash account refuses (REJECTED, NO_CASH) to withdraw
 * what is not available. Errors: INSTRUMENT, ENTRY_KIND, AMOUNT, OVERFLOW, CAPACITY. */
TKS_API tks_status tks_ledger_post(tks_engine *engine, uint32_t instrument, int32_t kind,
                                   int64_t amount_units);

/* Settle the positions of one instrument at a price: base becomes the value at that price; MARK
 * instruments pay or receive the difference. Neither equity at that price nor realized changes.
 * Errors: INSTRUMENT, SETTLE_PRICE, OVERFLOW, CAPACITY. */
TKS_API tks_status tks_settle_at(tks_engine *engine, uint32_t instrument, int64_t price_ticks);

/* End the trading day: settle every position (prices_ticks: one per instrument, or NULL for the
 * last prices), today's lots become yesterday's, DAY orders expire by id.
 * Errors: SETTLE_PRICE, OVERFLOW, CAPACITY. Cost: O(instruments + open orders). */
TKS_API tks_status tks_day_roll(tks_engine *engine, const int64_t *prices_ticks);

/* ------------------------------------------------------------------------------------------------
 * 4. Ticks: one at a time, or columns.
 * --------------------------------------------------------------------------------------------- */

enum { /* tks_tick.flags */
    TKS_TICK_QUOTED = 1,    /* bid_ticks and ask_ticks are given */
    TKS_TICK_RANGE = 2,     /* low_ticks and high_ticks are given */
    TKS_TICK_CONTINUES = 4  /* with RANGE: its lots are those of the tick before; one pool for both */
};

typedef struct tks_tick {
    int64_t time;
    int64_t price_ticks;
    int64_t qty_lots;       /* with RANGE it may be 0 */
    union { int64_t bid_ticks; int64_t low_ticks; };
    union { int64_t ask_ticks; int64_t high_ticks; };
    uint32_t instrument;
    uint8_t side;           /* tks_side of the aggressor */
    uint8_t flags;          /* TKS_TICK_* */
    uint16_t reserved;
} tks_tick;

/* Take one tick. Errors: INSTRUMENT, TIME_BACKWARDS to TICK_QUOTE, TICK_RANGE, CAPACITY (drain and
 * repeat), OVERFLOW. Cost: O(1) when no order is touched, else O(log orders) for each. */
TKS_API tks_status tks_step(tks_engine *engine, const tks_tick *tick);

enum { /* tks_feed.flags */
    TKS_FEED_CHECKED = 1, /* the columns obey the rules; do not read them all again */
    TKS_FEED_RANGES = 2   /* every row is a range tick: low and high in the place of bid and ask */
};

enum { TKS_SIDE_CONTINUES = 2 }; /* added to the side of a row with a range: TKS_TICK_CONTINUES */

/* Columns of one instrument. A wrong CHECKED flag or zone map may give wrong results, but never
 * touches memory outside the columns. */
typedef struct tks_feed {
    uint32_t struct_size;
    uint32_t instrument;
    uint32_t flags;             /* TKS_FEED_* */
    uint32_t reserved;
    uint64_t cursor;            /* next row to take; moved by the call */
    uint64_t count;             /* rows before the end */
    const int64_t *time;
    const int64_t *price_ticks;
    const int64_t *qty_lots;    /* may be NULL unless the instrument's rule is VOLUME */
    const uint8_t *side;        /* may be NULL */
    union { const int64_t *bid_ticks; const int64_t *low_ticks; }; /* both or neither may be NULL */
    union { const int64_t *ask_ticks; const int64_t *high_ticks; };
    const void *zone_map;       /* may be NULL; made from these very prices (or longer columns they begin) */
    uint64_t zone_map_size;
} tks_feed;

typedef struct tks_batch_result {
    uint32_t struct_size;
    uint32_t event_kinds;       /* TKS_STOP_ON bits of the kinds emitted by the last tick executed */
    uint64_t ticks_done;        /* rows taken, over all feeds */
    uint64_t ticks_executed;    /* rows run through the full tick; the others were proved untouched */
    uint64_t ticks_scanned;     /* rows whose price was compared one by one */
    uint64_t zone_lines;        /* 64-byte lines of zone maps read */
    uint64_t rows_done;         /* tks_run_orders: schedule rows placed */
    uint64_t bad_row;           /* on a bad column or schedule: the row … */
    uint32_t bad_feed;          /* … and the feed */
    uint32_t reserved;
} tks_batch_result;

/* Run the rows [cursor, count) of all feeds, merged by (time, instrument, row). Feeds come in
 * ascending instrument order, one each. Every row is checked before the first is taken.
 * stop_on: bits of event kinds; the call returns after the tick that emitted one (0: never).
 * Errors: as tks_step, COLUMN_MISSING to ZONE_MAP; a bad column changes nothing and is named in the
 * result. CAPACITY and OVERFLOW stop before the tick concerned: ticks_done and the cursors tell.
 * Cost: one pass over the feeds and over unchecked columns; then O(log feeds) per executed row and
 * O(log) per touched order, plus one pass over the price column without a zone map. */
TKS_API tks_status tks_step_batch(tks_engine *engine, tks_feed *feeds, uint32_t feed_count,
                                  uint32_t stop_on, tks_batch_result *result_out);

/* Check the rows [cursor, count) of a feed against the rules alone (not the engine's clock).
 * bad_row_out is set when the answer is not OK. */
TKS_API tks_status tks_feed_check(const tks_feed *feed, const tks_instrument *instrument,
                                  uint64_t *bad_row_out);

/* A zone map: minima and maxima over 64-row zones and a tree above them; 0.143 bytes per row. With
 * it a batch reads only the zones that can touch an order. Memory: the caller's, 8-byte aligned. */
TKS_API uint64_t tks_zone_map_size(uint64_t count);
TKS_API tks_status tks_zone_map_build(void *memory, uint64_t size, const int64_t *price_ticks,
                                      uint64_t count);
/* The same over ranges. */
TKS_API tks_status tks_zone_map_build_ranges(void *memory, uint64_t size, const int64_t *low_ticks,
                                             const int64_t *high_ticks, uint64_t count);

enum { TKS_SCHEDULE_CHECKED = 1 }; /* tks_schedule.flags: rows passed before; used to go on after CAPACITY */

/* Orders as columns. Row r is placed after the last merged tick with time <= time[r], or after tick
 * tick_index[r] of its instrument (counted since init; -1: before its first). Rows ascend. Rows
 * beyond the data are placed at its end and stay open. Columns marked * may be NULL: all 0, except
 * time_in_force: all GTC. */
typedef struct tks_schedule {
    uint32_t struct_size;
    uint32_t flags;               /* TKS_SCHEDULE_* */
    uint64_t cursor;              /* next row to place; moved by the call */
    uint64_t count;
    const int64_t *time;          /* either times … */
    const int64_t *tick_index;    /* … or tick indexes; the other is NULL */
    const uint32_t *instrument;   /* * */
    const uint8_t *type;
    const uint8_t *side;
    const uint8_t *time_in_force; /* * */
    const uint8_t *offset;        /* * */
    const uint32_t *order_flags;  /* * */
    const int64_t *qty_lots;
    const int64_t *price_ticks;   /* * */
    const int64_t *trigger_ticks; /* * */
    const int64_t *trail_ticks;   /* * */
    const int64_t *expire_time;   /* * */
    const uint64_t *oco_group;    /* * */
    const uint64_t *tag;          /* * */
} tks_schedule;

/* Run the feeds to their end and place the schedule on the way. A bad row or column refuses the
 * whole call and is named in bad_row (bad_feed is feed_count for a schedule row). With tick indexes
 * every row's instrument must have a feed. Errors: as tks_step_batch and tks_order_place,
 * SCHEDULE_ORDER, SCHEDULE_POINT. CAPACITY and OVERFLOW leave both cursors where they stopped. */
TKS_API tks_status tks_run_orders(tks_engine *engine, tks_feed *feeds, uint32_t feed_count,
                                  tks_schedule *schedule, tks_batch_result *result_out);

/* ------------------------------------------------------------------------------------------------
 * 5. Answers.
 * --------------------------------------------------------------------------------------------- */

/* 88 bytes, little-endian, no padding: the record the event digest is made of. Unused fields are 0.
 *   reason    REJECTED CANCELLED EXPIRED: tks_reason. AMENDED: 0, or OCO_FILLED when a sibling's fill
 *             took lots off. ACCEPTED: order type + 256 * offset. FILLED: tks_liquidity + 256 * offset.
 *             LEDGER: tks_entry.
 *   tick_index of the instrument's last tick so far, -1 before its first.
 *   price     FILLED: of the fill. ACCEPTED AMENDED: limit, else trigger, else trail. TRIGGERED, price
 *             alerts: where it was met. LEDGER SETTLEMENT: the settlement price.
 *   qty       positive for buys, negative for sells. FILLED: filled now. TRIGGERED CANCELLED EXPIRED:
 *             what was still open. ACCEPTED REJECTED AMENDED: the (new, asked) total.
 *   realized  FILLED: profit of the closed part, gross of fees. LEDGER: the money posted.
 *   position_after  long minus short lots of the instrument. */
typedef struct tks_event {
    uint16_t kind; /* tks_event_kind */
    uint16_t reason;
    uint32_t instrument;
    uint64_t sequence; /* 1, 2, 3 … since init or reset */
    int64_t time;      /* engine clock; 0 before the first tick */
    int64_t tick_index;
    uint64_t order_id;
    uint64_t tag;
    int64_t price_ticks;
    int64_t qty_lots;
    int64_t fee_units;
    int64_t realized_units;
    int64_t position_after_lots;
} tks_event;

/* How many events wait to be drained; 0 for NULL. Cost: O(1). */
TKS_API uint32_t tks_events_waiting(const tks_engine *engine);

/* Move up to `capacity` events out, oldest first. */
TKS_API tks_status tks_events_drain(tks_engine *engine, tks_event *events_out, uint32_t capacity,
                                    uint32_t *count_out);

typedef struct tks_digest {
    uint64_t low;
    uint64_t high;
} tks_digest;

/* 128-bit digest of all events since init or reset, drained or not. */
TKS_API tks_status tks_event_digest(const tks_engine *engine, tks_digest *digest_out);

/* The same digest from records at hand: start from {0, 0}, give the events in order. */
TKS_API tks_status tks_digest_update(tks_digest *digest, const tks_event *events, uint64_t count);

enum { TKS_LONG_TODAY = 0, TKS_LONG_YESTERDAY = 1, TKS_SHORT_TODAY = 2, TKS_SHORT_YESTERDAY = 3 };

typedef struct tks_bucket {
    int64_t qty_lots;     /* >= 0 */
    int64_t frozen_lots;  /* reserved by open orders, <= qty_lots */
    int64_t cost_units;   /* value of the lots at their open prices */
    int64_t base_units;   /* value last settled */
} tks_bucket;

/* One instrument and the wallet it belongs to. Exact after every event:
 *   cash   = in + income - fees + sum(realized) - sum(s*cost) + sum over MARK (s*base)
 *   equity = cash + sum over SPOT (s*value) + sum over MARK (s*(value - base))
 *          = in + income - fees + sum(realized) + sum(s*(value - cost)),   s = +1 long, -1 short */
typedef struct tks_snapshot {
    uint32_t struct_size;
    uint32_t instrument;
    uint64_t order_count;        /* open orders of the instrument, alerts not counted */
    uint64_t alert_count;
    int64_t time;                /* engine clock; 0 before the first tick */
    int64_t tick_index;          /* of the instrument's last tick, -1 before its first */
    int64_t last_price_ticks;    /* 0 before its first tick */
    int64_t position_lots;       /* long - short */
    int64_t cost_units;          /* sum(s*cost) */
    int64_t realized_units;      /* of this instrument, gross of fees */
    int64_t unrealized_units;    /* sum(s*(value - cost)) at the last price */
    int64_t fees_units;          /* of this instrument */
    int64_t cash_units;          /* wallet, from here on */
    int64_t in_units;            /* initial cash, deposits, withdrawals */
    int64_t income_units;        /* funding, dividends, interest, borrow */
    int64_t wallet_fees_units;
    int64_t wallet_realized_units;
    int64_t wallet_unrealized_units;
    int64_t equity_units;
    int64_t frozen_units;        /* reserved by open orders */
    int64_t available_units;     /* cash - frozen */
    tks_bucket buckets[4];       /* TKS_LONG_TODAY … of this instrument */
} tks_snapshot;

/* Errors: INSTRUMENT, OVERFLOW (a figure does not fit int64). Cost: O(instruments). */
TKS_API tks_status tks_snapshot_get(const tks_engine *engine, uint32_t instrument,
                                    tks_snapshot *snapshot_out);

/* What is known of an instrument without a look at the others. */
typedef struct tks_holding {
    int64_t time;             /* engine clock; 0 before the first tick */
    int64_t tick_index;       /* of the instrument's last tick, -1 before its first */
    int64_t last_price_ticks; /* 0 before its first tick */
    int64_t position_lots;    /* long - short */
} tks_holding;

/* Errors: INSTRUMENT. Cost: O(1). */
TKS_API tks_status tks_holding_get(const tks_engine *engine, uint32_t instrument,
                                   tks_holding *holding_out);

typedef struct tks_order_view {
    uint64_t order_id;
    tks_order order;        /* as placed and amended: qty_lots is the total */
    int64_t filled_lots;
    int64_t placed_time;    /* engine clock at placement; 0 before the first tick */
    int64_t trigger_now_ticks; /* TRAILING_STOP: today's trigger once live, else 0 */
    int64_t fees_units;
    int64_t frozen_units;
    int64_t frozen_lots;
    uint8_t is_triggered;   /* a stop that has fired */
    uint8_t is_resting;     /* past its first live tick */
    uint8_t reserved[6];
} tks_order_view;

/* One open order. Errors: ORDER_UNKNOWN, ORDER_CLOSED. Cost: O(1). */
TKS_API tks_status tks_order_get(const tks_engine *engine, uint64_t order_id,
                                 tks_order_view *view_out);

/* Open orders and alerts with id > after_id in order of id, up to `capacity`; of one instrument or
 * TKS_INSTRUMENT_ALL. after_id = 0 begins. count_out is how many were written.
 * Cost: O(written), but O(open orders) when after_id has ended or instruments are mixed. */
TKS_API tks_status tks_orders_open(const tks_engine *engine, uint32_t instrument,
                                   uint64_t after_id, tks_order_view *views_out,
                                   uint32_t capacity, uint32_t *count_out);

/* What a tick must reach to do more than move the clock, the price and the tick index: a program that
 * looks at ticks itself need not hand over the others one by one. Good until the next call that takes
 * a tick or a command; tks_step_batch takes the rows passed over in one step. */
typedef struct tks_wake {
    int64_t falling_ticks; /* a price (of a range: a low) at or below it; INT64_MIN: none */
    int64_t rising_ticks;  /* a price (of a range: a high) at or above it; INT64_MAX: none */
    int64_t time;          /* a time at or after it; INT64_MAX: none */
} tks_wake;

/* Ticks of one instrument. Errors: INSTRUMENT. Cost: O(1). */
TKS_API tks_status tks_wake_get(const tks_engine *engine, uint32_t instrument, tks_wake *wake_out);

/* ------------------------------------------------------------------------------------------------
 * 6. The state as bytes: config without capacities, clock and last prices, account, open orders by
 *    id, delayed commands, event digest. Equal over every path, batch split and capacity. Events
 *    not yet drained are not part of it.
 * --------------------------------------------------------------------------------------------- */

TKS_API tks_status tks_state_size(const tks_engine *engine, size_t *size_out);

/* Errors: MEMORY_SIZE. Cost: O(state). */
TKS_API tks_status tks_state_save(const tks_engine *engine, void *bytes_out, size_t size,
                                  size_t *written_out);

/* 128-bit hash of the bytes that tks_state_save would write. Cost: O(state). */
TKS_API tks_status tks_state_hash(const tks_engine *engine, tks_digest *digest_out);

/* The configuration inside saved bytes, with the smallest capacities that hold them.
 * instruments_out: room for instruments_max; instrument_count tells how many there are (also when
 * the room is too small: CAPACITY). Errors: STATE_*. */
TKS_API tks_status tks_state_config(const void *bytes, size_t size, tks_config *config_out,
                                    tks_instrument *instruments_out, uint32_t instruments_max);

/* Make an engine from saved bytes. `config` brings the capacities and must otherwise be the saved
 * one. The bytes are not trusted: whatever they hold, the answer is an engine that obeys the rules
 * or an error. Errors: as tks_engine_init, STATE_*, CONFIG_MISMATCH, CAPACITY_SMALLER. */
TKS_API tks_status tks_state_load(void *memory, size_t size, const tks_config *config,
                                  const void *bytes, size_t bytes_size, tks_engine **engine_out);

#ifdef __cplusplus
}
#endif
#endif /* TICKSTEP_H */
