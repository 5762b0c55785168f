"""Files as they lie on the disk to plain text: names and patterns, gzip and zip.

A file is never held whole: a plain one is read piece by piece by the parser itself, of a packed one
pieces of 256 KB go through gzip or zip to the parser. What a file is packed with is told by its
first bytes, not by its name.
"""

import gzip
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, NamedTuple, Protocol, cast

from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Progress

__all__ = [
    "Parser",
    "Paths",
    "Text",
    "faults_of",
    "feed",
    "only_text",
    "pieces",
    "texts_of",
]

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_PIECE_BYTES = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
# Files of columns, which other functions read.
_COLUMN_FILES = {
    b"PAR1": ("a Parquet file", "read_parquet() reads it"),
    b"ARROW1": ("an Arrow file", "open_ticks(), open_bars() or read_arrow() reads it"),
}
_TEXT_ENDINGS = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".ndjson", ".feed")

# As Binance names its files: BTCUSDT-aggTrades-2024-08-08.zip, BTCUSD_PERP-trades-2024-08.csv.
_BINANCE_NAME = re.compile(
    r"([A-Z0-9_]+)-(?:aggTrades|trades|bookTicker|bookDepth)-\d{4}-\d{2}", re.ASCII
)

# What the unpackers raise for damaged, cut off, encrypted, or unknown content.
_UNPACK_FAULTS = (
    EOFError,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
)


class Parser(Protocol):
    """What takes the text of a file."""

    def push(self, piece: bytes) -> None:
        """Take the next piece."""

    def push_file(self, path: Path, progress: Progress | None = None) -> None:
        """Read a plain file to its end."""


class Text(NamedTuple):
    """One text: a file, or a member of a zip archive."""

    file: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """Name without folders, for messages and symbols."""
        return self.file.name if self.member is None else Path(self.member).name

    @property
    def symbol(self) -> str | None:
        """Symbol in a name as Binance gives it, None in any other."""
        found = _BINANCE_NAME.match(self.file.name) or _BINANCE_NAME.match(self.name)
        return found.group(1) if found else None

    def head(self, size: int) -> bytes:
        """Return the first bytes of the text."""
        with _opened(self) as (text, _):
            return _read(text, self.file, size)


def texts_of(paths: Paths) -> list[Text]:
    """List the texts behind a path, a pattern such as `BTCUSDT-*.zip`, or a sequence of them.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from tickstep.data.files import texts_of
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for day in ("02", "01"):
    ...     _ = (folder / f"X-{day}.csv").write_text("1,2\\n")
    >>> [text.name for text in texts_of(folder / "X-*.csv")]
    ['X-01.csv', 'X-02.csv']
    """
    if not isinstance(paths, str | os.PathLike | Iterable):
        raise ConfigError(
            f"a path must be text or a path, or a list of them, was {type(paths).__name__}",
            hint='give the name of a file, or a pattern such as "BTCUSDT-*.zip"',
        )
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    texts = [text for path in given for file in _files_of(path) for text in _members_of(file)]
    if not texts:
        raise DataError("the list of files is empty", hint="give at least one path")
    return texts


def only_text(path: str | os.PathLike[str]) -> Text:
    """Return the one text behind a path."""
    texts = texts_of(path)
    if len(texts) > 1:
        raise DataError(
            f"{os.fspath(path)} holds {len(texts)} texts, one is expected",
            hint="unpack the archive, or give the files one by one",
        )
    return texts[0]


def feed(parser: Parser, text: Text, progress: Progress | None = None) -> None:
    """Hand a text over to a parser; `progress(bytes_read, bytes_total)` counts those on the disk."""
    if _is_plain(text):
        with faults_of(text):
            parser.push_file(text.file, progress)
        return
    for piece, done, total in pieces(text):
        with faults_of(text):
            parser.push(piece)
        if progress is not None:
            progress(done, total)


def pieces(text: Text) -> Iterator[tuple[bytes, int, int]]:
    """Unpack a text piece by piece; with each the bytes read on the disk, and all there are."""
    with _opened(text) as (unpacked, raw):
        total_bytes = os.fstat(raw.fileno()).st_size
        while piece := _read(unpacked, text.file, _PIECE_BYTES):
            yield piece, min(raw.tell(), total_bytes), total_bytes


