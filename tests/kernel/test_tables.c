/* SPDX-License-Identifier: MIT
 *
 * Runs the text tables of tests/golden against the kernel; tests/table.py describes their language.
 * Every table runs in three ways that must not differ: tick by tick; with each tick as a batch of
 * one row, and zone maps for all batches; and saved to bytes and loaded again after every command.
 *
 *     cc -std=c11 -Iinclude tests/kernel/test_tables.c core/?*.c -o test_tables
 *     ./test_tables tests/golden/?*.tbl
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tickstep.h"

enum { PARTS_MAX = 40, LINES_MAX = 8192, ROWS_MAX = 256, INSTRUMENTS_MAX = 8, EVENTS_MAX = 512 };
enum { WAY_STEP, WAY_BATCH, WAY_RELOAD, WAY_COUNT };

typedef struct line {
    const char *file;
    int number;
    const char *verb;
    const char *words[PARTS_MAX];
    int word_count;
    const char *keys[PARTS_MAX];
    const char *values[PARTS_MAX];
    int key_count;
} line;

typedef struct rows { /* the columns of one feed */
    uint64_t count;
    uint64_t cursor;
    uint8_t flags; /* of every row: TKS_TICK_QUOTED, TKS_TICK_RANGE or 0 */
    uint64_t zones[ROWS_MAX]; /* room for a zone map */
    int64_t time[ROWS_MAX], price[ROWS_MAX], qty[ROWS_MAX], bid[ROWS_MAX], ask[ROWS_MAX];
    uint8_t side[ROWS_MAX];
} rows;

static struct {
    int way;
    tks_config config;
    tks_instrument instruments[INSTRUMENTS_MAX];
    tks_engine *engine;
    size_t size;
    const line *command; /* the last one, and what came of it */
    tks_status status;
    tks_batch_result result;
    bool has_expected;
    bool is_status_seen;
    tks_event events[EVENTS_MAX]; /* drained and not yet expected: [first, count) */
    uint32_t event_first, event_count;
    rows rows[INSTRUMENTS_MAX];
    bool is_fed; /* a batch or run has used the rows: the next row begins anew */
    tks_order schedule[ROWS_MAX];
    int64_t points[ROWS_MAX];
    uint64_t schedule_count;
    bool is_by_time;
} run;

static jmp_buf table_end; /* the first difference of a table ends it */

_Noreturn static void fail(const line *at, const char *format, ...)
{
    static const char *const ways[] = {"step", "batch", "reload"};
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: (%s) ", at->file, at->number, ways[run.way]);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    longjmp(table_end, 1);
}

static void require_ok(const line *at, const char *call, tks_status status)
{
    if (status != TKS_STATUS_OK) fail(at, "%s: %s", call, tks_status_name((int32_t)status));
}

/* ---- Names and numbers ---------------------------------------------------------------------- */

typedef struct name {
    const char *word;
    int64_t number;
} name;

static const name types[] = {
    {"market", 1},   {"limit", 2},        {"stop", 3},        {"stop_limit", 4}, {"touched", 5},
    {"trailing", 6}, {"alert_price", 20}, {"alert_time", 21}, {NULL, 0}};
static const name sides[] = {{"buy", 0}, {"sell", 1}, {NULL, 0}};
static const name tifs[] = {{"gtc", 1}, {"gtd", 2}, {"day", 3}, {"ioc", 4}, {"fok", 5}, {NULL, 0}};
static const name offsets[] = {{"none", 0},        {"open", 1},           {"close", 2},
                               {"close_today", 3}, {"close_yesterday", 4}, {NULL, 0}};
static const name settles[] = {{"spot", 1}, {"mark", 2}, {NULL, 0}};
static const name positions[] = {{"net", 1}, {"hedge", 2}, {NULL, 0}};
static const name fills[] = {{"touch", 1}, {"through", 2}, {NULL, 0}};
static const name qtys[] = {{"full", 1}, {"volume", 2}, {NULL, 0}};
static const name liquidities[] = {{"maker", 1}, {"taker", 2}, {NULL, 0}};
static const name entries[] = {{"deposit", 1},  {"withdrawal", 2}, {"funding", 3},
                               {"dividend", 4}, {"interest", 5},   {"borrow", 6},
                               {"settlement", 20}, {NULL, 0}};
