import { payloadTooLarge } from '@tenantry/kernel/problems.ts';
import type { IncomingCall } from '@tenantry/link/incoming-call.ts';
import type { MeshPeer } from '@tenantry/mesh/identity.ts';
import type { Answering } from './answering.ts';
import { joinHeaders } from './join-headers.ts';
import type { OutgoingAnswer } from './outgoing-answer.ts';
import type { Found, RouteFinder } from './route-finder.ts';

/** Who calls: by its certificate, and from where. */
export type LinkCaller = { readonly peer: MeshPeer | null; readonly remoteAddress: string };

/** Answers the calls of one peer as `server.ts` answers requests. */
export const createLinkHandler =
  (answering: Answering, finder: RouteFinder, caller: LinkCaller) =>
  (call: IncomingCall): void => {
    void answerCall(answering, finder, caller, call);
  };

async function answerCall(
  answering: Answering,
  finder: RouteFinder,
  { peer, remoteAddress }: LinkCaller,
  call: IncomingCall,
): Promise<void> {
  const startedAtMs = performance.now();
  const end = answering.begin();
  const { method, path: url, body } = call;
  const headers = joinHeaders(call.headers);
  const context = answering.contextOf(headers, call.deadlineMs);
  let found: Found | null = null;
  let answer: OutgoingAnswer;
  try {
    found = finder.find(method, url);
    const { route, params, query } = found;
    if (route.maxBodyBytes !== null && body.length > route.maxBodyBytes)
      throw payloadTooLarge('The body is larger than this endpoint takes.');
    const request = { url, params, query, headers, body, remoteAddress, peer };
    answer = await answering.answer(route, request, context);
  } catch (error) {
    answer = answering.refuse(error, url, context, found?.route.path);
  }
  try {
    give(call, answer);
  } catch (fault) {
    // A header that none can be, from a handler of ours.
    answer = answering.refuse(fault, url, context, found?.route.path);
    give(call, answer);
  }
  const about = { method, pattern: found?.route.path, isRoutine: found?.route.isRoutine === true };
  answering.finish(about, answer.status, performance.now() - startedAtMs, context);
  end?.(answer.status >= 500 || call.abandoned !== null);
}

function give(call: IncomingCall, { status, headers, body }: OutgoingAnswer): void {
  if (call.method !== 'HEAD') call.answer(status, headers, body);
  // RFC 9110 §8.6: the length that GET would have had.
  else call.answer(status, [...headers, 'content-length', String(body === null ? 0 : Buffer.byteLength(body))]);
}
