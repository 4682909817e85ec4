import { newId } from '@tenantry/kernel/id.ts';
import { describe, expect, it } from 'vitest';
import { describeHealth, serving } from './system-health.ts';

const [one, two] = [newId('ten'), newId('ten')];
const instance = (isHealthy: boolean, tenants: (typeof one)[] | null = null) => ({ isHealthy, record: { tenants } });

describe('Health as a tenant sees it', () => {
  const shared = instance(true);
  const own = instance(false, [one]);

  it('counts its own instances where it has any, never another’s', () => {
    expect(serving([shared, own], one)).toEqual([own]);
    expect(serving([shared, own], two)).toEqual([shared]);
    expect(serving([own], two)).toEqual([]);
    expect(serving([shared, own], undefined)).toEqual([shared]);
  });

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
