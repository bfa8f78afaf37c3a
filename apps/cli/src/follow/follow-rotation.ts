import type { RekeyClient, Rotation } from '@rekey/client';
import { isAcknowledged, isEnded, isOutstanding } from '@rekey/schema';
import { CliError, exitCodes, isCallError } from '../failure.ts';
import { conclude, follow } from './follow.ts';
import { gatewayAsGiven, print, type GatewayOptions } from '../gateway-command.ts';
import { isForPrograms } from '../output/format.ts';
import { printable, rotationJson, rotationText } from '../output/output.ts';

/** The wait is divided into slices, so that the display shows each change of state. */
const SLICE_MS = 2000;

const ended = (rotation: Rotation): boolean => isEnded(rotation.state);

/** Which consumers the command also waits for: the named ones, or if none is named, all live ones. */
export interface AlsoUntil {
  consumers: string[];
}

const acknowledgementsOf = ({ consumers = [] }: Rotation) =>
  consumers.map(({ name, state }) => ({ consumer: name, state: String(state) }));
/** The consumers that the command still waits for. */
const missingOf = (rotation: Rotation, also: AlsoUntil) =>
  acknowledgementsOf(rotation).filter((one) => isOutstanding(one, also.consumers));

/** The command that continues the wait, ready to paste. */
export const waitAgain = (id: string, options: GatewayOptions, also?: AlsoUntil): string => {
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
  let noConsumers = false;
  return follow(
    rotation,
    {
      isEnded: (now) =>
        ended(now) &&
        (!also ||
          now.state !== 'SUCCEEDED' ||
          noConsumers ||
          (now !== rotation && isAcknowledged(acknowledgementsOf(now), also.consumers))),
      progress: (now) =>
        `${now.id} ${now.state}${
          also && now.state === 'SUCCEEDED'
            ? `, waiting for ${
                missingOf(now, also)
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
          if (!isCallError(error) || error.code !== 'CONSUMERS_MISSING') throw error;
          noConsumers = true;
          return client.getRotation(id);
        });
      },
    },
    timeoutSeconds,
  );
};

/**
 * Shows a rotation without waiting. It may have ended long ago, if an earlier identical request created it:
 * the exit code then says how it ended.
 */
export const showRotation = (rotation: Rotation, options: GatewayOptions): void => {
  print(options, rotationJson(rotation), rotationText(rotation));
  if (!ended(rotation) && !isForPrograms(options))
    process.stderr.write(`Follow it: ${waitAgain(rotation.id, options)}\n`);
  if (!ended(rotation) || rotation.state === 'SUCCEEDED') return;
  process.stderr.write(
    `${rotation.id} has ended as ${rotation.state}. Retry it: rekey retry ${rotation.id}\n`,
  );
  process.exitCode = exitCodes.failed;
};

/** Why a rotation that has succeeded does not count as acknowledged. */
const notAcknowledged = (
  rotation: Rotation,
  options: GatewayOptions & { timeout: number },
  also: AlsoUntil,
): CliError => {
  const { id, orgId } = rotation;
  const acknowledgements = acknowledgementsOf(rotation);
  if (acknowledgements.length === 0) {
    return new CliError(
      `${id} has succeeded, but no consumer may read ${printable(orgId)}, so none can acknowledge it. ` +
        'Add one: rekey consumer add --help',
      'CONSUMERS_MISSING',
    );
  }
  const missing = missingOf(rotation, also);
  const who =
    missing.length > 0
      ? `${missing.map(({ consumer, state }) => `${consumer} (${state})`).join(', ')} had not acknowledged it`
      : `no consumer that may read ${printable(orgId)} was live ` +
        `(${acknowledgements.map(({ consumer }) => consumer).join(', ')})`;
  return new CliError(
    `${id} has succeeded, but after ${options.timeout} s ${who}. Wait again: ${waitAgain(id, options, also)}`,
    'NOT_ACKNOWLEDGED',
    exitCodes.notEnded,
  );
};

export const concludeRotation = (
  rotation: Rotation,
  options: GatewayOptions & { timeout: number },
  also?: AlsoUntil,
): void => {
  if (
    also &&
    rotation.state === 'SUCCEEDED' &&
    !isAcknowledged(acknowledgementsOf(rotation), also.consumers)
  ) {
    print(options, rotationJson(rotation), rotationText(rotation));
    throw notAcknowledged(rotation, options, also);
  }
  conclude(options, {
    json: rotationJson(rotation),
    text: rotationText(rotation),
    ended: ended(rotation),
    succeeded: rotation.state === 'SUCCEEDED',
    waitAgain: waitAgain(rotation.id, options, also),
    idle: rotation.noLiveWorker ?? false,
  });
};
