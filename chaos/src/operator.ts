import type { RekeyClient } from '@rekey/client';
import type { StatusSample } from './verdict.ts';

export interface OperatorOptions {
  client: RekeyClient;
  pause: (ms: number) => Promise<void>;
  /** The orgs that are held, from the ledger. */
  heldOrgs: () => Promise<string[]>;
  /** Whether what an operator has accepted of an org is still being published: it has no limit until then. */
  isAccepting: (orgId: string) => Promise<boolean>;
  /** Whether what is published of an org differs from what is true upstream. */
  differs: (orgId: string) => Promise<boolean>;
}

export interface Operator {
  samples(): StatusSample[];
  /** The codes that status named, and how often; what the operator did, and how often. */
  seen(): Record<string, number>;
  done(): Record<string, number>;
  /**
   * Looks at what needs an operator, and does what status advises. For calm: an operator believes what Invent
   * shows only when it is well.
   */
  act(): Promise<void>;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 200;
const SWEEP_WITHIN_MS = 20_000;
/** Holds that a sweep does not end are looked at this often. */
const TRIES = 2;
/** An org has no limit until what was accepted is done: Invent stays well until then. */
const SWEEPS_UNTIL_DONE = 5;

/** It tells what has happened, and is right by now: nothing that is wrong is told by it. */
const isOnlyHistory = (code: string): boolean => code === 'ROLLED_BACK';

/** Looks at `rekey status` all the time, and acts on it in calm. */
export const startOperator = ({
  client,
  pause,
  heldOrgs,
  isAccepting,
  differs,
}: OperatorOptions): Operator => {
  const samples: StatusSample[] = [];
  const seen: Record<string, number> = {};
  const done: Record<string, number> = {};
  const stopping = new AbortController();
  const note = (all: Record<string, number>, what: string) => (all[what] = (all[what] ?? 0) + 1);

  const look = async (): Promise<{ code: string; subject?: string }[] | undefined> => {
    const atMs = Date.now();
    try {
      const { attention } = await client.getStatus({ deadlineMs: 2000 });
      for (const { code } of attention) note(seen, code);
      samples.push({ atMs, says: attention.some(({ code }) => !isOnlyHistory(code)) });
      return attention;
    } catch {
      // The gateway or Redis is away: `--check` would exit with 2, which is not 0 either.
      return undefined;
    }
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await look();
      await pause(LOOK_EVERY_MS);
    }
  })();

  /** Whether it ended in time. */
  const sweep = async (request: object): Promise<boolean> => {
    try {
      const { id } = await client.createSweep(request, { deadlineMs: 2000 });
      for (const untilMs = performance.now() + SWEEP_WITHIN_MS; performance.now() < untilMs;) {
        const { state } = await client.getSweep(id, { deadlineMs: 2000 });
        if (state === 'SUCCEEDED' || state === 'FAILED') return true;
        await pause(100);
      }
    } catch {
      // Asked again at the next look.
    }
    return false;
  };
  const release = async (orgId: string): Promise<void> => {
    for (let tries = 0; tries < TRIES; tries += 1) {
      note(done, 'sweep of a held org');
      await sweep({ orgId });
      if (!(await heldOrgs()).includes(orgId)) return;
    }
    if (!(await differs(orgId))) {
      note(done, 'held although nothing differs');
      return;
    }
    note(done, 'accept_removals');
    await sweep({ orgId, acceptRemovals: true });
    for (let sweeps = 0; sweeps < SWEEPS_UNTIL_DONE && (await isAccepting(orgId)); sweeps += 1)
      await sweep({ orgId });
  };

  return {
    samples: () => samples,
    seen: () => seen,
    done: () => done,
    act: async () => {
      const attention = (await look()) ?? [];
      const subjectsOf = (wanted: string) =>
        attention.flatMap(({ code, subject }) => (code === wanted && subject !== undefined ? [subject] : []));
      for (const orgId of subjectsOf('ORG_HELD')) await release(orgId);
      for (const egress of subjectsOf('BUDGET_CLOSED')) {
        note(done, 'budget opened');
        // It may have opened by itself.
        await client.openBudget({ egress }, { deadlineMs: 2000 }).catch(() => {});
      }
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};
