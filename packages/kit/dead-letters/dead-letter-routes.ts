import type { Principal } from '@tenantry/auth/principal.ts';
import { deadLetterEndpoints } from '@tenantry/contract/dead-letters.ts';
import { parseInstant } from '@tenantry/kernel/instant.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { type Route, serve } from '../http/route.ts';
import { type Asker, DeadLetters, type DeadLettersOptions } from './dead-letters.ts';

/** Only a gateway asks for everybody's letters, and only for whoever may see them. */
function askerOf(principal: Principal, scope: Asker['scope']): Asker {
  if (principal.id !== 'gateway') throw notFound('There is nothing at this address.');
  return { principal, scope };
}

/** What each service answers of its dead letters, whatever else it does. */
export function deadLetterRoutes(options: DeadLettersOptions): readonly Route[] {
  const endpoints = deadLetterEndpoints(options.service);
  const letters = new DeadLetters(options);
  return [
    serve(endpoints.list, ({ principal, query: { scope, before, isInclusive, limit, ...filter } }) =>
      letters.list(askerOf(principal, scope), filter, {
        beforeUuid: before ?? null,
        isInclusive: isInclusive ?? false,
        limit,
      }),
    ),
    serve(endpoints.read, ({ principal, query, params }) =>
      letters.read(askerOf(principal, query.scope), params.deadLetterId),
    ),
    serve(endpoints.redrive, ({ principal, query, params }) =>
      letters.redrive(askerOf(principal, query.scope), params.deadLetterId),
    ),
    serve(endpoints.purge, async ({ principal, query, params }) => {
      await letters.purge(askerOf(principal, query.scope), params.deadLetterId);
      return undefined;
    }),
    serve(endpoints.purgeAll, ({ principal, body: { before, diedBefore, ...filter } }) =>
      letters.purgePortion(
        askerOf(principal, 'platform'),
        diedBefore === undefined ? filter : { ...filter, diedBefore: parseInstant(diedBefore) },
        before ?? null,
      ),
    ),
  ];
}
