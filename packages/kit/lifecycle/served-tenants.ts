import { isId, type TenantId } from '@tenantry/kernel/id.ts';
import { ConfigurationError } from '../configuration.ts';

/** Tenant ids with commas between; null, everybody, for an empty text. */
export function readServedTenants(text = ''): readonly TenantId[] | null {
  if (text === '') return null;
  return text.split(',').map((id) => {
    if (!isId('ten', id)) throw new ConfigurationError(`SERVES_TENANTS has ${id}, which is no tenant id.`);
    return id;
  });
}
