"""Reports as pages to look around in: one run, or several beside each other. Plotly: the extra `plot`.

A page is one file of numbers, a style and a program of ours, and the script of Plotly: within the page,
in a file beside it that several reports share, or from where the reader says. Opening it asks for
nothing else, and its policy forbids it to. Names and texts of users are text wherever they go: escaped
in the markup, set as text by the program. Equal runs make equal pages.
"""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tickstep.errors import ConfigError
from tickstep.extras import require
from tickstep.formulas import formula
from tickstep.review import Listing, Review
from tickstep.sidebyside import SideBySide
from tickstep.stats import Stats, shown
from tickstep.ticks import NS_PER_UNIT
from tickstep.version import __version__

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SCRIPTS", "require_charts", "write_comparison", "write_review"]

SCRIPTS = ("embed", "beside")
POLICY = (
    "connect-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-src 'none'; font-src 'none'; media-src 'none'; img-src data: blob:"
)
LETTERS = "r: returns by the sampling; P: their number in a year; E: equity; w: net P&L of a trade."
DIGITS = 10
FALLS_LISTED = 50
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SETTINGS_SHOWN = 40  # instruments of a configuration

Rows = Sequence[tuple[str, str]]


def require_charts() -> None:
    """Make sure that pages can have charts.

    Raises
    ------
    ImportError
        When Plotly is not installed.
    """
    require("plotly", extra="plot")


def write_review(review: Review, path: Path, script: str = "embed") -> Path:
    """Write the page of one run.

    Parameters
    ----------
    review : Review
        Its numbers.
    path : Path
        The page.
    script : {"embed", "beside"} or an address
        Where the script of Plotly is.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    ConfigError
        For another `script`.
    ImportError
        When Plotly is not installed.
    """
    sections = [
        ("summary", "Summary", _summary(review)),
        ("timeline", "Price, equity, position", _timeline(review)),
        ("returns", "Returns", _returns(review)),
        ("explained", "Profit explained", _explained(review)),
        ("trips", "Round trips", _trips(review)),
        ("orders", "Orders", _orders(review)),
        ("statistics", "Statistics", _note(LETTERS) + _statistics(review.statistics)),
        ("run", "The run", _run(review)),
    ]
    head = _head(review.headline, _subtitle(review), sections)
    return _write(path, script, review.headline, head, sections, _numbers(review))


def write_comparison(runs: SideBySide, path: Path, script: str = "embed") -> Path:
    """Write the page of several runs.

    Parameters
    ----------
    runs : SideBySide
        Their numbers.
    path : Path
        The page.
    script : {"embed", "beside"} or an address
        Where the script of Plotly is.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    ConfigError
        For another `script`.
    ImportError
        When Plotly is not installed.
    """
    title = f"{len(runs.names)} runs"
    sections = [
        ("curves", "Equity and drawdown", _compared_curves(runs)),
        ("differences", "What differs", _differences(runs)),
        ("statistics", "Statistics", _compared_statistics(runs)),
        ("correlation", "Correlation of returns", _correlation(runs)),
    ]
    head = _head(title, runs.span_told, sections)
    return _write(path, script, title, head, sections, _compared_numbers(runs))


# --- The page. ------------------------------------------------------------------------------------


def _write(
    path: Path,
    script: str,
    title: str,
    head: str,
    sections: Iterable[tuple[str, str, str]],
    numbers: Mapping[str, Any],
) -> Path:
    plotly = _plotly_script(path, script)
    own = Path(__file__).parent
    body = "".join(
        f'<section id="{name}"><h2>{_text(heading)}</h2>{content}</section>'
        for name, heading, content in sections
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{_text(title)}</title>"
        f"<style>{(own / 'webpage.css').read_text(encoding='utf-8')}</style></head>"
        f"<body>{head}<main>{body}</main>{plotly}"
        f'<script type="application/json" id="numbers">{_json(numbers)}</script>'
        f"<script>{(own / 'webpage.js').read_text(encoding='utf-8')}</script></body></html>\n"
    )
    path.write_text(page, encoding="utf-8", newline="\n")
    return path


