import type { Exchange } from '../edge/exchange.ts';
import type { Cluster } from './cluster.ts';
import type { AnswerReshaping } from './reshaping.ts';

export type ForwardingOptions = {
  readonly cluster: Cluster;
  readonly exchange: Exchange;
  /** With the query, as the upstream sees it. */
  readonly path: string;
  /** What stays with one instance, where the balancing looks at it. */
  readonly balanceBy: string;
  /** What happens to an answer before it goes out; null leaves it as it is. */
  readonly reshaping: AnswerReshaping | null;
  /** Sending it twice does what sending it once does (RFC 9110 §9.2.2), or the service sees to it. */
  readonly isIdempotent: boolean;
  readonly headers: string[];
  /** Called before any byte of it is written to anybody, for every attempt. */
  readonly onBegun?: (() => void) | null;
  /** Called once when it has come to nothing and no byte of it was ever written to anybody. */
  readonly onNeverSent?: (() => void) | null;
  readonly fail: (error: unknown) => void;
};
