import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';
import { quotaExceeded } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { featureNotFound, featureNotMetered } from '../problems.ts';
import { FeatureName, UsageView } from './schemas.ts';

const UseParams = Closed({ usageId: IdSchema('usg') });
const OfWhat = { subscriberId: IdSchema('usr'), feature: FeatureName };
const params = { usageId: 'usg_01h455vb4pex5vsknk084sn02q' };

/** For another service on behalf of whoever uses something. Whoever asks has minted the id: repeated it counts once. */
export const countUse = endpoint({
  name: 'subscriptions.count-use',
  method: 'POST',
  path: '/internal/uses/:usageId/count',
  summary: 'Use up some of a quota for somebody, or be refused',
  access: 'services',
  callers: ['gateway'],
  params: UseParams,
  body: Closed({ ...OfWhat, amount: Type.Integer({ minimum: 1, maximum: 1_000_000 }) }),
  response: UsageView,
  problems: [quotaExceeded, featureNotFound, featureNotMetered],
  example: { params },
});

/**
 * Gives back a use that came to nothing: once, however often it is asked for; and if it overtakes what it gives back, that
 * is not counted any more. A use of a period that was totalled meanwhile stays: the total has been told.
 */
export const releaseUse = endpoint({
  name: 'subscriptions.release-use',
  method: 'POST',
  path: '/internal/uses/:usageId/release',
  summary: 'Give back a use that came to nothing',
  access: 'services',
  callers: ['gateway'],
  params: UseParams,
  body: Closed(OfWhat),
  example: { params },
});
