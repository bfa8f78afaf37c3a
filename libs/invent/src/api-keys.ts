import { statSync } from 'node:fs';
import { ORG_ALIAS, parseJson, readTextFile } from '@rekey/schema';
import { z } from 'zod';

/** Visible ASCII: what can stand in an Authorization header. The message never shows the value. */
export const ApiKey = z.string().regex(/^[\x21-\x7e]+$/, 'must be visible ASCII without spaces');

/** Gives the API key for an org, or undefined where none is configured. */
export interface ApiKeys {
  (orgId: string): string | undefined;
  /** The org ids that keys are configured for; `c` stands for the org that a single key was made in. */
  orgIds(): string[];
}

/** One key for every org that is asked for: its own org, the alias `c`, and each sub-org of a parent. */
export const singleApiKey = (apiKey: string): ApiKeys =>
  Object.assign(() => apiKey, { orgIds: () => [ORG_ALIAS] });

/**
 * The same keys, with one name for each org: `nameOf` translates `c` once it is known which org that is. That
 * org has the key of `c`, unless one is configured for it under its own name.
 */
export const keysByOneName = (apiKeys: ApiKeys, nameOf: (orgId: string) => string): ApiKeys => {
  const keyOf = (orgId: string) => {
    const name = nameOf(orgId);
    return apiKeys(name) ?? (name === nameOf(ORG_ALIAS) ? apiKeys(ORG_ALIAS) : undefined);
  };
  return Object.assign(keyOf, { orgIds: () => [...new Set(apiKeys.orgIds().map(nameOf))] });
};

const ApiKeyFile = z.record(z.string(), ApiKey);
/** 500,000 orgs and more. */
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
 * Keys from a JSON file `{"ORG ID": "API KEY"}`, read again within a second of a change. A changed file that
 * cannot be read leaves the keys that were there and calls `onBadFile`; at the start it throws.
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

/** Changes whenever the file does, or its rights; an atomic replacement changes the inode. */
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
  if (json === undefined) throw new ApiKeyFileError(path, 'is not JSON, or only half of a file');
  const parsed = ApiKeyFile.safeParse(json);
  if (!parsed.success) throw new ApiKeyFileError(path, 'must be a JSON object of org id to API key');
  return new Map(Object.entries(parsed.data));
};
