/** What `rekey --help` lists. Written by npm run generate. */
export const summaries: Record<string, { term: string; description: string }> = {
  rotate: {
    term: 'rotate [options] <org> <assistant>',
    description: 'rotate the secret key of one assistant',
  },
  get: {
    term: 'get [options] <id>',
    description:
      'show a rotation (rot_…), a bulk rotation (blk_…), a sweep (swp_…), or the current key version of an assistant (any other id)',
  },
  list: {
    term: 'list [options]',
    description: 'list rotations, newest first',
  },
  cancel: {
    term: 'cancel [options] <rotation>',
    description: 'cancel a rotation that is still QUEUED',
  },
  retry: {
    term: 'retry [options] <rotation>',
    description:
      'retry a FAILED or CANCELLED rotation as a new rotation; repeating the command returns the same one',
  },
  assistants: {
    term: 'assistants [options]',
    description: 'list the assistants whose keys Rekey has published',
  },
  history: {
    term: 'history [options] <assistant>',
    description: 'show the last 20 key versions of an assistant: when, why, and who requested them',
  },
  orgs: {
    term: 'orgs [options]',
    description: 'list the orgs that keys were published under, with their numbers of assistants',
  },
  bulk: {
    term: 'bulk',
    description: 'rotate the keys of many assistants at once',
  },
  policy: {
    term: 'policy',
    description: 'rotate keys on a schedule',
  },
  consumer: {
    term: 'consumer',
    description: 'manage consumers: the services that read keys',
  },
  sweep: {
    term: 'sweep [options] [org]',
    description: 'compare every assistant at Invent with the published versions, and publish differences',
  },
  events: {
    term: 'events [options]',
    description:
      'follow the event stream: new key versions, removed keys and uncertain versions. For programs: the events of the stream, with --open also `opened`',
  },
  agent: {
    term: 'agent [options]',
    description: 'hold the keys of a consumer for other programs: a local socket, files, commands',
  },
  activity: {
    term: 'activity [options]',
    description: 'show who did what: changes with who made them, and calls that were denied',
  },
  status: {
    term: 'status [options]',
    description: 'show what needs operator action, what is in progress, and totals',
  },
  freeze: {
    term: 'freeze [options]',
    description:
      'stop all rotations: workers send no request that replaces a key, and still read back unknown outcomes',
  },
  unfreeze: {
    term: 'unfreeze [options]',
    description: 'resume rotations after rekey freeze',
  },
  budget: {
    term: 'budget',
    description: 'manage the request budget that all workers behind one egress address share',
  },
  ledger: {
    term: 'ledger',
    description: 'manage the ledger: the state of Rekey in Redis',
  },
  registry: {
    term: 'registry',
    description: 'manage the registry: the signed list of the consumers that gateways and workers trust',
  },
  token: {
    term: 'token',
    description: 'manage access tokens, with which callers identify themselves to the gateway',
  },
  auth: {
    term: 'auth',
    description: 'who you are to the gateway, and what you may do',
  },
  access: {
    term: 'access',
    description: 'who may do what',
  },
  audit: {
    term: 'audit',
    description: 'prove what is in the archive',
  },
  login: {
    term: 'login [options] [name]',
    description:
      'store how a gateway is reached, and your token, as a profile: asks, checks with the gateway, and stores it in a file that only you can read',
  },
  profile: {
    term: 'profile',
    description: 'manage profiles: how gateways are reached, and with which token',
  },
  demo: {
    term: 'demo [options]',
    description:
      'two minutes with a running npm start: rotates a key, loses an answer and recovers it, and shows a consumer that follows; refuses anything but the simulator',
  },
  health: {
    term: 'health [options]',
    description: 'check whether the gateway can serve; exit code 2 if it cannot',
  },
  doctor: {
    term: 'doctor [options]',
    description:
      'check that gateway, key file, Redis and Invent can be reached and are configured correctly (sends Invent one request for each configured API key, for at most ten orgs)',
  },
  'key-file': {
    term: 'key-file',
    description: 'manage the key file: it holds the keys that seal records, compute fingerprints and sign',
  },
  completion: {
    term: 'completion <shell>',
    description:
      'print a shell script that completes commands, options, ids and names with Tab; it asks the gateway for ids and names, for a second at most',
  },
};
