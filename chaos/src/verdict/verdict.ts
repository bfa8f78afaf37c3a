import { KEY_ROTATED, KEY_UNCERTAIN, isEnded } from '@rekey/schema';
import type { Change, Evidence, Published } from './evidence.ts';
import { createAgeOf, type AgeOf } from './key-ages.ts';
import { removedAlive } from './removals.ts';
import { replayEvents, type Replay } from './replay.ts';
import { countDoneTwice, succeededWithoutNewKey } from './rotations.ts';
import { darkTimeOf, findUnpublishedSpans, mostUnpublishedByOrg } from './unpublished-spans.ts';
import { describeSpan, findWrongSpans, longestOf, silentlyWrong } from './wrong-spans.ts';

export interface Verdict {
  rotations: number;
  succeeded: number;
  failed: Record<string, number>;
  /** Assistants whose last published key is not the one in force. */
  divergent: number;
  /** Accepted rotations that did not end. */
  lost: number;
  /** Assistants that were to be rotated once, and for which more than one rotation succeeded. */
  doneTwice: number;
  /** SUCCEEDED rotations for which no key was published that was created after they were accepted. */
  succeededWithoutNewKey: number;
  /** Published removals of assistants that existed and had a key. */
  removedAlive: number;
  /** Assistants whose published key was wrong for too long while status reported nothing. */
  silentlyWrong: number;
  /** Living assistants that a bulk rotation of all left out. */
  leftOut: number;
  /** Workers that did not work, or did not end, because they could not write their log. */
  stuckByLog: number;
  /** Events after which a version or the age of a key went down, or a number was missing. */
  orderViolations: number;
  concurrentPosts: number;
  /** By how much an org exceeded its bound of unpublished keys, at the worst moment. */
  burntBeyondBound: number;
  /** The most unpublished keys at once, by org, without those that no client could know of. */
  mostUnpublished: Record<string, number>;
  requestsARotation: number;
  events: number;
  handRotations: number;
  /** POSTs that took effect and were answered as if they had been refused. */
  denied: number;
  uncertainAnnounced: number;
  /** Changes by which upstream returned to an earlier state. */
  restored: number;
  /** Events with a key that the assistant never had: upstream showed it, and Rekey believed it. */
  keysNeverMade: number;
  /** Events about assistants of foreign orgs. */
  strangersPublished: number;
  /** The longest time for which a published key was wrong and not announced as uncertain. */
  longestWrongMs: number;
  /** The assistant and the time of that. */
  longestWrong: string;
  /** From a change that Rekey asked for to the event that brings that key, or a newer one. */
  darkTimeMs: { p50: number; p99: number; max: number };
  /** A few cases of each figure that must be 0: the assistant, and when (ms since 1970). */
  examples: Record<string, string[]>;
}

const EXAMPLES = 5;

/** The promises. */
export const mustBeZero = [
  'divergent',
  'lost',
  'doneTwice',
  'succeededWithoutNewKey',
  'removedAlive',
  'silentlyWrong',
  'leftOut',
  'stuckByLog',
  'orderViolations',
  'concurrentPosts',
  'burntBeyondBound',
] as const satisfies (keyof Verdict)[];

/** Whether every promise was kept. */
export const isClean = (verdict: Verdict): boolean => mustBeZero.every((figure) => verdict[figure] === 0);

type History = Record<string, Change[]>;

/** The assistants whose last published key is not the one in force. */
const findDivergent = (
  history: History,
  { lastPrint }: Replay,
  fingerprint: Evidence['fingerprint'],
): string[] =>
  Object.entries(history).flatMap(([assistantId, changes]) => {
    const { by, key, atMs } = changes.at(-1)!;
    const last = lastPrint.get(assistantId);
    // The end of an assistant needs no event if none was ever published of it.
    if ((last ?? null) === (key === null ? null : fingerprint(key))) return [];
    const published = last === undefined ? 'nothing' : last === null ? 'a removal' : 'a key';
    const truth = key === null ? 'there is none' : 'another key is in force';
    return [`${assistantId}: ${published} is published last, and since ${Math.round(atMs)} ${truth} (${by})`];
  });

