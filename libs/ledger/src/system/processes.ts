import { ConsumerName, processRoles, type ProcessStatus } from '@rekey/schema';
import { z } from 'zod';
import { count } from '../hash-fields.ts';
import type { Connection } from '../connection.ts';
import { MAX_TIME_MS } from '../listing/listed-assistant.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { systemCommands } from './commands.generated.ts';

/** The settings of a process that the status of the whole system depends on. */
interface ProcessSettings {
  /** The name of the address that its requests leave from, whose request budget it shares. */
  egress?: string;
  /** 0: sweeps run on request only. */
  sweepEveryMs?: number;
  /** How long an outcome may be unknown before a lost request can no longer take effect. */
  landingWindowMs?: number;
  /** How many POSTs of one org may have an unknown outcome. */
  maxUnknowns?: number;
  /** The same for all orgs together. */
  maxUnknownsInAll?: number;
  /** How many rotations may be open before a gateway refuses more. */
  maxOpenRotations?: number;
  /** It rotates nothing. */
  observeOnly?: boolean;
  /** It is configured to archive; it accepts or sends nothing without an archive. */
  archives?: boolean;
  archiveRequired?: boolean;
  /** Why it rotates nothing at present: `alone` or `disagrees`, see ClockDoubt. */
  clockDoubt?: string;
  /** When the certificate that it serves expires, and from when on that is soon. In ms since 1970. */
  certificateEndsMs?: number;
  certificateEndsSoonMs?: number;
  /** Since when it refuses changed certificate files, or a changed access file, and acts by those before. */
  certificatesRefusedMs?: number;
  accessFileRefusedMs?: number;
  /** The proof of the registry that it acts by: see `Registry.presence`. */
  registry?: string;
  /** The first consumers that it cannot seal records for, although they may read them. */
  notSealedFor?: string[];
}

export interface ProcessIdentity {
  /** A name that holds no secret: see `processId`. */
  id: string;
  kind: string;
  roles: readonly string[];
  version: string;
  settings?: ProcessSettings;
}

/** A process as the ledger keeps it. */
export interface KnownProcess extends ProcessStatus {
  /** How long ago it reported last, if its lease has ended and it has not announced its end. */
  silentMs?: number;
  settings: ProcessSettings;
}

/** The processes of Rekey, each known by a lease. Every method is one atomic command, or a read. */
export interface Processes {
  /**
   * Reports that a process is live, or with `leaving` that it ends; false if the limit of live ones is
   * reached.
   */
  beat(process: ProcessIdentity, options?: { leaving?: boolean }): Promise<boolean>;
  /** Live ones first, then those that ended within a day, without entries that cannot be read. */
  list(): Promise<KnownProcess[]>;
}

/** How often a process reports that it is live, and for how long that counts. */
export const BEAT_EVERY_MS = 2000;
const PROCESS_LEASE_MS = 10_000;
/** As in process-beat.lua: a longer lease was written by another client. */
const LONGEST_LEASE_MS = 60_000;
const MAX_PROCESSES = 200;
const KEEP_GONE_MS = 86_400_000;

const sanitized = (text: string, most: number): string => text.replace(/[^A-Za-z0-9.-]/g, '-').slice(0, most);

/** `KIND-HOST-PID-RANDOM`: enough to find the process, in a few characters that need no escaping anywhere. */
export const processId = ({
  kind,
  host,
  pid,
  random,
}: {
  kind: string;
  host: string;
  pid: number;
  random: string;
}): string => [sanitized(kind, 16), sanitized(host, 40) || 'host', pid, sanitized(random, 8)].join('-');

const Word = z.string().regex(/^[A-Za-z0-9._+-]{1,32}$/);
const Moment = z.int().nonnegative().max(MAX_TIME_MS);
const ProcessText = z.object({
  kind: Word,
  roles: z.array(Word).max(8),
  version: Word,
  settings: z
    .object({
      egress: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
      sweepEveryMs: z.int().nonnegative(),
      landingWindowMs: z.int().nonnegative(),
      maxUnknowns: z.int().positive(),
      maxUnknownsInAll: z.int().positive(),
      maxOpenRotations: z.int().positive(),
      observeOnly: z.boolean(),
      archives: z.boolean(),
      archiveRequired: z.boolean(),
      clockDoubt: Word,
      certificateEndsMs: Moment,
      certificateEndsSoonMs: Moment,
      certificatesRefusedMs: Moment,
      accessFileRefusedMs: Moment,
      registry: z.string().regex(/^\d{1,16}\.[A-Za-z0-9_-]{43}$/),
      notSealedFor: z.array(ConsumerName).max(10),
    })
    .partial()
    .default({}),
});
const Id = z.string().regex(/^[A-Za-z0-9.-]{1,100}$/);

const parse = (id: string, text: string, nowMs: number): KnownProcess | undefined => {
  const [, seen, started, lease, left, json] = /^(\d+) (\d+) (\d+) ([01]) (.*)$/s.exec(text) ?? [];
  if (json === undefined || !Id.safeParse(id).success) return undefined;
  try {
    const { settings, ...rest } = ProcessText.parse(JSON.parse(json));
    const [seenMs, startedMs, givenMs] = [seen, started, lease].map((number) => count.parse(number)) as [
      number,
      number,
      number,
    ];
    const leaseMs = Math.min(givenMs, LONGEST_LEASE_MS);
    // An entry from before the clock was turned back says nothing; the next beat replaces it.
    const hasLeft = left === '1';
    const live = !hasLeft && nowMs - seenMs <= leaseMs && seenMs - nowMs <= leaseMs;
    const isSilent = !live && !hasLeft && seenMs <= nowMs;
    return {
      id,
      ...rest,
      settings: settings as ProcessSettings,
      startedMs,
      seenMs,
      live,
      ...(isSilent && { silentMs: nowMs - seenMs }),
    };
  } catch {
    return undefined;
  }
};

export const openProcesses = (
  { redis, keys, run }: Connection,
  { leaseMs = PROCESS_LEASE_MS }: { leaseMs?: number } = {},
): Processes => {
  const commands = systemCommands(run);
  return {
    beat: async ({ id, kind, roles, version, settings = {} }, { leaving = false } = {}) => {
      const reply = await commands.processBeat({
        processes: keys.processes,
        id,
        leaseMs,
        ends: leaving,
        about: JSON.stringify({ kind, roles, version, settings }),
        limit: MAX_PROCESSES,
        keepMs: KEEP_GONE_MS,
      });
      return reply.kind === 'noted';
    },
    list: async () => {
      const [entries, nowMs] = await Promise.all([redis.hgetall(keys.processes), redisNowMs(redis)]);
      return Object.entries(entries)
        .flatMap(([id, text]) => parse(id, text, nowMs) ?? [])
        .toSorted((a, b) => Number(b.live) - Number(a.live) || b.seenMs - a.seenMs || (a.id < b.id ? -1 : 1));
    },
  };
};

/** Whether any process is live that rotates keys. */
export const isAnyRotating = (processes: readonly Pick<ProcessStatus, 'live' | 'roles'>[]): boolean =>
  processes.some(({ live, roles }) => live && roles.includes(processRoles[0]));
