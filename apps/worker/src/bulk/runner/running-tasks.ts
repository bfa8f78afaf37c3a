import { BulkLost } from '../tasks/bulk-lost.ts';
import type { BulkRunnerOptions } from './runner-options.ts';

interface RunningTask {
  urgent: boolean;
  done: Promise<void>;
}

/**
 * The bulk rotations that this worker prepares or verifies: one, and an urgent one beside one that is not.
 */
export interface RunningTasks {
  /** Which further task may begin. */
  wanted(): boolean | 'urgent';
  bulkIds(): string[];
  begin(kind: 'prepare' | 'verify', bulkId: string, urgent: boolean): void;
  settled(): Promise<void>;
}

export const createRunningTasks = (
  { doTask, logger }: BulkRunnerOptions,
  token: string,
  onEnd: () => void,
): RunningTasks => {
  const tasks = new Map<string, RunningTask>();

  const run = async (kind: 'prepare' | 'verify', bulkId: string): Promise<void> => {
    try {
      await doTask(kind, bulkId, token);
    } catch (err) {
      // Its lease lapses, and this worker or another one draws it again.
      if (!(err instanceof BulkLost)) logger.event('bulk_task_failed', { err, bulk_id: bulkId, task: kind });
    } finally {
      tasks.delete(bulkId);
      onEnd();
    }
  };

  return {
    wanted: () => {
      if (tasks.size === 0) return true;
      return tasks.size === 1 && ![...tasks.values()][0]!.urgent && 'urgent';
    },
    bulkIds: () => [...tasks.keys()],
    begin: (kind, bulkId, urgent) => {
      tasks.set(bulkId, { urgent, done: run(kind, bulkId) });
    },
    settled: async () => {
      await Promise.all([...tasks.values()].map(({ done }) => done));
    },
  };
};