static const name kinds[] = {{"accepted", 1},   {"rejected", 2},   {"triggered", 3}, {"filled", 4},
                             {"cancelled", 5},  {"expired", 6},    {"amended", 7},   {"alert", 8},
                             {"liquidated", 9}, {"day_rolled", 10}, {"ledger", 11},  {NULL, 0}};

#define LOWER_MAX 64

static bool is_reason(const char *word, int32_t reason)
{
    char lower[LOWER_MAX] = "none";
    const char *upper = tks_reason_name(reason);
    for (size_t i = 0; reason != 0 && i < LOWER_MAX - 1 && (lower[i] = upper[i]) != 0; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z') lower[i] = (char)(lower[i] - 'A' + 'a');
    return strcmp(word, lower) == 0;
}

static int64_t number_of(const line *at, const char *text)
{
    bool is_negative = *text == '-';
    uint64_t sum = 0;
    const char *digit = text + is_negative;
    if (*digit == 0) fail(at, "not a number: '%s'", text);
    for (; *digit != 0; digit++) {
        if (*digit == '_') continue;
        if (*digit < '0' || *digit > '9') fail(at, "not a number: '%s'", text);
        sum = sum * 10 + (uint64_t)(*digit - '0');
    }
    return (int64_t)(is_negative ? 0 - sum : sum);
}

static int64_t named(const line *at, const char *word, const name *names)
{
    for (; names->word != NULL; names++)
        if (strcmp(names->word, word) == 0) return names->number;
    return number_of(at, word);
}

static const char *value_of(const line *at, const char *key)
{
    for (int i = 0; i < at->key_count; i++)
        if (strcmp(at->keys[i], key) == 0) return at->values[i];
    return NULL;
}

static int64_t number(const line *at, const char *key, int64_t otherwise)
{
    const char *value = value_of(at, key);
    return value ? number_of(at, value) : otherwise;
}

static int64_t choice(const line *at, const char *key, const name *names, int64_t otherwise)
{
    const char *value = value_of(at, key);
    return value ? named(at, value, names) : otherwise;
}

static bool has(const line *at, const char *word)
{
    for (int i = 0; i < at->word_count; i++)
        if (strcmp(at->words[i], word) == 0) return true;
    return false;
}

static const char *word(const line *at, int index)
{
    if (index >= at->word_count) fail(at, "a word is missing");
    return at->words[index];
}

static uint32_t instrument_or_all(const line *at)
{
    return value_of(at, "i") ? (uint32_t)number(at, "i", 0) : TKS_INSTRUMENT_ALL;
}

/* ---- Lines to structs ----------------------------------------------------------------------- */

static tks_instrument instrument_of(const line *at)
{
    uint32_t flags = (uint32_t)number(at, "flags", 0);
    if (has(at, "allow_negative")) flags |= TKS_INSTRUMENT_ALLOW_NEGATIVE;
    if (has(at, "no_short")) flags |= TKS_INSTRUMENT_NO_SHORT;
    if (has(at, "limits_first")) flags |= TKS_INSTRUMENT_LIMITS_FIRST;
    if (value_of(at, "band_low")) flags |= TKS_INSTRUMENT_BAND;
    return (tks_instrument){
        .struct_size = sizeof(tks_instrument),
        .flags = flags,
        .settle = (uint8_t)choice(at, "settle", settles, TKS_SETTLE_SPOT),
        .position_mode = (uint8_t)choice(at, "position", positions, TKS_POSITION_NET),
        .fill_rule = (uint8_t)choice(at, "fill", fills, TKS_FILL_TOUCH),
        .qty_rule = (uint8_t)choice(at, "qty", qtys, TKS_QTY_FULL),
        .wallet = (uint32_t)number(at, "wallet", 0),
        .orders_max = 64,
        .participation_ppm = (uint32_t)number(at, "participation_ppm", 0),
        .units_per_tick_lot = number(at, "unit", 1),
        .spread_ppb = number(at, "spread_ppb", 0),
        .maker_fee_ppb = number(at, "maker_ppb", 0),
        .taker_fee_ppb = number(at, "taker_ppb", 0),
        .maker_fee_units_per_lot = number(at, "maker_per_lot", 0),
        .taker_fee_units_per_lot = number(at, "taker_per_lot", 0),
        .fee_min_units = number(at, "fee_min", 0),
        .qty_step_lots = number(at, "step", 1),
        .qty_min_lots = number(at, "min", 1),
        .band_low_ticks = number(at, "band_low", 0),
        .band_high_ticks = number(at, "band_high", 0),
    };
}

static uint8_t flags_of(const line *at)
{
    uint8_t flags = 0;
    if (value_of(at, "bid")) flags |= TKS_TICK_QUOTED;
    if (value_of(at, "low")) flags |= TKS_TICK_RANGE;
    if (has(at, "continues")) flags |= TKS_TICK_CONTINUES;
    return flags;
}

/* A row of columns: one thing lies in them for all rows, and a range may continue the row before. */
static uint8_t column_flags(const tks_tick *tick)
{
    return tick->flags & (TKS_TICK_QUOTED | TKS_TICK_RANGE);
}

static uint8_t column_side(const tks_tick *tick)
{
    return tick->flags & TKS_TICK_CONTINUES ? tick->side | TKS_SIDE_CONTINUES : tick->side;
}

static tks_tick tick_of(const line *at)
{
    bool ranges = value_of(at, "low") != NULL;
    return (tks_tick){
        .time = number(at, "t", 0),
        .price_ticks = number(at, "p", 0),
        .qty_lots = number(at, "q", 1),
        .bid_ticks = number(at, ranges ? "low" : "bid", 0),
        .ask_ticks = number(at, ranges ? "high" : "ask", 0),
        .instrument = (uint32_t)number(at, "i", 0),
        .side = (uint8_t)choice(at, "side", sides, TKS_SIDE_BUY),
        .flags = flags_of(at),
    };
}

static tks_order order_of(const line *at)
{
    uint32_t flags = (uint32_t)number(at, "flags", 0);
    if (has(at, "post_only")) flags |= TKS_FLAG_POST_ONLY;
    if (has(at, "reduce_only")) flags |= TKS_FLAG_REDUCE_ONLY;
    return (tks_order){
        .struct_size = sizeof(tks_order),
        .instrument = (uint32_t)number(at, "i", 0),
        .type = (uint8_t)named(at, word(at, 0), types),
        .side = (uint8_t)named(at, word(at, 1), sides),
        .time_in_force = (uint8_t)choice(at, "tif", tifs, TKS_TIF_GTC),
        .offset = (uint8_t)choice(at, "offset", offsets, TKS_OFFSET_NONE),
        .flags = flags,
        .qty_lots = number(at, "q", 0),
        .price_ticks = number(at, "p", 0),
        .trigger_ticks = number(at, "trigger", 0),
        .trail_ticks = number(at, "trail", 0),
        .expire_time = number(at, "expire", 0),
        .oco_group = (uint64_t)number(at, "oco", 0),
        .tag = (uint64_t)number(at, "tag", 0),
    };
}

static tks_amend amend_of(const line *at)
{
    uint32_t fields = (value_of(at, "q") ? TKS_AMEND_QTY : 0)
                    | (value_of(at, "p") ? TKS_AMEND_PRICE : 0)
                    | (value_of(at, "trigger") ? TKS_AMEND_TRIGGER : 0)
                    | (value_of(at, "trail") ? TKS_AMEND_TRAIL : 0);
    return (tks_amend){
        .struct_size = sizeof(tks_amend),
        .fields = (uint32_t)number(at, "fields", fields),
        .qty_lots = number(at, "q", 0),
        .price_ticks = number(at, "p", 0),
        .trigger_ticks = number(at, "trigger", 0),
        .trail_ticks = number(at, "trail", 0),
    };
}

/* ---- Commands -------------------------------------------------------------------------------- */

static void *block(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (memory == NULL) abort();
    return memory;
}

static void engine_make(const line *lines, int count)
{
    uint32_t instrument_count = 0;
    const line *config = &lines[0];
    for (int i = 0; i < count; i++)
        if (strcmp(lines[i].verb, "instrument") == 0)
            run.instruments[instrument_count++] = instrument_of(&lines[i]);
    run.config = (tks_config){
        .struct_size = sizeof(tks_config),
        .flags = has(config, "cash_account") ? TKS_CONFIG_CASH_ACCOUNT : 0,
        .instrument_count = instrument_count,
        .events_max = EVENTS_MAX,
        .commands_max = 64,
        .initial_cash_units = number(config, "cash", 0),
        .latency = number(config, "latency", 0),
        .instruments = run.instruments,
    };
    run.engine = NULL;
    run.status = tks_engine_size(&run.config, &run.size);
    if (run.status != TKS_STATUS_OK) return;
    run.status = tks_engine_init(block(run.size), run.size, &run.config, &run.engine);
}

/* Write the state, forget the engine, and go on with one made from the bytes. */
static void reload(const line *at)
{
    size_t size = 0, written = 0;
    tks_digest before, after;
    tks_state_hash(run.engine, &before);
    tks_status status = tks_state_size(run.engine, &size);
    require_ok(at, "tks_state_size", status);
    void *bytes = block(size);
    status = tks_state_save(run.engine, bytes, size, &written);
    require_ok(at, "tks_state_save", status);
    memset(run.engine, 0xA5, run.size);
    status = tks_state_load(run.engine, run.size, &run.config, bytes, written, &run.engine);
    require_ok(at, "tks_state_load", status);
    free(bytes);
    tks_state_hash(run.engine, &after);
    if (memcmp(&before, &after, sizeof before) != 0) fail(at, "another state after the reload");
}

static void feed_row(const line *at, const tks_tick *tick)
{
    if (run.is_fed) {
        memset(run.rows, 0, sizeof run.rows);
        run.schedule_count = 0;
        run.is_fed = false;
    }
    if (tick == NULL) return;
    rows *to = &run.rows[tick->instrument];
    if (to->count == ROWS_MAX) fail(at, "too many rows");
    to->time[to->count] = tick->time;
    to->price[to->count] = tick->price_ticks;
    to->qty[to->count] = tick->qty_lots;
    to->side[to->count] = column_side(tick);
    to->bid[to->count] = tick->bid_ticks;
    to->ask[to->count] = tick->ask_ticks;
    if (to->count > 0 && to->flags != column_flags(tick)) fail(at, "the rows are not alike");
    to->flags = column_flags(tick);
    to->count++;
}

static void add_zone_map(tks_feed *feed, rows *from)
{
    feed->zone_map_size = tks_zone_map_size(from->count);
    if (feed->zone_map_size > sizeof from->zones) fail(run.command, "no room for a zone map");
    feed->zone_map = from->zones;
    bool ranges = from->flags & TKS_TICK_RANGE;
    tks_status status = tks_zone_map_build_ranges(
        from->zones, feed->zone_map_size, ranges ? from->bid : from->price,
        ranges ? from->ask : from->price, from->count);
    require_ok(run.command, "tks_zone_map_build_ranges", status);
}

static uint32_t feeds_of_rows(tks_feed *feeds)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < INSTRUMENTS_MAX; i++) {
        rows *from = &run.rows[i];
        if (from->count == 0) continue;
        feeds[count++] = (tks_feed){
            .struct_size = sizeof(tks_feed),
            .instrument = i,
            .flags = from->flags & TKS_TICK_RANGE ? TKS_FEED_RANGES : 0,
            .cursor = from->cursor,
            .count = from->count,
            .time = from->time,
            .price_ticks = from->price,
            .qty_lots = from->qty,
            .side = from->side,
            .bid_ticks = from->flags ? from->bid : NULL,
            .ask_ticks = from->flags ? from->ask : NULL,
        };
        if (run.way == WAY_BATCH) add_zone_map(&feeds[count - 1], from);
    }
    return count;
}

