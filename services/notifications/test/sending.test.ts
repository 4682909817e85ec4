import type { Principal } from '@tenantry/auth/principal.ts';
import { createRedis } from '@tenantry/databases/redis.ts';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openStage, type Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterEach(() => stage.telegram.heal());
afterAll(() => stage?.close());

/** As FLUSHALL would, but only what is this world's: other tests share the server. */
async function loseRedis(): Promise<number> {
  const redis = createRedis({ url: inject('redisUrl'), namespace: '', onError: () => undefined });
  await new Promise((resolve) => redis.once('ready', resolve));
  const keys = await redis.keys(`${stage.world.namespace}:*`);
  if (keys.length > 0) await redis.unlink(...keys);
  redis.disconnect();
  return keys.length;
}

/** Telegram shows a message before we have written down that it was sent: only then may time pass. */
async function nothingMoreIsOwed(user: Principal): Promise<void> {
  await eventually(async () => expect(await stage.rows(user)).toMatchObject([{ status: 'sent' }]));
  stage.world.clock.advance({ minutes: 5 });
  await eventually(async () => expect(await stage.dueOf(user)).toEqual([]));
}

const sends = (chatId: number) => ({ method: 'sendMessage', chatId });

describe('A message that Telegram delays', () => {
  it('waits as long as retry_after says, without spending attempts', async () => {
    const { tenant, user, chatId } = await stage.link();
    await stage.telegram.fail(sends(chatId), { kind: '429', retry_after: 3 });
    const askedAt = stage.world.clock.now();
    await stage.pay(tenant, user.id);
    await eventually(async () =>
      expect(await stage.rows(user)).toMatchObject([{ status: 'queued', attempts: 0, failure: 'flood-wait' }]),
    );
    await stage.untilMessages(chatId, 2);
    await eventually(async () => expect(await stage.receipt(user)).toMatchObject({ status: 'sent', attempts: 1 }));
    const sentAt = Temporal.Instant.from((await stage.receipt(user)).sentAt ?? '');
    expect(sentAt.since(askedAt).total('milliseconds')).toBeGreaterThanOrEqual(3_000);
  });

  it('holds the other messages of that bot too, and none of another bot', async () => {
    const flooded = await stage.link();
    const other = await stage.link();
    await stage.telegram.fail(sends(flooded.chatId), { kind: '429', retry_after: 600 });
    await stage.pay(flooded.tenant, flooded.user.id, { number: 'A-1' });
    await eventually(async () => expect(await stage.rows(flooded.user)).toMatchObject([{ failure: 'flood-wait' }]));
    await stage.pay(flooded.tenant, flooded.user.id, { number: 'A-2' });
    await stage.pay(other.tenant, other.user.id);
    await stage.untilMessages(other.chatId, 2);
    expect(await stage.texts(flooded.chatId)).toHaveLength(1);
    stage.world.clock.advance({ minutes: 11 });
    expect(await stage.untilMessages(flooded.chatId, 3)).toHaveLength(3);
    await eventually(async () =>
      expect(await stage.rows(flooded.user)).toMatchObject([{ status: 'sent' }, { status: 'sent' }]),
    );
  });
});

describe('A message while Telegram is in trouble', () => {
  it.each([{ kind: '500' }, { kind: '502-html' }, { kind: 'reset' }])(
    'is tried again after $kind and sent',
    async (fault) => {
      const { tenant, user, chatId } = await stage.link();
      await stage.telegram.fail(sends(chatId), fault, 2);
      await stage.pay(tenant, user.id);
      await stage.untilMessages(chatId, 2, 15_000);
      await eventually(async () => expect(await stage.receipt(user)).toMatchObject({ status: 'sent', attempts: 3 }));
    },
  );

  it('is sent once more, saying so, when the answer was lost and it may have arrived', async () => {
    const { tenant, user, chatId } = await stage.link('en');
    await stage.telegram.fail(sends(chatId), { kind: 'timeout-after-success' });
    await stage.pay(tenant, user.id);
    const [, first, second] = await stage.untilMessages(chatId, 3, 20_000);
    expect(first).not.toContain('sent again');
    expect(second).toContain('This message is sent again because we cannot tell whether it reached you before.');
    await eventually(async () =>
      expect(await stage.rows(user)).toMatchObject([{ status: 'sent', attempts: 2, uncertain: 1 }]),
    );
  });

  it('is not sent again by a failure that came too early to have arrived', async () => {
    const { tenant, user, chatId } = await stage.link('en');
    await stage.telegram.fail(sends(chatId), { kind: '500' });
    await stage.pay(tenant, user.id);
    const [, receipt] = await stage.untilMessages(chatId, 2);
    expect(receipt).not.toContain('sent again');
  });

  it('is dead after its last attempt, visibly', async () => {
    const { tenant, user, chatId } = await stage.link();
    await stage.telegram.fail(sends(chatId), { kind: '500' }, null);
    await stage.pay(tenant, user.id);
    await eventually(async () => expect(await stage.rows(user)).toMatchObject([{ status: 'queued', attempts: 1 }]));
    const [row] = await stage.rows(user);
    await stage.world.sql(`update notifications.notifications set attempts = 23 where id = $1`, [row?.id]);
    await eventually(async () =>
      expect(await stage.receipt(user)).toMatchObject({ status: 'dead', attempts: 24, failure: 'attempts-exhausted' }),
    );
  });

  it('goes out as plain text when Telegram cannot read our markup', async () => {
    const { tenant, user, chatId } = await stage.link('en');
    const description = 'Bad Request: can\'t parse entities: Can\'t find end tag corresponding to start tag "b"';
    await stage.telegram.fail(sends(chatId), { kind: 'error', error_code: 400, description });
    await stage.pay(tenant, user.id);
    const [, receipt] = await stage.untilMessages(chatId, 2);
    expect(receipt).toContain('Invoice ACME-2026-000001 of Rp 166.500');
    expect((await stage.telegram.messages(chatId))[1]?.entities).toEqual([]);
  });
});

