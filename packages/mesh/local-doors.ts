import type { IncomingCall } from '@tenantry/link/incoming-call.ts';
import { LocalLink } from '@tenantry/link/local-link.ts';
import type { CallTargets } from './call-target.ts';
import type { MeshPeer } from './identity.ts';

/** Who calls, as the handler is told: the process vouches for it, so there is no certificate. */
export type LocalCaller = Pick<MeshPeer, 'service' | 'instanceId'>;

export type LocalDoor = {
  /** For one caller: what it would be for that caller's link. */
  readonly handlerFor: (caller: MeshPeer) => (call: IncomingCall) => void;
  readonly onFault: (fault: unknown) => void;
};

/** An instance, and the links of those who have called it, by their instance ids. */
type Open = { readonly door: LocalDoor; readonly links: Map<string, LocalLink> };

const NO_SERIAL = '';

/** The instances that live in this process, which call each other by functions. */
export class LocalDoors {
  readonly #open = new Map<string, Open>();

  /** From now on the others in this process reach this instance; to be opened before it registers. */
  open(instanceId: string, door: LocalDoor): { readonly drain: (withinMs: number) => Promise<void> } {
    const opened: Open = { door, links: new Map() };
    this.#open.set(instanceId, opened);
    return {
      drain: async (withinMs) => {
        this.#open.delete(instanceId);
        await Promise.all([...opened.links.values()].map((link) => link.drain(withinMs)));
      },
    };
  }

  /** For one caller: instances of this process directly, all others by what it has for them. */
  targetsFor({ service, instanceId }: LocalCaller, elsewhere: CallTargets | null = null): CallTargets {
    const caller: MeshPeer = { service, instanceId, serial: NO_SERIAL };
    return {
      of: (instance) => {
        const opened = this.#open.get(instance.instanceId);
        if (opened === undefined) return elsewhere?.of(instance) ?? null;
        const link = linkOf(opened, caller);
        return link.hasRoom ? link : null;
      },
      close: async () => elsewhere?.close(),
    };
  }
}

function linkOf({ door, links }: Open, caller: MeshPeer): LocalLink {
  const known = links.get(caller.instanceId);
  if (known !== undefined) return known;
  const link = new LocalLink({ handle: door.handlerFor(caller), onFault: door.onFault });
  links.set(caller.instanceId, link);
  return link;
}
