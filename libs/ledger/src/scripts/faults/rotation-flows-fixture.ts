import { START_MS, pass } from '../../bulks/bulk-fixture.ts';
import {
  SEALED,
  accept,
  claimOf,
  claimed,
  key,
  ledger,
  looked,
  lose,
  nextId,
  printOf,
  readKey,
  redis,
  removed,
  request,
  resumed,
  rotate,
} from '../../ledger-fixture.ts';
import { openLedger } from '../../open-ledger.ts';
import type { Flows } from './flows-fixture.ts';

/** For specs only: steps through rotations, checks and held orgs. */
export const rotationFlows: Flows = {
  'single rotations': async () => {
    const requestId = '5a4e3c1a-0000-4000-8000-000000000001';
    await accept({ requestId });
    await accept({ requestId });
    await ledger.rotations.accept(nextId(), request({ requestId, reason: 'another' })).catch(() => {});
    const { id } = await accept();
    await claimed({ id, orgId: 'org_1', assistantId: 'ast_1' }).then((claim) =>
      ledger.assistants.commit(claim, key('f1', { checkAgainInMs: 1000 })),
    );
    await claimOf({ id, orgId: 'org_1', assistantId: 'ast_1' });
    const claim = await claimed(await accept());
    await claimOf(await accept());
    await ledger.assistants.commit(claim, key('f1'));
    await ledger.assistants.commit({ ...claim, epoch: 1 }, key('f2'));
    await ledger.rotations.release(claim, { code: 'UPSTREAM_UNREACHABLE' });
    await ledger.rotations.release(claim);
    await ledger.rotations.cancel(claim.rotationId);
    await ledger.rotations.cancel(claim.rotationId);
    const failing = await claimed(await accept());
    await ledger.rotations.fail(failing, { code: 'ASSISTANT_NOT_FOUND', status: 404 }, true);
    await ledger.rotations.fail(failing, { code: 'ASSISTANT_NOT_FOUND' }, true);
    const unknown = await claimed(await accept({ assistantId: 'nobody' }));
    await ledger.rotations.fail(unknown, { code: 'ASSISTANT_NOT_FOUND' }, false);
    const ofNobody = request({ assistantId: 'nobody' });
    const accepted = await ledger.rotations.accept(nextId(), ofNobody, undefined, async () => {});
    await ledger.rotations.cancel(accepted.rotation.id);
    await claimOf(await accept({ assistantId: 'ast_full' }), { maxOpenIntents: 0 });
    await claimOf(await accept({ assistantId: 'ast_frozen' }), { holdBack: 'REDIS_MEMORY_LOW' });
    const elsewhere = request({ orgId: 'org_9' });
    const { rotation } = await ledger.rotations.accept(nextId(), elsewhere, undefined, async () => {});
    const removing = await claimed(rotation);
    await ledger.assistants.commit(removing, key('f7', { checkAgainInMs: 1000 }));
    await ledger.rotations.trim({ olderThanId: 'rot_1', keepEach: 1 });
  },
  'unknown outcomes': async () => {
    await rotate('f1');
    const lost = await lose();
    await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' });
    await claimOf(await accept(), { maxOpenIntents: 1 });
    await claimOf(await accept({ assistantId: 'ast_2' }), { maxOpenIntents: 1 });
    await pass(61_000);
    await redis.zadd('{spec}:intents:org_1', 1, 'ast_forgotten');
    await claimOf(await accept({ assistantId: 'ast_3' }), { maxOpenIntents: 1 });
    await redis.del('{spec}:intents:org_1');
    await ledger.assistants.commit(
      await claimed(await accept({ assistantId: 'ast_3' }), { maxOpenIntents: 1 }),
      key('f8'),
    );
    const { claim } = await resumed({ id: lost.rotationId, ...lost });
    await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0, readError: 'STALE_READ' }, SEALED);
    const { claim: later } = await resumed({ id: lost.rotationId, ...lost });
    await ledger.assistants.commit(later, readKey('f2', later, { rotation: 'satisfied' }));
    await ledger.rotations.settle(later, later.atMs, later.atMs);
    await ledger.rotations.settle(later, later.atMs, later.atMs);
    const failed = await lose();
    await ledger.assistants.commit(
      (await resumed({ id: failed.rotationId, ...failed })).claim,
      readKey('f2', failed, { rotation: { fails: 'UPSTREAM_REJECTED' } }),
    );
    const spoilt = await lose({ assistantId: 'ast_4' });
    await ledger.rotations.failCorrupt(spoilt.rotationId, 60_000);
    await ledger.rotations.failCorrupt(
      (await claimed(await accept({ assistantId: 'ast_6' }))).rotationId,
      60_000,
    );
    await ledger.rotations.failCorrupt((await accept({ assistantId: 'ast_5' })).id, 60_000);
    await redis.set(`{spec}:bull:rotations:${spoilt.rotationId}`, 'x');
    await ledger.rotations.findOrphans({ quietMs: 0 });
    await redis.zadd('{spec}:bull:rotations:delayed', (START_MS + 1e9) * 4096, spoilt.rotationId);
    await ledger.rotations.findOrphans({ quietMs: 0 });
    await redis.del(`{spec}:rotation:${spoilt.rotationId}`);
    await ledger.rotations.findOrphans({ quietMs: 0 });
    await pass(300_000);
    await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_4' });
  },
  'rotations at a limit': async () => {
    const { rotations } = openLedger(redis, {
      prefix: 'spec',
      maxOpenRotations: { inAll: 3, ofOrg: 1 },
    });
    const ask = (orgId: string, assistantId: string) =>
      rotations.accept(nextId(), request({ orgId, assistantId })).catch(() => undefined);
    const first = (await ask('org_1', 'ast_1'))!.rotation;
    await ask('org_1', 'ast_2');
    await redis.zrem('{spec}:rotations:open', first.id);
    await ask('org_1', 'ast_2');
    await ask('org_2', 'ast_3');
    await ask('org_3', 'ast_4');
    await ask('org_4', 'ast_5');
    await claimed(await accept({ assistantId: 'ast_6' }));
    await pass(1000);
    await claimOf(await accept({ assistantId: 'ast_7', orgId: 'org_5' }), { maxIntentsInAll: 1 });
    await pass(9000);
    await claimOf(await accept({ assistantId: 'ast_8', orgId: 'org_5' }), { maxIntentsInAll: 1 });
  },
  'an assistant whose holder is gone': async () => {
    const lost = await claimed(await accept(), { leaseMs: 0, landingWindowMs: 0 });
    await redis.del(`{spec}:rotation:${lost.rotationId}`);
    await claimOf(await accept({ orgId: 'c' }));
    const forgotten = await claimed(await accept({ assistantId: 'ast_2' }), {
      leaseMs: 0,
      landingWindowMs: 0,
    });
    await redis.zrem('{spec}:rotations:open', forgotten.rotationId);
    await claimOf(await accept({ assistantId: 'ast_2' }));
  },
  checks: async () => {
    await rotate('f1');
    await rotate('w', { assistantId: 'ast_2' });
    await pass(1000);
    await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' });
    const importing = await looked({ assistantId: 'ast_9' });
    await ledger.assistants.commit(importing, readKey('i', importing, { cause: 'import' }));
    const hold = await looked();
    await ledger.assistants.markUncertain(hold, SEALED);
    await ledger.assistants.markUncertain(hold, SEALED);
    await ledger.assistants.commit(hold, readKey('f1', hold));
    await pass(1000);
    const drifted = await looked();
    await ledger.assistants.commit(drifted, readKey('f3', drifted, { cause: 'drift' }));
    for (let i = 0; i < 3; i += 1) {
      await pass(1000);
      const back = await looked();
      await ledger.assistants.commit(back, readKey('f1', back, { cause: 'drift' }));
      await ledger.assistants.compare({ beganMs: back.atMs, lagMs: 0 }, [
        { assistantId: 'ast_1', state: printOf('f1') },
      ]);
      await ledger.assistants.commit(back, readKey('f1', back, { cause: 'rollback' }));
    }
    const read = { beganMs: START_MS + 9000, lagMs: 0 };
    await ledger.assistants.compare(read, [
      { assistantId: 'ast_2', state: printOf('w') },
      { assistantId: 'ast_7', state: '' },
      { assistantId: 'ast_1', state: printOf('zz') },
    ]);
    await pass(1000);
    const gone = await looked();
    await ledger.assistants.commit(gone, removed('deleted', gone));
    await ledger.assistants.compare({ beganMs: gone.atMs, lagMs: 0 }, [
      { assistantId: 'ast_1', state: printOf('f1') },
    ]);
    await ledger.assistants.commit(gone, removed('deleted', gone));
    await ledger.assistants.commit(gone, removed('deleted', gone, { witnessedMs: 0 }));
    await pass(1000);
    await ledger.rotations.fail(await claimed(await accept()), { code: 'ASSISTANT_NOT_FOUND' }, false);
    await claimed(await accept()).then((claim) =>
      ledger.assistants.commit(claim, key('f9', { rotation: 'ends' })),
    );
    await ledger.assistants.requestCheck({ orgId: 'org_1', assistantId: 'ast_1' }, 0);
    const [due, other] = await ledger.assistants.drawChecks(10, 60_000);
    await ledger.assistants.endCheck(due!, { inMs: 1000, slow: true });
    if (other) await ledger.assistants.endCheck(other);
  },
  'a held org': async () => {
    for (const name of ['ast_1', 'ast_2', 'ast_3', 'ast_4', 'ast_5', 'ast_6'])
      await rotate(`f${name}`, { assistantId: name });
    await ledger.orgs.endSweep('org_1');
    await pass(1000);
    for (const name of ['ast_1', 'ast_2', 'ast_3', 'ast_4', 'ast_5']) {
      const hold = await looked({ assistantId: name });
      await ledger.assistants.commit(hold, removed('no-key', hold, { witnessedMs: 0 }));
    }
    await ledger.orgs.hold('org_1', { code: 'TOO_MANY_GONE', affected: 3, known: 5 });
    await ledger.orgs.limits('org_1');
    await ledger.orgs.acceptHeld('org_1');
    await ledger.orgs.endSweep('org_1', { settled: true });
    await ledger.orgs.acceptHeld('org_1');
  },
};
