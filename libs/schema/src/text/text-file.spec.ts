import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readTextFile } from './text-file.ts';

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rekey-text-'));
  path = join(folder, 'file');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('readTextFile', () => {
  it.each([
    ['plain', Buffer.from('{"ä":1}')],
    ['with a byte order mark', Buffer.from('\ufeff{"ä":1}')],
  ])('reads text in UTF-8: %s', (_what, bytes) => {
    writeFileSync(path, bytes);
    expect(readTextFile(path)).toBe('{"ä":1}');
  });

  it('strips one byte order mark, not two', () => {
    writeFileSync(path, '\ufeff\ufeff{}');
    expect(readTextFile(path)).toBe('\ufeff{}');
  });

  it.each([
    ['nothing', () => join(folder, 'none'), 'does not exist'],
    ['a folder', () => folder, 'is a folder'],
    ['a path that goes through a file', () => '/etc/passwd/x', 'cannot be read (ENOTDIR)'],
    ['a path that is too long', () => `/${'x'.repeat(5000)}`, 'cannot be read (ENAMETOOLONG)'],
    ['a link to itself', () => link('loop'), 'cannot be read (ELOOP)'],
    ['an endless device', () => '/dev/zero', 'is larger than 1048576 bytes'],
    ['an empty device', () => '/dev/null', 'is empty'],
    ['a named pipe without a writer', () => pipe('lonely'), 'is empty'],
    ['an empty file', () => file(''), 'is empty'],
    ['white space alone', () => file(' \n\t'), 'is empty'],
    ['a byte order mark alone', () => file('\ufeff'), 'is empty'],
    [
      'UTF-16, little end first',
      () => file(Buffer.from('\ufeff{}', 'utf16le')),
      'is UTF-16 text; save it as UTF-8',
    ],
    [
      'UTF-16, big end first',
      () => file(Buffer.from('\ufeff{}', 'utf16le').swap16()),
      'is UTF-16 text; save it as UTF-8',
    ],
    ['Latin-1', () => file(Buffer.from('ä', 'latin1')), 'is not UTF-8 text; save it as UTF-8'],
    [
      'a file that ends within a character',
      () => file(Buffer.from('ä').subarray(0, 1)),
      'is not UTF-8 text; save it as UTF-8',
    ],
    ['a file that is too large', () => file('x'.repeat(1024 * 1024 + 1)), 'is larger than 1048576 bytes'],
  ])('says what is wrong with %s', (_what, make, complaint) => {
    const made = make();
    expect(() => readTextFile(made)).toThrow(new RegExp(`^${complaint.replace(/[()]/g, '\\$&')}$`));
  });

  it('reads up to the limit of its caller', () => {
    file('x'.repeat(3 * 1024 * 1024));
    expect(readTextFile(path, { maxBytes: 3 * 1024 * 1024 })).toHaveLength(3 * 1024 * 1024);
    expect(() => readTextFile(path, { maxBytes: 3 * 1024 * 1024 - 1 })).toThrow(
      'is larger than 3145727 bytes',
    );
    expect(() => readTextFile('/dev/zero', { maxBytes: 2 * 1024 * 1024 })).toThrow(
      'is larger than 2097152 bytes',
    );
  });

  it('reports a file that this user may not read', () => {
    file('text');
    chmodSync(path, 0);
    // Root, as which the tests may run, can read any file. Another user may have no access to Node or to this
    // checkout, which are loaded by then.
    const program = withReadTextFile(`
      if (process.getuid() === 0) { process.setgroups([]); process.seteuid(65534); }
      try { readTextFile(${JSON.stringify(path)}); } catch (error) { console.log(error.message); }
    `);
    chmodSync(folder, 0o755);
    expect(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })).toBe(
      'cannot be read by this user (EACCES)\n',
    );
    rmSync(path);
  });

  it('waits a bounded time for the end of a pipe', () => {
    const fifo = pipe('slow');
    const keepOpen = spawn(
      'bash',
      ['-c', `exec 3<>"$0"; echo ready; sleep 0.3; printf late >&3; exec sleep 60`, fifo],
      { stdio: ['ignore', 'ignore', 'ignore'] },
    );
    const held = openSync(fifo, 'r+');
    try {
      writeSync(held, 'early ');
      expect(() => readTextFile(fifo)).toThrow('is a pipe without a writer');
    } finally {
      closeSync(held);
      keepOpen.kill('SIGKILL');
    }
  });

  it('reads the pipe of a process to its end', () => {
    const program = withReadTextFile('console.log(String(readTextFile(process.argv[1]).length));');
    const shell = `exec "$0" -e "$1" <(sleep 0.3; head -c 300000 /dev/zero | tr '\\0' x)`;
    expect(execFileSync('bash', ['-c', shell, process.execPath, program], { encoding: 'utf8' })).toBe(
      '300000\n',
    );
  });

  it('never returns half of an old file and half of its replacement', () => {
    const texts = [JSON.stringify(Array(9000).fill('a')), JSON.stringify(Array(9000).fill('b'))];
    writeFileSync(path, texts[0]!);
    const replacing = spawn(
      'bash',
      [
        '-c',
        'replace() { printf %s "$1" > "$0.new"; mv "$0.new" "$0"; }; ' +
          'for ((;;)); do replace "$1"; replace "$2"; done',
        path,
        ...texts,
      ],
      { stdio: 'ignore' },
    );
    try {
      for (let i = 0; i < 500; i += 1) expect(texts).toContain(readTextFile(path));
    } finally {
      replacing.kill('SIGKILL');
    }
  });
});

/** The text of a program for another process. */
const withReadTextFile = (body: string): string =>
  `import(${JSON.stringify(new URL('./text-file.ts', import.meta.url).href)})` +
  `.then(({ readTextFile }) => { ${body} })`;
const file = (content: string | Buffer): string => {
  writeFileSync(path, content);
  return path;
};
const pipe = (name: string): string => {
  execFileSync('mkfifo', [join(folder, name)]);
  return join(folder, name);
};
const link = (name: string): string => {
  execFileSync('ln', ['-s', name, join(folder, name)]);
  return join(folder, name);
};
