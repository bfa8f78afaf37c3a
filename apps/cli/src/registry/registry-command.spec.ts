import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadContract, unary } from '@rekey/rpc';
import { Command } from 'commander';
import { exitCodes } from '../failure.ts';
import { reportLagging, untilProved } from './registry-proof.ts';
import { consumerCommand } from '../commands/consumer.ts';
import { registryCommand } from './registry-command.ts';

/** How often a worker is still behind when it is asked. */
let behind: number;
let workers: string[];
let trusted: unknown[];
let reviewed: Record<string, unknown>[];
const entry = (name: string, more: object = {}) => ({
  name,
  orgs: ['org_1'],
  orgCount: 1,
  state: 'ACTIVE',
  createTime: '2026-01-01T00:00:00.000Z',
  keyType: 'X25519',
  keyThumbprint: 'T'.repeat(43),
  keyVerified: true,
  digest: `${name}-digest`,
  believed: false,
  ...more,
});

let server: Server;
let gateway: string;
beforeAll(async () => {
  const { v1 } = loadContract();
  server = new Server();
  const answer = (respond: (request: any) => unknown) =>
    unary(
      async (request) => respond(request),
      () => {},
    );
  server.addService(v1.ConsumerService.service, {
    RemoveConsumer: answer(() => ({ registryRev: 7 })),
    GetRegistry: answer(({ registryRev }) => ({
      registryRev,
      laggingWorkers: behind-- > 0 ? ['worker-1'] : [],
      workers,
      silentWorkers: [],
    })),
    ReviewRegistry: answer(() => ({ consumers: reviewed, otherCount: 3 })),
    TrustRegistry: answer((request) => {
      trusted.push(request);
      return { registryRev: 8 };
    }),
  } as unknown as UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  gateway = `127.0.0.1:${port}`;
});
afterAll(() => server.forceShutdown());

let out: string;
let err: string;
beforeEach(() => {
  [behind, workers] = [0, ['worker-2']];
  [trusted, reviewed, out, err] = [[], [entry('billing'), entry('crm')], '', ''];
  jest.spyOn(process.stdout, 'write').mockImplementation(((text: string) => ((out += text), true)) as never);
  jest.spyOn(process.stderr, 'write').mockImplementation(((text: string) => ((err += text), true)) as never);
  process.exitCode = undefined;
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

const rekey = async (...args: string[]): Promise<unknown> => {
  const program = new Command('rekey').addCommand(consumerCommand()).addCommand(registryCommand());
  await program.parseAsync([...args, '--gateway', gateway], { from: 'user' });
  return process.exitCode ?? exitCodes.ok;
};

const registryOf = (proved: string[], laggingWorkers: string[], silentWorkers: string[] = []) => ({
  registryRev: 7,
  workers: proved,
  laggingWorkers,
  silentWorkers,
});

describe('rekey consumer remove', () => {
  it('waits until the workers have proved that they know, and prints the revision', async () => {
    behind = 2;
    expect(await rekey('consumer', 'remove', 'billing', '--yes')).toBe(0);
    expect(out).toContain('billing is removed (rev 7)');
    expect(behind).toBeLessThan(0);
  });
});

describe('a worker that stays behind', () => {
  it('is named, and the command ends with 3', async () => {
    const client = {
      getRegistry: async () => registryOf([], ['worker-1', 'worker-2']),
    };
    const proof = await untilProved(client, 7, { withinMs: 0 });
    reportLagging(7, proof);
    expect([process.exitCode, err]).toEqual([3, expect.stringContaining('worker-1, worker-2')]);
    expect(err).toContain('rev 7');
  });
});

describe('a worker that hangs', () => {
  it('is named although its lease ends while it is waited for, and the command ends with 3', async () => {
    const replies = [registryOf(['worker-2'], ['worker-1']), registryOf(['worker-2'], [], ['worker-1'])];
    const client = { getRegistry: async () => (replies.length > 1 ? replies.shift() : replies[0])! };
    reportLagging(7, await untilProved(client, 7));
    expect([process.exitCode, err]).toEqual([3, expect.stringContaining('worker-1 stopped reporting')]);
  });

  it('is named, and the change counts, if its lease had ended before', async () => {
    const client = { getRegistry: async () => registryOf(['worker-2'], [], ['worker-1']) };
    reportLagging(7, await untilProved(client, 7));
    expect([process.exitCode, err]).toEqual([undefined, expect.stringContaining('worker-1 had stopped')]);
  });

  it('is nobody who has announced its end meanwhile', async () => {
    const replies = [registryOf(['worker-2'], ['worker-1']), registryOf(['worker-2'], [])];
    const client = { getRegistry: async () => (replies.length > 1 ? replies.shift() : replies[0])! };
    reportLagging(7, await untilProved(client, 7));
    expect([process.exitCode, err]).toEqual([undefined, '']);
  });
});

describe('a change that no worker has verified', () => {
  it('does not count as known, though no worker is behind: the command ends with 3', async () => {
    const client = { getRegistry: async () => registryOf([], []) };
    reportLagging(7, await untilProved(client, 7, { withinMs: 0 }));
    expect([process.exitCode, err]).toEqual([3, expect.stringContaining('No worker has verified it')]);
  });
});

describe('rekey registry trust', () => {
  it('sends the name and digest of exactly what it has shown', async () => {
    expect(await rekey('registry', 'trust', '--yes', '--json')).toBe(0);
    expect(err).toMatch(/^billing +org_1 +ACTIVE +2026-01-01 +X25519 +SHA256:T{43} +no$/m);
    expect(trusted).toEqual([
      {
        consumers: [
          { name: 'billing', digest: 'billing-digest' },
          { name: 'crm', digest: 'crm-digest' },
        ],
        keepGrants: false,
      },
    ]);
    expect(JSON.parse(out)).toMatchObject({
      registry_rev: 8,
      consumers: [{ name: 'billing' }, { name: 'crm' }],
    });
  });

  it('leaves out what is excepted, and says what is removed', async () => {
    await rekey('registry', 'trust', '--yes', '--except', 'crm', '--keep-grants');
    expect(trusted).toEqual([
      { consumers: [{ name: 'billing', digest: 'billing-digest' }], keepGrants: true },
    ]);
    expect(err).toContain('Removed: crm.\nNot shown, and not trusted: 3 fields.');
    expect(err).toContain('Their grants are kept.');
  });

  it.each([
    [['--except', 'nobody', '--yes'], 'There is no entry of nobody in Redis.'],
    // Standard input of a spec is no terminal.
    [[], 'repeat with --yes'],
  ])('with %j does nothing', async (args, message) => {
    await expect(rekey('registry', 'trust', ...args)).rejects.toThrow(message);
    expect(trusted).toEqual([]);
  });

  it('counts one consumer as one, and says how to compare its key', async () => {
    reviewed = [entry('billing')];
    await rekey('registry', 'trust', '--yes');
    expect(out).toBe('The registry has 1 consumer (rev 8).\n');
    expect(err).toMatch(/^NAME .* FINGERPRINT +TRUSTED$/m);
    expect(err).toContain('rekey consumer fingerprint FILE');
  });

  it('quotes what could deceive, and marks the fingerprint of a shared key', async () => {
    reviewed = [
      entry('billing', {
        orgs: ['org\u001b[2K'],
        orgCount: 9,
        keyType: 'shared',
        keyThumbprint: 'kid\u202e',
        keyVerified: false,
      }),
    ];
    await rekey('registry', 'trust', '--yes');
    for (const character of ['\u001b', '\u202e']) expect(err).not.toContain(character);
    expect(err).toMatch(/and 8 more.*SHA256:.*… \(not verified\)/);
  });
});
