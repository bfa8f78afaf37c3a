import type { ListOutcome, ReadOutcome, RotateOutcome } from '@rekey/invent';
import type { RotationJob } from '@rekey/schema';
import { ASSISTANTS, badly, promises, timing, well, type Action, type Process } from './terms.ts';
import type { Post } from './upstream.ts';
import type { WorldState } from './world-state.ts';

type Finish<T> = (value: T) => void;

/** What may become of a rotate request: at first whether it leaves, and then its answer. */
export const post = (
  world: WorldState,
  process: Process,
  { assistantId, rotationId }: RotationJob,
  sendBeforeMs: number,
): Promise<RotateOutcome> => {
  const text = `${process.name}: its POST of ${rotationId}`;
  let sent: Post | undefined;
  return world.wait<RotateOutcome>(process, (finish, operation) => {
    if (sent) return answersOf(world, sent, text, finish);
    return [
      well(`${text} leaves`, () => {
        if (process.clock.nowMs() > sendBeforeMs && !world.options.sendsTooLate) {
          world.add('too old, not sent');
          return finish(notDone('SENT_TOO_LATE', 'too old to be sent'));
        }
        sent = send(world, assistantId, rotationId);
        operation.post = sent;
      }),
      badly(1, `${text} finds no connection`, () => finish(notDone('UPSTREAM_UNREACHABLE', 'refused'))),
    ];
  });
};

const answersOf = (world: WorldState, sent: Post, text: string, finish: Finish<RotateOutcome>): Action[] => {
  const { upstream } = world;
  const { assistantId } = sent;
  const gone = () => {
    sent.over = true;
  };
  const unknown: RotateOutcome = { outcome: 'unknown', reason: 'the answer was lost' };
  if (!upstream.canLand(sent, world.nowMs)) return [badly(8, `${text} is lost`, () => finish(unknown))];
  return [
    well(`${text} lands, and is answered`, () => {
      upstream.land(sent, world.nowMs);
      finish({ outcome: 'done', record: upstream.newest(assistantId) });
    }),
    ...oddAnswersOf(world, sent, text, finish),
    badly(3, `${text} lands, and its answer is lost`, () => {
      upstream.land(sent, world.nowMs);
      finish(unknown);
    }),
    badly(2, `${text} is lost for good`, () => {
      gone();
      finish(unknown);
    }),
    badly(3, `${text} is lost for now, and may land yet`, () => {
      upstream.late.push(sent);
      finish(unknown);
    }),
    badly(1, `${text} is answered with 429`, () => {
      gone();
      finish({ ...notDone('UPSTREAM_RATE_LIMITED', 'HTTP 429'), status: 429 });
    }),
    badly(1, `${text} is answered with 500`, () => {
      gone();
      finish({ outcome: 'unknown', status: 500, reason: 'HTTP 500' });
    }),
  ];
};

/**
 * Answers with an earlier record, if that key was read before: otherwise it cannot be told from a new one.
 */
const oddAnswersOf = (
  world: WorldState,
  sent: Post,
  text: string,
  finish: Finish<RotateOutcome>,
): Action[] => {
  const { upstream } = world;
  if (!world.options.odd || sent.assistantId !== 'a' || upstream.isByHand('a')) return [];
  return [
    badly(2, `${text} lands, and is answered with an earlier record`, () => {
      const before = upstream.newest(sent.assistantId);
      upstream.land(sent, world.nowMs);
      finish({ outcome: 'done', record: before });
    }),
    badly(2, `${text} is lost for good, and is answered with an earlier record`, () => {
      sent.over = true;
      finish({ outcome: 'done', record: upstream.newest(sent.assistantId) });
    }),
  ];
};

const notDone = (
  code: 'SENT_TOO_LATE' | 'UPSTREAM_UNREACHABLE' | 'UPSTREAM_RATE_LIMITED',
  reason: string,
): Extract<RotateOutcome, { outcome: 'not-done' }> => ({ outcome: 'not-done', code, retry: true, reason });

const send = (world: WorldState, assistantId: string, rotationId: string): Post => {
  const { upstream, nowMs } = world;
  const other = upstream.posts.find((one) => one.assistantId === assistantId && upstream.canLand(one, nowMs));
  if (other)
    world.fail(promises.onePost, `the POST of ${other.rotationId} for ${assistantId} may still land`);
  world.rotations.find((rotation) => rotation.rotationId === rotationId)!.posts += 1;
  const sent = { assistantId, rotationId, landsBeforeMs: nowMs + timing.landingWindowMs, over: false };
  upstream.posts.push(sent);
  return sent;
};

export const read = (world: WorldState, process: Process, assistantId: string): Promise<ReadOutcome> => {
  const sinceMs = world.nowMs - timing.readLagMs;
  if (world.workers.includes(process)) world.workerReads += 1;
  const gone = world.nowMs < world.waveUntilMs;
  return world.wait<ReadOutcome>(process, (finish) => [
    ...(gone
      ? [
          badly(8, `${process.name}: its GET of ${assistantId} is answered with 404`, () =>
            finish({ outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: 'HTTP 404' }),
          ),
        ]
      : []),
    ...world.upstream.shown(assistantId, sinceMs).map((age, i) => {
      const run = () => finish({ outcome: 'read', record: world.upstream.record(assistantId, age) });
      const text = `${process.name}: its GET shows ${assistantId}-${age}`;
      return i === 0 ? well(text, run) : badly(5, text, run);
    }),
    badly(2, `${process.name}: its GET of ${assistantId} fails`, () =>
      finish({ outcome: 'not-read', code: 'UPSTREAM_UNREACHABLE', reason: 'reset' }),
    ),
  ]);
};

export const list = (world: WorldState, process: Process): Promise<ListOutcome> => {
  const sinceMs = world.nowMs - timing.readLagMs;
  const listed = (finish: Finish<ListOutcome>, ageOf: (ages: number[]) => number) => () => {
    const records = ASSISTANTS.map((id) =>
      world.upstream.record(id, ageOf(world.upstream.shown(id, sinceMs))),
    );
    world.add(records.map(({ secretKey }) => secretKey).join(', '));
    finish({ outcome: 'read', page: { records, unreadable: [], total: records.length } });
  };
  const isOfAnother = world.options.swapped && world.nowMs < world.waveUntilMs;
  return world.wait<ListOutcome>(process, (finish) => [
    ...(isOfAnother
      ? [
          badly(8, `${process.name}: its LIST is empty`, () =>
            finish({ outcome: 'read', page: { records: [], unreadable: [], total: 0 } }),
          ),
        ]
      : []),
    well(
      `${process.name}: its LIST is answered`,
      listed(finish, (ages) => ages[0]!),
    ),
    badly(
      5,
      `${process.name}: its LIST is answered by a replica that lags`,
      listed(finish, (ages) => ages.at(-1)!),
    ),
    badly(1, `${process.name}: its LIST fails`, () =>
      finish({ outcome: 'not-read', code: 'UPSTREAM_UNREACHABLE', reason: 'reset' }),
    ),
  ]);
};
