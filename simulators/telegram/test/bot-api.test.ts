import { describe, expect, it } from 'vitest';
import { NOON_MS, startSimulator, token } from './harness.ts';

describe('The envelope', () => {
  it('answers getMe the same for the same token, and every token is a bot of its own', async () => {
    const telegram = await startSimulator();
    const first = await telegram.call('getMe');
    expect(first).toMatchObject({ status: 200, body: { ok: true, result: { id: 4001, is_bot: true } } });
    expect(first.body.result?.username).toMatch(/^[a-z]+_[a-z0-9]+_bot$/);
    expect((await telegram.call('GETME')).body).toEqual(first.body);
    const other = await telegram.call('getMe', {}, token(4002));
    expect(other.body.result?.username).not.toBe(first.body.result?.username);
  });

  it.each([
    ['not under /bot', '/nothing', 404, 'Not Found'],
    ['a token without a method', `/bot${token()}/`, 404, 'Not Found'],
    ['an unknown method', `/bot${token()}/sendSmoke`, 404, 'Not Found: method not found'],
    ['a malformed token', '/botabc/getMe', 401, 'Unauthorized: invalid token specified'],
    ['a token that begins with 0', '/bot0123:abc/getMe', 401, 'Unauthorized: invalid token specified'],
    ['a bot id beyond 54 bits', '/bot18014398509481984:abc/getMe', 401, 'Unauthorized: invalid token specified'],
  ])('refuses %s with the HTTP status in the envelope', async (_name, path, status, description) => {
    const telegram = await startSimulator();
    expect(await telegram.send(path)).toMatchObject({ status, body: { ok: false, error_code: status, description } });
  });

  it('can answer malformed tokens as the cloud does, and refuse tokens nobody registered', async () => {
    const telegram = await startSimulator({ settings: { malformedToken: 404, unknownBots: 'refuse' } });
    expect((await telegram.send('/botabc/getMe')).body.description).toBe('Not Found');
    expect((await telegram.call('getMe')).body.description).toBe('Unauthorized');
    const registered = await telegram.control('POST', '/bots', { token: token(), username: 'acme_bot' });
    expect(registered).toMatchObject({ status: 201, body: { username: 'acme_bot' } });
    expect((await telegram.call('getMe')).body.result?.username).toBe('acme_bot');
  });

  it('refuses a revoked token and takes the new one of the same bot', async () => {
    const telegram = await startSimulator();
    const { result } = (await telegram.call('getMe')).body;
    expect((await telegram.control('POST', '/bots/4001/revoke')).body.status).toBe('revoked');
    expect(await telegram.call('getMe')).toMatchObject({ status: 401, body: { description: 'Unauthorized' } });
    expect((await telegram.call('getMe', {}, '4001:AArotatedrotatedrotatedrotatedrotated')).body.result).toEqual(
      result,
    );
  });

  it('takes parameters from the query, a form, JSON and multipart', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    const path = `/bot${token()}/sendMessage`;
    const multipart = new FormData();
    multipart.set('chat_id', '77');
    multipart.set('text', 'multipart');
    const form = new URLSearchParams({
      chat_id: '77',
      text: 'form',
      reply_markup: '{"inline_keyboard":[[{"text":"Pay","callback_data":"pay"}]]}',
    });
    await telegram.send(`${path}?chat_id=77&text=query`);
    const answer = await telegram.send(path, { method: 'POST', body: form });
    await telegram.call('sendMessage', { chat_id: 77, text: 'json' });
    await telegram.send(path, { method: 'POST', body: multipart });
    expect(answer.body.result?.reply_markup?.inline_keyboard).toEqual([[{ text: 'Pay', callback_data: 'pay' }]]);
    const shown = await telegram.control('GET', '/chats/77/messages');
    expect(shown.body.data?.map((message) => message.text)).toEqual(['query', 'form', 'json', 'multipart']);
    const broken = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' };
    expect((await telegram.send(path, broken)).body.error_code).toBe(400);
  });

  it('lists what it does', async () => {
    const telegram = await startSimulator();
    expect((await telegram.send('/health/ready')).status).toBe(200);
    const index = (await telegram.send('/')).body;
    expect(index.methods).toContain('sendMessage');
    expect(index.control).toContain('POST /simulator/open-link');
  });
});

