import { readFileSync, writeFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { RekeyClientError, createRekeyClient } from '@rekey/client';
import { beginCall, connectAll, framed, textField } from '../floods/raw-connection.ts';
import { bulkStateOf, retryAfterOf, rotationStateOf } from './fields.ts';
import type { CallerPlan, CallersState, Learned } from './plan.ts';

/*
 * A process of callers, by the plan in the file that is its argument: waiters, each for its rotation, and
 * watchers of bulk rotations. Writes its state each second, and what each waiter has learned to the file of
 * the plan once all have ended.
 */

// They take what the gateway leaves of the cores, as callers on other machines would.
setPriority(constants.priority.PRIORITY_LOW);

const plan = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as CallerPlan;
const { address, rotationIds, sdk, bulkIds, watchers, connections } = plan;
const sessions = await connectAll(address, connections);
const failures = new Map<string, number>();
const fail = (why: string): void => void failures.set(why, (failures.get(why) ?? 0) + 1);
const state: CallersState = { open: 0, resting: 0, ended: 0, watching: 0, messages: 0, failures: {} };
const learned: Learned[] = [];

/** As long as a slice of @rekey/client. */
const SLICE_S = 20;
const waitRequest = (id: string): Buffer =>
  framed(Buffer.concat([textField(1, id), Buffer.from([0x12, 2, 0x08, SLICE_S])]));
const HEADERS = { 'user-agent': 'grpc-node-js/1.14.7', 'grpc-accept-encoding': 'identity,deflate,gzip' };

interface Answer {
  status: number | undefined;
  frame: Buffer | undefined;
  retryAfterMs: number | undefined;
  isNotBegun?: boolean;
}

/** Sent again by every gRPC client: the gateway has not begun the call. */
const REFUSED_STREAM = 7;
const AGAIN_MS = 1000;

const callOnce = (
  session: ClientHttp2Session,
  path: string,
  request: Buffer,
  timeoutS: number,
  onFrame?: (frame: Buffer) => void,
): Promise<Answer> =>
  new Promise((resolve) => {
    const headers = { ...HEADERS, 'grpc-timeout': `${timeoutS}S` };
    const stream = beginCall(session, `/rekey.v1.${path}`, request, { end: true, headers });
    const answer: Answer = { status: undefined, frame: undefined, retryAfterMs: undefined };
    if (!stream) return resolve(answer);
    const onHeaders = (received: Record<string, unknown>): void => {
      if (received['grpc-status'] === undefined) return;
      answer.status = Number(received['grpc-status']);
      answer.retryAfterMs = retryAfterOf(received['grpc-status-details-bin'] as string | undefined);
    };
    stream.on('response', onHeaders);
    stream.on('trailers', onHeaders);
    stream.on('data', (frame: Buffer) => {
      answer.frame = frame;
      onFrame?.(frame);
    });
    stream.on('close', () => resolve({ ...answer, isNotBegun: stream.rstCode === REFUSED_STREAM }));
  });

const call = async (...about: Parameters<typeof callOnce>): Promise<Answer> => {
  for (;;) {
    const answer = await callOnce(...about);
    if (!answer.isNotBegun) return answer;
    await sleep(AGAIN_MS * (1 + Math.random()));
  }
};

const isEnded = (rotationState: number): boolean => rotationState >= 4;

/** Waits as a caller does that obeys `RetryInfo`. */
const wait = async (at: number, id: string): Promise<void> => {
  const request = waitRequest(id);
  for (let refusals = 0; ;) {
    state.open += 1;
    const answer = await call(
      sessions[at % sessions.length]!,
      'RotationService/WaitRotation',
      request,
      SLICE_S + 5,
    );
    state.open -= 1;
    if (answer.status === 0) {
      const seen = rotationStateOf(answer.frame!);
      if (!isEnded(seen)) {
        refusals = 0;
        continue;
      }
      state.ended += 1;
      learned.push([id, seen, Date.now(), refusals]);
      return;
    }
    if (answer.retryAfterMs === undefined) return fail(`wait: status ${answer.status}`);
    refusals += 1;
    state.resting += 1;
    await sleep(answer.retryAfterMs);
    state.resting -= 1;
  }
};

const STATES: Record<string, number> = { ROTATION_CANCELLED: 6, ASSISTANT_NOT_FOUND: 5 };
/** Several share a client, as in a service. */
const clients = Array.from({ length: Math.ceil(sdk / 50) }, () => createRekeyClient({ address }));
const waitWithClient = async (at: number, id: string): Promise<void> => {
  const error = await clients[at % clients.length]!.waitUntilSucceeded(id, { timeoutMs: 600_000 }).catch(
    (thrown: unknown) => thrown as RekeyClientError,
  );
  const seen = error instanceof RekeyClientError && error.rotation ? STATES[error.code] : undefined;
  if (seen === undefined) return fail(`waitUntilSucceeded: ${String(error)}`);
  state.ended += 1;
  learned.push([id, seen, Date.now(), -1]);
};

/** An end state of a bulk rotation: COMPLETED or above. */
const isBulkEnded = (bulkState: number): boolean => bulkState >= 7;
const watch = async (at: number): Promise<void> => {
  let last = 0;
  state.watching += 1;
  const answer = await call(
    sessions[at % sessions.length]!,
    'BulkRotationService/WatchBulkRotation',
    framed(textField(1, bulkIds[at % bulkIds.length]!)),
    3600,
    (frame) => {
      state.messages += 1;
      last = bulkStateOf(frame);
    },
  );
  state.watching -= 1;
  if (answer.status !== 0 || !isBulkEnded(last)) fail(`watch: status ${answer.status}, state ${last}`);
};

const write = (event: string): void => {
  const counted = { ...state, failures: Object.fromEntries(failures) };
  process.stdout.write(`${JSON.stringify({ event, ...counted })}\n`);
};

const all: Promise<void>[] = [];
/** In small groups, as callers of many programs come. */
const pace = async (at: number): Promise<void> => {
  if (at % 25 === 24) await sleep(20);
};
write('ready');
const ticking = setInterval(() => write('state'), 1000);
for (let at = 0; at < watchers; at += 1) {
  all.push(watch(at));
  await pace(at);
}
for (const [at, id] of rotationIds.entries()) {
  all.push(at < sdk ? waitWithClient(at, id) : wait(at, id));
  await pace(at);
}
await Promise.all(all);
clearInterval(ticking);
writeFileSync(plan.results, JSON.stringify(learned));
write('done');
for (const client of clients) client.close();
for (const session of sessions) session.destroy();
