import { describe, expect, it } from 'vitest';
import { startSimulator, token } from './harness.ts';

const GROUP = -500;

describe('States of a chat', () => {
  it.each([
    ['blocked', 'Forbidden: bot was blocked by the user'],
    ['deactivated', 'Forbidden: user is deactivated'],
    ['never-started', "Forbidden: bot can't initiate conversation with a user"],
  ])('a person who is %s cannot be written to', async (state, description) => {
    const telegram = await startSimulator();
    await telegram.meet();
    await telegram.control('POST', '/chats/77/state', { state, bot: 4001 });
    const send = () => telegram.call('sendMessage', { chat_id: 77, text: 'x' });
    expect(await send()).toMatchObject({ status: 403, body: { ok: false, error_code: 403, description } });
    await telegram.control('POST', '/chats/77/state', { state: 'active', bot: 4001 });
    expect((await send()).status).toBe(200);
  });

  it.each([
    ['kicked', 'Forbidden: bot was kicked from the group chat'],
    ['left', 'Forbidden: bot is not a member of the group chat'],
    ['deleted', 'Forbidden: the group chat was deleted'],
  ])('a group the bot was %s from cannot be written to', async (state, description) => {
    const telegram = await startSimulator();
    await telegram.meet(GROUP);
    await telegram.control('POST', `/chats/${GROUP}/state`, { state });
    expect(await telegram.call('sendMessage', { chat_id: GROUP, text: 'x' })).toMatchObject({
      status: 403,
      body: { description },
    });
  });

  it('names the new chat id after a migration', async () => {
    const telegram = await startSimulator();
    await telegram.meet(GROUP);
    const migratedTo = -1_001_234_567_890;
    await telegram.control('POST', `/chats/${GROUP}/state`, { state: 'migrated', migratedTo });
    expect(await telegram.call('sendMessage', { chat_id: GROUP, text: 'x' })).toMatchObject({
      status: 400,
      body: {
        description: 'Bad Request: group chat was upgraded to a supergroup chat',
        parameters: { migrate_to_chat_id: migratedTo },
      },
    });
    expect((await telegram.call('sendMessage', { chat_id: migratedTo, text: 'x' })).body.result?.chat?.type).toBe(
      'supergroup',
    );
    const updates = (await telegram.call('getUpdates')).body.result ?? [];
    expect(
      updates
        .map((update) => update.message?.migrate_to_chat_id ?? update.message?.migrate_from_chat_id)
        .filter(Boolean),
    ).toEqual([migratedTo, GROUP]);
  });

  it('is between one bot and the person: another bot may still write', async () => {
    const telegram = await startSimulator();
    await telegram.meet(77, token(4001));
    await telegram.meet(77, token(4002));
    await telegram.control('POST', '/chats/77/state', { state: 'blocked', bot: 4001 });
    expect((await telegram.call('sendMessage', { chat_id: 77, text: 'x' }, token(4001))).status).toBe(403);
    expect((await telegram.call('sendMessage', { chat_id: 77, text: 'x' }, token(4002))).status).toBe(200);
  });

  it('tells the bot that it was blocked', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    await telegram.control('POST', '/chats/77/state', { state: 'blocked' });
    const [update] = (await telegram.call('getUpdates')).body.result ?? [];
    expect(update?.my_chat_member).toMatchObject({
      chat: { id: 77 },
      old_chat_member: { status: 'member' },
      new_chat_member: { status: 'kicked' },
    });
  });

  it('refuses states that do not fit, unknown bots and unknown fields as problems', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    const change = async (body: unknown) => (await telegram.control('POST', '/chats/77/state', body)).body;
    expect(await change({ state: 'kicked' })).toMatchObject({ status: 400, code: 'validation-failed' });
    expect(await change({ state: 'blocked', bot: 'nobody_bot' })).toMatchObject({ status: 404, code: 'bot-not-found' });
    expect(await change({ state: 'blocked', bott: 1 })).toMatchObject({ status: 400, code: 'validation-failed' });
    expect(await change({ state: 'asleep' })).toMatchObject({ status: 400, code: 'validation-failed' });
  });
});
