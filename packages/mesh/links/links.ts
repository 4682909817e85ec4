import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallTargets } from '../call-target.ts';
import type { Discovery } from '../discovery.ts';
import type { InstanceRecord } from '../registry.ts';
import type { Dial } from './dial-link.ts';
import { InstanceLink } from './instance-link.ts';
import { type CalleeLinks, LinkCounts } from './link-counts.ts';

export type LinksOptions = {
  readonly discovery: Pick<Discovery, 'all' | 'onChange'>;
  readonly dial: Dial;
  /** Where these links are counted. */
  readonly counts?: LinkCounts | undefined;
  /** There is no link to an instance any more, or none could be opened. Calls go over HTTP; it is tried again. */
  readonly onFailure?: (instance: InstanceRecord, error: unknown) => void;
};

type Known = { readonly meshUrl: string; readonly link: InstanceLink; readonly counts: CalleeLinks };

/** One link to each instance that is called, from the first call until the instance leaves the registry. */
export function openLinks({ discovery, dial, counts = new LinkCounts(), onFailure }: LinksOptions): CallTargets {
  const links = new Map<string, Known>();
  const leaving = new Set<Promise<void>>();
  let isClosed = false;
  // Whoever happens to make the first call must not be taken for the cause of all that happens on the link.
  const outside = AsyncLocalStorage.snapshot();

  const leave = (instanceId: string, { link }: Known): void => {
    links.delete(instanceId);
    const left = link.close().finally(() => leaving.delete(left));
    leaving.add(left);
  };
  discovery.onChange(() => {
    const there = new Map(discovery.all().map(({ instanceId, meshUrl }) => [instanceId, meshUrl]));
    for (const [instanceId, known] of links) if (there.get(instanceId) !== known.meshUrl) leave(instanceId, known);
  });

  const open = (instance: InstanceRecord, meshUrl: string): Known => {
    const callee = counts.to(instance.service);
    const options = {
      dial: () => dial(instance),
      counts: callee,
      onFailure: onFailure && ((error: unknown) => onFailure(instance, error)),
    };
    const link = outside(() => new InstanceLink(options));
    const known = { meshUrl, link, counts: callee };
    links.set(instance.instanceId, known);
    return known;
  };

  return {
    of(instance) {
      const { meshUrl } = instance;
      if (meshUrl === undefined || isClosed) return null;
      const known = links.get(instance.instanceId) ?? open(instance, meshUrl);
      const { current } = known.link;
      if (current === null || current.hasRoom) return current;
      known.counts.turnedAway();
      return null;
    },
    async close() {
      isClosed = true;
      for (const [instanceId, known] of links) leave(instanceId, known);
      await Promise.all(leaving);
    },
  };
}
