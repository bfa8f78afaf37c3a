import { CHECK_LIMITS, checkNames, startGatewayUnderFlood } from '../floods/gateway-under-flood.ts';
import { fuzzCommand, readFuzzOptions } from './options.ts';
import { runFuzz, verdictOf } from './run-fuzz.ts';

/* npm run fuzz -- --help says what it does. */

const { messages, seed } = readFuzzOptions(fuzzCommand());
const count = (number: number) => number.toLocaleString('en');
const mb = (number: number) => number.toFixed(0);
const print = (text: string) => process.stdout.write(`${text}\n`);

const gateway = await startGatewayUnderFlood({ REKEY_MAX_OPEN_ROTATIONS: '2000' });
const result = await runFuzz(gateway, messages, seed, {
  onProgress: (done, usedMb) => print(`${count(done)} messages, ${mb(usedMb)} MB in use`),
}).finally(() => gateway.stop());
const { sent, seconds, baseline, afterwards } = result;
print(
  `seed ${seed}: ${count(sent.messages)} messages in ${count(sent.calls)} calls on ` +
    `${sent.connections} connections; ${count(sent.answered)} answered, ` +
    `${count(sent.reset)} reset; ${seconds.toFixed(0)} s`,
);
const codes = Object.entries(result.codes).toSorted(([, a], [, b]) => b - a);
print(`codes: ${codes.map(([code, calls]) => `${code} ${count(calls)}`).join(', ')}`);
const slowest = checkNames.map((name) => `${name} ${result.slowestCheckMs[name].toFixed(0)} ms`);
print(`health: ${result.checks} checks, slowest ${slowest.join(', ')}`);
print(
  `memory in use: ${mb(baseline.used)} MB before, ${mb(afterwards.used)} MB after; ` +
    `resident: ${mb(baseline.resident)} MB before, ${mb(afterwards.resident)} MB after`,
);
for (const line of result.unhandled.slice(0, 10)) print(line);
const wrong = verdictOf(result, CHECK_LIMITS);
print(wrong.length === 0 ? 'verdict: clean' : `verdict: ${wrong.join('; ')}`);
process.exit(wrong.length === 0 ? 0 : 1);
