import { describe, expect, it } from '@jest/globals';
import { ConfigError, parseEnvironment } from '@rekey/runtime';
import { GatewayEnvironment } from './config.ts';

const complete = {};

/** Each variable with each value: taken as it would be without white space, or refused by its name and without its value. */
describe('any variable', () => {
  const names = Object.keys(GatewayEnvironment.shape);
  const outcome = (env: Record<string, string>): { config: unknown } | { complaint: string } => {
    try {
      return { config: parseEnvironment(GatewayEnvironment, { ...complete, ...env }) };
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return { complaint: (error as Error).message };
    }
  };
  const without = (name: string) => {
    const { [name]: _given, ...others } = complete as Record<string, string>;
    try {
      return { config: parseEnvironment(GatewayEnvironment, others) };
    } catch (error) {
      return { complaint: (error as Error).message };
    }
  };

  it.each(names)('%s without anything but white space is as good as not set', (name) => {
    for (const value of ['', ' ', '\t', ' \r\n ', '\u00a0', '\ufeff']) expect(outcome({ [name]: value })).toEqual(without(name));
  });

  it.each(names)('%s may have white space around it', (name) => {
    for (const value of ['hunter2', '7', 'true', '127.0.0.1:1', 'redis://h:1', 'https://h', 'info']) {
      for (const spaced of [` ${value}`, `${value}\n`, `\t${value}\r\n`]) expect(outcome({ [name]: spaced })).toEqual(outcome({ [name]: value }));
    }
  });

  it.each(names)('%s is refused by name, and never shown, if it is huge, not UTF-8 or has control characters', (name) => {
    for (const value of ['hunter2'.repeat(20_000), 'hunter2\ufffd', '\ufffd', 'hunter2\nhunter2', 'hunter2\u0000x', 'hunter2\u001b[31m']) {
      const refused = outcome({ [name]: value }) as { complaint: string };
      expect(refused.complaint).toContain(`  ${name}: must `);
      expect(refused.complaint).not.toContain('hunter2');
      expect(refused.complaint.length).toBeLessThan(300);
    }
  });

  it.each(names)('%s is taken, or refused by name, whatever is in it', (name) => {
    for (const value of ['hunter2', '-1', '1e3', '0x10', '٣', 'NaN', 'TRUE', 'null', '{}', 'http://hunter2@h/', '://', '[::1]', ':1', '../hunter2', '%00', '🔑'.repeat(100)]) {
      const result = outcome({ [name]: value });
      if ('config' in result) continue;
      expect([name, result.complaint]).toEqual([name, expect.stringContaining(name)]);
      expect(result.complaint).not.toContain('hunter2');
    }
  });
});
