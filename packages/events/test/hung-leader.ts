import { createPool } from '@tenantry/databases/postgres/pools.ts';
import { startLeading } from '../leadership.ts';

/** Leads, says so, and then computes for ever: its connections stay as they are. */
const [url = '', user = '', password = '', name = ''] = process.argv.slice(2);
const pool = createPool({ url, user, password, schema: 'users', max: 2, onError: () => undefined });
startLeading({ pool, name, onError: () => undefined }, async () => {
  process.send?.('leading');
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (;;);
});
