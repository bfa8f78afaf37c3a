import { isAnyRotating, type Processes } from '@rekey/ledger';

/** Whether anything is done at all of what callers wait for. */
export interface Liveness {
  /** True only if it is known that no worker is live. */
  noLiveWorker(): Promise<boolean>;
}

const KEEP_ANSWER_MS = 1000;

/** However many callers wait, the ledger is asked once a second. */
export const createLiveness = (processes: Pick<Processes, 'list'>): Liveness => {
  let answer: Promise<boolean> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  return {
    noLiveWorker: () => {
      if (!answer || performance.now() - askedAt > KEEP_ANSWER_MS) {
        askedAt = performance.now();
        // An answer about a rotation must not fail for want of this.
        answer = processes.list().then(
          (known) => !isAnyRotating(known),
          () => false,
        );
      }
      return answer;
    },
  };
};
