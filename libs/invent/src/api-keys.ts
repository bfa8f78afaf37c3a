import { statSync } from 'node:fs';
import { ORG_ALIAS, parseJson, readTextFile } from '@rekey/schema';
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

const ApiKeyFile = z.record(z.string(), ApiKey);
/** Room for more than 500,000 orgs. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const CHECK_EVERY_MS = 1000;
const MAX_SHOWN = 500;

export class ApiKeyFileError extends Error {
  constructor(path: string, complaint: string) {
    super(`INVENT_API_KEYS_FILE (${JSON.stringify(path.slice(0, MAX_SHOWN))}) ${complaint}`);
    this.name = 'ApiKeyFileError';
  }
}

/**
 * Keys from a JSON file `{"ORG ID": "API KEY"}`, read again within a second of a change. If a changed file
 * cannot be read, the previous keys stay in use and `onBadFile` is called. At the start, such a file throws
 * ApiKeyFileError.
 */
export const apiKeysFromFile = (path: string, onBadFile: (error: ApiKeyFileError) => void): ApiKeys => {
  let keys = readKeys(path);
  let readVersion = fileVersion(path);
  let checkedMs = performance.now();

  const refresh = () => {
    if (performance.now() - checkedMs >= CHECK_EVERY_MS) {
      checkedMs = performance.now();
      const version = fileVersion(path);
      if (version !== readVersion) {
        readVersion = version;
        try {
          keys = readKeys(path);
        } catch (error) {
          onBadFile(error as ApiKeyFileError);
        }
      }
    }
  };
  const keyOf = (orgId: string) => {
    refresh();
    return keys.get(orgId);
  };
  const orgIds = () => {
    refresh();
    return [...keys.keys()];
  };
  return Object.assign(keyOf, { orgIds });
};

/** Changes with the content and the permissions of the file. An atomic replacement changes the inode. */
const fileVersion = (path: string): string => {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino}:${stat.mtimeMs}:${stat.ctimeMs}:${stat.size}` : 'absent';
};

const textOf = (path: string): string => {
  try {
    return readTextFile(path, { maxBytes: MAX_FILE_BYTES });
  } catch (error) {
    throw new ApiKeyFileError(path, (error as Error).message);
  }
};

const readKeys = (path: string): Map<string, string> => {
  const json = parseJson(textOf(path));
  if (json === undefined) throw new ApiKeyFileError(path, 'is not JSON, or is truncated');
  const parsed = ApiKeyFile.safeParse(json);
  if (!parsed.success) throw new ApiKeyFileError(path, 'must be a JSON object of org id to API key');
  return new Map(Object.entries(parsed.data));
};
