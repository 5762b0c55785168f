/* SPDX-License-Identifier: MIT
 *
 * The layout of every public struct as numbers. crates/tickstep-sys/src/lib.rs states the same ones:
 * a struct that changes on one side alone does not compile.
 */
#include "tickstep.h"

#define SIZE(type, bytes)                                                                          \
    _Static_assert(sizeof(type) == (bytes), #type " has another size");                            \
    _Static_assert(_Alignof(type) == 8, #type " has another alignment")
#define FIELD(type, field, bytes)                                                                  \
    _Static_assert(offsetof(type, field) == (bytes), #type "." #field " has moved")

_Static_assert(sizeof(tks_status) == 4, "a status is four bytes wide");
_Static_assert(sizeof(size_t) == 8, "64-bit only");


SIZE(tks_instrument, 112);
FIELD(tks_instrument, struct_size, 0);
FIELD(tks_instrument, flags, 4);
FIELD(tks_instrument, settle, 8);
FIELD(tks_instrument, position_mode, 9);
FIELD(tks_instrument, fill_rule, 10);
FIELD(tks_instrument, qty_rule, 11);
FIELD(tks_instrument, wallet, 12);
FIELD(tks_instrument, orders_max, 16);
FIELD(tks_instrument, participation_ppm, 20);
FIELD(tks_instrument, units_per_tick_lot, 24);
FIELD(tks_instrument, spread_ppb, 32);
FIELD(tks_instrument, maker_fee_ppb, 40);
FIELD(tks_instrument, taker_fee_ppb, 48);
FIELD(tks_instrument, maker_fee_units_per_lot, 56);
FIELD(tks_instrument, taker_fee_units_per_lot, 64);
FIELD(tks_instrument, fee_min_units, 72);
FIELD(tks_instrument, qty_step_lots, 80);
FIELD(tks_instrument, qty_min_lots, 88);
FIELD(tks_instrument, band_low_ticks, 96);
FIELD(tks_instrument, band_high_ticks, 104);

SIZE(tks_config, 48);
FIELD(tks_config, struct_size, 0);
FIELD(tks_config, flags, 4);
FIELD(tks_config, instrument_count, 8);
FIELD(tks_config, events_max, 12);
FIELD(tks_config, commands_max, 16);
FIELD(tks_config, reserved, 20);
FIELD(tks_config, initial_cash_units, 24);
FIELD(tks_config, latency, 32);
FIELD(tks_config, instruments, 40);

SIZE(tks_order, 72);
FIELD(tks_order, struct_size, 0);
FIELD(tks_order, instrument, 4);
FIELD(tks_order, type, 8);
FIELD(tks_order, side, 9);
FIELD(tks_order, time_in_force, 10);
FIELD(tks_order, offset, 11);
FIELD(tks_order, flags, 12);
FIELD(tks_order, qty_lots, 16);
FIELD(tks_order, price_ticks, 24);
FIELD(tks_order, trigger_ticks, 32);
FIELD(tks_order, trail_ticks, 40);
FIELD(tks_order, expire_time, 48);
FIELD(tks_order, oco_group, 56);
FIELD(tks_order, tag, 64);

SIZE(tks_amend, 40);
FIELD(tks_amend, struct_size, 0);
FIELD(tks_amend, fields, 4);
FIELD(tks_amend, qty_lots, 8);
FIELD(tks_amend, price_ticks, 16);
FIELD(tks_amend, trigger_ticks, 24);
FIELD(tks_amend, trail_ticks, 32);

SIZE(tks_tick, 48);
FIELD(tks_tick, time, 0);
FIELD(tks_tick, price_ticks, 8);
FIELD(tks_tick, qty_lots, 16);
FIELD(tks_tick, bid_ticks, 24);
FIELD(tks_tick, ask_ticks, 32);
FIELD(tks_tick, instrument, 40);
FIELD(tks_tick, side, 44);
FIELD(tks_tick, flags, 45);
FIELD(tks_tick, reserved, 46);

SIZE(tks_feed, 96);
FIELD(tks_feed, struct_size, 0);
FIELD(tks_feed, instrument, 4);
FIELD(tks_feed, flags, 8);
FIELD(tks_feed, reserved, 12);
FIELD(tks_feed, cursor, 16);
FIELD(tks_feed, count, 24);
FIELD(tks_feed, time, 32);
FIELD(tks_feed, price_ticks, 40);
FIELD(tks_feed, qty_lots, 48);
FIELD(tks_feed, side, 56);
FIELD(tks_feed, bid_ticks, 64);
FIELD(tks_feed, ask_ticks, 72);
FIELD(tks_feed, zone_map, 80);
FIELD(tks_feed, zone_map_size, 88);

SIZE(tks_batch_result, 64);
FIELD(tks_batch_result, struct_size, 0);
FIELD(tks_batch_result, event_kinds, 4);
FIELD(tks_batch_result, ticks_done, 8);
FIELD(tks_batch_result, ticks_executed, 16);
FIELD(tks_batch_result, ticks_scanned, 24);
FIELD(tks_batch_result, zone_lines, 32);
FIELD(tks_batch_result, rows_done, 40);
FIELD(tks_batch_result, bad_row, 48);
FIELD(tks_batch_result, bad_feed, 56);
FIELD(tks_batch_result, reserved, 60);

SIZE(tks_schedule, 144);
FIELD(tks_schedule, struct_size, 0);
FIELD(tks_schedule, flags, 4);
FIELD(tks_schedule, cursor, 8);
FIELD(tks_schedule, count, 16);
FIELD(tks_schedule, time, 24);
FIELD(tks_schedule, tick_index, 32);
FIELD(tks_schedule, instrument, 40);
FIELD(tks_schedule, type, 48);
FIELD(tks_schedule, side, 56);
FIELD(tks_schedule, time_in_force, 64);
FIELD(tks_schedule, offset, 72);
FIELD(tks_schedule, order_flags, 80);
FIELD(tks_schedule, qty_lots, 88);
FIELD(tks_schedule, price_ticks, 96);
FIELD(tks_schedule, trigger_ticks, 104);
FIELD(tks_schedule, trail_ticks, 112);
FIELD(tks_schedule, expire_time, 120);
FIELD(tks_schedule, oco_group, 128);
FIELD(tks_schedule, tag, 136);

SIZE(tks_event, 88);
FIELD(tks_event, kind, 0);
FIELD(tks_event, reason, 2);
FIELD(tks_event, instrument, 4);
FIELD(tks_event, sequence, 8);
FIELD(tks_event, time, 16);
FIELD(tks_event, tick_index, 24);
FIELD(tks_event, order_id, 32);
FIELD(tks_event, tag, 40);
FIELD(tks_event, price_ticks, 48);
FIELD(tks_event, qty_lots, 56);
FIELD(tks_event, fee_units, 64);
FIELD(tks_event, realized_units, 72);
FIELD(tks_event, position_after_lots, 80);

SIZE(tks_digest, 16);
FIELD(tks_digest, low, 0);
FIELD(tks_digest, high, 8);

SIZE(tks_bucket, 32);
FIELD(tks_bucket, qty_lots, 0);
FIELD(tks_bucket, frozen_lots, 8);
FIELD(tks_bucket, cost_units, 16);
FIELD(tks_bucket, base_units, 24);

SIZE(tks_snapshot, 288);
FIELD(tks_snapshot, struct_size, 0);
FIELD(tks_snapshot, instrument, 4);
FIELD(tks_snapshot, order_count, 8);
FIELD(tks_snapshot, alert_count, 16);
FIELD(tks_snapshot, time, 24);
FIELD(tks_snapshot, tick_index, 32);
FIELD(tks_snapshot, last_price_ticks, 40);
FIELD(tks_snapshot, position_lots, 48);
FIELD(tks_snapshot, cost_units, 56);
FIELD(tks_snapshot, realized_units, 64);
FIELD(tks_snapshot, unrealized_units, 72);
FIELD(tks_snapshot, fees_units, 80);
FIELD(tks_snapshot, cash_units, 88);
FIELD(tks_snapshot, in_units, 96);
FIELD(tks_snapshot, income_units, 104);
FIELD(tks_snapshot, wallet_fees_units, 112);
FIELD(tks_snapshot, wallet_realized_units, 120);
FIELD(tks_snapshot, wallet_unrealized_units, 128);
FIELD(tks_snapshot, equity_units, 136);
FIELD(tks_snapshot, frozen_units, 144);
FIELD(tks_snapshot, available_units, 152);
FIELD(tks_snapshot, buckets, 160);

SIZE(tks_holding, 32);
FIELD(tks_holding, time, 0);
FIELD(tks_holding, tick_index, 8);
FIELD(tks_holding, last_price_ticks, 16);
FIELD(tks_holding, position_lots, 24);

SIZE(tks_wake, 24);
FIELD(tks_wake, falling_ticks, 0);
FIELD(tks_wake, rising_ticks, 8);
FIELD(tks_wake, time, 16);

SIZE(tks_order_view, 136);
FIELD(tks_order_view, order_id, 0);
FIELD(tks_order_view, order, 8);
FIELD(tks_order_view, filled_lots, 80);
FIELD(tks_order_view, placed_time, 88);
FIELD(tks_order_view, trigger_now_ticks, 96);
FIELD(tks_order_view, fees_units, 104);
FIELD(tks_order_view, frozen_units, 112);
FIELD(tks_order_view, frozen_lots, 120);
FIELD(tks_order_view, is_triggered, 128);
FIELD(tks_order_view, is_resting, 129);
FIELD(tks_order_view, reserved, 130);

int main(void)
{
    return 0; /* compiled is passed */
}
