import { linkedToClientHeaders } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';
import { CLOSING, isBodyPending, lingerAndClose } from '../edge/send.ts';

export const isBodiless = (method: string | undefined, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304;

/**
 * A whole answer of a service to the client, in one write.
 * @param headers for the client, without the length of the body
 * @param lengthOfGet what the service said of the length of a body that HEAD is not given
 */
export function writeWholeAnswer(
  exchange: Exchange,
  status: number,
  headers: string[],
  body: Buffer,
  lengthOfGet: string | undefined,
): void {
  const { request, response } = exchange;
  if (isBodyPending(exchange)) headers.push(...CLOSING);
  const isWithoutBody = isBodiless(request.method, status);
  // RFC 9110 §8.6: the length that GET would have had; not allowed in a 204.
  if (!isWithoutBody) headers.push('content-length', String(body.length));
  else if (request.method === 'HEAD' && lengthOfGet !== undefined) headers.push('content-length', lengthOfGet);
  response.writeHead(status, headers);
  endAnswer(exchange, isWithoutBody ? undefined : body);
}

/** A service may answer before it has read everything: what the client still sends then must not cost it the answer. */
export function endAnswer(exchange: Exchange, last?: Buffer): void {
  const { response } = exchange;
  if (!isBodyPending(exchange)) {
    // A byte is a character of latin1 and back: as a string it goes out with the headers in one piece.
    if (last === undefined) response.end();
    else response.end(last.toString('latin1'), 'latin1');
    return;
  }
  if (last === undefined) response.flushHeaders();
  else response.write(last);
  lingerAndClose(exchange);
}

/** What came over a link, names and values in turn. */
export function writeLinkedAnswer(exchange: Exchange, status: number, pairs: readonly string[], body: Buffer): void {
  const length = exchange.request.method === 'HEAD' ? findValue(pairs, 'content-length') : undefined;
  writeWholeAnswer(exchange, status, linkedToClientHeaders(pairs, exchange.answerHeaders), body, length);
}

function findValue(pairs: readonly string[], name: string): string | undefined {
  for (let index = 0; index < pairs.length; index += 2) if (pairs[index] === name) return pairs[index + 1];
  return undefined;
}
