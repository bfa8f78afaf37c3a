import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { loadContract } from '@rekey/rpc';
import { limitsWith } from './limits-fixture.ts';
import type { Rate } from '../quotas/rate-limits.ts';
import type { GatewayLimits } from './limits.ts';

const page = await readFile(new URL('../../../../docs/reference/limits.md', import.meta.url), 'utf8');

/** Name and default of each limit in the page's table of the gateway. */
const documented = (): [name: string, value: string][] => {
  const [, section] = /^## Gateway\n(.*?)(?=^## |$(?![^]))/ms.exec(page)!;
  return [...section!.matchAll(/^\| (.+?) \| (\d.*?) \|/gm)].map(([, name, value]) => [
    name!.replaceAll('`', ''),
    value!,
  ]);
};

const shown = (count: number): string => count.toLocaleString('en');

const valuesOf = ({
  calls,
  connections,
  handshakes,
  turns,
  streams,
  uploadIds,
}: GatewayLimits): [string, string][] => [
  ...Object.entries(calls.kinds).map(([kind, { open }]): [string, string] => [kind, shown(open)]),
  ['upload-ids', shown(uploadIds)],
  ['turns', shown(turns.waitingTurns)],
  ['request-bytes', `${calls.requestBytes / 2 ** 20} MiB`],
  ['response-bytes', `${calls.responseBytes / 2 ** 20} MiB`],
  ['reading', `${calls.readWithinMs / 1000} s`],
  ['arrival', `${calls.kinds['calls']!.arriveWithinMs / 1000} s`],
  ['metadata', `${calls.metadataBytes / 2 ** 10} KiB`],
  ['connections', shown(connections.open)],
  ['handshakes', shown(handshakes.open)],
  ['control-frames', `${shown(connections.controlFramesPerSecond)} a second`],
  [
    'calls of one connection',
    `${shown(streams.most)}, or ${streams.mostIfMany} while ${shown(streams.many)} calls are open`,
  ],
];

it('docs/reference/limits.md lists every limit of the gateway with its default', () => {
  const values = valuesOf(limitsWith());
  expect(documented().slice(0, values.length)).toEqual(values);
});

it('docs/reference/limits.md lists the limits of one caller with their defaults', () => {
  const { calls, callers } = limitsWith();
  const rate = ({ perSecond, atOnce }: Rate): string =>
    `${shown(perSecond)} a second, ${shown(atOnce)} at once`;
  const rows = new Map(documented());
  expect(rows.get('caller-calls')).toBe(rate(callers.calls));
  expect(rows.get('failed-authentications')).toBe(rate(callers.failures));
  for (const kind of ['waits', 'watches', 'uploads', 'reflection'] as const) {
    const percent = /^(\d+) % of (\w+)$/.exec(rows.get(`caller-${kind}`)!)!;
    expect([kind, Math.floor((calls.kinds[kind]!.open * Number(percent[1])) / 100)]).toEqual([
      percent[2],
      callers.open[kind],
    ]);
  }
});

it.each([
  ['WaitRotation', 'waits'],
  ['WatchBulkRotation', 'watches'],
  ['CreateBulkRotation', 'uploads'],
  ['CreateRotationPolicy', 'uploads'],
  ['RotateSecretKey', 'calls'],
])('%s counts as one of the %s', (name, kind) => {
  const services = Object.values(loadContract().v1).flatMap((one) => ('service' in one ? [one.service] : []));
  const method = services
    .flatMap((service) => Object.values(service))
    .find(({ path }) => path.endsWith(`/${name}`));
  expect(limitsWith().calls.kindOf(method!)).toBe(kind);
});
