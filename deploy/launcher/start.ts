import { migrateAll } from '../migrate/migrate.ts';
import { listPrograms, listSingle } from './programs.ts';
import { runLauncher } from './run-launcher.ts';

const isSingle = process.argv.includes('--single');
await runLauncher({ listPrograms: isSingle ? listSingle : listPrograms, migrate: migrateAll });
