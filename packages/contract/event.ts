import type { Static, TSchema } from 'typebox';

/** `<service>.<aggregate>.<past-tense>.v<version>` */
export type EventType = `${string}.${string}.${string}.v${number}`;

/**
 * A fact that one service tells and others may hear. A version only gains optional fields; anything else is a new
 * version beside it. Ids and amounts only: never personal data, never secrets.
 */
export type EventDefinition<Type extends EventType = EventType, Data extends TSchema = TSchema> = {
  readonly type: Type;
  readonly service: string;
  readonly aggregate: string;
  readonly version: number;
  readonly summary: string;
  readonly data: Data;
  /** How the version before this one is read, so that whoever hears this one hears what was told before it too. */
  readonly upcast: Upcast | null;
};

export type DataOf<E> = E extends EventDefinition<EventType, infer D> ? Static<D> : never;

export type Upcast<Data = unknown> = {
  readonly from: EventDefinition;
  /** Pure, and total over all that the older version's schema takes. */
  readonly convert: (data: unknown) => Data;
};

/** The older version of an event, and how its data become those of the newer one. */
export const upcastFrom = <Older extends EventDefinition<EventType, TSchema>, Data>(
  older: Older,
  convert: (data: DataOf<Older>) => Data,
): Upcast<Data> => ({ from: older as EventDefinition, convert: convert as Upcast<Data>['convert'] });

const VERSION = /\.v(\d+)$/;

/**
 * @param about.summary what has happened, for the catalogue
 * @param about.upcast from the version before; who hears this event then hears that one as well, as if it were this one.
 * A fact is told in one version only, and in a new one when everybody who hears it knows it.
 */
export function event<const Type extends EventType, const Data extends TSchema>(
  type: Type,
  data: Data,
  about: { readonly summary?: string; readonly upcast?: Upcast<Static<Data>> } = {},
): EventDefinition<Type, Data> {
  const [service = '', aggregate = ''] = type.split('.');
  const version = Number(VERSION.exec(type)?.[1]);
  const { upcast = null, summary = '' } = about;
  if (upcast !== null && type.replace(VERSION, `.v${version - 1}`) !== upcast.from.type)
    throw new Error(`${type} is upcast from the version before it, not from ${upcast.from.type}.`);
  return { type, service, aggregate, version, summary, data, upcast };
}

/** CloudEvents 1.0 with our extension attributes (lower-case letters only, as its §"Naming conventions" asks). */
export type EventEnvelope<Data = unknown> = {
  readonly specversion: '1.0';
  /** `evt_…` */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** The aggregate's id. */
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly tenantid: string;
  readonly aggregateversion: number;
  readonly traceparent: string;
  /** Of an event that goes again to the one consumer that had given it up: the id that it had, and whom it is for. */
  readonly redriveof?: string;
  readonly redrivefor?: string;
  readonly data: Data;
};
