import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { closeAll, temporaryFolder } from '../agent-fixture.ts';
import { readConfig } from './read-config.ts';

afterEach(closeAll);

const ofText = async (text: string, given: object = {}) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'agent.yaml'), text);
  return { folder, read: () => readConfig(join(folder, 'agent.yaml'), given as Record<string, unknown>) };
};
const LEAST = 'consumer: billing\nkey_file: billing.json\n';

describe('the configuration', () => {
  it('takes paths relative to its folder, and options of the command line over its fields', async () => {
    const { folder, read } = await ofText(
      `${LEAST}http: {socket: {path: run/a.sock, mode: '0660', group: 33}}\n` +
        'files: [{path: /etc/k.json, format: json}]\n' +
        'cache: {path: cache}\nmax_staleness: 1h\n',
      { consumer: 'other' },
    );
    expect(read()).toMatchObject({
      consumer: 'other',
      key_file: join(folder, 'billing.json'),
      http: { socket: { path: join(folder, 'run/a.sock'), mode: 0o660, group: 33 } },
      files: [{ path: '/etc/k.json', mode: 0o600, on_removed: 'delete', timeout: 30_000 }],
      cache: { path: join(folder, 'cache'), every: 60_000 },
      max_staleness: 3_600_000,
      debounce: 1000,
    });
  });

  it.each([
    ['', 'is empty'],
    ['[1]', 'must be a map of fields'],
    ['a: &x [*x]', 'must not contain aliases'],
    ['consumer: a\nconsumer: b', 'Map keys must be unique'],
    ['consumer: [', 'at line 1'],
    ['key_file: k', 'consumer: is required'],
    ['consumer: Billing\nkey_file: k', 'consumer: must be at most 63 lower-case letters'],
    [`${LEAST}sokcet: x`, 'sokcet: is not a field of the configuration'],
    [`${LEAST}http: {}`, 'http: must have socket or loopback'],
    [
      `${LEAST}http: {socket: {path: s, mode: 0660}}`,
      "http.socket.mode: must be a quoted octal mode such as '0640'",
    ],
    [`${LEAST}http: {socket: {path: s, mode: '0666'}}`, 'http.socket.mode: must not let every user write'],
    [
      `${LEAST}http: {loopback: {address: '0.0.0.0:80', token_file: t}}`,
      'http.loopback.address: must be on loopback',
    ],
    [`${LEAST}http: {loopback: {}}`, 'http.loopback.token_file: is required'],
    [
      `${LEAST}files: [{path: a, format: xml}]`,
      'files[1].format: must be one of json, dotenv, key-files, template',
    ],
    [
      `${LEAST}files: [{path: a, format: template}]`,
      'files[1].template: must be given with format: template',
    ],
    [
      `${LEAST}files: [{path: a, format: json, on_removed: keep}]`,
      'files[1].on_removed: can be keep only with format: key-files',
    ],
    [
      `${LEAST}files: [{path: a, format: json}, {path: a, format: json}]`,
      'files[2].path: must be another path',
    ],
    [`${LEAST}files: [{path: a, format: json, command: reload}]`, 'files[1].command: must be a list'],
    [
      `${LEAST}files: [{path: a, format: json, command: [a, b], shell: true}]`,
      'files[1].command: must be a list of one text',
    ],
    [
      `${LEAST}files: [{path: a, format: json, signal: {pid_file: p, signal: SIGKILL}}]`,
      'files[1].signal.signal: must be one of SIGHUP',
    ],
    [
      `${LEAST}files: [{path: ./billing.json, format: json}]`,
      'files[1].path: must be another path than that',
    ],
    [`${LEAST}cache: {path: x/../agent.yaml}`, 'cache.path: must be another path than that of the config'],
    [`${LEAST}exec: {names: {A: ast_1, B: ast_1}}`, 'exec.names.B: must be the only name of its assistant'],
    [
      `${LEAST}exec: {names: {REKEY_KEY_ast_2: ast_1}}`,
      'exec.names.REKEY_KEY_ast_2: must not begin with REKEY_KEY_',
    ],
    [`${LEAST}exec: {environment: false, names: {A: ast_1}}`, 'exec.names: cannot be given with environment'],
    [`${LEAST}debounce: 5`, 'debounce: must be a duration such as 250ms'],
    [`${LEAST}max_staleness: 2s`, 'max_staleness: must not be less than stale_after'],
    [`${LEAST}redis: 'redis://:hunter2@host'`, 'redis: must not contain a password'],
    [`${LEAST}redis: redis://a\ngateway: {address: 'b:1'}`, 'gateway: cannot be given together with redis'],
    [`${LEAST}gateway: {address: x}`, 'gateway.address: '],
  ])('that is wrong is refused by the name of the field: %p', async (text, complaint) => {
    const { read } = await ofText(text);
    let thrown: unknown;
    try {
      read();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'BAD_CONFIG', message: expect.stringContaining(complaint) });
    expect((thrown as Error).message).not.toContain('hunter2');
  });

  it('keeps the other fields of what an option sets', async () => {
    const { folder, read } = await ofText(
      `${LEAST}gateway: {address: 'a:1', tls: {ca_file: ca.pem}, token_file: token}\n` +
        "http: {socket: {path: a.sock, mode: '0660'}, serve_keys: true}\n",
      { gateway: { address: 'b:2' }, http: { socket: { path: '/run/b.sock' } } },
    );
    expect(read()).toMatchObject({
      gateway: {
        address: 'b:2',
        tls: { ca_file: join(folder, 'ca.pem') },
        token_file: join(folder, 'token'),
      },
      http: { socket: { path: '/run/b.sock', mode: 0o660 }, serve_keys: true },
    });
  });

  it('names every fault at once', async () => {
    const { read } = await ofText('consumer: B\nkey_file: 5\nother: 1\n');
    expect(read).toThrow(/consumer: [^]*key_file: [^]*other: /);
  });
});
