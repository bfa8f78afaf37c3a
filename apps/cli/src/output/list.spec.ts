import { describe, expect, it, jest } from '@jest/globals';
import { Command } from 'commander';
import { parseAllDocuments, parseDocument } from 'yaml';
import { withOutputOptions, type OutputOptions } from './format.ts';
import { createTable, printList, withColumns, type Column, type ListOptions } from './list.ts';

interface Row {
  id: string;
  at?: Date;
  count?: number;
  state?: string;
  error?: { reason: string };
}
/** Clears a screen, moves text from right to left, and C1 control characters. */
const HOSTILE = '\u001b[2J\u009b31m\u202egnp.exe\u0007\r\n\u2028\u{e0041}';
const VISIBLE = /^[^\p{C}\p{Zl}\p{Zp}]*$/u;

const columns: readonly Column<Row>[] = [
  { name: 'id', value: ({ id }) => id },
  { name: 'create_time', header: 'CREATED', value: ({ at }) => at },
  { name: 'count', kind: 'number', value: ({ count }) => count },
  { name: 'state', kind: 'state', isOptional: true, value: ({ state }) => state },
  { name: 'error', value: ({ error }) => error, show: ({ error }) => error?.reason },
  { name: 'both', header: 'ID AND COUNT', isOptional: true, show: ({ id, count }) => `${id}/${count}` },
];

/** Runs a command that lists the rows, and returns what it prints. */
const run = async (rows: Row[], ...args: string[]) => {
  const written = { out: '', err: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name === 'stdout' ? 'out' : 'err'] += String(chunk);
      return true;
    }),
  );
  const command = withColumns(withOutputOptions(new Command('list')), columns)
    .exitOverride()
    .action((options: OutputOptions & ListOptions<Row>) =>
      printList(options, columns, rows, { empty: 'no rows' }),
    );
  try {
    await command.parseAsync(args, { from: 'user' });
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return written;
};

const now = Date.now();
const rows: Row[] = [
  { id: 'a', at: new Date(now - 185_000), count: 1234, state: 'FAILED', error: { reason: 'FROZEN' } },
  { id: 'longer', count: 5 },
];

describe('a list with a limit', () => {
  const list = async (limit: number, output: 'table' | 'json') => {
    const read: string[] = [];
    function* ids() {
      for (const id of ['a', 'b', 'c']) {
        read.push(id);
        yield { id };
      }
    }
    const written = { out: '', err: '' };
    const spies = (['stdout', 'stderr'] as const).map((name) =>
      jest.spyOn(process[name], 'write').mockImplementation((chunk) => {
        written[name === 'stdout' ? 'out' : 'err'] += String(chunk);
        return true;
      }),
    );
    await printList({ output, columns: [columns[0]!] }, columns, ids(), { empty: 'none', limit });
    for (const spy of spies) spy.mockRestore();
    return { ...written, read: read.join('') };
  };

  it('as a table says that there are more, and only then', async () => {
    const note = '2 shown, and there are more: --limit\n';
    expect(await list(2, 'table')).toEqual({ out: 'ID\na\nb\n', err: note, read: 'abc' });
    expect(await list(3, 'table')).toEqual({ out: 'ID\na\nb\nc\n', err: '', read: 'abc' });
  });

  it('for programs reads no further', async () => {
    expect(await list(2, 'json')).toEqual({ out: '{"id":"a"}\n{"id":"b"}\n', err: '', read: 'ab' });
  });
});

