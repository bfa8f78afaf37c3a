import { AsyncLocalStorage } from 'node:async_hooks';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { connect, queued, request, startFake } from '../gateway-fixture.ts';
import type { CallNames, Tracing } from './tracing.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const UUID = /^[0-9a-f-]{36}$/;
let seen: { requestId: string; traceparent: string | undefined }[];
let gateway: { port: number };
beforeEach(async () => {
  seen = [];
  gateway = await startFake({
    rotations: {
      RotateSecretKey: (_request, { requestId, traceparent }) => {
        seen.push({ requestId, traceparent });
        return queued;
      },
    },
    activity: {
      watch: async function* (_request, { requestId, traceparent }) {
        seen.push({ requestId, traceparent });
        yield { record: { position: '1-0', type: 'freeze.set', principal: 'local' }, position: '1-0' };
      },
    },
  });
});
const rotateWith = async (tracing: Tracing) => {
  await connect(gateway, { tracing }).rotateSecretKey(request);
  return seen[0]!;
};

describe('the names of a call', () => {
  it('are those of the async context that makes it, call by call', async () => {
    const names = new AsyncLocalStorage<CallNames>();
    const client = connect(gateway, { tracing: () => names.getStore() });
    await Promise.all(
      ['call-1', 'call-2'].map((callId) =>
        names.run({ callId, traceparent: TRACEPARENT }, () => client.rotateSecretKey(request)),
      ),
    );
    await client.rotateSecretKey(request);
    expect(seen.slice(0, 2).toSorted((a, b) => (a.requestId < b.requestId ? -1 : 1))).toEqual([
      { requestId: 'call-1', traceparent: TRACEPARENT },
      { requestId: 'call-2', traceparent: TRACEPARENT },
    ]);
    expect(seen[2]).toEqual({ requestId: expect.stringMatching(UUID), traceparent: undefined });
  });

  it('are sent with a stream, too', async () => {
    const client = connect(gateway, { tracing: () => ({ callId: 'watch-1' }) });
    for await (const _ of client.watchActivity()) break;
    expect(seen[0]).toMatchObject({ requestId: 'watch-1' });
  });

  it.each<[string, Tracing]>([
    ['with a line break', () => ({ callId: 'a\nb', traceparent: `${TRACEPARENT}\n` })],
    ['too long', () => ({ callId: 'a'.repeat(129), traceparent: TRACEPARENT.repeat(2) })],
    ['no text', () => ({ callId: 7, traceparent: {} }) as unknown as CallNames],
    ['empty', () => ({ callId: '', traceparent: '' })],
    [
      'an error',
      () => {
        throw new Error('no span');
      },
    ],
  ])('are left out if they are %s, and the call is made', async (_, tracing) => {
    expect(await rotateWith(tracing)).toEqual({
      requestId: expect.stringMatching(UUID),
      traceparent: undefined,
    });
  });
});
