import type { PushedState } from '@tenantry/events/pushed-state.ts';
import { newId, PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { compileProduct } from './compile-product.ts';
import { ProductTable } from './product-table.ts';
import { type RouteRecord, recordKey } from './records.ts';

const logger = createLogger({ service: 'gateway', instanceId: 'gateway-test', level: 'silent' });
const AT = '2026-11-22T00:00:00.000Z';

let values: Map<string, RouteRecord>;
let change: (key: string, record: RouteRecord | undefined) => void;
/** Of records that routes were made of, in turn. */
let made: string[];
let table: ProductTable;

const record = (tenantId: TenantId, path: string, more: Partial<RouteRecord> = {}): RouteRecord => ({
  ...{ id: newId('rte'), tenantId, version: 1, createdAt: AT, updatedAt: AT, upstreamId: newId('ups'), path },
  ...{ methods: ['GET'], access: 'token', permission: null, entitlement: null, rateLimit: null, transform: null },
  ...{ timeoutMs: null, maxBodyBytes: 1_000, webSocket: false, cookies: false, retry: 'idempotent' },
  ...more,
});

function register(one: RouteRecord): RouteRecord {
  values.set(recordKey(one), one);
  change(recordKey(one), one);
  return one;
}

beforeEach(() => {
  values = new Map();
  made = [];
  const state: Pick<PushedState<RouteRecord>, 'isKnown' | 'entries' | 'onChange'> = {
    isKnown: () => true,
    entries: () => values,
    onChange: (listener) => {
      change = listener;
    },
  };
  const forward = ({ path }: RouteRecord) => {
    made.push(path);
    return { answer: () => undefined, webSocketTo: () => Promise.reject(new Error('not here')) };
  };
  table = new ProductTable(state as PushedState<RouteRecord>, compileProduct(forward, logger));
});

describe('The table of products', () => {
  it('makes a route when it is first asked for, once, and again after a change', () => {
    const [acme, globex] = [newId('ten'), newId('ten')];
    for (const tenantId of [acme, globex])
      for (const path of ['/apps/a/:id', '/apps/b', '/apps/b/*']) register(record(tenantId, path));
    expect(made).toEqual([]);
    const first = table.find(acme, 'GET', '/apps/a/1');
    expect([first?.params, table.find(acme, 'HEAD', '/apps/a/2')?.value]).toEqual([{ id: '1' }, first?.value]);
    expect(made).toEqual(['/apps/a/:id']);
    register(record(acme, '/apps/c'));
    expect(table.find(globex, 'GET', '/apps/b/x/y')?.params).toEqual({ rest: 'x/y' });
    expect(table.find(acme, 'GET', '/apps/a/1')?.value).not.toBe(first?.value);
    expect(made).toEqual(['/apps/a/:id', '/apps/b/*', '/apps/a/:id']);
  });

  it('leaves to others what a record that makes no sense would have taken', () => {
    const acme = newId('ten');
    const headers = [{ op: 'set', name: 'x-tenantry-plan', value: 'free' }] as const;
    register(record(acme, '/apps/shop/new', { transform: { request: { headers: [...headers] } } }));
    register(record(acme, '/apps/shop/:page'));
    register(record(PLATFORM_TENANT_ID, '/apps/shop/new'));
    expect(table.find(acme, 'GET', '/apps/shop/new')?.params).toEqual({ page: 'new' });
    expect(table.methodsOf(acme, '/apps/shop/new')).toEqual(['GET', 'HEAD']);
  });
});
