import { RANKED_ROLES, permissions, rolesWith, type Permission } from '@rekey/access';
import type { Rpc } from '../../../apps/gateway/src/pipeline/rpc.ts';
import { createRpcTable, type RpcDeps } from '../../../apps/gateway/src/rpc-table.ts';
import { code, page, table } from './markdown.ts';

const INTRODUCTION = `
# Permissions

Generated from the table of methods by \`npm run generate\`: what the gateway enforces if it has an access
file. [Access](../guides/access.md) says how to write one.

Each of these roles has the permissions of the roles before it: ${RANKED_ROLES.map(code).join(', ')}.
\`auditor\` has only those that name it.
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

/** The weakest of the ranked roles that has a permission, and the roles beside these. */
const roleOf = (permission: Permission): string => {
  if (permissions[permission].role === 'everyone') return 'everyone';
  const [weakest, ...others] = rolesWith(permission);
  const beside = others.filter((role) => !(RANKED_ROLES as readonly string[]).includes(role));
  return [weakest, ...beside].join(', ');
};

const scopeOf = (rpc: Rpc): string =>
  rpc.orgs === 'request' && ('load' in rpc || 'checkedWithin' in rpc)
    ? 'request and subject'
    : scopes[rpc.orgs];

export const permissionsPage = (): string => {
  const services = createRpcTable({} as RpcDeps) as unknown as Record<string, Record<string, Rpc>>;
  const methods = Object.entries(services).flatMap(([service, rpcs]) =>
    Object.entries(rpcs).map(([method, rpc]) => [
      code(`${service}.${method}`),
      rpc.ofOthers === undefined
        ? code(rpc.permission)
        : `${code(rpc.permission)}; of others ${code(rpc.ofOthers)}`,
      roleOf(rpc.permission),
      scopeOf(rpc),
    ]),
  );
  return page(
    INTRODUCTION,
    table(
      ['permission', 'weakest role', 'what it allows'],
      Object.entries(permissions).map(([name, { allows }]) => [
        code(name),
        roleOf(name as Permission),
        allows,
      ]),
    ),
    METHODS,
    table(['method', 'permission', 'weakest role', 'in which orgs'], methods),
  );
};
