import {
  ArchiveError,
  MAX_BREAKS,
  archivedStreams,
  isPosition,
  verifyArchive,
  type ArchivedStream,
  type Control,
  type VerifyReport,
} from '@rekey/archive';
import { Command, InvalidArgumentError } from 'commander';
import { CliError, exitCodes } from '../failure.ts';
import { isForPrograms, print, withOutputOptions, type OutputOptions } from '../output/format.ts';
import { printable, table } from '../output/output.ts';
import { readPublicKey } from '../read-key.ts';

interface Position {
  stream: ArchivedStream;
  position: string;
}
interface VerifyCommandOptions extends OutputOptions {
  publicKey: string[];
  position?: Position[];
  digest?: string[];
  from?: number;
}

const collectPosition = (text: string, before: Position[] = []): Position[] => {
  const [, stream, position] = /^(\w+):(.+)$/.exec(text) ?? [];
  const known = archivedStreams.find((name) => name === stream);
  if (!known || !isPosition(position))
    throw new InvalidArgumentError(
      `must be ${archivedStreams.join(' or ')}, a colon and a position, as 17-0.`,
    );
  return [...before, { stream: known, position }];
};
const collectDigest = (text: string, before: string[] = []): string[] => {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new InvalidArgumentError('must be 64 hexadecimal digits.');
  return [...before, text.toLowerCase()];
};
const collect = (text: string, before: string[] = []): string[] => [...before, text];
const segmentNumber = (text: string): number => {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('must be a whole number from 1.');
  return Number(text);
};

const describeControl = (control: Control): string => {
  switch (control.control) {
    case 'gap':
      return (
        `gap: ${control.missing ?? 'an unknown number of'} entries of ${control.stream} between ` +
        `${control.after} and ${control.before} were trimmed from Redis before they were archived`
      );
    case 'history':
      return (
        `history: Redis had lost the entries of ${control.stream} after ${control.after} up to ` +
        `${control.lost_through}${control.certain ? '' : '; entries that follow may be in the archive twice'}`
      );
    default:
      return `ledger: ${control.from} was replaced by ${control.ledger}`;
  }
};

/** How many notes of the archive are printed. */
const MAX_NOTES = 20;
const SHOW_EVERY_MS = 200;

/** Shows how far a verification is, on a terminal. */
const createProgress = (isShown: boolean) => {
  let shownAtMs = -Infinity;
  const write = (text: string) => process.stderr.write(`\r\u001b[K${text}`);
  return {
    show: ({ segments, of, entries }: { segments: number; of: number; entries: number }) => {
      if (!isShown || performance.now() - shownAtMs < SHOW_EVERY_MS) return;
      shownAtMs = performance.now();
      write(`segment ${of}: ${segments} segments, ${entries} entries verified`);
    },
    end: () => {
      if (isShown) write('');
    },
  };
};

const streamText = ({ first, last, entries }: VerifyReport['streams'][ArchivedStream]): string =>
  first === undefined ? 'none' : `${entries}, from ${first} to ${last}`;

const resultText = (report: VerifyReport, notes: readonly Control[]): string => {
  const { breaks, streams, tail, lastDigest } = report;
  const more = breaks.length === MAX_BREAKS ? ', and perhaps more' : '';
  const verdict =
    breaks.length === 0
      ? 'whole: nothing was changed, dropped, reordered or added'
      : `BROKEN in ${breaks.length} place${breaks.length === 1 ? '' : 's'}${more}; the first is named first`;
  const shown = notes
    .slice(0, MAX_NOTES)
    .map((note) => `noted by Rekey: ${printable(describeControl(note))}`);
  const hidden = report.gaps + report.histories - shown.length;
  return [
    ...breaks.map(({ kind, message }) => `${kind}: ${printable(message)}`),
    ...shown,
    ...(hidden > 0 ? [`noted by Rekey: ${hidden} more gaps and histories`] : []),
    table([
      ['archive', `${report.archive ?? 'unknown'}, of ledger ${report.ledger ?? 'unknown'}`],
      ['result', verdict],
      ['signed segments', String(report.segments)],
      ['events', streamText(streams.events)],
      ['activity', streamText(streams.activity)],
      ['gaps', String(report.gaps)],
      [
        'unreadable',
        report.unreadable > 0 ? `${report.unreadable} entries, by length and digest` : undefined,
      ],
      ['last digest', lastDigest && `${lastDigest.number}, ${lastDigest.closedAt}, ${lastDigest.sha256}`],
      ['not signed yet', tail && tail.entries > 0 ? `${tail.entries} entries in ${tail.file}` : undefined],
    ]),
  ].join('\n');
};

const resultJson = (report: VerifyReport): object => {
  const { breaks, tail, lastDigest, ...rest } = report;
  return {
    ok: breaks.length === 0,
    ...rest,
    last_digest: lastDigest && {
      number: lastDigest.number,
      sha256: lastDigest.sha256,
      closed_at: lastDigest.closedAt,
    },
    not_signed: tail && { file: tail.file, entries: tail.entries },
  };
};

const verify = async (path: string, options: VerifyCommandOptions): Promise<void> => {
  const verifiers = await Promise.all(options.publicKey.map(readPublicKey));
  const notes: Control[] = [];
  const forPrograms = isForPrograms(options);
  const progress = createProgress(process.stderr.isTTY && !forPrograms);
  const report = await verifyArchive({
    path,
    verifiers,
    ...(options.from !== undefined && { first: options.from }),
    positions: options.position ?? [],
    digests: options.digest ?? [],
    onProgress: progress.show,
    onControl: (control, file) => {
      if (forPrograms) print(options, { noted: { ...control, file } }, '');
      else if (notes.length < MAX_NOTES) notes.push(control);
    },
  })
    .catch((error: unknown) => {
      throw error instanceof ArchiveError
        ? new CliError(`${path}: ${error.message}.`, 'INVALID_ARGUMENT')
        : error;
    })
    .finally(progress.end);
  if (forPrograms) for (const broken of report.breaks) print(options, { break: broken }, '');
  print(options, { result: resultJson(report) }, resultText(report, notes));
  if (report.breaks.length > 0) process.exitCode = exitCodes.failed;
};

const verifyCommand = (): Command =>
  withOutputOptions(new Command('verify'))
    .description('prove that an archive is as Rekey wrote it; asks neither the gateway nor Redis')
    .argument('<dir>', 'the folder of the archive, or a copy of it')
    .requiredOption(
      '--public-key <key>',
      "Rekey's public key: a file, or a JWK, as rekey key-file public prints it; repeat it for earlier keys",
      collect,
    )
    .option(
      '--position <stream:id>',
      'an entry that must be in it, as events:17-0; repeatable',
      collectPosition,
    )
    .option('--digest <sha256>', 'a digest file that must be in its chain; repeatable', collectDigest)
    .option('--from <number>', 'begin at this segment: those before it were moved away', segmentNumber)
    .action(verify)
    .addHelpText(
      'after',
      `
It names each break: a changed byte, a missing, reordered or inserted segment or line. That the end was cut
off is noticed only if you give a position or a digest that the archive had.
What Rekey itself has noted, such as entries that were lost before they were archived, breaks nothing.

Exit codes: 0 it is whole; 1 it is broken, or cannot be read.

Examples:
  rekey key-file public key.json > rekey.pub.json
  rekey audit verify /var/lib/rekey/archive --public-key rekey.pub.json
  rekey audit verify copy/ --public-key rekey.pub.json --position events:1767225600000-0`,
    );

export const auditCommand = (): Command =>
  new Command('audit').description('prove what is in the archive').addCommand(verifyCommand());
