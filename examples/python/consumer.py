#!/usr/bin/env python3
"""A consumer of Rekey: holds the newest key of every assistant that it may read, and signs user hashes.

    consumer.py NAME --key-file FILE

Needs redis and jwcrypto (Debian: python3-redis python3-jwcrypto). Takes REDIS_URL and REKEY_PREFIX from the
environment. Prints one line of JSON when it is ready, and then one for each line that it reads:

    sign ASSISTANT USER      the hash, and the version of the key that made it. USER is the rest of the line
    status                   its state and position

In a service of your own:

    with Consumer("billing", "billing-key.json") as keys:
        keys.sign_user_hash("ast_1", "user-42").hash

It implements the contract in docs/guides/events.md. Its parts are the other files of this folder: follower.py
(connection, snapshots, acknowledgements), stream.py, records.py (what is applied), held_keys.py (what is
held) and sealed_events.py (what can be trusted).
"""

import argparse
import dataclasses
import json
import os
import signal
import sys
import threading

from follower import Follower
from sealed_events import Unusable, read_key_file


class Consumer:
    """Follows Rekey in a thread of its own, from `start` to `close`.

    All other methods can be called from any thread, and do not block.
    """

    def __init__(self, name, key_file, url=None, prefix=None, lease_ms=10_000, report=None):
        own, rekeys = read_key_file(key_file)
        self._follower = Follower(
            name,
            own,
            rekeys,
            url or os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
            prefix or os.environ.get("REKEY_PREFIX", "rekey"),
            lease_ms,
            report or (lambda line: print(f"{name}: {line}", file=sys.stderr, flush=True)),
        )
        self._thread = threading.Thread(target=self._follower.run, name=f"rekey {name}", daemon=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, timeout=None):
        """Returns when all published keys are held.

        Raises Unusable if the key file cannot open them, or TimeoutError after `timeout` seconds.
        """
        self._thread.start()
        if not self._follower.ready.wait(timeout):
            raise TimeoutError(self._follower.problem or "no snapshot yet")
        if self._follower.state == "unusable":
            raise Unusable(self._follower.problem)

    def close(self):
        self._follower.closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def sign_user_hash(self, assistant_id, user_id):
        """HMAC-SHA256 in hex. Raises LookupError if no key is held."""
        return self._follower.held.sign(assistant_id, user_id)

    def status(self):
        return self._follower.status()


def answer(consumer, line):
    command, _, rest = line.strip().partition(" ")
    assistant_id, _, user_id = rest.partition(" ")
    if command == "status" and not rest:
        return consumer.status()
    if command != "sign" or not assistant_id or not user_id:
        return {"error": "usage: sign ASSISTANT USER, or: status"}
    subject = {"assistant": assistant_id, "user": user_id}
    try:
        return {**subject, **dataclasses.asdict(consumer.sign_user_hash(assistant_id, user_id))}
    except LookupError as error:
        return {**subject, "error": error.args[0]}
    except UnicodeError:
        return {"error": "the line is not UTF-8"}


def main():
    arguments = argparse.ArgumentParser(description="Signs user hashes with the keys that Rekey publishes.")
    arguments.add_argument("name", help="the NAME of: rekey consumer add NAME")
    arguments.add_argument("--key-file", required=True, help="the FILE of: rekey consumer keygen FILE")
    options = arguments.parse_args()
    # A signal ends the `with` below, so that the consumer announces its end.
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
