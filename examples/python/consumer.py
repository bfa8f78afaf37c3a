#!/usr/bin/env python3
"""A consumer of Rekey: holds the newest key of every assistant that it may read, and signs user hashes with it.

    consumer.py NAME --key-file FILE

Needs redis and jwcrypto (Debian: python3-redis python3-jwcrypto). Takes REDIS_URL and REKEY_PREFIX from the environment. Writes one line
of JSON when it is ready, and then answers each line that it reads with one:

    sign ASSISTANT USER      the hash, and the version of the key that made it. All that follows the assistant is the user
    status                   how far it is

In a service of your own:

    with Consumer("billing", "billing-key.json") as keys:
        keys.sign_user_hash("ast_1", "user-42").hash

The contract that it keeps is docs/guides/events.md; the sections that are named here are of that document.
"""

import argparse
import dataclasses
import hashlib
import hmac
import json
import math
import os
import pathlib
import secrets
import signal
import sys
import threading
import time
import urllib.parse

import redis
from jwcrypto import jwe, jwk, jws
from jwcrypto.common import JWException, base64url_decode

KEY_ROTATED = "rekey.assistant.key-rotated.v1"
KEY_REMOVED = "rekey.assistant.key-removed.v1"
KEY_UNCERTAIN = "rekey.assistant.key-uncertain.v1"
CONSUMER_CHANGED = "rekey.consumer.changed.v1"

DAY_US = 86_400_000_000
PAGE = 500
# How long one XREAD waits at most: after that it is looked at whether to go on.
BLOCK_MS = 1000
# Acknowledgements are at least so far apart.
COALESCE_S = 0.010
TELL_UNAPPLIED = 20
# How many entries at the end of the stream are searched for the last one that counts: refused ones may follow it.
ENTRIES_AT_END = 10
LOOK_EVERY_S = 3
# Anyone who can write to Redis can demand a snapshot with each event: after a few at once, one in this many seconds.
SNAPSHOT_EVERY_S = 5
SNAPSHOTS_AT_ONCE = 5
LONGEST_REST_S = 30
UNREADABLE = "its current record is newer than what is held, and cannot be opened by this consumer"


# What an event or a record turned out to be.
OPENED, FOREIGN, SKIPPED, REFUSED = "opened", "foreign", "skipped", "refused"


class Refused(Exception):
    """An event that does not come from Rekey as it is. Its text quotes nothing of it."""


class Foreign(Exception):
    """An event as Rekey makes it, that is sealed for others only."""


class RefusedAhead(Refused):
    """An event that is right in itself, and whose version lies in the future by the clock of Redis."""

    def __init__(self, version):
        super().__init__("its version lies in the future")
        self.version = version


class Unusable(Exception):
    """A key file or a grant with which nothing can be opened."""


# --- What is sealed, and why it can be believed ---


@dataclasses.dataclass(frozen=True)
class SharedKeys:
    """The two keys that one reader shares with Rekey."""

    kid: str
    wrapping: jwk.JWK
    proving: bytes


def open_event(event, keys, latest_version):
    """What an event says. Raises Foreign if it is not for this reader, Refused if it does not come from Rekey as it is."""
    try:
        return _open_event(event, keys, latest_version)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, JWException):
        # Not `from error`: the texts of parsers quote what they read.
        raise Refused("it is not made as Rekey makes it") from None


def _open_event(event, keys, latest_version):
    sealed = event["data"]["sealed"]
    ours = next((recipient for recipient in sealed["recipients"] if recipient["header"]["kid"] == keys.kid), None)
    if ours is None:
        if type(event["data"]["version"]) is not int or not 0 < event["data"]["version"] < 2**53 or not isinstance(event["subject"], str):
            raise Refused("it is not made as Rekey makes it")
        raise Foreign

    content = {name: sealed[name] for name in ("protected", "iv", "ciphertext", "tag")}
    proof = hmac.digest(keys.proving, ".".join(content.values()).encode(), hashlib.sha256)
    if not hmac.compare_digest(proof, base64url_decode(ours["header"]["proof"])):
        raise Refused("its proof is wrong: it does not come from Rekey")

    # With this one recipient only: jwcrypto would try them all. And of what the proof does not cover, only what has to be.
    token = jwe.JWE(algs=["A256KW", "A256GCM"])
    token.deserialize(json.dumps({**content, "recipients": [{"header": {"alg": "A256KW"}, "encrypted_key": ours["encrypted_key"]}]}))
    token.decrypt(keys.wrapping)
    record = json.loads(token.payload)

    source = "/orgs/%s/assistants/%s" % (encode(record["org_id"]), encode(record["assistant_id"]))
    outside = (event["type"], event["subject"], event["data"]["version"], event["source"])
    if outside != (record["type"], record["assistant_id"], record["version"], source):
        raise Refused("it says something else than what it carries: it was moved from elsewhere")
    if type(record["version"]) is not int or record["version"] <= 0:
        raise Refused("its version is no number as Rekey draws them")
    if record["version"] > latest_version and record.get("ahead") is not True:
        raise RefusedAhead(record["version"])
    if record["type"] == KEY_ROTATED and not isinstance(record["assistant"]["secret_key"], str):
        raise Refused("it carries no key")
    return record


