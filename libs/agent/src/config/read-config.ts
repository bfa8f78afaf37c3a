import { dirname, resolve } from 'node:path';
import { TextFileError, readTextFile } from '@rekey/schema';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { AgentError } from '../agent-error.ts';
import { AgentConfig } from './agent-config.ts';

/** Fields that options of the command line set, over those of the file. */
export type GivenConfig = Record<string, unknown>;

/**
 * Reads a configuration: the file, if there is one, and what the command line says. Throws an AgentError that
 * names each faulty field, and quotes no value.
 */
export const readConfig = (file: string | undefined, given: GivenConfig): AgentConfig => {
  const content = file === undefined ? {} : contentOf(file);
  const whole = merged(content, given);
  const parsed = AgentConfig.safeParse(whole);
  if (!parsed.success)
    throw badConfig(
      file,
      parsed.error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => `${pathOf([...issue.path, key])}: is not a field of the configuration`)
          : [`${pathOf(issue.path) || 'the file'}: ${complaintOf(whole, issue)}`],
      ),
    );
  refusePassword(file, content);
  const config = withAbsolutePaths(parsed.data, file === undefined ? '.' : dirname(file));
  const faults = sharedPaths(config, file);
  if (faults.length > 0) throw badConfig(file, faults);
  return config;
};

/** An option replaces its field alone: `--gateway` leaves `gateway.tls` as it is. */
const merged = (content: Record<string, unknown>, given: GivenConfig): Record<string, unknown> => {
  const whole = { ...content };
  for (const [name, value] of Object.entries(given)) {
    const before = whole[name];
    whole[name] = isMap(before) && isMap(value) ? merged(before, value) : value;
  }
  return whole;
};
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const contentOf = (file: string): Record<string, unknown> => {
  let text: string;
  try {
    text = readTextFile(file);
  } catch (error) {
    if (error instanceof TextFileError) throw badConfig(file, [error.message]);
    throw error;
  }
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true });
  if (document.errors.length > 0)
    throw badConfig(
      file,
      document.errors.map(({ message }) => message.split('\n', 1)[0]!),
    );
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 0 });
  } catch {
    throw badConfig(file, ['must not contain aliases']);
  }
  if (!isMap(content)) throw badConfig(file, ['must be a map of fields']);
  return content;
};

/** Everybody who may edit or copy the configuration would have it. */
const refusePassword = (file: string | undefined, { redis }: { redis?: unknown }): void => {
  if (typeof redis === 'string' && URL.canParse(redis) && new URL(redis).password !== '')
    throw badConfig(file, [
      'redis: must not contain a password; put the URL into a file, and set redis_url_file',
    ]);
};

const complaintOf = (content: unknown, { code, path, message }: z.core.$ZodIssue): string =>
  (code === 'invalid_type' || code === 'invalid_value') && isMissing(content, path) ? 'is required' : message;

const isMissing = (content: unknown, path: readonly PropertyKey[]): boolean =>
  path.reduce<unknown>(
    (value, part) => (value as Record<PropertyKey, unknown> | undefined)?.[part],
    content,
  ) === undefined;

const pathOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part + 1}]` : `.${nameOf(String(part))}`))
    .join('')
    .replace(/^\./, '');
/** Names in the file are somebody's text too. */
const nameOf = (name: string): string =>
  /^[\w-]{1,64}$/.test(name) ? name : JSON.stringify(name.slice(0, 64));

const badConfig = (file: string | undefined, faults: string[]): AgentError =>
  new AgentError(
    'BAD_CONFIG',
    `the configuration${file === undefined ? '' : ` ${JSON.stringify(file)}`} cannot be used:\n` +
      faults.map((fault) => `  ${fault}`).join('\n'),
  );

/** What the agent writes is no other file of the configuration: it would replace its own key file. */
const sharedPaths = (config: AgentConfig, file: string | undefined): string[] => {
  const { key_file, redis_url_file, gateway, http, files, cache } = config;
  const tls = typeof gateway?.tls === 'object' ? gateway.tls : {};
  const taken = new Map<string | undefined, string>([
    [file && resolve(file), 'the configuration'],
    [key_file, 'key_file'],
    [redis_url_file, 'redis_url_file'],
    [gateway?.token_file, 'gateway.token_file'],
    [tls.ca_file, 'gateway.tls.ca_file'],
    [tls.cert_file, 'gateway.tls.cert_file'],
    [tls.key_file, 'gateway.tls.key_file'],
    [http?.loopback?.token_file, 'http.loopback.token_file'],
    [http?.socket?.path, 'http.socket.path'],
    ...files.flatMap(({ template, signal }, i): [string | undefined, string][] => [
      [template, `files[${i + 1}].template`],
      [signal?.pid_file, `files[${i + 1}].signal.pid_file`],
    ]),
  ]);
  taken.delete(undefined);
  const faults: string[] = [];
  const take = (path: string, field: string): void => {
    const other = taken.get(path);
    if (other !== undefined) faults.push(`${field}: must be another path than that of ${other}`);
    taken.set(path, field);
  };
  files.forEach(({ path }, i) => take(path, `files[${i + 1}].path`));
  if (cache) take(cache.path, 'cache.path');
  return faults;
};

const withAbsolutePaths = (config: AgentConfig, folder: string): AgentConfig => {
  const at = <T extends string | undefined>(path: T): T =>
    path === undefined ? path : (resolve(folder, path) as T);
  const { gateway, http, cache } = config;
  return {
    ...config,
    key_file: at(config.key_file),
    redis_url_file: at(config.redis_url_file),
    gateway: gateway && {
      ...gateway,
      token_file: at(gateway.token_file),
      tls:
        typeof gateway.tls !== 'object'
          ? gateway.tls
          : {
              ...gateway.tls,
              ca_file: at(gateway.tls.ca_file),
              cert_file: at(gateway.tls.cert_file),
              key_file: at(gateway.tls.key_file),
            },
    },
    http: http && {
      ...http,
      socket: http.socket && { ...http.socket, path: at(http.socket.path) },
      loopback: http.loopback && { ...http.loopback, token_file: at(http.loopback.token_file) },
    },
    files: config.files.map((file) => ({
      ...file,
      path: at(file.path),
      template: at(file.template),
      signal: file.signal && { ...file.signal, pid_file: at(file.signal.pid_file) },
    })),
    cache: cache && { ...cache, path: at(cache.path) },
  };
};
