import { oddText } from './odd-values.ts';
import type { Mutation, RedisCommand, WriterView } from './mutation.ts';
import { readFields } from './seen-values.ts';
import type { ThiefTools } from './thief-tools.ts';

/** The names of consumers that a thief invents, and of the consumer that it is. */
const EVIL = 'evil';
export const THIEF = 'thief';
/** A consumer of which no instance runs. */
export const ABSENT = 'absent';
/** The org that it may read. */
export const THIEFS_ORG = 'org_demo_sub2';

type Entry = Record<string, unknown> & { name?: string };
type Clever = (view: WriterView, tools: ThiefTools) => Promise<RedisCommand[] | undefined>;

const parse = (text: string | undefined): Entry | undefined => {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    return typeof value === 'object' && value !== null ? (value as Entry) : undefined;
  } catch {
    return undefined;
  }
};

/** What makes workers look at the consumers again, and seal records again. */
const noticed = ({ prefix }: WriterView): RedisCommand[] => [
  ['HINCRBY', `${prefix}:ledger`, 'consumers', 1],
  ['HINCRBY', `${prefix}:ledger`, 'readers', 1],
];

/** The entries of consumers, and where they are. */
const readEntries = async ({ redis, prefix, random }: WriterView) => {
  const key = `${prefix}:consumers`;
  const fields = await readFields(redis, key).catch(() => ({}) as Record<string, string>);
  const names = Object.keys(fields).toSorted();
  const other = names.filter((name) => name !== THIEF);
  return {
    key,
    own: parse(fields[THIEF]),
    victim: other.length === 0 ? undefined : parse(fields[random.pick(other)]),
  };
};

const change = async (
  view: WriterView,
  whose: 'own' | 'victim',
  changes: (found: { own: Entry; victim: Entry }) => Entry,
): Promise<RedisCommand[] | undefined> => {
  const { key, own, victim } = await readEntries(view);
  if (!own || !victim) return undefined;
  const entry = whose === 'own' ? own : victim;
  const after = { ...entry, ...changes({ own, victim }) };
  return [['HSET', key, String(entry.name), JSON.stringify(after)], ...noticed(view)];
};

const readEvent = async ({ redis, keys, random, prefix }: WriterView) => {
  const like = keys.pickLike(`${prefix}:current:ast_0`);
  const key = like?.startsWith(`${prefix}:current:`) ? like : undefined;
  if (key === undefined || (await redis.type(key)) !== 'string') return undefined;
  const event = parse((await redis.getrange(key, 0, 200_000)) ?? undefined);
  const orgs = (await redis.smembers(`${prefix}:orgs`).catch(() => [])).toSorted();
  if (!event || orgs.length === 0) return undefined;
  const assistantId = String(event['subject']);
  // Half of them go where the thief may read.
  const orgId = random.next() < 0.5 ? THIEFS_ORG : random.pick(orgs);
  return { key, event, assistantId, orgId, other: keys.pickLike(key) ?? key };
};

const inOrg = (event: Entry, orgId: string, assistantId: string): string =>
  JSON.stringify({
    ...event,
    subject: assistantId,
    source: `/orgs/${encodeURIComponent(orgId)}/assistants/${encodeURIComponent(assistantId)}`,
  });

const addReader: Clever = async (view, { publicJwk }) => {
  const created = new Date(0).toISOString();
  const entry = { name: EVIL, orgs: ['*'], state: 'PENDING', created_at: created, key: publicJwk };
  const key = { ...publicJwk, kid: '' };
  const name = view.random.pick([EVIL, EVIL, '__proto__', 'constructor']);
  return [
    ['HSET', `${view.prefix}:consumers`, name, JSON.stringify({ ...entry, name, key })],
    ...noticed(view),
  ];
};

