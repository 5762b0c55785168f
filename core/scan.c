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
 *
 * With many feeds, two trees tell which comes first: of the rows that matter to a feed's own orders,
 * and of the rows that come next at all. Their times are lower bounds: a feed is looked at again only
 * when its bound is the least there is. So a row costs the logarithm of the number of feeds. All feeds
 * are walked over when a call begins and when it ends; in between the cursors of feeds that nothing
 * happens to stay behind. An expiry or a delayed command may tell of another instrument than the tick
 * that wakes it: what these will tell of is brought up just before.
 */
#include "kernel.h"

/* Whenever a run looks at a feed, or asks a tree for one: a test counts it. */
#ifndef TKS__LOOK
#define TKS__LOOK() ((void)0)
#endif

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

static tks_status columns_check(const tks_feed *feed, const tks_instrument *rules,
                                uint64_t *map_rows_out)
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
    return feed->zone_map && !zone_map_fits(feed, map_rows_out) ? TKS_STATUS_ZONE_MAP
                                                                : TKS_STATUS_OK;
}

tks_status tks_feed_check(const tks_feed *feed, const tks_instrument *instrument,
                          uint64_t *bad_row_out)
{
    if (!feed || !instrument || !bad_row_out)
        return TKS_STATUS_NULL_ARGUMENT;
    *bad_row_out = 0;
    uint64_t map_rows;
    tks_status status = columns_check(feed, instrument, &map_rows);
    return status == TKS_STATUS_OK ? rows_check(feed, instrument, NULL, bad_row_out) : status;
}

/* ---- Which feed comes first ------------------------------------------------------------------ */

/* A time for each feed, and a tree of minima above them: level 0 holds the times, an entry of a level
 * the least of eight entries of the level below. Of equal times the first feed wins, as instruments
 * merge. What fills a level up to a multiple of eight is later than everything. */
enum { RACE_FAN = TKS__RACE_FAN, RACE_LEVELS_MAX = 6 };

#define NEVER INT64_MAX

typedef struct race {
    int64_t *levels[RACE_LEVELS_MAX];
    uint32_t level_count;
    uint32_t top_count; /* entries of the highest level */
} race;

/* The times are the caller's to fill, before race_build. */
static void race_begin(race *t, int64_t *memory, uint32_t count)
{
    uint64_t padded;
    t->level_count = 0;
    memory[0] = NEVER; /* without feeds */
    for (;; count = (uint32_t)(padded / RACE_FAN)) {
        t->levels[t->level_count++] = memory;
        if (count <= RACE_FAN)
            break;
        padded = tks__race_padded(count);
        for (uint64_t i = count; i < padded; i++)
            memory[i] = NEVER;
        memory += padded;
    }
    t->top_count = count;
}

static int64_t least_of(const int64_t *times)
{
    int64_t least = times[0];
    for (int i = 1; i < RACE_FAN; i++)
        least = tks__min(least, times[i]);
    return least;
}

static uint32_t first_of(const int64_t *times, uint32_t count)
{
    uint32_t first = 0;
    int64_t least = times[0];
    for (uint32_t i = 1; i < count; i++) {
        first = times[i] < least ? i : first;
        least = tks__min(least, times[i]);
    }
    return first;
}

static void race_build(race *t)
{
    for (uint32_t level = 1; level < t->level_count; level++) {
        const int64_t *below = t->levels[level - 1];
        uint64_t count = (uint64_t)(t->levels[level] - below) / RACE_FAN;
        for (uint64_t i = 0; i < count; i++)
            t->levels[level][i] = least_of(&below[i * RACE_FAN]);
    }
}

static uint32_t race_first(const race *t)
{
    TKS__LOOK();
    uint32_t level = t->level_count - 1;
    uint32_t place = first_of(t->levels[level], t->top_count);
    while (level-- > 0)
        place = place * RACE_FAN + first_of(&t->levels[level][place * RACE_FAN], RACE_FAN);
    return place;
}

