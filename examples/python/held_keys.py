"""The keys that a consumer holds, and what it refused. Without Redis: see consumer.py."""

import dataclasses
import hashlib
import hmac
import json

from sealed_events import KEY_REMOVED, KEY_UNCERTAIN

NOT_SEALED = "it is of an org of this consumer, and not sealed for it"
OUTRUN = "the held key has a version in the future"
UNREADABLE = "its current record is newer than the held key, and this consumer cannot open it"
MAX_REPORTED = 20


@dataclasses.dataclass(frozen=True)
class Key:
    """What is known of one assistant. `secret` is None if it has no key."""

    org_id: str = ""
    version: int = 0
    secret: "str | None" = dataclasses.field(default=None, repr=False)
    removal: "str | None" = None
    # The version that is uncertain. A higher version ends the uncertainty.
    uncertain_version: int = 0
    # The version that the current record claims, if it cannot be opened; otherwise 0. Nothing is signed then.
    claimed: int = 0

    @property
    def uncertain(self):
        return 0 < self.version <= self.uncertain_version


@dataclasses.dataclass(frozen=True)
class Signature:
    hash: str
    version: int
    uncertain: bool


class HeldKeys:
    """The keys of all assistants, by assistant id. Versions only rise."""

    def __init__(self):
        self._keys = {}

    def get(self, assistant_id):
        return self._keys.get(assistant_id)

    def items(self):
        return list(self._keys.items())

    def unreadable(self):
        return [assistant_id for assistant_id, key in self.items() if key.claimed]

    def counts(self):
        keys = [key for _, key in self.items()]
        return {
            "keys": sum(key.secret is not None for key in keys),
            "uncertain": sum(key.uncertain for key in keys),
            "unreadable": sum(key.claimed > 0 for key in keys),
        }

    def sign(self, assistant_id, user_id):
        """HMAC-SHA256 in hex. Raises LookupError if no key is held."""
        key = self._keys.get(assistant_id)
        if key is None or (key.secret is None and key.removal is None and not key.claimed):
            raise LookupError("no key of this assistant is known")
        if key.claimed:
            raise LookupError(f"the key of this assistant cannot be read any more: {UNREADABLE}")
        if key.secret is None:
            raise LookupError(f"the key of this assistant was removed: {key.removal}")
        digest = hmac.new(key.secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()
        return Signature(digest, key.version, key.uncertain)

    def mark_unreadable(self, assistant_id, claimed):
        """Forgets the key, which may no longer be in force. A record that can be opened restores it."""
        before = self._keys[assistant_id]
        self._keys[assistant_id] = dataclasses.replace(before, secret=None, removal=None, claimed=claimed)
        return not before.claimed

    def mark_uncertain(self, assistant_id, version):
        """The published version becomes uncertain. It stays in use. Returns whether this is news."""
        before = self._keys.get(assistant_id, Key())
        uncertain_version = max(version, before.uncertain_version)
        self._keys[assistant_id] = dataclasses.replace(before, uncertain_version=uncertain_version)
        return version > before.uncertain_version

    def apply(self, record):
        """Applies a version newer than the held one, or the same one of an unreadable assistant."""
        assistant_id, version = record["assistant_id"], record["version"]
        if record["type"] == KEY_UNCERTAIN:
            return self.mark_uncertain(assistant_id, version)
        before = self._keys.get(assistant_id, Key())
        if version < before.version or (version == before.version and not before.claimed):
            return False
        secret, removal = None, None
        if record["type"] == KEY_REMOVED:
            # The removal is remembered, so that no older key comes back.
            removal = str(record.get("removal"))
        else:
            secret = record["assistant"]["secret_key"]
        self._keys[assistant_id] = Key(
            record["org_id"], version, secret, removal, before.uncertain_version
        )
        return True

    def remove(self, assistant_id):
        del self._keys[assistant_id]


class Refusals:
    """What was refused, for the acknowledgements."""

    def __init__(self, held, report):
        self._held = held
        self._report = report
        self.count = 0
        self._first = []
        # Since the last snapshot, unlike those above.
        self._unapplied = 0
        self._first_unapplied = []
        # The versions that current records of its orgs claim that are not sealed for this consumer, by
        # assistant id.
        self.unsealed = {}
        # The highest version that was opened below a held one of the future, by assistant id.
        self.outrun = {}
        # Those unsealed ones that the snapshot that is being taken has not shown yet.
        self._unseen = set()

    def add(self, event, why):
        self._add_refused(self._add_unapplied(event, why))

    def add_outrun(self, assistant_id, version):
        """It is unapplied until the current record is not lower than the held version."""
        if version > self.outrun.get(assistant_id, 0):
            self.outrun[assistant_id] = version
            self._add_refused({"assistant_id": assistant_id, "version": version, "why": OUTRUN})

    def forget_outrun(self, assistant_id):
        self.outrun.pop(assistant_id, None)

    def _add_refused(self, refusal):
        self.count += 1
        if len(self._first) < MAX_REPORTED:
            self._first.append(refusal)
        self._report(f"refused: {json.dumps(refusal)}")

    def add_unsealed(self, event):
        """Counts what is not sealed for this consumer until the next snapshot. It was not refused."""
        self._report(f"unapplied: {json.dumps(self._add_unapplied(event, NOT_SEALED))}")

    def _add_unapplied(self, event, why):
        subject = event.get("subject") if event else None
        data = event.get("data") if event else None
        version = data.get("version") if isinstance(data, dict) else None
        refusal = {
            # At most as long as an id: it may be anything.
            "assistant_id": _shortened(subject) if isinstance(subject, str) else "",
            "version": version if type(version) is int and 0 <= version < 2**53 else 0,
            "why": why,
        }
        self._unapplied += 1
        if len(self._first_unapplied) < MAX_REPORTED:
            self._first_unapplied.append(refusal)
        return refusal

    def note_unsealed(self, assistant_id, version):
        self._unseen.discard(assistant_id)
        self.unsealed[assistant_id] = version

    def forget_unsealed(self, assistant_id):
        self.unsealed.pop(assistant_id, None)

    def begin_snapshot(self):
        self._unapplied, self._first_unapplied = 0, []
        self._unseen = set(self.unsealed)

    def end_snapshot(self):
        for assistant_id in self._unseen:
            self.forget_unsealed(assistant_id)
        self._unseen = set()

    def refused(self):
        return {"count": self.count, "first": self._first}

    def unapplied(self):
        unreadable = [
            {"assistant_id": assistant_id, "version": key.claimed, "why": UNREADABLE}
            for assistant_id, key in self._held.items()
            if key.claimed
        ]
        unsealed = [
            {"assistant_id": assistant_id, "version": version, "why": NOT_SEALED}
            for assistant_id, version in self.unsealed.items()
        ]
        outrun = [
            {"assistant_id": assistant_id, "version": version, "why": OUTRUN}
            for assistant_id, version in self.outrun.items()
        ]
        return {
            "count": self._unapplied + len(unreadable) + len(unsealed) + len(outrun),
            "first": (unreadable + unsealed + outrun + self._first_unapplied)[:MAX_REPORTED],
        }


def _shortened(subject):
    return subject.encode("utf-8", "replace")[:256].decode("utf-8", "ignore")
