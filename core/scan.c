/* SPDX-License-Identifier: MIT
 *
 * scan.c: columns. Checking them, zone maps over them, and running them without looking at each
 * row.
 *
 * An order at rest needs only the rows where the price reaches its threshold, and of all resting
 * orders of an instrument only the outermost two thresholds matter: the top of the FALLING and of
 * the RISING heap. So a batch asks for the next row that matters, runs that row through tks__tick,
 * and moves everything before it in one step. What matters is the first of
 *   a row whose price passes one of the two thresholds (a scan, or a walk through the zone map),
 *   a row at or after the time of the first pending order, expiry or delayed command (a gallop).
 * Executing a row that did not matter changes nothing but the clock and the price; so all shortcuts
 * here may err on the side of executing, and equality with the naive loop rests on not skipping
 * alone.
 */
#include "kernel.h"

/* ---- Zone map -------------------------------------------------------------------------------- */

enum { ZONE_ROWS = 64, ZONE_FAN = 8, ZONE_LEVELS_MAX = 21 };

#define ZONE_MAGIC UINT64_C(0x31656e6f7a736b74)

/* One cache line: extremes of eight zones (or of eight lines of the level below), relative to
 * `base`. */
typedef struct zone_line {
    int32_t low[ZONE_FAN];
    int32_t high[ZONE_FAN];
} zone_line;

typedef struct zone_header {
    uint64_t magic;
    uint64_t count; /* rows */
    int64_t base;
    uint64_t reserved[5];
} zone_header;

_Static_assert(sizeof(zone_line) == 64 && sizeof(zone_header) == 64, "lines of 64 bytes");

static uint64_t div_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* Lines of each level, from the one over the rows to the single line at the top. */
static uint32_t zone_levels(uint64_t count, uint64_t lines[ZONE_LEVELS_MAX])
{
    uint32_t levels = 0;
    uint64_t entries = div_up(count, ZONE_ROWS);
    do {
        entries = div_up(entries, ZONE_FAN);
        lines[levels++] = entries;
    } while (entries > 1);
    return levels;
}

uint64_t tks_zone_map_size(uint64_t count)
{
    uint64_t lines[ZONE_LEVELS_MAX];
    uint64_t sum = 0;
    uint32_t levels = zone_levels(count, lines);
    for (uint32_t level = 0; level < levels; level++)
        sum += lines[level];
    return sizeof(zone_header) + sum * sizeof(zone_line);
}

static int32_t clamp32(int64_t x)
{
    return x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : (int32_t)x;
}

/* Wide prices end at the clamp: the map then only says "maybe", and the rows decide. */
static int32_t relative(int64_t price_ticks, int64_t base)
{
    return clamp32((int64_t)((uint64_t)price_ticks - (uint64_t)base));
}

/* Four extremes side by side: one alone would wait for itself on every row. */
static inline void zone_of_rows(const int64_t *lows, const int64_t *highs, uint64_t rows,
                                int64_t base, int32_t *low_out, int32_t *high_out)
{
    int64_t low[4] = {lows[0], lows[0], lows[0], lows[0]};
    int64_t high[4] = {highs[0], highs[0], highs[0], highs[0]};
    uint64_t i = 0;
    for (; i + 4 <= rows; i += 4)
        for (int lane = 0; lane < 4; lane++) {
            low[lane] = tks__min(lows[i + (uint64_t)lane], low[lane]);
            high[lane] = tks__max(highs[i + (uint64_t)lane], high[lane]);
        }
    for (; i < rows; i++) {
        low[0] = tks__min(lows[i], low[0]);
        high[0] = tks__max(highs[i], high[0]);
    }
    *low_out = relative(tks__min(tks__min(low[0], low[1]), tks__min(low[2], low[3])), base);
    *high_out = relative(tks__max(tks__max(high[0], high[1]), tks__max(high[2], high[3])), base);
}

static inline void zones_over(zone_line *lines, const int64_t *low, const int64_t *high,
                              uint64_t count, int64_t base)
{
    uint64_t zones = div_up(count, ZONE_ROWS);
    for (uint64_t zone = 0; zone < zones; zone++) {
        uint64_t first = zone * ZONE_ROWS;
        uint64_t rows = count - first < ZONE_ROWS ? count - first : ZONE_ROWS;
        zone_line *line = &lines[zone / ZONE_FAN];
        zone_of_rows(low + first, high + first, rows, base, &line->low[zone % ZONE_FAN],
                     &line->high[zone % ZONE_FAN]);
    }
}

/* One column is read once. */
static void zones_of_rows(zone_line *lines, const int64_t *low, const int64_t *high, uint64_t count,
                          int64_t base)
{
    if (low == high)
        zones_over(lines, low, low, count, base);
    else
        zones_over(lines, low, high, count, base);
}

static void zones_of_lines(zone_line *lines, const zone_line *below, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        int32_t low = below[i].low[0];
        int32_t high = below[i].high[0];
        for (int j = 1; j < ZONE_FAN; j++) {
            low = below[i].low[j] < low ? below[i].low[j] : low;
            high = below[i].high[j] > high ? below[i].high[j] : high;
        }
        lines[i / ZONE_FAN].low[i % ZONE_FAN] = low;
        lines[i / ZONE_FAN].high[i % ZONE_FAN] = high;
    }
}

