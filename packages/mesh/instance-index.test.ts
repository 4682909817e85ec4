import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBalancer } from './balancer.ts';
import { InstanceIndex, isVisibleTo } from './instance-index.ts';
import type { InstanceRecord } from './registry.ts';
import { localDiscovery } from './test/local-discovery.ts';

const TENANTS = [newId('ten'), newId('ten'), newId('ten')] as const;
let count = 0;
const instance = (some: Partial<InstanceRecord> = {}): InstanceRecord => ({
  instanceId: `billing-${++count}`,
  service: 'billing',
  url: `http://127.0.0.1:${count}`,
  publicKey: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
  status: 'up',
  generation: count,
  registeredAt: '2026-01-01T00:00:00.000Z',
  endpoints: [],
  ...some,
});
const [one, two] = TENANTS;

describe('Who takes the calls of a tenant', () => {
  const shared = instance();
  const own = instance({ tenants: [one] });

  it('is its own instances, else those for everybody', () => {
    const index = new InstanceIndex([shared, own]);
    expect(index.find('billing', one)).toEqual([own]);
    expect(index.find('billing', two)).toEqual([shared]);
    expect(index.find('billing')).toEqual([shared]);
    expect(index.find('users', one)).toEqual([]);
  });

  it('is a shared instance again when its own ones drain or are gone', () => {
    expect(new InstanceIndex([shared, { ...own, status: 'draining' }]).find('billing', one)).toEqual([shared]);
    expect(new InstanceIndex([shared]).find('billing', one)).toEqual([shared]);
  });

  it('is nobody where all instances are for others, and an empty list is for nobody', () => {
    expect(new InstanceIndex([own]).find('billing', two)).toEqual([]);
    expect(new InstanceIndex([instance({ tenants: [] })]).find('billing', two)).toEqual([]);
  });

  it('is never another tenant’s instance, one that drains, or another service’s, whatever is registered', () => {
    const anyInstance = fc.record({
      tenants: fc.option(fc.subarray([...TENANTS]), { nil: null }),
      status: fc.constantFrom('up' as const, 'draining' as const),
      service: fc.constantFrom('billing', 'users'),
    });
    fc.assert(
      fc.property(fc.array(anyInstance), fc.constantFrom(...TENANTS), (drawn, tenantId: TenantId) => {
        const records = drawn.map(instance);
        const found = new InstanceIndex(records).find('billing', tenantId);
        for (const record of found) {
          expect(record).toMatchObject({ service: 'billing', status: 'up' });
          expect(isVisibleTo(record, tenantId)).toBe(true);
        }
        const takesCalls = (record: InstanceRecord) => record.service === 'billing' && record.status === 'up';
        const own = records.filter((record) => takesCalls(record) && record.tenants?.includes(tenantId));
        const everybodys = records.filter((record) => takesCalls(record) && record.tenants === null);
        expect(found).toEqual(own.length > 0 ? own : everybodys);
      }),
    );
  });
});

describe('The balancer', () => {
  it('keeps a tenant on its own instances', () => {
    const { discovery, set } = localDiscovery();
    set('billing', ['http://127.0.0.1:1'], [one]);
    const balancer = createBalancer(discovery);
    expect(balancer.next('billing', one, new Set()).instance.url).toBe('http://127.0.0.1:1');
    expect(() => balancer.next('billing', two, new Set())).toThrow(/not there right now/);
  });

  it('gives turns by weight', () => {
    const records = [instance({ weight: 3 }), instance(), instance({ weight: 2 })];
    const balancer = createBalancer({
      ...localDiscovery().discovery,
      instancesOf: () => records,
      all: () => records,
    });
    const turns = Array.from({ length: 60 }, () => balancer.next('billing', one, new Set()).instance);
    expect(records.map((record) => turns.filter((turn) => turn === record).length)).toEqual([30, 10, 20]);
  });
});
