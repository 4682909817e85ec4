import { hash } from '@node-rs/argon2';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPasswordHasher, type PasswordHasher } from './password-hasher.ts';

let passwords: PasswordHasher;
beforeAll(async () => {
  passwords = await createPasswordHasher();
});

describe('A password hash', () => {
  it('is Argon2id with the parameters that OWASP recommends, and salted', async () => {
    const [one, other] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(other);
  });

  it('knows its password, to the last character, and no other', async () => {
    const password = `${'x'.repeat(200)}ü`;
    const stored = await passwords.hash(password);
    expect(await passwords.verify(password, stored)).toBe(true);
    for (const wrong of ['', password.slice(0, -1), `${password} `, password.toUpperCase()])
      expect(await passwords.verify(wrong, stored)).toBe(false);
  });

  it('of nobody has no password, not even the one that it was made of', async () => {
    expect(await passwords.verify('nobody has this password', null)).toBe(false);
    expect(await passwords.verify('', null)).toBe(false);
  });

  it('made with other parameters still holds, so that stronger ones can follow', async () => {
    const older = await hash('correct horse', { algorithm: 2, memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    expect(await passwords.verify('correct horse', older)).toBe(true);
    expect(await passwords.verify('wrong horse', older)).toBe(false);
  });

  it('is made for a few at a time; a flood is refused instead of starving everything else', async () => {
    const flood = await Promise.allSettled(Array.from({ length: 250 }, () => passwords.verify('x', null)));
    const refused = flood.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(250 - 202);
    for (const { reason } of refused) expect(reason).toMatchObject({ kind: { code: 'upstream-unavailable' } });
  });
});
