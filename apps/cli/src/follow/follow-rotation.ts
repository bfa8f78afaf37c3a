import { RekeyClientError, type RekeyClient, type Rotation } from '@rekey/client';
import { isAcknowledged, isEnded, isOutstanding } from '@rekey/schema';
import { CliError, exitCodes } from '../failure.ts';
import { conclude, follow } from './follow.ts';
import { gatewayAsGiven, print } from '../gateway-command.ts';
import { printable, rotationJson, rotationText } from '../output/output.ts';

/** Waits in slices, so that every change of state is seen on the way. */
const SLICE_MS = 2000;

const ended = (rotation: Rotation): boolean => isEnded(rotation.state);

/** Which consumers are waited for too: those that are named, or, where none is, all that are live. */
export interface AlsoUntil {
  consumers: string[];
}

const reachOf = ({ consumers = [] }: Rotation) =>
  consumers.map(({ name, state }) => ({ consumer: name, state: String(state) }));
/** Of those that are waited for, who has not applied it. */
const waitedFor = (rotation: Rotation, also: AlsoUntil) =>
  reachOf(rotation).filter((one) => isOutstanding(one, also.consumers));

/** The command that waits for the same again, as it can be pasted. */
export const waitAgain = (id: string, options: { gateway: string }, also?: AlsoUntil): string => {
  const until = also
    ? also.consumers.length === 0
      ? ' --acknowledged'
      : also.consumers.map((name) => ` --consumer ${name}`).join('')
    : ' --wait';
  return `rekey get ${id}${until}${gatewayAsGiven(options)}`;
};

export const followRotation = (
  client: RekeyClient,
  rotation: Rotation,
  timeoutSeconds: number,
  also?: AlsoUntil,
): Promise<Rotation> => {
  let nobodyMayRead = false;
  return follow(
    rotation,
    {
      isEnded: (now) =>
        ended(now) &&
        (!also ||
          now.state !== 'SUCCEEDED' ||
          nobodyMayRead ||
          (now !== rotation && isAcknowledged(reachOf(now), also.consumers))),
      progress: (now) =>
        `${now.id} ${now.state}${
          also && now.state === 'SUCCEEDED'
            ? `, waiting for ${
                waitedFor(now, also)
                  .map(({ consumer }) => consumer)
                  .join(', ') || 'consumers'
              }`
            : ''
        }`,
      isIdle: (now) => now.noLiveWorker ?? false,
      next: ({ id }, withinMs) => {
        const sliceMs = Math.min(SLICE_MS, withinMs);
        const until = also && { until: 'ACKNOWLEDGED' as const, consumers: also.consumers };
        return client.waitRotation({ id, timeoutMs: sliceMs, ...until }).catch((error: unknown) => {
          if (!(error instanceof RekeyClientError) || error.code !== 'CONSUMERS_MISSING') throw error;
          nobodyMayRead = true;
          return client.getRotation(id);
        });
      },
    },
    timeoutSeconds,
  );
};

/**
 * Shows a rotation that is not waited for. It may be one that ended long ago, for the same request: then the
 * command ends as it did.
 */
export const showRotation = (rotation: Rotation, options: { json?: boolean }): void => {
  print(options, rotationJson(rotation), rotationText(rotation));
  if (!ended(rotation) || rotation.state === 'SUCCEEDED') return;
  process.stderr.write(
    `${rotation.id} has ended as ${rotation.state}. Ask again for it: rekey retry ${rotation.id}\n`,
  );
  process.exitCode = exitCodes.failed;
};

/** Why a rotation that has succeeded does not count as acknowledged. */
const notAcknowledged = (
  rotation: Rotation,
  options: { gateway: string; timeout: number },
  also: AlsoUntil,
): CliError => {
  const { id, orgId } = rotation;
  const reach = reachOf(rotation);
  if (reach.length === 0) {
    return new CliError(
      `${id} has succeeded, but nobody can acknowledge it: no consumer may read ${printable(orgId)}. Add one: rekey consumer add --help`,
      'CONSUMERS_MISSING',
    );
  }
  const missing = waitedFor(rotation, also);
  const who =
    missing.length > 0
      ? `is not acknowledged by ${missing.map(({ consumer, state }) => `${consumer} (${state})`).join(', ')}`
      : `no consumer is live that may read ${printable(orgId)} (${reach.map(({ consumer }) => consumer).join(', ')})`;
  return new CliError(
    `${id} has succeeded, but after ${options.timeout} s ${who}. Wait again: ${waitAgain(id, options, also)}`,
    'NOT_ACKNOWLEDGED',
    exitCodes.notEnded,
  );
};

export const concludeRotation = (
  rotation: Rotation,
  options: { json?: boolean; timeout: number; gateway: string },
  also?: AlsoUntil,
): void => {
  if (also && rotation.state === 'SUCCEEDED' && !isAcknowledged(reachOf(rotation), also.consumers)) {
    print(options, rotationJson(rotation), rotationText(rotation));
    throw notAcknowledged(rotation, options, also);
  }
  conclude(options, {
    json: rotationJson(rotation),
    text: rotationText(rotation),
    ended: ended(rotation),
    succeeded: rotation.state === 'SUCCEEDED',
    goOn: waitAgain(rotation.id, options, also),
    idle: rotation.noLiveWorker ?? false,
  });
};
