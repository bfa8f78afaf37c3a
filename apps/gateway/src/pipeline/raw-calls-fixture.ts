import { once } from 'node:events';
import {
  credentials,
  type ClientReadableStream,
  type ClientWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  loadContract,
  type CreateBulkRotationRequest,
  type ProtoBulkItem,
  type ProtoBulkRotation,
  type ProtoRotation,
} from '@rekey/rpc';

type Callback<T> = (error: ServiceError | null, response?: T) => void;

const answer = <T>(call: (callback: Callback<T>) => unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    call((error, response) => (error ? reject(error) : resolve(response!)));
  });

/** Sends the messages as the call has room for them; cancels the call if they throw. */
const send = <T>(
  open: (callback: Callback<T>) => ClientWritableStream<CreateBulkRotationRequest>,
  messages: AsyncIterable<CreateBulkRotationRequest> | Iterable<CreateBulkRotationRequest>,
): Promise<T> =>
  new Promise((resolve, reject) => {
    let answered = false;
    const call = open((error, response) => {
      answered = true;
      if (error) reject(error);
      else resolve(response!);
    });
    const pump = async () => {
      for await (const message of messages) {
        if (answered) return;
        if (!call.write(message)) await once(call, 'drain');
      }
      call.end();
    };
    pump().catch((error: unknown) => {
      reject(error);
      call.cancel();
    });
  });

async function* receive<T>(call: ClientReadableStream<T>, signal?: AbortSignal): AsyncGenerator<T> {
  signal?.addEventListener('abort', () => call.cancel());
  try {
    for await (const response of call) yield response as T;
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    call.cancel();
    call.on('error', () => {});
  }
}

/** The contract's calls with the messages as they are on the wire, which may be wrong. */
export const connectRaw = (address: string) => {
  const { v1 } = loadContract();
  const rotations = new v1.RotationService(address, credentials.createInsecure());
  const bulks = new v1.BulkRotationService(address, credentials.createInsecure());
  const onBulk =
    (
      name:
        | 'getBulkRotation'
        | 'pauseBulkRotation'
        | 'resumeBulkRotation'
        | 'cancelBulkRotation'
        | 'retryBulkRotation',
    ) =>
    (request: { id: string }): Promise<ProtoBulkRotation> =>
      answer((callback) => bulks[name](request, callback));
  return {
    rotateSecretKey: (request: { orgId: string; assistantId: string }): Promise<ProtoRotation> =>
      answer((callback) => rotations.rotateSecretKey(request, callback)),
    createBulkRotation: (messages: Parameters<typeof send>[1]): Promise<ProtoBulkRotation> =>
      send((callback) => bulks.createBulkRotation(callback), messages),
    getBulkRotation: onBulk('getBulkRotation'),
    pauseBulkRotation: onBulk('pauseBulkRotation'),
    resumeBulkRotation: onBulk('resumeBulkRotation'),
    cancelBulkRotation: onBulk('cancelBulkRotation'),
    retryBulkRotation: onBulk('retryBulkRotation'),
    listBulkRotations: (
      request: Parameters<typeof bulks.listBulkRotations>[0],
    ): Promise<{ bulkRotations: ProtoBulkRotation[]; nextPageToken: string }> =>
      answer((callback) => bulks.listBulkRotations(request, callback)),
    listBulkRotationItems: (
      request: Parameters<typeof bulks.listBulkRotationItems>[0],
    ): Promise<{ items: ProtoBulkItem[]; nextPageToken: string }> =>
      answer((callback) => bulks.listBulkRotationItems(request, callback)),
    watchBulkRotation: (
      request: { id: string; untilStopped?: boolean },
      { signal }: { signal?: AbortSignal } = {},
    ): AsyncIterable<ProtoBulkRotation> => receive(bulks.watchBulkRotation(request), signal),
    close: () => {
      rotations.close();
      bulks.close();
    },
  };
};
export type RawCalls = ReturnType<typeof connectRaw>;
