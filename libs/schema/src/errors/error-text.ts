import { textOfCalls } from './call-text.ts';
import type { ErrorText } from './error-row.ts';
import { errorTable, isErrorCode, type ErrorCode } from './error-table.ts';
import { textOfSubjects, type ErrorSubject } from './subject-text.ts';

/**
 * The text of a code in its context: an RPC (`GetStatus`), or the subject that failed or is blocked. The text
 * of the table if the context has none of its own.
 */
export const errorText = (code: ErrorCode, context: string): ErrorText => {
  const { message, advice } = errorTable[code];
  const texts = Object.hasOwn(textOfSubjects, context)
    ? textOfSubjects[context as ErrorSubject]
    : Object.hasOwn(textOfCalls, context)
      ? textOfCalls[context]!
      : {};
  return { message, advice, ...texts[code] };
};

/**
 * The text of a code that the ledger holds. Another version of Rekey may have written a code that this one
 * does not know: its text is that of INTERNAL. With `orgId`, the commands in the advice name the org.
 */
export const storedErrorText = (code: string, subject: ErrorSubject, orgId?: string): ErrorText => {
  const { message, advice } = errorText(isErrorCode(code) ? code : 'INTERNAL', subject);
  return {
    message,
    advice: orgId === undefined ? advice : withOrg(advice, orgId),
  };
};

/** An id as a word of a command that can be pasted into a shell. */
const shellWord = (id: string): string =>
  /^[A-Za-z0-9_.-]+$/.test(id) ? id : `'${id.replaceAll("'", "'\\''")}'`;

/** The arguments of a command. `--` goes before an id that begins with a hyphen: it is no option. */
const orgArguments = (orgId: string, option: string): string =>
  orgId.startsWith('-') ? `${option} -- ${shellWord(orgId)}` : `${shellWord(orgId)} ${option}`;

/** Replaces the placeholder ORG in the commands of an advice. */
const withOrg = (advice: string, orgId: string): string =>
  advice.replaceAll(
    /rekey sweep ORG (--[a-z-]+)/g,
    (_, option: string) => `rekey sweep ${orgArguments(orgId, option)}`,
  );
