#!/usr/bin/env python3
"""Runs the test vectors of docs/reference/vectors with the code of consumer.py. Prints what fails.

    check_vectors.py FOLDER

Ends with 1 if a case has another result than the vectors say.
"""

import base64
import json
import pathlib
import sys

from acknowledgements import sign
from held_keys import HeldKeys, Refusals
from records import FOREIGN, OPENED, REFUSED, SKIPPED, Records
from sealed_events import (
    CONSUMER_CHANGED,
    DAY_US,
    KEY_REMOVED,
    Unusable,
    encode,
    open_event,
    open_grant,
    parse,
    read_keys,
)
from stream import Stream

VERDICTS = {OPENED: "open", FOREIGN: "foreign", SKIPPED: "skip", REFUSED: "refuse"}


class Vectors:
    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._key_files = self._read("keys")["key_files"]
        self._grants = {}
        self.count = 0
        self.failures = []

    def _read(self, name):
        return json.loads((self._folder / f"{name}.json").read_text())

    def _expect(self, name, found, expected):
        self.count += 1
        if found != expected:
            self.failures.append(f"{name}: {found}, and not {expected}")

    def grants(self):
        for case in self._read("grants")["cases"]:
            own, rekeys = read_keys(self._key_files[case["consumer"]])
            records = Records(HeldKeys(), None, None, None)
            records.shared = case.get("held") and Held(case["held"]["kid"], case["held"]["rev"])
            try:
                keys = open_grant(case["grant"], case["consumer"], own, rekeys)
                verdict = "accept" if records.use_grant(keys) else "refuse"
            except Unusable:
                verdict = "refuse"
            self._expect(case["name"], verdict, case["verdict"])
            if verdict == "accept":
                found = (keys.kid, keys.revision, keys.needs_key_proof)
                wanted = case["keys"]
                self._expect(case["name"], found, (wanted["kid"], wanted["rev"], wanted["needs_key_proof"]))
                self._grants.setdefault(case["consumer"], keys)

    def events(self):
        events = self._read("events")
        for case in events["cases"]:
            text = case["text"].encode() if "text" in case else base64.b64decode(case["base64"])
            follower = Applied(self._grants[case["consumer"]], {})
            verdict, record = follower.take(text, events["now_us"])
            self._expect(case["name"], verdict, case["verdict"])
            self._expect(case["name"], record, case.get("record"))

    def sequences(self):
        events = {case["name"]: case for case in self._read("events")["cases"]}
        now_us = self._read("events")["now_us"]
        for case in self._read("sequences")["cases"]:
            follower = Applied(self._grants["billing"], case["held"])
            follower.stream.start_at("0-0", case["start"]["seq"], case["start"]["run"])
            for entry in case["entries"]:
                event = json.loads(events[entry["event"]]["text"])
                event["data"] = {**event.get("data", {}), "seq": None, "run": None}
                event["data"].update({name: entry[name] for name in ("seq", "run") if name in entry})
                follower.demands.clear()
                follower.take(json.dumps(event).encode(), now_us)
                if entry["snapshot"]:  # a consumer may take one more often than it must
                    self._expect(case["name"], bool(follower.demands), True)

    def texts(self):
        for case in self._read("acknowledgements")["cases"]:
            verdict = sign(case["ack"], self._grants[case["consumer"]]) == case["proof"]
            self._expect(case["name"], "accept" if verdict else "refuse", case["verdict"])
        for case in self._read("user-hashes")["cases"]:
            held = HeldKeys()
            key = {"id": "ast_1", "secret_key": case["secret_key"]}
            record = {"type": "", "assistant_id": "ast_1", "org_id": "o", "version": 1, "assistant": key}
            held.apply(record)
            self._expect("user hash", held.sign("ast_1", case["user_id"]).hash, case["user_hash"])
        for case in self._read("names")["cases"]:
            self._expect(case["id"], encode(case["id"]), case["encoded"])


class Held:
    """What `use_grant` compares of the grant that is held."""

    def __init__(self, kid, revision):
        self.kid, self.revision = kid, revision


class Applied:
    """A consumer without Redis: what it holds, and why it demanded snapshots."""

    def __init__(self, keys, versions):
        self._keys = keys
        self.demands = []
        held = HeldKeys()
        for assistant_id, version in versions.items():
            held.apply(
                {"type": KEY_REMOVED, "assistant_id": assistant_id, "org_id": "o", "version": version}
            )
        self._records = Records(held, Refusals(held, lambda line: None), None, lambda line: None)
        self._records.shared = keys
        self.stream = Stream("events", self.demands.append)

    def take(self, text, now_us):
        """The verdict on an entry, and the record of one that was opened."""
        event = parse(text)
        verdict, is_new = REFUSED, False
        if event is not None and event.get("type") == CONSUMER_CHANGED:
            verdict = "changed"
        elif event is not None:
            verdict, is_new = self._records.take(event, now_us + DAY_US)
        self.stream.count(event, verdict, is_new)
        record = open_event(event, self._keys, now_us + DAY_US) if verdict == OPENED else None
        return VERDICTS.get(verdict, verdict), record


def main():
    vectors = Vectors(sys.argv[1])
    for part in (vectors.grants, vectors.events, vectors.sequences, vectors.texts):
        part()
    print(json.dumps({"cases": vectors.count, "failed": vectors.failures}))
    sys.exit(1 if vectors.failures else 0)


if __name__ == "__main__":
    main()