def encode(identifier):
    """As JavaScript's encodeURIComponent does."""
    return urllib.parse.quote(identifier, safe="-_.!~*'()")


# --- Your two keys: the grant ---


def read_key_file(path):
    """The consumer's own private key, and Rekey's public keys by their kid, from the file that `rekey consumer keygen` writes."""
    try:
        keys = json.loads(pathlib.Path(path).read_text())["keys"]
        own = [jwk.JWK(**key) for key in keys if key["use"] == "enc"]
        rekeys = {key["kid"]: jwk.JWK(**key) for key in keys if key["use"] == "sig" and key.get("crv") == "Ed25519"}
    except OSError as error:
        raise Unusable(f"the key file cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, LookupError, JWException):
        raise Unusable("the key file is no JWK Set as `rekey consumer keygen` writes it") from None
    if len(own) != 1 or not (own[0].has_private or own[0].is_symmetric):
        raise Unusable("the key file must hold one private key with use enc")
    if not rekeys:
        raise Unusable("the key file holds no public key of Rekey (Ed25519, use sig)")
    return own[0], rekeys


def open_grant(grant, name, own, rekeys):
    try:
        sealed = jwe.JWE(algs=["A256KW" if own.is_symmetric else "ECDH-ES+A256KW", "A256GCM"])
        sealed.deserialize(grant, own)
    except (ValueError, TypeError, JWException):
        raise Unusable("the grant does not open with this private key: it was made for another") from None
    try:
        signed = jws.JWS()
        signed.allowed_algs = ["EdDSA"]
        signed.deserialize(sealed.payload.decode())
        signed.verify(rekeys[signed.jose_header["kid"]], alg="EdDSA")
    except (ValueError, TypeError, LookupError, JWException):
        raise Unusable("the grant is not signed by the Rekey whose public key is in the key file") from None
    claims = json.loads(signed.payload)
    if claims["consumer"] != name:
        raise Unusable("the grant is of another consumer")
    wrapping = next(key for key in claims["keys"] if key["use"] == "enc")
    proving = next(key for key in claims["keys"] if key["use"] == "sig")
    return SharedKeys(wrapping["kid"], jwk.JWK(**wrapping), base64url_decode(proving["k"]))


# --- The consumer ---


@dataclasses.dataclass(frozen=True)
class Key:
    """What is known of one assistant. `secret` is None where it has no key."""

    org_id: str = ""
    version: int = 0
    secret: "str | None" = dataclasses.field(default=None, repr=False)
    removal: "str | None" = None
    # The version that may be in force still or not; a higher one ends that.
    in_doubt: int = 0
    # The version that its current record claims, which cannot be opened; 0 if it can. Nothing is signed then.
    claimed: int = 0

    @property
    def uncertain(self):
        return 0 < self.version <= self.in_doubt


@dataclasses.dataclass(frozen=True)
class Signature:
    hash: str
    version: int
    uncertain: bool


class Consumer:
    """Follows Rekey in a thread of its own, from `start` to `close`. All other methods may be called from any thread, and wait for nothing."""

    def __init__(self, name, key_file, url=None, prefix=None, lease_ms=10_000, report=None):
        self._name = name
        self._own, self._rekeys = read_key_file(key_file)
        self._url = url or os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
        self._prefix = "{%s}" % (prefix or os.environ.get("REKEY_PREFIX", "rekey"))
        self._lease_ms = lease_ms
        self._report = report or (lambda line: print(f"{name}: {line}", file=sys.stderr, flush=True))
        # Anything that is new at each start.
        self._instance = secrets.token_hex(8)

        self._held = {}  # assistant id → Key
        self._shared = None
        self._grant = None
        self._orgs = []
        self._active = False
        # The entry of the stream up to which all is applied; None while there was no snapshot yet, or it has to be taken again.
        self._position = None
        self._seq = 0
        # The same of all that was read: ahead of the position while a snapshot is due. The seq is None while it is not known.
        self._reading = None
        self._reading_seq = None
        self._must_snapshot = True
        self._state = "connecting"
        self._problem = None
        self._heard_at = None
        self._counts = {"applied": 0, "skipped": 0, "refused": 0, "snapshots": 0}
        # The run of the last event that counted; None while it is not known.
        self._run_number = None
        # Assistants whose current record is to be read, and the version that an event has claimed.
        self._to_look = {}
        self._looked_at = 0.0
        self._look_from = 0
        self._rested_at = 0.0
        self._snapshots_paid_until = 0.0
        self._unapplied = 0
        self._first_unapplied = []
        # Unlike those above, of all its life.
        self._first_refused = []
        # The lowest version that was refused since the last snapshot for lying in the future: it may be the clock of Redis that is wrong.
        self._lowest_ahead = None
        self._acknowledged_at = 0.0
        self._to_acknowledge = False

        self._ready = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rekey {name}", daemon=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, timeout=None):
        """Returns when everything that was published is held. Raises Unusable where that cannot be with this key file, TimeoutError in time."""
        self._thread.start()
        if not self._ready.wait(timeout):
            raise TimeoutError(self._problem or "no snapshot yet")
        if self._state == "unusable":
            raise Unusable(self._problem)

    def close(self):
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def sign_user_hash(self, assistant_id, user_id):
        """HMAC-SHA256 in hex. Raises LookupError where no key is held."""
        key = self._held.get(assistant_id)
        if key is None or (key.secret is None and key.removal is None and not key.claimed):
            raise LookupError("no key of this assistant is known")
        if key.claimed:
            raise LookupError(f"the key of this assistant cannot be read any more: {UNREADABLE}")
        if key.secret is None:
            raise LookupError(f"the key of this assistant was removed: {key.removal}")
        return Signature(hmac.new(key.secret.encode(), user_id.encode(), hashlib.sha256).hexdigest(), key.version, key.uncertain)

    def status(self):
        held = list(self._held.values())
        return {
            "consumer": self._name,
            "instance": self._instance,
            # connecting, waiting (for its entry or its grant), reading (a snapshot), following, or unusable (no grant that opens)
            "state": self._state,
            "problem": self._problem,
            "position": self._position,
            "seq": self._seq,
            "keys": sum(key.secret is not None for key in held),
            "uncertain": sum(key.uncertain for key in held),
            # How old what is held may be.
            "heard_ms_ago": None if self._heard_at is None else round((time.monotonic() - self._heard_at) * 1000),
            **self._counts,
            "unreadable": sum(key.claimed > 0 for key in held),
            "unapplied": self._all_unapplied(),
        }

    def _all_unapplied(self):
        unreadable = [{"assistant_id": assistant_id, "version": key.claimed, "why": UNREADABLE} for assistant_id, key in list(self._held.items()) if key.claimed]
        return {"count": self._unapplied + len(unreadable), "first": (unreadable + self._first_unapplied)[:TELL_UNAPPLIED]}

    # --- its thread ---

    def _run(self):
        while not self._closing.is_set():
            try:
                # One connection, which is not made again behind our back: with another one it may be another Redis. Replies stay bytes:
                # text that is no UTF-8 is refused where it is read, and breaks no reply.
                with redis.Redis.from_url(self._url, socket_timeout=5, socket_connect_timeout=5, client_name=f"rekey-{self._name}").client() as store:
                    self._follow(store)
                    return
            except Unusable as error:
                self._trouble(str(error))
                self._state = "unusable"
                if not self._ready.is_set():
                    self._ready.set()
                    return
            except redis.RedisError as error:
                self._trouble(f"Redis: {error}")
                self._state = "connecting"
            except Exception as error:  # pylint: disable=broad-except
                # Nothing that is in Redis may end this thread. Its text could quote a key.
                self._trouble(f"unexpected {type(error).__name__}")
                self._must_snapshot = True
            self._closing.wait(0.25)

    def _follow(self, store):
        # Another Redis than before shows by itself: by a stream that ends before its position, or by the run of the next event.
        entry_looked_at = -math.inf
        while not self._closing.is_set():
            if self._must_snapshot and time.monotonic() >= max(self._snapshot_not_before(), entry_looked_at + 1):
                if self._snapshot(store):
                    self._must_snapshot = False
                    self._heard()
                    self._acknowledge(store)
                    if self._active:
                        self._ready.set()
                else:
                    # Nothing tells when there is a grant.
                    entry_looked_at = time.monotonic()
            if self._reading is None:
                self._closing.wait(0.2)
                continue
            # Also while a snapshot is due: what comes may say that a key is dead.
            self._read_on(store)
        self._acknowledge(store, leaving=True)

    def _snapshot_not_before(self):
        return max(self._rested_at, self._snapshots_paid_until - (SNAPSHOTS_AT_ONCE - 1) * SNAPSHOT_EVERY_S)

    def _read_on(self, store):
        if not self._must_snapshot:
            self._state = "following"
        batches = store.xread({self._key("events"): self._reading}, count=PAGE, block=min(BLOCK_MS, max(1, round(self._acknowledge_in_s() * 1000))))
        self._heard()
        if self._lowest_ahead is not None:
            seconds, micros = store.time()
            if self._lowest_ahead <= seconds * 1_000_000 + micros + DAY_US:
                # The clock of Redis was behind, and has been set.
                self._snapshot_again("a version that lay in the future does so no more")
        if batches:
            seconds, micros = store.time()
            latest = seconds * 1_000_000 + micros + DAY_US
            for entry_id, fields in batches[0][1]:
                self._take_entry(entry_id.decode(), fields, latest)
        elif not self._must_snapshot and self._has_lost_its_position(store):
            self._snapshot_again("the stream was trimmed beyond its position")
        self._look(store)
        self._acknowledge_when_due(store)

    def _take_entry(self, entry_id, fields, latest):
        event = parse(fields.get(b"event"))
        taken, is_new = REFUSED, False
        if event is None:
            self._refuse(None, "an entry of the stream holds no event")
        elif event.get("type") == CONSUMER_CHANGED:
            taken = SKIPPED
            if event.get("subject") == self._name:
                self._snapshot_again("its entry was changed")
        else:
            taken, is_new = self._take(event, latest)
        self._follow_numbers(event, taken, is_new)
        # Even where there was a gap all was applied that came: that can do no harm. But the position stays before the gap.
        self._reading = entry_id
        if not self._must_snapshot:
            self._position, self._seq = entry_id, self._reading_seq or 0
            self._to_acknowledge = True

    def _follow_numbers(self, event, taken, is_new):
        """What is refused has no number: else a forged event would stand for the one that it hides."""
        seq, run = number_of(event, "seq"), number_of(event, "run") or self._run_number
        if taken == REFUSED or seq is None:
            return
        is_other_run = self._run_number is not None and run != self._run_number
        if taken == OPENED and not is_new and not is_other_run and self._reading_seq is not None and seq <= self._reading_seq:
            # Played again: anybody may have put it there.
            return
        if is_other_run:
            self._snapshot_again("the run of events is another one: this Redis may have lost something")
        elif self._reading_seq is not None and seq != self._reading_seq + 1:
            self._snapshot_again(f"there is a gap before event {seq}")
        self._reading_seq, self._run_number = seq, run

    def _has_lost_its_position(self, store):
        """Nothing came: is there nothing, or has it been trimmed? XREAD tells of what is there, and of nothing else."""
        if self._last_id(store) == self._reading:
            return False
        # What came in between, XREAD finds at once.
        return not store.xread({self._key("events"): self._reading}, count=1)

    def _last_entry(self, store, latest):
        """The id of the last entry, and seq and run of the last one that counts; None if they cannot be known: then the next one is not compared with them."""
        position = self._last_id(store)
        entries = store.xrevrange(self._key("events"), count=ENTRIES_AT_END)
        if not entries or order_of(entries[0][0].decode()) < order_of(position):
            # Never written to, trimmed to nothing, or its last entry was deleted.
            return position, 0 if position == "0-0" else None, None
        position = entries[0][0].decode()
        for _, fields in entries:
            event = parse(fields.get(b"event"))
            if number_of(event, "seq") is not None and self._counts_for_numbers(event, latest):
                return position, number_of(event, "seq"), number_of(event, "run")
        return position, None, None

    def _counts_for_numbers(self, event, latest):
        if event.get("type") not in (KEY_ROTATED, KEY_REMOVED, KEY_UNCERTAIN) or self._shared is None:
            return True
        try:
            open_event(event, self._shared, latest)
        except Foreign:
            return True
        except Refused:
            return False
        return True

    def _last_id(self, store):
        if not store.exists(self._key("events")):
            return "0-0"
        return store.xinfo_stream(self._key("events"))["last-generated-id"].decode()

    # --- The snapshot ---

    def _snapshot(self, store):
        """False where there is no grant yet, or it is to end. The position moves when all is read."""
        self._state = "reading"
        began_at = time.monotonic()
        seconds, micros = store.time()
        latest = seconds * 1_000_000 + micros + DAY_US
        # Twice: the first grant tells which of the last entries are to be believed. And the second time after the position: should it become ACTIVE from here
        # on, the stream will tell.
        known = self._read_entry(store)
        position, seq, run = self._last_entry(store, latest)
        if not known or not self._read_entry(store):
            self._state = "waiting"
            return False
        self._unapplied, self._first_unapplied = 0, []
        self._lowest_ahead = None

        seen = set()
        orgs = [org.decode(errors="replace") for org in store.smembers(self._key("orgs"))] if "*" in self._orgs else self._orgs
        for org_id in orgs:
            for page in self._pages(store, store.zscan, self._key("assistants", org_id)):
                ids = [assistant_id.decode(errors="replace") for assistant_id, _ in page]
                seen.update(ids)
                self._take_current(store, ids, latest)
        # Those that are not listed any more have been deleted, or are of an org that it may not read now.
        for assistant_id in [known for known, key in self._held.items() if not ("*" in self._orgs or key.org_id in self._orgs)]:
            del self._held[assistant_id]
        unlisted = [known for known in self._held if known not in seen]
        for start in range(0, len(unlisted), PAGE):
            self._take_current(store, unlisted[start : start + PAGE], latest)
        for page in self._pages(store, store.hscan, self._key("uncertain")):
            for text in page.values():
                self._take_kept(parse(text), latest)

        if self._closing.is_set():
            # Perhaps it has not read all: what it says last is of the position before.
            return False
        self._position, self._seq = position, seq or 0
        self._reading, self._reading_seq, self._run_number = position, seq, run
        self._counts["snapshots"] += 1
        ended_at = time.monotonic()
        self._rested_at = ended_at + min(ended_at - began_at, LONGEST_REST_S)
        self._snapshots_paid_until = max(self._snapshots_paid_until, ended_at) + SNAPSHOT_EVERY_S
        return True

    def _pages(self, store, scan, key):
        cursor = 0
        while True:
            cursor, page = scan(key, cursor, count=PAGE)
            yield page
            if cursor == 0 or self._closing.is_set():
                return

    def _take_current(self, store, ids, latest):
        if not ids:
            return
        for assistant_id, text in zip(ids, store.mget([self._key("current", assistant_id) for assistant_id in ids])):
            # What is listed but not there has expired, or is only just being published: then the stream tells.
            if text is not None:
                self._take_kept(parse(text), latest, assistant_id)
        self._heard()
        self._acknowledge_when_due(store)

    def _take_kept(self, event, latest, assistant_id=None, said=None):
        """A current record, or what stands among those in doubt (without an assistant id). `said`: the version that an event has claimed which could not be opened."""
        if event is None:
            self._refuse({"subject": assistant_id}, "a record holds no event")
            taken = REFUSED
        elif (assistant_id is None) != (event.get("type") == KEY_UNCERTAIN) or assistant_id not in (None, event.get("subject")):
            self._refuse({"subject": assistant_id or event.get("subject")}, "it stands where another event belongs")
            taken = REFUSED
        else:
            taken, _ = self._take(event, latest, is_record=True)
        held = self._held.get(assistant_id)
        if held is None:
            return
        # A record that is refused says nothing of the key that is held. With an event that says that there is a newer one, it does.
        if taken == REFUSED and said is not None:
            self._mark_unreadable(assistant_id, said)
        if taken == FOREIGN:
            version = event["data"]["version"]
            if version > held.version or (said is not None and version == held.version):
                self._mark_unreadable(assistant_id, version)

    def _mark_unreadable(self, assistant_id, claimed):
        held = self._held[assistant_id]
        if not held.claimed:
            self._report(f"signs no more for {json.dumps(assistant_id[:256])}: {UNREADABLE}")
        # The key is forgotten: it may be dead, and a record that can be opened brings it again.
        self._held[assistant_id] = dataclasses.replace(held, secret=None, removal=None, claimed=claimed)
        self._to_acknowledge = True

    def _look(self, store):
        """Reads the current records of assistants of which something newer was said than it could open; and now and then of those that it cannot read."""
        if self._to_look:
            seconds, micros = store.time()
            for assistant_id, said in list(self._to_look.items()):
                text = store.get(self._key("current", assistant_id))
                if text is not None:
                    self._take_kept(parse(text), seconds * 1_000_000 + micros + DAY_US, assistant_id, said)
                del self._to_look[assistant_id]
        if time.monotonic() >= self._looked_at + LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            unreadable = [assistant_id for assistant_id, key in self._held.items() if key.claimed]
            if unreadable:
                # A page each time, in turn.
                start = self._look_from % len(unreadable)
                self._look_from += PAGE
                self._look_for_readable(store, unreadable[start : start + PAGE])

    def _look_for_readable(self, store, ids):
        seconds, micros = store.time()
        for assistant_id, text in zip(ids, store.mget([self._key("current", assistant_id) for assistant_id in ids])):
            event = parse(text)
            try:
                record = open_event(event, self._shared, seconds * 1_000_000 + micros + DAY_US) if event else None
            except (Foreign, Refused):
                continue
            if record is not None and record["assistant_id"] == assistant_id and record["type"] != KEY_UNCERTAIN:
                self._apply(record, is_record=True)
                self._to_acknowledge = True

    def _read_entry(self, store):
        text = store.hget(self._key("consumers"), self._name)
        entry = parse(text)
        if entry is None:
            # It may have been removed, or Redis may have lost all: what it holds may still be right.
            self._trouble("there is no consumer of this name: it has not been added, or was removed" if text is None else "its entry cannot be read")
            return False
        if entry.get("state") not in ("ENROLLING", "ACTIVE") or not entry.get("grant"):
            self._trouble("it has no grant yet: a worker makes it")
            return False
        if entry["grant"] != self._grant:
            self._shared = open_grant(entry["grant"], self._name, self._own, self._rekeys)
            self._grant = entry["grant"]
        self._orgs, self._active = entry["orgs"], entry["state"] == "ACTIVE"
        return True

    # --- Events ---

    def _take(self, event, latest, is_record=False):
        """What it was, and whether it was newer than what is held."""
        if event.get("type") not in (KEY_ROTATED, KEY_REMOVED, KEY_UNCERTAIN):
            self._counts["skipped"] += 1
            return SKIPPED, False
        try:
            record = open_event(event, self._shared, latest)
        except Refused as error:
            if isinstance(error, RefusedAhead):
                self._lowest_ahead = min(error.version, self._lowest_ahead or error.version)
            self._refuse(event, str(error))
            if not is_record:
                self._look_later(event)
            return REFUSED, False
        except Foreign:
            self._counts["skipped"] += 1
            if not is_record:
                self._look_later(event)
            return FOREIGN, False
        return OPENED, self._apply(record, is_record)

    def _look_later(self, event):
        """An event that cannot be opened, about an assistant that is held: if it claims to be newer, or to put it in doubt, its current record tells."""
        assistant_id, version = event.get("subject"), number_of(event, "version")
        held = self._held.get(assistant_id) if isinstance(assistant_id, str) else None
        if held is None or held.version == 0 or version is None:
            return
        if version > held.version or (event["type"] == KEY_UNCERTAIN and version == held.version):
            self._to_look[assistant_id] = version

    def _apply(self, record, is_record=False):
        """Whether it was newer than what is held."""
        version, assistant_id = record["version"], record["assistant_id"]
        before = self._held.get(assistant_id, Key())
        if record["type"] == KEY_UNCERTAIN:
            # No new version: it puts the published one in doubt, which is the one that is held. One goes on with that.
            is_new = version > before.in_doubt
            self._held[assistant_id] = dataclasses.replace(before, in_doubt=max(version, before.in_doubt))
            self._counts["applied"] += 1
            return is_new
        if before.claimed and version <= before.version and not is_record:
            # Anybody can play it again: only the current record says that it can be read again.
            self._to_look[assistant_id] = version
            return False
        if version < before.version or (version == before.version and not before.claimed):
            return False
        if record["type"] == KEY_REMOVED:
            # It is kept in mind that there is none, so that no older key comes back.
            after = Key(record["org_id"], version, None, str(record.get("removal")), before.in_doubt)
        else:
            after = Key(record["org_id"], version, record["assistant"]["secret_key"], None, before.in_doubt)
        self._held[assistant_id] = after
        self._counts["applied"] += 1
        return True

    def _refuse(self, event, why):
        subject = event.get("subject") if event else None
        data = event.get("data") if event else None
        version = data.get("version") if isinstance(data, dict) else None
        of = {
            # As short as an id can be; it may be anything.
            "assistant_id": subject.encode("utf-8", "replace")[:256].decode("utf-8", "ignore") if isinstance(subject, str) else "",
            "version": version if type(version) is int and 0 <= version < 2**53 else 0,
            "why": why,
        }
        self._counts["refused"] += 1
        self._unapplied += 1
        for first in (self._first_unapplied, self._first_refused):
            if len(first) < TELL_UNAPPLIED:
                first.append(of)
        self._report(f"refused: {json.dumps(of)}")

    # --- Acknowledging ---

    def _acknowledge_in_s(self):
        interval = COALESCE_S if self._to_acknowledge else self._lease_ms / 4000
        return self._acknowledged_at + interval - time.monotonic()

    def _acknowledge_when_due(self, store):
        if self._acknowledge_in_s() <= 0:
            self._acknowledge(store)

    def _acknowledge(self, store, leaving=False):
        # Whoever has had no snapshot yet signs nothing, and holds up nobody.
        if self._position is None:
            return
        ack = {
            "consumer": self._name,
            "instance": self._instance,
            "lease_ms": self._lease_ms,
            "position": self._position,
            "seq": self._seq,
            "keys": sum(key.secret is not None for key in list(self._held.values())),
            "unapplied": self._all_unapplied(),
            "refused": {"count": self._counts["refused"], "first": self._first_refused},
            "leaving": leaving,
        }
        store.xadd(self._key("acks"), {"ack": json.dumps(ack)}, maxlen=20_000, approximate=True)
        self._acknowledged_at = time.monotonic()
        self._to_acknowledge = False

    # ---

    def _key(self, *parts):
        return ":".join([self._prefix, *(encode(part) for part in parts)])

    def _snapshot_again(self, why):
        if not self._must_snapshot:
            self._report(f"takes the snapshot again: {why}")
        self._must_snapshot = True

    def _heard(self):
        self._heard_at = time.monotonic()
        # A snapshot that cannot be taken is a problem still, also while events are read.
        if self._problem is not None and not self._must_snapshot:
            self._report("goes on")
            self._problem = None

    def _trouble(self, problem):
        if problem != self._problem:
            self._report(problem)
        self._problem = problem


def parse(text):
    """The object that a text of Redis holds; None where it holds none."""
    try:
        parsed = json.loads((text or b"").decode())
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def order_of(entry_id):
    return tuple(int(part) for part in entry_id.split("-"))


def number_of(event, name):
    data = event.get("data") if event else None
    number = data.get(name) if isinstance(data, dict) else None
    return number if type(number) is int and 0 < number < 2**53 else None


# --- The program ---


def answer(consumer, line):
    command, _, rest = line.strip().partition(" ")
    assistant_id, _, user_id = rest.partition(" ")
    if command == "status" and not rest:
        return consumer.status()
    if command != "sign" or not assistant_id or not user_id:
        return {"error": "say: sign ASSISTANT USER, or: status"}
    try:
        return {"assistant": assistant_id, "user": user_id, **dataclasses.asdict(consumer.sign_user_hash(assistant_id, user_id))}
    except LookupError as error:
        return {"assistant": assistant_id, "user": user_id, "error": error.args[0]}
    except UnicodeError:
        return {"error": "what was read is no UTF-8"}


def main():
    arguments = argparse.ArgumentParser(description="Signs user hashes with the keys that Rekey publishes.")
    arguments.add_argument("name", help="as it was added by: rekey consumer add NAME")
    arguments.add_argument("--key-file", required=True, help="as it was made by: rekey consumer keygen FILE")
    options = arguments.parse_args()
    # So that it says that it leaves.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        with Consumer(options.name, options.key_file) as consumer:
            print(json.dumps({"ready": True, **consumer.status()}), flush=True)
            for line in sys.stdin:
                print(json.dumps(answer(consumer, line)), flush=True)
    except Unusable as error:
        sys.exit(f"{options.name}: {error}")


if __name__ == "__main__":
    main()