static void keep_cursors(const tks_feed *feeds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) run.rows[feeds[i].instrument].cursor = feeds[i].cursor;
    run.is_fed = true;
}

static tks_status run_batch(const line *at)
{
    tks_feed feeds[INSTRUMENTS_MAX];
    uint32_t count = feeds_of_rows(feeds), stop_on = 0;
    const char *next = value_of(at, "stop_on");
    while (next != NULL && *next != 0) {
        char kind[LOWER_MAX] = {0};
        size_t length = strcspn(next, ",");
        if (length >= LOWER_MAX) fail(at, "a kind is too long");
        memcpy(kind, next, length);
        stop_on |= TKS_STOP_ON(named(at, kind, kinds));
        next += length + (next[length] == ',');
    }
    tks_status status = tks_step_batch(run.engine, feeds, count, stop_on, &run.result);
    keep_cursors(feeds, count);
    return status;
}

/* The orders of the schedule as columns. */
static tks_status run_schedule(void)
{
    uint32_t instrument[ROWS_MAX], flags[ROWS_MAX];
    uint8_t type[ROWS_MAX], side[ROWS_MAX], tif[ROWS_MAX], offset[ROWS_MAX];
    int64_t qty[ROWS_MAX], price[ROWS_MAX], trigger[ROWS_MAX], trail[ROWS_MAX], expire[ROWS_MAX];
    uint64_t oco[ROWS_MAX], tag[ROWS_MAX];
    for (uint64_t r = 0; r < run.schedule_count; r++) {
        const tks_order *order = &run.schedule[r];
        instrument[r] = order->instrument, flags[r] = order->flags, type[r] = order->type;
        side[r] = order->side, tif[r] = order->time_in_force, offset[r] = order->offset;
        qty[r] = order->qty_lots, price[r] = order->price_ticks, trigger[r] = order->trigger_ticks;
        trail[r] = order->trail_ticks, expire[r] = order->expire_time;
        oco[r] = order->oco_group, tag[r] = order->tag;
    }
    tks_schedule schedule = {
        .struct_size = sizeof(tks_schedule), .count = run.schedule_count,
        .time = run.is_by_time ? run.points : NULL,
        .tick_index = run.is_by_time ? NULL : run.points,
        .instrument = instrument, .type = type, .side = side, .time_in_force = tif,
        .offset = offset, .order_flags = flags, .qty_lots = qty, .price_ticks = price,
        .trigger_ticks = trigger, .trail_ticks = trail, .expire_time = expire,
        .oco_group = oco, .tag = tag,
    };
    tks_feed feeds[INSTRUMENTS_MAX];
    uint32_t count = feeds_of_rows(feeds);
    tks_status status = tks_run_orders(run.engine, feeds, count, &schedule, &run.result);
    keep_cursors(feeds, count);
    return status;
}