static void race_set(race *t, uint32_t place, int64_t time)
{
    t->levels[0][place] = time;
    for (uint32_t level = 1; level < t->level_count; level++) {
        uint32_t above = place / RACE_FAN;
        int64_t least = least_of(&t->levels[level - 1][above * RACE_FAN]);
        if (t->levels[level][above] == least)
            return;
        t->levels[level][above] = least;
        place = above;
    }
}

/* ---- A run over feeds ------------------------------------------------------------------------ */

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
static const point point_now = {INT64_MIN, UINT32_MAX, UINT64_MAX};
static const point point_end = {INT64_MAX, UINT32_MAX, UINT64_MAX};

typedef struct run {
    tks_engine *engine;
    tks_feed *feeds;
    uint32_t feed_count;
    uint32_t stop_on;
    tks_batch_result *result;
    point until;       /* where to stop for now */
    int64_t timed;     /* first expiry or delayed command that a row can wake, or NEVER */
    int64_t last_time; /* of all rows; NEVER while nobody has asked */
    uint64_t row;      /* of the feed that was chosen: to be executed */
    uint32_t changed;  /* a feed whose orders have changed, or TKS_NONE */
    bool has_fronts;
    bool has_taken;  /* a row; the engine's clock and last instrument are this run's */
    bool is_stopped; /* by an event */
    bool is_at_ends; /* all rows are taken */
    race own;        /* when a row comes that matters to a feed's orders: not before this time */
    race fronts;     /* when a row comes that is not taken: not before this time */
} run;

static tks__scan *scan_of(const run *r, uint32_t feed)
{
    TKS__LOOK();
    return &tks__instrument_at(r->engine, r->feeds[feed].instrument)->scan;
}

/* The feed of an instrument, or TKS_NONE. What an instrument remembers may be of an earlier call. */
static uint32_t feed_of(const run *r, uint32_t instrument)
{
    uint32_t feed = tks__instrument_at(r->engine, instrument)->scan.feed;
    return feed < r->feed_count && r->feeds[feed].instrument == instrument ? feed : TKS_NONE;
}

