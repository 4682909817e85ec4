import type { Cluster } from '../upstreams/cluster.ts';
import type { AnswerReshaping } from '../upstreams/reshaping.ts';

/** Where a WebSocket goes, and what is said there of who opens it: a service of ours, or a registered product. */
export type Destination = {
  readonly cluster: Cluster;
  /** With the query, as the other side sees it. */
  readonly path: string;
  /** What stays with one instance, where the balancing looks at it. */
  readonly balanceBy: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** How long it may take until the other side has let us in, or has said why not. */
  readonly timeoutMs: number;
  /** What happens to an answer that comes instead of a WebSocket; null leaves it as it is. */
  readonly reshaping: AnswerReshaping | null;
  /** Called before the other side could hear of it. */
  readonly onBegun?: (() => void) | null;
  /** Called when it has come to nothing before the other side could have heard of it. */
  readonly onNeverSent?: (() => void) | null;
};
