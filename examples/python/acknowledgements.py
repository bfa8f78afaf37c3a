"""Reports to Rekey how far this instance is. See consumer.py."""

import hashlib
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwcrypto.common import base64url_encode

from sealed_events import parse

MAX_ACKNOWLEDGEMENTS = 5000
# Of the stream of all consumers.
MAX_SHARED = 20_000


class Acknowledgements:
    def __init__(self, name, instance, key_of):
        self._name = name
        self._instance = instance
        self._consumers = key_of("consumers")
        self._own, self._shared = key_of("acks", name), key_of("acks")
        self._number = 0
        # Whether Rekey verifies acknowledgements: an earlier one expects no signature.
        self._signs = False
        # The digest of the orgs by which everything is applied; empty until a snapshot for these has ended.
        self._applied_orgs = ""

    def begin_snapshot(self, orgs):
        """Keys of other orgs are dropped: what was applied before no longer says what is held."""
        if digest_of(orgs) != self._applied_orgs:
            self._applied_orgs = ""

    def end_snapshot(self, orgs):
        self._applied_orgs = digest_of(orgs)

    def send(self, store, keys, report):
        """Returns the entry of the consumer as it is now; empty if there is none."""
        self._number += 1
        seconds, micros = store.time()
        text = json.dumps(
            {
                "consumer": self._name,
                "instance": self._instance,
                **report,
                "orgs_sha256": self._applied_orgs,
                "number": self._number,
                "sent_ms": seconds * 1000 + micros // 1000,
            }
        )
        entry = parse(store.hget(self._consumers, self._name)) or {}
        # No event announces it.
        self._signs = self._signs or "ack_key" in entry
        if self._signs:
            fields = {"ack": text, "proof": sign(text, keys)}
            store.xadd(self._own, fields, maxlen=MAX_ACKNOWLEDGEMENTS, approximate=True)
        else:
            store.xadd(self._shared, {"ack": text}, maxlen=MAX_SHARED, approximate=True)
        return entry


def digest_of(orgs):
    names = [hashlib.sha256(org.encode()).digest() for org in orgs]
    return base64url_encode(hashlib.sha256(b"".join(names)).digest())


def sign(text, keys):
    """The proof of a text: an Ed25519 signature with a key that is derived from the proving key."""
    derivation = HKDF(hashes.SHA256(), length=32, salt=None, info=b"rekey acknowledgement 1")
    signer = Ed25519PrivateKey.from_private_bytes(derivation.derive(keys.proving))
    return base64url_encode(signer.sign(b"rekey.acknowledgement.1\n" + text.encode()))
