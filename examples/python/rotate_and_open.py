#!/usr/bin/env python3
"""Rotates one key through Rekey, and opens its event with Rekey's own key file. Services use consumer.py.

    rotate_and_open.py ORG ASSISTANT

Needs grpcio, grpcio-tools, redis and jwcrypto
(Debian: python3-grpcio python3-grpc-tools python3-redis python3-jwcrypto).
Takes GRPC_ADDRESS, REKEY_TOKEN_FILE, REDIS_URL, REKEY_PREFIX and REKEY_KEY_FILE from the environment. Prints
one JSON object.
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
from jwcrypto import jwk
from jwcrypto.common import base64url_decode
from records import latest_version
from sealed_events import KEY_ROTATED, SharedKeys, open_event

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def load_contract():
    """Generates the Python modules of the contract into a temporary folder, and imports them."""
    folder = tempfile.mkdtemp(prefix="rekey-proto-")
    well_known = str(pathlib.Path(protoc.__file__).parent / "_proto")
    includes = [f"-I{PROTO}", f"-I{well_known}", "-I/usr/include"]
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(["protoc", *includes, *outputs, "rekey/v1/rotation.proto"]) != 0:
        sys.exit("the contract could not be compiled")
    sys.path.insert(0, folder)
    from rekey.v1 import rotation_pb2, rotation_pb2_grpc

    return rotation_pb2, rotation_pb2_grpc


def read_own_keys(key_file):
    """Rekey's own recipient keys.

    Rekey is a recipient of its own events. The key of its key file wraps; the proving key is derived from it
    with HKDF-SHA256 (RFC 5869).
    """
    keys = json.loads(pathlib.Path(key_file).read_text())["keys"]
    key = next(key for key in keys if key["use"] == "enc")
    extracted = hmac.digest(bytes(32), base64url_decode(key["k"]), hashlib.sha256)
    proving = hmac.digest(extracted, b"rekey proof\x01", hashlib.sha256)
    return SharedKeys(key["kid"], jwk.JWK(**key), proving)


def caller():
    """The metadata that says who calls. Send a token to another machine over TLS alone."""
    token_file = os.environ.get("REKEY_TOKEN_FILE")
    if not token_file:
        return []
    return [("authorization", f"Bearer {pathlib.Path(token_file).read_text().strip()}")]


def rotate(org_id, assistant_id):
    """Rotates a key and waits for the result."""
    rotation_pb2, rotation_pb2_grpc = load_contract()
    with grpc.insecure_channel(os.environ.get("GRPC_ADDRESS", "127.0.0.1:50051")) as channel:
        rotations = rotation_pb2_grpc.RotationServiceStub(channel)
        request = rotation_pb2.RotateSecretKeyRequest(
            org_id=org_id,
            assistant_id=assistant_id,
            request_id=str(uuid.uuid4()),
            reason="python example",
        )
        rotation = rotations.RotateSecretKey(request, timeout=10, metadata=caller())
        wait = rotation_pb2.WaitRotationRequest(id=rotation.id)
        rotation = rotations.WaitRotation(wait, timeout=60, metadata=caller())
    state = rotation_pb2.Rotation.State.Name(rotation.state)
    if state != "SUCCEEDED":
        sys.exit(f"the rotation is {state}: {rotation.error.reason} {rotation.error.message}")
    return rotation, state


def find_event(store, stream, position, assistant_id, version):
    """The event of a key version, after a position in the stream."""
    while True:
        for _, entries in store.xread({stream: position}, count=100, block=5000):
            for entry_id, fields in entries:
                position = entry_id
                event = json.loads(fields["event"])
                # Other types contain no key: key-uncertain, key-removed.
                is_key = event["type"] == KEY_ROTATED
                if is_key and event["subject"] == assistant_id and event["data"]["version"] == version:
                    return event


def main():
    org_id, assistant_id = sys.argv[1:3]
    keys = read_own_keys(os.environ["REKEY_KEY_FILE"])
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    store = redis.Redis.from_url(url, decode_responses=True)
    stream = "{%s}:events" % os.environ.get("REKEY_PREFIX", "rekey")

    # The position is read before the call, so that the event cannot be missed.
    last = store.xrevrange(stream, count=1)
    position = last[0][0] if last else "0"
    rotation, state = rotate(org_id, assistant_id)
    event = find_event(store, stream, position, assistant_id, rotation.version)
    opened = open_event(event, keys, latest_version(store))
    print(json.dumps({"rotation": rotation.id, "state": state, "event": event["id"], "opened": opened}))


if __name__ == "__main__":
    main()
