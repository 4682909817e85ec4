import { rateLimited } from '@tenantry/kernel/problems.ts';
import { describe, expect, it } from 'vitest';
import { renderRefusal } from '../edge/render-refusal.ts';
import { rateRefusal } from './rate-refusal.ts';

describe('A 429 that was rendered before', () => {
  it('is the same as one rendered now, whatever the path', () => {
    const policy = { name: 'tenant', limit: 100, windowSeconds: 5 };
    for (const instance of ['/v1/notes/1', '/v1/"quoted"/\\', '/$&/$1', '/ä%20']) {
      const context = { instance, traceId: 'ab'.repeat(16) };
      const { template, retryAfterSeconds } = rateRefusal(policy, 1_200);
      const { status, headers, body } = template.render(retryAfterSeconds, context);
      const ordinary = renderRefusal(
        rateLimited('More than 100 requests in 5 s (tenant). Wait, then try again.', {
          retryAfterSeconds: 2,
          extensions: { violatedPolicies: ['tenant'] },
        }),
        context,
      );
      expect([status, JSON.parse(body)]).toEqual([ordinary.status, ordinary.body]);
      expect(headers).toEqual(Object.entries(ordinary.headers).flat());
    }
  });
});
