import { describe, expect, it } from 'vitest';
import { WatchedValues } from './watched-values.ts';

const version = (revision: number, createdMs = 0) => ({ revision, createdMs });

describe('Watched values', () => {
  it('let no older answer undo a newer one, also not a removal', () => {
    const known = new WatchedValues<string>([]);
    known.apply('a', 'two', version(2));
    known.apply('a', 'one', version(1));
    expect(known.values.get('a')).toBe('two');
    known.apply('a', undefined, version(3));
    known.apply('a', 'two', version(2));
    expect(known.values.has('a')).toBe(false);
  });

  it('begin anew with a bucket that was made again and counts from one', () => {
    const known = new WatchedValues<string>([]);
    known.apply('a', 'old', version(90));
    known.apply('b', 'old', version(91));
    known.restart();
    known.apply('a', 'new', version(1));
    known.finish();
    expect([...known.values]).toEqual([['a', 'new']]);
  });

  it('keep what the snapshot said until everything has been told', () => {
    const heard: unknown[] = [];
    const known = new WatchedValues<string>([['stale', 'x']]);
    known.listen((key, value) => heard.push([key, value]));
    known.apply('a', 'A', version(1));
    expect(known.values.get('stale')).toBe('x');
    known.finish();
    expect(known.values.has('stale')).toBe(false);
    expect(heard).toEqual([
      ['a', 'A'],
      ['stale', undefined],
    ]);
  });

  it('forget by age what was created before an instant', () => {
    const known = new WatchedValues<string>([]);
    known.apply('old', 'x', version(1, 100));
    known.apply('young', 'y', version(2, 200));
    known.forgetBefore(200);
    expect([...known.values.keys()]).toEqual(['young']);
  });
});
