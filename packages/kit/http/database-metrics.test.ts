import { DatabaseCalls } from '@tenantry/databases/database-calls.ts';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { registerDatabaseMetrics } from './database-metrics.ts';

function scraped() {
  const calls = new DatabaseCalls();
  const reads = calls.meter('postgres', 'main', 'read');
  reads.add(0, 0.4, 'ok', null);
  reads.add(0, 20, 'ok', 'ten_00000000000000000000000000');
  reads.add(0, 7_000, 'timeout', null);
  reads.add(0, 1, 'refused', null);
  reads.begin();
  calls.meter('redis', 'main', 'get').add(0, 1, 'unavailable', null);
  const connections = () => [{ role: 'app' as const, inUse: 3, idle: 2, waiting: 1 }];
  const registry = new Registry();
  registerDatabaseMetrics(registry, { calls, placed: [{ name: 'main', connections }] });
  return registry;
}

describe('What is told of calls to engines', () => {
  it('is the same for every engine: how long, how many failed and how, how many are under way', async () => {
    const lines = (await scraped().metrics()).split('\n');
    const of = 'engine="postgres",database="main",operation="read"';
    const bucket = (le: string) => lines.find((line) => line.includes(`le="${le}",${of}`))?.split(' ')[1];
    expect(['0.0005', '0.001', '0.025', '5', '+Inf'].map(bucket)).toEqual(['1', '2', '3', '3', '4']);
    expect(lines).toContain(`tenantry_database_call_duration_seconds_count{${of}} 4`);
    expect(lines).toContain(`tenantry_database_failures_total{${of},kind="timeout"} 1`);
    expect(lines).toContain(`tenantry_database_failures_total{${of},kind="unavailable"} 0`);
    expect(lines).toContain(`tenantry_database_calls_in_flight{${of}} 1`);
    const redis = 'engine="redis",database="main",operation="get"';
    expect(lines).toContain(`tenantry_database_failures_total{${redis},kind="unavailable"} 1`);
    // A use case that refused is no failure of its database.
    expect(lines.join()).not.toContain('refused');
    expect(lines.join()).not.toContain('ten_');
  });

  it('shows how connections are used', async () => {
    const lines = (await scraped().metrics()).split('\n');
    for (const [state, count] of [
      ['in-use', 3],
      ['idle', 2],
      ['waiting', 1],
    ])
      expect(lines).toContain(
        `tenantry_database_connections{engine="postgres",database="main",role="app",state="${state}"} ${count}`,
      );
  });

  it('counts anew at each scrape, not on top of the last', async () => {
    const registry = scraped();
    expect(await registry.metrics()).toBe(await registry.metrics());
  });
});
