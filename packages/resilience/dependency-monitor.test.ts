import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { declareDependency } from './dependency.ts';
import { DependencyMonitor, type DependencyMonitorOptions } from './dependency-monitor.ts';
import { judgeReadiness } from './readiness.ts';
import { manualTiming } from './test/manual-timing.ts';

const midtrans = declareDependency({
  name: 'midtrans',
  isCritical: false,
  degradedMode: 'Payments are accepted and stay "processing"; they are made when Midtrans is back.',
});

function setUp(overrides: Partial<DependencyMonitorOptions> = {}) {
  const timing = manualTiming(Date.UTC(2026, 10, 21, 12));
  const monitor = new DependencyMonitor({ dependency: midtrans, timing, ...overrides });
  const call = (isFailed: boolean, times = 1, error: unknown = new Error('no')): void => {
    for (let i = 0; i < times; i++) monitor.recordCall({ isFailed, isSlow: false, durationMs: 5 }, error);
  };
  return { timing, monitor, call };
}

describe('A dependency', () => {
  it('has to say what works without it', () => {
    const sound = { name: 'redis', isCritical: false, degradedMode: 'Limits are counted per process.' };
    expect(declareDependency(sound)).toEqual(sound);
    for (const wrong of [{ degradedMode: '' }, { degradedMode: 'todo' }, { name: 'My Redis' }, { name: '' }])
      expect(() => declareDependency({ ...sound, ...wrong })).toThrow(RangeError);
  });
});

describe('A monitor calls a dependency', () => {
  it('up until something is known, and while it does what it should', () => {
    const { monitor, call } = setUp();
    expect(monitor.state).toBe('up');
    call(false, 100);
    call(true, 4);
    expect(monitor.state).toBe('up');
  });
  it('degraded from 5 % of failures on, and down from half on', () => {
    const { monitor, call } = setUp();
    call(false, 95);
    call(true, 4);
    expect(monitor.state).toBe('up');
    call(true);
    expect(monitor.state).toBe('degraded');
    call(true, 89);
    expect(monitor.state).toBe('degraded');
    call(true);
    expect(monitor.state).toBe('down');
  });
  it('degraded when it answers everything, but slowly', () => {
    const { monitor } = setUp();
    for (let i = 0; i < 10; i++) monitor.recordCall({ isFailed: false, isSlow: i % 2 === 0, durationMs: 900 });
    expect(monitor.state).toBe('degraded');
  });
  it('down when hardly anybody gets through to it, though what does succeeds', () => {
    const { monitor, call } = setUp();
    call(false, 4);
    for (let i = 0; i < 20; i++) monitor.recordRejection('breaker');
    expect(monitor.state).toBe('down');
  });
  it('down after five failures in a row, however little is called', () => {
    const { monitor, call, timing } = setUp();
    call(true, 4);
    expect(monitor.state).toBe('up');
    call(true);
    expect(monitor.state).toBe('down');
    expect(timing.pending()).toBe(0);
  });
  it('still down after a long silence: that nobody called is no news', async () => {
    const { monitor, call, timing } = setUp();
    call(true, 20);
    await timing.advance(24 * 3_600_000);
    expect(monitor.snapshot()).toMatchObject({ state: 'down', calls: 0, failureRate: 0 });
    call(false, 4);
    expect(monitor.state).toBe('down');
    call(false);
    expect(monitor.state).toBe('up');
  });
  it('no longer down as soon as it serves again, and up when the outage has left the window', async () => {
    const { monitor, call, timing } = setUp();
    call(true, 100);
    expect(monitor.state).toBe('down');
    await timing.advance(1_000);
    call(false, 5);
    expect(monitor.state).toBe('degraded');
    await timing.advance(60_000);
    call(false, 10);
    expect(monitor.state).toBe('up');
  });
});

