import type { RekeyClient, Rotation } from '@rekey/client';
import type { Target } from '../system/assistants.ts';

const WITHIN_MS = 5000;

/** Rotates a key. Resolves with the rotation if it SUCCEEDED, else with what became of it. */
export const requestRotation = async (
  client: RekeyClient,
  target: Target,
  withinMs = WITHIN_MS,
): Promise<Rotation | string> => {
  try {
    const { id } = await client.rotateSecretKey(target, { deadlineMs: 2000 });
    const rotation = await client.waitRotation({ id, timeoutMs: withinMs });
    const { state, error } = rotation;
    return state === 'SUCCEEDED' ? rotation : `${state} ${error?.reason ?? ''}`.trim();
  } catch (error) {
    return `REFUSED ${(error as Error).message.slice(0, 60)}`;
  }
};

/** Rotates a key. Resolves with undefined if that SUCCEEDED, else with what became of it. */
export const rotate = async (
  client: RekeyClient,
  target: Target,
  withinMs = WITHIN_MS,
): Promise<string | undefined> => {
  const result = await requestRotation(client, target, withinMs);
  return typeof result === 'string' ? result : undefined;
};

/** Rotates all keys. Throws if one of them is not rotated. */
export const rotateAll = async (client: RekeyClient, targets: readonly Target[]): Promise<void> => {
  const results = await Promise.all(targets.map((target) => rotate(client, target, 20_000)));
  const failed = results.find((result) => result !== undefined);
  if (failed !== undefined) throw new Error(`a rotation before the first mutation: ${failed}`);
};
