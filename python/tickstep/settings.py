"""What a run is over, and under which rules: arguments of `backtest` to data by symbol and a config."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from tickstep._kernel import default_lot_and_unit
from tickstep.bars import Bars
from tickstep.barticks import BAR_FILLS, check_bar_fill
from tickstep.engine import SYMBOL_DEFAULT, EngineConfig, Instrument
from tickstep.errors import ConfigError, DataError, nearest
from tickstep.intervals import interval_length
from tickstep.ticks import Number, Ticks

__all__ = ["Data", "config_for", "data_by_symbol", "ticks_at_hand"]

Data = Ticks | Bars

CASH_DEFAULT = 100_000
LATENCY_DEFAULT = 1  # in the data's unit: live from a strictly later time
PARTICIPATION_OF_BARS = "0.1"
WORDS_MAX = 60
OF_EACH = ("quantity", "participation")  # what bars and ticks have defaults of their own for

# What the data decides is not a setting.
SETTINGS_TAKEN = ("initial_cash", "tick_size", "lot", "time_unit", "instruments", "history")
ARGUMENTS = ("cash", "config", "bar_fill", "alternatives")  # of everything that takes settings
SETTINGS = tuple(
    each.name for each in fields(EngineConfig) if each.init and each.name not in SETTINGS_TAKEN
)


def data_by_symbol(data: Data | Mapping[str, Data] | Sequence[Data]) -> dict[str, Data]:
    """Take the data by symbol, however they are given, and check that they are there.

    Parameters
    ----------
    data : Ticks or Bars, a mapping of str to them, or a sequence of them
        Those of a sequence are named by their own symbols.

    Returns
    -------
    dict of str to Ticks or Bars
        In the order given.

    Raises
    ------
    DataError
        When they are something else, or have no rows, or no names.
    """
    if isinstance(data, Ticks | Bars):
        named = {data.symbol or SYMBOL_DEFAULT: data}
    elif isinstance(data, Mapping):
        named = dict(data)
    else:
        if isinstance(data, str) or not isinstance(data, Sequence):
            raise DataError(
                f"{_short(data)} is neither Ticks nor Bars",
                hint="ts.read_trades and ts.read_bars read files, Ticks.from_frame and "
                "Bars.from_frame take frames",
            )
        named = {}
        for each in data:
            if not isinstance(each, Ticks | Bars):
                raise DataError(
                    f"{_short(each)} is neither Ticks nor Bars", hint="give a sequence of them"
                )
            symbol = each.symbol
            if symbol is None or symbol in named:
                raise DataError(
                    f"{each!r} has no symbol of its own",
                    hint='name the data: {"A": ticks_of_a, "B": ticks_of_b}',
                )
            named[symbol] = each
    for symbol, each in named.items():
        if not isinstance(each, Ticks | Bars):
            raise DataError(
                f"the data of {symbol} must be Ticks or Bars, was {type(each).__name__}",
                hint="ts.read_trades and ts.read_bars read files",
            )
        if len(each) == 0:
            raise DataError(
                f"there are no {'bars' if isinstance(each, Bars) else 'ticks'} to run over",
                hint="see what the file or slice holds",
            )
    if not named:
        raise DataError("there are no data to run over", hint="give Ticks or Bars")
    return named


def ticks_at_hand(
    bars: Mapping[str, Data], ticks: Ticks | Mapping[str, Ticks] | Sequence[Ticks]
) -> dict[str, Data]:
    """Take the ticks that bars are to be traded on, and check that they are of the same time.

    Parameters
    ----------
    bars : mapping of str to Bars
        What the strategy is told of.
    ticks : Ticks, a mapping of str to them, or a sequence of them
        Those of each instrument; one alone needs no symbol.

    Returns
    -------
    dict of str to Ticks
        In the order of the bars.

    Raises
    ------
    DataError
        When there are no bars, or an instrument has no ticks, or they begin later or end earlier than
        the bars.
    """
    given = data_by_symbol(ticks)
    if len(bars) == len(given) == 1:
        given = dict(zip(bars, given.values(), strict=True))
    found: dict[str, Data] = {}
    for symbol, each in bars.items():
        own = given.get(symbol)
        if not isinstance(each, Bars) or not isinstance(own, Ticks):
            raise DataError(
                f"{symbol} has no bars with ticks beside them",
                hint="give Bars as the data, and Ticks of the same instruments as ticks",
            )
        if own.time[0] >= each.end_time[0] or own.time[-1] < each.time[-1]:
            raise DataError(
                f"the ticks of {symbol} are from {own.datetimes[0]} to {own.datetimes[-1]}, its bars "
                f"from {each.datetimes[0]} on to {each.datetimes[-1]}",
                hint="cut the bars to the time of the ticks: bars.between(...)",
            )
        found[symbol] = own
    return found


def config_for(
    data: Mapping[str, Data],
    cash: Number | None,
    config: EngineConfig | None,
    settings: dict[str, Any],
    bar_fill: str = BAR_FILLS[0],
) -> EngineConfig:
    """Make the configuration of a run, or check the one given.

    Parameters
    ----------
    data : mapping of str to Ticks or Bars
        What it is to fit.
    cash : number, money, or None
        Initial cash.
    config : EngineConfig or None
        The whole of it, where the user gave it.
    settings : dict
        Arguments of `EngineConfig`, where the user gave those.
    bar_fill : {"next_open", "close", "path"}
        The fill rule of bars: orders that trade at the close of the bar they are given on know no
        latency.

    Returns
    -------
    EngineConfig
        With an instrument for each of the data.

    Raises
    ------
    ConfigError
        When there is no such setting, or it does not fit.
    """
    check_bar_fill(bar_fill)
    if bar_fill != BAR_FILLS[0] and not any(isinstance(each, Bars) for each in data.values()):
        raise ConfigError(f"bar_fill is {bar_fill!r}, and there are no bars", hint="leave it out")
    is_at_close = bar_fill == "close"
    if config is not None:
        given = _checked(data, config, settings if cash is None else {"cash": cash, **settings})
    else:
        latency = 0 if is_at_close else LATENCY_DEFAULT
        given = _made(data, cash, {"latency": latency, **settings})
    if is_at_close and int(given.canonical()["latency"]):
        raise ConfigError(
            f"latency is {given.latency}: orders would come after the close they are to trade at",
            hint='latency=0, or bar_fill="next_open"',
        )
    return given


def _made(
    data: Mapping[str, Data], cash: Number | None, settings: Mapping[str, Any]
) -> EngineConfig:
    unknown = [name for name in settings if name not in SETTINGS]
    if unknown:
        raise ConfigError(f"there is no setting {unknown[0]!r}", hint=_mend_of(unknown[0]))
    units = {each.time_unit for each in data.values()}
    if len(units) > 1:
        raise ConfigError(
            f"the data count time in {' and '.join(sorted(units))}",
            hint="read all of them with one time_unit=",
        )
    first, time_unit = next(iter(data.values())), units.pop()
    rules = {"fill": "through", **settings}
    rules["latency"] = _latency(rules["latency"], time_unit)
    shares = {symbol: rules | _share(each, settings) for symbol, each in data.items()}
    is_unnamed = list(data) == [SYMBOL_DEFAULT]
    return EngineConfig(
        initial_cash=CASH_DEFAULT if cash is None else cash,
        tick_size=first.tick_size,
        lot=_lot_of(first),
        time_unit=time_unit,
        instruments=None if is_unnamed else _instruments(data, shares),
        **(shares[SYMBOL_DEFAULT] if is_unnamed else _without(rules, OF_EACH)),
    )


def _mend_of(name: str) -> str:
    if name == "initial_cash":
        return "it is called cash here: cash=10_000"
    if name in SETTINGS_TAKEN:
        return "the data say that: give it when they are read, or give a whole config="
    return nearest(name, (*ARGUMENTS, *SETTINGS))


def _short(data: object) -> str:
    """A value in an error: what it is, where its words would be many."""
    words = repr(data)
    return words if len(words) <= WORDS_MAX and "\n" not in words else type(data).__name__


def _without(settings: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


def _latency(latency: int | str, time_unit: str) -> int:
    if not isinstance(latency, str):
        return latency
    return int(latency) if latency.isdecimal() else interval_length(latency, time_unit)


def _share(data: Data, settings: Mapping[str, Any]) -> dict[str, Any]:
    """How much of a row own orders get: all of a tick, a tenth of a bar, where nothing is said."""
    given = {name: settings[name] for name in OF_EACH if settings.get(name) is not None}
    if given:
        return {"quantity": "volume", **given} if "participation" in given else given
    if isinstance(data, Bars) and data.volume_lots.any():
        return {"quantity": "volume", "participation": PARTICIPATION_OF_BARS}
    return {"quantity": "full"}


def _instruments(
    data: Mapping[str, Data], rules: Mapping[str, Mapping[str, Any]]
) -> list[Instrument]:
    return [
        Instrument(
            symbol,
            tick_size=each._tick.step,
            lot=_lot_of(each),
            **{name: rules[symbol].get(name) for name in OF_EACH},
        )
        for symbol, each in data.items()
    ]


def _lot_of(data: Data) -> str:
    """The lot of the data; of bars a coarser one where money could not be counted in theirs."""
    finest = default_lot_and_unit(data._tick.step)[0]
    is_finer = Decimal(data._lot.step) < Decimal(finest)
    return finest if isinstance(data, Bars) and is_finer else data._lot.step


def _checked(
    data: Mapping[str, Data], config: EngineConfig, settings: dict[str, Any]
) -> EngineConfig:
    if settings:
        raise ConfigError(
            f"{next(iter(settings))} is given beside config",
            hint="set it in the EngineConfig, where cash is called initial_cash",
        )
    is_unnamed = len(config.symbols) == len(data) == 1 and SYMBOL_DEFAULT in (
        *config.symbols,
        *data,
    )
    if not is_unnamed and set(config.symbols) != set(data):
        raise ConfigError(
            f"config trades {', '.join(config.symbols)}, the data are of {', '.join(data)}",
            hint="give data for each instrument of the config, by its symbol",
        )
    return config
