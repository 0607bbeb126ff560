"""The parts of Avro's binary encoding that generated code does not write out itself (Avro 1.12, "Binary Encoding").

A `long` (and an `int`, a length, a count, the number of a union's branch or of an enum's symbol) is zig-zagged,
so that small negative numbers are small too, and written seven bits a byte, the lowest first; every byte but the
last has its highest bit set.
"""

from __future__ import annotations

from struct import Struct

_SMALL = 1024
_MIN, _MAX = -(2**63), 2**63 - 1
_SIX_BYTES = Struct("6B").unpack_from
# What the continuation bits of four bytes add to the sum of the bytes, each shifted to its place less one.
_FOUR_CONTINUED = sum(0x80 << shift for shift in (0, 7, 14, 21)) >> 1


def read_long(raw: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends.

    Raises ValueError beyond 64 bits, and IndexError when the bytes end before it does.
    """
    if len(raw) - at >= 6:
        # Most numbers of several bytes are times, and those have six of them until 2039. In halves, because
        # Python calculates with numbers below 2**30 faster than with larger ones.
        a, b, c, d, e, f = _SIX_BYTES(raw, at)
        if a & b & c & d & e & 0x80 and f < 0x80:
            low = (a >> 1) + (b << 6) + (c << 13) + (d << 20) - _FOUR_CONTINUED
            n = low + ((e - 0x80 + (f << 7)) << 27)
            return ~n if a & 1 else n, at + 6
    n = shift = 0
    while (byte := raw[at]) > 0x7F:
        n |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
    n |= byte << shift
    if n >> 64:
        raise ValueError("a number of more than 64 bits")
    return (n >> 1) ^ -(n & 1), at + 1


def read_size(raw: bytes, at: int) -> tuple[int, int]:
    """The length of a string or bytes, and where they begin. Raises as `read_long`, and ValueError below 0."""
    size, at = read_long(raw, at)
    if size < 0:
        raise ValueError("a negative length")
    return size, at


def read_count(raw: bytes, at: int) -> tuple[int, int]:
    """How many items the block of an array or map has, and where the first begins. Raises as `read_long`.

    A negative count is followed by the block's size in bytes, which only a reader that skips needs.
    """
    count, at = read_long(raw, at)
    if count < 0:
        _, at = read_long(raw, at)
    return abs(count), at


def _written(number: int) -> bytes:
    """The bytes of a number. Raises OverflowError beyond 64 bits and TypeError for what is no integer."""
    if not _MIN <= number <= _MAX:
        raise OverflowError(f"{number} has more than 64 bits")
    n = (number << 1) ^ (number >> 63)
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


class Longs(dict[int, bytes]):
    """The bytes of every number: small ones, which most lengths are, by look-up, the others by calculation."""

    def __init__(self) -> None:
        super().__init__((number, _written(number)) for number in range(_SMALL))

    def __missing__(self, number: int) -> bytes:
        """The bytes of a number that is not small; raises OverflowError beyond 64 bits."""
        return _written(number)


class Symbols(dict[str, bytes]):
    """The bytes of an enum's symbols."""

    def __missing__(self, symbol: str) -> bytes:
        """Raises ValueError: whatever is not there is no symbol."""
        raise ValueError(f"{symbol!r} is none of {', '.join(self)}")
