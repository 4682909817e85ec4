import { malformedRequest, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Exchange } from '../edge/exchange.ts';
import { refuse, sendWhole } from '../edge/send.ts';
import { methodNotAllowed, upgradeRefused } from '../problems.ts';
import { unknownPath } from '../routing/route-table.ts';
import type { ProductTable } from './product-table.ts';

/** A `;` begins parameters for some servers and is a letter for others: nobody could say which route it is. */
function checkPath({ target }: Exchange): void {
  if (target.path.includes(';')) throw malformedRequest('The path of a product has a semicolon. Leave it out.');
}

const notToldYet = () =>
  upstreamUnavailable('What is registered here is not known yet. Try again shortly.', { retryAfterSeconds: 1 });

/** Whether the platform leaves this open to everybody; then the exchange knows its route. */
export function findPublicProduct(table: ProductTable, exchange: Exchange): boolean {
  checkPath(exchange);
  const found = table.findPublic(exchange.request.method ?? '', exchange.target.path);
  if (found === null && !table.isKnown) throw notToldYet();
  if (found === null) return false;
  exchange.route = found.value;
  exchange.pathParameters = found.params;
  return true;
}

/** The route of the verified tenant. Found before the limits, which it may have of its own; missed after them. */
export const findProduct =
  (table: ProductTable) =>
  (exchange: Exchange): void => {
    const { verified, request, target } = exchange;
    if (verified === null) throw new Error('A product is looked up for a verified tenant.');
    checkPath(exchange);
    const found = table.find(verified.claims.tenantId, request.method ?? '', target.path);
    if (found === null) return;
    exchange.route = found.value;
    exchange.pathParameters = found.params;
  };

/** A step: the way from here on is a WebSocket's. */
export function requireWebSocket({ route }: Exchange): void {
  if (route?.webSocket !== true) throw upgradeRefused('WebSocket connections are not taken at this address.');
}

/** Answers what no route takes. */
export const requireProduct =
  (table: ProductTable) =>
  (exchange: Exchange): void | Promise<void> => {
    const { verified, request, target, route } = exchange;
    if (route !== null || verified === null) return;
    const methods = table.methodsOf(verified.claims.tenantId, target.path);
    if (methods.length === 0) throw unknownPath();
    const allow = ['allow', [...methods, 'OPTIONS'].join(', ')];
    if (request.method === 'OPTIONS') sendWhole(exchange, 204, allow, '');
    else
      refuse(exchange, methodNotAllowed(`${target.path} takes ${methods.join(', ')}, not ${request.method}.`), allow);
    // Answered: nothing comes after this.
    return new Promise(() => undefined);
  };
