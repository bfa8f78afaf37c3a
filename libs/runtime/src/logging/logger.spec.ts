import { describe, expect, it } from '@jest/globals';
import { startChild } from '@rekey/testing';

/** What a process writes that logs with our logger. */
const logged = async (code: string): Promise<Record<string, any>> => {
  const logger = new URL('../logger.ts', import.meta.url).href;
  const schema = import.meta.resolve('@rekey/schema');
  const source = `import { createLogger } from '${logger}'; import { RekeyError } from '${schema}'; const log = createLogger('test', 'info'); ${code}`;
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
  it('writes of an error only what is known to hold no secret', async () => {
    const entry = await logged(
      "const e = new Error('reset'); e.code = 'ECONNRESET'; e.options = { headers: { authorization: 'Bearer hunter2' } }; log.error({ err: e }, 'm')",
    );
    expect(entry).toMatchObject({
      app: 'test',
      level: 'error',
      msg: 'm',
      err: { name: 'Error', code: 'ECONNRESET', message: 'reset' },
    });
    expect(JSON.stringify(entry)).not.toContain('hunter2');
  });

  it("does not quote a Redis command's arguments", async () => {
    const entry = await logged(
      "const e = new Error('WRONGTYPE hunter2'); e.name = 'ReplyError'; e.command = { args: ['hunter2'] }; log.error({ err: e }, 'm')",
    );
    expect(entry['err']).toEqual({ name: 'ReplyError', message: 'WRONGTYPE' });
  });

  it('writes the event of a line, with the level and message of the table', async () => {
    expect(await logged("log.event('log_lines_dropped', { dropped: 3 })")).toMatchObject({
      event: 'log_lines_dropped',
      level: 'warn',
      dropped: 3,
      msg: 'log lines were dropped: standard output did not accept them',
    });
  });

  it('keeps the cause of an error', async () => {
    const entry = await logged(
      "log.error({ err: new RekeyError('INTERNAL', { cause: new Error('why') }) }, 'm')",
    );
    expect(entry['err'].cause.message).toBe('why');
  });

  it('cannot be broken out of by a line feed in an id', async () => {
    const entry = await logged('log.info({ assistant_id: \'a\\n{"level":"fatal"}\' }, \'m\')');
    expect(entry['assistant_id']).toBe('a\n{"level":"fatal"}');
  });
});
