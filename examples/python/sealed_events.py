"""Events of Rekey: how they are sealed, and why they can be trusted. The contract: docs/guides/events.md."""

import dataclasses
import hashlib
import hmac
import json
import pathlib
import re
import urllib.parse

from jwcrypto import jwe, jwk, jws
from jwcrypto.common import JWException, base64url_decode, base64url_encode

KEY_ROTATED = "rekey.assistant.key-rotated.v1"
KEY_REMOVED = "rekey.assistant.key-removed.v1"
KEY_UNCERTAIN = "rekey.assistant.key-uncertain.v1"
CONSUMER_CHANGED = "rekey.consumer.changed.v1"
KEY_EVENTS = (KEY_ROTATED, KEY_REMOVED, KEY_UNCERTAIN)

DAY_US = 86_400_000_000


def _header(more):
    header = {"enc": "A256GCM", "cty": "application/json", **more}
    return base64url_encode(json.dumps(header, separators=(",", ":")))


# The protected header of records: today, and when the form of version 1 is no longer written.
SPLIT_HEADER = _header({})
JOINED_HEADER = _header({"typ": "rekey.record.2"})
# Base64url without padding: 12 bytes, 16 bytes, 40 bytes, and any number.
FORMS = {
    "iv": re.compile(r"[\w-]{16}", re.ASCII),
    "tag": re.compile(r"[\w-]{21}[AQgw]", re.ASCII),
    "encrypted_key": re.compile(r"[\w-]{53}[AQgw]", re.ASCII),
    "ciphertext": re.compile(r"[\w-]*", re.ASCII),
}
GRANT_TYPE = "rekey.grant.1"
NO_JWK_SET = "the key file is not a JWK Set as `rekey consumer keygen` writes it"
# The kid of a key is the start of its thumbprint.
KID_LENGTH = 12


class Refused(Exception):
    """The event does not come from Rekey in this form. The text quotes nothing of it."""


class RefusedAhead(Refused):
    """The event is genuine, but its version is in the future by the Redis clock."""

    def __init__(self, version):
        super().__init__("its version lies in the future")
        self.version = version


class Foreign(Exception):
    """The event has the form that Rekey uses, and is sealed for others only."""


def org_of(event):
    """The org that the source of an event names. Nothing proves it."""
    match = re.match("/orgs/([^/]+)/", event["source"]) if isinstance(event.get("source"), str) else None
    return urllib.parse.unquote(match[1]) if match else None


class Unusable(Exception):
    """A key file or a grant that cannot open anything."""


@dataclasses.dataclass(frozen=True)
class SharedKeys:
    """The two keys that one recipient shares with Rekey."""

    kid: str
    wrapping: jwk.JWK
    proving: bytes
    # The grant is of this version of Rekey: every record for these keys has a key proof.
    needs_key_proof: bool = False
    # Of the grant; 0 in one of an earlier version.
    revision: int = 0


def open_event(event, keys, latest_version):
    """The record of an event. Raises Foreign if it is for others only, Refused if it is not from Rekey."""
    try:
        return _open_event(event, keys, latest_version)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, JWException):
        # Not `from error`: the messages of parsers quote their input.
        raise Refused("it does not have the form of an event of Rekey") from None


def _open_event(event, keys, latest_version):
    sealed = event["data"]["sealed"]
    if not isinstance(sealed["recipients"], list):
        raise Refused("it does not have the form of an event of Rekey")
    ours = next((one for one in sealed["recipients"] if one["header"]["kid"] == keys.kid), None)
    if ours is None:
        if number_of(event, "version") is None or not isinstance(event["subject"], str):
            raise Refused("it does not have the form of an event of Rekey")
        raise Foreign

    content = {name: sealed[name] for name in ("protected", "iv", "ciphertext", "tag")}
    _check_proofs(content, ours, keys)
    record = json.loads(_decrypt(content, ours["encrypted_key"], keys.wrapping))
    source = "/orgs/%s/assistants/%s" % (encode(record["org_id"]), encode(record["assistant_id"]))
    outside = (event["type"], event["subject"], event["data"]["version"], event["source"])
    if outside != (record["type"], record["assistant_id"], record["version"], source):
        raise Refused("it does not match its sealed record: it was moved or altered")
    if type(record["version"]) is not int or not 0 < record["version"] < 2**53:
        raise Refused("its version is not a number that Rekey draws")
    if record["version"] > latest_version and record.get("ahead") is not True:
        raise RefusedAhead(record["version"])
    if record["type"] == KEY_ROTATED and not is_text(record["assistant"]["secret_key"]):
        raise Refused("it contains no key")
    if record["type"] == KEY_REMOVED and not is_text(record["removal"]):
        raise Refused("it does not say why the key was removed")
    return record


