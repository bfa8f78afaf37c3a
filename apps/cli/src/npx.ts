import { onParentExit } from '@rekey/runtime';

/** As of a process that SIGTERM has ended. */
const TERMINATED = 143;

/** `npx rekey …` itself, which npm quotes or not, and no other command or script that runs `rekey`. */
const IS_REKEY = /^(['"]?)rekey\1(?:\s|$)/;

/**
 * npx has a shell before the command, and passes a signal to that alone: a command that follows something
 * would stay when npx was ended.
 */
export const endWithNpx = (): void => {
  const { npm_lifecycle_event: event, npm_lifecycle_script: script = '' } = process.env;
  if (event === 'npx' && IS_REKEY.test(script)) onParentExit(() => process.exit(TERMINATED));
};
