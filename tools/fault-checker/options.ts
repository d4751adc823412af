import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { MODES, type Mode, ON_RESTART, type RestartPolicy } from './history.js';

const USAGE = `pnpm check:failures [options]      breaks servers and connections under many clients, and checks what they read

  --seconds 60          for how long in all
  --mode miss           nodeDownPolicy of the stores: ${MODES.join(', ')}, or all, one after the other
                        (left out: the store's own default, checked as error)
  --on-restart purge    restartPolicy of the stores: ${ON_RESTART.join(', ')}
                        (left out: the store's own default, which is purge for these servers)
  --no-hints            the stores keep no hints: this must fail
  --seed text           the schedule of a former run, as far as the machine's timing lets it happen again
  --processes 3         worker processes
  --clients 4           stores in each of them
  --history file        check a history that a former run has left, and do nothing else`;

export interface CheckerOptions {
  readonly seconds: number;
  /** Undefined is the store's own default. */
  readonly modes: readonly (Mode | undefined)[];
  readonly restartPolicy: RestartPolicy | undefined;
  readonly hints: boolean;
  readonly seed: string;
  readonly processCount: number;
  readonly clientCount: number;
  readonly historyFile: string | undefined;
}

/** @throws Error for an option or a value that there is not */
export function parseOptions(args: readonly string[]): CheckerOptions {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== '--'),
    options: {
      help: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '60' },
      mode: { type: 'string' },
      'on-restart': { type: 'string' },
      'no-hints': { type: 'boolean', default: false },
      seed: { type: 'string', default: String(randomInt(1_000_000)) },
      processes: { type: 'string', default: '3' },
      clients: { type: 'string', default: '4' },
      history: { type: 'string' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit();
  }
  const { mode, 'on-restart': restartPolicy } = values;
  return {
    seconds: atLeastOne('--seconds', values.seconds),
    modes: mode === 'all' ? MODES : [oneOf('--mode', MODES, mode)],
    restartPolicy: oneOf('--on-restart', ON_RESTART, restartPolicy),
    hints: !values['no-hints'],
    seed: values.seed,
    processCount: atLeastOne('--processes', values.processes),
    clientCount: atLeastOne('--clients', values.clients),
    historyFile: values.history,
  };
}

function oneOf<T extends string>(
  name: string,
  allowed: readonly T[],
  value: string | undefined,
): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  throw new Error(`${name} must be one of ${allowed.join(', ')}, got ${value}`);
}

function atLeastOne(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`${name} must be a whole number, 1 or more, got ${value}`);
}
