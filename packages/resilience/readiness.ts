import type { DependencySnapshot } from './dependency-monitor.ts';

/** `ready`: all is well. `degraded`: goes on, in the degraded modes told. `not-ready`: send requests elsewhere. */
export type Readiness = {
  readonly status: 'ready' | 'degraded' | 'not-ready';
  readonly dependencies: readonly DependencySnapshot[];
  /** What people should know, one sentence per dependency that is down. */
  readonly degradedModes: readonly string[];
};

/** Only a critical dependency that is down takes a process out: all others have a degraded mode to go on in. */
export function judgeReadiness(dependencies: readonly DependencySnapshot[]): Readiness {
  const down = dependencies.filter(({ state }) => state === 'down');
  const isReady = !down.some(({ isCritical }) => isCritical);
  const isWell = dependencies.every(({ state }) => state === 'up');
  return {
    status: isReady ? (isWell ? 'ready' : 'degraded') : 'not-ready',
    dependencies,
    degradedModes: down.map(({ degradedMode }) => degradedMode),
  };
}