def _plotly_script(path: Path, script: str) -> str:
    if script not in SCRIPTS and not script.endswith(".js"):
        raise ConfigError(
            f"script is {script!r}",
            hint='"embed" puts it into the page, "beside" into a file that reports share, and an '
            "address that ends in .js is taken as it is",
        )
    require_charts()
    if script not in SCRIPTS:
        return f'<script src="{_text(script)}"></script>'
    offline = require("plotly.offline", extra="plot")
    text: str = offline.get_plotlyjs()
    if script == "embed":
        return f"<script>{text}</script>"
    name = f"plotly-{require('plotly', extra='plot').__version__}.min.js"
    shared = path.parent / name
    if not shared.exists() or shared.stat().st_size != len(text.encode()):
        shared.write_text(text, encoding="utf-8", newline="\n")
    return f'<script src="{name}"></script>'


def _head(title: str, subtitle: str, sections: Iterable[tuple[str, str, str]]) -> str:
    links = "".join(f'<a href="#{name}">{_text(heading)}</a>' for name, heading, _ in sections)
    return (
        f'<header><h1>{_text(title)}</h1><p class="muted">{_text(subtitle)}</p>'
        f'<nav aria-label="Parts of the report">{links}</nav></header>'
    )


def _text(text: str) -> str:
    return html.escape(str(text), quote=True)


def _json(numbers: Mapping[str, Any]) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(numbers, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _chart(name: str, told: str, size: str = "") -> str:
    return f'<div class="chart {size}" id="{name}" role="img" aria-label="{_text(told)}"></div>'


def _table_place(name: str, told: str) -> str:
    return f'<div class="table" data-table="{name}" aria-label="{_text(told)}"></div>'


def _note(text: str) -> str:
    return f'<p class="muted">{_text(text)}</p>'


def _pairs(rows: Rows, kind: str = "") -> str:
    cells = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>'
        for name, value in rows
    )
    return f'<div class="scroll"><table class="pairs {kind}">{cells}</table></div>'


