import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSpiffeId, parseSpiffeId, spiffeIdIn } from './spiffe-id.ts';

const id = { namespace: '', service: 'billing', instanceId: 'billing-01890a5d-ac96-774b-bcce-b302099a8057' };
const text = 'spiffe://tenantry/-/billing/billing-01890a5d-ac96-774b-bcce-b302099a8057';

describe('A SPIFFE id', () => {
  it('says namespace, service and instance, and is read as it was written', () => {
    expect(formatSpiffeId(id)).toBe(text);
    const some = fc.record({
      namespace: fc.stringMatching(/^[a-z0-9]{0,32}$/),
      service: fc.stringMatching(/^[a-z]{1,40}$/),
      uuid: fc.uuid(),
    });
    fc.assert(
      fc.property(some, ({ namespace, service, uuid }) => {
        const given = { namespace, service, instanceId: `${service}-${uuid}` };
        expect(parseSpiffeId(formatSpiffeId(given))).toEqual(given);
        expect(spiffeIdIn(`URI:${formatSpiffeId(given)}`)).toEqual(given);
      }),
    );
  });

  it.each([
    ['of another trust domain', text.replace('tenantry', 'elsewhere')],
    ['of another scheme', text.replace('spiffe', 'https')],
    ['of an instance of another service', text.replace('/billing/', '/payments/')],
    ['with something behind it', `${text}/x`],
    ['with something before it', `x${text}`],
    ['without an instance', 'spiffe://tenantry/-/billing'],
    ['with a line break', `${text}\n`],
  ])('%s is none', (_, wrong) => {
    expect(parseSpiffeId(wrong)).toBeNull();
  });

  it.each([
    ['there is another name as well', `URI:${text}, DNS:gateway`],
    ['there are two', `URI:${text}, URI:${text}`],
    ['it is a host name', `DNS:${text}`],
    ['it is quoted', `URI:"${text}"`],
    ['there is none', undefined],
  ])('means nobody in a certificate where %s', (_, names) => {
    expect(spiffeIdIn(names)).toBeNull();
  });
});
