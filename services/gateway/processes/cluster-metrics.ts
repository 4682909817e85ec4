import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry, type MetricObject, type Registry } from 'prom-client';

/** Longer than any healthy process takes; one that hangs must not hide what the others counted. */
const PATIENCE_MS = 1_000;

/** Between a worker that is scraped, the primary, and all workers, in this order and back. */
type MetricsMessage =
  | { readonly type: 'metrics:join' }
  | { readonly type: 'metrics:ask' }
  | { readonly type: 'metrics:collect'; readonly round: number }
  | { readonly type: 'metrics:part'; readonly round: number; readonly metrics: MetricObject[] }
  | { readonly type: 'metrics:whole'; readonly text: string };

const isMetricsMessage = (message: unknown): message is MetricsMessage =>
  typeof message === 'object' &&
  message !== null &&
  'type' in message &&
  typeof message.type === 'string' &&
  message.type.startsWith('metrics:');

type Round = { readonly parts: MetricObject[][]; readonly missing: Set<Worker>; readonly finish: () => void };

/** In the primary: adds up what all workers have counted whenever one of them is scraped. */
export function serveClusterMetrics(): void {
  const members = new Set<Worker>();
  const rounds = new Map<number, Round>();
  let latest = 0;

  const collect = (asker: Worker): void => {
    const round = ++latest;
    const parts: MetricObject[][] = [];
    const finish = (): void => {
      clearTimeout(timer);
      rounds.delete(round);
      if (!asker.isConnected()) return;
      void AggregatorRegistry.aggregate(parts)
        .metrics()
        .then((text) => tell(asker, { type: 'metrics:whole', text }));
    };
    const timer = setTimeout(finish, PATIENCE_MS);
    rounds.set(round, { parts, missing: new Set(members), finish });
    for (const member of members) tell(member, { type: 'metrics:collect', round });
  };

  cluster.on('message', (worker, message: unknown) => {
    if (!isMetricsMessage(message)) return;
    if (message.type === 'metrics:join') members.add(worker);
    if (message.type === 'metrics:ask') collect(worker);
    if (message.type !== 'metrics:part') return;
    const round = rounds.get(message.round);
    if (round === undefined || !round.missing.delete(worker)) return;
    round.parts.push(message.metrics);
    if (round.missing.size === 0) round.finish();
  });
  cluster.on('exit', (worker) => {
    members.delete(worker);
    for (const round of [...rounds.values()])
      if (round.missing.delete(worker) && round.missing.size === 0) round.finish();
  });
}

const tell = (worker: Worker, message: MetricsMessage): void => void worker.send(message, () => undefined);

/** In a worker: what this process counted is part of a whole. Returns a reader of the whole, or of this part if nobody answers. */
export function joinClusterMetrics(registry: Registry): () => Promise<string> {
  const tellPrimary = (message: MetricsMessage): void => void process.send?.(message);
  const waiting = new Set<(text: string) => void>();
  process.on('message', (message: unknown) => {
    if (!isMetricsMessage(message)) return;
    if (message.type === 'metrics:collect') {
      const { round } = message;
      void registry.getMetricsAsJSON().then((metrics) => tellPrimary({ type: 'metrics:part', round, metrics }));
    }
    if (message.type === 'metrics:whole') for (const settle of waiting) settle(message.text);
  });
  tellPrimary({ type: 'metrics:join' });
  return async () => {
    const { promise, resolve } = Promise.withResolvers<string | null>();
    const timer = setTimeout(() => resolve(null), 2 * PATIENCE_MS);
    waiting.add(resolve);
    tellPrimary({ type: 'metrics:ask' });
    const text = await promise;
    waiting.delete(resolve);
    clearTimeout(timer);
    return text ?? registry.metrics();
  };
}
