/** Something outside this process that it calls: what to call it, and what life is like without it. */
export type Dependency = {
  /** As metrics, heartbeats and /health/ready name it: `midtrans`, `redis`, `billing`. */
  readonly name: string;
  /** Without it nothing works, so that the process is not ready; otherwise it goes on in the degraded mode. */
  readonly isCritical: boolean;
  /** A sentence for people: what still works, and what waits, while it is down. */
  readonly degradedMode: string;
};

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;

/** Refuses what could not be shown: whoever depends on something has to say what happens without it. */
export function declareDependency({ name, isCritical, degradedMode }: Dependency): Dependency {
  if (!NAME.test(name)) throw new RangeError(`A dependency is named in kebab-case, not "${name}".`);
  if (!/^\S.{9,}\.$/.test(degradedMode)) {
    throw new RangeError(`Dependency ${name}: degradedMode says in a sentence what still works without it.`);
  }
  return Object.freeze({ name, isCritical, degradedMode });
}
