import { ledgerKeys } from '@rekey/ledger';
import { createRedisConnections, readRedisUrlFile, type RedisStatusListener } from '@rekey/runtime';
import { KEY_REMOVED, KEY_ROTATED, KeyEvent, complaintAboutRedisUrl, parseJson } from '@rekey/schema';
import { createSealer, loadKeyFile, openRecord, type Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import { areSecretsMounted } from '../environment.ts';
import { CliError, exitCodes } from '../failure.ts';
import { isForPrograms, printDocument, type OutputOptions } from '../output/format.ts';
import { printable } from '../output/output.ts';
import { printWhenRead } from '../output/standard-output.ts';
import { takenFromStart } from '../profiles/taken.ts';
import { createEventReader, newestEntry } from './event-reader.ts';

/** The options of rekey events. */
export interface EventsOptions extends OutputOptions {
  redis?: string;
  prefix?: string;
  from: string;
  count?: number;
  open?: boolean;
  keyFile?: string;
}

/** The options, and the defaults of those that were not given. */
type FollowedEvents = EventsOptions & { redis: string; prefix: string };

const NOW = 'now';
const LAST = 'last';

/** Prints events until there are as many as were asked for, or until it is ended. */
export const followEvents = async (given: EventsOptions): Promise<void> => {
  const options: FollowedEvents = {
    ...given,
    redis: given.redis ?? redisUrl(process.env),
    prefix: given.prefix ?? (process.env['REKEY_PREFIX'] || 'rekey'),
  };
  if (given.redis === undefined && takenFromStart().withheld.includes('REDIS_URL')) {
    throw new CliError(
      'npm start runs here and does not store its REDIS_URL, which holds a password: ' +
        'set REDIS_URL or REDIS_URL_FILE here too.',
      'INVALID_ARGUMENT',
    );
  }
  const complaint = complaintAboutRedisUrl(options.redis);
  if (complaint !== undefined)
    throw new CliError(
      `${given.redis === undefined ? urlVariable(process.env) : '--redis'} ${complaint}.`,
      'INVALID_ARGUMENT',
    );
  if (options.keyFile !== undefined && !options.open)
    throw new CliError('--key-file needs --open: only that option opens records.', 'INVALID_ARGUMENT');
  const keyFile = options.keyFile ?? process.env['REKEY_KEY_FILE'];
  if (options.open && !keyFile)
    throw new CliError('--open needs --key-file or REKEY_KEY_FILE.', 'INVALID_ARGUMENT');
  const sealer = options.open ? await openSealer(keyFile!) : undefined;
  await follow(options, sealer);
};

/** The variable that gives the URL. */
const urlVariable = ({ REDIS_URL_FILE: path }: NodeJS.ProcessEnv): string =>
  path ? 'the URL in the file of REDIS_URL_FILE' : 'REDIS_URL';

/** The URL of REDIS_URL or REDIS_URL_FILE, or the default. */
const redisUrl = ({ REDIS_URL: url, REDIS_URL_FILE: path }: NodeJS.ProcessEnv): string => {
  if (!path) return url || 'redis://127.0.0.1:6379';
  const refuse = (complaint: string) => new CliError(`REDIS_URL_FILE: ${complaint}.`, 'INVALID_ARGUMENT');
  if (url) throw refuse('cannot be given together with REDIS_URL');
  const read = readRedisUrlFile(path, { mounted: areSecretsMounted() });
  if ('complaint' in read) throw refuse(read.complaint);
  return read.url;
};

const openSealer = async (keyFile: string): Promise<Sealer> =>
  createSealer(await loadKeyFile(keyFile, { mounted: areSecretsMounted() }));

const follow = async (options: FollowedEvents, sealer: Sealer | undefined): Promise<void> => {
  let answered = false;
  const failure = Promise.withResolvers<never>();
  const listener: RedisStatusListener = {
    onUnavailable: () => {
      if (answered) process.stderr.write('Redis is unavailable; reconnecting\n');
      else
        failure.reject(
          new CliError(
            'Redis does not answer. Set REDIS_URL or --redis to its address.',
            'REDIS_UNAVAILABLE',
            exitCodes.unavailable,
          ),
        );
    },
    onAvailable: () => process.stderr.write('Redis is available again\n'),
    onRefused: ({ code, message }, atStart) => {
      const what = message.replace(/^REDIS_URL: /, '');
      if (atStart) failure.reject(new CliError(`${what} Check REDIS_URL, REDIS_URL_FILE or --redis.`, code));
      else process.stderr.write(`${what} Reconnecting until this is corrected\n`);
    },
  };
  // A replica has all events too.
  const redis = createRedisConnections(options.redis, { listener, acceptReplicas: true }).connect({
    onDisconnect: 'retry',
    name: 'cli-events',
  });
  redis.on('ready', () => (answered = true));
  try {
    await Promise.race([read(redis, options, sealer), failure.promise]);
  } finally {
    redis.disconnect();
  }
};

const read = async (redis: Redis, options: FollowedEvents, sealer: Sealer | undefined): Promise<void> => {
  const stream = ledgerKeys(options.prefix).events;
  let position = options.from === 'start' ? '0' : options.from;
  if (position === NOW || position === LAST) position = await newestEntry(redis, stream, position === LAST);
  const readAfter = createEventReader(redis, stream);
  let left = options.count ?? Number.POSITIVE_INFINITY;
  while (left > 0) {
    for (const [id, fields] of await readAfter(position, left)) {
      position = id;
      left -= 1;
      await show(id, fields[1] ?? '', options, sealer);
    }
  }
};

const show = async (
  id: string,
  text: string,
  options: FollowedEvents,
  sealer: Sealer | undefined,
): Promise<void> => {
  const parsed = KeyEvent.safeParse(parseJson(text));
  if (!parsed.success) {
    process.stderr.write(`skipped entry ${id}: this version does not know its event type\n`);
    return;
  }
  const event = parsed.data;
  const opened = sealer && event.type === KEY_ROTATED ? await openRecord(sealer, event) : undefined;
  if (isForPrograms(options)) return printDocument(options, opened ? { ...event, opened } : event);
  const { subject, source, time, data } = event;
  const org = decodeURIComponent(source.split('/')[2] ?? '');
  const line = [
    time,
    `seq ${data.seq}`,
    printable(`${org}/${subject}`),
    `version ${data.version}`,
    whatHappened(event),
    data.rotation_id ?? '',
  ];
  if (opened) line.push(`secret_key ${JSON.stringify(opened.assistant.secret_key ?? null)}`);
  await printWhenRead(`${line.join('  ')}\n`);
};

const whatHappened = (event: KeyEvent): string => {
  if (event.type === KEY_ROTATED) return event.data.cause;
  return event.type === KEY_REMOVED
    ? `removed (${event.data.removal})`
    : 'uncertain: this version may no longer be in force';
};