describe('Messages', () => {
  it('numbers messages per bot and chat, dates them in seconds and marks commands', async () => {
    const telegram = await startSimulator();
    await telegram.meet(77);
    await telegram.meet(78);
    await telegram.meet(77, token(4002));
    const send = async (chatId: number, botToken = token()) =>
      (await telegram.call('sendMessage', { chat_id: chatId, text: 'Use /stop' }, botToken)).body.result;
    expect(await send(77)).toMatchObject({
      message_id: 1,
      date: NOON_MS / 1000,
      from: { id: 4001, is_bot: true },
      chat: { id: 77, type: 'private' },
      entities: [{ type: 'bot_command', offset: 4, length: 5 }],
    });
    expect([(await send(77))?.message_id, (await send(78))?.message_id]).toEqual([2, 1]);
    expect((await send(77, token(4002)))?.message_id).toBe(1);
  });

  it.each([
    [{ text: 'x' }, 'chat_id is empty'],
    [{ chat_id: 1, text: 'x' }, 'chat not found'],
    [{ chat_id: '@nobody', text: 'x' }, 'chat not found'],
    [{ chat_id: 77, text: '  ' }, 'message text is empty'],
    [{ chat_id: 77, text: 'x'.repeat(4097) }, 'message is too long'],
    [
      { chat_id: 77, text: '<b>x', parse_mode: 'HTML' },
      'can\'t parse entities: Can\'t find end tag corresponding to start tag "b"',
    ],
    [
      { chat_id: 77, text: 'Rp 150.000', parse_mode: 'MarkdownV2' },
      "can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'",
    ],
    [{ chat_id: 77, text: 'x', parse_mode: 'BBCode' }, 'unsupported parse_mode'],
    [{ chat_id: 77, text: 'x', reply_markup: '{' }, "can't parse reply keyboard markup JSON object"],
    [
      { chat_id: 77, text: 'x', reply_markup: { inline_keyboard: [[{ text: 'a', callback_data: 'x'.repeat(65) }]] } },
      'BUTTON_DATA_INVALID',
    ],
    [{ chat_id: 77, text: 'x', reply_parameters: { message_id: 9 } }, 'message to be replied not found'],
  ])('refuses %j', async (parameters, reason) => {
    const telegram = await startSimulator();
    await telegram.meet();
    expect(await telegram.call('sendMessage', parameters)).toMatchObject({
      status: 400,
      body: { ok: false, error_code: 400, description: `Bad Request: ${reason}` },
    });
  });

  it('counts 4096 characters after parsing', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    const text = `<b>${'&amp;'.repeat(4096)}</b>`;
    expect(
      (await telegram.call('sendMessage', { chat_id: 77, text, parse_mode: 'HTML' })).body.result?.text?.length,
    ).toBe(4096);
  });

  it('edits and deletes', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    await telegram.call('sendMessage', { chat_id: 77, text: 'one' });
    const edit = (messageId: number, text: string) =>
      telegram.call('editMessageText', { chat_id: 77, message_id: messageId, text });
    await telegram.advance(5);
    expect((await edit(1, 'two')).body.result).toMatchObject({
      text: 'two',
      date: NOON_MS / 1000,
      edit_date: NOON_MS / 1000 + 5,
    });
    expect((await edit(1, 'two')).body.description).toMatch(
      /^Bad Request: message is not modified: specified new message content/,
    );
    expect((await edit(9, 'two')).body.description).toBe('Bad Request: message to edit not found');
    const remove = () => telegram.call('deleteMessage', { chat_id: 77, message_id: 1 });
    await telegram.advance(49 * 3600);
    expect((await remove()).body.description).toBe("Bad Request: message can't be deleted");
    await telegram.call('sendMessage', { chat_id: 77, text: 'young' });
    expect((await telegram.call('deleteMessage', { chat_id: 77, message_id: 2 })).body.result).toBe(true);
    expect((await telegram.control('GET', '/chats/77/messages')).body.data).toHaveLength(1);
  });

  it('knows chat actions, commands and chats it has met', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    expect((await telegram.call('sendChatAction', { chat_id: 77, action: 'typing' })).body.result).toBe(true);
    expect((await telegram.call('sendChatAction', { chat_id: 77, action: 'dance' })).body.error_code).toBe(400);
    const commands = [{ command: 'start', description: 'Link your account' }];
    await telegram.call('setMyCommands', { commands });
    expect((await telegram.call('getMyCommands')).body.result).toEqual(commands);
    expect(
      (await telegram.call('setMyCommands', { commands: [{ command: 'Ä', description: 'x' }] })).body.error_code,
    ).toBe(400);
    expect((await telegram.call('getChat', { chat_id: 77 })).body.result).toMatchObject({ id: 77, type: 'private' });
    expect((await telegram.call('getChat', { chat_id: 77 }, token(4002))).body.description).toBe(
      'Bad Request: chat not found',
    );
  });

  it('closes and logs out as a server does', async () => {
    const telegram = await startSimulator();
    expect((await telegram.call('close')).body).toMatchObject({ error_code: 429, parameters: { retry_after: 600 } });
    expect((await telegram.call('logOut')).body.result).toBe(true);
    expect((await telegram.call('getMe')).body.description).toBe('Logged out');
    await telegram.advance(600);
    expect((await telegram.call('getMe')).body.ok).toBe(true);
    expect((await telegram.call('close')).body.result).toBe(true);
  });
});

