import { Counter, type Registry } from 'prom-client';
import type { Tracing } from './tracing.ts';

/** How much of the traces arrived, and how much was lost on the way. */
export function registerTraceMetrics(registry: Registry, tracing: Pick<Tracing, 'counts' | 'leftOut'>): void {
  new Counter({
    name: 'trace_spans_total',
    help: 'Spans handed on, or dropped because the output was away or the buffer full',
    labelNames: ['output', 'outcome'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { output, sent, dropped } of tracing.counts) {
        this.inc({ output, outcome: 'sent' }, sent);
        this.inc({ output, outcome: 'dropped' }, dropped);
      }
    },
  });
  new Counter({
    name: 'trace_left_out_total',
    help: 'Spans beyond what one trace may have, and failed traces beyond what is kept of them in a second',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(tracing.leftOut);
    },
  });
}