/** Rows 1, 2 and 5 of what one write to Redis could do: who may read. */
const readers: Record<string, Clever> = {
  'a reader of everything added': addReader,
  'own orgs widened': (view) =>
    change(view, 'own', () => ({ orgs: ['*'], state: view.random.pick(['ENROLLING', 'PENDING', 'ACTIVE']) })),
  "own key in another's entry": (view, { publicJwk }) =>
    change(view, 'victim', () => ({ key: publicJwk, state: 'PENDING', kept: undefined, grant: undefined })),
  "own kept in another's entry": (view) =>
    change(view, 'victim', ({ own }) => ({ kept: own['kept'], state: 'ENROLLING' })),
  "another's kept in the own entry": (view) =>
    change(view, 'own', ({ victim }) => ({ kept: victim['kept'], state: 'ENROLLING' })),
  "another's grant replaced": (view) =>
    change(view, 'victim', ({ own }) => ({ grant: own['grant'], kept: own['kept'] })),
  'state of a consumer changed': (view) =>
    change(view, 'victim', () => ({ state: view.random.pick(['PENDING', 'ENROLLING', 'ACTIVE']) })),
  'orgs of another taken away': (view) => change(view, 'victim', () => ({ orgs: ['org_nowhere'] })),
  'an earlier entry put back': async (view) => {
    const key = `${view.prefix}:consumers`;
    const names = view.seen.fields(key);
    if (names.length === 0) return undefined;
    const name = view.random.pick(names);
    return [['HSET', key, name, view.seen.text(view.random, key, name) ?? ''], ...noticed(view)];
  },
  'the registry and its entries rolled back': async (view) => {
    const { prefix, seen, random } = view;
    const commands = [`${prefix}:registry`, `${prefix}:consumers`].flatMap((key): RedisCommand[] => {
      const dump = seen.dump(random, key);
      return dump ? [['RESTORE', key, 0, dump, 'REPLACE']] : [];
    });
    return [...commands, ...noticed(view)];
  },
  'the registry rolled back': async ({ prefix, seen, random }) => {
    const dump = seen.dump(random, `${prefix}:registry`);
    return dump ? [['RESTORE', `${prefix}:registry`, 0, dump, 'REPLACE']] : undefined;
  },
  'the registry removed': async ({ prefix }) => [['DEL', `${prefix}:registry`]],
  'the registry and all consumers removed': async (view) => [
    ['DEL', `${view.prefix}:registry`, `${view.prefix}:consumers`],
    ...noticed(view),
  ],
};

/** Row 3: where a record belongs. */
const places: Record<string, Clever> = {
  'an event under another org': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { key, event, assistantId, orgId } = found;
    return [
      ['SET', key, inOrg(event, orgId, assistantId)],
      ['ZADD', `${view.prefix}:assistants:${orgId}`, Date.now(), assistantId],
      ...noticed(view),
    ];
  },
  'an event under another assistant': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { event, orgId, other } = found;
    const assistantId = other.slice(`${view.prefix}:current:`.length);
    return [['SET', other, inOrg(event, orgId, assistantId)], ...noticed(view)];
  },
  'an event as uncertain': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { event, assistantId, orgId, other } = found;
    const id = view.random.pick([assistantId, other.slice(`${view.prefix}:current:`.length)]);
    return [['HSET', `${view.prefix}:uncertain`, id, inOrg(event, orgId, id)], ...noticed(view)];
  },
  'an event published again': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { event, assistantId, orgId } = found;
    return [['XADD', `${view.prefix}:events`, '*', 'event', inOrg(event, orgId, assistantId)]];
  },
  'an assistant in another org': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { assistantId, orgId } = found;
    const assistant = `${view.prefix}:assistant:${assistantId}`;
    return [
      ['HSET', assistant, 'org', orgId, ...(view.random.next() < 0.5 ? ['uncertain', 1] : [])],
      ['ZADD', `${view.prefix}:checks`, 0, `${orgId}/${assistantId}`],
    ];
  },
  'another org for c': async (view) => {
    const orgs = (await view.redis.smembers(`${view.prefix}:orgs`)).toSorted();
    const orgId = orgs.length === 0 ? 'org_x' : view.random.pick(orgs);
    return [['HSET', `${view.prefix}:ledger`, 'alias', orgId], ...noticed(view)];
  },
};

