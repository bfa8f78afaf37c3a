import { startGatewayUnderFlood } from './gateway-under-flood.ts';
import { floodsCommand, readFloodOptions } from './options.ts';
import { runFloods, verdictOf, type FloodResult } from './run-floods.ts';

/* npm run floods -- --help says what it does. */

const CHECK_WITHIN_MS = 100;
const { scale, chosen } = readFloodOptions(floodsCommand());
const print = (text: string) => process.stdout.write(`${text}\n`);

const printResult = (result: FloodResult): void => {
  const { name, seconds, slowestCheckMs, checks, highest, afterwards, refused } = result;
  const limits = Object.entries(refused).map(([limit, count]) => `${limit} ${count}`);
  const ms = (number: number) => number.toFixed(0).padStart(5);
  print(
    `${name.padEnd(46)} ${seconds.toFixed(1).padStart(5)} s  health kept ${ms(slowestCheckMs.kept)} ms, ` +
      `new ${ms(slowestCheckMs.new)} ms (${checks}; held up: gateway ${ms(result.loopDelayMs)} ms, ` +
      `checks ${ms(result.proberHeldUpMs)} ms)  cores: gateway ${result.gatewayCores.toFixed(2)}, ` +
      `flood ${result.flooderCores.toFixed(2)}  ` +
      `in use ${highest.used.toFixed(0)} → ${afterwards.used.toFixed(0)} MB  ` +
      `resident ${highest.resident.toFixed(0)} → ${afterwards.resident.toFixed(0)} MB  ` +
      `refused: ${limits.join(', ') || 'nothing'}`,
  );
};

const gateway = await startGatewayUnderFlood();
const run = await runFloods(gateway, scale, printResult, chosen).finally(() => gateway.stop());
const verdict = verdictOf(run, CHECK_WITHIN_MS);
if (verdict.crashes > 0) print(gateway.output().slice(-4000));
print(`baseline: ${run.baselineMb.toFixed(0)} MB in use`);
print(`crashes: ${verdict.crashes > 0 ? 'the gateway ended' : 0}`);
print(`health slower than ${CHECK_WITHIN_MS} ms: ${verdict.slow.join(', ') || 'never'}`);
print(`memory kept: ${verdict.kept.join(', ') || 'none'}`);
const isClean = verdict.crashes === 0 && verdict.slow.length === 0 && verdict.kept.length === 0;
process.exit(isClean ? 0 : 1);
