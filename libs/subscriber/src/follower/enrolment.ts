import { Consumer, parseJson } from '@rekey/schema';
import { SealError, createAcknowledgementSigner, openGrant, type Grant } from '@rekey/sealing';
import type { RevokedEvent } from '../keys.ts';
import type { OwnKeys } from '../own-keys.ts';
import type { Names } from '../redis/names.ts';
import type { Session } from '../redis/session.ts';
import { SubscribeError } from '../subscribe-error.ts';
import type { Enrolment } from './state.ts';

/**
 * Reads the consumer's entry. Resolves with `current` if the entry has not changed. Rejects with
 * SubscribeError if the entry cannot be used.
 */
export const readEnrolment = async (
  at: Session,
  names: Names,
  consumer: string,
  ownKeys: OwnKeys,
  current: Enrolment | undefined,
): Promise<Enrolment> => {
  const text = await at.answer(at.commands.hget(names.consumers, consumer));
  const name = JSON.stringify(consumer);
  if (text === null) {
    const complaint = `Rekey has no consumer ${name}: add it with: rekey consumer add ${consumer}`;
    throw new SubscribeError('NOT_REGISTERED', complaint);
  }
  if (current?.text === text) return current;
  const { state, grant, orgs, ack_key: ackKey } = parseEntry(text, name);
  if (state !== 'ACTIVE' || grant === undefined) {
    const why =
      state === 'PENDING'
        ? 'no worker has issued its grant yet'
        : 'the records that were published before are still being sealed for it';
    throw new SubscribeError('NOT_READY', `the consumer ${name} is ${state}: ${why}`);
  }
  const recipient = await openGrant(grant, { consumer, ...ownKeys }).catch((error: unknown) => {
    const why = error instanceof SealError ? error.message : 'the grant cannot be opened';
    throw new SubscribeError(
      'WRONG_KEY_FILE',
      `the key file does not belong to the consumer ${name}: ${why}`,
    );
  });
  if (current && isOlder(recipient, current.recipient)) {
    const complaint = `the entry of the consumer ${name} has an older grant than the one that is held`;
    throw new SubscribeError('OLD_GRANT', complaint);
  }
  const sign = ackKey === undefined ? undefined : createAcknowledgementSigner(recipient);
  return { text, orgs, recipient, sign };
};

/**
 * The enrolment by another text of the entry, if the two differ only in how acknowledgements are verified.
 * Nothing else that this consumer holds depends on that.
 */
export const withAcknowledgementsOf = (current: Enrolment, text: string): Enrolment | undefined => {
  const [before, after] = [partsOf(current.text), partsOf(text)];
  if (!before || before.rest !== after?.rest) return undefined;
  const { hasKey } = after;
  return { ...current, text, sign: hasKey ? createAcknowledgementSigner(current.recipient) : undefined };
};

const partsOf = (text: string): { rest: string; hasKey: boolean } | undefined => {
  const entry = parseJson(text);
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { ack_key: ackKey, proves: _, ...rest } = entry as Partial<Consumer>;
  return { rest: JSON.stringify(rest), hasKey: ackKey !== undefined };
};

type HeldGrant = Pick<Grant, 'revision' | 'kid'>;
/**
 * An old entry that somebody put back has an old grant: its keys open old records, and none of today. Two
 * grants of one revision were never both stored.
 */
export const isOlder = (grant: HeldGrant, held: HeldGrant): boolean =>
  grant.revision < held.revision || (grant.revision === held.revision && grant.kid !== held.kid);

const parseEntry = (text: string, name: string): Consumer => {
  try {
    return Consumer.parse(JSON.parse(text));
  } catch {
    throw new SubscribeError(
      'NOT_READY',
      `the entry of the consumer ${name} cannot be read: remove the consumer, and add it again`,
    );
  }
};

/** Why a consumer is revoked whose entry cannot be used. */
export const revocationOf = ({ code, message }: SubscribeError): RevokedEvent => {
  if (code === 'NOT_REGISTERED') return { reason: 'not-registered', message };
  if (code === 'OLD_GRANT') return { reason: 'old-grant', message };
  return { reason: code === 'WRONG_KEY_FILE' ? 'wrong-key-file' : 'not-ready', message };
};
