import {
  START_MS,
  again,
  begin,
  bulks,
  claimRange,
  draw,
  drawn,
  failWith,
  loseIt,
  makeBulk,
  pass,
  returnToBulk,
  succeed,
  work,
} from '../../bulks/bulk-fixture.ts';
import {
  SEALED,
  accept,
  claimOf,
  key,
  ledger,
  looked,
  nextId,
  readKey,
  redis,
  removed,
  resumed,
  rotate,
} from '../../ledger-fixture.ts';
import type { Flows } from './flows-fixture.ts';

/** For specs only: steps through bulk rotations. */
export const bulkFlows: Flows = {
  'a bulk rotation': async () => {
    await rotate('shared', { assistantId: 'ast_6' });
    const { id } = await makeBulk(8, { canary: { count: 2, continues: false } });
    const [first, second] = await begin(2);
    await succeed(first!);
    await returnToBulk(second!);
    const [retried] = await begin(5);
    await failWith(retried!);
    await bulks.pause(id);
    await bulks.resume(id);
    const [lost, other, third] = await begin(3);
    await loseIt(lost!);
    await ledger.assistants.commit(await again(lost!).catch(() => lost!), key('late'));
    await claimOf({ id: lost!.rotationId, ...lost! });
    await loseIt(other!, 'UPSTREAM_UNREACHABLE');
    await bulks.cancel(id);
    await ledger.rotations.fail(third!, { code: 'UPSTREAM_REJECTED' }, false);
    await pass(61_000);
    await claimOf({ id: other!.rotationId, ...other! });
  },
  'a bulk rotation that completes': async () => {
    const { id } = await makeBulk(3);
    const range = await drawn();
    await work.renew(id, 'w1', 600_000, range);
    const result = await claimRange(range);
    await work.dropRange(range, 'w1');
    const claims =
      result.kind === 'claimed'
        ? result.items.flatMap((item) => (item.kind === 'claimed' ? [item.claim] : []))
        : [];
    await succeed(claims[0]!);
    await failWith(claims[1]!);
    await succeed(claims[2]!);
    await draw();
    await work.mend(id, { thorough: true });
    await work.renew(id, 'w1', 60_000);
    await work.saveVerification(id, 'w1', { verified: 1, repaired: 0, unverified: 0, differing: [] }, false);
    await work.saveVerification(id, 'w1', { verified: 1, repaired: 0, unverified: 0, differing: [] }, true);
    await bulks.retry(id);
    await bulks.retry(id);
    const [retried] = await begin(3);
    await ledger.rotations.release(retried!);
    await bulks.cancel(id);
    await claimOf({ id: retried!.rotationId, ...retried! });
    await work.trim({ endedBeforeMs: START_MS + 1e9, keep: 0 });
  },
  'a bulk rotation that another client has changed': async () => {
    const { id } = await makeBulk(3);
    const [first] = await begin(1);
    await work.mend(id);
    await redis.del(`{spec}:bulk:${id}:states`);
    await redis.hset(`{spec}:bulk:${id}`, { limit: 'x', lost: 'x' });
    await work.mend(id);
    await redis.hset(`{spec}:bulk:${id}`, 'total', 5);
    await work.mend(id);
    await redis.hset(`{spec}:bulk:${id}:draws`, 'x', 'y');
    await begin(3);
    await succeed(first!);
    const other = await makeBulk(['ast_9'], { urgent: true });
    const [only] = await begin(1);
    await succeed(only!);
    await work.mend(other.id, { again: [0] });
    await bulks.cancel(other.id);
    await redis.zrem('{spec}:bulks:ended', other.id);
    await work.mend(other.id);
  },
  'preparing bulk rotations': async () => {
    const spec = {
      orgId: 'org_1',
      reason: '',
      selection: { kind: 'org' as const },
      urgent: true,
      validateOnly: false,
      maxFailures: { count: 0 },
    };
    const make = async (more: object = {}) => {
      const draft = bulks.draft(nextId().replace('rot_', 'blk_'));
      await draft.exclude(['ast_9']);
      const { bulk } = await bulks.create(draft.id, { ...spec, ...more } as never, draft);
      await draw();
      return bulk.id;
    };
    const prepared = await make();
    await work.restart(prepared, 'w1');
    await work.saveIds(prepared, 'w1', 0, ['ast_1', 'ast_2']);
    await work.endPrepare(
      prepared,
      'w1',
      2,
      { requests: 4, durationMs: 10 },
      { complete: true, listed: 2, unreadable: 0 },
    );
    await bulks.cancel(prepared);
    const incomplete = await make();
    await work.saveIds(incomplete, 'w1', 0, ['ast_1']);
    await work.endPrepare(
      incomplete,
      'w1',
      1,
      { requests: 4, durationMs: 10 },
      { complete: false, listed: 1, unreadable: 0 },
    );
    const failed = await make();
    await work.fail(failed, 'w1', 'UPSTREAM_FORBIDDEN', { complete: true, listed: 2, unreadable: 0 });
    const dry = await make({ validateOnly: true });
    await work.saveIds(dry, 'w1', 0, ['ast_1', 'ast_2']);
    await work.saveLetters(dry, 'w1', 0, 'vA');
    await work.endDryRun(
      dry,
      'w1',
      { requests: 1, durationMs: 1 },
      { complete: true, listed: 2, unreadable: 0 },
    );
  },
  'a bulk rotation whose canary waits for consumers': async () => {
    const { id } = await makeBulk(4, { canary: { count: 1, continues: true, awaitsConsumers: true } });
    const [first] = await begin(1);
    await succeed(first!);
    await work.acknowledged(id);
    await work.acknowledged(id);
    const [second] = await begin(1);
    await returnToBulk(second!);
    await pass(700_000);
    const [third, fourth] = await begin(3);
    await returnToBulk(third!);
    await bulks.resume(id);
    await loseIt(fourth!, 'UPSTREAM_UNREACHABLE');
    const lost = await again(fourth!).catch(() => undefined);
    if (lost) await succeed(lost);
    await bulks.resume(id).catch(() => {});
    await bulks.cancel(id);
  },
  'records that are too long, and responses that need an operator': async () => {
    await ledger.assistants.noteTooLarge({ orgId: 'org_1', assistantId: 'ast_1' }, START_MS);
    await claimOf(await accept());
    await makeBulk(3);
    const [first, second] = await begin(3);
    await ledger.rotations.noteUnknown(
      first!,
      { readInMs: 0, holdMs: 0, blocked: 'RECORD_TOO_LARGE' },
      SEALED,
    );
    await ledger.rotations.noteUnknown(
      second!,
      { readInMs: 0, holdMs: 0, blocked: 'UPSTREAM_UNEXPECTED' },
      SEALED,
    );
    await resumed({ id: second!.rotationId, ...second! });
  },
  'a canary that continues': async () => {
    const { id } = await makeBulk(6, { canary: { count: 1, continues: true } });
    const [first] = await begin(1);
    await succeed(first!);
    const [back, good, lost, other] = await begin(4);
    await returnToBulk(back!);
    await succeed(good!);
    await loseIt(lost!);
    await bulks.pause(id);
    await bulks.resume(id);
    const seen = await resumed({ id: lost!.rotationId, ...lost! });
    await ledger.assistants.commit(seen.claim, readKey('l1', seen.claim, { rotation: 'ends' }));
    await loseIt(other!, 'UPSTREAM_UNREACHABLE');
    await loseIt((await resumed({ id: other!.rotationId, ...other! })).claim);
  },
  'a bulk rotation with a request id, and one whose window closes': async () => {
    const requestId = '5a4e3c1a-0000-4000-8000-000000000003';
    const bulk = await makeBulk(2, { requestId, untilMs: START_MS + 5000 } as never);
    await makeBulk(2, { requestId, untilMs: START_MS + 5000 } as never);
    const range = await drawn({ size: 1 });
    await work.dropRange(range, 'w1');
    await pass(6000);
    await claimRange(range);
    await draw();
    await redis.del(`{spec}:bulk:${bulk.id}`);
    await makeBulk(2, { requestId, untilMs: START_MS + 5000 } as never).catch(() => {});
    const open = await makeBulk(2);
    await redis.del(`{spec}:bulk:${open.id}`);
    await draw();
  },
  'a bulk rotation beside others': async () => {
    await rotate('f', { assistantId: 'ast_0' });
    await pass(1000);
    const gone = await looked({ assistantId: 'ast_0' });
    await ledger.assistants.commit(gone, removed('deleted', gone, { witnessedMs: 0 }));
    await accept({ assistantId: 'ast_1' });
    await makeBulk(5, { maxFailures: { count: 0 }, canary: { count: 4, continues: true } } as never);
    const range = await drawn();
    await redis.set('{spec}:assistant:ast_2', 'nonsense');
    await claimRange(range, { maxOpenIntents: 100 });
  },
  'too many consecutive unknown outcomes of a bulk rotation': async () => {
    await makeBulk(3);
    const [one] = await begin(1);
    await loseIt(one!);
    await pass(61_000);
    const range = await drawn();
    await claimRange(range, { maxOpenIntents: 3 });
    await redis.hset('{spec}:ledger', 'run:org_1', 1);
    await redis.del('{spec}:intents:org_1');
    await claimRange(range, { maxOpenIntents: 1 });
    await claimRange(range, { maxIntentsInAll: 0 });
  },
  'a storm of drift': async () => {
    for (const name of ['ast_1', 'ast_2']) await rotate(`f${name}`, { assistantId: name });
    await makeBulk(3);
    await redis.hset('{spec}:ledger', 'drift:org_1', 50, 'drift_at:org_1', START_MS);
    await pass(1000);
    const hold = await looked();
    await ledger.assistants.commit(hold, readKey('d1', hold, { cause: 'drift' }));
  },
};
