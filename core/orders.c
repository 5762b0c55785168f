/* SPDX-License-Identifier: MIT
 *
 * orders.c: the order table.
 *
 * Orders live in slots that are reused. A slot is private: the outside knows ids. An open order is
 *   in the id table and in one list of all open orders by id (ids only grow: appending sorts it);
 *   in the ring of its group, if it has one, also by id;
 *   in the heaps its state asks for: PENDING while it waits for its first live tick or wants lots
 *   at any price, FALLING or RISING while it rests (a trailing stop in both: one fires it, the
 *   other tells of a better price), EXPIRY when a time ends or wakes it.
 * heap_at tells the place in each heap, so that leaving one is O(log) without a search.
 */
#include "kernel.h"

/* ---- Hash tables: open addressing, linear probing, places hold slots ------------------------- */

static uint32_t table_home(const tks_engine *engine, uint64_t hash)
{
    return (uint32_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - engine->table_bits));
}

static uint32_t table_mask(const tks_engine *engine)
{
    return (uint32_t)((UINT64_C(1) << engine->table_bits) - 1); /* there may be 32 bits */
}

static uint64_t group_hash(uint32_t instrument, uint64_t group)
{
    return group + instrument * UINT64_C(0xd1b54a32d192ed03);
}

static uint32_t *ids(const tks_engine *engine)
{
    return tks__at(engine, engine->ids_at);
}

static uint32_t *groups(const tks_engine *engine)
{
    return tks__at(engine, engine->groups_at);
}

static uint64_t id_hash_of(const tks_engine *engine, uint32_t slot)
{
    return tks__order_at(engine, slot)->id;
}

static uint64_t group_hash_of(const tks_engine *engine, uint32_t slot)
{
    const tks__order *order = tks__order_at(engine, slot);
    return group_hash(order->instrument, order->group);
}

static void table_insert(const tks_engine *engine, uint32_t *table, uint64_t hash, uint32_t slot)
{
    uint32_t place = table_home(engine, hash);
    while (table[place] != TKS_NONE)
        place = (place + 1) & table_mask(engine);
    table[place] = slot;
}

static uint32_t table_place_of(const tks_engine *engine, const uint32_t *table, uint64_t hash,
                               uint32_t slot)
{
    uint32_t place = table_home(engine, hash);
    while (table[place] != slot)
        place = (place + 1) & table_mask(engine);
    return place;
}

/* Close the gap: entries behind it that may stand earlier move up, so that probing never stops
 * short. */
static void table_remove(const tks_engine *engine, uint32_t *table, bool of_groups, uint32_t place)
{
    uint32_t mask = table_mask(engine);
    uint32_t gap = place;
    for (uint32_t next = (gap + 1) & mask; table[next] != TKS_NONE; next = (next + 1) & mask) {
        uint64_t hash =
            of_groups ? group_hash_of(engine, table[next]) : id_hash_of(engine, table[next]);
        uint32_t home = table_home(engine, hash);
        if (((next - home) & mask) >= ((next - gap) & mask)) {
            table[gap] = table[next];
            gap = next;
        }
    }
    table[gap] = TKS_NONE;
}

uint32_t tks__order_find(const tks_engine *engine, uint64_t order_id)
{
    const uint32_t *table = ids(engine);
    uint32_t place = table_home(engine, order_id);
    while (table[place] != TKS_NONE && tks__order_at(engine, table[place])->id != order_id)
        place = (place + 1) & table_mask(engine);
    return table[place];
}

static bool is_in_group(const tks_engine *engine, uint32_t slot, uint32_t instrument,
                        uint64_t group)
{
    const tks__order *order = tks__order_at(engine, slot);
    return order->group == group && order->instrument == instrument;
}

static uint32_t group_place(const tks_engine *engine, uint32_t instrument, uint64_t group)
{
    const uint32_t *table = groups(engine);
    uint32_t place = table_home(engine, group_hash(instrument, group));
    while (table[place] != TKS_NONE && !is_in_group(engine, table[place], instrument, group))
        place = (place + 1) & table_mask(engine);
    return place;
}

uint32_t tks__group_find(const tks_engine *engine, uint32_t instrument, uint64_t group)
{
    return group ? groups(engine)[group_place(engine, instrument, group)] : TKS_NONE;
}

