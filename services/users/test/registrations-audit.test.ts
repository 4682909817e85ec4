import type { DataOf } from '@tenantry/contract/event.ts';
import { registrationChanged } from '@tenantry/contract/registration-changed.ts';
import { newId, PLATFORM_TENANT_ID, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openWorld, type World } from '../../../tests/support/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld({ services: ['users'] });
});
afterAll(() => world?.close());

type Data = DataOf<typeof registrationChanged>;
const by = newId('usr');
const tell = (
  tenantId: TenantId,
  resource: string,
  version: number,
  more: Partial<Data> & { eventId?: string } = {},
) => {
  const { eventId, ...data } = more;
  return world.publish(registrationChanged, tenantId, {
    ...(eventId === undefined ? {} : { id: eventId }),
    subject: resource,
    version,
    data: {
      action: 'upstream:change',
      principal: by,
      onBehalfOf: null,
      version,
      changedAt: '2026-11-21T09:30:00.123Z',
      fields: ['targets'],
      ...data,
    },
  });
};
const rowsOf = (resource: string) =>
  world.sql<{
    tenant_id: string;
    id: string;
    occurred_at: Date;
    principal: string;
    action: string;
    detail: unknown;
    trace_id: string;
  }>(
    "select tenant_id, id, occurred_at, principal, action, detail, trace_id from users.audit where resource = $1 order by detail->>'version'",
    [resource],
  );

describe('What was changed at the gateway', () => {
  it('is kept as it was done there: by whom, what and when', async () => {
    const [tenantId, upstream] = [newId('ten'), newId('ups')];
    const event = await tell(tenantId, upstream, 7);
    await eventually(async () => expect(await rowsOf(upstream)).toHaveLength(1));
    const [row] = await rowsOf(upstream);
    expect(row).toMatchObject({
      tenant_id: uuidOf(tenantId),
      id: uuidOf(event.id as `evt_${string}`),
      principal: by,
      action: 'upstream:change',
      detail: { version: 7, fields: ['targets'] },
      trace_id: event.traceparent.slice(3, 35),
    });
    expect(row?.occurred_at.toISOString()).toBe('2026-11-21T09:30:00.123Z');
  });

  it('is kept for the platform too', async () => {
    const route = newId('rte');
    await tell(PLATFORM_TENANT_ID, route, 1, { action: 'route:register', fields: [] });
    await eventually(async () =>
      expect(await rowsOf(route)).toMatchObject([{ action: 'route:register', detail: { version: 1 } }]),
    );
  });

  it('is kept once, though it is told twice, and again after its receipt was forgotten', async () => {
    const [tenantId, upstream, eventId] = [newId('ten'), newId('ups'), newId('evt')];
    await tell(tenantId, upstream, 1, { eventId });
    await tell(tenantId, upstream, 1, { eventId });
    await tell(tenantId, upstream, 2);
    await eventually(async () => expect(await rowsOf(upstream)).toHaveLength(2));
    await world.sql('delete from users.inbox where event_id = $1', [uuidOf(eventId)]);
    await tell(tenantId, upstream, 1, { eventId });
    await tell(tenantId, upstream, 3);
    await eventually(async () => expect(await rowsOf(upstream)).toHaveLength(3));
    expect((await rowsOf(upstream)).map(({ detail }) => (detail as { version: number }).version)).toEqual([1, 2, 3]);
  });
});
