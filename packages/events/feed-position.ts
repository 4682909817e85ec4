/** How far into one service's stream a feed has come. */
export type StreamPosition = {
  /** When the stream was made: its numbers mean something else in one that was made anew. */
  readonly madeAtMs: number;
  /** Everything up to this number has been told. */
  readonly sequence: number;
};

/** By service. One that is missing had no stream yet. */
export type FeedPosition = ReadonlyMap<string, StreamPosition>;

/** What a service's stream holds. */
export type StreamExtent = { readonly madeAtMs: number; readonly firstSequence: number; readonly lastSequence: number };

const NUMBER_BASE = 36;
const PART = /^([a-z]+):([0-9a-z]{1,10}):([0-9a-z]{1,10})$/;
const MAX_CHARACTERS = 2_000;

/** One line of ASCII, as a header and an event's id have to be. */
export const writePosition = (position: FeedPosition): string =>
  [...position]
    .map(([service, { madeAtMs, sequence }]) =>
      [service, madeAtMs.toString(NUMBER_BASE), sequence.toString(NUMBER_BASE)].join(':'),
    )
    .join(',');

/** Null for what no feed has given out. */
export function readPosition(text: string): FeedPosition | null {
  if (text.length > MAX_CHARACTERS) return null;
  const position = new Map<string, StreamPosition>();
  for (const part of text.split(',')) {
    const [, service, madeAt, sequence] = PART.exec(part) ?? [];
    if (service === undefined || madeAt === undefined || sequence === undefined || position.has(service)) return null;
    position.set(service, {
      madeAtMs: Number.parseInt(madeAt, NUMBER_BASE),
      sequence: Number.parseInt(sequence, NUMBER_BASE),
    });
  }
  return position;
}

/** The end of everything: what is told from here on is new. */
export const endOf = (streams: ReadonlyMap<string, StreamExtent>): FeedPosition =>
  new Map([...streams].map(([service, { madeAtMs, lastSequence }]) => [service, { madeAtMs, sequence: lastSequence }]));

/** Whether everything after a position is still there. A number beyond the end is of a stream that has lost some. */
export const isKept = (position: FeedPosition, streams: ReadonlyMap<string, StreamExtent>): boolean =>
  [...position].every(([service, { madeAtMs, sequence }]) => {
    const stream = streams.get(service);
    return (
      stream !== undefined &&
      stream.madeAtMs === madeAtMs &&
      sequence <= stream.lastSequence &&
      sequence + 1 >= stream.firstSequence
    );
  });
