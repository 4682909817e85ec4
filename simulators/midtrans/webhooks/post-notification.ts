import type { AttemptOutcome } from './retry-policy.ts';

const maxHops = 5;

export type PostResult = { readonly outcome: AttemptOutcome; readonly redirectedTo: readonly string[] };

/** One attempt: 307 and 308 are followed with the same body, to five hops; the time limit covers all of them. */
export async function postNotification(
  url: string,
  body: string,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<PostResult> {
  const signal = AbortSignal.any([AbortSignal.timeout(options.timeoutMs), options.signal]);
  const redirectedTo: string[] = [];
  let target = url;
  try {
    for (;;) {
      const response = await fetch(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'user-agent': 'Veritrans' },
        body,
        redirect: 'manual',
        signal,
      });
      await response.body?.cancel(); // only the status matters; an unread body would keep the connection
      const location = response.headers.get('location');
      const isFollowed = (response.status === 307 || response.status === 308) && location !== null;
      if (!isFollowed) return { outcome: { kind: 'answer', httpStatus: response.status }, redirectedTo };
      if (redirectedTo.length === maxHops) return { outcome: { kind: 'too-many-redirects' }, redirectedTo };
      target = new URL(location, target).href;
      redirectedTo.push(target);
    }
  } catch (error) {
    return { outcome: describeFailure(error), redirectedTo };
  }
}

function describeFailure(error: unknown): AttemptOutcome {
  if (error instanceof DOMException && error.name === 'TimeoutError') return { kind: 'timeout' };
  // fetch says only "fetch failed"; its cause names the refused or broken connection
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return { kind: 'connection-failure', detail: String(cause) };
  return { kind: 'connection-failure', detail: 'code' in cause ? String(cause.code) : cause.message };
}
