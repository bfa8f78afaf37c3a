import { gatewayVariables } from './gateway-variables.ts';
import type { Variable } from './variable.ts';

const DOCTOR = ['`rekey doctor`'] as const;
const CLI = ['`rekey`'] as const;

/** By the heading that they stand under. */
export const variables: Record<string, Record<string, Variable>> = {
  'Redis and the ledger': {
    REDIS_URL: {
      also: CLI,
      meaning: `
        a primary of Redis 7.0 or later, no Redis Cluster; \`rediss://\` for TLS; \`/N\` at the end for
        database N: [which Redis](../guides/operate.md#which-redis)
      `,
    },
    REDIS_URL_FILE: {
      also: CLI,
      meaning: `
        in place of \`REDIS_URL\`: the path of [a file](../guides/operate.md#files-with-secrets) with the URL,
        at most 16 KiB; read once, at the start
      `,
    },
    REKEY_PREFIX: { also: CLI, meaning: 'every key begins with it, in braces' },
    REKEY_REQUIRE_DURABLE_REDIS: { meaning: '`true`: refuse a Redis without an append-only file' },
    REKEY_ALLOW_NEW_LEDGER: {
      meaning: `
        \`true\`: if the ledger vanished from Redis, a new one begins without \`rekey ledger adopt\`: [a
        ledger that vanished](../guides/operate.md#a-ledger-that-vanished)
      `,
    },
    REKEY_REGISTRY_MEMORY: {
      meaning: `
        the path of a file in which the process remembers [the registry of
        consumers](../guides/operate.md#the-registry-of-consumers). A folder that outlives the process, beside
        the data of this Redis; a gateway has a file of its own, and
        several workers may share one. \`npm start\` keeps it in the folder of Redis
      `,
    },
    REKEY_REGISTRY_MIN_REV: {
      meaning: `
        for a process without a disk: it accepts no registry of consumers below this revision, which
        \`rekey consumer remove\` and \`rekey consumer orgs\` print
      `,
    },
    REKEY_WAIT_REPLICAS: {
      meaning:
        'the number of Redis replicas that must confirm an accepted rotation, and an intent before its POST',
    },
    REKEY_WAIT_REPLICAS_MS: { meaning: 'the time within which they must confirm' },
  },
  'Gateway and command line': gatewayVariables,
  Invent: {
    INVENT_API_KEY: {
      also: DOCTOR,
      meaning: 'the API key of one org; it also works for its sub-orgs and for `c`',
    },
    INVENT_API_KEY_FILE: {
      also: DOCTOR,
      meaning: `
        in place of \`INVENT_API_KEY\`: the path of [a file](../guides/operate.md#files-with-secrets) with the
        API key, at most 16 KiB; reloaded when it changes, with another key of the same org
      `,
    },
    INVENT_API_KEYS_FILE: {
      also: DOCTOR,
      meaning: `
        in place of \`INVENT_API_KEY\`: a JSON [file](../guides/operate.md#files-with-secrets), org id to API
        key, at most 64 MiB; reloaded when it changes
      `,
    },
    INVENT_ORG_ID: {
      default: 'learned',
      meaning: `
        the real id of the org that the API key was made in, which Invent also calls \`c\`: [one name
        for each org](../guides/consumers.md#one-name-for-each-org). The worker refuses to start if it
        contradicts Invent or the ledger
      `,
    },
    INVENT_BASE_URL: { also: DOCTOR, meaning: 'https, except on loopback' },
    INVENT_PLAIN_HTTP_HOSTS: {
      also: DOCTOR,
      meaning: 'hosts, by comma, that may be reached by plain HTTP: for a simulator on a private network',
    },
    HTTPS_PROXY: {
      also: DOCTOR,
      meaning: `
        the proxy for Invent, \`http://\` or \`https://\`: [proxies](../guides/invent.md#proxies). Of a
        proxy variable in both cases, lower case takes precedence
      `,
    },
    HTTP_PROXY: { also: DOCTOR, meaning: 'the proxy for hosts of `INVENT_PLAIN_HTTP_HOSTS`' },
    ALL_PROXY: { also: DOCTOR, meaning: 'the proxy if neither of the two applies' },
    NO_PROXY: { also: DOCTOR, meaning: 'hosts that are reached without the proxy' },
    https_proxy: { also: DOCTOR, meaning: 'as `HTTPS_PROXY`' },
    http_proxy: { also: DOCTOR, meaning: 'as `HTTP_PROXY`' },
    all_proxy: { also: DOCTOR, meaning: 'as `ALL_PROXY`' },
    no_proxy: { also: DOCTOR, meaning: 'as `NO_PROXY`' },
    INVENT_REQUESTS_PER_MINUTE: {
      meaning: 'the request limit that all workers behind one address share; `0`: none',
    },
    INVENT_EGRESS: {
      meaning: 'the name of that address: workers with the same name share a budget',
    },
    INVENT_TIMEOUT_MS: { meaning: 'the deadline of one request to Invent' },
  },
  'Rotations, checks and sweeps': {
    REKEY_KEY_FILE: {
      also: CLI,
      meaning: `
        the path of the key file, [which only its owner may read](../guides/operate.md#files-with-secrets);
        required. \`npm start\` creates \`.rekey/key.json\`
      `,
    },
    REKEY_LANDING_WINDOW_MS: {
      meaning:
        'how long after its start a lost request may still take effect; not shorter than `INVENT_TIMEOUT_MS`',
    },
    REKEY_READ_LAG_MS: { meaning: 'how far reads at Invent may lag behind the key in force' },
    REKEY_CONFIRM_AFTER_MS: {
      meaning:
        'an assistant is published as gone, or as without a key, after two reads at least this far apart',
    },
    REKEY_MAX_CHANGED_PERCENT: {
      meaning: `
        the share of an org's assistants, at least 3 and never all of several, that may be found gone,
        without a key or changed elsewhere within ten minutes. Beyond it the org is
        [held](../guides/operate.md#held-orgs). \`100\`: any number
      `,
    },
    REKEY_MAX_UNKNOWNS: {
      meaning: `
        how many POSTs of one org may be under way or have an unknown outcome; beyond it, workers send
        only reads
      `,
    },
    REKEY_MAX_UNKNOWNS_IN_ALL: {
      meaning: `
        the same for all orgs together; at least twice as many as of one org, so that no org has them all.
        A tenth is left to single rotations: [limits](limits.md)
      `,
    },
    REKEY_MAX_OPEN_ROTATIONS: {
      meaning: `
        how many rotations may be open before the gateway refuses new ones. A bulk rotation of any length
        counts only with those in progress: [limits](limits.md)
      `,
    },
    REKEY_MAX_OPEN_ROTATIONS_OF_ORG: {
      meaning: 'the same for one org, without its bulk rotations',
    },
    REKEY_RETRY_FOR_MS: {
      meaning: `
        how long a rotation that is certainly not done is retried, and a bulk rotation that cannot be
        listed, or compared at the end
      `,
    },
    REKEY_TAKEOVER_AFTER_MS: {
      meaning: `
        a worker counts as dead after this time of silence. Its rotation is taken over after half of it
        plus \`INVENT_TIMEOUT_MS\`, counted from the start of the rotation
      `,
    },
    REKEY_SWEEP_EVERY_MS: {
      meaning:
        'how often everything is compared with Invent; `0`: only on demand, and after a restart of Redis',
    },
    REKEY_OBSERVE_ONLY: { meaning: '`true`: import, compare and publish, but rotate nothing' },
  },
  'What is kept': {
    REKEY_KEEP_EVENTS: { meaning: 'about how many events the stream keeps' },
    REKEY_KEEP_ACTIVITY: { meaning: 'about how many records of activity the stream keeps' },
    REKEY_KEEP_ROTATIONS: { meaning: 'how many ended rotations are kept in each end state' },
    REKEY_KEEP_ROTATIONS_DAYS: { meaning: 'how long they are kept; ended bulk rotations too' },
    REKEY_KEEP_BULKS: { meaning: 'how many ended bulk rotations are kept' },
  },
  'The archive': {
    REKEY_ARCHIVE_DIR: {
      meaning: `
        the folder that this worker [archives](../guides/archive.md) the events and the activity to. The
        worker creates it, but not its parents. Without it this worker archives nothing
      `,
    },
    REKEY_ARCHIVE_SEGMENT_BYTES: { meaning: 'a segment is closed and signed when it has this length' },
    REKEY_ARCHIVE_SEGMENT_MS: { meaning: 'or this age, if it has entries' },
    REKEY_ARCHIVE_MAX_BEHIND: {
      meaning: `
        how many entries of each stream may wait for the archive, beyond those that are kept anyway. If there
        are more, the oldest are lost to the archive, which records a gap
      `,
    },
    REKEY_ARCHIVE_REQUIRED: {
      meaning: `
        \`true\`: accept nothing and send no rotate request while there is no archive, or while more than
        four fifths of \`REKEY_ARCHIVE_MAX_BEHIND\` wait for it. Set it on gateways and workers alike
      `,
    },
  },
  Processes: {
    LOG_LEVEL: { meaning: 'one JSON object per line on standard output: [log events](log-events.md)' },
    REKEY_SHUTDOWN_TIMEOUT_MS: {
      meaning: 'how long a process may take to end after SIGTERM; longer than `INVENT_TIMEOUT_MS`',
    },
    WORKER_CONCURRENCY: {
      meaning: 'first deliveries at once in one process; a quarter as many follow-ups run beside them',
    },
    GATEWAY_HEALTH_ADDRESS: {
      meaning: `
        \`HOST:PORT\` of an HTTP server with [\`/healthz\` and \`/livez\`](../guides/operate.md#health), and
        [\`/metrics\`](metrics.md)
      `,
    },
    WORKER_HEALTH_ADDRESS: {
      meaning: `
        \`HOST:PORT\` of an HTTP server with [\`/healthz\` and \`/livez\`](../guides/operate.md#health), and
        [\`/metrics\`](metrics.md)
      `,
    },
    REKEY_MOUNTED_SECRETS: {
      also: CLI,
      meaning: `
        \`true\`: a container platform mounts the files with secrets, and sets their owner and mode (Docker
        0444, Kubernetes 0644 or 0660), so that other users may own and read them, and their group may write
        them: [files with secrets](../guides/operate.md#files-with-secrets)
      `,
    },
    REKEY_FOLLOW_PARENT: {
      also: ['`npm start`'],
      meaning: '`1`: end in order when npm is gone; the npm scripts of this repository set it',
    },
  },
  '`npm start` and the simulator': {
    REDIS_PORT: {
      also: ['`npm start`'],
      default: '`6379`',
      meaning: `
        the port of the Redis that it starts. Without a value, a free port if that one is in use; \`0\`:
        a free one
      `,
    },
    SIMULATOR_PORT: {
      also: ['`npm start`'],
      default: '`4010`',
      meaning: 'the same for the API of the simulator',
    },
    SIMULATOR_ADMIN_PORT: {
      also: ['`npm start`'],
      default: '`4011`',
      meaning: 'the same for the admin port of the simulator',
    },
    SIMULATOR_API_KEY: {
      also: ['simulator', '`npm start`'],
      default: '`simulator-api-key`',
      meaning: 'the API key that the simulator accepts; it guards nothing',
    },
  },
};
