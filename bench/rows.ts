import { breakerRows } from './rows/breaker.ts';
import { businessRows } from './rows/business.ts';
import { configurationRows } from './rows/configuration.ts';
import { databaseRows } from './rows/database.ts';
import { eventRows } from './rows/events.ts';
import { eventCommitRows } from './rows/events-commits.ts';
import { eventOpenLoopRows } from './rows/events-open-loop.ts';
import { eventReplayRows } from './rows/events-replay.ts';
import { fairnessRows } from './rows/fairness.ts';
import { gatewayRows } from './rows/gateway.ts';
import { gatewayCapacityRows } from './rows/gateway-capacity.ts';
import { gatewayOpenLoopRows } from './rows/gateway-open-loop.ts';
import { gatewayRouteRows } from './rows/gateway-routes.ts';
import { linkRows } from './rows/link.ts';
import { linkGatewayRows } from './rows/link-gateway.ts';
import { observeRows } from './rows/observe.ts';
import { routeRows } from './rows/routes.ts';
import { singleRows } from './rows/single.ts';
import { traceRows } from './rows/traces.ts';
import type { Stand } from './stand.ts';
import type { Row } from './table.ts';

/** Some rows of the table, measured together. `needs`: a whole launched system, shared with the others; or nothing. */
export type RowGroup =
  | { readonly name: string; readonly needs: 'nothing'; readonly measure: () => Promise<Row[]> }
  | { readonly name: string; readonly needs: 'system'; readonly measure: (stand: Stand) => Promise<Row[]> };

/** Everything `npm run bench` measures, in this order. A new row is a file in rows/ and a line here. */
export const ROW_GROUPS: readonly RowGroup[] = [
  { name: 'gateway-capacity', needs: 'nothing', measure: gatewayCapacityRows },
  { name: 'gateway-open-loop', needs: 'nothing', measure: gatewayOpenLoopRows },
  { name: 'gateway-routes', needs: 'nothing', measure: gatewayRouteRows },
  { name: 'link', needs: 'nothing', measure: linkRows },
  { name: 'link-gateway', needs: 'nothing', measure: linkGatewayRows },
  { name: 'breaker', needs: 'nothing', measure: breakerRows },
  { name: 'observe', needs: 'nothing', measure: observeRows },
  { name: 'traces', needs: 'nothing', measure: traceRows },
  { name: 'single', needs: 'nothing', measure: singleRows },
  { name: 'gateway-overhead', needs: 'system', measure: gatewayRows },
  { name: 'gateway-products', needs: 'system', measure: routeRows },
  { name: 'gateway-fairness', needs: 'system', measure: fairnessRows },
  { name: 'hub', needs: 'system', measure: configurationRows },
  { name: 'database', needs: 'nothing', measure: databaseRows },
  { name: 'events-commits', needs: 'nothing', measure: eventCommitRows },
  { name: 'events-open-loop', needs: 'nothing', measure: eventOpenLoopRows },
  { name: 'events-replay', needs: 'nothing', measure: eventReplayRows },
  { name: 'events', needs: 'system', measure: eventRows },
  { name: 'business', needs: 'system', measure: businessRows },
];
