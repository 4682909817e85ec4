import pg from 'pg';

const TEMPLATE = 'tenantry_template';

/** A database of a test file's own: a file copy of the migrated template takes some 20 ms. */
export async function copyTemplate(postgresUrl: string, namespace: string) {
  const name = `world_${namespace}`;
  await asAdmin(postgresUrl, `create database ${name} template ${TEMPLATE} strategy file_copy`);
  const adminUrl = new URL(postgresUrl);
  adminUrl.pathname = `/${name}`;
  const serviceUrl = new URL(adminUrl);
  serviceUrl.username = '';
  serviceUrl.password = '';
  const pool = new pg.Pool({ connectionString: adminUrl.href, max: 2 });
  pool.on('error', () => undefined);
  return {
    adminUrl: adminUrl.href,
    serviceUrl: serviceUrl.href,
    sql: async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
      (await pool.query(text, values)).rows as Row[],
    async drop(): Promise<void> {
      await pool.end();
      await asAdmin(postgresUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

async function asAdmin(postgresUrl: string, statement: string): Promise<void> {
  const url = new URL(postgresUrl);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    // Two files at once may find the template busy for a moment.
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(statement);
        return;
      } catch (error) {
        const busy = error instanceof Error && 'code' in error && error.code === '55006';
        if (!busy || attempt > 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  } finally {
    await client.end();
  }
}
