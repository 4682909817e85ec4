import { describe, expect, it } from 'vitest';
import { type Grant, grantsOf, isAllowed, type Reach, reachOf, SYSTEM_ROLES } from './permissions.ts';
import { mayReach, type Principal, principalReach, servicePrincipal } from './principal.ts';

const REACHES: readonly Reach[] = ['own', 'tenant', 'platform'];
const TENANT = 'ten_01h455vb4pex5vsknk084sn02q';

/** The whole table of who may do what how far: `-` is not at all. The operator's column is in tenant zero. */
const TABLE = `
permission           member  billing admin  owner  operator
invoice:read         own     tenant  tenant tenant platform
invoice:finalize     own     tenant  tenant tenant platform
payment:read         own     tenant  tenant tenant platform
refund:create        own     tenant  tenant tenant platform
ledger:read          own     tenant  tenant tenant platform
subscription:cancel  own     tenant  tenant tenant platform
tax-rule:update      own     tenant  tenant tenant platform
credit-note:create   own     tenant  tenant tenant platform
invoices:read        own     own     tenant tenant platform
invoice-template:read own    own     tenant tenant platform
user:list            own     own     tenant tenant platform
user:assign-roles    own     own     tenant tenant platform
bot:create           own     own     tenant tenant platform
tenant:create        own     own     tenant tenant platform
operator:assign      own     own     tenant tenant platform
ownership:assign     -       -       -      tenant tenant
ownership:read       -       -       -      tenant tenant
`
  .trim()
  .split('\n')
  .slice(1)
  .flatMap((line) => {
    const [permission = '', ...reaches] = line.split(/\s+/);
    return ['member', 'billing', 'admin', 'owner', 'operator'].map((role, index) => ({
      role,
      permission,
      reach: reaches[index] === '-' ? null : (reaches[index] as Reach),
    }));
  });

describe('A role', () => {
  it.each(TABLE)('$role has $permission with reach $reach', ({ role, permission, reach }) => {
    const grants = grantsOf([role], true);
    expect(reachOf(grants, permission)).toBe(reach);
    for (const needed of REACHES) {
      const enough = reach !== null && REACHES.indexOf(reach) >= REACHES.indexOf(needed);
      expect(isAllowed(grants, permission, needed)).toBe(enough);
    }
  });

  it('reaches other tenants in no ordinary tenant, whatever roles somebody has', () => {
    for (const { permission } of TABLE)
      expect(isAllowed(grantsOf(SYSTEM_ROLES, false), permission, 'platform')).toBe(false);
    expect(grantsOf(['operator'], false)).toEqual([]);
  });

  it('that nobody knows grants nothing, also under the name of something every object has', () => {
    for (const name of ['root', '', 'Owner', 'constructor', '__proto__', 'toString'])
      expect(grantsOf([name], true)).toEqual([]);
  });

  it('adds to the others: the widest reach counts, in whatever order they are named', () => {
    expect(reachOf(grantsOf(['member', 'billing'], false), 'invoice:read')).toBe('tenant');
    expect(reachOf(grantsOf(['billing', 'member'], false), 'user:read')).toBe('own');
    expect(grantsOf(['member', 'admin', 'member'], false)).toEqual(grantsOf(['admin', 'member'], false));
  });
});

describe('A grant', () => {
  it('covers its resource and its action, and no longer name that begins alike', () => {
    const grants: Grant[] = ['invoice:read@tenant'];
    expect(isAllowed(grants, 'invoice:read', 'tenant')).toBe(true);
    for (const other of ['invoice:void', 'invoices:read', 'invoice:reads', 'invoice', 'invoice:', ':read', ''])
      expect(reachOf(grants, other)).toBeNull();
  });

  it('of an action on everything covers that action alone', () => {
    expect(reachOf(['*:read@tenant'], 'bot:read')).toBe('tenant');
    expect(reachOf(['*:read@tenant'], 'bot:create')).toBeNull();
    expect(reachOf(['*:read@tenant'], 'ownership:read')).toBeNull();
  });

  it('that is malformed allows nothing', () => {
    for (const grant of ['*:*', '*', '', '@tenant', '*:*@galaxy', '*:*@', '*@tenant'])
      for (const needed of REACHES) expect(isAllowed([grant as Grant], 'invoice:read', needed)).toBe(false);
  });
});

describe('What a principal may see of what somebody owns', () => {
  const user = (roles: readonly string[], inPlatformTenant = false): Principal => ({
    ...servicePrincipal('x', TENANT),
    kind: 'user',
    id: 'usr_me',
    grants: grantsOf(roles, inPlatformTenant),
    roles,
  });

  it.each([
    ['a member', user(['member']), true, false],
    ['billing', user(['billing']), true, true],
    ['an admin', user(['admin']), true, true],
    ['an operator in tenant zero', user(['operator'], true), true, true],
    ['somebody without roles', user([]), false, false],
    ['a service', servicePrincipal('billing', TENANT), true, true],
  ] as const)('%s: own and others’', (_who, principal, own, others) => {
    expect(mayReach(principal, 'invoice:read', 'usr_me')).toBe(own);
    expect(mayReach(principal, 'invoice:read', 'usr_other')).toBe(others);
  });

  it('does not come from grants in a service: it reaches the tenant it acts for, no further', () => {
    const service = { ...servicePrincipal('billing', TENANT), grants: ['*:*@platform'] as Grant[] };
    expect(principalReach(service, 'tenant:create')).toBe('tenant');
  });
});
