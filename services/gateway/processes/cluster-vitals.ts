import cluster, { type Worker } from 'node:cluster';
import type { HeartbeatSources } from '@tenantry/kit/lifecycle/heartbeat.ts';
import { MergedVitals, type Vitals } from './merged-vitals.ts';

/** Often enough for the heartbeats, which go out every two seconds. */
const EVERY_MS = 1_000;

type VitalsMessage = { readonly type: 'vitals'; readonly vitals: Vitals };

const isVitals = (message: unknown): message is VitalsMessage =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'vitals';

/** In the primary: what its heartbeats say, from what the workers tell. */
export function mergeClusterVitals(): Required<HeartbeatSources> {
  const merged = new MergedVitals<Worker>();
  cluster.on('message', (worker, message: unknown) => {
    if (isVitals(message)) merged.add(worker, message.vitals);
  });
  cluster.on('exit', (worker) => merged.forget(worker));
  return {
    load: { take: () => merged.takeLoad() },
    traffic: { take: () => merged.takeTraffic() },
    dependencies: () => merged.dependencies(),
  };
}

/** In a worker: tells the primary, and a last time when it is stopped. */
export function tellClusterVitals(sources: Required<HeartbeatSources>): { readonly stop: () => void } {
  const tell = (): void => {
    if (!process.connected) return;
    const vitals: Vitals = {
      load: sources.load.take(),
      traffic: sources.traffic.take(),
      dependencies: sources.dependencies(),
    };
    const message: VitalsMessage = { type: 'vitals', vitals };
    process.send?.(message, undefined, {}, () => undefined);
  };
  const timer = setInterval(tell, EVERY_MS);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
      tell();
    },
  };
}