static tks_status take_tick(const line *at)
{
    tks_tick tick = tick_of(at);
    bool is_row = column_flags(&tick) || !tick.flags;
    if (run.way != WAY_BATCH || !is_row) return tks_step(run.engine, &tick);
    uint8_t side = column_side(&tick);
    tks_feed feed = {
        .struct_size = sizeof(tks_feed), .instrument = tick.instrument, .count = 1,
        .flags = tick.flags & TKS_TICK_RANGE ? TKS_FEED_RANGES : 0,
        .time = &tick.time, .price_ticks = &tick.price_ticks, .qty_lots = &tick.qty_lots,
        .side = &side, .bid_ticks = tick.flags ? &tick.bid_ticks : NULL,
        .ask_ticks = tick.flags ? &tick.ask_ticks : NULL,
    };
    return tks_step_batch(run.engine, &feed, 1, 0, &run.result);
}

static tks_status roll_day(const line *at)
{
    int64_t prices[INSTRUMENTS_MAX] = {0};
    for (int i = 0; i < at->word_count; i++) prices[i] = number_of(at, at->words[i]);
    return tks_day_roll(run.engine, at->word_count ? prices : NULL);
}

static tks_status add_schedule_row(const line *at)
{
    feed_row(at, NULL);
    if (run.schedule_count == ROWS_MAX) fail(at, "too many rows");
    run.is_by_time = value_of(at, "time") != NULL;
    run.points[run.schedule_count] = number(at, run.is_by_time ? "time" : "after", 0);
    run.schedule[run.schedule_count++] = order_of(at);
    return TKS_STATUS_OK;
}

