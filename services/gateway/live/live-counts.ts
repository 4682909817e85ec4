import type { HttpMetrics } from '@tenantry/kit/http/metrics.ts';
import { Counter, Gauge } from 'prom-client';
import type { Whose } from './live-group.ts';

export const LIVE_KINDS = ['event-stream', 'websocket'] as const;
export type LiveKind = (typeof LIVE_KINDS)[number];

const OUTCOMES = ['opened', 'tenant-full', 'principal-full', 'address-full'] as const;

const zeros = () => ({ open: 0, opened: 0, 'tenant-full': 0, 'principal-full': 0, 'address-full': 0 });

/** What is open at this process, and what became of who wanted to open something. No label names a tenant. */
export class LiveCounts {
  readonly of: Readonly<Record<LiveKind, ReturnType<typeof zeros>>> = { 'event-stream': zeros(), websocket: zeros() };
  redisCalls = 0;

  opened(kind: LiveKind): void {
    this.of[kind].open++;
    this.of[kind].opened++;
  }

  closed(kind: LiveKind): void {
    this.of[kind].open--;
  }

  refused(kind: LiveKind, whose: Whose): void {
    this.of[kind][`${whose}-full`]++;
  }

  register({ registry }: Pick<HttpMetrics, 'registry'>): void {
    const { of: byKind } = this;
    const redisCalls = (): number => this.redisCalls;
    new Gauge({
      name: 'gateway_live_connections',
      help: 'Event streams and WebSockets that are open, or about to be',
      labelNames: ['kind'],
      registers: [registry],
      collect() {
        for (const kind of LIVE_KINDS) this.set({ kind }, byKind[kind].open);
      },
    });
    new Counter({
      name: 'gateway_live_connection_decisions_total',
      help: 'Event streams and WebSockets that got a place, or whose limit was reached',
      labelNames: ['kind', 'outcome'],
      registers: [registry],
      collect() {
        this.reset();
        for (const kind of LIVE_KINDS)
          for (const outcome of OUTCOMES) this.inc({ kind, outcome }, byKind[kind][outcome]);
      },
    });
    new Counter({
      name: 'gateway_live_connection_redis_calls_total',
      help: 'Messages to Redis about connections that stay open',
      registers: [registry],
      collect() {
        this.reset();
        this.inc(redisCalls());
      },
    });
  }
}
