/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import type { Actor } from '@rekey/schema';
import { flatHash } from '../hash-fields.ts';
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface SweepBeginInput {
  sweep: string;
  lock: string;
  /** the QUEUED sweeps, by scope */
  queued: string;
  id: string;
  /** of this run */
  token: string;
  leaseMs: number;
}
type SweepBeginReply =
  /** also if the same run began it before and the response was lost */
  | { kind: 'begun'; nowMs: number; sweep: Record<string, string> }
  /** until the lease of the run that holds the lock lapses; or it is the turn of another sweep */
  | { kind: 'busy'; waitMs: number }
  | { kind: 'ended' }
  | { kind: 'missing' };
const readSweepBeginReply = (reply: unknown[]): SweepBeginReply => {
  switch (reply[0]) {
    case 'BEGUN':
      return { kind: 'begun', nowMs: Number(reply[1]), sweep: flatHash(reply[2]) };
    case 'BUSY':
      return { kind: 'busy', waitMs: Number(reply[1]) };
    case 'ENDED':
      return { kind: 'ended' };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('sweep-begin', reply);
  }
};

interface SweepCreateInput {
  /** the new sweep */
  sweep: string;
  /** the index of sweeps */
  sweeps: string;
  /** the QUEUED sweeps, by scope */
  queued: string;
  lock: string;
  id: string;
  /** absent for all orgs */
  org?: string | undefined;
  /** how many sweeps are kept */
  keep: number;
  /** how many requested sweeps of one org may be QUEUED; absent if Rekey itself, or an operator's decision about a held org, needs the sweep */
  limit?: number | undefined;
  /** Who acts. */
  actor: Actor;
}
type SweepCreateReply =
  /** `c` is translated once it is known */
  | { kind: 'created'; createdMs: number; org: string | undefined }
  /** a sweep that is still QUEUED for the same scope */
  | { kind: 'known'; knownId: string; known: Record<string, string> }
  /** the limit is reached */
  | { kind: 'full' }
  /** nothing was published under the org, no policy names it, and no worker has an API key for it */
  | { kind: 'unknown' };
const readSweepCreateReply = (reply: unknown[]): SweepCreateReply => {
  switch (reply[0]) {
    case 'CREATED':
      return {
        kind: 'created',
        createdMs: Number(reply[1]),
        org: reply[2] === '' ? undefined : String(reply[2]),
      };
    case 'KNOWN':
      return { kind: 'known', knownId: String(reply[1]), known: flatHash(reply[2]) };
    case 'FULL':
      return { kind: 'full' };
    case 'UNKNOWN':
      return { kind: 'unknown' };
    default:
      throw unexpectedReply('sweep-create', reply);
  }
};

interface SweepForgetInput {
  /** the QUEUED sweeps, by scope */
  queued: string;
  /** an org, or empty for all */
  scope?: string | undefined;
  /** the sweep that was found there */
  id: string;
}
type SweepForgetReply = { kind: 'done' };
const readSweepForgetReply = (reply: unknown[]): SweepForgetReply => {
  switch (reply[0]) {
    case 'DONE':
      return { kind: 'done' };
    default:
      throw unexpectedReply('sweep-forget', reply);
  }
};

interface SweepSaveInput {
  sweep: string;
  lock: string;
  id: string;
  /** of this run */
  token: string;
  /** JSON */
  counts: string;
  /** absent to end it */
  leaseMs?: number | undefined;
  endState?: string | undefined;
  /** the error code */
  code?: string | undefined;
  /** how long an ended sweep is kept */
  keepS: number;
}
type SweepSaveReply =
  /** also if the same run ended it before and the response was lost */
  | { kind: 'saved' }
  /** another run holds the lock, or the sweep is missing: nothing was written */
  | { kind: 'refused' };
const readSweepSaveReply = (reply: unknown[]): SweepSaveReply => {
  switch (reply[0]) {
    case 'SAVED':
      return { kind: 'saved' };
    case 'REFUSED':
      return { kind: 'refused' };
    default:
      throw unexpectedReply('sweep-save', reply);
  }
};

/**
 * The commands of sweeps/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const sweepsCommands = (run: RunCommand) => ({
  /**
   * Takes the lock under which all sweeps run, and begins a sweep under it.
   *
   * Keeps: two sweeps never run at once, as long as each saves within its lease. A RUNNING sweep whose run is
   * gone starts over without its counts: what it had compared is unknown. Sweeps of everything and of one org
   * take turns if both wait: however many wait of one sort, the other is next.
   */
  sweepBegin: async (input: SweepBeginInput): Promise<SweepBeginReply> =>
    readSweepBeginReply(
      await run(
        'sweep-begin',
        [input.sweep, input.lock, input.queued],
        [input.id, input.token, input.leaseMs],
      ),
    ),
  /**
   * Records a sweep, once for each scope.
   *
   * Keeps: of the sweeps beyond the number that is kept, only those are deleted that are neither QUEUED nor
   * running. A limited number of requested sweeps of one org is QUEUED, whichever orgs callers name.
   */
  sweepCreate: async (input: SweepCreateInput): Promise<SweepCreateReply> =>
    readSweepCreateReply(
      await run(
        'sweep-create',
        [input.sweep, input.sweeps, input.queued, input.lock],
        [
          input.id,
          input.org ?? '',
          input.keep,
          input.limit ?? '',
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * Removes an entry from the QUEUED sweeps if its sweep is not QUEUED any more, or never was.
   *
   * Keeps: an entry that another sweep of the same scope has taken meanwhile.
   */
  sweepForget: async (input: SweepForgetInput): Promise<SweepForgetReply> =>
    readSweepForgetReply(await run('sweep-forget', [input.queued], [input.scope ?? '', input.id])),
  /**
   * Saves the progress of a sweep and renews the lease of the lock; or ends the sweep and releases the lock.
   *
   * Keeps: a sweep ends once. A lease that has lapsed is valid until another run takes the lock.
   */
  sweepSave: async (input: SweepSaveInput): Promise<SweepSaveReply> =>
    readSweepSaveReply(
      await run(
        'sweep-save',
        [input.sweep, input.lock],
        [
          input.id,
          input.token,
          input.counts,
          input.leaseMs ?? '',
          input.endState ?? '',
          input.code ?? '',
          input.keepS,
        ],
      ),
    ),
});
