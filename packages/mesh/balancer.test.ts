import { newId } from '@tenantry/kernel/id.ts';
import { describe, expect, it } from 'vitest';
import { type BalancerOptions, createBalancer } from './balancer.ts';
import { localDiscovery } from './test/local-discovery.ts';

const tenantId = newId('ten');
const [A, B] = ['http://127.0.0.1:1', 'http://127.0.0.1:2'] as const;

function balancerOf(urls: readonly string[], options: BalancerOptions = {}) {
  const clock = { nowMs: 0 };
  let seed = 1;
  const registry = localDiscovery();
  registry.set('billing', urls);
  const balancer = createBalancer(registry.discovery, {
    monotonicMs: () => clock.nowMs,
    // Numerical Recipes' generator: the same draws every time.
    random: () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    },
    ...options,
  });
  const call = (isFailed = false, tried = new Set<string>()) => {
    const { instance, breaker, permit } = balancer.next('billing', tenantId, tried);
    breaker.record(permit, isFailed, 1);
    return instance.url;
  };
  /** Its breaker opens, and what is tried of it when its time is up goes well. */
  const breakAndRecover = (url: string): void => {
    const others = new Set(
      registry.discovery
        .all()
        .filter((record) => record.url !== url)
        .map(({ instanceId }) => instanceId),
    );
    for (let i = 0; i < 5; i++) expect(call(true, others)).toBe(url);
    clock.nowMs += 2_000;
    for (let i = 0; i < 2; i++) expect(call(false, others)).toBe(url);
  };
  const shareOf = (url: string): number =>
    Array.from({ length: 100 }, () => call()).filter((one) => one === url).length;
  return { clock, call, breakAndRecover, shareOf };
}

describe('An instance whose breaker has closed again', () => {
  it('gets a growing share of its turns, and its peer the rest', () => {
    const { clock, breakAndRecover, shareOf } = balancerOf([A, B]);
    expect(shareOf(A)).toBe(50);
    clock.nowMs += 20_000; // what went well is forgotten
    breakAndRecover(A);
    const first = shareOf(A);
    clock.nowMs += 1_000;
    const halfway = shareOf(A);
    clock.nowMs += 1_000;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(15);
    expect(halfway).toBeGreaterThan(first);
    expect(halfway).toBeLessThan(50);
    expect(shareOf(A)).toBe(50);
  });

  it('gets every call at once when it is the only one: nobody else could take what a ramp refuses', () => {
    const { breakAndRecover, shareOf } = balancerOf([A]);
    breakAndRecover(A);
    expect(shareOf(A)).toBe(100);
  });

  it('refuses nobody when all of them come back at the same time', () => {
    const { breakAndRecover, shareOf } = balancerOf([A, B]);
    breakAndRecover(A);
    breakAndRecover(B);
    expect(shareOf(A) + shareOf(B)).toBeGreaterThanOrEqual(95);
  });
});

describe('Who watches the balancer', () => {
  it('is told once of every move of a breaker, and why there was nobody to call', () => {
    const moves: string[] = [];
    const nobody: boolean[] = [];
    const watched: BalancerOptions = {
      onBreaker: (service, instanceId, { to }) => moves.push(`${service} ${instanceId} ${to}`),
      onNobody: (_service, areHeldBack) => nobody.push(areHeldBack),
    };
    const { clock, call, breakAndRecover } = balancerOf([A], watched);
    breakAndRecover(A);
    expect(moves).toEqual(['open', 'half-open', 'closed'].map((to) => `billing billing-0-1 ${to}`));
    for (let i = 0; i < 5; i++) call(true);
    expect(() => call()).toThrow(/failing/);
    expect(() => balancerOf([], watched).call()).toThrow(/not there/);
    expect(nobody).toEqual([true, false]);
    clock.nowMs += 2_000;
    expect(call()).toBe(A);
  });
});