static void tables_clear(tks_engine *engine)
{
    uint64_t places = UINT64_C(1) << engine->table_bits;
    memset(ids(engine), 0xff, places * sizeof(uint32_t));
    memset(groups(engine), 0xff, places * sizeof(uint32_t));
}

void tks__tables_rebuild(tks_engine *engine)
{
    tables_clear(engine);
    for (uint32_t slot = engine->first_order; slot != TKS_NONE;) {
        const tks__order *order = tks__order_at(engine, slot);
        table_insert(engine, ids(engine), order->id, slot);
        uint32_t *group = &groups(engine)[group_place(engine, order->instrument, order->group)];
        if (order->group && *group == TKS_NONE) /* the first by id heads the ring */
            *group = slot;
        slot = order->next;
    }
}

/* ---- Slots and lists ------------------------------------------------------------------------- */

void tks__orders_reset(tks_engine *engine)
{
    tables_clear(engine);
    for (uint32_t i = 0; i < engine->instrument_count; i++) {
        tks__instrument *instrument = tks__instrument_at(engine, i);
        instrument->order_count = instrument->alert_count = 0;
        for (int kind = 0; kind < TKS__HEAP_EXPIRY; kind++)
            instrument->heaps[kind].count = 0;
    }
    engine->expiry.count = 0;
    engine->first_order = engine->last_order = engine->free_slot = TKS_NONE;
    engine->open_count = engine->slots_used = 0;
}

bool tks__orders_have_room(const tks_engine *engine, uint32_t instrument)
{
    const tks__instrument *at = tks__instrument_at(engine, instrument);
    return at->order_count + at->alert_count < at->rules.orders_max;
}

static uint32_t slot_take(tks_engine *engine)
{
    uint32_t slot = engine->free_slot;
    if (slot == TKS_NONE)
        return engine->slots_used++;
    engine->free_slot = tks__order_at(engine, slot)->next;
    return slot;
}

static void slot_free(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    order->id = 0; /* how compaction tells a hole */
    order->next = engine->free_slot;
    engine->free_slot = slot;
}

static void list_append(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    order->previous = engine->last_order;
    order->next = TKS_NONE;
    if (engine->last_order == TKS_NONE)
        engine->first_order = slot;
    else
        tks__order_at(engine, engine->last_order)->next = slot;
    engine->last_order = slot;
}

static void list_remove(tks_engine *engine, const tks__order *order)
{
    if (order->previous == TKS_NONE)
        engine->first_order = order->next;
    else
        tks__order_at(engine, order->previous)->next = order->next;
    if (order->next == TKS_NONE)
        engine->last_order = order->previous;
    else
        tks__order_at(engine, order->next)->previous = order->previous;
}

static void group_append(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    order->group_next = order->group_previous = slot;
    if (order->group == 0)
        return;
    uint32_t *place = &groups(engine)[group_place(engine, order->instrument, order->group)];
    if (*place == TKS_NONE) {
        *place = slot;
        return;
    }
    tks__order *first = tks__order_at(engine, *place);
    order->group_next = *place;
    order->group_previous = first->group_previous;
    tks__order_at(engine, first->group_previous)->group_next = slot;
    first->group_previous = slot;
}

static void group_remove(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    if (order->group == 0)
        return;
    uint32_t place = group_place(engine, order->instrument, order->group);
    if (order->group_next == slot) {
        table_remove(engine, groups(engine), true, place);
        return;
    }
    if (groups(engine)[place] == slot)
        groups(engine)[place] = order->group_next;
    tks__order_at(engine, order->group_previous)->group_next = order->group_next;
    tks__order_at(engine, order->group_next)->group_previous = order->group_previous;
}

uint32_t tks__order_insert(tks_engine *engine, const tks__order *order)
{
    uint32_t slot = slot_take(engine);
    tks__order *at = tks__order_at(engine, slot);
    *at = *order;
    for (int kind = 0; kind < TKS__HEAP_KINDS; kind++)
        at->heap_at[kind] = TKS_NONE;
    table_insert(engine, ids(engine), at->id, slot);
    list_append(engine, slot);
    group_append(engine, slot);
    tks__instrument *instrument = tks__instrument_at(engine, at->instrument);
    if (tks__is_alert(at->type))
        instrument->alert_count++;
    else
        instrument->order_count++;
    engine->open_count++;
    return slot;
}

