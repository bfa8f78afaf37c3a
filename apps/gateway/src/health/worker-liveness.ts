import { isAnyRotating, type Processes } from '@rekey/ledger';

/** Whether any worker can do what callers wait for. */
export interface WorkerLiveness {
  /** True only if it is known that no worker is live. */
  noLiveWorker(): Promise<boolean>;
}

const KEEP_ANSWER_MS = 1000;

/** Reads the ledger at most once a second, for all callers together. */
export const createWorkerLiveness = (processes: Pick<Processes, 'list'>): WorkerLiveness => {
  let answer: Promise<boolean> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  return {
    noLiveWorker: () => {
      if (!answer || performance.now() - askedAt > KEEP_ANSWER_MS) {
        askedAt = performance.now();
        // A response must not fail only because this is unknown.
        answer = processes.list().then(
          (known) => !isAnyRotating(known),
          () => false,
        );
      }
      return answer;
    },
  };
};
