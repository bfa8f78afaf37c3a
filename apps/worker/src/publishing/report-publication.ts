import type { Hold } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { Cause } from '@rekey/schema';
import { idsOf } from '../shared/ids-of.ts';
import type { Meter } from '../metrics/meter.ts';
import type { Finding } from './finding.ts';
import type { PublishResult } from './publication.ts';

/** Logs and counts the result of a publication. */
export const reportPublication = (
  { logger, meter }: { logger: Logger; meter: Pick<Meter, 'published' | 'staleRead'> },
  hold: Hold,
  finding: Finding,
  cause: Cause,
  result: PublishResult,
): void => {
  const ids = { ...idsOf(hold), version: hold.epoch, cause };
  const removal = 'removal' in finding && finding;
  switch (result.kind) {
    case 'committed':
    case 'already':
      meter.published(cause, 'removal' in finding);
      if (cause === 'rollback') logger.event('key_rollback_published', { ...ids, seq: result.seq });
      else
        logger.event(removal ? 'removal_published' : 'key_published', {
          ...ids,
          seq: result.seq,
          ...removal,
        });
      break;
    case 'refused':
      logger.event('publication_refused', { ...ids, published_version: result.publishedVersion });
      break;
    case 'old':
      logger.event('rotation_answer_outdated', { ...ids, published_version: result.publishedVersion });
      break;
    case 'stale':
      meter.staleRead();
      logger.event('stale_read', { ...ids, published_version: result.publishedVersion });
      break;
    case 'unconfirmed':
      logger.event('removal_unconfirmed', { ...ids, ...removal });
      break;
    case 'withheld':
      logger.event('publication_withheld', { ...ids, code: result.code });
      break;
    case 'doubted':
      logger.event('read_inconclusive', ids);
  }
};