const countOutcomes = (rotations: Evidence['rotations']) => {
  const failed: Record<string, number> = {};
  for (const rotation of rotations)
    if (rotation?.state === 'FAILED') failed[rotation.code ?? ''] = (failed[rotation.code ?? ''] ?? 0) + 1;
  const succeeded = rotations.filter((rotation) => rotation?.state === 'SUCCEEDED').length;
  return { rotations: rotations.length, succeeded, failed };
};

const countLost = (rotations: Evidence['rotations']): number =>
  rotations.filter((rotation) => !rotation || !isEnded(rotation.state)).length;

const countChanges = (history: History, by: Change['by']): number =>
  Object.values(history)
    .flat()
    .filter((change) => change.by === by).length;

const isOfUnknownKey = ({ event, atMs }: Published, ageOf: AgeOf): boolean =>
  event.type === KEY_ROTATED && ageOf(event.subject, event.data.fingerprint, atMs) === undefined;

const firstOf = (cases: Record<string, string[]>): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(cases)
      .filter(([, all]) => all.length > 0)
      .map(([figure, all]) => [figure, all.slice(0, EXAMPLES)]),
  );

/**
 * The verdict, from the simulator's truth and the events that consumers could read. Of what Rekey says of
 * itself it uses the states in which rotations ended, and nothing else.
 */
export const judge = (evidence: Evidence): Verdict => {
  const { published, rotations, counts, fingerprint, orgOf, boundOf, isOurs = () => true } = evidence;
  // Changes in a foreign org are not Rekey's to publish.
  const history = Object.fromEntries(
    Object.entries(evidence.history).filter(([assistantId]) => isOurs(assistantId)),
  );
  const ageOf = createAgeOf(history, fingerprint);
  const replay = replayEvents(published, ageOf);
  const wrong = findWrongSpans(history, evidence);
  const longest = longestOf(wrong);
  const unpublished = findUnpublishedSpans(history, replay.deliveries);
  const mostUnpublished = mostUnpublishedByOrg(unpublished, orgOf);
  const excess = Object.entries(mostUnpublished).map(([org, most]) => most - boundOf(org));
  const cases = {
    divergent: findDivergent(history, replay, fingerprint),
    succeededWithoutNewKey: succeededWithoutNewKey(evidence),
    removedAlive: removedAlive(history, evidence),
    orderViolations: replay.orderViolations,
    silentlyWrong: silentlyWrong(wrong, evidence),
  };
  return {
    ...countOutcomes(rotations),
    divergent: cases.divergent.length,
    lost: countLost(rotations),
    doneTwice: countDoneTwice(evidence),
    succeededWithoutNewKey: cases.succeededWithoutNewKey.length,
    removedAlive: cases.removedAlive.length,
    silentlyWrong: cases.silentlyWrong.length,
    leftOut: evidence.leftOut ?? 0,
    stuckByLog: evidence.stuckByLog ?? 0,
    orderViolations: cases.orderViolations.length,
    concurrentPosts: counts.concurrentRotates,
    burntBeyondBound: Math.max(0, ...excess),
    mostUnpublished,
    requestsARotation: (counts.rotate + counts.get + counts.list - evidence.sweepRequests) / rotations.length,
    events: published.length,
    handRotations: countChanges(history, 'hand'),
    denied: countChanges(history, 'denied'),
    uncertainAnnounced: published.filter(({ event }) => event.type === KEY_UNCERTAIN).length,
    restored: countChanges(history, 'restored'),
    keysNeverMade: published.filter((one) => isOurs(one.event.subject) && isOfUnknownKey(one, ageOf)).length,
    strangersPublished: published.filter(({ event }) => !isOurs(event.subject)).length,
    longestWrongMs: longest ? Math.round(longest.toMs - longest.fromMs) : 0,
    longestWrong: longest ? describeSpan(longest) : '',
    darkTimeMs: darkTimeOf(unpublished),
    examples: firstOf(cases),
  };
};
