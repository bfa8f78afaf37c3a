import type { Change } from '../verdict/evidence.ts';
import type { Admin } from './simulator.ts';

const READS_AT_ONCE = 50;

/**
 * What was true of every assistant, oldest first: from the simulator's history, and for assistants without a
 * change from their record.
 */
export const readHistory = async (
  admin: Admin,
  assistantIds: readonly string[],
): Promise<Record<string, Change[]>> => {
  const history = await admin<Record<string, Change[]>>('GET', '/history');
  const untouched = assistantIds.filter((id) => !(id in history));
  while (untouched.length > 0) {
    await Promise.all(
      untouched.splice(0, READS_AT_ONCE).map(async (id) => {
        const { record } = await admin<{ record: { secret_key: string | null } }>('GET', `/assistants/${id}`);
        history[id] = [{ key: record.secret_key, atMs: 0, by: 'start' }];
      }),
    );
  }
  return history;
};
