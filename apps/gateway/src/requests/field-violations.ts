import type { FieldViolation } from '@rekey/schema';
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** A field's name in the contract, which is the one that callers know. */
export const wireName = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a message',
  record: 'a map',
  bigint: 'a whole number',
};

const count = (n: number | bigint, origin: string): string => {
  if (origin === 'string') return `${n} characters`;
  return origin === 'array' || origin === 'set' ? `${n} entries` : String(n);
};

const bound = (origin: string, comparison: string, limit: number | bigint): string => {
  const verb = origin === 'string' || origin === 'array' ? 'have' : 'be';
  return `must ${verb} ${comparison} ${count(limit, origin)}`;
};

/**
 * The description of an issue that zod found. Zod's own descriptions name types and patterns of this code
 * base, which mean nothing to a caller.
 */
const descriptionOf = (issue: Issue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'must be given'
        : `must be ${kinds[issue.expected] ?? 'of another type'}`;
    case 'too_small':
      if (issue.minimum === 1 && issue.origin !== 'number' && issue.origin !== 'int')
        return 'must not be empty';
      return bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'invalid_value':
      return issue.values.length === 1
        ? 'must be left out'
        : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return 'has fields that are not known';
    case 'invalid_format':
      return 'has a wrong format';
    default:
      return 'is not valid';
  }
};

/** Zod calls this for each issue that the schema itself does not describe. */
export const describeIssue = (issue: z.core.$ZodRawIssue): string => descriptionOf(issue as Issue);

/**
 * A union fails in each of its options. The option that came closest is reported: one with an issue in a
 * nested field, otherwise the last, because literals come first.
 */
const closestOption = (options: Issue[][]): Issue[] =>
  options.findLast((issues) => issues.some(({ path }) => path.length > 0)) ?? options.at(-1) ?? [];

const flat = (issue: Issue, at: PropertyKey[] = []): { path: PropertyKey[]; message: string }[] => {
  const path = [...at, ...issue.path];
  const inside =
    issue.code === 'invalid_union' && issue.message === 'is not valid' ? closestOption(issue.errors) : [];
  return inside.length > 0 ? inside.flatMap((one) => flat(one, path)) : [{ path, message: issue.message }];
};

/** The path of a field, such as `window.cron` or `orgs[2]`. */
const fieldName = (path: PropertyKey[]): string =>
  path.reduce<string>(
    (name, part) =>
      typeof part === 'number'
        ? `${name}[${part}]`
        : `${name}${name === '' ? '' : '.'}${wireName(String(part))}`,
    '',
  );

/** The violations of a request, one for each issue. They never quote a value. */
export const violationsOf = ({ issues }: { issues: Issue[] }): FieldViolation[] =>
  issues
    .flatMap((issue) => flat(issue))
    .map(({ path, message }) => ({ field: fieldName(path), description: message }));