static int64_t time_of_row(const tks_feed *feed, uint64_t row)
{
    return row < feed->count ? feed->time[row] : NEVER;
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

static void scan_begin(tks__scan *scan, uint32_t feed, const tks_feed *f)
{
    scan->feed = feed;
    scan->next = scan->clear_until = f->cursor;
    scan->map_rows = 0;
    scan->wake_time = NEVER;
    scan->wake_row = f->count;
    scan->is_exact = 0;
}

static tks_status feed_check_whole(const run *r, uint32_t feed, uint64_t *bad_row_out)
{
    tks_feed *f = &r->feeds[feed];
    if (f->instrument >= r->engine->instrument_count)
        return TKS_STATUS_INSTRUMENT;
    if (feed > 0 && f->instrument <= r->feeds[feed - 1].instrument)
        return TKS_STATUS_FEED_REPEATED;
    const tks_instrument *rules = &tks__instrument_at(r->engine, f->instrument)->rules;
    tks__scan *scan = scan_of(r, feed);
    scan_begin(scan, feed, f);
    tks_status status = columns_check(f, rules, &scan->map_rows);
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
static tks_status feeds_check(const run *r)
{
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
    TKS__LOOK();
    tks_feed *f = &r->feeds[feed];
    tks_engine *engine = r->engine;
    if (row <= f->cursor)
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

/* The first row that is not before the point (time, instrument): an earlier instrument's rows of the
 * same time are. */
static uint64_t row_after(const run *r, uint32_t feed, int64_t time, uint32_t instrument)
{
    const tks_feed *f = &r->feeds[feed];
    const tks__scan *scan = scan_of(r, feed);
    int64_t first = f->instrument < instrument && time < INT64_MAX ? time + 1 : time;
    if (first == scan->wake_time && scan->wake_row >= f->cursor)
        return scan->wake_row;
    return gallop_time(f->time, f->cursor, f->count, first);
}

/* Bring all feeds but one up to just before the point (time, instrument of that feed). */
static void advance_others(run *r, uint32_t feed, int64_t time)
{
    uint32_t instrument = r->feeds[feed].instrument;
    for (uint32_t i = 0; i < r->feed_count; i++)
        if (i != feed)
            feed_advance(r, i, row_after(r, i, time, instrument));
}

static void advance_to_ends(run *r)
{
    if (r->is_at_ends)
        return;
    r->is_at_ends = true;
    for (uint32_t i = 0; i < r->feed_count; i++)
        feed_advance(r, i, r->feeds[i].count);
}

static bool is_within(const run *r, uint32_t feed, uint64_t row)
{
    const tks_feed *f = &r->feeds[feed];
    point here = {f->time[row], f->instrument, row};
    return r->until.time == INT64_MAX || !is_before(&r->until, &here);
}

/* The first row of a feed that is not within the run for now. */
static uint64_t end_row(const run *r, uint32_t feed)
{
    const tks_feed *f = &r->feeds[feed];
    const point *p = &r->until;
    if (p->time == INT64_MAX)
        return f->count;
    if (f->instrument != p->instrument)
        return row_after(r, feed, p->time, p->instrument);
    uint64_t end = p->row < f->count ? p->row + 1 : f->count;
    return end > f->cursor ? end : f->cursor;
}

/* ---- The next row that matters --------------------------------------------------------------- */

static uint64_t first_row(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* First row in [cursor, count) at or after `time`, remembered while the time stays the same. */
static uint64_t wake_row(tks__scan *scan, const tks_feed *feed, int64_t time)
{
    if (time == NEVER)
        return feed->count;
    if (feed->cursor < feed->count && feed->time[feed->cursor] >= time)
        return feed->cursor;
    if (time != scan->wake_time || scan->wake_row < feed->cursor) {
        scan->wake_time = time;
        scan->wake_row = gallop_time(feed->time, feed->cursor, feed->count, time);
    }
    return scan->wake_row;
}

/* Search prices in [cursor, end), going on from what was seen clear under thresholds at least as
 * tight. */
static inline uint64_t price_row(run *r, tks__scan *scan, const tks_feed *feed, uint64_t end)
{
    search s = search_of(r->engine, feed);
    uint64_t row = feed->cursor;
    if (s.falling <= scan->clear_falling && s.rising >= scan->clear_rising &&
        scan->clear_until > row)
        row = first_row(scan->clear_until, end);
    s.map_rows = scan->map_rows;
    uint64_t hit =
        feed->zone_map ? search_map(&s, feed->zone_map, row, end) : search_rows(&s, row, end);
    remember_clear(scan, &s, hit);
    r->result->ticks_scanned += s.rows_read;
    r->result->zone_lines += s.lines_read;
    return hit;
}

/* Look for the next row that matters to the orders of a feed's instrument, as far as the run goes for
 * now. Returns the time of that row; or of one before which there is none. */
static inline int64_t look_ahead(run *r, uint32_t feed)
{
    const tks_feed *f = &r->feeds[feed];
    tks__instrument *instrument = tks__instrument_at(r->engine, f->instrument);
    tks__scan *scan = scan_of(r, feed);
    const tks__heap *heaps = instrument->heaps;
    bool rests = heaps[TKS__HEAP_FALLING].count || heaps[TKS__HEAP_RISING].count;
    int64_t pending = tks__heap_first(r->engine, &heaps[TKS__HEAP_PENDING]);
    scan->next = f->count;
    if (pending == NEVER && !rests)
        return NEVER;
    uint64_t wake = wake_row(scan, f, tks__min(r->timed, pending));
    uint64_t end = rests ? first_row(end_row(r, feed), wake) : wake;
    scan->next = end;
    if (rests && end > f->cursor)
        scan->next = price_row(r, scan, f, end);
    bool is_wake = scan->next == wake && (pending <= r->timed || time_of_row(f, wake) >= pending);
    scan->is_exact = is_wake || scan->next < end;
    return time_of_row(f, scan->next);
}

/* What was found is no longer true: look again when its turn comes, from its cursor on. */
static void forget_ahead(run *r, uint32_t feed)
{
    const tks_feed *f = &r->feeds[feed];
    scan_of(r, feed)->next = f->cursor;
    scan_of(r, feed)->is_exact = 0;
    race_set(&r->own, feed, time_of_row(f, f->cursor));
}

static void fronts_begin(run *r)
{
    race_begin(&r->fronts, tks__at(r->engine, r->engine->fronts_at), r->feed_count);
    for (uint32_t i = 0; i < r->feed_count; i++)
        r->fronts.levels[0][i] = time_of_row(&r->feeds[i], r->feeds[i].cursor);
    race_build(&r->fronts);
    r->has_fronts = true;
}

static int64_t last_time_of(const run *r)
{
    int64_t last = INT64_MIN;
    for (uint32_t i = 0; i < r->feed_count; i++) {
        const tks_feed *f = &r->feeds[i];
        if (f->cursor < f->count)
            last = tks__max(last, f->time[f->count - 1]);
    }
    return last;
}

/* What no row comes to does not matter: most orders that end in time end after the batch. */
static int64_t first_timed(run *r)
{
    const tks_engine *engine = r->engine;
    int64_t timed = tks__heap_first(engine, &engine->expiry);
    if (engine->command_count)
        timed = tks__min(timed, tks__command_at(engine, 0)->due);
    if (timed == NEVER)
        return NEVER;
    if (r->last_time == NEVER)
        r->last_time = last_time_of(r);
    return timed <= r->last_time ? timed : NEVER;
}

/* After a tick or a placement. The feed is looked at when the next one is chosen. */
static void orders_changed(run *r, uint32_t feed)
{
    r->timed = first_timed(r);
    r->changed = feed;
}

static void own_begin(run *r)
{
    r->timed = first_timed(r);
    race_begin(&r->own, tks__at(r->engine, r->engine->own_at), r->feed_count);
    for (uint32_t i = 0; i < r->feed_count; i++)
        r->own.levels[0][i] = look_ahead(r, i);
    race_build(&r->own);
}

/* Take the rows before the point (time, instrument) from the feeds that have any, and tell the feed
 * whose next row is the first of all then; TKS_NONE when there is none. */
static uint32_t bring_up(run *r, int64_t time, uint32_t instrument)
{
    if (!r->has_fronts)
        fronts_begin(r);
    for (uint32_t last = TKS_NONE;;) {
        uint32_t feed = race_first(&r->fronts);
        if (r->fronts.levels[0][feed] == NEVER)
            return TKS_NONE;
        if (feed == last)
            return feed;
        const tks_feed *f = &r->feeds[feed];
        feed_advance(r, feed, row_after(r, feed, time, instrument));
        race_set(&r->fronts, feed, time_of_row(f, f->cursor));
        last = feed;
    }
}

/* The feed whose row wakes what is due by time: the first at or after it. An order of a schedule may
 * have come with a time that had passed; the cursors of other feeds are still behind the clock then. */
static uint32_t next_timed(run *r)
{
    const tks_engine *engine = r->engine;
    bool has_passed = r->has_taken && r->timed <= engine->clock;
    uint32_t feed =
        has_passed ? bring_up(r, engine->clock, engine->last_instrument) : bring_up(r, r->timed, 0);
    if (feed == TKS_NONE || !is_within(r, feed, r->feeds[feed].cursor))
        return TKS_NONE;
    r->row = r->feeds[feed].cursor;
    return feed;
}

static bool is_due(const run *r, int64_t time)
{
    return r->timed <= time && r->timed <= r->until.time && r->timed != NEVER;
}

/* The feed whose next row that matters comes first, that row in r->row; or TKS_NONE. A bound that did
 * not move for another look is executed: times of wrong CHECKED columns need not ascend, and this ends
 * all the same. */
static uint32_t next_feed(run *r)
{
    if (r->changed != TKS_NONE)
        race_set(&r->own, r->changed, look_ahead(r, r->changed));
    r->changed = TKS_NONE;
    for (;;) {
        uint32_t feed = race_first(&r->own);
        int64_t time = r->own.levels[0][feed];
        if (is_due(r, time))
            return next_timed(r);
        if (time == NEVER)
            return TKS_NONE;
        tks__scan *scan = scan_of(r, feed);
        r->row = scan->next;
        if (!is_within(r, feed, r->row))
            return TKS_NONE;
        if (scan->is_exact && r->row >= r->feeds[feed].cursor)
            return feed;
        race_set(&r->own, feed, look_ahead(r, feed));
        if (scan->next <= r->row)
            scan->is_exact = 1;
    }
}

/* ---- Executing ------------------------------------------------------------------------------- */

/* Orders of another instrument than the tick's are about to end or change: their events tell the tick
 * index of their instrument, and their checks read its price. */
static void bring_up_other(run *r, uint32_t instrument, const tks_tick *tick)
{
    uint32_t feed = feed_of(r, instrument);
    if (feed == TKS_NONE || instrument == tick->instrument)
        return;
    feed_advance(r, feed, row_after(r, feed, tick->time, tick->instrument));
    forget_ahead(r, feed);
}

static void bring_up_open(run *r, uint64_t before_id, const tks_tick *tick)
{
    const tks_engine *engine = r->engine;
    for (uint32_t slot = engine->first_order; slot != TKS_NONE;) {
        const tks__order *order = tks__order_at(engine, slot);
        if (order->id >= before_id)
            return;
        bring_up_other(r, order->instrument, tick);
        slot = order->next;
    }
}

/* Bring up the instruments that expiries and delayed commands of this tick will tell of: as many steps
 * as there may be events. */
static void bring_up_timed(run *r, const tks_tick *tick)
{
    const tks_engine *engine = r->engine;
    tks__candidate *due = tks__at(engine, engine->candidates_at);
    uint32_t count = tks__heap_collect(engine, &engine->expiry, tick->time, 0, due);
    for (uint32_t i = 0; i < count; i++)
        bring_up_other(r, tks__order_at(engine, due[i].slot)->instrument, tick);
    for (uint32_t i = 0; i < engine->command_count; i++) {
        const tks__command *command = tks__command_at(engine, i);
        if (command->due > tick->time)
            return;
        if (command->instrument == TKS_INSTRUMENT_ALL)
            bring_up_open(r, command->order_id, tick);
        else
            bring_up_other(r, command->instrument, tick);
    }
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

/* Run the chosen row of a feed through the full tick. */
static tks_status execute_row(run *r, uint32_t feed)
{
    tks_feed *f = &r->feeds[feed];
    feed_advance(r, feed, r->row);
    const tks_instrument *rules = &tks__instrument_at(r->engine, f->instrument)->rules;
    tks_tick tick = live_tick(f, rules, f->cursor);
    if (r->timed <= tick.time)
        bring_up_timed(r, &tick);
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
    orders_changed(r, feed);
    return TKS_STATUS_OK;
}

/* Execute all rows that matter up to r->until, or to the tick that emits an event of stop_on. Rows
 * after the last of them are not taken yet when it comes to r->until. */
static tks_status run_on(run *r)
{
    for (;;) {
        uint32_t feed = next_feed(r);
        if (feed == TKS_NONE)
            return TKS_STATUS_OK;
        int64_t time = r->feeds[feed].time[r->row];
        r->engine->event_kinds = 0;
        tks_status status = execute_row(r, feed);
        r->is_stopped = status == TKS_STATUS_OK && (r->engine->event_kinds & r->stop_on);
        r->result->event_kinds = r->engine->event_kinds;
        if (status != TKS_STATUS_OK || r->is_stopped) {
            advance_others(r, feed, time);
            return status;
        }
    }
}

/* Run all feeds to their ends, or to the tick that emits an event of stop_on. */
static tks_status run_to_ends(run *r)
{
    r->until = point_end;
    tks_status status = run_on(r);
    if (status == TKS_STATUS_OK && !r->is_stopped)
        advance_to_ends(r);
    return status;
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

/* The trees are begun when they are needed. */
static void run_begin(run *r, tks_engine *engine, tks_feed *feeds, uint32_t feed_count,
                      tks_batch_result *result)
{
    r->engine = engine;
    r->feeds = feeds;
    r->feed_count = feed_count;
    r->stop_on = 0;
    r->result = result;
    r->until = point_end;
    r->timed = r->last_time = NEVER;
    r->changed = TKS_NONE;
    r->has_fronts = r->has_taken = r->is_stopped = r->is_at_ends = false;
}

tks_status tks_step_batch(tks_engine *engine, tks_feed *feeds, uint32_t feed_count,
                          uint32_t stop_on, tks_batch_result *result_out)
{
    tks_status status = result_begin(engine, feeds, feed_count, result_out);
    if (status != TKS_STATUS_OK)
        return status;
    run r;
    run_begin(&r, engine, feeds, feed_count, result_out);
    r.stop_on = stop_on;
    status = feeds_check(&r);
    if (status != TKS_STATUS_OK)
        return status;
    own_begin(&r);
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

static point point_of_row(const run *r, const tks_schedule *s, uint64_t row)
{
    if (s->time)
        return (point){s->time[row], UINT32_MAX, UINT64_MAX};
    uint32_t instrument = s->instrument ? s->instrument[row] : 0;
    if (instrument >= r->engine->instrument_count)
        return point_end; /* a wrong CHECKED flag: the placement will say so */
    uint32_t index = feed_of(r, instrument);
    if (index == TKS_NONE)
        return point_end;
    const tks_feed *feed = &r->feeds[index];
    /* The feed's next row is tick number `taken`. */
    uint64_t taken = tks__instrument_at(r->engine, instrument)->tick_count;
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
    if (s->tick_index && feed_of(r, order.instrument) == TKS_NONE)
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

static void advance_each(run *r)
{
    for (uint32_t i = 0; i < r->feed_count; i++)
        feed_advance(r, i, end_row(r, i));
}

/* Take the rows up to r->until that the next order must have behind it: its clock is that of the last
 * of all, its price and tick index those of its instrument. */
static void advance_until(run *r)
{
    const point *p = &r->until;
    if (p->time == INT64_MIN)
        return;
    if (p->time == INT64_MAX)
        advance_to_ends(r);
    else if (p->instrument == UINT32_MAX && r->feed_count <= RACE_FAN)
        advance_each(r);
    else if (p->instrument == UINT32_MAX)
        bring_up(r, p->time + 1, 0);
    else /* after a row of the order's own instrument, which is the last then */
        feed_advance(r, feed_of(r, p->instrument), p->row + 1);
}

static tks_status place_row(run *r, const tks_schedule *s)
{
    tks_order order = order_of_row(s, s->cursor);
    uint64_t order_id;
    tks_status status = tks_order_place(r->engine, &order, &order_id);
    if (status == TKS_STATUS_OK)
        orders_changed(r, feed_of(r, order.instrument));
    else
        advance_each(r);
    return status;
}

static tks_status run_schedule(run *r, tks_schedule *s)
{
    while (s->cursor < s->count) {
        r->until = point_of_row(r, s, s->cursor);
        tks_status status = run_on(r);
        if (status != TKS_STATUS_OK)
            return status;
        advance_until(r);
        status = place_row(r, s);
        if (status != TKS_STATUS_OK)
            return status;
        s->cursor++;
        r->result->rows_done++;
    }
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
    run r;
    run_begin(&r, engine, feeds, feed_count, result_out);
    status = feeds_check(&r);
    if (status != TKS_STATUS_OK)
        return status;
    status = schedule_check(&r, schedule);
    if (status != TKS_STATUS_OK)
        return status;
    r.until = point_now;
    own_begin(&r);
    status = run_schedule(&r, schedule);
    tks__orders_compact(engine);
    return status;
}
