import { randomUUID } from 'node:crypto';
import { RekeyClientError } from '@rekey/client';
import { isRefusal } from '../changes/record-tries.ts';
import type { Random } from '../random.ts';
import type { Callers } from './callers.ts';

/** Changes what no other operator of a run changes, in turn: freezes, policies, access tokens. */
export interface Administrator {
  /** How often it did what. */
  actions(): Record<string, number>;
  /** Ends after the act that is under way: what it began is undone. */
  stop(): Promise<void>;
}

interface AdministratorOptions {
  callers: Pick<Callers, 'admin' | 'operator'>;
  orgId: string;
  random: Random;
  pause: (ms: number) => Promise<void>;
}

const RETRY_AFTER_MS = 100;
const EVERY_MS = { least: 200, most: 1500 };
const FROZEN_MS = { least: 50, most: 500 };
/** Its windows open on New Year's Day only. */
const POLICY = { everyDays: 3650, allAssistants: true, window: { cron: '0 3 1 1 *' } };
const TOKEN_FOR_MS = 600_000;

/** Repeats a call until it is answered. Resolves with undefined if it is refused. */
const createInsist =
  (pause: AdministratorOptions['pause']) =>
  async <T>(call: () => Promise<T>): Promise<T | undefined> => {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const isFinal = error instanceof RekeyClientError && isRefusal(error) && !error.retryable;
        if (isFinal) return undefined;
        await pause(RETRY_AFTER_MS);
      }
    }
  };

const createActs = ({ callers: { admin, operator }, orgId, random, pause }: AdministratorOptions) => {
  const insist = createInsist(pause);
  let tokens = 0;
  return {
    freeze: async () => {
      await insist(() => admin.freeze({ reason: 'chaos' }));
      await pause(random.between(FROZEN_MS.least, FROZEN_MS.most));
      await insist(() => admin.unfreeze());
    },
    policy: async () => {
      const request = { orgId, reason: 'chaos', requestId: randomUUID(), ...POLICY };
      const policy = await insist(() => operator.createRotationPolicy(request, { deadlineMs: 10_000 }));
      if (!policy) return;
      await insist(() => operator.pauseRotationPolicy(policy.id));
      await insist(() => operator.resumeRotationPolicy(policy.id));
      await insist(() => operator.deleteRotationPolicy(policy.id));
    },
    token: async () => {
      tokens += 1;
      const name = `chaos-${tokens}`;
      await insist(() => admin.createToken({ name, role: 'viewer', orgs: [orgId], ttlMs: TOKEN_FOR_MS }));
      await insist(() => admin.revokeToken(name));
    },
  };
};

export const startAdministrator = (options: AdministratorOptions): Administrator => {
  const { random, pause } = options;
  const acts = Object.entries(createActs(options));
  const actions: Record<string, number> = {};
  const stopping = new AbortController();
  const running = (async () => {
    for (let turn = 0; !stopping.signal.aborted; turn += 1) {
      const [name, act] = acts[turn % acts.length]!;
      actions[name] = (actions[name] ?? 0) + 1;
      await act();
      await pause(random.between(EVERY_MS.least, EVERY_MS.most));
    }
  })();
  return {
    actions: () => actions,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};
