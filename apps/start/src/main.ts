import '@rekey/runtime/check-node';
import { onNpmExit, onStopSignal } from '@rekey/runtime';
import { createLauncher } from './launcher/launcher.ts';
import { startSystem } from './start-system.ts';

/* npm start: the whole system on this machine. */

const launcher = createLauncher();
const { lifecycle, terminal } = launcher;

const onSignal = () => {
  terminal.say('\nstopping …');
  void lifecycle.stop(0);
};
onStopSignal(onSignal, () => process.exit(1));
onNpmExit(onSignal);
// The parts end in order whatever happens here, so that Redis keeps its data.
process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.message}\n`);
  void lifecycle.stop(1);
});

try {
  await startSystem(launcher);
} catch (error) {
  // A part that is stopped while it starts does not become ready.
  if (!lifecycle.isStopping()) process.stderr.write(`${(error as Error).message}\n`);
  await lifecycle.stop(1);
}
