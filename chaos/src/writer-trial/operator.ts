import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import type { Redis } from 'ioredis';
import { addAgain, type TrialConsumer } from './consumers.ts';

const SWEPT_WITHIN_MS = 8000;
/** No version can follow a larger one. */
const LARGEST_EPOCH = 9_006_099_743_113_215;
/** What consumers find records by. */
const SWEEPS_MAKE = /:(?:orgs|assistants:[^:]*)$/;
/** Only a restart of the instance, which takes the current records, ends this. */
const OUTRUN = 'the held key has a version in the future';

interface OperatorDeps {
  client: RekeyClient;
  redis: Redis;
  prefix: string;
  consumers: readonly TrialConsumer[];
  orgs?: readonly string[];
  /** What a consumer reports as unapplied, as `rekey consumer status` shows it. */
  unappliedOf?: (name: string) => readonly { why: string }[];
  /** Restarts the instance of a consumer. */
  hold?: (consumer: TrialConsumer) => Promise<void>;
  /** Accepts a ledger that replaced another one. Without this, the caller restores a backup. */
  adopts?: boolean;
  /**
   * Which consumers the operator trusts: after a restored backup all that are stored; otherwise those of
   * `consumers`.
   */
  trusts?: 'stored' | 'own';
}

const sweep = async (client: RekeyClient, request: object): Promise<void> => {
  const { id } = await client.createSweep(request);
  for (const untilMs = performance.now() + SWEPT_WITHIN_MS; performance.now() < untilMs; await sleep(100)) {
    const { state } = await client.getSweep(id);
    if (state === 'SUCCEEDED' || state === 'FAILED') return;
  }
};

/** Has everything compared with Invent. */
export const sweepAll = (client: RekeyClient): Promise<void> => sweep(client, {});

/** `rekey registry trust --keep-grants`. */
const trust = async ({ client, consumers: own, trusts }: OperatorDeps): Promise<void> => {
  const { consumers } = await client.reviewRegistry();
  const isOwn = (name: string) => own.some((one) => one.name === name);
  const readable = consumers.filter(
    ({ name, orgs }) => orgs.length > 0 && (trusts === 'stored' || isOwn(name)),
  );
  await client.trustRegistry({
    consumers: readable.map(({ name, digest }) => ({ name, digest })),
    keepGrants: true,
  });
};

/** What the documentation advises for each code of status. A restored backup is left to the caller. */
const adviceFor = (deps: OperatorDeps) => {
  const { client, redis, prefix, consumers, adopts = false, trusts, unappliedOf, hold, orgs = [] } = deps;
  const again = async (name: string) => {
    const consumer = consumers.find((one) => one.name === name);
    await (consumer ? addAgain(client, consumer) : client.removeConsumer(name));
  };
  let swept: Promise<void> | undefined;
  /** One sweep serves all that status names at once. */
  const sweepOnce = () => (swept ??= sweep(client, {}));
  const restartOutrun = async (name: string) => {
    const consumer = consumers.find((one) => one.name === name);
    if (consumer && unappliedOf?.(name).some(({ why }) => why === OUTRUN)) await hold?.(consumer);
  };
  const advice: Record<string, (subject: string) => Promise<unknown>> = {
    ...(adopts && {
      LEDGER_LOST: async () => {
        const { ledger } = await client.getStatus();
        if (ledger) await client.adoptLedger({ ledgerId: ledger.id });
      },
    }),
    ...(trusts && {
      REGISTRY_UNTRUSTED: () => trust(deps),
      REGISTRY_MEMORY_UNUSABLE: () => trust(deps),
      REGISTRY_LAGGING: () => trust(deps),
    }),
    FROZEN: () => client.unfreeze(),
    BUDGET_CLOSED: (egress) => client.openBudget({ egress }),
    ORG_HELD: async (orgId) => {
      await sweep(client, { orgId });
      await sweep(client, { orgId, acceptRemovals: true });
    },
    LEDGER_DAMAGED: async (subject) => {
      const key = subject.startsWith(prefix) ? subject : `${prefix}:${subject}`;
      await redis.del(key);
      if (SWEEPS_MAKE.test(key)) for (const orgId of orgs) await sweep(client, { orgId });
    },
    QUEUE_DAMAGED: (key) => redis.del(key),
    QUARANTINED: async (id) => {
      const key = `${prefix}:assistant:${encodeURIComponent(id)}`;
      if ((await redis.type(key)) !== 'hash') await redis.del(key);
      else
        for (const field of ['epoch', 'version'])
          if (!(Number(await redis.hget(key, field)) <= LARGEST_EPOCH)) await redis.hdel(key, field);
      await sweepOnce();
    },
    CONSUMER_UNREADABLE: again,
    CONSUMER_LOST: again,
    CONSUMER_UNTRUSTED: (name) => client.removeConsumer(name),
    NOT_COMPARED_SINCE_RESTART: sweepOnce,
    CONSUMER_UNAPPLIED: async (name) => {
      await sweepOnce();
      await restartOutrun(name);
    },
    BULK_UNREADABLE: (id) => client.cancelBulkRotation(id),
  };
  return advice;
};

/** Does once what status advises. Resolves with the codes that it acted on. */
export const actOnStatus = async (deps: OperatorDeps): Promise<string[]> => {
  const advice = adviceFor(deps);
  const status = await deps.client.getStatus({ deadlineMs: 2000 }).catch(() => undefined);
  const acted: string[] = [];
  for (const { code, subject = '' } of status?.attention ?? []) {
    if (!Object.hasOwn(advice, code)) continue;
    acted.push(code);
    // What does not help now is tried again at the next look.
    await advice[code]!(subject).catch(() => {});
  }
  return acted;
};
