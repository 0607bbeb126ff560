"""Which value travels as which Avro record."""

from __future__ import annotations

import msgspec

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
