import { ABSENT, EVIL, readEvent, type Clever } from './clever.ts';
import type { RedisCommand } from '../mutation.ts';
import { oddText } from '../odd-values.ts';

/** Forged texts: a signer, records, acknowledgements. */
export const forgeries: Record<string, Clever> = {
  'another signer': async ({ prefix }, { sealer }) => [
    ['HSET', `${prefix}:ledger`, 'signer', JSON.stringify(sealer.publicJwk)],
  ],
  'another fingerprint key': async ({ prefix }, { sealer }) => [
    ['HSET', `${prefix}:ledger`, 'fingerprint_key', sealer.fingerprintKeyId],
  ],
  'a forged record': async (view, { sealer }) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { key, event, assistantId } = found;
    const [, , org = ''] = String(event['source']).split('/');
    const data = event['data'] as {
      version: number;
      sealed?: { recipients?: { header: { kid: string } }[] };
    };
    const version = data.version + view.random.pick([0, 1, 1000]);
    const record = {
      type: event['type'],
      org_id: decodeURIComponent(org),
      assistant_id: assistantId,
      version,
      assistant: { id: assistantId, secret_key: 'sk_forged' },
    };
    const sealed = JSON.parse(sealer.seal(JSON.stringify(record))) as { recipients: object[] };
    const recipients = (data.sealed?.recipients ?? []).map(({ header: { kid } }) => {
      const [first] = sealed.recipients as { header: object }[];
      return { ...first, header: { ...first!.header, kid } };
    });
    const forged = { ...event, data: { ...data, version, sealed: { ...sealed, recipients } } };
    return [
      ['SET', key, JSON.stringify(forged)],
      ['XADD', `${view.prefix}:events`, '*', 'event', JSON.stringify(forged)],
    ];
  },
  'forged acknowledgements': async ({ redis, prefix, random }) => {
    const [last] = await redis.xrevrange(`${prefix}:events`, '+', '-', 'COUNT', 1);
    const many = random.pick([1, 10, 200]);
    return Array.from({ length: many }, (_, i): RedisCommand => {
      const consumer = random.pick([ABSENT, ABSENT, 'demo', EVIL, oddText(random).slice(0, 100)]);
      const ack = {
        consumer,
        instance: `forged-${i}`,
        lease_ms: random.pick([60_000, 1000, 2 ** 53]),
        position: last?.[0] ?? '0-0',
        seq: random.pick([0, 1, 2 ** 52]),
        keys: 5,
        unapplied: { count: 0, first: [] },
        leaving: random.next() < 0.2,
        number: random.pick([1, 2 ** 52]),
        sent_ms: Date.now(),
        more: 'z'.repeat(many === 200 ? 10_000 : 10),
      };
      const stream = random.pick([`${prefix}:acks`, `${prefix}:acks:${consumer}`]);
      return ['XADD', stream, '*', 'ack', JSON.stringify(ack), 'proof', 'A'.repeat(86)];
    });
  },
  'acknowledgements sent again': async ({ redis, prefix, random }) => {
    const stream = random.pick([`${prefix}:acks`, `${prefix}:acks:${ABSENT}`, `${prefix}:acks:demo`]);
    const entries = (await redis.xrevrange(stream, '+', '-', 'COUNT', 50)).filter(([, fields]) =>
      fields.join('').includes(ABSENT),
    );
    const to = random.pick([stream, `${prefix}:acks`, `${prefix}:acks:${ABSENT}`]);
    return entries.map(([, fields]): RedisCommand => ['XADD', to, '*', ...fields]);
  },
};
