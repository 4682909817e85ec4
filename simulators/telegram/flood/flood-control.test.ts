import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../settings.ts';
import { FloodControl } from './flood-control.ts';

const toChat = (chatId: number) => ({ botId: 1, chatId, isGroup: chatId < 0, isPaidBroadcast: false });

describe('Flood control', () => {
  it('takes a short burst in one chat, then one message per second', () => {
    const flood = new FloodControl();
    const burst = Array.from({ length: 6 }, () => flood.admit(toChat(7), DEFAULT_SETTINGS, 0));
    expect(burst).toEqual([0, 0, 0, 0, 0, 1]);
    expect(flood.admit(toChat(7), DEFAULT_SETTINGS, 999)).toBe(1);
    expect(flood.admit(toChat(7), DEFAULT_SETTINGS, 1000)).toBe(0);
    expect(flood.admit(toChat(7), DEFAULT_SETTINGS, 1000)).toBe(1);
  });

  it('takes twenty messages a minute in a group', () => {
    const flood = new FloodControl();
    const answers = Array.from({ length: 21 }, () => flood.admit(toChat(-7), DEFAULT_SETTINGS, 0));
    expect(answers.filter((wait) => wait === 0)).toHaveLength(20);
    expect(answers.at(-1)).toBe(3);
  });

  it('takes thirty messages a second from one bot, and leaves other bots alone', () => {
    const flood = new FloodControl();
    const answers = Array.from({ length: 31 }, (_, chatId) => flood.admit(toChat(chatId + 1), DEFAULT_SETTINGS, 0));
    expect(answers.filter((wait) => wait === 0)).toHaveLength(30);
    expect(answers.at(-1)).toBe(1);
    expect(flood.admit({ ...toChat(1), botId: 2 }, DEFAULT_SETTINGS, 0)).toBe(0);
    expect(flood.admit({ ...toChat(40), isPaidBroadcast: true }, DEFAULT_SETTINGS, 0)).toBe(0);
  });

  it('does not charge the bot for what its chat refused', () => {
    const flood = new FloodControl();
    const settings = { ...DEFAULT_SETTINGS, chatBurst: 1, botBurst: 2 };
    expect([7, 7, 7, 8].map((chatId) => flood.admit(toChat(chatId), settings, 0))).toEqual([0, 1, 1, 0]);
  });

  it('can be switched off', () => {
    const flood = new FloodControl();
    const settings = { ...DEFAULT_SETTINGS, floodControl: false };
    expect(Array.from({ length: 100 }, () => flood.admit(toChat(7), settings, 0)).every((wait) => wait === 0)).toBe(
      true,
    );
  });
});