describe('Files', () => {
  const pixel = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAYAAACddGYaAAAAC0lEQVR4nGNgQAcAABIAAe+JVKQAAAAASUVORK5CYII=',
    'base64',
  );

  it('takes a document as multipart, again by file_id, and gives its bytes back', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    const form = new FormData();
    form.set('chat_id', '77');
    form.set('caption', '<b>Invoice</b>');
    form.set('parse_mode', 'HTML');
    form.set('document', new File(['%PDF-1.7 receipt'], 'receipt.pdf', { type: 'application/pdf' }));
    const { result } = (await telegram.send(`/bot${token()}/sendDocument`, { method: 'POST', body: form })).body;
    expect(result).toMatchObject({
      caption: 'Invoice',
      caption_entities: [{ type: 'bold', offset: 0, length: 7 }],
      document: { file_name: 'receipt.pdf', mime_type: 'application/pdf', file_size: 16 },
    });
    const fileId = result?.document?.file_id;
    expect(
      (await telegram.call('sendDocument', { chat_id: 77, document: fileId })).body.result?.document?.file_id,
    ).toBe(fileId);
    const path = (await telegram.call('getFile', { file_id: fileId })).body.result?.file_path;
    expect(await (await fetch(`${telegram.url}/file/bot${token()}/${path}`)).text()).toBe('%PDF-1.7 receipt');
    expect(await (await fetch(`${telegram.url}/simulator/files/${fileId}`)).text()).toBe('%PDF-1.7 receipt');

    await telegram.meet(77, token(4002));
    expect((await telegram.call('sendDocument', { chat_id: 77, document: fileId }, token(4002))).body.description).toBe(
      'Bad Request: wrong file_id or the file is temporarily unavailable',
    );
  });

  it('reads the size of a photo and refuses what is none', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    const sendPhoto = async (bytes: Buffer) => {
      const form = new FormData();
      form.set('chat_id', '77');
      form.set('photo', new File([new Uint8Array(bytes)], 'chart.png'));
      return (await telegram.send(`/bot${token()}/sendPhoto`, { method: 'POST', body: form })).body;
    };
    expect((await sendPhoto(pixel)).result?.photo).toMatchObject([{ width: 3, height: 2 }]);
    expect((await sendPhoto(Buffer.from('no image'))).description).toBe('Bad Request: IMAGE_PROCESS_FAILED');
    const tall = Buffer.from(pixel);
    tall.writeUInt32BE(400, 20);
    expect((await sendPhoto(tall)).description).toBe('Bad Request: PHOTO_INVALID_DIMENSIONS');
    expect((await telegram.call('sendPhoto', { chat_id: 77 })).body.description).toBe(
      'Bad Request: there is no photo in the request',
    );
    const tooLong = {
      chat_id: 77,
      photo: (await sendPhoto(pixel)).result?.photo?.[0]?.file_id,
      caption: 'x'.repeat(1025),
    };
    expect((await telegram.call('sendPhoto', tooLong)).body.description).toBe(
      'Bad Request: message caption is too long',
    );
  });

  it('fetches files by URL from this machine only', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    const byUrl = (document: string) => telegram.call('sendDocument', { chat_id: 77, document });
    const { result } = (await byUrl(`${telegram.url}/health/ready`)).body;
    expect(result?.document).toMatchObject({ file_name: 'ready', mime_type: 'application/json' });
    expect((await byUrl(`${telegram.url}/missing`)).body.description).toBe(
      'Bad Request: failed to get HTTP URL content',
    );
    expect((await byUrl('https://example.com/a.pdf')).body.description).toBe(
      'Bad Request: failed to get HTTP URL content',
    );
    expect((await byUrl('ftp://127.0.0.1/a.pdf')).body.description).toBe('Bad Request: wrong HTTP URL specified');
  });
});
