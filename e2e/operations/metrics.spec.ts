import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { textOf } from '../docs/asyncapi.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({
    gateway: { GATEWAY_HEALTH_ADDRESS: '127.0.0.1:0' },
    worker: { WORKER_HEALTH_ADDRESS: '127.0.0.1:0' },
  });
});
afterAll(() => system.stop());

/** Name → type, as a process exposes its own metrics, or as a section of the reference lists them. */
type Types = Record<string, string>;

const exposed = async (address: string): Promise<Types> => {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  return Object.fromEntries(
    [...text.matchAll(/^# TYPE (rekey_\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]),
  );
};

const documented = (section: string): Types => {
  const [, text] = new RegExp(`^## ${section}\n(.*?)(?=^## |$(?![^]))`, 'ms').exec(
    textOf('docs/reference/metrics.md'),
  )!;
  return Object.fromEntries(
    [...text!.matchAll(/^\| `(rekey_\w+)` \| (\w+) \| [^|]*\| ([^|]+)/gm)]
      // The specs of TLS and of access files see these.
      .filter(([, , , meaning]) => !/^with (?:TLS|an access file): /.test(meaning!))
      .map(([, name, type]) => [name, type]),
  );
};

it.each([
  ['Gateway', /"app":"gateway"[^\n]*"health_address":"(127\.0\.0\.1:\d+)"/],
  ['Worker', /"app":"worker"[^\n]*"address":"(127\.0\.0\.1:\d+)"/],
])('docs/reference/metrics.md lists what the metrics of a process are: %s', async (section, line) => {
  const output = await eventually(
    () => Promise.resolve(system.output()),
    (text) => line.test(text),
  );
  const types = await exposed(line.exec(output)![1]!);
  expect(Object.keys(types).length).toBeGreaterThan(0);
  expect(documented(section)).toEqual(types);
});
