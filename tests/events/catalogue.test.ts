import { readFileSync } from 'node:fs';
import { arbitraryOf } from '@tenantry/contract/test/arbitrary-of.ts';
import fc from 'fast-check';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { loadContracts } from '../contracts/load-contracts.ts';
import { loadHearers } from './load-subscriptions.ts';
import { renderCatalogue } from './render-catalogue.ts';

const events = (await loadContracts()).events.map(({ value }) => value);
const hearers = await loadHearers();

describe('docs/events.md', () => {
  it('is what the contracts and the consumers say; run this test with -u to write it anew', async () => {
    const introduction = readFileSync(new URL('introduction.md', import.meta.url), 'utf8');
    await expect(renderCatalogue(events, hearers, introduction)).toMatchFileSnapshot('../../docs/events.md');
  });

  it('says of every event what has happened', () => {
    expect(events.filter(({ summary }) => summary === '').map(({ type }) => type)).toEqual([]);
  });

  it('knows every event that somebody hears', () => {
    expect(hearers.size).toBeGreaterThan(5);
    const types = new Set<string>(events.map(({ type }) => type));
    expect([...hearers.keys()].filter((type) => !types.has(type))).toEqual([]);
  });

  it('has only schemas that something fits', () => {
    for (const { data } of events)
      fc.assert(
        fc.property(arbitraryOf(data), (value) => Value.Check(data, value)),
        { numRuns: 20 },
      );
  });

  it('has only versions that whatever was told before can be read as', () => {
    for (const { data, upcast } of events)
      if (upcast !== null)
        fc.assert(fc.property(arbitraryOf(upcast.from.data), (value) => Value.Check(data, upcast.convert(value))));
  });
});
