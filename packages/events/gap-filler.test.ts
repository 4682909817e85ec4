import { describe, expect, it } from 'vitest';
import { GapFiller } from './gap-filler.ts';

/** A bucket of which some revisions have been superseded, and what its reader has fetched. */
function setting(bucket: { firstRevision: number; lastRevision: number }) {
  const fetched: number[] = [];
  let begunAnew = 0;
  const filler = new GapFiller({
    facts: async () => ({ ...bucket }),
    fetch: async (revision) => {
      fetched.push(revision);
    },
    beginAnew: () => {
      begunAnew++;
    },
  });
  return { filler, fetched, bucket, begunAnew: () => begunAnew };
}

const following = (lastRevision: number) => {
  const one = setting({ firstRevision: 1, lastRevision });
  one.filler.restart();
  one.filler.told(lastRevision);
  one.filler.follow();
  return one;
};

describe('Filling gaps', () => {
  it('asks for nothing while everything arrives in order, however the first values are spaced', async () => {
    const { filler, fetched, bucket } = setting({ firstRevision: 3, lastRevision: 9 });
    filler.restart();
    for (const revision of [3, 7, 9]) filler.told(revision);
    filler.follow();
    bucket.lastRevision = 11;
    filler.told(10);
    filler.told(11);
    await filler.check();
    expect(fetched).toEqual([]);
  });

  it('fetches what was skipped as soon as something later arrives', async () => {
    const { filler, fetched, bucket } = following(9);
    bucket.lastRevision = 11;
    filler.told(11);
    await filler.check();
    expect(fetched).toEqual([10, 11]);
  });

  it('fetches what was skipped at the end when it asks', async () => {
    const { filler, fetched, bucket } = following(9);
    bucket.lastRevision = 10;
    await filler.check();
    await filler.check();
    expect(fetched).toEqual([10]);
  });

  it('asks again after a failure, from where it was', async () => {
    const { bucket } = setting({ firstRevision: 1, lastRevision: 0 });
    const fetched: number[] = [];
    let failing = true;
    const filler = new GapFiller({
      facts: async () => bucket,
      fetch: async (revision) => {
        if (revision === 2 && failing) throw new Error('away');
        fetched.push(revision);
      },
      beginAnew: () => undefined,
    });
    filler.restart();
    filler.follow();
    bucket.lastRevision = 3;
    await expect(filler.check()).rejects.toThrow('away');
    failing = false;
    await filler.check();
    expect(fetched).toEqual([1, 2, 3]);
  });

  it('begins anew with a bucket that counts from one again, and when too much is missing', async () => {
    const again = following(9);
    again.bucket.lastRevision = 4;
    await expect(again.filler.check()).rejects.toThrow('beginning');
    expect(again.begunAnew()).toBe(1);
    const far = following(9);
    far.bucket.lastRevision = 10_000;
    await expect(far.filler.check()).rejects.toThrow('beginning');
    expect([far.begunAnew(), far.fetched]).toEqual([1, []]);
  });

  it('does not ask for what the bucket no longer has', async () => {
    const { filler, fetched } = setting({ firstRevision: 8, lastRevision: 8 });
    filler.restart();
    filler.follow();
    await filler.check();
    expect(fetched).toEqual([8]);
  });
});
