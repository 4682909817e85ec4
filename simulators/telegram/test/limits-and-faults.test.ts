import { describe, expect, it } from 'vitest';
import { startSimulator, token } from './harness.ts';

describe('Flood control over HTTP', () => {
  it('answers 429 with retry_after in the body and the header, and takes the message when the time is over', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    await telegram.control('POST', '/limits', { chatBurst: 1, chatPerSecond: 0.2 });
    const send = () => telegram.call('sendMessage', { chat_id: 77, text: 'x' });
    expect((await send()).status).toBe(200);
    const refused = await send();
    expect(refused).toMatchObject({
      status: 429,
      body: {
        ok: false,
        error_code: 429,
        description: 'Too Many Requests: retry after 5',
        parameters: { retry_after: 5 },
      },
    });
    expect(refused.headers.get('retry-after')).toBe('5');
    await telegram.advance(4);
    expect((await send()).body.parameters?.retry_after).toBe(1);
    await telegram.advance(1);
    expect((await send()).status).toBe(200);
  });

  it('can hold every call of the bot, not only those to that chat, and no other bot', async () => {
    const telegram = await startSimulator();
    for (const chatId of [77, 78]) await telegram.meet(chatId);
    await telegram.meet(77, token(4002));
    await telegram.control('POST', '/limits', { chatBurst: 1, chatPerSecond: 0.2, floodHoldsBot: true });
    const send = (chatId: number, bot = 4001) =>
      telegram.call('sendMessage', { chat_id: chatId, text: 'x' }, token(bot));
    expect((await send(77)).status).toBe(200);
    expect((await send(77)).body.parameters?.retry_after).toBe(5);
    await telegram.advance(2);
    expect(await send(78)).toMatchObject({ status: 429, body: { parameters: { retry_after: 3 } } });
    expect((await telegram.call('getMe')).status).toBe(429);
    expect((await send(77, 4002)).status).toBe(200);
    await telegram.advance(3);
    expect((await send(78)).status).toBe(200);
  });

  it('can be switched off and is restored by a reset', async () => {
    const telegram = await startSimulator();
    await telegram.control('POST', '/limits', { floodControl: false });
    await telegram.meet();
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => telegram.call('sendMessage', { chat_id: 77, text: 'x' })),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect((await telegram.control('POST', '/reset')).status).toBe(204);
    expect((await telegram.control('GET', '/limits')).body.floodControl).toBe(true);
    expect((await telegram.control('GET', '/chats')).body.data).toEqual([]);
  });

  it('limits the first uses of tokens when asked to', async () => {
    const telegram = await startSimulator();
    await telegram.control('POST', '/limits', { newBotsPerMinute: 2 });
    const statuses = [];
    for (const id of [1, 2, 3]) statuses.push((await telegram.call('getMe', {}, token(id))).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await telegram.call('getMe', {}, token(1))).status).toBe(200);
  });
});

describe('Scripted faults', () => {
  it.each([
    [{ kind: '429', retry_after: 35 }, 429, 'Too Many Requests: retry after 35'],
    [{ kind: '500' }, 500, 'Internal Server Error: restart'],
    [{ kind: 'error', error_code: 403, description: 'Forbidden: something new' }, 403, 'Forbidden: something new'],
  ])('%j is answered as often as ordered, then all is well', async (fault, status, description) => {
    const telegram = await startSimulator();
    await telegram.meet();
    await telegram.control('POST', '/faults', { match: { method: 'sendMessage', chatId: 77 }, times: 2, fault });
    const send = () => telegram.call('sendMessage', { chat_id: 77, text: 'x' });
    expect(await send()).toMatchObject({ status, body: { ok: false, error_code: status, description } });
    expect((await telegram.call('getMe')).status).toBe(200);
    expect((await send()).status).toBe(status);
    expect((await send()).status).toBe(200);
    expect((await telegram.control('GET', '/chats/77/messages')).body.data).toHaveLength(1);
  });

  it('answers a page instead of JSON, as a broken gateway does', async () => {
    const telegram = await startSimulator();
    await telegram.control('POST', '/faults', { fault: { kind: '502-html' } });
    const answer = await fetch(`${telegram.url}/bot${token()}/getMe`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([502, 'text/html']);
    expect(await answer.text()).toContain('<html>');
  });

  it('breaks the connection', async () => {
    const telegram = await startSimulator();
    await telegram.control('POST', '/faults', { match: { botId: 4001 }, fault: { kind: 'reset' } });
    await expect(telegram.call('getMe')).rejects.toThrow('fetch failed');
    expect((await telegram.call('getMe')).status).toBe(200);
  });

  it.each([
    ['hang', 0],
    ['timeout-after-success', 1],
  ])('%s never answers and leaves %d messages behind', async (kind, messages) => {
    const telegram = await startSimulator();
    await telegram.meet();
    await telegram.control('POST', '/faults', { match: { token: token(), method: 'sendmessage' }, fault: { kind } });
    const leave = new AbortController();
    const lost = telegram.send(`/bot${token()}/sendMessage?chat_id=77&text=x`, { signal: leave.signal });
    const outcome = lost.then(
      () => 'answered',
      () => 'given up',
    );
    await expect.poll(async () => (await telegram.control('GET', '/faults')).body.data?.length).toBe(0);
    await expect
      .poll(async () => (await telegram.control('GET', '/chats/77/messages')).body.data?.length)
      .toBe(messages);
    leave.abort();
    expect(await outcome).toBe('given up');
  });

  it('delays on the simulated clock', async () => {
    const telegram = await startSimulator();
    await telegram.control('POST', '/faults', { fault: { kind: 'delay', delayMs: 30_000 } });
    let isAnswered = false;
    const answer = telegram.call('getMe').then(({ status }) => {
      isAnswered = true;
      return status;
    });
    await expect.poll(async () => (await telegram.control('GET', '/faults')).body.data?.length).toBe(0);
    await telegram.advance(29);
    expect(isAnswered).toBe(false);
    await telegram.advance(1);
    expect(await answer).toBe(200);
  });

  it('can be listed and taken back', async () => {
    const telegram = await startSimulator();
    const added = await telegram.control('POST', '/faults', { times: null, fault: { kind: '500' } });
    expect(added.status).toBe(201);
    expect((await telegram.call('getMe')).status).toBe(500);
    expect((await telegram.control('DELETE', `/faults/${added.body.id}`)).status).toBe(204);
    expect((await telegram.call('getMe')).status).toBe(200);
    await telegram.control('POST', '/faults', { fault: { kind: '500' } });
    expect((await telegram.control('DELETE', '/faults')).status).toBe(204);
    expect((await telegram.call('getMe')).status).toBe(200);
    expect((await telegram.control('POST', '/faults', { fault: { kind: 'earthquake' } })).status).toBe(400);
  });
});
