import { bulkErrors } from './bulk-errors.ts';
import type { ErrorRow, ErrorText } from './error-row.ts';
import { rekeyErrors } from './rekey-errors.ts';
import { requestErrors } from './request-errors.ts';
import { upstreamErrors } from './upstream-errors.ts';

const table = {
  ...requestErrors,
  ...rekeyErrors,
  ...bulkErrors,
  ...upstreamErrors,
};

/** The reason of an error: a stable code that callers and alert rules match on. */
export type ErrorCode = keyof typeof table;
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = table;
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(table, code);

/** Texts for one context, in place of those of the table. */
export type ErrorTexts = Partial<Record<ErrorCode, Partial<ErrorText>>>;
