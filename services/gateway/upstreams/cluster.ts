import type { InstanceGroup } from './instance-group.ts';

/** Where requests of one kind go: a service of ours, or a registered upstream. */
export type Cluster = {
  /** The beginning of a sentence for callers. */
  readonly label: string;
  /** Speaks our house's dialect: a deadline is understood, a bare 503 means closing, successors announce themselves. */
  readonly isOurs: boolean;
  /** As it is now. */
  readonly group: () => InstanceGroup;
  readonly nextChange: (timeoutMs: number) => Promise<void>;
  readonly monotonicMs: () => number;
  /**
   * An attempt is over that says something about the instance. `isFailed`: what the caller got is a failure; `isFault`: it
   * is the instance's own. Left out where nobody counts.
   */
  readonly observe?: (isFailed: boolean, isFault: boolean, durationMs: number, error?: unknown) => void;
  /** There was nobody to send it to: no instance at all, or only such as their breakers hold back. */
  readonly missed?: (areHeldBack: boolean) => void;
};