void tks__order_leave_heaps(tks_engine *engine, uint32_t slot, int kinds)
{
    const tks__order *order = tks__order_at(engine, slot);
    for (int kind = 0; kind < kinds; kind++)
        if (order->heap_at[kind] != TKS_NONE)
            tks__heap_remove(engine, (tks__heap_kind)kind, slot);
}

void tks__order_remove(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    tks__instrument *instrument = tks__instrument_at(engine, order->instrument);
    if (tks__is_alert(order->type))
        instrument->alert_count--;
    else
        instrument->order_count--;
    tks__order_leave_heaps(engine, slot, TKS__HEAP_KINDS);
    group_remove(engine, slot);
    list_remove(engine, order);
    table_remove(engine, ids(engine), false, table_place_of(engine, ids(engine), order->id, slot));
    slot_free(engine, slot);
    engine->open_count--;
}

/* ---- Heaps ----------------------------------------------------------------------------------- */

static tks__heap *heap_of(tks_engine *engine, tks__heap_kind kind, const tks__order *order)
{
    if (kind == TKS__HEAP_EXPIRY)
        return &engine->expiry;
    return &tks__instrument_at(engine, order->instrument)->heaps[kind];
}

/* (key, rank) as one number of the same order. */
static tks_u128 order_key(const tks__heap_entry *entry)
{
    return (tks_u128)((uint64_t)entry->key ^ UINT64_C(1) << 63) << 64 | entry->rank;
}

static bool comes_before(const tks__heap_entry *a, const tks__heap_entry *b)
{
    return order_key(a) < order_key(b);
}

static void heap_put(tks_engine *engine, tks__heap_kind kind, tks__heap_entry *entries,
                     uint32_t place, tks__heap_entry entry)
{
    entries[place] = entry;
    tks__order_at(engine, entry.slot)->heap_at[kind] = place;
}

static void sift_up(tks_engine *engine, tks__heap_kind kind, tks__heap_entry *entries,
                    uint32_t place, tks__heap_entry entry)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / 4;
        if (!comes_before(&entry, &entries[parent]))
            break;
        heap_put(engine, kind, entries, place, entries[parent]);
        place = parent;
    }
    heap_put(engine, kind, entries, place, entry);
}

/* Of up to four children the first in order. Chosen by arithmetic: which child wins is a coin toss
 * that no branch predictor learns. */
static uint32_t first_child(const tks__heap_entry *entries, uint32_t count, uint32_t place)
{
    uint32_t child = 4 * place + 1;
    uint32_t end = child + 4 < count ? child + 4 : count;
    uint32_t first = child;
    tks_u128 least = order_key(&entries[first]);
    for (uint32_t other = child + 1; other < end; other++) {
        tks_u128 key = order_key(&entries[other]);
        first = key < least ? other : first;
        least = key < least ? key : least;
    }
    return first;
}

static void sift_down(tks_engine *engine, tks__heap_kind kind, tks__heap_entry *entries,
                      uint32_t count, uint32_t place, tks__heap_entry entry)
{
    while (4 * (uint64_t)place + 1 < count) {
        uint32_t child = first_child(entries, count, place);
        if (!comes_before(&entries[child], &entry))
            break;
        heap_put(engine, kind, entries, place, entries[child]);
        place = child;
    }
    heap_put(engine, kind, entries, place, entry);
}

void tks__heap_push(tks_engine *engine, tks__heap_kind kind, uint32_t slot, int64_t key,
                    uint64_t rank)
{
    tks__heap *heap = heap_of(engine, kind, tks__order_at(engine, slot));
    TKS_ASSERT(heap->count < heap->capacity);
    tks__heap_entry entry = {.key = key, .rank = rank, .slot = slot};
    sift_up(engine, kind, tks__heap_entries(engine, heap), heap->count++, entry);
}

