/** What `migrate` needs, and what is handed out when it is done. */
type Migratable<Migrations> = { readonly migrate: (migrations: Migrations) => Promise<void> };

/**
 * Migrates at the first use, once for all who come meanwhile, and again at the next use after a failure: ClickHouse need not
 * be there when a process starts.
 */
export class OnceMigrated<Migrations, Opened extends Migratable<Migrations>> {
  readonly #opened: Opened;
  readonly #migrations: Migrations;
  #prepared: Promise<void> | null = null;

  constructor(opened: Opened, migrations: Migrations) {
    this.#opened = opened;
    this.#migrations = migrations;
  }

  async get(): Promise<Opened> {
    this.#prepared ??= this.#opened.migrate(this.#migrations);
    try {
      await this.#prepared;
    } catch (error) {
      this.#prepared = null;
      throw error;
    }
    return this.#opened;
  }

  /** The server was replaced by an empty one: the next use makes the tables again. */
  forget(): void {
    this.#prepared = null;
  }
}
