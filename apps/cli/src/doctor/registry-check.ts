import { CliError, exitCodes } from '../failure.ts';
import { withGateway, type GatewayOptions } from '../gateway-command.ts';
import type { Finding } from './finding.ts';

/** Nobody can be sealed for, or the gateway serves no consumers. Other items of the registry are repaired. */
const FAILURES = [
  'REGISTRY_UNTRUSTED',
  'REGISTRY_NOT_TAKEN_OVER',
  'REGISTRY_KEY_OTHER',
  'REGISTRY_KEY_MISSING',
];

/** Whether the gateway can verify the registry of consumers: as `rekey status` says. */
export const checkRegistry = async (options: GatewayOptions): Promise<Finding[]> => {
  const check = 'registry';
  try {
    const { attention, registry } = await withGateway(options, (client) => client.getStatus());
    const items = attention.filter(({ code }) => /^(REGISTRY|CONSUMER_(UNTRUSTED|ALTERED|LOST))/.test(code));
    if (items.length > 0)
      return items.map(({ code, subject, message, advice }) => ({
        check,
        status: FAILURES.includes(code) ? 'fail' : 'warn',
        message: [code, subject, message].filter(Boolean).join(' '),
        advice,
      }));
    // A gateway of an earlier version has none.
    if (registry === undefined) return [];
    return [{ check, status: 'ok', message: `the gateway has verified revision ${registry.registryRev}` }];
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [
      {
        check,
        status: 'fail',
        ...(error.exitCode === exitCodes.unavailable && { away: true as const }),
        message: `not checked: ${error.message}`,
        advice: 'Correct what the other checks report, then run this again.',
      },
    ];
  }
};