describe('The snapshot of a dependency', () => {
  it('is plain JSON that tells rates, states, times, and errors by code', async () => {
    const { monitor, call, timing } = setUp();
    call(false, 6);
    await timing.advance(500);
    call(true, 3, Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:443'), { code: 'ECONNREFUSED' }));
    call(true, 1, upstreamUnavailable('Midtrans is failing.'));
    monitor.recordRetry();
    monitor.recordRejection('breaker');
    monitor.recordRejection('bulkhead');
    monitor.recordRejection('limit');
    monitor.recordFallback();
    const snapshot = monitor.snapshot();
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
    expect(snapshot).toEqual({
      ...midtrans,
      state: 'down',
      since: '2026-11-21T12:00:00.5Z',
      windowSeconds: 60,
      calls: 10,
      failureRate: 0.4,
      slowRate: 0,
      retryRate: 0.1,
      rejectionRate: 0.2308,
      rejections: { breaker: 1, bulkhead: 1, limit: 1 },
      fallbacks: 1,
      lastErrorCode: 'upstream-unavailable',
      lastErrorAt: '2026-11-21T12:00:00.5Z',
      lastSuccessAt: '2026-11-21T12:00:00Z',
      errorCodes: { ECONNREFUSED: 3, 'upstream-unavailable': 1 },
      transitions: [
        { name: 'midtrans', from: 'up', to: 'degraded', at: '2026-11-21T12:00:00.5Z' },
        { name: 'midtrans', from: 'degraded', to: 'down', at: '2026-11-21T12:00:00.5Z' },
      ],
    });
  });
  it('never contains a word of a message', () => {
    const { monitor } = setUp();
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{12,30}$/), (secret) => {
        const cause = Object.assign(new Error(secret), { code: `sk_${secret}` });
        const error = new Error(`password=${secret}`, { cause });
        error.name = secret;
        monitor.recordCall({ isFailed: true, isSlow: false, durationMs: 1 }, error);
        expect(JSON.stringify(monitor.snapshot())).not.toContain(secret);
      }),
    );
  });
  it('stays small, whatever fails for how long', () => {
    const { monitor, call } = setUp({ minimumCalls: 1 });
    for (let i = 0; i < 200; i++) {
      call(true, 1, Object.assign(new Error('no'), { code: `E${String(i).padStart(4, '0')}` }));
      call(false, 5);
    }
    const { errorCodes, transitions } = monitor.snapshot();
    expect(Object.keys(errorCodes)).toHaveLength(32);
    expect(errorCodes['other']).toBe(200 - 31);
    expect(transitions.length).toBeLessThanOrEqual(10);
  });
});

describe('A monitor', () => {
  it('tells its listeners each transition once, until they unsubscribe, and survives one that throws', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { monitor, call } = setUp();
    const told: string[] = [];
    monitor.onTransition(() => {
      throw new Error('listener');
    });
    const unsubscribe = monitor.onTransition(({ from, to }) => told.push(`${from} → ${to}`));
    call(true, 5);
    unsubscribe();
    call(false, 5);
    expect(told).toEqual(['up → down']);
    expect(monitor.state).toBe('degraded');
    expect(warn).toHaveBeenCalled();
    warn.mockRestore();
  });
  it('refuses settings that make no sense', () => {
    for (const overrides of [{ windowMs: 0 }, { minimumCalls: 0 }, { degradedRate: 0 }, { downRate: 0.01 }])
      expect(() => setUp(overrides)).toThrow(RangeError);
  });
});

describe('Readiness', () => {
  const snapshotOf = (isCritical: boolean, failures: number) => {
    const { monitor, call } = setUp({ dependency: { ...midtrans, isCritical } });
    call(true, failures);
    return monitor.snapshot();
  };
  it('goes on in the degraded modes while only what has one is down', () => {
    const readiness = judgeReadiness([snapshotOf(true, 0), snapshotOf(false, 5)]);
    expect(readiness).toMatchObject({ status: 'degraded', degradedModes: [midtrans.degradedMode] });
    expect(readiness.dependencies).toHaveLength(2);
  });
  it('ends with a critical dependency, and is whole without news', () => {
    expect(judgeReadiness([snapshotOf(true, 5), snapshotOf(false, 0)]).status).toBe('not-ready');
    expect(judgeReadiness([snapshotOf(true, 0)])).toMatchObject({ status: 'ready', degradedModes: [] });
    expect(judgeReadiness([]).status).toBe('ready');
  });
});
