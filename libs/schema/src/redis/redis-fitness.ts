/** The first version that runs Lua scripts with declared flags. */
const LEAST_MAJOR_VERSION = 7;

/**
 * Why the server at the Redis address cannot be used; undefined if it can be used, or if nothing is known of
 * it. `fact` returns a field of INFO, if Redis shows it.
 */
export const unfitRedis = (fact: (field: string) => string | undefined): string | undefined => {
  if (fact('redis_mode') === 'sentinel')
    return 'is a Sentinel, not a Redis server: use the address of the Redis that it monitors';
  if (fact('redis_mode') === 'cluster' || fact('cluster_enabled') === '1')
    return 'is a node of a Redis Cluster, which Rekey does not support: use Redis without cluster mode';
  const [version, major] = /^(\d{1,9})\.[\d.]{1,30}/.exec(fact('redis_version') ?? '') ?? [];
  if (version !== undefined && Number(major) < LEAST_MAJOR_VERSION)
    return `is Redis ${version}: Rekey needs Redis ${LEAST_MAJOR_VERSION}.0 or later`;
  return undefined;
};
