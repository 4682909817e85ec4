import { type Route, serve } from '@tenantry/kit/http/route.ts';
import * as contract from '../contract/persons.ts';
import type { erasePerson } from '../use-cases/erase-person.ts';

export const personRoutes = (use: { readonly erasePerson: ReturnType<typeof erasePerson> }): readonly Route[] => [
  serve(contract.erasePerson, async ({ principal, params }) => {
    await use.erasePerson(principal, params.userId);
    return undefined;
  }),
];
