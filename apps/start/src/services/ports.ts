import { StartError, listenFailure } from '@rekey/runtime';
import { freePort, isPortFree } from '@rekey/testing';

const HIGHEST_PORT = 65_535;

interface PortWish {
  /** The variable that sets the port, and its value. */
  variable: string;
  given: string | undefined;
  preferred: number;
  /** Called if the preferred port is in use. */
  onTaken: (message: string) => void;
}

/** Returns the given port, which must be free; without one the preferred port, or a free one instead. */
export const choosePort = async ({ variable, given, preferred, onTaken }: PortWish): Promise<number> => {
  if (given === undefined) {
    if (await isPortFree(preferred)) return preferred;
    const port = await freePort();
    onTaken(
      `port ${preferred} is in use, possibly by another Rekey; using ${port} (set ${variable} to choose)`,
    );
    return port;
  }
  if (!/^\d{1,5}$/.test(given) || Number(given) > HIGHEST_PORT)
    throw new StartError(
      'BAD_PORT',
      `${variable}: must be a port from 0 to ${HIGHEST_PORT}; 0 chooses a free one`,
    );
  return freePort(Number(given)).catch(async (error: unknown) => {
    throw await listenFailure(error, { address: `127.0.0.1:${given}`, variable, takes: 'PORT' });
  });
};
