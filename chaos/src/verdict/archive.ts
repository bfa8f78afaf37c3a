import { createPublicKey } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyArchive } from '@rekey/archive';
import { KEY_UNCERTAIN } from '@rekey/schema';
import type { Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import type { SeenRecord } from '../changes/seen-record.ts';
import type { Published } from './evidence.ts';
import { flipBytes } from './flip-bytes.ts';

/** What is in the archive, compared with what Redis and the run know. */
export interface ArchiveVerdict {
  segments: number;
  entries: number;
  /** What the archive itself says of Redis. */
  gaps: number;
  histories: number;
  /** What breaks the proof. */
  breaks: string[];
  /** Key versions and records of activity that are not in it, or more than once. */
  missing: string[];
  twice: string[];
  /** Bytes that were flipped in a copy, and in how many of these places `verify` named the file. */
  flipped: { places: number; found: number };
}

/** The archive, and the records of activity in it. */
interface JudgedArchive {
  verdict: ArchiveVerdict;
  records: SeenRecord[];
}

const WITHIN_MS = 60_000;
const EXAMPLES = 5;

/**
 * Whether the archive is whole, and has everything once. If something else writes to Redis, it removes and
 * repeats entries: then the archive is only to be whole.
 */
export const isArchiveWhole = (
  { breaks, missing, twice, gaps, flipped }: ArchiveVerdict,
  { isSpoilt }: { isSpoilt: boolean },
): boolean =>
  breaks.length === 0 &&
  flipped.found === flipped.places &&
  (isSpoilt || missing.length + twice.length + gaps === 0);

/** The names of key versions, and the positions of activity, in the closed segments; and its records. */
const readEntries = async (path: string): Promise<{ found: string[]; records: SeenRecord[] }> => {
  const names = (await readdir(path)).filter((name) => /^\d{10}\.jsonl$/.test(name)).toSorted();
  const found: string[] = [];
  const records: SeenRecord[] = [];
  for (const name of names) {
    for (const text of (await readFile(join(path, name), 'utf8')).trimEnd().split('\n')) {
      const line = JSON.parse(text) as Record<string, any>;
      if (line['stream'] === 'activity') {
        found.push(`activity ${line['position']}`);
        records.push({ position: line['position'], ...line['entry'] });
      } else if (line['entry'] && line['entry'].type !== KEY_UNCERTAIN)
        found.push(`version ${line['entry'].subject} ${line['entry'].data.version}`);
    }
  }
  return { found, records };
};

const lastId = async (redis: Redis, stream: string): Promise<string | undefined> =>
  (await redis.xrevrange(`{rekey}:${stream}`, '+', '-', 'COUNT', 1).catch(() => []))[0]?.[0];

/** The records of activity in Redis. */
export const readActivity = async (redis: Redis): Promise<SeenRecord[]> =>
  (await redis.xrange('{rekey}:activity', '-', '+')).map(([position, fields]) => ({
    position,
    ...(Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]]] : []))) as Omit<
      SeenRecord,
      'position'
    >),
  }));

/**
 * Waits until the last entries are archived and signed; then verifies the archive, and compares it. `flips`:
 * in how many places of a copy a byte is flipped, which must be found.
 */
export const judgeArchive = async (
  path: string,
  redis: Redis,
  { publicJwk }: Pick<Sealer, 'publicJwk'>,
  { published, flips }: { published: readonly Published[]; flips: number },
): Promise<JudgedArchive> => {
  const publicKey = createPublicKey({ key: publicJwk as never, format: 'jwk' });
  const verifiers = [{ kid: publicJwk.kid, publicKey }];
  const positions: { stream: 'events' | 'activity'; position: string }[] = [];
  for (const stream of ['events', 'activity'] as const) {
    const position = await lastId(redis, stream);
    if (position !== undefined) positions.push({ stream, position });
  }
  const inRedis = await readActivity(redis).catch(() => []);
  const untilMs = performance.now() + WITHIN_MS;
  const verify = () => verifyArchive({ path, verifiers, positions });
  let report = await verify();
  while (performance.now() < untilMs && (report.breaks.length > 0 || (report.tail?.entries ?? 0) > 0)) {
    await sleep(500);
    report = await verify();
  }
  const counts = new Map<string, number>();
  const { found, records } = await readEntries(path);
  for (const name of found) counts.set(name, (counts.get(name) ?? 0) + 1);
  const activity = inRedis.map(({ position }) => `activity ${position}`);
  const versions = published
    .filter(({ event }) => event.type !== KEY_UNCERTAIN)
    .map(({ event }) => `version ${event.subject} ${event.data.version}`);
  const verdict: ArchiveVerdict = {
    segments: report.segments,
    entries: report.streams.events.entries + report.streams.activity.entries,
    gaps: report.gaps,
    histories: report.histories,
    breaks: report.breaks.map(({ kind, message }) => `${kind}: ${message}`).slice(0, EXAMPLES),
    missing: [...versions, ...activity].filter((name) => !counts.has(name)).slice(0, EXAMPLES),
    twice: [...counts].flatMap(([name, count]) => (count > 1 ? name : [])).slice(0, EXAMPLES),
    flipped: await flipBytes(path, verifiers, flips),
  };
  return { verdict, records };
};
