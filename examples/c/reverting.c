/* Buys below a slow mean of the price and sells above it, at the market.
 *
 *     cc -O2 -shared -fPIC -I"$(python -c 'import tickstep; print(tickstep.get_include())')" \
 *         reverting.c -o reverting.so
 *     python -c 'import tickstep as ts; from tickstep.demo import sample
 *     print(ts.backtest(ts.native.load("./reverting.so", state=bytes(16)), sample(100_000)))'
 */
#include "tickstep_strategy.h"

typedef struct reverting {
    int64_t mean_shifted; /* 256 times the mean, in ticks */
    int64_t is_begun;
} reverting;

enum { QTY_LOTS = 500, WIDTH_TICKS = 20 };

int32_t on_tick(void *memory, const tks_view *view, tks_commands *commands)
{
    reverting *state = memory;
    if (!state->is_begun) {
        state->is_begun = 1;
        state->mean_shifted = 256 * view->price_ticks;
    }
    state->mean_shifted += view->price_ticks - (state->mean_shifted >> 8);
    int64_t mean_ticks = state->mean_shifted >> 8;
    if (view->position_lots == 0 && view->price_ticks < mean_ticks - WIDTH_TICKS)
        tks_buy(commands, QTY_LOTS);
    if (view->position_lots > 0 && view->price_ticks > mean_ticks)
        tks_sell(commands, view->position_lots);
    return 0;
}
