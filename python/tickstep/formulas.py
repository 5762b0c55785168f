"""What each number of a result is, in a line: what reports print beside it."""

__all__ = ["FORMULAS", "formula"]

# r are the returns named by "Sampling", P their number in a year, E equity, w the net P&L of a trade.
FORMULAS = {
    "Start": "time of the first row",
    "End": "time of the last row",
    "Duration": "from the first row to the last",
    "Exposure Time [%]": "time with any position / duration",
    "Equity Final": "cash + positions at the last price",
    "Equity Peak": "highest E after any row",
    "Return [%]": "P&L / E at the start; with deposits the compound of r by period",
    "Buy & Hold Return [%]": "last price / first price - 1, mean over the instruments",
    "Return (Ann.) [%]": "(product of (1 + r)) ^ (P / n) - 1",
    "Volatility (Ann.) [%]": "sd(r) * sqrt(P), sd with n - 1",
    "CAGR [%]": "(1 + return) ^ (1 / years) - 1, years of 365.25 days",
    "Sharpe Ratio": "mean(r) / sd(r) * sqrt(P), with a risk-free rate of 0",
    "Sortino Ratio": "mean(r) / sqrt(mean(min(r, 0)²)) * sqrt(P)",
    "Calmar Ratio": "CAGR / |max. drawdown|",
    "Alpha [%]": "(mean(r) - beta * mean(market)) * P, market: all instruments held in equal parts",
    "Beta": "cov(r, market) / var(market)",
    "Max. Drawdown [%]": "min of E / highest E so far - 1, over every row",
    "Avg. Drawdown [%]": "mean depth of all falls",
    "Max. Drawdown Duration": "longest time from a peak back to it, or to the end",
    "Avg. Drawdown Duration": "mean time from a peak back to it, or to the end",
    "# Trades": "closed round trips, first in first out",
    "Win Rate [%]": "trades with w > 0 / all closed",
    "Best Trade [%]": "highest w / entry value",
    "Worst Trade [%]": "lowest w / entry value",
    "Avg. Trade [%]": "geometric mean of 1 + w / entry value, - 1",
    "Max. Trade Duration": "longest time from entry to exit",
    "Avg. Trade Duration": "mean time from entry to exit",
    "Profit Factor": "sum of w > 0 / |sum of w < 0|",
    "Expectancy [%]": "mean of w / entry value",
    "SQN": "sqrt(n) * mean(w) / sd(w), sd with n - 1",
    "Kelly Criterion": "W - (1 - W) / payoff, W: wins / (wins + losses)",
    "Open Trades": "round trips without an exit",
    "Expectancy": "mean(w)",
    "Payoff Ratio": "mean of w > 0 / |mean of w < 0|",
    "Max. Wins in a Row": "longest run of w > 0, in order of exits",
    "Max. Losses in a Row": "longest run of w < 0, in order of exits",
    "Equity Start": "initial cash",
    "P&L": "realized + unrealized - fees + income",
    "Realized P&L": "booked by closes at average cost, before fees",
    "Unrealized P&L": "of open positions at the last price",
    "Fees": "sum over all fills",
    "Income": "funding, dividends, interest, borrowing",
    "Paid In": "deposits less withdrawals after the start",
    "Orders": "placed and not refused",
    "Refused": "orders that were refused at their placement",
    "Fills": "executions",
    "Maker Fills": "executions of orders at rest",
    "Refused Mostly": "most frequent reason of a refusal",
    "Position": "units of the instrument at the end",
    "Instruments": "in the run",
    "Instruments Held": "with a position at the end",
    "Max. Drawdown": "the deepest fall of E by share, in money",
    "Open Drawdown [%]": "depth of the fall that the run ended in",
    "Drawdown Sampling": "points between which falls are listed",
    "Ulcer Index": "sqrt(mean(depth²)) over the sampled E",
    "Value at Risk 5 % [%]": "loss that 5 % of r pass: -r(ceil(0.05 n)), r ascending",
    "Expected Shortfall 5 % [%]": "mean loss of the worst 5 % of r, the last one in part",
    "Skewness": "third standardized moment of r, of the population",
    "Kurtosis": "fourth standardized moment of r, of the population; a normal one has 3",
    "Omega Ratio": "sum of r > 0 / |sum of r < 0|",
    "Tail Ratio": "|q(0.95)| / |q(0.05)|, quantiles of r, linear",
    "Gross Exposure": "mean of sizes of all positions / E, over the sampled points",
    "Sampling": "returns that ratios are of, and P, counted",
    "Bars": "of all instruments",
    "Ticks": "of all instruments",
    "Stopped": "the run did not reach the end of its data",
    "Event Digest": "the kernel's digest of every event in order",
    "Digest": "SHA-256 of configuration, strategy, its source and parameters, data and events",
    # Of execution.
    "Fill Ratio [%]": "value that traded / value that orders asked for",
    "Maker Share [%]": "value of fills at rest / value of all fills",
    "Slippage": "(price of fill - price at placement) * qty, against the order; above 0 is a cost",
    "Slippage [bps]": "slippage / value at arrival",
    "Fees [bps]": "fees / value at arrival",
    "Opportunity Cost": "(price at the order's end - price at placement) * qty that did not trade",
    "Implementation Shortfall": "slippage + fees + opportunity cost (Perold, 1988)",
    "Implementation Shortfall [bps]": "shortfall / value at arrival",
    # Beside a benchmark.
    "Benchmark Return [%]": "compound return of the benchmark over the periods in common",
    "Up Capture [%]": "growth per period / the benchmark's, in the periods in which that rose",
    "Down Capture [%]": "growth per period / the benchmark's, in the periods in which that fell",
    "R²": "correlation of r and the benchmark, squared",
    "Tracking Error [%]": "sd(r - benchmark) * sqrt(P)",
    "Information Ratio": "mean(r - benchmark) / sd(r - benchmark) * sqrt(P)",
}


def formula(name: str) -> str:
    """Tell what a number is.

    Parameters
    ----------
    name : str
        As in `Result.stats`, `Execution.stats` or `Result.against`.

    Returns
    -------
    str
        A line; empty for a name of another program's.

    Examples
    --------
    >>> from tickstep.formulas import formula
    >>> formula("Volatility (Ann.) [%]")
    'sd(r) * sqrt(P), sd with n - 1'
    """
    if name.startswith("Return, "):
        return "the same strategy under another assumption on how orders fill"
    if name.startswith("Markout "):
        return "last price by then against the fill's, in its direction, / value of the fills"
    return FORMULAS.get(name, "")
