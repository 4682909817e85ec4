import { invalidTransition } from '@tenantry/kernel/problems.ts';

export type TenantStatus = 'trial' | 'active' | 'suspended' | 'closed';

const NEXT: Readonly<Record<TenantStatus, readonly TenantStatus[]>> = {
  trial: ['active', 'suspended', 'closed'],
  active: ['suspended', 'closed'],
  suspended: ['active', 'closed'],
  closed: [],
};

/** Throws `invalid-transition` unless a tenant in `from` may become `to`. */
export function checkTenantTransition(from: TenantStatus, to: TenantStatus): void {
  if (NEXT[from].includes(to)) return;
  const open =
    NEXT[from].length === 0 ? 'A closed tenant stays closed.' : `From here it can become: ${NEXT[from].join(', ')}.`;
  throw invalidTransition(`This tenant is ${from} and cannot become ${to}. ${open}`, { extensions: { from, to } });
}
