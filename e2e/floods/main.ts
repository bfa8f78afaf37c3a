import { CHECK_LIMITS, startGatewayUnderFlood } from './gateway-under-flood.ts';
import { floodsCommand, readFloodOptions } from './options.ts';
import { runFloods, verdictOf, type FloodResult } from './run-floods.ts';

/* npm run floods -- --help says what it does. */

const { scale, chosen } = readFloodOptions(floodsCommand());
const print = (text: string) => process.stdout.write(`${text}\n`);

const printResult = (result: FloodResult): void => {
  const { name, seconds, slowestCheckMs, checks, highest, afterwards, refused } = result;
  const limits = Object.entries(refused).map(([limit, count]) => `${limit} ${count}`);
  const ms = (number: number) => number.toFixed(0).padStart(5);
  print(
    `${name.padEnd(46)} ${seconds.toFixed(1).padStart(5)} s  health http ${ms(slowestCheckMs.http)} ms, ` +
      `kept ${ms(slowestCheckMs.kept)} ms, new ${ms(slowestCheckMs.new)} ms (${checks}; ` +
      `held up: gateway ${ms(result.loopDelayMs)} ms, ` +
      `checks ${ms(result.proberHeldUpMs)} ms)  cores: gateway ${result.gatewayCores.toFixed(2)}, ` +
      `flood ${result.flooderCores.toFixed(2)}  ` +
      `in use ${highest.used.toFixed(0)} → ${afterwards.used.toFixed(0)} MB  ` +
      `resident ${highest.resident.toFixed(0)} → ${afterwards.resident.toFixed(0)} MB  ` +
      `refused: ${limits.join(', ') || 'nothing'}`,
  );
};

const gateway = await startGatewayUnderFlood();
const run = await runFloods(gateway, scale, printResult, chosen).finally(() => gateway.stop());
const verdict = verdictOf(run, CHECK_LIMITS);
if (verdict.crashes > 0) print(gateway.output().slice(-4000));
print(`baseline: ${run.baselineMb.toFixed(0)} MB in use`);
print(`crashes: ${verdict.crashes > 0 ? 'the gateway ended' : 0}`);
const namesOf = (floods: string[], none: string) => floods.join(', ') || none;
print(`/healthz slower than ${CHECK_LIMITS.http} ms: ${namesOf(verdict.slow, 'never')}`);
print(`grpc.health.v1 slower than ${CHECK_LIMITS.calls} ms: ${namesOf(verdict.slowCalls, 'never')}`);
print(`memory kept: ${namesOf(verdict.kept, 'none')}`);
const { crashes, slow, slowCalls, kept } = verdict;
process.exit(crashes + slow.length + slowCalls.length + kept.length === 0 ? 0 : 1);
