import { Counter, Gauge, type Registry } from 'prom-client';

export type MeshRefusal = 'handshake' | 'nobody' | 'revoked' | 'not-allowed';

/** Who is connected to a mesh door, who has called by which way, and who was refused, for the metrics. */
export class MeshDoorCounts {
  readonly #open = new Map<string, number>();
  readonly #asked = new Map<string, { count: number }>();
  readonly #called = new Map<string, { count: number }>();
  readonly #calledLocally = new Map<string, { count: number }>();
  readonly #refused = new Map<MeshRefusal, number>();

  opened(caller: string): void {
    this.#open.set(caller, (this.#open.get(caller) ?? 0) + 1);
  }

  closed(caller: string): void {
    this.#open.set(caller, (this.#open.get(caller) ?? 0) - 1);
  }

  asked(caller: string): void {
    const known = this.#asked.get(caller);
    if (known === undefined) this.#asked.set(caller, { count: 1 });
    else known.count++;
  }

  called(caller: string): void {
    const known = this.#called.get(caller);
    if (known === undefined) this.#called.set(caller, { count: 1 });
    else known.count++;
  }

  calledLocally(caller: string): void {
    const known = this.#calledLocally.get(caller);
    if (known === undefined) this.#calledLocally.set(caller, { count: 1 });
    else known.count++;
  }

  refused(reason: MeshRefusal): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  register(registry: Registry): void {
    const [open, asked, called, refused] = [this.#open, this.#asked, this.#called, this.#refused];
    const calledLocally = this.#calledLocally;
    new Gauge({
      name: 'mesh_connections',
      help: 'Connections of other processes that stand, with mutual TLS',
      labelNames: ['caller'],
      registers: [registry],
      collect() {
        for (const [caller, count] of open) this.set({ caller }, count);
      },
    });
    new Counter({
      name: 'mesh_http_requests_total',
      help: 'Requests that came by HTTP with mutual TLS',
      labelNames: ['caller'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [caller, { count }] of asked) this.inc({ caller }, count);
      },
    });
    new Counter({
      name: 'mesh_link_calls_total',
      help: 'Calls that came over links',
      labelNames: ['caller'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [caller, { count }] of called) this.inc({ caller }, count);
      },
    });
    new Counter({
      name: 'mesh_local_calls_total',
      help: 'Calls of services in the same process',
      labelNames: ['caller'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [caller, { count }] of calledLocally) this.inc({ caller }, count);
      },
    });
    new Counter({
      name: 'mesh_refusals_total',
      help: 'Connections that were refused, by why',
      labelNames: ['reason'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [reason, count] of refused) this.inc({ reason }, count);
      },
    });
  }
}
