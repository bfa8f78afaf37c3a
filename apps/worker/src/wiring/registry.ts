import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from '@rekey/ledger';
import { StartError, type Logger } from '@rekey/runtime';
import type { Sealer } from '@rekey/sealing';
import { every } from '../shared/every.ts';
import type { Base } from './base.ts';
import { collectEvidence } from './key-file/key-file-evidence.ts';
import type { Stores } from './ledger.ts';

const LOOK_EVERY_MS = 500;
const NOTE_KEYS_EVERY_MS = 5000;
/** How soon the evidence is collected again. */
const DOUBT_AGAIN_MS = 5000;

const wrongKeyFile = (why: string): StartError =>
  new StartError(
    'WRONG_KEY_FILE',
    `REKEY_KEY_FILE is not the key file of this ledger: ${why}. Use its key file, or another REKEY_PREFIX`,
  );

/** Health, for as long as a worker waits. */
type Standby = () => Promise<{ close(): Promise<void> } | undefined>;

/**
 * Reads the registry of consumers, and checks the whole key file against it. Throws StartError if the
 * registry proves that the key file is another one: nobody without its sealing key can write that. Whatever
 * else is in Redis, a writer could have put there: it ends no start. If it speaks against the key file, the
 * worker waits.
 */
export const joinRegistry = async (
  { logger, shutdown }: Base,
  { ledger, subscriber }: Pick<Stores, 'ledger' | 'subscriber'>,
  sealer: Sealer,
  standby: Standby,
): Promise<void> => {
  const { registry } = ledger;
  await registry.look({ full: true });
  const onError = (err: unknown) => logger.event('registry_unreadable', { err });
  registry.listen(subscriber, onError);
  const looking = registry.startLooking(LOOK_EVERY_MS, onError);
  shutdown.defer('registry', () => looking.close());
  const stopping = new AbortController();
  shutdown.defer('doubt', () => stopping.abort());
  await untilUndoubted({ ledger, sealer, logger, standby, signal: stopping.signal });
  await restoreBinding(ledger, sealer, logger);
  const note = async (): Promise<void> => {
    if (registry.untrusted() === undefined && registry.keySetId() === undefined)
      await registry.noteKeySet(sealer.keySetId);
  };
  await note();
  // The manifest of an operator's later decision does not name the keys yet.
  const noting = every(NOTE_KEYS_EVERY_MS, note, onError);
  shutdown.defer('key set', () => noting.close());
};

const differentKeys = (noted: string, own: string): string => {
  const [ours, theirs] = [own.split('.'), noted.split('.')];
  const names = ['the sealing key (enc)', 'the fingerprint key (sig)', 'the signing key (Ed25519)'];
  const different = names.filter((_, i) => ours[i] !== theirs[i]);
  return `${different.join(', ')} ${different.length === 1 ? 'is' : 'are'}`;
};

interface Doubted {
  ledger: Ledger;
  sealer: Sealer;
  logger: Logger;
  standby: Standby;
  signal: AbortSignal;
}

/** Waits until nothing speaks against the key file, or the registry proves that it is the right one. */
const untilUndoubted = async ({ ledger, sealer, logger, standby, signal }: Doubted): Promise<void> => {
  let doubt = await doubtOf(ledger, sealer);
  if (doubt === undefined) return;
  logger.event('key_file_doubted', { why: doubt });
  const health = await standby();
  for (let lookedAt = performance.now(); doubt !== undefined;) {
    await sleep(LOOK_EVERY_MS, undefined, { signal });
    const isDue = ledger.registry.rev() > 0 || performance.now() - lookedAt > DOUBT_AGAIN_MS;
    if (!isDue) continue;
    lookedAt = performance.now();
    try {
      doubt = await doubtOf(ledger, sealer);
    } catch (err) {
      // Redis may be away, or another client may have spoiled what is read.
      if (err instanceof StartError) throw err;
      logger.event('registry_unreadable', { err });
    }
  }
  await health?.close();
  logger.event('key_file_accepted');
};

/**
 * Why the key file may be that of another ledger; undefined if nothing says so. A registry that the key file
 * proves is that of its sealing key. Without one, records and keys say whose the ledger is. Its own note of
 * the fingerprint key is unproved: a record that opens, and whose fingerprint is that of its key, outweighs
 * it.
 */
const doubtOf = async (ledger: Ledger, sealer: Sealer): Promise<string | undefined> => {
  const { registry, system } = ledger;
  const noted = registry.keySetId();
  if (noted !== undefined && noted !== sealer.keySetId)
    throw wrongKeyFile(`${differentKeys(noted, sealer.keySetId)} another one`);
  if (registry.rev() > 0) return undefined;
  const bound = await system.boundTo();
  const isBound = bound === undefined || bound === sealer.fingerprintKeyId;
  const found = await collectEvidence(ledger, sealer, isBound ? 'opened' : 'printed');
  const hasNoPrints = found.opened && found.records === 0;
  if (!isBound && !found.printed && !hasNoPrints)
    return `it holds key ${sealer.fingerprintKeyId}, and the ledger names key ${String(bound).slice(0, 63)}`;
  const isUndecided = registry.untrusted() !== 'REGISTRY_UNTRUSTED';
  if (isUndecided && found.tried > 0 && !found.opened)
    return 'it opens none of the records and keys that are stored';
  return undefined;
};

/** The ledger's own note of its fingerprint key is unproved. The key file has just been checked. */
const restoreBinding = async (ledger: Ledger, sealer: Sealer, logger: Logger): Promise<void> => {
  const bound = await ledger.system.boundTo();
  if (bound === sealer.fingerprintKeyId) return;
  await ledger.system.rebind(sealer.fingerprintKeyId);
  ledger.registry.noteRepaired({
    code: 'LEDGER_ALTERED',
    subject: '',
    detail: 'its note of the fingerprint key was changed',
  });
  logger.event('ledger_binding_restored', { bound_to: String(bound).slice(0, 63) });
};
