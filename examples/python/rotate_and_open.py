#!/usr/bin/env python3
"""Rotates one key through Rekey, and opens the event that tells of it: as Rekey itself, with its key file. Services open with a key of their own: consumer.py.

    rotate_and_open.py ORG ASSISTANT

Needs grpcio, grpcio-tools, redis and jwcrypto (Debian: python3-grpcio python3-grpc-tools python3-redis python3-jwcrypto).
Takes GRPC_ADDRESS, REDIS_URL, REKEY_PREFIX and REKEY_KEY_FILE from the environment. Prints one JSON object.
"""

import hashlib
import hmac
import json
import os
import pathlib
import sys
import tempfile
import uuid

import grpc
import redis
from grpc_tools import protoc
from consumer import DAY_US, KEY_ROTATED, SharedKeys, open_event
from jwcrypto import jwk
from jwcrypto.common import base64url_decode

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def load_contract():
    """Generates the Python modules of the contract into a temporary folder, and imports them."""
    folder = tempfile.mkdtemp(prefix="rekey-proto-")
    well_known = str(pathlib.Path(protoc.__file__).parent / "_proto")
    includes = [f"-I{PROTO}", f"-I{well_known}", "-I/usr/include"]
    if protoc.main(["protoc", *includes, f"--python_out={folder}", f"--grpc_python_out={folder}", "rekey/v1/rotation.proto"]) != 0:
        sys.exit("the contract could not be compiled")
    sys.path.insert(0, folder)
    from rekey.v1 import rotation_pb2, rotation_pb2_grpc

    return rotation_pb2, rotation_pb2_grpc


def rekeys_own_keys(key_file):
    """Rekey is a reader of its own events. It wraps with the key of its key file, and makes the one that proves from that, by HKDF-SHA256 (RFC 5869)."""
    key = next(key for key in json.loads(pathlib.Path(key_file).read_text())["keys"] if key["use"] == "enc")
    extracted = hmac.digest(bytes(32), base64url_decode(key["k"]), hashlib.sha256)
    return SharedKeys(key["kid"], jwk.JWK(**key), hmac.digest(extracted, b"rekey proof\x01", hashlib.sha256))


def main():
    org_id, assistant_id = sys.argv[1:3]
    keys = rekeys_own_keys(os.environ["REKEY_KEY_FILE"])
    rotation_pb2, rotation_pb2_grpc = load_contract()
    store = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), decode_responses=True)
    stream = "{%s}:events" % os.environ.get("REKEY_PREFIX", "rekey")

    # The position is noted before the call, so that the event cannot be missed.
    last = store.xrevrange(stream, count=1)
    position = last[0][0] if last else "0"

    with grpc.insecure_channel(os.environ.get("GRPC_ADDRESS", "127.0.0.1:50051")) as channel:
        rotations = rotation_pb2_grpc.RotationServiceStub(channel)
        rotation = rotations.RotateSecretKey(
            rotation_pb2.RotateSecretKeyRequest(org_id=org_id, assistant_id=assistant_id, request_id=str(uuid.uuid4()), reason="python example"),
            timeout=10,
        )
        rotation = rotations.WaitRotation(rotation_pb2.WaitRotationRequest(id=rotation.id), timeout=60)
    state = rotation_pb2.Rotation.State.Name(rotation.state)
    if state != "SUCCEEDED":
        sys.exit(f"the rotation is {state}: {rotation.error.reason} {rotation.error.message}")

    while True:
        for _, entries in store.xread({stream: position}, count=100, block=5000):
            for entry_id, fields in entries:
                position = entry_id
                event = json.loads(fields["event"])
                # Other types carry no key: key-uncertain, key-removed.
                if event["type"] != KEY_ROTATED:
                    continue
                if event["subject"] == assistant_id and event["data"]["version"] == rotation.version:
                    seconds, micros = store.time()
                    opened = open_event(event, keys, seconds * 1_000_000 + micros + DAY_US)
                    print(json.dumps({"rotation": rotation.id, "state": state, "event": event["id"], "opened": opened}))
                    return


if __name__ == "__main__":
    main()
