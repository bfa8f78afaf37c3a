"""The methods of a gRPC server, found by reflection over the wire, without generated code."""

from dataclasses import dataclass
from importlib import import_module

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
# Of grpc.reflection.v1, by number: what this file reads and writes of it.
ASK_FOR_FILE_OF_SYMBOL, ASK_FOR_SERVICES = 4, 7
FILES, SERVICES, FAILURE = 4, 6, 7


@dataclass(frozen=True)
class Method:
    path: str
    service: str
    name: str
    request: type
    response: type
    sends_stream: bool
    receives_stream: bool


def fields(data):
    """The fields of a protobuf message that are bytes: (number, bytes)."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 2:
            size = varint()
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            varint()


def text_field(number, text):
    encoded = text.encode()
    return bytes([number << 3 | 2, len(encoded)]) + encoded


def ask(channel, request, metadata, wanted):
    """What reflection answers to one request, as the bytes of the field that is wanted."""
    stream = channel.stream_stream(REFLECT, request_serializer=bytes, response_deserializer=bytes)
    for response in stream(iter([request]), timeout=10, metadata=metadata):
        found = dict(fields(response))
        if wanted not in found:
            raise RuntimeError(f"reflection: {found.get(FAILURE)!r}")
        return found[wanted]
    raise RuntimeError("reflection answered nothing")


def services_of(channel, metadata):
    answer = ask(channel, text_field(ASK_FOR_SERVICES, "*"), metadata, SERVICES)
    return [dict(fields(service))[1].decode() for number, service in fields(answer) if number == 1]


def load_files(channel, services, metadata):
    """A pool with every file that the services need."""
    files = {}
    for service in services:
        for _, data in fields(ask(channel, text_field(ASK_FOR_FILE_OF_SYMBOL, service), metadata, FILES)):
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            files[file.name] = file
    pool = descriptor_pool.DescriptorPool()
    added = set()

    def add(name):
        if name in added:
            return
        added.add(name)
        file = files.get(name) or well_known(name)
        for dependency in file.dependency:
            add(dependency)
        pool.Add(file)

    for name in list(files):
        add(name)
    return files, pool


def well_known(name):
    """A file of protobuf itself, such as google/protobuf/timestamp.proto."""
    module = import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
    return descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


def reflected_methods(channel, metadata):
    services = [name for name in services_of(channel, metadata) if not name.startswith("grpc.")]
    files, pool = load_files(channel, services, metadata)
    factory = message_factory.MessageFactory(pool)

    def message(name):
        return factory.GetPrototype(pool.FindMessageTypeByName(name.lstrip(".")))

    return [
        Method(
            path=f"/{file.package}.{service.name}/{method.name}",
            service=service.name,
            name=method.name,
            request=message(method.input_type),
            response=message(method.output_type),
            sends_stream=method.client_streaming,
            receives_stream=method.server_streaming,
        )
        for file in files.values()
        for service in file.service
        for method in service.method
        if f"{file.package}.{service.name}" in services
    ]


def call(channel, method, request, metadata):
    """Calls a method. Returns its code, and its (first) response."""
    data = request.SerializeToString()
    kind = ("stream" if method.sends_stream else "unary") + "_" + (
        "stream" if method.receives_stream else "unary"
    )
    stub = getattr(channel, kind)(
        method.path, request_serializer=bytes, response_deserializer=method.response.FromString
    )
    argument = iter([data]) if method.sends_stream else data
    try:
        if not method.receives_stream:
            return grpc.StatusCode.OK, stub(argument, timeout=10, metadata=metadata)
        responses = stub(argument, timeout=1, metadata=metadata)
        try:
            return grpc.StatusCode.OK, next(responses, None)
        finally:
            responses.cancel()
    except grpc.RpcError as error:
        # A stream that has nothing to say yet is open.
        if method.receives_stream and error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            return grpc.StatusCode.OK, None
        return error.code(), None
