import { randomBytes } from 'node:crypto';
import { LOCAL_ACTOR, RekeyError, type Actor, type LedgerHoldings } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { systemCommands } from './commands.generated.ts';

/**
 * After a restart of Redis everything is compared with upstream (`compared`: that was requested), and the
 * append-only file of Redis is rewritten.
 */
type RestartDuty = 'compared' | 'rewritten';

interface RecogniseOptions {
  /** Of a process that makes fingerprints: binds a new ledger to this key. */
  fingerprintKeyId?: string | undefined;
  /** A ledger that vanished may begin anew without an operator. */
  mayBegin?: boolean | undefined;
  /** What the ledger held when this process last looked. */
  held?: LedgerHoldings | undefined;
}

export interface Recognised {
  id: string;
  /** The fingerprint key that it is bound to, if a worker has begun it. */
  boundTo?: string;
  /** Since when it is known that the ledger before it vanished (Redis time, ms). */
  lostMs?: number;
  /** This call has begun it. */
  began: boolean;
}

/** Which ledger this is, and on which Redis. Every method is one atomic command, or a read. */
export interface Identity {
  /** Binds a new ledger to a fingerprint key; returns the id of the key that it is bound to. */
  bind(fingerprintKeyId: string): Promise<string>;
  /**
   * Begins a new ledger, or recognises the existing one. It is marked as lost if this process knew another
   * one, or if another left remains. Claims are refused until the ledger is the one that was last recognised
   * as whole. Safe to repeat.
   */
  recognise(options?: RecogniseOptions): Promise<Recognised>;
  /** The id of the ledger that this process last recognised as whole. */
  knownId(): string | undefined;
  /**
   * An operator accepts the ledger of this id in the place of the one that vanished. Throws LEDGER_NOT_LOST
   * and LEDGER_CHANGED.
   */
  adopt(id: string, actor?: Actor): Promise<void>;
  /** Puts back the binding, which another client has changed: the registry proves whose ledger it is. */
  rebind(fingerprintKeyId: string): Promise<void>;
  /** The id of the fingerprint key that the ledger is bound to; undefined for a new ledger. */
  boundTo(): Promise<string | undefined>;
  /**
   * Notes which Redis this is, by its run id. `other`: the ledger was on another Redis before, which may have
   * known more; events then belong to a new run. `due`: what no worker has done for this Redis since.
   */
  recogniseRedis(runId: string): Promise<{ other: boolean; due: RestartDuty[] }>;
  noteDone(duty: RestartDuty, runId: string): Promise<void>;
  /** Redis time, in ms since 1970. */
  nowMs(): Promise<number>;
}

export const createIdentity = ({ redis, keys, run }: Connection): Identity => {
  const commands = systemCommands(run);
  let knownId: string | undefined;

  const recognise = async (options: RecogniseOptions = {}): Promise<Recognised> => {
    const { boundTo, id, lostMs, began } = await commands.recogniseLedger({
      ledger: keys.ledger,
      keyId: options.fingerprintKeyId,
      newId: randomBytes(12).toString('base64url'),
      knownId,
      mayBegin: options.mayBegin ?? false,
      holdings: options.held && JSON.stringify(options.held),
    });
    // A lost ledger is not known: it is no loss if the one before it is restored.
    if (lostMs === undefined) knownId = id;
    return { id, began, ...(boundTo !== undefined && { boundTo }), ...(lostMs !== undefined && { lostMs }) };
  };

  return {
    bind: async (fingerprintKeyId) => (await recognise({ fingerprintKeyId })).boundTo!,
    recognise,
    knownId: () => knownId,

    adopt: async (id, actor = LOCAL_ACTOR) => {
      const { kind } = await commands.adopt({ ledger: keys.ledger, ledgerId: id, actor });
      if (kind === 'not-lost') throw new RekeyError('LEDGER_NOT_LOST');
      if (kind === 'changed') throw new RekeyError('LEDGER_CHANGED');
    },

    rebind: async (fingerprintKeyId) => {
      await redis.hset(keys.ledger, 'fingerprint_key', fingerprintKeyId);
    },

    boundTo: async () => (await redis.hget(keys.ledger, 'fingerprint_key')) ?? undefined,

    recogniseRedis: async (runId) => {
      const reply = await commands.recogniseRedis({ ledger: keys.ledger, runId });
      const duties = reply.kind === 'first' ? '' : (reply.duties ?? '');
      return {
        other: reply.kind === 'other',
        due: duties
          .split(' ')
          .filter((duty): duty is RestartDuty => duty === 'compared' || duty === 'rewritten'),
      };
    },

    noteDone: async (duty, runId) => {
      await redis.hset(keys.ledger, `${duty}_for`, runId);
    },

    nowMs: () => redisNowMs(redis),
  };
};
