import { ROLES, permissions } from '@rekey/access';
import type { Rpc } from '../../../apps/gateway/src/pipeline/rpc.ts';
import { createRpcTable, type RpcDeps } from '../../../apps/gateway/src/rpc-table.ts';
import { code, page, table } from './markdown.ts';

const INTRODUCTION = `
# Permissions

Generated from the table of methods by \`npm run generate\`: what the gateway enforces if it has an access
file. [Access](../guides/access.md) says how to write one.

Each role has the permissions of the roles before it: ${ROLES.map(code).join(', ')}.
`;

const METHODS = `
## Methods

The caller needs the permission in these orgs:

- **request**: each org that the request names; every org if it names none.
- **subject**: each org of what the request is about. A caller that may not see it gets the error of something
  that does not exist.
- **listed**: the answer holds only what is in orgs where the caller has the permission.
- **every**: all orgs, those of binding \`"*"\`.
- **any**: at least one org.

**everyone** is each caller that the gateway knows, also one without a role.

Health (\`grpc.health.v1\`) answers everybody. Reflection answers whoever may call anything.
`;

const scopes: Record<Rpc['orgs'], string> = {
  request: 'request',
  loaded: 'subject',
  listed: 'listed',
  all: 'every',
  none: 'any',
};

const scopeOf = (rpc: Rpc): string =>
  rpc.orgs === 'request' && 'load' in rpc ? 'request and subject' : scopes[rpc.orgs];

export const permissionsPage = (): string => {
  const services = createRpcTable({} as RpcDeps) as unknown as Record<string, Record<string, Rpc>>;
  const methods = Object.entries(services).flatMap(([service, rpcs]) =>
    Object.entries(rpcs).map(([method, rpc]) => [
      code(`${service}.${method}`),
      code(rpc.permission),
      permissions[rpc.permission].role,
      scopeOf(rpc),
    ]),
  );
  return page(
    INTRODUCTION,
    table(
      ['permission', 'weakest role', 'what it allows'],
      Object.entries(permissions).map(([name, { role, allows }]) => [code(name), role, allows]),
    ),
    METHODS,
    table(['method', 'permission', 'weakest role', 'in which orgs'], methods),
  );
};
