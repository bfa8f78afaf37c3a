import { setTimeout as sleep } from 'node:timers/promises';
import { takeBackup } from './backup.ts';
import { olderKeysOf, wrongKeysOf } from './consumers.ts';
import { examine, examineThief, type Examination } from './examine.ts';
import { actOnStatus, sweepAll } from './operator.ts';
import { rotate } from './rotations.ts';
import type { Trial } from './trial.ts';

export interface RoundReport {
  mutations: string[];
  harms: string[];
  /** What named the harm. */
  names: string[];
  violations: string[];
  healedBy: 'nobody: no harm' | 'itself' | 'the operator' | 'the backup' | 'nobody';
  /** The codes of status that the operator acted on. */
  acted: string[];
  /** What each look at the repair found wrong. */
  wrong: string[];
  /** How long its parts took. */
  tookMs: { mutations: number; looks: number; repair: number };
}

type Healed = Pick<RoundReport, 'healedBy' | 'acted' | 'wrong'>;

const CHUNK = 20;
/** Larger batches make this number of mutations at once. */
const MANY = 100;
const OBSERVE_EVERY = 2 * MANY;
/** For how long a harm may last without a name. */
const NAMED_WITHIN_MS = 12_000;
const OPERATOR_ACTS = 3;
/** After each but the last, the operator acts. */
const HEALED_LOOKS = 7;
const SHARE_WITH_RESTART = 0.06;

/** Makes mutations, a few at a time, while keys are rotated. */
const mutate = async (
  trial: Trial,
  count: number,
  onViolation: (what: string) => void,
): Promise<string[]> => {
  const { writer, processes, random, truth } = trial;
  const lines: string[] = [];
  const done = new AbortController();
  const rotating = (async () => {
    while (!done.signal.aborted) {
      // Half of the time the assistant that the last mutation named.
      const id = random.next() < 0.5 ? /\bast_\w+/.exec(lines.at(-1) ?? '')?.[0] : undefined;
      const named = truth.targets.find(({ assistantId }) => assistantId === id);
      await rotate(processes.client, named ?? random.pick(truth.targets), 500);
      await sleep(50);
    }
  })();
  const chunk = count > MANY ? MANY : CHUNK;
  for (let made = 0; made < count; made += chunk) {
    await (made % OBSERVE_EVERY === 0 ? writer.observe() : writer.refresh());
    const now = Math.min(chunk, count - made);
    if (chunk === MANY) lines.push(...(await writer.mutateMany(now)));
    else for (let i = 0; i < now; i += 1) lines.push(await writer.mutate());
    if (made % OBSERVE_EVERY === 0) (await examineThief(trial)).forEach(onViolation);
  }
  await writer.settle();
  // What was changed last has time to act too.
  await sleep(count === 1 ? 300 : 700);
  done.abort();
  await rotating;
  return lines;
};

/** Starts what is down, and sometimes restarts what is not. Resolves with what refused to start. */
const restartSome = async ({ processes, random }: Trial, share: number): Promise<string[]> => {
  const chosen = processes.slots.filter(({ child }) => !child || random.next() < share);
  const refusals = await Promise.all(chosen.map((slot) => slot.restart()));
  return refusals.filter((refusal) => refusal !== undefined);
};

const receivedWrongly = async ({ consumers, received, truth, newest }: Trial): Promise<string[]> => {
  const lists = consumers.map((consumer) => ({
    consumer,
    keys: received.get(consumer.name)!.splice(0),
  }));
  // What was received is judged by a later look at the truth.
  await truth.refresh();
  return lists.flatMap(({ consumer, keys }) => [
    ...wrongKeysOf(consumer, keys, truth),
    ...olderKeysOf(consumer, keys, truth, newest),
  ]);
};

/** Looks again until the harm is over, or something names it. */
const untilNamed = async (trial: Trial, first: Examination): Promise<Examination> => {
  const untilMs = performance.now() + NAMED_WITHIN_MS;
  let last = first;
  const violations = [...first.violations];
  while (last.harms.length > 0 && trial.names.since().length === 0 && performance.now() < untilMs) {
    await sleep(500);
    last = await examine(trial);
    violations.push(...last.violations);
  }
  return { harms: last.harms, violations };
};

/** Starts what is down, and resolves with what is wrong then. */
const findWrong = async (trial: Trial, violations: string[]): Promise<string[]> => {
  const refusals = await restartSome(trial, 0);
  const look = await examine(trial);
  violations.push(...look.violations);
  return [...refusals, ...look.harms];
};

/** As the operator of a service does whose instance says that it could not apply something. */
const restartUnapplied = async ({ consumers, holding, hold }: Trial): Promise<void> => {
  for (const consumer of consumers)
    if (holding.get(consumer.name)!.unapplied.count > 0) await hold(consumer).catch(() => {});
};

