import type { LinkCounts, LinkFigures } from '@tenantry/mesh/links/link-counts.ts';
import { Counter, Gauge, type Registry } from 'prom-client';

/** The caller's side of links, by the service that is called; `mesh-door-counts.ts` is the other side. Read when somebody scrapes. */
export function registerMeshLinkMetrics(registry: Registry, counts: Pick<LinkCounts, 'all'>): void {
  const registers = [registry];
  const labelNames = ['callee'];
  const gauge = (name: string, help: string, read: (figures: LinkFigures) => number): void => {
    new Gauge({
      ...{ name, help, labelNames, registers },
      collect() {
        for (const figures of counts.all()) this.set({ callee: figures.callee }, read(figures));
      },
    });
  };
  const total = (
    name: string,
    help: string,
    label: string | null,
    read: (figures: LinkFigures) => Iterable<readonly [string, number]>,
  ): void => {
    new Counter({
      ...{ name, help, labelNames: label === null ? labelNames : [...labelNames, label], registers },
      collect() {
        this.reset();
        for (const figures of counts.all())
          for (const [value, count] of read(figures))
            this.inc({ callee: figures.callee, ...(label === null ? {} : { [label]: value }) }, count);
      },
    });
  };
  gauge('mesh_link_connections', 'Links to other processes that stand', ({ connections }) => connections);
  gauge('mesh_link_calls_in_flight', 'Calls over links that have a place there', ({ inFlight }) => inFlight);
  gauge('mesh_link_unsent_bytes', 'Bytes that wait to be sent over links', ({ unsentBytes }) => unsentBytes);
  total('mesh_link_calls_begun_total', 'Calls that were sent over links', null, ({ callsBegun }) => [['', callsBegun]]);
  total(
    'mesh_link_without_room_total',
    'Calls that went another way, or were refused, because a link or its other end had no room',
    null,
    ({ withoutRoom }) => [['', withoutRoom]],
  );
  total('mesh_link_open_failures_total', 'Attempts to open a link that failed', null, ({ openFailures }) => [
    ['', openFailures],
  ]);
  total('mesh_link_ends_total', 'Links that have ended, by why', 'reason', ({ ends }) => ends);
  total('mesh_link_bytes_total', 'Bytes over links', 'direction', ({ bytesWritten, bytesRead }) => [
    ['sent', bytesWritten],
    ['received', bytesRead],
  ]);
  total('mesh_link_frames_total', 'Frames sent over links', null, ({ framesWritten }) => [['', framesWritten]]);
  total('mesh_link_writes_total', 'Writes in which those frames left', null, ({ writes }) => [['', writes]]);
}