@contextmanager
def faults_of(text: Text) -> Iterator[None]:
    """Turn what a parser or a check raises into a DataError that names the file."""
    try:
        yield
    except ValueError as fault:
        if not hasattr(fault, "hint"):  # not ours: the caller's own, from progress
            raise
        said = getattr(fault, "message", fault)
        raise DataError(f"{text.name}: {said}", hint=_hint_of(fault)) from None


@contextmanager
def argument_faults() -> Iterator[None]:
    """Turn what a parser's constructor raises into a ConfigError."""
    try:
        yield
    except ValueError as fault:
        raise ConfigError(str(fault), hint=_hint_of(fault)) from None


def _hint_of(fault: ValueError) -> str:
    """Tell how to mend what a parser raised."""
    hint: str = getattr(fault, "hint", "")
    is_row = getattr(fault, "line", None) is not None
    return f"{hint}; on_bad='skip' leaves bad rows out and counts them" if is_row else hint


def path_told(texts: Sequence[Text]) -> str | list[str]:
    """Return the names of the files, as `source` tells them."""
    names = list(dict.fromkeys(text.file.name for text in texts))
    return names[0] if len(names) == 1 else names


def _files_of(path: str | os.PathLike[str]) -> list[Path]:
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder: give its files, as in '{file / '*.csv'}'")
    if not any(mark in file.name for mark in "*?[") or file.exists():
        return [file]
    files = sorted(file.parent.glob(file.name))
    if not files:
        raise FileNotFoundError(f"no file matches the pattern {file}")
    return files


def _members_of(file: Path) -> list[Text]:
    with file.open("rb") as raw:
        for magic, (what, hint) in _COLUMN_FILES.items():
            if raw.peek(len(magic)).startswith(magic):
                raise DataError(f"{file.name} is {what}, not text", hint=hint)
        if not _is_zip(raw):
            return [Text(file)]
        try:
            with zipfile.ZipFile(raw) as archive:
                return [Text(file, name) for name in _text_names(archive, file)]
        except _UNPACK_FAULTS as fault:
            raise _damaged(file, fault) from fault


def _text_names(archive: zipfile.ZipFile, file: Path) -> list[str]:
    files = [member.filename for member in archive.infolist() if not member.is_dir()]
    # macOS adds a shadow of every file.
    names = [name for name in files if not name.startswith("__MACOSX/")]
    if len(names) > 1:
        names = [name for name in names if name.lower().endswith(_TEXT_ENDINGS)]
    if not names:
        raise DataError(
            f"{file.name}: expected text in the archive ({' '.join(_TEXT_ENDINGS)}),"
            f" was {len(files)} other files",
            hint="unpack the archive and read its files one by one",
        )
    return names


@contextmanager
def _opened(text: Text) -> Iterator[tuple[IO[bytes], BufferedReader]]:
    """Open a text: what gives its plain bytes, and the file on the disk."""
    with text.file.open("rb") as raw:
        if text.member is not None:
            with _zip_member(raw, text.file, text.member) as member:
                yield member, raw
        elif raw.peek(4).startswith(_GZIP_MAGIC):
            yield cast(IO[bytes], gzip.GzipFile(fileobj=raw)), raw
        else:
            yield raw, raw


def _is_plain(text: Text) -> bool:
    with _opened(text) as (unpacked, raw):
        return unpacked is raw


@contextmanager
def _zip_member(raw: BufferedReader, file: Path, name: str) -> Iterator[IO[bytes]]:
    try:
        archive = zipfile.ZipFile(raw)
        member = archive.open(name)
    except _UNPACK_FAULTS as fault:
        raise _damaged(file, fault) from fault
    with archive, member:
        yield member


def _is_zip(raw: BufferedReader) -> bool:
    return raw.peek(4).startswith(_ZIP_MAGICS)


def _read(text: IO[bytes], file: Path, size: int) -> bytes:
    try:
        return text.read(size)
    except _UNPACK_FAULTS as fault:
        raise _damaged(file, fault) from fault


def _damaged(file: Path, fault: Exception) -> DataError:
    return DataError(
        f"{file.name}: the packed file is damaged or cut off: {fault}",
        hint="download or copy the file again and compare its checksum",
    )
