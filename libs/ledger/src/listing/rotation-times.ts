import type { Connection } from '../connection.ts';
import { unlessWrongType } from '../scripts/run.ts';
import { isMoment } from './listed-assistant.ts';

/** When a rotation took its steps, in ms since 1970; undefined of those that were not noted. */
export interface RotationTimes {
  /** When the last request to Invent was about to be sent. */
  sentMs?: number;
  /** When the outcome last became unknown. */
  unknownMs?: number;
  /** When the read began that found the key. */
  readMs?: number;
}

export const readRotationTimes = async (
  { redis, keys }: Pick<Connection, 'redis' | 'keys'>,
  id: string,
): Promise<RotationTimes> => {
  const fields = redis.hmget(keys.rotation(id), 'sent', 'since', 'read');
  const [sentMs, unknownMs, readMs] = (await unlessWrongType(fields, [])).map((text) =>
    isMoment(text) ? Number(text) : undefined,
  );
  return {
    ...(sentMs !== undefined && { sentMs }),
    ...(unknownMs !== undefined && { unknownMs }),
    ...(readMs !== undefined && { readMs }),
  };
};
