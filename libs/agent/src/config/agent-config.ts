import { AssistantId, ConsumerName, OrgId, isLoopbackHost } from '@rekey/schema';
import { z } from 'zod';
import { PREFIX, variableOf } from '../outputs/names.ts';
import { account, address, argv, duration, mode, path, redisUrl, signal } from './fields.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;

const Tls = z.union([
  z.boolean(),
  z.strictObject({
    ca_file: path.optional(),
    cert_file: path.optional(),
    key_file: path.optional(),
    server_name: z.string().min(1).max(253).optional(),
  }),
]);

const Gateway = z
  .strictObject({
    address,
    tls: Tls.optional(),
    token_file: path.optional(),
  })
  .superRefine(({ tls }, ctx) => {
    if (typeof tls === 'object' && (tls.cert_file === undefined) !== (tls.key_file === undefined))
      ctx.addIssue({
        code: 'custom',
        path: ['tls'],
        message: 'must have both cert_file and key_file, or neither',
      });
  });

/** A name of a variable that a shell and a program accept. */
const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of a variable: letters, digits and _');

/** Which assistants an output has; all if it names none. */
const selection = {
  /** Each once, in the order of their ids. */
  assistants: z
    .array(AssistantId)
    .min(1, 'must name at least one assistant')
    .max(100_000)
    .transform((ids) => [...new Set(ids)].toSorted())
    .optional(),
  orgs: z.array(OrgId).min(1, 'must name at least one org').max(1000).optional(),
};
/** Variables for single assistants: name → assistant id. */
const names = z
  .record(variableName, AssistantId)
  .superRefine((given, ctx) => {
    const ids = Object.values(given);
    for (const [i, [name, id]] of Object.entries(given).entries()) {
      const complain = (message: string) => ctx.addIssue({ code: 'custom', path: [name], message });
      if (ids.indexOf(id) !== i) complain('must be the only name of its assistant');
      if (name.startsWith(PREFIX) && name !== variableOf(id))
        complain(`must not begin with ${PREFIX}: it could be the name of another assistant`);
    }
  })
  .default({});

const Reload = {
  command: argv.optional(),
  /** Runs `command` by a shell. */
  shell: z.boolean().default(false),
  timeout: duration(100, HOUR_MS).default(30_000),
  signal: z.strictObject({ pid_file: path, signal: signal.default('SIGHUP') }).optional(),
};

const FORMATS = ['json', 'dotenv', 'key-files', 'template'] as const;

const FileOutput = z
  .strictObject({
    path,
    format: z.enum(FORMATS, { error: `must be one of ${FORMATS.join(', ')}` }),
    template: path.optional(),
    ...selection,
    names,
    mode: mode.default(0o600),
    owner: account.optional(),
    group: account.optional(),
    on_removed: z
      .enum(['delete', 'empty', 'keep'], { error: 'must be one of delete, empty, keep' })
      .default('delete'),
    ...Reload,
  })
  .superRefine((file, ctx) => {
    const complain = (field: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [field], message });
    if ((file.format === 'template') !== (file.template !== undefined))
      complain('template', 'must be given with format: template, and only with it');
    if (file.on_removed === 'keep' && file.format !== 'key-files')
      complain(
        'on_removed',
        'can be keep only with format: key-files; others are written anew from the held keys',
      );
    if (Object.keys(file.names).length > 0 && file.format !== 'dotenv')
      complain('names', 'can be given only with format: dotenv');
    if (file.command !== undefined && file.signal !== undefined)
      complain('signal', 'cannot be given together with command');
    if (file.shell && file.command?.length !== 1)
      complain('command', 'must be a list of one text if shell is true');
  });

const Loopback = z.strictObject({
  address: address
    .refine(
      (text) => isLoopbackHost(text.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')),
      'must be on loopback, such as 127.0.0.1:8181: the agent is for one machine',
    )
    .default('127.0.0.1:8181'),
  token_file: path,
});

const Http = z
  .strictObject({
    socket: z.strictObject({ path, mode: mode.default(0o600), group: account.optional() }).optional(),
    loopback: Loopback.optional(),
    serve_keys: z.boolean().default(false),
    max_connections: z.int().min(1).max(100_000).default(1000),
    max_event_streams: z.int().min(0).max(10_000).default(100),
  })
  .refine(
    ({ socket, loopback }) => socket !== undefined || loopback !== undefined,
    'must have socket or loopback',
  );

const Exec = z
  .strictObject({
    ...selection,
    names,
    /** Whether the program gets the keys in its environment. */
    environment: z.boolean().default(true),
    on_change: z
      .union([z.enum(['restart', 'ignore']), signal], {
        error: 'must be restart, ignore, or a signal such as SIGHUP',
      })
      .default('restart'),
    kill_after: duration(0, HOUR_MS).default(10_000),
  })
  .refine(({ environment, names: given }) => environment || Object.keys(given).length === 0, {
    path: ['names'],
    message: 'cannot be given with environment: false',
  });

/** The configuration file of `rekey agent`. Paths are relative to its folder. */
export const AgentConfig = z
  .strictObject({
    consumer: ConsumerName,
    key_file: path,
    mounted_secrets: z.boolean().default(false),
    redis: redisUrl.optional(),
    redis_url_file: path.optional(),
    gateway: Gateway.optional(),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -')
      .default('rekey'),
    ready_timeout: duration(1, 24 * HOUR_MS).default(30_000),
    stale_after: duration(1000, 24 * HOUR_MS).default(3000),
    max_staleness: duration(1000, YEAR_MS).optional(),
    uncertain: z.enum(['serve', 'refuse'], { error: 'must be serve or refuse' }).default('serve'),
    http: Http.optional(),
    files: z.array(FileOutput).max(100, 'must be at most 100 files').default([]),
    debounce: duration(0, HOUR_MS).default(1000),
    debounce_max: duration(0, 24 * HOUR_MS).default(30_000),
    exec: Exec.optional(),
    cache: z.strictObject({ path, every: duration(100, 24 * HOUR_MS).default(60_000) }).optional(),
    log: z
      .strictObject({
        level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
        format: z.enum(['json', 'text']).default('json'),
      })
      .prefault({}),
  })
  .superRefine((config, ctx) => {
    const complain = (at: PropertyKey[], message: string) =>
      ctx.addIssue({ code: 'custom', path: at, message });
    const sources = (['redis', 'redis_url_file', 'gateway'] as const).filter(
      (name) => config[name] !== undefined,
    );
    if (sources.length > 1) complain([sources[1]!], `cannot be given together with ${sources[0]}`);
    const { max_staleness: most, stale_after: stale } = config;
    if (most !== undefined && most < stale) complain(['max_staleness'], 'must not be less than stale_after');
    if (config.debounce_max < config.debounce) complain(['debounce_max'], 'must not be less than debounce');
  });
export type AgentConfig = z.output<typeof AgentConfig>;
export type FileOutput = AgentConfig['files'][number];
