import { DependencyMonitor } from '@tenantry/resilience/dependency-monitor.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { CHECKED, type StoreChecks, startStoreChecks } from './store-checks.ts';
import { STORE_DEPENDENCIES, type StoreName } from './store-dependencies.ts';

const monitorOf = (store: StoreName) => new DependencyMonitor({ dependency: STORE_DEPENDENCIES[store], ...CHECKED });
const open: StoreChecks[] = [];
const start = (...options: Parameters<typeof startStoreChecks>): StoreChecks => {
  const checks = startStoreChecks(...options);
  open.push(checks);
  return checks;
};
afterEach(() => {
  for (const checks of open.splice(0)) checks.stop();
});

describe('Checking stores', () => {
  it('finds that one went away and came back, without anybody calling it', async () => {
    const monitor = monitorOf('redis');
    let isThere = true;
    const check = async (): Promise<void> => {
      if (!isThere) throw new Error('gone');
    };
    start([{ monitor, check }], 5);
    await eventually(() => expect(monitor.totals.call).toBeGreaterThan(20));
    expect(monitor.state).toBe('up');
    isThere = false;
    await eventually(() => expect(monitor.state).toBe('down'));
    isThere = true;
    await eventually(() => expect(monitor.state).toBe('up'));
  });

  it('does not ask one again that has not answered yet, and holds its silence against it', async () => {
    const monitor = monitorOf('postgres');
    let asked = 0;
    const checks = start([{ monitor, check: () => new Promise(() => asked++) }], 60_000);
    const [one, two] = await Promise.all([checks.failing(), checks.failing()]);
    expect([...one, ...two]).toEqual(['postgres', 'postgres']);
    expect(monitor.totals).toMatchObject({ call: 1, failed: 1 });
    expect([...(await checks.failing())]).toEqual(['postgres']);
    expect(monitor.totals).toMatchObject({ call: 2, failed: 2 });
    expect(asked).toBe(1);
  });

  it('asks at once only those without which nothing works', async () => {
    const asked: string[] = [];
    const check = (store: StoreName) => ({
      monitor: monitorOf(store),
      check: async () => {
        asked.push(store);
        if (store === 'postgres') throw new Error('gone');
      },
    });
    const checks = start([check('postgres'), check('clickhouse')], 60_000);
    expect([...(await checks.failing())]).toEqual(['postgres']);
    expect(asked).toEqual(['postgres']);
  });
});
