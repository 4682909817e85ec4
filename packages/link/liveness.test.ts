import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Liveness } from './liveness.ts';

describe('A peer that is silent', () => {
  let said: string[] = [];
  let isStalled = false;
  let liveness: Liveness;
  const look = (): void => {
    vi.advanceTimersByTime(100);
  };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'] });
    said = [];
    isStalled = false;
    liveness = new Liveness(100, {
      ping: () => said.push('ping'),
      isStalled: () => isStalled,
      die: (reason) => said.push(reason),
    });
  });
  afterEach(() => {
    liveness.stop();
    vi.useRealTimers();
  });

  it('is asked once for a sign of life, and is dead when none comes', () => {
    look();
    expect(said).toEqual([]);
    look();
    expect(said).toEqual(['ping']);
    look();
    vi.advanceTimersByTime(1);
    expect(said).toEqual(['ping', 'silent']);
  });

  it('is alive for any byte, and asked again when it falls silent again', () => {
    look();
    look();
    liveness.hear();
    look();
    look();
    expect(said).toEqual(['ping', 'ping']);
  });

  it('is not blamed when it was us who slept, and its answer waits to be read', () => {
    look();
    look();
    // A timer runs before the sockets are read: the answer comes between the look and its verdict.
    vi.advanceTimersToNextTimer();
    liveness.hear();
    vi.advanceTimersToNextTimer();
    expect(said).toEqual(['ping']);
  });

  it('is not asked while we do not read from it, but must take its answers some day', () => {
    isStalled = true;
    look();
    look();
    expect(said).toEqual([]);
    look();
    expect(said).toEqual(['stalled']);
  });

  it('may ask for signs of life itself, but not without end', () => {
    const allowed = (): number => Array.from({ length: 100 }, () => liveness.countPing()).filter(Boolean).length;
    expect(allowed()).toBe(64);
    look();
    expect(allowed()).toBe(64);
  });
});
