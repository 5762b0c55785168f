"""The Arrow IPC file format, as far as a table of numbers in one batch needs it.

A file is: a magic, the message of the schema, the message of the batch, the columns one after the
other, an end mark, here a block of our own that other readers step over, and a footer that says
where the batch is. Messages and footer are FlatBuffers: small trees of tables, written here from the
root on, each table before what it points to. Nothing is compressed and every column begins at a
multiple of 64 bytes, so that a mapped file is the columns themselves.
"""

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

__all__ = ["ALIGN_BYTES", "MAGIC", "TIME_FORMATS", "Field", "footer", "head", "padding"]

MAGIC = b"ARROW1"
ALIGN_BYTES = 64

# Format strings of the Arrow C interface, for times by unit.
TIME_FORMATS = {"s": "tss:UTC", "ms": "tsm:UTC", "us": "tsu:UTC", "ns": "tsn:UTC"}

_CONTINUES = b"\xff\xff\xff\xff"
_VERSION = 4  # V5 of the metadata.
_SCHEMA, _BATCH = 1, 3  # Kinds of messages.
_INT, _FLOAT, _TIMESTAMP = 2, 3, 10  # Kinds of types.
_DOUBLE = 2


class Field(NamedTuple):
    """One column: its name, its Arrow format string, and the bytes that it takes."""

    name: str
    format: str
    bytes: int


def padding(size: int, align: int = ALIGN_BYTES) -> bytes:
    """Return the zeros that bring a size to the next multiple."""
    return bytes(-size % align)


def head(fields: Sequence[Field], rows: int, metadata: dict[str, str]) -> bytes:
    """Return what stands before the first column; its length is a multiple of 64."""
    schema = _message(_SCHEMA, _schema(fields, metadata), 0)
    start = MAGIC + b"\0\0" + _framed(schema, 8)
    return start + _framed(_batch(fields, rows), ALIGN_BYTES, before=len(start))


def footer(fields: Sequence[Field], rows: int, metadata: dict[str, str]) -> bytes:
    """Return what ends the file: the tree, its length and the magic."""
    schema = _message(_SCHEMA, _schema(fields, metadata), 0)
    start = 8 + len(_framed(schema, 8))
    batch = len(_framed(_batch(fields, rows), ALIGN_BYTES, before=start))
    block = struct.pack("<qi4xq", start, batch, _body_bytes(fields))
    table: _Table = [
        (0, "<h", _VERSION),
        (1, None, _table(_schema(fields, metadata))),
        (2, None, _structs([])),
        (3, None, _structs([block])),
    ]
    tree = _tree(table)
    return tree + struct.pack("<i", len(tree)) + MAGIC


def _framed(message: bytes, align: int, before: int = 0) -> bytes:
    message += padding(before + 8 + len(message), align)
    return _CONTINUES + struct.pack("<i", len(message)) + message


def _body_bytes(fields: Sequence[Field]) -> int:
    return sum(field.bytes + len(padding(field.bytes)) for field in fields)


# ---- The trees -----------------------------------------------------------------------------------

# A value that a table points to: writes itself at the end of the buffer and returns its place.
_Value = Callable[[bytearray], int]

# (slot, struct format of a number or None, the number or what is pointed to)
_Table = list[tuple[int, str | None, "int | _Value"]]


def _message(kind: int, table: _Table, body_bytes: int) -> bytes:
    return _tree(
        [
            (0, "<h", _VERSION),
            (1, "<B", kind),
            (2, None, _table(table)),
            (3, "<q", body_bytes),
        ]
    )


def _schema(fields: Sequence[Field], metadata: dict[str, str]) -> _Table:
    pairs = [_table([(0, None, _text(key)), (1, None, _text(metadata[key]))]) for key in metadata]
    return [
        (0, "<h", 0),
        (1, None, _pointers([_table(_field(field)) for field in fields])),
        (2, None, _pointers(pairs)),
    ]


def _field(field: Field) -> _Table:
    kind, table = _type(field.format)
    return [
        (0, None, _text(field.name)),
        (1, "<B", 0),
        (2, "<B", kind),
        (3, None, _table(table)),
        (5, None, _pointers([])),
    ]


def _type(form: str) -> tuple[int, _Table]:
    if form == "g":
        return _FLOAT, [(0, "<h", _DOUBLE)]
    if form in ("l", "C"):
        return _INT, [(0, "<i", 64 if form == "l" else 8), (1, "<B", int(form == "l"))]
    unit = list(TIME_FORMATS.values()).index(form)
    return _TIMESTAMP, [(0, "<h", unit), (1, None, _text("UTC"))]


def _batch(fields: Sequence[Field], rows: int) -> bytes:
    nodes, buffers, place = [], [], 0
    for field in fields:
        nodes.append(struct.pack("<qq", rows, 0))
        buffers.append(struct.pack("<qq", place, 0))  # No cell is empty: no bitmap.
        buffers.append(struct.pack("<qq", place, field.bytes))
        place += field.bytes + len(padding(field.bytes))
    table: _Table = [(0, "<q", rows), (1, None, _structs(nodes)), (2, None, _structs(buffers))]
    return _message(_BATCH, table, place)


def _tree(table: _Table) -> bytes:
    buffer = bytearray(4)
    _point(buffer, 0, _table(table))
    return bytes(buffer) + padding(len(buffer), 8)


def _point(buffer: bytearray, place: int, value: _Value) -> None:
    struct.pack_into("<I", buffer, place, value(buffer) - place)


def _table(entries: _Table) -> _Value:
    def write(buffer: bytearray) -> int:
        sizes = {slot: 4 if form is None else struct.calcsize(form) for slot, form, _ in entries}
        places, size = {}, 4
        # Larger fields first: each is then aligned to its size, and the whole to 8.
        for slot in sorted(sizes, key=lambda each: -sizes[each]):
            size += -size % sizes[slot]
            places[slot] = size
            size += sizes[slot]
        slots = max(sizes) + 1
        offsets = [places.get(slot, 0) for slot in range(slots)]
        directory = struct.pack(f"<{slots + 2}H", 4 + 2 * slots, size, *offsets)
        buffer += padding(len(buffer) + len(directory), 8)
        start = len(buffer) + len(directory)
        buffer += directory + struct.pack("<i", len(directory)) + bytes(size - 4)
        for slot, form, value in entries:
            if form is None:
                assert callable(value)
                _point(buffer, start + places[slot], value)
            else:
                struct.pack_into(form, buffer, start + places[slot], value)
        return start

    return write


def _text(text: str) -> _Value:
    def write(buffer: bytearray) -> int:
        buffer += padding(len(buffer), 4)
        start = len(buffer)
        data = text.encode()
        buffer += struct.pack("<I", len(data)) + data + b"\0"
        return start

    return write


def _pointers(values: Sequence[_Value]) -> _Value:
    def write(buffer: bytearray) -> int:
        buffer += padding(len(buffer), 4)
        start = len(buffer)
        buffer += struct.pack("<I", len(values)) + bytes(4 * len(values))
        for index, value in enumerate(values):
            _point(buffer, start + 4 + 4 * index, value)
        return start

    return write


def _structs(structs: Sequence[bytes]) -> _Value:
    def write(buffer: bytearray) -> int:
        # The first struct is aligned to 8, its count of 4 bytes comes just before.
        buffer += padding(len(buffer) + 4, 8)
        start = len(buffer)
        buffer += struct.pack("<I", len(structs)) + b"".join(structs)
        return start

    return write
