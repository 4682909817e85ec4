import type { Principal } from '@tenantry/auth/principal.ts';
import * as contract from '../contract/dead-letters.ts';
import type { Route } from '../edge/exchange.ts';
import { type AnswerOnce, type OwnCall, ownEndpoint } from '../own/own-endpoint.ts';
import { DeadLetters, type DeadLettersOptions } from './dead-letters.ts';

const who = ({ principal }: Pick<OwnCall<unknown>, 'principal'>): Principal => {
  if (principal === null) throw new Error('Dead letters are for principals.');
  return principal;
};

/** `/v1/dead-letters`, as the gateway answers it. */
export function deadLetterEndpoints(
  options: DeadLettersOptions & { readonly answerOnce: AnswerOnce },
): readonly Route[] {
  const letters = new DeadLetters(options);
  return [
    ownEndpoint(contract.listDeadLetters, (call) => letters.list(who(call), call.query)),
    ownEndpoint(contract.readDeadLetter, (call) => letters.read(who(call), call.params.deadLetterId)),
    ownEndpoint(
      contract.redriveDeadLetter,
      (call) => letters.redrive(who(call), call.params.deadLetterId),
      options.answerOnce,
    ),
    ownEndpoint(contract.purgeDeadLetter, async (call) => {
      await letters.purge(who(call), call.params.deadLetterId);
      return undefined;
    }),
    ownEndpoint(contract.purgeDeadLetters, (call) => letters.purgeAll(who(call), call.body)),
  ];
}
