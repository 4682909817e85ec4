import { describe, expect, it } from 'vitest';
import { readUpdate } from './update.ts';

const message = (text: unknown, chat: object = { id: 42, type: 'private' }, from: object = { language_code: 'id' }) =>
  readUpdate({ update_id: 7, ...{ message: { text, chat, from } } });
const member = (status: string, type = 'private') =>
  readUpdate({ update_id: 7, ...{ my_chat_member: { chat: { id: 42, type }, new_chat_member: { status } } } });

describe('An update', () => {
  it.each([
    ['/start', null],
    ['/start abc_DEF-123', 'abc_DEF-123'],
    ['/start@acme_bot abc', 'abc'],
    ['/start  abc  ', 'abc'],
  ])('"%s" starts, with the payload %s', (text, payload) => {
    expect(message(text)).toEqual({ updateId: 7, kind: 'start', chatId: 42n, payload, languageCode: 'id' });
  });
  it('/stop stops', () => {
    expect(message('/stop')).toEqual({ updateId: 7, kind: 'stop', chatId: 42n, languageCode: 'id' });
  });
  it.each(['/started', 'start', 'x /start', `/start ${'a'.repeat(65)}`, '/start a b', '', 7, null])(
    'with the text %s is ignored',
    (text) => {
      expect(message(text)).toEqual({ updateId: 7, kind: 'ignored' });
    },
  );
  it('of a group is ignored: only private chats are linked', () => {
    expect(message('/start abc', { id: -5, type: 'group' })).toMatchObject({ kind: 'ignored' });
    expect(member('kicked', 'supergroup')).toMatchObject({ kind: 'ignored' });
  });
  it('says that the bot was blocked or unblocked', () => {
    expect(member('kicked')).toEqual({ updateId: 7, kind: 'blocked', chatId: 42n });
    expect(member('member')).toEqual({ updateId: 7, kind: 'unblocked', chatId: 42n });
    expect(member('left')).toMatchObject({ kind: 'ignored' });
  });
  it('holds chat ids beyond 32 bits', () => {
    expect(message('/stop', { id: 2 ** 52 - 1, type: 'private' })).toMatchObject({ chatId: 4503599627370495n });
  });
});
