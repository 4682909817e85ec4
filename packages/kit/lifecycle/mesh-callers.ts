import type { Callers, Endpoint } from '@tenantry/contract/endpoint.ts';

/** Who may connect to a service at all: whoever one of its contracts names. `any` as soon as one is for the whole house. */
export function callersOf(endpoints: readonly Pick<Endpoint, 'callers'>[]): Callers {
  const named = new Set<string>();
  for (const { callers } of endpoints) {
    if (callers === 'any') return 'any';
    for (const caller of callers) named.add(caller);
  }
  return [...named].toSorted();
}
