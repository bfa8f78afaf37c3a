import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readSecretFile, type SecretFileOptions } from './secret-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rekey-secret-'));
  path = join(folder, 'file');
  writeFileSync(path, 'hunter2\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

const complaint = (options: SecretFileOptions = {}): string => {
  try {
    readSecretFile(path, options);
    return '';
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    expect([code, message]).toEqual(['EXPOSED', expect.not.stringContaining('hunter2')]);
    return message;
  }
};
const withMode = (mode: string): void => chmodSync(path, mode);

describe('readSecretFile', () => {
  it.each(['600', '400', '700'])('reads a file that only its owner can read: mode %s', (mode) => {
    withMode(mode);
    const { text, stats } = readSecretFile(path);
    expect([text, (stats.mode & 0o777).toString(8)]).toEqual(['hunter2\n', mode]);
  });

  it.each(['604', '644', '444'])('refuses a file that others can read: mode %s', (mode) => {
    withMode(mode);
    expect(complaint()).toMatch(
      /^can be read by other users \(mode 0\d{3}\); run chmod .* on it\. .* set REKEY_MOUNTED_SECRETS=true$/,
    );
  });

  it.each(['444', '644', '440', '660', '770'])(
    'accepts readers and the group of a mounted file: mode %s',
    (mode) => {
      withMode(mode);
      expect(readSecretFile(path, { mounted: true }).text).toBe('hunter2\n');
    },
  );

  it.each(['602', '606', '666', '777'])(
    'refuses a file that every user can write, mounted or not: mode %s',
    (mode) => {
      withMode(mode);
      const text = /^can be written by other users \(mode 0\d{3}\); run chmod 600 on it$/;
      expect(complaint()).toMatch(text);
      expect(complaint({ mounted: true })).toMatch(text);
    },
  );

  it.each(['620', '660', '670'])('refuses a file that its group can write: mode %s', (mode) => {
    withMode(mode);
    expect(complaint()).toMatch(
      /^can be written by other users \(mode 0\d{3}\); run chmod 600 .* set REKEY_MOUNTED_SECRETS=true$/,
    );
  });

  it('names the way of its caller to say that files are mounted', () => {
    withMode('644');
    expect(complaint({ mountedBy: 'the option x' })).toMatch(/set the option x$/);
  });

  it('judges the file behind a link', () => {
    withMode('644');
    symlinkSync(path, join(folder, 'link'));
    path = join(folder, 'link');
    expect(complaint()).toContain('can be read by other users');
  });

  it('reads the pipe of a shell', () => {
    const url = JSON.stringify(new URL('./secret-file.ts', import.meta.url).href);
    const program = `import(${url}).then((m) => console.log(m.readSecretFile(process.argv[1]).text))`;
    const shell = 'exec "$0" -e "$1" <(printf piped)';
    expect(execFileSync('bash', ['-c', shell, process.execPath, program], { encoding: 'utf8' })).toBe(
      'piped\n',
    );
  });

  it('keeps the other limits of text files', () => {
    withMode('600');
    expect(() => readSecretFile(path, { maxBytes: 3 })).toThrow('is larger than 3 bytes');
    expect(() => readSecretFile(join(folder, 'none'))).toThrow('does not exist');
  });
});

// Only root can give a file to another user.
const describeAsRoot = process.getuid!() === 0 ? describe : describe.skip;
if (describeAsRoot === describe.skip) console.warn('Skipped: a secret file of another user needs root.');

describeAsRoot('readSecretFile, by the owner of the file', () => {
  const NOBODY = 65_534;
  /**
   * The complaint of a process of another user. It changes its user once everything is loaded: that user may
   * have no access to Node or to this checkout.
   */
  const complaintOf = (user: number): string => {
    chmodSync(folder, 0o755);
    const url = JSON.stringify(new URL('./secret-file.ts', import.meta.url).href);
    const program = `import(${url}).then(({ readSecretFile }) => {
      process.setgroups([]);
      process.setegid(${NOBODY});
      process.seteuid(${user});
      try { console.log(readSecretFile(process.argv[1]).text.trim()) }
      catch (error) { console.log(error.message) }
    })`;
    return execFileSync(process.execPath, ['-e', program, path], { encoding: 'utf8' }).trim();
  };

  it('reads a file of root that its group may read', () => {
    chownSync(path, 0, NOBODY);
    withMode('640');
    expect(complaintOf(NOBODY)).toBe('hunter2');
  });

  it('refuses a file of its own that its group may read', () => {
    chownSync(path, NOBODY, NOBODY);
    withMode('640');
    expect(complaintOf(NOBODY)).toContain('can be read by other users (mode 0640); run chmod 600 on it');
  });

  it('refuses a file of another user, unless it is mounted', () => {
    chownSync(path, NOBODY, NOBODY);
    withMode('600');
    expect(complaint()).toMatch(
      /^belongs to user 65534; its owner must be user 0, who runs this, or root\. /,
    );
    expect(readSecretFile(path, { mounted: true }).text).toBe('hunter2\n');
  });
});
