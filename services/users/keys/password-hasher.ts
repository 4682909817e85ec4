import { hash, verify } from '@node-rs/argon2';
import { Bulkhead } from '@tenantry/resilience/bulkhead.ts';

// The binding's enum is ambient and const, which type stripping cannot follow.
const ARGON2ID = 2;

/** OWASP's recommended Argon2id setting: 19 MiB, two passes, one lane; some 10 ms of a core. */
const SETTINGS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export type PasswordHasher = {
  readonly hash: (password: string) => Promise<string>;
  /** Takes as long when there is no hash: an account that does not exist must not answer faster. */
  readonly verify: (password: string, passwordHash: string | null) => Promise<boolean>;
};

/**
 * Hashing runs in the thread pool, which file system and DNS share, so only a few run at a time; a flood of sign-ins is
 * refused with 503 instead of starving everything else.
 */
export async function createPasswordHasher(): Promise<PasswordHasher> {
  const bulkhead = new Bulkhead({ name: 'password hashing', maxConcurrent: 2, maxQueued: 200 });
  const nobody = await hash('nobody has this password', SETTINGS);
  return {
    hash: (password) => bulkhead.execute(() => hash(password, SETTINGS)),
    async verify(password, passwordHash) {
      const matches = await bulkhead.execute(() => verify(passwordHash ?? nobody, password));
      return matches && passwordHash !== null;
    },
  };
}
