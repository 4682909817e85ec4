import { readFileSync } from 'node:fs';
import { arbitraryOf } from '@tenantry/contract/test/arbitrary-of.ts';
import { eventSubject } from '@tenantry/events/subjects.ts';
import fc from 'fast-check';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { loadContracts } from '../contracts/load-contracts.ts';
import { loadHearers } from './load-subscriptions.ts';
import { renderAsyncApi } from './render-asyncapi.ts';
import { renderCatalogue } from './render-catalogue.ts';

const events = (await loadContracts()).events.map(({ value }) => value);
const hearers = await loadHearers();

describe('docs/asyncapi.json', () => {
  const text = renderAsyncApi(events, hearers);
  const document = JSON.parse(text) as Readonly<Record<string, unknown>>;

  it('is what the contracts and the consumers say; run this test with -u to write it anew', async () => {
    await expect(text).toMatchFileSnapshot('../../docs/asyncapi.json');
  });

  it('refers only to what is in it', () => {
    const found = [...text.matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, path]) => path ?? '');
    expect(found.length).toBeGreaterThan(events.length * 3);
    const at = (path: string) =>
      path
        .split('/')
        .reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key], document);
    expect(found.filter((path) => at(path) === undefined)).toEqual([]);
  });

  it('has a channel on the subject of each event, told once and heard by whoever hears it', () => {
    const { channels, operations } = document as {
      channels: Readonly<Record<string, { address: string }>>;
      operations: Readonly<Record<string, { action: string; channel: { $ref: string } }>>;
    };
    for (const { type } of events) {
      expect(channels[type]?.address).toBe(eventSubject('', { type, tenantid: '{tenantId}' }));
      const actions = Object.values(operations).filter(({ channel }) => channel.$ref === `#/channels/${type}`);
      expect(actions.map(({ action }) => action)).toEqual(['send', ...(hearers.get(type) ?? []).map(() => 'receive')]);
    }
  });
});

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
