import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordAudit } from './audit.ts';
import { userOf } from './test/open-door.ts';
import { openStore, type Store } from './test/open-store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.close());

const tenantId = newId('ten');
const rows = () => store.sql<Record<string, unknown>>('select * from users.audit order by id');

describe('An audit row', () => {
  it('says who did what to what, when, on whose behalf and in which trace', async () => {
    const user = userOf(tenantId, ['admin']);
    const service = servicePrincipal('billing', tenantId, user.id);
    const resource = newId('inv');
    await store.databases.withTenant(tenantId, async (uow) => {
      await recordAudit(uow, user, { action: 'invoice:void', resource, detail: { number: 'A-1' } });
      await recordAudit(uow, service, { action: 'invoice:read', resource });
    });
    const common = {
      occurred_at: new Date(store.clock.now().epochMilliseconds),
      resource,
      trace_id: '0af7651916cd43dd8448eb211c80319c',
    };
    expect(await rows()).toMatchObject([
      { ...common, principal: user.id, on_behalf_of: null, action: 'invoice:void', detail: { number: 'A-1' } },
      { ...common, principal: 'service:billing', on_behalf_of: user.id, action: 'invoice:read', detail: {} },
    ]);
  });

  it('is there only if the change is', async () => {
    const before = (await rows()).length;
    const lost = store.databases.withTenant(tenantId, async (uow) => {
      await recordAudit(uow, userOf(tenantId, []), { action: 'x:y', resource: 'z' });
      throw new Error('no');
    });
    await expect(lost).rejects.toThrow('no');
    expect(await rows()).toHaveLength(before);
  });

  it('can be neither changed nor removed by the service that wrote it', async () => {
    for (const privilege of ['update', 'delete', 'truncate']) {
      const [row] = await store.sql<{ allowed: boolean }>(
        `select has_table_privilege('users_app', 'users.audit', '${privilege}') as allowed`,
      );
      expect(row?.allowed, privilege).toBe(false);
    }
  });
});