describe('a list as a table', () => {
  it('has a head and aligned columns: times are relative, numbers to the right, nothing is -', async () => {
    expect(await run(rows)).toEqual({
      out: 'ID      CREATED    COUNT  ERROR\na       3 min ago  1,234  FROZEN\nlonger  -              5  -\n',
      err: '',
    });
  });

  it('shows the columns that --columns names, in their order', async () => {
    const { out } = await run(rows, '--columns', 'both, STATE,id');
    expect(out).toBe('ID AND COUNT  STATE   ID\na/1234        FAILED  a\nlonger/5      -       longer\n');
  });

  it.each([
    ['id,none', 'must be names of columns: id, create_time, count, state, error, both'],
    ['', 'must be names of columns'],
    ['id,id', 'must name each column once'],
  ])('refuses --columns %j', async (names, message) => {
    await expect(run(rows, '--columns', names)).rejects.toMatchObject({
      message: expect.stringContaining(message),
    });
  });

  it('says on standard error that it is empty', async () => {
    expect(await run([])).toEqual({ out: '', err: 'no rows\n' });
    expect(await run([], '--json')).toEqual({ out: '', err: '' });
    expect(await run([], '--output', 'yaml')).toEqual({ out: '', err: '' });
  });

  it('cuts long texts, and long ones widen no other line', () => {
    const text = createTable(columns)([{ id: '🙂'.repeat(4000), count: 1 }, { id: 'b' }]);
    const [, long, short] = text.split('\n');
    expect([...long!].length).toBeLessThan(300);
    expect(short!.length).toBeLessThan(100);
    expect(long).not.toContain('\ufffd');
  });

  it('keeps its widths as it grows, under one head', () => {
    const table = createTable(columns);
    const first = table([{ id: 'longest' }]).split('\n');
    expect(first).toHaveLength(2);
    expect(table([{ id: 'b', count: 7 }]).indexOf('7')).toBe(first[0]!.indexOf('COUNT') + 4);
  });

  it('has no color without a terminal', async () => {
    expect((await run(rows, '--columns', 'state')).out).toBe('STATE\nFAILED\n-\n');
  });
});

describe('a list for programs', () => {
  it.each([[['--json']], [['--output', 'json']]])('%j prints an object per line', async (args) => {
    const { out } = await run(rows, ...args);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        id: 'a',
        create_time: new Date(now - 185_000).toISOString(),
        count: 1234,
        state: 'FAILED',
        error: { reason: 'FROZEN' },
      },
      { id: 'longer', count: 5 },
    ]);
  });

  it('prints YAML documents with the same fields', async () => {
    const { out } = await run(rows, '--output', 'yaml');
    const json = await run(rows, '--json');
    expect(parseAllDocuments(out).map((document) => document.toJS() as object)).toEqual(
      json.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
  });

  it.each(['no', 'on', 'Y', '1_000', '12:30:45', '0o17', '0b1', '.inf', '2026-01-31', '~', '=', '<<'])(
    'prints %j as a text, which readers of YAML 1.1 keep',
    async (id) => {
      const { out } = await run([{ id }], '--output', 'yaml');
      expect(parseDocument(out, { version: '1.1' }).toJS()).toEqual({ id });
      expect(parseDocument(out).toJS()).toEqual({ id });
    },
  );

  it('prints the fields that --columns names', async () => {
    const { out } = await run(rows, '--json', '--columns', 'count,id,both');
    expect(out.split('\n')[0]).toBe('{"count":1234,"id":"a","both":"a/1234"}');
  });

  it('refuses two formats, and unknown ones', async () => {
    await expect(run(rows, '--json', '--output', 'yaml')).rejects.toThrow(/cannot be used with/);
    await expect(run(rows, '--output', 'xml')).rejects.toThrow(/Allowed choices are table, json, yaml/);
  });
});

describe('values from outside', () => {
  it.each([
    [[], (text: string) => text.split('\n')[1]!.length > 0],
    [['--json'], (text: string) => (JSON.parse(text) as Row).id === HOSTILE],
    [['--output', 'yaml'], (text: string) => (parseAllDocuments(text)[0]!.toJS() as Row).id === HOSTILE],
  ])('%j shows every character, and a program reads what was there', async (args, isWhole) => {
    const { out } = await run([{ id: HOSTILE }], ...args);
    for (const line of out.split('\n')) expect(line).toMatch(VISIBLE);
    expect(isWhole(out)).toBe(true);
  });
});
