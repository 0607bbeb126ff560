"""Has what was sent taken effect? Told from the tables' changelogs, which commit together with the outputs."""

from __future__ import annotations

from pipeline.domain.customers import Profile
from pipeline.domain.evidence import IdentityRecord
from pipeline.domain.identity import links_of
from pipeline.domain.ids import fingerprint
from pipeline.domain.interactions import Interaction
from pipeline.domain.recent import remembered
from pipeline.domain.state import CustomerState

# No event of the demo comes from them. Where it was played before, its earlier customers have the same, and an
# address that several known customers have becomes nobody's.
_WRITTEN_TO = frozenset({"phone", "email"})


class Effects:
    """What is still under way; for one thread, or under the caller's lock.

    An event has taken effect when a customer's record remembers it, a profile when it is in its customer's
    record, and an identifier of a profile, from which events come, when it is known whose it is.
    """

    def __init__(self) -> None:
        self._events: set[bytes] = set()
        self._profiles: set[str] = set()
        self._identifiers: dict[str, str] = {}
        self.customers: dict[str, CustomerState] = {}
        self.sessions: set[str] = set()

    @property
    def under_way(self) -> int:
        """How many events, profiles and identifiers have not taken effect."""
        return len(self._events) + len(self._profiles) + len(self._identifiers)

    def expect(self, value: Interaction | Profile) -> None:
        """Something is about to be sent."""
        if isinstance(value, Interaction):
            self._events.add(fingerprint(value.event_id))
            return
        self._profiles.add(value.customer_id)
        for link in links_of(value):
            if link.identifier.type not in _WRITTEN_TO:
                self._identifiers[link.key] = link.customer_id

    def on_customer(self, state: CustomerState) -> None:
        """A customer's record has been committed."""
        self.customers[state.customer_id] = state
        self.sessions.update(session.session_id for session in state.sessions)
        self._events.difference_update(remembered(state))
        if state.profile is not None:
            self._profiles.discard(state.customer_id)

    def on_identifier(self, key: str, record: IdentityRecord) -> None:
        """An identifier's record has been committed."""
        if record.known and self._identifiers.get(key) == record.customer_id:
            del self._identifiers[key]
