"""Which value travels as which Avro record, and the few that need more than a field-for-field copy."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.domain.actions import BODIES
from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    CustomerMoved,
    Decision,
    IdentifiedInteraction,
    IdentityLink,
    MergeRequested,
)
from pipeline.wire.dead_letters import DeadLetter

NAMESPACE = "io.throughline.v1"

RECORDS: dict[str, type[msgspec.Struct]] = {
    "ActionCommand": ActionCommand,
    "ActionReceipt": ActionReceipt,
    "CustomerMoved": CustomerMoved,
    "CustomerProfile": Profile,
    "DeadLetter": DeadLetter,
    "Decision": Decision,
    "IdentifiedInteraction": IdentifiedInteraction,
    "IdentityLink": IdentityLink,
    "Interaction": Interaction,
    "MergeRequested": MergeRequested,
}
RECORD_NAMES: dict[type[msgspec.Struct], str] = {struct: record for record, struct in RECORDS.items()}

_BODY_RECORDS = {kind: f"{NAMESPACE}.{body.__name__}" for kind, body in BODIES.items()}


def to_avro(value: msgspec.Struct) -> dict[str, Any]:
    """The value as fastavro writes it: a dict by field name."""
    fields: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(bytes,))
    if isinstance(value, ActionCommand):
        body = fields["body"]
        # The branch of the union by name: left alone, fastavro tries all fifteen.
        fields["body"] = (_BODY_RECORDS[body["kind"]], body)
    return fields


def from_avro(struct: type[msgspec.Struct], fields: dict[str, Any]) -> msgspec.Struct:
    """The value of what fastavro read. Raises msgspec.ValidationError when it is not one."""
    if struct is ActionCommand:
        # The body's record name is not in the data; the command's own kind says which it must be.
        fields["body"]["kind"] = fields["kind"]
    return msgspec.convert(fields, struct)
