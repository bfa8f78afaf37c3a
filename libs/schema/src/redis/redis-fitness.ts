/** Lua scripts that declare flags need it. */
const LEAST_MAJOR_VERSION = 7;

/**
 * Why what answers at the address of Redis cannot be used, whatever else it says of itself; undefined if it
 * can be, or nothing is known of it. `fact` gives a field of INFO, if Redis tells it.
 */
export const unfitRedis = (fact: (field: string) => string | undefined): string | undefined => {
  if (fact('redis_mode') === 'sentinel')
    return 'is a Sentinel, and not a Redis: give the address of the Redis that it watches';
  if (fact('redis_mode') === 'cluster' || fact('cluster_enabled') === '1')
    return 'is a node of a Redis Cluster, which Rekey does not support: use a Redis that runs without cluster mode';
  const [version, major] = /^(\d{1,9})\.[\d.]{1,30}/.exec(fact('redis_version') ?? '') ?? [];
  if (version !== undefined && Number(major) < LEAST_MAJOR_VERSION)
    return `is Redis ${version}: Rekey needs Redis ${LEAST_MAJOR_VERSION}.0 or later`;
  return undefined;
};
