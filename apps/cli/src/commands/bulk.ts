import { randomUUID } from 'node:crypto';
import type { BulkItem, BulkRotation, CreateBulkRotationRequest, RekeyClient } from '@rekey/client';
import { bulkItemStates, bulkStates, type BulkItemState, type BulkState } from '@rekey/schema';
import { Command } from 'commander';
import { bulkColumns, itemColumns } from '../bulk/bulk-columns.ts';
import {
  age,
  bulkRequest,
  bulkSpec,
  count,
  failureLimit,
  isFollowed,
  moment,
  type BulkWish,
} from '../bulk/bulk-request.ts';
import {
  setExitCode,
  followBulk,
  itemsOf,
  showBulk,
  writeResults,
  type FollowBulkOptions,
} from '../bulk/follow-bulk.ts';
import { seconds } from '../follow/follow.ts';
import { withRecovery, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { consumerNames, notEmpty, stateOption } from '../option-values.ts';
import { printList, withColumns, type ListOptions } from '../output/list.ts';
import { isoTime } from '../output/output.ts';
import { confirmBulk } from '../bulk/confirm-bulk.ts';
import { checkResultsFile } from '../bulk/results-file.ts';

type FollowOptions = GatewayOptions & FollowBulkOptions;
type CreateOptions = FollowOptions & BulkWish & { requestId?: string; yes?: boolean };

const RESULTS_FILE = [
  '--results-file <path>',
  'write each assistant and its result to a .csv or .jsonl file: state, reason, version, rotation, times',
] as const;

const withResultsFile = (command: Command): Command =>
  command.option(...RESULTS_FILE).hook('preAction', async (acting) => {
    const { resultsFile } = acting.opts<{ resultsFile?: string }>();
    if (resultsFile !== undefined) await checkResultsFile(resultsFile);
  });

const withTimeout = (command: Command): Command =>
  command.option('--timeout <seconds>', 'how long to follow it (default: until it ends)', seconds);

const create = (): Command =>
  withTimeout(withResultsFile(withGatewayOptions(new Command('create'))))
    .description(
      'rotate the keys of many assistants of one org, within the request budget; single rotations go first',
    )
    .requiredOption('--org <id>', 'the org id, or c for the org of the API key')
    .option('--ids-file <path>', 'the assistants in this file, one id per line; - is standard input')
    .option('--all', 'all assistants that Invent lists for the org')
    .option('--search <text>', 'the assistants of the org that match this search at Invent')
    .option(
      '--older-than <age>',
      'the assistants of the org whose key is older than 90d, 12h or 30m, or of unknown age',
      age,
    )
    .option(
      '--rotated-before <time>',
      'like --older-than, with a time: 2026-01-31 or 2026-01-31T12:00:00Z',
      moment,
    )
    .option('--exclude-file <path>', 'exclude the assistants in this file, one id per line')
    .option(
      '--dry-run',
      'rotate nothing: show the assistants, which of them cannot be rotated, and an estimate of the duration',
    )
    .option('--canary <n>', 'rotate N assistants first, then pause for review', count)
    .option('--canary-continues', 'resume without review if the whole canary succeeds')
    .option(
      '--canary-awaits-consumers',
      "with --canary-continues: resume after all live consumers have applied the canary's keys",
    )
    .option(
      '--require-consumer <name>',
      'start only if this consumer is live and up to date; may be given several times',
      consumerNames,
    )
    .option(
      '--max-failures <n|p%>',
      'halt if more than this have failed or have an unknown outcome; 0: halt at the first (default: 5%)',
      failureLimit,
    )
    .option('--urgent', 'for leaked keys: run before bulk rotations that are not urgent')
    .option('--reason <text>', 'why, for the record')
    .option(
      '--request-id <uuid>',
      'makes it safe to run the same command again (default: a new id)',
      notEmpty,
    )
    .option('--watch', 'follow it until it ends or stops')
    .option('--yes', 'do not ask')
    .action((options: CreateOptions) =>
      withGateway(options, async (client) => {
        const requestId = options.requestId ?? randomUUID();
        // Options that contradict each other are refused before the question.
        const spec = bulkSpec(options, requestId, Date.now());
        if (!spec.validateOnly) await confirmBulk(client, options);
        const bulk = await createBulk(client, spec, options);
        if (options.canary !== undefined && bulk.explicit && options.canary >= bulk.counts.total) {
          process.stderr.write(
            `note: the canary of ${options.canary} covers all assistants (${bulk.counts.total}).\n`,
          );
        }
        if (isFollowed(options)) return follow(client, bulk.id, options);
        showBulk(options, bulk);
        setExitCode(bulk);
      }),
    );

const createBulk = (
  client: RekeyClient,
  spec: CreateBulkRotationRequest,
  options: CreateOptions,
): Promise<BulkRotation> => {
  // An age is relative to now, but a repeated request id needs an identical request.
  const before =
    options.olderThan === undefined
      ? ''
      : ` --rotated-before ${isoTime(spec.rotatedBefore)} instead of --older-than`;
  return client
    .createBulkRotation(bulkRequest(spec, options))
    .catch(
      withRecovery(options, `It may have been accepted: repeat with --request-id ${spec.requestId}${before}`),
    );
};

const follow = (client: RekeyClient, id: string, options: FollowOptions): Promise<void> =>
  followBulk(client, id, options).catch(
    withRecovery(options, `The bulk rotation continues. Follow it again: rekey bulk watch ${id}`),
  );

type ListBulksOptions = GatewayOptions &
  ListOptions<BulkRotation> & { org?: string; state?: BulkState; limit: number };

const list = (): Command =>
  withColumns(withGatewayOptions(new Command('list')), bulkColumns)
    .description('list bulk rotations, newest first')
    .option('--org <id>', 'only this org id', notEmpty)
    .addOption(stateOption(bulkStates))
    .option('--limit <n>', 'list up to N', count, 50)
    .action((options: ListBulksOptions) =>
      withGateway(options, async (client) => {
        const { org, state } = options;
        const all = client.bulkRotations({
          ...(org !== undefined && { orgId: org }),
          pageSize: Math.min(options.limit, 100),
          ...(state && { state }),
        });
        await printList(options, bulkColumns, all, { empty: 'no bulk rotations', limit: options.limit });
      }),
    );

const get = (): Command =>
  withResultsFile(withGatewayOptions(new Command('get')))
    .description('show the current state of a bulk rotation')
    .argument('<bulk>', 'its id')
    .action((id: string, options: FollowOptions) =>
      withGateway(options, async (client) => {
        const bulk = await client.getBulkRotation(id);
        await writeResults(client, bulk, options);
        showBulk(options, bulk);
      }),
    );

const watch = (): Command =>
  withTimeout(withResultsFile(withGatewayOptions(new Command('watch'))))
    .description('follow a bulk rotation until it ends or stops; exit code 0 if every assistant succeeded')
    .argument('<bulk>', 'its id')
    .action((id: string, options: FollowOptions) =>
      withGateway(options, (client) => follow(client, id, options)),
    );

type ListItemsOptions = FollowOptions & ListOptions<BulkItem> & { state?: BulkItemState; limit?: number };

const items = (): Command =>
  withColumns(withResultsFile(withGatewayOptions(new Command('items'))), itemColumns)
    .description('list the assistants of a bulk rotation and their results')
    .argument('<bulk>', 'its id')
    .addOption(stateOption(bulkItemStates))
    .option('--limit <n>', 'list up to N', count)
    .action((id: string, options: ListItemsOptions) =>
      withGateway(options, async (client) => {
        const wanted = { state: options.state, limit: options.limit };
        if (options.resultsFile !== undefined)
          return writeResults(client, await client.getBulkRotation(id), options, wanted);
        await printList(options, itemColumns, itemsOf(client, id, wanted), { empty: 'no assistants' });
      }),
    );

type ChangeMethod = 'pauseBulkRotation' | 'resumeBulkRotation' | 'cancelBulkRotation' | 'retryBulkRotation';

const change = (name: string, method: ChangeMethod, description: string): Command =>
  withGatewayOptions(new Command(name))
    .description(description)
    .argument('<bulk>', 'its id')
    .action((id: string, options: GatewayOptions) =>
      withGateway(options, async (client) => {
        const bulk = await client[method](id).catch(
          withRecovery(options, 'The command may have taken effect. It is safe to repeat.'),
        );
        showBulk(options, bulk);
        // Pausing and cancelling do not ask for success.
        if (method === 'resumeBulkRotation' || method === 'retryBulkRotation') setExitCode(bulk);
      }),
    );

export const bulkCommand = (): Command =>
  new Command('bulk')
    .description('rotate the keys of many assistants at once')
    .addCommand(create())
    .addCommand(list())
    .addCommand(get())
    .addCommand(watch())
    .addCommand(items())
    .addCommand(
      change(
        'pause',
        'pauseBulkRotation',
        'start no further assistant until it is resumed; rotations in flight finish',
      ),
    )
    .addCommand(
      change(
        'resume',
        'resumeBulkRotation',
        'resume a paused or halted bulk rotation; earlier failures no longer count towards --max-failures',
      ),
    )
    .addCommand(change('cancel', 'cancelBulkRotation', 'stop permanently; rotations in flight finish'))
    .addCommand(
      change('retry', 'retryBulkRotation', 'retry the FAILED assistants of a COMPLETED bulk rotation'),
    )
    .addHelpText(
      'after',
      `
Examples:
  rekey bulk create --org org_demo --all --dry-run
                                            show what would be rotated, and how long it would take
  rekey bulk create --org org_demo --all --canary 10 --watch
                                            rotate ten, then pause; rekey bulk resume rotates the rest
  rekey bulk create --org org_demo --ids-file leaked.txt --urgent --watch --results-file results.csv
  rekey bulk create --org org_demo --older-than 90d --max-failures 1% --yes
                                            the same in a script: without a question
  rekey bulk items blk_01J… --state failed  list the failed assistants and why they failed

Exit codes of create --watch, create --dry-run and watch: 0 it ended and every assistant succeeded;
1 invalid request, or it ended without full success; 2 the gateway or Redis is unavailable;
3 it is paused, halted, or still in progress after --timeout.`,
    );
