import { makeClientConstructor, type MethodDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs/light.js';

/** How messages are represented. Must match the options of generate.sh, which writes their types. */
const REPRESENTATION = { longs: String, enums: String, defaults: true, oneofs: true };

/** The messages that a method takes and returns. */
export const typesOf = (method: protobuf.Method): { request: protobuf.Type; response: protobuf.Type } => {
  method.resolve();
  return { request: method.resolvedRequestType!, response: method.resolvedResponseType! };
};

/** Types are resolved at the first call of a method, not while a program starts. */
const methodDefinition = (method: protobuf.Method, serviceName: string) => {
  const request = (): protobuf.Type => typesOf(method).request;
  const response = (): protobuf.Type => typesOf(method).response;
  const serialize = (type: protobuf.Type, value: object): Buffer =>
    type.encode(type.fromObject(value)).finish() as Buffer;
  const deserialize = (type: protobuf.Type, bytes: Buffer): object =>
    type.toObject(type.decode(bytes), REPRESENTATION);
  return {
    path: `/${serviceName}/${method.name}`,
    requestStream: method.requestStream ?? false,
    responseStream: method.responseStream ?? false,
    requestSerialize: (value: object) => serialize(request(), value),
    requestDeserialize: (bytes: Buffer) => deserialize(request(), bytes),
    responseSerialize: (value: object) => serialize(response(), value),
    responseDeserialize: (bytes: Buffer) => deserialize(response(), bytes),
    /** The name of the method of a client: `rotateSecretKey`. */
    originalName: method.name.replace(/^./, (letter) => letter.toLowerCase()),
  } satisfies MethodDefinition<object, object> & { originalName: string };
};

/** The definition of a service, as grpc-js takes it. */
export const serviceDefinition = (root: protobuf.Root, name: string): ServiceDefinition =>
  Object.fromEntries(
    root
      .lookupService(name)
      .methodsArray.map((method) => [method.name, methodDefinition(method, name)] as const),
  );

/** All services of a package, by name, each with its client. Each is made when it is first used. */
export const servicesOf = (root: protobuf.Root, namespace: string): object => {
  const services = {};
  for (const { name } of (root.lookup(namespace) as protobuf.Namespace).nestedArray.filter(
    (one) => one instanceof protobuf.Service,
  )) {
    let client: ReturnType<typeof makeClientConstructor> | undefined;
    Object.defineProperty(services, name, {
      enumerable: true,
      get: () => (client ??= makeClientConstructor(serviceDefinition(root, `${namespace}.${name}`), name)),
    });
  }
  return services;
};
