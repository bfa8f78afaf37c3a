import { complaintAboutVariable, readSecretFile, valueOfVariable } from '@rekey/schema';

/** As many bytes as the characters of a variable may have. */
const MAX_BYTES = 4 * 4096;

type RedisUrl = { url: string } | { complaint: string };

/**
 * The URL in the file of REDIS_URL_FILE, without the white space around it. It is read once: processes
 * connect to one Redis for as long as they live. A complaint quotes neither the path, which may be a URL
 * given in place of its file, nor the content.
 */
export const readRedisUrlFile = (path: string, { mounted }: { mounted: boolean }): RedisUrl => {
  try {
    const url = valueOfVariable(readSecretFile(path, { maxBytes: MAX_BYTES, mounted }).text) ?? '';
    const complaint = complaintAboutVariable('REDIS_URL', url);
    return complaint === undefined ? { url } : { complaint: `the file holds a URL that ${complaint}` };
  } catch (error) {
    return { complaint: `the file ${(error as Error).message}` };
  }
};
