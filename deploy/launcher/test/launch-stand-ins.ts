import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { listPrograms, type Program } from '../programs.ts';
import { runLauncher } from '../run-launcher.ts';

const STAND_IN = fileURLToPath(new URL('stand-in.ts', import.meta.url));

const standIn = (program: Program): Program => ({
  ...program,
  file: STAND_IN,
  environment: { ...program.environment, STAND_IN_NAME: program.name },
});

/** A real launcher with real stores, whose programs and migrations are stand-ins. */
await runLauncher({
  listPrograms: (input) => {
    const { simulators, services } = listPrograms(input);
    const some = services.filter(({ name }) => name === 'gateway' || name === 'users');
    return { simulators: simulators.slice(2).map(standIn), services: some.map(standIn) };
  },
  migrate: async ({ adminUrl }) => {
    const url = new URL(adminUrl);
    url.pathname = '/postgres';
    const client = new Client({ connectionString: url.href });
    await client.connect();
    try {
      await client.query('create table if not exists starts (at timestamptz default now())');
      await client.query('insert into starts default values');
      const { rows } = await client.query<{ count: string }>('select count(*) from starts');
      process.stdout.write(`starts so far: ${rows[0]?.count}, database ${new URL(adminUrl).pathname}\n`);
    } finally {
      await client.end();
    }
  },
});
