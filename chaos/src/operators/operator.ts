import type { RekeyClient } from '@rekey/client';
import type { StatusSample } from '../verdict/evidence.ts';

interface OperatorOptions {
  /** Reads status. */
  watcher: Pick<RekeyClient, 'getStatus'>;
  /** Sweeps. */
  operator: Pick<RekeyClient, 'createSweep' | 'getSweep'>;
  /** Opens budgets. */
  admin: Pick<RekeyClient, 'openBudget'>;
  pause: (ms: number) => Promise<void>;
  /** The held orgs, from the ledger. */
  heldOrgs: () => Promise<string[]>;
  /** Whether removals that were accepted for an org are still being published. Until then it has no limit. */
  isAccepting: (orgId: string) => Promise<boolean>;
  /** Whether the published keys of an org differ from upstream's. */
  differs: (orgId: string) => Promise<boolean>;
}

export interface Operator {
  samples(): StatusSample[];
  /** How often status named each code. */
  codes(): Record<string, number>;
  /** How often the operator did what. */
  actions(): Record<string, number>;
  /**
   * Reads status, and does what it advises. Call it in calm: an operator believes what Invent shows only
   * while Invent is well.
   */
  act(): Promise<void>;
  stop(): Promise<void>;
}

const STATUS_EVERY_MS = 200;
const SWEEP_WITHIN_MS = 20_000;
/** After this number of sweeps that do not release an org, the operator compares it with the truth. */
const SWEEPS_OF_HELD_ORG = 2;
/** An org has no limit until its accepted removals are published: the operator stays in calm until then. */
const SWEEPS_UNTIL_PUBLISHED = 5;

/** The code reports an event of the past. It says nothing about a key that is wrong now. */
const isOnlyHistory = (code: string): boolean => code === 'ROLLED_BACK';

const add = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

type Attention = { code: string; subject?: string }[];

/** Reads status every STATUS_EVERY_MS, and keeps what it says. */
const watchStatus = ({ watcher, pause }: OperatorOptions) => {
  const samples: StatusSample[] = [];
  const codes: Record<string, number> = {};
  const stopping = new AbortController();
  const read = async (): Promise<Attention | undefined> => {
    const atMs = Date.now();
    try {
      const { attention } = await watcher.getStatus({ deadlineMs: 2000 });
      for (const { code } of attention) add(codes, code);
      samples.push({ atMs, needsOperator: attention.some(({ code }) => !isOnlyHistory(code)) });
      return attention;
    } catch {
      // The gateway or Redis is away. `rekey status --check` would exit with 2, which is no all-clear either.
      return undefined;
    }
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await read();
      await pause(STATUS_EVERY_MS);
    }
  })();
  const stop = async () => {
    stopping.abort();
    await running;
  };
  return { samples, codes, read, stop };
};

/** Requests a sweep and waits for its end. */
const sweep = async ({ operator, pause }: OperatorOptions, request: object): Promise<void> => {
  try {
    const { id } = await operator.createSweep(request, { deadlineMs: 2000 });
    for (const untilMs = performance.now() + SWEEP_WITHIN_MS; performance.now() < untilMs;) {
      const { state } = await operator.getSweep(id, { deadlineMs: 2000 });
      if (state === 'SUCCEEDED' || state === 'FAILED') return;
      await pause(100);
    }
  } catch {
    // The next `act` requests it again.
  }
};

/** Sweeps a held org. If that does not release it, and its keys differ from the truth, accepts removals. */
const release = async (
  options: OperatorOptions,
  orgId: string,
  report: (action: string) => void,
): Promise<void> => {
  for (let sweeps = 0; sweeps < SWEEPS_OF_HELD_ORG; sweeps += 1) {
    report('sweep of a held org');
    await sweep(options, { orgId });
    if (!(await options.heldOrgs()).includes(orgId)) return;
  }
  if (!(await options.differs(orgId))) {
    report('held although nothing differs');
    return;
  }
  report('accept_removals');
  await sweep(options, { orgId, acceptRemovals: true });
  for (let sweeps = 0; sweeps < SWEEPS_UNTIL_PUBLISHED && (await options.isAccepting(orgId)); sweeps += 1)
    await sweep(options, { orgId });
};

/** Watches `rekey status` all the time, and acts on it when it is asked to. */
export const startOperator = (options: OperatorOptions): Operator => {
  const status = watchStatus(options);
  const actions: Record<string, number> = {};
  const report = (action: string) => add(actions, action);
  return {
    samples: () => status.samples,
    codes: () => status.codes,
    actions: () => actions,
    act: async () => {
      const attention = (await status.read()) ?? [];
      const subjectsOf = (wanted: string) =>
        attention.flatMap(({ code, subject }) => (code === wanted && subject !== undefined ? [subject] : []));
      for (const orgId of subjectsOf('ORG_HELD')) await release(options, orgId, report);
      for (const egress of subjectsOf('BUDGET_CLOSED')) {
        report('budget opened');
        // The budget may have opened by itself.
        await options.admin.openBudget({ egress }, { deadlineMs: 2000 }).catch(() => {});
      }
    },
    stop: status.stop,
  };
};
