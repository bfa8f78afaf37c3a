import type { Ledger } from '@rekey/ledger';
import { StartError, type Logger } from '@rekey/runtime';
import { CurrentEvent, parseJson } from '@rekey/schema';
import type { Sealer } from '@rekey/sealing';
import type { Base } from './base.ts';
import type { Stores } from './ledger.ts';

const LOOK_EVERY_MS = 500;
/** How many records and consumers' keys are tried before a key file counts as a wrong one. */
const TRIED = 20;

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
  const code = registry.untrusted();
  const isUndecided = registry.rev() === 0 && code !== 'REGISTRY_UNTRUSTED';
  if (isUndecided && (await opensNothing(ledger, sealer)))
    throw wrongKeyFile('it opens none of the records and keys that are stored');
  await restoreBinding(ledger, sealer, logger);
  if (code === undefined && noted === undefined) await registry.noteKeySet(sealer.keySetId);
  const onError = (err: unknown) => logger.event('registry_unreadable', { err });
  registry.listen(subscriber, onError);
  const looking = registry.startLooking(LOOK_EVERY_MS, onError);
  shutdown.defer('registry', () => looking.close());
};

const differentKeys = (noted: string, own: string): string => {
  const [ours, theirs] = [own.split('.'), noted.split('.')];
  const names = ['the sealing key (enc)', 'the fingerprint key (sig)', 'the signing key (Ed25519)'];
  const different = names.filter((_, i) => ours[i] !== theirs[i]);
  return `${different.join(', ')} ${different.length === 1 ? 'is' : 'are'}`;
};

/** The ledger's own note of its fingerprint key is unproved. The registry has just proved the key file. */
const restoreBinding = async (ledger: Ledger, sealer: Sealer, logger: Logger): Promise<void> => {
  const bound = await ledger.system.boundTo();
  if (bound === sealer.fingerprintKeyId || ledger.registry.keySetId() !== sealer.keySetId) return;
  await ledger.system.rebind(sealer.fingerprintKeyId);
  ledger.registry.noteRepaired({
    code: 'LEDGER_ALTERED',
    subject: '',
    detail: 'its note of the fingerprint key was changed',
  });
  logger.event('ledger_binding_restored', { bound_to: String(bound).slice(0, 63) });
};

/** Whether there is something that only the key file of this ledger opens, and this one does not. */
const opensNothing = async (ledger: Ledger, sealer: Sealer): Promise<boolean> => {
  let tried = 0;
  const opens = async (opening: Promise<string>): Promise<boolean> => {
    tried += 1;
    return opening.then(
      () => true,
      () => false,
    );
  };
  for (const { consumer } of await ledger.registry.trust.candidates()) {
    if (consumer?.kept === undefined || tried >= TRIED) continue;
    if (await opens(sealer.openOwn(consumer.kept, 'kept'))) return false;
  }
  const most = tried + TRIED;
  for (const { orgId } of await ledger.orgs.list()) {
    if (tried >= most) break;
    const { events } = await ledger.assistants.publishedPage(orgId, '0');
    for (const { event } of events.slice(0, most - tried)) {
      const parsed = CurrentEvent.safeParse(parseJson(event));
      if (parsed.success && (await opens(sealer.open(parsed.data.data.sealed)))) return false;
    }
  }
  return tried > 0;
};
