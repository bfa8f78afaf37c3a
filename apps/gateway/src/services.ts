import type { Ledger, RotationQueue } from '@rekey/ledger';
import { toProtoAssistant, toProtoRotation, unary, type AssistantServiceHandlers, type CallContext, type RotationServiceHandlers } from '@rekey/rpc';
import { isRedisAway } from '@rekey/runtime';
import { KeyEvent, RekeyError } from '@rekey/schema';
import { monotonicFactory } from 'ulid';
import { makePageToken, readPageToken } from './page-token.ts';
import * as requests from './requests.ts';
import type { RotationWaiters } from './rotation-waiters.ts';

export interface ServiceDeps {
  ledger: Ledger;
  queue: RotationQueue;
  waiters: RotationWaiters;
  onUnexpected: (error: unknown) => void;
}

/** ULIDs of one process rise also within a millisecond; a plain `ulid()` draws its randomness byte by byte, which costs 30 µs. */
const nextUlid = monotonicFactory();

/** Time left for the answer to travel when a caller's own deadline ends its wait. */
const ANSWER_MARGIN_MS = 100;

export const createServices = ({ ledger, queue, waiters, onUnexpected }: ServiceDeps): { rotations: RotationServiceHandlers; assistants: AssistantServiceHandlers } => {
  const method = <Response>(handler: (request: unknown, context: CallContext) => Promise<Response>) =>
    unary<unknown, Response>(async (request, context) => {
      try {
        return await handler(request, context);
      } catch (error) {
        throw isRedisAway(error) ? new RekeyError('REDIS_UNAVAILABLE', { cause: error }) : error;
      }
    }, onUnexpected);

  return {
    rotations: {
      RotateSecretKey: method(async (request) => {
        const { rotation } = await ledger.accept(`rot_${nextUlid()}`, requests.parseRequest(requests.RotateSecretKey, request));
        // Also for one that was there already: its gateway may have died before it was queued, and queuing twice is nothing.
        if (rotation.state === 'QUEUED') {
          await queue.add({ rotationId: rotation.id, orgId: rotation.orgId, assistantId: rotation.assistantId });
        }
        return toProtoRotation(rotation);
      }),

      GetRotation: method(async (request) => {
        const { id } = requests.parseRequest(requests.ById, request);
        return toProtoRotation(await ledger.get(id));
      }),

      ListRotations: method(async (request) => {
        const { pageSize, pageToken, ...filter } = requests.parseRequest(requests.ListRotations, request);
        const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
        const after = readPageToken(pageToken, given);
        const { rotations, next } = await ledger.list(given, { size: pageSize, ...(after !== undefined && { after }) });
        return { rotations: rotations.map(toProtoRotation), nextPageToken: next === undefined ? '' : makePageToken(next, given) };
      }),

      WaitRotation: method(async (request, { signal, deadlineMs }) => {
        const { id, timeoutMs } = requests.parseRequest(requests.WaitRotation, request);
        const leftMs = deadlineMs === undefined ? timeoutMs : deadlineMs - Date.now() - ANSWER_MARGIN_MS;
        return toProtoRotation(await waiters.wait(id, { timeoutMs: Math.min(timeoutMs, leftMs), signal }));
      }),

      CancelRotation: method(async (request) => {
        const { id } = requests.parseRequest(requests.ById, request);
        return toProtoRotation(await ledger.cancel(id));
      }),
    },

    assistants: {
      GetAssistant: method(async (request) => {
        const { assistantId } = requests.parseRequest(requests.ByAssistant, request);
        const event = await ledger.current(assistantId);
        if (event === undefined) throw new RekeyError('ASSISTANT_NOT_KNOWN');
        return toProtoAssistant(parseEvent(event));
      }),
    },
  };
};

const parseEvent = (text: string): KeyEvent => {
  try {
    return KeyEvent.parse(JSON.parse(text));
  } catch {
    throw new RekeyError('LEDGER_CORRUPT');
  }
};
