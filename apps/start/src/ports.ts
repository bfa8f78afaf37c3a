import { StartError, listenFailure } from '@rekey/runtime';
import { freePort, isPortFree } from '@rekey/testing';

const HIGHEST_PORT = 65_535;

export interface PortWish {
  /** The variable that decides, and its value. */
  variable: string;
  given: string | undefined;
  preferred: number;
  /** Told when the preferred port is in use. */
  onTaken: (message: string) => void;
}

/** The port that was given, which must be free; otherwise the preferred one, or a free one in its place. */
export const choosePort = async ({ variable, given, preferred, onTaken }: PortWish): Promise<number> => {
  if (given === undefined) {
    if (await isPortFree(preferred)) return preferred;
    const port = await freePort();
    onTaken(
      `port ${preferred} is in use, perhaps by another Rekey: takes ${port} (${variable} chooses another)`,
    );
    return port;
  }
  if (!/^\d{1,5}$/.test(given) || Number(given) > HIGHEST_PORT)
    throw new StartError(
      'BAD_PORT',
      `${variable}: must be a port from 0 to ${HIGHEST_PORT}; 0 takes a free one`,
    );
  return freePort(Number(given)).catch(async (error: unknown) => {
    throw await listenFailure(error, { address: `127.0.0.1:${given}`, variable, takes: 'PORT' });
  });
};