/** Repairs as an operator does: by what status advises, and then from the backup. */
const heal = async (trial: Trial, mustRestore: boolean, violations: string[]): Promise<Healed> => {
  const { processes, redis, consumers, thief, holding, hold, truth } = trial;
  const unappliedOf = (name: string) => holding.get(name)?.unapplied.last ?? [];
  const orgs = [...new Set(truth.targets.map(({ orgId }) => orgId))];
  const deps = { client: processes.client, redis, prefix: '{rekey}', consumers, orgs, unappliedOf, hold };
  const acted: string[] = [];
  const wrong: string[] = [];
  const isWell = async (label: string): Promise<boolean> => {
    const found = await findWrong(trial, violations);
    if (found.length > 0) wrong.push(`${label}: ${found.join(', ')}`);
    return found.length === 0;
  };
  const byStatus = async (): Promise<boolean> => {
    for (let acts = 0; acts <= OPERATOR_ACTS; acts += 1) {
      if (await isWell(`after ${acts} acts of the operator`)) return true;
      if (acts < OPERATOR_ACTS) acted.push(...(await actOnStatus(deps)));
    }
    return false;
  };
  if (!mustRestore && (await byStatus()))
    return { healedBy: acted.length === 0 ? 'itself' : 'the operator', acted, wrong };
  await trial.backup.restore();
  trial.suspects.clear();
  thief.rewind();
  await restartSome(trial, 1);
  for (let looks = 0; looks < HEALED_LOOKS; looks += 1) {
    await sweepAll(processes.client).catch(() => {});
    if (await isWell(`look ${looks + 1} at the backup`)) {
      trial.backup = await takeBackup(redis);
      return { healedBy: 'the backup', acted, wrong };
    }
    if (looks === HEALED_LOOKS - 1) break;
    acted.push(...(await actOnStatus({ ...deps, adopts: true, trusts: 'stored' })));
    if (looks > 0) await restartUnapplied(trial);
  }
  return { healedBy: 'nobody', acted, wrong };
};

/** Milliseconds since the last lap. */
const stopwatch = (): (() => number) => {
  let beganMs = performance.now();
  return () => {
    const before = beganMs;
    beganMs = performance.now();
    return Math.round(beganMs - before);
  };
};

const judgeNames = (harms: string[], names: string[]): string[] =>
  harms.length > 0 && names.length === 0 ? [`UNNAMED: ${harms.join('; ')}`] : [];

/** Mutations, rotations, a judgement, and the repair. `size`: how many mutations. */
export const playRound = async (trial: Trial, size: number): Promise<RoundReport> => {
  const { names, processes, consumers, holding, refusedBefore, writer, suspects } = trial;
  for (const { name } of consumers) refusedBefore.set(name, holding.get(name)!.refused.count);
  names.begin();
  await names.readStatus();
  names.beginAfterStanding();
  const violations: string[] = [];
  const lap = stopwatch();
  const mutations = await mutate(trial, size, (what) => violations.push(what));
  const mutatedMs = lap();
  for (const id of mutations.join().match(/\bast_\w+/g) ?? []) suspects.add(id);
  const refusals = await restartSome(trial, writer.awaitsRestart() && size <= CHUNK ? 1 : SHARE_WITH_RESTART);
  await writer.afterRestart();
  for (const refusal of refusals) names.note(refusal);
  const first = await examine(trial);
  const look = await untilNamed(trial, first);
  violations.push(...look.violations, ...judgeNames(look.harms, names.since()));
  const harms = [...new Set([...first.harms, ...look.harms, ...refusals])];
  const spoken = names.since();
  // What was leaked stays leaked: the next round begins without what leaked it.
  const mustRestore = size > CHUNK || violations.length > 0;
  const needsHealing = mustRestore || harms.length > 0 || processes.slots.some(({ child }) => !child);
  const looksMs = lap();
  const healed: Healed = needsHealing
    ? await heal(trial, mustRestore, violations)
    : { healedBy: 'nobody: no harm', acted: [], wrong: [] };
  const tookMs = { mutations: mutatedMs, looks: looksMs, repair: lap() };
  if (healed.healedBy === 'nobody') violations.push(`NOT REPAIRED: ${healed.wrong.join('; ')}`);
  if (size === 1) violations.push(...refusals.map((refusal) => `START: ${refusal}`));
  violations.push(...(await receivedWrongly(trial)), ...processes.deaths().map((death) => `DEATH: ${death}`));
  return { mutations, harms, names: spoken, violations: [...new Set(violations)], ...healed, tookMs };
};
