import type { ActivityFilter, ActivityRecord, RekeyClient } from '@rekey/client';
import { DAY_MS, activityTypes } from '@rekey/schema';
import { Command, InvalidArgumentError } from 'commander';
import { age, count, moment } from '../bulk/bulk-request.ts';
import { CliError } from '../failure.ts';
import { withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { notEmpty } from '../option-values.ts';
import { createListPrinter, printList, withColumns, type ListOptions } from '../output/list.ts';
import { take } from '../take.ts';
import { activityColumns } from './activity-output.ts';

interface ActivityOptions extends GatewayOptions, ListOptions<ActivityRecord> {
  follow?: boolean;
  org?: string;
  by?: string;
  target?: string;
  type?: string[];
  since?: Date;
  until?: Date;
  limit?: number;
}

const LISTED = 50;
const SHOWN_BEFORE_FOLLOWING = 10;
const LARGEST_PAGE = 500;

/** The value of --since and --until: a time, or how long ago. */
const time = (text: string): Date => {
  if (/^\d{1,6}[dhm]$/.test(text)) return new Date(Date.now() - age(text));
  try {
    return moment(text);
  } catch {
    throw new InvalidArgumentError(
      'must be a time such as 2026-01-31 or 2026-01-31T12:00:00Z, or how long ago: 30m, 12h, 7d.',
    );
  }
};

const types = (type: string, before: string[] | undefined): string[] => {
  if (!/^[a-z][a-z_]*(?:\.[a-z][a-z_]*)*(?:\.\*)?$/.test(type))
    throw new InvalidArgumentError(
      'must be a type such as rotation.failed, or rotation.* for all of a kind.',
    );
  return [...(before ?? []), type];
};

const filterOf = ({ org, by, target, type }: ActivityOptions): ActivityFilter => ({
  ...(org !== undefined && { orgId: org }),
  ...(by !== undefined && { principal: by }),
  ...(target !== undefined && { target }),
  ...(type !== undefined && { types: type }),
});

const warnOfUnreadable = (unreadable: number): void => {
  process.stderr.write(
    `${unreadable} ${unreadable === 1 ? 'entry' : 'entries'} passed over: no version of Rekey writes such. ` +
      'Another client of Redis has written to the stream of activity.\n',
  );
};

const list = async (client: RekeyClient, options: ActivityOptions): Promise<void> => {
  const { since, until, limit = LISTED } = options;
  let unreadable = 0;
  const all = client.activity(
    {
      ...filterOf(options),
      pageSize: Math.min(limit, LARGEST_PAGE),
      ...(since && { startTime: since }),
      ...(until && { endTime: until }),
    },
    { onUnreadable: (more) => (unreadable += more) },
  );
  await printList(options, activityColumns, take(all, limit), { empty: 'no records' });
  if (unreadable > 0) warnOfUnreadable(unreadable);
};

/** The newest records of the day up to a position, in the order of time. */
const recordsBefore = async (
  client: RekeyClient,
  options: ActivityOptions,
  position: string,
): Promise<ActivityRecord[]> => {
  const records: ActivityRecord[] = [];
  const { limit = SHOWN_BEFORE_FOLLOWING } = options;
  const [ms, n] = position.split('-').map(BigInt);
  const isUpTo = (other: string): boolean => {
    const [otherMs, otherN] = other.split('-').map(BigInt);
    return otherMs === ms ? otherN! <= n! : otherMs! < ms!;
  };
  const startTime = new Date(Math.max(Number(ms) - DAY_MS, 0));
  const all = client.activity({ ...filterOf(options), startTime, pageSize: LARGEST_PAGE });
  for await (const record of all) {
    if (isUpTo(record.position)) records.unshift(record);
    if (records.length >= limit) break;
  }
  return records;
};

/** Shows what was recorded last, or since a time, and then each record as it is added. */
const follow = async (client: RekeyClient, options: ActivityOptions): Promise<void> => {
  const { since } = options;
  const show = createListPrinter(options, activityColumns);
  const begun = Promise.withResolvers<string>();
  const records = client
    .watchActivity(
      // After every entry of the millisecond before.
      { ...filterOf(options), ...(since && { after: `${since.getTime() - 1}-18446744073709551615` }) },
      {
        onBegin: begun.resolve,
        onUnreadable: warnOfUnreadable,
        onDisconnect: () => process.stderr.write('the gateway is unavailable; reconnecting\n'),
        onReconnect: () => process.stderr.write('the gateway is available again\n'),
      },
    )
    [Symbol.asyncIterator]();
  let next = records.next();
  // It is awaited below, and may fail before.
  next.catch(() => {});
  const position = await Promise.race([begun.promise, next.then(() => begun.promise)]);
  if (!since) await show(await recordsBefore(client, options, position));
  for (let { done, value } = await next; !done; { done, value } = await next) {
    await show([value as ActivityRecord]);
    next = records.next();
  }
};

const complaint = ({ follow: follows, since, until, limit }: ActivityOptions): string | undefined => {
  if (follows && until) return '--until cannot be given together with --follow, which has no end.';
  if (follows && since && limit !== undefined)
    return '--limit cannot be given together with --follow and --since: all records since then are shown.';
  return since && until && since >= until ? '--until must be after --since.' : undefined;
};

export const activityCommand = (): Command =>
  withColumns(withGatewayOptions(new Command('activity')), activityColumns)
    .description('show who did what: changes with who made them, and calls that were denied')
    .option('--follow', 'then show each record as it is added, until Ctrl-C')
    .option('--org <id>', 'only records of this org', notEmpty)
    .option('--by <principal>', 'only what this principal did', notEmpty)
    .option(
      '--target <target>',
      'only records about this KIND:ID, or about the assistant with this id',
      notEmpty,
    )
    .option(
      '--type <type>',
      'only records of this type; rotation.* is every type of a kind; may be given several times',
      types,
    )
    .option(
      '--since <time>',
      'only records from this time on: 2026-01-31T12:00:00Z, or 30m, 12h, 7d ago',
      time,
    )
    .option('--until <time>', 'only records before this time', time)
    .option('--limit <n>', 'show up to N (default: 50; with --follow: 10 of the last day)', count)
    .action(async (options: ActivityOptions) => {
      const wrong = complaint(options);
      if (wrong !== undefined) throw new CliError(wrong, 'INVALID_ARGUMENT');
      await withGateway(options, (client) =>
        options.follow ? follow(client, options) : list(client, options),
      );
    })
    .addHelpText(
      'after',
      `
Newest first; with --follow, in the order of time. You see the records of the orgs in which you may read
activity; those of Rekey as a whole, such as a freeze, only with that right in every org.

BY is uri:…, dns:…, jwt:ISSUER#SUBJECT or token:NAME; local, if the gateway has no access file; anonymous,
for a call that named nobody; system:PART, for what Rekey does by itself. The records are what stands in
Redis: whoever can write there can add some. The archive is what proves them.

Types: ${Object.keys(activityTypes).join(', ')}.

Examples:
  rekey activity                                  show the last 50 records
  rekey activity --follow                         show the last 10 of the day, and then each new one
  rekey activity --type 'access.*' --since 24h    calls that were denied in the last day
  rekey activity --target rotation:rot_01J…       who requested a rotation, and what became of it
  rekey activity --by spiffe://example.com/billing --json
                                                  everything that one caller did, as JSON Lines`,
    );
