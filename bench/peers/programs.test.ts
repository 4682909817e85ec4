import { describe, expect, it } from 'vitest';
import { findPeerPrograms } from './programs.ts';

describe('The programs that we are measured against', () => {
  it('are there with their version, or are said to be left out and why', async () => {
    // Without a PATH nothing can be fetched either.
    const { found, leftOut } = await findPeerPrograms('');
    for (const name of ['nginx', 'haproxy', 'wrk'] as const) {
      const sentences = leftOut.filter((sentence) => sentence.startsWith(`${name} is left out: `));
      const program = found[name];
      if (program === undefined) expect(sentences).toEqual([expect.stringMatching(/: .*(PATH|run here|hold it)/)]);
      else {
        expect(program.version).toMatch(/^\d+\.\d+/);
        expect(sentences).toEqual([]);
      }
    }
  });
});
