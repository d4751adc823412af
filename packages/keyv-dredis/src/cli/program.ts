import { Command, CommanderError, Option } from 'commander';
import { ChangeLostError, ChangeRefusedError, DRedisError } from '../errors/errors.js';
import { type CliCommand, type CommonOptions, type Invocation, integerOption } from './command.js';
import { COMMANDS } from './commands/index.js';
import { type ExitStatus, exitStatus, StoppedError, UsageError } from './exit-status.js';
import { Output } from './output.js';

/** The build replaces it by the version of the package. */
declare const KEYV_DREDIS_VERSION: string;

const INTRODUCTION = `Looks at a cache that keyv-dredis shards over several Redis servers, and changes it.

Pass --nodes with the same servers as your processes have, or set DREDIS_NODES. Once add, remove or weight has \
changed the servers, the servers themselves know all of them, and one that lives is enough. Separate locations by commas: \
host, host:port, [IPv6]:port, redis://user:password@host:port/database, rediss://... for TLS, or unix:/path. If \
servers have names or weights of their own, write a list in JSON:
  --nodes '[{"url":"redis://10.0.0.1","name":"cache-1","weight":2}, "10.0.0.2"]'`;

const EPILOGUE = `
Passwords: write them into the URL, set DREDIS_PASSWORD, or let the command ask. They are never shown.
TLS: set NODE_EXTRA_CA_CERTS to a file with your certificate authority.

Exit status: 0 fine, 1 something is wrong, 2 wrong usage or refused: nothing has changed.

Examples:
  keyv-dredis status --nodes 10.0.0.1,10.0.0.2        are all servers well?
  keyv-dredis explain user:1 --namespace app          where is this key?
  keyv-dredis add 10.0.0.3                            one server more, while programs run
  keyv-dredis help import                             everything about one command

The documentation is in docs/cli.md of the package.`;

/** Text that may be a part of a URL with a password, or the value of an option such as --password=... */
const MAY_BE_CREDENTIAL = /'?[^\s']*(?:@|:\/\/)[^\s']*'?|(?<=--[\w-]+=)[^\s']+/g;

/** Runs a command line without the first two words of `process.argv`. Never rejects. */
export async function run(argv: readonly string[]): Promise<ExitStatus> {
  const abort = new AbortController();
  const stop = () => {
    // A second Ctrl-C does not wait for the servers.
    if (abort.signal.aborted) process.exit(exitStatus.problem);
    abort.abort(new StoppedError('Stopped.'));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of a pipe, such as `head`, has seen enough.
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  let status: ExitStatus = exitStatus.fine;
  const program = makeProgram(abort.signal, (result) => {
    status = result;
  });
  try {
    await program.parseAsync(argv as string[], { from: 'user' });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitStatus.fine : exitStatus.wrongUsage;
  }
}

function makeProgram(signal: AbortSignal, onResult: (status: ExitStatus) => void): Command {
  const program = new Command('keyv-dredis')
    .description(INTRODUCTION)
    .addHelpText('after', EPILOGUE)
    .version(KEYV_DREDIS_VERSION)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(withoutCredentials(text)) })
    .showHelpAfterError('(add --help for help)');
  for (const command of COMMANDS) {
    addCommand(program, command, async (options, args) => {
      const output = new Output(options.json === true);
      onResult(await execute(command, { options: options as never, args, output, signal }));
    });
  }
  return program;
}

function addCommand(
  program: Command,
  { name, summary, description, args = [], options = [], examples }: CliCommand,
  action: (options: CommonOptions, args: readonly string[]) => Promise<void>,
): void {
  const command = program.command(name).summary(summary).description(description);
  for (const { syntax, meaning } of args) command.argument(syntax, meaning);
  for (const option of options) command.addOption(option);
  command
    .addOption(new Option('--nodes <locations>', 'servers of the cache').env('DREDIS_NODES'))
    .addOption(
      integerOption('--database <number>', 'database of all servers (the store option)', 0, 2 ** 31 - 1),
    )
    .option('--json', 'print JSON, one record per line, and nothing else')
    .addHelpText('after', `\nExamples:\n${examplesOf(name, examples)}`)
    .action(async () => action(command.opts(), command.args));
}

function examplesOf(name: string, examples: CliCommand['examples']): string {
  return examples
    .map(([args, meaning]) => `  # ${meaning}\n  keyv-dredis ${name} ${args}`.trimEnd())
    .join('\n');
}

async function execute(command: CliCommand, invocation: Invocation<never>): Promise<ExitStatus> {
  try {
    return await command.run(invocation);
  } catch (error) {
    const { output } = invocation;
    const isRefusal = error instanceof ChangeRefusedError || error instanceof ChangeLostError;
    if (error instanceof UsageError || isRefusal) {
      output.failure(error.message);
      return exitStatus.wrongUsage;
    }
    if (!(error instanceof StoppedError || DRedisError.is(error))) {
      // A bug, which may have left connections open.
      output.failure(String((error as Error).stack));
      process.exit(exitStatus.problem);
    }
    output.failure(error.message);
    return exitStatus.problem;
  }
}

/** The parser of the command line quotes what it does not understand. */
function withoutCredentials(text: string): string {
  const hint = /--passw/.test(text)
    ? 'Set DREDIS_PASSWORD: other users of this machine can see options.\n'
    : '';
  return text.replaceAll(MAY_BE_CREDENTIAL, '(not shown, as it may be a password)') + hint;
}