/** Forged texts: a signer, records, acknowledgements. */
const forgeries: Record<string, Clever> = {
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

/** What pretends to be the state of the ledger, so that rotations stop or sweeps begin. */
const states: Record<string, Clever> = {
  'an odd revision': async ({ prefix, random }) => [
    [
      'HSET',
      `${prefix}:ledger`,
      random.pick(['readers', 'resealed', 'consumers']),
      random.pick(['x', '01', String(2 ** 60), '-1', '']),
    ],
  ],
  'records said to be sealed again': async ({ redis, prefix }) => [
    ['HSET', `${prefix}:ledger`, 'resealed', (await redis.hget(`${prefix}:ledger`, 'readers')) ?? '0'],
  ],
  'another ledger': async ({ prefix }) => [['HSET', `${prefix}:ledger`, 'id', 'ledger_of_the_thief']],
  'rotations frozen': async ({ prefix, random }) => [
    ['HSET', `${prefix}:ledger`, 'frozen', random.pick([Date.now(), 'x', -1]), 'frozen_reason', 'forged'],
  ],
  'an org held': async ({ prefix, random }) => [
    [
      'HSET',
      `${prefix}:held`,
      random.pick(['org_demo', 'org_demo_sub1', oddText(random).slice(0, 100)]),
      random.pick([JSON.stringify({ since: Date.now(), code: 'TOO_MANY_GONE' }), 'x', '{}']),
    ],
  ],
  'the budget closed': async ({ prefix, random }) => [
    [
      'HSET',
      `${prefix}:budget:default`,
      random.pick(['next', 'closed_until', 'probe_at', 'pace']),
      random.pick([String(2 ** 60), '4102444800000', 'x', '-1']),
    ],
  ],
  'garbage orgs': async ({ prefix, random }) => {
    const from = random.between(0, 1_000_000);
    return Array.from({ length: 500 }, (_, i): RedisCommand => [
      'SADD',
      `${prefix}:orgs`,
      `garbage_${from + i}`,
    ]);
  },
  'garbage consumers': async ({ prefix, random }) => {
    const from = random.between(0, 1_000_000);
    const fields = Array.from({ length: 500 }, (_, i) => [`garbage-${from + i}`, oddText(random)]).flat();
    return [
      ['HSET', `${prefix}:consumers`, ...fields],
      ['HINCRBY', `${prefix}:ledger`, 'consumers', 1],
    ];
  },
  'garbage checks': async ({ prefix, random }) =>
    Array.from({ length: 200 }, (_, i): RedisCommand => [
      'ZADD',
      `${prefix}:checks`,
      0,
      `${random.pick(['org_demo', 'c', 'garbage', oddText(random).slice(0, 50)])}/ast_garbage_${i}`,
    ]),
  'a job for nothing': async ({ prefix, random }) => {
    const id = `rot_${random.between(0, 1e9)}`;
    const job = `${prefix}:bull:rotations:${id}`;
    return [
      [
        'HSET',
        job,
        'name',
        'rotate',
        'data',
        random.pick(['x', '{}', '[]', '{"rotationId":"x"}']),
        'opts',
        '{}',
      ],
      ['LPUSH', `${prefix}:bull:rotations:wait`, id],
      ['ZADD', `${prefix}:bull:rotations:marker`, 0, '0'],
    ];
  },
};

const all = Object.entries({ ...readers, ...places, ...forgeries, ...states });

/** The names of the clever mutations, for a run that makes only some of them. */
export const cleverNames: readonly string[] = all.map(([name]) => name);

/** What a writer does who knows how Rekey works, and wants keys, or wants that nobody notices. */
export const mutateCleverly = async (
  view: WriterView,
  tools: ThiefTools,
  only?: string,
): Promise<Mutation | undefined> => {
  const [name, act] = only === undefined ? view.random.pick(all) : all.find(([known]) => known === only)!;
  const commands = await act(view, tools);
  return commands && { name, commands };
};
