import type { CallParameters } from '../bot-api/call-parameters.ts';
import type { Simulator } from '../simulator.ts';
import type { Bot } from '../world/bot.ts';

export type MethodCall = {
  readonly simulator: Simulator;
  readonly bot: Bot;
  readonly parameters: CallParameters;
  /** Aborted when the caller has gone. */
  readonly disconnected: AbortSignal;
};

export type MethodResult = { readonly result: unknown; readonly description?: string };
export type Method = (call: MethodCall) => MethodResult | Promise<MethodResult>;

export const done: MethodResult = { result: true };