/* Zones beyond the end hold nothing: low above everything, high below everything. */
static void zones_empty(zone_line *lines, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        for (int j = 0; j < ZONE_FAN; j++) {
            lines[i].low[j] = INT32_MAX;
            lines[i].high[j] = INT32_MIN;
        }
}

tks_status tks_zone_map_build(void *memory, uint64_t size, const int64_t *price_ticks,
                              uint64_t count)
{
    return tks_zone_map_build_ranges(memory, size, price_ticks, price_ticks, count);
}

tks_status tks_zone_map_build_ranges(void *memory, uint64_t size, const int64_t *low_ticks,
                                     const int64_t *high_ticks, uint64_t count)
{
    if (!memory || (count && (!low_ticks || !high_ticks)))
        return TKS_STATUS_NULL_ARGUMENT;
    if ((uintptr_t)memory % 8 != 0)
        return TKS_STATUS_MEMORY_ALIGN;
    if (size < tks_zone_map_size(count))
        return TKS_STATUS_MEMORY_SIZE;
    zone_header *header = memory;
    memset(header, 0, sizeof *header);
    header->magic = ZONE_MAGIC;
    header->count = count;
    header->base = count ? low_ticks[0] : 0;
    uint64_t lines[ZONE_LEVELS_MAX];
    uint32_t levels = zone_levels(count, lines);
    zone_line *level = (zone_line *)(header + 1);
    zones_empty(level, lines[0]);
    zones_of_rows(level, low_ticks, high_ticks, count, header->base);
    for (uint32_t i = 1; i < levels; i++) {
        zone_line *above = level + lines[i - 1];
        zones_empty(above, lines[i]);
        zones_of_lines(above, level, lines[i - 1]);
        level = above;
    }
    return TKS_STATUS_OK;
}

/* Whether a feed's zone map fits it, and the rows of the map. They are read once: a map may lie in a
 * file that somebody writes to, and the shape of the tree must not change under a search. */
static bool zone_map_fits(const tks_feed *feed, uint64_t *rows_out)
{
    const zone_header *header = feed->zone_map;
    if ((uintptr_t)header % 8 != 0 || feed->zone_map_size < sizeof *header)
        return false;
    uint64_t rows = *(const volatile uint64_t *)&header->count;
    *rows_out = rows;
    return header->magic == ZONE_MAGIC && rows >= feed->count && rows < UINT64_C(1) << 60 &&
           feed->zone_map_size >= tks_zone_map_size(rows);
}

/* ---- Searching a price column ---------------------------------------------------------------- */

typedef struct search {
    const int64_t *low; /* both the prices, but for ranges */
    const int64_t *high;
    int64_t falling; /* look for low <= falling or high >= rising */
    int64_t rising;
    uint64_t map_rows;    /* rows of the zone map, if there is one */
    uint64_t clear_until; /* rows before it are known to be none */
    uint64_t rows_read;
    uint64_t lines_read;
} search;

/* "Empty" thresholds, beyond every price. */
#define NO_FALLING (-TKS_TIME_END)
#define NO_RISING TKS_TIME_END

static bool is_hit(const search *s, uint64_t row)
{
    return s->low[row] <= s->falling || s->high[row] >= s->rising;
}

/* Sign trick: both differences are negative iff the price is a hit; or-ing them needs no 64-bit
 * compares, which plain SSE2 lacks. Unsigned, so that wild values in unchecked rows are no
 * undefined behaviour. */
static inline bool rows_have_hit(const search *s, const int64_t *low, const int64_t *high,
                                 uint64_t rows)
{
    uint64_t falling = (uint64_t)s->falling + 1;
    uint64_t rising = (uint64_t)s->rising - 1;
    uint64_t any = 0;
    for (uint64_t i = 0; i < rows; i++)
        any |= ((uint64_t)low[i] - falling) | (rising - (uint64_t)high[i]);
    return (int64_t)any < 0;
}

/* One column is read once. */
static bool block_has_hit(const search *s, uint64_t row, uint64_t rows)
{
    const int64_t *low = s->low + row;
    return s->low == s->high ? rows_have_hit(s, low, low, rows)
                             : rows_have_hit(s, low, s->high + row, rows);
}

static uint64_t first_hit_in(const search *s, uint64_t row, uint64_t end)
{
    while (row < end && !is_hit(s, row))
        row++;
    return row;
}

/* Blocks of `rows` without a hit, up to `end`: the row where the last of them ended. */
static uint64_t skip_blocks(const search *s, uint64_t row, uint64_t end, uint64_t rows)
{
    while (end - row >= rows && !block_has_hit(s, row, rows))
        row += rows;
    return row;
}

/* First hit in [row, end), or end: a few rows one by one (dense orders), then small blocks, then
 * large ones. */
static uint64_t search_rows(search *s, uint64_t row, uint64_t end)
{
    enum { SINGLE = 4, SMALL = 16, LARGE = 64 };
    uint64_t begin = row;
    uint64_t near = end - row < SINGLE ? end : row + SINGLE;
    row = first_hit_in(s, row, near);
    if (row == near) {
        uint64_t middle = end - row < 2 * LARGE ? end : row + 2 * LARGE;
        row = skip_blocks(s, row, middle, SMALL);
        if (row == middle)
            row = skip_blocks(s, row, end, LARGE);
        row = first_hit_in(s, row, end);
    }
    s->rows_read += row - begin + (row < end);
    return row;
}