void tks__heap_remove(tks_engine *engine, tks__heap_kind kind, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    uint32_t place = order->heap_at[kind];
    if (place == TKS_NONE)
        return;
    order->heap_at[kind] = TKS_NONE;
    tks__heap *heap = heap_of(engine, kind, order);
    tks__heap_entry *entries = tks__heap_entries(engine, heap);
    tks__heap_entry last = entries[--heap->count];
    if (place == heap->count)
        return;
    if (place > 0 && comes_before(&last, &entries[(place - 1) / 4]))
        sift_up(engine, kind, entries, place, last);
    else
        sift_down(engine, kind, entries, heap->count, place, last);
}

/* Breadth first, using the output itself as the queue: `rank` holds the heap place until its turn.
 * */
uint32_t tks__heap_collect(const tks_engine *engine, const tks__heap *heap, int64_t bound,
                           uint32_t class, tks__candidate *out)
{
    const tks__heap_entry *entries = tks__heap_entries(engine, heap);
    uint32_t count = 0;
    if (heap->count && entries[0].key <= bound)
        out[count++].rank = 0;
    for (uint32_t done = 0; done < count; done++) {
        uint32_t place = (uint32_t)out[done].rank;
        const tks__heap_entry *entry = &entries[place];
        out[done] = (tks__candidate){entry->key, entry->rank, entry->slot, class};
        uint64_t child = 4 * (uint64_t)place + 1;
        for (uint64_t end = child + 4; child < end && child < heap->count; child++)
            if (entries[child].key <= bound)
                out[count++].rank = child;
    }
    return count;
}

/* ---- Execution order ------------------------------------------------------------------------- */

static bool executes_before(const tks__candidate *a, const tks__candidate *b)
{
    if (a->class != b->class)
        return a->class < b->class;
    return a->key < b->key || (a->key == b->key && a->rank < b->rank);
}

static void insertion_sort(tks__candidate *candidates, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        tks__candidate moving = candidates[i];
        uint32_t j = i;
        for (; j > 0 && executes_before(&moving, &candidates[j - 1]); j--)
            candidates[j] = candidates[j - 1];
        candidates[j] = moving;
    }
}

static void sift_last(tks__candidate *candidates, uint32_t count, uint32_t place)
{
    tks__candidate moving = candidates[place];
    for (uint64_t child; (child = 2 * (uint64_t)place + 1) < count; place = (uint32_t)child) {
        if (child + 1 < count && executes_before(&candidates[child], &candidates[child + 1]))
            child++;
        if (!executes_before(&moving, &candidates[child]))
            break;
        candidates[place] = candidates[child];
    }
    candidates[place] = moving;
}

static void heap_sort(tks__candidate *candidates, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift_last(candidates, count, i);
    for (uint32_t end = count - 1; end > 0; end--) {
        tks__candidate last = candidates[end];
        candidates[end] = candidates[0];
        candidates[0] = last;
        sift_last(candidates, end, 0);
    }
}

void tks__candidates_sort(tks__candidate *candidates, uint32_t count)
{
    if (count <= 16)
        insertion_sort(candidates, count);
    else
        heap_sort(candidates, count);
}

/* ---- Where an order waits -------------------------------------------------------------------- */

void tks__order_wait_pending(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    order->state = TKS__ORDER_PENDING;
    tks__heap_push(engine, TKS__HEAP_PENDING, slot, order->live_from, order->priority);
}

void tks__order_wait_market(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    order->state = TKS__ORDER_MARKET;
    order->live_from = TKS_TIME_NONE;
    tks__order_leave_heaps(engine, slot, TKS__HEAP_EXPIRY);
    tks__heap_push(engine, TKS__HEAP_PENDING, slot, TKS_TIME_NONE, order->priority);
}

static void wait_trailing(tks_engine *engine, uint32_t slot, const tks__order *order,
                          int64_t threshold)
{
    bool falling = tks__waits_for_falling(order);
    tks__heap_kind fires = falling ? TKS__HEAP_FALLING : TKS__HEAP_RISING;
    tks__heap_kind follows = falling ? TKS__HEAP_RISING : TKS__HEAP_FALLING;
    tks__heap_push(engine, fires, slot, falling ? -threshold : threshold, order->priority);
    tks__heap_push(engine, follows, slot, falling ? order->best_ticks + 1 : 1 - order->best_ticks,
                   order->priority);
}

