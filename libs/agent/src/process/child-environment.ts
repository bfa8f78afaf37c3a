/** What the agent itself uses to reach Rekey is not for the programs that it starts. */
const OWN = /^(?:REKEY_|REDIS_URL|GRPC_|INVENT_)/;

export const childEnvironment = (more: Record<string, string>): Record<string, string> => ({
  ...(Object.fromEntries(
    Object.entries(process.env).filter(([name, value]) => value !== undefined && !OWN.test(name)),
  ) as Record<string, string>),
  ...more,
});