describe('A message that cannot arrive', () => {
  it('is suppressed and its chat disconnected when the person has blocked the bot', async () => {
    const { tenant, user, chatId } = await stage.link();
    // Refused as blocked, without the update that would have told us before.
    await stage.telegram.fail(sends(chatId), {
      kind: 'error',
      error_code: 403,
      description: 'Forbidden: bot was blocked by the user',
    });
    await stage.pay(tenant, user.id);
    await eventually(async () =>
      expect(await stage.receipt(user)).toMatchObject({ status: 'suppressed', failure: 'chat-blocked' }),
    );
    await stage.pay(tenant, user.id, { number: 'B-2' });
    await eventually(async () =>
      expect(await stage.receipt(user)).toMatchObject({ status: 'suppressed', failure: 'no-linked-chat' }),
    );
  });

  it('is dead with its cause when the token was revoked, and so are later ones', async () => {
    const { tenant, user, username } = await stage.link();
    await stage.telegram.revoke(username);
    await stage.pay(tenant, user.id);
    await eventually(async () =>
      expect(await stage.receipt(user)).toMatchObject({ status: 'dead', failure: 'bot-revoked', attempts: 1 }),
    );
    await stage.pay(tenant, user.id, { number: 'C-2' });
    await eventually(async () => expect(await stage.rows(user)).toHaveLength(2));
    await eventually(async () =>
      expect(await stage.receipt(user)).toMatchObject({ status: 'dead', failure: 'bot-revoked', attempts: 0 }),
    );
  });
});

describe('A message when something of ours dies', () => {
  it('is sent once although Redis loses everything between intent and sending', async () => {
    const { tenant, user, chatId } = await stage.link();
    await stage.telegram.fail(sends(chatId), { kind: '429', retry_after: 25 });
    await stage.pay(tenant, user.id);
    await eventually(async () => expect(await stage.rows(user)).toMatchObject([{ failure: 'flood-wait' }]));
    expect(await loseRedis()).toBeGreaterThan(0);
    stage.world.clock.advance({ seconds: 40 });
    await stage.untilMessages(chatId, 2);
    await nothingMoreIsOwed(user);
    expect(await stage.texts(chatId)).toHaveLength(2);
  });

  it('is sent once although the service restarts while it waits', async () => {
    const { tenant, user, chatId } = await stage.link();
    await stage.telegram.fail(sends(chatId), { kind: '500' });
    await stage.pay(tenant, user.id);
    await eventually(async () => expect(await stage.rows(user)).toMatchObject([{ status: 'queued', attempts: 1 }]));
    await stage.world.restart('notifications');
    await stage.untilMessages(chatId, 2);
    await nothingMoreIsOwed(user);
    expect(await stage.texts(chatId)).toHaveLength(2);
  });

  it('is sent by the next one, with a remark, when its sender died in the middle', async () => {
    const { tenant, user, chatId } = await stage.link('en');
    await stage.telegram.fail(sends(chatId), { kind: '429', retry_after: 60 });
    await stage.pay(tenant, user.id);
    await eventually(async () => expect(await stage.rows(user)).toMatchObject([{ failure: 'flood-wait' }]));
    // What a killed process leaves: an attempt that was begun, under a lease, and an empty queue.
    const [row] = await stage.rows(user);
    await stage.world.sql(
      `update notifications.notifications set status = 'sending', attempts = 1, not_before = null,
        leased_until = $2::timestamptz where id = $1`,
      [row?.id, stage.world.clock.now().add({ seconds: 90 }).toString()],
    );
    await loseRedis();
    stage.world.clock.advance({ seconds: 75 });
    await eventually(async () => expect(await stage.rows(user)).toMatchObject([{ status: 'sending', attempts: 1 }]));
    stage.world.clock.advance({ seconds: 75 });
    const [, receipt] = await stage.untilMessages(chatId, 2);
    expect(receipt).toContain('sent again');
    await eventually(async () =>
      expect(await stage.rows(user)).toMatchObject([{ status: 'sent', attempts: 2, uncertain: 1 }]),
    );
  });

  it('leaves nothing due behind once it was sent', async () => {
    const { tenant, user, chatId } = await stage.link();
    await stage.pay(tenant, user.id);
    await stage.untilMessages(chatId, 2);
    await nothingMoreIsOwed(user);
  });
});

describe('A crowd of messages', () => {
  it('goes out whole, each once, without ever flooding Telegram', async () => {
    const { tenant, user, chatId } = await stage.link();
    await Promise.all(Array.from({ length: 8 }, (_, index) => stage.pay(tenant, user.id, { number: `D-${index}` })));
    const texts = await stage.untilMessages(chatId, 9, 25_000);
    expect(new Set(texts).size).toBe(9);
    const rows = await stage.rows(user);
    expect(rows.every(({ attempts }) => attempts === 1)).toBe(true);
  });
});
