import type { RegistryEvent } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';

/** Logs what this process finds in the registry of consumers, and what it repairs. */
export const reportRegistry =
  (logger: Logger) =>
  (event: RegistryEvent): void => {
    switch (event.kind) {
      case 'repaired': {
        const { why, names, rev } = event;
        logger.event('registry_repaired', { why, names, rev });
        break;
      }
      case 'memory-failed':
        logger.event('registry_memory_failed', { err: event.err });
        break;
      default: {
        const { code, subject, detail } = event.problem;
        const name = event.kind === 'begun' ? 'registry_problem' : 'registry_problem_over';
        logger.event(name, { code, subject, detail });
      }
    }
  };
