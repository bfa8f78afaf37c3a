import type { Ledger } from '@rekey/ledger';
import { StartError, type Logger } from '@rekey/runtime';
import type { Sealer } from '@rekey/sealing';
import { every } from '../shared/every.ts';
import type { Base } from './base.ts';
import { collectEvidence } from './key-file-evidence.ts';
import type { Stores } from './ledger.ts';

const LOOK_EVERY_MS = 500;
const NOTE_KEYS_EVERY_MS = 5000;

const wrongKeyFile = (why: string): StartError =>
  new StartError(
    'WRONG_KEY_FILE',
    `REKEY_KEY_FILE is not the key file of this ledger: ${why}. Use its key file, or another REKEY_PREFIX`,
  );

/**
 * Reads the registry of consumers, and checks the whole key file against it. Throws StartError if the key
 * file is another one. A writer in Redis stops no start: what he can change is not what decides.
 */
export const joinRegistry = async (
  { logger, shutdown }: Base,
  { ledger, subscriber }: Pick<Stores, 'ledger' | 'subscriber'>,
  sealer: Sealer,
): Promise<void> => {
  const { registry } = ledger;
  await registry.look({ full: true });
  const noted = registry.keySetId();
  if (noted !== undefined && noted !== sealer.keySetId)
    throw wrongKeyFile(`${differentKeys(noted, sealer.keySetId)} another one`);
  if (noted === undefined) await checkByEvidence(ledger, sealer);
  await restoreBinding(ledger, sealer, logger);
  const note = async (): Promise<void> => {
    if (registry.untrusted() === undefined && registry.keySetId() === undefined)
      await registry.noteKeySet(sealer.keySetId);
  };
  await note();
  const onError = (err: unknown) => logger.event('registry_unreadable', { err });
  registry.listen(subscriber, onError);
  const looking = registry.startLooking(LOOK_EVERY_MS, onError);
  shutdown.defer('registry', () => looking.close());
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

/**
 * Without a proved registry, records and keys say whose the ledger is. Its own note of the fingerprint key is
 * unproved: a record that opens, and whose fingerprint is the one of its key, outweighs that.
 */
const checkByEvidence = async (ledger: Ledger, sealer: Sealer): Promise<void> => {
  const { registry, system } = ledger;
  const bound = await system.boundTo();
  const isBound = bound === undefined || bound === sealer.fingerprintKeyId;
  const found = await collectEvidence(ledger, sealer, isBound ? 'opened' : 'printed');
  const hasNoPrints = found.opened && found.records === 0;
  if (!isBound && !found.printed && !hasNoPrints)
    throw new StartError(
      'WRONG_KEY_FILE',
      `REKEY_KEY_FILE holds key ${sealer.fingerprintKeyId}, but this ledger belongs to key ${bound}: ` +
        'use that key file, or another REKEY_PREFIX',
    );
  const isUndecided = registry.rev() === 0 && registry.untrusted() !== 'REGISTRY_UNTRUSTED';
  if (isUndecided && found.tried > 0 && !found.opened)
    throw wrongKeyFile('it opens none of the records and keys that are stored');
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
