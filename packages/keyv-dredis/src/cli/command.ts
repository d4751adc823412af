import { InvalidArgumentError, Option } from 'commander';
import type { ExitStatus } from './exit-status.js';
import type { Output } from './output.js';

/** Options that all commands have. */
export interface CommonOptions {
  /** Locations of all nodes. */
  readonly nodes?: string;
  readonly database?: number;
  readonly json?: boolean;
}

/** What a command gets from the command line. */
export interface Invocation<Options = CommonOptions> {
  readonly options: Options;
  readonly args: readonly string[];
  readonly output: Output;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** An argument of a command, such as `<key>`. */
export interface CommandArgument {
  /** `<name>` if it is required, `[name]` if it is optional, `<names...>` for several. */
  readonly syntax: string;
  readonly meaning: string;
}

/** One command of the command line. A new command is a file in `commands/` and a line in `commands/index.ts`. */
export interface CliCommand {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What the command does, and what it costs the servers. */
  readonly description: string;
  readonly args?: readonly CommandArgument[];
  /** Options beside {@link CommonOptions}. */
  readonly options?: readonly Option[];
  /** Arguments after the command's name, and what they do. */
  readonly examples: readonly (readonly [args: string, meaning: string])[];
  /** @throws UsageError, StoppedError or DRedisError */
  run(invocation: Invocation<never>): Promise<ExitStatus>;
}

/** An option whose value is a whole number. */
export function integerOption(flags: string, meaning: string, from: number, to: number): Option {
  return new Option(flags, meaning).argParser((text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
  });
}

export const NAMESPACE_OPTION = new Option('--namespace <namespace>', 'namespace of the Keyv instance');

export const YES_OPTION = new Option('--yes', 'do not ask');
