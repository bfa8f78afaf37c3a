import { complaintAboutRedisUrl } from '@rekey/schema';
import { readRedisUrlFile } from '@rekey/runtime';
import type { SubscribeOptions } from '@rekey/subscriber';
import { AgentError } from './agent-error.ts';
import type { AgentConfig } from './config/agent-config.ts';

type Environment = Partial<Record<'REDIS_URL' | 'REDIS_URL_FILE', string | undefined>>;

/** Where the keys come from: the configuration, or else REDIS_URL or REDIS_URL_FILE. Throws an AgentError. */
export const sourceOf = (
  config: AgentConfig,
  env: Environment,
): Pick<SubscribeOptions, 'redis' | 'gateway'> => {
  if (config.gateway) return { gateway: gatewayOf(config.gateway) };
  const { redis, redis_url_file: file = env.REDIS_URL_FILE } = config;
  if (redis !== undefined) return { redis };
  if (config.redis_url_file === undefined && env.REDIS_URL !== undefined) {
    const complaint = complaintAboutRedisUrl(env.REDIS_URL);
    if (complaint !== undefined) throw new AgentError('BAD_CONFIG', `REDIS_URL ${complaint}`);
    return { redis: env.REDIS_URL };
  }
  if (file === undefined) return { redis: 'redis://127.0.0.1:6379' };
  const read = readRedisUrlFile(file, { mounted: config.mounted_secrets });
  if ('complaint' in read) throw new AgentError('BAD_CONFIG', `redis_url_file: ${read.complaint}`);
  const complaint = complaintAboutRedisUrl(read.url);
  if (complaint !== undefined)
    throw new AgentError('BAD_CONFIG', `redis_url_file: the file holds a URL that ${complaint}`);
  return { redis: read.url };
};

const gatewayOf = ({
  address,
  tls,
  token_file: tokenFile,
}: NonNullable<AgentConfig['gateway']>): NonNullable<SubscribeOptions['gateway']> => ({
  address,
  ...(tls !== undefined && { tls: typeof tls === 'boolean' ? tls : tlsFilesOf(tls) }),
  ...(tokenFile !== undefined && { tokenFile }),
});

type TlsFiles = Exclude<NonNullable<NonNullable<AgentConfig['gateway']>['tls']>, boolean>;

const tlsFilesOf = ({ ca_file: ca, cert_file: cert, key_file: key, server_name: serverName }: TlsFiles) => ({
  ...(ca !== undefined && { ca }),
  ...(cert !== undefined && { cert }),
  ...(key !== undefined && { key }),
  ...(serverName !== undefined && { serverName }),
});
