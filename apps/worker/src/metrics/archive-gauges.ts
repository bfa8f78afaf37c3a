import type { SystemStatus } from '@rekey/schema';
import type { Factory } from './metric-factory.ts';

/** How far the archive is, as its worker has reported and signed. */
export const createArchiveGauges = ({ gauge }: Factory) => {
  const waiting = gauge('rekey_archive_waiting_entries', 'Entries that are not archived', ['stream']);
  const reported = gauge(
    'rekey_archive_report_timestamp_seconds',
    'When the worker that archives last made sure of what is archived; 0 if none ever has',
  );
  return {
    set: ({ archive }: SystemStatus): void => {
      reported.set((archive?.reportedMs ?? 0) / 1000);
      waiting.set({ stream: 'events' }, archive?.waiting.events ?? 0);
      waiting.set({ stream: 'activity' }, archive?.waiting.activity ?? 0);
    },
    reset: (): void => [waiting, reported].forEach((one) => one.reset()),
  };
};
