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
  readonly data: Data;
};

export type DataOf<E> = E extends EventDefinition<EventType, infer D> ? Static<D> : never;

export function event<const Type extends EventType, const Data extends TSchema>(
  type: Type,
  data: Data,
): EventDefinition<Type, Data> {
  const [service = '', aggregate = ''] = type.split('.');
  return { type, service, aggregate, data };
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
