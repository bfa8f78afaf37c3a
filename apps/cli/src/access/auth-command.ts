import { permissions } from '@rekey/access';
import type { AccessCheck, AccessGrant, Identity } from '@rekey/client';
import { Argument, Command } from 'commander';
import { exitCodes } from '../failure.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { notEmpty } from '../option-values.ts';
import { isoTime, printable, table, withoutEmpty } from '../output/output.ts';

interface CheckOptions extends GatewayOptions {
  org?: string;
  as?: string;
}

const grantText = ({ principal, role, orgs, source }: AccessGrant): string => {
  const what = `${printable(role)} in ${orgs.map(printable).join(', ')}`;
  return `${what}, by ${printable(source)} for ${printable(principal)}`;
};

const identityText = ({ principal, names, also, grants, expireTime }: Identity): string =>
  [
    table([
      ['principal', principal],
      ['names', names.length > 1 ? names.map(printable).join(', ') : undefined],
      ['also', also],
      ['expires', isoTime(expireTime)],
    ]),
    ...(grants.length === 0 ? ['nothing gives it a role'] : grants.map(grantText)),
  ].join('\n');

const whoamiCommand = (): Command =>
  withGatewayOptions(new Command('whoami'))
    .description('show who you are to the gateway, and what you may do')
    .action(async (options: GatewayOptions) => {
      await withGateway(options, async (client) => {
        const { expireTime, ...identity } = await client.whoAmI();
        const json = withoutEmpty({ ...identity, expire_time: isoTime(expireTime) });
        print(options, json, identityText({ ...identity, ...(expireTime && { expireTime }) }));
      });
    });

const where = (org: string | undefined): string => (org === undefined ? 'in every org' : `in ${org}`);

const explanationOf = (
  permission: string,
  { org }: CheckOptions,
  { allowed, grants, otherGrants, weakestRole }: AccessCheck,
): string => {
  const verdict = `${allowed ? 'allowed' : 'not allowed'}: ${permission} ${printable(where(org))}`;
  if (weakestRole === 'everyone') return `${verdict}\n  each known caller may`;
  return [
    verdict,
    ...(allowed
      ? grants.map((one) => `  has ${grantText(one)}`)
      : [`  it needs ${weakestRole} or a stronger role`]),
    ...(allowed ? [] : otherGrants.map((one) => `  has ${grantText(one)}`)),
    ...(!allowed && otherGrants.length === 0 ? ['  nothing gives a role'] : []),
  ].join('\n');
};

const check =
  (toText: (permission: string, options: CheckOptions, found: AccessCheck) => string) =>
  async (permission: string, options: CheckOptions): Promise<void> =>
    withGateway(options, async (client) => {
      const { org, as } = options;
      const found = await client.checkAccess({
        permission,
        ...(org !== undefined && { orgId: org }),
        ...(as !== undefined && { principal: as }),
      });
      const { allowed, grants, otherGrants, weakestRole } = found;
      const json = { permission, allowed, grants, other_grants: otherGrants, weakest_role: weakestRole };
      print(options, json, toText(permission, options, found));
      if (!allowed) process.exitCode = exitCodes.failed;
    });

const withCheckOptions = (command: Command): Command =>
  withGatewayOptions(command)
    .addArgument(new Argument('<permission>', 'such as rotations.create').choices(Object.keys(permissions)))
    .option('--org <id>', 'in this org (default: in every org)', notEmpty)
    .option('--as <principal>', 'another caller, as a binding names it; needs access.read', notEmpty);

const canICommand = (): Command =>
  withCheckOptions(new Command('can-i'))
    .description('whether you may do something; ends with 1 if not')
    .action(check((_permission, _options, { allowed }) => (allowed ? 'allowed' : 'not allowed')));

const explainCommand = (): Command =>
  withCheckOptions(new Command('explain'))
    .description('whether you may do something, and which binding or token says so; ends with 1 if not')
    .action(check(explanationOf));

export const authCommand = (): Command =>
  new Command('auth')
    .description('who you are to the gateway, and what you may do')
    .addCommand(whoamiCommand())
    .addCommand(canICommand())
    .addCommand(explainCommand())
    .addHelpText(
      'after',
      `
Examples:
  rekey auth whoami
  rekey auth can-i rotations.create --org org_demo
  rekey auth explain consumers.create --org org_demo --as token:nightly`,
    );
