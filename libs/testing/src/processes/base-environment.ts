/**
 * Only what a process needs: a test must not depend on the variables of the user who runs it, and what
 * `npm start` starts gets none of its secrets.
 */
export const baseEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  TZ: process.env['TZ'],
  // Processes start in half the time if the compiled code of their modules is kept (npm test sets it).
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
});
