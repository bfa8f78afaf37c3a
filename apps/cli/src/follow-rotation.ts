import type { GatewayClient, ProtoRotation } from '@rekey/rpc';
import { isEnded, type RotationState } from '@rekey/schema';
import { conclude, follow } from './follow.ts';
import { rotationJson, rotationText } from './output.ts';

/** Waits in slices, so that every change of state is seen on the way. */
const SLICE_MS = 2000;

const ended = (rotation: ProtoRotation): boolean => isEnded(rotation.state as RotationState);

export const followRotation = (client: GatewayClient, rotation: ProtoRotation, timeoutSeconds: number): Promise<ProtoRotation> =>
  follow(
    rotation,
    {
      isEnded: ended,
      progress: ({ id, state }) => `${id} ${state}`,
      next: ({ id }, withinMs) => {
        const sliceMs = Math.min(SLICE_MS, withinMs);
        const timeout = { seconds: Math.floor(sliceMs / 1000), nanos: Math.floor((sliceMs % 1000) * 1e6) };
        return client.waitRotation({ id, timeout }, { deadlineMs: sliceMs + 5000 });
      },
    },
    timeoutSeconds,
  );

export const concludeRotation = (rotation: ProtoRotation, options: { json?: boolean; timeout: number }): void =>
  conclude(options, {
    json: rotationJson(rotation),
    text: rotationText(rotation),
    ended: ended(rotation),
    succeeded: rotation.state === 'SUCCEEDED',
    goOn: `rekey get ${rotation.id} --wait`,
  });
