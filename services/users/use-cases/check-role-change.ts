import { type Grant, isAllowed, reachOf } from '@tenantry/auth/permissions.ts';
import { forbidden, validationFailed } from '@tenantry/kernel/problems.ts';

/**
 * Whether whoever has these grants may turn `before` into `after`. Nobody hands out what is above them: ownership moves
 * by an owner's hand, `operator` exists in tenant zero and is given by operators.
 */
export function checkRoleChange(
  grants: readonly Grant[],
  before: readonly string[],
  after: readonly string[],
  isPlatformTenant: boolean,
): void {
  const changed = (role: string) => before.includes(role) !== after.includes(role);
  if (changed('owner') && reachOf(grants, 'ownership:assign') === null) {
    throw forbidden('Only an owner can make or unmake an owner.', {
      extensions: { requiredPermission: 'ownership:assign' },
    });
  }
  if (after.includes('operator') && !isPlatformTenant) {
    const message = 'operator exists in the platform tenant only';
    throw validationFailed(`The role ${message}.`, { errors: [{ path: '/roles', message }] });
  }
  if (changed('operator') && !isAllowed(grants, 'operator:assign', 'platform')) {
    throw forbidden('Only an operator can make or unmake an operator.', {
      extensions: { requiredPermission: 'operator:assign' },
    });
  }
}

/** True when somebody loses a right: tokens that still carry it must not go on. */
export const takesRightsAway = (before: readonly string[], after: readonly string[]): boolean =>
  before.some((role) => !after.includes(role));
