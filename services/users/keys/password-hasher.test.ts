import { hash } from '@node-rs/argon2';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPasswordHasher, type PasswordHasher } from './password-hasher.ts';

let passwords: PasswordHasher;
beforeAll(async () => {
  passwords = await createPasswordHasher();
});

describe('A password hash', () => {
  it('is Argon2id with the parameters that OWASP recommends, and salted', async () => {
    const [one, other] = await Promise.all([
      passwords.hash('correct horse', 'acme'),
      passwords.hash('correct horse', 'acme'),
    ]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(other);
  });

  it('knows its password, to the last character, and no other', async () => {
    const password = `${'x'.repeat(200)}ü`;
    const stored = await passwords.hash(password, 'acme');
    expect(await passwords.verify(password, stored, 'acme')).toBe(true);
    for (const wrong of ['', password.slice(0, -1), `${password} `, password.toUpperCase()])
      expect(await passwords.verify(wrong, stored, 'acme')).toBe(false);
  });

  it('of nobody has no password, not even the one that it was made of', async () => {
    expect(await passwords.verify('nobody has this password', null, 'acme')).toBe(false);
    expect(await passwords.verify('', null, 'acme')).toBe(false);
  });

  it('made with other parameters still holds, so that stronger ones can follow', async () => {
    const older = await hash('correct horse', { algorithm: 2, memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    expect(await passwords.verify('correct horse', older, 'acme')).toBe(true);
    expect(await passwords.verify('wrong horse', older, 'acme')).toBe(false);
  });

  it('is made for a few at a time; a flood at one tenant is refused and leaves room for another', async () => {
    const flood = Promise.allSettled(Array.from({ length: 250 }, () => passwords.verify('x', null, 'flooded')));
    const beside = Promise.allSettled(Array.from({ length: 40 }, () => passwords.verify('x', null, 'beside')));
    const refused = (await flood).filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(150);
    for (const { reason } of refused) expect(reason).toMatchObject({ kind: { code: 'upstream-unavailable' } });
    expect((await beside).filter((result) => result.status === 'rejected')).toEqual([]);
    expect(await passwords.verify('x', null, 'flooded')).toBe(false);
  });

  it('is refused to everybody when all places are taken', async () => {
    const tenants = Array.from({ length: 300 }, (_, index) => passwords.verify('x', null, `tenant-${index}`));
    const refused = (await Promise.allSettled(tenants)).filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(300 - 152);
  });
});
