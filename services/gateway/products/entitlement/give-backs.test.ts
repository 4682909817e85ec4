import { newId } from '@tenantry/kernel/id.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../../tests/support/eventually.ts';
import type { CountedUse } from './give-back.ts';
import { GiveBacks } from './give-backs.ts';

const logger = createLogger({ service: 'gateway', instanceId: 'test', level: 'silent' });
const newUse = (): CountedUse => ({
  usageId: newId('usg'),
  tenantId: newId('ten'),
  subscriberId: newId('usr'),
  feature: 'api-calls',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
});

let giveBacks: GiveBacks;
afterEach(() => giveBacks.close());

describe('Uses to give back while nothing can be put away', () => {
  const away = { put: () => Promise.reject(new Error('NATS is away')), close: async () => undefined };

  it('are asked for from here, again until it is done', async () => {
    const asked = new Map<string, number>();
    const give = async ({ usageId }: CountedUse): Promise<boolean> => {
      const times = (asked.get(usageId) ?? 0) + 1;
      asked.set(usageId, times);
      return times > 1;
    };
    giveBacks = new GiveBacks({ queue: away, give, logger });
    const uses = [newUse(), newUse(), newUse()];
    for (const use of uses) giveBacks.add(use);
    await eventually(() => expect(uses.map(({ usageId }) => asked.get(usageId))).toEqual([2, 2, 2]));
  });

  it('are asked for once more at the end', async () => {
    const given: string[] = [];
    const give = async ({ usageId }: CountedUse) => given.push(usageId) > 0;
    giveBacks = new GiveBacks({ queue: away, give, logger });
    const use = newUse();
    giveBacks.add(use);
    await giveBacks.close();
    expect(given).toEqual([use.usageId]);
  });
});
