import {
  Server,
  ServerCredentials,
  credentials,
  type ServiceError,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import type { GetSnapshotResponse } from '../generated/rekey/v1/GetSnapshotResponse.ts';
import type { WatchEventsResponse } from '../generated/rekey/v1/WatchEventsResponse.ts';
import { toProtoSummary } from '../mapping/assistant.ts';
import type { ListAssistantsResponse } from '../generated/rekey/v1/ListAssistantsResponse.ts';
import { loadContract } from './load.ts';
import { prepare, sendPrepared } from './prepared.ts';

const { EventService } = loadContract().v1;
const service = EventService.service as unknown as ServiceDefinition;
const bytesOf = (method: string, response: object): Buffer => service[method]!.responseSerialize(response);

const withheld = { assistantId: 'ast_2', version: 1_700_000_000_000_123, seq: 2 ** 40, run: 0 };
const page = (texts: (string | Buffer)[]) => ({
  records: [
    ...texts.map((event, i) => ({ assistantId: `ast_${i}`, event })),
    { assistantId: 'ast_none' },
    { assistantId: 'ast_2', withheld },
  ],
  uncertain: [],
  nextPageToken: 'next',
});
const watched: WatchEventsResponse = {
  entries: [
    { id: '1-0', skipped: [{ firstSeq: 1, lastSeq: 2 ** 40, run: 7 }], event: 'text' },
    { id: '2-0', skipped: [], withheld },
    { id: '3-0', skipped: [{ firstSeq: 5, lastSeq: 5, run: 0 }] },
  ],
  after: '0-0',
};
const texts = ['', 'short', 'ü€😀', '{"a":"' + 'ü'.repeat(70_000) + '"}'];

describe('a prepared message', () => {
  it('has the bytes of one that is not prepared, with its texts as bytes or not', () => {
    const expected = bytesOf('GetSnapshot', page(texts));
    const asBytes = page(texts.map((text) => Buffer.from(text)));
    expect(bytesOf('GetSnapshot', prepare<GetSnapshotResponse>(asBytes))).toEqual(expected);
    expect(bytesOf('GetSnapshot', prepare<GetSnapshotResponse>(page(texts)))).toEqual(expected);
    const list = () => ({
      assistants: [
        { version: 3, removal: undefined, keyMs: 1_700_000_000_123, fingerprint: 'k:1', isUncertain: true },
        { version: 2 ** 50, removal: 'no-key' as const, isUncertain: false },
        { version: 1, removal: 'deleted' as const, isUncertain: false },
      ].map(({ keyMs, fingerprint, ...one }, i) =>
        toProtoSummary({
          assistantId: `ast_${i}`,
          orgId: 'ü',
          publishedMs: 0,
          ...one,
          ...(keyMs && { keyMs }),
          ...(fingerprint && { fingerprint }),
        } as Parameters<typeof toProtoSummary>[0]),
      ),
      nextPageToken: '',
      incomplete: true,
    });
    const listed = (response: object) =>
      loadContract().v1.AssistantService.service.ListAssistants.responseSerialize(response as never);
    expect(listed(prepare<ListAssistantsResponse>(list()))).toEqual(listed(list()));
    const copy = structuredClone(watched);
    expect(bytesOf('WatchEvents', prepare<WatchEventsResponse>(copy))).toEqual(
      bytesOf('WatchEvents', watched),
    );
  });

  it('is encoded once', () => {
    const message = prepare<WatchEventsResponse>(structuredClone(watched));
    const [first, second] = [1, 2].map(() => bytesOf('WatchEvents', message));
    expect(first!.buffer).toBe(second!.buffer);
    expect(first!.byteOffset).toBe(second!.byteOffset);
  });

  it('arrives as one that is not prepared, at each caller', async () => {
    const prepared = prepare<GetSnapshotResponse>(page(texts.map((text) => Buffer.from(text))));
    const responses = [prepared, page(texts), prepared];
    const server = new Server({ interceptors: [sendPrepared] });
    server.addService(service, {
      GetSnapshot: (_call: unknown, callback: (error: null, response: unknown) => void) =>
        callback(null, responses.shift()),
    } as unknown as UntypedServiceImplementation);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const client = new EventService(`127.0.0.1:${port}`, credentials.createInsecure());
    const get = () =>
      new Promise<unknown>((resolve, reject) =>
        client.getSnapshot({ consumer: 'billing' }, (error: ServiceError | null, response: unknown) =>
          error ? reject(error) : resolve(response),
        ),
      );
    try {
      const [first, second, third] = [await get(), await get(), await get()];
      expect(first).toEqual(second);
      expect(third).toEqual(second);
      expect(first).toMatchObject({
        records: texts
          .map((event, i) => ({ assistantId: `ast_${i}`, event }))
          .concat([expect.anything(), expect.anything()] as never),
      });
    } finally {
      client.close();
      server.forceShutdown();
    }
  });
});
