import type { System } from '@rekey/ledger';
import { toProtoStatus, type SystemServiceHandlers } from '@rekey/rpc';
import * as requests from './requests.ts';
import type { ServiceMethod } from './service-method.ts';

export const createSystemService = (method: ServiceMethod, { system }: { system: System }): SystemServiceHandlers => {
  const status = async () => toProtoStatus(await system.status());
  return {
    GetStatus: method(status),

    Freeze: method(async (request) => {
      const { reason } = requests.parseRequest(requests.Freeze, request);
      await system.freeze(reason);
      return status();
    }),

    Unfreeze: method(async () => {
      await system.unfreeze();
      return status();
    }),
  };
};
