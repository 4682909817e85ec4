import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMidtransSimulator } from '../app.ts';
import { authorization, gopay, serverKey } from './harness.ts';

const amount = fc.option(fc.integer({ min: -1, max: 120 }), { nil: undefined });
const step = fc.oneof(
  fc.record({ path: fc.constantFrom('/v2/mine/cancel', '/v2/mine/expire'), body: fc.constant({}) }),
  fc.record({ path: fc.constantFrom('/simulator/pay', '/simulator/deny'), body: fc.constant({ orderId: 'mine' }) }),
  fc.record({ path: fc.constant('/simulator/chargeback'), body: fc.record({ orderId: fc.constant('mine'), amount }) }),
  fc.record({ path: fc.constant('/simulator/clock/advance'), body: fc.record({ seconds: fc.constantFrom(1, 60) }) }),
  ...[1, 2, 3].map(() =>
    fc.record({
      path: fc.constantFrom('/v2/mine/refund', '/v2/mine/refund/online/direct'),
      body: fc.record({ refund_key: fc.constantFrom('a', 'b', 'c', undefined), amount }),
    }),
  ),
  fc.record({
    path: fc.constant('/simulator/faults'),
    body: fc.record({ fault: fc.record({ kind: fc.constantFrom('refund-denied', 'insufficient-balance') }) }),
  }),
);

describe('Over HTTP as well', () => {
  it('no sequence of calls gives back more than was paid', async () => {
    let refundsSeen = 0;
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) => {
      const { app } = createMidtransSimulator();
      const headers = { authorization: authorization(serverKey) };
      const post = (url: string, payload: object) => app.inject({ method: 'POST', url, headers, payload });
      await post('/v2/charge', gopay('mine', 100));
      await post('/simulator/pay', { orderId: 'mine' });
      for (const { path, body } of steps) await post(path, body);
      const status = (await app.inject({ url: '/v2/mine/status', headers })).json<{
        refunds?: { refund_amount: string }[];
      }>();
      const refunds = status.refunds ?? [];
      refundsSeen += refunds.length;
      expect(refunds.reduce((sum, refund) => sum + Number(refund.refund_amount), 0)).toBeLessThanOrEqual(100);
      await app.close();
    });
    await fc.assert(property, { numRuns: 60 });
    expect(refundsSeen).toBeGreaterThan(10);
  }, 120_000);
});
