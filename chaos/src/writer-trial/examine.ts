import { setTimeout as sleep } from 'node:timers/promises';
import type { Rotation } from '@rekey/client';
import type { Keys } from '@rekey/subscriber';
import {
  complaintsOf,
  heldBy,
  insteadOf,
  mayRead,
  missingIn,
  subscribeAs,
  wrongKeysOf,
  type TrialConsumer,
} from './consumers.ts';
import { ABSENT } from '../redis-writer/clever/clever.ts';
import { requestRotation } from './rotations.ts';
import { ORGS } from './trial-processes.ts';
import type { Trial } from './trial.ts';

/** What a look at a running system found. */
export interface Examination {
  /** What a writer can always do, and what must be named: nothing is published, a reader lacks a key. */
  harms: string[];
  /** What must never be. */
  violations: string[];
}

const SETTLES_WITHIN_MS = 2500;
const ACKNOWLEDGED_WITHIN_MS = 1000;

/** Consumers that count as having the key of a rotation, and whose running instance does not have it. */
const falseAcknowledgements = async (
  { processes, consumers, holding }: Trial,
  { id, orgId, assistantId, version = 0 }: Rotation,
): Promise<string[]> => {
  const names = consumers.filter((consumer) => mayRead(consumer, orgId)).map(({ name }) => name);
  const request = { id, until: 'ACKNOWLEDGED', consumers: names, timeoutMs: ACKNOWLEDGED_WITHIN_MS } as const;
  const answer = await processes.client.waitRotation(request).catch(() => undefined);
  return (answer?.consumers ?? []).flatMap(({ name, state }) => {
    const current = holding.get(name)?.current(assistantId);
    const has = current?.state === 'held' && current.version >= version;
    return state !== 'ACKNOWLEDGED' || has
      ? []
      : [`FALSE ACKNOWLEDGEMENT: ${name} does not have version ${version} of ${assistantId}`];
  });
};

const rotateOnce = async (trial: Trial): Promise<Examination> => {
  const { processes, truth, random, suspects } = trial;
  const targets = ORGS.map((org) => {
    const ofOrg = truth.targets.filter(({ orgId }) => orgId === org);
    const suspected = ofOrg.filter(({ assistantId }) => suspects.has(assistantId));
    return random.pick(suspected.length > 0 ? suspected : ofOrg);
  });
  const parts = await Promise.all(
    targets.map(async (target): Promise<Examination> => {
      const result = await requestRotation(processes.client, target);
      if (typeof result === 'string') suspects.add(target.assistantId);
      else suspects.delete(target.assistantId);
      return typeof result === 'string'
        ? { harms: [`the rotation of ${target.assistantId} did not succeed: ${result}`], violations: [] }
        : { harms: [], violations: await falseAcknowledgements(trial, result) };
    }),
  );
  return {
    harms: parts.flatMap(({ harms }) => harms),
    violations: parts.flatMap(({ violations }) => violations),
  };
};

const listed = (ids: readonly string[]): string =>
  `${ids.slice(0, 3).join(', ')}${ids.length > 3 ? ` and ${ids.length - 3} more` : ''}`;

/** With what the instance says of itself, and has instead. */
const lackOf = (name: string, missing: readonly string[], keys: Keys, complaints: string[]): string[] =>
  missing.length === 0
    ? []
    : [
        `${name} lacks ${listed(missing)} (${missing[0]}: ${insteadOf(keys, missing[0]!)}; ` +
          `${complaints.length === 0 ? 'it complains of nothing' : complaints.join(', ')})`,
      ];

/** What the running instance of a consumer holds, once it had time to receive what was published. */
const examineHolding = async (trial: Trial, consumer: TrialConsumer): Promise<Examination> => {
  const { holding, truth, names } = trial;
  const keys = holding.get(consumer.name)!;
  const untilMs = performance.now() + SETTLES_WITHIN_MS;
  let missing = missingIn(consumer, keys, truth);
  while (missing.length > 0 && performance.now() < untilMs) {
    await sleep(100);
    await truth.refresh();
    missing = missingIn(consumer, keys, truth);
  }
  const complaints = complaintsOf(keys, trial.refusedBefore.get(consumer.name) ?? 0);
  for (const complaint of complaints) names.note(`consumer ${consumer.name} ${complaint}`);
  const held = heldBy(keys);
  await truth.refresh();
  const harms = lackOf(consumer.name, missing, keys, complaints);
  return { harms, violations: wrongKeysOf(consumer, held, truth) };
};

/** What a new instance of a consumer gets. */
const examineNewcomer = async (trial: Trial, consumer: TrialConsumer): Promise<Examination> => {
  const { processes, truth, names } = trial;
  const label = `a new ${consumer.name}`;
  try {
    const keys = await subscribeAs(processes.redisServer.url, consumer);
    const held = heldBy(keys);
    await truth.refresh();
    const complaints = complaintsOf(keys, 0);
    for (const complaint of complaints) names.note(`${label} ${complaint}`);
    const found = {
      harms: lackOf(label, missingIn(consumer, keys, truth), keys, complaints),
      violations: wrongKeysOf(consumer, held, truth),
    };
    await keys.close();
    return found;
  } catch (error) {
    const { code = 'unexpected' } = error as { code?: string };
    names.note(`${label} is refused: ${code}`);
    return { harms: [`${label} does not start: ${code}`], violations: [] };
  }
};

/** Whether a consumer that is set up now would trust Rekey's public key. */
const examineSigner = async ({ processes, sealer }: Trial): Promise<Examination> => {
  try {
    const { x } = JSON.parse((await processes.client.getPublicKey()).jwk) as { x?: string };
    const isOurs = x === sealer.publicJwk['x'];
    return { harms: [], violations: isOurs ? [] : ['SIGNER: keygen would trust a forged public key'] };
  } catch (error) {
    return { harms: [`no public key: ${(error as Error).message.slice(0, 60)}`], violations: [] };
  }
};

/** A consumer of which no instance runs has nothing to say. */
const examineAbsent = async ({ processes }: Trial): Promise<Examination> => {
  const absent = await processes.client.getConsumer(ABSENT).catch(() => undefined);
  return {
    harms: [],
    violations: absent?.live ? ['FORGED ACKNOWLEDGEMENT: of a consumer that does not run'] : [],
  };
};

export const examineThief = async ({ thief, truth, mayOpen }: Trial): Promise<string[]> => {
  const opened = await thief.look();
  await truth.refresh();
  const stolen = opened.filter((secretKey) => !mayOpen(secretKey));
  const of = stolen.map((secretKey) => truth.madeFor(secretKey)!.assistantId);
  return of.length === 0 ? [] : [`STOLEN: the thief opened keys of ${listed(of)}`];
};

/** Rotates a key of each org, and looks at who holds what. */
export const examine = async (trial: Trial): Promise<Examination> => {
  const rotated = await rotateOnce(trial);
  await trial.truth.refresh();
  const parts = [rotated];
  const looks = [
    ...trial.consumers.map((consumer) => examineHolding(trial, consumer)),
    examineSigner(trial),
    examineAbsent(trial),
  ];
  parts.push(...(await Promise.all(looks)));
  parts.push(...(await Promise.all(trial.consumers.map((consumer) => examineNewcomer(trial, consumer)))));
  const stolen = await examineThief(trial);
  const isReadable = await trial.names.readStatus();
  return {
    harms: [...parts.flatMap(({ harms }) => harms), ...(isReadable ? [] : ['status is unreadable'])],
    violations: [...stolen, ...parts.flatMap(({ violations }) => violations)],
  };
};