/* Which of a line's eight zones may hold a hit. */
static uint32_t line_hits(const zone_line *line, int32_t falling, int32_t rising)
{
    uint32_t mask = 0;
    for (uint32_t j = 0; j < ZONE_FAN; j++)
        mask |= (uint32_t)(line->low[j] <= falling || line->high[j] >= rising) << j;
    return mask;
}

/* First zone at or after `zone` that may hold a hit, or UINT64_MAX. Climbs while a line shows
 * nothing to the right, then descends into the first child that shows something. A child may still
 * show nothing (clamped values, a hit left of where we began): then the climb goes on from there.
 * */
static uint64_t search_zones(search *s, const zone_header *map, uint64_t zone)
{
    uint64_t lines[ZONE_LEVELS_MAX];
    const zone_line *level_at[ZONE_LEVELS_MAX];
    uint32_t levels = zone_levels(s->map_rows, lines);
    int32_t falling = relative(s->falling, map->base);
    int32_t rising = relative(s->rising, map->base);
    level_at[0] = (const zone_line *)(map + 1);
    for (uint32_t i = 1; i < levels; i++)
        level_at[i] = level_at[i - 1] + lines[i - 1];
    uint32_t level = 0;
    uint64_t entry = zone;
    for (;;) {
        if (entry / ZONE_FAN >= lines[level])
            return UINT64_MAX;
        s->lines_read++;
        uint32_t mask =
            line_hits(&level_at[level][entry / ZONE_FAN], falling, rising) >> (entry % ZONE_FAN);
        if (mask) {
            entry += (uint32_t)__builtin_ctz(mask);
            if (level == 0)
                return entry;
            level--;
            entry *= ZONE_FAN;
        } else {
            if (level + 1 == levels)
                return UINT64_MAX;
            entry = entry / ZONE_FAN + 1;
            level++;
        }
    }
}

static uint64_t search_map(search *s, const zone_header *map, uint64_t row, uint64_t end)
{
    enum { LINEAR = 128 };
    uint64_t aligned = (row + LINEAR) / ZONE_ROWS * ZONE_ROWS;
    if (aligned >= end)
        return search_rows(s, row, end);
    row = search_rows(s, row, aligned);
    if (row < aligned)
        return row;
    for (;;) {
        uint64_t zone = search_zones(s, map, row / ZONE_ROWS);
        if (zone >= div_up(end, ZONE_ROWS))
            return end;
        uint64_t zone_end = (zone + 1) * ZONE_ROWS < end ? (zone + 1) * ZONE_ROWS : end;
        row = search_rows(s, zone * ZONE_ROWS, zone_end);
        if (row < zone_end || row == end)
            return row;
    }
}

