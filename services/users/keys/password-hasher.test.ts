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
    const hash = await passwords.hash(password);
    expect(await passwords.verify(password, hash)).toBe(true);
    for (const wrong of ['', password.slice(0, -1), `${password} `, password.toUpperCase()])
      expect(await passwords.verify(wrong, hash)).toBe(false);
  });

  it('of nobody has no password, not even the one that it was made of', async () => {
    expect(await passwords.verify('nobody has this password', null)).toBe(false);
    expect(await passwords.verify('', null)).toBe(false);
  });

  it('keeps its parameters when it is verified, so that stronger ones can follow', async () => {
    const weaker = '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$ioX8xhYv1pWNqLTRtYzHRg';
    expect(await passwords.verify('something else', weaker)).toBe(false);
  });

  it('is made for a few at a time; a flood is refused instead of starving everything else', async () => {
    const flood = await Promise.allSettled(Array.from({ length: 250 }, () => passwords.verify('x', null)));
    const refused = flood.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(250 - 202);
    for (const { reason } of refused) expect(reason).toMatchObject({ kind: { code: 'upstream-unavailable' } });
  });
});
