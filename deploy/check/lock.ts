type LockEntry = {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
};
export type LockFile = { readonly packages: Readonly<Record<string, LockEntry>> };

/**
 * What makes a lock file fail on another machine. An optional platform package that npm could not find when the lock was
 * written is left out of it without a word, and `npm ci` then refuses (EUSAGE); an address names one registry for all.
 */
export function checkLock(lock: LockFile): string[] {
  const entries = Object.entries(lock.packages);
  const missing = entries.flatMap(([at, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !isLocked(lock, at, name))
      .map((name) => `${at || 'the root'} may need ${name}, which the lock file does not have`),
  );
  const addressed = entries
    .filter(([, entry]) => entry.link !== true && /^[a-z+]+:\/\//i.test(entry.resolved ?? ''))
    .map(([at]) => `${at} names the address it came from`);
  return [...missing, ...addressed];
}

/** As Node looks for a package: beside the one that asks, then outwards. */
function isLocked(lock: LockFile, from: string, name: string): boolean {
  for (let at = from; ; ) {
    if (`${at === '' ? '' : `${at}/`}node_modules/${name}` in lock.packages) return true;
    if (at === '') return false;
    const parent = at.lastIndexOf('/node_modules/');
    at = parent < 0 ? '' : at.slice(0, parent);
  }
}
