import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually } from '../../tests/support/eventually.ts';
import { StateSnapshot } from './state-snapshot.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenantry-snapshot-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Takes a while to be written down, and says when it is. */
function slowValues(count: number, onWritten: (index: number) => void) {
  return new Map(
    Array.from({ length: count }, (_, index) => [
      `key-${index}`,
      {
        toJSON(): number {
          onWritten(index);
          const untilMs = performance.now() + 1;
          while (performance.now() < untilMs);
          return index;
        },
      },
    ]),
  );
}

describe('A snapshot', () => {
  it('of many values is written over many turns of the event loop', async () => {
    const file = join(folder, 'pieces.json');
    let turn = 0;
    let isOver = false;
    const count = (): void => {
      turn++;
      if (!isOver) setImmediate(count);
    };
    count();
    const turns = new Set<number>();
    new StateSnapshot(file).saveSoon(slowValues(20, () => turns.add(turn)));
    await eventually(() => expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object)).toHaveLength(20));
    isOver = true;
    expect(turns.size).toBeGreaterThan(5);
  });

  it('that is overtaken by a newer one does not replace it', async () => {
    const file = join(folder, 'overtaken.json');
    const snapshot = new StateSnapshot<unknown>(file);
    const whole = Promise.withResolvers<void>();
    const written: number[] = [];
    snapshot.saveSoon(
      slowValues(20, (index) => {
        written.push(index);
        // While it is being written the process ends in order.
        if (index === 10) setImmediate(() => snapshot.save(new Map([['newer', true]])));
        if (index === 19) setImmediate(whole.resolve);
      }),
    );
    await whole.promise;
    expect(written).toHaveLength(20);
    // By the time another one is through, begun after it, that one would be too.
    const other = new StateSnapshot<unknown>(join(folder, 'other.json'));
    other.saveSoon(new Map([['other', true]]));
    await eventually(() => expect(other.read()).toEqual([['other', true]]));
    expect(snapshot.read()).toEqual([['newer', true]]);
    expect(readdirSync(folder).filter((name) => name.includes('overtaken'))).toEqual(['overtaken.json']);
  });
});
