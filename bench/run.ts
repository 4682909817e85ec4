import { businessRows } from './rows/business.ts';
import { databaseRows } from './rows/database.ts';
import { eventRows } from './rows/events.ts';
import { gatewayRows } from './rows/gateway.ts';
import { openStand } from './stand.ts';
import { printTable, type Row } from './table.ts';

/** `npm run bench`: a system of its own on fresh data, one client, every ratio against something of the same run. */
const stand = await openStand();
try {
  const rows: Row[] = [];
  for (const measure of [gatewayRows, databaseRows, eventRows, businessRows]) rows.push(...(await measure(stand)));
  printTable(rows);
  console.log('\nResident memory, MB:');
  for (const { name, residentMb } of stand.memory())
    console.log(`  ${name.padEnd(14)} ${String(residentMb).padStart(5)}`);
} finally {
  await stand.close();
}
