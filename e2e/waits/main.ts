import { readWaitsOptions, waitsCommand } from './options.ts';
import { faultsOf, runWaits } from './run-waits.ts';

/* npm run waits -- --help says what it does. */

const options = readWaitsOptions(waitsCommand());
const print = (text: string) => process.stdout.write(`${text}\n`);
const { held: mayHold } = options;
const limits = mayHold === undefined ? undefined : { GATEWAY_MAX_WAITS: String(mayHold) };
const result = await runWaits(options, limits, print);
const { late, held, resting, watching, messages, refusals, residentMb, cores, health } = result;
for (const [kind, { waiters, median, p99, most }] of Object.entries(late))
  print(
    `${kind.padEnd(8)} ${String(waiters).padStart(6)} waiters  learned the end after ` +
      `${median.toFixed(0)} ms (median), ${p99.toFixed(0)} ms (p99), ${most.toFixed(0)} ms at most`,
  );
print(
  `at once: ${held} waits open, ${resting} refused, ${watching} watches; ${messages} messages of watches`,
);
print(`refusals: ${refusals}`);
print(`resident: ${residentMb.before.toFixed(0)} MB before, ${residentMb.most.toFixed(0)} MB at most`);
print(`cores of the gateway: ${cores.average.toFixed(2)}, ${cores.most.toFixed(2)} in the busiest 5 s`);
print(
  `health: ${health.checks} checks, ${health.failed} failed, p99 ${health.p99Ms.toFixed(0)} ms, ` +
    `slowest ${health.slowestMs.toFixed(0)} ms`,
);
const faults = faultsOf(result, options.within);
print(faults.length === 0 ? 'no fault' : faults.join('\n'));
process.exit(faults.length === 0 ? 0 : 1);
