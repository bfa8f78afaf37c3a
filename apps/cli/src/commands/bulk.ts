import { randomUUID } from 'node:crypto';
import type { BulkRotation, RekeyClient } from '@rekey/client';
import { bulkItemStates, bulkStates, type BulkItemState, type BulkState } from '@rekey/schema';
import { Command, Option } from 'commander';
import { bulkJson, bulkLine, itemJson, itemLine } from '../bulk/bulk-output.ts';
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
  endAs,
  followBulk,
  itemsOf,
  showBulk,
  writeResults,
  type FollowBulkOptions,
} from '../bulk/follow-bulk.ts';
import { seconds } from '../follow/follow.ts';
import {
  print,
  sayHowToGoOn,
  withGateway,
  withGatewayOptions,
  type GatewayOptions,
} from '../gateway-command.ts';
import { consumerNames, notEmpty } from '../option-values.ts';
import { isoTime } from '../output/output.ts';
import { checkResultsFile } from '../bulk/results-file.ts';
import { take } from '../take.ts';

type FollowOptions = GatewayOptions & FollowBulkOptions;
type CreateOptions = FollowOptions & BulkWish & { requestId?: string };

const RESULTS_FILE = [
  '--results-file <path>',
  'write every assistant with what became of it to a .csv or .jsonl file',
] as const;

const withResultsFile = (command: Command): Command =>
  command.option(...RESULTS_FILE).hook('preAction', async (acting) => {
    const { resultsFile } = acting.opts<{ resultsFile?: string }>();
    if (resultsFile !== undefined) await checkResultsFile(resultsFile);
  });

const withTimeout = (command: Command): Command =>
  command.option('--timeout <seconds>', 'how long to follow it (default: until it has ended)', seconds);

const create = (): Command =>
  withTimeout(withResultsFile(withGatewayOptions(new Command('create'))))
    .description(
      'rotate the keys of many assistants of one org, within the request budget and behind single rotations',
    )
    .requiredOption('--org <id>', 'the org id, or c for the org of the API key')
    .option('--ids-file <path>', 'these assistants: one id a line; - is standard input')
    .option('--all', 'all assistants that Invent lists for the org')
    .option('--search <text>', 'of all, those that Invent finds by this')
    .option('--older-than <age>', 'of all, those whose key is not known to be newer: 90d, 12h, 30m', age)
    .option('--rotated-before <time>', 'the same by a time: 2026-01-31, 2026-01-31T12:00:00Z', moment)
    .option('--exclude-file <path>', 'of all, not these: one id a line')
    .option(
      '--dry-run',
      'rotate nothing: say which assistants it would be, which of them cannot be rotated, and what it would take',
    )
    .option('--canary <n>', 'the first so many, then stop to look at them', count)
    .option('--canary-continues', 'go on by itself when all of the canary have succeeded')
    .option('--canary-awaits-consumers', 'and only when all live consumers have applied their keys')
    .option(
      '--require-consumer <name>',
      'begin nothing unless this consumer is live and has all; may be given several times',
      consumerNames,
    )
    .option(
      '--max-failures <n|p%>',
      'halt when more have failed or are of unknown outcome; 0: the first halts it (default: 5%)',
      failureLimit,
    )
    .option('--urgent', 'before all bulk rotations that are not: for keys that have leaked')
    .option('--reason <text>', 'why, for the record', '')
    .option(
      '--request-id <uuid>',
      'makes it safe to run the same command again (default: a new one)',
      notEmpty,
    )
    .option('--watch', 'follow it until it has ended or stands still')
    .action((options: CreateOptions) =>
      withGateway(options, async (client) => {
        const bulk = await createBulk(client, options);
        if (options.canary !== undefined && bulk.explicit && options.canary >= bulk.counts.total) {
          process.stderr.write(
            `note: the canary of ${options.canary} is all there is: ${bulk.counts.total} assistants.\n`,
          );
        }
        if (isFollowed(options)) return follow(client, bulk.id, options);
        showBulk(options, bulk);
        endAs(bulk);
      }),
    );

const createBulk = (client: RekeyClient, options: CreateOptions): Promise<BulkRotation> => {
  const requestId = options.requestId ?? randomUUID();
  const spec = bulkSpec(options, requestId, Date.now());
  // An age means another moment at each run, and the same request id wants the same request.
  const before =
    options.olderThan === undefined
      ? ''
      : ` --rotated-before ${isoTime(spec.rotatedBefore)} instead of --older-than`;
  return client
    .createBulkRotation(bulkRequest(spec, options))
    .catch(
      sayHowToGoOn(options, `It may have been accepted: repeat with --request-id ${requestId}${before}`),
    );
};