static int32_t refusal_of(const line *at)
{
    const char *word = value_of(at, "reason");
    for (int32_t reason = 1; word != NULL && reason < 256; reason++)
        if (is_reason(word, reason)) return reason;
    return word == NULL ? TKS_REASON_RISK_LIMIT : (int32_t)number_of(at, word);
}

static tks_status act(const line *at)
{
    const char *verb = at->verb;
    uint64_t id = 0;
    if (strcmp(verb, "tick") == 0) return take_tick(at);
    if (strcmp(verb, "place") == 0) {
        tks_order order = order_of(at);
        return tks_order_place(run.engine, &order, &id);
    }
    if (strcmp(verb, "cancel") == 0)
        return tks_order_cancel(run.engine, (uint64_t)number_of(at, word(at, 0)));
    if (strcmp(verb, "cancel_all") == 0)
        return tks_orders_cancel(run.engine, instrument_or_all(at));
    if (strcmp(verb, "amend") == 0) {
        tks_amend amend = amend_of(at);
        return tks_order_amend(run.engine, (uint64_t)number_of(at, word(at, 0)), &amend);
    }
    if (strcmp(verb, "refuse") == 0) {
        tks_order order = order_of(at);
        return tks_order_refuse(run.engine, &order, refusal_of(at), &id);
    }
    if (strcmp(verb, "refuse_amend") == 0) {
        tks_amend amend = amend_of(at);
        return tks_amend_refuse(run.engine, (uint64_t)number_of(at, word(at, 0)), &amend,
                                refusal_of(at));
    }
    if (strcmp(verb, "post") == 0)
        return tks_ledger_post(run.engine, (uint32_t)number(at, "i", 0),
                               (int32_t)named(at, word(at, 0), entries),
                               number_of(at, word(at, 1)));
    if (strcmp(verb, "settle") == 0)
        return tks_settle_at(run.engine, (uint32_t)number(at, "i", 0), number(at, "p", 0));
    if (strcmp(verb, "roll") == 0) return roll_day(at);
    if (strcmp(verb, "feed") == 0) {
        tks_tick tick = tick_of(at);
        feed_row(at, &tick);
        return TKS_STATUS_OK;
    }
    if (strcmp(verb, "row") == 0) return add_schedule_row(at);
    if (strcmp(verb, "batch") == 0) return run_batch(at);
    if (strcmp(verb, "run") == 0) return run_schedule();
    fail(at, "unknown command '%s'", verb);
}

