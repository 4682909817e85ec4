import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openDatabases } from '@tenantry/databases/factory.ts';
import { continueTrace } from '@tenantry/kernel/call-context.ts';
import { uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { PaymentTables } from '../store/tables.ts';
import { rebuildPayments } from '../use-cases/rebuild-payments.ts';
import { BCA, GOPAY, openStory, PERMATA, QRIS, type Story } from './story.ts';

const PROGRAM = new URL('../rebuild.ts', import.meta.url);
let story: Story;
beforeAll(async () => {
  story = await openStory();
});
afterAll(() => story.close());

describe('The read rows of payments', () => {
  it('are what their events say, to the byte, and can be had again from them', async () => {
    const tenant = await story.world.addTenant();
    const customer = story.world.principal(tenant.id, ['member']);
    const staff = story.world.principal(tenant.id, ['billing']);
    await story.pending(tenant, customer, BCA);
    await story.charge(tenant, customer, QRIS, { amount: '99999999' }); // refused
    await story.settled(tenant, customer, PERMATA);
    const refunded = await story.settled(tenant, customer, QRIS);
    await story.refund(staff, refunded.id, '1');
    await story.refund(staff, refunded.id);
    const failing = await story.settled(tenant, customer, GOPAY);
    await story.simulate('/faults', { match: { orderId: failing.id }, times: 1, fault: { kind: 'refund-denied' } });
    await story.refund(staff, failing.id, '5000');

    const snapshot = async (): Promise<readonly string[]> => {
      const rows = await story.world.sql<{ text: string }>(
        `select row_to_json(p)::text as text from payments.payments p
         union all select row_to_json(r)::text from payments.refunds r order by text`,
      );
      return rows.map(({ text }) => text);
    };
    const before = await snapshot();
    expect(before).toHaveLength(5 + 3);

    const serviceUrl = new URL(story.world.databaseUrl);
    serviceUrl.username = '';
    serviceUrl.password = '';
    const databases = openDatabases<PaymentTables>({
      service: 'payments',
      databaseUrl: serviceUrl.href,
      redisUrl: inject('redisUrl'),
      clickhouseUrl: '',
      masterKey: story.world.masterKey,
      dataDir: story.world.dataDir,
      namespace: story.world.namespace,
      clock: story.world.clock,
      traceparent: () => continueTrace(undefined),
      onError: () => undefined,
    });
    try {
      expect(await rebuildPayments({ databases })(tenant.id)).toMatchObject({ streams: 5 });
      expect(await snapshot()).toEqual(before);

      // A rebuild that wrote nothing would pass the line above.
      await story.world.sql(
        `update payments.payments set status = 'pending', refunded_minor = 7, instructions = null, version = 99,
           settled_at = null, method = '{"type":"gopay"}' where id = $1`,
        [uuidOf(refunded.id)],
      );
      await story.world.sql("update payments.refunds set status = 'processing', amount_minor = 3");
      expect(await snapshot()).not.toEqual(before);
      await rebuildPayments({ databases })(tenant.id);
      expect(await snapshot()).toEqual(before);

      await story.world.sql('delete from payments.refunds');
      await story.world.sql('delete from payments.payments');
      // As an operator does.
      const { stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(PROGRAM), tenant.id], {
        encoding: 'utf8',
        env: {
          ...process.env,
          DATABASE_URL: serviceUrl.href,
          TENANTRY_MASTER_KEY: story.world.masterKey,
          TENANTRY_DATA_DIR: story.world.dataDir,
          TENANTRY_NAMESPACE: story.world.namespace,
        },
      });
      expect(stderr).toBe('');
      expect(stdout).toMatch(/^payments: 5 rebuilt for ten_\w+, up to position \d+\.\n$/);
      expect(await snapshot()).toEqual(before);
    } finally {
      await databases.close();
    }
  });

  it('carry no word of why money went back: that is not an event', async () => {
    const rows = await story.world.sql<{ text: string }>('select data::text as text from payments.events');
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.some(({ text }) => text.includes('Requested by customer'))).toBe(false);
  });
});
