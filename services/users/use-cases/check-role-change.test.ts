import { grantsOf } from '@tenantry/auth/permissions.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { describe, expect, it } from 'vitest';
import { checkRoleChange, takesRightsAway } from './check-role-change.ts';

type Change = { by: readonly string[]; from: readonly string[]; to: readonly string[]; inPlatform?: boolean };

function refusalOf({ by, from, to, inPlatform = false }: Change): string | null {
  try {
    checkRoleChange(grantsOf(by, inPlatform), from, to, inPlatform);
    return null;
  } catch (error) {
    if (error instanceof Problem) return error.kind.code;
    throw error;
  }
}

describe('A change of roles', () => {
  it.each<Change & { refusal: string | null }>([
    { by: ['admin'], from: ['member'], to: ['admin'], refusal: null },
    { by: ['admin'], from: ['admin'], to: ['member', 'billing'], refusal: null },
    { by: ['admin'], from: ['member'], to: ['owner'], refusal: 'forbidden' },
    { by: ['admin'], from: ['owner'], to: ['member'], refusal: 'forbidden' },
    { by: ['admin'], from: ['owner'], to: ['owner', 'billing'], refusal: null },
    { by: ['owner'], from: ['member'], to: ['owner'], refusal: null },
    { by: ['owner'], from: ['owner'], to: ['member'], refusal: null },
    { by: ['owner'], from: ['member'], to: ['operator'], refusal: 'validation-failed' },
    { by: ['owner', 'operator'], from: ['member'], to: ['operator'], refusal: 'validation-failed' },
    { by: ['owner'], from: ['member'], to: ['operator'], inPlatform: true, refusal: 'forbidden' },
    { by: ['admin'], from: ['operator'], to: ['member'], inPlatform: true, refusal: 'forbidden' },
    { by: ['operator'], from: ['member'], to: ['operator'], inPlatform: true, refusal: null },
    { by: ['operator'], from: ['operator'], to: ['member'], inPlatform: true, refusal: null },
    { by: ['operator'], from: ['member'], to: ['owner'], inPlatform: true, refusal: null },
  ])('by $by from $from to $to (in tenant zero: $inPlatform): $refusal', ({ refusal, ...change }) => {
    expect(refusalOf(change)).toBe(refusal);
  });

  it('takes rights away when a role goes, whatever comes instead', () => {
    expect(takesRightsAway(['member', 'billing'], ['member'])).toBe(true);
    expect(takesRightsAway(['billing'], ['admin'])).toBe(true);
    expect(takesRightsAway(['member'], ['member', 'billing'])).toBe(false);
    expect(takesRightsAway(['member', 'billing'], ['billing', 'member'])).toBe(false);
  });
});
