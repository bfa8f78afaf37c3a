"""Walks all methods of a gateway as every kind of caller, and compares with docs/reference/permissions.md.

An independent check of what the gateway enforces: the methods come from reflection over the wire, what is
expected from the page alone. Reads a JSON object from standard input:

  address, ca, permissions: of the gateway, its authority (PEM), and the page
  orgs: two orgs; public_jwk: of a consumer to add
  callers: each with name, role (null for a caller without one, "nobody" for one that the gateway does not
           know), orgs, and cert and key (paths), or token. The first is an admin of every org.

Prints one line for each difference, then the number of calls. Ends with 1 if there is a difference.
"""

import json
import re
import sys
from itertools import count
from pathlib import Path

import grpc
from reflected_methods import REFLECT, call, reflected_methods

RANKS = ["viewer", "rotator", "operator", "admin"]
DENIED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
NOT_FOUND = grpc.StatusCode.NOT_FOUND
HEALTH = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List"]
# A consumer that was removed still follows, so these answer whoever may follow all: it may have existed.
OF_REMOVED = {f"EventService.{name}" for name in ("WatchEvents", "GetRecords", "GetEventsState")}
numbers = count(1)


def rows(page, columns):
    """The rows of the tables of a page that have so many columns, without their headers."""
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == columns]


def read_page(path):
    page = Path(path).read_text()
    roles = {name.strip("`"): role for name, role, _ in rows(page, 3)}
    methods = {}
    for name, permission, role, where in rows(page, 4):
        of_others = re.search(r"of others `([^`]+)`", permission)
        methods[name.strip("`")] = {
            "role": role,
            "where": where,
            "of_others": roles[of_others[1]] if of_others else None,
            "of_removed": name.strip("`") in OF_REMOVED,
        }
    return methods


def has(role, weakest):
    """Whether a role has what the weakest of these roles has."""
    if weakest == "everyone":
        return True
    return any(
        role == one or (role in RANKS and one in RANKS and RANKS.index(role) > RANKS.index(one))
        for one in weakest.split(", ")
    )


class Gateway:
    def __init__(self, given):
        self.given = given
        self.page = read_page(given["permissions"])
        self.ca = Path(given["ca"]).read_bytes()
        self.channels = [self.connect(caller) for caller in given["callers"]]
        self.methods = reflected_methods(*self.as_caller(0))
        self.by_name = {f"{method.service}.{method.name}": method for method in self.methods}
        self.shared = {}
        self.calls = 0

    def connect(self, caller):
        pair = {}
        if "cert" in caller:
            pair["certificate_chain"] = Path(caller["cert"]).read_bytes()
            pair["private_key"] = Path(caller["key"]).read_bytes()
        credentials = grpc.ssl_channel_credentials(root_certificates=self.ca, **pair)
        return grpc.secure_channel(self.given["address"], credentials)

    def as_caller(self, index):
        token = self.given["callers"][index].get("token")
        return self.channels[index], [("authorization", f"Bearer {token}")] if token else []

    def send(self, index, method, request):
        channel, metadata = self.as_caller(index)
        self.calls += 1
        return call(channel, method, request, metadata)

    def create(self, name, org, subject=None):
        """Creates something as the admin of every org. Returns the response."""
        method = self.by_name[name]
        code, response = self.send(0, method, self.request(method, org, subject or {}))
        if response is None:
            raise RuntimeError(f"{name} in {org}: {code}")
        return response

    def subject(self, method, org):
        """What a method is about, in an org. What a call may remove is made for that call alone."""
        makers = {
            "RotationService": lambda: {"id": self.create("RotationService.RotateSecretKey", org).id},
            "BulkRotationService": lambda: {
                "id": self.create("BulkRotationService.CreateBulkRotation", org).id
            },
            "RotationPolicyService": lambda: {
                "id": self.create("RotationPolicyService.CreateRotationPolicy", org).id
            },
            "SweepService": lambda: {"id": self.create("SweepService.CreateSweep", org).id},
            "ConsumerService": lambda: {"name": self.create("ConsumerService.AddConsumer", org).name},
            "EventService": lambda: {"consumer": self.create("ConsumerService.AddConsumer", org).name},
            "AccessService": lambda: {
                "token_name": self.create("AccessService.CreateToken", org).token.name
            },
        }
        if re.match("Remove|Delete|Cancel|Revoke|Update|Set", method.name):
            return makers[method.service]()
        key = (method.service, org)
        if key not in self.shared:
            self.shared[key] = makers[method.service]()
        return self.shared[key]

    def request(self, method, org, subject):
        """A valid request, by the names of its fields."""
        number = next(numbers)
        values = {
            "org_id": org,
            "reason": "walk",
            "name": f"walk-{number}",
            "token_name": f"walk-{number}",
            "assistant_id": f"ast_walk_{number}",
            "role": "viewer",
            "permission": "rotations.read",
            "public_jwk": self.given["public_jwk"],
            "ledger_id": "none",
            "every_days": 30,
            "after": "0-0",
            "proof": "A" * 86,
            **subject,
        }
        values["ack"] = acknowledgement(values.get("consumer"))
        if method.name.startswith("List") or method.name in ("WatchActivity", "CheckAccess"):
            # Nothing that narrows what is listed, or asked about.
            values = {"permission": "rotations.read", "id": "", **subject}
        request = method.request()
        for field in request.DESCRIPTOR.fields:
            if field.name in values and field.label != field.LABEL_REPEATED:
                setattr(request, field.name, values[field.name])
        names = request.DESCRIPTOR.fields_by_name
        if "orgs" in names:
            request.orgs.append(org)
        if "assistant_ids" in names:
            request.assistant_ids.append(f"ast_walk_{number}")
        if "ttl" in names:
            request.ttl.seconds = 3600
        if "timeout" in names:
            request.timeout.nanos = 1_000_000
        if "max_failures" in names:
            request.max_failures.percent = 5
        if "rotation_policy" in names:
            request.rotation_policy.id = subject.get("id", "")
            request.rotation_policy.every_days = 31
            request.update_mask.paths.append("every_days")
        if method.name == "TrustRegistry":
            request.consumers.add(name="nobody", digest="A" * 43)
        return request


