import type { Piece } from './find-canaries.ts';

export type RecordedAnswers = {
  readonly pieces: readonly Piece[];
  /** Of answers so far, oldest first. */
  readonly traceIds: readonly string[];
  readonly stop: () => void;
};

/** Ids, traces, and words that only a test writes: so that a place is called the same each time. */
const WORDS_OF_ONE_RUN = /\w+_[0-9a-z]{26}|\b[0-9a-f]{32}\b|(%00)?\bc[0-9a-f]{20}y\b/g;

/** Every answer that `fetch` gets from there until `stop`, head and body; streams of events are left alone. */
export function recordAnswers(from: string): RecordedAnswers {
  const original = globalThis.fetch;
  const pieces: Piece[] = [];
  const traceIds: string[] = [];
  globalThis.fetch = async (input, init) => {
    const answer = await original(input, init);
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== from || answer.headers.get('content-type')?.startsWith('text/event-stream')) return answer;
    const path = url.pathname.replaceAll(WORDS_OF_ONE_RUN, ':id');
    const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    const body = Buffer.from(await answer.clone().arrayBuffer());
    pieces.push({
      place: `answer ${answer.status} ${init?.method ?? 'GET'} ${path}`,
      content: Buffer.concat([Buffer.from(`${head}\n\n`), body]),
    });
    const traceId = answer.headers.get('x-trace-id');
    if (traceId !== null) traceIds.push(traceId);
    return answer;
  };
  return { pieces, traceIds, stop: () => (globalThis.fetch = original) };
}
