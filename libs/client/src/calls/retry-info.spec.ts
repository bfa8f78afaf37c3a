import { constants, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { RekeyError } from '@rekey/schema';
import { connect, failureOf, inTurn, startFake, succeeded, type Handler } from '../gateway-fixture.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const full = () => new RekeyError('TOO_MANY_CALLS');
/** Asks every caller to return after a second. */
const fullThen = (...answers: unknown[]) => {
  const atMs: number[] = [];
  const { requests, handler } = inTurn(...answers);
  const timed: Handler = (...args) => {
    atMs.push(performance.now());
    return handler(...args);
  };
  return { requests, handler: timed, pausesMs: () => atMs.slice(1).map((ms, i) => ms - atMs[i]!) };
};

describe('a gateway that says when to return', () => {
  it('gets the same call no sooner', async () => {
    const { handler, pausesMs } = fullThen(full(), succeeded);
    const client = connect(await startFake({ rotations: { GetRotation: handler } }));
    expect(await client.getRotation('rot_1')).toMatchObject({ state: 'SUCCEEDED' });
    expect(pausesMs()).toHaveLength(1);
    expect(pausesMs()[0]).toBeGreaterThanOrEqual(999);
  });

  it('gets no further call if that is after the deadline: the call fails at once', async () => {
    const { requests, handler } = inTurn(full(), succeeded);
    const client = connect(await startFake({ rotations: { GetRotation: handler } }));
    const beganMs = performance.now();
    const failure = await failureOf(client.getRotation('rot_1', { deadlineMs: 900 }));
    expect(failure).toMatchObject({ code: 'TOO_MANY_CALLS', retryable: true, retryAfterMs: 1000 });
    expect(performance.now() - beganMs).toBeLessThan(800);
    expect(requests).toHaveLength(1);
  });

  it('is waited for by a wait and by a watch', async () => {
    const waits = fullThen(full(), succeeded);
    let watches = 0;
    const gateway = await startFake({
      rotations: { WaitRotation: waits.handler },
      bulks: {
        watch: async function* () {
          watches += 1;
          if (watches === 1) throw full();
          yield { id: 'blk_1', state: 'COMPLETED' };
        },
      },
    });
    const client = connect(gateway);
    const beganMs = performance.now();
    expect(await client.waitUntilSucceeded('rot_1', { timeoutMs: 5000 })).toMatchObject({ id: 'rot_1' });
    expect(waits.pausesMs()[0]).toBeGreaterThanOrEqual(999);
    for await (const { state } of client.watchBulkRotation('blk_1')) expect(state).toBe('COMPLETED');
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(1998);
  });

  it('is not waited for beyond the patience of a watch', async () => {
    const gateway = await startFake({
      bulks: {
        watch: async function* () {
          yield* [];
          throw full();
        },
      },
    });
    const beganMs = performance.now();
    const watch = connect(gateway).watchBulkRotation('blk_1', { patienceMs: 500 });
    expect(await failureOf(watch[Symbol.asyncIterator]().next())).toMatchObject({ code: 'TOO_MANY_CALLS' });
    expect(performance.now() - beganMs).toBeLessThan(500);
  });

  it('leaves retryAfterMs unset in errors that say nothing of it', async () => {
    const gateway = await startFake({
      rotations: { GetRotation: inTurn(new RekeyError('ROTATION_NOT_FOUND')).handler },
    });
    expect((await failureOf(connect(gateway).getRotation('rot_1'))).retryAfterMs).toBeUndefined();
  });
});

/** An HTTP/2 server that does this to every call. */
const serve = async (act: (stream: ServerHttp2Stream) => void): Promise<{ port: number }> => {
  const server = createServer();
  server.on('session', (session) => session.on('error', () => {}));
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    act(stream);
  });
  servers.push(server as unknown as Server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port };
};

describe('a connection that the gateway closes', () => {
  it('with ENHANCE_YOUR_CALM is reported as such, in plain words', async () => {
    const gateway = await serve(({ session }) => session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM));
    const failure = await failureOf(connect(gateway, { retry: false }).getRotation('rot_1'));
    expect(failure).toMatchObject({
      code: 'CONNECTION_LIMITED',
      retryable: true,
      details: expect.anything(),
    });
    expect(failure.message).toMatch(/closed the connection because this client sent too much on it/);
    expect(failure.advice).toMatch(/^Cancel fewer calls at once/);
  });

  it('with ENHANCE_YOUR_CALM is opened again for a call that may be repeated', async () => {
    let calls = 0;
    const gateway = await serve((stream) => {
      calls += 1;
      if (calls === 1) return stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true });
    });
    expect(await failureOf(connect(gateway).getRotation('rot_1'))).toMatchObject({ grpcStatus: 'NOT_FOUND' });
    expect(calls).toBe(2);
  });

  it.each([
    ['with GOAWAY', ({ session }: ServerHttp2Stream) => session?.close()],
    ['without a word', ({ session }: ServerHttp2Stream) => session?.destroy()],
  ])('%s means that the gateway is unavailable', async (_how, act) => {
    const gateway = await serve((stream) => {
      act(stream);
      stream.session?.destroy();
    });
    const failure = await failureOf(connect(gateway, { retry: false }).getRotation('rot_1'));
    expect(failure).toMatchObject({ code: 'GATEWAY_UNAVAILABLE', retryable: true });
    expect(failure.message).toMatch(/Connection dropped/);
  });
});
