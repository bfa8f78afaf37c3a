import { Command } from 'commander';
import { confirm } from '../confirm.ts';
import { CliError } from '../failure.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { proofJson, reportLagging, untilProved } from './registry-proof.ts';
import { consequences, plural, reviewTable, reviewedJson } from './review-output.ts';

interface TrustOptions extends GatewayOptions {
  except?: string[];
  keepGrants?: boolean;
  yes?: boolean;
}

const several = (name: string, before: string[] | undefined): string[] => [...(before ?? []), name];

const refuseUnknown = (except: readonly string[], names: readonly string[]): void => {
  const unknown = except.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new CliError(`There is no entry of ${unknown.join(', ')} in Redis.`, 'CONSUMER_NOT_FOUND');
};

const trust = async ({ except = [], keepGrants = false, ...options }: TrustOptions): Promise<void> =>
  withGateway(options, async (client) => {
    const review = await client.reviewRegistry();
    refuseUnknown(
      except,
      review.consumers.map(({ name }) => name),
    );
    const trusted = review.consumers.filter(({ name }) => !except.includes(name));
    const shown = trusted.length > 0 ? `${reviewTable(trusted)}\n\n` : '';
    process.stderr.write(
      `${shown}${consequences(review, { trusted: trusted.length, left: except, keepGrants })}\n`,
    );
    await confirm('Trust exactly these consumers?', options);
    const { registryRev } = await client.trustRegistry({
      consumers: trusted.map(({ name, digest }) => ({ name, digest })),
      keepGrants,
    });
    // Workers may be started afterwards.
    const proof = await untilProved(client, registryRev, { least: 0 });
    print(
      options,
      { registry_rev: registryRev, consumers: trusted.map(reviewedJson), ...proofJson(proof) },
      `The registry has ${plural(trusted.length, 'consumer', 'consumers')} (rev ${registryRev}).`,
    );
    if (proof.lagging.length > 0) reportLagging(registryRev, proof);
  });

const trustCommand = (): Command =>
  withGatewayOptions(new Command('trust'))
    .description(
      'decide which consumers to trust: shows the entries in Redis, asks, and signs exactly these. ' +
        'For a ledger of an earlier version, a restored backup, or a lost registry',
    )
    .option('--except <name>', 'remove this entry; may be given several times', several)
    .option(
      '--keep-grants',
      'keep the grants in the entries: only if nothing else can have written to Redis. ' +
        'By default, workers issue new ones',
    )
    .option('--yes', 'do not ask')
    .action(trust);

export const registryCommand = (): Command =>
  new Command('registry')
    .description('manage the registry: the signed list of the consumers that gateways and workers trust')
    .addCommand(trustCommand());
