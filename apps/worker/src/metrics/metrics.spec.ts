import { describe, expect, it } from '@jest/globals';
import type { SystemStatus } from '@rekey/schema';
import { createMetrics } from './metrics.ts';

const statusWith = (more: Partial<SystemStatus>): SystemStatus => ({
  attention: [],
  processes: [],
  ledger: { id: 'led', now: { assistants: 0, consumers: 0, policies: 0 } },
  openBulks: [],
  rotations: { open: 0, failed: 0, waitingInBulks: 0 },
  openIntents: [],
  uncertain: [],
  uncertainCount: 0,
  quarantined: [],
  quarantinedCount: 0,
  checksDue: 0,
  heldOrgs: [],
  ...more,
});
const metricsOf = (status: Partial<SystemStatus> = {}) =>
  createMetrics({ status: async () => statusWith(status) });
const linesOf = async ({ render }: ReturnType<typeof createMetrics>, name: string): Promise<string[]> =>
  (await render()).split('\n').filter((line) => line.startsWith(`${name}{`));
const progress = (consumer: string, events: number) => ({
  consumer,
  lag: { events, ms: events },
  unapplied: 1,
  refused: 0,
});

describe('the metrics of the worker', () => {
  it('name the 20 orgs with most open intents, and the rest together, however many there are', async () => {
    const openIntents = Array.from({ length: 3000 }, (_, i) => ({
      orgId: `org_${i}`,
      count: i < 20 ? 5 : 1,
    }));
    const lines = await linesOf(metricsOf({ openIntents }), 'rekey_open_intents');
    expect(lines).toHaveLength(21);
    expect(lines).toContain('rekey_open_intents{org="org_0"} 5');
    expect(lines).toContain('rekey_open_intents{org="other"} 2980');
  });

  it.each([
    ['quotes', 'a"} 1\\', 'a\\"} 1\\\\'],
    ['a line break', 'a\nb', 'a?b'],
  ])('stay in one line if an org has %s', async (_what, orgId, label) => {
    const lines = await linesOf(metricsOf({ openIntents: [{ orgId, count: 1 }] }), 'rekey_open_intents');
    expect(lines).toEqual([`rekey_open_intents{org="${label}"} 1`]);
  });

  it('name the consumers that are farthest behind, and show the worst of the rest', async () => {
    const metrics = metricsOf();
    metrics.consumers(Array.from({ length: 100 }, (_, i) => progress(`svc-${i}`, i)));
    const lag = await linesOf(metrics, 'rekey_consumer_lag_events');
    expect(lag).toHaveLength(21);
    expect(lag).toContain('rekey_consumer_lag_events{consumer="svc-99"} 99');
    expect(lag).toContain('rekey_consumer_lag_events{consumer="other"} 79');
    const unapplied = await linesOf(metrics, 'rekey_consumer_unapplied_events');
    expect(unapplied).toContain('rekey_consumer_unapplied_events{consumer="other"} 80');
  });

  it('name consumers without a live instance before all others', async () => {
    const metrics = metricsOf();
    const gone = (consumer: string) => ({ consumer, lag: undefined, unapplied: 0, refused: 0 });
    const slow = Array.from({ length: 40 }, (_, i) => progress(`svc-${i}`, 1000 + i));
    metrics.consumers([...slow, gone('gone-1'), gone('gone-2')]);
    const live = await linesOf(metrics, 'rekey_consumer_live');
    expect(live).toHaveLength(21);
    expect(live).toContain('rekey_consumer_live{consumer="gone-1"} 0');
    expect(live).toContain('rekey_consumer_live{consumer="gone-2"} 0');
    expect(live).toContain('rekey_consumer_live{consumer="other"} 1');
  });

  it('show the lag of the slowest live one of the rest, although another of them is not live', async () => {
    const metrics = metricsOf();
    const gone = Array.from({ length: 21 }, (_, i) => ({
      consumer: `gone-${i}`,
      lag: undefined,
      unapplied: 0,
      refused: 0,
    }));
    metrics.consumers([progress('slow', 7), ...gone, progress('quick', 3)]);
    expect(await linesOf(metrics, 'rekey_consumer_lag_events')).toContain(
      'rekey_consumer_lag_events{consumer="other"} 7',
    );
    expect(await linesOf(metrics, 'rekey_consumer_lag_seconds')).toContain(
      'rekey_consumer_lag_seconds{consumer="other"} 0.007',
    );
    expect(await linesOf(metrics, 'rekey_consumer_live')).toContain(
      'rekey_consumer_live{consumer="other"} 0',
    );
  });

  it('show others as live only if each of them is', async () => {
    const metrics = metricsOf();
    const all = Array.from({ length: 22 }, (_, i) => progress(`svc-${i}`, 9));
    const live = () => linesOf(metrics, 'rekey_consumer_live');
    metrics.consumers(all);
    expect(await live()).toContain('rekey_consumer_live{consumer="other"} 1');
    const gone = Array.from({ length: 21 }, (_, i) => ({ ...progress(`gone-${i}`, 0), lag: undefined }));
    metrics.consumers([...all, ...gone]);
    expect(await live()).toContain('rekey_consumer_live{consumer="other"} 0');
  });

  it('forget a consumer that was removed', async () => {
    const metrics = metricsOf();
    metrics.consumers([progress('billing', 1), progress('crm', 2)]);
    metrics.consumers([progress('crm', 2)]);
    expect(await linesOf(metrics, 'rekey_consumer_lag_events')).toEqual([
      'rekey_consumer_lag_events{consumer="crm"} 2',
    ]);
  });
});
