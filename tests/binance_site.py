"""An archive in Binance's layout, generated, and a real server of it on this machine."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

import tickstep as ts

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BTC = "BTCUSDT.BINANCE_USDM"


def ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


def kline(time: int, *, in_us: bool = False) -> str:
    """One line as the archive writes it; all numbers follow from the time."""
    number = time // MINUTE % 9973
    low, scale = 40_000 + number, 1000 if in_us else 1
    return (
        f"{time * scale},{low + 1}.50,{low + 3}.10,{low}.25,{low + 2}.00,{number}.125,"
        f"{(time + MINUTE) * scale - 1},{number * 7}.5,{number + 2},{number // 2}.100,3.25,0"
    )


def archive(lines: list[str], *, header: bool = True) -> bytes:
    names = "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    names += "taker_buy_volume,taker_buy_quote_volume,ignore"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x.csv", "\n".join([*([names] if header else []), *lines]) + "\n")
    return packed.getvalue()


def bars_at(times: np.ndarray[Any, Any] | list[int]) -> ts.Bars:
    rows = [kline(int(time)).split(",") for time in times]
    columns = list(zip(*rows, strict=True))
    return ts.Bars.from_arrays(
        np.array(columns[0], dtype=np.int64),
        columns[1],
        columns[2],
        columns[3],
        columns[4],
        columns[5],
        interval="1m",
        tick_size="0.01",
        lot="0.001",
        symbol=BTC,
        turnover=np.array(columns[7], dtype=np.float64),
        trade_count=np.array(columns[8], dtype=np.int64),
        buy_volume=columns[9],
    )


class Site(dict[str, bytes]):
    """Files by path, and what was asked for; `broken` answers 500 so many times first."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.broken: dict[str, int] = {}

    def add(self, name: str, lines: list[str], **options: Any) -> None:
        symbol, interval = name.split("-")[:2]
        span = "monthly" if name.count("-") == 3 else "daily"
        path = f"/futures/um/{span}/klines/{symbol}/{interval}/{name}.zip"
        self[path] = archive(lines, **options)
        told = hashlib.sha256(self[path]).hexdigest()
        self[f"{path}.CHECKSUM"] = f"{told}  {name}.zip\n".encode()

    def add_day(self, day: str, times: list[int] | None = None) -> None:
        whole = list(range(ms(day), ms(day) + DAY, MINUTE))
        lines = [kline(time) for time in (whole if times is None else times)]
        self.add(f"BTCUSDT-1m-{day}", lines)


@contextmanager
def served() -> Iterator[tuple[Site, str]]:
    """Serve a site; yields it and its address."""
    files = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.asked.append(self.path.rsplit("/", 1)[-1])
            if files.broken.get(self.path, 0) > 0:
                files.broken[self.path] -= 1
                self.send_error(503)
                return
            body = files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if "cut" in files.broken else body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield files, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
