import { Command, InvalidArgumentError } from 'commander';
import { count } from '../bulk/bulk-request.ts';
import type { EventsOptions } from '../follow/follow-events.ts';
import { notEmpty } from '../option-values.ts';
import { withOutputOptions } from '../output/format.ts';

/** The value of --from. */
const fromPosition = (text: string): string => {
  if (!/^(now|last|start|\d{1,20}(-\d{1,20})?)$/.test(text))
    throw new InvalidArgumentError(
      'must be now, last, start, or the id of a stream entry, such as 1700000000000-0.',
    );
  return text;
};

export const eventsCommand = (): Command =>
  withOutputOptions(new Command('events'))
    .description(
      'follow the event stream: new key versions, removed keys and uncertain versions. ' +
        'For programs: the events of the stream, with --open also `opened`',
    )
    .option(
      '--redis <url>',
      'the URL of Redis (default: REDIS_URL, REDIS_URL_FILE, or redis://127.0.0.1:6379)',
      notEmpty,
    )
    .option('--prefix <name>', 'the prefix of the Redis keys (default: REKEY_PREFIX, or rekey)', notEmpty)
    .option(
      '--from <position>',
      'start at: now, last (includes the newest event), start, or after the stream entry with this id',
      fromPosition,
      'now',
    )
    .option('--count <n>', 'exit after N events', count)
    .option('--open', 'open the sealed records: SHOWS SECRET KEYS')
    .option('--key-file <path>', 'the key file that opens them (default: REKEY_KEY_FILE)')
    .action(async (options: EventsOptions) => {
      // Loading it takes a third of a second: no other command pays for it.
      const { followEvents } = await import('../follow/follow-events.ts');
      await followEvents(options);
    });
