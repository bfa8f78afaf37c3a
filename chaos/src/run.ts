import { setTimeout as sleep } from 'node:timers/promises';
import { startAdministrator, type Administrator } from './callers/administrator.ts';
import { judgeChanges, type ChangesVerdict } from './changes/judge-changes.ts';
import { failedRotation } from './changes/record-tries.ts';
import { collectEvidence, logExamples, type Requested } from './collect-evidence.ts';
import { startHavoc, type Havoc } from './faults/havoc.ts';
import { startWriterFault, type WriterFault } from './faults/redis-writer.ts';
import { startOddWorld, type OddWorld } from './odd-world/odd-world.ts';
import { rotateInBulk } from './operators/bulk-operators.ts';
import { startOperator, type Operator } from './operators/operator.ts';
import type { ChaosOptions } from './options.ts';
import { createRandom } from './random.ts';
import { requestRotations } from './request-rotations.ts';
import { ORG } from './system/assistants.ts';
import { insist } from './system/insist.ts';
import { sweepTwice, waitUntilQuiet } from './system/settle.ts';
import { startSystem, type System } from './system/system.ts';
import { CONFIRM_AFTER_MS, READ_LAG_MS } from './system/timing.ts';
import type { Evidence } from './verdict/evidence.ts';
import type { Said } from './verdict/explained.ts';
import { judgeArchive, readActivity, type ArchiveVerdict } from './verdict/archive.ts';
import { judge, type Verdict } from './verdict/verdict.ts';

export interface RunResult {
  verdict: Verdict;
  /** How often each fault happened. */
  havoc: Record<string, number>;
  /** How often what happened otherwise: episodes, codes of status, and what the operator did. */
  report: Record<string, Record<string, number>>;
  /** What is in the archive, in a run with one. */
  archive?: ArchiveVerdict;
  /** In a run with an archive or identities: whether each change of a caller is recorded once. */
  changes?: ChangesVerdict;
  /** How often the operators of a bulk rotation did what. */
  bulkActions?: Record<string, number>;
  /** What said that Redis was changed by something else; undefined in a run without such a writer. */
  said?: Said;
}

const QUIET_WITHIN_MS = 180_000;
/** After the last episode or mutation, each act of the operator may reveal what the next one must do. */
const LAST_ACTS = 5;

type ShowProgress = (text: string) => void;

interface Setting {
  system: System;
  options: ChaosOptions;
  showProgress: ShowProgress;
}

const pause = async (ms: number): Promise<void> => {
  await sleep(ms);
};

const createOperator = ({ callers, ledger, differs }: System): Operator =>
  startOperator({
    ...callers,
    heldOrgs: ledger.heldOrgs,
    isAccepting: ledger.isAccepting,
    differs,
    pause,
  });

const createOddWorld = ({ system, options }: Setting, operator: Operator): OddWorld =>
  startOddWorld({
    random: createRandom(options.seed + 2),
    admin: system.simulator.admin,
    episodes: options.episodes,
    without: options.without,
    setting: {
      orgIds: [...new Set(system.orgs.values())],
      assistantIds: [...system.orgs.keys()],
      readLagMs: READ_LAG_MS,
      confirmAfterMs: CONFIRM_AFTER_MS,
    },
    pause,
    inCalm: () => operator.act(),
  });

/** Rotates all that was asked for, as single rotations or as a bulk. */
const rotate = async (
  { system, options, showProgress }: Setting,
  oddWorld: OddWorld | undefined,
): Promise<{ requested: Requested; bulkActions?: Record<string, number> }> => {
  const { rotations: count, seed, world } = options;
  if (options.bulk) {
    const { outcomes, actions } = await rotateInBulk({
      client: system.callers.operator,
      orgId: ORG,
      random: createRandom(seed + 1),
      pause,
      showProgress,
      interferes: options.faults > 0,
      isSpoilt: options.redisWriter ?? false,
    });
    return { requested: outcomes, bulkActions: actions };
  }
  const maxShare = () => oddWorld?.progress() ?? 1;
  return { requested: await requestRotations(system, { count, seed, world, maxShare, showProgress }) };
};

const finishOddWorld = async (oddWorld: OddWorld, showProgress: ShowProgress): Promise<void> => {
  for (let progress = oddWorld.progress(); progress < 1; progress = oddWorld.progress()) {
    showProgress(`${Math.round(progress * 100)} % of the odd episodes have ended`);
    await pause(500);
  }
  await oddWorld.stop();
};

/** Ends all faults, and waits until nothing is left to do. */
const calmDown = async ({ system, options, showProgress }: Setting, operator: Operator): Promise<void> => {
  showProgress('calm: waiting until every rotation has ended');
  await system.simulator.admin('DELETE', '/faults');
  await operator.act();
  const isQuiet = await waitUntilQuiet(system, QUIET_WITHIN_MS, (open, checks) =>
    showProgress(`${open} rotations open, ${checks} checks due`),
  );
  if (!isQuiet) showProgress('some rotations or checks did not end in time');
  if (!(await sweepTwice(system))) showProgress('a sweep did not end in time');
  if (options.world === 'odd' || options.redisWriter) {
    for (let acts = 0; acts < LAST_ACTS; acts += 1) await operator.act();
    await sweepTwice(system);
  }
  await operator.stop();
};

