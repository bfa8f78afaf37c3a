import { describe, expect, it } from '@jest/globals';
import { startChild } from '@rekey/testing';
import { createRecordingLogger } from './spec-loggers.ts';

/** The log entry that a process writes which runs `code`. */
const logged = async (code: string, level = 'info'): Promise<Record<string, any>> => {
  const logger = new URL('./logger.ts', import.meta.url).href;
  const schema = import.meta.resolve('@rekey/schema');
  const source = `
    import { createLogger } from '${logger}';
    import { RekeyError } from '${schema}';
    const log = createLogger('test', '${level}');
    ${code}`;
  const child = startChild(process.execPath, [
    '--conditions=@rekey/source',
    '--input-type=module',
    '-e',
    source,
  ]);
  let text = '';
  child.process.stdout?.on('data', (chunk) => (text += chunk));
  await child.exited;
  return JSON.parse(text);
};

describe('createLogger', () => {
  it('logs only those parts of an error that cannot hold a secret', async () => {
    const entry = await logged(`
      const err = new Error('reset');
      err.code = 'ECONNRESET';
      err.options = { headers: { authorization: 'Bearer hunter2' } };
      log.event('release_failed', { err }, 'm');
    `);
    expect(entry).toMatchObject({
      app: 'test',
      level: 'error',
      msg: 'm',
      err: { name: 'Error', code: 'ECONNRESET', message: 'reset' },
    });
    expect(JSON.stringify(entry)).not.toContain('hunter2');
  });

  it('does not quote the arguments of a Redis command', async () => {
    const entry = await logged(`
      const err = new Error('WRONGTYPE hunter2');
      err.name = 'ReplyError';
      err.command = { args: ['hunter2'] };
      log.event('release_failed', { err });
    `);
    expect(entry['err']).toEqual({ name: 'ReplyError', message: 'WRONGTYPE' });
  });

  it.each([
    ["NOPERM User app has no permissions to run the 'xadd' command", undefined],
    ['ERR Wrong number of args for redis.acl_check_cmd()', undefined],
    ["ERR unknown command 'FOO', with args beginning with: 'hunter2' ", "ERR unknown command 'FOO'"],
  ])('quotes a reply of Redis as far as it has no arguments: %s', async (message, quoted = message) => {
    const entry = await logged(`
      const err = new Error(${JSON.stringify(message)});
      err.name = 'ReplyError';
      log.event('release_failed', { err });
    `);
    expect(entry['err']).toEqual({ name: 'ReplyError', message: quoted });
  });

  it('logs an event with the level and message of the table', async () => {
    expect(await logged("log.event('log_lines_dropped', { dropped: 3 })")).toMatchObject({
      event: 'log_lines_dropped',
      level: 'warn',
      dropped: 3,
      msg: 'log lines were dropped: standard output did not accept them',
    });
  });

  it('logs that a process is ready at every log level, also through a child', async () => {
    expect(await logged("log.child({ id: 1 }).event('ready')", 'fatal')).toMatchObject({
      event: 'ready',
      level: 'info',
      id: 1,
    });
  });

  it('logs the cause of an error', async () => {
    const entry = await logged(
      "log.event('release_failed', { err: new RekeyError('INTERNAL', { cause: new Error('why') }) })",
    );
    expect(entry['err'].cause.message).toBe('why');
  });

  it('escapes a line feed in an id', async () => {
    const entry = await logged(`log.event('ready', { assistant_id: 'a\\n{"level":"fatal"}' })`);
    expect(entry['assistant_id']).toBe('a\n{"level":"fatal"}');
  });
});

describe('createRecordingLogger', () => {
  it('records events with level, message and the fields of child loggers', () => {
    const { logger, logged: recorded } = createRecordingLogger();
    logger.child({ redis: 'h:1' }).event('redis_unavailable', { connection: 'worker' });
    logger.event('start_failed', {}, 'could not start: no');
    expect(recorded).toEqual([
      {
        event: 'redis_unavailable',
        level: 'warn',
        message: 'Redis is unavailable; reconnecting',
        fields: { redis: 'h:1', connection: 'worker' },
      },
      { event: 'start_failed', level: 'fatal', message: 'could not start: no', fields: {} },
    ]);
  });
});