def expected(row, caller, org_asked, org_of_subject, is_missing):
    """Which codes a call may end with: a test of the code, and what it is called."""
    where, orgs = row["where"], caller["orgs"]

    def covers(org):
        return "*" in orgs or org in orgs

    if caller["role"] == "nobody":
        return lambda code: code == grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"
    denied = (lambda code: code == grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    if not has(caller["role"], row["role"]):
        return denied
    if where == "every" and "*" not in orgs:
        return denied
    if where.startswith("request") and not covers(org_asked):
        return denied
    if "subject" in where and org_of_subject is not None and not covers(org_of_subject):
        return lambda code: code == NOT_FOUND, "NOT_FOUND"
    if is_missing and not (row["of_removed"] and "*" in orgs):
        return lambda code: code == NOT_FOUND, "NOT_FOUND"
    if row["of_others"] and org_of_subject is not None and not has(caller["role"], row["of_others"]):
        return denied
    forbidden = DENIED | {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL}
    if "subject" in where and org_of_subject is not None:
        forbidden = forbidden | {NOT_FOUND}
    return lambda code: code not in forbidden, "an answer"


def targets(gateway, name, method, orgs):
    """What is asked for, and of which org its subject is: the own org, another, and none that exists."""
    where = gateway.page[name]["where"]
    if "subject" not in where:
        return [(org, None, {}) for org in orgs] if where == "request" else [(orgs[0], None, {})]
    missing = {
        "id": missing_id(method),
        **dict.fromkeys(["name", "token_name", "consumer"], "walk-missing"),
    }
    if method.service == "AssistantService":
        return [(org, None, {"assistant_id": "ast_missing"}) for org in orgs]
    if name == "RotationService.RotateSecretKey":
        return [(org, None, {}) for org in orgs]
    found = [(org, org, gateway.subject(method, org)) for org in orgs]
    return [*found, (orgs[0], None, missing)]


def acknowledgement(consumer):
    """What an instance that has applied nothing reports."""
    nothing = {"count": 0, "first": []}
    report = {
        "consumer": consumer,
        "instance": "walk",
        "lease_ms": 1000,
        "position": "0-0",
        "seq": 0,
        "keys": 0,
        "unapplied": nothing,
        "refused": nothing,
        "number": 1,
        "sent_ms": 1,
        "leaving": False,
    }
    return json.dumps(report)


def missing_id(method):
    prefix = {"BulkRotationService": "blk", "SweepService": "swp", "RotationPolicyService": "pol"}
    return f"{prefix.get(method.service, 'rot')}_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def walk(gateway):
    differences = []
    found, listed = set(gateway.by_name), set(gateway.page)
    for name in sorted(found ^ listed):
        differences.append(f"{name}: {'not on the page' if name in found else 'not served'}")
    for name in sorted(found & listed):
        method = gateway.by_name[name]
        for index, caller in enumerate(gateway.given["callers"]):
            for org, org_of_subject, subject in targets(gateway, name, method, gateway.given["orgs"]):
                code, _ = gateway.send(index, method, gateway.request(method, org, subject))
                is_missing = bool(subject) and org_of_subject is None
                is_right, wanted = expected(gateway.page[name], caller, org, org_of_subject, is_missing)
                if not is_right(code):
                    differences.append(
                        f"{name} as {caller['name']} about {org}, subject of {org_of_subject}: "
                        f"{code.name}, expected {wanted}"
                    )
    return differences + walk_beside(gateway)


def walk_beside(gateway):
    """Health answers everybody, reflection whoever has a role."""
    differences = []
    for index, caller in enumerate(gateway.given["callers"]):
        channel, metadata = gateway.as_caller(index)
        for path in HEALTH:
            code = code_of(lambda: channel.unary_unary(path)(b"", timeout=10, metadata=metadata))
            if code != grpc.StatusCode.OK:
                differences.append(f"{path} as {caller['name']}: {code.name}")
        ask = lambda: list(channel.stream_stream(REFLECT)(iter([b":\x00"]), timeout=10, metadata=metadata))
        wanted = {"nobody": grpc.StatusCode.UNAUTHENTICATED, None: grpc.StatusCode.PERMISSION_DENIED}
        code = code_of(ask)
        if code != wanted.get(caller["role"], grpc.StatusCode.OK):
            differences.append(f"reflection as {caller['name']}: {code.name}")
    return differences


def code_of(act):
    try:
        act()
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


if __name__ == "__main__":
    gateway = Gateway(json.load(sys.stdin))
    differences = walk(gateway)
    for line in differences:
        print(line)
    print(f"{len(gateway.methods)} methods, {gateway.calls} calls, {len(differences)} differences")
    sys.exit(1 if differences else 0)
