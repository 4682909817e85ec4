import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { readNote } from './endpoints.ts';
import { call, memberToken, openProductSetting, type ProductSetting, register } from './product-shop.ts';
import { answersWith } from './setting.ts';

let shop: ProductSetting;
let targets: { readonly url: string; readonly close: () => void }[];
/** Requests that each target has had since the last `reset`. */
let hits: [number, number];
/** Answers that the first target keeps back while `isHolding`. */
let held: ServerResponse[];
let isHolding: boolean;
/** How long the first target takes. */
let slowMs: number;
let routes = 0;

beforeAll(async () => {
  shop = await openProductSetting();
  targets = await Promise.all([0, 1].map(openTarget));
}, 60_000);
afterAll(async () => {
  await shop.setting.close();
  for (const target of targets) target.close();
});

async function openTarget(index: number) {
  const server = createServer((_request, response) => {
    hits[index as 0 | 1]++;
    if (isHolding && index === 0) held.push(response);
    else setTimeout(() => response.end(String(index)), index === 0 ? slowMs : 0);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url, close };
}

const reset = (): void => {
  hits = [0, 0];
  held = [];
  isHolding = false;
  slowMs = 0;
};

/** A route to both targets, as its owner has it balanced. */
async function open(settings: Record<string, unknown>, token = shop.admin) {
  reset();
  const [one, other] = targets.map(({ url }) => url);
  const weighted = [
    { url: one, weight: 3 },
    { url: other, weight: 1 },
  ];
  const upstreamId = await shop.upstream([], { targets: weighted, ...settings }, token);
  const path = `/apps/balanced-${routes++}`;
  await register(shop.gateway, 'routes', token, { upstreamId, methods: ['GET'], path });
  const url = `${shop.gateway}${path}`;
  await eventually(async () => expect((await call(url, 'GET', token)).status).toBe(200));
  reset();
  return { upstreamId, ask: async (by = shop.member) => String((await call(url, 'GET', by)).body.text) };
}

/** So many that chance does not lead all of them to one target, which has three quarters of them. */
const MANY = 64;

/** Two of each of many tenants. */
const people = async (name: string) => {
  const tenants = await Promise.all(
    Array.from({ length: MANY }, (_, index) => shop.setting.tenant({ slug: `${name}-${index}` })),
  );
  return tenants.map(({ id }) => [memberToken(shop.setting, id), memberToken(shop.setting, id)] as const);
};

/** Never two at once: who has more under way than the others gives a request away, whosever it is. */
async function inTurn<Item, Result>(items: readonly Item[], ask: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await ask(item));
  return results;
}

const times = async (count: number, ask: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < count; i++) await ask();
};

describe('Targets of a product are asked as its upstream says', () => {
  it('one after the other', async () => {
    const { ask } = await open({ balancing: 'round-robin' });
    await times(40, ask);
    expect(hits).toEqual([20, 20]);
  });

  it('by their weights, and by others as soon as it says so', async () => {
    const { ask, upstreamId } = await open({ balancing: 'weighted-round-robin' });
    await times(40, ask);
    expect(hits).toEqual([30, 10]);
    const at = `${shop.gateway}/v1/upstreams/${upstreamId}`;
    const { headers, body } = await call(at, 'GET', shop.admin);
    const { id: _id, createdAt: _createdAt, updatedAt: _updatedAt, ...input } = body;
    const etag = headers.get('etag') ?? '';
    const changed = await call(at, 'PUT', shop.admin, { ...input, balancing: 'round-robin' }, { 'if-match': etag });
    expect(changed.status).toBe(200);
    await eventually(async () => {
      reset();
      await times(8, ask);
      expect(hits).toEqual([4, 4]);
    });
  });

  it('whoever has least under way', async () => {
    const { ask } = await open({ balancing: 'least-connections' });
    isHolding = true;
    const waiting = Array.from({ length: 12 }, () => ask());
    await eventually(async () => expect(hits[0] + hits[1]).toBe(12));
    // What it keeps back counts: by weight it is worth three of the other's.
    const keptBack = held.length;
    expect(keptBack).toBeLessThanOrEqual(9);
    await times(20, ask);
    expect(held.length).toBeLessThanOrEqual(Math.max(keptBack, 3));
    for (const response of held) response.end('0');
    await Promise.all(waiting);
  });

  it('whoever answers faster, unless said', async () => {
    const { ask } = await open({});
    slowMs = 300;
    await times(30, ask);
    expect(hits[0]).toBeLessThan(10);
  });

  it('always the same for a tenant, or for a principal', async () => {
    const byTenant = await open({ balancing: 'consistent-hash' });
    const colleagues = Array.from({ length: MANY }, () => memberToken(shop.setting, shop.acme.id));
    expect(new Set(await inTurn(colleagues, byTenant.ask)).size).toBe(1);

    const byPrincipal = await open({ balancing: 'consistent-hash', hashBy: 'principal' });
    const first = await inTurn(colleagues, byPrincipal.ask);
    expect(new Set(first)).toEqual(new Set(['0', '1']));
    expect(await inTurn(colleagues, byPrincipal.ask)).toEqual(first);
  });

  it('of the platform too: each tenant has its target', async () => {
    const { ask } = await open({ balancing: 'consistent-hash' }, shop.operator);
    const answers = await inTurn(await people('hash'), async ([one, other]) => [await ask(one), await ask(other)]);
    for (const [one, other] of answers) expect(other).toBe(one);
    expect(new Set(answers.flat())).toEqual(new Set(['0', '1']));
  });
});

describe('Instances of our services are asked as SERVICE_BALANCING says', () => {
  it('always the same for a tenant', async () => {
    const { setting } = shop;
    for (const answer of ['0', '1'])
      await setting.rawService('notes', [readNote], (_request, response) => response.end(answer));
    // After them, so that none is a newcomer that it begins slowly with.
    const gateway = await setting.gateway({ SERVICE_BALANCING: 'consistent-hash' });
    const read = (token: string) =>
      fetch(`${gateway.url}/v1/notes/1`, { headers: { authorization: `Bearer ${token}` } });
    const ask = async (token: string) => (await read(token)).text();
    await answersWith(200, () => read(shop.member));
    const answers = await inTurn(await people('own'), async ([one, other]) => [await ask(one), await ask(other)]);
    for (const [one, other] of answers) expect(other).toBe(one);
    expect(new Set(answers.flat())).toEqual(new Set(['0', '1']));
  });
});
