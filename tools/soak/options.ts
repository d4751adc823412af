import { parseArgs } from 'node:util';
import type { NodeDownPolicy } from 'keyv-dredis';

const USAGE = `npx -y pnpm@12 soak [options]

  --minutes 10          duration after the warm-up
  --mode failover       the store's nodeDownPolicy: error, miss or failover`;

export interface SoakOptions {
  readonly minutes: number;
  readonly nodeDownPolicy: NodeDownPolicy;
}

/** @throws Error if an option is unknown or --minutes is not a positive number */
export function parseOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    // pnpm also passes the `--` that separates its own options from the script's options.
    args: args.filter((arg) => arg !== '--'),
    options: {
      help: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '10' },
      mode: { type: 'string', default: 'failover' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit();
  }
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, got ${values.minutes}`);
  // The store validates the value.
  return { minutes, nodeDownPolicy: values.mode as NodeDownPolicy };
}
