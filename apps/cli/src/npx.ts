import { onParentExit } from '@rekey/runtime/parent-exit';

/** The exit code of a process that SIGTERM ended. */
const TERMINATED = 143;

/** Matches `npx rekey …`, quoted by npm or not, and no other command or script that runs `rekey`. */
const IS_REKEY = /^(['"]?)rekey\1(?:\s|$)/;

/**
 * Ends with npx. It runs the command in a shell and sends a signal only to the shell, so that a long-running
 * command would outlive npx.
 */
export const endWithNpx = (): void => {
  const { npm_lifecycle_event: event, npm_lifecycle_script: script = '' } = process.env;
  if (event === 'npx' && IS_REKEY.test(script)) onParentExit(() => process.exit(TERMINATED));
};
