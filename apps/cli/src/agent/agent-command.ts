import type { AgentConfig, GivenConfig } from '@rekey/agent';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import { CliError, exitCodes } from '../failure.ts';
import { notEmpty } from '../option-values.ts';

interface AgentOptions {
  config?: string;
  consumer?: string;
  keyFile?: string;
  redis?: string;
  gateway?: string;
  tokenFile?: string;
  prefix?: string;
  socket?: string;
  once?: boolean;
  logLevel?: string;
  logFormat?: string;
}

const withAgentOptions = (command: Command): Command =>
  command
    .option('--config <file>', 'the configuration (YAML); the options below replace its fields', notEmpty)
    .option('--consumer <name>', 'the name of the consumer', notEmpty)
    .option('--key-file <file>', 'its key file, as rekey consumer keygen writes it', notEmpty)
    .option(
      '--redis <url>',
      'URL of Redis (default: REDIS_URL or REDIS_URL_FILE, or redis://127.0.0.1:6379)',
      notEmpty,
    )
    .option('--gateway <address>', 'HOST:PORT of the gateway, in place of Redis', notEmpty)
    .option('--token-file <file>', 'a file with the token for the gateway', notEmpty)
    .option('--prefix <prefix>', 'the REKEY_PREFIX of gateway and workers (default: rekey)', notEmpty)
    .option('--log-level <level>', 'trace, debug, info (default), warn, error, fatal or silent', notEmpty)
    .option('--log-format <format>', 'json (default) or text', notEmpty);

/** The fields of the configuration that the options set. Their paths are relative to the working folder. */
const givenBy = (options: AgentOptions): GivenConfig => {
  const { consumer, keyFile, redis, gateway, tokenFile, prefix, socket, logLevel, logFormat } = options;
  const atGateway = {
    ...(gateway !== undefined && { address: gateway }),
    ...(tokenFile !== undefined && { token_file: resolve(tokenFile) }),
  };
  const log = {
    ...(logLevel !== undefined && { level: logLevel }),
    ...(logFormat !== undefined && { format: logFormat }),
  };
  return {
    ...(consumer !== undefined && { consumer }),
    ...(keyFile !== undefined && { key_file: resolve(keyFile) }),
    ...(redis !== undefined && { redis }),
    ...(Object.keys(atGateway).length > 0 && { gateway: atGateway }),
    ...(prefix !== undefined && { prefix }),
    ...(socket !== undefined && { http: { socket: { path: resolve(socket) } } }),
    ...(Object.keys(log).length > 0 && { log }),
  };
};

/**
 * The young generation of the heap stays as small as it is now: an answer is garbage at once. The old one is
 * collected when it has grown by 5 %. Together, that saves 25 MB and costs no time. It does not shrink what
 * has grown, so it comes before everything large.
 */
const loadAgent = () => {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=5');
  return import('@rekey/agent');
};

const configOf = async (options: AgentOptions): Promise<AgentConfig> => {
  const { readConfig } = await loadAgent();
  return asCliError(async () => readConfig(options.config, givenBy(options)));
};

/** Errors of the agent say what to change. */
const asCliError = async <T>(run: () => Promise<T>): Promise<T> => {
  const { exitCodeOf } = await import('@rekey/agent');
  try {
    return await run();
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    if (!['AgentError', 'SubscribeError', 'StartError'].includes(name)) throw error;
    throw new CliError(message, code ?? 'INTERNAL', exitCodeOf(error));
  }
};

const checkCommand = (): Command =>
  new Command('check')
    .description('check a configuration, its files, folders, accounts and templates; connects to nothing')
    .argument('<file>', 'the configuration')
    .action(async (file: string) => {
      const { checkAgent } = await loadAgent();
      const config = await configOf({ config: file });
      const faults = await checkAgent(config, process.env);
      if (faults.length > 0)
        throw new CliError(
          `The configuration is well-formed, but:\n${faults.map((one) => `  ${one}`).join('\n')}`,
          'BAD_CONFIG',
        );
      process.stdout.write('the configuration can be used\n');
    });

const execCommand = (): Command =>
  withAgentOptions(
    new Command('exec').description(
      'run a program with keys in its environment, and restart it when they change; ' +
        'signals and its exit code are passed on',
    ),
  )
    .argument('<command...>', 'the program and its arguments, after --')
    .passThroughOptions()
    .action(async (command: string[], _options: AgentOptions, self: Command) => {
      const { execAgent } = await loadAgent();
      const config = await configOf(self.optsWithGlobals<AgentOptions>());
      process.exitCode = await asCliError(() => execAgent(config, command, process.env));
    });

export const agentCommand = (): Command =>
  withAgentOptions(
    new Command('agent').description(
      'hold the keys of a consumer for other programs: a local socket, files, commands',
    ),
  )
    .option('--socket <path>', 'serve HTTP on this UNIX socket', notEmpty)
    .option('--once', 'write the files, run their commands, and end')
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Exit codes of --once: ${exitCodes.ok} the files show the current keys;
${exitCodes.failed} the configuration or an output is wrong; ${exitCodes.unavailable} Rekey is unavailable;
${exitCodes.notEnded} the files show keys of the cache that are older than max_staleness;
128 and the number of a signal that ended it.`,
    )
    .action(async (options: AgentOptions) => {
      const { runAgent, runAgentOnce } = await loadAgent();
      const config = await configOf(options);
      const run = options.once ? runAgentOnce : runAgent;
      process.exitCode = await asCliError(() => run(config, process.env));
    })
    .addCommand(checkCommand())
    .addCommand(execCommand());
