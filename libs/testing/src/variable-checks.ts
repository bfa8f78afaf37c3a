import assert from 'node:assert/strict';

type Environment = Record<string, string>;
type Outcome = { config: unknown } | { complaint: string };

/**
 * Checks one environment variable with many values: each is accepted as if it had no surrounding white space,
 * or rejected with the variable's name and without its value. `complete` is an environment that `parse`
 * accepts; `parse` must throw a ConfigError for others.
 */
export const variableChecks = (parse: (env: Environment) => unknown, complete: Environment = {}) => {
  const parsed = (env: Environment): Outcome => {
    try {
      return { config: parse(env) };
    } catch (error) {
      assert.equal((error as Error).name, 'ConfigError');
      return { complaint: (error as Error).message };
    }
  };
  const outcome = (name: string, value: string): Outcome => parsed({ ...complete, [name]: value });
  return {
    /** White space alone counts as unset. */
    blank: (name: string): void => {
      const { [name]: _given, ...others } = complete;
      for (const value of ['', ' ', '\t', ' \r\n ', '\u00a0', '\ufeff'])
        assert.deepEqual(outcome(name, value), parsed(others));
    },
    /** White space around a value is ignored. */
    spaced: (name: string): void => {
      for (const value of ['hunter2', '7', 'true', '127.0.0.1:1', 'redis://h:1', 'https://h', 'info']) {
        for (const spaced of [` ${value}`, `${value}\n`, `\t${value}\r\n`])
          assert.deepEqual(outcome(name, spaced), outcome(name, value));
      }
    },
    /** Huge values, invalid UTF-8 and control characters are rejected by name, and never shown. */
    unusable: (name: string): void => {
      for (const value of [
        'hunter2'.repeat(20_000),
        'hunter2\ufffd',
        '\ufffd',
        'hunter2\nhunter2',
        'hunter2\u0000x',
        'hunter2\u001b[31m',
      ]) {
        const refused = outcome(name, value);
        assert.ok('complaint' in refused, `${name} takes ${JSON.stringify(value.slice(0, 20))}`);
        assert.ok(refused.complaint.includes(`  ${name}: must `), refused.complaint);
        assert.ok(!refused.complaint.includes('hunter2'), refused.complaint);
        assert.ok(refused.complaint.length < 300, refused.complaint);
      }
    },
    /** Any other value is accepted, or rejected by name. */
    strange: (name: string): void => {
      for (const value of [
        'hunter2',
        '-1',
        '1e3',
        '0x10',
        '٣',
        'NaN',
        'TRUE',
        'null',
        '{}',
        'http://hunter2@h/',
        '://',
        '[::1]',
        ':1',
        '../hunter2',
        '%00',
        '🔑'.repeat(100),
      ]) {
        const result = outcome(name, value);
        if ('config' in result) continue;
        assert.ok(result.complaint.includes(name), `${name}: ${result.complaint}`);
        assert.ok(!result.complaint.includes('hunter2'), result.complaint);
      }
    },
  };
};