static void drain(const line *at)
{
    uint32_t count = 0;
    run.event_first = run.event_count = 0;
    tks_status status = tks_events_drain(run.engine, run.events, EVENTS_MAX, &count);
    require_ok(at, "tks_events_drain", status);
    run.event_count = count;
}

/* Everything about the command above has been said: go on with `at`. */
static void finish_command(const line *at)
{
    if (run.status != TKS_STATUS_OK && !run.is_status_seen)
        fail(run.command, "%s: %s", run.command->verb, tks_status_name((int32_t)run.status));
    bool is_plain_place = strcmp(run.command->verb, "place") == 0 && !run.has_expected;
    uint32_t left = run.event_count - run.event_first;
    if (is_plain_place && left == 1 && run.events[run.event_first].kind == TKS_EVENT_ACCEPTED)
        run.event_first = run.event_count;
    else if (left != 0)
        fail(at, "not expected before: event kind %d of order %" PRIu64 ", reason %d",
             run.events[run.event_first].kind, run.events[run.event_first].order_id,
             run.events[run.event_first].reason);
}

static void begin_command(const line *at)
{
    run.command = at;
    run.has_expected = run.is_status_seen = false;
    run.result = (tks_batch_result){.struct_size = sizeof(tks_batch_result)};
}

/* ---- Expectations ---------------------------------------------------------------------------- */

typedef struct part { /* where a named figure is inside a struct */
    const char *key;
    size_t offset;
    size_t size;
} part;

#define PART(type, key, field) {key, offsetof(type, field), sizeof(((type *)0)->field)}
#define EVENT(key, field) PART(tks_event, key, field)
#define SNAPSHOT(key, field) PART(tks_snapshot, key, field)
#define VIEW(key, field) PART(tks_order_view, key, field)
#define RESULT(key, field) PART(tks_batch_result, key, field)
#define BUCKET(key, index)                                                                         \
    SNAPSHOT(key, buckets[index].qty_lots), SNAPSHOT(key "_frozen", buckets[index].frozen_lots),   \
        SNAPSHOT(key "_cost", buckets[index].cost_units),                                          \
        SNAPSHOT(key "_base", buckets[index].base_units)

static const part event_parts[] = {
    EVENT("id", order_id), EVENT("i", instrument), EVENT("t", time), EVENT("index", tick_index),
    EVENT("seq", sequence), EVENT("tag", tag), EVENT("p", price_ticks), EVENT("q", qty_lots),
    EVENT("fee", fee_units), EVENT("realized", realized_units),
    EVENT("position", position_after_lots), {NULL, 0, 0}};