def is_text(value):
    return isinstance(value, str) and value != ""


def _check_proofs(content, ours, keys):
    """Raises Refused unless Rekey made this content, and wrapped its key, for this recipient."""
    encrypted_key, header = ours["encrypted_key"], ours["header"]
    parts = {**content, "encrypted_key": encrypted_key}
    if not all(form.fullmatch(parts[name]) for name, form in FORMS.items()):
        raise Refused("it does not have the form of an event of Rekey")
    text = ".".join(content.values())
    if content["protected"] == JOINED_HEADER:
        _check_proof(header["proof"], f"{text}.{keys.kid}.{encrypted_key}", keys)
        return
    if content["protected"] != SPLIT_HEADER:
        raise Refused("it does not have the form of an event of Rekey")
    _check_proof(header["proof"], text, keys)
    # Records of an earlier version have no key proof. A grant of this version is never used for those.
    if keys.needs_key_proof or "key_proof" in header:
        _check_proof(header.get("key_proof", ""), f"rekey record key 2 {keys.kid} {encrypted_key}", keys)


def _check_proof(given, text, keys):
    proof = base64url_encode(hmac.digest(keys.proving, text.encode(), hashlib.sha256))
    if not hmac.compare_digest(proof, given):
        raise Refused("its proof is wrong: it does not come from Rekey")


def _decrypt(content, encrypted_key, wrapping):
    # With our recipient only, because jwcrypto would try all of them. No proof covers the algorithm in the
    # header, so only the fixed one is used.
    recipient = {"header": {"alg": "A256KW"}, "encrypted_key": encrypted_key}
    token = jwe.JWE(algs=["A256KW", "A256GCM"])
    token.deserialize(json.dumps({**content, "recipients": [recipient]}))
    token.decrypt(wrapping)
    return token.payload


def read_key_file(path):
    """The consumer's private key, and Rekey's public keys by kid, from a file of `rekey consumer keygen`."""
    try:
        return read_keys(json.loads(pathlib.Path(path).read_text()))
    except OSError as error:
        raise Unusable(f"the key file cannot be read: {error.strerror}") from None
    except ValueError:
        raise Unusable(NO_JWK_SET) from None


def read_keys(jwks):
    """The same from the JWK Set that is in the file."""
    try:
        keys = jwks["keys"]
        own = [jwk.JWK(**key) for key in keys if key["use"] == "enc"]
        signing = [key for key in keys if key["use"] == "sig" and key.get("crv") == "Ed25519"]
        rekeys = {key["kid"]: jwk.JWK(**key) for key in signing}
    except (ValueError, TypeError, LookupError, JWException):
        raise Unusable(NO_JWK_SET) from None
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
    keys = SharedKeys(wrapping["kid"], jwk.JWK(**wrapping), base64url_decode(proving["k"]))
    if "typ" not in claims:
        return keys
    revision, envelope = claims.get("rev"), claims.get("envelope")
    is_known = claims["typ"] == GRANT_TYPE and type(envelope) is int and envelope >= 2
    if not is_known or type(revision) is not int or not 0 <= revision < 2**53:
        raise Unusable("the grant does not have the form that Rekey uses")
    if claims.get("key_kid") != own.thumbprint()[:KID_LENGTH]:
        raise Unusable("the grant belongs to another key of the consumer")
    return dataclasses.replace(keys, needs_key_proof=True, revision=revision)


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
