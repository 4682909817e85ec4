import { Problem } from '@tenantry/kernel/problem.ts';
import { describe, expect, it } from 'vitest';
import { checkTenantTransition, type TenantStatus } from './tenant-status.ts';

const ALL: readonly TenantStatus[] = ['trial', 'active', 'suspended', 'closed'];
const ALLOWED = new Set([
  'trial active',
  'trial suspended',
  'trial closed',
  'active suspended',
  'active closed',
  'suspended active',
  'suspended closed',
]);

describe.each(ALL)('A tenant that is %s', (from) => {
  it.each(ALL)('and is to become %s', (to) => {
    const attempt = () => checkTenantTransition(from, to);
    if (ALLOWED.has(`${from} ${to}`)) {
      expect(attempt).not.toThrow();
      return;
    }
    expect(attempt).toThrow(Problem);
    expect(attempt).toThrow(
      expect.objectContaining({
        extensions: { from, to },
        kind: expect.objectContaining({ code: 'invalid-transition' }),
      }),
    );
  });
});
