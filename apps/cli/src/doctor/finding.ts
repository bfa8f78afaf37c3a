import { exitCodes } from '../failure.ts';

/** The result of one check. No text holds a secret, or a URL with its credentials. */
export interface Finding {
  check: string;
  status: 'ok' | 'warn' | 'fail';
  message: string;
  /** What to do unless the status is `ok`. */
  advice?: string;
  /** The check failed because the gateway or Redis does not answer, which may pass. */
  away?: true;
}

/**
 * As the README documents: 2 if all failures are that the gateway or Redis is unavailable, 1 for any other
 * failure.
 */
export const exitCodeOf = (findings: readonly Finding[]): number => {
  const failed = findings.filter(({ status }) => status === 'fail');
  if (failed.length === 0) return exitCodes.ok;
  return failed.every(({ away }) => away) ? exitCodes.unavailable : exitCodes.failed;
};
