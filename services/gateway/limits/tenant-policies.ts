import type { Rate, TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { TenantConfigurations } from '@tenantry/kit/tenants/configurations.ts';
import { type Policy, policyOf } from './decision.ts';

/** A tenant's limits as they are counted. */
export type TenantPolicies = {
  readonly tenant: Policy;
  readonly principal: Policy;
  /** By method and pattern. */
  readonly routes: ReadonlyMap<string, Policy>;
};

const fromRate = (name: string, { requestsPerSecond, burstSeconds }: Rate): Policy =>
  policyOf(name, requestsPerSecond, burstSeconds);

const compile = ({ rateLimits }: TenantConfiguration): TenantPolicies => ({
  tenant: fromRate('tenant', rateLimits.tenant),
  principal: fromRate('principal', rateLimits.principal),
  routes: new Map(Object.entries(rateLimits.routes).map(([route, rate]) => [route, fromRate('route', rate)])),
});

/** The limits of each tenant's configuration, compiled once per configuration: that is a new object after every change. */
export function createTenantPolicies(configurations: Pick<TenantConfigurations, 'of'>) {
  const compiled = new WeakMap<TenantConfiguration, TenantPolicies>();
  return (tenantId: TenantId): TenantPolicies => {
    const configuration = configurations.of(tenantId);
    let policies = compiled.get(configuration);
    if (policies === undefined) {
      policies = compile(configuration);
      compiled.set(configuration, policies);
    }
    return policies;
  };
}