const reportOf = (
  operator: Operator,
  oddWorld: OddWorld | undefined,
  administrator: Administrator | undefined,
): RunResult['report'] => {
  const samples = operator.samples();
  const allClear = samples.filter(({ needsOperator }) => !needsOperator).length;
  return {
    ...(oddWorld && { episodes: oddWorld.played() }),
    statusSaid: operator.codes(),
    looks: { total: samples.length, allClear },
    operatorDid: operator.actions(),
    ...(administrator && { administratorDid: administrator.actions() }),
  };
};

const reportOfWriter = (writer: WriterFault): RunResult['report'] => ({
  redisWriter: { mutations: writer.mutations() },
  repaired: writer.repairs(),
});

/** The states of the bulk rotations that callers made, by target. */
const readBulkStates = async ({ callers }: System): Promise<Map<string, string>> => {
  const made = callers.tries.filter(({ type, target }) => type === 'bulk.created' && target !== undefined);
  const states = new Map<string, string>();
  for (const target of new Set(made.map((one) => one.target!))) {
    const { state } = await insist(() => callers.watcher.getBulkRotation(target.split(':')[1]!));
    states.set(target, state);
  }
  return states;
};

/** Judges the archive, and whether the changes of the callers are in it, or in Redis if there is none. */
const judgeRecords = async (
  { system, options, showProgress }: Setting,
  requested: Requested,
  { published, rotations }: Evidence,
): Promise<Pick<RunResult, 'archive' | 'changes'>> => {
  const { archive: path, redis, sealer, callers } = system;
  if (path !== undefined) showProgress('the archive');
  const known = { published, flips: options.flips };
  const archive = path === undefined ? undefined : await judgeArchive(path, redis, sealer, known);
  const isJudged = (archive !== undefined || options.identities) && !options.redisWriter;
  const records = isJudged ? (archive?.records ?? (await readActivity(redis))) : undefined;
  // A failure of a bulk rotation's assistant has no record: the bulk rotation counts it.
  const ids = requested instanceof Map ? [] : requested;
  const failed = ids.filter((_id, i) => rotations[i]?.state === 'FAILED').map(failedRotation);
  const changes = [...callers.tries, ...failed];
  return {
    ...(archive && { archive: archive.verdict }),
    ...(records && { changes: judgeChanges(records, changes, await readBulkStates(system)) }),
  };
};

const rotateAndJudge = async (setting: Setting, havoc: Havoc | undefined): Promise<RunResult> => {
  const { system, options, showProgress } = setting;
  const operator = createOperator(system);
  const oddWorld = options.world === 'odd' ? createOddWorld(setting, operator) : undefined;
  const writer = options.redisWriter ? await startWriterFault(system, options.seed) : undefined;
  const administrator = options.identities
    ? startAdministrator({
        callers: system.callers,
        orgId: ORG,
        random: createRandom(options.seed + 4),
        pause,
      })
    : undefined;
  const { requested, bulkActions } = await rotate(setting, oddWorld);
  if (oddWorld) await finishOddWorld(oddWorld, showProgress);
  await administrator?.stop();
  await havoc?.stop();
  await writer?.stop();
  await calmDown(setting, operator);
  await system.finishRecording();
  const evidence = await collectEvidence(system, requested, {
    statusSamples: operator.samples(),
    stuckByLog: havoc?.stuckByLog() ?? 0,
  });
  const verdict = judge(evidence);
  logExamples(system, verdict, evidence);
  const recorded = await judgeRecords(setting, requested, evidence);
  return {
    verdict,
    havoc: havoc?.counts() ?? {},
    report: { ...reportOf(operator, oddWorld, administrator), ...(writer && reportOfWriter(writer)) },
    ...(writer && { said: { ...operator.codes(), ...system.warnings() } }),
    ...(bulkActions && { bulkActions }),
    ...recorded,
  };
};

interface Run {
  /** Rotates under faults, and judges what came of it. */
  rotateAndJudge(): Promise<RunResult>;
  /** Ends every process. */
  stop(): Promise<void>;
}

/** Starts the processes of a run. Its files are in `folder`. */
export const startRun = async (
  options: ChaosOptions,
  folder: string,
  showProgress: ShowProgress,
): Promise<Run> => {
  const system = await startSystem({
    ...options,
    folder,
    bulk: options.bulk ?? false,
    odd: options.world === 'odd',
    redisWriter: options.redisWriter ?? false,
    archive: options.archive ?? false,
    identities: options.identities ?? false,
  });
  let havoc: Havoc | undefined;
  return {
    rotateAndJudge: async () => {
      if (options.faults > 0)
        havoc = await startHavoc({
          system,
          random: createRandom(options.seed),
          folder,
          odd: options.world === 'odd',
          without: options.without,
        });
      return rotateAndJudge({ system, options, showProgress }, havoc);
    },
    stop: async () => {
      await havoc?.kill();
      await system.stop();
    },
  };
};
