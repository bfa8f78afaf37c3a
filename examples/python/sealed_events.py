"""Events of Rekey: how they are sealed, and why they can be trusted. The contract: docs/guides/events.md."""

import dataclasses
import hashlib
import hmac
import json
import pathlib
import urllib.parse

from jwcrypto import jwe, jwk, jws
from jwcrypto.common import JWException, base64url_decode

KEY_ROTATED = "rekey.assistant.key-rotated.v1"
KEY_REMOVED = "rekey.assistant.key-removed.v1"
KEY_UNCERTAIN = "rekey.assistant.key-uncertain.v1"
CONSUMER_CHANGED = "rekey.consumer.changed.v1"
KEY_EVENTS = (KEY_ROTATED, KEY_REMOVED, KEY_UNCERTAIN)

DAY_US = 86_400_000_000


class Refused(Exception):
    """The event does not come from Rekey in this form. The text quotes nothing of it."""


class RefusedAhead(Refused):
    """The event is genuine, but its version is in the future by the Redis clock."""

    def __init__(self, version):
        super().__init__("its version lies in the future")
        self.version = version


class Foreign(Exception):
    """The event has the form that Rekey uses, and is sealed for others only."""


class Unusable(Exception):
    """A key file or a grant that cannot open anything."""


@dataclasses.dataclass(frozen=True)
class SharedKeys:
    """The two keys that one recipient shares with Rekey."""

    kid: str
    wrapping: jwk.JWK
    proving: bytes


def open_event(event, keys, latest_version):
    """The record of an event. Raises Foreign if it is for others only, Refused if it is not from Rekey."""
    try:
        return _open_event(event, keys, latest_version)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, JWException):
        # Not `from error`: the messages of parsers quote their input.
        raise Refused("it does not have the form of an event of Rekey") from None


def _open_event(event, keys, latest_version):
    sealed = event["data"]["sealed"]
    ours = next((one for one in sealed["recipients"] if one["header"]["kid"] == keys.kid), None)
    if ours is None:
        if number_of(event, "version") is None or not isinstance(event["subject"], str):
            raise Refused("it does not have the form of an event of Rekey")
        raise Foreign

    content = {name: sealed[name] for name in ("protected", "iv", "ciphertext", "tag")}
    proof = hmac.digest(keys.proving, ".".join(content.values()).encode(), hashlib.sha256)
    if not hmac.compare_digest(proof, base64url_decode(ours["header"]["proof"])):
        raise Refused("its proof is wrong: it does not come from Rekey")

    record = json.loads(_decrypt(content, ours["encrypted_key"], keys.wrapping))
    source = "/orgs/%s/assistants/%s" % (encode(record["org_id"]), encode(record["assistant_id"]))
    outside = (event["type"], event["subject"], event["data"]["version"], event["source"])
    if outside != (record["type"], record["assistant_id"], record["version"], source):
        raise Refused("it does not match its sealed record: it was moved or altered")
    if type(record["version"]) is not int or record["version"] <= 0:
        raise Refused("its version is not a number that Rekey draws")
    if record["version"] > latest_version and record.get("ahead") is not True:
        raise RefusedAhead(record["version"])
    if record["type"] == KEY_ROTATED and not isinstance(record["assistant"]["secret_key"], str):
        raise Refused("it contains no key")
    return record


def _decrypt(content, encrypted_key, wrapping):
    # With our recipient only, because jwcrypto would try all of them. The proof does not cover the header, so
    # only the fixed algorithm is used.
    recipient = {"header": {"alg": "A256KW"}, "encrypted_key": encrypted_key}
    token = jwe.JWE(algs=["A256KW", "A256GCM"])
    token.deserialize(json.dumps({**content, "recipients": [recipient]}))
    token.decrypt(wrapping)
    return token.payload


def read_key_file(path):
    """The consumer's private key, and Rekey's public keys by kid, from a file of `rekey consumer keygen`."""
    try:
        keys = json.loads(pathlib.Path(path).read_text())["keys"]
        own = [jwk.JWK(**key) for key in keys if key["use"] == "enc"]
        signing = [key for key in keys if key["use"] == "sig" and key.get("crv") == "Ed25519"]
        rekeys = {key["kid"]: jwk.JWK(**key) for key in signing}
    except OSError as error:
        raise Unusable(f"the key file cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, LookupError, JWException):
        raise Unusable("the key file is not a JWK Set as `rekey consumer keygen` writes it") from None
    if len(own) != 1 or not (own[0].has_private or own[0].is_symmetric):
        raise Unusable("the key file must hold one private key with use enc")
    if not rekeys:
        raise Unusable("the key file holds no public key of Rekey (Ed25519, use sig)")
    return own[0], rekeys


def open_grant(grant, name, own, rekeys):
    """The SharedKeys of a grant. Raises Unusable."""
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
        raise Unusable(
            "the grant is not signed by the Rekey whose public key is in the key file"
        ) from None
    claims = json.loads(signed.payload)
    if claims["consumer"] != name:
        raise Unusable("the grant belongs to another consumer")
    wrapping = next(key for key in claims["keys"] if key["use"] == "enc")
    proving = next(key for key in claims["keys"] if key["use"] == "sig")
    return SharedKeys(wrapping["kid"], jwk.JWK(**wrapping), base64url_decode(proving["k"]))


def encode(identifier):
    """Percent-encodes like JavaScript's encodeURIComponent."""
    return urllib.parse.quote(identifier, safe="-_.!~*'()")


def parse(text):
    """The JSON object in a text of Redis; None if there is none."""
    try:
        parsed = json.loads((text or b"").decode())
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def number_of(event, name):
    """A number in the data of an event, such as its seq; None if it is not a positive integer."""
    data = event.get("data") if event else None
    number = data.get(name) if isinstance(data, dict) else None
    return number if type(number) is int and 0 < number < 2**53 else None
