import type { StartError } from '../../process/start-error.ts';

/**
 * Receives the state of a process's connections: each outage once, and again if its reason changes. No URL is
 * quoted.
 */
export interface RedisStatusListener {
  /** Connections cannot be used; they reconnect until they can. `connection` is the first that noticed. */
  onUnavailable(connection: string, reason: 'unreachable' | 'read-only', error: Error | undefined): void;
  /** All connections can be used again: Redis responds and says that it is a primary. */
  onAvailable(): void;
  /** Redis responds, but cannot be used as configured. `atStart`: no connection was usable so far. */
  onRefused(error: StartError, atStart: boolean): void;
}
