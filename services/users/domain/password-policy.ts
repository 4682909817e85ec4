import { weakPassword } from '../problems.ts';

/** The front of every published list of stolen passwords, as far as they are long enough to be accepted at all. */
const COMMON = new Set(
  `password password1 password12 password123 passw0rd p@ssw0rd 12345678 123456789 1234567890 11111111 00000000 87654321
  qwertyui qwertyuiop qwerty123 asdfghjkl zxcvbnm1 1q2w3e4r 1qaz2wsx iloveyou sunshine princess football baseball
  superman trustno1 welcome1 welcome123 letmein1 admin123 administrator changeme changeme1 indonesia indonesia1
  bismillah bismillah1 jakarta1 jakarta123 rahasia1 rahasia123 sayangku sayang123 garuda123 merdeka45 tenantry tenantry1
  abc12345 abcd1234 a1b2c3d4 monkey123 dragon123 master123 whatever starwars computer michelle jennifer internet`.split(
    /\s+/,
  ),
);

const MIN_DISTINCT_CHARACTERS = 5;

/**
 * OWASP ASVS 6.2: length is checked by the contract, there are no composition rules, nothing is trimmed or cut; what is
 * easy to guess is refused with the reason.
 */
export function checkPassword(password: string, email: string): void {
  const lower = password.toLowerCase();
  const refuse = (reason: string) => {
    throw weakPassword(`${reason} Choose another one; a few random words are good.`, {
      errors: [{ path: '/password', message: reason }],
    });
  };
  if (COMMON.has(lower)) refuse('This password is on the lists that attackers try first.');
  if (new Set(lower).size < MIN_DISTINCT_CHARACTERS) refuse('This password repeats too few characters.');
  const local = email.split('@')[0] ?? '';
  if (lower === email || (local.length >= 4 && lower.startsWith(local) && lower.length - local.length < 4)) {
    refuse('This password is made of the e-mail address.');
  }
}
