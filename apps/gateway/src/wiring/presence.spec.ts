import { expect, it } from '@jest/globals';
import type { Processes } from '@rekey/ledger';
import { announce } from './presence.ts';

type ProcessIdentity = Parameters<Processes['beat']>[0];

const announced = async (files: Parameters<typeof announce>[1]): Promise<ProcessIdentity> => {
  const closing: (() => unknown)[] = [];
  const beats: ProcessIdentity[] = [];
  announce(
    {
      ledger: { registry: { presence: () => undefined } },
      processes: { beat: async (identity: ProcessIdentity) => beats.push(identity) },
    } as never,
    files,
    { REKEY_MAX_OPEN_ROTATIONS: 5, REKEY_ARCHIVE_REQUIRED: false } as never,
    {} as never,
    { defer: (_name: string, close: () => unknown) => closing.push(close) } as never,
  );
  for (const close of closing) await close();
  return beats[0]!;
};
const settings = { maxOpenRotations: 5, archiveRequired: false };

it('says when its certificate ends, and since when it refuses changed files', async () => {
  const state = { notAfterMs: 9, endsSoonMs: 7, refusedSinceMs: 3 };
  expect(await announced({ certificates: () => state, accessFileRefusedSinceMs: () => 4 })).toMatchObject({
    kind: 'gateway',
    settings: {
      ...settings,
      certificateEndsMs: 9,
      certificateEndsSoonMs: 7,
      certificatesRefusedMs: 3,
      accessFileRefusedMs: 4,
    },
  });
});

it('says nothing of files that it does not have, or does not refuse', async () => {
  expect((await announced({})).settings).toEqual(settings);
  const state = { notAfterMs: 9, endsSoonMs: 7, refusedSinceMs: undefined };
  const files = { certificates: () => state, accessFileRefusedSinceMs: () => undefined };
  expect((await announced(files)).settings).toEqual({
    ...settings,
    certificateEndsMs: 9,
    certificateEndsSoonMs: 7,
  });
});