/* First row in [row, end) with time >= `time`, or end; cheap when it is near. */
static uint64_t gallop_time(const int64_t *times, uint64_t row, uint64_t end, int64_t time)
{
    uint64_t step = 1;
    uint64_t low = row;
    if (row >= end || times[row] >= time)
        return row;
    while (low + step < end && times[low + step] < time) {
        low += step;
        step *= 2;
    }
    uint64_t high = low + step < end ? low + step : end;
    while (high - low > 1) { /* times[low] < time <= times[high] */
        uint64_t middle = low + (high - low) / 2;
        if (times[middle] < time)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* ---- Checking columns ------------------------------------------------------------------------ */

static bool has_ranges(const tks_feed *feed)
{
    return feed->flags & TKS_FEED_RANGES;
}

static bool continues(const tks_feed *feed, uint64_t row)
{
    return has_ranges(feed) && feed->side && (feed->side[row] & TKS_SIDE_CONTINUES);
}

static void add_range(tks_tick *tick, const tks_feed *feed, uint64_t row)
{
    tick->flags = continues(feed, row) ? TKS_TICK_RANGE | TKS_TICK_CONTINUES : TKS_TICK_RANGE;
    tick->side &= (uint8_t)~TKS_SIDE_CONTINUES;
}

static inline tks_tick tick_of_row(const tks_feed *feed, uint64_t row)
{
    tks_tick tick = {.time = feed->time[row], .price_ticks = feed->price_ticks[row]};
    tick.instrument = feed->instrument;
    tick.qty_lots = feed->qty_lots ? feed->qty_lots[row] : 1;
    tick.side = feed->side ? feed->side[row] : TKS_SIDE_BUY;
    if (feed->bid_ticks) {
        tick.flags = TKS_TICK_QUOTED;
        tick.bid_ticks = feed->bid_ticks[row];
        tick.ask_ticks = feed->ask_ticks[row];
    }
    if (TKS_UNLIKELY(has_ranges(feed)))
        add_range(&tick, feed, row);
    return tick;
}

/* The quick tests or wrong rows into one word; what they leave open is told by its top bits. */

/* Top bit set iff a time steps back, or is not within [-2^62, 2^62). The lower end is exact all the
 * same: the first row was looked at by itself, and none is below it. */
static uint64_t times_wrong(const int64_t *times, uint64_t row, uint64_t end)
{
    uint64_t any = 0;
    for (uint64_t i = row; i < end; i++)
        any |= ((uint64_t)times[i] - (uint64_t)times[i - 1]) |
               ((uint64_t)times[i] + (UINT64_C(1) << 62));
    return any >> 63;
}

/* Not 0 iff some x is outside [1, 2^bits). */
static uint64_t counts_wrong(const int64_t *column, uint64_t row, uint64_t end, unsigned bits)
{
    uint64_t any = 0;
    for (uint64_t i = row; i < end; i++)
        any |= (uint64_t)column[i] | ((uint64_t)column[i] - 1);
    return any >> bits;
}

static uint64_t signed_prices_wrong(const int64_t *column, uint64_t row, uint64_t end)
{
    uint64_t any = 0;
    for (uint64_t i = row; i < end; i++)
        any |= ((uint64_t)column[i] + (uint64_t)(TKS_PRICE_END - 1)) |
               ((uint64_t)(TKS_PRICE_END - 1) - (uint64_t)column[i]);
    return any >> 63;
}

static uint64_t prices_wrong(const tks_instrument *rules, const int64_t *column, uint64_t row,
                             uint64_t end)
{
    return rules->flags & TKS_INSTRUMENT_ALLOW_NEGATIVE ? signed_prices_wrong(column, row, end)
                                                        : counts_wrong(column, row, end, 48);
}

/* Not 0 iff some x is outside [0, 2^62). */
static uint64_t range_lots_wrong(const int64_t *column, uint64_t row, uint64_t end)
{
    uint64_t any = 0;
    for (uint64_t i = row; i < end; i++)
        any |= (uint64_t)column[i];
    return any >> 62;
}

static uint64_t sides_wrong(const tks_feed *feed, uint64_t row, uint64_t end)
{
    uint8_t any = 0;
    for (uint64_t i = row; i < end; i++)
        any |= feed->side[i];
    return any > (has_ranges(feed) ? TKS_SIDE_SELL | TKS_SIDE_CONTINUES : TKS_SIDE_SELL);
}

static uint64_t ranges_wrong(const tks_feed *feed, uint64_t row, uint64_t end)
{
    uint64_t any = 0;
    for (uint64_t i = row; i < end; i++) {
        uint64_t price = (uint64_t)feed->price_ticks[i];
        any |= (price - (uint64_t)feed->low_ticks[i]) | ((uint64_t)feed->high_ticks[i] - price);
    }
    return any >> 63;
}

static uint64_t quotes_wrong(const tks_feed *feed, const tks_instrument *rules, uint64_t row,
                             uint64_t end)
{
    uint64_t any = 0;
    for (uint64_t i = row; i < end; i++)
        any |= (uint64_t)feed->ask_ticks[i] - (uint64_t)feed->bid_ticks[i];
    return any >> 63 | prices_wrong(rules, feed->bid_ticks, row, end) |
           prices_wrong(rules, feed->ask_ticks, row, end);
}

/* row > 0: the row before the block has been checked. */
static bool block_is_fine(const tks_feed *feed, const tks_instrument *rules, uint64_t row,
                          uint64_t end)
{
    uint64_t wrong =
        times_wrong(feed->time, row, end) | prices_wrong(rules, feed->price_ticks, row, end);
    if (feed->qty_lots)
        wrong |= has_ranges(feed) ? range_lots_wrong(feed->qty_lots, row, end)
                                  : counts_wrong(feed->qty_lots, row, end, 62);
    if (feed->side)
        wrong |= sides_wrong(feed, row, end);
    if (feed->bid_ticks)
        wrong |= quotes_wrong(feed, rules, row, end);
    if (has_ranges(feed))
        wrong |= ranges_wrong(feed, row, end);
    return wrong == 0;
}

static tks_status row_check(const tks_feed *feed, const tks_instrument *rules, uint64_t row,
                            uint64_t first)
{
    tks_tick tick = tick_of_row(feed, row);
    tks_status status = tks__tick_check(rules, &tick);
    if (status == TKS_STATUS_OK && row > first && feed->time[row] < feed->time[row - 1])
        return TKS_STATUS_TIME_BACKWARDS;
    return status;
}

static tks_status rows_check_singly(const tks_feed *feed, const tks_instrument *rules, uint64_t row,
                                    uint64_t end, uint64_t *bad_row_out)
{
    for (; row < end; row++) {
        tks_status status = row_check(feed, rules, row, feed->cursor);
        if (status != TKS_STATUS_OK) {
            *bad_row_out = row;
            return status;
        }
    }
    return TKS_STATUS_OK;
}

/* Check all rows, block by block. While a block is in the cache anyway, the first search for a
 * price that matters rides along: s->clear_until ends before the first block with a hit. */
static tks_status rows_check(const tks_feed *feed, const tks_instrument *rules, search *s,
                             uint64_t *bad_row_out)
{
    enum { FIRST = 16, BLOCK = 1024 };
    bool clear = s != NULL;
    uint64_t row = feed->cursor;
    while (row < feed->count) {
        uint64_t rows = row == feed->cursor ? FIRST : BLOCK;
        uint64_t end = feed->count - row < rows ? feed->count : row + rows;
        bool fine = row > feed->cursor && block_is_fine(feed, rules, row, end);
        tks_status status =
            fine ? TKS_STATUS_OK : rows_check_singly(feed, rules, row, end, bad_row_out);
        if (status != TKS_STATUS_OK)
            return status;
        clear = clear && !block_has_hit(s, row, end - row);
        if (clear)
            s->clear_until = end;
        row = end;
    }
    return TKS_STATUS_OK;
}

static tks_status columns_check(const tks_feed *feed, const tks_instrument *rules)
{
    if (feed->struct_size != sizeof *feed)
        return TKS_STATUS_STRUCT_SIZE;
    if (feed->cursor > feed->count)
        return TKS_STATUS_FEED_CURSOR;
    bool has_quotes = feed->bid_ticks && feed->ask_ticks;
    bool needs_quotes = feed->bid_ticks || feed->ask_ticks || has_ranges(feed);
    if (!feed->time || !feed->price_ticks || (needs_quotes && !has_quotes) ||
        (!feed->qty_lots && rules->qty_rule == TKS_QTY_VOLUME))
        return TKS_STATUS_COLUMN_MISSING;
    if ((feed->flags & ~(uint32_t)(TKS_FEED_CHECKED | TKS_FEED_RANGES)) || feed->reserved)
        return TKS_STATUS_RULE;
    uint64_t map_rows;
    return feed->zone_map && !zone_map_fits(feed, &map_rows) ? TKS_STATUS_ZONE_MAP : TKS_STATUS_OK;
}

tks_status tks_feed_check(const tks_feed *feed, const tks_instrument *instrument,
                          uint64_t *bad_row_out)
{
    if (!feed || !instrument || !bad_row_out)
        return TKS_STATUS_NULL_ARGUMENT;
    *bad_row_out = 0;
    tks_status status = columns_check(feed, instrument);
    return status == TKS_STATUS_OK ? rows_check(feed, instrument, NULL, bad_row_out) : status;
}

/* ---- A run over feeds ------------------------------------------------------------------------ */

typedef struct run {
    tks_engine *engine;
    tks_feed *feeds;
    uint32_t feed_count;
    uint32_t stop_on;
    tks_batch_result *result;
    int64_t timed;  /* first expiry or delayed command when the caches were made */
    bool has_taken; /* a row; the engine's clock and last instrument are this run's */
} run;

static tks__scan *scan_of(const run *r, uint32_t feed)
{
    return &tks__instrument_at(r->engine, r->feeds[feed].instrument)->scan;
}

/* What the resting orders of a feed's instrument wait for. */
static search search_of(const tks_engine *engine, const tks_feed *feed)
{
    const tks__instrument *instrument = tks__instrument_at(engine, feed->instrument);
    const tks__heap *falling = &instrument->heaps[TKS__HEAP_FALLING];
    const tks__heap *rising = &instrument->heaps[TKS__HEAP_RISING];
    search s = {.falling = NO_FALLING, .rising = NO_RISING, .clear_until = feed->cursor};
    s.low = has_ranges(feed) ? feed->low_ticks : feed->price_ticks;
    s.high = has_ranges(feed) ? feed->high_ticks : feed->price_ticks;
    if (falling->count)
        s.falling = -tks__heap_first(engine, falling);
    if (rising->count)
        s.rising = tks__heap_first(engine, rising);
    return s;
}

static void remember_clear(tks__scan *scan, const search *s, uint64_t clear_until)
{
    scan->clear_until = clear_until;
    scan->clear_falling = s->falling;
    scan->clear_rising = s->rising;
}

static void scan_begin(tks__scan *scan, uint32_t feed, uint64_t count)
{
    memset(scan, 0, sizeof *scan);
    scan->end = count;
    scan->feed = feed;
    scan->wake_time = INT64_MAX;
    scan->wake_row = count;
}

static tks_status feed_check_whole(const run *r, uint32_t feed, uint64_t *bad_row_out)
{
    tks_feed *f = &r->feeds[feed];
    if (f->instrument >= r->engine->instrument_count)
        return TKS_STATUS_INSTRUMENT;
    if (feed > 0 && f->instrument <= r->feeds[feed - 1].instrument)
        return TKS_STATUS_FEED_REPEATED;
    const tks_instrument *rules = &tks__instrument_at(r->engine, f->instrument)->rules;
    tks_status status = columns_check(f, rules);
    tks__scan *scan = scan_of(r, feed);
    scan_begin(scan, feed, f->count);
    if (f->zone_map && !zone_map_fits(f, &scan->map_rows))
        status = TKS_STATUS_ZONE_MAP;
    if (status != TKS_STATUS_OK || f->cursor == f->count)
        return status;
    *bad_row_out = f->cursor;
    if (r->engine->has_clock && f->time[f->cursor] < r->engine->clock)
        return TKS_STATUS_TIME_BACKWARDS;
    if (f->flags & TKS_FEED_CHECKED)
        return TKS_STATUS_OK;
    search s = search_of(r->engine, f);
    status = rows_check(f, rules, &s, bad_row_out);
    remember_clear(scan, &s, s.clear_until);
    r->result->ticks_scanned += s.clear_until - f->cursor;
    return status;
}

/* Check every row of every feed and begin their scans. */
static tks_status feeds_begin(run *r)
{
    for (uint32_t i = 0; i < r->engine->instrument_count; i++)
        tks__instrument_at(r->engine, i)->scan.feed = TKS_NONE;
    for (uint32_t i = 0; i < r->feed_count; i++) {
        uint64_t bad_row = 0;
        tks_status status = feed_check_whole(r, i, &bad_row);
        if (status != TKS_STATUS_OK) {
            r->result->bad_feed = i;
            r->result->bad_row = bad_row;
            return status;
        }
    }
    return TKS_STATUS_OK;
}

static int64_t clamp(int64_t x, int64_t end)
{
    return x <= -end ? 1 - end : x >= end ? end - 1 : x;
}

/* What the rows [cursor, row) leave in the pool. */
static void take_pool(tks__instrument *instrument, const tks_feed *feed, uint64_t row)
{
    if (instrument->rules.qty_rule != TKS_QTY_VOLUME)
        return;
    while (row > feed->cursor && continues(feed, row - 1))
        row--;
    if (row == feed->cursor)
        return;
    int64_t qty = tks__max(0, tks__min(feed->qty_lots[row - 1], TKS_QTY_END - 1));
    instrument->pool_lots = tks__pool(&instrument->rules, qty);
}

/* Take the rows before `row` that nothing waited for. Feeds may be brought up in any order: the
 * clock belongs to the last of them by (time, instrument). */
static void feed_advance(run *r, uint32_t feed, uint64_t row)
{
    tks_feed *f = &r->feeds[feed];
    tks_engine *engine = r->engine;
    if (row == f->cursor)
        return;
    tks__instrument *instrument = tks__instrument_at(engine, f->instrument);
    /* Only a wrong CHECKED flag brings numbers out of range; later sums must not overflow even
     * then. */
    int64_t time = clamp(f->time[row - 1], TKS_TIME_END);
    instrument->tick_count += row - f->cursor;
    take_pool(instrument, f, row);
    instrument->last_price_ticks = clamp(f->price_ticks[row - 1], TKS_PRICE_END);
    if (!r->has_taken || time > engine->clock ||
        (time == engine->clock && f->instrument > engine->last_instrument)) {
        engine->clock = time;
        engine->last_instrument = f->instrument;
        engine->has_clock = 1;
        r->has_taken = true;
    }
    r->result->ticks_done += row - f->cursor;
    f->cursor = row;
}

static uint64_t row_after(const run *r, uint32_t feed, int64_t time, uint32_t instrument)
{
    const tks_feed *f = &r->feeds[feed];
    /* Rows before the point (time, instrument): an earlier instrument's rows of the same time too.
     * */
    int64_t first = f->instrument < instrument && time < INT64_MAX ? time + 1 : time;
    return gallop_time(f->time, f->cursor, scan_of(r, feed)->end, first);
}

/* Bring all feeds but one up to just before the point (time, instrument). */
static void advance_others(run *r, uint32_t feed, int64_t time)
{
    uint32_t instrument = r->feeds[feed].instrument;
    for (uint32_t i = 0; i < r->feed_count; i++)
        if (i != feed)
            feed_advance(r, i, row_after(r, i, time, instrument));
}

static int64_t first_timed(const tks_engine *engine)
{
    int64_t expiry = tks__heap_first(engine, &engine->expiry);
    return engine->command_count ? tks__min(expiry, tks__command_at(engine, 0)->due) : expiry;
}

/* First row in [cursor, end) at or after `time`, remembered while the time stays the same. */
static uint64_t wake_row(tks__scan *scan, const tks_feed *feed, int64_t time)
{
    if (time == INT64_MAX)
        return scan->end;
    if (feed->cursor < scan->end && feed->time[feed->cursor] >= time)
        return feed->cursor;
    if (time != scan->wake_time || scan->wake_row < feed->cursor) {
        scan->wake_time = time;
        scan->wake_row = gallop_time(feed->time, feed->cursor, feed->count, time);
    }
    return scan->wake_row < scan->end ? scan->wake_row : scan->end;
}

/* Search prices in [row, end), going on from what was seen clear under thresholds at least as
 * tight. */
static uint64_t price_row(run *r, tks__scan *scan, const tks_feed *feed, search *s, uint64_t end)
{
    uint64_t row = feed->cursor;
    if (s->falling <= scan->clear_falling && s->rising >= scan->clear_rising &&
        scan->clear_until > row)
        row = scan->clear_until < end ? scan->clear_until : end;
    s->map_rows = scan->map_rows;
    uint64_t hit =
        feed->zone_map ? search_map(s, feed->zone_map, row, end) : search_rows(s, row, end);
    remember_clear(scan, s, hit);
    r->result->ticks_scanned += s->rows_read;
    r->result->zone_lines += s->lines_read;
    return hit;
}

/* The next row of a feed that matters, or its end. */
static uint64_t next_row(run *r, uint32_t feed)
{
    const tks_feed *f = &r->feeds[feed];
    tks__instrument *instrument = tks__instrument_at(r->engine, f->instrument);
    tks__scan *scan = &instrument->scan;
    int64_t pending = tks__heap_first(r->engine, &instrument->heaps[TKS__HEAP_PENDING]);
    uint64_t end = wake_row(scan, f, tks__min(r->timed, pending));
    search s = search_of(r->engine, f);
    if (end == f->cursor || (s.falling == NO_FALLING && s.rising == NO_RISING))
        return end;
    return price_row(r, scan, f, &s, end);
}

static void mark_stale(const run *r)
{
    for (uint32_t i = 0; i < r->feed_count; i++)
        scan_of(r, i)->is_stale = 1;
}

/* The feed whose next row that matters comes first, or TKS_NONE. */
static uint32_t next_feed(run *r)
{
    uint32_t first = TKS_NONE;
    int64_t first_time = 0;
    int64_t timed = first_timed(r->engine);
    if (timed != r->timed) {
        r->timed = timed;
        mark_stale(r);
    }
    for (uint32_t i = 0; i < r->feed_count; i++) {
        tks__scan *scan = scan_of(r, i);
        if (scan->is_stale) {
            scan->next = next_row(r, i);
            scan->is_stale = 0;
        }
        if (scan->next < scan->end &&
            (first == TKS_NONE || r->feeds[i].time[scan->next] < first_time)) {
            first = i;
            first_time = r->feeds[i].time[scan->next];
        }
    }
    return first;
}

/* A checked row as the tick needs it: a quantity or side that nothing asks for may lie on a page of a
 * mapped file that nothing else touches. */
static tks_tick live_tick(const tks_feed *feed, const tks_instrument *rules, uint64_t row)
{
    tks_feed asked = *feed;
    if (rules->qty_rule != TKS_QTY_VOLUME)
        asked.qty_lots = NULL;
    if (!has_ranges(feed))
        asked.side = NULL;
    return tick_of_row(&asked, row);
}

/* Run one row through the full tick. */
static tks_status execute_row(run *r, uint32_t feed)
{
    tks_feed *f = &r->feeds[feed];
    tks__scan *scan = scan_of(r, feed);
    feed_advance(r, feed, scan->next);
    const tks_instrument *rules = &tks__instrument_at(r->engine, f->instrument)->rules;
    tks_tick tick = live_tick(f, rules, f->cursor);
    bool has_timed = r->timed <= tick.time;
    if (has_timed) /* events of other instruments tell their tick index */
        advance_others(r, feed, tick.time);
    /* Only a wrong CHECKED flag can fail here; then the run ends before the row. */
    tks_status status = tks__tick_check(rules, &tick);
    if (status == TKS_STATUS_OK && r->engine->has_clock && tick.time < r->engine->clock)
        status = TKS_STATUS_TIME_BACKWARDS;
    if (status == TKS_STATUS_OK)
        status = tks__tick(r->engine, &tick);
    if (status != TKS_STATUS_OK)
        return status;
    r->has_taken = true;
    f->cursor++;
    r->result->ticks_done++;
    r->result->ticks_executed++;
    scan->is_stale = 1;
    if (has_timed)
        mark_stale(r);
    return TKS_STATUS_OK;
}

/* Run all feeds to scan.end, or to the tick that emits an event of stop_on. */
static tks_status run_to_ends(run *r)
{
    mark_stale(r);
    r->timed = first_timed(r->engine);
    for (;;) {
        uint32_t feed = next_feed(r);
        if (feed == TKS_NONE)
            break;
        int64_t time = r->feeds[feed].time[scan_of(r, feed)->next];
        r->engine->event_kinds = 0;
        tks_status status = execute_row(r, feed);
        bool stops = status == TKS_STATUS_OK && (r->engine->event_kinds & r->stop_on);
        r->result->event_kinds = r->engine->event_kinds;
        if (status != TKS_STATUS_OK || stops) {
            advance_others(r, feed, time);
            return status;
        }
    }
    for (uint32_t i = 0; i < r->feed_count; i++)
        feed_advance(r, i, scan_of(r, i)->end);
    return TKS_STATUS_OK;
}

static tks_status result_begin(const tks_engine *engine, const tks_feed *feeds, uint32_t feed_count,
                               tks_batch_result *result)
{
    if (!engine || !result || (feed_count && !feeds))
        return TKS_STATUS_NULL_ARGUMENT;
    if (result->struct_size != sizeof *result)
        return TKS_STATUS_STRUCT_SIZE;
    memset(result, 0, sizeof *result);
    result->struct_size = sizeof *result;
    return TKS_STATUS_OK;
}

tks_status tks_step_batch(tks_engine *engine, tks_feed *feeds, uint32_t feed_count,
                          uint32_t stop_on, tks_batch_result *result_out)
{
    tks_status status = result_begin(engine, feeds, feed_count, result_out);
    if (status != TKS_STATUS_OK)
        return status;
    run r = {engine, feeds, feed_count, stop_on, result_out, INT64_MAX, false};
    status = feeds_begin(&r);
    if (status != TKS_STATUS_OK)
        return status;
    status = run_to_ends(&r);
    tks__orders_compact(engine);
    return status;
}

/* ---- Schedules ------------------------------------------------------------------------------- */

static tks_order order_of_row(const tks_schedule *s, uint64_t row)
{
    tks_order order;
    memset(&order, 0, sizeof order);
    order.struct_size = sizeof order;
    order.instrument = s->instrument ? s->instrument[row] : 0;
    order.type = s->type[row];
    order.side = s->side[row];
    order.time_in_force = s->time_in_force ? s->time_in_force[row] : TKS_TIF_GTC;
    order.offset = s->offset ? s->offset[row] : TKS_OFFSET_NONE;
    order.flags = s->order_flags ? s->order_flags[row] : 0;
    order.qty_lots = s->qty_lots[row];
    order.price_ticks = s->price_ticks ? s->price_ticks[row] : 0;
    order.trigger_ticks = s->trigger_ticks ? s->trigger_ticks[row] : 0;
    order.trail_ticks = s->trail_ticks ? s->trail_ticks[row] : 0;
    order.expire_time = s->expire_time ? s->expire_time[row] : 0;
    order.oco_group = s->oco_group ? s->oco_group[row] : 0;
    order.tag = s->tag ? s->tag[row] : 0;
    return order;
}

/* A place between ticks in the merged order: after everything up to (time, instrument, row). */
typedef struct point {
    int64_t time;
    uint32_t instrument;
    uint64_t row;
} point;

static bool is_before(const point *a, const point *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    return a->instrument != b->instrument ? a->instrument < b->instrument : a->row < b->row;
}

/* Before every tick still to come; after every tick there is. */
static const point point_now = {INT64_MIN, 0, 0};
static const point point_end = {INT64_MAX, UINT32_MAX, UINT64_MAX};

static point point_of_row(const run *r, const tks_schedule *s, uint64_t row)
{
    if (s->time)
        return (point){s->time[row], UINT32_MAX, UINT64_MAX};
    uint32_t instrument = s->instrument ? s->instrument[row] : 0;
    if (instrument >= r->engine->instrument_count)
        return point_end; /* a wrong CHECKED flag: the placement will say so */
    const tks__instrument *at = tks__instrument_at(r->engine, instrument);
    if (at->scan.feed == TKS_NONE)
        return point_end;
    const tks_feed *feed = &r->feeds[at->scan.feed];
    uint64_t taken = at->tick_count; /* the feed's next row is tick number `taken` */
    if (s->tick_index[row] < 0 || (uint64_t)s->tick_index[row] < taken)
        return point_now;
    uint64_t ahead = (uint64_t)s->tick_index[row] - taken;
    if (ahead >= feed->count - feed->cursor)
        return point_end;
    return (point){feed->time[feed->cursor + ahead], instrument, feed->cursor + ahead};
}

static tks_status schedule_shape_check(const tks_schedule *s)
{
    if (s->struct_size != sizeof *s)
        return TKS_STATUS_STRUCT_SIZE;
    if (!s->time == !s->tick_index)
        return TKS_STATUS_SCHEDULE_POINT;
    if (s->cursor > s->count)
        return TKS_STATUS_FEED_CURSOR;
    if (s->count && (!s->type || !s->side || !s->qty_lots))
        return TKS_STATUS_COLUMN_MISSING;
    return s->flags & ~(uint32_t)TKS_SCHEDULE_CHECKED ? TKS_STATUS_RULE : TKS_STATUS_OK;
}

static tks_status schedule_row_check(const run *r, const tks_schedule *s, uint64_t row, point *last)
{
    tks_order order = order_of_row(s, row);
    tks_status status = tks__order_check(r->engine, &order);
    if (status != TKS_STATUS_OK)
        return status;
    if (s->tick_index && tks__instrument_at(r->engine, order.instrument)->scan.feed == TKS_NONE)
        return TKS_STATUS_INSTRUMENT;
    point here = point_of_row(r, s, row);
    if (is_before(&here, last))
        return TKS_STATUS_SCHEDULE_ORDER;
    *last = here;
    return TKS_STATUS_OK;
}

static tks_status schedule_check(const run *r, const tks_schedule *s)
{
    point last = point_now;
    if (s->flags & TKS_SCHEDULE_CHECKED)
        return TKS_STATUS_OK;
    for (uint64_t row = s->cursor; row < s->count; row++) {
        tks_status status = schedule_row_check(r, s, row, &last);
        if (status != TKS_STATUS_OK) {
            r->result->bad_feed = r->feed_count;
            r->result->bad_row = row;
            return status;
        }
    }
    return TKS_STATUS_OK;
}

static void ends_at(const run *r, const point *p)
{
    for (uint32_t i = 0; i < r->feed_count; i++) {
        const tks_feed *f = &r->feeds[i];
        tks__scan *scan = scan_of(r, i);
        if (p->time == INT64_MIN)
            scan->end = f->cursor;
        else if (f->instrument == p->instrument && p->row != UINT64_MAX)
            scan->end = p->row + 1;
        else if (p->time == INT64_MAX)
            scan->end = f->count;
        else
            scan->end = gallop_time(f->time, f->cursor, f->count,
                                    f->instrument <= p->instrument ? p->time + 1 : p->time);
    }
}

static tks_status run_schedule(run *r, tks_schedule *s)
{
    while (s->cursor < s->count) {
        point here = point_of_row(r, s, s->cursor);
        ends_at(r, &here);
        tks_status status = run_to_ends(r);
        if (status != TKS_STATUS_OK)
            return status;
        tks_order order = order_of_row(s, s->cursor);
        uint64_t order_id;
        status = tks_order_place(r->engine, &order, &order_id);
        if (status != TKS_STATUS_OK)
            return status;
        s->cursor++;
        r->result->rows_done++;
    }
    ends_at(r, &point_end);
    return run_to_ends(r);
}

tks_status tks_run_orders(tks_engine *engine, tks_feed *feeds, uint32_t feed_count,
                          tks_schedule *schedule, tks_batch_result *result_out)
{
    tks_status status = result_begin(engine, feeds, feed_count, result_out);
    if (status != TKS_STATUS_OK)
        return status;
    if (!schedule)
        return TKS_STATUS_NULL_ARGUMENT;
    status = schedule_shape_check(schedule);
    if (status != TKS_STATUS_OK) {
        result_out->bad_feed = feed_count;
        return status;
    }
    run r = {engine, feeds, feed_count, 0, result_out, INT64_MAX, false};
    status = feeds_begin(&r);
    if (status != TKS_STATUS_OK)
        return status;
    status = schedule_check(&r, schedule);
    if (status != TKS_STATUS_OK)
        return status;
    status = run_schedule(&r, schedule);
    tks__orders_compact(engine);
    return status;
}