static const part snapshot_parts[] = {
    SNAPSHOT("i", instrument), SNAPSHOT("orders", order_count), SNAPSHOT("alerts", alert_count),
    SNAPSHOT("time", time), SNAPSHOT("index", tick_index), SNAPSHOT("last", last_price_ticks),
    SNAPSHOT("position", position_lots), SNAPSHOT("cost", cost_units),
    SNAPSHOT("realized", realized_units), SNAPSHOT("unrealized", unrealized_units),
    SNAPSHOT("fees", fees_units), SNAPSHOT("cash", cash_units), SNAPSHOT("in", in_units),
    SNAPSHOT("income", income_units), SNAPSHOT("wallet_fees", wallet_fees_units),
    SNAPSHOT("wallet_realized", wallet_realized_units),
    SNAPSHOT("wallet_unrealized", wallet_unrealized_units), SNAPSHOT("equity", equity_units),
    SNAPSHOT("frozen", frozen_units), SNAPSHOT("available", available_units),
    BUCKET("long_today", TKS_LONG_TODAY), BUCKET("long_yesterday", TKS_LONG_YESTERDAY),
    BUCKET("short_today", TKS_SHORT_TODAY), BUCKET("short_yesterday", TKS_SHORT_YESTERDAY),
    {NULL, 0, 0}};
static const part view_parts[] = {
    VIEW("filled", filled_lots), VIEW("placed", placed_time),
    VIEW("trigger_now", trigger_now_ticks), VIEW("fees", fees_units), VIEW("frozen", frozen_units),
    VIEW("frozen_lots", frozen_lots), VIEW("triggered", is_triggered), VIEW("resting", is_resting),
    VIEW("q", order.qty_lots), VIEW("p", order.price_ticks), VIEW("trigger", order.trigger_ticks),
    VIEW("trail", order.trail_ticks), {NULL, 0, 0}};
static const part result_parts[] = {RESULT("done", ticks_done), RESULT("rows", rows_done),
                                    RESULT("row", bad_row), RESULT("feed", bad_feed), {NULL, 0, 0}};

static void compare(const line *at, const char *what, int64_t actual, int64_t expected)
{
    if (actual != expected)
        fail(at, "%s: expected %" PRId64 ", was %" PRId64, what, expected, actual);
}

static void compare_keys(const line *at, const void *record, const part *parts, const char *other)
{
    for (int i = 0; i < at->key_count; i++) {
        if (strcmp(at->keys[i], other) == 0) continue;
        const part *found = parts;
        while (found->key != NULL && strcmp(found->key, at->keys[i]) != 0) found++;
        if (found->key == NULL) fail(at, "unknown key '%s'", at->keys[i]);
        int64_t actual = 0;
        memcpy(&actual, (const char *)record + found->offset, found->size);
        compare(at, at->keys[i], actual, number_of(at, at->values[i]));
    }
}

static void expect_event(const line *at)
{
    const char *what = word(at, 0);
    if (run.event_first == run.event_count) fail(at, "no event is left");
    const tks_event *event = &run.events[run.event_first++];
    compare(at, "kind", event->kind, named(at, what, kinds));
    if (at->word_count > 1) {
        const name *names = strcmp(what, "accepted") == 0 ? types
                          : strcmp(what, "filled") == 0   ? liquidities
                          : strcmp(what, "ledger") == 0   ? entries
                                                          : NULL;
        if (names != NULL)
            compare(at, "reason", event->reason & 255, named(at, at->words[1], names));
        else if (!is_reason(at->words[1], event->reason))
            fail(at, "expected %s, was %s", at->words[1], tks_reason_name(event->reason));
    }
    if (value_of(at, "offset"))
        compare(at, "offset", event->reason >> 8, choice(at, "offset", offsets, 0));
    compare_keys(at, event, event_parts, "offset");
}

static void expect_open(const line *at)
{
    tks_order_view views[PARTS_MAX];
    uint32_t count = 0;
    tks_status status =
        tks_orders_open(run.engine, instrument_or_all(at), 0, views, PARTS_MAX, &count);
    require_ok(at, "tks_orders_open", status);
    compare(at, "open orders", count, at->word_count - 1);
    for (uint32_t i = 0; i < count; i++)
        compare(at, "id", (int64_t)views[i].order_id, number_of(at, at->words[i + 1]));
}

