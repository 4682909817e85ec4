import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { registerDependencyMetrics } from '../http/dependency-metrics.ts';
import { createLogger } from '../logger.ts';
import { Dependencies } from './dependencies.ts';
import { STORE_DEPENDENCIES } from './store-dependencies.ts';

const silent = createLogger({ service: 'billing', instanceId: 'billing-1', level: 'silent' });
let dependencies: Dependencies;
beforeEach(() => {
  dependencies = new Dependencies(silent);
});

const call = (isFailed: boolean) => ({ durationMs: 1, isSlow: false, isFailed });

describe('What a process depends on', () => {
  it('is declared once by one name, with what life is like without it', () => {
    const redis = dependencies.declare(STORE_DEPENDENCIES.redis);
    expect(() => dependencies.declare(STORE_DEPENDENCIES.redis)).toThrow('declared twice');
    expect(dependencies.ofService('users')).toBe(dependencies.ofService('users'));
    for (let i = 0; i < 5; i++) redis.recordCall(call(true), new Error('gone'));
    expect(dependencies.readiness()).toMatchObject({
      status: 'degraded',
      degradedModes: [STORE_DEPENDENCIES.redis.degradedMode],
    });
  });

  it('has a sentence for every store, and only PostgreSQL is needed for everything', () => {
    for (const store of Object.values(STORE_DEPENDENCIES)) dependencies.declare(store);
    const { status, dependencies: all } = dependencies.readiness();
    expect(status).toBe('ready');
    expect(all.filter(({ isCritical }) => isCritical).map(({ name }) => name)).toEqual(['postgres']);
  });

  it('makes the process not ready at once when something critical does not answer, and goes out with every heartbeat', () => {
    dependencies.declare(STORE_DEPENDENCIES.postgres);
    dependencies.declare(STORE_DEPENDENCIES.nats).recordCall(call(false));
    expect(dependencies.readiness(new Set(['postgres'])).status).toBe('not-ready');
    expect(dependencies.readiness().status).toBe('ready');
    expect(dependencies.reports()).toEqual([
      expect.objectContaining({ name: 'postgres', state: 'up' }),
      expect.objectContaining({ name: 'nats', state: 'up', figures: expect.objectContaining({ calls: 1 }) }),
    ]);
  });

  it('is asked for a sign of life while it is not up, a service of ours at its door, and no more when closed', async () => {
    vi.useFakeTimers();
    try {
      const asked: string[] = [];
      const ask = (name: string) => async () => {
        asked.push(name);
      };
      const probing = new Dependencies(silent, ask);
      const dependency = { name: 'telegram', isCritical: false, degradedMode: 'Messages wait as rows.' };
      const telegram = probing.declare(dependency, { probe: ask('telegram') });
      const users = probing.ofService('users');
      await vi.advanceTimersByTimeAsync(60_000);
      expect(asked).toEqual([]);
      for (let i = 0; i < 5; i++) users.recordCall(call(true), new Error('gone'));
      expect(users.state).toBe('down');
      await vi.advanceTimersByTimeAsync(6_000);
      expect([users.state, new Set(asked)]).toEqual(['degraded', new Set(['users'])]);
      // The outage has to leave the minute that is looked at.
      await vi.advanceTimersByTimeAsync(100_000);
      expect(users.state).toBe('up');
      for (let i = 0; i < 5; i++) telegram.recordCall(call(true), new Error('gone'));
      probing.close();
      asked.splice(0);
      await vi.advanceTimersByTimeAsync(60_000);
      expect([asked, telegram.state]).toEqual([[], 'down']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is counted by name: calls, failures, retries, refusals, and how its breakers move', async () => {
    const registry = new Registry();
    registerDependencyMetrics(registry, dependencies);
    const users = dependencies.ofService('users');
    for (let i = 0; i < 5; i++) users.recordCall(call(true), new Error('gone'));
    users.recordRetry();
    users.recordRejection('breaker');
    for (const tenantId of ['ten_a', 'ten_b'])
      dependencies.breakerMoved(
        'users',
        { name: 'Users', from: 'closed', to: 'open', reason: 'failure-rate' },
        { tenantId },
      );
    // Twice, as counters are read again and again.
    await registry.metrics();
    const text = await registry.metrics();
    expect(text).toContain('dependency_state{dependency="users"} 2');
    expect(text).toContain('dependency_calls_total{dependency="users"} 5');
    expect(text).toContain('dependency_failures_total{dependency="users"} 5');
    expect(text).toContain('dependency_slow_calls_total{dependency="users"} 0');
    expect(text).toContain('dependency_retries_total{dependency="users"} 1');
    expect(text).toContain('dependency_rejections_total{dependency="users",by="breaker"} 1');
    expect(text).toContain('dependency_breaker_transitions_total{dependency="users",to="open"} 2');
    expect(text).not.toContain('ten_a');
  });
});
