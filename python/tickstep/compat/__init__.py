"""Numbers of other libraries under their names, by their own formulas.

`tickstep.metrics` has one formula for each number and says which. Where another library computes a
number of that name by another formula, its module here has that formula, over plain arrays, so that
figures can be compared to the last digit: `backtesting_py`, `empyrical`, `quantstats`, `akquant`,
`pyrust_bt`, `agkernel`. Each begins with what differs. Where a number is not defined, they give what
that library gives (NaN, infinity, 0), not None.

Nothing of those libraries is needed to use these modules; the tests compare with them where they can be
installed.
"""
