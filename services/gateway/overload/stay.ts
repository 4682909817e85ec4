import type { Exchange } from '../edge/exchange.ts';
import type { Listed } from '../edge/roll.ts';
import type { Holder } from './fair-share.ts';

/** A request that was let in to the services, and who pays for its place. */
export type Stay = Listed & { readonly exchange: Exchange; readonly holder: Holder; readonly enteredAtMs: number };
