import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openStage, type Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

describe('While Telegram is away', () => {
  it('messages wait, what needs it at once is told so, and everything goes out once when it is back', {
    timeout: 120_000,
  }, async () => {
    const { tenant, admin, user, chatId } = await stage.link();
    expect(await stage.world.readiness('notifications')).toMatchObject({ status: 'ready', degradedModes: [] });

    const openAgain = await stage.world.suspend('telegram');
    for (let i = 1; i <= 6; i++) await stage.pay(tenant, user.id, { number: `T-${i}` });
    await eventually(async () => {
      const ready = await stage.world.readiness('notifications');
      expect(ready).toMatchObject({ httpStatus: 200, status: 'degraded' });
      expect(ready.degradedModes).toEqual([expect.stringMatching(/^Messages wait as rows/)]);
      expect(ready.stateOf('telegram')).toBe('down');
    });
    expect(await stage.rows(user)).toMatchObject(Array.from({ length: 6 }, () => ({ status: 'queued' })));
    const refused = await stage.registerBot(admin);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    expect(refused.body).toMatchObject({ code: 'upstream-unavailable' });

    await openAgain();
    await eventually(async () => {
      const ready = await stage.world.readiness('notifications');
      // It serves again; the last minute was not all well, which stays to be seen.
      expect([ready.degradedModes, ready.stateOf('telegram')]).toEqual([[], expect.stringMatching(/^(degraded|up)$/)]);
    }, 60_000);
    await eventually(async () => {
      stage.world.clock.advance({ seconds: 30 });
      expect(await stage.rows(user)).toMatchObject(Array.from({ length: 6 }, () => ({ status: 'sent' })));
    });
    const receipts = (await stage.texts(chatId)).slice(1);
    expect(receipts).toHaveLength(6);
    for (let i = 1; i <= 6; i++) expect(receipts.filter((text) => text.includes(`T-${i}`))).toHaveLength(1);
  });
});
