import type { Principal } from '@tenantry/auth/principal.ts';

/** Whom history names: the person, also when a service asks for them. */
export const changedBy = (principal: Principal): string => principal.onBehalfOf ?? principal.id;
