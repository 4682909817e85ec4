import { type Grant, isAllowed } from '@tenantry/auth/permissions.ts';
import type { Principal } from '@tenantry/auth/principal.ts';
import type { Permission } from '@tenantry/contract/endpoint.ts';
import type { Page, PageQueryInput } from '@tenantry/contract/schemas.ts';
import type { PushedState } from '@tenantry/events/pushed-state.ts';
import type { RevisedBucket } from '@tenantry/events/revised-bucket.ts';
import { type Id, idFromUuid, PLATFORM_TENANT_ID, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { DefinedProblem } from '@tenantry/kernel/problem.ts';
import { conflict, forbidden } from '@tenantry/kernel/problems.ts';
import { checkVersion } from '@tenantry/kit/http/entity-tag.ts';
import { readPageQuery, toPage } from '@tenantry/kit/paging.ts';
import { tooManyProducts } from '../problems.ts';
import { changedFields, noteChange } from './change.ts';
import { isStanding, type Registered, recordKey } from './records.ts';

const MAX_ATTEMPTS = 5;

export type RegistrationsOptions<Input, Record extends Registered> = {
  readonly prefix: string;
  /** For the permission `<resource>:write` and for sentences. */
  readonly resource: string;
  readonly bucket: RevisedBucket<Record>;
  readonly state: PushedState<Record>;
  /** Of one tenant. */
  readonly max: number;
  readonly notFound: DefinedProblem;
  /** Checks what a schema cannot, against everything else that is registered, and fills in what was left out. */
  readonly complete: (
    input: Input,
    kept: Pick<Registered, 'id' | 'tenantId'>,
    /** What stands there now; null for something new. */
    before: Record | null,
  ) => Promise<Omit<Record, keyof Registered>>;
  readonly checkRemoval?: (record: Record) => void;
  readonly now: () => string;
  /** Called after every change that stands. */
  readonly changed: (key: string) => void;
};

/** The things of one kind that tenants register: read from memory or the bucket, written by revision. */
export class Registrations<Input, Record extends Registered> {
  readonly #options: RegistrationsOptions<Input, Record>;

  constructor(options: RegistrationsOptions<Input, Record>) {
    this.#options = options;
  }

  list(principal: Principal, query: PageQueryInput): Page<Record> {
    const { beforeUuid, limit } = readPageQuery(query);
    const rows = this.#of(principal.tenantId)
      .filter((record) => beforeUuid === null || uuidOf(record.id as Id) < beforeUuid)
      .toSorted((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit + 1);
    return toPage(
      rows,
      limit,
      (record) => uuidOf(record.id as Id),
      (record) => record,
    );
  }

  async read(principal: Principal, id: string): Promise<Record> {
    return (await this.#find(principal.tenantId, id)).value;
  }

  /** Repeated with the same `uuid` it answers what was made the first time. */
  async create(principal: Principal, input: Input, uuid: string): Promise<Record> {
    const { prefix, bucket, resource, max, complete, now, changed } = this.#options;
    this.#checkPlatform(principal);
    const kept = { id: idFromUuid(prefix, uuid), tenantId: principal.tenantId };
    if (this.#of(principal.tenantId).length >= max)
      throw tooManyProducts(`A tenant may register ${max} ${resource}s. Remove one that is not needed.`);
    const at = now();
    const fields = await complete(input, kept, null);
    const what = { action: `${resource}:register`, version: 1, changedAt: at, fields: [] } as const;
    const unheard = noteChange(principal, what);
    const record = { ...fields, ...kept, version: 1, createdAt: at, updatedAt: at, unheard } as unknown as Record;
    const isNew = await bucket.create(recordKey(kept), record);
    const stands = isNew ? record : (await this.#find(kept.tenantId, kept.id)).value;
    await this.#seeOwnChange(kept);
    changed(recordKey(kept));
    return stands;
  }

  async replace(principal: Principal, id: string, input: Input, ifMatch: number | null): Promise<Record> {
    return this.#change(principal, id, ifMatch, async ({ value, revision }) => {
      const kept = { id: value.id, tenantId: value.tenantId };
      const fields = await this.#options.complete(input, kept, value);
      const [version, at] = [value.version + 1, this.#options.now()];
      const action = `${this.#options.resource}:change` as const;
      const what = { action, version, changedAt: at, fields: changedFields(value, fields) };
      const next = {
        ...fields,
        ...kept,
        version,
        createdAt: value.createdAt,
        updatedAt: at,
        unheard: noteChange(principal, what, value.unheard),
      } as unknown as Record;
      return (await this.#options.bucket.update(recordKey(kept), next, revision)) ? next : null;
    });
  }

  async remove(principal: Principal, id: string, ifMatch: number | null): Promise<void> {
    await this.#change(principal, id, ifMatch, async ({ value, revision }) => {
      this.#options.checkRemoval?.(value);
      const { id: _id, tenantId, createdAt } = value;
      const [version, at] = [value.version + 1, this.#options.now()];
      const what = { action: `${this.#options.resource}:remove`, version, changedAt: at, fields: [] } as const;
      const unheard = noteChange(principal, what, value.unheard);
      // Nothing but what is to be told of it: it is taken away as soon as that is done.
      const gone: Registered = { id, tenantId, version, createdAt, updatedAt: at, isRemoved: true, unheard };
      return (await this.#options.bucket.update(recordKey(value), gone as Record, revision)) ? value : null;
    });
  }

  /** Reads, decides and writes, anew while somebody else is faster; with If-Match, what they wrote is then stale. */
  async #change(
    principal: Principal,
    id: string,
    ifMatch: number | null,
    attempt: (found: { readonly value: Record; readonly revision: number }) => Promise<Record | null>,
  ): Promise<Record> {
    for (let count = 0; count < MAX_ATTEMPTS; count++) {
      const found = await this.#find(principal.tenantId, id);
      this.#checkPlatform(principal);
      checkVersion(ifMatch, found.value.version);
      const done = await attempt(found);
      if (done === null) continue;
      await this.#seeOwnChange(done);
      this.#options.changed(recordKey(done));
      return done;
    }
    throw conflict(`This ${this.#options.resource} is being changed by others right now. Try again.`);
  }

  async #find(tenantId: TenantId, id: string): Promise<{ readonly value: Record; readonly revision: number }> {
    const found = await this.#options.bucket.get(recordKey({ tenantId, id }));
    if (found === null || !isStanding(found.value))
      throw this.#options.notFound(`There is no ${this.#options.resource} ${id}.`);
    return found;
  }

  #of(tenantId: TenantId): Record[] {
    return [...this.#options.state.entries().values()].filter((record) => record.tenantId === tenantId);
  }

  /** What was written is in this gateway's memory before its answer goes out, so that a caller can build on it at once. */
  async #seeOwnChange(kept: Pick<Registered, 'id' | 'tenantId'>): Promise<void> {
    await this.#options.state.refresh(recordKey(kept));
  }

  /** What tenant zero registers is for everybody, so it takes more than being an admin there. */
  #checkPlatform({ tenantId, grants }: Principal): void {
    const permission: Permission = `${this.#options.resource}:write`;
    if (tenantId !== PLATFORM_TENANT_ID || isAllowed(grants as readonly Grant[], permission, 'platform')) return;
    throw forbidden(`What the platform registers is for all tenants: this needs ${permission} for the platform.`, {
      extensions: { requiredPermission: permission },
    });
  }
}
