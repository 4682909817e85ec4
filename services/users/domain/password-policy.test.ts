import { Problem } from '@tenantry/kernel/problem.ts';
import { describe, expect, it } from 'vitest';
import { checkPassword } from './password-policy.ts';

const EMAIL = 'budi.santoso@example.com';

function reasonOf(password: string, email = EMAIL): string | null {
  try {
    checkPassword(password, email);
    return null;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    expect(error.kind.code).toBe('weak-password');
    return error.errors?.[0]?.message ?? '';
  }
}

describe('A password', () => {
  it.each([
    'correct horse battery',
    'Tr0ub4dor&3',
    'kata sandi yang panjang',
    '密码密码密码一二三四',
    '        a b c d',
    'x9$kQ2!z',
  ])('may be %j: nothing is asked of its characters', (password) => expect(reasonOf(password)).toBeNull());

  it.each(['password', 'Password1', 'PASSWORD123', '1234567890', 'bismillah', 'Indonesia1', 'qwertyuiop'])(
    'may not be %j, which is tried first',
    (password) => expect(reasonOf(password)).toContain('lists'),
  );

  it.each(['aaaaaaaa', 'abababab', 'AaAaAaAaAa', 'abcdabcdabcd', '        '])(
    'may not be %j, which repeats itself',
    (password) => expect(reasonOf(password)).toContain('repeats'),
  );

  it.each([EMAIL, EMAIL.toUpperCase(), 'budi.santoso', 'Budi.Santoso1', 'budi.santoso123'])(
    'may not be %j, which is made of the address',
    (password) => expect(reasonOf(password)).toContain('e-mail address'),
  );

  it('may begin like the address, if there is enough more of it', () => {
    expect(reasonOf('budi.santoso rides a bike')).toBeNull();
    expect(reasonOf('budgetlike', 'bud@example.com')).toBeNull();
  });
});
