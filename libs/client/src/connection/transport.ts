import {
  Client,
  type ChannelCredentials,
  type ChannelOptions,
  type Interceptor,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadContract, type Contract } from '@rekey/rpc';
import type { Cancellation } from './cancellation.ts';
import { channelOptionsFor } from './channel.ts';
import { receiveAll, sendAll } from './streams.ts';

/** An empty id, in a message of any stream of requests. */
const SPOILING = { assistantIds: [''] };

type V1 = Contract['v1'];
export type ServiceName = {
  [Name in keyof V1]: V1[Name] extends { service: unknown } ? Name : never;
}[keyof V1];
type Definition<Service extends ServiceName> = V1[Service]['service'];
/** The contract's methods of a service, without the index signature of grpc-js's definition. */
export type MethodName<Service extends ServiceName> = keyof {
  [
    Name in keyof Definition<Service> as string extends Name ? never : number extends Name ? never : Name
  ]: unknown;
} &
  string;
export type RequestOf<
  Service extends ServiceName,
  Method extends MethodName<Service>,
> = Definition<Service>[Method] extends {
  requestSerialize: (value: infer Request) => unknown;
}
  ? Request
  : never;
export type ResponseOf<
  Service extends ServiceName,
  Method extends MethodName<Service>,
> = Definition<Service>[Method] extends {
  responseDeserialize: (bytes: Buffer) => infer Response;
}
  ? Response
  : never;

/** Options of one try of a call: the rest of the deadline, and the cancellation. */
export interface TryOptions {
  deadlineMs: number;
  cancellation: Cancellation;
}

/** One connection to a gateway: the contract's calls, each sent once. They reject with a ServiceError. */
export interface Transport {
  unary<Service extends ServiceName, Method extends MethodName<Service>>(
    service: Service,
    method: Method,
    request: RequestOf<Service, Method>,
    options: TryOptions,
  ): Promise<ResponseOf<Service, Method>>;
  /** Reads the next of `requests` when the gateway can accept it. Rejects with errors that they throw. */
  send<Service extends ServiceName, Method extends MethodName<Service>>(
    service: Service,
    method: Method,
    requests: AsyncIterable<RequestOf<Service, Method>>,
    options: TryOptions,
  ): Promise<ResponseOf<Service, Method>>;
  /** Has no deadline: keep-alive pings detect a lost gateway. Ends without an error if it is cancelled. */
  receive<Service extends ServiceName, Method extends MethodName<Service>>(
    service: Service,
    method: Method,
    request: RequestOf<Service, Method>,
    cancellation: Cancellation,
  ): AsyncIterable<ResponseOf<Service, Method>>;
  /** grpc.health.v1, of the server as a whole. */
  checkHealth(options: TryOptions): Promise<{ status: string }>;
  close(): void;
}

const deadlineIn = (ms: number): { deadline: number } => ({ deadline: Date.now() + ms });

interface TransportOptions {
  credentials: ChannelCredentials;
  channelOptions: ChannelOptions;
  interceptors?: Interceptor[];
}

/** `address` is HOST:PORT. Connects at the first call. */
export const openTransport = (
  address: string,
  { credentials, channelOptions, interceptors = [] }: TransportOptions,
): Transport => {
  const client = new Client(address, credentials, {
    ...channelOptionsFor(address),
    ...channelOptions,
    interceptors,
  });
  const { v1, health } = loadContract();
  const definitionOf = (service: ServiceName, method: string) =>
    v1[service].service[method] as unknown as MethodDefinition<object, never>;

  const unary = <Response>(
    { path, requestSerialize, responseDeserialize }: MethodDefinition<object, Response>,
    request: object,
    { deadlineMs, cancellation }: TryOptions,
  ): Promise<Response> =>
    new Promise((resolve, reject) => {
      let ignoreCancel = () => {};
      const onAnswer = (error: ServiceError | null, response?: Response) => {
        ignoreCancel();
        if (error) reject(error);
        else resolve(response!);
      };
      const call = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        deadlineIn(deadlineMs),
        onAnswer,
      );
      ignoreCancel = cancellation.onCancel(() => call.cancel());
    });

  return {
    unary: (service, method, request, options) =>
      unary(definitionOf(service, method), request as object, options),
    send: (service, method, requests, { deadlineMs, cancellation }) => {
      const { path, requestSerialize, responseDeserialize } = definitionOf(service, method);
      return sendAll(
        requests as AsyncIterable<object>,
        SPOILING,
        (onAnswer) =>
          client.makeClientStreamRequest(
            path,
            requestSerialize,
            responseDeserialize,
            deadlineIn(deadlineMs),
            onAnswer,
          ),
        cancellation,
      );
    },
    receive: (service, method, request, cancellation) => {
      const { path, requestSerialize, responseDeserialize } = definitionOf(service, method);
      return receiveAll(
        () => client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request as object),
        cancellation,
      );
    },
    checkHealth: (options) =>
      unary<{ status: string }>(
        health['Check'] as unknown as MethodDefinition<object, { status: string }>,
        { service: '' },
        options,
      ),
    close: () => client.close(),
  };
};
