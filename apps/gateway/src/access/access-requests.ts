import {
  ROLES_IN_WORDS,
  bindablePrincipal,
  consumerOfRole,
  isRole,
  permissions,
  type Permission,
  type Role,
} from '@rekey/access';
import { MAX_TOKEN_TTL_MS, OrgId, TokenName, TokenOrgs } from '@rekey/schema';
import { z } from 'zod';
import { Duration, optionalText, pageSize } from '../requests/fields.ts';

const MIN_TTL_MS = 1000;
const MAX_PAGE = 200;

const isPermission = (text: string): boolean => Object.hasOwn(permissions, text);

export const CreateToken = z
  .object({
    tokenName: TokenName,
    role: z.string().refine(isRole, `must be one of ${ROLES_IN_WORDS}`) as z.ZodType<Role, string>,
    orgs: TokenOrgs.refine(
      (orgs) => orgs.length === 1 || !orgs.includes('*'),
      'must name single orgs, or * alone',
    ),
    ttl: Duration.refine((ms) => ms >= MIN_TTL_MS, 'must be at least a second').refine(
      (ms) => ms <= MAX_TOKEN_TTL_MS,
      'must be at most 366 days',
    ),
  })
  .refine(({ role, orgs }) => consumerOfRole(role) === undefined || orgs[0] === '*', {
    path: ['orgs'],
    error: 'must be * for a consumer: its orgs are set with rekey consumer orgs',
  });

export const ListTokens = z.object({ pageSize: pageSize(50, MAX_PAGE), pageToken: z.string() });

export const ByTokenName = z.object({ tokenName: TokenName });

export const CheckAccess = z.object({
  permission: z.string().refine(isPermission, 'must be a permission of Rekey') as z.ZodType<
    Permission,
    string
  >,
  orgId: optionalText(OrgId),
  principal: optionalText(bindablePrincipal),
});
