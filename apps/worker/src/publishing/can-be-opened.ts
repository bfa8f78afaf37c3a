import { CurrentEvent, KEY_REMOVED, parseJson } from '@rekey/schema';
import { openRecord, type Sealer } from '@rekey/sealing';

/**
 * Half of the lead that consumers accept, so that a version which does not say that it is ahead stays
 * acceptable until consumers read it.
 */
const AHEAD_MS = 43_200_000;

/** Whether a version is ahead of the clock of Redis: it was assigned while that clock was wrong. */
export const isAhead = (version: number, nowMs: number): boolean => version > 1000 * (nowMs + AHEAD_MS);

/**
 * Whether the current record of an assistant is an event that consumers can open and accept, of a key in this
 * state. `nowMs` is Redis time.
 */
export const canBeOpened = async (
  sealer: Sealer,
  current: string | null,
  assistantId: string,
  state: string,
  nowMs: number,
): Promise<boolean> => {
  const event = parseEvent(current);
  if (!event || event.subject !== assistantId) return false;
  if (isAhead(event.data.version, nowMs) && !(await openRecord(sealer, event).catch(() => undefined))?.ahead)
    return false;
  if (event.type === KEY_REMOVED) return event.data.removal === state;
  try {
    const opened = await openRecord(sealer, event);
    const { secret_key: secretKey } = opened.assistant;
    return (
      event.data.fingerprint === state &&
      opened.version === event.data.version &&
      !!secretKey &&
      sealer.fingerprint(secretKey) === state
    );
  } catch {
    return false;
  }
};

/**
 * The org of the current record of an assistant, from inside of it: anyone who can write to Redis can change
 * what stands outside. Undefined if it cannot be opened, or is not this version of this assistant.
 */
export const provenOrgOf = async (
  sealer: Sealer,
  current: string | null,
  assistantId: string,
  version: number,
): Promise<string | undefined> => {
  const event = parseEvent(current);
  if (!event || event.subject !== assistantId || event.data.version !== version) return undefined;
  try {
    return (await openRecord(sealer, event)).org_id;
  } catch {
    return undefined;
  }
};

const parseEvent = (text: string | null): CurrentEvent | undefined => {
  return CurrentEvent.safeParse(parseJson(text)).data;
};
