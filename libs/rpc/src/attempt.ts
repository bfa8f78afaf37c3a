/** Receives what was thrown where nothing may be thrown. */
export type OnThrown = (thrown: unknown) => void;

/**
 * Calls what must not throw, because its caller is Node or grpc-js: nobody would catch it, and the process
 * would end, or the call would never. What it throws is reported.
 */
export const attempt = <T>(act: () => T, onThrown: OnThrown): T | undefined => {
  try {
    return act();
  } catch (thrown) {
    try {
      onThrown(thrown);
    } catch {
      // There is nobody left to tell.
    }
    return undefined;
  }
};
