/** A request that the API knows: its kind, and the ids in its path. */
export type Route =
  { on: 'rotate' | 'get'; orgId: string; assistantId: string } | { on: 'list'; orgId: string };

export const readRoute = (method: string, path: string): Route | undefined => {
  const [root, orgs, org, assistants, assistant, action, ...more] = path.split('/').map(decode);
  if (root !== '' || orgs !== 'orgs' || !org || assistants !== 'assistants' || more.length > 0)
    return undefined;
  if (assistant === undefined) return method === 'GET' ? { on: 'list', orgId: org } : undefined;
  if (action === undefined)
    return method === 'GET' ? { on: 'get', orgId: org, assistantId: assistant } : undefined;
  return method === 'POST' && action === 'rotate-secret-key'
    ? { on: 'rotate', orgId: org, assistantId: assistant }
    : undefined;
};

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};
