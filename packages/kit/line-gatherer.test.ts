import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LineGatherer } from './line-gatherer.ts';

let written: string[];
let lines: LineGatherer;
beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  lines = new LineGatherer((text) => written.push(text));
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Gathered lines', () => {
  it('are written together, in order, after a moment', () => {
    lines.write('a\n');
    lines.write('b\n');
    expect(written).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(written).toEqual(['a\nb\n']);
    lines.write('c\n');
    vi.advanceTimersByTime(100);
    expect(written).toEqual(['a\nb\n', 'c\n']);
  });

  it('do not wait when they are many, nor are written twice', () => {
    const line = `${'x'.repeat(999)}\n`;
    for (let i = 0; i < 100; i++) lines.write(line);
    expect(written.map((text) => text.length)).toEqual([66_000]);
    vi.advanceTimersByTime(1_000);
    expect(written.join('')).toBe(line.repeat(100));
  });

  it('are written at once when somebody says so; nothing is written when there is nothing', () => {
    lines.flush();
    lines.write('last words\n');
    lines.flush();
    vi.advanceTimersByTime(1_000);
    expect(written).toEqual(['last words\n']);
  });
});
