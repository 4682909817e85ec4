import type { AnswerListener } from '../answer-listener.ts';
import type { AnsweringLink } from '../answering-link.ts';
import type { CallingLink } from '../calling-link.ts';
import type { IncomingCall } from '../incoming-call.ts';
import { LinkFailure } from '../link-failure.ts';
import { openLink } from '../open-link.ts';
import { serveLink } from '../serve-link.ts';
import { type Loopback, openPlainLoopback, openTlsLoopback, type SocketPair } from './socket-pair.ts';

const LINKS = 4;
const CALLS_AT_A_TIME = 64;
const WINDOW = 48;
/** One link in so many calls is torn, closed or drained. */
const CALLS_PER_KILL = 1_500;

export type SoakReport = {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly links: number;
  /** Sentences about what must never happen; empty where all is well. */
  readonly wrong: readonly string[];
};

/** Repeatable chance (xorshift32). */
function createChance(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

type Pair = { readonly sockets: SocketPair; readonly client: CallingLink; readonly server: AnsweringLink };

/** Everything that can happen to calls, at random, and a book of what happened to each of them. */
class Soak {
  readonly #chance: (below: number) => number;
  readonly #count: number;
  readonly #handled: Uint8Array;
  readonly #settled: Uint8Array;
  readonly #untouched: Uint8Array;
  readonly outcomes: Record<string, number> = {};
  readonly wrong: string[] = [];
  readonly #done = Promise.withResolvers<void>();
  #begun = 0;
  #ended = 0;
  links = 0;

  constructor(count: number, seed: number) {
    this.#count = count;
    this.#chance = createChance(seed);
    this.#handled = new Uint8Array(count);
    this.#settled = new Uint8Array(count);
    this.#untouched = new Uint8Array(count);
  }

  async run(loopbacks: readonly Loopback[]): Promise<void> {
    const lanes = Array.from({ length: LINKS }, async (_, lane) => {
      while (this.#begun < this.#count) {
        const loopback = loopbacks[(lane + this.#chance(2)) % loopbacks.length];
        if (loopback === undefined) throw new Error('There is at least one.');
        await this.#driveOne(await this.#open(loopback));
      }
    });
    await Promise.all([...lanes, this.#done.promise]);
    for (let n = 0; n < this.#count; n++) {
      if (this.#untouched[n] === 1 && this.#handled[n] !== 0) this.#blame(n, 'was called untouched, and was handled');
    }
  }

  async #open(loopback: Loopback): Promise<Pair> {
    const sockets = await loopback.connect();
    const server = serveLink(sockets.answerer, {
      window: WINDOW,
      handle: (call) => {
        if (server.inFlight > WINDOW) this.#blame(-1, 'found the window exceeded');
        this.#handle(call);
      },
      onFault: () => undefined,
    });
    const client = await openLink(sockets.caller);
    this.links++;
    return { sockets, client, server };
  }

  /** Calls over one link until it ends. */
  async #driveOne(pair: Pair): Promise<void> {
    const { client, server } = pair;
    while (client.state !== 'ended') {
      const burst = 1 + this.#chance(20);
      for (let index = 0; index < burst && client.gauges.inFlight < CALLS_AT_A_TIME; index++) {
        if (this.#begun === this.#count) {
          void client.drain(10_000);
          break;
        }
        this.#call(client);
        if (this.#chance(CALLS_PER_KILL) === 0) this.#kill(pair);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await server.ended;
  }

  #kill({ sockets, client, server }: Pair): void {
    const ways = [
      () => sockets.caller.destroy(),
      () => sockets.answerer.destroy(),
      () => client.close(),
      () => server.close(),
      () => void client.drain(10_000),
      () => void server.drain(10_000),
      () => void server.drain(1),
    ];
    ways[this.#chance(ways.length)]?.();
  }

  #call(client: CallingLink): void {
    const n = this.#begun++;
    const size = this.#chance(200) === 0 ? this.#chance(200_000) : this.#chance(200);
    const body = this.#chance(3) === 0 ? null : Buffer.alloc(size, String(n));
    const deadlineMs = this.#chance(10) === 0 ? Date.now() + 1 + this.#chance(8) : Number.POSITIVE_INFINITY;
    const listener: AnswerListener = {
      onAnswer: (status, headers, answered) => {
        this.#settle(n, `answered ${status}`);
        if (this.#handled[n] !== 1) this.#blame(n, 'was answered, but not handled');
        if (headers[1] !== String(n)) this.#blame(n, `got the answer to ${headers[1]}`);
        if (!answered.equals(body ?? Buffer.alloc(0))) this.#blame(n, 'got a body of somebody else');
      },
      onFailure: (failure) => this.#fail(n, failure),
    };
    const begun = client.send(
      { method: 'POST', path: `/${n}`, headers: ['x-number', String(n)], body, deadlineMs },
      listener,
    );
    if (begun instanceof LinkFailure) this.#fail(n, begun);
    else if (this.#chance(10) === 0) this.#cancelSoon(n, () => client.cancel(begun));
  }

  #cancelSoon(n: number, cancel: () => boolean): void {
    const now = (): void => {
      if (cancel()) this.#settle(n, 'cancelled');
    };
    const when = this.#chance(3);
    if (when === 0) now();
    else if (when === 1) setImmediate(now);
    else setTimeout(now, this.#chance(3));
  }

  #handle(call: IncomingCall): void {
    const n = Number(call.path.slice(1));
    if (call.headers[1] !== String(n)) this.#blame(n, 'came with the headers of another');
    const way = this.#chance(100);
    if (way < 3) {
      call.refuse();
      return;
    }
    if (this.#handled[n] !== 0) this.#blame(n, 'was handled twice');
    this.#handled[n] = 1;
    if (way < 6) throw new Error('A bug of the handler.');
    const answer = (): void => call.answer(200, ['x-number', String(n)], call.body);
    if (way < 60) answer();
    else if (way < 80) setImmediate(answer);
    else if (way < 90 || call.deadlineMs === Number.POSITIVE_INFINITY) setTimeout(answer, this.#chance(5));
    else call.signal.addEventListener('abort', answer, { once: true }); // late on purpose
  }

  #fail(n: number, { reason, mayHaveActed }: LinkFailure): void {
    this.#settle(n, `${reason}, ${mayHaveActed ? 'may have acted' : 'untouched'}`);
    if (!mayHaveActed) this.#untouched[n] = 1;
  }

  #settle(n: number, outcome: string): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    if (this.#settled[n] !== 0) this.#blame(n, `was settled again: ${outcome}`);
    this.#settled[n] = 1;
    this.#ended++;
    if (this.#ended === this.#count) this.#done.resolve();
  }

  #blame(n: number, what: string): void {
    if (this.wrong.length < 20) this.wrong.push(`call ${n} ${what}`);
  }
}

/** Plain and TLS links side by side. */
export async function soak(count: number, seed: number): Promise<SoakReport> {
  const loopbacks = [await openPlainLoopback(), await openTlsLoopback()];
  try {
    const run = new Soak(count, seed);
    await run.run(loopbacks);
    return { outcomes: run.outcomes, links: run.links, wrong: run.wrong };
  } finally {
    for (const each of loopbacks) await each.close();
  }
}
