/** Another worker owns the bulk rotation by now, it was paused or cancelled, or this process stops. */
export class BulkLost extends Error {}

export const saved = async (saving: Promise<boolean>): Promise<void> => {
  if (!(await saving)) throw new BulkLost();
};
