"""`python -m benchmarks.codec`: what reading and writing one record costs, beside fastavro with msgspec.

Each figure is the least of many short runs, taken in turns, so that other work on the machine hardly shows.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from timeit import Timer

import fastavro
import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.workload import event, fold
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import ActionCommand, IdentifiedInteraction
from pipeline.wire.codec import Codec
from pipeline.wire.files import load_released
from pipeline.wire.framing import HEADER
from pipeline.wire.headers import TraceParent, read_trace
from pipeline.wire.records import NAMESPACE, RECORD_NAMES
from pipeline.wire.resolution import parsed, resolving_decoder
from pipeline.wire.routes import headers_of, route

_TURNS = 1_000
_CALLS = 50

Call = Callable[[], object]


def microseconds(*calls: Call) -> list[float]:
    """What each call costs."""
    timers = [Timer(call) for call in calls]
    turns = [[timer.timeit(_CALLS) for timer in timers] for _ in range(_TURNS)]
    return [min(column) / _CALLS * 1e6 for column in zip(*turns, strict=True)]


def pairs(codec: Codec, value: msgspec.Struct) -> dict[str, tuple[Call, Call]]:
    """Reading and writing the value: ours, and by libraries that interpret the schema for each record."""
    struct, record = type(value), RECORD_NAMES[type(value)]
    schema = parsed(load_released()[record][-1].schema)
    raw, interpret = codec.encode(None, value), resolving_decoder(schema, None, struct)

    def write() -> bytes:
        fields = msgspec.to_builtins(value, builtin_types=(bytes,))
        if isinstance(value, ActionCommand):
            fields["body"] = (f"{NAMESPACE}.{type(value.body).__name__}", fields["body"])
        out = BytesIO()
        fastavro.schemaless_writer(out, schema, fields)
        return out.getvalue()

    return {
        f"read {record}": (lambda: codec.decode(raw, struct), lambda: interpret(raw, HEADER.size)),
        f"write {record}": (lambda: codec.encode(None, value), write),
    }


def alone(codec: Codec, raw: bytes, identified: IdentifiedInteraction) -> dict[str, Call]:
    """What the identity agent does with a record besides reading it (`raw`) and folding it."""
    read = codec.decode(raw, Interaction)
    assert isinstance(read, Interaction)
    forwarded = msgspec.structs.replace(identified, interaction=read)
    where, trace = route(identified), TraceParent.new()
    headers = headers_of(identified, where, "throughline/identity", trace)
    return {
        "write an interaction just read, identified": lambda: codec.encode(None, forwarded),
        "route": lambda: route(identified),
        "headers of an output": lambda: headers_of(identified, where, "throughline/identity", trace),
        "trace from headers": lambda: read_trace(headers),
    }


def command() -> ActionCommand:
    """The first action that the workload causes."""
    state, action = fold(None, event(0, 1))
    while action is None:
        state, action = fold(state, event(state.count, 1))
    return action


def main() -> None:
    """Measure and print."""
    codec, one = Codec(), event(0, 1)
    identified = IdentifiedInteraction(
        customer_id="C-000000", known=True, resolved_by=one.key, interaction=one
    )
    table = Table("", "ours, µs", "libraries, µs", "factor")
    for value in (one, identified, command()):
        for name, calls in pairs(codec, value).items():
            ours, theirs = microseconds(*calls)
            table.add_row(name, f"{ours:.2f}", f"{theirs:.2f}", f"{theirs / ours:.1f}")
    for name, call in alone(codec, codec.encode(None, one), identified).items():
        table.add_row(name, f"{microseconds(call)[0]:.2f}", "", "")
    Console().print(table)


if __name__ == "__main__":
    main()
