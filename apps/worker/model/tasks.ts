import { noSweepCounts } from '@rekey/schema';
import type { Sealer } from '@rekey/sealing';
import { silentMeter as meter } from '../src/metrics/meter-fixture.ts';
import { createPublisher } from '../src/publishing/publisher.ts';
import { noRecipients } from '../src/publishing/sealing-fixture.ts';
import { rotateSecretKey } from '../src/rotation/rotate-secret-key.ts';
import { silentLogger as logger } from '@rekey/runtime';
import { createPacer } from '../src/shared/pacer.ts';
import { checkAssistant } from '../src/verification/checks/check-assistant.ts';
import { SweepFailure } from '../src/verification/sweep-failure.ts';
import { sweep } from '../src/verification/sweep/sweep.ts';
import { ORG, promises, timing, well, type AcceptedRotation, type Process } from './terms.ts';
import type { WorldState } from './world-state.ts';

const MAX_OPEN_INTENTS = 3;
const CHECK_TAKEOVER_MS = 50;
const CHECK_AGAIN_MS = 10;
/** The request budget is unlimited: the model examines the order of steps, and not their pace. */
const unlimited = { take: async () => ({ taken: true }) as const, returnProbe: async () => {} };

export const deliver = (world: WorldState, worker: Process, rotation: AcceptedRotation): void => {
  const rotate = rotateSecretKey({
    ...workOf(world, worker),
    timing,
    maxOpenIntents: MAX_OPEN_INTENTS,
    maxIntentsInAll: 10 * MAX_OPEN_INTENTS,
    holdBack: () => undefined,
    confirmDurable: async () => true,
    stopping: new AbortController().signal,
  });
  const { rotationId, orgId, assistantId } = rotation;
  const job = { rotationId, orgId, assistantId };
  run(world, worker, rotationId, async () => {
    let step = await rotate(job, 'first');
    while (step.kind === 'retry' && step.inMs === 0) step = await rotate(job, 'redelivery');
    if (step.kind === 'missing') world.fail(promises.ended, `${rotationId} is not in the ledger`);
    rotation.dueMs = step.kind === 'retry' ? world.nowMs + step.inMs : Number.POSITIVE_INFINITY;
    const next = step.kind === 'retry' ? `again in ${step.inMs} ms` : 'is done';
    world.say(`${worker.name}: ${rotationId} ${next}`);
  });
};

export const sweepAll = (world: WorldState): void => {
  const { sweeper, calm: isLast } = world;
  const sweepOrgs = sweep({
    ...workOf(world, sweeper),
    check: checkAssistant(workOf(world, sweeper)),
    configuredOrgs: () => [ORG],
  });
  run(world, sweeper, 'sweep', async () => {
    const counts = { ...noSweepCounts };
    try {
      await sweepOrgs(undefined, counts, async () => {});
    } catch (error) {
      if (!(error instanceof SweepFailure)) throw error;
      world.say(`the sweep failed: ${error.code}`);
      if (isLast) throw error;
    }
  });
};

/** Makes one check as startDueChecks does in a round; or of a target, as a sweep does. */
export const check = (world: WorldState, target?: { orgId: string; assistantId: string }): void => {
  const { checker } = world;
  const checkOne = checkAssistant(workOf(world, checker));
  run(world, checker, 'checks', async () => {
    const draw = async (slow: boolean) =>
      (await checker.ledger.assistants.drawChecks(1, CHECK_TAKEOVER_MS, { slow }))[0];
    const due = target ? undefined : ((await draw(false)) ?? (await draw(true)));
    if (!target && !due) return;
    const result = await checkOne(target ?? due!);
    world.say(`${checker.name}: ${result.kind}`);
    if (!due) return;
    const again =
      'retryInMs' in result
        ? result.retryInMs
        : result.kind === 'unreadable' || result.kind === 'withheld'
          ? CHECK_AGAIN_MS
          : undefined;
    await checker.ledger.assistants.endCheck(
      due,
      again === undefined ? undefined : { inMs: again, slow: due.slow },
    );
  });
};

const run = (world: WorldState, process: Process, task: string, work: () => Promise<void>): void => {
  process.task = task;
  void work()
    .catch((error: unknown) => {
      world.broken ??= error;
    })
    .finally(() => delete process.task);
};

/** The worker's own code, for one process. */
const workOf = (world: WorldState, process: Process) => {
  const { ledger, invent, clock } = process;
  const { sealer } = world.options;
  // Opening takes more than one turn of the event loop, so that the driver has to know of it.
  const open: Sealer['open'] = (jwe) =>
    world.wait(
      process,
      (finish) => [well('a record is opened', async () => finish(await sealer.open(jwe)))],
      {
        inPassing: true,
      },
    );
  const publisher = createPublisher({
    ledger,
    sealer: { ...sealer, open },
    recipients: noRecipients,
    logger,
    clock,
    meter,
  });
  return {
    ledger,
    invent,
    clock,
    publisher,
    logger,
    meter,
    pacer: createPacer({ budget: unlimited, clock, slotKeepsMs: Infinity }),
    readLagMs: timing.readLagMs,
  };
};
