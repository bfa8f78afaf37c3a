import type { GatewayClient, ProtoRotation } from '@rekey/rpc';
import { isEnded, isWaitedFor, type RotationState } from '@rekey/schema';
import { exitCodes } from './failure.ts';
import { conclude, follow } from './follow.ts';
import { print } from './gateway-command.ts';
import { rotationJson, rotationText } from './output.ts';

/** Waits in slices, so that every change of state is seen on the way. */
const SLICE_MS = 2000;

const ended = (rotation: ProtoRotation): boolean => isEnded(rotation.state as RotationState);

/** Which consumers are waited for too: those that are named, or, where none is, all that are live. */
export interface AlsoUntil {
  consumers: string[];
}

/** Of those that are waited for, who has not applied it. */
const waitedFor = ({ consumers }: ProtoRotation, also: AlsoUntil) => consumers.filter(({ consumer, state }) => isWaitedFor({ consumer, state: String(state) }, also.consumers));

export const followRotation = (client: GatewayClient, rotation: ProtoRotation, timeoutSeconds: number, also?: AlsoUntil): Promise<ProtoRotation> =>
  follow(
    rotation,
    {
      isEnded: (now) => ended(now) && (!also || now.state !== 'SUCCEEDED' || (now !== rotation && waitedFor(now, also).length === 0)),
      progress: (now) => `${now.id} ${now.state}${also && now.state === 'SUCCEEDED' ? `, waiting for ${waitedFor(now, also).map(({ consumer }) => consumer).join(', ') || 'consumers'}` : ''}`,
      next: ({ id }, withinMs) => {
        const sliceMs = Math.min(SLICE_MS, withinMs);
        const timeout = { seconds: Math.floor(sliceMs / 1000), nanos: Math.floor((sliceMs % 1000) * 1e6) };
        return client.waitRotation({ id, timeout, ...(also && { until: 'ACKNOWLEDGED', consumers: also.consumers }) }, { deadlineMs: sliceMs + 5000 });
      },
    },
    timeoutSeconds,
  );

/** Shows a rotation that is not waited for. It may be one that ended long ago, for the same request: then the command ends as it did. */
export const showRotation = (rotation: ProtoRotation, options: { json?: boolean }): void => {
  print(options, rotationJson(rotation), rotationText(rotation));
  if (!ended(rotation) || rotation.state === 'SUCCEEDED') return;
  process.stderr.write(`${rotation.id} has ended as ${rotation.state}. Ask again for it: rekey retry ${rotation.id}\n`);
  process.exitCode = exitCodes.failed;
};

export const concludeRotation = (rotation: ProtoRotation, options: { json?: boolean; timeout: number }, also?: AlsoUntil): void =>
  conclude(options, {
    json: rotationJson(rotation),
    text: rotationText(rotation),
    ended: ended(rotation) && !(also && rotation.state === 'SUCCEEDED' && waitedFor(rotation, also).length > 0),
    succeeded: rotation.state === 'SUCCEEDED',
    goOn: `rekey get ${rotation.id} --wait`,
  });
