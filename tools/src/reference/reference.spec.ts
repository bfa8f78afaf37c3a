import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { ledgerKeys } from '@rekey/ledger';
import { attentionCodes } from '@rekey/schema';
import { unmatchedVariables } from './environment.ts';
import { referencePages } from './pages.ts';

const read = (name: string): Promise<string> =>
  readFile(new URL(`../../../docs/reference/${name}`, import.meta.url), 'utf8');
const generated = Object.entries(await referencePages());

/** The first cell of each row of a page's tables, and what in it is code. */
const firstCells = (text: string): string[] =>
  [...text.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
  );

describe('docs/reference', () => {
  it.each(generated)('has %s as npm run generate writes it', async (name, text) => {
    expect(await read(name)).toBe(text);
  });

  it('explains every variable that a process parses, and no other', () => {
    expect(unmatchedVariables()).toEqual([]);
  });

  it('lists every status code, most urgent first but for the last', async () => {
    expect(firstCells(await read('status-codes.md'))).toEqual([...attentionCodes]);
  });
});

describe('docs/reference/redis-keys.md', () => {
  /** Names that only Lua makes: they stand in no other place of the code. */
  const IN_LUA = [
    'accepted',
    'adopted:ORG',
    'answers',
    'bulk-changed',
    'bulk:ID:draws',
    'bulk:ID:redo',
    'changes:ORG',
    'hints',
    'rotations:open:ORG',
  ];
  /** What stands for the argument of a key, by the name of the key's method. */
  const ARGUMENTS: Record<string, string[]> = {
    rotations: ['open', 'SUCCEEDED', 'FAILED', 'CANCELLED'],
    request: ['UUID'],
    bulkRequest: ['UUID'],
    policyRequest: ['UUID'],
    intents: ['ORG'],
    assistants: ['ORG'],
    index: ['id ORG', 'age ORG', 'change ORG', 'uncertain ORG'],
    heldSwept: ['ORG'],
    budget: ['EGRESS'],
    replicated: ['PROCESS'],
    health: ['PROCESS'],
    acksOf: ['NAME'],
  };
  const QUEUES = ['rotations', 'rotation-follow-ups', 'sweeps', 'policies'];
  const namesInCode = (): string[] => {
    const { prefix: _, bull, ...keys } = ledgerKeys('rekey');
    const named = Object.entries(keys).flatMap(([name, key]) =>
      typeof key === 'string'
        ? [key]
        : (ARGUMENTS[name] ?? ['ID']).map((argument) =>
            (key as (...names: string[]) => string)(...argument.split(' ')),
          ),
    );
    return [
      ...named,
      ...IN_LUA.map((name) => `{rekey}:${name}`),
      ...QUEUES.map((queue) => `${bull}:${queue}:*`),
    ];
  };

  it('lists every key, and no other', async () => {
    const listed = firstCells(await read('redis-keys.md')).filter((name) => name.startsWith('{rekey}:'));
    expect(listed.toSorted()).toEqual(namesInCode().toSorted());
  });
});
