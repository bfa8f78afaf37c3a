import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readIds } from './ids-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-ids-'));
});
afterAll(() => rm(folder, { recursive: true }));

const collect = async (ids: AsyncIterable<string[]>): Promise<string[][]> => {
  const batches: string[][] = [];
  for await (const batch of ids) batches.push(batch);
  return batches;
};
const read = async (content: string | Uint8Array, batchBytes = 48 * 1024) => {
  const path = join(folder, 'ids.txt');
  await writeFile(path, content);
  return collect(readIds(path, { batchBytes }));
};

describe('readIds', () => {
  it.each([
    ['a\nb\n', ['a', 'b']],
    ['a\nb', ['a', 'b']],
    ['a\r\nb\r\n', ['a', 'b']],
    ['\ufeffa\r\n\r\n \t\r\n  b \n\n', ['a', 'b']],
    ['ä\nb.c\n', ['ä', 'b.c']],
    ['ast_1\nast_2\n', ['ast_1', 'ast_2']],
    ['nobody_1\nast_1\n', ['nobody_1', 'ast_1']],
    ['x\ny\nid\n', ['x', 'y', 'id']],
    ['a\na\n', ['a', 'a']],
  ])('reads one id per line, with any line end: %j', async (content, ids) => {
    expect(await read(content)).toEqual([ids]);
  });

  it('yields batches within the byte limit, with all ids', async () => {
    const ids = Array.from({ length: 1000 }, (_, i) => `ast_ü${i}`);
    const batches = await read(ids.join('\n'), 200);
    expect(batches.flat()).toEqual(ids);
    expect(
      Math.max(...batches.map((batch) => batch.reduce((sum, id) => sum + Buffer.byteLength(id) + 3, 0))),
    ).toBeLessThanOrEqual(200);
  });

  it('names the first few invalid lines, and counts the others', async () => {
    await expect(read('a\n\nb/c\nd\r\n..\n')).rejects.toThrow(
      /ids\.txt has invalid ids: line 3 must not contain any of .*; line 5 must not be a dot segment\. N/,
    );
    await expect(read('..\n'.repeat(1000))).rejects.toThrow(
      /line 5 [^;]*; and 995 more\. Nothing was created/,
    );
  });

  it.each([
    ['\u3000ast_1\nast_2\n', 1],
    ['ast_1\nast_2\u2003\n', 2],
    ['ast_1\nbad id\n', 2],
    ['ast_1\n\u00a0ast_2\n', 2],
    ['ast_1\nast_\u200b2\n', 2],
    ['ast_1\nast_2\u202e\n', 2],
    ['ast_1\n\ufeffast_2\n', 2],
    ['ast_1 ast_2\r\n', 1],
    ['ast_1\rast_2\n', 1],
  ])('names a line with white space or invisible characters: %j', async (content, line) => {
    await expect(read(content)).rejects.toThrow(
      new RegExp(
        `line ${line} must not contain (white space or invisible|control) characters\\. Nothing was created`,
      ),
    );
  });

  it.each([
    'id',
    'ID',
    'ids',
    'assistant_id',
    'Assistant ID',
    'assistantId',
    'ASSISTANT-ID',
    'assistants',
    'name',
    'org_id',
    '\ufeffassistant_id',
    '\n\nassistant_id',
  ])('recognises a header: %j', async (title) => {
    await expect(read(`${title}\nx_1\nx_2\n`)).rejects.toThrow(
      /ids\.txt has a header: line \d is the title of a column, not an id\..*Nothing was created/,
    );
  });

  it.each(['assistant_id', 'Bezeichner', 'nom.externe', 'Kennung'])(
    'recognises a header alone in a file, and an unknown title before ids: %s',
    async (title) => {
      await expect(read(`${title}\nast_1\nast_2\n`)).rejects.toThrow('has a header: line 1');
      await expect(read('assistant_id\n')).rejects.toThrow('has a header: line 1');
    },
  );

  it.each([
    ['id,name\nast_1,Support\n', 1],
    ['ast_1,ast_2,ast_3', 1],
    ['ast_1\nast_2;Support\n', 2],
    ['ast_1\tSupport\n', 1],
    ['"ast_1"\n', 1],
    ['ast_1\nast_2|x\n', 2],
    ['ast_1,\n', 1],
  ])('recognises a table: %j', async (content, line) => {
    await expect(read(content)).rejects.toThrow(
      new RegExp(
        `line ${line} has several columns \\(the format is one assistant id per line, ` +
          'without a header and without other columns\\)',
      ),
    );
  });

  it('yields no batch of a file with a header', async () => {
    const path = join(folder, 'header.txt');
    await writeFile(path, `Kennung\n${'ast_1\n'.repeat(10)}`);
    const seen: string[][] = [];
    const reading = (async () => {
      for await (const batch of readIds(path, { batchBytes: 1 })) seen.push(batch);
    })();
    await expect(reading).rejects.toThrow('header');
    expect(seen.flat()).not.toContain('ast_1');
  });

  it('never quotes the content of the file', async () => {
    await expect(read('hun/ter2\n')).rejects.toMatchObject({ message: expect.not.stringContaining('ter2') });
  });

  it('yields no batch after an invalid line', async () => {
    const path = join(folder, 'late.txt');
    await writeFile(path, `${'a\n'.repeat(10)}x/y\n${'b\n'.repeat(10)}`);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const batch of readIds(path, { batchBytes: 8 })) seen.push(...batch);
    })();
    await expect(reading).rejects.toThrow('line 11');
    expect(seen).not.toContain('b');
  });

  it.each(['', '\ufeff', '\r\n \n\n'])('refuses a file without ids: %j', async (content) => {
    await expect(read(content)).rejects.toThrow(/holds no ids/);
  });

  it('refuses a file that is not text or does not exist', async () => {
    await expect(read(Buffer.from('a\nb\n', 'utf16le').fill(0xff, 0, 1))).rejects.toThrow(/not UTF-8/);
    await expect(read(Buffer.from([0x61, 0xe2, 0x82]))).rejects.toThrow(/not UTF-8/);
    await expect(read('x'.repeat(300_000))).rejects.toThrow(/not a list of ids/);
    await expect(collect(readIds(join(folder, 'none'), { batchBytes: 100 }))).rejects.toThrow(
      /cannot be read \(ENOENT\)/,
    );
    await expect(collect(readIds(folder, { batchBytes: 100 }))).rejects.toThrow(/cannot be read \(EISDIR\)/);
  });

  it('reads standard input, whatever its chunk boundaries', async () => {
    const bytes = Buffer.from('\ufeffast_ä\r\nast_b\r\n');
    const stdin = (async function* () {
      for (const byte of bytes) yield Uint8Array.of(byte);
    })();
    expect(await collect(readIds('-', { batchBytes: 100, stdin }))).toEqual([['ast_ä', 'ast_b']]);
  });
});
