"""Signs a user id with the file that rekey agent writes: sign.py ASSISTANT USER [FILE]

The file is replaced as a whole, so it is read anew for each batch of signatures; a long-running program
compares the modification time, or is told by `command` or `signal` of the configuration.
"""

import hashlib
import hmac
import json
import sys


def user_hash(assistant_id: str, user_id: str, path: str) -> str:
    with open(path, encoding="utf-8") as file:
        known = json.load(file)["assistants"].get(assistant_id)
    if known is None or known["state"] != "held":
        raise LookupError(f"{assistant_id!r} has no key")
    if known["uncertain"]:
        print(f"the key of {assistant_id!r} may have been replaced", file=sys.stderr)
    return hmac.new(known["secret_key"].encode(), user_id.encode(), hashlib.sha256).hexdigest()


if __name__ == "__main__":
    assistant, user, path, *_ = [*sys.argv[1:], "/run/rekey/keys.json"]
    try:
        print(user_hash(assistant, user, path))
    except LookupError as error:
        sys.exit(str(error))