const follow = (client: RekeyClient, id: string, options: FollowOptions): Promise<void> =>
  followBulk(client, id, options).catch(
    sayHowToGoOn(options, `It goes on. Follow it again: rekey bulk watch ${id}`),
  );

const list = (): Command =>
  withGatewayOptions(new Command('list'))
    .description('list bulk rotations, newest first')
    .option('--org <id>', 'only of this org id', notEmpty, '')
    .addOption(
      new Option('--state <state>', 'only in this state').choices(
        bulkStates.map((state) => state.toLowerCase()),
      ),
    )
    .option('--limit <n>', 'at most so many', count, 50)
    .action((options: GatewayOptions & { org: string; state?: string; limit: number }) =>
      withGateway(options, async (client) => {
        const state = options.state?.toUpperCase() as BulkState | undefined;
        const all = client.bulkRotations({
          orgId: options.org,
          pageSize: Math.min(options.limit, 100),
          ...(state && { state }),
        });
        for await (const bulk of take(all, options.limit)) print(options, bulkJson(bulk), bulkLine(bulk));
      }),
    );

const get = (): Command =>
  withResultsFile(withGatewayOptions(new Command('get')))
    .description('show a bulk rotation as it is now')
    .argument('<bulk>', 'its id')
    .action((id: string, options: FollowOptions) =>
      withGateway(options, async (client) => {
        const bulk = await client.getBulkRotation(id);
        await writeResults(client, id, options);
        showBulk(options, bulk);
      }),
    );

const watch = (): Command =>
  withTimeout(withResultsFile(withGatewayOptions(new Command('watch'))))
    .description(
      'follow a bulk rotation until it has ended or stands still; ends with 0 where every assistant succeeded',
    )
    .argument('<bulk>', 'its id')
    .action((id: string, options: FollowOptions) =>
      withGateway(options, (client) => follow(client, id, options)),
    );

const items = (): Command =>
  withResultsFile(withGatewayOptions(new Command('items')))
    .description('list the assistants of a bulk rotation, and what became of each')
    .argument('<bulk>', 'its id')
    .addOption(
      new Option('--state <state>', 'only in this state').choices(
        bulkItemStates.map((state) => state.toLowerCase()),
      ),
    )
    .option('--limit <n>', 'at most so many', count)
    .action((id: string, options: FollowOptions & { state?: string; limit?: number }) =>
      withGateway(options, async (client) => {
        const state = options.state?.toUpperCase() as BulkItemState | undefined;
        const wanted = { state, limit: options.limit };
        if (options.resultsFile !== undefined) return writeResults(client, id, options, wanted);
        for await (const item of itemsOf(client, id, wanted)) print(options, itemJson(item), itemLine(item));
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
          sayHowToGoOn(options, 'It may have been done: repeating the command is safe.'),
        );
        showBulk(options, bulk);
        // Whoever pauses or cancels has asked for no success.
        if (method === 'resumeBulkRotation' || method === 'retryBulkRotation') endAs(bulk);
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
        'begin no further assistant until it is resumed; what is under way is finished',
      ),
    )
    .addCommand(
      change(
        'resume',
        'resumeBulkRotation',
        'go on with one that was paused or has halted; failures until now no longer count',
      ),
    )
    .addCommand(
      change(
        'cancel',
        'cancelBulkRotation',
        'begin no further assistant, ever; what is under way is finished',
      ),
    )
    .addCommand(change('retry', 'retryBulkRotation', 'try those again that failed, of one that is COMPLETED'))
    .addHelpText(
      'after',
      `
Examples:
  rekey bulk create --org org_demo --all --dry-run                        what would it be, and how long would it take?
  rekey bulk create --org org_demo --all --canary 10 --watch              ten first; rekey bulk resume goes on
  rekey bulk create --org org_demo --ids-file leaked.txt --urgent --watch --results-file results.csv
  rekey bulk create --org org_demo --older-than 90d --max-failures 1%
  rekey bulk items blk_01J… --state failed                                what did not work, and why

Exit codes of create --watch, create --dry-run and watch: 0 it has ended and every assistant succeeded; 1 wrong request, or it ended otherwise;
2 the gateway or Redis is away; 3 it has not ended: it stands still, or the time is up.`,
    );
