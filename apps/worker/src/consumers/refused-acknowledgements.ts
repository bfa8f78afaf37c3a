import type { AcknowledgementRefusal } from '@rekey/ledger';

/** Acknowledgements that do not count, by why, since they were last taken. */
export interface RefusedAcknowledgements {
  add(why: AcknowledgementRefusal, count: number): void;
  take(): [why: AcknowledgementRefusal, count: number][];
}

export const collectRefusedAcknowledgements = (): RefusedAcknowledgements => {
  const counts = new Map<AcknowledgementRefusal, number>();
  return {
    add: (why, count) => void counts.set(why, (counts.get(why) ?? 0) + count),
    take: () => {
      const taken = [...counts];
      counts.clear();
      return taken;
    },
  };
};
