import { makeClientConstructor, type MethodDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import type protobuf from 'protobufjs/light.js';
import type { MessageTypes, MethodJson, PackageJson } from './message-types.ts';
import { preparedBytes } from './prepared.ts';

/** How messages are represented. Must match the options of generate.sh, which writes their types. */
const REPRESENTATION = { longs: String, enums: String, defaults: true, oneofs: true };

/** Types are made at the first call of a method, not while a program starts. */
const methodDefinition = (
  path: string,
  { requestType, responseType, requestStream = false, responseStream = false }: MethodJson,
  typeOf: MessageTypes,
) => {
  let [request, response]: (protobuf.Type | undefined)[] = [];
  const requestOf = (): protobuf.Type => (request ??= typeOf(requestType));
  const responseOf = (): protobuf.Type => (response ??= typeOf(responseType));
  const serialize = (type: protobuf.Type, value: object): Buffer =>
    type.encode(type.fromObject(value)).finish() as Buffer;
  const deserialize = (type: protobuf.Type, bytes: Buffer): object =>
    type.toObject(type.decode(bytes), REPRESENTATION);
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: (value: object) => serialize(requestOf(), value),
    requestDeserialize: (bytes: Buffer) => deserialize(requestOf(), bytes),
    responseSerialize: (value: object) =>
      preparedBytes(responseOf(), value) ?? serialize(responseOf(), value),
    responseDeserialize: (bytes: Buffer) => deserialize(responseOf(), bytes),
    /** The name of the method of a client: `rotateSecretKey`. */
    originalName: path.replace(/^.*\/(.)/, (_whole, letter: string) => letter.toLowerCase()),
  } satisfies MethodDefinition<object, object> & { originalName: string };
};

/** The definition of a service, as grpc-js takes it. */
export const serviceDefinition = (
  name: string,
  methods: Record<string, MethodJson>,
  typeOf: MessageTypes,
): ServiceDefinition =>
  Object.fromEntries(
    Object.entries(methods).map(
      ([method, json]) => [method, methodDefinition(`/${name}/${method}`, json, typeOf)] as const,
    ),
  );

/** All services of a package, by name, each with its client. Each is made when it is first used. */
export const servicesOf = (packageName: string, json: PackageJson, typeOf: MessageTypes): object => {
  const services = {};
  for (const [name, { methods }] of Object.entries(json)) {
    if (methods === undefined) continue;
    let client: ReturnType<typeof makeClientConstructor> | undefined;
    Object.defineProperty(services, name, {
      enumerable: true,
      get: () =>
        (client ??= makeClientConstructor(
          serviceDefinition(`${packageName}.${name}`, methods, typeOf),
          name,
        )),
    });
  }
  return services;
};