void tks__order_wait_price(tks_engine *engine, uint32_t slot)
{
    tks__order *order = tks__order_at(engine, slot);
    tks__order_leave_heaps(engine, slot, TKS__HEAP_EXPIRY);
    order->state = TKS__ORDER_RESTING;
    order->live_from = TKS_TIME_NONE;
    int64_t threshold = tks__threshold(tks__instrument_at(engine, order->instrument), order);
    if (order->type == TKS_ORDER_TRAILING_STOP)
        wait_trailing(engine, slot, order, threshold);
    else if (tks__waits_for_falling(order))
        tks__heap_push(engine, TKS__HEAP_FALLING, slot, -threshold, order->priority);
    else
        tks__heap_push(engine, TKS__HEAP_RISING, slot, threshold, order->priority);
}

void tks__order_trail(tks_engine *engine, uint32_t slot, int64_t price_ticks)
{
    tks__order_at(engine, slot)->best_ticks = price_ticks;
    tks__order_wait_price(engine, slot);
}

/* ---- From outside ---------------------------------------------------------------------------- */

/* Find the open order of an id the caller gave. */
tks_status tks__order_of_id(const tks_engine *engine, uint64_t order_id, uint32_t *slot_out)
{
    if (order_id == 0 || order_id >= engine->order_id_next)
        return TKS_STATUS_ORDER_UNKNOWN;
    *slot_out = tks__order_find(engine, order_id);
    return *slot_out == TKS_NONE ? TKS_STATUS_ORDER_CLOSED : TKS_STATUS_OK;
}

tks_order tks__order_as_asked(const tks__order *order)
{
    tks_order asked = {.struct_size = sizeof asked, .instrument = order->instrument};
    asked.type = order->type;
    asked.side = order->side;
    asked.time_in_force = order->time_in_force;
    asked.offset = order->offset;
    asked.flags = order->flags;
    asked.qty_lots = order->qty_lots;
    asked.price_ticks = order->price_ticks;
    asked.trigger_ticks = order->trigger_ticks;
    asked.trail_ticks = order->trail_ticks;
    asked.expire_time = order->expire_time;
    asked.oco_group = order->group;
    asked.tag = order->tag;
    return asked;
}

/* ---- Compaction ------------------------------------------------------------------------------ */

static void repoint(tks_engine *engine, const tks__order *order, uint32_t from, uint32_t to)
{
    ids(engine)[table_place_of(engine, ids(engine), order->id, from)] = to;
    for (int kind = 0; kind < TKS__HEAP_KINDS; kind++)
        if (order->heap_at[kind] != TKS_NONE)
            tks__heap_entries(engine,
                              heap_of(engine, (tks__heap_kind)kind, order))[order->heap_at[kind]]
                .slot = to;
    if (order->previous == TKS_NONE)
        engine->first_order = to;
    else
        tks__order_at(engine, order->previous)->next = to;
    if (order->next == TKS_NONE)
        engine->last_order = to;
    else
        tks__order_at(engine, order->next)->previous = to;
    if (order->group == 0)
        return;
    uint32_t place = group_place(engine, order->instrument, order->group);
    if (groups(engine)[place] == from)
        groups(engine)[place] = to;
    tks__order_at(engine, order->group_previous)->group_next = to;
    tks__order_at(engine, order->group_next)->group_previous = to;
}

/* The new slot must hold the order before neighbours are repointed: a lone member's ring is itself.
 * */
static void order_move(tks_engine *engine, uint32_t from, uint32_t to)
{
    tks__order *target = tks__order_at(engine, to);
    *target = *tks__order_at(engine, from);
    repoint(engine, target, from, to);
    if (target->group_next == from)
        target->group_next = target->group_previous = to;
    tks__order_at(engine, from)->id = 0;
}

/* Only when more than half of the slots ever used are holes, so that the work is paid by the orders
 * that left. Orders from the end fill the holes at the front. */
void tks__orders_compact(tks_engine *engine)
{
    if (engine->slots_used < 64 || engine->open_count > engine->slots_used / 2)
        return;
    uint32_t hole = 0;
    for (uint32_t last = engine->slots_used; last-- > engine->open_count;) {
        if (tks__order_at(engine, last)->id == 0)
            continue;
        while (tks__order_at(engine, hole)->id != 0)
            hole++;
        order_move(engine, last, hole);
    }
    engine->slots_used = engine->open_count;
    engine->free_slot = TKS_NONE;
}