static void expect(const line *at)
{
    const char *what = word(at, 0);
    if (strcmp(what, "none") == 0) {
        run.has_expected = true;
        finish_command(at);
    } else if (strcmp(what, "error") == 0) {
        run.has_expected = run.is_status_seen = true;
        if (strcmp(tks_status_name((int32_t)run.status), word(at, 1)) != 0)
            fail(at, "expected %s, was %s", word(at, 1), tks_status_name((int32_t)run.status));
        compare_keys(at, &run.result, result_parts, "");
    } else if (strcmp(what, "batch") == 0) {
        compare_keys(at, &run.result, result_parts, "");
    } else if (strcmp(what, "snapshot") == 0) {
        tks_snapshot snapshot = {.struct_size = sizeof snapshot};
        uint32_t instrument = (uint32_t)number(at, "i", 0);
        tks_status status = tks_snapshot_get(run.engine, instrument, &snapshot);
        require_ok(at, "tks_snapshot_get", status);
        compare_keys(at, &snapshot, snapshot_parts, "");
    } else if (strcmp(what, "order") == 0) {
        tks_order_view view;
        uint64_t id = (uint64_t)number_of(at, word(at, 1));
        tks_status status = tks_order_get(run.engine, id, &view);
        require_ok(at, "tks_order_get", status);
        compare_keys(at, &view, view_parts, "");
    } else if (strcmp(what, "open") == 0) {
        expect_open(at);
    } else {
        run.has_expected = true;
        expect_event(at);
    }
}

static void expect_digest(const line *at)
{
    tks_digest digest;
    char text[40];
    tks_event_digest(run.engine, &digest);
    snprintf(text, sizeof text, "%016" PRIx64, digest.low);
    if (strcmp(text, word(at, 0)) != 0) fail(at, "low: expected %s, was %s", word(at, 0), text);
    snprintf(text, sizeof text, "%016" PRIx64, digest.high);
    if (strcmp(text, word(at, 1)) != 0) fail(at, "high: expected %s, was %s", word(at, 1), text);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static void run_table(const line *lines, int count)
{
    int settings = 0;
    while (settings < count && (strcmp(lines[settings].verb, "config") == 0
                                || strcmp(lines[settings].verb, "instrument") == 0))
        settings++;
    int way = run.way;
    memset(&run, 0, sizeof run);
    run.way = way;
    begin_command(&lines[0]);
    engine_make(lines, settings);
    for (int i = settings; i < count; i++) {
        const line *at = &lines[i];
        if (strcmp(at->verb, "expect") == 0) {
            expect(at);
        } else if (strcmp(at->verb, "digest") == 0) {
            expect_digest(at);
        } else {
            finish_command(at);
            begin_command(at);
            run.status = act(at);
            drain(at);
            if (run.way == WAY_RELOAD) reload(at);
        }
    }
    finish_command(&lines[count - 1]);
    free(run.engine);
}

/* Cut one text line into its parts, in place; false if nothing is in it. */
static bool parse_line(char *text, line *to)
{
    text[strcspn(text, "#\r\n")] = 0;
    for (char *part_text = strtok(text, " \t"); part_text; part_text = strtok(NULL, " \t")) {
        char *equals = strchr(part_text, '=');
        if (to->word_count >= PARTS_MAX || to->key_count >= PARTS_MAX) fail(to, "too many words");
        if (to->verb == NULL) {
            to->verb = part_text;
        } else if (equals == NULL) {
            to->words[to->word_count++] = part_text;
        } else {
            *equals = 0;
            to->keys[to->key_count] = part_text;
            to->values[to->key_count++] = equals + 1;
        }
    }
    return to->verb != NULL;
}

static int passed, failed;

static void run_table_in_every_way(const line *lines, int count)
{
    if (count == 0) return;
    if (setjmp(table_end) != 0) {
        failed++;
        free(run.engine);
        return;
    }
    for (int way = 0; way < WAY_COUNT; way++) {
        run.way = way;
        run_table(lines, count);
    }
    passed++;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0) {
        perror(path);
        exit(1);
    }
    char *text = block((size_t)size + 1);
    text[fread(text, 1, (size_t)size, file)] = 0;
    fclose(file);
    return text;
}

static void run_file(const char *path)
{
    static line lines[LINES_MAX];
    char *text = read_file(path);
    int count = 0, number_of_line = 0;
    for (char *start = text, *end; *start != 0; start = end) {
        end = start + strcspn(start, "\n");
        if (*end != 0) *end++ = 0;
        line parsed = {.file = path, .number = ++number_of_line};
        if (setjmp(table_end) != 0) exit(1); /* a line that cannot be read */
        if (!parse_line(start, &parsed)) continue;
        if (strcmp(parsed.verb, "table") == 0) {
            run_table_in_every_way(lines, count);
            count = 0;
        } else {
            if (count == LINES_MAX) fail(&parsed, "the table is too long");
            lines[count++] = parsed;
        }
    }
    run_table_in_every_way(lines, count);
    free(text);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) run_file(argv[i]);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
