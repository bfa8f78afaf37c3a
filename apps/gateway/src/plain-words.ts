import type { FieldViolation } from '@rekey/schema';
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** The wire's names of fields, as callers know them. */
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

/**
 * What the validator found, in our own words: its own name types and patterns of this code base, which mean
 * nothing to a caller.
 */
const inPlainWords = (issue: Issue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'must be given'
        : `must be ${kinds[issue.expected] ?? 'of another type'}`;
    case 'too_small':
      if (issue.minimum === 1 && issue.origin !== 'number' && issue.origin !== 'int')
        return 'must not be empty';
      return `must ${issue.origin === 'string' || issue.origin === 'array' ? 'have' : 'be'} ${issue.inclusive === false ? 'more than' : 'at least'} ${count(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `must ${issue.origin === 'string' || issue.origin === 'array' ? 'have' : 'be'} ${issue.inclusive === false ? 'less than' : 'at most'} ${count(issue.maximum, issue.origin)}`;
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? 'left out' : `one of ${issue.values.map(String).join(', ')}`}`;
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

/** Given to the parser: it speaks where a schema has no words of its own. */
export const plainWords = (issue: z.core.$ZodRawIssue): string => inPlainWords(issue as Issue);

/**
 * A union fails in each of its ways: of interest is the one that came closest, which names a field inside, or
 * else the last: literals stand first.
 */
const closest = (ways: Issue[][]): Issue[] =>
  ways.findLast((issues) => issues.some(({ path }) => path.length > 0)) ?? ways.at(-1) ?? [];

const flat = (issue: Issue, at: PropertyKey[] = []): { path: PropertyKey[]; message: string }[] => {
  const path = [...at, ...issue.path];
  const inside =
    issue.code === 'invalid_union' && issue.message === 'is not valid' ? closest(issue.errors) : [];
  return inside.length > 0 ? inside.flatMap((one) => flat(one, path)) : [{ path, message: issue.message }];
};

/** `window.cron`, and `orgs[2]` of a list. */
const fieldName = (path: PropertyKey[]): string =>
  path.reduce<string>(
    (name, part) =>
      typeof part === 'number'
        ? `${name}[${part}]`
        : `${name}${name === '' ? '' : '.'}${wireName(String(part))}`,
    '',
  );

/** What is wrong with a request, field by field. It never quotes a value. */
export const violationsOf = ({ issues }: { issues: Issue[] }): FieldViolation[] =>
  issues
    .flatMap((issue) => flat(issue))
    .map(({ path, message }) => ({ field: fieldName(path), description: message }));
