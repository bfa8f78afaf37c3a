/** How many events the stream keeps: the configured number, or more while live consumers need them. */
export interface EventRetention {
  /** With what waits for an archive: beyond that, events are trimmed as they are added. */
  keepEvents(): number;
  /** Without that: what a worker that archives leaves. */
  neededEvents(): number;
  /** Sets the largest lag of all live consumers, in events. */
  setLargestLag(events: number): void;
  /** How many more events are kept for an archive, asked at each that is added. */
  setArchive(mayWait: () => number): void;
}

/** More events arrive before the lag is measured again. */
const LAG_MARGIN = 1.5;
/** The stream never keeps more than this multiple of its configured length. */
const MAX_FACTOR = 10;

export const createEventRetention = (configured: number): EventRetention => {
  let needed = configured;
  let mayWaitForArchive = () => 0;
  return {
    keepEvents: () => needed + mayWaitForArchive(),
    neededEvents: () => needed,
    setLargestLag: (events) => {
      needed = Math.min(Math.max(configured, Math.ceil(events * LAG_MARGIN)), configured * MAX_FACTOR);
    },
    setArchive: (mayWait) => {
      mayWaitForArchive = mayWait;
    },
  };
};