def _list(kind: str, heading: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f'<div class="box {kind}"><h3>{_text(heading)}</h3><ul>{items}</ul></div>'


# --- Sections of one run. -------------------------------------------------------------------------


def _subtitle(review: Review) -> str:
    stats = review.run.stats
    return f"{stats['Start']} to {stats['End']} · {review.account.rows_told}"


def _summary(review: Review) -> str:
    stats = review.run.stats
    cards = "".join(
        f'<div class="card"><span class="muted">{_text(name)}</span>'
        f"<b>{_text(shown(name, stats[name]))}</b></div>"
        for name in review.key_numbers
    )
    notes = _list("warnings", "Warnings", review.notes) if review.notes else ""
    assumed = review.run.assumptions
    notes += _list("assumptions", "Assumptions", assumed) if assumed else ""
    sampling = _note(review.ratios_told)
    return f'<div class="cards">{cards}</div>{sampling}{notes}'


def _timeline(review: Review) -> str:
    fills = len(review.account.fills)
    drawn = f"{len(review.curves.time):,} slices of time, each with its lowest and highest"
    if review.are_fills_thinned:
        drawn += f"; of {fills:,} fills the lowest and the highest price of each slice and side"
    elif fills:
        drawn += f"; all {fills:,} fills"
    told = "Price with fills, equity, drawdown and position over time"
    return (
        _note(f"{drawn}. Drag to zoom, double click to go back, or use the buttons.")
        + _chart("chart-timeline", told, "tall")
        + "<h3>Drawdowns</h3>"
        + _table_place("drawdowns", "Drawdowns, the deepest first")
    )


def _returns(review: Review) -> str:
    parts = [_monthly(review)]
    if review.distribution is not None:
        parts.append(_chart("chart-distribution", "Distribution of returns"))
    else:
        parts.append(_note("There are too few returns for a distribution."))
    if review.rolling is not None:
        told = f"Rolling over {review.window} returns of {review.account.return_periods.interval}"
        parts.append(_chart("chart-rolling", f"{told}: Sharpe ratio and volatility"))
    parts.append(_chart("chart-exposure", "Gross and net exposure over time"))
    return "".join(parts)


def _monthly(review: Review) -> str:
    frame = review.run.monthly
    if len(frame) == 0:
        return _note("There are no months: a return began on no capital.")
    largest = max((abs(each) for row in frame.rows() for each in row[1:13] if each), default=0.0)
    rows = []
    for year, *months, total in frame.rows():
        cells = "".join(_month(each, largest) for each in months)
        rows.append(f'<tr><th scope="row">{year}</th>{cells}{_month(total, 0.0)}</tr>')
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("", *MONTHS, "Year"))
    return (
        "<h3>Months, UTC, %</h3>"
        f'<div class="scroll"><table class="months"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _month(value: float | None, largest: float) -> str:
    if value is None:
        return "<td></td>"
    strength = round(70 * abs(value) / largest) if largest else 0
    kind = "up" if value >= 0 else "down"
    return f'<td class="{kind}" style="--strength:{strength}%">{100 * value:,.2f}</td>'


def _explained(review: Review) -> str:
    told = f"Profit of each {review.explained_interval}, UTC, by where it came from; bars add up"
    parts = [_note(f"{told}."), _chart("chart-explained", told)]
    if not review.is_single:
        parts.append("<h3>Instruments</h3>" + _table_place("instruments", "Instruments"))
    return "".join(parts)


def _trips(review: Review) -> str:
    if len(review.run.trades) == 0:
        return _note("There are no round trips.")
    parts = []
    if len(review.closed):
        count = len(review.closed)
        shown_count = len(review.trip_cells.rows)
        thinned = f"; {shown_count:,} points stand for them, larger where many" * (
            shown_count < count
        )
        parts.append(_note(f"{count:,} closed round trips{thinned}."))
        parts.append(
            '<div class="two">'
            + _chart("chart-trips", "Profit of round trips by holding time")
            + _chart("chart-excursions", "Worst and best of round trips on the way")
            + "</div>"
        )
        parts.append("<h3>Sums over all closed round trips</h3>")
        parts.append(_table_place("trip-sums", "Round trips by instrument and side"))
    parts.append("<h3>Round trips</h3>" + _note(review.trip_listing.note))
    parts.append(_table_place("trips", "Round trips"))
    return "".join(parts)


def _orders(review: Review) -> str:
    if len(review.account.lives) == 0:
        return _note("There are no orders.")
    return (
        _statistics([("How well they traded", review.run.execution().stats)])
        + "<h3>Sums over all orders</h3>"
        + _table_place("order-sums", "Orders by type and state")
        + "<h3>Orders</h3>"
        + _note(review.order_listing.note)
        + _table_place("orders", "Orders")
    )


def _statistics(groups: Iterable[tuple[str, Stats]]) -> str:
    parts = []
    for heading, stats in groups:
        rows = "".join(
            f'<tr><th scope="row">{_text(name)}</th><td>{_text(shown(name, value))}</td>'
            f'<td class="formula">{_text(formula(name))}</td></tr>'
            for name, value in stats.items()
        )
        parts.append(
            f'<h3>{_text(heading)}</h3><div class="scroll"><table class="pairs stats">'
            f"<tbody>{rows}</tbody></table></div>"
        )
    return "".join(parts)


def _run(review: Review) -> str:
    canonical = dict(review.run.config.canonical())
    instruments = canonical.get("instruments", [])
    if len(instruments) > SETTINGS_SHOWN:
        canonical["instruments"] = instruments[:SETTINGS_SHOWN]
    text = json.dumps(canonical, indent=1, ensure_ascii=False)
    more = len(instruments) - SETTINGS_SHOWN
    left_out = _note(f"{more:,} more instruments are left out.") if more > 0 else ""
    return (
        "<h3>Parameters</h3>"
        + _pairs(review.settings)
        + "<h3>Digests</h3>"
        + _pairs(review.digests, "digests")
        + "<details><summary>Configuration of the engine</summary>"
        + f"<pre>{_text(text)}</pre>{left_out}</details>"
        + _note(f"Made by Tickstep {__version__}.")
    )


# --- Numbers of one run. --------------------------------------------------------------------------


def _numbers(review: Review) -> dict[str, Any]:
    clock = _Clock(review)
    numbers: dict[str, Any] = {
        "clock": clock.told,
        "timeline": _timeline_numbers(review, clock),
        "exposure": _columns(review.exposure, clock),
        "explained": _explained_numbers(review, clock),
        "tables": _tables(review, clock),
    }
    if review.distribution is not None:
        counts, edges = review.distribution
        interval = review.account.return_periods.interval
        numbers["distribution"] = {
            "counts": counts.tolist(), "edges": _packed(edges), "interval": interval,
        }  # fmt: skip
    if review.rolling is not None:
        columns = review.rolling.select("time", "sharpe", "volatility")
        interval = review.account.return_periods.interval
        title = f"Rolling over {review.window} returns of {interval}"
        numbers["rolling"] = {**_columns(columns, clock), "title": title}
    if len(review.closed):
        numbers["trips"] = _trip_numbers(review)
    return numbers


class _Clock:
    """Times as whole offsets from one moment, which JSON's numbers hold."""

    def __init__(self, review: Review) -> None:
        first = int(review.account.span[0])
        self._per_ms = NS_PER_UNIT["ms"] / NS_PER_UNIT[review.time_unit]
        start_ms = first * NS_PER_UNIT[review.time_unit] // NS_PER_UNIT["ms"]
        self._start = start_ms * NS_PER_UNIT["ms"] // NS_PER_UNIT[review.time_unit]
        self._unit = review.time_unit
        self.told = {"start": start_ms, "perMs": self._per_ms}

    def offsets(self, times: npt.NDArray[Any]) -> list[int]:
        """Of int64 in the unit of the data."""
        found: list[int] = (times.astype(np.int64) - self._start).tolist()
        return found

    def of_series(self, series: "pl.Series") -> list[int | None]:
        """Of a column of a frame: null where there is no time."""
        moments = series.to_numpy().astype(f"datetime64[{self._unit}]")
        known = (~np.isnat(moments)).tolist()
        offsets = np.where(np.isnat(moments), self._start, moments.astype(np.int64)) - self._start
        return [
            at if is_known else None for at, is_known in zip(offsets.tolist(), known, strict=True)
        ]

    def lengths(self, series: "pl.Series") -> list[int | None]:
        """Of a column of durations."""
        spans = series.to_numpy().astype(f"timedelta64[{self._unit}]")
        known = (~np.isnat(spans)).tolist()
        return [
            at if is_known else None
            for at, is_known in zip(spans.astype(np.int64).tolist(), known, strict=True)
        ]


def _packed(values: Any) -> list[float | None]:
    """Numbers as short as they can be read; null for none."""
    found = np.asarray(values, dtype=np.float64)
    return [_short(each) for each in found.tolist()]


def _short(value: float) -> float | None:
    if not np.isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _columns(frame: "pl.DataFrame", clock: _Clock) -> dict[str, Any]:
    values = frame.to_dict()
    time = clock.of_series(values.pop("time"))
    return {"time": time, **{name: _packed(each.to_numpy()) for name, each in values.items()}}


def _timeline_numbers(review: Review, clock: _Clock) -> dict[str, Any]:
    curves, prices = review.curves, review.prices
    low, high = review.position
    found: dict[str, Any] = {
        "time": clock.offsets(curves.time),
        "low": _packed(curves.price_low),
        "high": _packed(curves.price_high),
        "equityLow": _packed(curves.equity_low),
        "equityHigh": _packed(curves.equity_high),
        "drawdown": _packed(100 * curves.drawdown),
        "positionLow": _packed(low),
        "positionHigh": _packed(high),
        "isLog": review.is_logarithmic,
        "priceTitle": review.account.config.symbols[0]
        if review.is_single
        else "Buy and hold in equal parts, from 100",
        "positionTitle": "Position" if review.is_single else "Value of all positions",
        "benchmarkTitle": review.benchmark_name,
        "fills": {},
    }
    if prices is not None:
        found |= {"open": _packed(prices.open), "close": _packed(prices.close)}
    if review.benchmark is not None:
        found["benchmark"] = _packed(review.benchmark)
    for side, marks in review.marks.items():
        found["fills"][side] = {
            "time": clock.offsets(marks.time),
            "low": _packed(marks.low),
            **({"high": _packed(marks.high)} if review.are_fills_thinned else {}),
            **({"count": marks.counts.tolist()} if review.are_fills_thinned else {}),
            "qty": _packed(marks.qty),
        }
    falls = review.falls
    found["falls"] = {
        "peak": clock.of_series(falls["peak_time"]),
        "end": clock.of_series(falls["end_time"]),
        "depth": _packed(100 * falls["depth"].to_numpy()),
    }
    return found


def _explained_numbers(review: Review, clock: _Clock) -> dict[str, Any]:
    names = ("time", "positions", "trading", "fees", "income", "paid_in", "change")
    length = review.account.grid(review.explained_interval).length
    return {
        "lengthMs": length * NS_PER_UNIT[review.time_unit] / NS_PER_UNIT["ms"],
        **_columns(review.explained.select(names), clock),
    }


def _trip_numbers(review: Review) -> dict[str, Any]:
    closed = review.closed
    trips, far = review.trip_cells, review.excursion_cells
    held = review.account.trips.closed().holding_time.astype(np.float64)
    per_second = NS_PER_UNIT["s"] / NS_PER_UNIT[review.time_unit]
    pnl = closed["pnl"].to_numpy()
    return {
        "seconds": _packed(held[trips.rows] / per_second),
        "pnl": _packed(pnl[trips.rows]),
        "counts": trips.counts.tolist(),
        "mae": _packed(closed["mae_pnl"].to_numpy()[far.rows]),
        "mfe": _packed(closed["mfe_pnl"].to_numpy()[far.rows]),
        "gain": _packed(pnl[far.rows]),
        "farCounts": far.counts.tolist(),
    }


# --- Tables, which the page sorts, filters and turns over. ----------------------------------------

# Column, heading, kind; the page writes each kind in its own way.
Layout = Sequence[tuple[str, str, str]]

DRAWDOWNS: Layout = (
    ("depth", "Depth", "share"),
    ("amount", "Amount", "money"),
    ("peak_time", "Peak", "time"),
    ("trough_time", "Trough", "time"),
    ("end_time", "Recovered", "time"),
    ("duration", "Duration", "span"),
    ("recovery", "Recovery", "span"),
    ("is_open", "Open", "flag"),
)
TRIPS: Layout = (
    ("symbol", "Symbol", "text"),
    ("side", "Side", "text"),
    ("qty", "Qty", "number"),
    ("entry_time", "Entry", "time"),
    ("exit_time", "Exit", "time"),
    ("entry_price", "In at", "price"),
    ("exit_price", "Out at", "price"),
    ("pnl", "P&L", "money"),
    ("return", "Return", "share"),
    ("fees", "Fees", "money"),
    ("duration", "Held", "span"),
    ("mae", "MAE", "share"),
    ("mfe", "MFE", "share"),
    ("is_open", "Open", "flag"),
)
TRIP_SUMS: Layout = (
    ("symbol", "Symbol", "text"),
    ("side", "Side", "text"),
    ("trips", "Trips", "number"),
    ("won_pct", "Won %", "money"),
    ("pnl", "P&L", "money"),
    ("mean_pnl", "Mean P&L", "money"),
    ("best", "Best", "money"),
    ("worst", "Worst", "money"),
    ("fees", "Fees", "money"),
    ("mean_duration", "Mean time held", "span"),
)
ORDERS: Layout = (
    ("order_id", "Id", "number"),
    ("symbol", "Symbol", "text"),
    ("side", "Side", "text"),
    ("type", "Type", "text"),
    ("price", "Price", "price"),
    ("qty", "Qty", "number"),
    ("placed", "Placed", "time"),
    ("state", "State", "text"),
    ("reason", "Reason", "text"),
    ("filled", "Filled", "number"),
    ("average_price", "Average", "number"),
    ("arrival_price", "Arrival", "price"),
    ("slippage", "Slippage", "money"),
    ("slippage_bps", "bps", "money"),
    ("fee", "Fee", "money"),
)
ORDER_SUMS: Layout = (
    ("type", "Type", "text"),
    ("state", "State", "text"),
    ("orders", "Orders", "number"),
    ("traded_pct", "Traded %", "money"),
    ("fee", "Fees", "money"),
    ("slippage", "Slippage", "money"),
    ("opportunity", "Opportunity cost", "money"),
)
INSTRUMENTS: Layout = (
    ("symbol", "Symbol", "text"),
    ("fills", "Fills", "number"),
    ("pnl", "P&L", "money"),
    ("trading", "Prices", "money"),
    ("fees", "Fees", "money"),
    ("income", "Income", "money"),
)


def _tables(review: Review, clock: _Clock) -> dict[str, Any]:
    tables = {"drawdowns": (review.run.drawdowns.head(FALLS_LISTED), DRAWDOWNS)}
    if len(review.run.trades):
        tables["trips"] = (review.trip_listing.frame, TRIPS)
    if len(review.closed):
        tables["trip-sums"] = (review.trip_sums, TRIP_SUMS)
    if len(review.account.lives):
        tables["orders"] = (_of(review.order_listing), ORDERS)
        tables["order-sums"] = (review.order_sums, ORDER_SUMS)
    if not review.is_single:
        tables["instruments"] = (review.instruments.head(1000), INSTRUMENTS)
    return {name: _table(*each, clock) for name, each in tables.items()}


def _of(listing: Listing) -> "pl.DataFrame":
    return listing.frame


def _table(frame: "pl.DataFrame", layout: Layout, clock: _Clock) -> list[dict[str, Any]]:
    return [
        {"name": heading, "kind": kind, **_cells(frame[column], kind, clock)}
        for column, heading, kind in layout
    ]


def _cells(series: "pl.Series", kind: str, clock: _Clock) -> dict[str, Any]:
    if kind == "text":
        names = series.unique(maintain_order=True).to_list()
        place = {name: index for index, name in enumerate(names)}
        return {"names": names, "values": [place[each] for each in series.to_list()]}
    if kind == "time":
        return {"values": clock.of_series(series)}
    if kind == "span":
        return {"values": clock.lengths(series)}
    if kind == "flag":
        return {"values": [int(each) for each in series.to_list()]}
    numbers = series.cast(float).to_numpy()
    return {"values": _packed(100 * numbers if kind == "share" else numbers)}


# --- Several runs. --------------------------------------------------------------------------------


def _compared_curves(runs: SideBySide) -> str:
    told = "Equity of each run, 100 at its start, and its drawdown"
    return _note(f"{told}.") + _chart("chart-compared", told, "tall")


def _differences(runs: SideBySide) -> str:
    if not runs.differences:
        return _note("Parameters, configuration and data are the same.")
    return _matrix(runs.names, runs.differences)


def _compared_statistics(runs: SideBySide) -> str:
    rows = [(name, runs.texts(name), formula(name)) for name in runs.statistics]
    return _matrix(
        runs.names, [(name, texts) for name, texts, _ in rows], [told for *_, told in rows]
    )


def _correlation(runs: SideBySide) -> str:
    if runs.correlation is None:
        return _note(runs.correlation_told)
    rows = [
        (name, ["-" if np.isnan(each) else f"{each:,.2f}" for each in row])
        for name, row in zip(runs.names, runs.correlation.tolist(), strict=True)
    ]
    return _note(runs.correlation_told) + _matrix(runs.names, rows)


def _matrix(
    heads: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str]]],
    told: Sequence[str] | None = None,
) -> str:
    top = "".join(f'<th scope="col">{_text(name)}</th>' for name in ("", *heads))
    lines = []
    for number, (name, texts) in enumerate(rows):
        cells = "".join(f"<td>{_text(each)}</td>" for each in texts)
        hint = f' title="{_text(told[number])}"' if told else ""
        lines.append(f'<tr><th scope="row"{hint}>{_text(name)}</th>{cells}</tr>')
    return (
        f'<div class="scroll"><table class="matrix"><thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _compared_numbers(runs: SideBySide) -> dict[str, Any]:
    return {
        "clock": {"start": runs.start_ms, "perMs": 1},
        "compared": [
            {
                "name": curve.name,
                "time": (curve.time_ms - runs.start_ms).tolist(),
                "low": _packed(curve.low),
                "high": _packed(curve.high),
                "drawdown": _packed(100 * curve.drawdown),
            }
            for curve in runs.curves
        ],
        "tables": {},
    }
