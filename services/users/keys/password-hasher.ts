import { hash, verify } from '@node-rs/argon2';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { Bulkhead } from '@tenantry/resilience/bulkhead.ts';

// The binding's enum is ambient and const, which type stripping cannot follow.
const ARGON2ID = 2;

/** OWASP's recommended Argon2id setting: 19 MiB, two passes, one lane; some 10 ms of a core. */
const SETTINGS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export type PasswordHasher = {
  readonly hash: (password: string, turn: string) => Promise<string>;
  /** Takes as long when there is no hash: an account that does not exist must not answer faster. */
  readonly verify: (password: string, passwordHash: string | null, turn: string) => Promise<boolean>;
};

/** At 10 to 30 ms a hash and two at a time, nobody in the queue waits longer than two seconds or so. */
const MAX_QUEUED = 150;
/** Of the queue, one tenant may take two thirds. */
const MAX_PER_TURN = 100;

/**
 * Hashing runs in the thread pool, which file system and DNS share, so only a few run at a time. A flood of sign-ins is
 * refused with 503 at once, instead of being hashed for callers who have long gone; and a flood at one tenant (`turn`)
 * leaves room for the others.
 */
export async function createPasswordHasher(): Promise<PasswordHasher> {
  const bulkhead = new Bulkhead({ name: 'password hashing', maxConcurrent: 2, maxQueued: MAX_QUEUED });
  const places = new Map<string, number>();
  const inTurn = async <T>(turn: string, work: () => Promise<T>): Promise<T> => {
    const taken = places.get(turn) ?? 0;
    if (taken >= MAX_PER_TURN) {
      throw upstreamUnavailable('Too many sign-ins at this tenant at once. Try again shortly.', {
        retryAfterSeconds: 1,
      });
    }
    places.set(turn, taken + 1);
    try {
      return await bulkhead.execute(work);
    } finally {
      const left = (places.get(turn) ?? 1) - 1;
      if (left === 0) places.delete(turn);
      else places.set(turn, left);
    }
  };
  const nobody = await hash('nobody has this password', SETTINGS);
  return {
    hash: (password, turn) => inTurn(turn, () => hash(password, SETTINGS)),
    async verify(password, passwordHash, turn) {
      const matches = await inTurn(turn, () => verify(passwordHash ?? nobody, password));
      return matches && passwordHash !== null;
    },
  };
}
