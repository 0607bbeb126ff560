"""Which value travels as which Avro record."""

from __future__ import annotations

import msgspec

from pipeline.domain.customers import Profile
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    CustomerMoved,
    CustomerTakenOut,
    Decision,
    IdentifiedInteraction,
    IdentifierErased,
    IdentityChange,
    IdentityLink,
    IntentRecognised,
    MergeRequested,
    SessionClosed,
)
from pipeline.domain.releases import KillSwitch, StrategyRelease, StrategyRollout
from pipeline.domain.requests import EraseRequested, ThreadsJoined, ThreadSplit, UnmergeRequested
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.workers import WorkerStatus

NAMESPACE = "io.throughline.v1"

RECORDS: dict[str, type[msgspec.Struct]] = {
    "ActionCommand": ActionCommand,
    "ActionReceipt": ActionReceipt,
    "Circumstance": DeclaredCircumstance,
    "CustomerMoved": CustomerMoved,
    "CustomerProfile": Profile,
    "CustomerTakenOut": CustomerTakenOut,
    "DeadLetter": DeadLetter,
    "Decision": Decision,
    "EraseRequested": EraseRequested,
    "IdentifiedInteraction": IdentifiedInteraction,
    "IdentifierErased": IdentifierErased,
    "IdentityChange": IdentityChange,
    "IdentityLink": IdentityLink,
    "IntentRecognised": IntentRecognised,
    "Interaction": Interaction,
    "KillSwitch": KillSwitch,
    "MergeRequested": MergeRequested,
    "SessionClosed": SessionClosed,
    "StrategyRelease": StrategyRelease,
    "StrategyRollout": StrategyRollout,
    "ThreadSplit": ThreadSplit,
    "ThreadsJoined": ThreadsJoined,
    "UnmergeRequested": UnmergeRequested,
    "WorkerStatus": WorkerStatus,
}
RECORD_NAMES: dict[type[msgspec.Struct], str] = {struct: record for record, struct in RECORDS.items()}
