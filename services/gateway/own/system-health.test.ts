import { describe, expect, it } from 'vitest';
import { describeHealth } from './system-health.ts';

const instance = (isHealthy: boolean) => ({ isHealthy });

describe('Health as a tenant sees it', () => {
  const shared = instance(true);

  it('is up when all take requests, degraded when some do, down when none does', () => {
    const instances: Record<string, ReturnType<typeof instance>[]> = {
      a: [shared, shared],
      b: [shared, instance(false)],
      c: [instance(false)],
      d: [],
    };
    const of = (...names: string[]) => describeHealth(names, (name) => instances[name] ?? []);
    expect(of('a', 'b', 'c', 'd')).toEqual({
      status: 'degraded',
      services: [
        { name: 'a', status: 'up', instances: 2 },
        { name: 'b', status: 'degraded', instances: 1 },
        { name: 'c', status: 'down', instances: 0 },
        { name: 'd', status: 'down', instances: 0 },
      ],
    });
    expect(of('a').status).toBe('up');
    expect(of('c', 'd').status).toBe('down');
  });
});
