import type { AssistantFilter, AssistantSummary, KeyVersion, Org, RekeyClient } from '@rekey/client';
import { Command, InvalidArgumentError, Option } from 'commander';
import { count } from '../bulk/bulk-request.ts';
import { withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { consumerNames, durationMs, notEmpty } from '../option-values.ts';
import { printList, withColumns, type ListOptions } from '../output/list.ts';
import { assistantColumns, orgColumns, versionColumns } from './assistant-columns.ts';

const ORDERS = {
  id: 'ID',
  'oldest-key': 'OLDEST_KEY',
  'newest-key': 'NEWEST_KEY',
  'last-change': 'LAST_CHANGE',
} as const;

type AssistantsOptions = GatewayOptions &
  ListOptions<AssistantSummary> & {
    org?: string;
    search?: string;
    olderThan?: number;
    uncertain?: boolean;
    notAcknowledgedBy?: string;
    order?: keyof typeof ORDERS;
    limit: number;
  };

const consumerName = (text: string): string => consumerNames(text, undefined)[0]!;

const filterOf = (options: AssistantsOptions): AssistantFilter => {
  const { org, search, olderThan, uncertain, notAcknowledgedBy, order } = options;
  return {
    ...(org !== undefined && { orgId: org }),
    ...(search !== undefined && { idPrefix: search }),
    ...(olderThan !== undefined && { olderThanMs: olderThan }),
    ...(uncertain && { uncertain }),
    ...(notAcknowledgedBy !== undefined && { notAcknowledgedBy }),
    ...(order && { order: ORDERS[order] }),
  };
};

const INCOMPLETE =
  'incomplete: a worker builds or repairs the indexes, so assistants may be missing; try again later\n';

/** The rows of pages. Says once, on standard error, if they are not complete. */
async function* rowsOf<T, Page extends { incomplete: boolean; nextPageToken?: string }>(
  read: (pageToken: string) => Promise<Page>,
  rows: (page: Page) => readonly T[],
): AsyncGenerator<T> {
  let isSaid = false;
  let token: string | undefined = '';
  while (token !== undefined) {
    const page: Page = await read(token);
    if (page.incomplete && !isSaid) process.stderr.write(INCOMPLETE);
    isSaid ||= page.incomplete;
    yield* rows(page);
    token = page.nextPageToken;
  }
}

const assistantsOf = (client: RekeyClient, options: AssistantsOptions) =>
  rowsOf(
    (pageToken) =>
      client.listAssistants({ ...filterOf(options), pageSize: Math.min(options.limit, 500), pageToken }),
    ({ assistants }) => assistants,
  );

export const assistantsCommand = (): Command =>
  withColumns(withGatewayOptions(new Command('assistants')), assistantColumns)
    .description('list the assistants whose keys Rekey has published')
    .option('--org <id>', 'only this org id', notEmpty)
    .option('--search <text>', 'only ids that begin with this text', notEmpty)
    .option(
      '--older-than <time>',
      'only keys that are older, or may be because their age is unknown: 90d',
      durationMs,
    )
    .option('--uncertain', 'only those whose published key may not be in force')
    .option(
      '--not-acknowledged-by <consumer>',
      'only those whose current version this consumer has not acknowledged',
      consumerName,
    )
    .addOption(
      new Option(
        '--order <order>',
        'default: last-change with --not-acknowledged-by, oldest-key with --older-than, and id otherwise',
      )
        .choices(Object.keys(ORDERS))
        .argParser((text: string) => {
          const order = text.trim().toLowerCase().replaceAll('_', '-');
          if (Object.hasOwn(ORDERS, order)) return order;
          throw new InvalidArgumentError(`Allowed choices are ${Object.keys(ORDERS).join(', ')}.`);
        }),
    )
    .option('--limit <n>', 'list up to N', count, 50)
    .action((options: AssistantsOptions) =>
      withGateway(options, async (client) => {
        const rows = assistantsOf(client, options);
        await printList(options, assistantColumns, rows, { empty: 'no assistants', limit: options.limit });
      }),
    );

type OrgsOptions = GatewayOptions & ListOptions<Org> & { limit: number };

export const orgsCommand = (): Command =>
  withColumns(withGatewayOptions(new Command('orgs')), orgColumns)
    .description('list the orgs that keys were published under, with their numbers of assistants')
    .option('--limit <n>', 'list up to N', count, 500)
    .action((options: OrgsOptions) =>
      withGateway(options, async (client) => {
        const rows = rowsOf(
          (pageToken) => client.listOrgs({ pageSize: Math.min(options.limit, 500), pageToken }),
          ({ orgs }) => orgs,
        );
        await printList(options, orgColumns, rows, { empty: 'no orgs', limit: options.limit });
      }),
    );

export const historyCommand = (): Command =>
  withColumns(withGatewayOptions(new Command('history')), versionColumns)
    .description('show the last 20 key versions of an assistant: when, why, and who requested them')
    .argument('<assistant>', 'the assistant id')
    .action((assistantId: string, options: GatewayOptions & ListOptions<KeyVersion>) =>
      withGateway(options, async (client) => {
        const versions = await client.listKeyVersions(assistantId);
        await printList(options, versionColumns, versions, { empty: 'no versions' });
      }),
    );
