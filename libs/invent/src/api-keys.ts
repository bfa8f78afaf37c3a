import { statSync } from 'node:fs';
import {
  ORG_ALIAS,
  complaintAboutVariable,
  parseJsonOfAnySize,
  readSecretFile,
  type SecretFileOptions,
} from '@rekey/schema';
import { z } from 'zod';

/** Visible ASCII, as an Authorization header requires. The message never shows the value. */
export const ApiKey = z.string().regex(/^[\x21-\x7e]+$/, 'must be visible ASCII without spaces');

/** Returns the API key of an org; undefined if none is configured. */
export interface ApiKeys {
  (orgId: string): string | undefined;
  /** The org ids with a configured key; `c` stands for the org in which a single key was made. */
  orgIds(): string[];
}

/** One key for every org: its own org, the alias `c`, and each sub-org of a parent. */
export const singleApiKey = (apiKey: string): ApiKeys =>
  Object.assign(() => apiKey, { orgIds: () => [ORG_ALIAS] });

/**
 * The same keys with one name for each org: `nameOf` translates `c` when the org behind it is known. That org
 * uses the key of `c`, unless it has a configured key under its own name.
 */
export const keysByOneName = (apiKeys: ApiKeys, nameOf: (orgId: string) => string): ApiKeys => {
  const keyOf = (orgId: string) => {
    const name = nameOf(orgId);
    return apiKeys(name) ?? (name === nameOf(ORG_ALIAS) ? apiKeys(ORG_ALIAS) : undefined);
  };
  return Object.assign(keyOf, { orgIds: () => [...new Set(apiKeys.orgIds().map(nameOf))] });
};

/** Room for more than 500,000 orgs. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** A file of one key has no more characters than the variable for one key, of up to four bytes each. */
const MAX_KEY_FILE_BYTES = 4 * 4096;
const CHECK_EVERY_MS = 1000;
const MAX_SHOWN = 500;

export class ApiKeyFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ApiKeyFileError';
  }
}

interface ApiKeyFileOptions {
  /** Called if a changed file cannot be read: the previous keys stay in use. */
  onBadFile: (error: ApiKeyFileError) => void;
  /** A container platform mounts the file: see `readSecretFile`. */
  mounted?: boolean;
}

/**
 * Keys from a JSON file `{"ORG ID": "API KEY"}`, read again within a second of a change. Throws
 * ApiKeyFileError if it cannot be read at the start.
 */
export const apiKeysFromFile = (path: string, options: ApiKeyFileOptions): ApiKeys => {
  const keys = followFile(path, () => readKeys(path, options.mounted), options.onBadFile);
  return Object.assign((orgId: string) => keys().get(orgId), { orgIds: () => [...keys().keys()] });
};

/** Like `singleApiKey`, with the key in a file that is read again within a second of a change. */
export const apiKeyFromFile = (path: string, options: ApiKeyFileOptions): ApiKeys => {
  const key = followFile(path, () => readKey(path, options.mounted), options.onBadFile);
  return Object.assign(() => key(), { orgIds: () => [ORG_ALIAS] });
};

/** Reads at once, and again if the file has changed. */
const followFile = <T>(
  path: string,
  read: () => T,
  onBadFile: (error: ApiKeyFileError) => void,
): (() => T) => {
  // Before the content: a change between the two is then read again.
  let readVersion = fileVersion(path);
  let value = read();
  let checkedMs = performance.now();
  return () => {
    if (performance.now() - checkedMs < CHECK_EVERY_MS) return value;
    checkedMs = performance.now();
    const version = fileVersion(path);
    if (version === readVersion) return value;
    readVersion = version;
    try {
      value = read();
    } catch (error) {
      onBadFile(error as ApiKeyFileError);
    }
    return value;
  };
};

/** Changes with the content and the permissions of the file. An atomic replacement changes the inode. */
const fileVersion = (path: string): string => {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino}:${stat.mtimeMs}:${stat.ctimeMs}:${stat.size}` : 'absent';
};

const ApiKeyFile = z.record(z.string(), ApiKey);

const readKeys = (path: string, mounted = false): Map<string, string> => {
  const complain = (complaint: string): never => {
    const shown = JSON.stringify(path.slice(0, MAX_SHOWN));
    throw new ApiKeyFileError(`INVENT_API_KEYS_FILE (${shown}) ${complaint}`);
  };
  const json = parseJsonOfAnySize(textOf(path, { maxBytes: MAX_FILE_BYTES, mounted }, complain));
  if (json === undefined) return complain('is not JSON, or is truncated');
  const parsed = ApiKeyFile.safeParse(json);
  if (!parsed.success) return complain('must be a JSON object of org id to API key');
  return new Map(Object.entries(parsed.data));
};

const readKey = (path: string, mounted = false): string => {
  // The path is not shown: it may be the key, given in place of its file.
  const complain = (complaint: string): never => {
    throw new ApiKeyFileError(`INVENT_API_KEY_FILE: the file ${complaint}`);
  };
  const text = textOf(path, { maxBytes: MAX_KEY_FILE_BYTES, mounted }, complain).trim();
  const unusable = complaintAboutVariable('INVENT_API_KEY', text);
  const complaint = unusable ?? ApiKey.safeParse(text).error?.issues[0]?.message;
  return complaint === undefined ? text : complain(`holds an API key that ${complaint}`);
};

const textOf = (path: string, options: SecretFileOptions, complain: (complaint: string) => never): string => {
  try {
    return readSecretFile(path, options).text;
  } catch (error) {
    return complain((error as Error).message);
  }
};
